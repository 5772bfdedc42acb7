"""Another configuration takes over in a running exporter."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.demo import pki
from exporter.demo.tls import Endpoints, Serve
from tests.cli.test_processes import AWS, SOON, Running, environment, get, running, url_of

NAMES = ("a.example.com", "b.example.com", "c.example.com")
LOOKS = 'acm_exporter_looks_total{outcome="ok",source="tls"}'
BROKEN = "domains: [a..example.com]\nprobe: {interval: 5}\n"


@pytest.fixture
def hanging() -> Iterator[socket.socket]:
    """Give a server that lets people connect and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SOON)
        yield server


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Serve TLS on loopback; gives the port."""
    folder = tmp_path_factory.mktemp("endpoints")
    issued = pki.self_signed(list(NAMES), datetime.now(UTC))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    endpoints = asyncio.run_coroutine_threadsafe(
        Endpoints.start(folder, {"127.0.0.1": Serve(issued)}), loop
    ).result(SOON)
    yield endpoints.port
    asyncio.run_coroutine_threadsafe(endpoints.close(), loop).result(SOON)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(SOON)
    loop.close()


def written(port: int, *names: str, accounts: str = "{accounts: []}") -> str:
    """Write a configuration that looks at these names."""
    lines = [f"  - {{name: {name}, addresses: [127.0.0.1], port: {port}}}" for name in names]
    return "\n".join([f"aws: {accounts}", "domains:", *lines, ""])


class Exporter:
    """A running exporter with its configuration file."""

    def __init__(self, process: Running, file: Path) -> None:
        self.process = process
        self.file = file
        self.url = process.until("listening")["urls"]

    def metrics(self) -> dict[str, float]:
        """Scrape; gives each of our rows."""
        rows = (line.rpartition(" ") for line in get(f"{self.url}/metrics").splitlines())
        return {row: float(value) for row, _, value in rows if re.match(r"(acm|tls|process)_", row)}

    def until(self, fits: Callable[[dict[str, float]], bool]) -> dict[str, float]:
        """Scrape until something is so."""
        end = time.monotonic() + SOON
        while not fits(rows := self.metrics()):
            assert time.monotonic() < end, rows
            threading.Event().wait(0.1)
        return rows

    def post(self) -> tuple[int, str]:
        """Reload over HTTP; gives status and text."""
        request = urllib.request.Request(f"{self.url}/-/reload", method="POST")
        try:
            with urllib.request.urlopen(request, timeout=SOON) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@contextmanager
def exporter(file: Path, **more: str) -> Iterator[Exporter]:
    """Run an exporter."""
    arguments = [
        "run",
        "--config.file",
        str(file),
        "--web.listen-address",
        "127.0.0.1:0",
        "--log.format",
        "json",
    ]
    with running(arguments, environment(file.parent, **more)) as process:
        yield Exporter(process, file)


def reachable(rows: dict[str, float]) -> dict[str, float]:
    """Tell which names are seen."""
    found = ((re.match(r'tls_endpoint_reachable\{domain="(\w)', row), value) for row, value in rows.items())
    return {match[1]: value for match, value in found if match}


@pytest.fixture
def file(tmp_path: Path, port: int) -> Path:
    """Give a configuration that looks at a."""
    file = tmp_path / "acm-exporter.yaml"
    file.write_text(written(port, "a.example.com"))
    return file


def test_a_good_file_is_in_force_and_what_stays_is_known(file: Path, port: int) -> None:
    """By signal, request or change: what is new is seen, what stays keeps its values, and no counter goes back."""
    with exporter(file) as one:
        first = one.until(lambda rows: reachable(rows) == {"a": 1.0})
        file.write_text(written(port, "a.example.com", "b.example.com"))
        one.process.process.send_signal(signal.SIGHUP)
        assert one.process.until("configuration reloaded")["by"] == "SIGHUP"
        second = one.until(lambda rows: reachable(rows) == {"a": 1.0, "b": 1.0})
        file.write_text(written(port, "a.example.com"))
        assert one.post() == (200, "reloaded\n")
        assert one.process.until("configuration reloaded")["by"] == "request"
        third = one.metrics()
        file.write_text(written(port, "b.example.com"))
        assert one.process.until("configuration reloaded")["by"] == "change"
        fourth = one.until(lambda rows: reachable(rows) == {"b": 1.0})
        code, _ = one.process.end(signal.SIGTERM)
    assert (code, [line for line in one.process.log if line["level"] in ("warning", "error")]) == (0, [])
    assert reachable(third) == {"a": 1.0}  # at once
    looked = next(row for row in first if row.startswith("tls_endpoint_last_success_timestamp_seconds"))
    assert first[looked] == second[looked] == third[looked]
    loaded = "acm_exporter_config_last_reload_success_timestamp_seconds"
    assert first[loaded] < second[loaded] < third[loaded] < fourth[loaded]
    assert [rows[LOOKS] for rows in (first, second, third, fourth)] == [1, 2, 2, 3]


def test_a_bad_file_changes_nothing_and_says_what_is_wrong(file: Path, port: int) -> None:
    """Every mistake is in the answer and in the log; the metric tells it until the file is mended."""
    successful = "acm_exporter_config_last_reload_successful"
    with exporter(file) as one:
        before = one.until(lambda rows: reachable(rows) == {"a": 1.0})
        file.write_text(BROKEN)
        status, text = one.post()
        during = one.until(lambda rows: rows[successful] == 0)
        ready = get(f"{one.url}/-/ready")
        file.write_text(written(port, "a.example.com"))
        assert one.post() == (200, "reloaded\n")
        after = one.until(lambda rows: rows[successful] == 1)
        one.process.end(signal.SIGTERM)
    assert status == 500
    complaints = text.splitlines()
    assert [re.match(rf"{file}:(\d):\d+: ([^:]+): ", line).groups() for line in complaints] == [  # type: ignore[union-attr]
        ("1", "domains[0]"),
        ("2", "probe.interval"),
    ]
    logged = [(line["event"], line.get("complaint")) for line in one.process.log if line["level"] == "error"]
    assert logged == [
        *(("configuration refused", line) for line in complaints),
        ("the configuration before stays in force", None),
    ]
    loaded = "acm_exporter_config_last_reload_success_timestamp_seconds"
    assert (before[successful], during[loaded], reachable(during), ready) == (
        1,
        before[loaded],
        {"a": 1.0},
        "ready\n",
    )
    assert after[loaded] > before[loaded]


def test_reloads_leave_no_gap_and_nothing_behind(file: Path, port: int, tmp_path: Path) -> None:
    """While configurations change under load, each scrape has the rows of what stays; files and threads do not grow."""
    texts = [written(port, *NAMES[:2]), written(port, *NAMES[::2])]
    with (
        exporter(file) as one,
        ThreadPoolExecutor(4) as pool,
    ):
        one.until(lambda rows: reachable(rows) == {"a": 1.0})
        counts = []
        for number in range(12):
            file.write_text(texts[number % 2])
            posts = [pool.submit(one.post) for _ in range(3)]
            while not all(post.done() for post in posts):
                assert reachable(one.metrics())["a"] == 1.0
            assert [post.result() for post in posts] == 3 * [(200, "reloaded\n")]
            proc = Path(f"/proc/{one.process.process.pid}")
            counts.append((len(list((proc / "fd").iterdir())), len(list((proc / "task").iterdir()))))
        one.until(lambda rows: reachable(rows) == {"a": 1.0, "c": 1.0})
    files, threads = zip(*counts, strict=True)
    assert max(files[6:]) <= max(files[:6]) + 3, files  # connections come and go
    assert max(threads[6:]) <= max(threads[:6]) + 1, threads


def test_reload_while_a_call_to_aws_hangs(file: Path, port: int, hanging: socket.socket) -> None:
    """Calls under the former configuration are given up: nobody waits for them, and threads do not pile up."""
    env = {"AWS_ENDPOINT_URL": url_of(hanging), **AWS}
    with exporter(file, **env) as one:
        one.until(lambda rows: reachable(rows) == {"a": 1.0})
        began = time.monotonic()
        calls = []
        for _ in range(3):
            file.write_text(written(port, *NAMES, accounts="{}"))
            assert one.post()[0] == 200
            calls.append(hanging.accept()[0])
        took = time.monotonic() - began
        one.until(lambda rows: reachable(rows) == dict.fromkeys("abc", 1.0))
        code, ended = one.process.end(signal.SIGTERM)
        for call in calls:
            call.close()
    assert (code, [line for line in one.process.log if line["level"] == "error"]) == (0, [])
    assert took < 10  # about half a second each; one call hangs for 10 seconds
    assert ended < 5


def test_without_a_file_there_is_nothing_to_reload(tmp_path: Path) -> None:
    """Whoever asks is told so, and nothing else happens."""
    arguments = ["run", "--web.listen-address", "127.0.0.1:0", "--log.format", "json"]
    with running(arguments, environment(tmp_path, AWS_REGION="us-east-1")) as process:
        one = Exporter(process, tmp_path)
        assert one.post() == (409, "there is no configuration file to reload\n")
        process.process.send_signal(signal.SIGHUP)
        process.until("there is no configuration file to reload")
        assert get(f"{one.url}/-/healthy") == "healthy\n"
        assert process.end(signal.SIGTERM)[0] == 0
