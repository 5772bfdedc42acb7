"""An endpoint that serves several certificates, one for each type of key, is judged by each of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from exporter.facts import Look, Seen


def leaves(look: Look) -> tuple[Look, ...]:
    """Return a look for each certificate that is served; nearly always the look itself."""
    served = look.last
    if served is None or not served.others:
        return (look,)
    return tuple(
        replace(look, sight=Seen(one) if isinstance(look.sight, Seen) else look.sight, last=one)
        for one in (replace(served, others=()), *served.others)
    )


def serials(looks: Iterable[Look]) -> set[int]:
    """Return the serial numbers of everything that is served."""
    return {one.last.serial for look in looks for one in leaves(look) if one.last is not None}
