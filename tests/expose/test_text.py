"""The tables of `check`, `rules` and `metrics`, as a person reads them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from textwrap import dedent

import pytest

from exporter.expose import text
from exporter.expose.families import FAMILIES
from exporter.expose.probes import PROBES
from exporter.facts import Endpoint, Unseen, Why
from exporter.judge import renewal, validation
from exporter.judge.rule import Outcome, RuleSet
from exporter.judge.verdict import RULES, Word
from exporter.snapshot import Case, Snapshot, Source
from tests.evidence import CERTIFICATE, DAY, NOON, SERVED, missed
from tests.expose.snapshots import REFUSED, SEEN, blank, case, finding, snapshot, spot

AGE, CAA = renewal.validation_age, validation.caa
HOLDS, BREAKS, UNKNOWN = Outcome.HOLDS, Outcome.BREAKS, Outcome.UNKNOWN


def named(
    domain: str, word: Word = Word.RENEWS, days: float | None = 144.5, **findings: tuple[Outcome, str, str]
) -> Case:
    """Make the case of a certificate that ends in so many days."""
    end = None if days is None else NOON + timedelta(days=days)
    arn = f"arn:aws:acm:us-east-1:111122223333:certificate/{domain.partition('.')[0]}"
    certificate = replace(CERTIFICATE, arn=arn, domain=domain, not_after=end)
    return case(certificate, word, (), (), **{code: finding(*told) for code, told in findings.items()})


FINE = named("fine.example.com")
WAF = named("waf.example.com", serial_match=(BREAKS, "a WAF serves its own", "put ACM's there"))
CNAME = named("cname.example.com", Word.BLOCKED, 30, validation_records=(BREAKS, "no CNAME", "create it"))
OLD = named("old.example.com", validation_age=(BREAKS, "first issued 900 days ago", "move to DNS"))
BLIND = named(
    "blind.example.com", Word.UNKNOWN, caa=(UNKNOWN, "the resolver says SERVFAIL", "check the resolver")
)
GONE = named(
    "gone.example.com", Word.BLOCKED, -2.25, status=(BREAKS, "its status is EXPIRED", "request a new one")
)
NEW = named("new.example.com", Word.BLOCKED, None, status=(BREAKS, "its status is PENDING_VALIDATION", ""))


def table(*cases: Case, of: Snapshot | None = None) -> str:
    """Write the table of `check` for some certificates."""
    return text.check(of or snapshot(*cases), cases)


def whole(expected: str) -> str:
    """Write the expected text without the indent of the test."""
    return dedent(expected).removeprefix("\n")


def test_worst_first_with_reason_and_remedy() -> None:
    """What will not renew comes first, then what is not served, what is not known, what is fine."""
    assert table(FINE, OLD, BLIND, NEW, WAF, CNAME, GONE) == whole("""
        RENEWAL  SERVED    DAYS  DOMAIN             ACCOUNT       REGION     CERTIFICATE
        blocked  yes       -2.2  gone.example.com   111122223333  us-east-1  gone
          status breaks: its status is EXPIRED
            do: request a new one
        blocked  yes       30.0  cname.example.com  111122223333  us-east-1  cname
          validation_records breaks: no CNAME
            do: create it
        blocked  yes          -  new.example.com    111122223333  us-east-1  new
          status breaks: its status is PENDING_VALIDATION
        renews   no       144.5  waf.example.com    111122223333  us-east-1  waf
          serial_match breaks: a WAF serves its own
            do: put ACM's there
        unknown  yes      144.5  blind.example.com  111122223333  us-east-1  blind
          caa is unknown: the resolver says SERVFAIL
            do: check the resolver
        renews   yes      144.5  fine.example.com   111122223333  us-east-1  fine
        renews   yes      144.5  old.example.com    111122223333  us-east-1  old
          validation_age breaks (advisory): first issued 900 days ago
            do: move to DNS

        7 certificates: 3 blocked, 1 unknown, 3 renew; 1 not served as ACM has it.
        """)


def test_all_is_well() -> None:
    """Good news is short."""
    assert table(FINE) == whole("""
        RENEWAL  SERVED    DAYS  DOMAIN            ACCOUNT       REGION     CERTIFICATE
        renews   yes      144.5  fine.example.com  111122223333  us-east-1  fine

        1 certificate: 1 renews.
        """)


def test_under_the_classic_rules_nothing_is_advisory_that_decides() -> None:
    """The tag follows the rule set: the age of the validation decides under the classic one."""
    assert "  validation_age breaks: first" in table(OLD, of=snapshot(OLD, rules=RuleSet.CLASSIC))


def test_long_sentences_are_broken_at_120_columns_and_names_are_not() -> None:
    """On a usual terminal nothing runs over the edge, but for a name or record to be copied, which stays whole."""
    record = "_e637416179c6ac8ed29c5c4eed3a415d.a.example.com. CNAME"
    target = "_f293105aabcc476266bc4549d7697133.543e33c48b.acm-validations.aws."
    arn = f"arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/{'0000-' * 16}"
    says = (
        "no CNAME there, but one stands with the zone written twice; and once more so that the line is long"
    )
    one = named("a.example.com", Word.BLOCKED, caa=(BREAKS, f"{says} {arn}", f"create: {record} {target}"))
    assert table(one) == whole(f"""
        RENEWAL  SERVED    DAYS  DOMAIN         ACCOUNT       REGION     CERTIFICATE
        blocked  yes      144.5  a.example.com  111122223333  us-east-1  a
          caa breaks: no CNAME there, but one stands with the zone written twice; and once more so that the line is long
              {arn}
            do: create: {record}
                {target}

        1 certificate: 1 blocked.
        """)


def test_unreachable_address_is_told_once() -> None:
    """What a dead address serves is not known, of course: nobody is told so three times."""
    blind = (UNKNOWN, "what is served is not known", "")
    one = named("a.example.com", reachable=(BREAKS, "refused", ""), name_match=blind, serial_match=blind)
    assert [line for line in table(one).splitlines() if line.startswith("  ")] == [
        "  reachable breaks: refused"
    ]


def test_endpoints_of_no_certificate() -> None:
    """A configured domain that nothing in the inventory covers is shown all the same, with its faults."""
    distrusted = replace(SERVED, trusted=False, trust_error="self-signed", not_after=NOON + 5 * DAY)
    other = Endpoint("other.example.com", 8443, "192.0.2.12")
    silent = replace(
        missed(Why.HANDSHAKE_TIMEOUT, last=SERVED), endpoint=Endpoint("c.example.com", 443, "192.0.2.13")
    )
    spots = (
        spot(SEEN),
        spot(replace(SEEN, endpoint=other, last=distrusted), name_match=False),
        spot(silent),
        spot(REFUSED),
    )
    assert table(of=snapshot(spots=spots)) == whole("""
        Endpoints that belong to no certificate of the inventory:
          www.example.com at 192.0.2.10         144.5 days                   fine
          other.example.com:8443 at 192.0.2.12  5.0 days                     not for this name; not trusted: self-signed
          c.example.com at 192.0.2.13           144.5 days                   failing: handshake_timeout
          example.com:8443 at 192.0.2.11        refused: connection refused

        No certificate was found.
        """)


def test_endpoints_of_a_certificate_that_was_not_asked_for_are_no_strangers() -> None:
    """`check NAME` does not list other certificates' endpoints as nobody's."""
    other = case()
    of = snapshot(FINE, other, spots=(spot(SEEN),))
    assert text.check(of, [FINE]) == table(FINE)


def test_sources_that_failed() -> None:
    """What could not be read is named before the sum, so that an empty table is not taken for good news."""
    sources = (
        Source("acm", "111122223333", "us-east-1", success=False, error="denied: acm:SearchCertificates"),
        Source("dns", success=False, error="resolver_timeout: no answer"),
        Source("tls", success=True),
        Source("acm", "444455556666", "eu-west-1"),
    )
    assert table(of=snapshot(sources=sources)) == whole("""
        Sources that failed:
          acm 111122223333 us-east-1: denied: acm:SearchCertificates
          dns: resolver_timeout: no answer

        No certificate was found.
        """)


def test_nothing_from_outside_reaches_the_terminal_as_a_command() -> None:
    """A served name may hold escape sequences, line breaks and lone surrogates: they are shown as marks."""
    bad = "a\x1b[2J\nb\u202e\ud800"
    one = named("a.example.com", caa=(BREAKS, bad, bad))
    failing = replace(REFUSED, sight=Unseen(Why.REFUSED, bad))
    shown = table(
        one, of=snapshot(one, spots=(spot(failing),), sources=(Source("acm", success=False, error=bad),))
    )
    assert "  caa breaks: a?[2J?b??\n    do: a?[2J?b??\n" in shown
    assert "  example.com:8443 at 192.0.2.11  refused: a?[2J?b??\n" in shown
    assert "  acm: a?[2J?b??\n" in shown
    assert all(line.isprintable() for line in shown.split("\n"))


def test_colours_by_urgency() -> None:
    """On a terminal the colour says it before the word: red will not renew, yellow is not known, dim is advice."""
    painted = text.check(
        snapshot(), [WAF, CNAME, BLIND, OLD], lambda line, colour: f"<{colour}>{line.split()[0]}"
    )
    assert re.findall(r"<(\w+)>(\w+)", painted) == [
        ("bold", "RENEWAL"),
        ("red", "blocked"),
        ("red", "validation_records"),
        ("green", "renews"),
        ("red", "serial_match"),
        ("yellow", "unknown"),
        ("yellow", "caa"),
        ("green", "renews"),
        ("dim", "validation_age"),
    ]


@pytest.mark.parametrize(
    ("one", "outcome"),
    [
        (FINE, HOLDS),
        (WAF, BREAKS),
        (blank(), UNKNOWN),
        (named("a", reachable=(UNKNOWN, "", ""), name_match=(BREAKS, "", "")), BREAKS),
        (
            named(
                "a",
                Word.RENEWS,
                1,
                **dict.fromkeys(("reachable", "name_match", "serial_match"), (Outcome.MOOT, "", "")),
            ),
            Outcome.MOOT,
        ),
    ],
)
def test_served_is_the_worst_of_the_three(one: Case, outcome: Outcome) -> None:
    """Visitors get ACM's certificate only if they reach it, it is for the name, and it is that one."""
    assert text.served(one) is outcome


