"""`check`: its options; what it does is in `oneshot`."""

from __future__ import annotations

import os
import traceback
from datetime import timedelta
from pathlib import Path

import click

from exporter.cli import options, output
from exporter.cli.options import UNKNOWN

FORMATS = ("table", "json", "prometheus", "nagios")
INTERVAL = timedelta(seconds=10)


@click.command()
@options.config_file
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="prometheus: for node_exporter's textfile collector; nagios: as a monitoring plugin.",
)
@click.option(
    "--output",
    "file",
    type=click.Path(path_type=Path),
    callback=output.place,
    metavar="FILE",
    help="Write there instead of to standard output; nobody sees half of it.",
)
@click.option("--watch", is_flag=True, help="Look again and again and show what changes, until Ctrl-C.")
@click.option(
    "--interval",
    callback=lambda _, __, value: None if value is None else options.duration(value),
    metavar="DURATION",
    help="With --watch: the rest between two sweeps.  [default: 10s]",
)
@click.argument(
    "wanted",
    nargs=-1,
    metavar="[NAME|ARN]...",
    callback=options.names_or_arns,
)
def check(
    *,
    config_file: Path | None,
    form: str,
    file: Path | None,
    watch: bool,
    interval: timedelta | None,
    wanted: tuple[str, ...],
) -> int:
    """Look once at everything, or at the certificates of some names or ARNs, and say what is wrong.

    Exits with 0 if all renew and are served, 1 if a serving condition breaks, 2 if a renewal condition
    breaks, 3 if something could not be judged or this program failed; with --watch as the last sweep says.
    """
    if watch and form != "table":
        raise click.UsageError(f"--watch shows a table (expected no --format {form} with it)")
    if watch and file is not None:
        raise click.UsageError("--watch has no end that could be written (expected no --output with it)")
    if interval is not None and not watch:
        raise click.UsageError("--interval is the rest between two sweeps (expected --watch with it)")
    if form == "nagios":
        return _as_plugin(config_file, file, wanted)
    settings = options.settings(config_file, UNKNOWN)
    from exporter.cli import logs, oneshot, watching

    logs.set_up("error", "logfmt")
    if watch:
        return watching.watch(settings, wanted, interval or INTERVAL)
    return oneshot.check(settings, form, wanted, file)


def _as_plugin(config_file: Path | None, file: Path | None, wanted: tuple[str, ...]) -> int:
    """Look, and tell on standard output also what kept us from it: there alone a monitoring system reads."""
    from exporter.cli import logs, oneshot
    from exporter.config import ConfigError, default, load
    from exporter.expose import plugin

    logs.set_up("error", "logfmt")
    try:
        settings = default() if config_file is None else load(config_file, os.environ)
        return oneshot.check(settings, "nagios", wanted, file)
    except ConfigError as error:
        says = [str(one) for one in error.complaints]
    except click.ClickException as error:
        says = [error.format_message()]
    except Exception as error:  # noqa: BLE001 - printed in full
        says = [f"acm-exporter failed: {type(error).__name__} (standard error has the rest)"]
        traceback.print_exc()
    click.echo(plugin.failure(says), nl=False)
    return UNKNOWN
