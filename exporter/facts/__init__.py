"""The nouns: what was seen, at which moment, or why it was not seen.

Law of this room: data only. It imports nobody else of this package, and nothing here decides or looks.
Times are aware datetimes in UTC; names of hosts are lower-case A-labels without a trailing dot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from exporter.facts.file import FileLook as FileLook
from exporter.facts.file import Held as Held
from exporter.facts.file import Location as Location
from exporter.facts.organization import Member as Member
from exporter.facts.organization import Organization as Organization
from exporter.facts.resource import Description as Description
from exporter.facts.resource import Listener as Listener
from exporter.facts.resource import Resource as Resource
from exporter.facts.sight import Seen as Seen
from exporter.facts.sight import Sight as Sight
from exporter.facts.sight import Unseen as Unseen
from exporter.facts.way import Proxy as Proxy
from exporter.facts.way import Way as Way
from exporter.facts.why import Why as Why

# --- AWS Certificate Manager ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Validation:
    """How ACM validates one name (DomainValidation); a part that does not apply is empty."""

    name: str  # as ACM writes it, so perhaps a wildcard
    method: str = ""  # DNS, EMAIL or HTTP
    status: str = ""  # PENDING_VALIDATION, SUCCESS or FAILED
    record_name: str = ""  # the CNAME to be found …
    record_value: str = ""  # … and its target
    mail_domain: str = ""
    mailboxes: tuple[str, ...] = ()
    redirect_from: str = ""
    redirect_to: str = ""


@dataclass(frozen=True, slots=True)
class Details:
    """What only DescribeCertificate tells."""

    in_use_by: tuple[str, ...] = ()
    validations: tuple[Validation, ...] = ()
    issuer: str = ""
    renewal_reason: str = ""  # RenewalStatusReason
    renewal_updated_at: datetime | None = None
    failure_reason: str = ""
    ca_arn: str = ""
    switching_to: str = ""  # validation method of a switch under way (UpdateSummary)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One ACM certificate; None and "" mean that ACM has not said, `details` says why."""

    arn: str
    account: str
    region: str
    domain: str
    names: tuple[str, ...]
    type: str = ""  # AMAZON_ISSUED, IMPORTED or PRIVATE
    status: str = ""
    serial: int | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    created_at: datetime | None = None
    issued_at: datetime | None = None
    imported_at: datetime | None = None
    key_algorithm: str = ""  # normalised: RSA_2048, EC_prime256v1
    issuer: str = ""  # organization, else common name; by the sweep, so that all shards know it
    key_pair_origin: str = ""
    managed_by: str = ""
    validation_method: str = ""
    in_use: bool | None = None
    exported: bool | None = None
    eligibility: str = ""  # ELIGIBLE or INELIGIBLE
    renewal_status: str = ""
    details: Sight[Details] = field(default_factory=lambda: Unseen(Why.NOT_YET))
    tags: Mapping[str, str] = field(default_factory=dict)
    behind: Mapping[str, Sight[Description]] = field(
        default_factory=dict
    )  # by ARN; empty where none is asked


