"""Alerts on ourselves: where we are blind, and where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from grafana.source import thresholds as at
from grafana.source.alerting.renewal import USED
from grafana.source.alerting.rule import CERTIFICATE, CRITICAL, WARNING, Alert, chosen, past
from grafana.source.alerting.texts import BLIND, ORDINALS, SOURCE, TOTALS, WHO

UP = chosen("up", job=at.JOB)


def blind() -> Iterator[Alert]:
    """Alert where something cannot be seen."""
    yield Alert(
        "AcmConditionUnknown",
        WARNING,
        "Not while a whole source fails: that is AcmSourceFailing.",
        f"""\
count by ({CERTIFICATE}) (
  max by ({CERTIFICATE}, condition) ({past("acm_certificate_condition_unknown", scope="!=advisory")})
)
unless on (account, region) {past("acm_exporter_source_success", source="acm")} == 0
unless on () {past("acm_exporter_source_success", source="=~tls|dns|file")} == 0
{USED}""",
        at.FOR_UNKNOWN,
        "Whether {{ $labels.domain }} will be renewed and served is not known",
        f"Conditions of {WHO} cannot be judged, so that trouble would go unseen.\n{BLIND}"
        "First: look on the exporter's side (IAM rights, resolver, route) as the reason says, then on the "
        "other.\n",
    )
    yield Alert(
        "AcmSourceFailing",
        WARNING,
        "We are blind. Nothing is known to be broken, and what was known stays known.",
        f"min by (source, account, region) ({past('acm_exporter_source_success')}) == 0",
        at.FOR_SOURCE,
        f"acm-exporter sees nothing of {SOURCE}",
        f"The latest looks of the source {SOURCE} failed for a reason of ours or AWS's. New trouble is not "
        "seen meanwhile.\n"
        "First: read the exporter's log. For acm, resources and organization, check its credentials, IAM "
        "rights and way to AWS; for tls and dns, the resolver and network of its machine; for file, its "
        "rights and disks.\n",
    )


def idle() -> Iterator[Alert]:
    """Alert where the exporter itself does not do its work."""
    yield Alert(
        "AcmSnapshotStale",
        CRITICAL,
        "It answers scrapes, and has stopped watching.",
        f"time() - {past('acm_exporter_snapshot_timestamp_seconds')} > {at.SNAPSHOT_STALE_SECONDS}\n"
        f"and on (job, instance) {UP} == 1",
        at.FOR_EXPORTER,
        "acm-exporter at {{ $labels.instance }} shows old data",
        "What the exporter at {{ $labels.instance }} exposes is {{ $value | humanizeDuration }} old. No "
        "alert about certificates can be relied on.\n"
        "First: read its log, then restart it.\n",
    )
    down = Alert(
        "AcmExporterDown",
        CRITICAL,
        "Nobody watches.",
        f"({UP} == 0 or absent({UP}))\nunless on () {UP} == 1",
        at.FOR_EXPORTER,
        "acm-exporter is down: nobody watches the certificates",
        "Prometheus can scrape no target of the job {{ $labels.job }}"
        "{{ with $labels.instance }} ({{ . }}){{ end }}, so no alert about certificates can fire.\n"
        "First: see whether it runs and answers /-/healthy; read its log; check the scrape configuration.\n",
    )
    yield down
    yield replace(
        down,
        severity=WARNING,
        why="One of several; the others still watch.",
        expr=f"{UP} == 0\nand on () {UP} == 1",
        summary="One acm-exporter of several is down: {{ $labels.instance }}",
        description="Prometheus cannot scrape {{ $labels.instance }}; another target of the job "
        "{{ $labels.job }} answers.\n"
        "First: see whether it runs and answers /-/healthy; read its log.\n",
    )
    yield Alert(
        "AcmConfigNotReloaded",
        WARNING,
        "It goes on with the configuration it had.",
        f"{past('acm_exporter_config_last_reload_successful')} == 0",
        at.FOR_EXPORTER,
        "acm-exporter at {{ $labels.instance }} refused its new configuration",
        "The exporter at {{ $labels.instance }} goes on with the configuration it had.\n"
        "First: acm-exporter config check --config.file FILE tells every mistake with its line.\n",
    )


def divided() -> Iterator[Alert]:
    """Alert where a part of what shards divide is nobody's.

    Neither looks back: a pod that comes back has another address, so its former self would go on for a while.
    """
    totals = "by (job) (acm_exporter_total_shards)"
    yield Alert(
        "AcmExporterShardingMismatch",
        CRITICAL,
        "They divide by different numbers, so some certificates are watched twice and some by nobody.",
        f"max {totals} != min {totals}",
        at.FOR_SHARDS,
        "The shards of {{ $labels.job }} do not agree on how many they are",
        "Some certificates may be watched by nobody, others twice.\n"
        f"{TOTALS}"
        "First: give all of them the same --shard.total, and restart those that differ.\n",
    )
    ordinals = "count by (job) (count by (job, shard_ordinal) (acm_exporter_shard_ordinal))"
    yield Alert(
        "AcmExporterShardsMissing",
        CRITICAL,
        "Nobody watches the share of a shard that is not there; two of the same number are one.",
        f"max {totals}\n- {ordinals} > 0",
        at.FOR_SHARDS,
        "Shards of {{ $labels.job }} are missing ({{ $value }}): nobody watches their certificates",
        "No alert about the certificates and endpoints of the missing shards can fire.\n"
        f"Of the numbers from 0 on, these answer:{ORDINALS}.\n"
        "First: see whether each shard runs, has a --shard.index of its own, and is scraped.\n",
    )


def beside() -> Iterator[Alert]:
    """Alert where what stands beside the watch does not work: its door, its memory, its messenger."""
    yield Alert(
        "AcmWebConfigNotReloaded",
        WARNING,
        "It goes on with what it had, also with a certificate that will end.",
        f"{past('acm_exporter_web_config_last_reload_successful')} == 0",
        at.FOR_EXPORTER,
        "acm-exporter at {{ $labels.instance }} cannot use its new web configuration or certificate",
        "The exporter at {{ $labels.instance }} answers by the web configuration and the certificate that it "
        "had. The next start will fail.\n"
        "First: acm-exporter config check --web.config.file FILE tells every mistake with its line.\n",
    )
    yield Alert(
        "AcmStateNotWritten",
        WARNING,
        "Nothing is wrong until it restarts.",
        f"{past('acm_exporter_state_healthy')} == 0",
        at.FOR_ASIDE,
        "acm-exporter at {{ $labels.instance }} cannot use its state file",
        "What the exporter at {{ $labels.instance }} knows is not kept: after a restart it knows nothing "
        "until it has looked at everything again.\n"
        "First: read its log for the reason (disk full, permissions, another process), then see the disk.\n",
    )
    waiting = past("acm_exporter_webhook_waiting_changes")
    success = past("acm_exporter_webhook_last_success_timestamp_seconds")
    dropped = chosen("acm_exporter_webhook_changes_total", outcome="dropped")
    yield Alert(
        "AcmWebhookFailing",
        WARNING,
        "Changes wait for the webhook and it takes none, or some were given up.",
        f"(\n  max by (job, instance) ({waiting}) > 0\n"
        f"  unless on (job, instance) time() - {success} < {at.WEBHOOK_SILENT_SECONDS}\n)\n"
        f"or sum by (job, instance) (increase({dropped}[1h])) > 0",
        at.FOR_ASIDE,
        "acm-exporter at {{ $labels.instance }} cannot tell its webhook what changed",
        "Changes of certificates wait to be told, or were given up: the webhook answers wrongly or not at "
        "all. After a day a change is told no more.\n"
        "First: read the exporter's log for the reason, then ask whoever runs the webhook.\n",
    )


ALERTS = (*blind(), *idle(), *beside(), *divided())
