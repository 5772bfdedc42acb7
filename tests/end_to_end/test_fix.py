"""`fix` as people type it, against the world of the demo: what is asked, written, awaited and said."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from exporter.demo.acm import Fault
from exporter.demo.scenes import SCENES
from exporter.demo.world import World, world

SOON = 60.0  # seconds that anything may take on a busy machine
ARNS = {scene.key: scene.arn for scene in SCENES}


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def log(self) -> list[str]:
        """What was logged, in short: the event, the action and the outcome."""
        lines = re.findall(r'event=("[^"]+"|\w+) action=(\S+)(?:.* outcome=(\w+))?', self.err)
        return [" ".join(filter(None, line)).replace('"', "") for line in lines]


@pytest_asyncio.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """Run the world."""
    async with world(tmp_path, datetime.now(UTC)) as running:
        yield running


async def start(
    here: World, command: str, *arguments: str, stdin: int = asyncio.subprocess.DEVNULL
) -> asyncio.subprocess.Process:
    """Start a command of `fix` in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", "fix", command, "--config.file", str(here.config_file)),
        *arguments,
        env={**kept, **here.environment},
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(process: asyncio.subprocess.Process, before: str = "") -> Ended:
    """Wait for the end."""
    async with asyncio.timeout(SOON):
        out, err = await process.communicate()
    return Ended(process.returncode or 0, out.decode(), before + err.decode())


async def fix(here: World, command: str, *arguments: str) -> Ended:
    """Run a command of `fix`; nobody can be asked."""
    return await ended(await start(here, command, *arguments))


async def heard(process: asyncio.subprocess.Process, word: str) -> str:
    """Read what it says to people until a word comes."""
    assert process.stderr is not None
    said = ""
    async with asyncio.timeout(SOON):
        while word not in said:
            said += (await process.stderr.read(4096)).decode()
    return said


def writes(here: World) -> dict[str, int]:
    """Count the calls that change something."""
    changing = ("ResendValidationEmail", "UpdateCertificateOptions")
    return {operation: n for (_, _, operation), n in here.acm.requests.items() if operation in changing}


async def get(url: str, body: str | None = None) -> str:
    """Get a page, or post a text."""
    async with (
        aiohttp.ClientSession() as http,
        http.request("GET" if body is None else "POST", url, data=body) as got,
    ):
        return await got.text()


async def test_mail_from_plan_to_renewal(here: World) -> None:
    """The plan's own command sends the mail; the link in it is followed; the new issue is what it ends with."""
    planned = json.loads((await fix(here, "plan", "--format", "json", "approve.example.com")).out)
    (command,) = {step["command"] for step in planned[0]["steps"]}
    assert command.split()[2:] == [
        *("resend-mail", "--config.file", str(here.config_file), ARNS["mail-not-approved"]),
    ]
    process = await start(here, "resend-mail", "--yes", "--wait", ARNS["mail-not-approved"])
    said = await heard(process, "0 of 1 approved, waiting for approve.example.com")
    (link,) = re.findall(r"http\S+", await get(f"{here.people.url}/mails"))
    await get(link)
    end = await ended(process, said)
    assert (end.code, end.out.splitlines()[-1].partition(" until ")[0]) == (
        0,
        "done: approved, and issued anew",
    )
    assert end.log == ["writing acm:ResendValidationEmail", "written acm:ResendValidationEmail ok"]
    again = await fix(here, "resend-mail", "--yes", ARNS["mail-not-approved"])
    assert (again.code, writes(here)) == (0, {"ResendValidationEmail": 1})


async def test_to_dns_from_call_to_switch(here: World) -> None:
    """The records are printed, put into the zone as lines, and ACM is watched until it has seen them."""
    arn = ARNS["mail-no-mx"]
    first = await fix(here, "use-dns", "--yes", "--format", "bind", arn)
    assert re.fullmatch(
        r"_\w+\.nomail\.example\.com\. 300 IN CNAME _\S+\.acm-validations\.aws\.\n", first.out
    )
    assert (first.code, first.log[-1]) == (0, "written acm:UpdateCertificateOptions ok")
    assert (await fix(here, "records", "--format", "bind", arn)).out == first.out

    process = await start(here, "use-dns", "--wait", arn)
    said = await heard(process, "0 of 1 records stand in DNS")
    await get(f"{here.people.url}/dns", first.out)
    end = await ended(process, said)
    assert end.out.splitlines()[-1].startswith("done: validated by DNS from now on; the same ARN")
    assert (end.code, end.log, writes(here)) == (0, [], {"UpdateCertificateOptions": 1})


CONSENT = [("resend-mail", "mail-not-approved"), ("use-dns", "email-sunset")]


@pytest.mark.parametrize(("command", "key"), CONSENT)
async def test_nothing_without_consent(here: World, command: str, key: str) -> None:
    """A dry run shows the call, a script without --yes is refused, and neither writes."""
    dry = await fix(here, command, "--dry-run", ARNS[key])
    assert (dry.code, dry.err.endswith("Dry run: nothing is called.\n")) == (0, True)
    assert (
        f"In account 111122223333, region us-east-1:\n  acm:{_operation(command)} on {ARNS[key]}\n" in dry.err
    )
    refused = await fix(here, command, ARNS[key])
    says = "Not done: nobody can be asked, as standard input is no terminal (see --yes)\n"
    assert (refused.code, refused.err.endswith(says)) == (1, True)
    assert writes(here) == {}