# --- TLS -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Domain:
    """A name to look at; a `tentative` one is derived from a wildcard and fails nobody by not resolving.

    `hosts` stand behind it and are looked at in its place, or where a tentative one does not resolve.
    """

    name: str
    port: int = 443
    addresses: tuple[str, ...] = ()  # instead of DNS
    server_name: str = ""  # SNI where it differs from the name
    arn: str = ""  # the certificate it must serve
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    tentative: bool = False
    way: Way | None = None
    found: bool = False  # a name that a certificate brought, and nobody configured
    hosts: tuple[str, ...] = ()  # host names

    @property
    def optional(self) -> bool:
        """Whether it is nobody's fault where nothing resolves: nobody has asked for it by name."""
        return self.tentative or bool(self.hosts)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One domain, port and address; the address is "" while no address is known."""

    domain: str
    port: int
    address: str


@dataclass(frozen=True, slots=True)
class Link:
    """One certificate of a served chain."""

    subject: str
    issuer: str
    serial: int
    fingerprint: str
    not_after: datetime
    trusted: bool | None  # whether it leads to a trusted root by what was served; None: no roots are known


@dataclass(frozen=True, slots=True)
class Served:
    """What one address served in one handshake; trust and names are facts apart from its success."""

    serial: int
    names: tuple[str, ...]  # SAN: DNS names and IP addresses as text
    not_before: datetime
    not_after: datetime
    issuer: str  # RFC 4514 text
    subject: str
    fingerprint: str  # SHA-256 of the leaf, lower-case hex
    tls_version: str  # TLSv1.3
    cipher: str
    trusted: bool | None  # chain leads to a trusted root; None where no roots are known
    trust_error: str  # why not, in words
    chain_not_after: datetime  # earliest end in the verified chain, else in what was served
    chain_length: int
    wants_client_certificate: bool = False
    group: str = ""  # of the key exchange: x25519
    ocsp: str = ""  # what the stapled response says; "none" without one, "" where it was not asked for
    chain: tuple[Link, ...] = ()  # the leaf first; empty where it was not asked for
    key_type: str = ""  # rsa or ecdsa, where that was asked for …
    others: tuple[Served, ...] = ()  # … and what was served for the other key types


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds spent in each phase of one look; None where the phase was not reached."""

    resolve: float | None = None
    connect: float | None = None  # through a proxy: until its tunnel stood
    handshake: float | None = None
    starttls: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """The latest look at an endpoint, and the latest one that succeeded.

    An eye gives as `last` what it just saw, or None, and leaves `reached` open; the schedule carries over.
    """

    endpoint: Endpoint
    sight: Sight[Served]
    at: datetime
    timing: Timing = Timing()
    last: Served | None = None
    last_success: datetime | None = None
    reached: bool | None = None  # the latest evidence, for or against; None: never any
    client_not_after: datetime | None = None  # end of the client certificate that was offered


# --- DNS and HTTP --------------------------------------------------------------------------------------


class Ask(StrEnum):
    """The kinds of questions asked about a name of a certificate."""

    CNAME = "cname"
    CAA = "caa"
    MX = "mx"
    TOKEN = "token"  # noqa: S105 - ACM's HTTP validation token, which is public


@dataclass(frozen=True, slots=True)
class Question:
    """One question; for TOKEN the name is RedirectFrom and `extra` is RedirectTo."""

    ask: Ask
    name: str
    extra: str = ""


@dataclass(frozen=True, slots=True)
class Cname:
    """Where a name's CNAMEs lead, link by link; () means that there is none.

    `doubled` is what stands at the name with its zone suffix written twice, the usual slip of the hand.
    """

    chain: tuple[str, ...]
    doubled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaaRecord:
    """One CAA record (RFC 8659, section 4)."""

    flags: int
    tag: str
    value: str


@dataclass(frozen=True, slots=True)
class Caa:
    """The relevant CAA set of a name and where the climb found it; no records: anyone may issue."""

    found_at: str = ""
    records: tuple[CaaRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Mx:
    """The mail exchangers of a domain; () where there are none or the null MX (RFC 7505)."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """Whether RedirectFrom leads to the content of RedirectTo, and what was met instead."""

    matches: bool
    met: str = ""


Answer: TypeAlias = Cname | Caa | Mx | Token


# --- what a judgement is made of -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known about one certificate at one moment."""

    certificate: Certificate
    looks: tuple[Look, ...] = ()  # the endpoints that count for it
    answers: Mapping[Question, Sight[Answer]] = field(default_factory=dict)
    siblings: Mapping[int, str] = field(default_factory=dict)  # serial -> ARN of the others
    read_at: datetime | None = None  # when ACM was last read; None: as of now
    files: tuple[FileLook, ...] = ()  # those that count for it
