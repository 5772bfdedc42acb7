"""`python -m benchmarks [BENCH …]`: run them and print one table."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import click

from benchmarks import cpu, dead, figures, fleet, growth, inventory, rate, soak, startup
from benchmarks.lab import Lab
from benchmarks.process import FailedError, MissingError

BENCHMARKS: dict[str, Any] = {
    one.__name__.rpartition(".")[2]: one for one in (cpu, rate, dead, fleet, growth, inventory, startup, soak)
}


MOST_COMPLAINTS = 20


class _Progress(Protocol):
    def __call__(self, text: str) -> None: ...


def progress() -> _Progress:
    """Make a line on a terminal that says what goes on; nothing where there is no terminal."""
    began = time.monotonic()

    def say(text: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K[{time.monotonic() - began:6.0f} s] {text}", nl=False, err=True)

    return say


def measure(names: tuple[str, ...], size: str, out: Path, say: _Progress) -> figures.Run:
    """Run benchmarks one after the other."""
    run = figures.Run(size, datetime.now(UTC).isoformat(timespec="seconds"), len(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory(prefix="acm-exporter-bench-") as folder:
        Path(folder).chmod(0o755)  # nginx's worker is another user
        lab = Lab(Path(folder), say, out)
        if lab.server_core is not None:
            os.sched_setaffinity(0, {lab.server_core})  # this process drives and counts; it is no client
        for name in names or tuple(BENCHMARKS):
            lab.say = lambda text, name=name: say(f"{name}: {text}")  # type: ignore[misc]
            lab.complaints, lab.disturbances = [], []
            run.rows += BENCHMARKS[name].run(lab, BENCHMARKS[name].SIZES[size])
            run.complaints += [f"{name}: {one}" for one in lab.complaints]
            run.disturbances += [f"{name}: {one}" for one in lab.disturbances]
    return run


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(tuple(BENCHMARKS)), metavar="[BENCH]...")
@click.option("--size", type=click.Choice(["tiny", "default", "full"]), default="default", show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write all figures there.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("benchmarks/out"),
    show_default=True,
    help="Folder for plots.",
)
def main(names: tuple[str, ...], size: str, file: Path | None, out: Path) -> None:
    """Measure the exporter beside its peers: all benchmarks, or those named."""
    say = progress()
    try:
        run = measure(names, size, out, say)
    except (MissingError, FailedError) as error:
        say("")
        raise click.ClickException(str(error)) from error
    say("")
    told = run.document()
    click.echo(f"commit {told['commit']}, {', '.join(f'{k} {v}' for k, v in told['machine'].items())}\n")
    click.echo(figures.table(run.rows))
    for one in run.disturbances:
        click.echo(f"disturbed: {one}", err=True)
    for one in run.complaints[:MOST_COMPLAINTS]:
        click.echo(f"logged: {one}", err=True)
    if file is not None:
        figures.write(file, told)


if __name__ == "__main__":
    main()
