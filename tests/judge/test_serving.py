"""What visitors get is judged by what each address served, and counts for the right certificate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.facts import Certificate, Evidence, Look, Seen, Unseen, Why
from exporter.judge.counting import assign
from exporter.judge.rule import HOLDS, MOOT, Policy, RuleSet
from exporter.judge.serving import as_known, where
from exporter.judge.verdict import RULES
from tests.evidence import (
    ACME,
    ARN,
    CERTIFICATE,
    DAY,
    ENDS,
    HEALTHY,
    IMPORTED,
    ISSUED,
    NOON,
    OTHER_ARN,
    PRIVATE,
    SERVED,
    Trial,
    blind,
    broken,
    but,
    detailed,
    look,
    looked,
    missed,
    served,
)

CHECKS = {rule.code: rule for rule in RULES}
MINUTE = timedelta(minutes=1)
SIX = "2001:db8::10"
HERE = "www.example.com at 192.0.2.10"
ANY = "mend network, listener, security group or DNS"
WAIT = "wait for the next look"
RESOLVER = "check the exporter's resolver, then the zone's name servers"
ROUTE = "give the exporter's machine a route to that address"
SIGNATURES = "mend the zone's DNSSEC signatures or its DS record"
DEPLOY = "deploy the renewed certificate there: re-attach it, or export and install it"
MANAGE = "deploy ACM's certificate there, or manage the served one too"
WAF = "put ACM's certificate there, or renew the served one where it is managed"
COVER = "serve a certificate that covers the name"
OLD = replace(SERVED, serial=0x99, not_before=ISSUED - 160 * DAY, not_after=ISSUED + 38 * DAY)
FOREIGN = replace(SERVED, serial=0x77, issuer="CN=R11,O=Let's Encrypt,C=US")
STRANGER = replace(SERVED, serial=0x55)

REASONS: Mapping[Why, tuple[str, str]] = {  # evidence: what is said of it, and what to do
    Why.BAD_NAME: ("it is not a host name", "correct the name in the certificate or the configuration"),
    Why.NAME_NOT_FOUND: (
        "the name does not exist",
        "create the name in DNS, or drop it from the certificate and the configuration",
    ),
    Why.NO_ADDRESS: ("the name has no address", "give the name an A or AAAA record"),
    Why.DNSSEC_BOGUS: ("DNSSEC validation of its address fails", SIGNATURES),
    Why.REFUSED: (
        "the connection is refused",
        "start the listener, or take the address out of DNS",
    ),
    Why.UNREACHABLE: (
        "the address cannot be reached",
        "mend the network path, or take the address out of DNS",
    ),
    Why.CONNECT_TIMEOUT: (
        "no answer to the connection",
        "open the security group and the network path, or take the address out of DNS",
    ),
    Why.HANDSHAKE_TIMEOUT: ("the TLS handshake does not end in time", ANY),
    Why.RESET: ("the connection is closed during the handshake", ANY),
    Why.NOT_TLS: ("it does not speak TLS", "make the listener speak TLS on this port"),
    Why.TLS_UNRECOGNIZED_NAME: (
        "it does not know the name (TLS alert)",
        "add the name to the listener's certificates (SNI)",
    ),
    Why.TLS_PROTOCOL_VERSION: (
        "it accepts no TLS version of ours",
        "let the listener's TLS policy allow TLS 1.2 or 1.3",
    ),
    Why.TLS_HANDSHAKE_FAILURE: (
        "it refuses the TLS handshake",
        "mend the listener's TLS policy or its certificate",
    ),
    Why.TLS_ALERT: ("free text", ANY),
    Why.TLS_PROTOCOL_ERROR: ("free text", ANY),
    Why.BAD_CERTIFICATE: (
        "what it serves cannot be read as a certificate",
        "install a sound certificate on the listener",
    ),
    Why.NO_CERTIFICATE: ("it serves no certificate", "install a certificate on the listener"),
    Why.STARTTLS_REFUSED: (
        "it does not go over to TLS (STARTTLS)",
        "switch STARTTLS on at the server",
    ),
    Why.STARTTLS_PROTOCOL_ERROR: (
        "it does not keep to its protocol before TLS (STARTTLS)",
        "correct the port or the protocol (starttls) in the configuration",
    ),
    Why.STARTTLS_TIMEOUT: ("it does not go over to TLS in time (STARTTLS)", ANY),
    Why.HTTP_ERROR: ("free text", ANY),
    Why.FILE_NOT_FOUND: ("free text", ANY),
    Why.FILE_TOO_LARGE: ("free text", ANY),
}
OURS: Mapping[Why, tuple[str, str]] = {  # reasons of our own, which are no evidence
    Why.NOT_YET: ("not looked at yet", WAIT),
    Why.STALE: (
        "free text",
        "let the exporter read ACM again: see its log and acm_exporter_source_success",
    ),
    Why.BUG: ("free text", "report it with the exporter's log"),
    Why.TIMEOUT: ("free text", "look again; if it stays, allow more time (probe.timeout, dns.timeout)"),
    Why.RESOLVER_FAILURE: ("free text", RESOLVER),
    Why.RESOLVER_TIMEOUT: ("free text", RESOLVER),
    Why.NO_ROUTE: ("this machine has no route to it", ROUTE),
    Why.FORBIDDEN_ADDRESS: (
        "free text",
        "correct the name's DNS; or allow the address (probe.certificate_networks), or configure the name (domains)",
    ),
    Why.PROXY_FAILURE: ("free text", "mend the exporter's way to its proxy, or the proxy's rules"),
    Why.NO_CLIENT_CERTIFICATE: (
        "free text",
        "give the exporter a certificate and its key that it can read",
    ),
    Why.FILE_UNREADABLE: ("free text", "let the exporter's user read the file and the directories above it"),
    Why.TOO_MANY_FILES: ("free text", "name fewer files: a narrower pattern, or several locations"),
    Why.BAD_PASSWORD: ("free text", "correct the password of the file in the configuration"),
    Why.DENIED: ("free text", "allow the exporter's IAM role to read ACM"),
    Why.NO_CREDENTIALS: ("free text", "give the exporter AWS credentials"),
    Why.EXPIRED_TOKEN: ("free text", "renew the exporter's AWS credentials"),
    Why.THROTTLED: (
        "free text",
        "wait; if it stays, lower aws.requests_per_second: others use ACM's quota too",
    ),
    Why.NOT_FOUND: ("free text", "wait for the next inventory: ACM no longer has it"),
    Why.MALFORMED: ("free text", "report it with the exporter's log"),
    Why.ABSENT: (
        "free text",
        "wait until ACM tells it; if it stays, look at the certificate in the AWS console",
    ),
    Why.AWS_UNREACHABLE: ("free text", "open the exporter's way to AWS"),
    Why.AWS_ERROR: ("free text", "wait; if it stays, see the AWS Health Dashboard"),
}


def test_every_reason_is_evidence_or_ours() -> None:
    """Each reason either tells of the domain or of us, and the tables above have them all."""
    assert {why for why in Why if why.ours} == set(OURS)
    assert {why for why in Why if not why.ours} == set(REASONS)


REACHABLE = (
    Trial("both names answer", "reachable", HEALTHY, HOLDS),
    Trial("nothing was looked at", "reachable", looked(), MOOT),
    *(
        Trial(
            f"evidence: {why}", "reachable", looked(missed(why, "free text")), broken(f"{HERE}: {says}", do)
        )
        for why, (says, do) in REASONS.items()
    ),
    *(
        Trial(
            f"ours: {why}", "reachable", looked(missed(why, "free text")), blind(why, f"{HERE}: {says}", do)
        )
        for why, (says, do) in OURS.items()
    ),
    Trial("no text", "reachable", looked(missed(Why.TLS_ALERT)), broken(f"{HERE}: tls alert", ANY)),
    Trial(
        "one bad address of two",
        "reachable",
        looked(look(), missed(Why.REFUSED, address="192.0.2.11")),
        broken(
            "www.example.com at 192.0.2.11: the connection is refused",
            "start the listener, or take the address out of DNS",
        ),
    ),
    Trial(
        "another port, no address known",
        "reachable",
        looked(missed(Why.NAME_NOT_FOUND, port=8443, address="")),
        broken(
            "www.example.com:8443: the name does not exist",
            "create the name in DNS, or drop it from the certificate and the configuration",
        ),
    ),
    Trial(
        "it answered before our resolver failed",
        "reachable",
        looked(missed(Why.RESOLVER_FAILURE, "SERVFAIL", last=SERVED)),
        blind(Why.RESOLVER_FAILURE, f"{HERE}: SERVFAIL", RESOLVER),
    ),
    Trial("no IPv6 here, but IPv4", "reachable", looked(look(), missed(Why.NO_ROUTE, address=SIX)), HOLDS),
    Trial(
        "no IPv6 here, and only another name and another port over IPv4",
        "reachable",
        looked(look("example.com"), look(port=8443), missed(Why.NO_ROUTE, address=SIX)),
        blind(Why.NO_ROUTE, f"www.example.com at {SIX}: this machine has no route to it", ROUTE),
    ),
)

NAME_MATCH = (
    Trial("both names are covered", "name_match", HEALTHY, HOLDS),
    Trial("by another certificate", "name_match", looked(look(sight=Seen(FOREIGN))), HOLDS),
    Trial("by a wildcard", "name_match", looked(look(sight=served(names=("*.example.com",)))), HOLDS),
    Trial("nothing was looked at", "name_match", looked(), MOOT),
    Trial(
        "for another name",
        "name_match",
        looked(look(sight=served(names=("intranet.example.net",)))),
        broken(f"{HERE} serves a certificate for intranet.example.net", COVER),
    ),
    Trial(
        "for many others",
        "name_match",
        looked(look(sight=served(names=tuple("abcdefg")))),
        broken(f"{HERE} serves a certificate for a, b, c, d, e and 2 more", COVER),
    ),
    Trial(
        "for nobody",
        "name_match",
        looked(look(sight=served(names=()))),
        broken(f"{HERE} serves a certificate for no name at all", COVER),
    ),
    Trial(
        "at one address only",
        "name_match",
        looked(look(), look(sight=served(names=("a.test",)), address="192.0.2.11")),
        broken("www.example.com at 192.0.2.11 serves a certificate for a.test", COVER),
    ),
    Trial("refused since", "name_match", looked(missed(Why.REFUSED, last=SERVED)), HOLDS),
    Trial(
        "wrong when it was last seen",
        "name_match",
        looked(missed(Why.REFUSED, last=replace(SERVED, names=("a.test",)))),
        broken(f"{HERE} serves a certificate for a.test", COVER),
    ),
    Trial(
        "seen before the current issue, which changes nothing",
        "name_match",
        looked(look(sight=Seen(OLD), at=ISSUED - MINUTE)),
        HOLDS,
    ),
    Trial(
        "refused ever since",
        "name_match",
        looked(missed(Why.REFUSED)),
        blind(
            Why.REFUSED,
            f"{HERE}: what is served is not known: the connection is refused",
            "start the listener, or take the address out of DNS",
        ),
    ),
    Trial(
        "our resolver fails",
        "name_match",
        looked(missed(Why.RESOLVER_TIMEOUT, "no answer within 5 s", address="")),
        blind(
            Why.RESOLVER_TIMEOUT,
            "www.example.com: what is served is not known: no answer within 5 s",
            RESOLVER,
        ),
    ),
    Trial("no IPv6 here, but IPv4", "name_match", looked(look(), missed(Why.NO_ROUTE, address=SIX)), HOLDS),
    Trial(
        "no IPv6 here, and only another name over IPv4",
        "name_match",
        looked(look("example.com"), missed(Why.NO_ROUTE, address=SIX)),
        blind(
            Why.NO_ROUTE,
            f"www.example.com at {SIX}: what is served is not known: this machine has no route to it",
            ROUTE,
        ),
    ),
)

GODADDY = but(IMPORTED, details=detailed(issuer="GoDaddy.com, Inc."))
SERIAL_MATCH = (
    Trial("ACM's serial everywhere", "serial_match", HEALTHY, HOLDS),
    Trial("nothing was looked at", "serial_match", looked(), MOOT),
    Trial(
        "the previous issue",
        "serial_match",
        looked(look(sight=Seen(OLD))),
        broken(
            f"{HERE} serves serial 99, an older issue of the same names (until 2026-11-08): not deployed yet",
            DEPLOY,
        ),
    ),
    Trial(
        "the previous issue at one address of two, names in other spelling",
        "serial_match",
        looked(
            look(),
            look(sight=Seen(replace(OLD, names=("WWW.example.com", "example.com."))), address=SIX),
        ),
        broken(
            f"www.example.com at {SIX} serves serial 99, "
            "an older issue of the same names (until 2026-11-08): not deployed yet",
            DEPLOY,
        ),
    ),
    Trial(
        "the previous issue of an importer whose name has a comma",
        "serial_match",
        looked(
            look(sight=Seen(replace(OLD, issuer=r"CN=Go Daddy CA - G2,O=GoDaddy.com\, Inc.,C=US"))),
            base=GODADDY,
        ),
        broken(
            f"{HERE} serves serial 99, an older issue of the same names (until 2026-11-08): not deployed yet",
            DEPLOY,
        ),
    ),
    Trial(
        "a newer issue than the one that ACM told of",
        "serial_match",
        looked(look(sight=Seen(replace(SERVED, serial=0x100, not_before=NOON - DAY)))),
        broken(
            f"{HERE} serves serial 100, a newer issue of the same names (from 2026-11-22) than ACM's",
            "wait for the next inventory; if it stays, manage the served one too",
        ),
    ),
    Trial(
        "a newer issue than ACM's, which was not read lately",
        "serial_match",
        replace(
            looked(look(sight=Seen(replace(SERVED, serial=0x100, not_before=NOON - DAY)))), read_at=NOON - DAY
        ),
        blind(
            Why.STALE,
            f"{HERE} serves serial 100, newer than ACM's when ACM was last read",
            "let the exporter read ACM again: see its log and acm_exporter_source_success",
        ),
    ),
    Trial(
        "a WAF's",
        "serial_match",
        looked(look(sight=Seen(FOREIGN))),
        broken(
            f"{HERE} serves serial 77 issued by CN=R11,O=Let's Encrypt,C=US: "
            "something in front of AWS terminates TLS (a WAF or CDN)",
            WAF,
        ),
    ),
    Trial(
        "another one of the inventory",
        "serial_match",
        looked(look(sight=Seen(FOREIGN)), siblings={0x77: OTHER_ARN}),
        broken(f"{HERE} serves serial 77, which is {OTHER_ARN}", f"attach {ARN} there instead"),
    ),
    Trial(
        "Amazon's, but nobody knows it",
        "serial_match",
        looked(look(sight=Seen(replace(STRANGER, names=("*.example.com",))))),
        broken(f"{HERE} serves serial 55, a certificate that is not in this inventory", MANAGE),
    ),
    Trial(
        "nobody knows it, and its issuer cannot be read",
        "serial_match",
        looked(look(sight=Seen(replace(STRANGER, issuer="")))),
        broken(f"{HERE} serves serial 55, a certificate that is not in this inventory", MANAGE),
    ),
    Trial(
        "nobody knows it, and ACM's issuer is not told",
        "serial_match",
        looked(look(sight=Seen(FOREIGN)), base=but(details=Unseen(Why.NOT_YET))),
        broken(f"{HERE} serves serial 77, a certificate that is not in this inventory", MANAGE),
    ),
    Trial("refused since", "serial_match", looked(missed(Why.REFUSED, last=SERVED)), HOLDS),
    Trial(
        "the previous issue when it was last seen, since the renewal",
        "serial_match",
        looked(missed(Why.REFUSED, last=OLD)),
        broken(
            f"{HERE} serves serial 99, an older issue of the same names (until 2026-11-08): not deployed yet",
            DEPLOY,
        ),
    ),
    Trial(
        "refused since before the renewal",
        "serial_match",
        looked(missed(Why.REFUSED, last=OLD, last_success=ISSUED - MINUTE)),
        blind(
            Why.REFUSED,
            f"{HERE}: what is served is not known: the connection is refused",
            "start the listener, or take the address out of DNS",
        ),
    ),
    Trial(
        "not looked at since the renewal",
        "serial_match",
        looked(look(sight=Seen(OLD), at=ISSUED - MINUTE)),
        blind(Why.NOT_YET, f"{HERE}: not looked at since this certificate was issued", WAIT),
    ),
    Trial(
        "ACM's serial, seen before our clock has it issued",
        "serial_match",
        looked(look(at=ISSUED - MINUTE)),
        HOLDS,
    ),
    Trial(
        "one serves another, one was never seen",
        "serial_match",
        looked(missed(Why.TIMEOUT), look(sight=Seen(FOREIGN)), siblings={0x77: OTHER_ARN}),
        broken(f"{HERE} serves serial 77, which is {OTHER_ARN}", f"attach {ARN} there instead"),
    ),
    Trial(
        "ACM has not told its serial",
        "serial_match",
        but(serial=None, details=Unseen(Why.NOT_YET)),
        blind(Why.NOT_YET, "ACM has not told yet the serial number", WAIT),
    ),
    Trial("not issued yet", "serial_match", but(serial=None, status="PENDING_VALIDATION"), MOOT),
    Trial("no IPv6 here, but IPv4", "serial_match", looked(look(), missed(Why.NO_ROUTE, address=SIX)), HOLDS),
)
UNMANAGED = tuple(
    replace(
        trial, title=f"{kind}, {trial.title}", evidence=replace(trial.evidence, certificate=base.certificate)
    )
    for kind, base in (
        ("imported", IMPORTED),
        ("ACME", ACME),
        ("private", PRIVATE),
        ("type untold", but(type="")),
    )
    for trial in (
        *REACHABLE[:1],
        *NAME_MATCH[:1],
        *SERIAL_MATCH[:1],
        REACHABLE[2],
        NAME_MATCH[4],
        SERIAL_MATCH[7],
    )
)
TRIALS = (*REACHABLE, *NAME_MATCH, *SERIAL_MATCH, *UNMANAGED)


@pytest.mark.parametrize("rules", RuleSet)
@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_conditions(trial: Trial, rules: RuleSet) -> None:
    """Each condition finds what the contract says, in the words that people read, under both rule sets."""
    policy = replace(trial.policy, rules=rules)
    assert CHECKS[trial.code].judge(trial.evidence, policy, trial.now) == trial.finding


@given(st.integers(), st.integers())
def test_serials_are_integers(ours: int, theirs: int) -> None:
    """Serials are equal as numbers of any size and sign, and in no other way."""
    for one, other in ((ours, ours), (ours, theirs)):
        evidence = looked(look(sight=served(serial=other)), base=but(serial=one))
        holds = CHECKS["serial_match"].judge(evidence, Policy(), NOON) == HOLDS
        assert holds is (one == other)


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (look(), "www.example.com at 192.0.2.10"),
        (look(port=8443, address=SIX), f"www.example.com:8443 at {SIX}"),
        (look(address=""), "www.example.com"),
    ],
)
def test_where(seen: Look, text: str) -> None:
    """Endpoints are named as people write them."""
    assert where(seen) == text


@pytest.mark.parametrize(
    ("changes", "seen", "known"),
    [
        ({}, look(sight=Seen(OLD)), OLD),
        ({}, missed(Why.RESET, last=OLD), OLD),
        ({}, missed(Why.RESET), None),
        ({"issued_at": NOON}, look(sight=Seen(OLD)), OLD),
        ({"issued_at": NOON + MINUTE}, look(sight=Seen(OLD)), None),
        ({"issued_at": NOON + MINUTE}, look(), SERVED),
        ({"issued_at": None, "imported_at": NOON + MINUTE}, look(sight=Seen(OLD)), None),
        ({"issued_at": None, "not_before": NOON + MINUTE}, look(sight=Seen(OLD)), None),
        ({"issued_at": None, "not_before": None}, look(sight=Seen(OLD)), OLD),
    ],
)
def test_as_known(changes: dict[str, Any], seen: Look, known: object) -> None:
    """What was served before the current issue is not compared with it."""
    assert as_known(seen, replace(CERTIFICATE, **changes)) == known


def one(number: int, *names: str) -> Certificate:
    """Make a certificate of the inventory; its serial is its number."""
    return replace(CERTIFICATE, arn=f"arn:{number}", names=names, serial=number)


def at(name: str, serial: int | None = None, **changes: Any) -> Look:
    """Look at a name that serves a serial, or at one that was never seen."""
    if serial is None:
        return missed(Why.REFUSED, name=name)
    return look(name, served(serial=serial, **changes))


def since(name: str, serial: int, **changes: Any) -> Look:
    """Look at a name that is down and served a serial before."""
    return missed(Why.REFUSED, name=name, last=replace(SERVED, serial=serial, **changes))


def counted(
    certificates: Iterable[Certificate], looks: Iterable[Look], pins: Mapping[tuple[str, int], str]
) -> dict[str, list[str]]:
    """Say which domains count for which ARN."""
    assigned = assign(certificates, looks, pins)
    return {arn: [seen.endpoint.domain for seen in evidence.looks] for arn, evidence in assigned.items()}


WILD, EXACT = one(1, "*.a.test"), one(2, "www.a.test")
EARLY = ISSUED - 160 * DAY
SWEPT = tuple(replace(c, details=Unseen(Why.NOT_YET), issuer="Amazon") for c in (WILD, EXACT))
TWINS = (one(1, "a.test"), one(2, "a.test"))


@pytest.mark.parametrize(
    ("certificates", "looks", "pins", "expected"),
    [
        pytest.param((WILD,), [at("www.a.test", 1)], {}, {"arn:1": ["www.a.test"]}, id="covered"),
        pytest.param((WILD,), [at("a.test", 1), at("b.test", 1)], {}, {"arn:1": []}, id="not covered"),
        pytest.param(
            (WILD, EXACT),
            [at("www.a.test", 1)],
            {},
            {"arn:1": ["www.a.test"], "arn:2": []},
            id="wildcard served",
        ),
        pytest.param(
            (WILD, EXACT),
            [at("www.a.test", 2)],
            {},
            {"arn:1": [], "arn:2": ["www.a.test"]},
            id="exact served",
        ),
        pytest.param(
            (WILD, EXACT),
            [at("www.a.test", 9, issuer="O=WAF")],
            {},
            {"arn:1": ["www.a.test"], "arn:2": ["www.a.test"]},
            id="a stranger served",
        ),
        pytest.param(
            (WILD, EXACT),
            [at("www.a.test")],
            {},
            {"arn:1": ["www.a.test"], "arn:2": ["www.a.test"]},
            id="never seen",
        ),
        pytest.param(
            (WILD, EXACT),
            [since("www.a.test", 1)],
            {},
            {"arn:1": ["www.a.test"], "arn:2": []},
            id="down since",
        ),
        pytest.param(
            (WILD, EXACT),
            [at("www.a.test", 9, names=("WWW.a.test.",), not_before=EARLY)],
            {},
            {"arn:1": [], "arn:2": ["www.a.test"]},
            id="renewed and not deployed",
        ),
        pytest.param(
            (WILD, EXACT),
            [since("www.a.test", 9, names=("*.a.test",), not_before=EARLY)],
            {},
            {"arn:1": ["www.a.test"], "arn:2": []},
            id="renewed and not deployed, now down",
        ),
        pytest.param(
            (WILD, EXACT),
            [at("www.a.test", 9, names=("www.a.test",), not_before=EARLY, issuer="O=WAF")],
            {},
            {"arn:1": ["www.a.test"], "arn:2": ["www.a.test"]},
            id="an older one of another issuer",
        ),
        pytest.param(
            SWEPT,
            [at("www.a.test", 9, names=("www.a.test",), not_before=EARLY, issuer="O=WAF")],
            {},
            {"arn:1": ["www.a.test"], "arn:2": ["www.a.test"]},
            id="an older one of another issuer, where only the sweep tells the issuer",
        ),
        pytest.param(
            SWEPT,
            [at("www.a.test", 9, names=("www.a.test",), not_before=EARLY)],
            {},
            {"arn:1": [], "arn:2": ["www.a.test"]},
            id="renewed and not deployed, where only the sweep tells the issuer",
        ),
        pytest.param(
            TWINS,
            [at("a.test", 2)],
            {},
            {"arn:1": [], "arn:2": ["a.test"]},
            id="same names in two regions",
        ),
        pytest.param(
            (replace(one(1, "a.test"), not_before=NOON), one(2, "a.test")),
            [at("a.test", 2, names=("a.test",))],
            {},
            {"arn:1": [], "arn:2": ["a.test"]},
            id="same names in two regions, one renewed before the other",
        ),
        pytest.param(
            (one(1, "a.test"), replace(one(1, "a.test"), arn="arn:2")),
            [at("a.test", 1)],
            {},
            {"arn:1": ["a.test"], "arn:2": ["a.test"]},
            id="imported into two regions",
        ),
        pytest.param(
            (WILD, EXACT),
            [at("www.a.test", 1), at("www.a.test", 2)],
            {},
            {"arn:1": ["www.a.test"], "arn:2": ["www.a.test"]},
            id="each at one address",
        ),
        pytest.param(
            (WILD, EXACT),
            [at("www.a.test", 2), at("w.a.test", 1)],
            {("www.a.test", 443): "arn:1"},
            {"arn:1": ["www.a.test", "w.a.test"], "arn:2": []},
            id="pinned",
        ),
        pytest.param(
            (WILD, EXACT),
            [at("www.a.test", 2)],
            {("www.a.test", 8443): "arn:1"},
            {"arn:1": [], "arn:2": ["www.a.test"]},
            id="pinned at another port",
        ),
        pytest.param(
            (EXACT,),
            [at("b.test", 9, names=("b.test",))],
            {("b.test", 443): "arn:2"},
            {"arn:2": ["b.test"]},
            id="pinned though not covered",
        ),
        pytest.param(
            (WILD, EXACT),
            [at("www.a.test", 2)],
            {("www.a.test", 443): "arn:gone"},
            {"arn:1": [], "arn:2": []},
            id="pinned to one that the inventory does not have",
        ),
        pytest.param(
            (one(1, "XN--BCHER-KVA.example.", "*.A.Test"),),
            [at("xn--bcher-kva.example", 1), at("B.a.TEST.", 1)],
            {},
            {"arn:1": ["xn--bcher-kva.example", "B.a.TEST."]},
            id="spellings",
        ),
        pytest.param(
            (one(1, "2001:DB8::1", "192.0.2.1"),),
            [at("2001:db8:0::1", 1), at("192.0.2.1", 1)],
            {},
            {"arn:1": ["2001:db8:0::1", "192.0.2.1"]},
            id="addresses",
        ),
        pytest.param(
            (one(1, "www.a.test", "*.a.test", "www.a.test"),),
            [at("www.a.test", 1)],
            {},
            {"arn:1": ["www.a.test"]},
            id="covered twice, counted once",
        ),
        pytest.param((EXACT, EXACT), [at("www.a.test")], {}, {"arn:2": ["www.a.test"]}, id="listed twice"),
        pytest.param(
            (replace(one(1, "a.test"), serial=None),),
            [at("a.test", 1)],
            {},
            {"arn:1": ["a.test"]},
            id="no serial",
        ),
        pytest.param((one(1),), [at("a.test", 1), at("", 1)], {}, {"arn:1": []}, id="no names"),
    ],
)
def test_assign(
    certificates: tuple[Certificate, ...],
    looks: list[Look],
    pins: Mapping[tuple[str, int], str],
    expected: dict[str, list[str]],
) -> None:
    """An endpoint counts for what it serves, else for all that cover it; where it is pinned, for that alone."""
    assert counted(certificates, looks, pins) == expected


def test_assigned_evidence_is_whole() -> None:
    """A certificate gets its looks and the names of its siblings that are served in its stead, no more."""
    looks = [at("www.a.test", 2), at("www.a.test", 9), at("b.test", 3)]
    assigned = assign((WILD, EXACT, one(3, "b.test")), looks, {("www.a.test", 443): "arn:1"})
    assert assigned == {
        "arn:1": Evidence(WILD, (looks[0], looks[1]), {}, {2: "arn:2"}),
        "arn:2": Evidence(EXACT),
        "arn:3": Evidence(one(3, "b.test"), (looks[2],)),
    }


def test_renewed_among_siblings() -> None:
    """Of two certificates for the same name only the one that was not deployed is blamed."""
    shop, spare = one(1, "a.test", "b.test"), one(2, "a.test")
    seen = at("a.test", 9, names=("b.test", "a.test"), not_before=EARLY, not_after=ENDS)
    found = {
        arn: CHECKS["serial_match"].judge(evidence, Policy(), NOON)
        for arn, evidence in assign((shop, spare), [seen], {}).items()
    }
    says = "a.test at 192.0.2.10 serves serial 9, an older issue of the same names (until 2027-04-17)"
    assert found == {"arn:1": broken(f"{says}: not deployed yet", DEPLOY), "arn:2": MOOT}


def test_assign_is_linear() -> None:
    """A large company's inventory is assigned in a moment: 5,000 certificates, 5,000 endpoints."""
    certificates = [one(n, f"n{n}.test", f"*.n{n}.test") for n in range(5000)]
    looks = [at(f"www.n{n}.test", n) for n in range(5000)]
    start = perf_counter()
    assigned = assign(certificates, looks, {})
    assert perf_counter() - start < 5
    assert all(len(evidence.looks) == 1 for evidence in assigned.values())
