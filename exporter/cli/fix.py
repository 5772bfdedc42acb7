"""`fix`: the options of its commands; what they do is in `fixing`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from exporter.cli import options

if TYPE_CHECKING:
    from exporter.cli.desk import Manner

F = TypeVar("F", bound=Callable[..., object])
FORMATS = ("table", "bind", "route53", "terraform", "cloudformation")


def _arn(text: str) -> str:
    if not text.startswith("arn:"):
        raise click.BadParameter(f"{text!r} (expected the ARN of a certificate; `fix plan NAME` tells it)")
    return options.name_or_arn(text)


_wanted = click.argument(
    "wanted",
    nargs=-1,
    metavar="[ARN|NAME]...",
    callback=options.names_or_arns,
)
_certificate = click.argument("arn", metavar="ARN", callback=lambda _, __, value: _arn(value))
_format = click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="Of the records."
)


def _consenting(command: F) -> F:
    yes = click.option("--yes", is_flag=True, help="Consent beforehand, for scripts; nothing is asked.")
    dry_run = click.option("--dry-run", is_flag=True, help="Show what would be called, and call nothing.")
    return yes(dry_run(options.log_format(command)))


def _waiting(command: F) -> F:
    wait = click.option("--wait", is_flag=True, help="Watch until it is done or its time is over.")
    timeout = click.option(
        "--timeout",
        default="72h",
        show_default=True,
        callback=lambda _, __, value: options.duration(value),
        help="How long to watch at most.",
    )
    return wait(timeout(command))


def _manner(
    *, yes: bool, dry_run: bool, log_format: str, wait: bool = False, timeout: timedelta = timedelta(hours=72)
) -> Manner:
    import logging

    from exporter.cli import desk, logs

    logs.set_up("info", log_format)
    logging.getLogger("acm_exporter.schedule").setLevel(logging.WARNING)  # looks are no news here, writes are
    return desk.Manner(yes, dry_run, wait, timeout)


@click.group()
def fix() -> None:
    """Mend what is broken: the only commands that write to AWS, and never without consent.

    Exits with 0 if it is done or nothing was to be done, 1 if it was refused, failed or lapsed, 2 for bad
    usage, 3 if something could not be looked at or --timeout was over first, 130 if interrupted.
    """


@fix.command()
@options.config_file
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@_wanted
def plan(config_file: Path | None, form: str, wanted: tuple[str, ...]) -> int:
    """Say for each broken condition what mends it, in order; changes nothing."""
    settings = options.settings(config_file)
    from exporter.cli import fixing, logs

    logs.set_up("error", "logfmt")
    return fixing.plan(settings, str(config_file or ""), form, wanted)


@fix.command()
@options.config_file
@_format
@click.option("--apply-route53", is_flag=True, help="Create them in the account's own public hosted zones.")
@_consenting
@_wanted
def records(
    *,
    config_file: Path | None,
    form: str,
    apply_route53: bool,
    yes: bool,
    dry_run: bool,
    log_format: str,
    wanted: tuple[str, ...],
) -> int:
    """Print every validation and CAA record that is missing, ready to paste or to apply."""
    settings = options.settings(config_file)
    from exporter.cli import fixing

    manner = _manner(yes=yes, dry_run=dry_run, log_format=log_format)
    return fixing.records(settings, manner, form, wanted, apply=apply_route53)


@fix.command("resend-mail")
@options.config_file
@click.option(
    "--domain",
    "domains",
    multiple=True,
    callback=options.names_or_arns,
    help="Only for this name of the certificate; may be given more than once.",
)
@_consenting
@_waiting
@_certificate
def resend_mail(
    *,
    config_file: Path | None,
    domains: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    log_format: str,
    wait: bool,
    timeout: timedelta,
    arn: str,
) -> int:
    """Send the validation mail again for every name whose approval is pending.

    With --dry-run --wait it only watches what was sent before.
    """
    settings = options.settings(config_file)
    from exporter.cli import fixing

    manner = _manner(yes=yes, dry_run=dry_run, log_format=log_format, wait=wait, timeout=timeout)
    return fixing.resend_mail(settings, manner, arn, domains)


@fix.command("use-dns")
@options.config_file
@_format
@_consenting
@_waiting
@_certificate
def use_dns(
    *,
    config_file: Path | None,
    form: str,
    yes: bool,
    dry_run: bool,
    log_format: str,
    wait: bool,
    timeout: timedelta,
    arn: str,
) -> int:
    """Move a certificate from e-mail to DNS validation in place, and print the records that it needs.

    There is no way back to e-mail. Said again while the move is under way, it prints the records and goes on.
    """
    settings = options.settings(config_file)
    from exporter.cli import fixing

    manner = _manner(yes=yes, dry_run=dry_run, log_format=log_format, wait=wait, timeout=timeout)
    return fixing.use_dns(settings, manner, arn, form)
