"""Which endpoints count for which certificate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from exporter.facts import Certificate, Evidence, FileLook, Look
from exporter.judge.issue import is_older_issue, same_issuer
from exporter.judge.leaves import leaves
from exporter.judge.names import names_over, normal

NO_FILES: Mapping[str, tuple[FileLook, ...]] = {}


def assign(
    certificates: Iterable[Certificate],
    looks: Iterable[Look],
    pins: Mapping[tuple[str, int], str],
    files: Mapping[str, tuple[FileLook, ...]] = NO_FILES,
) -> dict[str, Evidence]:
    """Say which endpoints count for which certificate; answers of DNS are not filled in.

    The files that count for each are given by its ARN.

    An endpoint counts for the certificates that cover its domain; where it serves one of them, or an older
    issue of one of them, for that one alone; where it is pinned to an ARN, for that ARN whatever it serves.
    One that serves several certificates counts with each of them as if it were several endpoints.
    """
    inventory = {one.arn: one for one in certificates}
    by_name: dict[str, list[Certificate]] = defaultdict(list)
    by_serial: dict[int, list[str]] = defaultdict(list)
    for one in inventory.values():
        for name in dict.fromkeys(normal(n) for n in one.names):
            by_name[name].append(one)
        if one.serial is not None:
            by_serial[one.serial].append(one.arn)
    counting: dict[str, list[Look]] = defaultdict(list)
    for look in looks:
        pin = pins.get((look.endpoint.domain, look.endpoint.port))
        names = names_over(look.endpoint.domain)
        covering = {one.arn: one for name in names for one in by_name.get(name, [])}
        for leaf in leaves(look):
            for arn in [pin] if pin else owners(leaf, covering.values()):
                counting[arn].append(leaf)
    return {
        arn: Evidence(
            one,
            tuple(counting[arn]),
            {},
            siblings(one, (*counting[arn], *files.get(arn, ())), by_serial.get),
            files=files.get(arn, ()),
        )
        for arn, one in inventory.items()
    }


def owners(look: Look, covering: Iterable[Certificate]) -> list[str]:
    """Say for which of the certificates that cover its domain an endpoint counts, by ARN."""
    covering = list(covering)
    served = look.last
    if served is not None and len(covering) > 1:
        exact = [one for one in covering if one.serial == served.serial]
        older = [one for one in covering if same_issuer(one, served) and is_older_issue(served, one)]
        covering = exact or older or covering
    return [one.arn for one in covering]


def siblings(
    one: Certificate, looks: Iterable[Look | FileLook], holders: Callable[[int], Iterable[str] | None]
) -> dict[int, str]:
    """Name the other certificates of the inventory that are served, or lie, where this one should."""
    served = {look.last.serial for look in looks if look.last is not None} - {one.serial}
    return {serial: min(arns) for serial in served if (arns := holders(serial))}


def tells_nothing_new(looks: tuple[Look, ...], before: tuple[Look, ...], certificate: Certificate) -> bool:
    """Tell whether no rule can find anything else in these looks than in those before: only times differ."""
    return len(looks) == len(before) and all(
        new.endpoint == old.endpoint
        and new.sight == old.sight
        and new.reached == old.reached
        and new.last == old.last
        and (
            new.last_success == old.last_success
            or (new.last is not None and new.last.serial == certificate.serial)
        )
        for new, old in zip(looks, before, strict=True)
    )
