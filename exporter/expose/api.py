"""A snapshot as JSON: what /api/v1 and `check --format json` give, and what the webhook is told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from exporter.expose.rows import DAY
from exporter.expose.text import served, worst_first
from exporter.facts import Description, Details, Endpoint, Resource, Seen, Sight, Unseen
from exporter.judge.resources import used_by
from exporter.judge.rule import Finding
from exporter.judge.verdict import RULES
from exporter.snapshot import Case, Change, Filed, History, Snapshot, Source, Spot

Json = dict[str, Any]  # what json.dumps takes


def document(snapshot: Snapshot, cases: Iterable[Case] | None = None) -> Json:
    """Give the whole snapshot, or only some of its cases; keys of unknown facts hold null."""
    chosen = snapshot.cases if cases is None else cases
    return {
        "taken_at": _time(snapshot.taken_at),
        "ready": snapshot.ready,
        "rules": snapshot.rules.value,
        "certificates": [_case(case, snapshot) for case in worst_first(chosen, snapshot.taken_at)],
        "endpoints": [_spot(spot, snapshot.taken_at) for spot in snapshot.spots],
        "files": [_file(one, snapshot.taken_at) for one in snapshot.files],
        "sources": [_source(source) for source in snapshot.sources],
    }


def changes(some: Sequence[Change]) -> Json:
    """Give changes in their order."""
    return {"changes": [_change(one) for one in some]}


def told(some: Sequence[Change]) -> bytes:
    """Write the body of a request to the webhook."""
    return json.dumps({"version": 1, **changes(some)}).encode()


def _change(one: Change) -> Json:
    if isinstance(one.subject, str):
        who: Json = {"subject": "certificate", "domain": one.domain, "arn": one.subject}
    else:
        who = {"subject": "endpoint", **_endpoint(one.subject)}
    return {"at": _time(one.at), **who, "what": one.what.value, "was": one.was, "now": one.now}


def _history(history: History) -> Json:
    changes = [
        {"at": _time(one.at), "what": one.what.value, "was": one.was, "now": one.now}
        for one in history.changes
    ]
    return {"first_seen": _time(history.first_seen), "changes": changes}


def _case(case: Case, snapshot: Snapshot) -> Json:
    one = case.certificate
    details = one.details.value if isinstance(one.details, Seen) else Details()
    return {
        "arn": one.arn,
        "account": one.account,
        "region": one.region,
        "domain": one.domain,
        "names": list(one.names),
        "verdict": case.verdict.word.value,
        "served": served(case).value,
        "conditions": {
            rule.code: _finding(case.verdict.findings[rule.code], rule.scopes[snapshot.rules].value)
            for rule in RULES
        },
        "type": one.type,
        "status": one.status,
        "serial": None if one.serial is None else f"{one.serial:x}",
        "issuer": details.issuer,
        "key_algorithm": one.key_algorithm,
        "key_pair_origin": one.key_pair_origin,
        "managed_by": one.managed_by,
        "validation_method": one.validation_method,
        "not_before": _time(one.not_before),
        "not_after": _time(one.not_after),
        "days_to_expiry": _days(one.not_after, snapshot.taken_at),
        "created_at": _time(one.created_at),
        "issued_at": _time(one.issued_at),
        "renewal_window_start": _time(case.window_start),
        "renewal_eligibility": one.eligibility,
        "renewal_status": one.renewal_status,
        "renewal_status_reason": details.renewal_reason,
        "in_use": one.in_use,
        "in_use_by": list(details.in_use_by),
        "resources": [_resource(*used) for used in used_by(one)],
        "exported": one.exported,
        "validations": [
            {
                "name": v.name,
                "method": v.method,
                "status": v.status,
                "record_name": v.record_name,
                "record_value": v.record_value,
                "mailboxes": list(v.mailboxes),
            }
            for v in details.validations
        ],
        "tags": dict(one.tags),
        "details_unseen": _unseen(one.details) if isinstance(one.details, Unseen) else None,
        "endpoints": [_endpoint(look.endpoint) for look in case.evidence.looks],
        "files": [look.path for look in case.evidence.files],
        **_history(case.history),
    }


def _resource(resource: Resource, sight: Sight[Description] | None) -> Json:
    one = sight.value if isinstance(sight, Seen) else None
    return {
        "arn": resource.arn,
        "type": resource.type,
        "name": resource.name,
        "account": resource.account,
        "region": resource.region,
        "dns_name": one.dns_name if one else None,
        "names": list(one.names) if one else None,
        "internal": one.internal if one else None,
        "ports": [listener.port for listener in one.listeners] if one else None,
        "unseen": _unseen(sight) if isinstance(sight, Unseen) else None,
    }


def _finding(finding: Finding, scope: str) -> Json:
    return {
        "outcome": finding.outcome.value,
        "scope": scope,
        "says": finding.says,
        "remedy": finding.remedy,
        "reason": finding.why.value if finding.why else None,
    }


def _spot(spot: Spot, now: datetime) -> Json:
    look = spot.look
    one = look.last
    return {
        **_endpoint(look.endpoint),
        "reachable": look.reached,
        "failure": _unseen(look.sight) if isinstance(look.sight, Unseen) else None,
        "looked_at": _time(look.at),
        "last_success": _time(look.last_success),
        "name_match": spot.name_match,
        "serial_match": dict(spot.serial_matches),
        "labels": dict(spot.labels),
        "served": one
        and {
            "serial": f"{one.serial:x}",
            "names": list(one.names),
            "not_before": _time(one.not_before),
            "not_after": _time(one.not_after),
            "days_to_expiry": _days(one.not_after, now),
            "issuer": one.issuer,
            "subject": one.subject,
            "fingerprint_sha256": one.fingerprint,
            "trusted": one.trusted,
            "trust_error": one.trust_error,
            "chain_not_after": _time(one.chain_not_after),
            "chain_length": one.chain_length,
            "tls_version": one.tls_version,
            "cipher": one.cipher,
            "group": one.group,
            "wants_client_certificate": one.wants_client_certificate,
        },
        **_history(spot.history),
    }


def _file(one: Filed, now: datetime) -> Json:
    look, held = one.look, one.look.last
    return {
        "path": look.path,
        "failure": _unseen(look.sight) if isinstance(look.sight, Unseen) else None,
        "looked_at": _time(look.at),
        "last_success": _time(look.last_success),
        "serial_match": dict(one.serial_matches),
        "holds": held
        and {
            "serial": f"{held.serial:x}",
            "names": list(held.names),
            "not_before": _time(held.not_before),
            "not_after": _time(held.not_after),
            "days_to_expiry": _days(held.not_after, now),
            "issuer": held.issuer,
            "subject": held.subject,
            "fingerprint_sha256": held.fingerprint,
        },
    }


def _endpoint(one: Endpoint) -> Json:
    return {"domain": one.domain, "port": one.port, "address": one.address}


def _source(source: Source) -> Json:
    return {
        "source": source.source,
        "account": source.account,
        "region": source.region,
        "success": source.success,
        "duration_seconds": source.duration,
        "last_success": _time(source.last_success),
        "error": source.error,
    }


def _unseen(sight: Unseen) -> Json:
    return {"reason": sight.why.value, "detail": sight.detail}


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def _days(end: datetime | None, now: datetime) -> float | None:
    return round((end - now).total_seconds() / DAY, 3) if end else None
