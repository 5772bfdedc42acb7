"""TLS as clients meet it: the standard library's client against the running server."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from tests.expose.entrance import (
    BORN,
    CLIENT,
    PAIR,
    ROOT,
    ask,
    entrance,
    files,
    put,
    trusting,
)

OK = "HTTP/1.1 200 OK"
NEEDED = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
UNKNOWN_CA = "TLSV1_ALERT_UNKNOWN_CA"
BAD = "TLSV1_ALERT_INTERNAL_ERROR"  # all that pyOpenSSL can say of a name that is not allowed
CA = "  client_ca_file: ca.pem\n"
GOOD_SAN = "  client_allowed_sans: [other.example.com, prometheus.example.com]\n"
BAD_SAN = "  client_allowed_sans: [other.example.com]\n"


@pytest.mark.parametrize(
    ("kind", "more", "met"),
    [
        ("NoClientCert", "", [OK, OK, OK]),
        ("RequestClientCert", CA, [OK, OK, OK]),
        ("VerifyClientCertIfGiven", CA, [OK, OK, UNKNOWN_CA]),
        ("RequireAnyClientCert", CA, [NEEDED, OK, OK]),
        ("RequireClientCert", "", [NEEDED, OK, OK]),
        ("RequireAndVerifyClientCert", CA, [NEEDED, OK, UNKNOWN_CA]),
        ("RequireAndVerifyClientCert", "", [NEEDED, UNKNOWN_CA, UNKNOWN_CA]),
        ("RequireAnyClientCert", GOOD_SAN, [NEEDED, OK, OK]),
        ("RequireAndVerifyClientCert", CA + GOOD_SAN, [NEEDED, OK, UNKNOWN_CA]),
        ("RequireAndVerifyClientCert", CA + BAD_SAN, [NEEDED, BAD, UNKNOWN_CA]),
        ("RequireAndVerifyClientCert", f"{CA}  client_allowed_sans: []\n", [NEEDED, BAD, UNKNOWN_CA]),
        ("RequireAndVerifyClientCert", "  client_ca_file: server.key\n", [NEEDED, UNKNOWN_CA, UNKNOWN_CA]),
    ],
)
async def test_client_certificates(kind: str, more: str, met: list[str], tmp_path: Path) -> None:
    """Who is let in is who Go lets in, and who is not is told why."""
    file = files(tmp_path, f"tls_server_config:\n{PAIR}  client_auth_type: {kind}\n{more}")
    async with entrance(file) as at:
        clients = (None, "client", "unknown")
        assert [await ask(at, "/-/healthy", trusting(tmp_path, one)) for one in clients] == met


@pytest.mark.parametrize(
    ("names", "allowed", "met"),
    [
        (["192.0.2.1"], "192.0.2.1", OK),
        (["a.example.com", "2001:db8::1"], "2001:db8::1", OK),
        (["a.example.com"], "A.example.com", BAD),  # exactly
        (["*.example.com"], "a.example.com", BAD),
        ([], "nobody", BAD),  # the common name is none
    ],
)
async def test_sans_are_compared_exactly(names: list[str], allowed: str, met: str, tmp_path: Path) -> None:
    """Addresses count as names do, and nothing else does."""
    kind = f'  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: ["{allowed}"]\n'
    file = files(tmp_path, f"tls_server_config:\n{PAIR}{CA}{kind}")
    put(tmp_path, "client", ROOT.issue(names, BORN, usages=CLIENT))
    async with entrance(file) as at:
        assert await ask(at, "/-/healthy", trusting(tmp_path, "client")) == met


async def test_a_server_certificate_is_no_client_certificate(tmp_path: Path) -> None:
    """The extended key usage counts, and so does the time."""
    kind = "  client_auth_type: RequireAndVerifyClientCert\n"
    file = files(tmp_path, f"tls_server_config:\n{PAIR}{CA}{kind}")
    old = ROOT.issue(
        ["prometheus.example.com"], BORN - 2 * (BORN - BORN.replace(year=BORN.year - 1)), usages=CLIENT
    )
    put(tmp_path, "old", old)
    async with entrance(file) as at:
        met = [await ask(at, "/-/healthy", trusting(tmp_path, one)) for one in ("server", "old")]
    assert met == ["SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_EXPIRED"]


@pytest.mark.parametrize(
    ("lines", "client", "met"),
    [
        ("", {}, ("TLSv1.3", "TLS_AES_256_GCM_SHA384")),
        ("", {"maximum": "TLSv1_2"}, ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")),
        ("", {"maximum": "TLSv1_1"}, "TLSV1_ALERT_PROTOCOL_VERSION"),
        ("  min_version: TLS10\n", {"maximum": "TLSv1_1"}, ("TLSv1.1", "ECDHE-ECDSA-AES256-SHA")),
        ("  min_version: TLS13\n", {"maximum": "TLSv1_2"}, "TLSV1_ALERT_PROTOCOL_VERSION"),
        ("  max_version: TLS12\n", {}, ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")),
        (
            "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n",
            {},
            ("TLSv1.2", "ECDHE-ECDSA-AES128-SHA"),
        ),
        (
            "  max_version: TLS12\n  prefer_server_cipher_suites: false\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n",
            {},
            ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ),
        (
            "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n",
            {"maximum": "TLSv1_2"},
            "TLSV1_ALERT_PROTOCOL_VERSION",
        ),
        (
            "  curve_preferences: [CurveP384, X25519]\n",
            {"curve": "secp384r1"},
            ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
        ),
        (
            "  curve_preferences: [CurveP384, X25519]\n",
            {"curve": "prime256v1"},
            "SSLV3_ALERT_HANDSHAKE_FAILURE",
        ),
        ("  min_version: TLS13\n  max_version: TLS12\n", {}, "TLSV1_ALERT_PROTOCOL_VERSION"),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # old ones are what is tested
async def test_what_is_spoken(
    lines: str, client: dict[str, str], met: tuple[str, str] | str, tmp_path: Path
) -> None:
    """Versions, cipher suites, whose preference counts, and curves are as configured."""
    file = files(tmp_path, f"tls_server_config:\n{PAIR}{lines}")
    context = trusting(tmp_path)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    if "maximum" in client:
        context.maximum_version = ssl.TLSVersion[client["maximum"]]
    if "curve" in client:
        context.set_ecdh_curve(client["curve"])
    async with entrance(file) as at:
        assert await spoken(at.port, context) == met


async def spoken(port: int, context: ssl.SSLContext) -> tuple[str, str] | str:
    """Shake hands; gives version and cipher, or why not."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    except ssl.SSLError as error:
        return error.reason or "EOF"
    name, _, _ = writer.get_extra_info("cipher")
    version = writer.get_extra_info("ssl_object").version()
    writer.close()
    await writer.wait_closed()
    return version, name


