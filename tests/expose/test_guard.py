"""Who is let in, and what is added to answers: the running server, asked over sockets."""

from __future__ import annotations

import asyncio
import base64
import statistics
import time
from pathlib import Path

import bcrypt
import pytest
from aiohttp import ClientSession

from exporter.config.web import RateLimit
from exporter.expose import passwords
from exporter.expose.guard import Bucket
from exporter.expose.passwords import Passwords, credentials
from tests.expose.entrance import HASH, PAIR, SECRET, ask, entrance, files, trusting

OK, NO = "HTTP/1.1 200 OK", "HTTP/1.1 401 Unauthorized"
USERS = f"basic_auth_users:\n  alice: {HASH}\n"
PATHS = (
    "/",
    "/metrics",
    "/api/v1/certificates",
    "/certificate?arn=x",
    "/probe?target=a.example.com",
    "/sd",
    "/-/healthy",
    "/-/ready",
    "/-/reload",
    "/nowhere",
    "/%2D/healthy",
    "//-/healthy",
)


def basic(user: str, password: str, scheme: str = "Basic") -> str:
    """Write the header."""
    return f"Authorization: {scheme} {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


async def test_every_path_is_guarded(tmp_path: Path) -> None:
    """Without a password nobody learns so much as which paths there are."""
    async with entrance(files(tmp_path, USERS)) as at:
        assert {path: await ask(at, path) for path in PATHS} == dict.fromkeys(PATHS, NO)


async def test_health_is_open_where_it_is_to_be(tmp_path: Path) -> None:
    """The two paths that orchestrators ask, and no other that resembles them."""
    async with entrance(files(tmp_path, USERS), open_health=True) as at:
        met = {path: await ask(at, path) for path in PATHS}
        posted = await at_once(at.url, "POST", "/-/healthy")
    health = ("/-/healthy", "/-/ready", "/%2D/healthy")  # the last is the first, spelled otherwise
    assert met == dict.fromkeys(PATHS, NO) | dict.fromkeys(health, OK)
    assert posted == 401


async def at_once(url: str, method: str, path: str) -> int:
    """Ask with another method; gives the status."""
    async with ClientSession() as session, session.request(method, f"{url}{path}") as answer:
        return answer.status


@pytest.mark.parametrize(
    ("header", "met"),
    [
        (basic("alice", SECRET), OK),
        (basic("alice", SECRET, "bAsIc"), OK),
        (basic("alice", SECRET + "!"), NO),
        (basic("alice", ""), NO),
        (basic("Alice", SECRET), NO),
        (basic("", SECRET), NO),
        (basic("alice:", SECRET), NO),
        (basic("alice", SECRET, "Bearer"), NO),
        ("Authorization: Basic !!!", NO),
        ("Authorization: Basic " + base64.b64encode(b"alice").decode(), NO),
        ("Authorization: Basic " + base64.b64encode(b"\xff\xfe:\x00").decode(), NO),
        ("Authorization:", NO),
    ],
)
async def test_basic_authentication(header: str, met: str, tmp_path: Path) -> None:
    """The name and the password are compared as they are."""
    async with entrance(files(tmp_path, USERS)) as at:
        assert await ask(at, "/metrics", None, header) == met
        assert await ask(at, "/metrics", None, header) == met  # as remembered


async def test_the_challenge_is_the_toolkits(tmp_path: Path) -> None:
    """Whoever is not let in gets the toolkit's words, and the headers all the same."""
    text = f"{USERS}http_server_config:\n  headers:\n    X-Frame-Options: deny\n"
    async with (
        entrance(files(tmp_path, text)) as at,
        ClientSession() as session,
        session.get(f"{at.url}/metrics") as answer,
    ):
        got = (answer.status, answer.headers["WWW-Authenticate"], await answer.text())
        assert got == (401, "Basic", "Unauthorized\n")
        assert answer.headers["X-Frame-Options"] == "deny"


async def test_headers(tmp_path: Path) -> None:
    """All answers have the configured headers, above our own; blank ones are not sent, line breaks neither."""
    text = (
        "http_server_config:\n  http2: false\n  headers:\n    Content-Security-Policy: default-src 'self'\n"
        '    X-Content-Type-Options: nosniff\n    X-XSS-Protection: ""\n'
        '    Strict-Transport-Security: "max-age=1\\r\\nX-Evil: 1"\n'
    )
    expected = {
        "Content-Security-Policy": "default-src 'self'",
        "X-Content-Type-Options": "nosniff",
        "Strict-Transport-Security": "max-age=1  X-Evil: 1",
        "X-XSS-Protection": None,
        "X-Evil": None,
        "Server": "acm-exporter",
    }
    async with entrance(files(tmp_path, text)) as at, ClientSession() as session:
        for path in ("/", "/metrics", "/nowhere", "/-/healthy"):
            async with session.get(f"{at.url}{path}") as answer:
                assert {name: answer.headers.get(name) for name in expected} == expected, path


async def test_rate_limit(tmp_path: Path) -> None:
    """A burst is answered, and then nothing until the interval has passed."""
    async with entrance(files(tmp_path, "rate_limit:\n  burst: 2\n  interval: 1h\n"), open_health=True) as at:
        met = [await ask(at, "/metrics") for _ in range(3)]
        assert met == [OK, OK, "HTTP/1.1 429 Too Many Requests"]
        assert await ask(at, "/-/healthy") == OK


def test_bucket() -> None:
    """It fills by one each interval and never above the burst; a new limit begins full."""
    now = [0.0]
    bucket = Bucket(lambda: now[0])
    limit = RateLimit(10.0, 2)
    took = []
    for now[0] in (0.0, 0.0, 0.0, 5.0, 10.0, 10.0, 1000.0, 1000.0, 1000.0):
        took.append(bucket.takes(limit))
    assert took == [True, True, False, False, True, False, True, True, False]
    assert [bucket.takes(RateLimit(10.0, 1)), bucket.takes(None)] == [True, True]
    assert bucket.takes(RateLimit(1.0, 0)) is False


