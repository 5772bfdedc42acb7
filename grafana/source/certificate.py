"""The dashboard of one certificate: why it will renew or not, and what each address serves."""

from __future__ import annotations

from grafana.source.panels import DAYS, Column, Json, arrange, graph, stat, table, timeline
from grafana.source.queries import (
    CONDITION_WORDS,
    DAY,
    IN_USE,
    OVER,
    RECORD,
    VERDICT_WORDS,
    YES_NO,
    condition,
    in_bars,
    one,
    runbook,
    serving,
    verdict,
)
from grafana.source.variables import (
    ACCOUNT,
    CERTIFICATE,
    CERTIFICATE_TAG,
    DOMAIN,
    REGION,
    dashboard,
    link_to,
)

CONSOLE = (
    "https://${__data.fields.region}.console.aws.amazon.com/acm/home?region=${__data.fields.region}"
    "#/certificates/${__data.fields.id}"
)
WINDOW = one("acm_certificate_renewal_window_start_timestamp_seconds")
BACK = [("All certificates", link_to("acm-fleet"))]


def make() -> Json:
    """Make the dashboard."""
    return dashboard(
        "acm-certificate",
        "ACM certificates: one certificate",
        "Why this certificate will or will not renew, and what each address of its names serves.",
        variables=[ACCOUNT, REGION, DOMAIN, CERTIFICATE_TAG, CERTIFICATE],
        panels=arrange(
            [
                ("", 4, [(4, one) for one in _numbers()]),
                ("", 4, [(24, _what())]),
                ("Why", 11, [(10, _conditions()), (14, _history())]),
                ("What visitors get", 8, [(24, _endpoints())]),
                ("When", 9, [(14, _days()), (10, _dates())]),
                ("Validation", 6, [(24, _records())]),
                ("What uses it", 6, [(24, _resources())]),
            ]
        ),
        since="now-30d",
    )


def _numbers() -> list[Json]:
    return [
        stat(
            "Verdict",
            "Whether ACM's managed renewal will succeed.",
            verdict(one),
            words=VERDICT_WORDS,
            links=BACK,
        ),
        stat(
            "Expires in",
            "Days until the certificate in ACM ends; below zero it has ended.",
            one("acm_certificate_days_to_expiry"),
            unit=DAYS,
            decimals=1,
            steps=OVER,
        ),
        stat(
            "Renewal begins in",
            "Days until ACM begins to renew; below zero the window is open. Empty: ACM never renews it.",
            f"({WINDOW} - time()) / {DAY}",
            unit=DAYS,
            decimals=1,
        ),
        stat(
            "Status in ACM",
            "The certificate's status, as ACM calls it.",
            one("acm_certificate_status", "", "status"),
            label="status",
        ),
        stat(
            "In use",
            "Whether an AWS resource uses it; ACM renews only what is in use or was exported.",
            one("acm_certificate_in_use"),
            words=IN_USE,
        ),
        stat(
            "Since the first issue",
            "Days since the certificate was first issued; the classic rules allow 825.",
            one("acm_certificate_validation_age_days"),
            unit=DAYS,
            decimals=0,
        ),
    ]


def _what() -> Json:
    labels = ("type", "validation_method", "key_algorithm", "managed_by", "issuer", "serial")
    info = one("acm_certificate_info", "", ", ".join(labels))
    return table(
        "What it is",
        "What ACM says of the certificate. A click on the certificate's id opens it in the AWS console.",
        {
            "what": f'label_replace({info}, "id", "$1", "arn", ".*/(.+)")',
            "resources": one("acm_certificate_in_use_by"),
            "renewal": one("acm_certificate_renewal_status", "", "status"),
        },
        [
            Column("domain", "Certificate"),
            Column("id", "Id", link=("Open in the AWS console", CONSOLE), width=310),
            Column("account", "Account"),
            Column("region", "Region"),
            Column("type", "Type"),
            Column("validation_method", "Validated by"),
            Column("key_algorithm", "Key"),
            Column("=resources", "AWS resources"),
            Column("status", "Renewal status"),
            Column("issuer", "Issuer"),
            Column("serial", "Serial"),
            Column("managed_by", "Managed by"),
        ],
        sort=("Certificate", False),
    )


def _conditions() -> Json:
    by = "condition, scope, reason"
    return table(
        "Conditions now",
        "Every condition that applies; the broken ones first. A click opens its runbook.",
        {
            "state": condition(one),
            "reason": one("acm_certificate_condition_unknown", "", by),
        },
        [
            Column(
                "condition",
                "Condition",
                link=("Runbook", runbook("${__data.fields.condition}")),
            ),
            Column("=state", "State", words=CONDITION_WORDS, width=100),
            Column("scope", "Costs", width=100),
            Column("reason", "Why unknown"),
        ],
        sort=("State", False),
    )


