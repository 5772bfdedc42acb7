"""The metrics and the log of one probe."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from exporter.expose import course, probes
from exporter.expose.discovery import directory
from exporter.expose.ondemand import judged
from exporter.expose.probes import Probe
from exporter.expose.request import Request
from exporter.facts import Domain, Look, Seen, Timing, Way, Why
from exporter.judge.admission import Errand, Probed
from tests.evidence import ARN, CERTIFICATE, OTHER_ARN, SERVED, look, missed, served
from tests.expose.snapshots import case, snapshot
from tests.servers import need

WILDCARD = replace(CERTIFICATE, arn=OTHER_ARN, names=("*.example.com",), serial=7)
INVENTORY = snapshot(case(), case(WILDCARD), listed=True)
WWW = Errand(Domain("www.example.com", labels={"team": "web"}), "www.example.com", 9.5)
FINE = replace(look(), timing=Timing(0.001, 0.025, 0.1), reached=True)
V6 = replace(
    look(
        address="2001:db8::1",
        sight=served(serial=0xABC, trusted=False, trust_error="self-signed certificate"),
    ),
    timing=Timing(0.001, 0.002, 0.5),
    reached=True,
)
REFUSED = replace(
    missed(Why.REFUSED, "Connection refused", address="192.0.2.11"),
    timing=Timing(0.001, 0.002),
    reached=False,
)
UNKNOWN = replace(
    missed(Why.NAME_NOT_FOUND, "it does not exist", address=""), timing=Timing(0.25), reached=False
)


def probe(*looks: Look, errand: Errand = WWW) -> Probe:
    """Make what is to be told of some looks."""
    probed = Probed(looks, 0.126)
    return Probe(errand, probed, judged(errand, probed, directory(INVENTORY), INVENTORY))


def rows(of: Probe) -> list[str]:
    """Render the metrics, without the comments."""
    return [line for line in probes.render(of).decode().splitlines() if not line.startswith("#")]


PLACE = 'address="192.0.2.10",'
DOMAIN = 'domain="www.example.com",'
WHOLE = f"""\
probe_success 1.0
probe_duration_seconds 0.126
probe_dns_lookup_time_seconds 0.001
probe_ip_protocol 4.0
probe_ssl_earliest_cert_expiry 1.80792e+09
probe_ssl_last_chain_expiry_timestamp_seconds 1.80792e+09
probe_ssl_last_chain_info{{fingerprint_sha256="{"ab" * 32}",issuer="CN=Amazon RSA 2048 M02,O=Amazon,C=US",\
serialnumber="a1b2c3",subject="CN=example.com",subjectalternative="example.com,www.example.com"}} 1.0
probe_tls_version_info{{version="TLS 1.3"}} 1.0
tls_endpoint_reachable{{{PLACE}{DOMAIN}port="443"}} 1.0
tls_endpoint_not_before_timestamp_seconds{{{PLACE}{DOMAIN}port="443"}} 1.7908128e+09
tls_endpoint_not_after_timestamp_seconds{{{PLACE}{DOMAIN}port="443"}} 1.80792e+09
tls_endpoint_days_to_expiry{{{PLACE}{DOMAIN}port="443"}} 144.5
tls_endpoint_chain_not_after_timestamp_seconds{{{PLACE}{DOMAIN}port="443"}} 1.80792e+09
tls_endpoint_name_match{{{PLACE}{DOMAIN}port="443"}} 1.0
tls_endpoint_chain_trusted{{{PLACE}{DOMAIN}port="443"}} 1.0
tls_endpoint_serial_match{{{PLACE}arn="{ARN}",{DOMAIN}port="443"}} 1.0
tls_endpoint_info{{{PLACE}cipher="TLS_AES_128_GCM_SHA256",{DOMAIN}fingerprint_sha256="{"ab" * 32}",\
issuer="CN=Amazon RSA 2048 M02,O=Amazon,C=US",port="443",serial="a1b2c3",subject="CN=example.com",\
tls_version="TLSv1.3"}} 1.0
tls_endpoint_probe_duration_seconds{{{PLACE}{DOMAIN}phase="resolve",port="443"}} 0.001
tls_endpoint_probe_duration_seconds{{{PLACE}{DOMAIN}phase="connect",port="443"}} 0.025
tls_endpoint_probe_duration_seconds{{{PLACE}{DOMAIN}phase="handshake",port="443"}} 0.1
tls_endpoint_last_success_timestamp_seconds{{{PLACE}{DOMAIN}port="443"}} 1.7954352e+09
tls_endpoint_labels{{{PLACE}{DOMAIN}label_team="web",port="443"}} 1.0
"""


def test_whole_text() -> None:
    """What blackbox_exporter tells, and then each address with the certificate of ACM that it counts for."""
    assert rows(probe(FINE)) == WHOLE.splitlines()


def of_blackbox(found: list[str]) -> dict[str, str]:
    """Keep the values of blackbox_exporter's families."""
    return dict(line.rsplit(" ", 1) for line in found if line.startswith("probe_"))