def _operation(command: str) -> str:
    return {"resend-mail": "ResendValidationEmail", "use-dns": "UpdateCertificateOptions"}[command]


@pytest.mark.parametrize(
    ("answer", "code", "times"), [(b"n\n", 1, {}), (b"y\n", 0, {"ResendValidationEmail": 1})]
)
async def test_a_terminal_is_asked(here: World, answer: bytes, code: int, times: dict[str, int]) -> None:
    """A no changes nothing."""
    ours, theirs = pty.openpty()
    process = await start(here, "resend-mail", ARNS["mail-not-approved"], stdin=theirs)
    said = await heard(process, "Do it? [y/N]")
    os.write(ours, answer)
    end = await ended(process, said)
    os.close(ours)
    os.close(theirs)
    assert (end.code, writes(here)) == (code, times)


async def test_ctrl_c_while_asking(here: World) -> None:
    """Nothing has been done, and the exit code says that it was interrupted."""
    ours, theirs = pty.openpty()
    process = await start(here, "resend-mail", ARNS["mail-not-approved"], stdin=theirs)
    await heard(process, "Do it? [y/N]")
    ending = asyncio.create_task(ended(process))
    while (
        not ending.done()
    ):  # a signal just before it reads is heard after the next key, so people press again
        process.send_signal(signal.SIGINT)
        await asyncio.wait({ending}, timeout=1)
    end = ending.result()
    os.close(ours)
    os.close(theirs)
    assert (end.code, writes(here)) == (130, {})


async def test_ctrl_c_while_waiting(here: World) -> None:
    """It says what was done; the same again with --dry-run --wait goes on watching."""
    process = await start(here, "resend-mail", "--yes", "--wait", ARNS["mail-not-approved"])
    await heard(process, "0 of 1 approved")
    process.send_signal(signal.SIGINT)
    end = await ended(process)
    says = "Interrupted while watching. The same with --dry-run --wait watches on."
    assert (end.code, end.err.splitlines()[0]) == (130, says)

    process = await start(
        here, "resend-mail", "--dry-run", "--wait", "--timeout", "1s", ARNS["mail-not-approved"]
    )
    end = await ended(process)
    says = "late: 0 of 1 approved, waiting for approve.example.com; not known yet, as --timeout is over: watch on with --wait\n"
    assert (end.code, end.out, writes(here)) == (3, says, {"ResendValidationEmail": 1})


async def test_a_denied_write_names_action_and_resource(here: World) -> None:
    """A role that may only read is told what it lacks."""
    here.acm.faults = [Fault("AccessDeniedException", operation="UpdateCertificateOptions")]
    end = await fix(here, "use-dns", "--yes", ARNS["email-sunset"])
    assert end.code == 1
    assert f"allow acm:UpdateCertificateOptions to these credentials on {ARNS['email-sunset']}" in end.err
    assert end.log == [
        "writing acm:UpdateCertificateOptions",
        "not written acm:UpdateCertificateOptions AccessDeniedException",
    ]


async def test_what_cannot_be_done(here: World) -> None:
    """A certificate that is validated by DNS gets no mail, and one of a foreign account is nobody's."""
    other = ARNS["healthy"].replace("111122223333", "999900001111")
    asked: Sequence[tuple[str, str]] = [
        ("resend-mail", ARNS["healthy"]),
        ("use-dns", ARNS["healthy"]),
        ("use-dns", other),
    ]
    found = [await fix(here, command, "--yes", arn) for command, arn in asked]
    assert [(end.code, end.err.partition(": ")[2]) for end in found[:2]] == [
        (1, "it is validated by DNS, so there is no mail (expected EMAIL)\n"),
        (0, "it is validated by DNS already\n"),
    ]
    assert (found[2].code, "none of the configured accounts is 999900001111" in found[2].err) == (3, True)


async def test_records_of_everything(here: World) -> None:
    """What is missing anywhere, each once; what a record cannot mend or nobody could see is said beside it."""
    end = await fix(here, "records", "--format", "bind")
    lines = [
        line.split()[0].partition(".")[2] or line for line in end.out.splitlines() if not line.startswith(";")
    ]
    assert sorted(lines) == [
        "doubled.example.com.",
        "elsewhere.example.com.",
        "example.com.",
        "new.example.com.",
    ]
    notes = [line.partition(": ")[0] for line in end.err.splitlines()]
    assert (end.code, notes) == (3, ["by hand", "could not be looked up"])


@pytest.mark.parametrize(
    "arguments", [("use-dns", "www.example.com"), ("use-dns",), ("records", "--format", "xml")]
)
async def test_bad_usage(here: World, arguments: tuple[str, ...]) -> None:
    """What is typed wrongly is 2, and nothing is called."""
    assert ((await fix(here, *arguments)).code, here.acm.requests) == (2, {})
