"""The image of the Dockerfile, built by buildah over a fresh Debian: watched, killed, and started again."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter import __version__
from tests.deploy import images
from tests.end_to_end.test_service_discovery import of_the_demo
from tests.servers import free_port, need

USER = 65532
OURS = 110_000_000  # bytes that the image may add to its base

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        os.geteuid() != 0, reason="debootstrap and buildah's chroot need root: run the tests as root"
    ),
]


@dataclass(frozen=True)
class Container:
    """A container of the image, and what tests start in it."""

    builder: images.Builder
    name: str
    root: Path

    def command(self, options: list[str], *words: str) -> list[str]:
        """Make the command line of the image's program as an engine runs it: its entry point, then the words."""
        entry = images.configuration(self.builder)["Entrypoint"]
        return self.builder.inside(self.name, self.root, options, [*entry, *words])


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """Build the image once and make a container of it, without a shell."""
    need("debootstrap")
    if subprocess.run([need("unshare"), "--mount", "true"], check=False, capture_output=True).returncode:
        message = "this sandbox allows no mounts (expected CAP_SYS_ADMIN), so no image can be built"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    folder = tmp_path_factory.mktemp("image")
    builder = images.built(folder, __version__)
    with images.container(builder) as (name, root):
        yield Container(builder, name, root)
    shutil.rmtree(folder / "storage")


def test_what_the_image_says_of_itself(container: Container) -> None:
    """Not root, in exec form throughout, and with its state in a volume."""
    told = images.configuration(container.builder)
    assert {name: told[name] for name in ("User", "Entrypoint", "Cmd", "Volumes", "ExposedPorts")} == {
        "User": f"{USER}:{USER}",
        "Entrypoint": ["acm-exporter"],
        "Cmd": ["run"],
        "Volumes": {"/var/lib/acm-exporter": {}},
        "ExposedPorts": {"9795/tcp": {}},
    }
    assert told["Healthcheck"]["Test"] == ["CMD", "acm-exporter", "health"]
    assert told["Labels"]["org.opencontainers.image.version"] == __version__
    assert not {name for name in told["Labels"] if name.startswith("org.opencontainers.image.base")}


def test_only_what_runs_is_in_it(container: Container) -> None:
    """No tool that builds, byte code for a root that cannot be written, and the volume is the user's."""
    ours = container.root / "opt/acm-exporter"
    (packages,) = ours.glob("lib/python3.*/site-packages")
    assert {"exporter", "aiohttp"} < {one.name for one in packages.iterdir()}
    assert not {"pip", "setuptools", "hatchling", "pytest"} & {one.name for one in packages.iterdir()}
    sources = {one.stem for one in (packages / "exporter").glob("*.py")}
    assert sources == {one.name.split(".")[0] for one in (packages / "exporter/__pycache__").iterdir()}
    assert sum(one.lstat().st_size for one in ours.rglob("*")) < OURS
    state = (container.root / "var/lib/acm-exporter").stat()
    assert (state.st_uid, state.st_gid) == (USER, USER)


@pytest.fixture
def world(container: Container, tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Run the demo's world in one container; gives the folder /tmp of it, and options for another one to see it."""
    shared, address = _folder(tmp_path, "shared"), f"127.0.0.1:{free_port()}"
    command = container.command(["--volume", f"{shared}:/tmp"], "demo", f"--web.listen-address={address}")
    log = tmp_path / "world"
    with images.Running(container.builder, command, f"http://{address}/-/ready", log) as demo:
        file, environment = of_the_demo(log.read_text())
        written = (shared / file.relative_to("/tmp")).read_text()
        state = "state_file: /var/lib/acm-exporter/state.db\n"
        (shared / "acm-exporter.yaml").write_text(written + state)
        text = (shared / environment.relative_to("/tmp")).read_text()
        pairs = re.findall(r"export (.*?)='(.*)'", text)
        yield (
            tmp_path,
            [
                *("--volume", f"{shared}:/tmp:ro"),
                *(word for name, value in pairs for word in ("--env", f"{name}={value}")),
            ],
        )
        assert demo.end(signal.SIGTERM) == 0


def test_it_watches_is_killed_and_watches_again(container: Container, world: tuple[Path, list[str]]) -> None:
    """Two containers, of which one is the world: the other starts again with the volume of the one killed."""
    folder, options = world
    address = f"127.0.0.1:{free_port()}"
    words = ["run", "--config.file=/tmp/acm-exporter.yaml", f"--web.listen-address={address}"]
    command = container.command(options, *words)
    test = images.configuration(container.builder)["Healthcheck"]["Test"][2:]
    health = container.command([], *test, f"--url=http://{address}/-/healthy")

    with images.Running(container.builder, command, f"http://{address}/-/ready", folder / "first") as first:
        assert _privileges(first.pid) == {"Uid": {str(USER)}, "CapEff": {"0" * 16}, "NoNewPrivs": {"1"}}
        assert _writable(first.pid) == {"/var/lib/acm-exporter", "/run"}
        seen = _rows(address, kept=True)
        assert f'version="{__version__}"' in seen.splitlines()[-1]
        assert container.builder.start(health, folder / "health").wait(20) == 0
        assert first.end(signal.SIGKILL) != 0
    assert container.builder.start(health, folder / "health").wait(20) == 1
    with images.Running(container.builder, command, f"http://{address}/-/ready", folder / "again") as again:
        assert _rows(address) == seen
        assert again.end(signal.SIGTERM) == 0


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    os.chown(folder, USER, USER)
    return folder


def _privileges(pid: int) -> dict[str, set[str]]:
    lines = dict(re.findall(r"(\w+):\s(.*)", Path(f"/proc/{pid}/status").read_text()))
    return {name: set(lines[name].split()) for name in ("Uid", "CapEff", "NoNewPrivs")}


def _writable(pid: int) -> set[str]:
    """List where a process sees a file system that can be written, but for the kernel's own."""
    mounts = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    return {
        one[4]
        for one in mounts
        if "rw" in one[5].split(",")
        and not re.match(r"/(proc|sys|dev)\b", one[4])
        and one[4] not in FROM_HOST
    }


FROM_HOST = {
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/run/.containerenv",
}  # as any engine mounts them


def _rows(address: str, *, kept: bool = False) -> str:
    """Read what the certificates are and since when they are known, in order; at wish once that is kept."""
    while True:
        with urllib.request.urlopen(f"http://{address}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        if not kept or any(
            one.startswith("acm_exporter_state_last_write_timestamp_seconds ") for one in lines
        ):
            break
        time.sleep(0.2)
    told = r"acm_(certificate_info|certificate_first_seen_timestamp_seconds|exporter_build_info)"
    return "\n".join(sorted(one for one in lines if re.match(told, one)))