async def test_a_large_answer_and_a_second_request(tmp_path: Path) -> None:
    """Answers of many records arrive whole on a connection that stays, and the server says goodbye."""
    file = files(tmp_path, f"tls_server_config:\n{PAIR}")
    async with entrance(file) as at:
        reader, writer = await asyncio.open_connection("127.0.0.1", at.port, ssl=trusting(tmp_path))
        bodies = []
        for last in (False, True):
            end = "Connection: close\r\n" if last else ""
            writer.write(f"GET /metrics HTTP/1.1\r\nHost: localhost\r\n{end}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.partition("Content-Length: ")[2].partition("\r\n")[0])
            bodies.append(await reader.readexactly(length))
        assert await reader.read() == b""  # and not an SSLError: close_notify came
        writer.close()
    assert len(bodies[0]) > 16_384
    assert [body.splitlines()[0][:7] for body in bodies] == [b"# HELP ", b"# HELP "]


async def test_no_session_is_resumed(tmp_path: Path) -> None:
    """A client that was let in once is looked at again each time."""
    file = files(tmp_path, f"tls_server_config:\n{PAIR}  max_version: TLS12\n")
    context = trusting(tmp_path)
    async with entrance(file) as at:
        first = await asyncio.to_thread(_handshake, at.port, context, None)
        again = await asyncio.to_thread(_handshake, at.port, context, first[0])
    assert (first[1], again[1]) == (False, False)


def _handshake(
    port: int, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[ssl.SSLSession | None, bool | None]:
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as secure,
    ):
        return secure.session, secure.session_reused


@pytest.mark.parametrize(
    "junk", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 70_000, b"\x80" * 10]
)
async def test_what_is_no_tls(junk: bytes, tmp_path: Path) -> None:
    """It is cut off, and harms nobody."""
    file = files(tmp_path, f"tls_server_config:\n{PAIR}")
    async with entrance(file) as at:
        reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
        writer.write(junk)
        with_alert = await _rest(reader)
        writer.transport.abort()
        assert await ask(at, "/-/healthy", trusting(tmp_path)) == OK
    assert with_alert[:1] in (b"\x15", b"")


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""
