"""The options of `run` and `demo` that say who is let in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from exporter.cli.options import BAD_USAGE

if TYPE_CHECKING:
    from exporter.expose.follow import Following

F = TypeVar("F", bound=Callable[..., object])


def options(command: F) -> F:
    """Take the web configuration file, and whether health is exempt from it."""
    health = click.option(
        "--web.health-without-auth",
        "web_open_health",
        is_flag=True,
        help="Have /-/healthy and /-/ready answer everybody, whatever the web configuration asks for.",
    )
    return web_config_file(health(command))


def web_config_file(command: F) -> F:
    """Take the web configuration file alone."""
    return click.option(
        "--web.config.file",
        "web_config_file",
        type=click.Path(path_type=Path),
        help="YAML file of Prometheus's exporter-toolkit: TLS, client certificates, basic authentication.",
    )(command)


def followed(file: Path | None, *, open_health: bool = False) -> Following | None:
    """Return what follows the file, None for none; tell every mistake and exit where it cannot be used."""
    if file is None:
        return None
    from exporter.cli import build
    from exporter.expose.follow import UnusableError

    try:
        return build.following(file, open_health=open_health)
    except UnusableError as error:
        click.echo(str(error), err=True)
        raise click.exceptions.Exit(BAD_USAGE) from None
