"""What is seen of files, directories and patterns on a real file system."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from exporter.facts import FileLook, Held, Location, Seen, Unseen, Why
from exporter.observe.files import LARGEST, MOST_FILES, FileEye
from tests.observe.test_bundle import DAY, HELD, ISSUED, LEAF, NOW, ROOT

P = ParamSpec("P")
T = TypeVar("T")

ARN = "arn:aws:acm:us-east-1:111122223333:certificate/a"
FULL = LEAF + b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    """Give threads to read in."""
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.fixture
def eye(executor: ThreadPoolExecutor) -> FileEye:
    """Give an eye whose clock stands still."""
    return FileEye(executor, 20.0, lambda: NOW)


def seen(path: Path | str, held: Held = HELD, arn: str = "") -> FileLook:
    """Expect that a file was read."""
    return FileLook(str(path), Seen(held), NOW, held, NOW, arn)


def unseen(path: Path | str, why: Why, detail: str) -> FileLook:
    """Expect that it was not."""
    return FileLook(str(path), Unseen(why, detail), NOW)


def store(password: bytes) -> bytes:
    """Make a PKCS #12 file."""
    return pkcs12.serialize_key_and_certificates(
        b"www", ISSUED.key, ISSUED.certificate, None, BestAvailableEncryption(password)
    )


async def test_a_file_that_is_named(tmp_path: Path, eye: FileEye) -> None:
    """What it holds is told with the certificate that it is pinned to."""
    file = tmp_path / "www.pem"
    file.write_bytes(FULL)
    assert await eye.look(Location(str(file), arn=ARN)) == (seen(file, arn=ARN),)


async def test_a_file_that_is_not_there_yet(tmp_path: Path, eye: FileEye) -> None:
    """It is looked at again and found once it has come; a link that leads nowhere is told as that."""
    link = tmp_path / "www.pem"
    file = Location(str(link))
    missing = unseen(file.path, Why.FILE_NOT_FOUND, "No such file or directory")
    assert await eye.look(file) == (missing,)
    link.symlink_to(tmp_path / "gone")
    dangling = "No such file or directory (it is a link to nowhere)"
    assert await eye.look(file) == (unseen(file.path, Why.FILE_NOT_FOUND, dangling),)
    (tmp_path / "gone").write_bytes(LEAF)
    assert await eye.look(file) == (seen(file.path),)


async def test_the_swap_of_a_secret_in_kubernetes_is_followed(tmp_path: Path, eye: FileEye) -> None:
    """The kubelet points a link to a new directory at once; the next look sees what lies there."""
    for number, pem in enumerate((LEAF, renewed())):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}/tls.crt").write_bytes(pem)
    (tmp_path / "..data").symlink_to("..0")
    (tmp_path / "tls.crt").symlink_to("..data/tls.crt")
    (tmp_path / "tls.key").write_bytes(ISSUED.key_pem)
    assert await eye.look(Location(str(tmp_path))) == (seen(tmp_path / "tls.crt"),)
    (tmp_path / "..new").symlink_to("..1")
    (tmp_path / "..new").rename(tmp_path / "..data")
    ((look,), (same,)) = [await eye.look(Location(str(tmp_path / name))) for name in ("", "tls.crt")]
    assert look == same
    assert look.last is not None
    assert look.last.serial == 2


def renewed() -> bytes:
    """Issue the next one."""
    return ROOT.issue(["www.example.com", "example.com"], NOW, DAY, serial=2).chain_pem


async def test_a_directory_gives_each_of_its_files(tmp_path: Path, eye: FileEye) -> None:
    """Files with a suffix of certificates count, also the broken ones; not what is hidden or lies deeper."""
    for name in ("b.pem", "a.CRT", ".hidden.pem", "README", "c.txt"):
        (tmp_path / name).write_bytes(LEAF)
    (tmp_path / "d.pem").write_bytes(LEAF[:-40])
    (tmp_path / "e.pem").write_bytes(ISSUED.key_pem)
    (tmp_path / "f.pem").mkdir()
    (tmp_path / "f.pem/g.pem").write_bytes(LEAF)
    assert await eye.look(Location(str(tmp_path))) == (
        seen(tmp_path / "a.CRT"),
        seen(tmp_path / "b.pem"),
        unseen(tmp_path / "d.pem", Why.BAD_CERTIFICATE, "not PEM: a certificate begins and does not end"),
        unseen(tmp_path / "e.pem", Why.NO_CERTIFICATE, "it holds no certificate"),
    )


