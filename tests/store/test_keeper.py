"""The state file through everything that happens to files: never a wrong value, and always a start."""

# ruff: noqa: ASYNC221, ASYNC240 - nothing else runs meanwhile

from __future__ import annotations

import asyncio
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from exporter.snapshot import Keeping
from exporter.snapshot.past import NOTHING, Past
from exporter.store import database
from exporter.store.keeper import Keeper
from tests.evidence import NOON
from tests.store import writer
from tests.store.pasts import LIVED, facts

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Name a state file in a folder of its own."""
    return tmp_path / "state.db"


def told(logs: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Keep of log lines what they are about."""
    return [(one["event"], *(one[key] for key in ("reason",) if key in one)) for one in logs]


async def keep(file: Path, *pasts: Past) -> tuple[Past, Keeper]:
    """Open a file, write some pasts one after the other, and close it; gives what it held before."""
    keeper = Keeper(file, lambda: NOON)
    before = await keeper.open()
    for past in pasts:
        await keeper.save(past)
    keeper.finish()
    return before, keeper


async def kept(file: Path) -> Past:
    """Read what a file holds."""
    return (await keep(file))[0]


async def test_what_was_known_is_known_again(file: Path) -> None:
    """All of it, by the owner of the file alone; and a later past replaces it whole."""
    nothing, keeper = await keep(file, LIVED)
    assert (nothing, keeper.keeping) == (NOTHING, Keeping(True, NOON, keeper.keeping.size))
    assert (keeper.keeping.size or 0) >= file.stat().st_size
    assert (file.stat().st_mode & 0o777, sorted(one.name for one in file.parent.iterdir())) == (
        0o600,
        [file.name],
    )
    assert file.read_bytes()[68:72] == b"ACME"
    later = replace(LIVED, looks={}, changed={})
    before, _ = await keep(file, later)
    assert facts(before) == facts(LIVED)
    assert facts(await kept(file)) == facts(later)


# --- damage ---------------------------------------------------------------------------------------------


