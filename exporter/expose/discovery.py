"""What there is to look at: for Prometheus's HTTP service discovery, and to be found when it is asked for.

It is the whole list, also where this exporter is one shard of several: Prometheus chooses who looks.
"""

from __future__ import annotations

import asyncio
import json
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.expose import deflate
from exporter.facts import Certificate, Domain
from exporter.judge.coverage import Coverage
from exporter.snapshot import Board, Snapshot

SHOWN = 3  # inventories that are named where they are not read yet


@dataclass(frozen=True, slots=True)
class Directory:
    """The targets of a snapshot, also by host and port, and its certificates by name."""

    targets: tuple[Domain, ...]
    certificates: tuple[Certificate, ...]
    known: Mapping[str, Mapping[int, Domain]]
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class Listing:
    """A directory as the body of /sd, plain and gzipped."""

    directory: Directory
    plain: bytes
    gzipped: bytes


class Discovery:
    """Keeps directory and listing of the board's latest snapshot, made when asked for, off the event loop."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._snapshot = board.latest
        self._directory = directory(self._snapshot)
        self._listing = listing(self._directory)
        self._reading, self._writing = asyncio.Lock(), asyncio.Lock()

    async def directory(self) -> Directory:
        """Return the directory of the latest snapshot."""
        async with self._reading:
            latest = self._board.latest
            if latest is not self._snapshot:
                self._directory = await asyncio.to_thread(directory, latest, self._directory)
                self._snapshot = latest
            return self._directory

    async def listing(self) -> Listing:
        """Return the body of /sd for the latest snapshot."""
        async with self._writing:
            current = await self.directory()
            if self._listing.directory is not current:
                self._listing = await asyncio.to_thread(listing, current)
            return self._listing


def missing(snapshot: Snapshot) -> str:
    """Say why the list of targets cannot be told yet; "" where it can."""
    if snapshot.listed:
        return ""
    listing = ("acm", "organization")
    unread = [one for one in snapshot.sources if one.source in listing and one.last_success is None]
    places = "; ".join(
        " ".join(filter(None, (one.source.removeprefix("acm"), one.account, one.region)))
        + (f" ({one.error})" if one.error else "")
        for one in unread[:SHOWN]
    )
    more = f" and {len(unread) - SHOWN} more" if len(unread) > SHOWN else ""
    return f"the inventory has not been read yet{places and ': '}{places}{more}"


def directory(snapshot: Snapshot, before: Directory | None = None) -> Directory:
    """Make the directory of a snapshot; the one before it is kept while nothing of it has changed."""
    certificates = (*(case.certificate for case in snapshot.cases), *snapshot.others)
    if before is not None and before.targets == snapshot.targets and _same(before.certificates, certificates):
        return before
    known: dict[str, dict[int, Domain]] = {}
    for one in snapshot.targets:
        known.setdefault(one.name, {})[one.port] = one
    return Directory(snapshot.targets, certificates, known, Coverage(certificates))


def listing(one: Directory) -> Listing:
    """Write the body of /sd, a target in each line: as each has its own name, no two share their labels."""
    groups = ",\n".join(json.dumps(_group(target, one.coverage)) for target in one.targets)
    plain = f"[\n{groups}\n]\n".encode() if groups else b"[]\n"
    return Listing(one, plain, deflate.stream(deflate.part(plain)))


def _same(one: tuple[Certificate, ...], other: tuple[Certificate, ...]) -> bool:
    return len(one) == len(other) and all(map(operator.is_, one, other))


def _group(target: Domain, coverage: Coverage) -> dict[str, list[str] | dict[str, str]]:
    host = f"[{target.name}]" if ":" in target.name else target.name
    labels = {f"__meta_acm_{name}": text for name, text in _labels(target, coverage)}
    return {"targets": [f"{host}:{target.port}"], "labels": labels}


def _labels(target: Domain, coverage: Coverage) -> Iterator[tuple[str, str]]:
    yield "domain", target.name
    yield "port", str(target.port)
    if target.server_name not in ("", target.name):
        yield "server_name", target.server_name
    if target.way and target.way.starttls:
        yield "starttls", target.way.starttls
    if target.optional:
        yield "tentative", "true"
    covering = coverage.of(target)
    if len(covering) == 1:
        yield "arn", covering[0].arn
        yield "account", covering[0].account
        yield "region", covering[0].region
    for name, text in target.labels.items():
        yield f"label_{name}", text
