"""The web configuration is followed: rotation, links that swap, what is broken, torn or too open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from structlog.testing import capture_logs

from exporter.cli import build
from exporter.demo.pki import pem
from exporter.expose.follow import Following, UnusableError
from exporter.expose.gate import Limits
from exporter.snapshot import WebFile
from tests.evidence import DAY, NOON
from tests.expose.entrance import (
    HASH,
    ONE,
    PAIR,
    STRANGER,
    TWO,
    UNKNOWN,
    Entrance,
    ask,
    entrance,
    files,
    put,
    trusting,
)

TLS = f"tls_server_config:\n{PAIR}"
USERS = f"basic_auth_users:\n  alice: {HASH}\n"
STAYS = "the web configuration cannot be used; the last one stays"
PATIENT = 10.0


def looked(following: Following, times: int = 2) -> list[dict[str, Any]]:
    """Look, and give what was logged."""
    with capture_logs() as logs:
        for _ in range(times):
            following.look()
    return [dict(one) for one in logs]


def following_of(folder: Path, text: str) -> Following:
    """Follow a file with this text."""
    return build.following(files(folder, text), open_health=False)


def served(following: Following) -> bytes:
    """Return the certificate that is in use."""
    settings = following.latest.settings.tls
    assert settings is not None
    return settings.certificate


async def shown(at: Entrance, folder: Path) -> int:
    """Tell the serial that a new connection is shown."""
    context = trusting(folder)
    _, writer = await asyncio.open_connection("127.0.0.1", at.port, ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(der).serial_number


async def test_a_new_certificate_is_served_without_a_restart(tmp_path: Path) -> None:
    """New connections have it within two looks; one that is open goes on."""
    async with entrance(files(tmp_path, TLS), Limits(tick=0.02)) as at:
        assert await shown(at, tmp_path) == ONE.serial
        reader, writer = await asyncio.open_connection("127.0.0.1", at.port, ssl=trusting(tmp_path))
        put(tmp_path, "server", TWO)
        async with asyncio.timeout(PATIENT):
            while await shown(at, tmp_path) != TWO.serial:
                pass
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readuntil(b"healthy\n")).startswith(b"HTTP/1.1 200 OK")
        writer.transport.abort()


async def test_a_new_authority_and_new_users_count_at_once(tmp_path: Path) -> None:
    """Whose authority or name is gone is refused from then on."""
    asks = "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
    async with entrance(files(tmp_path, TLS + asks), Limits(tick=60)) as at:
        assert at.following is not None
        old, new = trusting(tmp_path, "client"), trusting(tmp_path, "unknown")
        assert await ask(at, "/-/healthy", old) == "HTTP/1.1 200 OK"
        (tmp_path / "ca.pem").write_bytes(pem(STRANGER.certificate))
        (tmp_path / "web.yml").write_text(TLS + asks + USERS)
        looked(at.following)
        met = [await ask(at, "/-/healthy", one) for one in (old, new)]
    assert met == ["TLSV1_ALERT_UNKNOWN_CA", "HTTP/1.1 401 Unauthorized"]


def test_a_link_that_is_swapped_is_followed(tmp_path: Path) -> None:
    """Kubernetes swaps one link under all files of a Secret."""
    for name, issued in (("..1", ONE), ("..2", TWO)):
        (tmp_path / name).mkdir()
        put(tmp_path / name, "server", issued)
        (tmp_path / name / "web.yml").write_text(TLS)
    (tmp_path / "..data").symlink_to("..1")
    for name in ("server.pem", "server.key", "web.yml"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    following = build.following(tmp_path / "web.yml", open_health=False)
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert [one["event"] for one in looked(following)] == ["web configuration loaded"]
    assert served(following) == TWO.chain_pem


def broken_pair(folder: Path) -> None:
    """Replace the certificate and not yet the key."""
    (folder / "server.pem").write_bytes(TWO.chain_pem)


def no_key(folder: Path) -> None:
    """Take the key away."""
    (folder / "server.key").unlink()


def no_file(folder: Path) -> None:
    """Take the configuration away."""
    (folder / "web.yml").unlink()


def wrong_key(folder: Path) -> None:
    """Misspell a key."""
    (folder / "web.yml").write_text(TLS + "basic_auth_user: {}\n")


def nothing(folder: Path) -> None:
    """Empty the file, as who writes it in place does first."""
    (folder / "web.yml").write_text("")


def no_users(folder: Path) -> None:
    """Leave out the users."""
    (folder / "web.yml").write_text(TLS)


@pytest.mark.parametrize(
    ("breaks", "says"),
    [
        (
            broken_pair,
            "web.yml:3:3: tls_server_config.key_file: server.key is not the key of server.pem (expected the two to match)",
        ),
        (
            no_key,
            "web.yml:3:3: tls_server_config.key_file: server.key cannot be read: No such file or directory (expected a PEM file)",
        ),
        (no_file, "web.yml: does not exist (expected a YAML file)"),
        (
            wrong_key,
            "web.yml:4:1: basic_auth_user: is not a known key, did you mean basic_auth_users? (expected some of tls_server_config, http_server_config, rate_limit, basic_auth_users)",
        ),
        (nothing, "it turns TLS on or off (expected a restart for that)"),
        (no_users, "it has no basic_auth_users any more (expected a restart for that)"),
    ],
)
def test_what_cannot_be_used_leaves_the_last(
    breaks: Callable[[Path], None], says: str, tmp_path: Path
) -> None:
    """The old configuration stays and it is said once; when all is well again, that is followed."""
    following = following_of(tmp_path, TLS + USERS)
    before = following.latest
    breaks(tmp_path)
    (told,) = looked(following, 5)
    assert (told["log_level"], told["event"]) == ("error", STAYS)
    assert told["error"].replace(f"{tmp_path}/", "") == says
    assert following.latest is before
    assert following.state.refused
    put(tmp_path, "server", TWO)
    (tmp_path / "web.yml").write_text(TLS + USERS)
    assert [one["event"] for one in looked(following)] == ["web configuration loaded"]
    assert served(following) == TWO.chain_pem
    assert not following.state.refused


def test_when_what_is_in_use_was_loaded(tmp_path: Path) -> None:
    """A failure leaves the moment what it was, the next success does not."""
    moments = iter([NOON, NOON + DAY])
    following = build.following(files(tmp_path, TLS), open_health=False, clock=lambda: next(moments))
    assert following.state == WebFile(NOON)
    broken_pair(tmp_path)
    looked(following)
    assert following.state == WebFile(NOON, refused=True)
    put(tmp_path, "server", TWO)
    looked(following)
    assert following.state == WebFile(NOON + DAY)


def test_what_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    """A look that finds a file other than the one before it only notes that."""
    following = following_of(tmp_path, TLS + USERS)
    for length in range(1, len(TLS), 7):
        (tmp_path / "web.yml").write_text((TLS + USERS)[:length])
        assert looked(following, 1) == []
    (tmp_path / "web.yml").write_text(TLS + USERS)
    assert looked(following, 1) == []
    assert [one["event"] for one in looked(following, 3)] == ["web configuration loaded"]


def test_files_that_are_named_anew_are_followed_from_then_on(tmp_path: Path) -> None:
    """The signature is of the files that are in use."""
    following = following_of(tmp_path, TLS)
    put(tmp_path, "other", ONE)
    (tmp_path / "web.yml").write_text(TLS.replace("server.", "other."))
    looked(following)
    put(tmp_path, "other", TWO)
    looked(following)
    assert served(following) == TWO.chain_pem
    put(tmp_path, "server", UNKNOWN)
    assert looked(following, 3) == []


def test_nothing_to_begin_with(tmp_path: Path) -> None:
    """At the start, what cannot be used is an error."""
    with pytest.raises(UnusableError, match=r"web\.yml: does not exist"):
        build.following(tmp_path / "web.yml", open_health=False)
