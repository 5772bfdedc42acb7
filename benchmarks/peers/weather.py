"""A small world that does not stay as it is: `python -m benchmarks.peers.weather FOLDER NAMES PER_SECOND`.

It says where everything is in one line of JSON. Then certificates are renewed, requested and deleted, and
ACM, DNS and endpoints fail and recover, by chance but the same in each run, until the line `calm` ends all
faults and puts everything back; it answers with the number of acts.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from exporter.demo import acm, tls
from exporter.demo.acm import AcmStandIn
from exporter.demo.dns import DnsServer
from exporter.demo.pki import Issued
from exporter.demo.stage import Records, Scene, describe, records
from exporter.demo.tls import Endpoints, Serve
from exporter.demo.world import Authorities

MOST_FAULTS = 3  # of ACM at once
AWS_FAULTS = (
    *("ThrottlingException", "AccessDeniedException", "InternalFailure", "ExpiredTokenException"),
    *(acm.GARBAGE, acm.DROP, acm.HANG),
)
DNS_FAULTS = ("silent", "servfail", "refused", "truncate", "garbage", "cut", "stranger")
OPERATIONS = ("", "SearchCertificates", "DescribeCertificate", "ListTagsForCertificate")


class Weather:
    """What stands there, and the chance that changes it."""

    def __init__(self, count: int) -> None:
        self.scenes = [Scene(f"w{n}", "One of many", f"w{n:04}.soak.example") for n in range(count)]
        self.acts = 0
        self._now = datetime.now(UTC)
        self._authorities = Authorities(self._now)
        self._issued = {one.key: self._authorities.issue(one) for one in self.scenes}
        self._addresses = {one.key: f"127.9.{n // 250}.{n % 250 + 1}" for n, one in enumerate(self.scenes)}
        self._zone: Records = {}
        self._certificates = {one.arn: self._described(one) for one in self.scenes}
        self._chance = random.Random(1)
        for one in self.scenes:
            self._mend_dns(one)

    async def start(self, folder: Path) -> dict[str, object]:
        """Listen; gives where everything is."""
        (folder / "soak-roots.pem").write_bytes(self._authorities.roots_pem)
        self._acm = await AcmStandIn.start(self._certificates)
        self._dns = await DnsServer.start(self._zone)
        served = {self._addresses[one.key]: Serve(self._issued[one.key]) for one in self.scenes}
        self._endpoints = await Endpoints.start(folder, served)
        return {
            "acm": self._acm.url,
            "nameserver": self._dns.address,
            "port": self._endpoints.port,
            "names": [one.domain for one in self.scenes],
        }

    async def act(self) -> None:
        """Let something happen to one certificate."""
        one = self._chance.choice(self.scenes)
        self.acts += 1
        match self._chance.randrange(8):
            case 0 | 1:
                await self._renew(one)
            case 2:
                self._certificates.pop(one.arn, None)
            case 3:
                self._certificates[one.arn] = self._described(one)
            case 4:
                how = self._chance.choice(AWS_FAULTS)
                self._acm.faults.append(acm.Fault(how, self._chance.choice(OPERATIONS)))
                del self._acm.faults[:-MOST_FAULTS]
            case 5:
                self._acm.faults.clear()
            case 6:
                await self._endpoints.set(self._addresses[one.key], self._chance.choice(list(tls.Fault)))
                self._zone[one.domain] = {**self._zone[one.domain], "FAIL": self._chance.choice(DNS_FAULTS)}
            case _:
                await self._mend(one)

    async def calm(self) -> None:
        """End all faults, and put everything back."""
        self._acm.faults.clear()
        for one in self.scenes:
            self._certificates[one.arn] = self._described(one)
            await self._mend(one)

    async def _renew(self, one: Scene) -> None:
        self._issued[one.key] = self._authorities.issue(replace(one, age=0), f"issue {self.acts}")
        if one.arn in self._certificates:
            self._certificates[one.arn] = self._described(one)
        await self._mend(one)

    async def _mend(self, one: Scene) -> None:
        self._mend_dns(one)
        await self._endpoints.set(self._addresses[one.key], Serve(self._issued[one.key]))

    def _mend_dns(self, one: Scene) -> None:
        self._zone.pop(one.domain, None)
        self._zone.update(records(one, [self._addresses[one.key]]))

    def _described(self, one: Scene) -> acm.Json:
        issued: Issued = self._issued[one.key]
        return describe(one, issued, self._now, "")


async def main(folder: Path, count: int, rate: float, say: Callable[[str], object]) -> None:
    """Run until standard input ends."""
    loop = asyncio.get_running_loop()
    weather = Weather(count)
    say(json.dumps(await weather.start(folder)))

    async def go_on() -> None:
        while True:
            await weather.act()
            await asyncio.sleep(1 / rate)

    churn = asyncio.create_task(go_on())
    while await loop.run_in_executor(None, sys.stdin.readline):
        churn.cancel()
        with suppress(asyncio.CancelledError):
            await churn
        await weather.calm()
        say(str(weather.acts))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), _say))
