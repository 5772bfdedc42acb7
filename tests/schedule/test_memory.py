"""What is kept between looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.facts import Ask, Caa, Domain, Endpoint, Look, Question, Seen, Timing, Unseen, Why
from exporter.schedule.memory import OUTCOMES, RECENT, Memory, Pulse, carry
from exporter.snapshot import Source
from tests.evidence import NOON, SERVED, look, missed

NAME = "www.example.com"
ONE, TWO = "192.0.2.1", "192.0.2.2"
LATER = NOON + timedelta(minutes=5)
EARLIER = NOON - timedelta(minutes=5)
RENEWED = replace(SERVED, serial=7)

SEEN = replace(look(address=ONE, at=EARLIER), reached=True)
SEEN_TWO = replace(look(address=TWO, at=EARLIER), reached=True)
REFUSED = replace(missed(Why.REFUSED, address=ONE, last=SERVED, last_success=EARLIER), reached=False)
NEVER_RESOLVED = replace(missed(Why.NAME_NOT_FOUND, address=""), reached=False)


@pytest.mark.parametrize(
    ("known", "fresh", "carried"),
    [
        pytest.param(
            (),
            (look(address=ONE),),
            (replace(look(address=ONE), reached=True),),
            id="seen for the first time",
        ),
        pytest.param(
            (),
            (missed(Why.REFUSED, address=ONE),),
            (replace(missed(Why.REFUSED, address=ONE), reached=False),),
            id="failed for the first time",
        ),
        pytest.param(
            (),
            (missed(Why.TIMEOUT, address=ONE),),
            (missed(Why.TIMEOUT, address=ONE),),
            id="never any evidence",
        ),
        pytest.param(
            (SEEN,),
            (missed(Why.REFUSED, address=ONE),),
            (REFUSED,),
            id="a failure keeps what was served last",
        ),
        pytest.param(
            (SEEN,),
            (missed(Why.NO_ROUTE, address=ONE),),
            (replace(SEEN, sight=Unseen(Why.NO_ROUTE), at=NOON),),
            id="a failure of ours keeps that it was reached",
        ),
        pytest.param(
            (REFUSED,),
            (missed(Why.TIMEOUT, address=ONE, at=LATER),),
            (replace(REFUSED, sight=Unseen(Why.TIMEOUT), at=LATER),),
            id="a failure of ours keeps that it was not reached",
        ),
        pytest.param(
            (REFUSED,),
            (look(address=ONE, sight=Seen(RENEWED), at=LATER),),
            (replace(look(address=ONE, sight=Seen(RENEWED), at=LATER), reached=True),),
            id="seen again",
        ),
        pytest.param(
            (SEEN, SEEN_TWO),
            (missed(Why.RESOLVER_TIMEOUT, address=""),),
            (
                replace(SEEN, sight=Unseen(Why.RESOLVER_TIMEOUT), at=NOON),
                replace(SEEN_TWO, sight=Unseen(Why.RESOLVER_TIMEOUT), at=NOON),
            ),
            id="while our resolver is silent all addresses keep their rows",
        ),
        pytest.param(
            (SEEN,),
            (missed(Why.NAME_NOT_FOUND, address=""),),
            (replace(SEEN, sight=Unseen(Why.NAME_NOT_FOUND), at=NOON, reached=False),),
            id="a name that is gone keeps its rows, not reached",
        ),
        pytest.param(
            (NEVER_RESOLVED,),
            (missed(Why.NAME_NOT_FOUND, address="", at=LATER),),
            (replace(NEVER_RESOLVED, at=LATER),),
            id="a name that never resolved has one row",
        ),
        pytest.param(
            (NEVER_RESOLVED,),
            (look(address=ONE),),
            (replace(look(address=ONE), reached=True),),
            id="a name that resolves at last loses the row without an address",
        ),
        pytest.param(
            (SEEN,),
            (look(address=TWO), missed(Why.REFUSED, address="192.0.2.3")),
            (
                replace(look(address=TWO), reached=True),
                replace(missed(Why.REFUSED, address="192.0.2.3"), reached=False),
            ),
            id="addresses that the name no longer has are forgotten",
        ),
    ],
)
def test_carry(known: tuple[Look, ...], fresh: tuple[Look, ...], carried: tuple[Look, ...]) -> None:
    """Rows survive failed looks with the last known values, and leave with their address."""
    assert carry(known, fresh) == carried


@pytest.mark.parametrize(
    ("known", "fresh", "carried"),
    [
        pytest.param((), missed(Why.NAME_NOT_FOUND, address=""), (), id="does not exist"),
        pytest.param((), missed(Why.RESOLVER_TIMEOUT, address=""), (), id="is not known to exist"),
        pytest.param((SEEN,), missed(Why.NO_ADDRESS, address=""), (), id="exists no longer"),
        pytest.param(
            (SEEN,),
            missed(Why.RESOLVER_TIMEOUT, address=""),
            (replace(SEEN, sight=Unseen(Why.RESOLVER_TIMEOUT), at=NOON),),
            id="existed when the resolver last answered",
        ),
        pytest.param(
            (),
            missed(Why.REFUSED, address=ONE),
            (replace(missed(Why.REFUSED, address=ONE), reached=False),),
            id="exists",
        ),
    ],
)
def test_carry_of_a_tentative_name(known: tuple[Look, ...], fresh: Look, carried: tuple[Look, ...]) -> None:
    """A www that stands in for a wildcard has rows only where it exists."""
    assert carry(known, (fresh,), tentative=True) == carried


WWW, API = Domain(NAME), Domain("api.example.com", 8443)
QUESTION, OTHER = Question(Ask.CAA, NAME), Question(Ask.CAA, "api.example.com")
ANSWER = Caa("example.com")


def test_what_is_new_says_that_it_was_not_looked_at_yet() -> None:
    """From the first moment a configured name has a row, and a question an answer that says not yet."""
    memory = Memory()
    memory.keep([WWW, API, Domain("www.example.net", tentative=True)], [QUESTION], NOON)
    assert memory.looks == {
        (NAME, 443): (Look(Endpoint(NAME, 443, ""), Unseen(Why.NOT_YET), NOON),),
        ("api.example.com", 8443): (Look(Endpoint("api.example.com", 8443, ""), Unseen(Why.NOT_YET), NOON),),
        ("www.example.net", 443): (),
    }
    assert (memory.answers, memory.remembered) == ({QUESTION: Unseen(Why.NOT_YET)}, {})


def test_what_stays_is_kept_and_what_leaves_is_forgotten() -> None:
    """Rows leave with the configuration or the account, and not before."""
    memory = Memory()
    memory.keep([WWW, API], [QUESTION, OTHER], NOON)
    memory.see(WWW, (look(address=ONE),), 0.1)
    memory.hear(QUESTION, Seen(ANSWER), NOON, 0.1)
    memory.hear(OTHER, Seen(ANSWER), NOON, 0.1)
    memory.keep([WWW], [QUESTION], LATER)
    assert memory.looks == {(NAME, 443): (replace(look(address=ONE), reached=True),)}
    assert (memory.answers, memory.remembered) == ({QUESTION: Seen(ANSWER)}, {QUESTION: ANSWER})


def test_a_look_that_ends_after_its_domain_left_leaves_no_row() -> None:
    """What left while it was looked at does not come back."""
    memory = Memory()
    assert memory.see(WWW, (look(address=ONE),), 0.1)
    assert memory.hear(QUESTION, Seen(ANSWER), NOON, 0.1)
    assert (memory.looks, memory.answers, memory.remembered) == ({}, {}, {})
    assert (memory.tally["tls", "ok"], memory.tally["dns", "ok"]) == (1, 1)


def test_a_failed_answer_does_not_erase_the_one_before() -> None:
    """`acm_certificate_validation_record` keeps its value while the resolver is silent."""
    memory = Memory()
    memory.keep([], [QUESTION], NOON)
    assert memory.hear(QUESTION, Seen(ANSWER), NOON, 0.1)
    assert not memory.hear(QUESTION, Unseen(Why.RESOLVER_TIMEOUT), LATER, 5.0)
    assert memory.answers == {QUESTION: Unseen(Why.RESOLVER_TIMEOUT)}
    assert memory.remembered == {QUESTION: ANSWER}


@pytest.mark.parametrize(
    ("fresh", "rests"),
    [
        ((look(address=ONE),), True),
        ((missed(Why.REFUSED, address=ONE),), True),
        ((missed(Why.NAME_NOT_FOUND, address=""),), True),
        ((missed(Why.NO_ROUTE, address="2001:db8::1"), look(address=ONE)), True),
        ((missed(Why.NO_ROUTE, address="2001:db8::1"), missed(Why.REFUSED, address=ONE)), True),
        ((missed(Why.FORBIDDEN_ADDRESS, address="127.0.0.1"),), True),
        ((missed(Why.NO_ROUTE, address="2001:db8::1"),), False),
        ((missed(Why.RESOLVER_TIMEOUT, address=""),), False),
        ((missed(Why.BUG, address=ONE), missed(Why.TIMEOUT, address=TWO)), False),
    ],
)
def test_only_looks_that_failed_for_our_reasons_are_tried_again_sooner(
    fresh: tuple[Look, ...], rests: bool
) -> None:
    """A host that is down is not looked at more often than one that is up."""
    memory = Memory()
    memory.keep([WWW], [], NOON)
    assert memory.see(WWW, fresh, 0.1) is rests


def test_every_outcome_is_counted_from_zero() -> None:
    """`rate()` of a failure that never happened before is right at its first time."""
    memory = Memory()
    assert set(memory.tally.values()) == {0}
    assert {outcome for _, outcome in memory.tally} == {"ok", *(why.value for why in Why)} - {
        Why.NOT_YET,
        Why.ABSENT,
        Why.STALE,
    }
    memory.keep([WWW], [QUESTION], NOON)
    memory.see(WWW, (look(address=ONE), look(address=TWO), missed(Why.REFUSED, address="192.0.2.3")), 0.1)
    memory.hear(QUESTION, Unseen(Why.RESOLVER_FAILURE), NOON, 0.1)
    memory.count("acm", Unseen(Why.THROTTLED))
    assert {key: number for key, number in memory.tally.items() if number} == {
        ("tls", "ok"): 2,
        ("tls", "refused"): 1,
        ("dns", "resolver_failure"): 1,
        ("acm", "throttled"): 1,
    }
    assert len(memory.tally) == sum(len(outcomes) for outcomes in OUTCOMES.values())


OURS = Unseen(Why.RESOLVER_TIMEOUT, "no answer within 5 s")


def test_a_source_fails_only_when_all_recent_looks_failed_for_our_reasons() -> None:
    """One slow name server of somebody else raises no alert on the exporter; an outage of ours does."""
    pulse = Pulse(Source("dns"))
    assert pulse.source == Source("dns")
    pulse.note("fine", None, NOON, 0.2)
    assert pulse.source == Source("dns", success=True, duration=0.2, last_success=NOON)
    for number in range(RECENT - 1):
        pulse.note(number, OURS, LATER, 5.0)
        assert pulse.source == Source("dns", success=True, duration=5.0, last_success=NOON)
    pulse.note(0, OURS, LATER, 5.0)  # again the same: still one key that is fine among the recent ones
    assert pulse.source.success
    pulse.note("one more", OURS, LATER, 5.0)
    assert pulse.source == Source(
        "dns",
        success=False,
        duration=5.0,
        last_success=NOON,
        error="resolver_timeout: no answer within 5 s",
    )
    pulse.note(0, None, LATER, 0.1)
    assert pulse.source == Source("dns", success=True, duration=0.1, last_success=LATER)


def test_a_refusal_to_look_is_no_failure_of_a_source() -> None:
    """Whoever sends names of certificates inward raises no alert on the exporter, and is looked for no sooner."""
    memory = Memory()
    memory.keep([WWW], [QUESTION], NOON)
    memory.see(WWW, (missed(Why.FORBIDDEN_ADDRESS, address="127.0.0.1"),), 0.1)
    memory.hear(QUESTION, Unseen(Why.FORBIDDEN_ADDRESS), NOON, 0.1)
    assert (memory.tls.source.success, memory.dns.source.success) == (True, True)


def test_what_is_not_looked_at_any_more_does_not_speak_for_its_source() -> None:
    """Names that left the plan in good health do not hide that all others fail."""
    memory = Memory()
    memory.keep([WWW, API], [QUESTION, OTHER], NOON)
    memory.see(API, (look("api.example.com", port=8443),), 0.1)
    memory.hear(OTHER, Seen(ANSWER), NOON, 0.1)
    memory.keep([WWW], [QUESTION], NOON)
    memory.see(WWW, (missed(Why.RESOLVER_TIMEOUT, address=""),), 5.0)
    memory.hear(QUESTION, OURS, NOON, 5.0)
    assert (memory.tls.source.success, memory.dns.source.success) == (False, False)


def test_the_timing_is_that_of_the_latest_look() -> None:
    """A duration shown beside a failure is the failure's, not that of an old success."""
    slow = replace(missed(Why.CONNECT_TIMEOUT, address=ONE), timing=Timing(0.1))
    (carried,) = carry((replace(SEEN, timing=Timing(0.1, 0.2, 0.3)),), (slow,))
    assert carried.timing == Timing(0.1)
