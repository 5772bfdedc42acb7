"""Alerts on what visitors get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from grafana.source import thresholds as at
from grafana.source.alerting.renewal import USED
from grafana.source.alerting.rule import CRITICAL, ENDPOINT, WARNING, Alert, broken, past, tiers
from grafana.source.alerting.texts import FAILING, PLACE, PLACE_LEFT, SERVED, WHO

COUNTS = past("tls_endpoint_serial_match")
FOREIGN = f"unless on ({ENDPOINT}) {COUNTS}"  # endpoints that count for no certificate of the inventory
LIFE = f"min by (domain, port) (tls:endpoint:life_left {FOREIGN})"

# A name that once answered does so at none of its addresses.
DARK = f"""\
on (arn) (
  {COUNTS}
  unless on (arn, domain, port) (
    {COUNTS} and on ({ENDPOINT}) {past("tls_endpoint_reachable")} == 1
  )
)"""

# What is served instead ends soon, or browsers refuse it already.
REFUSED = f"""\
on (arn) (
  {COUNTS} == 0 and on ({ENDPOINT}) tls:endpoint:life_left < {at.BLOCKED_CRITICAL}
  or
  {COUNTS} == 0 and on ({ENDPOINT}) {past("tls_endpoint_chain_trusted")} == 0
  unless on (arn) {past("acm_certificate_info", type="PRIVATE")}
)"""


def certificates() -> Iterator[Alert]:
    """Alert where visitors do not get the certificate that ACM has."""
    yield from tiers(
        Alert(
            "AcmNameUnreachable",
            CRITICAL,
            "A name that once answered does so at none of its addresses.",
            f"{broken(condition='reachable')}\n{USED}",
            at.FOR_SERVING,
            "A name of {{ $labels.domain }} cannot be reached over HTTPS",
            f"A name of {WHO} does not complete a TLS handshake at one of its addresses or all.\n{FAILING}"
            "First: look whether the listener runs, then at security groups, network and DNS.\n",
        ),
        "arn",
        DARK,
    )
    yield Alert(
        "AcmServedNameMismatch",
        CRITICAL,
        "Browsers refuse what is served.",
        f"{broken(condition='name_match')}\n{USED}",
        at.FOR_SERVING,
        "Visitors of {{ $labels.domain }} get a certificate for another name",
        f"A certificate that does not cover the name is served where {WHO} should be: visitors are refused.\n"
        f"{SERVED}"
        "First: attach the right certificate to that listener; mind its default certificate and SNI.\n",
    )
    yield from tiers(
        Alert(
            "AcmServedCertificateDiffers",
            CRITICAL,
            "What is served instead ends soon or is not trusted. A wrong name has an alert of its own.",
            f"{broken(condition='serial_match')}\nunless on (arn) {broken(condition='name_match')}\n{USED}",
            at.FOR_DEPLOY,
            "Visitors of {{ $labels.domain }} get another certificate than ACM's",
            f"Another certificate is served where {WHO} should be: ACM's renewals do not reach visitors "
            f"there.\n{SERVED}"
            "First: deploy an older issue of Amazon's anew. Another issuer means that a WAF or CDN in front "
            "has a certificate of its own: put ACM's there, or renew that one where it is managed.\n",
        ),
        "arn",
        REFUSED,
        at.FOR_SERVING,
    )


def endpoints() -> Iterator[Alert]:
    """Alert of certificates that are not in ACM's inventory."""
    expiring = Alert(
        "TlsEndpointExpiring",
        CRITICAL,
        "Endpoints whose certificate is not in the inventory.",
        f"{LIFE} > 0\nand {LIFE} < {at.EXPIRING_CRITICAL}",
        "",
        f"What {PLACE} serves expires soon: {PLACE_LEFT}",
        f"The certificate that {PLACE} serves is none of ACM's inventory and has {PLACE_LEFT}, "
        "{{ $value | humanizePercentage }} of its lifetime. When it ends, visitors are refused.\n"
        "First: find who manages it (a WAF, a CDN, certbot, a vendor) and have it renewed there.\n",
    )
    yield expiring
    yield replace(
        expiring,
        severity=WARNING,
        why="The same earlier.",
        expr=f"{LIFE} >= {at.EXPIRING_CRITICAL}\nand {LIFE} < {at.EXPIRING_WARNING}",
    )
    yield Alert(
        "TlsEndpointExpired",
        CRITICAL,
        "The same, ended.",
        f"{LIFE} <= 0",
        "",
        f"What {PLACE} serves has expired",
        f"The certificate that {PLACE} serves is none of ACM's inventory and has ended ({PLACE_LEFT}): "
        "visitors are refused.\n"
        "First: renew it where it is managed, or put one of ACM's there.\n",
    )
    yield Alert(
        "TlsEndpointUntrusted",
        WARNING,
        "A warning only: behind many an inner endpoint is a private CA that the exporter was not told of.",
        f"min by (domain, port) ({past('tls_endpoint_chain_trusted')} {FOREIGN}) == 0\n"
        "unless on (domain, port) tls:endpoint:life_left <= 0",
        at.FOR_SERVING,
        f"What {PLACE} serves is not trusted",
        f"What {PLACE} serves is none of ACM's inventory, and its chain leads to no root that the exporter "
        "trusts.\n"
        "First: complete the chain at that server; for a private CA, give its root in probe.ca_file.\n",
    )


ALERTS = (*certificates(), *endpoints())
