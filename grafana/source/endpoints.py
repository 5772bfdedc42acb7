"""The dashboard of what visitors meet: can it be reached, how fast, with which certificate and chain."""

from __future__ import annotations

from grafana.source.panels import DAYS, PLAIN, Column, Json, arrange, bars, graph, stat, table
from grafana.source.queries import DAY, ENDPOINT, OVER, SOME_BAD, YES_NO, endpoints, everywhere, only
from grafana.source.variables import ACCOUNT, LABEL, NAME, REGION, dashboard

MOST = 100
REACHED = endpoints("tls_endpoint_reachable")
PLACE = (
    Column("domain", "Domain", width=240),
    Column("address", "Address"),
    Column("port", "Port", width=70),
)


def make() -> Json:
    """Make the dashboard."""
    return dashboard(
        "acm-endpoints",
        "ACM certificates: endpoints",
        "Every domain, port and address that is looked at: reachability, handshake, certificate and chain.",
        variables=[ACCOUNT, REGION, NAME, LABEL],
        panels=arrange(
            [
                ("", 4, [(4, one) for one in _numbers()]),
                ("", 10, [(24, _urgent())]),
                ("Reachability", 8, [(12, _reachable()), (12, _failures())]),
                ("Handshakes", 8, [(10, _phases()), (8, _slowest()), (6, _versions())]),
                ("Certificates and chains", 8, [(8, _issuers()), (16, _chains())]),
                ("Files", 8, [(24, _files())]),
            ]
        ),
        since="now-24h",
    )


def _wrong(metric: str) -> str:
    return f"sum({endpoints(metric)} == bool 0)"


def _numbers() -> list[Json]:
    return [
        stat("Endpoints", "Domains, ports and addresses that are looked at.", f"count({REACHED})"),
        stat(
            "Unreachable",
            "Endpoints that did not complete a TLS handshake.",
            _wrong("tls_endpoint_reachable"),
            steps=SOME_BAD,
        ),
        stat(
            "Not ACM's serial",
            "Endpoints that serve another serial number than the certificate they count for.",
            f"sum(min by ({ENDPOINT}) ({endpoints('tls_endpoint_serial_match', '', 'arn')}) == bool 0)",
            steps=SOME_BAD,
        ),
        stat(
            "Wrong name",
            "Endpoints whose certificate does not cover their domain.",
            _wrong("tls_endpoint_name_match"),
            steps=SOME_BAD,
        ),
        stat(
            "Not trusted",
            "Endpoints whose chain leads to no trusted root.",
            _wrong("tls_endpoint_chain_trusted"),
            steps=SOME_BAD,
        ),
        stat(
            "Next expiry",
            "Days until the first served certificate ends; below zero one has ended already.",
            f"min({endpoints('tls_endpoint_days_to_expiry')})",
            unit=DAYS,
            decimals=1,
            steps=OVER,
        ),
    ]


def _urgent() -> Json:
    faults = ("tls_endpoint_reachable", "tls_endpoint_name_match", "tls_endpoint_chain_trusted")
    wrong = " or ".join(endpoints(metric, keep=" == 0") for metric in faults)
    first = f"{wrong} or bottomk({MOST}, {endpoints('tls_endpoint_days_to_expiry')})"

    def among(metric: str, by: str = "") -> str:
        return only(everywhere(metric, "", by), first, ENDPOINT)

    serial = f"min by ({ENDPOINT}) ({everywhere('tls_endpoint_serial_match', '', 'arn')})"
    ago = f"time() - {everywhere('tls_endpoint_last_success_timestamp_seconds')}"
    return table(
        "Endpoints with a fault, and the next to expire",
        f"Endpoints that are unreachable, untrusted or serve a wrong name; and the {MOST} that expire next.",
        {
            "reached": among("tls_endpoint_reachable"),
            "failure": among("tls_endpoint_failure", "reason"),
            "name": among("tls_endpoint_name_match"),
            "trusted": among("tls_endpoint_chain_trusted"),
            "serial": only(serial, first, ENDPOINT),
            "expires": among("tls_endpoint_days_to_expiry"),
            "served": among("tls_endpoint_info", "issuer, subject, tls_version"),
            "ago": only(ago, first, ENDPOINT),
        },
        [
            *PLACE,
            Column("=reached", "Reachable", words=YES_NO, width=90),
            Column("reason", "Failure"),
            Column("=name", "Right name", words=YES_NO, width=100),
            Column("=trusted", "Trusted", words=YES_NO, width=80),
            Column("=serial", "ACM's serial", words=YES_NO, width=110),
            Column("=expires", "Served until", unit=DAYS, decimals=1, steps=OVER, width=110),
            Column("issuer", "Issuer"),
            Column("subject", "Subject"),
            Column("tls_version", "TLS", width=80),
            Column("=ago", "Last answer", unit="s", width=110),
        ],
        sort=("Reachable", False),
    )


