"""Rules on what visitors get, and which endpoints count for which certificate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from exporter.facts import Certificate, Evidence, Look, Seen, Served, Unseen, Why
from exporter.judge.names import covers, normal, wildcard_over
from exporter.judge.rule import (
    HOLDS,
    MOOT,
    Finding,
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
    Why.NOT_YET: "not looked at yet",
}
_REMEDIES = {
    Why.NAME_NOT_FOUND: "create the name in DNS, or drop it from the certificate and the configuration",
    Why.NO_ADDRESS: "give the name an A or AAAA record",
    Why.DNSSEC_BOGUS: "mend the zone's DNSSEC signatures or its DS record",
    Why.REFUSED: "start the HTTPS listener, or take the address out of DNS",
    Why.CONNECT_TIMEOUT: "open the security group and the network path, or take the address out of DNS",
    Why.UNREACHABLE: "mend the network path, or take the address out of DNS",
    Why.NOT_TLS: "make the listener speak TLS on this port",
    Why.TLS_UNRECOGNIZED_NAME: "add the name to the listener's certificates (SNI)",
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
    seen = {look.endpoint.domain for look in evidence.looks if isinstance(look.sight, Seen)}
    return worst(_reachable(look, elsewhere=look.endpoint.domain in seen) for look in evidence.looks)


def _reachable(look: Look, *, elsewhere: bool) -> Finding:
    match look.sight:
        case Seen():
            return HOLDS
        case Unseen(why=Why.NO_ROUTE) if elsewhere:
            return MOOT  # no IPv6 on this machine tells nothing of a name that is seen over IPv4
        case Unseen(why=why, detail=detail):
            words = _WORDS.get(why) or detail or why.value
            says = f"{where(look)}: {words}"
            if why.ours:
                return unknown(why, says)
            return breaks(says, _REMEDIES.get(why, reachable.remedy))


@rule(
    current=Scope.SERVING,
    classic=Scope.RENEWAL,
    cites=f"{POST_MORTEM}; RFC 9525",
    remedy="serve a certificate that covers the name",
    applies=every,
)
def name_match(evidence: Evidence, _: Policy, __: datetime) -> Finding:
    """What is served at every address covers the name."""
    return _each(evidence, _name_match)


def _name_match(look: Look, served: Served, _: Evidence) -> Finding:
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
    """What is served at every address has the serial number that ACM has."""
    certificate = evidence.certificate
    if certificate.serial is None:
        if certificate.status not in ("", "ISSUED"):
            return MOOT
        return unsaid(certificate, "the serial number")
    return _each(evidence, _serial_match)


def _serial_match(look: Look, served: Served, evidence: Evidence) -> Finding:
    certificate = evidence.certificate
    if served.serial == certificate.serial:
        return HOLDS
    place = f"{where(look)} serves serial {served.serial:x}"
    sibling = evidence.siblings.get(served.serial)
    if sibling:
        return breaks(f"{place}, which is {sibling}", f"attach {certificate.arn} there instead")
    if not _same_issuer(certificate, served):
        says = f"{place} issued by {served.issuer}: something in front of AWS terminates TLS (a WAF or CDN)"
        return breaks(says, "put ACM's certificate there, or renew the served one where it is managed")
    if _is_older_issue(served, certificate):
        says = (
            f"{place}, an older issue of the same names (until {served.not_after:%Y-%m-%d}): not deployed yet"
        )
        return breaks(says, "deploy the renewed certificate there: re-attach it, or export and install it")
    return breaks(f"{place}, a certificate that is not in this inventory", serial_match.remedy)


def _each(evidence: Evidence, check: Callable[[Look, Served, Evidence], Finding]) -> Finding:
    return worst(_as_last_seen(look, evidence, check) for look in evidence.looks)


def _as_last_seen(
    look: Look, evidence: Evidence, check: Callable[[Look, Served, Evidence], Finding]
) -> Finding:
    """Judge what was served when the address last answered.

    A failed look keeps the last answer's finding, for nothing else is known; but not across a renewal that
    came after it, where the comparison was never made.
    """
    served = as_known(look, evidence.certificate)
    if served is not None:
        return check(look, served, evidence)
    why = look.sight.why if isinstance(look.sight, Unseen) else Why.NOT_YET
    if why is Why.NO_ROUTE and any(isinstance(other.sight, Seen) for other in evidence.looks):
        return MOOT
    words = _WORDS.get(why, why.value.replace("_", " "))
    return unknown(why, f"{where(look)}: what is served is not known: {words}")


def as_known(look: Look, certificate: Certificate) -> Served | None:
    """What the address serves as far as it is known, comparable with what ACM has now."""
    if look.last is None or look.last_success is None:
        return None
    issued = certificate.issued_at or certificate.imported_at or certificate.not_before
    fresh = isinstance(look.sight, Seen) or issued is None or issued <= look.last_success
    return look.last if fresh else None


def where(look: Look) -> str:
    """Name an endpoint as people write it."""
    port = "" if look.endpoint.port == 443 else f":{look.endpoint.port}"
    address = look.endpoint.address
    return f"{look.endpoint.domain}{port}" + (f" at {address}" if address else "")


def _same_issuer(certificate: Certificate, served: Served) -> bool:
    """ACM gives the issuer's organization ("Amazon"), the served leaf its whole name."""
    if not isinstance(certificate.details, Seen) or not certificate.details.value.issuer:
        return True
    return certificate.details.value.issuer.lower() in served.issuer.lower()


def _is_older_issue(served: Served, certificate: Certificate) -> bool:
    same_names = {normal(n) for n in served.names} == {normal(n) for n in certificate.names}
    return same_names and certificate.not_before is not None and served.not_before < certificate.not_before


def assign(
    certificates: Iterable[Certificate], looks: Iterable[Look], pins: Mapping[tuple[str, int], str]
) -> dict[str, Evidence]:
    """Say which endpoints count for which certificate; answers of DNS are not filled in.

    An endpoint counts for the certificates that cover its domain; where it serves one of them, or an older
    issue of one of them, for that one alone; where it is pinned to an ARN, for that ARN whatever it serves.
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
        domain = normal(look.endpoint.domain)
        pin = pins.get((look.endpoint.domain, look.endpoint.port))
        covering = by_name.get(domain, []) + by_name.get(wildcard_over(domain), [])
        for arn in [pin] if pin else [one.arn for one in _owners(look, covering)]:
            counting[arn].append(look)
    return {arn: _evidence(one, counting[arn], by_serial) for arn, one in inventory.items()}


def _owners(look: Look, covering: list[Certificate]) -> list[Certificate]:
    unique = list({one.arn: one for one in covering}.values())
    served = look.last
    if served is None:
        return unique
    exact = [one for one in unique if one.serial == served.serial]
    older = [one for one in unique if _same_issuer(one, served) and _is_older_issue(served, one)]
    return exact or older or unique


def _evidence(one: Certificate, looks: list[Look], by_serial: Mapping[int, list[str]]) -> Evidence:
    served = {look.last.serial for look in looks if look.last is not None} - {one.serial}
    siblings = {serial: by_serial[serial][0] for serial in served if by_serial.get(serial)}
    return Evidence(one, tuple(looks), {}, siblings)
