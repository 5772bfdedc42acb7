"""Alerts on certificates in files.

A file belongs to the machine of the exporter that reads it, so its instance is told with its path. Whether it
is the one that ACM has is a part of serial_match, and so of AcmServedCertificateDiffers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from grafana.source import thresholds as at
from grafana.source.alerting.rule import CRITICAL, FILE, WARNING, Alert, chosen, past
from grafana.source.alerting.texts import FILE_LEFT

NOT_CURRENT = f"unless on ({FILE}) {past('certificate_file_serial_match')} == 1"
LIFE = f"(certificate:file:life_left {NOT_CURRENT})"
WHICH = "{{ $labels.path }} at {{ $labels.instance }}"


def _alerts() -> Iterator[Alert]:
    critical = Alert(
        "CertificateFileExpiring",
        CRITICAL,
        "Files that hold another issue than ACM's, or none of ACM's certificates; also once it has ended.\n"
        "Those that hold ACM's own have AcmCertificateExpiring.",
        f"{LIFE} < {at.EXPIRING_CRITICAL}",
        "",
        f"The certificate in {{{{ $labels.path }}}} ends soon or has ended: {FILE_LEFT}",
        f"The certificate in the file {WHICH} has {FILE_LEFT}. Whoever is given it is refused when it ends.\n"
        "First: renew it, or export ACM's again; write it there and reload what uses the file.\n",
    )
    yield critical
    yield replace(
        critical,
        severity=WARNING,
        why="The same earlier.",
        expr=f"{LIFE} >= {at.EXPIRING_CRITICAL}\nand {LIFE} < {at.EXPIRING_WARNING}",
    )
    yield Alert(
        "CertificateFileUnreadable",
        WARNING,
        "What was known of it stays known, and grows old.",
        f"max by ({FILE}, reason) ({chosen('certificate_file_failure')}) == 1",
        at.FOR_SOURCE,
        "The certificate file {{ $labels.path }} cannot be read: {{ $labels.reason }}",
        f"The exporter cannot read a certificate from {WHICH} ({{{{ $labels.reason }}}}), so that nobody is "
        "warned of its end.\n"
        "First: look whether the file is there, whether the exporter's user may read it, and whether it is a "
        "certificate.\n",
    )


ALERTS = tuple(_alerts())
