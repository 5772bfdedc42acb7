"""Pasts of every shape, drawn from the fields of the nouns, and one that is as in life."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from exporter.facts import Ask, Caa, Domain, Member, Question, Seen, Unseen, Why
from exporter.snapshot import Change, History, Source, What
from exporter.snapshot.past import Door, Entry, Past, Process, Stock
from tests.evidence import ARN, CERTIFICATE, DAY, LOOKS, NOON, OTHER_ARN, SERIAL, answers, look, missed
from tests.judge.test_filing import HELD, filed, lost

PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(timezones=st.just(UTC)),
    type(None): st.none(),
}


def drawn(of: Any) -> st.SearchStrategy[Any]:
    """Draw values of a type, with all fields of all nouns within."""
    origin, arguments = get_origin(of) or of, get_args(of)
    if of in PLAIN:
        return PLAIN[of]
    if origin in (Union, types.UnionType):
        return st.one_of(*map(drawn, arguments))
    if isinstance(origin, type) and issubclass(origin, tuple) and hasattr(origin, "_fields"):
        return st.builds(origin, *(drawn(one) for one in get_type_hints(origin).values()))
    if origin is tuple and arguments[1:] == (...,):
        return st.lists(drawn(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(drawn, arguments))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(drawn(arguments[0]), drawn(arguments[1]), max_size=2)
    if isinstance(origin, type) and issubclass(origin, StrEnum):
        return st.sampled_from(list(origin))
    assert isinstance(origin, type), of
    assert is_dataclass(origin), of
    variables = dict(zip(getattr(origin, "__parameters__", ()), arguments, strict=True))
    hints = get_type_hints(origin)
    own = {
        f.name for f in fields(origin) if get_args(hints[f.name]) == (origin, ...)
    }  # others of its own kind
    parts = {
        f.name: drawn(variables.get(hints[f.name], hints[f.name]))
        for f in fields(origin)
        if f.name not in own
    }
    alone = st.builds(origin, **parts)
    if not own:
        return alone
    return st.builds(origin, **parts, **{name: st.lists(alone, max_size=1).map(tuple) for name in own})


def pasts() -> st.SearchStrategy[Past]:
    """Draw pasts in which nothing is told twice; what only a process hands on is not kept."""
    hints = get_type_hints(Past)
    parts = {f.name: drawn(hints[f.name]) for f in fields(Past) if f.name != "process"}
    return st.builds(Past, **parts).map(distinct)


def distinct(past: Past) -> Past:
    """Leave out what another of the same identity tells already."""
    return replace(
        past,
        stocks={
            way: replace(stock, entries=tuple({one.row.arn: one for one in stock.entries}.values()))
            for way, stock in past.stocks.items()
        },
        domains=tuple({(one.name, one.port): one for one in past.domains}.values()),
        sources=tuple({one.source: one for one in past.sources}.values()),
        members=tuple({one.id: one for one in past.members or ()}.values()) or None,
        process=Process(),
    )


def facts(past: Past) -> dict[Any, Any]:
    """Spread a past into single facts, for which order means nothing."""
    return {
        **{("stock", way): replace(stock, entries=()) for way, stock in past.stocks.items()},
        **{("entry", way, one.row.arn): one for way, stock in past.stocks.items() for one in stock.entries},
        **{("domain", one.name, one.port): one for one in past.domains},
        **{("source", one.source): one for one in past.sources},
        **{("member", one.id): one for one in past.members or ()},
        **{("undelivered", number): one for number, one in enumerate(past.undelivered)},
        **_by_key(past, ("looks", "files", "answers", "remembered", "histories", "changed")),
    }


def _by_key(past: Past, names: Iterable[str]) -> dict[Any, Any]:
    return {(name, key): value for name in names for key, value in getattr(past, name).items()}


BARE = replace(CERTIFICATE, details=Unseen(Why.NOT_YET))
CHANGE = Change(NOON, ARN, "example.com", What.SERIAL, "a1", f"{SERIAL:x}")
LIVED = Past(
    stocks={
        Door("production", region="us-east-1"): Stock(
            Source("acm", "111122223333", "us-east-1", True, 0.7, NOON),
            (
                Entry(BARE, Seen(CERTIFICATE), BARE, NOON, {"team": "web"}),
                Entry(replace(BARE, arn=OTHER_ARN, serial=7), Unseen(Why.DENIED, "AccessDenied"), BARE, NOON),
            ),
            ("team",),
            Why.NOT_FOUND,
        )
    },
    domains=(Domain("www.example.com", labels={"team": "web"}), Domain("mail.example.com", 8443)),
    looks={
        **{(one.endpoint.domain, one.endpoint.port): (one,) for one in LOOKS},
        ("mail.example.com", 8443): (
            look("mail.example.com", port=8443),
            missed(Why.REFUSED, "no", name="mail.example.com", port=8443, address="192.0.2.2", at=NOON + DAY),
        ),
    },
    files={"/tls/www.pem": (filed(), lost(Why.FILE_UNREADABLE, "Permission denied", HELD))},
    answers={**answers(CERTIFICATE), Question(Ask.CAA, "x.example"): Unseen(Why.RESOLVER_TIMEOUT, "late")},
    remembered={Question(Ask.CAA, "x.example"): Caa()},
    sources=(Source("tls", success=True, duration=0.1, last_success=NOON), Source("dns", error="none")),
    members=(Member("111122223333", "production", own=True), Member("444455556666", "web", units=("ou-a",))),
    histories={ARN: History(NOON - DAY, {What.SERIAL: f"{SERIAL:x}", What.VERDICT: "renews"}, (CHANGE,))},
    changed={("certificate", What.SERIAL): 1},
    undelivered=(CHANGE,),
)
