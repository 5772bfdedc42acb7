"""The status page in a real browser: it shows without complaint, fits a phone, and a large one loads quickly."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, ClientWebSocketResponse, web

from exporter import config
from exporter.cli import build
from exporter.demo.world import world
from exporter.expose import page
from exporter.expose.page.markup import address
from exporter.expose.text import worst_first
from exporter.judge.rule import Outcome
from exporter.judge.verdict import Word
from exporter.snapshot import Case, Snapshot
from tests.evidence import CERTIFICATE
from tests.expose.snapshots import case, finding, snapshot
from tests.servers import need

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DESK, PHONE, TALL = (1280, 900), (390, 844), (390, 1500)
LIGHT, DARK = "light", "dark"
IMAGES = Path(__file__).parents[2] / "docs/images"  # ACM_EXPORTER_PICTURES=1 takes them anew
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


class NavigatedError(Exception):
    """The page left while it was asked."""


class Tab:
    """A tab of the browser, spoken to in the DevTools protocol."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        """Take a tab that nothing was asked of yet."""
        self._socket = socket
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []

    async def ask(self, method: str, **parameters: Any) -> Any:
        """Call a method; what the browser complains of meanwhile is kept."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while (message := await self._hear()).get("id") != number:
            pass
        if message.get("error", {}).get("message") == "Inspected target navigated or closed":
            raise NavigatedError
        assert "error" not in message, message
        return message["result"]

    async def open(self, url: str, size: tuple[int, int] = DESK, scheme: str = LIGHT) -> None:
        """Load a page until nothing of it is outstanding."""
        self.complaints.clear()
        for domain in ("Page", "Log", "Runtime"):
            await self.ask(f"{domain}.enable")
        width, height = size
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=size != DESK,
        )
        await self.ask(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
        )
        await self.ask("Page.navigate", url=url)
        while (await self._hear()).get("method") != "Page.loadEventFired":
            pass

    async def value(self, expression: str) -> Any:
        """Evaluate JavaScript: ours, for the page has none."""
        while True:
            try:
                answer = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
                break
            except NavigatedError:  # from under the question, which the next page answers
                continue
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def picture(self) -> bytes:
        """Take a picture of what is seen without scrolling, as PNG."""
        shot = await self.ask("Page.captureScreenshot", format="png", optimizeForSpeed=False)
        return base64.b64decode(shot["data"])

    async def _hear(self) -> Any:
        message = await self._socket.receive_json(timeout=30)
        match message.get("method"):
            case "Log.entryAdded":
                self.complaints.append(message["params"]["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.complaints.append(str(message["params"]))
            case _:
                pass
        return message


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run Chromium with a profile of its own and give its DevTools address."""
    profile = tmp_path_factory.mktemp("profile")
    command = [need("chromium"), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    here = os.environ | {"TMPDIR": tempfile.mkdtemp(prefix="chromium-")}  # short: it makes a socket there
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=here
    ) as process:
        assert process.stderr is not None
        said = next((line for line in process.stderr if line.startswith("DevTools listening on")), "")
        assert said, "Chromium did not start"
        try:
            yield said.split("ws://")[1].split("/")[0]
        finally:
            process.terminate()
            process.communicate(timeout=30)
            shutil.rmtree(here["TMPDIR"], ignore_errors=True)


@pytest_asyncio.fixture(loop_scope="module")
async def tab(browser: str) -> AsyncIterator[Tab]:
    """Open a new tab."""
    async with ClientSession() as session:
        async with session.put(f"http://{browser}/json/new?about:blank") as answer:
            about = await answer.json()
        async with session.ws_connect(about["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            yield Tab(socket)
        async with session.get(f"http://{browser}/json/close/{about['id']}"):
            pass


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Look once at everything in the demo world."""
    with pytest.MonkeyPatch.context() as environment:
        async with world(tmp_path_factory.mktemp("world"), NOW) as around:
            for name, value in around.environment.items():
                environment.setenv(name, value)
            settings = config.load(around.config_file, around.environment)
            with build.watch(settings, clock=lambda: NOW) as (watch, board):
                await watch.once()
            return board.latest


@asynccontextmanager
async def served(shown: Snapshot, more: str = "") -> AsyncIterator[str]:
    """Serve a snapshot's pages as the exporter does; `more` is put at the end of the overview."""

    async def index(request: web.Request) -> web.Response:
        return _answer(page.index(shown, request.query) + more)

    async def certificate(request: web.Request) -> web.Response:
        return _answer(page.certificate(shown, request.query["arn"]) or "")

    application = web.Application()
    application.router.add_get("/", index)
    application.router.add_get("/certificate", certificate)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _answer(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html", headers=page.HEADERS)


FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
STYLED = "getComputedStyle(document.body).backgroundColor"
GROUNDS = {LIGHT: "rgb(252, 252, 251)", DARK: "rgb(20, 22, 26)"}


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_pages_show_without_complaint_and_fit(
    tab: Tab, demo: Snapshot, size: tuple[int, int], scheme: str
) -> None:
    """The policy lets the style through and nothing else is asked for; nobody scrolls sideways, nothing is cut."""
    worst, *_ = worst_first(demo.cases, demo.taken_at)
    async with served(demo) as url:
        for path in ("/", address("/certificate", arn=worst.certificate.arn)):
            await tab.open(url + path, size, scheme)
            await tab.value("document.querySelectorAll('details').forEach(one => { one.open = true })")
            assert await tab.value(FITS)
            assert await tab.value(STYLED) == GROUNDS[scheme]
            assert tab.complaints == []


async def test_policy_is_in_force(tab: Tab) -> None:
    """Were a script or a style of others to get into the page, it would not run: and the test would hear of it."""
    foreign = "<script>document.title = 'mine'</script><style>body { background: red }</style>"
    async with served(snapshot(case(), ready=True), foreign) as url:
        await tab.open(url)
        assert await tab.value("document.title") == "all is well · acm-exporter"
        assert await tab.value(STYLED) == GROUNDS[LIGHT]
        assert len([one for one in tab.complaints if "Content Security Policy" in one]) == 2


async def test_form_narrows_and_a_row_leads_to_its_certificate(tab: Tab, demo: Snapshot) -> None:
    """A person types part of a name, presses Enter and follows the link, all without JavaScript of the page."""
    async with served(demo) as url:
        await tab.open(url)
        await tab.value("document.querySelector('#q').value = 'waf.'")
        await tab.value("document.querySelector('form').requestSubmit()")
        await _until(tab, "location.search", "?q=waf.&show=&refresh=")
        links = "document.querySelectorAll('.certificates tbody th a')"
        await _until(tab, f"[...{links}].map(one => one.textContent).join()", "waf.example.com")
        await tab.value(f"{links}[0].click()")
        await _until(tab, "document.querySelector('h1')?.textContent", "waf.example.com")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_tables_stay_tables_for_those_who_listen(tab: Tab, size: tuple[int, int]) -> None:
    """Rows that look like cards are still rows with headers to a screen reader."""
    async with served(snapshot(case(), ready=True, sources=())) as url:
        await tab.open(url, size)
        expected = {"table": 2, "row": 3, "columnheader": 11, "rowheader": 1, "cell": 5}
        # certificates: a row of six under its head; sources: a head of five
        async with asyncio.timeout(20):
            while (found := await _roles(tab)) != expected:
                if "rowheader" in found and "cell" in found:
                    break
                await asyncio.sleep(0.05)
    assert found == expected


async def _roles(tab: Tab) -> dict[str, int]:
    tree = await tab.ask("Accessibility.getFullAXTree")
    roles = Counter(str(one["role"]["value"]) for one in tree["nodes"] if not one["ignored"])
    return {
        kind: n for kind, n in roles.items() if kind in ("table", "row", "columnheader", "rowheader", "cell")
    }


async def _until(tab: Tab, expression: str, value: str) -> None:
    async with asyncio.timeout(20):
        while await tab.value(expression) != value:  # noqa: ASYNC110 - the browser tells nobody
            await asyncio.sleep(0.02)


async def test_pictures(tab: Tab, demo: Snapshot, tmp_path: Path) -> None:
    """What the README shows is what the browser shows: small pictures of the demo world."""
    anew = os.environ.get("ACM_EXPORTER_PICTURES") == "1"
    async with served(demo) as url:
        for name, size, scheme in (("light", DESK, LIGHT), ("phone-dark", TALL, DARK)):
            await tab.open(url, size, scheme)
            picture = await tab.picture()
            if anew:
                IMAGES.mkdir(parents=True, exist_ok=True)
                (IMAGES / f"status-{name}.png").write_bytes(picture)
            kept = (IMAGES / f"status-{name}.png").read_bytes()
            assert _size(picture) == _size(kept) == size
            assert len(kept) < 200_000


def _size(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def _many(number: int) -> Snapshot:
    """Make a large fleet of which every tenth will not renew."""
    return snapshot(*(_one_of_many(n) for n in range(number)), ready=True)


def _one_of_many(number: int) -> Case:
    certificate = replace(
        CERTIFICATE,
        arn=f"arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-{number:012}",
        domain=f"shop{number}.example.com",
        not_after=NOW + timedelta(days=10 + number % 180),
    )
    if number % 10:
        return case(certificate)
    broken = finding(Outcome.BREAKS, "no CNAME at _token.example.com", "create it: _token CNAME _target")
    return case(certificate, Word.BLOCKED, validation_records=broken)


async def test_five_thousand_certificates_load(
    tab: Tab, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fleet is one page; how long it takes is told, not judged: the machine is not ours alone."""
    async with served(_many(5000)) as url:
        await tab.open(url)
        timing: Mapping[str, float] = await tab.value(
            "(({duration, responseStart, responseEnd, encodedBodySize}) => "
            "({duration, responseStart, responseEnd, encodedBodySize}))(performance.getEntriesByType('navigation')[0])"
        )
        assert await tab.value("document.querySelectorAll('.certificates tbody tr').length") == 5000
        assert await tab.value("document.querySelectorAll('details').length") == 500
    for name, value in timing.items():
        record_property(name, value)
    with capsys.disabled():
        told = "  ".join(f"{name} {value:.0f}" for name, value in timing.items())
        print(f"\n5,000 certificates (ms, bytes): {told}")  # noqa: T201 - a measurement for people
