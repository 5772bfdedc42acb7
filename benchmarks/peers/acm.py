"""The demo's ACM in a process of its own, with ACM's real quotas per account and region where asked for.

Standard input takes `stats` and `touch N` (N certificates are renewed), each answered by one line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from exporter.demo.acm import AcmStandIn, Fault

QUOTAS = {"SearchCertificates": 5.0, "ListCertificates": 8.0, "DescribeCertificate": 10.0}  # per second
DAY = 86_400.0


class QuotaAcm(AcmStandIn):
    """Answers ThrottlingException beyond the quotas, as token buckets that hold one second's worth."""

    def __init__(self, certificates: dict[str, Any], accounts: dict[str, str] | None = None) -> None:
        super().__init__(certificates, accounts)
        self.quotas: dict[str, float] = {}
        self.throttled: Counter[str] = Counter()
        self._buckets: dict[tuple[str, str, str], tuple[float, float]] = {}  # tokens, as of when

    def _next_fault(self, operation: str, account: str, region: str, *, later: bool) -> Fault | None:
        rate = self.quotas.get(operation)
        if rate is None:
            return super()._next_fault(operation, account, region, later=later)
        key, now = (operation, account, region), time.monotonic()
        tokens, then = self._buckets.get(key, (rate, now))
        tokens = min(rate, tokens + (now - then) * rate)
        self._buckets[key] = (tokens - 1 if tokens >= 1 else tokens, now)
        if tokens >= 1:
            return None
        self.throttled[operation] += 1
        return Fault("ThrottlingException", message="Rate exceeded")

    def _acm(self, operation: str, asked: dict[str, Any], account: str, region: str) -> dict[str, Any]:
        """Find one certificate of ten thousand without looking through them all."""
        one = self.certificates.get(asked.get("CertificateArn", ""))
        if one is None:
            return super()._acm(operation, asked, account, region)
        return AcmStandIn({one["CertificateArn"]: one})._acm(operation, asked, account, region)


async def main(told: dict[str, Any], quotas: bool) -> None:
    """Serve until standard input ends."""
    server = await QuotaAcm.start(told["certificates"], accounts=told["accounts"])
    assert isinstance(server, QuotaAcm)
    server.quotas = QUOTAS if quotas else {}
    print(server.url, flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        match line.split():
            case ["touch", count]:
                _touch(server.certificates, int(count))
                print("touched", flush=True)
            case _:
                print(json.dumps(_stats(server)), flush=True)


def _touch(certificates: dict[str, Any], count: int) -> None:
    for one in list(certificates.values())[:count]:
        one["NotAfter"] += DAY


def _stats(server: QuotaAcm) -> dict[str, dict[str, int]]:
    """Count by account and operation."""
    calls: dict[str, Counter[str]] = {}
    for (account, _, operation), number in server.requests.items():
        calls.setdefault(account, Counter())[operation] += number
    return {"throttled": dict(server.throttled), **{account: dict(of) for account, of in calls.items()}}


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text()), "--quotas" in sys.argv))
