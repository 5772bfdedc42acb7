"""Findings fold into one by their weight, and a rule applies where it should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.facts import Evidence, Why
from exporter.judge.rule import (
    HOLDS,
    MOOT,
    Finding,
    Outcome,
    breaks,
    managed,
    private,
    public,
    unknown,
    validated_by,
    worst,
)
from tests.evidence import ACME, EMAIL, HEALTHY, IMPORTED, PRIVATE, blind, broken, but

BROKEN = breaks("a: gone", "mend a")
LATE = unknown(Why.TIMEOUT, "b: no answer")
DENIED = unknown(Why.DENIED, "c: denied", "grant it")
WEIGHT = {Outcome.MOOT: 0, Outcome.HOLDS: 1, Outcome.UNKNOWN: 2, Outcome.BREAKS: 3}

texts = st.sampled_from(["", "a", "b", "c", "d", "e"])
findings = st.builds(Finding, st.sampled_from(Outcome), texts, texts, st.none() | st.sampled_from(Why))


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([], MOOT),
        ([MOOT, MOOT], MOOT),
        ([HOLDS, MOOT], HOLDS),
        ([HOLDS, LATE, MOOT], LATE),
        ([LATE, BROKEN, HOLDS], BROKEN),
        ([BROKEN, BROKEN], BROKEN),
        (
            [breaks("a", "mend it"), breaks("b", "mend it")],
            breaks("a; b", "mend it"),
        ),
        (
            [LATE, DENIED],
            blind(
                Why.TIMEOUT,
                "b: no answer; c: denied",
                "look again; if it stays, allow more time (probe.timeout, dns.timeout); grant it",
            ),
        ),
        (
            [breaks(part, f"mend {part}") for part in "abcde"],
            broken("a; b; c; and 2 more", "mend a; mend b; mend c; and 2 more"),
        ),
    ],
)
def test_fold(parts: list[Finding], whole: Finding) -> None:
    """A break beats a blind spot, a blind spot a success; the first parts are spelled out, each text once."""
    assert worst(iter(parts)) == whole


@given(st.lists(findings))
def test_nothing_is_lighter_than_its_parts(parts: list[Finding]) -> None:
    """The whole weighs what its heaviest part weighs: nothing hides a break or a blind spot."""
    assert WEIGHT[worst(parts).outcome] == max((WEIGHT[part.outcome] for part in parts), default=0)


@given(findings)
def test_one_part_is_the_whole(part: Finding) -> None:
    """A condition about one name says what was found of it; folding twice changes nothing."""
    assert worst([part]) == part
    assert worst([part, part]) == part


@given(st.lists(findings).flatmap(lambda parts: st.tuples(st.just(parts), st.permutations(parts))))
def test_order_does_not_matter(orders: tuple[list[Finding], list[Finding]]) -> None:
    """The outcome is the same in whatever order a resolver gives the parts."""
    assert worst(orders[0]).outcome is worst(orders[1]).outcome


@given(st.lists(findings), st.lists(findings))
def test_a_fold_of_folds_is_a_fold(some: list[Finding], others: list[Finding]) -> None:
    """Names that have parts of their own fold like one flat list."""
    assert worst([worst(some), worst(others)]).outcome is worst([*some, *others]).outcome


UNTOLD = Finding(
    Outcome.UNKNOWN,
    "ACM's answer does not tell the certificate's type",
    "wait until ACM tells it; if it stays, look at the certificate in the AWS console",
    Why.ABSENT,
)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (HEALTHY, (True, True, False, False)),
        (EMAIL, (True, True, False, True)),
        (PRIVATE, (True, False, True, False)),
        (IMPORTED, (False, False, False, False)),
        (ACME, (False, False, False, False)),
        (but(key_pair_origin=""), (True, True, False, False)),
        (but(type="", key_pair_origin="ACME"), (False, False, False, False)),
        (but(type="IMPORTED", key_pair_origin=""), (False, False, False, False)),
        (but(type="SOMETHING_NEW"), (True, False, False, False)),
        (but(type=""), (UNTOLD, UNTOLD, UNTOLD, UNTOLD)),
    ],
)
def test_who_is_who(evidence: Evidence, expected: tuple[object, ...]) -> None:
    """Managed, public, private and validated by e-mail: by type and key origin, unknown where not told."""
    kinds = (managed, public, private, validated_by("EMAIL"))
    assert tuple(kind(evidence.certificate) for kind in kinds) == expected


def test_what_to_do_about_our_own_blindness() -> None:
    """Every reason of our own comes with what lets us see again."""
    assert [why for why in Why if why.ours and not unknown(why, "x").remedy] == []
