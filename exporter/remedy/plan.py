"""What mends each broken condition, in the order to do it; pure.

A remedy is data: which condition, which of our commands does it, what that changes in AWS, and what is left
for a person to do elsewhere. `REMEDIES` is the register; the rule's own finding and advice stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exporter.facts import Ask, Details, Evidence, Mx, Seen
from exporter.judge.rule import Outcome, RuleSet, Scope
from exporter.judge.verdict import RULES
from exporter.snapshot import Case

NOTHING = "nothing in AWS"
MAIL = "ACM sends the mail of each pending name again (acm:ResendValidationEmail); nothing else"
SWITCH = (
    "the validation method from EMAIL to DNS, for good (acm:UpdateCertificateOptions);"
    " ARN, names and the certificate in use stay"
)
RECORDS = (
    f"{NOTHING}: it prints the records; with --apply-route53 it creates them in this account's own zones"
    " (route53:ChangeResourceRecordSets)"
)
CLICK = "somebody who reads one of the mailboxes clicks the link and approves, for each name, within 72 hours"
CREATE = "whoever owns the zone creates the records and leaves them there, unless --apply-route53 does"


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be done: our command ("" where there is none), its effect, and a person's part."""

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


Choose = Callable[[Evidence], Act]


def plan(case: Case, rules: RuleSet) -> CasePlan:
    """Order the remedies of what is broken; what one command mends stands once."""
    scopes = {rule.code: rule.scopes[rules] for rule in RULES}
    steps: list[Step] = []
    commands: dict[str, int] = {}
    for code, choose in REMEDIES.items():
        finding = case.verdict.findings[code]
        if finding.outcome is not Outcome.BREAKS:
            continue
        act = choose(case.evidence)
        number = len(steps) + 1
        first = commands.setdefault(act.command, number) if act.command else number
        after = first if first != number else 0
        steps.append(Step(code, scopes[code], finding.says, finding.remedy, act, after))
    return CasePlan(case, tuple(steps))


def _details(evidence: Evidence) -> Details:
    details = evidence.certificate.details
    return details.value if isinstance(details, Seen) else Details()


def _by_hand(elsewhere: str) -> Choose:
    return lambda _: Act(elsewhere=elsewhere)


def _dns(evidence: Evidence) -> Act:
    """Move to DNS validation, or finish a move that was begun."""
    if _details(evidence).switching_to == "DNS":
        return Act("use-dns", f"{NOTHING}: the switch is under way, it prints its records", CREATE)
    return Act("use-dns", SWITCH, CREATE + ", within 72 hours")


def _mail(evidence: Evidence) -> Act:
    """Send the mail again where that helps, else move to DNS validation, which needs none."""
    certificate = evidence.certificate
    if certificate.status == "PENDING_VALIDATION":
        return Act("resend-mail", MAIL, CLICK)  # only an issued certificate can be moved
    deaf = Seen(Mx(())) in [answer for asked, answer in evidence.answers.items() if asked.ask is Ask.MX]
    if deaf or certificate.renewal_status != "PENDING_VALIDATION" or _details(evidence).switching_to == "DNS":
        return _dns(evidence)
    return Act("resend-mail", MAIL, f"{CLICK}; or, for good: acm-exporter fix use-dns {certificate.arn}")


CLICK = "somebody who reads one of the mailboxes clicks the link and approves, within 72 hours, for each name"


def _status(evidence: Evidence) -> Act:
    certificate = evidence.certificate
    if certificate.status != "PENDING_VALIDATION":
        return Act(elsewhere="request a new certificate, validated by DNS, and attach it in this one's place")
    if certificate.validation_method == "EMAIL":
        return Act("resend-mail", MAIL, CLICK)
    return Act("records", RECORDS, CREATE)


def _progress(evidence: Evidence) -> Act:
    match evidence.certificate.validation_method:
        case "EMAIL" if evidence.certificate.renewal_status == "PENDING_VALIDATION":
            return _mail(evidence)
        case "DNS" if evidence.certificate.renewal_status == "PENDING_VALIDATION":
            return Act("records", RECORDS, f"{CREATE}; then ACM goes on by itself, within hours")
        case _:
            return Act(elsewhere="mend the other conditions first; then ACM goes on by itself, within hours")


REMEDIES: dict[str, Choose] = {  # in the order to work: a lapsed certificate first, what mends itself last
    "status": _status,
    "eligible": _by_hand("see the cause; only a person can decide to request the certificate anew"),
    "in_use": _by_hand("attach it to the load balancer or distribution that should serve it, or delete it"),
    "caa": lambda _: Act("records", RECORDS, CREATE),
    "validation_records": lambda _: Act("records", RECORDS, CREATE),
    "http_token": _by_hand("let the path through in CloudFront's behaviours, functions and WAF rules"),
    "private_ca": _by_hand("mend the private CA or its policy, in the account that owns it"),
    "approval_mail": _mail,
    "email_sunset": _dns,
    "validation_age": lambda evidence: (
        _dns(evidence)
        if evidence.certificate.validation_method == "EMAIL"
        else Act(elsewhere="nothing, while its validation records stand: the limit is history for DNS")
    ),
    "renewal_progress": _progress,
    "reachable": _by_hand("mend the network, listener, security group or DNS of that name"),
    "name_match": _by_hand("serve a certificate for that name there, or correct the name in DNS"),
    "serial_match": _by_hand("deploy ACM's certificate where another is served, or manage that one too"),
}
