"""What a scene is, and how scenes become certificates, DNS records and endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from cryptography.x509.oid import NameOID

from exporter.demo.acm import serial_text
from exporter.demo.acm_validation import base_of, hashed, owner, record, target_of
from exporter.demo.http import Page
from exporter.demo.pki import Issued
from exporter.demo.tls import Fault

PRODUCTION, STAGING = "111122223333", "444455556666"
AWS_OWN = "999900001111"  # the account of the load balancers in front of API Gateway
VIRGINIA, TOKYO = "us-east-1", "ap-northeast-1"
Records = dict[str, dict[str, Sequence[str]]]  # name -> type -> values, as the DNS server has them
MAIL_EXCHANGER = "10 mx.example.com."
MAILBOXES = ("admin", "administrator", "hostmaster", "postmaster", "webmaster")


class Kind(StrEnum):
    """How a certificate came to be: the validation method of a public one, or whose it is."""

    DNS = "DNS"
    EMAIL = "EMAIL"
    HTTP = "HTTP"
    PRIVATE = "PRIVATE"
    IMPORTED = "IMPORTED"
    ACME = "ACME"


class Shows(StrEnum):
    """Which certificate an address shows."""

    OWN = "own"  # the one that ACM has
    PREVIOUS = "previous"  # the issue before it
    FOREIGN = "foreign"  # one of another authority for the same names
    OTHER_NAME = "other name"
    SELF_SIGNED = "self-signed"
    MUTUAL = "mutual"  # ACM's, and it wants one of the client
    DUAL = "dual"  # ACM's, and an ECDSA one of another authority


class Cname(StrEnum):
    """What stands in DNS where ACM looks for its validation record."""

    RIGHT = "right"
    MISSING = "missing"
    DOUBLED = "doubled"  # only at the name with the zone written twice
    ELSEWHERE = "elsewhere"  # an old target
    BOGUS = "bogus"  # DNSSEC validation fails
    SERVFAIL = "servfail"


class Filed(StrEnum):
    """As what a scene's certificate lies in a file: the previous issue where there was one."""

    NOWHERE = ""
    PEM = "PEM"
    PKCS12 = "PKCS #12"


@dataclass(frozen=True, slots=True)
class Scene:
    """One certificate with everything around it; what is not said is as it should be.

    `breaks` and `verdict` are what to expect under the current rules, days are counted back from now.
    """

    key: str
    title: str
    domain: str
    breaks: frozenset[str] = frozenset()
    verdict: str = "renews"
    # what ACM has
    names: tuple[str, ...] = ()  # beyond the domain
    kind: Kind = Kind.DNS
    status: str = "ISSUED"
    age: int = 30  # of the current issue
    lifetime: int = 198
    created: int | None = None  # days since the first request, where there was more than one issue
    algorithm: str = "RSA_2048"
    used: bool = True
    exported: bool = False
    eligible: bool = True
    renewal: str = ""  # RenewalStatus
    reason: str = ""  # RenewalStatusReason
    account: str = PRODUCTION
    region: str = VIRGINIA
    # what uses it
    balancer: str = ""  # by name, where several scenes share one
    internal: bool = False
    api: bool = False  # a domain name of API Gateway
    # what stands outside
    cname: Cname = Cname.RIGHT
    caa: tuple[str, ...] = ()
    mx: bool = True
    token: Page | None = None  # what RedirectFrom gives instead of a redirect to the token
    shows: tuple[Shows | Fault, ...] = (Shows.OWN,)  # one address each
    starttls: str = ""  # the protocol that leads to TLS there
    key_types: tuple[str, ...] = ()
    filed: Filed = Filed.NOWHERE
    shows_of: str = ""  # key of the scene whose certificate stands here instead of the own
    # how it is configured
    hosts: tuple[str, ...] = ()  # the names to look at, where not simply those of the certificate
    pinned: bool = False
    by_address: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_names(self) -> tuple[str, ...]:
        """The domain and the other names of the certificate."""
        return (self.domain, *self.names)

    @property
    def looked_at(self) -> tuple[str, ...]:
        """The host names that lead to this scene's addresses."""
        return self.hosts or tuple(name for name in self.all_names if not name.startswith("*."))

    @property
    def arn(self) -> str:
        """The certificate's ARN, the same in every run."""
        return f"arn:aws:acm:{self.region}:{self.account}:certificate/{uuid5(NAMESPACE_DNS, self.key)}"


