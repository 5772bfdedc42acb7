"""What an endpoint serves, held against the issue of a certificate that ACM has."""

from __future__ import annotations

from exporter.facts import Certificate, Seen, Served
from exporter.judge.names import normal


def same_issuer(certificate: Certificate, served: Served) -> bool:
    """ACM gives the issuer's organization ("Amazon"), the served leaf its whole name; True if in doubt."""
    details = certificate.details
    issuer = certificate.issuer or (details.value.issuer if isinstance(details, Seen) else "")
    unescaped = served.issuer.replace("\\", "")  # RFC 4514 writes O=GoDaddy.com\, Inc.
    return not unescaped or issuer.lower() in unescaped.lower()


def is_older_issue(served: Served, certificate: Certificate) -> bool:
    """Tell whether it is of the same names and from before."""
    before = certificate.not_before
    return before is not None and served.not_before < before and _same_names(served, certificate)


def is_newer_issue(served: Served, certificate: Certificate) -> bool:
    """Tell whether it is of the same names and from after."""
    before = certificate.not_before
    return before is not None and served.not_before > before and _same_names(served, certificate)


def _same_names(served: Served, certificate: Certificate) -> bool:
    return {normal(n) for n in served.names} == {normal(n) for n in certificate.names}
