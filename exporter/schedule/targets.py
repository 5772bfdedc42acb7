"""Which names are looked at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from exporter.facts import Certificate, Domain
from exporter.judge.coverage import Coverage
from exporter.judge.names import names_over, normal
from exporter.judge.sharding import Shard


def targets(configured: Sequence[Domain], certificates: Iterable[Certificate]) -> tuple[Domain, ...]:
    """Return the configured domains and then the certificates' names that are not among them, on port 443.

    A wildcard `*.x` cannot be looked at itself: `www.x` stands in for it where it resolves, and `x` where it
    is a name of the certificate too, as in AWS's former renewal check.
    """
    names = {name: None for one in certificates for name in one.names}
    plain = {name: Domain(name, found=True) for name in names if not name.startswith("*.")}
    derived = (f"www.{name.removeprefix('*.')}" for name in names if name.startswith("*."))
    tentative = {name: Domain(name, tentative=True, found=True) for name in derived}
    taken = {one.name for one in configured}
    found = {**tentative, **plain}  # a certificate's own name is never tentative
    return (*configured, *(one for name, one in sorted(found.items()) if name not in taken))


def concerning(domains: Iterable[Domain], certificates: Iterable[Certificate]) -> tuple[Domain, ...]:
    """Choose the domains that tell something of some certificates: by a name or by a pinned ARN."""
    certificates = tuple(certificates)
    arns = {one.arn for one in certificates}
    names = {normal(name) for one in certificates for name in one.names}
    return tuple(one for one in domains if one.arn in arns or not names.isdisjoint(names_over(one.name)))


def watched(
    domains: tuple[Domain, ...], certificates: Collection[Certificate], shard: Shard
) -> tuple[Domain, ...]:
    """Choose the domains that a shard looks at: its own, and others' that may count for its certificates."""
    if shard.total == 1:
        return domains
    coverage = Coverage(certificates)
    return tuple(
        one
        for one in domains
        if shard.watches(one.name, [one.arn] if one.arn else [other.arn for other in coverage.of(one)])
    )