FIRST = replace(LIVED, histories=writer.generation(1).histories)
SECOND = replace(LIVED, looks={}, histories={**LIVED.histories, **writer.generation(2).histories})


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a real file of many pages and its write-ahead log, as a killed process leaves them."""
    left = tmp_path_factory.mktemp("left")
    file = tmp_path_factory.mktemp("sound") / "state.db"

    async def make() -> None:
        await keep(file, FIRST)
        keeper = Keeper(file, lambda: NOON)
        await keeper.open()
        await keeper.save(SECOND)
        for name in BOTH:
            shutil.copyfile(file.with_name(name), left / name)
        keeper.finish()

    asyncio.run(make())
    return left


BOTH = ("state.db", "state.db-wal")
damages = st.lists(
    st.tuples(
        st.sampled_from(["flip", "zero", "cut"]),
        st.booleans(),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 7),
    ),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, kind: str, where: float, bit: int) -> bytes:
    """Flip a bit, wipe a sector, or lose the end."""
    place = int(where * len(data))
    match kind:
        case "flip":
            return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :] if data else data
        case "zero":
            start = place // 512 * 512
            return data[:start] + bytes(len(data[start : start + 512])) + data[start + 512 :]
        case _:
            return data[:place]


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damages)
def test_no_damage_makes_a_wrong_value(
    sound: Path, tmp_path: Path, damages: list[tuple[str, bool, float, int]]
) -> None:
    """Whatever becomes of its bytes, the exporter starts, and what it finds was written at one time."""
    folder = tmp_path / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    for kind, log, where, bit in damages:
        target = folder / BOTH[log]
        target.write_bytes(damaged(target.read_bytes(), kind, where, bit))
    found, keeper = asyncio.run(keep(folder / "state.db", LIVED))
    assert any(
        all(known.get(k) == one for k, one in facts(found).items()) for known in map(facts, (FIRST, SECOND))
    )
    if keeper.keeping.healthy:  # else it looks like another program's or a later release's, and is left alone
        assert facts(asyncio.run(kept(folder / "state.db"))) == facts(LIVED)


@pytest.mark.parametrize(
    "content", [pytest.param(b"not a database " * 99, id="text"), pytest.param(bytes(8192), id="zeros")]
)
async def test_a_damaged_file_is_moved_aside(file: Path, content: bytes) -> None:
    """It is kept under another name, of several the latest, and a new one begun."""
    for hour in range(9, 14):
        file.with_name(f"state.db.corrupt-20261123T{hour:02}0000Z").touch()
    file.write_bytes(content)
    with capture_logs() as logs:
        found, keeper = await keep(file, LIVED)
    assert (found, keeper.keeping.healthy) == (NOTHING, True)
    assert told(logs) == [("damaged state file moved aside",)]
    aside = [one.name for one in file.parent.iterdir() if "corrupt" in one.name]
    assert sorted(aside) == [f"state.db.corrupt-20261123T{hour}0000Z" for hour in (11, 12, 13)]
    assert facts(await kept(file)) == facts(LIVED)


async def test_a_row_that_was_changed_by_others_is_left_out_and_written_anew(file: Path) -> None:
    """A value that SQLite finds in order, and its checksum does not, is not known."""
    await keep(file, LIVED)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE facts SET value = replace(value, 'tls', 'dns') WHERE kind = 'source'")
    connection.close()
    with capture_logs() as logs:
        found, keeper = await keep(file, LIVED)
    assert facts(found) == {key: one for key, one in facts(LIVED).items() if key != ("source", "tls")}
    assert keeper.keeping.dropped == 1
    assert [(one["log_level"], one["dropped_rows"]) for one in logs] == [("warning", 1)]
    assert facts(await kept(file)) == facts(LIVED)


# --- files that are not ours to touch -------------------------------------------------------------------


def another_program(file: Path) -> None:
    """Make a database as others have them."""
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE dashboards (id INTEGER)")
    connection.close()


def later_release(file: Path) -> None:
    """Make a state file of a version that is to come."""
    asyncio.run(keep(file, LIVED))
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    ("make", "reason"), [(another_program, "foreign"), (later_release, "newer")], ids=["foreign", "newer"]
)
def test_a_file_that_is_left_untouched(file: Path, make: Callable[[Path], None], reason: str) -> None:
    """State is off for this run, which is said once, and the file stays as it is to the byte."""
    make(file)
    before = file.read_bytes()
    with capture_logs() as logs:
        found, keeper = asyncio.run(keep(file, LIVED, LIVED))
    assert (found, keeper.keeping) == (NOTHING, Keeping(healthy=False))
    assert told(logs) == [("state file cannot be used", reason)]
    assert {one.name: one.read_bytes() for one in file.parent.iterdir()} == {file.name: before}


async def test_a_directory_is_no_file(file: Path) -> None:
    """It is tried again, in case it gives way, and works then."""
    file.mkdir()
    keeper = Keeper(file, lambda: NOON)
    with capture_logs() as logs:
        assert await keeper.open() == NOTHING
        await keeper.save(LIVED)
        file.rmdir()
        await keeper.save(LIVED)  # opens it
        await keeper.save(LIVED)
    keeper.finish()
    assert told(logs) == [("state file cannot be used", "unwritable"), ("state file can be used again",)]
    assert facts(await kept(file)) == facts(LIVED)


async def test_a_missing_directory_is_said(file: Path) -> None:
    """Nobody makes directories for a mistyped name."""
    with capture_logs() as logs:
        _, keeper = await keep(file.parent / "nowhere" / "state.db", LIVED)
    assert not keeper.keeping.healthy
    assert [(one["reason"], one["error"]) for one in logs] == [("unwritable", "No such file or directory")]


async def test_two_exporters_on_one_file(file: Path) -> None:
    """The second runs without, says so, and goes on with it once the first is gone: with what that one knew."""
    first = Keeper(file, lambda: NOON)
    await first.open()
    await first.save(LIVED)
    script = f"import asyncio; from tests.store import test_keeper as t; print(asyncio.run(t.second({str(file)!r})))"
    second = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert second.stdout.splitlines()[-1] == "[('state file cannot be used', 'locked')] True"
    first.finish()
    waiting = Keeper(file, lambda: NOON)
    assert facts(await waiting.save(NOTHING)) == facts(LIVED)
    waiting.finish()


async def second(file: str) -> str:
    """Run beside another exporter, in a process of its own."""
    with capture_logs() as logs:
        found, _ = await keep(Path(file), LIVED, LIVED)
    return f"{told(logs)} {found == NOTHING}"


async def test_an_older_file_is_migrated_or_left_as_it_was(file: Path) -> None:
    """A migration is all or nothing."""
    await keep(file, LIVED)
    good = (*database.MIGRATIONS, ("ALTER TABLE facts ADD COLUMN note TEXT",))
    bad = (*good, ("ALTER TABLE facts ADD COLUMN more TEXT", "ALTER TABLE facts ADD COLUMN more TEXT"))
    with pytest.raises(database.TroubleError, match="duplicate column"):
        database.connect(file, bad)
    assert facts(await kept(file)) == facts(LIVED)
    migrated = database.connect(file, good)
    assert len([row for row in migrated.rows() if row]) == len(facts(LIVED))
    migrated.close()
    with pytest.raises(database.TroubleError, match="newer"):
        database.connect(file)


# --- disks ----------------------------------------------------------------------------------------------


async def test_a_file_that_may_not_grow(file: Path) -> None:
    """What could not be written is written when there is room; what was written before stays."""
    keeper = Keeper(file, lambda: NOON)
    await keeper.open()
    await keeper.save(LIVED)
    more = replace(LIVED, histories=writer.generation(1).histories)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    wal = file.with_name("state.db-wal").stat().st_size
    with capture_logs() as logs:
        resource.setrlimit(resource.RLIMIT_FSIZE, (wal + 4096, hard))
        try:
            await keeper.save(more)
            failed = keeper.keeping
            assert failed.last_write == NOON
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert await keeper.save(more) is NOTHING  # opens it again, and what we wrote is no news
        await keeper.save(more)
    assert (failed.healthy, keeper.keeping.healthy) == (False, True)
    assert [one[0] for one in told(logs)] == ["state file cannot be used", "state file can be used again"]
    keeper.finish()
    assert facts(await kept(file)) == facts(more)


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """Mount a file system of its own."""
    folder.mkdir(exist_ok=True)
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("mounting is root's")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


async def test_a_full_disk(tmp_path: Path) -> None:
    """The exporter goes on without, and with it again once there is space."""
    with small_disk(tmp_path / "disk", "size=1m") as disk, capture_logs() as logs:
        filler = disk / "filler"
        filler.write_bytes(bytes((1 << 20) - 16384))
        keeper = Keeper(disk / "state.db", lambda: NOON)
        await keeper.open()
        await keeper.save(FIRST)
        await keeper.save(FIRST)
        full = keeper.keeping.healthy
        filler.unlink()
        await keeper.save(FIRST)
        await keeper.save(FIRST)
        keeper.finish()
        found = await kept(disk / "state.db")
    assert (full, keeper.keeping.healthy, facts(found)) == (False, True, facts(FIRST))
    assert told(logs)[:2] == [("state file cannot be used", "full"), ("state file can be used again",)]


async def test_a_damaged_file_on_a_full_disk(tmp_path: Path) -> None:
    """What can be read of it is known, though no new file can be begun."""
    with small_disk(tmp_path / "disk", "size=1m") as disk:
        await keep(disk / "state.db", FIRST)
        content = bytearray((disk / "state.db").read_bytes())
        content[-4096 + 8 : -4096 + 12] = b"\xff" * 4  # the head of the last page
        (disk / "state.db").write_bytes(content)
        (disk / "filler").write_bytes(bytes((1 << 20) - len(content) - 4096))
        with capture_logs() as logs:
            found, keeper = await keep(disk / "state.db", FIRST)
    assert facts(found)
    assert {key: one for key, one in facts(found).items() if facts(FIRST).get(key) != one} == {}
    assert not keeper.keeping.healthy
    assert told(logs)[:2] == [("damaged state file moved aside",), ("state file cannot be used", "full")]


async def test_a_read_only_disk(tmp_path: Path) -> None:
    """What it holds is known, though nothing can be added."""
    with small_disk(tmp_path / "disk", "size=4m") as disk:
        await keep(disk / "state.db", LIVED)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with capture_logs() as logs:
            found, keeper = await keep(disk / "state.db", NOTHING)
    assert (facts(found), keeper.keeping) == (facts(LIVED), Keeping(healthy=False))
    assert told(logs) == [("state file cannot be used", "unwritable"), ("state restored",)]


async def test_a_file_that_is_removed_while_it_is_in_use(file: Path) -> None:
    """It is begun anew, with everything."""
    keeper = Keeper(file, lambda: NOON)
    await keeper.open()
    await keeper.save(LIVED)
    file.unlink()
    for _ in range(3):  # notices, begins, writes
        await keeper.save(LIVED)
    keeper.finish()
    assert facts(await kept(file)) == facts(LIVED)


async def test_a_log_without_its_file_is_nothing(file: Path) -> None:
    """Whoever deletes the file alone has deleted all of it."""
    keeper = Keeper(file, lambda: NOON)
    await keeper.open()
    await keeper.save(LIVED)
    log = file.with_name("state.db-wal").read_bytes()
    keeper.finish()
    file.unlink()
    file.with_name("state.db-wal").write_bytes(log)
    found, keeper = await keep(file, FIRST)
    assert (found, keeper.keeping.healthy) == (NOTHING, True)
    assert facts(await kept(file)) == facts(FIRST)


def test_killed_at_any_moment(file: Path) -> None:
    """The file opens each time, and tells one generation: the latest that was reported, or the one after it."""
    chance = random.Random(5)
    latest = 0
    for _ in range(10):
        command = [sys.executable, "-m", "tests.store.writer", str(file), str(latest + 1)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(chance.randint(1, 20)):
                latest = int(process.stdout.readline())
            os.sched_yield()
            process.kill()
            rest = process.stdout.read().split()
            latest = int(rest[-1]) if rest else latest
        found = facts(asyncio.run(kept(file)))
        assert found in (facts(writer.generation(latest)), facts(writer.generation(latest + 1)))
        latest += found == facts(writer.generation(latest + 1))
