"""The table of metrics: names, labels and values that dashboards and alerts rely on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import pytest

from exporter import __version__
from exporter.expose.exposition import collect
from exporter.expose.families import FAMILIES
from exporter.facts import Link, Timing, Unseen, Why
from exporter.judge.rule import Outcome, RuleSet
from exporter.judge.sharding import Shard
from exporter.snapshot import Roll, Snapshot, Source, WebFile
from tests.evidence import ARN, BEHIND, CERTIFICATE, DAY, ENDS, NOON, OTHER_ARN, SERVED, missed, served
from tests.expose.snapshots import SEEN, SMALL, blank, case, finding, snapshot, spot

CERTIFICATE_LABELS = ["arn", "account", "region", "domain"]
ENDPOINT_LABELS = ["domain", "port", "address"]
SOURCE_LABELS = ["source", "account", "region"]

# DESIGN.md, section 7, written out: the name without its prefix -> the labels beyond identity
CONTRACT: dict[str, tuple[list[str], dict[str, str]]] = {
    "acm_certificate_": (
        CERTIFICATE_LABELS,
        {
            "info": "type validation_method key_algorithm key_pair_origin managed_by issuer serial",
            "status": "status",
            "not_before_timestamp_seconds": "",
            "not_after_timestamp_seconds": "",
            "days_to_expiry": "",
            "created_timestamp_seconds": "",
            "issued_timestamp_seconds": "",
            "in_use": "",
            "in_use_by": "",
            "resource": "resource_type resource",
            "resource_info": "resource_type resource dns_name",
            "validation_age_days": "",
            "renewal_eligible": "",
            "renewal_status": "status",
            "renewal_window_start_timestamp_seconds": "",
            "validation_record": "name",
            "reachable": "",
            "name_match": "",
            "serial_match": "",
            "condition": "condition scope",
            "condition_unknown": "condition scope reason",
            "renewal_verdict": "verdict",
            "first_seen_timestamp_seconds": "",
            "serial_changed_timestamp_seconds": "",
            "tags": "tag_*",
        },
    ),
    "tls_endpoint_": (
        ENDPOINT_LABELS,
        {
            "reachable": "",
            "failure": "reason",
            "not_before_timestamp_seconds": "",
            "not_after_timestamp_seconds": "",
            "days_to_expiry": "",
            "chain_not_after_timestamp_seconds": "",
            "name_match": "",
            "chain_trusted": "",
            "serial_match": "arn",
            "info": "serial issuer subject fingerprint_sha256 tls_version cipher",
            "probe_duration_seconds": "phase",
            "last_success_timestamp_seconds": "",
            "first_seen_timestamp_seconds": "",
            "serial_changed_timestamp_seconds": "",
            "labels": "label_*",
            "key_exchange_info": "group",
            "ocsp_stapled": "",
            "ocsp_status": "status",
            "key_type_info": "key_type serial issuer subject fingerprint_sha256",
            "key_type_not_after_timestamp_seconds": "key_type",
            "key_type_chain_trusted": "key_type",
            "chain_certificate_info": "position serial issuer subject fingerprint_sha256",
            "chain_certificate_not_after_timestamp_seconds": "position",
            "chain_certificate_days_to_expiry": "position",
            "chain_certificate_trusted": "position",
        },
    ),
    "certificate_file_": (
        ["path"],
        {
            "not_before_timestamp_seconds": "",
            "not_after_timestamp_seconds": "",
            "days_to_expiry": "",
            "info": "serial issuer subject fingerprint_sha256",
            "serial_match": "arn",
            "failure": "reason",
            "last_success_timestamp_seconds": "",
        },
    ),
    "tls_client_": (["domain", "port"], {"certificate_not_after_timestamp_seconds": ""}),
    "acm_exporter_source_": (
        SOURCE_LABELS,
        {"success": "", "duration_seconds": "", "last_success_timestamp_seconds": ""},
    ),
    "acm_account_": (["account"], {"info": "name"}),
    "acm_exporter_": (
        [],
        {
            "organization_accounts": "",
            "aws_requests_total": "account region operation code",
            "looks_total": "source outcome",
            "snapshot_timestamp_seconds": "",
            "config_last_reload_successful": "",
            "config_last_reload_success_timestamp_seconds": "",
            "web_config_last_reload_successful": "",
            "web_config_last_reload_success_timestamp_seconds": "",
            "shard_ordinal": "shard_ordinal",
            "total_shards": "",
            "build_info": "version python_version",
            "changes_total": "subject what",
            "state_healthy": "",
            "state_last_write_timestamp_seconds": "",
            "state_size_bytes": "",
            "state_dropped_rows_total": "",
            "webhook_requests_total": "outcome",
            "webhook_changes_total": "outcome",
            "webhook_waiting_changes": "",
            "webhook_last_success_timestamp_seconds": "",
        },
    ),
}


def test_families_are_those_of_the_contract() -> None:
    """Names, labels and order are what users' rules and dashboards were written for."""
    promised = [
        (prefix + name, [*identity, *labels.split()])
        for prefix, (identity, families) in CONTRACT.items()
        for name, labels in families.items()
    ]
    assert [(one.name, [*one.subject.labels, *one.labels]) for one in FAMILIES] == promised