def only(*conditions: str) -> frozenset[str]:
    """Name the conditions that break."""
    return frozenset(conditions)


def midnight(now: datetime, days: int) -> datetime:
    """Tell the beginning of a day in the past; ACM's certificates begin and end at midnight."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)


def describe(scene: Scene, issued: Issued, now: datetime, tokens: str) -> dict[str, Any]:
    """Write what DescribeCertificate says of a scene's certificate; `tokens` is the token server's URL."""
    first = midnight(now, scene.age if scene.created is None else scene.created)
    told: dict[str, Any] = {
        "CertificateArn": scene.arn,
        "DomainName": scene.domain,
        "SubjectAlternativeNames": list(scene.all_names),
        "Status": scene.status,
        "Type": scene.kind.value if scene.kind in {Kind.PRIVATE, Kind.IMPORTED} else "AMAZON_ISSUED",
        "CreatedAt": first,
        "KeyAlgorithm": scene.algorithm,
        "InUseBy": [user_of(scene)] if scene.used else [],
        "RenewalEligibility": "ELIGIBLE" if scene.eligible and _renewable(scene) else "INELIGIBLE",
        "CertificateKeyPairOrigin": "AWS_MANAGED",
        "Options": {"Export": "ENABLED" if scene.exported else "DISABLED"},
        "Exported": scene.exported,
        "ExportOption": "ENABLED" if scene.exported else "DISABLED",
        "Tags": {"service": scene.key},
    }
    if scene.status != "PENDING_VALIDATION":
        told |= issue_of(issued)
    if scene.renewal:
        statuses = {"PENDING_VALIDATION": "PENDING_VALIDATION", "FAILED": "FAILED"}
        told["RenewalSummary"] = {
            "RenewalStatus": scene.renewal,
            "UpdatedAt": now - timedelta(hours=6),
            "DomainValidationOptions": _validations(scene, statuses.get(scene.renewal, "SUCCESS"), tokens),
        } | ({"RenewalStatusReason": scene.reason} if scene.reason else {})
    match scene.kind:
        case Kind.PRIVATE:
            authority = f"arn:aws:acm-pca:{scene.region}:{scene.account}:certificate-authority"
            told["CertificateAuthorityArn"] = f"{authority}/{uuid5(NAMESPACE_DNS, 'corporate')}"
        case Kind.IMPORTED:
            told |= {"ImportedAt": first, "CertificateKeyPairOrigin": "CUSTOMER_PROVIDED"}
        case Kind.ACME:
            told |= {"CertificateKeyPairOrigin": "ACME"}
        case Kind.DNS | Kind.EMAIL | Kind.HTTP:
            status = "SUCCESS" if scene.status in {"ISSUED", "EXPIRED"} else scene.status
            told["DomainValidationOptions"] = _validations(scene, status, tokens)
            told["Options"] |= {"ValidationMethod": scene.kind.value}
    if scene.kind is Kind.HTTP:
        told["ManagedBy"] = "CLOUDFRONT"
    return told


def records(scene: Scene, addresses: Sequence[str]) -> Records:
    """Write the DNS records of a scene."""
    zone: Records = {name: {"A": addresses} for name in scene.looked_at if addresses}
    if scene.caa:
        zone.setdefault(base_of(scene.domain), {})["CAA"] = list(scene.caa)
    if scene.kind is Kind.EMAIL and scene.mx:
        zone.setdefault(base_of(scene.domain), {})["MX"] = [MAIL_EXCHANGER]
    if scene.kind is Kind.DNS:
        for base in {base_of(name): None for name in scene.all_names}:
            zone |= _validation_record(scene.cname, base)
    return zone


def pages(scene: Scene, tokens: str) -> dict[str, Page]:
    """Write the pages of a scene's HTTP validation."""
    if scene.kind is not Kind.HTTP:
        return {}
    kept, asked = _token_paths(scene)
    return {kept: Page(hashed(scene.domain)), asked: scene.token or Page(status=302, location=tokens + kept)}


