"""The command line.

Law of this room: argv, logging and the real clock live here; it builds the parts and joins them. Nobody
imports it. Each command imports what it needs when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from exporter import __version__

if TYPE_CHECKING:
    from exporter.config import Settings

F = TypeVar("F", bound=Callable[..., object])

BAD_USAGE = 2
UNKNOWN = 3  # of `check`, as monitoring plugins say it


def _config_file(*, required: bool = False) -> Callable[[F], F]:
    return click.option(
        "--config.file",
        "config_file",
        type=click.Path(path_type=Path),
        required=required,
        help="YAML file; without one, ambient AWS credentials and every certificate with its names.",
    )


def _logging(command: F) -> F:
    level = click.option(
        "--log.level",
        "log_level",
        type=click.Choice(["debug", "info", "warn", "error"]),
        default="info",
        show_default=True,
    )
    kind = click.option(
        "--log.format",
        "log_format",
        type=click.Choice(["logfmt", "json"]),
        default="logfmt",
        show_default=True,
    )
    return level(kind(command))


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
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(f"{text!r} (expected [HOST]:PORT, such as :9795 or 127.0.0.1:9795)")
    return host.removeprefix("[").removesuffix("]") or None, int(port)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="acm-exporter")
def cli() -> None:
    """Say whether AWS Certificate Manager will renew its certificates, and whether visitors get them."""


@cli.command()
@_config_file()
@_listening
@click.option(
    "--web.config.file", "web_config_file", type=click.Path(path_type=Path), help="Not supported yet."
)
@_logging
def run(
    config_file: Path | None,
    web_listen_address: list[tuple[str | None, int]],
    web_config_file: Path | None,
    log_level: str,
    log_format: str,
) -> None:
    """Watch, and serve metrics to Prometheus."""
    if web_config_file is not None:
        raise click.BadParameter("is not supported yet", param_hint="--web.config.file")
    settings = _settings(config_file, BAD_USAGE)
    from exporter.cli import daemon, logs

    logs.set_up(log_level, log_format)
    sys.exit(daemon.run(settings, web_listen_address))


@cli.command()
@_config_file()
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.argument("wanted", nargs=-1, metavar="[NAME|ARN]...")
def check(config_file: Path | None, form: str, wanted: tuple[str, ...]) -> None:
    """Look once at everything, or at the certificates of some names or ARNs, and say what is wrong.

    Exits with 0 if all renew and are served, 1 if a serving condition breaks, 2 if a renewal condition
    breaks, 3 if something could not be judged or this program failed.
    """
    settings = _settings(config_file, UNKNOWN)
    from exporter.cli import logs, oneshot

    logs.set_up("error", "logfmt")
    sys.exit(oneshot.check(settings, form, wanted))


@cli.group()
def config() -> None:
    """Work on configuration files."""


@config.command("check")
@_config_file(required=True)
def config_check(config_file: Path) -> None:
    """Validate a file: exit 0, or every mistake on standard error."""
    _settings(config_file, BAD_USAGE)
    click.echo(f"{config_file}: fine")


@cli.command()
@_listening
@click.option(
    "--crowd", type=click.IntRange(0, 100_000), default=0, help="So many healthy certificates more."
)
@_logging
def demo(
    web_listen_address: list[tuple[str | None, int]], crowd: int, log_level: str, log_format: str
) -> None:
    """Watch an embedded world on loopback: ACM, DNS and TLS endpoints in every state."""
    from exporter.cli import logs, showcase

    logs.set_up(log_level, log_format)
    sys.exit(showcase.run(web_listen_address, crowd))


def _table(name: str, help_: str) -> None:
    @click.option("--format", "form", type=click.Choice(["table", "markdown"]), default="table")
    def show(form: str) -> None:
        from exporter.expose import text

        make = {"rules": text.rules_table, "metrics": text.metrics_table}[name]
        click.echo(make(markdown=form == "markdown"), nl=False)

    cli.command(name, help=help_)(show)


_table("rules", "Print the table of conditions.")
_table("metrics", "Print the table of metrics.")


def _settings(file: Path | None, exit_code: int) -> Settings:
    from exporter.config import ConfigError, default, load

    try:
        return default() if file is None else load(file, os.environ)
    except ConfigError as error:
        for complaint in error.complaints:
            click.echo(complaint, err=True)
        sys.exit(exit_code)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; `check` keeps 2 for renewals that break, so its bad usage is 3."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.exit(cli.main(given, prog_name="acm-exporter", standalone_mode=False))
    except click.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(UNKNOWN if given[:1] == ["check"] else error.exit_code)
