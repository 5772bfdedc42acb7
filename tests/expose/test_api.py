"""The JSON of /api/v1/certificates and of `check --format json`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from exporter.expose.api import document, told
from exporter.facts import Validation
from exporter.judge.rule import Outcome, RuleSet
from exporter.judge.verdict import RULES, Word
from tests.evidence import ARN, BALANCER, BEHIND, CERTIFICATE, OTHER_ARN, detailed
from tests.expose.snapshots import SMALL, STRANGER, blank, case, finding, snapshot

MAIL = Validation("example.com", "EMAIL", "PENDING_VALIDATION", mailboxes=("admin@example.com",))
HEALTHY = replace(
    CERTIFICATE,
    tags={"team": "web"},
    details=detailed(validations=(MAIL,), renewal_reason="CAA_ERROR"),
    behind=BEHIND,
)


def through_json(*args: Any) -> Any:
    """Give the document as a client reads it."""
    return json.loads(json.dumps(document(*args), allow_nan=False))


def test_small_snapshot_whole() -> None:
    """Everything known is told under the names that scripts rely on; what is not known is null."""
    found = through_json(
        replace(SMALL, cases=(case(HEALTHY, caa=finding(Outcome.BREAKS, "none of Amazon's", "add it")),))
    )
    moot = {"outcome": "moot", "scope": "renewal", "says": "", "remedy": "", "reason": None}
    holds = {**moot, "outcome": "holds"}
    assert found == {
        "taken_at": "2026-11-23T12:00:00Z",
        "ready": True,
        "rules": "current",
        "certificates": [
            {
                "arn": ARN,
                "account": "111122223333",
                "region": "us-east-1",
                "domain": "example.com",
                "names": ["example.com", "www.example.com"],
                "verdict": "renews",
                "served": "holds",
                "conditions": {
                    **{rule.code: moot for rule in RULES},
                    "reachable": {**holds, "scope": "serving"},
                    "name_match": {**holds, "scope": "serving"},
                    "serial_match": {**holds, "scope": "serving"},
                    "in_use": holds,
                    "validation_age": {**moot, "scope": "advisory"},
                    "caa": {**moot, "outcome": "breaks", "says": "none of Amazon's", "remedy": "add it"},
                },
                "type": "AMAZON_ISSUED",
                "status": "ISSUED",
                "serial": "a1b2c3",
                "issuer": "Amazon",
                "key_algorithm": "RSA_2048",
                "key_pair_origin": "AWS_MANAGED",
                "managed_by": "",
                "validation_method": "DNS",
                "not_before": "2026-10-01T00:00:00Z",
                "not_after": "2027-04-17T00:00:00Z",
                "days_to_expiry": 144.5,
                "created_at": "2026-03-16T09:00:00Z",
                "issued_at": "2026-10-01T00:00:00Z",
                "renewal_window_start": "2027-03-03T00:00:00Z",
                "renewal_eligibility": "ELIGIBLE",
                "renewal_status": "",
                "renewal_status_reason": "CAA_ERROR",
                "in_use": True,
                "in_use_by": [BALANCER],
                "resources": [
                    {
                        "arn": BALANCER,
                        "type": "application_load_balancer",
                        "name": "shop",
                        "account": "111122223333",
                        "region": "us-east-1",
                        "dns_name": "shop-1.us-east-1.elb.amazonaws.com",
                        "names": [],
                        "internal": False,
                        "ports": [443],
                        "unseen": None,
                    }
                ],
                "exported": False,
                "validations": [
                    {
                        "name": "example.com",
                        "method": "EMAIL",
                        "status": "PENDING_VALIDATION",
                        "record_name": "",
                        "record_value": "",
                        "mailboxes": ["admin@example.com"],
                    }
                ],
                "tags": {"team": "web"},
                "details_unseen": None,
                "endpoints": [{"domain": "www.example.com", "port": 443, "address": "192.0.2.10"}],
                "files": [],
                "first_seen": None,
                "changes": [],
            }
        ],
        "endpoints": [
            {
                "domain": "www.example.com",
                "port": 443,
                "address": "192.0.2.10",
                "reachable": True,
                "failure": None,
                "looked_at": "2026-11-23T12:00:00Z",
                "last_success": "2026-11-23T12:00:00Z",
                "name_match": True,
                "serial_match": {ARN: True},
                "labels": {"site": "main"},
                "served": {
                    "serial": "a1b2c3",
                    "names": ["example.com", "www.example.com"],
                    "not_before": "2026-10-01T00:00:00Z",
                    "not_after": "2027-04-17T00:00:00Z",
                    "days_to_expiry": 144.5,
                    "issuer": "CN=Amazon RSA 2048 M02,O=Amazon,C=US",
                    "subject": "CN=example.com",
                    "fingerprint_sha256": "ab" * 32,
                    "trusted": True,
                    "trust_error": "",
                    "chain_not_after": "2027-04-17T00:00:00Z",
                    "chain_length": 3,
                    "tls_version": "TLSv1.3",
                    "cipher": "TLS_AES_128_GCM_SHA256",
                    "group": "",
                    "wants_client_certificate": False,
                },
                "first_seen": "2026-11-22T12:00:00Z",
                "changes": [
                    {"at": "2026-11-23T12:00:00Z", "what": "issuer", "was": "CN=Old", "now": "CN=New"}
                ],
            },
            {
                "domain": "example.com",
                "port": 8443,
                "address": "192.0.2.11",
                "reachable": False,
                "failure": {"reason": "refused", "detail": "connection refused"},
                "looked_at": "2026-11-23T12:00:00Z",
                "last_success": None,
                "name_match": None,
                "serial_match": {},
                "labels": {},
                "served": None,
                "first_seen": None,
                "changes": [],
            },
        ],
        "files": [
            {
                "path": "/etc/nginx/tls/www.pem",
                "failure": None,
                "looked_at": "2026-11-23T11:55:00Z",
                "last_success": "2026-11-23T11:55:00Z",
                "serial_match": {ARN: False},
                "holds": {
                    "serial": "99",
                    "names": ["example.com", "www.example.com"],
                    "not_before": "2026-05-04T00:00:00Z",
                    "not_after": "2026-11-08T00:00:00Z",
                    "days_to_expiry": -15.5,
                    "issuer": "CN=Amazon RSA 2048 M02,O=Amazon,C=US",
                    "subject": "CN=example.com",
                    "fingerprint_sha256": "ab" * 32,
                },
            },
            {
                "path": "/tls/more",
                "failure": {"reason": "file_not_found", "detail": "no file matches"},
                "looked_at": "2026-11-23T12:00:00Z",
                "last_success": None,
                "serial_match": {},
                "holds": None,
            },
        ],
        "sources": [
            {
                "source": source,
                "account": account,
                "region": region,
                "success": success,
                "duration_seconds": duration,
                "last_success": last,
                "error": "",
            }
            for source, account, region, success, duration, last in [
                ("acm", "111122223333", "us-east-1", True, 0.5, "2026-11-23T12:00:00Z"),
                ("tls", "", "", True, 0.125, "2026-11-23T12:00:00Z"),
                ("dns", "", "", None, None, None),
            ]
        ],
    }


def test_what_is_not_known_is_null_and_says_why() -> None:
    """A script can tell "no" from "nobody knows"."""
    (one,) = through_json(snapshot(blank()))["certificates"]
    assert {key for key, value in one.items() if value is None} == {
        *("serial", "not_before", "not_after", "days_to_expiry", "created_at", "issued_at"),
        *("renewal_window_start", "in_use", "exported", "first_seen"),
    }
    assert (one["verdict"], one["served"]) == ("unknown", "unknown")
    assert one["details_unseen"] == {"reason": "denied", "detail": ""}
    assert one["conditions"]["caa"] == {
        "outcome": "unknown",
        "scope": "renewal",
        "says": "nobody knows",
        "remedy": "",
        "reason": "denied",
    }


def test_worst_first_and_only_what_was_asked_for() -> None:
    """The order is that of the table, and `check NAME` gives the certificates of that name alone."""
    fine, worse = case(), case(replace(CERTIFICATE, arn="arn:worse"), Word.BLOCKED)
    of = snapshot(fine, blank(), worse)
    assert [one["arn"] for one in through_json(of)["certificates"]] == ["arn:worse", OTHER_ARN, ARN]
    assert [one["arn"] for one in through_json(of, [fine])["certificates"]] == [ARN]


def test_scopes_follow_the_rule_set() -> None:
    """Under the classic rules the serving conditions decide the renewal."""
    (one,) = through_json(snapshot(case(), rules=RuleSet.CLASSIC))["certificates"]
    assert one["conditions"]["serial_match"]["scope"] == "renewal"
    assert one["conditions"]["email_sunset"]["scope"] == "advisory"


def test_changes_whole() -> None:
    """What the webhook is told: each change says of whom, and certificates and endpoints are told apart."""
    assert json.loads(told(SMALL.changes)) == {
        "version": 1,
        "changes": [
            {
                "at": "2026-11-22T12:00:00Z",
                "subject": "certificate",
                "domain": "example.com",
                "arn": ARN,
                "what": "serial",
                "was": "a1",
                "now": "a1b2c3",
            },
            {
                "at": "2026-11-23T12:00:00Z",
                "subject": "endpoint",
                "domain": "www.example.com",
                "port": 443,
                "address": "192.0.2.10",
                "what": "issuer",
                "was": "CN=Old",
                "now": "CN=New",
            },
        ],
    }


def test_lone_surrogates_are_spelled() -> None:
    """What UTF-8 cannot write is escaped, so the document is always valid."""
    odd = snapshot(case(replace(STRANGER, domain="\ud800")))
    json.dumps(document(odd)).encode()
    assert through_json(odd)["certificates"][0]["domain"] == "\ud800"
