"""The command line.

Law of this room: argv, logging and the real clock live here; it builds the parts and joins them. Nobody
imports it. Each command imports what it needs when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from exporter import __version__
from exporter.cli import guarding, options
from exporter.cli.checking import check
from exporter.cli.fix import fix
from exporter.cli.leaving import leave
from exporter.cli.options import BAD_USAGE, UNKNOWN

if TYPE_CHECKING:
    from exporter.judge.sharding import Shard

F = TypeVar("F", bound=Callable[..., object])

FAILED = 1
INTERRUPTED = 130

_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:/@\s]*)):([0-9]{1,5})")


def _listening(command: F) -> F:
    return click.option(
        "--web.listen-address",
        "web_listen_address",
        multiple=True,
        default=[":9795"],
        show_default=True,
        metavar="[HOST]:PORT",
        callback=lambda _, __, values: [_address(value) for value in values],
        help="Where to serve; may be given more than once.",
    )(command)


def _address(text: str) -> tuple[str | None, int]:
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[3]) > 65535:
        raise click.BadParameter(f"{text!r} (expected [HOST]:PORT, such as :9795 or 127.0.0.1:9795)")
    return match[1] or match[2] or None, int(match[3])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="acm-exporter")
def cli() -> None:
    """Say whether AWS Certificate Manager will renew its certificates, and whether visitors get them."""


@cli.command()
@options.config_file
@_listening
@guarding.options
@click.option(
    "--shard.index",
    "shard_index",
    type=int,
    help="Which shard this is, from 0; by default the ordinal at the end of the host name.",
)
@click.option(
    "--shard.total", "shard_total", type=int, help="How many shards divide the certificates among themselves."
)
@options.logs
def run(
    *,
    config_file: Path | None,
    web_listen_address: list[tuple[str | None, int]],
    web_config_file: Path | None,
    web_open_health: bool,
    shard_index: int | None,
    shard_total: int | None,
    log_level: str,
    log_format: str,
) -> int:
    """Watch, and serve metrics to Prometheus."""
    shard = _shard(shard_index, shard_total)
    from exporter.cli.origin import Origin

    origin = Origin(config_file, os.environ) if config_file else None
    settings = options.settings(config_file) if origin is None else options.loaded(origin.load)
    web_file = guarding.followed(web_config_file, open_health=web_open_health)
    from exporter.cli import daemon, logs

    logs.set_up(log_level, log_format)
    return daemon.run(settings, web_listen_address, shard, origin, web_file)


@cli.group()
def config() -> None:
    """Work on configuration files."""


@config.command("check")
@options.config_file
@guarding.web_config_file
def config_check(config_file: Path | None, web_config_file: Path | None) -> None:
    """Validate one file or both: exit 0, or every mistake on standard error."""
    if config_file is None and web_config_file is None:
        raise click.UsageError("nothing to check (expected --config.file, --web.config.file or both)")
    wrong: list[str] = []
    for file, read in ((config_file, options.settings), (web_config_file, guarding.followed)):
        if file is not None:
            try:
                read(file)
            except click.exceptions.Exit:
                wrong.append(str(file))
            else:
                click.echo(f"{file}: fine")
    if wrong:
        raise click.exceptions.Exit(BAD_USAGE)


@cli.command()
@_listening
@guarding.options
@click.option(
    "--crowd", type=click.IntRange(0, 100_000), default=0, help="So many healthy certificates more."
)
@options.logs
def demo(
    *,
    web_listen_address: list[tuple[str | None, int]],
    web_config_file: Path | None,
    web_open_health: bool,
    crowd: int,
    log_level: str,
    log_format: str,
) -> int:
    """Watch an embedded world on loopback: ACM, DNS and TLS endpoints in every state."""
    web_file = guarding.followed(web_config_file, open_health=web_open_health)
    from exporter.cli import logs, showcase

    logs.set_up(log_level, log_format)
    return showcase.run(web_listen_address, crowd, web_file)


@cli.command()
@click.option(
    "--url",
    default="http://127.0.0.1:9795/-/healthy",
    show_default=True,
    help="What to ask; /-/ready is the page of those that wait for the first sweep.",
)
def health(url: str) -> int:
    """Ask a running exporter whether it is well, as a container's health check: exit 0 if it is, else 1.

    On loopback TLS is found out by itself and its certificate not verified. An exporter that keeps us out of
    /-/healthy, for want of a password or a client certificate, is there, and so is well.
    """
    from exporter.cli import pulse

    return pulse.ask(url)


def _table(name: str, help_: str) -> None:
    @click.option("--format", "form", type=click.Choice(["text", "markdown"]), default="text")
    def show(form: str) -> None:
        from exporter.expose import text

        make = {"rules": text.rules_table, "metrics": text.metrics_table}[name]
        click.echo(make(markdown=form == "markdown"), nl=False)

    cli.command(name, help=help_)(show)


_table("rules", "Print the table of conditions.")
_table("metrics", "Print the table of metrics.")


def _shard(index: int | None, total: int | None) -> Shard:
    from exporter.cli import shards

    try:
        return shards.shard(index, total, os.environ.get("HOSTNAME") or socket.gethostname())
    except shards.ShardError as error:
        raise click.BadParameter(str(error), param_hint=error.option) from None


cli.add_command(check)
cli.add_command(fix)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; of `check`, whose 1 and 2 are findings, all failures of our own are 3."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    checking = given[:1] == ["check"]
    failed = UNKNOWN if given[:1] in (["check"], ["fix"]) else FAILED
    try:
        code = cli.main(given, prog_name="acm-exporter", standalone_mode=False) or 0
    except click.Abort:
        click.echo("interrupted", err=True)
        code = INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = UNKNOWN if checking else error.exit_code
    except SystemExit:  # click's own, when whoever reads our output has gone away
        code = failed
    except Exception:  # noqa: BLE001 - printed in full
        traceback.print_exc()
        code = failed
    leave(code)
