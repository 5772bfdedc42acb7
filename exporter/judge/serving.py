"""Rules on what visitors get."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from datetime import datetime

from exporter.facts import Certificate, Endpoint, Evidence, Look, Seen, Served, Unseen, Why
from exporter.judge import filing
from exporter.judge.issue import Kinship, kinship, tells
from exporter.judge.names import covers
from exporter.judge.resources import places
from exporter.judge.rule import (
    HOLDS,
    MOOT,
    Finding,
    Outcome,
    Policy,
    Scope,
    breaks,
    every,
    rule,
    unknown,
    unsaid,
    worst,
)

POST_MORTEM = "the post-mortem's five conditions"

_WORDS = {
    Why.NAME_NOT_FOUND: "the name does not exist",
    Why.NO_ADDRESS: "the name has no address",
    Why.DNSSEC_BOGUS: "DNSSEC validation of its address fails",
    Why.BAD_NAME: "it is not a host name",
    Why.REFUSED: "the connection is refused",
    Why.UNREACHABLE: "the address cannot be reached",
    Why.NO_ROUTE: "this machine has no route to it",
    Why.CONNECT_TIMEOUT: "no answer to the connection",
    Why.HANDSHAKE_TIMEOUT: "the TLS handshake does not end in time",
    Why.RESET: "the connection is closed during the handshake",
    Why.NOT_TLS: "it does not speak TLS",
    Why.TLS_UNRECOGNIZED_NAME: "it does not know the name (TLS alert)",
    Why.TLS_PROTOCOL_VERSION: "it accepts no TLS version of ours",
    Why.TLS_HANDSHAKE_FAILURE: "it refuses the TLS handshake",
    Why.BAD_CERTIFICATE: "what it serves cannot be read as a certificate",
    Why.NO_CERTIFICATE: "it serves no certificate",
    Why.STARTTLS_REFUSED: "it does not go over to TLS (STARTTLS)",
    Why.STARTTLS_PROTOCOL_ERROR: "it does not keep to its protocol before TLS (STARTTLS)",
    Why.STARTTLS_TIMEOUT: "it does not go over to TLS in time (STARTTLS)",
    Why.NOT_YET: "not looked at yet",
}
_REMEDIES = {
    Why.NAME_NOT_FOUND: "create the name in DNS, or drop it from the certificate and the configuration",
    Why.NO_ADDRESS: "give the name an A or AAAA record",
    Why.DNSSEC_BOGUS: "mend the zone's DNSSEC signatures or its DS record",
    Why.BAD_NAME: "correct the name in the certificate or the configuration",
    Why.REFUSED: "start the listener, or take the address out of DNS",
    Why.CONNECT_TIMEOUT: "open the security group and the network path, or take the address out of DNS",
    Why.UNREACHABLE: "mend the network path, or take the address out of DNS",
    Why.NOT_TLS: "make the listener speak TLS on this port",
    Why.TLS_UNRECOGNIZED_NAME: "add the name to the listener's certificates (SNI)",
    Why.TLS_PROTOCOL_VERSION: "let the listener's TLS policy allow TLS 1.2 or 1.3",
    Why.TLS_HANDSHAKE_FAILURE: "mend the listener's TLS policy or its certificate",
    Why.BAD_CERTIFICATE: "install a sound certificate on the listener",
    Why.NO_CERTIFICATE: "install a certificate on the listener",
    Why.STARTTLS_REFUSED: "switch STARTTLS on at the server",
    Why.STARTTLS_PROTOCOL_ERROR: "correct the port or the protocol (starttls) in the configuration",
}


@rule(
    current=Scope.SERVING,
    classic=Scope.RENEWAL,
    cites=POST_MORTEM,
    remedy="mend network, listener, security group or DNS",
    applies=every,
)
def reachable(evidence: Evidence, _: Policy, __: datetime) -> Finding:
    """Every name completes a TLS handshake at every one of its addresses."""
    seen = _seen(evidence)
    return worst(_reachable(look, seen) for look in evidence.looks)


def _reachable(look: Look, seen: Container[tuple[str, int]]) -> Finding:
    match look.sight:
        case Seen():
            return HOLDS
        case Unseen(why=Why.NO_ROUTE) if _place(look) in seen:
            return MOOT  # no IPv6 on this machine tells nothing of a name that is seen over IPv4
        case Unseen(why=why) as unseen:
            says = f"{where(look)}: {_words(unseen)}"
            return unknown(why, says) if why.ours else breaks(says, _REMEDIES.get(why, reachable.remedy))


def _words(unseen: Unseen) -> str:
    return _WORDS.get(unseen.why) or unseen.detail or unseen.why.value.replace("_", " ")


def _place(look: Look) -> tuple[str, int]:
    return look.endpoint.domain, look.endpoint.port


def _seen(evidence: Evidence) -> set[tuple[str, int]]:
    """List the names and ports that were seen at one of their addresses at least."""
    return {_place(look) for look in evidence.looks if isinstance(look.sight, Seen)}


@rule(
    current=Scope.SERVING,
    classic=Scope.RENEWAL,
    cites=f"{POST_MORTEM}; RFC 9525",
    remedy="serve a certificate that covers the name",
    applies=every,
)
def name_match(evidence: Evidence, _: Policy, __: datetime) -> Finding:
    """What is served at every address covers the name."""
    looks = _each(evidence, lambda look: look.last, _name_match)
    return worst((*looks, *filing.name_matches(evidence)))


def _name_match(look: Look, served: Served) -> Finding:
    if covers(served.names, look.endpoint.domain):
        return HOLDS
    names = ", ".join(served.names[:5]) or "no name at all"
    more = f" and {len(served.names) - 5} more" if len(served.names) > 5 else ""
    return breaks(f"{where(look)} serves a certificate for {names}{more}", name_match.remedy)


@rule(
    current=Scope.SERVING,
    classic=Scope.RENEWAL,
    cites=POST_MORTEM,
    remedy="deploy ACM's certificate there, or manage the served one too",
    applies=every,
)
def serial_match(evidence: Evidence, _: Policy, __: datetime) -> Finding:
    """What is served at every address, and what each file of it holds, has the serial number that ACM has."""
    certificate = evidence.certificate
    if certificate.serial is None:
        if certificate.status not in ("", "ISSUED"):
            return MOOT
        return unsaid(certificate, "the serial number")
    looks = _each(
        evidence,
        lambda look: as_known(look, certificate),
        lambda look, served: _serial_match(look, served, evidence),
    )
    found = worst((*looks, *filing.serial_matches(evidence)))
    known = places(certificate) if found.outcome is Outcome.BREAKS else ""
    return replace(found, remedy=f"{found.remedy}; ACM's certificate is on {known}") if known else found


def _serial_match(look: Look, served: Served, evidence: Evidence) -> Finding:
    place = f"{where(look)} serves serial {served.serial:x}"
    match kinship(served, look.last_success, evidence):
        case Kinship.SAME:
            return HOLDS
        case Kinship.SIBLING:
            says = f"{place}, which is {evidence.siblings[served.serial]}"
            return breaks(says, f"attach {evidence.certificate.arn} there instead")
        case Kinship.FOREIGN:
            front = "something in front of AWS terminates TLS (a WAF or CDN)"
            remedy = "put ACM's certificate there, or renew the served one where it is managed"
            return breaks(f"{place} issued by {served.issuer}: {front}", remedy)
        case Kinship.OLDER:
            says = f"{place}, an older issue of the same names (until {served.not_after:%Y-%m-%d})"
            remedy = "deploy the renewed certificate there: re-attach it, or export and install it"
            return breaks(f"{says}: not deployed yet", remedy)
        case Kinship.UNREAD:
            return unknown(Why.STALE, f"{place}, newer than ACM's when ACM was last read")
        case Kinship.NEWER:
            says = f"{place}, a newer issue of the same names (from {served.not_before:%Y-%m-%d}) than ACM's"
            return breaks(says, "wait for the next inventory; if it stays, manage the served one too")
        case Kinship.STRANGER:
            return breaks(f"{place}, a certificate that is not in this inventory", serial_match.remedy)


def _each(
    evidence: Evidence,
    known: Callable[[Look], Served | None],
    check: Callable[[Look, Served], Finding],
) -> Iterator[Finding]:
    """Judge what was served when each address last answered: after a failed look nothing else is known."""
    seen = _seen(evidence)
    for look in evidence.looks:
        served = known(look)
        yield _unknown(look, seen) if served is None else check(look, served)


def _unknown(look: Look, seen: Container[tuple[str, int]]) -> Finding:
    match look.sight:
        case Unseen(why=Why.NO_ROUTE) if _place(look) in seen:
            return MOOT
        case Unseen(why=why) as unseen:
            says = f"{where(look)}: what is served is not known: {_words(unseen)}"
            return unknown(why, says, "" if why.ours else _REMEDIES.get(why, reachable.remedy))
        case Seen():
            return unknown(Why.NOT_YET, f"{where(look)}: not looked at since this certificate was issued")


def as_known(look: Look, certificate: Certificate) -> Served | None:
    """What the address serves as far as it is known, comparable with what ACM has now."""
    if look.last is None or look.last_success is None:
        return None
    return look.last if tells(look.last.serial, look.last_success, certificate) else None


def where(look: Look) -> str:
    """Name an endpoint as people write it."""
    at = place(look.endpoint)
    return f"{at} ({look.last.key_type.upper()})" if look.last and look.last.key_type else at


def place(one: Endpoint) -> str:
    """Name a domain, port and address."""
    port = "" if one.port == 443 else f":{one.port}"
    return f"{one.domain}{port}" + (f" at {one.address}" if one.address else "")
