"""What the commands of `fix` do: read, show, ask, write, wait, and say how it came out.

Standard output has what was asked for (a plan, records, an outcome), standard error the conversation and the
log. Reading and writing run on the event loop, asking does not: Ctrl-C is heard at any moment.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import click

from exporter.cli import build, oneshot
from exporter.cli.desk import Desk, Manner, desk_of, say
from exporter.config import Settings
from exporter.expose.text import worst_first
from exporter.facts import Seen, Sight, Unseen
from exporter.remedy import dns_switch, formats, mail, route53, text
from exporter.remedy import plan as planning
from exporter.remedy.gathering import gather
from exporter.remedy.hand import Call, Hand
from exporter.remedy.records import Missing, Record
from exporter.remedy.waiting import End, State
from exporter.snapshot import Case, Snapshot

P = TypeVar("P", mail.MailPlan, dns_switch.SwitchPlan)

DONE, NOT_DONE, UNKNOWN = 0, 1, 3
CODES = {End.DONE: DONE, End.FAILED: NOT_DONE, End.LAPSED: NOT_DONE, End.LATE: UNKNOWN, End.BLIND: UNKNOWN}
IN_SYNC_WITHIN = timedelta(minutes=10)  # Route 53 says 60 seconds


def plan(settings: Settings, config: str, form: str, wanted: Sequence[str]) -> int:
    """Look at everything, as `check` does, and print what mends it."""
    snapshot, cases, blind = _look(settings, wanted)
    found = [planning.plan(case, snapshot.rules) for case in worst_first(cases, snapshot.taken_at)]
    if form == "json":
        click.echo(json.dumps(text.document(found, config), indent=2))
    else:
        click.echo(text.plans(found, config, snapshot.taken_at), nl=False)
    return UNKNOWN if blind else DONE


def records(settings: Settings, manner: Manner, form: str, wanted: Sequence[str], *, apply: bool) -> int:
    """Print the missing records of some or all certificates; with `apply`, create them in Route 53."""
    quick = {"domains": (), "probe": settings.probe.model_copy(update={"certificate_names": False})}
    _, cases, blind = _look(settings.model_copy(update=quick), wanted)
    with desk_of(settings) as desk:
        missing = desk.run(gather(desk.hands, desk.dns, [case.evidence for case in cases]))
        code = _print(missing, form)
        if apply and missing.records:
            code = max(code, _apply(desk, manner, missing.records))
    return UNKNOWN if blind and code == DONE else code


def _print(missing: Missing, form: str) -> int:
    click.echo(formats.FORMATS[form](missing.records), nl=False)
    for note in missing.notes:
        say(f"by hand: {note}\n")
    for one in missing.unseen:
        say(f"could not be looked up: {one}\n")
    if not missing.records:
        say("No record is missing.\n" if not missing.unseen else "No record is known to be missing.\n")
    return UNKNOWN if missing.unseen else DONE


def _apply(desk: Desk, manner: Manner, missing: Sequence[Record]) -> int:
    """Create records in the zones of the accounts that hold their certificates."""
    accounts: dict[str, list[Record]] = {}
    for one in missing:
        accounts.setdefault(one.arns[0].split(":")[4], []).append(one)
    return max(_apply_in(desk, manner, members) for members in accounts.values())


def _apply_in(desk: Desk, manner: Manner, members: Sequence[Record]) -> int:
    hand = desk.run(desk.hands.of(members[0].arns[0]))
    if isinstance(hand, Unseen):
        return _blind(hand)
    planned = desk.run(route53.prepare(hand.value, members))
    if isinstance(planned, Unseen):
        return _blind(planned)
    say(text.zones(planned.value))
    refused = NOT_DONE if planned.value.refusals else DONE
    calls = planned.value.calls
    if not calls:
        return refused
    if not manner.consents(calls, hand.value):
        return max(refused, manner.declined)
    outcomes = desk.carry_out(hand.value, calls, _write_all(hand.value, calls))
    ids = [route53.change_id(one.value) for one in outcomes if isinstance(one, Seen)]
    if not ids:
        return NOT_DONE
    longest = min(manner.timeout, IN_SYNC_WITHIN)
    state = desk.wait(
        route53.watching(hand.value, ids),
        build.clock() + manner.timeout,
        longest,
        "Route 53 goes on by itself; the same again finds what stands.",
    )
    say(f"{state.says}\n")
    failed = NOT_DONE if len(ids) < len(calls) else DONE
    return max(refused, failed, CODES[state.end or End.LATE])


async def _write_all(hand: Hand, calls: Sequence[Call]) -> list[Sight[dict[str, Any]]]:
    return [await hand.write(call) for call in calls]


def _ready(
    desk: Desk, arn: str, prepare: Callable[[Hand], Coroutine[Any, Any, Sight[P]]]
) -> tuple[Hand, P] | int:
    """Find the way to a certificate and what is to be done; the exit code where it ends there, said why."""
    hand = desk.run(desk.hands.of(arn))
    if isinstance(hand, Unseen):
        return _blind(hand)
    found = desk.run(prepare(hand.value))
    if isinstance(found, Unseen):
        return _blind(found)
    planned = found.value
    if planned.refusal or planned.idle:
        say(f"{arn}: {planned.refusal or planned.idle}\n")
        return NOT_DONE if planned.refusal else DONE
    return hand.value, planned


def resend_mail(settings: Settings, manner: Manner, arn: str, domains: Sequence[str]) -> int:
    """Send the validation mail again, and watch for the approval."""
    with desk_of(settings) as desk:
        ready = _ready(desk, arn, lambda hand: mail.prepare(hand, desk.dns.look, arn, domains))
        if isinstance(ready, int):
            return ready
        hand, planned = ready
        code = _offer(planned, manner)
        if not (manner.dry_run and manner.wait):
            if not planned.calls or not manner.consents(planned.calls, hand):
                return max(code, manner.declined)
            sending = mail.send(hand, planned.calls, asyncio.sleep)
            outcomes = desk.carry_out(hand, planned.calls, sending)
            sent = sum(isinstance(one, Seen) for one in outcomes)
            if not sent:
                return NOT_DONE
            code = max(code, DONE if sent == len(planned.calls) else NOT_DONE)
            click.echo(text.to_click(sent, len(planned.calls), mail.valid_until(build.clock())), nl=False)
        if not manner.wait:
            return code
        state = desk.wait(
            mail.watching(hand, planned),
            mail.valid_until(build.clock()),
            manner.timeout,
            "The same with --dry-run --wait watches on.",
        )
    return max(code, _outcome(state, "the links are no longer valid: send again, or move to DNS validation"))


def _offer(planned: mail.MailPlan, manner: Manner) -> int:
    """Show where the mails go; 1 if some cannot arrive."""
    certificate = planned.view.certificate
    say(f"{certificate.domain}  {certificate.arn}\n{text.letters(planned.letters)}")
    if updated := planned.view.details.renewal_updated_at:
        say(f"ACM last changed this renewal at {text.moment(updated)}; each new mail has a new link.\n")
    if len(planned.sendable) == len(planned.letters):
        return DONE
    says = "Nothing is sent to a domain without MX: give it one, or say"
    say(f"{says}: acm-exporter fix use-dns {certificate.arn}\n")
    return manner.declined


def use_dns(settings: Settings, manner: Manner, arn: str, form: str) -> int:
    """Move a certificate to DNS validation, print its records, and watch until ACM has seen them."""
    with desk_of(settings) as desk:
        ready = _ready(desk, arn, lambda hand: dns_switch.prepare(hand, arn))
        if isinstance(ready, int):
            return ready
        hand, planned = ready
        if planned.call:
            say(f"{planned.view.certificate.domain}  {arn}\n{text.SWITCHING}")
            if not manner.consents([planned.call], hand):
                return manner.declined
            begun = desk.carry_out(hand, [planned.call], dns_switch.begin(hand, planned))
            if isinstance(begun, Unseen):
                return NOT_DONE if hand.deeds[-1].error else _blind(begun)
            planned = begun.value
        else:
            say(f"{arn}: the switch to DNS validation is under way\n")
        asked = desk.run(dns_switch.wanted(hand, arn, asyncio.sleep))
        if isinstance(asked, Unseen):
            return _blind(asked)
        future = dns_switch.after(planned.view.certificate, asked.value)
        code = _print(desk.run(gather(desk.hands, desk.dns, [future])), form)
        lapses = dns_switch.lapses(planned.view, build.clock())
        say(f"ACM looks for the records until {text.moment(lapses)}; then it would stay on e-mail.\n")
        if not manner.wait:
            return code
        look = dns_switch.watching(hand, desk.dns.look, arn, asked.value)
        state = desk.wait(look, lapses, manner.timeout, "The same with --wait goes on.")
    return _outcome(state, "it stays on e-mail validation; say the same again for a new try")


def _look(settings: Settings, wanted: Sequence[str]) -> tuple[Snapshot, list[Case], bool]:
    """Look once as `check` does; True if something asked for is not there or a source failed."""
    snapshot, cases, missing = oneshot.look(settings, wanted, tags=False)
    failed = [one for one in snapshot.sources if one.success is False]
    for one in missing:
        say(f"{one}\n")
    for source in failed:
        say(f"{source.source} {source.account} {source.region}: {source.error}\n")
    return snapshot, cases, bool(missing or failed)


def _outcome(state: State, lapsed: str) -> int:
    """Say how the waiting came out."""
    end = state.end or End.LATE
    rest = {
        End.LAPSED: f"; its time is over: {lapsed}",
        End.LATE: "; not known yet, as --timeout is over: watch on with --wait",
    }
    click.echo(f"{end}: {state.says}{rest.get(end, '')}")
    return CODES[end]


def _blind(unseen: Unseen) -> int:
    say(f"{unseen.detail or unseen.why}\n")
    return UNKNOWN