async def test_a_pattern_gives_what_matches(tmp_path: Path, eye: FileEye) -> None:
    """Whatever its suffix is; and a file that is named like a pattern is itself."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "fullchain").write_bytes(LEAF)
    (tmp_path / "[a]").write_bytes(LEAF)
    pattern = f"{tmp_path}/*/full*"
    assert await eye.look(Location(pattern)) == (
        seen(tmp_path / "a/fullchain"),
        seen(tmp_path / "b/fullchain"),
    )
    assert await eye.look(Location(f"{tmp_path}/[a]")) == (seen(tmp_path / "[a]"),)


async def test_a_place_without_files(tmp_path: Path, eye: FileEye) -> None:
    """That nothing is there is told of the place itself."""
    empty, pattern = Location(str(tmp_path)), Location(f"{tmp_path}/*.pem")
    told = "the directory has no file *.pem, *.crt, *.cer, *.cert, *.der, *.p12, *.pfx"
    assert await eye.look(empty) == (unseen(empty.path, Why.FILE_NOT_FOUND, told),)
    assert await eye.look(pattern) == (unseen(pattern.path, Why.FILE_NOT_FOUND, "no file matches"),)


async def test_passwords(tmp_path: Path, eye: FileEye) -> None:
    """A keystore is read with the password of the configuration, or that of a file as it is by now."""
    file, password = tmp_path / "store.p12", tmp_path / "password"
    file.write_bytes(store(b"swordfish"))
    where = Location(str(file), password_file=str(password))
    missing = f"the password file {password} cannot be read: No such file or directory"
    assert await eye.look(where) == (unseen(file, Why.BAD_PASSWORD, missing),)
    password.write_bytes(b"swordfish\r\n")
    assert await eye.look(where) == (seen(file),)
    assert await eye.look(Location(str(file), password="swordfish")) == (seen(file),)
    file.write_bytes(store(b"catfish"))
    wrong = "PKCS #12 wants a password and it is wrong, or the file is damaged"
    assert await eye.look(where) == (unseen(file, Why.BAD_PASSWORD, wrong),)
    password.write_bytes(b"catfish")
    assert await eye.look(where) == (seen(file),)
    assert "fish" not in repr(Location(str(file), password="swordfish"))


async def test_what_is_no_file(tmp_path: Path, eye: FileEye) -> None:
    """A pipe is not waited for, and too large a file not read."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(LEAF + b"\n" * LARGEST)
    pipe, large = [await eye.look(Location(str(tmp_path / name))) for name in ("pipe", "large")]
    assert pipe == (unseen(tmp_path / "pipe", Why.FILE_UNREADABLE, "it is not a regular file"),)
    told = f"it has more than {LARGEST} bytes"
    assert large == (unseen(tmp_path / "large", Why.FILE_TOO_LARGE, told),)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_permissions(tmp_path: Path, eye: FileEye) -> None:
    """A file that only the web server's user may read says so."""
    file = tmp_path / "www.pem"
    file.touch(0)
    assert await eye.look(Location(str(file))) == (unseen(file, Why.FILE_UNREADABLE, "Permission denied"),)


async def test_a_link_to_itself(tmp_path: Path, eye: FileEye) -> None:
    """What the operating system refuses is unreadable, in its words."""
    file = tmp_path / "loop.pem"
    file.symlink_to(file)
    told = "Too many levels of symbolic links"
    assert await eye.look(Location(str(file))) == (unseen(file, Why.FILE_UNREADABLE, told),)


async def test_so_many_files_are_read_and_no_more(tmp_path: Path, eye: FileEye) -> None:
    """Those beyond are not left out in silence."""
    for number in range(MOST_FILES + 2):
        (tmp_path / f"{number:05}.pem").write_bytes(LEAF)
    looks = await eye.look(Location(str(tmp_path)))
    told = "1002 files are there, of which the first 1000 are read"
    assert looks[-1] == unseen(tmp_path, Why.TOO_MANY_FILES, told)
    assert len(looks) == MOST_FILES + 1
    assert looks[-2] == seen(tmp_path / "00999.pem")


class Disk(Executor):
    """A disk that answers when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin to read, which nobody can take back."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        self.waiting.append(lambda: future.set_result(fn(*args, **kwargs)))
        return future


async def test_a_disk_that_hangs(tmp_path: Path) -> None:
    """A look ends in time, and no further one waits behind it until the disk has answered."""
    disk, where = Disk(), Location(str(tmp_path / "www.pem"))
    eye = FileEye(disk, 0.01, lambda: NOW)
    assert await eye.look(where) == (unseen(where.path, Why.TIMEOUT, "no answer within 0.01 s"),)
    waiting = "the disk has not answered the look before this one"
    assert await eye.look(where) == (unseen(where.path, Why.TIMEOUT, waiting),)
    (answer,) = disk.waiting
    answer()
    assert await eye.look(where) == (unseen(where.path, Why.TIMEOUT, "no answer within 0.01 s"),)
    assert len(disk.waiting) == 2