def test_counters_and_only_they_end_in_total() -> None:
    """What ends in _total may be given to rate(), and nothing else."""
    assert {one.name for one in FAMILIES if one.kind == "counter"} == {
        "acm_exporter_aws_requests_total",
        "acm_exporter_looks_total",
        "acm_exporter_changes_total",
        "acm_exporter_state_dropped_rows_total",
        "acm_exporter_webhook_requests_total",
        "acm_exporter_webhook_changes_total",
    }
    assert all(one.name.endswith("_total") == (one.kind == "counter") for one in FAMILIES)


def rows(
    of: Snapshot, families: Iterable[str] | None = None
) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Give the labels and the value of each row, by metric; identity labels are left out."""
    identity = {*CERTIFICATE_LABELS, *ENDPOINT_LABELS} - {"account", "region"}
    out: dict[str, list[tuple[dict[str, str], float]]] = {}
    for metric in collect(FAMILIES, of):
        for sample in metric.samples:
            if families is None or sample.name in families:
                labels = {k: v for k, v in sample.labels.items() if k not in identity and v != OWN.get(k)}
                out.setdefault(sample.name, []).append((labels, sample.value))
    return out


OWN = {"account": "111122223333", "region": "us-east-1"}


def test_everything_known_of_a_certificate() -> None:
    """Each fact has its row, times in Unix seconds, serials in bare lower-case hex."""
    one = case(
        replace(
            CERTIFICATE,
            renewal_status="PENDING_VALIDATION",
            managed_by="CLOUDFRONT",
            tags={"a-b": "c"},
            behind=BEHIND,
        ),
        records=(("_x.example.com", True), ("_y.example.com", False)),
        caa=finding(Outcome.BREAKS, "no", "do"),
        eligible=finding(Outcome.UNKNOWN, "?", why=Why.THROTTLED),
        name_match=finding(Outcome.BREAKS, "no", "do"),
        validation_age=finding(Outcome.BREAKS, "old", "do"),
    )
    found = rows(snapshot(one, sources=(), tags=("a-b", "z")))
    ours = {
        name.removeprefix("acm_certificate_"): value for name, value in found.items() if "certificate" in name
    }
    assert ours == {
        "info": [
            (
                {
                    "type": "AMAZON_ISSUED",
                    "validation_method": "DNS",
                    "key_algorithm": "RSA_2048",
                    "key_pair_origin": "AWS_MANAGED",
                    "managed_by": "CLOUDFRONT",
                    "issuer": "Amazon",
                    "serial": "a1b2c3",
                },
                1.0,
            )
        ],
        "status": [({"status": "ISSUED"}, 1.0)],
        "not_before_timestamp_seconds": [({}, 1790812800.0)],
        "not_after_timestamp_seconds": [({}, 1807920000.0)],
        "days_to_expiry": [({}, 144.5)],
        "created_timestamp_seconds": [({}, 1773651600.0)],
        "issued_timestamp_seconds": [({}, 1790812800.0)],
        "in_use": [({}, 1.0)],
        "in_use_by": [({}, 1.0)],
        "resource": [({"resource_type": "application_load_balancer", "resource": "shop"}, 1.0)],
        "resource_info": [
            (
                {
                    "resource_type": "application_load_balancer",
                    "resource": "shop",
                    "dns_name": "shop-1.us-east-1.elb.amazonaws.com",
                },
                1.0,
            )
        ],
        "validation_age_days": [({}, 252.125)],
        "renewal_eligible": [({}, 1.0)],
        "renewal_status": [({"status": "PENDING_VALIDATION"}, 1.0)],
        "renewal_window_start_timestamp_seconds": [({}, 1804032000.0)],
        "validation_record": [({"name": "_x.example.com"}, 1.0), ({"name": "_y.example.com"}, 0.0)],
        "reachable": [({}, 1.0)],
        "name_match": [({}, 0.0)],
        "serial_match": [({}, 1.0)],
        "condition": [
            ({"condition": "reachable", "scope": "serving"}, 1.0),
            ({"condition": "name_match", "scope": "serving"}, 0.0),
            ({"condition": "serial_match", "scope": "serving"}, 1.0),
            ({"condition": "in_use", "scope": "renewal"}, 1.0),
            ({"condition": "validation_age", "scope": "advisory"}, 0.0),
            ({"condition": "caa", "scope": "renewal"}, 0.0),
        ],
        "condition_unknown": [
            ({"condition": "eligible", "scope": "renewal", "reason": "throttled"}, 1.0),
        ],
        "renewal_verdict": [
            ({"verdict": "renews"}, 1.0),
            ({"verdict": "blocked"}, 0.0),
            ({"verdict": "unknown"}, 0.0),
            ({"verdict": "unmanaged"}, 0.0),
        ],
        "tags": [({"tag_a_b": "c", "tag_z": ""}, 1.0)],
    }


def test_the_rule_set_decides_the_scope() -> None:
    """Under the classic rules the serving conditions are labelled as what they decide there: renewal."""
    found = rows(snapshot(case(), rules=RuleSet.CLASSIC), ["acm_certificate_condition"])
    assert {labels["scope"] for labels, _ in found["acm_certificate_condition"]} == {"renewal"}


def test_what_is_not_known_of_a_certificate_has_no_row() -> None:
    """Nobody is alerted by a zero that means "not known": only identity, verdict and reasons are there."""
    found = rows(snapshot(blank(), sources=()))
    assert {name for name in found if name.startswith("acm_certificate")} == {
        "acm_certificate_info",
        "acm_certificate_condition_unknown",
        "acm_certificate_renewal_verdict",
    }
    assert {labels["reason"] for labels, _ in found["acm_certificate_condition_unknown"]} == {"denied"}


@pytest.mark.parametrize(
    ("changes", "metric", "expected"),
    [
        ({"in_use": False}, "acm_certificate_in_use", [({}, 0.0)]),
        ({"eligibility": "INELIGIBLE"}, "acm_certificate_renewal_eligible", [({}, 0.0)]),
        ({"eligibility": "SOMETHING_NEW"}, "acm_certificate_renewal_eligible", None),
        ({"not_after": NOON - DAY / 2}, "acm_certificate_days_to_expiry", [({}, -0.5)]),
        ({"details": Unseen(Why.DENIED)}, "acm_certificate_in_use_by", None),
        ({"serial": 0x0A}, "acm_certificate_info", "a"),
        ({"serial": 0}, "acm_certificate_info", "0"),
    ],
    ids=str,
)
def test_one_fact_changed(changes: dict[str, object], metric: str, expected: object) -> None:
    """False is 0, unknown is no row, and days go below zero after the end."""
    found = rows(snapshot(case(replace(CERTIFICATE, **changes))), [metric]).get(metric)  # type: ignore[arg-type]
    assert (found[0][0]["serial"] if found and metric.endswith("info") else found) == expected


def test_everything_known_of_an_endpoint() -> None:
    """What is served is told also when it is expired, untrusted or for another name."""
    bad = served(not_after=NOON - DAY, trusted=False, chain_not_after=NOON - 2 * DAY, serial=0xFF)
    seen = replace(SEEN, sight=bad, last=bad.value)
    matches = ((ARN, False), (OTHER_ARN, True))
    found = rows(
        snapshot(
            spots=(spot(seen, name_match=False, serial_matches=matches, labels={"b": "c"}),), labels=("b",)
        )
    )
    ours = {name.removeprefix("tls_endpoint_"): value for name, value in found.items() if "endpoint" in name}
    assert ours == {
        "reachable": [({}, 1.0)],
        "not_before_timestamp_seconds": [({}, 1790812800.0)],
        "not_after_timestamp_seconds": [({}, NOON.timestamp() - 86400)],
        "days_to_expiry": [({}, -1.0)],
        "chain_not_after_timestamp_seconds": [({}, NOON.timestamp() - 2 * 86400)],
        "name_match": [({}, 0.0)],
        "chain_trusted": [({}, 0.0)],
        "serial_match": [({}, 0.0), ({}, 1.0)],  # their ARNs are identity labels elsewhere
        "info": [
            (
                {
                    "serial": "ff",
                    "issuer": "CN=Amazon RSA 2048 M02,O=Amazon,C=US",
                    "subject": "CN=example.com",
                    "fingerprint_sha256": "ab" * 32,
                    "tls_version": "TLSv1.3",
                    "cipher": "TLS_AES_128_GCM_SHA256",
                },
                1.0,
            )
        ],
        "probe_duration_seconds": [
            ({"phase": "resolve"}, 0.001),
            ({"phase": "connect"}, 0.025),
            ({"phase": "handshake"}, 0.1),
        ],
        "last_success_timestamp_seconds": [({}, NOON.timestamp())],
        "labels": [({"label_b": "c"}, 1.0)],
    }


def test_an_endpoint_that_fails_keeps_what_it_served_last() -> None:
    """A failed look adds its reason; the last known values and the time of the last success stay."""
    failing = replace(missed(Why.CONNECT_TIMEOUT, last=SERVED), reached=False)
    found = rows(snapshot(spots=(spot(failing),)))
    assert found["tls_endpoint_failure"] == [({"reason": "connect_timeout"}, 1.0)]
    assert found["tls_endpoint_reachable"] == [({}, 0.0)]
    assert found["tls_endpoint_not_after_timestamp_seconds"] == [({}, ENDS.timestamp())]
    assert found["tls_endpoint_last_success_timestamp_seconds"] == [({}, NOON.timestamp() - 300)]


def test_an_endpoint_not_looked_at_yet_has_no_row() -> None:
    """At the start nothing is claimed of an endpoint: neither reachable nor failing."""
    new = spot(missed(Why.NOT_YET, address=""), name_match=None, serial_matches=())
    assert [name for name in rows(snapshot(spots=(new,))) if name.startswith("tls_")] == []


LINK = Link("CN=example.com", "CN=Middle", 10, "cd" * 32, ENDS, trusted=True)


def details(**changes: object) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Give the rows of an endpoint that come of these changes to what it serves."""
    seen = replace(SEEN, last=replace(SERVED, **changes))  # type: ignore[arg-type]
    plain = rows(snapshot(spots=(spot(),)))
    return {name: one for name, one in rows(snapshot(spots=(spot(seen),))).items() if plain.get(name) != one}


