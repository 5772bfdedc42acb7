"""The dashboard of all certificates: what breaks, where, and what to do first."""

from __future__ import annotations

from grafana.source import fleet_tables
from grafana.source.fleet_tables import ARN, EXPIRES, NAME, PLACE, VERDICT
from grafana.source.panels import DAYS, Column, Json, arrange, bars, stat, table
from grafana.source.queries import (
    CERTIFICATE,
    CONDITION_WORDS,
    CONDITIONS,
    OVER,
    SOME_BAD,
    SOME_UNSURE,
    VERDICT_WORDS,
    chosen,
    condition,
    every,
    only,
    runbook,
    verdict,
)
from grafana.source.variables import ACCOUNT, CERTIFICATE_TAG, DOMAIN, REGION, TAG_KEY, dashboard

MOST = 200  # rows of the table of conditions
BROKEN = chosen("acm_certificate_condition", by="condition", keep=" == 0")


def make() -> Json:
    """Make the dashboard."""
    email = [(4, fleet_tables.countdown()), (4, fleet_tables.by_email()), (16, fleet_tables.email())]
    return dashboard(
        "acm-fleet",
        "ACM certificates: fleet",
        "Will ACM renew our certificates, and will visitors get them? What comes first?",
        variables=[ACCOUNT, REGION, DOMAIN, CERTIFICATE_TAG, TAG_KEY],
        panels=arrange(
            [
                ("", 4, [(4, one) for one in _numbers()]),
                ("What breaks, and where", 9, [(8, _by_condition()), (8, _by_place()), (8, _by_tag())]),
                ("", 10, [(24, _conditions())]),
                ("What comes first", 10, [(12, fleet_tables.renewals()), (12, fleet_tables.expiries())]),
                ("What visitors get", 8, [(24, fleet_tables.mismatches())]),
                ("The end of e-mail validation", 8, email),
                ("What changed lately", 8, [(12, fleet_tables.issued()), (12, fleet_tables.replaced())]),
            ]
        ),
        since="now-7d",
    )


def _with(word: str) -> str:
    return chosen("acm_certificate_renewal_verdict", f'verdict="{word}"')


def _count(word: str) -> str:
    return f"sum({_with(word)})"


def _numbers() -> list[Json]:
    serving = chosen("acm_certificate_condition", 'scope="serving"', "condition")
    return [
        stat(
            "Will not renew",
            "Certificates with the verdict blocked: ACM's managed renewal will fail.",
            _count("blocked"),
            steps=SOME_BAD,
        ),
        stat(
            "Served wrongly",
            "Certificates of which visitors do not get what ACM has, at one address at least: unreachable, "
            "another name or another serial number.",
            f"sum(min by ({CERTIFICATE}) ({serving}) == bool 0)",
            steps=SOME_BAD,
        ),
        stat(
            "Not known",
            "Certificates with the verdict unknown: something that decides could not be seen.",
            _count("unknown"),
            steps=SOME_UNSURE,
        ),
        stat("Will renew", "Certificates that ACM will renew.", _count("renews")),
        stat(
            "Not managed",
            "Certificates that ACM never renews: imported, or obtained by an ACME client.",
            _count("unmanaged"),
        ),
        stat(
            "Next expiry",
            "Days until the first certificate that is in use ends; below zero one has ended already.",
            f"min({only(EXPIRES, chosen('acm_certificate_in_use') + ' == 1')})",
            unit=DAYS,
            decimals=1,
            steps=OVER,
        ),
    ]


def _by_condition() -> Json:
    return bars(
        "Broken conditions",
        "How many certificates break each condition, the most frequent first. A click opens the runbook.",
        f"sort_desc(count by (condition) ({BROKEN}))",
        "{{condition}}",
        links=[("Runbook", runbook("${__field.labels.condition}"))],
        steps=((None, "orange"),),
    )


VERDICTS = tuple(word for word, _ in VERDICT_WORDS.values())


def _counts() -> list[Column]:
    alarming = {"blocked": SOME_BAD[1], "unknown": SOME_UNSURE[1]}
    return [
        Column(
            f"={word}",
            word.capitalize(),
            steps=((None, "text"), alarming[word]) if word in alarming else None,
        )
        for word in VERDICTS
    ]


def _by_place() -> Json:
    return table(
        "By account and region",
        "Certificates by verdict in each account and region.",
        {word: f"sum by (account, region) ({_with(word)})" for word in VERDICTS},
        [Column("account", "Account"), Column("region", "Region"), *_counts()],
        sort=("Blocked", True),
    )


def _by_tag() -> Json:
    tags = 'label_replace(acm_certificate_tags{job=~"$job"}, "tag", "$1", "${tag_key:raw}", "(.+)")'
    named = f'label_replace(max by (arn, tag) ({tags}), "tag", "(none)", "tag", "")'

    def rows(word: str) -> str:
        tagged = f"{_with(word)} * on (arn) group_left (tag) {named}"
        return f'sum by (tag) ({tagged} or on (arn) label_replace({_with(word)}, "tag", "(none)", "", ""))'

    return table(
        "By tag",
        "Certificates by verdict for each value of the tag chosen as “Count by tag”.",
        {word: rows(word) for word in VERDICTS},
        [Column("tag", "Tag"), *_counts()],
        sort=("Blocked", True),
    )


def _conditions() -> Json:
    broken = f"topk({MOST}, count by ({CERTIFICATE}) ({BROKEN}))"
    rows = {
        "verdict": only(verdict(every), broken),
        "expires": only(every("acm_certificate_days_to_expiry"), broken),
        **{code: only(condition(every, code), broken) for code in CONDITIONS},
    }
    return table(
        "Certificates with a broken condition",
        f"What breaks, by certificate and condition; up to {MOST} certificates, those with the most "
        "broken conditions. A dash: does not apply. A click on a cell opens the condition's runbook.",
        rows,
        [
            NAME,
            VERDICT,
            Column("=expires", "Expires in", unit=DAYS, decimals=1, width=100),
            *(
                Column(
                    f"={code}",
                    code.replace("_", " "),
                    words=CONDITION_WORDS,
                    width=100,
                    link=("Runbook", runbook(code)),
                )
                for code in CONDITIONS
            ),
            *PLACE,
            ARN,
        ],
        sort=("Expires in", False),
    )
