"""The desk at which `fix` works: the hands, the eye for DNS, consent, and an event loop that hears Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import click

from exporter.cli import build
from exporter.cli.accounts import mender
from exporter.config import Settings
from exporter.observe.aws import Access, Clients
from exporter.observe.records import DnsEye
from exporter.remedy import text
from exporter.remedy.hand import Call, Hand, Hands
from exporter.remedy.waiting import Patience, State, until

T = TypeVar("T")

THREADS = 4  # that call AWS at once


@dataclass(frozen=True, slots=True)
class Manner:
    """How to go about it: consent given beforehand, only showing, watching afterwards and for how long."""

    yes: bool = False
    dry_run: bool = False
    wait: bool = False
    timeout: timedelta = timedelta(hours=72)

    def consents(self, planned: Sequence[Call], hand: Hand) -> bool:
        """Show the exact calls and ask; nobody to ask and no --yes is a no."""
        say(text.calls(planned, hand.account, hand.region))
        if self.dry_run:
            say("Dry run: nothing is called.\n")
            return False
        if self.yes:
            return True
        if not sys.stdin.isatty():
            say("Not done: nobody can be asked, as standard input is no terminal (see --yes)\n")
            return False
        return click.confirm("Do it?", err=True)

    @property
    def declined(self) -> int:
        """The exit code where nothing was called."""
        return 0 if self.dry_run else 1


@dataclass(frozen=True, slots=True)
class Desk:
    """What the commands work with; `run` keeps to one event loop and hears Ctrl-C."""

    hands: Hands
    dns: DnsEye
    runner: asyncio.Runner

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        """Run to the end; KeyboardInterrupt once what was being written is written."""
        return self.runner.run(doing)

    def carry_out(self, hand: Hand, planned: Sequence[Call], doing: Coroutine[Any, Any, T]) -> T:
        """Run what writes; whoever interrupts it is told what was done and what was not."""
        try:
            return self.run(doing)
        except KeyboardInterrupt:
            say(text.deeds(hand.deeds, planned))
            raise

    def wait(
        self, look: Callable[[], Awaitable[State]], lapses: datetime, longest: timedelta, again: str
    ) -> State:
        """Watch until an end, telling each change; whoever interrupts is told how to go on with it."""
        patience = Patience(build.clock, asyncio.sleep, longest)
        try:
            return self.run(until(look, lapses, patience, lambda says: say(f"{_clock()}  {says}\n")))
        except KeyboardInterrupt:
            say(f"Interrupted while watching. {again}\n")
            raise


@contextmanager
def desk_of(settings: Settings) -> Iterator[Desk]:
    """Build a desk: the ways into the accounts, with the roles for writing, and an eye for DNS."""
    executor = ThreadPoolExecutor(THREADS, thread_name_prefix="aws")
    clients = Clients(THREADS)
    accesses = tuple(
        Access(one.profile, one.fix_role_arn or one.role_arn, one.external_id)
        for one in settings.aws.accounts
    )
    organization = settings.aws.organization
    if organization is not None and not organization.fix_role_name:
        accesses += (Access(organization.profile),)  # to its own account no role is needed
    elsewhere = None if organization is None else partial(mender, organization)
    try:
        with asyncio.Runner() as runner:
            hands = Hands(clients, executor, accesses, elsewhere)
            yield Desk(hands, build.dns_eye(settings), runner)
    finally:
        clients.close()
        executor.shutdown(wait=False, cancel_futures=True)


def say(words: str) -> None:
    """Write to whoever sits there; standard output stays for what was asked for."""
    click.echo(words, nl=False, err=True)


def _clock() -> str:
    return f"{build.clock():%H:%M:%S}"