def test_expiry_survives_what_fails() -> None:
    """One address is not trusted and one refuses: no success, and yet the end of what is served is told."""
    found = of_blackbox(rows(probe(REFUSED, V6)))
    assert found == {
        "probe_success": "0.0",
        "probe_duration_seconds": "0.126",
        "probe_dns_lookup_time_seconds": "0.001",
        "probe_ip_protocol": "6.0",
        "probe_ssl_earliest_cert_expiry": "1.80792e+09",
        (
            f'probe_ssl_last_chain_info{{fingerprint_sha256="{"ab" * 32}",'
            'issuer="CN=Amazon RSA 2048 M02,O=Amazon,C=US",serialnumber="0abc",subject="CN=example.com",'
            'subjectalternative="example.com,www.example.com"}'
        ): "1.0",
        'probe_tls_version_info{version="TLS 1.3"}': "1.0",
    }


def test_what_is_not_known_has_no_row() -> None:
    """A refused connection, or a name that does not exist, tells nothing of a certificate."""
    assert rows(probe(REFUSED)) == [
        "probe_success 0.0",
        "probe_duration_seconds 0.126",
        "probe_dns_lookup_time_seconds 0.001",
        "probe_ip_protocol 4.0",
        'tls_endpoint_reachable{address="192.0.2.11",domain="www.example.com",port="443"} 0.0',
        'tls_endpoint_failure{address="192.0.2.11",domain="www.example.com",port="443",reason="refused"} 1.0',
        *(
            f'tls_endpoint_probe_duration_seconds{{address="192.0.2.11",domain="www.example.com",'
            f'phase="{phase}",port="443"}} {seconds}'
            for phase, seconds in (("resolve", 0.001), ("connect", 0.002))
        ),
        'tls_endpoint_labels{address="192.0.2.11",domain="www.example.com",label_team="web",port="443"} 1.0',
    ]
    assert of_blackbox(rows(probe(UNKNOWN))) == {
        "probe_success": "0.0",
        "probe_duration_seconds": "0.126",
        "probe_dns_lookup_time_seconds": "0.25",
    }


def test_a_derived_name_that_does_not_resolve_is_nobody() -> None:
    """The www that stands in for a wildcard has no success to be missed, and no endpoint."""
    errand = replace(WWW, domain=Domain("www.example.com", tentative=True))
    assert rows(probe(UNKNOWN, errand=errand)) == [
        "probe_duration_seconds 0.126",
        "probe_dns_lookup_time_seconds 0.25",
    ]


@pytest.mark.parametrize(
    ("version", "says"),
    [("TLSv1.3", "TLS 1.3"), ("TLSv1.2", "TLS 1.2"), ("TLSv1.1", "TLS 1.1"), ("TLSv1", "TLS 1.0")],
)
def test_version_as_blackbox_exporter_says_it(version: str, says: str) -> None:
    """Dashboards that compare versions go on working."""
    found = rows(probe(look(sight=served(tls_version=version))))
    assert f'probe_tls_version_info{{version="{says}"}} 1.0' in found


@pytest.mark.parametrize(
    ("seen", "matches"),
    [
        pytest.param(look(sight=served(serial=7)), {OTHER_ARN: 1.0}, id="the other certificate for the name"),
        pytest.param(look(sight=served(serial=9)), {ARN: 0.0, OTHER_ARN: 0.0}, id="neither"),
        pytest.param(look("shop.example.org"), {}, id="a name that none covers"),
    ],
)
def test_match_against_the_inventory(seen: Look, matches: dict[str, float]) -> None:
    """The same judgement as in the rows of /metrics."""
    errand = Errand(Domain(seen.endpoint.domain), seen.endpoint.domain, 9.5)
    (spot,) = probe(seen, errand=errand).snapshot.spots
    assert dict(spot.serial_matches) == matches


