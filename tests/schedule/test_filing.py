"""When files are looked at, and what stays known of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from exporter.facts import Domain, FileLook, Location, Look, Question, Seen, Unseen, Why
from exporter.judge.rule import Outcome, Policy
from exporter.schedule.filing import carry
from exporter.schedule.plan import Eyes, Plan
from exporter.schedule.watch import Watch
from exporter.snapshot import Board, Filed, Snapshot, Source
from exporter.snapshot.past import NOTHING, Door, Past
from tests.evidence import ARN, NOON
from tests.judge.test_filing import HELD, OLD
from tests.schedule.account import Acm, row
from tests.schedule.virtual import at_work, now, virtual

FILE, FOLDER = Location("/tls/www.pem"), Location("/tls/more")
DENIED = Unseen(Why.FILE_UNREADABLE, "Permission denied")
LATE = Unseen(Why.TIMEOUT, "no answer within 10 s")
NONE = Unseen(Why.NO_CERTIFICATE, "it holds no certificate")
GONE = Unseen(Why.FILE_NOT_FOUND, "no file matches")


def seen(path: str = FILE.path) -> FileLook:
    """Make a look that saw a file."""
    return FileLook(path, Seen(HELD), NOON, HELD, NOON)


def lost(path: str, sight: Unseen) -> FileLook:
    """Make a later look that did not."""
    return FileLook(path, sight, NOON + timedelta(minutes=5))


def kept(look: FileLook) -> FileLook:
    """Expect that what was known is carried over."""
    return replace(look, last=HELD, last_success=NOON)


def test_what_was_known_is_carried_over() -> None:
    """A failure hides nothing that was known; a success replaces it."""
    denied = lost(FILE.path, DENIED)
    assert carry((seen(),), (denied,), FILE.path) == (kept(denied),)
    assert carry((kept(denied),), (seen(),), FILE.path) == (seen(),)
    assert carry((), (denied,), FILE.path) == (denied,)


def test_a_directory() -> None:
    """What left it is forgotten, unless the directory cannot be read; a key in it is none of its files."""
    a, b = seen("/tls/more/a.pem"), seen("/tls/more/b.pem")
    key = lost("/tls/more/key.pem", NONE)
    assert carry((a, b), (b, key), FOLDER.path) == (b,)
    assert carry((a, b), (lost(a.path, NONE), b), FOLDER.path) == (kept(lost(a.path, NONE)), b)
    late = lost(FOLDER.path, LATE)
    assert carry((a, b), (late,), FOLDER.path) == (kept(lost(a.path, LATE)), kept(lost(b.path, LATE)))
    assert carry((), (late,), FOLDER.path) == (late,)
    gone = lost(FOLDER.path, GONE)
    assert carry((a, b), (gone,), FOLDER.path) == (gone,)
    nothing = Unseen(Why.NO_CERTIFICATE, "no file there holds a certificate")
    assert carry((), (key,), FOLDER.path) == (replace(key, path=FOLDER.path, sight=nothing),)
    assert carry((lost(FOLDER.path, nothing),), (a,), FOLDER.path) == (a,)


def test_a_file_that_is_named_and_empty_says_so() -> None:
    """What the operator named himself has its row, whatever is in it."""
    empty = lost(FILE.path, NONE)
    assert carry((), (empty,), FILE.path) == (empty,)


class World:
    """One account, and files that change."""

    def __init__(self, *files: Location, past: Past = NOTHING) -> None:
        self.looked: list[Location] = []
        self.there: dict[str, tuple[FileLook, ...]] = {}
        self.board = Board(Snapshot(NOON, Policy()))
        eyes = Eyes([(Door("production"), Acm(row("a")))], self._tls, self._dns, self._files)
        plan = Plan(files=files, certificate_names=False)
        self.watch = Watch(eyes, plan, Policy(), now, self.board, past=past)

    @property
    def files(self) -> dict[str, Filed]:
        """The files on the board."""
        return {one.look.path: one for one in self.board.latest.files}

    @property
    def file_source(self) -> list[Source]:
        """How the source fares."""
        return [one for one in self.board.latest.sources if one.source == "file"]

    async def _files(self, where: Location) -> tuple[FileLook, ...]:
        self.looked.append(where)
        await asyncio.sleep(0)
        looks = self.there.get(where.path, (FileLook(where.path, GONE, now(), arn=where.arn),))
        return tuple(
            replace(one, at=now(), last_success=now() if one.last else None, arn=where.arn) for one in looks
        )

    async def _tls(self, _: Domain) -> tuple[Look, ...]:
        raise AssertionError

    async def _dns(self, _: Question) -> Unseen:
        return Unseen(Why.RESOLVER_FAILURE)


@virtual
async def test_a_file_is_on_the_board_and_judged() -> None:
    """It comes later than the exporter, and is seen; the certificate that ACM renewed breaks until then."""
    ours = row("a")
    held = replace(HELD, serial=ours.serial or 0, names=ours.names)
    older = replace(held, serial=1, not_before=OLD.not_before)
    world = World(FILE)
    async with at_work(world.watch.run()):
        await asyncio.sleep(3)
        assert world.files[FILE.path].look.sight == GONE
        assert world.board.latest.tally["file", "file_not_found"] == 1
        for inside, equal, outcome in ((older, False, Outcome.BREAKS), (held, True, Outcome.HOLDS)):
            world.there[FILE.path] = (replace(seen(), sight=Seen(inside), last=inside),)
            await asyncio.sleep(310)
            assert world.files[FILE.path].serial_matches == ((ours.arn, equal),)
            (case,) = world.board.latest.cases
            assert case.verdict.findings["serial_match"].outcome is outcome
            assert [one.path for one in case.evidence.files] == [FILE.path]
    assert len(world.looked) == 3


@virtual
async def test_readiness_waits_for_files() -> None:
    """Whoever waits for the first sweep has the files too."""
    world = World(FILE)
    await world.watch.once()
    assert world.looked == [FILE]
    assert list(world.files) == [FILE.path]


@virtual
async def test_without_files_there_is_no_such_source() -> None:
    """Nobody reads of a source that he does not use."""
    world = World()
    await world.watch.once()
    assert world.file_source == []


@virtual
async def test_a_source_whose_files_cannot_be_read_fails() -> None:
    """A mount that is gone is the exporter's trouble; one file that is gone is not."""
    world = World(FILE)
    async with at_work(world.watch.run()):
        await asyncio.sleep(3)
        assert [one.success for one in world.file_source] == [True]
        world.there[FILE.path] = (lost(FILE.path, DENIED),)
        await asyncio.sleep(310)
        assert [(one.success, one.error) for one in world.file_source] == [
            (False, "file_unreadable: Permission denied")
        ]


