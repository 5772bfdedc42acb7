"""The families about the exporter itself, in the order in which they are exposed."""

from __future__ import annotations

from exporter.expose import rows
from exporter.expose.details import CLIENTS
from exporter.expose.family import Family, source
from exporter.expose.rows import ACCOUNT, DELIVERY, EXPORTER, KEEPING, WEB_FILE

OWN = (
    CLIENTS,
    source(
        "acm_exporter_source_success",
        "1 if the source worked when it was last asked, 0 if it failed for a reason of ours or AWS's.",
        rows.number(lambda source: source.success),
    ),
    source(
        "acm_exporter_source_duration_seconds",
        "Duration of the latest sweep of ACM, listing of accounts, or look over TLS, at DNS or at files.",
        rows.number(lambda source: source.duration),
    ),
    source(
        "acm_exporter_source_last_success_timestamp_seconds",
        "When the source last worked.",
        rows.moment(lambda source: source.last_success),
    ),
    Family(
        "acm_account_info",
        "The account's name, as the organization or the configuration has it; always 1.",
        ACCOUNT,
        rows.state(lambda account: account[1]),
        ("name",),
    ),
    Family(
        "acm_exporter_organization_accounts",
        "Accounts of the organization that are watched; no row without one.",
        EXPORTER,
        rows.number(lambda snapshot: snapshot.roll.members),
    ),
    Family(
        "acm_exporter_aws_requests_total",
        "HTTP requests to AWS, retries included; code is OK or the error's.",
        EXPORTER,
        lambda snapshot, _: snapshot.requests.items(),
        ("account", "region", "operation", "code"),
        kind="counter",
    ),
    Family(
        "acm_exporter_looks_total",
        "Looks by source and outcome: ok, or the reason for which nothing was seen.",
        EXPORTER,
        lambda snapshot, _: snapshot.tally.items(),
        ("source", "outcome"),
        kind="counter",
    ),
    Family(
        "acm_exporter_snapshot_timestamp_seconds",
        "When the exposed snapshot was taken.",
        EXPORTER,
        rows.moment(lambda snapshot: snapshot.taken_at),
    ),
    Family(
        "acm_exporter_config_last_reload_successful",
        "1 if the configuration was loaded when it was last tried, 0 if it was refused.",
        EXPORTER,
        rows.number(lambda snapshot: not snapshot.refused if snapshot.configured_at else None),
    ),
    Family(
        "acm_exporter_config_last_reload_success_timestamp_seconds",
        "When the configuration in force was loaded.",
        EXPORTER,
        rows.moment(lambda snapshot: snapshot.configured_at),
    ),
    Family(
        "acm_exporter_web_config_last_reload_successful",
        "1 if the web configuration and its files could be used when they last changed, 0 if not; no row "
        "without one.",
        WEB_FILE,
        rows.number(lambda web_file: not web_file.refused),
    ),
    Family(
        "acm_exporter_web_config_last_reload_success_timestamp_seconds",
        "When the web configuration in use was loaded.",
        WEB_FILE,
        rows.moment(lambda web_file: web_file.loaded_at),
    ),
    Family(
        "acm_exporter_shard_ordinal",
        "Number of this shard, counted from 0; 0 where there is one.",
        EXPORTER,
        rows.ordinal,
        ("shard_ordinal",),
    ),
    Family(
        "acm_exporter_total_shards",
        "Number of shards that share the certificates and endpoints.",
        EXPORTER,
        rows.number(lambda snapshot: float(snapshot.shard.total)),
    ),
    Family(
        "acm_exporter_build_info", "Versions; always 1.", EXPORTER, rows.build, ("version", "python_version")
    ),
    Family(
        "acm_exporter_changes_total",
        "Changes that were seen, of certificates and of what endpoints serve.",
        EXPORTER,
        rows.changes,
        ("subject", "what"),
        kind="counter",
    ),
    Family(
        "acm_exporter_state_healthy",
        "1 if the state file could be used at the latest attempt, 0 if not; no row without one.",
        KEEPING,
        rows.number(lambda keeping: keeping.healthy),
    ),
    Family(
        "acm_exporter_state_last_write_timestamp_seconds",
        "When the state file was last written.",
        KEEPING,
        rows.moment(lambda keeping: keeping.last_write),
    ),
    Family(
        "acm_exporter_state_size_bytes",
        "Size of the state file with its write-ahead log.",
        KEEPING,
        rows.number(lambda keeping: keeping.size),
    ),
    Family(
        "acm_exporter_state_dropped_rows_total",
        "Rows of the state file that were left out, because they were not as they had been written.",
        KEEPING,
        rows.number(lambda keeping: keeping.dropped),
        kind="counter",
    ),
    Family(
        "acm_exporter_webhook_requests_total",
        "Requests to the webhook by outcome: ok, rejected, or the reason for which it is tried again.",
        DELIVERY,
        lambda delivery, _: (((outcome,), float(count)) for outcome, count in delivery.requests.items()),
        ("outcome",),
        kind="counter",
    ),
    Family(
        "acm_exporter_webhook_changes_total",
        "Changes that the webhook was told, and those that were given up.",
        DELIVERY,
        lambda delivery, _: (
            (("delivered",), float(delivery.delivered)),
            (("dropped",), float(delivery.dropped)),
        ),
        ("outcome",),
        kind="counter",
    ),
    Family(
        "acm_exporter_webhook_waiting_changes",
        "Changes that the webhook was not told yet.",
        DELIVERY,
        rows.number(lambda delivery: delivery.waiting),
    ),
    Family(
        "acm_exporter_webhook_last_success_timestamp_seconds",
        "When the webhook last took changes.",
        DELIVERY,
        rows.moment(lambda delivery: delivery.last_success),
    ),
)
