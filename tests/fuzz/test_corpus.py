"""The corpus of the fuzzer, through the same targets without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.observe import acm_parse, datagram, leaf, ocsp, trust
from exporter.observe.sight import Blind
from tests.fuzz import targets
from tests.fuzz.targets import CORPUS, NAME, PKI, TARGETS

FILES = sorted(one for one in CORPUS.rglob("*") if one.is_file())


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_replay(file: Path) -> None:
    """No law is broken by what the fuzzer begins with, or ever found."""
    TARGETS[file.parent.name](file.read_bytes())


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_replay_cut_and_bent(file: Path) -> None:
    """Nor by any beginning of it, nor with any byte another one, tried at twenty places."""
    data = file.read_bytes()
    step = max(1, len(data) // 20)
    for at in range(0, len(data), step):
        TARGETS[file.parent.name](data[:at])
        TARGETS[file.parent.name](data[:at] + bytes([data[at] ^ 0x15]) + data[at + 1 :])


def test_every_target_has_a_corpus() -> None:
    """A target without seeds would find nothing for hours, and its replay nothing ever."""
    assert {one.parent.name for one in FILES} == set(TARGETS)


def test_the_seeds_are_what_they_are_called() -> None:
    """They reach what lies behind the first checks: the laws have something to say of them."""
    served = tuple((PKI / f"{name}.der").read_bytes() for name in ("leaf", "middle"))
    assert leaf.read(served[0]).names == (NAME, "*.example.com", "192.0.2.1", "2001:db8::1")
    root = (PKI / "root.der").read_bytes()
    assert trust.Trust([root], lambda: targets.NOW).verify(served)[:2] == (True, "")
    staple = (CORPUS / "ocsp" / "signed-good").read_bytes()
    assert ocsp.stapled(staple, served, targets.NOW) == "good"


@pytest.mark.parametrize(
    ("target", "seed", "break_it"),
    [
        (
            "certificate",
            "signed-leaf",
            lambda patch: patch.setattr(leaf, "_name", lambda *_: "other.example.com"),
        ),
        ("certificate", "noise", lambda patch: patch.setattr(leaf, "UNREADABLE", ())),
        (
            "chain",
            "stranger",
            lambda patch: patch.setattr(trust.Trust, "_path", lambda _, served, __: served),
        ),
        ("ocsp", "stranger", lambda patch: patch.setattr(ocsp, "_signed", lambda *_: True)),
        (
            "datagrams",
            "address",
            lambda patch: patch.setattr(datagram, "_address", lambda *_: "198.51.100.1"),
        ),
        ("records", "servfail", lambda patch: patch.setattr("exporter.observe.dns._Failure", None)),
        ("conversations", "smtp-0", lambda patch: patch.setattr(targets, "_talk", _counting())),
        ("acm", "describe-whole", lambda patch: patch.setattr(acm_parse, "_HEX_DIGITS", None)),
    ],
)
def test_a_mistake_shows(
    target: str, seed: str, break_it: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each target fails where what it tries goes wrong."""
    break_it(monkeypatch)
    with pytest.raises((AssertionError, Blind, ValueError, TypeError)):
        TARGETS[target]((CORPUS / target / seed).read_bytes())


def _counting() -> Callable[..., tuple[bytes, bool, bytes]]:
    """Make a conversation come to something else each time."""
    times = iter(range(100))
    return lambda *_: (bytes(next(times)), True, b"")