@virtual
async def test_one_that_is_named_and_found_is_there_once() -> None:
    """A file may be pinned though its directory is looked at too."""
    pinned = Location("/tls/more/a.pem", arn=ARN)
    world = World(FOLDER, pinned)
    world.there = dict.fromkeys((FOLDER.path, pinned.path), (seen(pinned.path),))
    await world.watch.once()
    assert [(one.look.path, one.look.arn) for one in world.board.latest.files] == [(pinned.path, ARN)]


@virtual
async def test_a_reload_keeps_what_stays() -> None:
    """What is known of a file is on the board at once, and is looked at when its turn comes; pins are new."""
    before = World(FILE, FOLDER)
    before.there[FILE.path] = (seen(),)
    async with at_work(before.watch.run()):
        await asyncio.sleep(3)
        past = before.watch.past()
    pinned = replace(FILE, arn=ARN)
    after, other = World(FILE, past=past), World(pinned, past=past)
    async with at_work(after.watch.run()):
        await asyncio.sleep(1)
        assert list(after.files) == [FILE.path]
        assert (after.files[FILE.path].look.last, after.looked) == (HELD, [])
    async with at_work(other.watch.run()):
        await asyncio.sleep(1)
        assert (other.files[FILE.path].look.arn, other.looked) == (ARN, [pinned])
