"""The families of /probe that blackbox_exporter has, under its names and with its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest

from exporter.expose.exposition import collect, registry_of
from exporter.expose.families import ENDPOINTS
from exporter.expose.family import Family
from exporter.expose.rows import Row, Rows, Subject, moment, number
from exporter.facts import Served
from exporter.judge import probing
from exporter.judge.admission import Errand, Probed
from exporter.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe, and a snapshot of its endpoints and of the certificates for its name."""

    errand: Errand
    probed: Probed
    snapshot: Snapshot

    @property
    def served(self) -> Served | None:
        """What is served at the address that speaks for all."""
        look = probing.shown(self.probed.looks)
        return None if look is None else look.last


PROBE: Subject[Probe] = Subject((), lambda _: (), lambda _: ())


def _probe(name: str, help_: str, rows: Rows[Probe], *labels: str) -> Family:
    return Family(name, help_, PROBE, rows, labels)


def _success(probe: Probe) -> float | None:
    return probing.success(probe.errand.domain, probe.probed.looks)


def _lookup(probe: Probe) -> float:
    return probe.probed.looks[0].timing.resolve or 0.0


def _protocol(probe: Probe) -> float | None:
    look = probing.shown(probe.probed.looks) or probe.probed.looks[0]
    return (6.0 if ":" in look.endpoint.address else 4.0) if look.endpoint.address else None


def _verified_end(probe: Probe) -> float | None:
    one = probe.served
    return one.chain_not_after.timestamp() if one is not None and one.trusted else None


def _chain(probe: Probe, _: Snapshot) -> Iterable[Row]:
    one = probe.served
    if one is None:
        return ()
    serial = f"{one.serial:x}"
    serial = f"0{serial}" if len(serial) % 2 else serial  # whole bytes, as blackbox_exporter writes it
    return (((one.fingerprint, one.subject, one.issuer, ",".join(one.names), serial), 1.0),)


def _version(probe: Probe, _: Snapshot) -> Iterable[Row]:
    one = probe.served
    if one is None:
        return ()
    version = one.tls_version.removeprefix("TLSv")
    return (((f"TLS {version}.0" if version == "1" else f"TLS {version}",), 1.0),)


PROBES = (
    _probe(
        "probe_success",
        "1 if every address completed TLS with a trusted chain that covers the name, 0 if one did not.",
        number(_success),
    ),
    _probe(
        "probe_duration_seconds",
        "Duration of the probe: resolving and all addresses, which are looked at side by side.",
        number(lambda probe: probe.probed.seconds),
    ),
    _probe(
        "probe_dns_lookup_time_seconds",
        "Duration of resolving the name; 0 where there was nothing to resolve.",
        number(_lookup),
    ),
    _probe(
        "probe_ip_protocol",
        "4 or 6: IP version of the address that the rows below tell of, the one whose chain ends first.",
        number(_protocol),
    ),
    _probe(
        "probe_ssl_earliest_cert_expiry",
        "Earliest end in the verified chain, else in what was served, in seconds since 1970.",
        moment(lambda probe: None if probe.served is None else probe.served.chain_not_after),
    ),
    _probe(
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "Earliest end in the verified chain; no row where none could be verified.",
        number(_verified_end),
    ),
    _probe(
        "probe_ssl_last_chain_info",
        "What the served leaf is; always 1.",
        _chain,
        *("fingerprint_sha256", "subject", "issuer", "subjectalternative", "serialnumber"),
    ),
    _probe("probe_tls_version_info", "The negotiated version of TLS; always 1.", _version, "version"),
)


def render(probe: Probe) -> bytes:
    """Write the rows of one probe: blackbox_exporter's, then those of every address looked at."""
    return generate_latest(registry_of(lambda: _metrics(probe)))


def _metrics(probe: Probe) -> Iterator[Metric]:
    itself: Subject[Probe] = Subject((), lambda _: (), lambda _: (probe,))
    families = (*(replace(one, subject=itself) for one in PROBES), *ENDPOINTS)
    return (one for one in collect(families, probe.snapshot) if one.samples)
