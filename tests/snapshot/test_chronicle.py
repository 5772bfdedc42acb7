"""What changed: only what is known is compared with what was known, and all of it stays bounded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.facts import Look, Unseen, Why
from exporter.judge.verdict import Verdict, Word
from exporter.snapshot import Case, Change, History, What, chronicle
from exporter.snapshot.chronicle import COUNTED, LAST, Chronicle
from tests.evidence import (
    ARN,
    CERTIFICATE,
    DAY,
    HEALTHY,
    ISSUED,
    NOON,
    SERVED,
    detailed,
    look,
    missed,
    served,
)

PLACE = look().endpoint
HOUR = timedelta(hours=1)


def case(word: Word = Word.RENEWS, **changes: object) -> Case:
    """Make a judged certificate with some changes."""
    evidence = replace(HEALTHY, certificate=replace(CERTIFICATE, **changes))  # type: ignore[arg-type]
    return Case(evidence, Verdict(word, {}), None, None, ())


def of(what: What, was: str, now: str) -> Change:
    """Expect a change of the certificate."""
    return Change(NOON + HOUR, ARN, "example.com", what, was, now)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        pytest.param(case(), (), id="the same"),
        pytest.param(case(serial=7), (of(What.SERIAL, "a1b2c3", "7"),), id="another serial"),
        pytest.param(
            case(details=detailed(issuer="Example")),
            (of(What.ISSUER, "Amazon", "Example"),),
            id="another issuer",
        ),
        pytest.param(case(Word.BLOCKED), (of(What.VERDICT, "renews", "blocked"),), id="another verdict"),
        pytest.param(case(Word.UNKNOWN), (), id="a verdict that is not known"),
        pytest.param(
            case(serial=None, details=Unseen(Why.THROTTLED)),
            (),
            id="a serial and an issuer that are not known",
        ),
    ],
)
def test_certificates(later: Case, expected: tuple[Change, ...]) -> None:
    """Each change of what is known is told once, and is part of the history from then on."""
    book = Chronicle()
    assert book.certificate(case(), NOON).changes == ()
    history = book.certificate(later, NOON + HOUR)
    assert (history.first_seen, history.changes, book.news(), book.news()) == (NOON, expected, expected, ())
    assert book.certificate(later, NOON + 2 * HOUR).changes == expected
    assert sum(book.book.counts.values()) == len(expected)


def test_what_is_unknown_for_a_while_and_then_the_same_is_no_change() -> None:
    """Nor does a failure hide a change that it ends with."""
    book = Chronicle()
    for word in (Word.RENEWS, Word.UNKNOWN, Word.RENEWS, Word.UNKNOWN, Word.BLOCKED):
        book.certificate(case(word), NOON + HOUR)
    assert book.news() == (of(What.VERDICT, "renews", "blocked"),)


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        pytest.param(look(), missed(Why.REFUSED, last=SERVED), [], id="a failed look"),
        pytest.param(missed(Why.NOT_YET), look(), [], id="the first answer"),
        pytest.param(
            look(), look(sight=served(serial=9)), [(What.SERIAL, "a1b2c3", "9")], id="another serial"
        ),
        pytest.param(
            look(),
            look(sight=served(serial=9, issuer="CN=Other", not_before=ISSUED + DAY)),
            [(What.SERIAL, "a1b2c3", "9"), (What.ISSUER, SERVED.issuer, "CN=Other")],
            id="another certificate",
        ),
    ],
)
def test_endpoints(first: Look, then: Look, expected: list[tuple[What, str, str]]) -> None:
    """What is compared is what was served when it last answered."""
    book = Chronicle()
    book.endpoint(first, NOON)
    history = book.endpoint(then, NOON + HOUR)
    assert history.changes == book.news()
    assert [(one.what, one.was, one.now) for one in history.changes] == expected
    assert history.first_seen == (NOON if first.last else NOON + HOUR)


def test_nothing_is_counted_before_it_happens() -> None:
    """Each kind of change has its 0 from the start."""
    assert Chronicle().book.counts == dict.fromkeys(COUNTED, 0)


def test_a_restart_tells_nothing_again_and_misses_nothing() -> None:
    """What changed while nobody looked is told when it is seen; what had been told is not."""
    before = Chronicle()
    before.certificate(case(), NOON - DAY)
    before.certificate(case(serial=5), NOON)
    before.endpoint(look(), NOON)
    after = Chronicle(before.book.histories, before.book.counts)
    after.certificate(case(serial=5), NOON + HOUR)
    after.endpoint(look(sight=served(serial=9)), NOON + HOUR)
    told = Change(NOON + HOUR, PLACE, PLACE.domain, What.SERIAL, "a1b2c3", "9")
    assert after.news() == (told,)
    assert after.book.changes == (*before.book.changes, told)
    assert after.book.histories[ARN] == before.book.histories[ARN]
    assert after.book.counts == {**before.book.counts, ("endpoint", What.SERIAL): 1}


def test_a_past_that_comes_late_is_put_before() -> None:
    """A state file that could not be opened at the start still tells since when a certificate is known."""
    old = History(
        NOON - DAY, {What.SERIAL: "1"}, (Change(NOON - HOUR, ARN, "example.com", What.SERIAL, "0", "1"),)
    )
    book = Chronicle()
    book.certificate(case(), NOON)
    book.recall({ARN: old, PLACE: History(NOON - DAY)}, {("certificate", What.SERIAL): 1})
    history = book.certificate(case(), NOON + HOUR)
    assert (history.first_seen, history.changes, history.known[What.SERIAL]) == (
        NOON - DAY,
        old.changes,
        "a1b2c3",
    )
    assert book.endpoint(look(), NOON).first_seen == NOON - DAY
    assert (book.news(), book.book.counts["certificate", What.SERIAL]) == ((), 1)


def test_what_comes_back_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that leaves and returns has its history, as long as not too many left since."""
    monkeypatch.setattr(chronicle, "GONE", 2)
    book = Chronicle()
    looks = [look(address=f"192.0.2.{number}") for number in range(4)]
    for one in looks:
        book.endpoint(one, NOON)
        book.leave([one.endpoint])
    assert [book.endpoint(one, NOON + HOUR).first_seen for one in looks] == [
        *(NOON + HOUR, NOON + HOUR, NOON, NOON)
    ]


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something that changes at every look neither fills the memory nor hides the others for ever."""
    monkeypatch.setattr(chronicle, "MOST", LAST + 5)
    book = Chronicle()
    book.certificate(case(), NOON)
    book.certificate(case(serial=1), NOON)
    for serial in range(1, LAST + 10):
        history = book.endpoint(look(sight=served(serial=serial)), NOON + serial * HOUR)
    assert len(history.changes) == LAST
    assert [one.now for one in history.changes][-1] == f"{LAST + 9:x}"
    assert len(book.book.changes) == LAST + 5
    assert book.book.histories[ARN].changes == ()