def test_promtool_reads_it() -> None:
    """The text is sound, but for the one remark on days, which users asked for."""
    done = subprocess.run(
        [need("promtool"), "check", "metrics"],
        input=probes.render(probe(FINE, REFUSED, V6)),
        capture_output=True,
        check=False,
    )
    remarks = (done.stdout + done.stderr).decode().splitlines()
    assert remarks == ['tls_endpoint_days_to_expiry use base unit "seconds" instead of "days"']


LOG = f"""\
Logs for the probe:
   +0.000 s  begin www.example.com:443 (known), for 9.5 s at most
   +0.000 s  module http_2xx is not looked at: there is one kind of probe, a TLS handshake
   +0.001 s  resolve www.example.com -> 192.0.2.10, 192.0.2.11, 2001:db8::1
   +0.026 s  192.0.2.10: connected
   +0.126 s  192.0.2.10: handshake: TLSv1.3 TLS_AES_128_GCM_SHA256
   +0.126 s  192.0.2.10: chain: 3 served, leaf CN=example.com by CN=Amazon RSA 2048 M02,O=Amazon,C=US, \
serial a1b2c3, 2026-10-01 to 2027-04-17 00:00:00 UTC
   +0.126 s  192.0.2.10: trust: trusted until 2027-04-17 00:00:00 UTC
   +0.126 s  192.0.2.10: name: it covers www.example.com
   +0.003 s  192.0.2.11: connect: refused: Connection refused
   +0.003 s  2001:db8::1: connected
   +0.503 s  2001:db8::1: handshake: TLSv1.3 TLS_AES_128_GCM_SHA256
   +0.503 s  2001:db8::1: chain: 3 served, leaf CN=example.com by CN=Amazon RSA 2048 M02,O=Amazon,C=US, \
serial abc, 2026-10-01 to 2027-04-17 00:00:00 UTC
   +0.503 s  2001:db8::1: trust: not trusted: self-signed certificate
   +0.503 s  2001:db8::1: name: it covers www.example.com
   +0.126 s  ACM: {ARN}: reachable breaks: www.example.com at 192.0.2.11: the connection is refused; \
do: start the listener, or take the address out of DNS
   +0.126 s  ACM: {ARN}: name_match is unknown: www.example.com at 192.0.2.11: what is served is not known: \
the connection is refused
   +0.126 s  ACM: {ARN}: serial_match breaks: www.example.com at 2001:db8::1 serves serial abc, a certificate \
that is not in this inventory; do: deploy ACM's certificate there, or manage the served one too
   +0.126 s  ACM: {OTHER_ARN}: reachable breaks: www.example.com at 192.0.2.11: the connection is refused; \
do: start the listener, or take the address out of DNS
   +0.126 s  ACM: {OTHER_ARN}: name_match is unknown: www.example.com at 192.0.2.11: what is served is not \
known: the connection is refused
   +0.126 s  ACM: {OTHER_ARN}: serial_match breaks: www.example.com at 2001:db8::1 serves serial abc, a \
certificate that is not in this inventory; do: deploy ACM's certificate there, or manage the served one too
   +0.126 s  a failure
"""


def test_whole_log() -> None:
    """Each step with its time, what came of it, and what to do."""
    request = Request("www.example.com", 443, module="http_2xx", debug=True)
    assert course.log(request, probe(FINE, REFUSED, V6)) == LOG


def told(of: Probe, request: Request = Request("www.example.com", 443)) -> list[str]:  # noqa: B008 - frozen
    """Give the lines of the log, without times."""
    return [line[13:] for line in course.log(request, of).splitlines()[1:]]


