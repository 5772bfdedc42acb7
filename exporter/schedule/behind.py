"""What stands behind the certificates of one account and region, as the services of those resources tell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from exporter.facts import Certificate, Description, Seen, Sight, Unseen, Why
from exporter.judge.resources import described_as, parse
from exporter.schedule.plan import InventoryEye
from exporter.schedule.surviving import HOPELESS, survived
from exporter.snapshot import Source
from exporter.snapshot.past import Stock, Told

log = structlog.get_logger("acm_exporter.schedule")

AGAIN = timedelta(hours=1)  # what a resource is called changes hardly ever
API_GATEWAY = "apigateway"


class Behind:
    """Asks only the services that were named, of resources of the own account, and each seldom."""

    def __init__(
        self,
        eye: InventoryEye,
        clock: Callable[[], datetime],
        services: Collection[str] = (),
        before: Stock | None = None,
    ) -> None:
        """Take which services may be asked, by their names in ARNs, and what was known before."""
        self.services = services
        told = before.resources if before else {}
        self.told = {arn: one for arn, one in told.items() if parse(arn).service in services}
        self.source = (before and before.behind) or Source("resources", eye.account, eye.region)
        self.listed_at = before.listed_at if before else None  # API Gateway's domain names …
        self._unlisted: Unseen | None = None  # … and why that failed
        self._eye = eye
        self._clock = clock
        self._strangers: frozenset[str] = frozenset()  # the resources of other accounts at that time
        self._by_certificate: dict[str, list[str]] = {}
        self._news: dict[str, None] = {}
        self._index()

    def news(self) -> tuple[str, ...]:
        """List the certificates of which something else is told since the last call."""
        news, self._news = tuple(self._news), {}
        return news

    def of(self, certificate: Certificate) -> Mapping[str, Sight[Description]]:
        """Tell what is known behind a certificate, by ARN."""
        arns = (*_users(certificate), *self._by_certificate.get(certificate.arn, ()))
        return {arn: self.told[arn].sight for arn in arns if arn in self.told}

    async def look(self, certificates: Iterable[Certificate]) -> None:
        """Ask for what is new, and anew for what was told long ago; what failed for a moment, every time."""
        if not (self.services and self._eye.account):  # whose resources are ours is not known yet
            return
        wanted: dict[str, list[str]] = {}
        strangers = set()
        for one in certificates:
            for arn in _users(one):
                if self._is_ours(arn):
                    wanted.setdefault(arn, []).append(one.arn)
                elif parse(arn).account not in ("", self._eye.account):
                    strangers.add(arn)
        self._forget(wanted)
        began = asyncio.get_running_loop().time()
        described = await self._describe(wanted)
        if await self._list(frozenset(strangers)) or described:
            self._sum_up(asyncio.get_running_loop().time() - began)

    def _is_ours(self, arn: str) -> bool:
        one = parse(arn)
        here = one.account == self._eye.account and one.region in ("", self._eye.region)
        return here and one.service in self.services and one.service != API_GATEWAY

    def _forget(self, wanted: Collection[str]) -> None:
        """Forget what nothing uses any more."""
        self.told = {arn: one for arn, one in self.told.items() if arn in wanted or _is_domain(arn)}

    async def _describe(self, wanted: Mapping[str, list[str]]) -> bool:
        """Describe what is due; a service that refuses us is not asked for the rest of its resources."""
        due = [arn for arn in wanted if self._is_due(self.told.get(arn))]
        hopeless: dict[str, Unseen] = {}
        for arn in due:
            service = parse(arn).service
            sight = hopeless.get(service) or await survived(self._eye.resource(arn))
            before = self.told.get(arn)
            self.told[arn] = _told(before, sight, self._clock())
            if before is None or before.sight != self.told[arn].sight:
                self._news |= dict.fromkeys(wanted[arn])
            if isinstance(sight, Unseen) and sight.why in HOPELESS:
                hopeless[service] = sight
        return bool(due)

    async def _list(self, strangers: frozenset[str]) -> bool:
        """List API Gateway's domain names, of which any may have a certificate of any region."""
        same = strangers == self._strangers
        if API_GATEWAY not in self.services or (same and not self._is_due_at(self.listed_at, self._unlisted)):
            return False
        self._strangers = strangers
        sight = await survived(self._eye.api_domains())
        now = self.listed_at = self._clock()
        self._unlisted = None
        match sight:
            case Seen(value=domains):
                before = {arn: one.sight for arn, one in self.told.items() if _is_domain(arn)}
                after: dict[str, Sight[Description]] = {arn: Seen(one) for arn, one in domains.items()}
                self.told = {arn: one for arn, one in self.told.items() if not _is_domain(arn)}
                self.told |= {arn: Told(one, now) for arn, one in after.items()}
                if before != after:
                    self._news |= dict.fromkeys(self._by_certificate)
                    self._index()
                    self._news |= dict.fromkeys(self._by_certificate)
            case Unseen():
                self._unlisted = sight
        return True

    def _index(self) -> None:
        self._by_certificate = {}
        for arn, told in self.told.items():
            if _is_domain(arn) and isinstance(told.sight, Seen):
                for certificate in {name for one in told.sight.value.listeners for name in one.certificates}:
                    self._by_certificate.setdefault(certificate, []).append(arn)

    def _is_due(self, told: Told | None) -> bool:
        return told is None or self._is_due_at(told.at, told.failure)

    def _is_due_at(self, at: datetime | None, failure: Unseen | None) -> bool:
        lasting = failure is None or failure.why in {*HOPELESS, Why.NOT_FOUND}
        return at is None or not lasting or abs(self._clock() - at) >= AGAIN  # a clock may be set back

    def _sum_up(self, duration: float) -> None:
        """Say how it fared, in the log once for each trouble."""
        before = self.source
        failures = (self._unlisted, *(one.failure for one in self.told.values()))
        wrong = next((one for one in failures if one and one.why is not Why.NOT_FOUND), None)
        self.source = replace(
            before,
            account=self._eye.account or before.account,
            region=self._eye.region,
            success=wrong is None,
            duration=duration,
            last_success=before.last_success if wrong else self._clock(),
            error=f"{wrong.why}: {wrong.detail}" if wrong else "",
        )
        if self.source.error and self.source.error != before.error:
            place = {"account": self.source.account, "region": self.source.region}
            log.warning("AWS resources cannot be described", **place, error=self.source.error)


def _users(certificate: Certificate) -> dict[str, None]:
    """List by which ARNs the services describe what ACM names."""
    details = certificate.details
    named = details.value.in_use_by if isinstance(details, Seen) else ()
    return dict.fromkeys(map(described_as, named))


def _is_domain(arn: str) -> bool:
    return parse(arn).service == API_GATEWAY


def _told(before: Told | None, sight: Sight[Description], now: datetime) -> Told:
    """Keep what was told before through a failure."""
    if isinstance(sight, Seen):
        return Told(sight, now)
    if before is None or isinstance(before.sight, Unseen) or sight.why is Why.NOT_FOUND:
        return Told(sight, now, sight)
    return Told(before.sight, now, sight)
