"""Which names are looked at."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Sequence
from itertools import islice

from exporter.facts import Certificate, Domain
from exporter.judge.coverage import Coverage
from exporter.judge.names import covers, names_over, normal
from exporter.judge.resources import addresses
from exporter.judge.sharding import Shard

HTTPS = 443
MOST = 8  # of the resources that use one certificate


def targets(
    configured: Sequence[Domain], certificates: Iterable[Certificate], behind: Iterable[Certificate] = ()
) -> tuple[Domain, ...]:
    """Return the configured domains and then the certificates' names that are not among them, on port 443.

    A wildcard `*.x` cannot be looked at itself: `www.x` stands in for it where it resolves, and `x` where it
    is a name of the certificate too, as in AWS's former renewal check. Then come the resources behind some
    certificates, for names that are looked at nowhere.
    """
    names = {name: None for one in certificates for name in one.names}
    plain = {name: Domain(name, found=True) for name in names if not name.startswith("*.")}
    derived = (f"www.{name.removeprefix('*.')}" for name in names if name.startswith("*."))
    tentative = {name: Domain(name, tentative=True, found=True) for name in derived}
    taken = {one.name for one in configured}
    found = {**tentative, **plain}  # a certificate's own name is never tentative
    by_name = (*configured, *(one for name, one in sorted(found.items()) if name not in taken))
    return _with_resources(by_name, behind)


def _with_resources(domains: tuple[Domain, ...], certificates: Iterable[Certificate]) -> tuple[Domain, ...]:
    """Add one look at each resource whose certificate has a name that is looked at nowhere, by that name."""
    looked = {name for one in domains if not one.tentative for name in names_over(one.name)}
    places: dict[tuple[str, int, bool], set[str]] = {}
    for one in certificates:
        for resource, port in islice(addresses(one), MOST):
            answers = resource.names or one.names
            unseen = (name for name in answers if _is_open(name, one, looked))
            if name := next(unseen, ""):
                wild = name.startswith("*.")
                host = f"www.{name.removeprefix('*.')}" if wild else name
                key = (normal(host), port, wild and port == HTTPS)
                places.setdefault(key, set()).add(resource.dns_name)
    fresh = {
        (name, port): Domain(name, port, tentative=tentative, found=True, hosts=tuple(sorted(hosts)))
        for (name, port, tentative), hosts in sorted(places.items())
    }
    kept = (one for one in domains if not one.tentative or (one.name, one.port) not in fresh)
    return (*kept, *fresh.values())


def _is_open(name: str, certificate: Certificate, looked: Container[str]) -> bool:
    """Tell whether a name is the certificate's and looked at nowhere."""
    own = normal(name)
    return own not in looked and covers(certificate.names, own)


def listed(
    domains: tuple[Domain, ...],
    configured: Sequence[Domain],
    certificates: Iterable[Certificate],
    shard: Shard,
) -> tuple[Domain, ...]:
    """Choose the domains that all shards list: each knows only what stands behind its own certificates."""
    return domains if shard.total == 1 else targets(configured, certificates)


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
