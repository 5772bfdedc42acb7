"""Which chains are trusted, for how long that is believed, and which roots are taken."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from ssl import DER_cert_to_PEM_cert

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from exporter.demo import pki
from exporter.facts import Why
from exporter.observe.sight import Blind
from exporter.observe.trust import MOST_LINKS, Trust, load_roots
from tests.observe.tls_peers import COMMON_NAME, DAY, NOW, chain, der, odd_leaf, with_serial

ROOT = pki.root("Root", NOW - 100 * DAY, 1000 * DAY)
MIDDLE = ROOT.intermediate("Middle", NOW - 90 * DAY, 500 * DAY)
LEAF = MIDDLE.issue(["a.test"], NOW - DAY, 50 * DAY)
ZERO = with_serial(odd_leaf(subject=[COMMON_NAME]), 0)
SECOND = timedelta(seconds=1)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self, now: datetime = NOW) -> None:
        """Begin at a moment."""
        self.now = now

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now


def test_trusted() -> None:
    """A chain to a known root is trusted; its end is the earliest on the way to the root."""
    short = ROOT.intermediate("Short", NOW - DAY, 10 * DAY).issue(["a.test"], NOW - DAY, 50 * DAY)
    trust = Trust([der(ROOT.certificate)], Clock())
    assert trust.verify(chain(LEAF)) == (True, "", NOW + 49 * DAY)
    assert trust.verify(chain(short)) == (True, "", NOW + 9 * DAY)


def test_sent_besides() -> None:
    """What a server sends beyond the path, here an expired leaf, does not count."""
    junk = der(ROOT.issue(["b.test"], NOW - 9 * DAY, DAY).certificate)
    served = (*chain(LEAF), der(ROOT.certificate), junk)
    assert Trust([der(ROOT.certificate)], Clock()).verify(served) == (True, "", NOW + 49 * DAY)


@pytest.mark.parametrize("anchor", [MIDDLE, LEAF], ids=["intermediate", "leaf"])
def test_partial_chain(anchor: pki.Issued) -> None:
    """A file of trusted certificates may hold an intermediate, or the very leaf."""
    trust = Trust([der(anchor.certificate)], Clock())
    assert trust.verify(chain(LEAF)) == (True, "", NOW + 49 * DAY)


def test_any_usage() -> None:
    """A leaf may be without usages, or name any or several that include servers."""
    server, client = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
    trust = Trust([der(ROOT.certificate)], Clock())
    for usages in ((), (client, server), (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)):
        leaf = ROOT.issue(["a.test"], NOW - DAY, 50 * DAY, usages=usages)
        assert trust.verify(chain(leaf)) == (True, "", NOW + 49 * DAY)


UNTRUSTED = {
    "expired": (
        chain(MIDDLE.issue(["a.test"], NOW - 9 * DAY, 5 * DAY)),
        "certificate has expired (depth 0)",
        NOW - 4 * DAY,
    ),
    "not yet valid": (
        chain(MIDDLE.issue(["a.test"], NOW + DAY, 5 * DAY)),
        "certificate is not yet valid or the system clock is incorrect (depth 0)",
        NOW + 6 * DAY,
    ),
    "expired intermediate": (
        chain(ROOT.intermediate("Old", NOW - 9 * DAY, 5 * DAY).issue(["a.test"], NOW - 9 * DAY, 50 * DAY)),
        "certificate has expired (depth 1)",
        NOW - 4 * DAY,
    ),
    "intermediate missing": (
        chain(LEAF)[:1],
        "unable to get local issuer certificate (depth 0)",
        NOW + 49 * DAY,
    ),
    "unknown root": (
        chain(pki.root("Other", NOW - DAY).issue(["a.test"], NOW - DAY, 50 * DAY)),
        "unable to get local issuer certificate (depth 0)",
        NOW + 49 * DAY,
    ),
    "self-signed": (
        chain(pki.self_signed(["a.test"], NOW - DAY, 50 * DAY)),
        "self-signed certificate (depth 0)",
        NOW + 49 * DAY,
    ),
    "for clients": (
        chain(MIDDLE.issue(["a.test"], NOW - DAY, 50 * DAY, usages=(ExtendedKeyUsageOID.CLIENT_AUTH,))),
        "unsuitable certificate purpose (depth 0)",
        NOW + 49 * DAY,
    ),
}


@pytest.mark.parametrize(("served", "error", "end"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_untrusted(served: tuple[bytes, ...], error: str, end: datetime) -> None:
    """Why a chain is not trusted is said in OpenSSL's words, with the place; the end is the served one."""
    assert Trust([der(ROOT.certificate)], Clock()).verify(served) == (False, error, end)


def test_no_roots() -> None:
    """Without any root trust is unknown, and the end is that of what was served."""
    assert Trust([], Clock()).verify(chain(LEAF)) == (None, "", NOW + 49 * DAY)


def test_bad_root() -> None:
    """A root that cannot be read is left out, the others count."""
    trust = Trust([b"junk", der(ROOT.certificate)], Clock())
    assert trust.verify(chain(LEAF)) == (True, "", NOW + 49 * DAY)


