"""The ACM eye: the certificates of one account and region, at a pace that leaves AWS's quota to others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import structlog

from exporter.facts import Certificate, Description, Seen, Sight, Unseen, Why
from exporter.observe.acm_parse import Reading, from_describe, from_list, from_search
from exporter.observe.aws import Access, Clients
from exporter.observe.aws_errors import Refused
from exporter.observe.pace import Pace
from exporter.observe.resources import api_domains, describe
from exporter.observe.sight import Blind, sight

log = structlog.get_logger("acm_exporter.observe")

STATUSES = (
    *("PENDING_VALIDATION", "ISSUED", "INACTIVE", "EXPIRED"),
    *("VALIDATION_TIMED_OUT", "REVOKED", "FAILED"),
)
KEY_TYPES = (
    *("RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096"),
    *("EC_prime256v1", "EC_secp384r1", "EC_secp521r1"),
)
ORIGINS = ("AWS_MANAGED", "ACME", "CUSTOMER_PROVIDED")

SWEEP_DEADLINE = 300.0  # seconds
CALL_DEADLINE = 60.0
CALLS_DEADLINE = 300.0  # of several calls, each with its turn
FALLBACK_SECONDS = 3600.0  # how long ListCertificates serves before SearchCertificates is tried again


@dataclass(frozen=True, slots=True)
class Listing:
    """An operation that tells the inventory page by page."""

    operation: str
    parameters: Mapping[str, Any]
    rows: str  # the member of an answer that holds them
    read: Callable[[Mapping[str, Any]], Reading]


def _everything() -> dict[str, Any]:
    """Build a filter that any certificate passes and that names what ListCertificates hides by default.

    AWS does not say whether SearchCertificates hides it as well. At most 15 statements may stand in an Or.
    """
    acm = [{"Status": status} for status in STATUSES] + [{"CertificateKeyPairOrigin": "ACME"}]
    x509 = [{"KeyAlgorithm": one} for one in KEY_TYPES if one not in ("RSA_1024", "RSA_2048")]
    leaves = [{"AcmCertificateMetadataFilter": one} for one in acm]
    leaves += [{"X509AttributeFilter": one} for one in x509]
    return {"Or": [{"Filter": leaf} for leaf in leaves]}


SEARCH = Listing(
    "SearchCertificates", {"MaxResults": 500, "FilterStatement": _everything()}, "Results", from_search
)
LIST = Listing(
    "ListCertificates",
    {
        "MaxItems": 1000,
        "Includes": {"keyTypes": list(KEY_TYPES)},
        "CertificateKeyPairOrigins": list(ORIGINS),
    },
    "CertificateSummaryList",
    from_list,
)


class AcmEye:
    """Looks at one account in one region.

    Region "" asks for the ambient one. `region` and `account`, the account's id, are "" until they are known.
    """

    def __init__(
        self,
        clients: Clients,
        access: Access,
        region: str,
        executor: ThreadPoolExecutor,
        requests_per_second: float,
    ) -> None:
        """Prepare without touching the network."""
        self.region = region or clients.region(access)
        self.account = access.role_arn.split(":")[4] if access.role_arn else ""
        self._clients = clients
        self._access = access
        self._executor = executor
        self._pace = Pace(1 / requests_per_second)
        self._line = asyncio.Lock()
        self._list_until = 0.0  # loop time

    @property
    def requests(self) -> Mapping[tuple[str, str], int]:
        """The HTTP attempts so far by (operation, code), retries included."""
        return self._clients.requests(self._access, self.region)

    async def sweep(self) -> Sight[tuple[Certificate, ...]]:
        """See all certificates, or none at all: half an inventory would look like deletions."""
        seen = await sight(self._inventory, SWEEP_DEADLINE, late=Why.AWS_UNREACHABLE)
        if not self.account:
            self.account = await self._find_account(seen)
        return seen

    async def describe(self, arn: str) -> Sight[Certificate]:
        """See one certificate with its details."""

        async def look() -> Certificate:
            answer = await self._ask("DescribeCertificate", CertificateArn=arn)
            return _read(from_describe, answer.get("Certificate"))

        await self._turn()
        return await sight(look, CALL_DEADLINE, late=Why.AWS_UNREACHABLE)

    async def tags(self, arn: str) -> Sight[Mapping[str, str]]:
        """See the tags of one certificate."""

        async def look() -> Mapping[str, str]:
            answer = await self._ask("ListTagsForCertificate", CertificateArn=arn)
            try:
                return {one["Key"]: one.get("Value", "") for one in answer["Tags"]}
            except (LookupError, TypeError, AttributeError):
                raise _malformed("Tags are missing or not of their shape") from None

        await self._turn()
        return await sight(look, CALL_DEADLINE, late=Why.AWS_UNREACHABLE)

    async def resource(self, arn: str) -> Sight[Description]:
        """See what a service tells of one of its resources, by an ARN that it can be asked for."""
        return await sight(lambda: describe(arn, self._ask_in_turn), CALLS_DEADLINE, Why.AWS_UNREACHABLE)

    async def api_domains(self) -> Sight[Mapping[str, Description]]:
        """See the domain names of API Gateway by ARN, which ACM does not name."""
        return await sight(
            lambda: api_domains(self._ask_in_turn, self.region), CALLS_DEADLINE, Why.AWS_UNREACHABLE
        )

    async def _inventory(self) -> tuple[Certificate, ...]:
        now = asyncio.get_running_loop().time()
        if now < self._list_until:
            return await self._all(LIST)
        try:
            return await self._all(SEARCH)
        except Refused as refused:
            if not _list_may_do(refused):
                raise
            certificates = await self._all(LIST)
            log.warning(
                "SearchCertificates is refused, so ListCertificates serves for an hour",
                account=self.account,
                region=self.region,
                detail=refused.detail,
            )
            self._list_until = now + FALLBACK_SECONDS
            return certificates

    async def _all(self, listing: Listing) -> tuple[Certificate, ...]:
        found: dict[str, Certificate] = {}  # by ARN: pages may overlap while certificates come and go
        followed: set[str] = set()
        more: dict[str, str] = {}
        while True:
            await self._pace.slot()
            page = await self._ask(listing.operation, **listing.parameters, **more)
            rows, token = page.get(listing.rows), page.get("NextToken")
            if not isinstance(rows, list):
                raise _malformed(f"a page without {listing.rows}")
            for row in rows:
                certificate = _read(listing.read, row)
                found[certificate.arn] = certificate
            if token is None:
                return tuple(found.values())
            if not isinstance(token, str) or token in followed:
                raise _malformed("a NextToken that leads nowhere new")
            followed.add(token)
            more = {"NextToken": token}

    async def _find_account(self, seen: Sight[tuple[Certificate, ...]]) -> str:
        match seen:
            case Seen(value=(first, *_)):
                return first.account
            case Unseen(why=Why.NO_CREDENTIALS | Why.EXPIRED_TOKEN | Why.AWS_UNREACHABLE):
                return ""  # STS would fare no better
            case _:
                pass
        answer = await sight(lambda: self._ask("GetCallerIdentity"), CALL_DEADLINE)
        return str(answer.value.get("Account", "")) if isinstance(answer, Seen) else ""

    async def _turn(self) -> None:
        """Wait for a slot in line, so that a sweep never stands behind thousands of descriptions."""
        async with self._line:
            await self._pace.slot()

    async def _ask_in_turn(self, operation: str, **parameters: Any) -> dict[str, Any]:
        await self._turn()
        return await self._ask(operation, **parameters)

    async def _ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call AWS in a thread; one that is abandoned ends with botocore's own timeouts."""

        def call() -> dict[str, Any]:
            self.region = self.region or self._clients.region(self._access)  # perhaps configured since
            return self._clients.call(self._access, self.region, operation, **parameters)

        return await asyncio.get_running_loop().run_in_executor(self._executor, call)


def _read(read: Callable[[Mapping[str, Any]], Reading], answered: Any) -> Certificate:
    if not isinstance(answered, dict):
        raise _malformed("a certificate is missing")
    try:
        certificate, oddities = read(answered)
    except ValueError as error:
        raise _malformed(str(error)) from error
    if oddities:
        log.warning("a certificate is partly unreadable", arn=certificate.arn, members=oddities)
    return certificate


def _malformed(what: str) -> Blind:
    return Blind(Why.MALFORMED, f"{what}; something between here and AWS may have answered in its place")


def _list_may_do(refused: Refused) -> bool:
    """Whether ListCertificates may succeed where SearchCertificates did not: denied, unknown or broken.

    How an endpoint refuses an operation that it does not know is not documented; so only what would refuse
    ListCertificates as well is left out.
    """
    return refused.why not in (Why.THROTTLED, Why.NO_CREDENTIALS, Why.EXPIRED_TOKEN)