def _reachable() -> Json:
    return graph(
        "Reachable",
        "The share of endpoints that complete a TLS handshake.",
        f"avg({REACHED})",
        "reachable",
        unit="percentunit",
    )


def _failures() -> Json:
    return graph(
        "Failures by reason",
        "Endpoints whose latest look failed, by the reason.",
        f"sum by (reason) ({endpoints('tls_endpoint_failure', '', 'reason')})",
        "{{reason}}",
        stacked=True,
    )


def _phases() -> Json:
    durations = endpoints("tls_endpoint_probe_duration_seconds", "", "phase")
    return graph(
        "Duration by phase",
        "How long each phase of a look takes: the median and the 95th percentile over all endpoints.",
        f"quantile by (phase) (0.5, {durations})",
        "{{phase}} (median)",
        more=[(f"quantile by (phase) (0.95, {durations})", "{{phase}} (95 %)")],
        unit="s",
    )


def _slowest() -> Json:
    durations = endpoints("tls_endpoint_probe_duration_seconds", 'phase="handshake"')
    return bars(
        "Slowest handshakes",
        "The ten endpoints with the longest TLS handshake at the latest look.",
        f"topk(10, {durations})",
        "{{domain}} {{address}}",
        unit="s",
    )


def _versions() -> Json:
    versions = endpoints("tls_endpoint_info", "", "tls_version")
    return bars(
        "TLS versions",
        "Endpoints by the TLS version that they agreed on.",
        f"sort_desc(count by (tls_version) ({versions}))",
        "{{tls_version}}",
        steps=PLAIN,
    )


def _issuers() -> Json:
    return bars(
        "Issuers",
        "Endpoints by the issuer of what they serve, the most frequent ten.",
        f"topk(10, count by (issuer) ({endpoints('tls_endpoint_info', '', 'issuer')}))",
        "{{issuer}}",
    )


def _chains() -> Json:
    chain = everywhere("tls_endpoint_chain_not_after_timestamp_seconds")
    sooner = f"{endpoints('tls_endpoint_chain_not_after_timestamp_seconds')}"
    sooner += f" < {everywhere('tls_endpoint_not_after_timestamp_seconds')}"
    weak = f"{endpoints('tls_endpoint_chain_trusted', keep=' == 0')} or bottomk({MOST}, {sooner})"
    return table(
        "Chains that are not trusted or end before their leaf",
        "An intermediate or root that ends first takes the leaf with it; a chain without a trusted root is "
        f"refused by browsers. The untrusted ones, and the {MOST} that end next.",
        {
            "trusted": only(everywhere("tls_endpoint_chain_trusted"), weak, ENDPOINT),
            "chain": only(f"({chain} - time()) / {DAY}", weak, ENDPOINT),
            "leaf": only(everywhere("tls_endpoint_days_to_expiry"), weak, ENDPOINT),
            "issuer": only(everywhere("tls_endpoint_info", "", "issuer"), weak, ENDPOINT),
        },
        [
            PLACE[0],
            PLACE[1],
            PLACE[2],
            Column("=trusted", "Trusted", words=YES_NO, width=80),
            Column("=chain", "Chain ends in", unit=DAYS, decimals=1, steps=OVER),
            Column("=leaf", "Leaf ends in", unit=DAYS, decimals=1),
            Column("issuer", "Issuer"),
        ],
        sort=("Trusted", False),
    )


def _files() -> Json:
    where = '{job=~"$job"}'
    return table(
        "Certificates in files",
        "Files that the exporter reads on its own machine, the next to expire first. Whether each holds what "
        "ACM has now, where it belongs to a certificate of ACM's.",
        {
            "expires": f"min by (path) (certificate_file_days_to_expiry{where})",
            "serial": f"min by (path) (certificate_file_serial_match{where})",
            "failure": f"max by (path, reason) (certificate_file_failure{where})",
            "held": f"max by (path, serial, issuer) (certificate_file_info{where})",
            "ago": f"time() - max by (path) (certificate_file_last_success_timestamp_seconds{where})",
        },
        [
            Column("path", "File"),
            Column("reason", "Failure"),
            Column("=serial", "ACM's serial", words=YES_NO, width=110),
            Column("=expires", "Ends in", unit=DAYS, decimals=1, steps=OVER, width=110),
            Column("serial", "Serial"),
            Column("issuer", "Issuer"),
            Column("=ago", "Last read", unit="s", width=110),
        ],
        sort=("Ends in", False),
    )
