"""Nouns as JSON and back, by the fields of their dataclasses.

Reading is total and strict: what is not exactly of the noun's shape is malformed, a field that is missing
takes its default. So a noun may get new fields with defaults without any change here.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

Json = Any  # what json.dumps takes and json.loads gives


class MalformedError(Exception):
    """A value is not of the shape that its noun has."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How values of one type are written and read; `read` raises MalformedError."""

    write: Callable[[Any], Json]
    read: Callable[[Json], Any]


@cache
def coding(of: Any) -> Coding:
    """Return the coding of a type: of texts, numbers, moments, enumerations, and what is made of those."""
    origin, arguments = get_origin(of) or of, get_args(of)
    if of in _PLAIN:
        return _PLAIN[of]
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is tuple:
        return _list(_later(arguments[0])) if arguments[1:] == (...,) else _row(tuple(map(coding, arguments)))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(coding(arguments[0]), coding(arguments[1]))
    if isinstance(origin, type) and issubclass(origin, StrEnum):
        return _enumeration(origin)
    if is_dataclass(origin):
        return _noun(origin, arguments)
    raise TypeError(f"{of} has no coding")


def _later(of: Any) -> Coding:
    """Return a coding that is made when it is used: a noun may hold others of its own kind."""
    return Coding(lambda value: coding(of).write(value), lambda json: coding(of).read(json))


def _noun(noun: Any, arguments: tuple[Any, ...]) -> Coding:
    """Code a dataclass as an object with a key for each field."""
    hints = get_type_hints(noun)
    variables = dict(zip(getattr(noun, "__parameters__", ()), arguments, strict=True))
    parts = [(one.name, coding(variables.get(hints[one.name], hints[one.name]))) for one in fields(noun)]
    needed = {one.name for one in fields(noun) if one.default is MISSING and one.default_factory is MISSING}
    readers = {name: part.read for name, part in parts}

    def write(value: Any) -> Json:
        return {name: part.write(getattr(value, name)) for name, part in parts}

    def read(json: Json) -> Any:
        if not isinstance(json, dict) or not needed <= json.keys() <= readers.keys():
            raise MalformedError
        return noun(**{name: readers[name](value) for name, value in json.items()})

    return Coding(write, read)


def _union(members: tuple[Any, ...]) -> Coding:
    """Code one of several: null for None, an object with the noun's name for a noun, others as they are."""
    nouns = {(get_origin(one) or one): coding(one) for one in members if is_dataclass(get_origin(one) or one)}
    by_name = {noun.__name__: part for noun, part in nouns.items()}
    others = [coding(one) for one in members if not is_dataclass(get_origin(one) or one) and one is not _NONE]
    optional = _NONE in members
    if len(others) + (len(nouns) > 0) > 1 + (str in members and len(nouns) > 0):
        raise TypeError(f"{members} cannot be told apart")

    def write(value: Any) -> Json:
        if value is None:
            return None
        part = nouns.get(type(value))
        return others[0].write(value) if part is None else {type(value).__name__: part.write(value)}

    def read(json: Json) -> Any:
        if json is None and optional:
            return None
        if isinstance(json, dict) and nouns:
            if len(json) != 1:
                raise MalformedError
            ((name, value),) = json.items()
            if name not in by_name:
                raise MalformedError
            return by_name[name].read(value)
        if not others:
            raise MalformedError
        return others[0].read(json)

    return Coding(write, read)


def _list(item: Coding) -> Coding:
    def read(json: Json) -> tuple[Any, ...]:
        if not isinstance(json, list):
            raise MalformedError
        return tuple([item.read(one) for one in json])

    return Coding(lambda value: [item.write(one) for one in value], read)


def _row(items: tuple[Coding, ...]) -> Coding:
    def write(value: Any) -> Json:
        return [item.write(one) for item, one in zip(items, value, strict=True)]

    def read(json: Json) -> tuple[Any, ...]:
        if not isinstance(json, list) or len(json) != len(items):
            raise MalformedError
        return tuple([item.read(one) for item, one in zip(items, json, strict=True)])

    return Coding(write, read)


def _mapping(key: Coding, value: Coding) -> Coding:
    """Code a mapping as a list of pairs: not all keys are texts."""
    pairs = _list(_row((key, value)))

    def read(json: Json) -> dict[Any, Any]:
        read = dict(pairs.read(json))
        if len(read) != len(json):
            raise MalformedError
        return read

    return Coding(lambda given: pairs.write(given.items()), read)


def _enumeration(of: type[StrEnum]) -> Coding:
    def read(json: Json) -> StrEnum:
        if not isinstance(json, str):
            raise MalformedError
        try:
            return of(json)
        except ValueError:
            raise MalformedError from None

    return Coding(lambda value: value.value, read)


def _exactly(of: type) -> Coding:
    def read(json: Json) -> Any:
        if type(json) is not of:
            raise MalformedError
        return json

    return Coding(lambda value: value, read)


def _read_number(json: Json) -> float:
    if type(json) not in (int, float) or not math.isfinite(json):
        raise MalformedError
    return float(json)


def _read_moment(json: Json) -> datetime:
    try:
        moment = datetime.fromisoformat(json)
    except (TypeError, ValueError):
        raise MalformedError from None
    if moment.utcoffset() != timedelta(0):
        raise MalformedError
    return moment


def _write_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


_NONE = type(None)
_PLAIN: Mapping[Any, Coding] = {
    str: _exactly(str),
    bool: _exactly(bool),
    int: _exactly(int),
    float: Coding(float, _read_number),
    datetime: Coding(_write_moment, _read_moment),
}
