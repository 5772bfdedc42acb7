"""The PromQL and the words that several dashboards share.

Each selector is folded with `max by (identity)`, so that two replicas of the exporter count once and joins on
identity labels are one to one.
"""

from __future__ import annotations

from collections.abc import Callable

from exporter.judge.verdict import RULES
from grafana.source.panels import Words
from grafana.source.thresholds import EXPIRING_CRITICAL, EXPIRING_WARNING, RUNBOOKS

Select = Callable[[str, str, str, str], str]  # every, chosen or one
CERTIFICATE = "arn, account, region, domain"
ENDPOINT = "domain, port, address"
CONDITIONS = tuple(rule.code for rule in RULES)
DAY = 86400

# Without a choice of tag its variable holds a matcher that all rows pass, and so untagged certificates stay:
# they have the row of `info`. A tag's matcher is passed by rows of `tags` only.
ANY_TAG = 'job=~".+"'
TAGGED = '{__name__=~"acm_certificate_(info|tags)", job=~"$job", ${tag:raw}}'
ANY_LABEL = 'job=~".+"'
LABELLED = '{__name__=~"tls_endpoint_(reachable|labels)", job=~"$job", ${label:raw}}'

OK, BAD, UNSURE = "text", "red", "orange"
LEFT = ((None, BAD), (EXPIRING_CRITICAL, UNSURE), (EXPIRING_WARNING, OK))  # share of the lifetime
OVER = ((None, BAD), (0, OK))  # days left: what is soon depends on the lifetime, what is over does not
SOME_BAD = ((None, "green"), (1, BAD))  # a count of what should not be
SOME_UNSURE = ((None, "green"), (1, UNSURE))

# What is not known stands between what is bad and what is good, so that sorting puts the bad first.
UNKNOWN = "0.5"
CONDITION_WORDS: Words = {"0": ("breaks", BAD), UNKNOWN: ("unknown", UNSURE), "1": ("holds", OK)}
VERDICT_WORDS: Words = {
    "0": ("blocked", BAD),
    UNKNOWN: ("unknown", UNSURE),
    "1": ("renews", "green"),
    "2": ("unmanaged", OK),
}
YES_NO: Words = {"0": ("no", BAD), UNKNOWN: ("unknown", UNSURE), "1": ("yes", OK)}
IN_USE: Words = {"0": ("no", UNSURE), "1": ("yes", OK)}
RECORD: Words = {"0": ("missing or wrong", BAD), "1": ("in place", OK)}
UP: Words = {"0": ("fails", BAD), "1": ("works", "green")}


def in_bars(words: Words) -> Words:
    """Colour what is well green: the colour of text would be glaring as a bar."""
    return {value: (word, "green" if color == OK else color) for value, (word, color) in words.items()}


def every(metric: str, matchers: str = "", by: str = "", keep: str = "") -> str:
    """Select the rows of the chosen certificates, whatever their tags: cheap, for use within `only`.

    `by` names labels beyond identity; `keep` is a comparison that drops rows before they are folded.
    """
    where = _join('job=~"$job", account=~"$account", region=~"$region", domain=~"$domain"', matchers)
    return f"max by ({_join(CERTIFICATE, by)}) ({metric}{{{where}}}{keep})"


def chosen(metric: str, matchers: str = "", by: str = "", keep: str = "") -> str:
    """Select the rows of the certificates chosen by all variables, the tag too."""
    return f"({every(metric, matchers, by, keep)} and on (arn) {TAGGED})"


def one(metric: str, matchers: str = "", by: str = "", keep: str = "") -> str:
    """Select the rows of the one certificate that is shown."""
    where = _join('job=~"$job", arn="$certificate"', matchers)
    return f"max by ({_join(CERTIFICATE, by)}) ({metric}{{{where}}}{keep})"


def everywhere(metric: str, matchers: str = "", by: str = "", keep: str = "") -> str:
    """Select the rows of the endpoints of the chosen domains, whatever their labels and certificates."""
    where = _join('job=~"$job", domain=~"$domain"', matchers)
    return f"max by ({_join(ENDPOINT, by)}) ({metric}{{{where}}}{keep})"


def endpoints(metric: str, matchers: str = "", by: str = "", keep: str = "") -> str:
    """Select the rows of the endpoints chosen by all variables.

    An endpoint that counts for certificates of other accounts and regions only is left out.
    """
    arn = '"arn:[^:]+:acm:$region:$account:.+"'
    matches = 'tls_endpoint_serial_match{job=~"$job", arn'
    return (
        f"({everywhere(metric, matchers, by, keep)} and on ({ENDPOINT}) {LABELLED} unless on ({ENDPOINT}) "
        f"({matches}!~{arn}}} unless on ({ENDPOINT}) {matches}=~{arn}}}))"
    )


def serving(metric: str, matchers: str = "", by: str = "") -> str:
    """Select the rows of the endpoints of the one certificate: those that count for it.

    An address that never answered counts for nobody; it is taken by its name.
    """
    where = _join('job=~"$job"', matchers)
    matches = 'tls_endpoint_serial_match{job=~"$job"'
    return (
        f"(max by ({_join(ENDPOINT, by)}) ({metric}{{{where}}}) and on ({ENDPOINT}) "
        f'({matches}, arn="$certificate"}} or on ({ENDPOINT}) '
        f'(tls_endpoint_reachable{{job=~"$job"}} and on (domain) '
        f'acm_certificate_info{{job=~"$job", arn="$certificate"}} unless on ({ENDPOINT}) {matches}}})))'
    )


def verdict(select: Select) -> str:
    """Give the verdict the numbers of VERDICT_WORDS."""
    rows = {
        number: select("acm_certificate_renewal_verdict", f'verdict="{word}"', "", " == 1")
        for number, (word, _) in VERDICT_WORDS.items()
    }
    return " or ".join(f"{text} * {number}" for number, text in rows.items())


def condition(select: Select, code: str = "") -> str:
    """Give a condition, or all, the numbers of CONDITION_WORDS; one that does not apply has no row."""
    where, by = (f'condition="{code}"', "") if code else ("", "condition, scope")
    known = select("acm_certificate_condition", where, by, "")
    return f"{known} or {select('acm_certificate_condition_unknown', where, by, '')} * {UNKNOWN}"


def only(text: str, among: str, identity: str = "arn") -> str:
    """Keep the certificates, or endpoints, that another expression has."""
    return f"({text}) and on ({identity}) ({among})"


def runbook(code: str) -> str:
    """Give the address of a condition's runbook."""
    return f"{RUNBOOKS}/{code}.md"


def _join(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