def test_not_a_certificate() -> None:
    """Bytes that are no certificate have a reason of their own."""
    with pytest.raises(Blind) as blind:
        Trust([], Clock()).verify((b"junk",))
    assert blind.value.why is Why.BAD_CERTIFICATE


def test_broken_time() -> None:
    """A time that breaks its format, in what a server sends besides, does not hide the others."""
    junk = der(ROOT.issue(["b.test"], NOW - 9 * DAY, DAY).certificate).replace(
        b"261115120000Z", b"261115129900Z"
    )
    trust = Trust([der(ROOT.certificate)], Clock())
    assert trust.verify((*chain(LEAF), junk)) == (True, "", NOW + 49 * DAY)
    assert Trust([], Clock()).verify((*chain(LEAF), junk)) == (None, "", NOW + 49 * DAY)
    with pytest.raises(Blind):
        Trust([], Clock()).verify((junk,))


def test_remembered_for_an_hour() -> None:
    """The same chain is verified once an hour, which shows in the very same end being given."""
    clock = Clock()
    trust = Trust([der(ROOT.certificate)], clock)
    first = trust.verify(chain(LEAF))[2]
    clock.now = NOW + timedelta(minutes=59)
    assert trust.verify(chain(LEAF))[2] is first
    clock.now = NOW + timedelta(minutes=60)
    assert trust.verify(chain(LEAF))[2] is not first


def test_a_clock_that_was_set_back() -> None:
    """What was found at a time that is still to come says nothing of now."""
    clock = Clock()
    trust = Trust([der(ROOT.certificate)], clock)
    clock.now = NOW + 400 * DAY
    assert trust.verify(chain(LEAF))[0] is False
    clock.now = NOW
    assert trust.verify(chain(LEAF))[0] is True


@pytest.mark.parametrize("shift", [timedelta(0), timedelta(microseconds=500_000)], ids=["sharp", "half past"])
def test_expiry_shows_at_once(shift: timedelta) -> None:
    """However often it was asked before, a certificate is trusted from its first to its last second."""
    leaf = MIDDLE.issue(["a.test"], NOW + 10 * SECOND, 10 * SECOND)
    clock = Clock()
    trust = Trust([der(ROOT.certificate)], clock)
    answers = []
    for seconds in range(30):
        clock.now = NOW + seconds * SECOND + shift
        answers.append(trust.verify(chain(leaf))[:2])
    good = (True, "")
    early = (False, "certificate is not yet valid or the system clock is incorrect (depth 0)")
    late = (False, "certificate has expired (depth 0)")
    assert answers == [early] * 10 + [good] * 11 + [late] * 9


def test_bounded() -> None:
    """Only the latest chains are remembered."""
    trust = Trust([], Clock(), most=2)
    chains = [(odd_leaf(),) for _ in range(3)]
    ends = [trust.verify(one)[2] for one in chains]
    assert trust.verify(chains[2])[2] is ends[2]
    assert trust.verify(chains[0])[2] is not ends[0]


def test_load_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's roots and the file's are taken, a serial of 0 too; what is no certificate is left out."""
    system, ours = tmp_path / "system.pem", tmp_path / "ours.pem"
    system.write_bytes(pki.pem(ROOT.certificate))
    bad = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"
    ours.write_bytes(
        b"# ours\n" + bad + pki.pem(MIDDLE.certificate) + bad + DER_cert_to_PEM_cert(ZERO).encode()
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert load_roots(None) == (der(ROOT.certificate),)
    assert load_roots(ours) == (der(ROOT.certificate), der(MIDDLE.certificate), ZERO)


def test_load_roots_without_file(tmp_path: Path) -> None:
    """A file that is not there is an error for whoever configured it."""
    with pytest.raises(FileNotFoundError):
        load_roots(tmp_path / "none.pem")


def test_root_of_serial_zero() -> None:
    """Some public roots have the serial 0; what leads there is trusted."""
    assert Trust([ZERO], Clock()).verify((ZERO,)) == (True, "", NOW + DAY)


def test_links() -> None:
    """Each certificate of a chain is told of by itself: what it is, and whether it leads to a trusted root."""
    stranger = pki.root("Stranger", NOW - DAY, 300 * DAY)
    served = (*chain(LEAF), der(stranger.certificate))
    trust = Trust([der(ROOT.certificate)], Clock(), links=True)
    assert [(one.subject, one.not_after, one.trusted) for one in trust.links(served)] == [
        ("CN=a.test,O=Example", NOW + 49 * DAY, True),
        ("CN=Middle,O=Example", NOW + 410 * DAY, True),
        ("CN=Stranger,O=Example", NOW + 299 * DAY, False),
    ]
    assert [one.serial for one in trust.links(served)] == [LEAF.serial, MIDDLE.serial, stranger.serial]
    assert [one.trusted for one in Trust([], Clock(), links=True).links(served)] == [None, None, None]
    assert Trust([], Clock()).links(served) == ()


def test_links_are_few() -> None:
    """A chain of any length has eight rows at most."""
    assert len(Trust([], Clock(), links=True).links(chain(LEAF) * 20)) == MOST_LINKS
