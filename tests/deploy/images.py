"""An image built from the Dockerfile by buildah, and containers of it that run as an engine would have them."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from tests.servers import answering, need

ROOT = Path(__file__).parents[2]
PYTHON = "python3,python3-venv,ca-certificates"  # what the Dockerfile expects of a base

# What `docker run --read-only --tmpfs /run` does: the root cannot be written, not even by root. buildah has no flag
# for it, but keeps the mounts that it finds.
READ_ONLY = """
mount --bind "$0" "$0"
mount -t tmpfs tmpfs "$0/run"
mount -o remount,ro,bind "$0"
exec "$@"
"""


class Builder:
    """Debian's buildah with a storage of its own: no engine, no service, no registry."""

    def __init__(self, folder: Path) -> None:
        """Use the folder for everything."""
        self.folder = folder
        self._command = [
            need("buildah"),
            *("--root", str(folder / "storage"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"),
        ]
        (folder / "tmp").mkdir()
        self._environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "BUILDAH_ISOLATION": "chroot"}

    def __call__(self, *arguments: str) -> str:
        """Run one of its commands; gives what it prints."""
        done = subprocess.run(
            [*self._command, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"buildah {arguments[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def inside(self, container: str, root: Path, options: Sequence[str], command: Sequence[str]) -> list[str]:
        """Make the command line that runs a command in a container, its root read-only and no privilege left."""
        run = [*self._command, "run", "--isolation", "chroot", "--cap-drop", "all", *options, container, "--"]
        unprivileged = [need("setpriv"), "--no-new-privs", *run, *command]
        return [need("unshare"), "--mount", "sh", "-euc", READ_ONLY, str(root), *unprivileged]

    def start(self, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        """Start such a command line."""
        with log.open("ab") as output:
            return subprocess.Popen(command, env=self._environment, stdout=output, stderr=output)


def built(folder: Path, version: str) -> Builder:
    """Build localhost/acm-exporter over a fresh Debian, with the packages of the lock from pip's own sources."""
    builder = Builder(folder)
    with (folder / "debootstrap.log").open("wb") as log:
        _base(folder / "base", log)
    base = builder("from", "scratch")
    builder("add", base, str(folder / "base"), "/")
    builder("commit", "--quiet", "--rm", base, "base")
    shutil.rmtree(folder / "base")
    wheels = folder / "wheels"
    subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--only-binary=:all:",
                "--dest",
                str(wheels),
            ),
            *("--no-deps", "--require-hashes", "-r", "requirements.lock", "-r", "requirements-build.lock"),
        ],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    given = {"BASE": "localhost/base", "PIP_FIND_LINKS": "/wheels", "PIP_NO_INDEX": "1", "VERSION": version}
    builder(
        *(
            "bud",
            "--quiet",
            "--format",
            "docker",
            "--volume",
            f"{wheels}:/wheels:ro",
            "--tag",
            "acm-exporter",
        ),
        *(word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")),
        str(ROOT),
    )
    return builder


def _base(folder: Path, log: Any) -> None:
    """Install a small Debian, the release of this machine, from where apt has it."""
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    mirror = next(line.partition(" ")[2] for line in targets if line.startswith(f"{release} "))
    subprocess.run(
        [need("debootstrap"), "--variant=minbase", f"--include={PYTHON}", release, folder, mirror],
        stdout=log,
        stderr=log,
        check=True,
    )


def configuration(builder: Builder) -> dict[str, Any]:
    """Read what the image says of itself."""
    told: dict[str, Any] = json.loads(builder("inspect", "--type", "image", "acm-exporter"))
    return dict(told["Docker"]["config"])


@contextmanager
def container(builder: Builder) -> Iterator[tuple[str, Path]]:
    """Make a container of the image that has no shell; gives its name and its root folder."""
    name = builder("from", "localhost/acm-exporter")
    root = Path(builder("mount", name))
    for folder in ("bin", "usr/bin"):
        for shell in ("sh", "bash", "dash"):
            (root / folder / shell).unlink(missing_ok=True)
    (root / "etc/hosts").touch()  # buildah makes it where it can
    yield name, root
    builder("rm", name)


class Running:
    """A command in a container; leaving the context ends it however the test went."""

    def __init__(self, builder: Builder, command: Sequence[str], ready: str, log: Path) -> None:
        """Start it, and wait for its URL `ready` on entering."""
        self._wrapper = builder.start(command, log)
        self._ready, self._log = ready, log

    def __enter__(self) -> Self:
        """Wait until it is ready."""
        answering(self._wrapper, self._ready, self._log, within=60)
        return self

    def __exit__(self, *_: object) -> None:
        """End it if it still runs."""
        if self._wrapper.poll() is None:
            self.end(signal.SIGKILL)

    @property
    def pid(self) -> int:
        """The process that the container was made for: the innermost of those that buildah starts."""
        pid = self._wrapper.pid
        while children := _children(pid):
            (pid,) = children
        return pid

    def end(self, number: signal.Signals) -> int:
        """Send that process a signal, and nothing to those around it; gives the exit code that buildah gives."""
        os.kill(self.pid, number)
        return self._wrapper.wait(20)


def _children(pid: int) -> set[int]:
    return {
        int(word) for one in Path(f"/proc/{pid}/task").glob("*/children") for word in one.read_text().split()
    }
