"""What a look gave: a value, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from exporter.facts.why import Why

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Seen(Generic[T_co]):
    """A look that gave a value."""

    value: T_co


@dataclass(frozen=True, slots=True)
class Unseen:
    """A look that gave none; `detail` is free text for people and never becomes a label."""

    why: Why
    detail: str = ""


Sight: TypeAlias = Seen[T_co] | Unseen