async def test_health_is_open_under_client_certificates(tmp_path: Path) -> None:
    """Who has no certificate may ask for health alone; a wrong certificate is refused as ever."""
    tls = f"tls_server_config:\n{PAIR}  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
    async with entrance(files(tmp_path, tls), open_health=True) as at:
        met = [
            await ask(at, path, trusting(tmp_path, client))
            for path in ("/-/healthy", "/metrics", "/nowhere")
            for client in (None, "client", "unknown")
        ]
    no, unknown, absent = "HTTP/1.1 403 Forbidden", "TLSV1_ALERT_UNKNOWN_CA", "HTTP/1.1 404 Not Found"
    assert met == [OK, OK, unknown, no, OK, unknown, no, absent, unknown]


# --- passwords ------------------------------------------------------------------------------------------


async def test_a_flood_of_wrong_passwords_leaves_scrapes_alone(tmp_path: Path) -> None:
    """Whose password was right before is answered at once; of the others a few wait, and the rest is told so."""
    strong = bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(12)).decode()
    async with entrance(files(tmp_path, f"basic_auth_users:\n  alice: {strong}\n")) as at:
        assert await ask(at, "/metrics", None, basic("alice", SECRET)) == OK
        flood = [asyncio.create_task(ask(at, "/", None, basic("alice", str(n)))) for n in range(100)]
        await asyncio.sleep(0)
        began = time.monotonic()
        assert await ask(at, "/metrics", None, basic("alice", SECRET)) == OK
        took = time.monotonic() - began
        met = await asyncio.gather(*flood)
    assert took < 1.0  # 0.01 on a quiet machine; 100 hashes take 25
    assert set(met) == {NO, "HTTP/1.1 503 Service Unavailable"}
    assert met.count(NO) >= 2


async def test_the_same_password_at_once_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prometheus begins with hundreds of probes at a time, all with one password."""
    hashed: list[bytes] = []

    def same(_: bytes, password: bytes) -> bool:
        hashed.append(password)
        return True

    monkeypatch.setattr(passwords, "_same", same)
    checks = Passwords()
    asked = (checks.right({"alice": HASH.encode()}, "alice", b"x", "192.0.2.1") for _ in range(300))
    assert set(await asyncio.gather(*asked)) == {True}
    assert hashed == [b"x"]
    checks.close()


async def test_an_unknown_user_takes_as_long_as_a_known_one() -> None:
    """By the clock, nobody can tell which users there are, also where their hashes cost differently."""
    users = {name: bcrypt.hashpw(b"x", bcrypt.gensalt(8)) for name in ("alice", "bob")}
    checks = Passwords()
    took: dict[str, list[float]] = {"alice": [], "mallory": []}
    for turn in range(25):
        for user, times in took.items():
            began = time.thread_time_ns(), time.perf_counter()
            assert await checks.right(users, user, str(turn).encode(), "192.0.2.1") is False
            times.append(time.perf_counter() - began[1])
    checks.close()
    known, unknown = (statistics.median(times) for times in took.values())
    assert 0.5 < unknown / known < 2.0  # without a hash it would be 0.01


async def test_the_right_password_of_another_user_lets_no_unknown_user_in() -> None:
    """An unknown user is compared with somebody's hash, and never let in for it."""
    checks = Passwords()
    users = {"alice": HASH.encode()}
    assert [
        await checks.right(users, user, SECRET.encode(), "192.0.2.1")
        for user in ("mallory", "alice", "mallory")
    ] == [False, True, False]
    assert (
        await checks.right({"alice": HASH.encode().replace(b"$04$", b"$05$")}, "alice", SECRET.encode(), "")
        is False
    )
    checks.close()


@pytest.mark.parametrize("hashed", [HASH.replace("$2b$", f"$2{kind}$") for kind in ("a", "b", "y", "")])
async def test_the_hashes_that_tools_write(hashed: str) -> None:
    """Each prefix of bcrypt is one; of long passwords the first 72 bytes count, as in Go."""
    checks = Passwords()
    assert await checks.right({"a": hashed.encode()}, "a", SECRET.encode(), "") is True
    long = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))
    assert await checks.right({"a": long}, "a", b"x" * 100, "") is True
    checks.close()


async def test_no_hash_that_cannot_be_one_lets_anybody_in() -> None:
    """The toolkit takes a text of the right shape; it is nobody's password."""
    checks = Passwords()
    assert (
        await checks.right(
            {"a": b"$2y$10$!!auhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"}, "a", b"x", ""
        )
        is False
    )
    checks.close()


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrong ones push out each other, and none of the right ones."""
    monkeypatch.setattr(passwords, "_same", lambda _, given: given == b"right")
    checks = Passwords()
    users = {"alice": b"$2b$04$"}
    assert await checks.right(users, "alice", b"right", "") is True
    for number in range(300):
        assert await checks.right(users, "alice", str(number).encode(), "") is False
    assert [len(one._digests) for one in checks._known.values()] == [1, passwords.REMEMBERED]
    checks.close()


@pytest.mark.parametrize(
    ("header", "read"),
    [
        ("Basic YTpiOmM=", ("a", b"b:c")),
        ("Basic Og==", ("", b"")),
        ("Basic YTpi\n", None),
        ("Digest YTpi", None),
        ("", None),
    ],
)
def test_credentials(header: str, read: tuple[str, bytes] | None) -> None:
    """The name ends at the first colon (RFC 7617)."""
    assert credentials(header) == read