def _history() -> Json:
    return timeline(
        "Conditions over time",
        "When each condition held, broke or was not known. A gap: it did not apply, or nothing was scraped.",
        condition(one),
        "{{condition}}",
        in_bars(CONDITION_WORDS),
    )


def _endpoints() -> Json:
    served = ("serial", "issuer", "subject", "tls_version")
    return table(
        "Endpoints",
        "Each address of the certificate's names, with what it serves. An address that never answered is "
        "found by the certificate's first name only.",
        {
            "reached": serving("tls_endpoint_reachable"),
            "failure": serving("tls_endpoint_failure", "", "reason"),
            "serial": serving("tls_endpoint_serial_match", 'arn="$certificate"'),
            "name": serving("tls_endpoint_name_match"),
            "trusted": serving("tls_endpoint_chain_trusted"),
            "expires": serving("tls_endpoint_days_to_expiry"),
            "served": serving("tls_endpoint_info", "", ", ".join(served)),
            "ago": f"time() - {serving('tls_endpoint_last_success_timestamp_seconds')}",
        },
        [
            Column(
                "domain",
                "Domain",
                link=("Open this domain", link_to("acm-endpoints", domain="${__data.fields.domain}")),
            ),
            Column("address", "Address"),
            Column("port", "Port", width=70),
            Column("=reached", "Reachable", words=YES_NO),
            Column("reason", "Failure"),
            Column("=serial", "ACM's serial", words=YES_NO),
            Column("=name", "Right name", words=YES_NO),
            Column("=trusted", "Trusted", words=YES_NO),
            Column("=expires", "Served until", unit=DAYS, decimals=1),
            Column("issuer", "Served: issuer"),
            Column("subject", "Served: subject"),
            Column("serial", "Served: serial"),
            Column("tls_version", "TLS"),
            Column("=ago", "Last answer", unit="s"),
        ],
        sort=("Reachable", False),
    )


def _days() -> Json:
    return graph(
        "Days left over time",
        "Days to the end of ACM's certificate, to its renewal, and to the end of what each address serves. "
        "A renewal makes ACM's line jump up; an address whose line does not follow still serves the previous "
        "certificate.",
        one("acm_certificate_days_to_expiry"),
        "in ACM",
        more=[
            (f"({WINDOW} - time()) / {DAY}", "to the renewal window"),
            (serving("tls_endpoint_days_to_expiry"), "{{domain}} {{address}}"),
        ],
        unit=DAYS,
        least=None,
    )


def _dates() -> Json:
    events = {
        "requested": "created",
        "issued": "issued",
        "valid from": "not_before",
        "renewal window opens": "renewal_window_start",
        "expires": "not_after",
    }
    moments = {event: one(f"acm_certificate_{name}_timestamp_seconds") for event, name in events.items()}
    rows = " or ".join(
        f'label_replace({moment} * 1000, "event", "{event}", "", "")' for event, moment in moments.items()
    )
    return table(
        "Dates",
        "The dates of the certificate in ACM, in order, those to come as well.",
        {"at": rows, "in": f"({rows}) / 1000 - time()"},
        [
            Column("event", "Event"),
            Column("=at", "Date", unit="dateTimeAsIso"),
            Column("=in", "From now", unit="dtdurations"),
        ],
        sort=("Date", False),
    )


def _records() -> Json:
    return table(
        "Validation records",
        "The CNAME records by which ACM validates the names, and whether DNS has them as ACM wants them.",
        {"A": one("acm_certificate_validation_record", "", "name")},
        [
            Column("name", "Record", width=600),
            Column("=A", "In DNS", words=RECORD, link=("Runbook", runbook("validation_records"))),
        ],
        sort=("In DNS", False),
    )


def _resources() -> Json:
    named = ("resource_type", "resource")
    return table(
        "AWS resources",
        "What uses the certificate, as ACM says; with the DNS name where aws.resources names the service.",
        {
            "used": one("acm_certificate_resource", "", ", ".join(named)),
            "described": one("acm_certificate_resource_info", "", ", ".join((*named, "dns_name"))),
        },
        [
            Column("resource_type", "Kind", width=240),
            Column("resource", "Resource", width=300),
            Column("dns_name", "DNS name"),
        ],
        sort=("Kind", False),
    )
