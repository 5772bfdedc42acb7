"""An ACM (with as much of STS as it takes) that speaks the wire protocol on loopback.

One server stands for many accounts and regions, as AWS_ENDPOINT_URL sends every call to it: the account
follows from the access key, the region from the credential scope of a signature that is not verified.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape

from aiohttp import web

Json = dict[str, Any]

DEFAULT_ACCOUNT = "111122223333"
ANSWER, GARBAGE, HANG, DROP = "answer", "garbage", "hang", "drop"  # faults that are no error codes

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?:acm|sts)/aws4_request")
_ONLY_IN_ROWS = {"InUse", "Exported", "ExportOption", "Tags"}
_STS = {"GetCallerIdentity", "AssumeRole"}
_METADATA = (
    *("Status", "Type", "CreatedAt", "IssuedAt", "ImportedAt", "RevokedAt"),
    *("RenewalEligibility", "ManagedBy", "CertificateKeyPairOrigin"),
)


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


class _AwsError(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


class AcmStandIn:
    """The server; `certificates`, `accounts`, `external_ids` and `faults` may be edited while it runs.

    A certificate is the JSON of DescribeCertificate (times as datetimes or epoch seconds), plus what only
    list rows know (InUse, Exported, ExportOption) and its Tags as a plain dict. ARNs say whose it is.
    """

    def __init__(self, certificates: dict[str, Json], accounts: Mapping[str, str] | None = None) -> None:
        self.certificates = certificates
        self.accounts = dict(accounts or {})  # access key -> account
        self.external_ids: dict[str, str] = {}  # role ARN -> the external id its trust policy asks for
        self.faults: list[Fault] = []
        self.requests: Counter[tuple[str, str, str]] = Counter()  # (account, region, operation)
        self.rows = 500  # of a page of SearchCertificates, at most
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
        app = web.Application()
        app.router.add_post("/", stand_in._handle)
        stand_in._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await stand_in._runner.setup()
        await web.TCPSite(stand_in._runner, host, port).start()
        stand_in.url = "http://{}:{}".format(*stand_in._runner.addresses[0][:2])
        return stand_in

    async def close(self) -> None:
        """Stop listening and let go of whoever hangs."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.text()
        target = request.headers.get("X-Amz-Target", "")
        asked: Json = json.loads(body or "{}") if target else dict(parse_qsl(body))
        operation = target.partition(".")[2] or str(asked.get("Action"))
        scope = _CREDENTIAL.search(request.headers.get("Authorization", ""))
        key, region = (scope["key"], scope["region"]) if scope else ("", "")
        account = self.accounts.get(key, DEFAULT_ACCOUNT)
        self.requests[account, region, operation] += 1
        try:
            if fault := self._next_fault(operation, account, region, later="NextToken" in asked):
                return await _spoil(fault, request)
            if operation in _STS:
                return _xml(operation, self._sts(operation, asked, account))
            return _json(self._acm(operation, asked, account, region))
        except _AwsError as error:
            return _refusal(error, as_xml=operation in _STS)

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
        if self.external_ids.get(role, "") != asked.get("ExternalId", ""):
            message = f"User is not authorized to perform: sts:AssumeRole on resource: {role}"
            raise _AwsError("AccessDenied", message, 403)
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
                rows = [_search_row(one) for one in mine]
                if statement := asked.get("FilterStatement"):
                    rows = [row for row in rows if _matches(statement, row)]
                return _page(rows, "Results", asked, min(self.rows, asked.get("MaxResults", 100)), 500)
            case "ListCertificates":
                rows = [_list_row(one) for one in mine if _listed(one, asked)]
                return _page(rows, "CertificateSummaryList", asked, asked.get("MaxItems", 1000), 1000)
            case "DescribeCertificate":
                one = self._find(asked, mine)
                told = {name: value for name, value in one.items() if name not in _ONLY_IN_ROWS}
                return {"Certificate": told | {"KeyAlgorithm": one["KeyAlgorithm"].replace("RSA_", "RSA-")}}
            case "ListTagsForCertificate":
                tags: dict[str, str] = self._find(asked, mine).get("Tags", {})
                return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            case _:
                raise _AwsError("UnknownOperationException", "")

    def _find(self, asked: Json, mine: Iterable[Json]) -> Json:
        arn = asked.get("CertificateArn")
        for one in mine:
            if one["CertificateArn"] == arn:
                return one
        raise _AwsError("ResourceNotFoundException", f"Could not find certificate {arn}.")


