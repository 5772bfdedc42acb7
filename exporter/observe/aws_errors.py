"""The one place where botocore's exceptions become reasons."""

from __future__ import annotations

import re

from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from exporter.facts import Why
from exporter.observe.sight import Blind

_KEYS = "check the credentials, the clock of this machine, and that the region is enabled for the account"
_SLOWER = "lower aws.requests_per_second or ask AWS for a higher quota"
_RENEW = "renew the credentials (aws sso login, or a new session token)"
_GONE = "it was deleted: ACM will notice soon"
_NO_ORGANIZATION = "the account is in no organization: see aws.organization, and whose credentials list it"
_LISTING = "ListAccounts", "ListAccountsForParent", "ListOrganizationalUnitsForParent"
_PREFIXES = (  # the beginning of an error code, the reason, what to do
    ("AccessDenied", Why.DENIED, ""),
    ("UnauthorizedOperation", Why.DENIED, ""),
    ("OptInRequired", Why.DENIED, "enable the region or the service for the account"),
    ("Throttl", Why.THROTTLED, _SLOWER),
    ("TooManyRequests", Why.THROTTLED, _SLOWER),
    ("RequestLimitExceeded", Why.THROTTLED, _SLOWER),
    ("RequestThrottled", Why.THROTTLED, _SLOWER),
    ("SlowDown", Why.THROTTLED, _SLOWER),
    ("ExpiredToken", Why.EXPIRED_TOKEN, _RENEW),
    ("UnrecognizedClient", Why.NO_CREDENTIALS, _KEYS),
    ("InvalidClientTokenId", Why.NO_CREDENTIALS, _KEYS),
    ("InvalidSignature", Why.NO_CREDENTIALS, _KEYS),
    ("SignatureDoesNotMatch", Why.NO_CREDENTIALS, _KEYS),
    ("IncompleteSignature", Why.NO_CREDENTIALS, _KEYS),
    ("MissingAuthenticationToken", Why.NO_CREDENTIALS, _KEYS),
    ("RequestExpired", Why.NO_CREDENTIALS, _KEYS),
    ("ResourceNotFound", Why.NOT_FOUND, "it was deleted, or its ARN is of another account or region"),
    ("LoadBalancerNotFound", Why.NOT_FOUND, _GONE),
    ("NoSuchDistribution", Why.NOT_FOUND, _GONE),
    ("AWSOrganizationsNotInUse", Why.NOT_FOUND, _NO_ORGANIZATION),
    ("ParentNotFound", Why.NOT_FOUND, "see the organizational_units of aws.organization"),
    ("InvalidState", Why.AWS_ERROR, "its state does not allow that now: look at it with `check`"),
    ("InvalidDomainValidationOptions", Why.AWS_ERROR, "the validation domain must be above that name"),
    ("Conflict", Why.AWS_ERROR, "another change of it is under way: wait, then try again"),
    ("PriorRequestNotComplete", Why.AWS_ERROR, "another change of the zone is under way: try again"),
    ("InvalidChangeBatch", Why.AWS_ERROR, "nothing of the batch was applied"),
)
_USER_OF_URL = re.compile(r"//[^/?#\s]*@")  # of AWS_ENDPOINT_URL or of a proxy
_QUOTED = re.compile(r"security-token|authorization:|signature=|external-?id", re.IGNORECASE)
_EXPIRED = (aws.UnauthorizedSSOTokenError, aws.TokenRetrievalError, aws.LoginRefreshRequired)
_UNREACHABLE = (aws.HTTPClientError, aws.ConnectionError)
_NO_CREDENTIALS = (
    *(aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError),
    *(aws.ProfileNotFound, aws.ConfigNotFound, aws.ConfigParseError, aws.InvalidConfigError),
    *(aws.NoAuthTokenError, aws.MetadataRetrievalError, aws.SSOError, aws.LoginError),
)

_UNREADABLE = (  # what botocore raises of answers, found by trying: RuntimeError is for a date without a year
    *(ResponseParserError, LookupError, TypeError, ValueError, AttributeError),
    *(RuntimeError, ArithmeticError),
)


