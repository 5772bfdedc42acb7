"""Certificates in files, as `check` and the pages tell of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from exporter.expose import page, text
from exporter.facts import Unseen, Why
from exporter.snapshot import Case, Filed, Snapshot
from tests.evidence import ARN, DAY, NOON
from tests.expose.snapshots import LATE, LOST, case, snapshot
from tests.expose.test_page import lines, whole
from tests.judge.test_filing import HELD, filed

FINE = Filed(filed(), ((ARN, True),))
OWN = replace(case(), evidence=replace(case().evidence, files=(LATE.look,)))
STRANGE = Filed(replace(filed(replace(HELD, not_after=NOON - DAY)), path="/tls/old.pem"))


def told(*cases: Case, files: tuple[Filed, ...]) -> str:
    """Write the table of `check` without its last line."""
    of = snapshot(*cases, files=files)
    return text.check(of, cases).rpartition("\n\n")[0]


def test_check_names_files_of_nobody_that_need_somebody() -> None:
    """What is wrong with a certificate's own file stands with the certificate; a sound stranger is no news."""
    assert told(files=(replace(STRANGE, look=filed()), LATE, STRANGE, LOST)) == (
        "Files that belong to no certificate of the inventory, and need somebody:\n"
        "  /etc/nginx/tls/www.pem  ended on 2026-11-08\n"
        "  /tls/old.pem            ended on 2026-11-22\n"
        "  /tls/more               file_not_found: no file matches"
    )
    assert "Files" not in told(OWN, files=(LATE,))
    assert "Files" not in told(files=(FINE,))
    assert "Files" not in text.check(snapshot(case(), OWN, files=(LOST,)), [OWN])


def body(of: Snapshot) -> str:
    """Cut the table of files out of the first page."""
    html = page.index(of, {})
    return lines(html[html.index("<h2>Certificates in files") :], "<tbody>", "</tbody>")


def test_page_shows_every_file() -> None:
    """What it holds, against what ACM has, and how the last look went."""
    lost = replace(
        LATE.look,
        sight=Unseen(Why.BAD_PASSWORD, "it is wrong"),
        last_success=NOON - timedelta(hours=3),
    )
    assert body(snapshot(files=(FINE, Filed(lost, ((ARN, False),)), LOST))) == whole("""
        <tbody>
        <tr>
        <th scope="row">/etc/nginx/tls/www.pem</th>
        <td>
        <span class="good">readable</span>
        <small>
        <time datetime="2026-11-23T12:00:00Z">2026-11-23 12:00 UTC</time> (0 s ago)</small>
        </td>
        <td>serial <code>a1b2c3</code>
        <small>
        <span class="good">ACM&#x27;s serial</span>
        </small>
        <small>issued by CN=Amazon RSA 2048 M02,O=Amazon,C=US</small>
        <small>for CN=example.com</small>
        </td>
        <td>144.5</td>
        </tr>
        <tr>
        <th scope="row">/etc/nginx/tls/www.pem</th>
        <td>
        <span class="unsure">bad password</span>
        <small>it is wrong</small>
        <small>last read <time datetime="2026-11-23T09:00:00Z">2026-11-23 09:00 UTC</time> (3 h ago)</small>
        <small>
        <time datetime="2026-11-23T11:55:00Z">2026-11-23 11:55 UTC</time> (5 min ago)</small>
        </td>
        <td>serial <code>99</code>
        <small>
        <span class="bad">not ACM&#x27;s serial</span>
        </small>
        <small>issued by CN=Amazon RSA 2048 M02,O=Amazon,C=US</small>
        <small>for CN=example.com</small>
        </td>
        <td>-15.5</td>
        </tr>
        <tr>
        <th scope="row">/tls/more</th>
        <td>
        <span class="bad">file not found</span>
        <small>no file matches</small>
        <small>
        <time datetime="2026-11-23T12:00:00Z">2026-11-23 12:00 UTC</time> (0 s ago)</small>
        </td>
        <td class="quiet">nothing read so far</td>
        <td>-</td>
        </tr>
        </tbody>
        """)


def test_page_of_a_certificate_shows_its_files_alone() -> None:
    """Whoever mends one certificate sees where its copies lie."""
    html = page.certificate(snapshot(OWN, files=(LATE, LOST)), ARN)
    assert html is not None
    assert "<h2>Files</h2>" in html
    assert LATE.look.path in html
    assert LOST.look.path not in html
    without = page.certificate(snapshot(case(), files=(LATE, LOST)), ARN)
    assert without is not None
    assert "<h2>Files</h2>" not in without