def test_group() -> None:
    """The group of the key exchange stands beside what the contract's row tells."""
    assert details(group="x25519") == {"tls_endpoint_key_exchange_info": [({"group": "x25519"}, 1.0)]}


@pytest.mark.parametrize(
    ("ocsp", "stapled", "status"),
    [("good", 1.0, [({"status": "good"}, 1.0)]), ("expired", 1.0, [({"status": "expired"}, 1.0)])],
)
def test_staple(ocsp: str, stapled: float, status: object) -> None:
    """A staple and what it says have rows where staples are asked for."""
    assert details(ocsp=ocsp) == {
        "tls_endpoint_ocsp_stapled": [({}, stapled)],
        "tls_endpoint_ocsp_status": status,
    }
    assert details(ocsp="none") == {"tls_endpoint_ocsp_stapled": [({}, 0.0)]}


def test_chain() -> None:
    """Each certificate of a chain has its place, its end and whether it is trusted."""
    root = replace(LINK, serial=11, not_after=NOON + DAY, trusted=None)
    what = {"issuer": "CN=Middle", "subject": "CN=example.com", "fingerprint_sha256": "cd" * 32}
    prefix = "tls_endpoint_chain_certificate_"
    assert details(chain=(LINK, root)) == {
        f"{prefix}info": [
            ({"position": "0", "serial": "a", **what}, 1.0),
            ({"position": "1", "serial": "b", **what}, 1.0),
        ],
        f"{prefix}not_after_timestamp_seconds": [
            ({"position": "0"}, ENDS.timestamp()),
            ({"position": "1"}, (NOON + DAY).timestamp()),
        ],
        f"{prefix}days_to_expiry": [({"position": "0"}, 144.5), ({"position": "1"}, 1.0)],
        f"{prefix}trusted": [({"position": "0"}, 1.0)],
    }


