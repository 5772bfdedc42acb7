"""The state file and the webhook of a running exporter: through restarts and reloads."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from exporter.demo import pki
from exporter.demo.tls import Endpoints, Serve
from tests.cli.test_processes import SOON, Running, environment, get, get_until, running


class Site:
    """One TLS endpoint on loopback, whose certificate may be replaced."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._endpoints: Endpoints = self._do(Endpoints.start(folder, {"127.0.0.1": Serve(_issued())}))
        self.port = self._endpoints.port

    def renew(self) -> None:
        """Serve another certificate."""
        self._do(self._endpoints.set("127.0.0.1", Serve(_issued())))

    def close(self) -> None:
        """Stop, if it was not stopped before."""
        if not self._thread.is_alive():
            return
        self._do(self._endpoints.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SOON)
        self._loop.close()

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SOON)


def _issued() -> pki.Issued:
    return pki.self_signed(["a.example.com"], datetime.now(UTC))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Serve TLS on loopback."""
    one = Site(tmp_path)
    yield one
    one.close()


@pytest.fixture
def hook() -> Iterator[tuple[str, Queue[Any]]]:
    """Take what is posted; gives the address and what came."""
    came: Queue[Any] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.put((self.path, self.headers["Authorization"], json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", came
        server.shutdown()
        thread.join(SOON)


def configure(folder: Path, site: Site, more: str) -> list[str]:
    """Write a configuration that looks at the site; gives the arguments."""
    domain = f"{{name: a.example.com, addresses: [127.0.0.1], port: {site.port}}}"
    file = folder / "acm-exporter.yaml"
    file.write_text(
        f"aws: {{accounts: []}}\ndomains: [{domain}]\nprobe: {{interval: 1s, timeout: 900ms}}\n{more}\n"
    )
    listen = ["--web.listen-address", "127.0.0.1:0", "--log.format", "json"]
    return ["run", "--config.file", str(file), *listen]


def looks(file: Path) -> list[str]:
    """List which places a state file tells of."""
    with closing(sqlite3.connect(file)) as connection:
        return [key for (key,) in connection.execute("SELECT key FROM facts WHERE kind = 'looks'")]


def until_gone(url: str, word: str) -> None:
    """Fetch a page until it does not hold a word any more."""
    end = time.monotonic() + SOON
    while word in get(url):
        assert time.monotonic() < end
        threading.Event().wait(0.1)


def seen(daemon: Running) -> str:
    """Wait until the site was looked at; gives the exporter's address."""
    url: str = daemon.until("listening")["urls"]
    get_until(f"{url}/metrics", "tls_endpoint_info{")
    return url


def test_a_change_while_nobody_ran_is_told_after_the_restart(
    tmp_path: Path, site: Site, hook: tuple[str, Queue[Any]]
) -> None:
    """To the log, to the webhook and to whoever asks; and the secrets of the webhook to nobody."""
    url, came = hook
    more = f"events: {{webhook: {{url: '{url}/swordfish', authorization: Bearer swordfish}}}}\nstate_file: state.db"
    arguments = configure(tmp_path, site, more)
    with running(arguments, environment(tmp_path)) as daemon:
        seen(daemon)
        assert daemon.end(signal.SIGTERM)[0] == 0
    assert looks(tmp_path / "state.db") == [f'["a.example.com",{site.port}]']
    first = daemon.log
    site.renew()
    with running(arguments, environment(tmp_path)) as daemon:
        address = daemon.until("listening")["urls"]
        changed = daemon.until("changed")
        path, authorization, told = came.get(timeout=SOON)
        api = json.loads(get(f"{address}/api/v1/changes"))
        text = get_until(f"{address}/metrics", 'acm_exporter_webhook_changes_total{outcome="delivered"} 1.0')
        assert daemon.end(signal.SIGTERM)[0] == 0
    assert (path, authorization) == ("/swordfish", "Bearer swordfish")
    (change,) = told["changes"]
    place = {"domain": "a.example.com", "port": site.port, "address": "127.0.0.1"}
    assert {key: change[key] for key in ("subject", "what", *place)} == {
        "subject": "endpoint",
        "what": "serial",
        **place,
    }
    assert api == {"changes": [change]}
    assert {key: changed[key] for key in ("what", "was", "now", *place)} == {
        key: change[key] for key in ("what", "was", "now", *place)
    }
    assert 'acm_exporter_changes_total{subject="endpoint",what="serial"} 1.0' in text
    assert "acm_exporter_state_healthy 1.0" in text
    assert "swordfish" not in f"{first} {daemon.log} {api} {text}"
    assert came.empty()


def test_the_first_scrape_has_what_was_known(tmp_path: Path, site: Site) -> None:
    """Nobody ever sees the exporter without it, though what it looks at is gone meanwhile."""
    arguments = configure(tmp_path, site, "state_file: state.db")
    with running(arguments, environment(tmp_path)) as daemon:
        row = re.search("^tls_endpoint_info.*$", get(f"{seen(daemon)}/metrics"), re.MULTILINE)
        daemon.end(signal.SIGTERM)
    assert row is not None
    site.close()
    with running(arguments, environment(tmp_path)) as daemon:
        assert row[0] in get(f"{daemon.until('listening')['urls']}/metrics").splitlines()


def test_a_reload_may_name_another_file(tmp_path: Path, site: Site) -> None:
    """The file before keeps what was known then, and the new one gets everything."""
    with running(configure(tmp_path, site, "state_file: one.db"), environment(tmp_path)) as daemon:
        url = seen(daemon)
        configure(tmp_path, site, "state_file: two.db")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.until("configuration reloaded")
        assert looks(tmp_path / "one.db") == [f'["a.example.com",{site.port}]']
        configure(tmp_path, site, "")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.until("configuration reloaded")
        until_gone(f"{url}/metrics", "\nacm_exporter_state_healthy ")
        assert daemon.end(signal.SIGTERM)[0] == 0
    assert looks(tmp_path / "two.db") == looks(tmp_path / "one.db")


def test_a_file_that_cannot_be_used_is_said_once(tmp_path: Path, site: Site) -> None:
    """The exporter starts all the same, and tells so in its metrics too."""
    (tmp_path / "state.db").write_bytes(b"SQLite format 3\0" + bytes(4080))
    with running(configure(tmp_path, site, "state_file: state.db"), environment(tmp_path)) as daemon:
        daemon.until("state file cannot be used")
        url = seen(daemon)
        text = get(f"{url}/metrics")
        code, _ = daemon.end(signal.SIGTERM)
    assert code == 0
    assert "acm_exporter_state_healthy 0.0" in text
    assert [one["reason"] for one in daemon.log if "state" in one["event"]] == ["foreign"]
    assert [one["event"] for one in daemon.log if one["level"] == "error"] == []
