"""Which certificates of an inventory cover a name, answered at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from exporter.facts import Certificate, Domain, Look
from exporter.judge.leaves import serials
from exporter.judge.names import names_over, normal


class Coverage:
    """An index of certificates by name, ARN and serial, made once and never changed."""

    def __init__(self, certificates: Iterable[Certificate]) -> None:
        self._by_arn = {one.arn: one for one in certificates}
        self._by_serial = {one.serial: one for one in self._by_arn.values() if one.serial is not None}
        self._by_name: defaultdict[str, dict[str, Certificate]] = defaultdict(dict)
        for one in self._by_arn.values():
            for name in one.names:
                self._by_name[normal(name)][one.arn] = one

    def get(self, arn: str) -> Certificate | None:
        """Return the certificate of an ARN."""
        return self._by_arn.get(arn)

    def named(self, name: str) -> Collection[Certificate]:
        """Return the certificates that have exactly this name, in its normal form."""
        return self._by_name.get(name, {}).values()

    def of(self, domain: Domain) -> tuple[Certificate, ...]:
        """Return the certificates that a domain may serve: the pinned one, else all that cover it."""
        if domain.arn:
            return (self._by_arn[domain.arn],) if domain.arn in self._by_arn else ()
        return self._covering(domain)

    def around(self, domain: Domain, looks: Iterable[Look]) -> tuple[Certificate, ...]:
        """Return all that looks at a domain are judged by: what may be served, covers it, or is served."""
        found = (self._by_serial[serial] for serial in serials(looks) if serial in self._by_serial)
        return tuple({one.arn: one for one in (*self.of(domain), *self._covering(domain), *found)}.values())

    def _covering(self, domain: Domain) -> tuple[Certificate, ...]:
        found: dict[str, Certificate] = {}
        for name in names_over(domain.name):
            found |= self._by_name.get(name, {})
        return tuple(found.values())
