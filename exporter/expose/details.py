"""The families of endpoints that tell more than the contract's: where it was asked for, and seen.

A chain has eight certificates at most here (observe.trust), and a server as many key types as were named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from exporter.expose import rows
from exporter.expose.family import Family, endpoint
from exporter.expose.rows import Row, Rows, Subject
from exporter.facts import Link, Look, Served
from exporter.snapshot import Snapshot, Spot


def _each_link(of: Callable[[Link, Snapshot], float | None]) -> Rows[Spot]:
    """Make a row for each certificate of the served chain, the leaf at position 0."""

    def rows_of(spot: Spot, snapshot: Snapshot) -> Iterable[Row]:
        for position, link in enumerate(spot.look.last.chain if spot.look.last else ()):
            value = of(link, snapshot)
            if value is not None:
                yield (str(position),), float(value)

    return rows_of


def _links(spot: Spot, _: Snapshot) -> Iterable[Row]:
    for position, one in enumerate(spot.look.last.chain if spot.look.last else ()):
        yield (str(position), f"{one.serial:x}", one.issuer, one.subject, one.fingerprint), 1.0


def _each_type(of: Callable[[Served], float | None]) -> Rows[Spot]:
    """Make a row for each type of key that was looked at by itself."""

    def rows_of(spot: Spot, _: Snapshot) -> Iterable[Row]:
        for one in _types(spot):
            value = of(one)
            if value is not None:
                yield (one.key_type,), float(value)

    return rows_of


def _types(spot: Spot) -> tuple[Served, ...]:
    one = spot.look.last
    return (one, *one.others) if one is not None and one.key_type else ()


def _type_info(spot: Spot, _: Snapshot) -> Iterable[Row]:
    for one in _types(spot):
        yield (one.key_type, f"{one.serial:x}", one.issuer, one.subject, one.fingerprint), 1.0


def _stapled(served: Served) -> bool | None:
    return served.ocsp != "none" if served.ocsp else None


def _ocsp(spot: Spot) -> str:
    status = spot.look.last.ocsp if spot.look.last else ""
    return "" if status == "none" else status


_IDENTITY = ("serial", "issuer", "subject", "fingerprint_sha256")

DETAILS = (
    endpoint(
        "tls_endpoint_key_exchange_info",
        "The negotiated group of the key exchange; always 1.",
        rows.state(lambda spot: spot.look.last.group if spot.look.last else ""),
        "group",
    ),
    endpoint(
        "tls_endpoint_ocsp_stapled",
        "1 if the server stapled an OCSP response, 0 if not; with probe.ocsp.",
        rows.number(rows.last(_stapled)),
    ),
    endpoint(
        "tls_endpoint_ocsp_status",
        "1 for what the stapled response says: good, revoked, unknown, expired or invalid; with probe.ocsp.",
        rows.state(_ocsp),
        "status",
    ),
    endpoint(
        "tls_endpoint_key_type_info",
        "What is served for each of the domain's key_types; always 1.",
        _type_info,
        *("key_type", *_IDENTITY),
    ),
    endpoint(
        "tls_endpoint_key_type_not_after_timestamp_seconds",
        "End of the validity of the leaf that is served for each of the domain's key_types.",
        _each_type(lambda served: served.not_after.timestamp()),
        "key_type",
    ),
    endpoint(
        "tls_endpoint_key_type_chain_trusted",
        "1 if the chain that is served for each of the domain's key_types leads to a trusted root, 0 if not.",
        _each_type(lambda served: served.trusted),
        "key_type",
    ),
    endpoint(
        "tls_endpoint_chain_certificate_info",
        "Each certificate of the served chain, the leaf at position 0; always 1; with probe.chain.",
        _links,
        *("position", *_IDENTITY),
    ),
    endpoint(
        "tls_endpoint_chain_certificate_not_after_timestamp_seconds",
        "End of the validity of each certificate of the served chain; with probe.chain.",
        _each_link(lambda link, _: link.not_after.timestamp()),
        "position",
    ),
    endpoint(
        "tls_endpoint_chain_certificate_days_to_expiry",
        "Days until each certificate of the served chain ends, as of the snapshot; with probe.chain.",
        _each_link(lambda link, snapshot: rows.days(link.not_after - snapshot.taken_at)),
        "position",
        aspect=rows.SHOWN_AGE,
    ),
    endpoint(
        "tls_endpoint_chain_certificate_trusted",
        "1 if this certificate and those served behind it lead to a trusted root; with probe.chain.",
        _each_link(lambda link, _: link.trusted),
        "position",
    ),
)

_CLIENTS: Subject[Look] = Subject(
    ("domain", "port"),
    lambda look: (look.endpoint.domain, str(look.endpoint.port)),
    lambda snapshot: (spot.look for spot in snapshot.spots if spot.look.client_not_after is not None),
)
CLIENTS = Family(
    "tls_client_certificate_not_after_timestamp_seconds",
    "End of the validity of the client certificate that is shown to the domain's servers.",
    _CLIENTS,
    rows.moment(lambda look: look.client_not_after),
)