def test_key_types() -> None:
    """Each type of key that was looked at has its certificate; the contract's rows tell of the first to end."""
    other = replace(SERVED, serial=7, key_type="ecdsa", not_after=ENDS + DAY, trusted=False)
    what = {"issuer": SERVED.issuer, "subject": "CN=example.com", "fingerprint_sha256": "ab" * 32}
    prefix = "tls_endpoint_key_type_"
    assert details(key_type="rsa", others=(other,)) == {
        f"{prefix}info": [
            ({"key_type": "rsa", "serial": "a1b2c3", **what}, 1.0),
            ({"key_type": "ecdsa", "serial": "7", **what}, 1.0),
        ],
        f"{prefix}not_after_timestamp_seconds": [
            ({"key_type": "rsa"}, ENDS.timestamp()),
            ({"key_type": "ecdsa"}, (ENDS + DAY).timestamp()),
        ],
        f"{prefix}chain_trusted": [({"key_type": "rsa"}, 1.0), ({"key_type": "ecdsa"}, 0.0)],
    }


def test_client_certificate() -> None:
    """A domain's own client certificate has one row, however many addresses the domain has."""
    seen = replace(SEEN, client_not_after=NOON)
    two = replace(seen, endpoint=replace(seen.endpoint, address="192.0.2.77"))
    name = "tls_client_certificate_not_after_timestamp_seconds"
    assert rows(snapshot(spots=(spot(seen), spot(two), spot())), {name}) == {name: [({}, NOON.timestamp())]}


