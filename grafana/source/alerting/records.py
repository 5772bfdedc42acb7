"""What the alerts are made of, recorded first."""

from __future__ import annotations

from grafana.source import thresholds as at
from grafana.source.alerting.rule import CERTIFICATE, ENDPOINT, FILE, Record, chosen, past


def _life(days_left: str, identity: str, start: str, end: str) -> str:
    return f"""\
{days_left} / clamp_max(
  (
    {identity} ({past(end)})
    - {identity} ({past(start)})
  ) / 86400,
  {at.LONGEST_DAYS}
)"""


_OF_CERTIFICATE = f"max by ({CERTIFICATE})"
_OF_ENDPOINT = f"min by ({ENDPOINT})"
_OF_FILE = f"min by ({FILE})"

RECORDS = (
    Record(
        "acm:condition:broken",
        "The conditions that break. While one is unknown, an alert about it goes on: what is resolved is\n"
        "mended, not out of sight; and a break that nobody has heard of yet waits until it is seen again.",
        f"""\
min by ({CERTIFICATE}, condition, scope) ({past("acm_certificate_condition")}) == 0
unless on (arn, condition, scope) acm_certificate_condition_unknown
or
acm:condition:broken
and on (arn, condition, scope) {past("acm_certificate_condition_unknown")}
and on (arn, condition, scope) {chosen("ALERTS", alertstate="firing")}
unless on (arn, condition, scope) acm_certificate_condition == 1""",
    ),
    Record(
        "acm:certificate:days_left",
        "Days until the certificate in ACM ends.",
        f"({_OF_CERTIFICATE} ({past('acm_certificate_not_after_timestamp_seconds')}) - time()) / 86400",
    ),
    Record(
        "acm:certificate:life_left",
        f"The same as a share of its own lifetime, of which {at.LONGEST_DAYS} days count at most.",
        _life(
            "acm:certificate:days_left",
            _OF_CERTIFICATE,
            "acm_certificate_not_before_timestamp_seconds",
            "acm_certificate_not_after_timestamp_seconds",
        ),
    ),
    Record(
        "acm:certificate:unused",
        "Certificates whose end hurts nobody: in no AWS service, not exported, and neither they nor an\n"
        "earlier issue of theirs is served, and they lie in no file.",
        f"""\
max by ({CERTIFICATE}) ({past("acm_certificate_in_use")}) == 0
unless on (arn) {past("acm_certificate_condition", condition="in_use")} == 1
unless on (arn) {past("tls_endpoint_serial_match")} == 1
unless on (arn) {past("certificate_file_serial_match")} == 1
unless on (arn) (
  {past("tls_endpoint_serial_match")}
  and on ({ENDPOINT}) {past("tls_endpoint_info", issuer="=~.*O=Amazon.*")}
)""",
    ),
    Record(
        "tls:endpoint:days_left",
        "Days until what an address serves ends.",
        f"({_OF_ENDPOINT} ({past('tls_endpoint_not_after_timestamp_seconds')}) - time()) / 86400",
    ),
    Record(
        "tls:endpoint:life_left",
        "The same as a share of its lifetime.",
        _life(
            "tls:endpoint:days_left",
            _OF_ENDPOINT,
            "tls_endpoint_not_before_timestamp_seconds",
            "tls_endpoint_not_after_timestamp_seconds",
        ),
    ),
    Record(
        "certificate:file:days_left",
        "Days until the certificate in a file ends.",
        f"({_OF_FILE} ({past('certificate_file_not_after_timestamp_seconds')}) - time()) / 86400",
    ),
    Record(
        "certificate:file:life_left",
        "The same as a share of its lifetime.",
        _life(
            "certificate:file:days_left",
            _OF_FILE,
            "certificate_file_not_before_timestamp_seconds",
            "certificate_file_not_after_timestamp_seconds",
        ),
    ),
)