def test_equally_urgent_certificates_by_days_left_and_then_name() -> None:
    """Among equals the nearest expiry comes first, and what has no date last."""
    late, soon, never = named("a", days=99), named("z", days=3), named("b", days=None)
    same = named("c", days=3)
    assert text.worst_first([late, never, soon, same], NOON) == [same, soon, late, never]


def test_rules_in_words() -> None:
    """Each condition with what it means, what to do, what it costs under either rule set, and who says so."""
    written = text.rules_table()
    titles = [line for line in written.splitlines() if line and not line.startswith(" ")]
    assert titles == [rule.code for rule in RULES]
    assert written.split("\n\n")[titles.index("validation_age")].split("\n") == [
        "validation_age",
        f"    holds when: {AGE.text.removesuffix('.')}",
        f"    if not: {AGE.remedy}",
        "    scope: advisory (renewal under the classic rules)",
        f"    source: {AGE.cites}",
        "    runbook: docs/runbooks/validation_age.md",
    ]
    assert "    scope: renewal\n" in written.split("\n\n")[titles.index("caa")]


def test_metrics_in_words() -> None:
    """Each metric with its meaning and its labels."""
    written = text.metrics_table()
    titles = [line for line in written.splitlines() if line and not line.startswith(" ")]
    assert titles == [f"{one.name} ({one.kind})" for one in (*FAMILIES, *PROBES)]
    paragraphs = written.split("\n\n")
    assert paragraphs[0] == (
        "acm_certificate_info (gauge)\n"
        "    What the certificate is, as ACM says; always 1.\n"
        "    labels: arn, account, region, domain, type, validation_method, key_algorithm, key_pair_origin, managed_by, issuer,\n"
        "        serial"
    )
    plain = "acm_exporter_snapshot_timestamp_seconds (gauge)\n    When the exposed snapshot was taken."
    assert plain in paragraphs


@pytest.mark.parametrize(
    ("make", "header", "row"),
    [
        (
            text.rules_table,
            "| CONDITION | CURRENT | CLASSIC | HOLDS WHEN | IF NOT | SOURCE |\n| --- | --- | --- | --- | --- | --- |\n",
            f"| [`caa`](docs/runbooks/caa.md) | renewal | renewal | {CAA.text.removesuffix('.')} | {CAA.remedy} | {CAA.cites} |\n",
        ),
        (
            text.metrics_table,
            "| METRIC | TYPE | LABELS | MEANING |\n| --- | --- | --- | --- |\n",
            "| `acm_certificate_status` | gauge | `arn, account, region, domain, status` "  # noqa: ISC004
            "| 1 for the certificate's current status in ACM. |\n",
        ),
    ],
    ids=["rules", "metrics"],
)
def test_markdown(make: Callable[..., str], header: str, row: str) -> None:
    """The README's tables are made of the same words."""
    written = make(markdown=True)
    assert written.startswith(header)
    assert row in written
    assert {line.count("|") for line in written.splitlines()} == {
        header.split("\n", maxsplit=1)[0].count("|")
    }