def test_phase_before_tls() -> None:
    """What comes before TLS has a phase of its own, where there is something."""
    seen = replace(SEEN, timing=Timing(0.001, 0.025, 0.1, starttls=0.05))
    name = "tls_endpoint_probe_duration_seconds"
    assert rows(snapshot(spots=(spot(seen),)), {name}) == {
        name: [
            ({"phase": "resolve"}, 0.001),
            ({"phase": "connect"}, 0.025),
            ({"phase": "starttls"}, 0.05),
            ({"phase": "handshake"}, 0.1),
        ]
    }


def test_endpoint_without_roots_makes_no_claim_of_trust() -> None:
    """Where no roots are known, trust is not known either."""
    seen = replace(SEEN, last=replace(SERVED, trusted=None))
    assert "tls_endpoint_chain_trusted" not in rows(snapshot(spots=(spot(seen),)))


def test_the_exporter_tells_of_itself() -> None:
    """Sources that were asked have the same three rows; counters have a row per key, also at 0."""
    found = rows(SMALL)
    exporter = {
        name.removeprefix("acm_exporter_"): value for name, value in found.items() if "exporter" in name
    }
    build = exporter.pop("build_info")
    assert (build[0][0]["version"], build[0][1]) == (__version__, 1.0)
    acm, tls = {"source": "acm"}, {"source": "tls", "account": "", "region": ""}
    assert exporter == {
        "source_success": [(acm, 1.0), (tls, 1.0)],
        "source_duration_seconds": [(acm, 0.5), (tls, 0.125)],
        "source_last_success_timestamp_seconds": [(acm, NOON.timestamp()), (tls, NOON.timestamp())],
        "organization_accounts": [({}, 1.0)],
        "aws_requests_total": [({"operation": "SearchCertificates", "code": "OK"}, 3.0)],
        "looks_total": [
            ({"source": "acm", "outcome": "ok"}, 3.0),
            ({"source": "tls", "outcome": "ok"}, 1.0),
            ({"source": "tls", "outcome": "refused"}, 1.0),
            ({"source": "dns", "outcome": "ok"}, 0.0),
        ],
        "snapshot_timestamp_seconds": [({}, NOON.timestamp())],
        "config_last_reload_successful": [({}, 1.0)],
        "config_last_reload_success_timestamp_seconds": [({}, NOON.timestamp() - 86400)],
        "web_config_last_reload_successful": [({}, 1.0)],
        "web_config_last_reload_success_timestamp_seconds": [({}, NOON.timestamp())],
        "shard_ordinal": [({"shard_ordinal": "0"}, 0.0)],
        "total_shards": [({}, 1.0)],
        "changes_total": [
            ({"subject": "certificate", "what": "serial"}, 1.0),
            ({"subject": "endpoint", "what": "serial"}, 0.0),
        ],
        "state_healthy": [({}, 1.0)],
        "state_last_write_timestamp_seconds": [({}, NOON.timestamp())],
        "state_size_bytes": [({}, 4096.0)],
        "state_dropped_rows_total": [({}, 2.0)],
        "webhook_requests_total": [({"outcome": "ok"}, 1.0), ({"outcome": "rejected"}, 0.0)],
        "webhook_changes_total": [({"outcome": "delivered"}, 2.0), ({"outcome": "dropped"}, 1.0)],
        "webhook_waiting_changes": [({}, 3.0)],
        "webhook_last_success_timestamp_seconds": [({}, NOON.timestamp())],
    }


