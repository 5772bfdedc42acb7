"""The words of `fix`: plans and proposals for people, and the plan as JSON; pure."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from exporter.remedy.hand import Call, Deed
from exporter.remedy.mail import Letter
from exporter.remedy.plan import CasePlan, Step
from exporter.remedy.route53 import ZonePlan

WIDTH = 110
SWITCHING = """\
From e-mail to DNS validation, for good: there is no way back. The ARN and the certificate in use stay as they
are. ACM gives a CNAME for each name, which must stand within 72 hours and for ever; if it does not in time,
the certificate stays on e-mail, and this can be tried again. Inside the renewal window ACM also renews then.
"""


def command(step: Step, arn: str, config: str) -> str:
    """Write the command of a step, ready to paste; "" where there is none."""
    if not step.act.command:
        return ""
    words = ["acm-exporter", "fix", step.act.command, *(["--config.file", config] if config else []), arn]
    return shlex.join(words)


def plans(found: Sequence[CasePlan], config: str, now: datetime) -> str:
    """Write what is to be done for each certificate that has something broken."""
    broken = [one for one in found if one.steps]
    lines = [line for one in broken for line in (*_case(one, config, now), "")]
    fine = len(found) - len(broken)
    return "\n".join([*lines, f"{len(broken)} to mend, {fine} with nothing broken."]) + "\n"


def _case(one: CasePlan, config: str, now: datetime) -> Iterable[str]:
    certificate = one.case.certificate
    end = certificate.not_after
    left = f"{(end - now).days} days left" if end else "never issued"
    yield f"{certificate.domain}  {certificate.arn}  ({one.case.verdict.word}, {left})"
    for number, step in enumerate(one.steps, 1):
        yield from _wrap(f"{number}. {step.code} ({step.scope}): {step.says}", 2, 5)
        if step.after:
            yield f"     done by step {step.after}"
            continue
        if line := command(step, certificate.arn, config):
            yield f"     run: {line}"
            yield from _wrap(f"changes: {step.act.changes}", 5, 14)
        yield from _wrap(f"elsewhere: {_elsewhere(step)}", 5, 16)


def _elsewhere(step: Step) -> str:
    return step.act.elsewhere or step.advice


def document(found: Sequence[CasePlan], config: str) -> list[dict[str, Any]]:
    """Make the plan's JSON: every certificate asked for, with its steps."""
    return [
        {
            "arn": one.case.certificate.arn,
            "account": one.case.certificate.account,
            "region": one.case.certificate.region,
            "domain": one.case.certificate.domain,
            "verdict": one.case.verdict.word.value,
            "steps": [_step(step, one.case.certificate.arn, config) for step in one.steps],
        }
        for one in found
    ]


def _step(step: Step, arn: str, config: str) -> dict[str, Any]:
    return {
        "condition": step.code,
        "scope": step.scope.value,
        "says": step.says,
        "command": command(step, arn, config) or None,
        "changes": step.act.changes,
        "elsewhere": _elsewhere(step),
        "done_by_step": step.after or None,
    }


def letters(found: Sequence[Letter]) -> str:
    """Say of each mail whose it is, where it goes and whether it can arrive."""
    return "".join(
        f"  {one.name}\n    to {', '.join(one.mailboxes)}\n    {one.domain}: {one.exchangers}\n"
        for one in found
    )


def to_click(sent: int, of: int, until: datetime) -> str:
    """Say what a person does now."""
    return (
        f"{sent} of {of} sent. For each name, somebody who reads one of its mailboxes opens the mail of\n"
        f'Amazon Certificates, follows its link and clicks "I Approve": until {moment(until)}.\n'
    )


def calls(planned: Sequence[Call], account: str, region: str) -> str:
    """Say exactly what would be called."""
    lines = [f"In account {account}, region {region}:"]
    for one in planned:
        lines += [f"  {one.action} on {one.resource}", f"    {one.shown}"]
    return "\n".join(lines) + "\n"


def zones(found: ZonePlan) -> str:
    """Say what stands already and what cannot be done in the account's own zones."""
    lines = [f"  {one.name}. {one.type}: stands already" for one in found.done]
    lines += [f"  {one.name}. {one.type}: not here: {says}" for one, says in found.refusals]
    return "".join(f"{line}\n" for line in lines)


def deeds(done: Sequence[Deed], planned: Sequence[Call]) -> str:
    """Say after an interruption what was done and what was not; () planned where nothing was begun."""
    lines = [f"done: {one.call.action} {one.call.shown}" for one in done if not one.error]
    lines += [f"refused: {one.call.action} {one.call.shown}" for one in done if one.error]
    begun = {id(one.call) for one in done}
    lines += [f"not begun: {one.action} {one.shown}" for one in planned if id(one) not in begun]
    return "".join(f"{line}\n" for line in lines) or "nothing was changed\n"


def moment(at: datetime) -> str:
    """Write a time for people."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _wrap(text: str, indent: int, hang: int) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
