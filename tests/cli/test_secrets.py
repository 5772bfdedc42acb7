"""No secret is told: markers are planted wherever one may be, and looked for in all that comes out."""

from __future__ import annotations

import base64
import signal
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import bcrypt
import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from exporter import config
from exporter.config.webfile import load_web
from exporter.demo import pki
from tests.cli.test_logs import from_logfmt
from tests.cli.test_processes import PROGRAM, environment, running

PASSWORD = "marker-password"
WRONG = "marker-wrong-password"
MARKERS = {
    "AWS_SECRET_ACCESS_KEY": "marker-secret-access-key",
    "AWS_SESSION_TOKEN": "marker-session-token",
    "EXTERNAL_ID": "marker-external-id",
    "STORE_PASSWORD": "marker-store-password",
    "UNSUITED": "marker of an environment variable",
}
URL_USER = "marker-user:marker-url-password"
ROLE = "arn:aws:iam::111111111111:role/acm-exporter"


class Tattler(BaseHTTPRequestHandler):
    """An AWS that refuses all, and quotes all that it was sent, as SignatureDoesNotMatch does."""

    code = "SignatureDoesNotMatch"

    def do_POST(self) -> None:
        """Refuse."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        quoted = f"{self.headers}{body}".replace("&", " ").replace("<", " ")
        answer = f"<ErrorResponse><Error><Code>{self.code}</Code><Message>{quoted}</Message></Error></ErrorResponse>"
        self.send_response(403)
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def tattling() -> Iterator[int]:
    """Run the server; gives its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Tattler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with both configuration files, which hold what nobody may see."""
    issued = pki.self_signed(["127.0.0.1"], datetime.now(UTC) - timedelta(hours=1))
    (tmp_path / "server.pem").write_bytes(issued.chain_pem)
    (tmp_path / "server.key").write_bytes(issued.key_pem)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (tmp_path / "hash").write_text(hashed)
    (tmp_path / "store.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(
            None, issued.key, issued.certificate, None, BestAvailableEncryption(b"another")
        )
    )
    (tmp_path / "web.yml").write_text(
        "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
        f"basic_auth_users:\n  alice: {hashed}\n"
    )
    (tmp_path / "exporter.yml").write_text(
        "domains: [{name: a.example.com, addresses: [127.0.0.1], port: 1}]\nprobe: {interval: 1s, timeout: 500ms}\n"
        f"aws:\n  interval: 1s\n  accounts:\n    - {{name: x, role_arn: {ROLE}, external_id: '${{EXTERNAL_ID}}', regions: [us-east-1]}}\n"
        "    - {name: y, regions: [us-east-1]}\n"
        "files: [server.pem, {path: store.p12, password: '${STORE_PASSWORD}'}, {path: \"*.p12\", password_file: hash}]\n"
        "state_file: state.db\n"
    )
    return tmp_path


def markers(folder: Path) -> list[str]:
    """Give all that must not come out, in every form it has on its way."""
    basic = [base64.b64encode(f"alice:{one}".encode()).decode() for one in (PASSWORD, WRONG)]
    hashed = (folder / "hash").read_text()
    key = [line for line in (folder / "server.key").read_text().splitlines() if "-----" not in line]
    return [*MARKERS.values(), PASSWORD, WRONG, "marker-url-password", hashed, hashed[7:40], *basic, *key]


def leaked(folder: Path, text: str) -> list[str]:
    """Find what came out."""
    return [one for one in markers(folder) if one in text]


def env(folder: Path, **more: str) -> dict[str, str]:
    """Plant the markers."""
    return environment(folder, AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE", **MARKERS, **more)


@pytest.mark.parametrize(
    "proxy", [False, True], ids=["AWS quotes what it was sent", "no AWS behind a URL with a user"]
)
def test_nothing_comes_out_of_the_daemon(proxy: bool, folder: Path) -> None:
    """Not in its log at any level, its state file, nor in what it serves, be the request good, bad or hostile."""
    with tattling() as port:
        url = f"http://{URL_USER}@127.0.0.1:1" if proxy else f"http://127.0.0.1:{port}"
        with running(arguments(folder), env(folder, AWS_ENDPOINT_URL=url), from_logfmt) as daemon:
            at = str(daemon.until("listening")["urls"])
            for _ in ("x", "y"):  # of each account
                daemon.until("ACM could not be read")
            while 'reason="bad_password"' not in fetch(folder, f"{at}/metrics", PASSWORD):
                pass  # until the keystores were tried
            told = "".join(served(folder, at))
            daemon.end(signal.SIGTERM)
            rest = daemon.process.stdout.read() if daemon.process.stdout else ""
    assert "tls_endpoint_reachable{" in told
    assert "Logs for the probe" in told
    assert leaked(folder, told) == []
    assert leaked(folder, rest + repr(daemon.log)) == []
    kept = b"".join(one.read_bytes() for one in folder.glob("state.db*"))
    assert b"a.example.com" in kept
    assert leaked(folder, kept.decode("latin-1")) == []
    assert len(daemon.log) > 5


def arguments(folder: Path) -> list[str]:
    """Run it as loudly as it can be."""
    files = [f"--config.file={folder / 'exporter.yml'}", f"--web.config.file={folder / 'web.yml'}"]
    return ["run", "--web.listen-address=127.0.0.1:0", *files, "--log.level=debug"]


def served(folder: Path, at: str) -> Iterator[str]:
    """Ask for everything, also wrongly; gives all that is answered."""
    paths = (
        *("/", "/metrics", "/api/v1/certificates", "/sd", "/nowhere", "/certificate?arn=x"),
        "/probe?target=a.example.com:1&debug=true",
        f"/probe?target=https://{URL_USER}@a.example.com/",
        f"/probe?target={URL_USER}@a.example.com",
        "/probe?target=169.254.169.254:80",
    )
    for path in paths:
        for password in (PASSWORD, WRONG):
            yield fetch(folder, at + path, password)
    yield fetch(folder, f"{at}/metrics", PASSWORD, {"X-Bad": "a\x01b"})


def fetch(folder: Path, url: str, password: str, more: dict[str, str] | None = None) -> str:
    """Ask once; gives head and body."""
    basic = base64.b64encode(f"alice:{password}".encode()).decode()
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {basic}", **(more or {})})
    context = ssl.create_default_context(cafile=folder / "server.pem")
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            return f"{answer.headers}{answer.read().decode()}"
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.headers}" if more else f"{error.headers}{error.read().decode()}"


def check(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run `config check`; gives its exit code and all that it says."""
    command = [*PROGRAM, "config", "check", *arguments]
    done = subprocess.run(command, env=env(folder), capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_nothing_comes_out_of_a_check_of_what_is_wrong(folder: Path) -> None:
    """Whoever misplaces a secret reads where, and not what it is."""
    (folder / "exporter.yml").write_text(
        "aws:\n  interval: ${UNSUITED}\n  tags: [a, a]\n  accounts:\n    - {role_arn: '${AWS_SECRET_ACCESS_KEY}', external_id: '${UNSUITED}'}\n"
        "    - {regions: ['${AWS_SESSION_TOKEN}']}\n"
        f"domains: ['https://{URL_USER}@a.example.com/', '${{UNSUITED}}', {{name: b.example.com, port: '${{UNSUITED}}'}}]\n"
    )
    (folder / "web.yml").write_text(
        f"basic_auth_users:\n  alice: {PASSWORD}\n"
        f"tls_server_config:\n  cert_file: server.key\n  key_file: server.key\n  client_ca: {{a: b}}\n  key: [{PASSWORD}]\n"
    )
    code, said = check(
        folder, f"--config.file={folder / 'exporter.yml'}", f"--web.config.file={folder / 'web.yml'}"
    )
    assert code == 2
    assert said.count("\n") == 11
    assert leaked(folder, said) == []


def test_nothing_comes_out_of_a_check_of_what_is_well(folder: Path) -> None:
    """Nor does it of a good one."""
    files = {name: folder / name for name in ("exporter.yml", "web.yml")}
    code, said = check(
        folder, f"--config.file={files['exporter.yml']}", f"--web.config.file={files['web.yml']}"
    )
    assert (code, said) == (0, f"{files['exporter.yml']}: fine\n{files['web.yml']}: fine\n")


def test_nothing_is_in_a_dump_of_the_settings(folder: Path) -> None:
    """What a traceback or a debugger shows of them has no secret."""
    settings = config.load(folder / "exporter.yml", MARKERS)
    assert settings.aws.accounts[0].external_id == MARKERS["EXTERNAL_ID"]
    assert leaked(folder, f"{settings!r}{settings}{load_web(folder / 'web.yml')!r}") == []