def test_accounts_have_the_names_that_people_know() -> None:
    """One row for each account with a name; without an organization its size has none."""
    found = rows(snapshot(roll=Roll({"111122223333": "production", "444455556666": "web"})))
    assert found["acm_account_info"] == [
        ({"name": "production"}, 1.0),
        ({"account": "444455556666", "name": "web"}, 1.0),
    ]
    assert "acm_exporter_organization_accounts" not in found


def test_without_state_file_webhook_and_web_configuration_nothing_is_told_of_them() -> None:
    """An alert on a state that is not healthy never fires where nobody wants one."""
    found = rows(replace(SMALL, keeping=None, delivery=None, web_file=None))
    assert [name for name in found if re.search("_state_|_webhook_|_web_", name)] == []


def test_a_web_configuration_that_is_refused() -> None:
    """It shows, with the age of the one in use."""
    found = rows(replace(SMALL, web_file=WebFile(NOON - DAY, refused=True)))
    assert {name: of for name, of in found.items() if "_web_" in name} == {
        "acm_exporter_web_config_last_reload_successful": [({}, 0.0)],
        "acm_exporter_web_config_last_reload_success_timestamp_seconds": [({}, NOON.timestamp() - 86400)],
    }


def test_a_shard_tells_which_it_is() -> None:
    """Rules can compare the shards with each other, as those for kube-state-metrics do."""
    found = rows(snapshot(shard=Shard(2, 5)))
    assert found["acm_exporter_shard_ordinal"] == [({"shard_ordinal": "2"}, 2.0)]
    assert found["acm_exporter_total_shards"] == [({}, 5.0)]


def test_a_failed_source_has_zero_and_keeps_its_last_success() -> None:
    """An account that is refused shows in its own row."""
    failed = Source(
        "acm", "1", "eu-west-1", success=False, duration=0.1, last_success=NOON - DAY, error="denied"
    )
    found = rows(snapshot(sources=(failed,)))
    assert [
        found[f"acm_exporter_source_{name}"][0][1] for name in ("success", "last_success_timestamp_seconds")
    ] == [
        0.0,
        NOON.timestamp() - 86400,
    ]
