"""The status page: a snapshot for a person with a browser, and without JavaScript.

Law of this room: it decides nothing, it runs nothing in the browser, and what comes from outside is text.
"""

from __future__ import annotations

import base64
import hashlib
import platform
from collections.abc import Mapping
from importlib import resources

from exporter import __version__
from exporter.expose.page import overview, portrait
from exporter.expose.page.markup import DOCTYPE, Markup, element, join, stylesheet
from exporter.expose.page.selection import chosen
from exporter.snapshot import Snapshot

STYLE = resources.files(__name__).joinpath("style.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_STALE = "It is renewed within a minute; older than five minutes means that the exporter hangs."
_LINKS = ("/metrics", "/api/v1/certificates", "/-/healthy", "/-/ready")


def index(snapshot: Snapshot, query: Mapping[str, str]) -> str:
    """Write the overview, narrowed by `q` and `show`, reloaded by itself every `refresh` seconds."""
    selection = chosen(query)
    reload = [element("meta", http_equiv="refresh", content=selection.refresh)] if selection.refresh else []
    counts = overview.count(snapshot)
    title = overview.title(snapshot, counts)
    return _page(title, overview.body(snapshot, selection, counts), snapshot, *reload)


def certificate(snapshot: Snapshot, arn: str) -> str | None:
    """Write the page of one certificate; None where the snapshot does not hold it."""
    case = next((case for case in snapshot.cases if case.certificate.arn == arn), None)
    return None if case is None else _page(portrait.title(case), portrait.body(case, snapshot), snapshot)


def _page(title: str, body: Markup, snapshot: Snapshot, *head: Markup) -> str:
    return join(
        [
            DOCTYPE,
            element(
                "html",
                element(
                    "head",
                    element("meta", charset="utf-8"),
                    element("meta", name="viewport", content="width=device-width, initial-scale=1"),
                    element("meta", name="color-scheme", content="light dark"),
                    *head,
                    element("title", f"{title} · acm-exporter"),
                    stylesheet(STYLE),
                ),
                element("body", _header(snapshot), element("main", body, id="main"), _footer()),
                lang="en",
            ),
        ]
    )


def _header(snapshot: Snapshot) -> Markup:
    stamp = f"{snapshot.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    machine = snapshot.taken_at.isoformat().replace("+00:00", "Z")
    return element(
        "header",
        element("a", "Skip to the content", href="#main", class_="skip"),
        element("a", "acm-exporter", href="/", class_="home"),
        element("p", "Snapshot of ", element("time", stamp, datetime=machine), f". {_STALE}"),
    )


def _footer() -> Markup:
    links = (element("a", path, href=path) for path in _LINKS)
    return element(
        "footer",
        element("p", f"acm-exporter {__version__}, Python {platform.python_version()}"),
        element("nav", *links, aria_label="Other pages"),
    )
