"""Sending the validation mail again, and waiting until somebody approves it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from exporter.facts import Answer, Ask, Certificate, Mx, Question, Seen, Sight, Unseen, Validation, Why
from exporter.remedy.hand import Call, Hand
from exporter.remedy.view import ANSWER_WITHIN, View, glance, view
from exporter.remedy.waiting import End, State

MAILBOXES = ("admin", "administrator", "hostmaster", "postmaster", "webmaster")  # AWS: email-validation
BETWEEN = 1.1  # seconds; ACM sends one mail per second, account and region
PENDING = "PENDING_VALIDATION"

Look = Callable[[Question], Awaitable[Sight[Answer]]]


@dataclass(frozen=True, slots=True)
class Letter:
    """The mail about one name; it goes to all mailboxes, and one approval is enough."""

    name: str
    domain: str  # whose mailboxes get it
    mailboxes: tuple[str, ...]
    mx: Sight[Answer]

    @property
    def arrives(self) -> bool | None:
        """Whether the domain can receive mail at all; None where that could not be looked up."""
        return (
            bool(self.mx.value.hosts) if isinstance(self.mx, Seen) and isinstance(self.mx.value, Mx) else None
        )

    @property
    def exchangers(self) -> str:
        """What stands in DNS, in words."""
        match self.mx:
            case Seen(value=Mx(hosts=())):
                return "no MX, so it cannot arrive"
            case Seen(value=Mx(hosts=hosts)):
                return f"received by {', '.join(hosts)}"
            case Unseen(why=why, detail=detail):
                return f"whether it can arrive is not known: {detail or why}"
            case _:
                return "whether it can arrive is not known"


@dataclass(frozen=True, slots=True)
class MailPlan:
    """What would be sent; without letters, `idle` says why none is due or `refusal` why none can be sent."""

    view: View
    letters: tuple[Letter, ...] = ()
    idle: str = ""
    refusal: str = ""

    @property
    def sendable(self) -> tuple[Letter, ...]:
        """The letters that are worth sending."""
        return tuple(one for one in self.letters if one.arrives is not False)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The writes, one for each letter that can arrive."""
        return tuple(_call(self.view.certificate.arn, one) for one in self.sendable)


async def prepare(hand: Hand, look: Look, arn: str, only: Sequence[str] = ()) -> Sight[MailPlan]:
    """Find the names whose approval is pending, and whether their mail can arrive; writes nothing."""
    seen = await view(hand, arn)
    if isinstance(seen, Unseen):
        return seen
    certificate, details = seen.value.certificate, seen.value.details
    if refusal := _refusal(certificate, only):
        return Seen(MailPlan(seen.value, refusal=refusal))
    pending = [one for one in details.validations if _is_pending(one) and (not only or one.name in only)]
    if idle := _idle(certificate, pending):
        return Seen(MailPlan(seen.value, idle=idle))
    letters = [await _letter(one, look) for one in pending]
    return Seen(MailPlan(seen.value, tuple(letters)))


async def send(
    hand: Hand, calls: Sequence[Call], pause: Callable[[float], Awaitable[None]]
) -> tuple[Sight[object], ...]:
    """Send each, no faster than ACM takes them; a refusal of one does not stop the others, a denial does."""
    outcomes: list[Sight[object]] = []
    for number, call in enumerate(calls):
        if number:
            await pause(BETWEEN)
        outcomes.append(await hand.write(call))
        match outcomes[-1]:
            case Unseen(why=Why.DENIED | Why.NO_CREDENTIALS | Why.EXPIRED_TOKEN):
                break
            case _:
                pass
    return tuple(outcomes)


def watching(hand: Hand, plan: MailPlan) -> Callable[[], Awaitable[State]]:
    """Make the look that says how far the approvals are, for `waiting.until`."""

    async def state() -> State:
        now = await glance(hand, plan.view.certificate.arn)
        return now if isinstance(now, State) else judge(plan, now)

    return state


def judge(plan: MailPlan, now: View) -> State:
    """Tell how far the approvals of the letters are; pure."""
    before, certificate = plan.view, now.certificate
    if certificate.serial != before.certificate.serial and certificate.status == "ISSUED":
        ends = f"{certificate.not_after:%Y-%m-%d}" if certificate.not_after else "an unknown day"
        return State(f"approved, and issued anew until {ends}", End.DONE)
    if certificate.status in {"FAILED", "VALIDATION_TIMED_OUT", "EXPIRED", "REVOKED"}:
        reason = now.details.failure_reason or now.details.renewal_reason
        return State(f"its status is {certificate.status}" + (f" ({reason})" if reason else ""), End.FAILED)
    statuses = {one.name: one.status for one in now.details.validations}
    moved = now.details.renewal_updated_at != before.details.renewal_updated_at
    failed_before = {one.name for one in before.details.validations if one.status == "FAILED"}
    wanted = [one.name for one in plan.letters]
    if denied := [n for n in wanted if statuses.get(n) == "FAILED" and (moved or n not in failed_before)]:
        reason = now.details.renewal_reason
        return State(f"refused: {', '.join(denied)}" + (f" ({reason})" if reason else ""), End.FAILED)
    open_ = [name for name in wanted if statuses.get(name) != "SUCCESS"]
    if not open_:
        return State(f"approved: {', '.join(wanted)}", End.DONE)
    return State(f"{len(wanted) - len(open_)} of {len(wanted)} approved, waiting for {', '.join(open_)}")


def valid_until(sent_at: datetime) -> datetime:
    """Tell until when the link of a mail works."""
    return sent_at + ANSWER_WITHIN


def _refusal(certificate: Certificate, only: Sequence[str]) -> str:
    if certificate.validation_method != "EMAIL":
        method = certificate.validation_method or certificate.type or "nothing that ACM tells"
        return f"it is validated by {method}, so there is no mail (expected EMAIL)"
    if certificate.status not in {"ISSUED", PENDING}:
        return f"its status is {certificate.status}: request a new certificate, validated by DNS"
    if strange := [one for one in only if one not in certificate.names]:
        return f"{', '.join(strange)}: not a name of it (expected one of {', '.join(certificate.names)})"
    return ""


def _idle(certificate: Certificate, pending: Sequence[Validation]) -> str:
    waiting = PENDING in {certificate.status, certificate.renewal_status}
    if waiting and not pending:
        return "every name asked for is approved already"
    if not waiting:
        status = certificate.renewal_status or "none yet"
        return f"no approval is pending (renewal status: {status}), and ACM sends mail only while one is"
    return ""


def _is_pending(validation: Validation) -> bool:
    return validation.status != "SUCCESS"


async def _letter(validation: Validation, look: Look) -> Letter:
    domain = validation.mail_domain or validation.name.removeprefix("*.")
    mailboxes = validation.mailboxes or tuple(f"{one}@{domain}" for one in MAILBOXES)
    return Letter(validation.name, domain, mailboxes, await look(Question(Ask.MX, domain)))


def _call(arn: str, letter: Letter) -> Call:
    parameters = {"CertificateArn": arn, "Domain": letter.name, "ValidationDomain": letter.domain}
    shown = f"Domain={letter.name} ValidationDomain={letter.domain}"
    return Call("ResendValidationEmail", arn, parameters, shown)
