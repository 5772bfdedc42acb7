"""The file of `--output`: whole at every moment, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from exporter.cli import output

# Writes a file as `--output` does, in a process that may write so many bytes to a file.
LIMITED = """
import resource, sys
from pathlib import Path
from exporter.cli import output
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
output.write(Path(sys.argv[1]), "new\\n" * 1000)
"""


@pytest.mark.parametrize("before", [None, "old\n"], ids=["new", "there already"])
def test_written_for_everybody_to_read(tmp_path: Path, before: str | None) -> None:
    """The mode lets node_exporter read it, whatever the umask is, and nothing else is left in the folder."""
    file = tmp_path / "acm.prom"
    if before is not None:
        file.write_text(before)
        file.chmod(0o600)
    umask = os.umask(0o077)
    try:
        output.write(file, "bücher\n")
    finally:
        os.umask(umask)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == ("bücher\n".encode(), 0o644)
    assert list(tmp_path.iterdir()) == [file]


def test_whoever_reads_meanwhile_has_the_old_file(tmp_path: Path) -> None:
    """What was opened before stays as it was: the new text is another file in its place."""
    file = tmp_path / "acm.prom"
    file.write_text("old\n")
    with file.open() as reading:
        output.write(file, "new and longer\n")
        assert (reading.read(), file.read_text()) == ("old\n", "new and longer\n")


def test_a_link_stays_one(tmp_path: Path) -> None:
    """What it leads to is written."""
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "acm.prom", tmp_path / "there" / "acm.prom"
    link.symlink_to(target)
    output.write(link, "new\n")
    assert (link.is_symlink(), target.read_text()) == (True, "new\n")


def test_a_disk_that_is_full_loses_nothing(tmp_path: Path) -> None:
    """The old file stays whole, half a new one is not left behind, and the reason is told."""
    file = tmp_path / "acm.prom"
    file.write_text("old\n")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.endswith(f"{file} cannot be written: File too large (it stays as it was)\n")
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {"acm.prom": "old\n"}


def test_a_folder_that_went_away(tmp_path: Path) -> None:
    """Between the look at it and the end of the sweep anything may happen."""
    file = tmp_path / "gone" / "acm.prom"
    with pytest.raises(click.ClickException) as raised:
        output.write(file, "new\n")
    assert str(raised.value) == f"{file} cannot be written: No such file or directory (it stays as it was)"


def test_places_that_cannot_be_written_are_refused_beforehand(tmp_path: Path) -> None:
    """Nobody waits for a sweep to be told so; a device would be replaced by a file, so it is refused too."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    said = {}
    for file in (tmp_path, fifo, Path("/dev/null"), tmp_path / "gone" / "acm.prom"):
        with pytest.raises(click.BadParameter) as raised:
            output.place(None, None, file)
        said[file] = raised.value.message
    irregular = "is no regular file (expected one, or a name that is free)"
    assert said == {
        tmp_path: f"{tmp_path} {irregular}",
        fifo: f"{fifo} {irregular}",
        Path("/dev/null"): f"/dev/null {irregular}",
        tmp_path / "gone" / "acm.prom": (
            f"{tmp_path}/gone/acm.prom: {tmp_path}/gone is no directory (expected one that exists)"
        ),
    }
