"""What an endpoint serves or a file holds, held against the issue of a certificate that ACM has."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum, auto

from exporter.facts import Certificate, Evidence, Held, Seen, Served
from exporter.judge.names import normal

FRESH = timedelta(hours=1)  # six refreshes of the inventory at the default interval


def same_issuer(certificate: Certificate, served: Served | Held) -> bool:
    """ACM gives the issuer's organization ("Amazon"), the served leaf its whole name; True if in doubt."""
    details = certificate.details
    issuer = certificate.issuer or (details.value.issuer if isinstance(details, Seen) else "")
    unescaped = served.issuer.replace("\\", "")  # RFC 4514 writes O=GoDaddy.com\, Inc.
    return not unescaped or issuer.lower() in unescaped.lower()


def is_older_issue(served: Served | Held, certificate: Certificate) -> bool:
    """Tell whether it is of the same names and from before."""
    before = certificate.not_before
    return before is not None and served.not_before < before and same_names(served, certificate)


def is_newer_issue(served: Served | Held, certificate: Certificate) -> bool:
    """Tell whether it is of the same names and from after."""
    before = certificate.not_before
    return before is not None and served.not_before > before and same_names(served, certificate)


def same_names(served: Served | Held, certificate: Certificate) -> bool:
    """Tell whether it is for exactly the names of the certificate."""
    return {normal(n) for n in served.names} == {normal(n) for n in certificate.names}


def tells(serial: int, seen_at: datetime, certificate: Certificate) -> bool:
    """Tell whether what was seen then can be compared with what ACM has now.

    What was seen before the current issue tells nothing of a renewal, unless it is that issue.
    """
    issued = certificate.issued_at or certificate.imported_at or certificate.not_before
    return issued is None or issued <= seen_at or serial == certificate.serial


def is_stale(evidence: Evidence, seen_at: datetime | None) -> bool:
    """Tell whether ACM was last read so long before a look that it may have renewed in between."""
    read_at = evidence.read_at
    return read_at is not None and seen_at is not None and seen_at - read_at > FRESH


class Kinship(Enum):
    """What a certificate that was found is to the one that ACM has."""

    SAME = auto()  # its serial
    SIBLING = auto()  # another certificate of the inventory
    FOREIGN = auto()  # of another issuer
    OLDER = auto()  # an earlier issue of the same names
    UNREAD = auto()  # a later one, which ACM may have had since it was last read
    NEWER = auto()  # a later one
    STRANGER = auto()


def kinship(found: Served | Held, seen_at: datetime | None, evidence: Evidence) -> Kinship:
    """Compare what was found then with what ACM has."""
    certificate = evidence.certificate
    if found.serial == certificate.serial:
        return Kinship.SAME
    if found.serial in evidence.siblings:
        return Kinship.SIBLING
    if not same_issuer(certificate, found):
        return Kinship.FOREIGN
    if is_older_issue(found, certificate):
        return Kinship.OLDER
    if is_newer_issue(found, certificate):
        return Kinship.UNREAD if is_stale(evidence, seen_at) else Kinship.NEWER
    return Kinship.STRANGER
