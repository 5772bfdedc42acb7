"""/probe: one endpoint, looked at now by what the server was handed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from exporter.expose import course, probes
from exporter.expose.discovery import Directory, Discovery
from exporter.expose.probes import Probe
from exporter.expose.request import Request, parse
from exporter.facts import Domain
from exporter.judge import probing
from exporter.judge.addresses import never
from exporter.judge.admission import (
    Allowance,
    Errand,
    Forbidden,
    Probed,
    allowed,
    beginning,
    disguised,
)
from exporter.snapshot import Board, Known, Snapshot
from exporter.snapshot.taking import take

SOON = {"Retry-After": "1"}  # seconds


@dataclass(frozen=True, slots=True)
class Probing:
    """What probes, which is handed in, and whom it may probe."""

    run: Callable[[Errand], Awaitable[Probed | Forbidden | None]]  # None: too many at once
    allow: tuple[Allowance, ...]
    timeout: float  # seconds


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no probe."""

    status: int
    text: str


class Prober:
    """Answers /probe for one board."""

    def __init__(self, board: Board, discovery: Discovery, means: Probing) -> None:
        self._board = board
        self._discovery = discovery
        self.means = means

    async def answer(self, request: web.Request) -> web.Response:
        """Look and tell, or say why not."""
        answer = await self._answer(request.query, request.headers)
        match answer:
            case Refusal(status=status, text=text):
                return web.Response(text=f"{text}\n", status=status, headers=SOON if status == 503 else None)
            case str() as log:
                return web.Response(text=log)
            case bytes() as metrics:
                return web.Response(body=metrics, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _answer(self, query: Mapping[str, str], headers: Mapping[str, str]) -> bytes | str | Refusal:
        try:
            request = parse(query, headers)
        except ValueError as error:
            return Refusal(400, str(error))
        directory = await self._discovery.directory()
        errand = admit(request, directory, self._board.latest, self.means)
        if isinstance(errand, Refusal):
            return errand
        match await self.means.run(errand):
            case None:
                return Refusal(503, "too many probes are under way; ask again in a second")
            case Forbidden(address=address):
                return Refusal(403, _never(f"{request.place} has the address {address}"))
            case Probed() as probed:
                probe = Probe(errand, probed, judged(errand, probed, directory, self._board.latest))
                metrics = probes.render(probe)
                if request.debug:
                    shown = metrics.decode()
                    return f"{course.log(request, probe)}\nMetrics that would have been returned:\n{shown}"
                return metrics


def admit(request: Request, directory: Directory, snapshot: Snapshot, means: Probing) -> Errand | Refusal:
    """Say what may be looked at for a request, or why nothing."""
    timeout = min(means.timeout, request.patience)
    ports = directory.known.get(request.host, {})
    domain = ports.get(request.port)
    if domain is not None:
        domain = beginning(disguised(domain, request.host, request.hostname), request.starttls)
        return Errand(domain, request.host, timeout)
    if allowed(means.allow, request.host, request.port):
        if never(request.host):
            return Refusal(403, _never(f"{request.host}"))
        domain = disguised(Domain(request.host, request.port), request.host, request.hostname)
        domain = beginning(domain, request.starttls)
        return Errand(domain, request.host, timeout, guarded=True)
    if not snapshot.listed:
        return Refusal(503, f"{request.place} is not known, and the inventory has not been read yet")
    known = f" (its known ports: {', '.join(map(str, ports))})" if ports else ""
    return Refusal(
        403,
        f"{request.place} is neither a configured domain nor a name of the inventory's certificates"
        f"{known}; probe.allow would have to allow it",
    )


def judged(errand: Errand, probed: Probed, directory: Directory, latest: Snapshot) -> Snapshot:
    """Judge the looks against the certificates for the name alone, with the rules of all snapshots."""
    nobody = probing.success(errand.domain, probed.looks) is None
    known = Known(
        certificates=directory.coverage.around(errand.domain, probed.looks),
        domains=(errand.domain,),
        looks=() if nobody else probed.looks,
        sources=latest.sources,
    )
    return take(known, latest.policy, max(look.at for look in probed.looks))


def _never(what: str) -> str:
    return f"{what}, which is never probed: it is link-local, multicast, unspecified or for metadata"
