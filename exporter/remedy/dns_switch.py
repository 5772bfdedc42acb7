"""Moving a certificate from e-mail to DNS validation in place, and waiting until ACM has seen the records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from exporter.facts import Answer, Ask, Certificate, Evidence, Question, Seen, Sight, Unseen, Validation, Why
from exporter.judge.validation import records
from exporter.remedy.hand import Call, Hand
from exporter.remedy.view import ANSWER_WITHIN, View, glance, requested, switched, view
from exporter.remedy.waiting import End, State

Look = Callable[[Question], Awaitable[Sight[Answer]]]

RECORDS_WITHIN = 10  # looks until ACM has made up its records, which takes it seconds
RECORDS_PAUSE = 3.0  # seconds


@dataclass(frozen=True, slots=True)
class SwitchPlan:
    """What would be changed: one call, or none where the switch is under way, done or impossible."""

    view: View
    call: Call | None = None
    idle: str = ""
    refusal: str = ""

    @property
    def pending(self) -> bool:
        """Whether a switch is under way already, so that only its records are missing."""
        return self.view.switch is not None and self.view.switch.pending


async def prepare(hand: Hand, arn: str) -> Sight[SwitchPlan]:
    """Find what is to be done; writes nothing."""
    seen = await view(hand, arn)
    return seen if isinstance(seen, Unseen) else Seen(_plan(seen.value))


def _plan(view: View) -> SwitchPlan:
    certificate = view.certificate
    plan = SwitchPlan(view)
    if plan.pending:
        return plan
    if certificate.validation_method == "DNS":
        return SwitchPlan(view, idle="it is validated by DNS already")
    if certificate.validation_method != "EMAIL":
        method = certificate.validation_method or certificate.type or "nothing that ACM tells"
        return SwitchPlan(view, refusal=f"it is validated by {method} (expected EMAIL)")
    if certificate.status != "ISSUED":
        says = f"its status is {certificate.status} (expected ISSUED): request a new one, validated by DNS"
        return SwitchPlan(view, refusal=says)
    parameters = {"CertificateArn": certificate.arn, "Options": {"ValidationMethod": "DNS"}}
    call = Call("UpdateCertificateOptions", certificate.arn, parameters, "Options={ValidationMethod=DNS}")
    return SwitchPlan(view, call)


async def begin(hand: Hand, plan: SwitchPlan) -> Sight[SwitchPlan]:
    """Ask ACM for the switch; a refusal counts for nothing where the switch turns out to be under way."""
    if plan.call is None:
        return Seen(plan)
    written = await hand.write(plan.call)
    now = await prepare(hand, plan.call.resource)
    if isinstance(written, Unseen) and not (isinstance(now, Seen) and now.value.pending):
        return written
    return now


async def wanted(
    hand: Hand, arn: str, pause: Callable[[float], Awaitable[None]]
) -> Sight[tuple[Validation, ...]]:
    """Read the records that the switch asks for, once ACM has made up all of them."""
    for _ in range(RECORDS_WITHIN):
        seen = await requested(hand, arn)
        if isinstance(seen, Unseen):
            return seen
        if seen.value and all(one.record_name and one.record_value for one in seen.value):
            return seen
        await pause(RECORDS_PAUSE)
    return Unseen(Why.ABSENT, f"ACM has not told the records of the switch yet; say it again: {arn}")


def watching(
    hand: Hand, look: Look, arn: str, validations: tuple[Validation, ...]
) -> Callable[[], Awaitable[State]]:
    """Make the look that says how far the switch is, for `waiting.until`."""

    async def state() -> State:
        now = await glance(hand, arn)
        if isinstance(now, State):
            return now
        questions = {Question(Ask.CNAME, one.record_name) for one in validations}
        answers = {one: sight.value for one in questions if isinstance(sight := await look(one), Seen)}
        return judge(now, validations, answers)

    return state


def judge(now: View, validations: tuple[Validation, ...], answers: dict[Question, Answer]) -> State:
    """Tell how far the switch is; pure."""
    certificate = now.certificate
    match now.switch:
        case None if certificate.validation_method == "DNS":
            return State(_done(certificate), End.DONE)
        case None:
            return State("ACM tells of no switch", End.FAILED)
        case switch if switch.status == "SUCCESS":
            return State(_done(certificate), End.DONE)
        case switch if switch.status == "FAILED":
            return State("ACM gave up: the records did not stand in time, and it stays on EMAIL", End.LAPSED)
        case _:
            pass
    stand = dict(records(switched(certificate, validations), answers))
    names = {one.record_name for one in validations}
    missing = sorted(name for name in names if stand.get(name) is False)
    unseen = sorted(names - set(stand))
    parts = [f"{sum(stand.values())} of {len(names)} records stand in DNS"]
    parts += [f"missing: {', '.join(missing)}"] if missing else []
    parts += [f"not to be seen: {', '.join(unseen)}"] if unseen else []
    parts += ["waiting for ACM to see them"] if not missing and not unseen else []
    return State("; ".join(parts))


def lapses(view: View, now: datetime) -> datetime:
    """Tell when ACM gives up on a switch that is under way, or on one that is asked for now."""
    begun = view.switch.requested_at if view.switch and view.switch.pending else None
    return (begun or now) + ANSWER_WITHIN


def after(certificate: Certificate, validations: tuple[Validation, ...]) -> Evidence:
    """Take the certificate as it will be once the switch is done, so that its records can be looked for."""
    return Evidence(switched(certificate, validations))


def _done(certificate: Certificate) -> str:
    ends = f", which ends on {certificate.not_after:%Y-%m-%d}" if certificate.not_after else ""
    return f"validated by DNS from now on; the same ARN{ends}"
