"""What a rule is: a code, a scope in each rule set, a citation, a remedy and a pure check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from exporter.facts import Certificate, Evidence, Seen, Unseen, Why

SHOWN_PARTS = 3  # of a condition about many names or addresses, how many are spelled out

_TO_SEE = {  # what lets us see again, by the reason for which we do not
    Why.NOT_YET: "wait for the next look",
    Why.STALE: "let the exporter read ACM again: see its log and acm_exporter_source_success",
    Why.BUG: "report it with the exporter's log",
    Why.TIMEOUT: "look again; if it stays, allow more time (probe.timeout, dns.timeout)",
    Why.RESOLVER_FAILURE: "check the exporter's resolver, then the zone's name servers",
    Why.RESOLVER_TIMEOUT: "check the exporter's resolver, then the zone's name servers",
    Why.BAD_NAME: "correct the name: DNS cannot ask for it",
    Why.DNSSEC_BOGUS: "mend the zone's DNSSEC signatures or its DS record",
    Why.NO_ROUTE: "give the exporter's machine a route to that address",
    Why.FORBIDDEN_ADDRESS: "correct the name's DNS; or allow the address (probe.certificate_networks), or "
    "configure the name (domains)",
    Why.PROXY_FAILURE: "mend the exporter's way to its proxy, or the proxy's rules",
    Why.NO_CLIENT_CERTIFICATE: "give the exporter a certificate and its key that it can read",
    Why.FILE_UNREADABLE: "let the exporter's user read the file and the directories above it",
    Why.TOO_MANY_FILES: "name fewer files: a narrower pattern, or several locations",
    Why.BAD_PASSWORD: "correct the password of the file in the configuration",
    Why.DENIED: "allow the exporter's IAM role to read ACM",
    Why.NO_CREDENTIALS: "give the exporter AWS credentials",
    Why.EXPIRED_TOKEN: "renew the exporter's AWS credentials",
    Why.THROTTLED: "wait; if it stays, lower aws.requests_per_second: others use ACM's quota too",
    Why.NOT_FOUND: "wait for the next inventory: ACM no longer has it",
    Why.MALFORMED: "report it with the exporter's log",
    Why.ABSENT: "wait until ACM tells it; if it stays, look at the certificate in the AWS console",
    Why.AWS_UNREACHABLE: "open the exporter's way to AWS",
    Why.AWS_ERROR: "wait; if it stays, see the AWS Health Dashboard",
}


class Outcome(StrEnum):
    """In rising order of weight; `worst` relies on the order."""

    MOOT = "moot"
    HOLDS = "holds"
    UNKNOWN = "unknown"
    BREAKS = "breaks"


WEIGHT = {outcome: weight for weight, outcome in enumerate(Outcome)}


class Scope(StrEnum):
    """What a broken condition costs."""

    RENEWAL = "renewal"  # ACM will not renew
    SERVING = "serving"  # visitors do not get ACM's certificate
    ADVISORY = "advisory"  # good to know; changes no verdict


class RuleSet(StrEnum):
    """`current`: what ACM does today; `classic`: the post-mortem's five conditions decide."""

    CURRENT = "current"
    CLASSIC = "classic"


