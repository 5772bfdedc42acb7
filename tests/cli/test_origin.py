"""When a configuration file is worth loading again."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.cli.origin import PATIENCE, Origin
from exporter.config import ConfigError
from exporter.demo import pki

FIRST = "aws: {accounts: []}\n"
SECOND = "aws: {accounts: []}\ndomains: [www.example.com]\n"
WRONG = "domians: []\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file as a ConfigMap is mounted: a link through a link to a directory."""
    (tmp_path / "..1").mkdir()
    (tmp_path / "..1" / "config.yaml").write_text(FIRST)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "config.yaml").symlink_to("..data/config.yaml")
    return tmp_path / "config.yaml"


def swap(file: Path) -> None:
    """Do as the kubelet does."""
    (file.parent / "..2").mkdir()
    (file.parent / "..2" / "config.yaml").write_text(SECOND)
    (file.parent / "..data_tmp").symlink_to("..2")
    (file.parent / "..data_tmp").rename(file.parent / "..data")


def rename(file: Path) -> None:
    """Do as editors do."""
    other = file.with_suffix(".tmp")
    other.write_text(SECOND)
    other.rename(file)


def glances(origin: Origin, number: int = 3) -> list[bool]:
    """Glance some times; what is worth loading is loaded."""
    told = []
    for _ in range(number):
        told.append(origin.changed())
        if told[-1]:
            try:
                origin.load()
            except ConfigError:
                told[-1] = True
    return told


@pytest.mark.parametrize(
    "change",
    [lambda file: file.write_text(SECOND), rename, swap],
    ids=["written in place", "renamed", "ConfigMap swapped"],
)
def test_a_change_is_loaded_once_it_stands(file: Path, change: Callable[[Path], object]) -> None:
    """However a file is replaced, the second glance that finds the same has it loaded, once."""
    origin = Origin(file, {})
    assert origin.load().domains == ()
    assert glances(origin) == [False, False, False]
    change(file)
    assert glances(origin) == [False, True, False]
    assert [one.name for one in origin.load().domains] == ["www.example.com"]


def test_a_file_that_is_being_written_is_left_alone(file: Path) -> None:
    """Nobody loads half a file that somebody is still writing."""
    origin = Origin(file, {})
    origin.load()
    for number in range(5):
        file.write_text(FIRST + f"# {number}\n")
        assert not origin.changed()
    assert origin.changed()


def test_a_touch_is_no_change(file: Path) -> None:
    """The kubelet renews a ConfigMap's directory also where nothing changed in this file."""
    origin = Origin(file, {})
    origin.load()
    os.utime(file, (1, 1))
    assert glances(origin) == [False, False, False]
    file.write_text(SECOND)
    file.write_text(FIRST)
    assert glances(origin) == [False, False, False]


def test_a_change_between_reading_and_the_first_glance_is_seen(file: Path) -> None:
    """What counts is what was loaded, not what the first glance found."""
    origin = Origin(file, {})
    origin.load()
    file.write_text(SECOND)
    assert glances(origin) == [False, True, False]


def test_a_file_that_vanishes_changes_nothing_and_is_told_once(file: Path) -> None:
    """A volume that is gone for a while is no empty configuration."""
    origin = Origin(file, {})
    origin.load()
    (file.parent / "..data").rename(file.parent / "..gone")
    with capture_logs() as logs:
        assert glances(origin) == [False, False, False]
    assert logs == [
        {
            "event": "a file of the configuration cannot be read; what was read stays",
            "file": str(file),
            "log_level": "warning",
        }
    ]
    (file.parent / "..gone").rename(file.parent / "..data")
    assert glances(origin) == [False, False, False]
    (file.parent / "..data").rename(file.parent / "..gone")
    with capture_logs() as logs:
        glances(origin)
    assert len(logs) == 1


def test_trusted_roots_are_part_of_the_configuration(file: Path) -> None:
    """A root that is exchanged under the same name counts, and one that left the configuration does not."""
    roots = file.parent / "roots.pem"
    now = datetime.now(UTC)
    roots.write_bytes(pki.self_signed(["a.example.com"], now).chain_pem)
    file.write_text(FIRST + "probe: {ca_file: roots.pem}\n")
    origin = Origin(file, {})
    origin.load()
    assert glances(origin) == [False, False, False]
    roots.write_bytes(pki.self_signed(["b.example.com"], now).chain_pem)
    assert glances(origin) == [False, True, False]
    file.write_text(FIRST)
    assert glances(origin) == [False, True, False]
    roots.unlink()
    assert glances(origin) == [False, False, False]


def test_a_refused_file_is_tried_again_though_it_did_not_change(file: Path) -> None:
    """What it names, and lacks, may be mounted a minute later."""
    file.write_text(FIRST + "probe: {ca_file: roots.pem}\n")
    origin = Origin(file, {})
    with pytest.raises(ConfigError):
        origin.load()
    assert glances(origin, 2 * PATIENCE + 1).count(True) == 2
    (file.parent / "roots.pem").write_bytes(pki.self_signed(["a.example.com"], datetime.now(UTC)).chain_pem)
    assert glances(origin, 4 * PATIENCE).count(True) == 1


def test_a_mistake_is_loaded_as_soon_as_it_is_mended(file: Path) -> None:
    """Nobody waits for the next attempt at what was refused."""
    origin = Origin(file, {})
    origin.load()
    file.write_text(WRONG)
    assert glances(origin) == [False, True, False]
    file.write_text(SECOND)
    assert glances(origin) == [False, True, False]
