"""The log of one probe, as `debug=true` shows it."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.expose.probes import Probe
from exporter.expose.request import Request
from exporter.facts import Look, Seen, Served, Unseen
from exporter.judge import probing
from exporter.judge.names import covers
from exporter.judge.rule import Outcome
from exporter.snapshot import Case

_MATCHED = ("reachable", "name_match", "serial_match")
_SUCCESS = {True: "a success", False: "a failure", None: "nobody: a derived name that does not resolve"}


def log(request: Request, probe: Probe) -> str:
    """Tell each step with its time since the beginning, and what it came to."""
    lines = [*_begin(request, probe), *_resolving(probe)]
    for look in probe.probed.looks:
        lines += _address(look, probe)
    lines += _matches(probe)
    lines.append((probe.probed.seconds, _SUCCESS[probing.success(probe.errand.domain, probe.probed.looks)]))
    text = (f"{offset:+9.3f} s  {_printable(what)}" for offset, what in lines)
    return "\n".join(["Logs for the probe:", *text]) + "\n"


Line = tuple[float, str]


def _begin(request: Request, probe: Probe) -> Iterator[Line]:
    errand = probe.errand
    told = "allowed by probe.allow" if errand.guarded else "known"
    yield 0.0, f"begin {request.place} ({told}), for {errand.timeout:g} s at most"
    if request.module:
        yield 0.0, f"module {request.module} is not looked at: there is one kind of probe, a TLS handshake"
    domain = errand.domain
    if request.hostname and domain.name == request.hostname != request.host:
        yield 0.0, f"as {domain.name} instead of {request.host}"
    if domain.way and domain.way.starttls:
        yield 0.0, f"begins with {domain.way.starttls}"
    if domain.server_name:
        yield 0.0, f"server name (SNI) {domain.server_name}, as configured"


def _resolving(probe: Probe) -> Iterator[Line]:
    first, *others = probe.probed.looks
    took = first.timing.resolve
    addresses = ", ".join(look.endpoint.address for look in (first, *others))
    if took is None:
        if addresses:
            yield 0.0, f"resolve: nothing to resolve -> {addresses}"
    elif addresses:
        yield took, f"resolve {probe.errand.host} -> {addresses}"
    if not addresses and isinstance(first.sight, Unseen):
        yield took or 0.0, f"resolve {probe.errand.host}: {_why(first.sight)}"


def _address(look: Look, probe: Probe) -> Iterator[Line]:
    address, timing = look.endpoint.address, look.timing
    if not address:
        return
    at = (timing.resolve or 0.0) + (timing.connect or 0.0)
    failed = look.sight if isinstance(look.sight, Unseen) else None
    if failed is not None and timing.handshake is None and timing.starttls is None:
        yield at, f"{address}: connect: {_why(failed)}"
        return
    yield at, f"{address}: connected"
    if timing.starttls is not None:
        at += timing.starttls
        if failed is not None and timing.handshake is None:
            yield at, f"{address}: starttls: {_why(failed)}"
            return
        yield at, f"{address}: ready for TLS"
    at += timing.handshake or 0.0
    match look.sight:
        case Unseen() as unseen:
            yield at, f"{address}: handshake: {_why(unseen)}"
        case Seen(value=served):
            name, shown = probe.errand.domain.name, look.client_not_after is not None
            for one in (served, *served.others):
                where = f"{address} ({one.key_type.upper()})" if one.key_type else address
                yield from ((at, f"{where}: {text}") for text in _served(one, name, shown=shown))


def _served(served: Served, name: str, *, shown: bool) -> Iterator[str]:
    yield f"handshake: {served.tls_version} {served.cipher} {served.group}".rstrip()
    if served.wants_client_certificate:
        got = "gets" if shown else "does not get"
        yield f"handshake: it wants a certificate of the client, which it {got}"
    yield (
        f"chain: {served.chain_length} served, leaf {served.subject or 'without a name'} by {served.issuer}, "
        f"serial {served.serial:x}, {served.not_before:%Y-%m-%d} to {served.not_after:%Y-%m-%d %H:%M:%S} UTC"
    )
    match served.trusted:
        case True:
            yield f"trust: trusted until {served.chain_not_after:%Y-%m-%d %H:%M:%S} UTC"
        case False:
            yield f"trust: not trusted: {served.trust_error}"
        case None:
            yield "trust: not known, for want of roots"
    if covers(served.names, name):
        yield f"name: it covers {name}"
    else:
        yield f"name: it does not cover {name}, but {', '.join(served.names) or 'no name'}"


def _matches(probe: Probe) -> Iterator[Line]:
    at = probe.probed.seconds
    if not probe.snapshot.spots:
        return
    if not probe.snapshot.cases:
        yield at, f"ACM: no certificate of the inventory covers {probe.errand.domain.name}"
    for case in probe.snapshot.cases:
        for text in _case(case):
            yield at, f"ACM: {case.certificate.arn}: {text}"


def _case(case: Case) -> Iterator[str]:
    if not case.evidence.looks:
        yield "does not count here: another certificate is served or pinned, or it does not cover the name"
        return
    for code in _MATCHED:
        finding = case.verdict.findings[code]
        match finding.outcome:
            case Outcome.HOLDS | Outcome.MOOT:
                yield f"{code} {finding.outcome}"
            case Outcome.UNKNOWN:
                yield f"{code} is unknown: {finding.says}"
            case Outcome.BREAKS:
                yield f"{code} breaks: {finding.says}; do: {finding.remedy}"


def _why(unseen: Unseen) -> str:
    return f"{unseen.why}: {unseen.detail}" if unseen.detail else unseen.why.value


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
