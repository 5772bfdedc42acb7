"""The dashboard of the exporter itself: can its numbers be believed, and what does it cost."""

from __future__ import annotations

from grafana.source.panels import Column, Json, arrange, bars, graph, stat, table, timeline
from grafana.source.queries import SOME_BAD, UP, YES_NO, in_bars
from grafana.source.thresholds import SNAPSHOT_STALE_SECONDS
from grafana.source.variables import ACCOUNT, INSTANCE, REGION, dashboard

# AWS's quotas for ACM: requests per second, for each account and region.
QUOTAS = {
    "SearchCertificates": 5,
    "ListCertificates": 8,
    "DescribeCertificate": 10,
    "ListTagsForCertificate": 10,
}
OWN = 'job=~"$job", instance=~"$instance"'
PLACE = f'{OWN}, account=~"$account", region=~"$region"'
SOURCE = "{{source}} {{account}} {{region}}"
AGE = f"time() - acm_exporter_snapshot_timestamp_seconds{{{OWN}}}"
NARROW = (3, 3, 4, 4, 3, 4, 3)  # widths of the numbers on top
STALE = ((None, "text"), (SNAPSHOT_STALE_SECONDS, "red"))


def make() -> Json:
    """Make the dashboard."""
    return dashboard(
        "acm-exporter",
        "ACM certificates: the exporter",
        "Whether the exporter's numbers can be believed, and what it costs AWS and its machine.",
        variables=[ACCOUNT, REGION, INSTANCE],
        panels=arrange(
            [
                ("", 4, list(zip(NARROW, _numbers(), strict=True))),
                ("Sources", 8, [(12, _sources()), (12, _since())]),
                ("Accounts", 8, [(24, _accounts())]),
                ("AWS", 9, [(10, _requests()), (7, _quota()), (7, _codes())]),
                ("Looks", 8, [(8, _looks()), (8, _outcomes()), (8, _durations())]),
                ("Beside the watch", 7, [(8, _door()), (8, _kept()), (8, _told())]),
                ("The process", 7, [(6, one) for one in _process()]),
            ]
        ),
        since="now-6h",
    )


def _numbers() -> list[Json]:
    return [
        stat("Up", "Whether Prometheus reaches every exporter.", f"min(up{{{OWN}}})", words=YES_NO),
        stat(
            "Sources that fail",
            "Sources (ACM by account and region, the organization, TLS, DNS) that failed when last asked.",
            f"sum(acm_exporter_source_success{{{PLACE}}} == bool 0)",
            steps=SOME_BAD,
        ),
        stat(
            "Snapshot's age",
            "Seconds since the exposed snapshot was taken; it is renewed every few seconds.",
            f"max({AGE})",
            unit="s",
            steps=STALE,
        ),
        stat(
            "Configuration in force",
            "Whether the configuration was loaded when last tried; if not, the previous one is in force.",
            f"min(acm_exporter_config_last_reload_successful{{{OWN}}})",
            words={"0": ("refused", "red"), "1": ("loaded", "text")},
        ),
        stat(
            "Shards missing",
            "Shards that do not answer: nobody watches their certificates and endpoints.",
            'max(acm_exporter_total_shards{job=~"$job"}) '
            '- count(count by (shard_ordinal) (acm_exporter_shard_ordinal{job=~"$job"}))',
            steps=SOME_BAD,
        ),
        stat(
            "Endpoints",
            "Endpoints that are looked at.",
            f"count(max by (domain, port, address) (tls_endpoint_reachable{{{OWN}}}))",
        ),
        stat(
            "Version",
            "The versions that run.",
            f"count by (version) (acm_exporter_build_info{{{OWN}}})",
            label="version",
        ),
    ]


def _sources() -> Json:
    return timeline(
        "Sources",
        "Whether each source worked when it was last asked.",
        f"min by (source, account, region) (acm_exporter_source_success{{{PLACE}}})",
        SOURCE,
        in_bars(UP),
    )


def _accounts() -> Json:
    """Show the accounts by the names that people know; one without a name stays in the table."""
    worked = f'min by (account) (acm_exporter_source_success{{{PLACE}, source="acm"}})'
    names = f"max by (account, name) (acm_account_info{{{OWN}}})"
    return table(
        "Accounts",
        "Whether all regions of each account could be read, those that could not first, with the account's "
        "name in the configuration or in AWS Organizations.",
        {"read": worked, "names": f"{names} and on (account) {worked}"},
        [
            Column("account", "Account", width=150),
            Column("name", "Name"),
            Column("=read", "Read", words=YES_NO, width=100),
        ],
        sort=("Read", False),
    )