@dataclass(frozen=True, slots=True)
class Policy:
    """The thresholds of the rules, as the operator set them."""

    rules: RuleSet = RuleSet.CURRENT
    validation_limit: timedelta = timedelta(days=825)
    window: timedelta | None = None  # None: by the certificate's lifetime
    grace: timedelta = timedelta(days=3)
    email_ends: date = date(2027, 9, 30)  # the last day on which ACM renews by e-mail


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `why` is the closed reason of an UNKNOWN."""

    outcome: Outcome
    says: str = ""
    remedy: str = ""
    why: Why | None = None


MOOT = Finding(Outcome.MOOT)
HOLDS = Finding(Outcome.HOLDS)


def breaks(says: str, remedy: str) -> Finding:
    """Say what is broken, naming the part, and what to do."""
    return Finding(Outcome.BREAKS, says, remedy)


def unknown(why: Why, says: str, remedy: str = "") -> Finding:
    """Say what could not be seen and why, and what lets us see it again."""
    return Finding(Outcome.UNKNOWN, says, remedy or _TO_SEE.get(why, ""), why)


def unsaid(certificate: Certificate, what: str) -> Finding:
    """Answer for a fact that ACM has not told, by the reason for which it has not."""
    match certificate.details:
        case Unseen(why=Why.NOT_YET):
            return unknown(Why.NOT_YET, f"ACM has not told yet {what}")
        case Unseen(why=why, detail=detail):
            return unknown(why, f"ACM could not tell {what}: {detail or why}")
        case Seen():
            return unknown(Why.ABSENT, f"ACM's answer does not tell {what}")


def worst(findings: Iterable[Finding]) -> Finding:
    """Fold the parts into one: a break beats a blind spot, and a blind spot beats a success.

    The sentences of all parts that weigh the most are joined, the first few in full; so are their remedies.
    The reason is that of the first of them.
    """
    parts = list(findings)
    if not parts:
        return MOOT
    outcome = max((part.outcome for part in parts), key=WEIGHT.__getitem__)
    heavy = [part for part in parts if part.outcome is outcome]
    says = _joined(part.says for part in heavy)
    remedy = _joined(part.remedy for part in heavy)
    return Finding(outcome, says, remedy, heavy[0].why)


def _joined(texts: Iterable[str]) -> str:
    different = list(dict.fromkeys(text for text in texts if text))
    more = [f"and {len(different) - SHOWN_PARTS} more"] if len(different) > SHOWN_PARTS else []
    return "; ".join(different[:SHOWN_PARTS] + more)


Check = Callable[[Evidence, Policy, datetime], Finding]
Applies = Callable[[Certificate], bool | Finding]  # a Finding: not known whether it applies


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition, as data; `text` and `remedy` are what users read."""

    code: str
    scopes: Mapping[RuleSet, Scope]
    cites: str
    remedy: str
    text: str
    applies: Applies
    check: Check

    def judge(self, evidence: Evidence, policy: Policy, now: datetime) -> Finding:
        """Apply the rule; a rule that raises is our bug and leaves its condition unknown."""
        try:
            applies = self.applies(evidence.certificate)
            if isinstance(applies, Finding):
                return applies
            return self.check(evidence, policy, now) if applies else MOOT
        except Exception as error:  # noqa: BLE001 - one broken rule must not end the others
            return unknown(Why.BUG, f"bug in the rule {self.code}: {type(error).__name__}: {error}")


def rule(  # the decorator names; it registers nothing
    *, current: Scope, classic: Scope, cites: str, remedy: str, applies: Applies
) -> Callable[[Check], Rule]:
    """Make a Rule of a check: its name is the code, its docstring the text that users read."""

    def make(check: Check) -> Rule:
        scopes = {RuleSet.CURRENT: current, RuleSet.CLASSIC: classic}
        code = check.__name__
        text = " ".join((check.__doc__ or "").split())
        return Rule(code, scopes, cites, remedy, text, applies, check)

    return make


def every(_: Certificate) -> bool:
    """Apply to all certificates, also to those that ACM never renews."""
    return True


def managed(certificate: Certificate) -> bool | Finding:
    """Apply to certificates that ACM renews by itself: neither imported nor obtained by an ACME client."""
    if certificate.type == "IMPORTED" or certificate.key_pair_origin in {"ACME", "CUSTOMER_PROVIDED"}:
        return False
    return True if certificate.type else unsaid(certificate, "the certificate's type")


def public(certificate: Certificate) -> bool | Finding:
    """Apply to managed certificates of Amazon's public authority."""
    answer = managed(certificate)
    return answer if isinstance(answer, Finding) else answer and certificate.type == "AMAZON_ISSUED"


def private(certificate: Certificate) -> bool | Finding:
    """Apply to managed certificates of an AWS Private CA."""
    answer = managed(certificate)
    return answer if isinstance(answer, Finding) else answer and certificate.type == "PRIVATE"


def validated_by(method: str) -> Applies:
    """Apply to managed public certificates that are validated in this way."""

    def applies(certificate: Certificate) -> bool | Finding:
        answer = public(certificate)
        if isinstance(answer, Finding) or not answer:
            return answer
        if certificate.validation_method == "":
            return unsaid(certificate, "the validation method")
        return certificate.validation_method == method

    return applies
