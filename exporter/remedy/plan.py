"""What mends each broken condition, in the order to do it; pure.

A remedy is data: which condition, which of our commands does it, what that changes in AWS, and what is left
for a person to do elsewhere. `REMEDIES` is the register; the rule's own finding and advice stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exporter.facts import Ask, Details, Mx, Seen
from exporter.judge.rule import Outcome, RuleSet, Scope
from exporter.judge.verdict import RULES
from exporter.remedy.records import missing
from exporter.snapshot import Case

NOTHING = "nothing in AWS"
MAIL = "ACM sends the mail of each pending name again (acm:ResendValidationEmail); nothing else"
SWITCH = (
    "the validation method from EMAIL to DNS, for good (acm:UpdateCertificateOptions);"
    " ARN, names and the certificate in use stay"
)
RECORDS = f"{NOTHING}, or with --apply-route53 this account's own zones (route53:ChangeResourceRecordSets)"
CLICK = "somebody who reads one of the mailboxes clicks the link and approves, for each name, within 72 hours"
CREATE = "whoever owns the zone creates the records and leaves them there"
LATER = "then ACM goes on by itself, within hours"
PENDING = "PENDING_VALIDATION"


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be done: our command ("" where there is none), its effect, and a person's part.

    Without words of its own a person's part is what the rule advises.
    """

    command: str = ""
    changes: str = NOTHING
    elsewhere: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One broken condition with its remedy; `after` is the number of an earlier step that mends it too."""

    code: str
    scope: Scope
    says: str
    advice: str  # the rule's own
    act: Act
    after: int = 0


@dataclass(frozen=True, slots=True)
class CasePlan:
    """Everything to be done for one certificate, in order; () where nothing is broken."""

    case: Case
    steps: tuple[Step, ...]


Choose = Callable[[Case], Act]


def plan(case: Case, rules: RuleSet) -> CasePlan:
    """Order the remedies of what is broken; what one command mends stands once."""
    scopes = {rule.code: rule.scopes[rules] for rule in RULES}
    steps: list[Step] = []
    commands: dict[str, int] = {}
    for code, choose in REMEDIES.items():
        finding = case.verdict.findings[code]
        if finding.outcome is not Outcome.BREAKS:
            continue
        act = choose(case)
        number = len(steps) + 1
        first = commands.setdefault(act.command, number) if act.command else number
        after = first if first != number else 0
        steps.append(Step(code, scopes[code], finding.says, finding.remedy, act, after))
    return CasePlan(case, tuple(steps))


def _details(case: Case) -> Details:
    details = case.certificate.details
    return details.value if isinstance(details, Seen) else Details()


def _by_hand(_: Case) -> Act:
    """Leave it to what the rule advises: nothing of ours can do it."""
    return Act()


def _make(kind: str) -> Choose:
    """Print or create the records of one type, where it is records that are missing."""
    return lambda case: Act("records", RECORDS, CREATE) if _lacks(case, kind) else Act()


def _lacks(case: Case, *kinds: str) -> bool:
    found = missing([case.certificate], case.evidence.answers)
    return any(one.type in kinds for one in found.records)


def _dns(case: Case) -> Act:
    """Move to DNS validation, or finish a move that was begun."""
    if _details(case).switching_to == "DNS":
        return Act("use-dns", f"{NOTHING}: the switch is under way, and it prints the records", CREATE)
    return Act("use-dns", SWITCH, f"{CREATE}, within 72 hours")


def _mail(case: Case) -> Act:
    """Send the mail again where that helps, else move to DNS validation, which needs none."""
    certificate = case.certificate
    if certificate.status == PENDING:
        return Act("resend-mail", MAIL, CLICK)  # only an issued certificate can be moved
    deaf = Seen(Mx(())) in [answer for asked, answer in case.evidence.answers.items() if asked.ask is Ask.MX]
    if deaf or certificate.renewal_status != PENDING or _details(case).switching_to == "DNS":
        return _dns(case)
    return Act("resend-mail", MAIL, f"{CLICK}; or, for good: acm-exporter fix use-dns {certificate.arn}")


def _status(case: Case) -> Act:
    certificate = case.certificate
    if certificate.status != PENDING:
        return Act()
    if certificate.validation_method == "EMAIL":
        return _mail(case)
    return Act("records", RECORDS, CREATE) if _lacks(case, "CNAME", "CAA") else Act(elsewhere=LATER)


def _age(case: Case) -> Act:
    if case.certificate.validation_method == "EMAIL":
        return _dns(case)
    return Act(
        elsewhere="nothing, while the validation records stand: the limit was one of e-mail validation"
    )


def _progress(case: Case) -> Act:
    if case.certificate.renewal_status != PENDING:
        return Act()
    if case.certificate.validation_method == "EMAIL":
        return _mail(case)
    if _lacks(case, "CNAME", "CAA"):
        return Act("records", RECORDS, f"{CREATE}; {LATER}")
    return Act()


REMEDIES: dict[str, Choose] = {  # in the order to work: a lapsed certificate first, what mends itself last
    "status": _status,
    "eligible": _by_hand,
    "in_use": _by_hand,
    "caa": _make("CAA"),
    "validation_records": _make("CNAME"),
    "http_token": _by_hand,
    "private_ca": _by_hand,
    "approval_mail": _mail,
    "email_sunset": _dns,
    "validation_age": _age,
    "renewal_progress": _progress,
    "reachable": _by_hand,
    "name_match": _by_hand,
    "serial_match": _by_hand,
}
