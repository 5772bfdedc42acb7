"""What is missing in DNS, each record once, and no CAA set that would lose what stands there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from exporter.facts import (
    Answer,
    Ask,
    Caa,
    CaaRecord,
    Certificate,
    Cname,
    Question,
    Seen,
    Sight,
    Unseen,
    Why,
)
from exporter.remedy.records import Missing, Record, caa_names, caa_text, missing
from tests.evidence import ARN, CERTIFICATE, EMAIL, OTHER_ARN, answers, by_dns, detailed, record_of

OWNER, TARGET = record_of("example.com")
LETS = CaaRecord(0, "issue", "letsencrypt.org")
WILD = replace(
    CERTIFICATE,
    names=("example.com", "*.example.com"),
    details=detailed(validations=(by_dns("example.com"), by_dns("*.example.com"))),
)


def found(
    changes: Mapping[Question, Sight[Answer]],
    *certificates: Certificate,
    aliases: Mapping[str, tuple[str, ...]] | None = None,
) -> Missing:
    """Look for what is missing for certificates of which all else stands."""
    stands: dict[Question, Sight[Answer]] = {}
    for one in certificates or (CERTIFICATE,):
        stands.update(answers(one))
    return missing(certificates or (CERTIFICATE,), {**stands, **changes}, aliases)


def cname(*chain: str) -> Mapping[Question, Sight[Answer]]:
    """Say where the validation record of example.com leads."""
    return {Question(Ask.CNAME, OWNER): Seen(Cname(chain))}


def caa(*records: CaaRecord, at: str = "example.com") -> Mapping[Question, Sight[Answer]]:
    """Say which CAA set is found for example.com."""
    return {Question(Ask.CAA, "example.com"): Seen(Caa(at, records))}


def caa_record(
    *added: str, at: str = "example.com", there: tuple[str, ...] = ('0 issue "letsencrypt.org"',)
) -> Record:
    """Expect a CAA set with what stands there and what is added."""
    return Record(at, "CAA", (*there, *added), there, (ARN,))


AMAZON, AMAZON_WILD = '0 issue "amazon.com"', '0 issuewild "amazon.com"'


@pytest.mark.parametrize(
    ("title", "missing_", "expected"),
    [
        ("nothing", found({}), Missing()),
        ("no CNAME", found(cname()), Missing((Record(OWNER, "CNAME", (f"{TARGET}.",), (), (ARN,)),))),
        (
            "a CNAME that leads elsewhere",
            found(cname("_old.acm-validations.aws")),
            Missing((Record(OWNER, "CNAME", (f"{TARGET}.",), ("_old.acm-validations.aws.",), (ARN,)),)),
        ),
        (
            "a wildcard shares the record of its base",
            found(cname(), WILD),
            Missing((Record(OWNER, "CNAME", (f"{TARGET}.",), (), (ARN,)),)),
        ),
        (
            "two certificates share a record",
            found(cname(), CERTIFICATE, replace(WILD, arn=OTHER_ARN)),
            Missing((Record(OWNER, "CNAME", (f"{TARGET}.",), (), (ARN, OTHER_ARN)),)),
        ),
        ("another authority alone", found(caa(LETS)), Missing((caa_record(AMAZON),))),
        (
            "a set of the parent is mended at the parent",
            found(caa(LETS, at="com")),
            Missing((caa_record(AMAZON, at="com"),)),
        ),
        (
            "issuewild governs wildcards only",
            found(caa(LETS, CaaRecord(0, "issuewild", ";")), WILD),
            Missing(
                (
                    caa_record(
                        *(AMAZON, AMAZON_WILD),
                        there=('0 issue "letsencrypt.org"', '0 issuewild ";"'),
                    ),
                )
            ),
        ),
        (
            "a critical tag that nobody knows",
            found(caa(CaaRecord(128, "tbs", "x"))),
            Missing((), ('example.com: remove the CAA record with an unknown critical tag: 128 tbs "x"',)),
        ),
        (
            "the set of an alias is its target's",
            found(caa(LETS), aliases={"example.com": ("cdn.example.net",)}),
            Missing(
                (),
                (
                    'example.com: its CAA set is that of cdn.example.net, whose owner must add: 0 issue "amazon.com"',
                ),
            ),
        ),
        (
            "DNSSEC is no matter of a record",
            found({Question(Ask.CNAME, OWNER): Unseen(Why.DNSSEC_BOGUS)}),
            Missing((), (f"{OWNER}: mend the zone's DNSSEC signatures or its DS record (bogus)",)),
        ),
        (
            "not to be seen",
            found({Question(Ask.CNAME, OWNER): Unseen(Why.RESOLVER_TIMEOUT, "no answer within 5 s")}),
            Missing(unseen=("no answer within 5 s",)),
        ),
        ("validated by e-mail, no CNAME is wanted", found({}, EMAIL.certificate), Missing()),
    ],
)
def test_missing(title: str, missing_: Missing, expected: Missing) -> None:
    """Records that are wrong or gone are told with what stands there instead."""
    assert missing_ == expected, title


def test_only_forbidding_sets_are_asked_about() -> None:
    """Aliases are looked up where a set would have to change."""
    assert caa_names([CERTIFICATE], {**answers(CERTIFICATE), **caa(LETS, at="com")}) == {"com"}
    assert caa_names([CERTIFICATE], answers(CERTIFICATE)) == set()


def test_caa_values_are_quoted() -> None:
    """A quote or a backslash in a value does not end it."""
    assert caa_text(CaaRecord(0, "issue", r'a "b" \c')) == r'0 issue "a \"b\" \\c"'