def serial_of(scene: Scene, issue: str) -> int:
    """Give a scene's issue the serial number that it has in every run."""
    return int(hashed(f"{scene.key} {issue}"), 16) >> 1


def issue_of(issued: Issued) -> dict[str, Any]:
    """Write what DescribeCertificate says of the issue that a certificate has."""
    leaf = issued.certificate
    return {
        "Serial": serial_text(issued.serial),
        "Subject": leaf.subject.rfc4514_string(),
        "Issuer": leaf.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value,
        "NotBefore": leaf.not_valid_before_utc,
        "NotAfter": leaf.not_valid_after_utc,
        "IssuedAt": leaf.not_valid_before_utc + timedelta(minutes=40),
    }


def user_of(scene: Scene) -> str:
    """Write the ARN of what uses a scene's certificate, as ACM names it."""
    if scene.kind is Kind.HTTP:
        return f"arn:aws:cloudfront::{scene.account}:distribution/E{hashed(scene.key)[:13].upper()}"
    name = "prod-iad-1-cdtls-1-3" if scene.api else scene.balancer or scene.key
    place = f"{scene.region}:{AWS_OWN if scene.api else scene.account}"
    return f"arn:aws:elasticloadbalancing:{place}:loadbalancer/app/{name}/{hashed(name)[:16]}"


def _renewable(scene: Scene) -> bool:
    managed = scene.kind not in {Kind.IMPORTED, Kind.ACME}
    return managed and scene.status == "ISSUED" and (scene.used or scene.exported)


def _validations(scene: Scene, status: str, tokens: str) -> list[dict[str, Any]]:
    return [
        {"DomainName": name, "ValidationStatus": status, "ValidationMethod": scene.kind.value}
        | _challenge(scene, name, tokens)
        for name in scene.all_names
        if scene.kind in {Kind.DNS, Kind.EMAIL, Kind.HTTP}
    ]


def _challenge(scene: Scene, name: str, tokens: str) -> dict[str, Any]:
    base = base_of(name)
    match scene.kind:
        case Kind.DNS:
            return {"ResourceRecord": record(base)}
        case Kind.EMAIL:
            mailboxes = [f"{mailbox}@{base}" for mailbox in MAILBOXES]
            return {"ValidationDomain": base, "ValidationEmails": mailboxes}
        case _:
            kept, asked = _token_paths(scene)
            return {"HttpRedirect": {"RedirectFrom": tokens + asked, "RedirectTo": tokens + kept}}


def _validation_record(cname: Cname, base: str) -> Records:
    at, target = owner(base), [target_of(base)]
    match cname:
        case Cname.RIGHT:
            return {at: {"CNAME": target}}
        case Cname.MISSING:
            return {}
        case Cname.DOUBLED:
            return {f"{at}.{'.'.join(base.split('.')[-2:])}": {"CNAME": target}}
        case Cname.ELSEWHERE:
            return {at: {"CNAME": [target_of(f"old {base}")]}}
        case Cname.BOGUS | Cname.SERVFAIL:
            return {at: {"CNAME": target, "FAIL": cname.value}}


def _token_paths(scene: Scene) -> tuple[str, str]:
    asked = f"/.well-known/pki-validation/{hashed(scene.key)}.txt"
    return f"/{scene.account}{asked}", asked
