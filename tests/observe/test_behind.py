"""The addresses of what stands behind a name."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from exporter.facts import Domain, Why
from exporter.observe.behind import resolve_behind
from exporter.observe.sight import Blind

GONE = Why.NAME_NOT_FOUND
WILD = Domain("www.example", tentative=True, hosts=("lb-1", "lb-2"))
PLAIN = Domain("api.example", hosts=("lb-1", "lb-2"))


async def addresses(domain: Domain, zone: Mapping[str, tuple[str, ...] | Why]) -> tuple[str, ...] | Why:
    """Resolve a domain in a zone; a Blind becomes its reason."""

    async def resolve(name: str) -> tuple[str, ...]:
        found = zone.get(name, GONE)
        if isinstance(found, Why):
            raise Blind(found)
        return found

    try:
        return await resolve_behind(domain, resolve)
    except Blind as blind:
        return blind.why


@pytest.mark.parametrize(
    ("domain", "zone", "found"),
    [
        (WILD, {"www.example": ("1",), "lb-1": ("2",)}, ("1",)),
        (WILD, {"lb-1": ("2", "3"), "lb-2": ("3", "4")}, ("2", "3", "4")),
        (WILD, {"www.example": (), "lb-2": ("4",)}, ("4",)),
        (WILD, {"www.example": Why.RESOLVER_TIMEOUT, "lb-1": ("2",)}, Why.RESOLVER_TIMEOUT),
        (WILD, {}, GONE),
        (WILD, {"lb-1": (), "lb-2": ()}, ()),
        (WILD, {"lb-1": Why.RESOLVER_FAILURE, "lb-2": ("4",)}, ("4",)),
        (PLAIN, {"api.example": ("1",), "lb-1": ("2",)}, ("2",)),
        (PLAIN, {"api.example": ("1",)}, GONE),
    ],
    ids=[
        "where visitors go",
        "what stands behind",
        "a name without addresses",
        "not known whether it resolves",
        "nothing resolves",
        "nothing has addresses",
        "one of two hosts",
        "a plain name's hosts alone",
        "a plain name without them",
    ],
)
async def test_addresses(
    domain: Domain, zone: Mapping[str, tuple[str, ...] | Why], found: tuple[str, ...] | Why
) -> None:
    """A tentative name comes before its hosts; hosts that are gone hide no others."""
    assert await addresses(domain, zone) == found
