"""The addresses of a name that AWS resources stand behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from exporter.facts import Domain
from exporter.observe.sight import Blind


async def resolve_behind(
    domain: Domain, resolve: Callable[[str], Awaitable[tuple[str, ...]]]
) -> tuple[str, ...]:
    """Resolve the domain's hosts; a tentative one by its own name where that has addresses.

    One host of several may be gone; raises Blind where none resolves, or where we cannot tell.
    """
    if domain.tentative and (own := await _addresses(domain.name, resolve)):
        return own
    found: dict[str, None] = {}
    last: Blind | None = None
    for host in domain.hosts:
        try:
            found |= dict.fromkeys(await resolve(host))
        except Blind as blind:
            last = blind
    if last is not None and not found:
        raise last
    return tuple(found)


async def _addresses(name: str, resolve: Callable[[str], Awaitable[tuple[str, ...]]]) -> tuple[str, ...]:
    """Resolve a name that need not be there."""
    try:
        return await resolve(name)
    except Blind as blind:
        if blind.why.ours:
            raise
        return ()