def _since() -> Json:
    return graph(
        "Since the last success",
        "Seconds since each source last worked; a line that only climbs is a source that fails.",
        f"time() - max by (source, account, region) "
        f"(acm_exporter_source_last_success_timestamp_seconds{{{PLACE}}})",
        SOURCE,
        unit="s",
    )


def _requests() -> Json:
    return graph(
        "Requests to AWS",
        "Requests by operation and answer, retries included.",
        f"sum by (operation, code) (rate(acm_exporter_aws_requests_total{{{PLACE}}}[$__rate_interval]))",
        "{{operation}} {{code}}",
        unit="reqps",
    )


def _quota() -> Json:
    shares = " or ".join(
        f"sum by (account, region, operation) (rate(acm_exporter_aws_requests_total"
        f'{{{PLACE}, operation="{operation}"}}[$__rate_interval])) / {quota}'
        for operation, quota in QUOTAS.items()
    )
    listed = ", ".join(f"{operation} {quota}" for operation, quota in QUOTAS.items())
    return bars(
        "Share of AWS's quota",
        f"Our requests as a share of ACM's quota in each account and region (requests per second: {listed}). "
        "Everybody in the account draws on the same quota.",
        f"topk(12, {shares})",
        "{{account}} {{region}} {{operation}}",
        unit="percentunit",
        steps=((None, "green"), (0.5, "orange"), (0.8, "red")),
        most=1,
    )


def _codes() -> Json:
    return bars(
        "Answers of AWS",
        "Requests by answer within the dashboard's time range; everything but OK was retried or failed.",
        f"sort_desc(round(sum by (code) (increase(acm_exporter_aws_requests_total{{{PLACE}}}[$__range]))))",
        "{{code}}",
    )


def _looks() -> Json:
    return graph(
        "Looks",
        "Looks per second, by source.",
        f"sum by (source) (rate(acm_exporter_looks_total{{{OWN}}}[$__rate_interval]))",
        "{{source}}",
        unit="ops",
    )


def _outcomes() -> Json:
    blind = f'rate(acm_exporter_looks_total{{{OWN}, outcome!="ok"}}[$__rate_interval])'
    return graph(
        "Looks that saw nothing",
        "Looks per second that saw nothing, by source and reason.",
        f"sum by (source, outcome) ({blind}) > 0",
        "{{source}} {{outcome}}",
        unit="ops",
        stacked=True,
    )


def _durations() -> Json:
    return graph(
        "Durations",
        "How long the latest sweep of ACM took, and the latest looks over TLS and DNS.",
        f"max by (source, account, region) (acm_exporter_source_duration_seconds{{{PLACE}}})",
        SOURCE,
        unit="s",
    )


def _door() -> Json:
    return timeline(
        "Web configuration",
        "Whether the web configuration and its certificate could be used when they last changed; nothing "
        "where there is none.",
        f"acm_exporter_web_config_last_reload_successful{{{OWN}}}",
        "{{instance}}",
        in_bars({"0": ("refused", "red"), "1": ("loaded", "green")}),
    )


def _kept() -> Json:
    return graph(
        "Since the state file was written",
        "Seconds since each state file was last written, every 15 s at most; nothing where there is none.",
        f"time() - acm_exporter_state_last_write_timestamp_seconds{{{OWN}}}",
        "{{instance}}",
        unit="s",
    )


def _told() -> Json:
    return graph(
        "Changes that the webhook lacks",
        "Changes that wait to be told, and those given up within the hour; nothing without a webhook.",
        f"label_replace(sum by (instance) (acm_exporter_webhook_waiting_changes{{{OWN}}}), "
        '"what", "waiting", "", "") or label_replace(sum by (instance) '
        f'(increase(acm_exporter_webhook_changes_total{{{OWN}, outcome="dropped"}}[1h])), '
        '"what", "given up", "", "")',
        "{{instance}} {{what}}",
    )


def _process() -> list[Json]:
    age = graph(
        "Snapshot's age",
        "Seconds since the exposed snapshot was taken; the line is where the alert begins.",
        AGE,
        "{{instance}}",
        unit="s",
        steps=STALE,
    )
    memory = graph(
        "Memory",
        "Resident memory of the process.",
        f"process_resident_memory_bytes{{{OWN}}}",
        "{{instance}}",
        unit="bytes",
    )
    cpu = graph(
        "CPU",
        "Processor cores in use.",
        f"rate(process_cpu_seconds_total{{{OWN}}}[$__rate_interval])",
        "{{instance}}",
        unit="percentunit",
    )
    scrape = graph(
        "Scrapes",
        "How long Prometheus takes to scrape the exporter.",
        f"scrape_duration_seconds{{{OWN}}}",
        "{{instance}}",
        unit="s",
    )
    return [age, memory, cpu, scrape]
