"""The options and arguments that several commands have, and how they are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from exporter.config import Settings

F = TypeVar("F", bound=Callable[..., object])

BAD_USAGE = 2
UNKNOWN = 3  # of `check`, as monitoring plugins say it


def config_file(command: F) -> F:
    """Take the configuration file."""
    return click.option(
        "--config.file",
        "config_file",
        type=click.Path(path_type=Path),
        help="YAML file; without one, ambient AWS credentials and every certificate with its names.",
    )(command)


def log_format(command: F) -> F:
    """Take the form of the log."""
    return click.option(
        "--log.format",
        "log_format",
        type=click.Choice(["logfmt", "json"]),
        default="logfmt",
        show_default=True,
    )(command)


def logs(command: F) -> F:
    """Take the level and the form of the log."""
    return click.option(
        "--log.level",
        "log_level",
        type=click.Choice(["debug", "info", "warn", "error"]),
        default="info",
        show_default=True,
    )(log_format(command))


def name_or_arn(text: str) -> str:
    """Read the name or the ARN of a certificate; BadParameter with what was expected."""
    from exporter.config import kinds

    try:
        if text.startswith("arn:"):
            return kinds.certificate_arn(text)
        return "*." + kinds.host(text[2:]) if text.startswith("*.") else kinds.host(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def names_or_arns(_: object, __: object, values: tuple[str, ...]) -> tuple[str, ...]:
    """Read several."""
    return tuple(map(name_or_arn, values))


def duration(text: str) -> timedelta:
    """Read a duration of at least a second; BadParameter with what was expected."""
    from exporter.config import kinds

    try:
        return kinds.duration(timedelta(seconds=1))(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def settings(file: Path | None, exit_code: int = BAD_USAGE) -> Settings:
    """Load the settings, those of no file where there is none; tell every mistake and exit."""
    from exporter.config import default, load

    return default() if file is None else loaded(lambda: load(file, os.environ), exit_code)


def loaded(load: Callable[[], Settings], exit_code: int = BAD_USAGE) -> Settings:
    """Load settings in some way; tell every mistake and exit."""
    from exporter.config import ConfigError

    try:
        return load()
    except ConfigError as error:
        for complaint in error.complaints:
            click.echo(complaint, err=True)
        raise click.exceptions.Exit(exit_code) from None
