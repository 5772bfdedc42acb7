"""The past survives being written as rows, whole; and rows that nobody of us wrote harm nobody."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.facts import Endpoint, Seen, Unseen, Why
from exporter.snapshot.past import NOTHING, Past
from exporter.store.coding import MalformedError, coding
from exporter.store.rows import KINDS, Copy, Difference, Gathered, Row
from tests.evidence import ARN, NOON
from tests.store.pasts import LIVED, facts, pasts

rows = Copy().difference


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(pasts())
def test_every_noun_comes_back_as_it_was(past: Past) -> None:
    """Whatever the past may hold, in all fields of all nouns, is told by its rows."""
    gathered = Gathered()
    assert all(gathered.add(row) for row in rows(past).written)
    assert facts(gathered.past()) == facts(past)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def tampered(draw: st.DrawFn) -> Row:
    """Put anything in the place of some part of a row's value or key."""
    row = draw(st.sampled_from(rows(LIVED).written))
    part = draw(st.sampled_from(["key", "value"]))
    return row._replace(**{part: json.dumps(_with(draw, json.loads(getattr(row, part))))})


def _with(draw: st.DrawFn, tree: Any) -> Any:
    if isinstance(tree, dict) and tree and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(tree)))
        return {**tree, key: _with(draw, tree[key])}
    if isinstance(tree, list) and tree and draw(st.integers(0, 3)):
        place = draw(st.integers(0, len(tree) - 1))
        return [*tree[:place], _with(draw, tree[place]), *tree[place + 1 :]]
    return draw(anything)


@settings(deadline=None, max_examples=500)
@given(tampered() | st.builds(Row, st.sampled_from([kind.name for kind in KINDS]), st.text(), st.text()))
def test_a_row_is_read_as_a_noun_or_left_out(row: Row) -> None:
    """What is taken in is of the right types throughout, so that it can be written again."""
    gathered = Gathered()
    if gathered.add(row):
        (kind,) = (kind for kind in KINDS if gathered.nouns[kind.name])
        for key, value in gathered.nouns[kind.name].items():
            again = Row(kind.name, json.dumps(kind.key.write(key)), json.dumps(kind.value.write(value)))
            assert gathered.add(again)
            assert gathered.nouns[kind.name] == {key: value}


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(Row("unheard-of", '""', '""'), id="a kind of a later release"),
        pytest.param(Row("source", '"tls"', "[" * 100_000), id="brackets beyond any depth"),
        pytest.param(
            Row("changed", '["certificate","serial"]', "9" * 5_000), id="a number beyond any length"
        ),
    ],
)
def test_rows_that_cannot_be_read(row: Row) -> None:
    """They are left out, and that is said."""
    assert not Gathered().add(row)


def test_only_what_is_new_is_written() -> None:
    """A copy knows what it holds: an equal past is nothing new, and what left is removed."""
    copy = Copy()
    assert copy.difference(NOTHING) == Difference([], [], afresh=True)
    copy.keep(LIVED)
    assert copy.difference(replace(LIVED, looks=dict(LIVED.looks))) == Difference([], [])
    place = ("mail.example.com", 8443)
    later = replace(LIVED, looks={**LIVED.looks, place: LIVED.looks[place][:1]}, histories={})
    written, gone, afresh = copy.difference(later)
    assert [(row.kind, row.key) for row in written] == [("looks", '["mail.example.com",8443]')]
    assert (gone, afresh) == ([("history", json.dumps(ARN))], False)


@dataclass(frozen=True)
class Older:
    """A noun before it got a field."""

    name: str


@dataclass(frozen=True)
class Newer:
    """The same noun with it."""

    name: str
    port: int = 443


def test_a_field_that_came_later_takes_its_default_and_one_that_is_not_known_is_refused() -> None:
    """A row of an earlier release is read, and one of a later release is not half understood."""
    assert coding(Newer).read(coding(Older).write(Older("a"))) == Newer("a")
    with pytest.raises(MalformedError):
        coding(Older).read(coding(Newer).write(Newer("a")))


@pytest.mark.parametrize(
    ("of", "json"),
    [
        (str, 1),
        (int, True),
        (int, 1.0),
        (bool, 0),
        (float, "1"),
        (type(NOON), "2026-11-23T12:00:00"),
        (type(NOON), "2026-11-23T12:00:00+01:00"),
        (type(NOON), "noon"),
        (Why, "because"),
        (tuple[str, int], ["a"]),
        (tuple[int, ...], {"a": 1}),
        (dict[str, int], [["a", 1], ["a", 2]]),
        (Endpoint, {"domain": "a", "port": 1}),
        (Seen[int] | Unseen, {"Seen": {"value": 1}, "Unseen": {"why": "bug"}}),
        (Seen[int] | Unseen, {"Heard": {"value": 1}}),
        (Seen[int] | Unseen, None),
    ],
)
def test_values_of_another_shape(of: Any, json: Any) -> None:
    """A value is exactly of its type, or malformed."""
    with pytest.raises(MalformedError):
        coding(of).read(json)
