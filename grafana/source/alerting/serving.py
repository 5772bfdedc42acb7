"""Alerts on what visitors get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from exporter.facts import Why
from exporter.schedule.memory import OUTCOMES
from grafana.source import thresholds as at
from grafana.source.alerting.renewal import USED
from grafana.source.alerting.rule import (
    CRITICAL,
    ENDPOINT,
    FILE,
    WARNING,
    Alert,
    broken,
    chosen,
    latest,
    past,
    tiers,
)
from grafana.source.alerting.texts import (
    FAILING,
    IN_FILES,
    OTHER_NAME,
    PLACE,
    PLACE_FAILING,
    PLACE_LEFT,
    PLACE_REFUSED,
    SERVED,
    WHO,
)

COUNTS = past("tls_endpoint_serial_match")
COUNTS_IN_USE = f"({COUNTS} {USED})"
FOREIGN = f"unless on ({ENDPOINT}) {COUNTS_IN_USE}"  # endpoints of no certificate that ACM's alerts tell of
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
  or
  {past("certificate_file_serial_match")} == 0
  and on ({FILE}) certificate:file:life_left < {at.BLOCKED_CRITICAL}
)"""

UNREACHABLE = "TlsEndpointUnreachable"
OURS = "=~" + "|".join(why for why in Why if why.ours and why in OUTCOMES["tls"])

# A failed look of ours leaves the value as it was: an alert goes on, and none begins.
FOREIGN_DOWN = f"""\
min by (domain, port) (
  {latest("tls_endpoint_reachable")} == 0
  unless on ({ENDPOINT}) (
    {chosen("tls_endpoint_failure", reason=OURS)}
    unless on (domain, port) {chosen("ALERTS", alertname=UNREACHABLE, alertstate="firing")}
  )
  unless on (domain) {COUNTS_IN_USE}
  unless on (domain) ({broken(condition="reachable")} {USED})
)"""

# The same as DARK, of a name and port.
FOREIGN_DARK = f"""\
on (domain, port) (
  {past("tls_endpoint_last_success_timestamp_seconds")}
  unless on (domain, port) {past("tls_endpoint_reachable")} == 1
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
            f"there.\n{SERVED}{IN_FILES}"
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
        "A warning only: many an inner endpoint has a private CA that the exporter was not told of, or\n"
        "still the certificate that its maker gave it.",
        f"min by (domain, port) (\n"
        f"  ({latest('tls_endpoint_chain_trusted')} == 0 or {latest('tls_endpoint_name_match')} == 0)\n"
        f"  {FOREIGN}\n"
        ")\n"
        "unless on (domain, port) tls:endpoint:life_left <= 0",
        at.FOR_SERVING,
        f"What {PLACE} serves is {{{{ with {OTHER_NAME} }}}}for another name{{{{ else }}}}not trusted"
        "{{ end }}",
        f"What {PLACE} serves is none of ACM's inventory, and clients that check it refuse it.\n"
        f"{PLACE_REFUSED}"
        "First: where it is for another name, put the right certificate on that server, and mind its default "
        "certificate and SNI; where it is not trusted, complete the chain there, or give a private CA's root "
        "in probe.ca_file.\n",
    )
    yield from tiers(
        Alert(
            UNREACHABLE,
            CRITICAL,
            "Names that count for no certificate in use, so that AcmNameUnreachable is silent. Both fire\n"
            "only for names of a certificate beside its first, which have not answered since the exporter\n"
            "started or since the renewal: no metric tells that they count, so nothing could inhibit one.",
            FOREIGN_DOWN,
            at.FOR_SERVING,
            f"{PLACE} cannot be reached over TLS",
            f"{PLACE}, where none of ACM's certificates is known to be served, does not complete a TLS "
            f"handshake at one of its addresses or all.\n{PLACE_FAILING}"
            "First: look whether the listener runs, then at security groups, network and DNS.\n",
        ),
        "domain, port",
        FOREIGN_DARK,
    )


ALERTS = (*certificates(), *endpoints())
