"""An ACM (with as much of STS, Organizations and others as it takes) that speaks the wire on loopback.

One server stands for many accounts and regions, as AWS_ENDPOINT_URL sends every call to it: the account
follows from the access key, the region from the credential scope of a signature that is not verified.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape

from aiohttp import web

from exporter.demo.acm_rows import list_row, listed, matches, search_row
from exporter.demo.acm_validation import AwsError, Mail, domain_validations, resend, update_options
from exporter.demo.organization import TARGET, Organization
from exporter.demo.pages import page
from exporter.demo.services import XML, Services, members, operation_at

Json = dict[str, Any]

DEFAULT_ACCOUNT = "111122223333"
ANSWER, GARBAGE, HANG, DROP = "answer", "garbage", "hang", "drop"  # faults that are no error codes

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/[a-z0-9-]+/aws4_request")
_NOT_DESCRIBED = {"InUse", "Exported", "ExportOption", "Tags", "Requested"}
_STS = {"GetCallerIdentity", "AssumeRole"}


@dataclass(slots=True)
class Fault:
    """What to do instead: say an error code of AWS, an ANSWER or GARBAGE, HANG, or DROP the connection.

    "" matches every operation, account and region; `times` counts down, None stands; `later`: no first pages.
    """

    how: str
    operation: str = ""
    account: str = ""
    region: str = ""
    times: int | None = None
    status: int = 400
    message: str = "the stand-in was told to say so"
    answer: Json = field(default_factory=dict)
    later: bool = False


class AcmStandIn:
    """The server; `certificates`, `accounts`, `external_ids` and `faults` may be edited while it runs.

    A certificate is the JSON of DescribeCertificate (times as datetimes or epoch seconds), plus what only
    list rows know (InUse, Exported, ExportOption) and its Tags as a plain dict. ARNs say whose it is. What is
    asked for by a pending switch to DNS validation stands in Requested.
    """

    def __init__(self, certificates: dict[str, Json], accounts: Mapping[str, str] | None = None) -> None:
        self.certificates = certificates
        self.accounts = dict(accounts or {})  # access key -> account
        self.external_ids: dict[str, str] = {}  # role ARN -> the external id its trust policy asks for
        self.trusting: Callable[[str], bool] = lambda _: True  # whether a role may be assumed, by its ARN
        self.organization = Organization()
        self.services = Services()
        self.faults: list[Fault] = []
        self.requests: Counter[tuple[str, str, str]] = Counter()  # (account, region, operation)
        self.rows = 500  # of a page of SearchCertificates, at most
        self.mails: list[Mail] = []
        self.look: Callable[[Json], Awaitable[None]] = _look_at_nothing  # ACM looks at DNS before it answers
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.url = ""
        self._runner: web.AppRunner | None = None

    @classmethod
    async def start(
        cls,
        certificates: dict[str, Json],
        host: str = "127.0.0.1",
        port: int = 0,
        accounts: Mapping[str, str] | None = None,
    ) -> AcmStandIn:
        """Listen; port 0 takes a free one, and `url` tells which."""
        stand_in = cls(certificates, accounts)
        await stand_in.listen(host, port)
        return stand_in

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen, on the event loop that this is called on."""
        app = web.Application()
        app.router.add_post("/", self._handle)
        app.router.add_get("/{path:.+}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = "http://{}:{}".format(*self._runner.addresses[0][:2])

    async def close(self) -> None:
        """Stop listening and let go of whoever hangs."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.text()
        target = request.headers.get("X-Amz-Target", "")
        asked: Json = json.loads(body or "{}") if target else dict(parse_qsl(body))
        service, _, operation = target.partition(".")
        operation = operation or str(asked.get("Action"))
        if request.method == "GET":
            operation, asked = operation_at(request.path)
            asked |= request.query
        scope = _CREDENTIAL.search(request.headers.get("Authorization", ""))
        key, region = (scope["key"], scope["region"]) if scope else ("", "")
        account = self.accounts.get(key, DEFAULT_ACCOUNT)
        self.requests[account, region, operation] += 1
        as_xml = operation in _STS or operation in XML
        try:
            if fault := self._next_fault(operation, account, region, later="NextToken" in asked):
                return await _spoil(fault, request)
            if operation in _STS:
                return _xml(operation, self._sts(operation, asked, account))
            if operation in XML or operation == "GetDomainNames":
                told = self.services.answer(operation, asked, (account, region))
                return _of_a_service(operation, told)
            if service == TARGET:
                return _json(self.organization.answer(operation, asked, account))
            if one := self.certificates.get(str(asked.get("CertificateArn", ""))):
                await self.look(one)
            return _json(self._acm(operation, asked, account, region))
        except AwsError as error:
            return _refusal(error, as_xml=as_xml)

    def _next_fault(self, operation: str, account: str, region: str, *, later: bool) -> Fault | None:
        for fault in self.faults:
            about = (fault.operation or operation, fault.account or account, fault.region or region)
            if fault.times != 0 and about == (operation, account, region) and later >= fault.later:
                fault.times = fault.times and fault.times - 1
                return fault
        return None

    def _sts(self, operation: str, asked: Json, account: str) -> Json:
        if operation == "GetCallerIdentity":
            arn = f"arn:aws:iam::{account}:user/acm-exporter"
            return {"Arn": arn, "UserId": "AIDAEXAMPLE", "Account": account}
        role = asked["RoleArn"]
        if self.external_ids.get(role, "") != asked.get("ExternalId", "") or not self.trusting(role):
            message = f"User is not authorized to perform: sts:AssumeRole on resource: {role}"
            raise AwsError("AccessDenied", message, 403)
        key = f"ASIA{uuid4().hex[:16].upper()}"
        self.accounts[key] = role.split(":")[4]
        until = datetime.now(UTC) + timedelta(seconds=int(asked.get("DurationSeconds", 3600)))
        secret = {"AccessKeyId": key, "SecretAccessKey": uuid4().hex, "SessionToken": uuid4().hex}
        session = {"AssumedRoleId": "AROAEXAMPLE:x", "Arn": f"{role}/{asked['RoleSessionName']}"}
        return {"Credentials": {**secret, "Expiration": until.isoformat()}, "AssumedRoleUser": session}

    def _acm(self, operation: str, asked: Json, account: str, region: str) -> Json:
        mine = [c for arn, c in self.certificates.items() if arn.split(":")[3:5] == [region, account]]
        match operation:
            case "SearchCertificates":
                rows = [search_row(one) for one in mine]
                if statement := asked.get("FilterStatement"):
                    rows = [row for row in rows if matches(statement, row)]
                return page(rows, "Results", asked, min(self.rows, asked.get("MaxResults", 100)), 500)
            case "ListCertificates":
                rows = [list_row(one) for one in mine if listed(one, asked)]
                return page(rows, "CertificateSummaryList", asked, asked.get("MaxItems", 1000), 1000)
            case "DescribeCertificate":
                one = self._find(asked, mine)
                told = {name: value for name, value in one.items() if name not in _NOT_DESCRIBED}
                return {"Certificate": told | {"KeyAlgorithm": one["KeyAlgorithm"].replace("RSA_", "RSA-")}}
            case "ListTagsForCertificate":
                tags: dict[str, str] = self._find(asked, mine).get("Tags", {})
                return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            case "ResendValidationEmail":
                self.mails.append(resend(self._find(asked, mine), asked, self.clock()))
                return {}
            case "UpdateCertificateOptions":
                update_options(self._find(asked, mine), asked, self.clock())
                return {}
            case "ListCertificateDomainValidations":
                rows = domain_validations(self._find(asked, mine))
                return page(rows, "DomainValidationSummaryList", asked, asked.get("MaxItems", 1000), 1000)
            case _:
                raise AwsError("UnknownOperationException", "")

    def _find(self, asked: Json, mine: Iterable[Json]) -> Json:
        arn = asked.get("CertificateArn")
        for one in mine:
            if one["CertificateArn"] == arn:
                return one
        raise AwsError("ResourceNotFoundException", f"Could not find certificate {arn}.")


async def _look_at_nothing(_: Json) -> None:
    """See no DNS: nothing is validated by it."""


def serial_text(serial: int) -> str:
    """Write a serial number as ACM does: lower-case hex octets with colons, leading zeros kept."""
    return serial.to_bytes((serial.bit_length() + 8) // 8, "big").hex(":")


def _json(answer: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    body = json.dumps(answer, default=datetime.timestamp).encode()
    response = _response(body, status, "application/x-amz-json-1.1")
    response.headers.update(headers or {})
    return response


def _xml(operation: str, answer: Json) -> web.Response:
    text = _elements({f"{operation}Response": {f"{operation}Result": answer}})
    return _response(text.encode(), 200, "text/xml")


def _of_a_service(operation: str, answer: Json) -> web.Response:
    """Answer as its own protocol says: a document of its name, the query protocol, or JSON."""
    if operation == "GetDistribution":
        return _response(_elements({"Distribution": answer}).encode(), 200, "text/xml")
    return _xml(operation, members(answer)) if operation in XML else _json(answer)


def _elements(answer: Json) -> str:
    return "".join(
        f"<{name}>{_elements(one) if isinstance(one, dict) else escape(_text(one))}</{name}>"
        for name, value in answer.items()
        for one in (value if isinstance(value, list) else [value])
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refusal(error: AwsError, *, as_xml: bool) -> web.Response:
    if not as_xml:
        told = {"__type": error.code, "message": error.message}  # API Gateway has the code in a header
        return _json(told, error.status, {"x-amzn-ErrorType": error.code})
    told = {"Type": "Sender", "Code": error.code, "Message": error.message}
    return _response(_elements({"ErrorResponse": {"Error": told}}).encode(), error.status, "text/xml")


def _response(body: bytes, status: int, content_type: str) -> web.Response:
    headers = {"Content-Type": content_type, "x-amzn-RequestId": str(uuid4())}
    return web.Response(body=body, status=status, headers=headers)


async def _spoil(fault: Fault, request: web.Request) -> web.Response:
    """Do as the fault says."""
    if fault.how == ANSWER:
        return _json(fault.answer)
    if fault.how == GARBAGE:
        return _response(b"\x00<html>not what you asked for", 200, "application/x-amz-json-1.1")
    if fault.how == HANG:
        await asyncio.Event().wait()
    if fault.how == DROP and request.transport is not None:
        request.transport.abort()
        return web.Response()
    raise AwsError(fault.how, fault.message, fault.status)
