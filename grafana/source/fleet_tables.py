"""The tables of the fleet that are sorted by what to do first."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from exporter.judge.rule import Policy
from grafana.source.panels import DAYS, Column, Json, stat, table
from grafana.source.queries import (
    CONDITION_WORDS,
    DAY,
    ENDPOINT,
    LEFT,
    SOME_UNSURE,
    VERDICT_WORDS,
    YES_NO,
    chosen,
    condition,
    every,
    only,
    runbook,
    verdict,
)
from grafana.source.variables import link_to

MOST = 100  # rows of a table
OPEN = ("Open this certificate", link_to("acm-certificate", certificate="${__data.fields.arn}"))
LOOK = ("Open this domain", link_to("acm-endpoints", domain="${__data.fields.domain}"))

NAME = Column("domain", "Certificate", link=OPEN, width=240)
PLACE = (Column("account", "Account", width=130), Column("region", "Region", width=130))
ARN = Column("arn", "ARN")
VERDICT = Column("=verdict", "Verdict", words=VERDICT_WORDS, width=100)

EXPIRES = chosen("acm_certificate_days_to_expiry")
WINDOW = f"({chosen('acm_certificate_renewal_window_start_timestamp_seconds')} - time()) / {DAY}"
LIFETIME = (
    f"({every('acm_certificate_not_after_timestamp_seconds')}"
    f" - {every('acm_certificate_not_before_timestamp_seconds')})"
)
EMAIL = chosen("acm_certificate_info", 'validation_method="EMAIL"')


def renewals() -> Json:
    """Show when ACM begins to renew."""
    first = f"bottomk({MOST}, {WINDOW})"
    return table(
        "Days to renewal",
        f"When ACM begins to renew, soonest first; below zero the window is open. The first {MOST}.",
        {
            "days": first,
            "verdict": only(verdict(every), first),
            "status": only(every("acm_certificate_renewal_status", by="status"), first),
        },
        [
            NAME,
            Column(
                "=days", "Renewal begins in", unit=DAYS, decimals=1, steps=((None, "orange"), (0, "text"))
            ),
            VERDICT,
            Column("status", "Renewal status"),
            *PLACE,
            ARN,
        ],
        sort=("Renewal begins in", False),
    )


def expiries() -> Json:
    """Show when certificates end."""
    first = f"bottomk({MOST}, {EXPIRES})"
    return table(
        "Days to expiry",
        "When the certificate in ACM ends, soonest first, and which share of its own lifetime is left; the "
        f"colours are the alerts' thresholds. The first {MOST}.",
        {
            "days": first,
            "left": only(f"{every('acm_certificate_days_to_expiry')} * {DAY} / {LIFETIME}", first),
            "verdict": only(verdict(every), first),
            "used": only(every("acm_certificate_in_use"), first),
        },
        [
            NAME,
            Column("=days", "Expires in", unit=DAYS, decimals=1),
            Column("=left", "Lifetime left", unit="percentunit", decimals=0, steps=LEFT, bar=True),
            VERDICT,
            Column("=used", "In use", words={"0": ("no", "text"), "1": ("yes", "text")}, width=80),
            *PLACE,
            ARN,
        ],
        sort=("Expires in", False),
    )


def mismatches() -> Json:
    """Show where visitors get another certificate."""
    acm = f'label_replace({chosen("acm_certificate_info", by="serial")}, "in_acm", "$1", "serial", "(.*)")'
    acm = f'label_replace({acm}, "certificate", "$1", "domain", "(.*)")'
    wrong = f'max by ({ENDPOINT}, arn) (tls_endpoint_serial_match{{job=~"$job"}}) == 0'
    served = f'max by ({ENDPOINT}, serial, issuer) (tls_endpoint_info{{job=~"$job"}})'
    return table(
        "Another serial number is served than ACM's",
        "Addresses at which visitors get another certificate: not deployed yet, a WAF or CDN in front, or "
        "another certificate of the inventory.",
        {
            "A": f"(({wrong}) + on ({ENDPOINT}) group_left (serial, issuer) {served})"
            f" * on (arn) group_left (in_acm, certificate, account, region) {acm}"
        },
        [
            Column("certificate", "Certificate", link=OPEN, width=220),
            Column("domain", "Domain", link=LOOK, width=220),
            Column("address", "Address"),
            Column("port", "Port", width=70),
            Column("issuer", "Served: issuer"),
            Column("serial", "Served: serial"),
            Column("in_acm", "ACM's serial"),
            *PLACE,
            ARN,
        ],
        sort=("Certificate", False),
    )


def countdown() -> Json:
    """Count the days to the last e-mail renewals."""
    last = Policy().email_ends
    end = datetime.combine(last, time(), UTC) + timedelta(days=1)
    return stat(
        "ACM's e-mail renewals end in",
        f"{last.isoformat()} is the last day on which ACM renews certificates that are validated by e-mail.",
        f"vector(({end.timestamp():.0f} - time()) / {DAY})",
        unit=DAYS,
        decimals=0,
    )


def by_email() -> Json:
    """Count what is still validated by e-mail."""
    return stat(
        "Validated by e-mail",
        "Certificates that are still validated by e-mail; all of them have to move to DNS validation.",
        f"count({EMAIL}) or 0 * count({chosen('acm_certificate_info')})",
        steps=SOME_UNSURE,
    )


def email() -> Json:
    """Show what is still validated by e-mail."""
    return table(
        "Certificates validated by e-mail",
        "When each one is due for renewal, and whether that is before ACM ends e-mail renewals.",
        {
            "days": only(WINDOW, EMAIL),
            "sunset": only(condition(every, "email_sunset"), EMAIL),
            "mail": only(condition(every, "approval_mail"), EMAIL),
        },
        [
            NAME,
            Column("=days", "Renewal begins in", unit=DAYS, decimals=1),
            Column("=sunset", "Before the end", words=YES_NO, link=("Runbook", runbook("email_sunset"))),
            Column(
                "=mail", "Approval mail", words=CONDITION_WORDS, link=("Runbook", runbook("approval_mail"))
            ),
            *PLACE,
            ARN,
        ],
        sort=("Renewal begins in", False),
    )


def issued() -> Json:
    """Show what ACM issued lately."""
    return table(
        "Issued by ACM",
        "Certificates that ACM issued or renewed within the dashboard's time range, the latest first.",
        {
            "ago": f"(time() - {chosen('acm_certificate_issued_timestamp_seconds')}) < $__range_s",
            "what": only(
                every("acm_certificate_info", by="serial, issuer"),
                f"time() - {chosen('acm_certificate_issued_timestamp_seconds')} < $__range_s",
            ),
        },
        [
            NAME,
            Column("=ago", "Ago", unit="s", decimals=1),
            Column("issuer", "Issuer"),
            Column("serial", "Serial"),
            *PLACE,
            ARN,
        ],
        sort=("Ago", False),
    )


def replaced() -> Json:
    """Show where another certificate is served than before."""
    kinds = [("serials", "serial"), ("issuers", "issuer")]
    counting = f'tls_endpoint_serial_match{{job=~"$job"}} and on (arn) {chosen("acm_certificate_info")}'
    seen = f'last_over_time(tls_endpoint_info{{job=~"$job"}}[$__range]) and on ({ENDPOINT}) ({counting})'

    def different(label: str) -> str:
        return f"count by ({ENDPOINT}) (count by ({ENDPOINT}, {label}) ({seen}))"

    return table(
        "Replaced where visitors look",
        "Addresses of these certificates that served more than one within the time range: how many serial "
        "numbers and issuers. An issuer that changed without your doing is a WAF, a CDN or an attack.",
        {ref: f"{different(label)} and on ({ENDPOINT}) ({different('serial')} > 1)" for ref, label in kinds},
        [
            Column("domain", "Domain", link=LOOK),
            Column("address", "Address"),
            Column("port", "Port", width=70),
            Column("=serials", "Serials"),
            Column("=issuers", "Issuers", steps=((None, "text"), (2, "orange"))),
        ],
        sort=("Issuers", True),
    )