def test_log_of_an_allowed_address_visited_as_somebody() -> None:
    """Why it may be looked at, and as whom."""
    domain = Domain("www.example.com", addresses=("192.0.2.10",))
    errand = Errand(domain, "192.0.2.10", 10.0, guarded=True)
    seen = replace(
        look(sight=served(wants_client_certificate=True, trusted=None)), timing=Timing(None, 0.0, 0.0)
    )
    assert told(probe(seen, errand=errand), Request("192.0.2.10", 443, hostname="www.example.com"))[:8] == [
        "begin 192.0.2.10:443 (allowed by probe.allow), for 10 s at most",
        "as www.example.com instead of 192.0.2.10",
        "resolve: nothing to resolve -> 192.0.2.10",
        "192.0.2.10: connected",
        "192.0.2.10: handshake: TLSv1.3 TLS_AES_128_GCM_SHA256",
        "192.0.2.10: handshake: it wants a certificate of the client, which it does not get",
        (
            "192.0.2.10: chain: 3 served, leaf CN=example.com by CN=Amazon RSA 2048 M02,O=Amazon,C=US,"
            " serial a1b2c3, 2026-10-01 to 2027-04-17 00:00:00 UTC"
        ),
        "192.0.2.10: trust: not known, for want of roots",
    ]


def test_log_of_a_sibling() -> None:
    """A certificate for the name that is not the one served is named, and not blamed."""
    domain = Domain("www.example.com", server_name="inner.example.com")
    lines = told(probe(look(sight=served(serial=7)), errand=Errand(domain, "www.example.com", 10.0)))
    assert "server name (SNI) inner.example.com, as configured" in lines
    assert lines[-5:] == [
        (
            f"ACM: {ARN}: does not count here: another certificate is served or pinned,"
            " or it does not cover the name"
        ),
        *(f"ACM: {OTHER_ARN}: {code} holds" for code in ("reachable", "name_match", "serial_match")),
        "a success",
    ]


def test_log_of_two_certificates() -> None:
    """Each type of key has its lines."""
    other = replace(SERVED, key_type="ecdsa", cipher="TLS_CHACHA20_POLY1305_SHA256", group="x25519")
    lines = told(probe(look(sight=served(key_type="rsa", others=(other,)))))
    assert [line for line in lines if "handshake" in line and "192.0.2.10" in line] == [
        "192.0.2.10 (RSA): handshake: TLSv1.3 TLS_AES_128_GCM_SHA256",
        "192.0.2.10 (ECDSA): handshake: TLSv1.3 TLS_CHACHA20_POLY1305_SHA256 x25519",
    ]


def test_log_of_failures() -> None:
    """A name that does not resolve, a handshake that fails, a name that no certificate covers."""
    assert told(probe(UNKNOWN))[1] == "resolve www.example.com: name_not_found: it does not exist"
    errand = Errand(Domain("a.example.org"), "a.example.org", 10.0)
    reset = replace(missed(Why.RESET, name="a.example.org"), timing=Timing(0.1, 0.1, 0.1))
    assert told(probe(reset, errand=errand), Request("a.example.org", 443))[1:] == [
        "resolve a.example.org -> 192.0.2.10",
        "192.0.2.10: connected",
        "192.0.2.10: handshake: reset",
        "ACM: no certificate of the inventory covers a.example.org",
        "a failure",
    ]
    mail = replace(errand, domain=Domain("a.example.org", 25, way=Way("smtp")))
    told_no = missed(Why.STARTTLS_REFUSED, "does not offer STARTTLS", name="a.example.org", port=25)
    early = replace(told_no, timing=Timing(0.1, 0.1, starttls=0.1))
    assert told(probe(early, errand=mail), Request("a.example.org", 25))[1:5] == [
        "begins with smtp",
        "resolve a.example.org -> 192.0.2.10",
        "192.0.2.10: connected",
        "192.0.2.10: starttls: starttls_refused: does not offer STARTTLS",
    ]
    tentative = replace(WWW, domain=Domain("www.example.com", tentative=True))
    assert told(probe(UNKNOWN, errand=tentative))[1:] == [
        "resolve www.example.com: name_not_found: it does not exist",
        "nobody: a derived name that does not resolve",
    ]
    other = look(sight=served(names=("a.example.org", "b\x1b.example.org")))
    assert "192.0.2.10: name: it does not cover www.example.com, but a.example.org, b?.example.org" in told(
        probe(other)
    )
    assert isinstance(other.sight, Seen)