def serial_text(serial: int) -> str:
    """Write a serial number as ACM does: lower-case hex octets with colons, leading zeros kept."""
    return serial.to_bytes((serial.bit_length() + 8) // 8, "big").hex(":")


def _search_row(one: Json) -> Json:
    subject = {"CommonName": one["DomainName"]} if "DomainName" in one else {}
    names = [{"DnsName": name} for name in one.get("SubjectAlternativeNames", ())]
    x509 = {"Subject": subject, "SubjectAlternativeNames": names}
    x509 |= _pick(one, "KeyAlgorithm", "NotBefore", "NotAfter")
    if "Serial" in one:
        x509["SerialNumber"] = one["Serial"]
    if "Issuer" in one:
        x509["Issuer"] = {"Organization": one["Issuer"]}
    acm = _metadata(one)
    if status := one.get("RenewalSummary", {}).get("RenewalStatus"):
        acm["RenewalStatus"] = status
    if method := one.get("Options", {}).get("ValidationMethod"):
        acm["ValidationMethod"] = method
    acm |= _pick(one, "AcmeEndpointArn", "AcmeAccountId")
    return {
        "CertificateArn": one["CertificateArn"],
        "X509Attributes": x509,
        "CertificateMetadata": {"AcmCertificateMetadata": acm},
    }


def _list_row(one: Json) -> Json:
    names = one.get("SubjectAlternativeNames", [])
    row = _pick(one, "CertificateArn", "DomainName", "KeyAlgorithm", "NotBefore", "NotAfter") | _metadata(one)
    row["HasAdditionalSubjectAlternativeNames"] = len(names) > 100
    return row | ({"SubjectAlternativeNameSummaries": names[:100]} if names else {})


def _metadata(one: Json) -> Json:
    return _pick(one, *_METADATA) | {
        "InUse": one.get("InUse", bool(one.get("InUseBy"))),
        "Exported": one.get("Exported", False),
        "ExportOption": one.get("ExportOption", "DISABLED"),
    }


def _pick(one: Json, *names: str) -> Json:
    return {name: one[name] for name in names if name in one}


def _listed(one: Json, asked: Json) -> bool:
    """Apply the filters of ListCertificates with its own defaults, which hide much."""
    statuses = asked.get("CertificateStatuses") or [one["Status"]]
    key_types = asked.get("Includes", {}).get("keyTypes") or ["RSA_1024", "RSA_2048"]
    origins = asked.get("CertificateKeyPairOrigins") or ["AWS_MANAGED", "CUSTOMER_PROVIDED"]
    origin = one.get("CertificateKeyPairOrigin", "AWS_MANAGED")
    return one["Status"] in statuses and one["KeyAlgorithm"] in key_types and origin in origins


def _matches(statement: Json, row: Json) -> bool:
    """Evaluate a FilterStatement; of the leaves, those that compare one member with one value."""
    [(kind, value)] = statement.items()
    match kind:
        case "And":
            return all(_matches(part, row) for part in value)
        case "Or":
            return any(_matches(part, row) for part in value)
        case "Not":
            return not _matches(value, row)
        case "Filter":
            return _matches(value, row)
        case "X509AttributeFilter":
            return _matches(value, row["X509Attributes"])
        case "AcmCertificateMetadataFilter":
            return _matches(value, row["CertificateMetadata"]["AcmCertificateMetadata"])
        case member:
            return bool(row.get(member) == value)


def _page(rows: list[Json], key: str, asked: Json, limit: int, most: int) -> Json:
    if not 1 <= limit <= most:
        raise _AwsError("ValidationException", f"a page has 1 to {most} rows")
    try:
        start = int(base64.b64decode(asked.get("NextToken", "MA==")))
    except ValueError:
        raise _AwsError("ValidationException", "NextToken is not one of ours") from None
    page: Json = {key: rows[start : start + limit]}
    if start + limit < len(rows):
        page["NextToken"] = base64.b64encode(str(start + limit).encode()).decode()
    return page


def _json(answer: Json, status: int = 200) -> web.Response:
    body = json.dumps(answer, default=datetime.timestamp).encode()
    return _response(body, status, "application/x-amz-json-1.1")


def _xml(operation: str, answer: Json) -> web.Response:
    text = _elements({f"{operation}Response": {f"{operation}Result": answer}})
    return _response(text.encode(), 200, "text/xml")


def _elements(answer: Json) -> str:
    return "".join(
        f"<{name}>{_elements(value) if isinstance(value, dict) else escape(value)}</{name}>"
        for name, value in answer.items()
    )


def _refusal(error: _AwsError, *, as_xml: bool) -> web.Response:
    if not as_xml:
        return _json({"__type": error.code, "message": error.message}, error.status)
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
    raise _AwsError(fault.how, fault.message, fault.status)