class Refused(Blind):
    """AWS answered with an error; `code` is its own name for it, `status` the HTTP status."""

    def __init__(self, why: Why, detail: str, code: str, status: int, request_id: str = "") -> None:
        """Keep AWS's words beside ours."""
        super().__init__(why, detail)
        self.code = code
        self.status = status
        self.request_id = request_id


def translate(error: Exception) -> Blind:
    """Say why a call gave nothing, and what to do about it."""
    if isinstance(error, aws.ClientError):
        return _refused(error)
    text = _USER_OF_URL.sub("//…@", str(error)) or type(error).__name__
    if isinstance(error, _EXPIRED):
        return Blind(Why.EXPIRED_TOKEN, f"{text}; {_RENEW}")
    if isinstance(error, _NO_CREDENTIALS):
        return Blind(Why.NO_CREDENTIALS, f"{text}; give AWS credentials (environment, profile or role)")
    if isinstance(error, _UNREACHABLE):
        return Blind(Why.AWS_UNREACHABLE, f"{text}; check network, DNS, proxy and AWS_ENDPOINT_URL")
    if isinstance(error, aws.BotoCoreError):
        return Blind(Why.AWS_ERROR, f"{text}; check the AWS configuration")
    if isinstance(error, _UNREADABLE):
        where = "something between here and AWS may have answered in its place"
        return Blind(Why.MALFORMED, f"an answer that botocore cannot read ({type(error).__name__}); {where}")
    return Blind(Why.AWS_ERROR, f"{type(error).__name__}: {text}; see the log of botocore")


def _refused(error: aws.ClientError) -> Refused:
    told = error.response.get("Error", {})
    code, message = str(told.get("Code", "")), " ".join(str(told.get("Message", "")).split())[:500]
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    why, advice = Why.AWS_ERROR, "AWS has trouble or does not know the call; it is tried again"
    for prefix, reason, remedy in _PREFIXES:
        if code.startswith(prefix):
            why, advice = reason, remedy
            break
    if why is Why.DENIED and not advice:
        advice = f"allow {_action(error.operation_name, message)} to these credentials"
        if error.operation_name == "AssumeRole":
            advice += ", and them in the role's trust policy (external id)"
        if error.operation_name in _LISTING:
            advice += ", of the management account or a delegated administrator's"
    if why is Why.NO_CREDENTIALS or _QUOTED.search(message):
        message = ""  # may quote the signed request, which holds the session token and the external id
    said = f"{error.operation_name}: {code}: {message}" if message else f"{error.operation_name}: {code}"
    request_id = str(error.response.get("ResponseMetadata", {}).get("RequestId", ""))
    return Refused(why, f"{said}; {advice}", code, status, request_id)


_SERVICES = {  # of the operations that are not ACM's
    **dict.fromkeys(("AssumeRole", "GetCallerIdentity"), "sts"),
    **dict.fromkeys(("ListHostedZonesByName", "ListResourceRecordSets", "GetChange"), "route53"),
    "ChangeResourceRecordSets": "route53",
    **dict.fromkeys(_LISTING, "organizations"),
}

_ACTIONS = {  # that are not called as their operations and services are
    **{
        operation: f"elasticloadbalancing:{operation}"
        for operation in ("DescribeLoadBalancers", "DescribeListeners", "DescribeListenerCertificates")
    },
    "GetDistribution": "cloudfront:GetDistribution",
    "GetDomainNames": "apigateway:GET",
}


def service_of(operation: str) -> str:
    """Tell whose an operation is, which is also the prefix of its IAM action."""
    return _SERVICES.get(operation, "acm")


def _action(operation: str, message: str) -> str:
    """Name the IAM action that is missing: the message's, else the operation's own."""
    named = re.search(r"perform: (\w+:\w+)", message)
    return named[1] if named else _ACTIONS.get(operation, f"{service_of(operation)}:{operation}")
