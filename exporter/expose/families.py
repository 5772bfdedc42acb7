"""The table of all metric families, in the order in which they are exposed."""

from __future__ import annotations

from exporter.expose import rows
from exporter.expose.details import DETAILS
from exporter.expose.family import Family, certificate, endpoint
from exporter.expose.files import FILES
from exporter.expose.itself import OWN
from exporter.expose.rows import CERTIFICATE, ENDPOINT, found
from exporter.snapshot import What

CERTIFICATES = (
    certificate(
        "acm_certificate_info",
        "What the certificate is, as ACM says; always 1.",
        rows.info,
        *("type", "validation_method", "key_algorithm", "key_pair_origin", "managed_by", "issuer", "serial"),
    ),
    certificate(
        "acm_certificate_status",
        "1 for the certificate's current status in ACM.",
        rows.state(lambda case: case.certificate.status),
        "status",
    ),
    certificate(
        "acm_certificate_not_before_timestamp_seconds",
        "Start of the validity of the certificate in ACM.",
        rows.moment(lambda case: case.certificate.not_before),
    ),
    certificate(
        "acm_certificate_not_after_timestamp_seconds",
        "End of the validity of the certificate in ACM.",
        rows.moment(lambda case: case.certificate.not_after),
    ),
    certificate(
        "acm_certificate_days_to_expiry",
        "Days until the certificate in ACM ends, as of the snapshot; negative once it has ended.",
        rows.days_left(lambda case: case.certificate.not_after),
        aspect=rows.AGE,
    ),
    certificate(
        "acm_certificate_created_timestamp_seconds",
        "When this certificate (ARN) was first requested.",
        rows.moment(lambda case: case.certificate.created_at),
    ),
    certificate(
        "acm_certificate_issued_timestamp_seconds",
        "When the certificate was last issued.",
        rows.moment(lambda case: case.certificate.issued_at),
    ),
    certificate(
        "acm_certificate_in_use",
        "1 if an AWS resource uses the certificate, 0 if none does.",
        rows.number(lambda case: case.certificate.in_use),
    ),
    certificate(
        "acm_certificate_in_use_by", "Number of AWS resources that use it.", rows.number(rows.resources)
    ),
    certificate(
        "acm_certificate_resource",
        "An AWS resource that uses the certificate; always 1.",
        rows.users,
        *("resource_type", "resource"),
    ),
    certificate(
        "acm_certificate_resource_info",
        "The DNS name that AWS gave such a resource; always 1; with aws.resources.",
        rows.hosts,
        *("resource_type", "resource", "dns_name"),
    ),
    certificate(
        "acm_certificate_validation_age_days",
        "Days since the first issue, on which the classic limit of 825 days counts.",
        rows.days_since(lambda case: case.first_issue),
        aspect=rows.AGE,
    ),
    certificate(
        "acm_certificate_renewal_eligible",
        "1 if ACM calls the certificate eligible for managed renewal, 0 if not.",
        rows.number(lambda case: {"ELIGIBLE": 1.0, "INELIGIBLE": 0.0}.get(case.certificate.eligibility)),
    ),
    certificate(
        "acm_certificate_renewal_status",
        "1 for the current status of the latest managed renewal; absent before the first one.",
        rows.state(lambda case: case.certificate.renewal_status),
        "status",
    ),
    certificate(
        "acm_certificate_renewal_window_start_timestamp_seconds",
        "When ACM begins to renew the certificate.",
        rows.moment(lambda case: case.window_start),
    ),
    certificate(
        "acm_certificate_validation_record",
        "1 if the validation CNAME is as ACM wants it, 0 if not.",
        lambda case, _: (((name,), float(stands)) for name, stands in case.records),
        "name",
        aspect=rows.RECORDS,
    ),
    certificate(
        "acm_certificate_reachable",
        "1 if all endpoints of the certificate's names complete a TLS handshake, 0 if one does not.",
        rows.number(found("reachable")),
        aspect=rows.VERDICT,
    ),
    certificate(
        "acm_certificate_name_match",
        "1 if all endpoints serve a certificate for their name, 0 if one does not.",
        rows.number(found("name_match")),
        aspect=rows.VERDICT,
    ),
    certificate(
        "acm_certificate_serial_match",
        "1 if all endpoints serve the serial number that ACM has, 0 if one does not.",
        rows.number(found("serial_match")),
        aspect=rows.VERDICT,
    ),
    certificate(
        "acm_certificate_condition",
        "1 if the condition holds, 0 if it breaks; no row while it is unknown or does not apply.",
        rows.conditions,
        *("condition", "scope"),
        aspect=rows.VERDICT,
    ),
    certificate(
        "acm_certificate_condition_unknown",
        "1 while the condition cannot be judged.",
        rows.unknowns,
        *("condition", "scope", "reason"),
        aspect=rows.VERDICT,
    ),
    certificate(
        "acm_certificate_renewal_verdict",
        "1 for the verdict that holds, 0 for the other three.",
        rows.verdicts,
        "verdict",
        aspect=rows.VERDICT,
    ),
    certificate(
        "acm_certificate_first_seen_timestamp_seconds",
        "When the exporter first saw the certificate; with a state file that outlives restarts.",
        rows.moment(lambda case: case.history.first_seen),
        aspect=rows.PAST,
    ),
    certificate(
        "acm_certificate_serial_changed_timestamp_seconds",
        "When the exporter saw that the certificate's serial number had changed: it was renewed or replaced.",
        rows.changed(What.SERIAL),
        aspect=rows.PAST,
    ),
    Family(
        "acm_certificate_tags",
        "The configured ACM tags of the certificate; always 1.",
        CERTIFICATE,
        rows.tags,
        ("tag_*",),
        open_labels=lambda snapshot: tuple(f"tag_{rows.label_name(tag)}" for tag in snapshot.tags),
        aspect=rows.WHAT,
    ),
)

ENDPOINTS = (
    endpoint(
        "tls_endpoint_reachable",
        "1 if TCP and the TLS handshake completed at the latest look that tells, 0 if not.",
        rows.number(lambda spot: spot.look.reached),
        aspect=rows.OUTCOME,
    ),
    endpoint(
        "tls_endpoint_failure",
        "1 for the reason for which the latest look failed.",
        rows.state(rows.failure),
        "reason",
        aspect=rows.OUTCOME,
    ),
    endpoint(
        "tls_endpoint_not_before_timestamp_seconds",
        "Start of the validity of the served leaf.",
        rows.moment(rows.last(lambda served: served.not_before)),
    ),
    endpoint(
        "tls_endpoint_not_after_timestamp_seconds",
        "End of the validity of the served leaf, whoever it is for and whether or not it is trusted.",
        rows.moment(rows.last(lambda served: served.not_after)),
    ),
    endpoint(
        "tls_endpoint_days_to_expiry",
        "Days until the served leaf ends, as of the snapshot; negative once it has ended.",
        rows.days_left(rows.last(lambda served: served.not_after)),
        aspect=rows.SHOWN_AGE,
    ),
    endpoint(
        "tls_endpoint_chain_not_after_timestamp_seconds",
        "Earliest end in the verified chain, else in what was served.",
        rows.moment(rows.last(lambda served: served.chain_not_after)),
    ),
    endpoint(
        "tls_endpoint_name_match",
        "1 if the served leaf covers the domain, 0 if not.",
        rows.number(lambda spot: spot.name_match),
    ),
    endpoint(
        "tls_endpoint_chain_trusted",
        "1 if the served chain leads to a trusted root, 0 if not.",
        rows.number(rows.last(lambda served: served.trusted)),
    ),
    endpoint(
        "tls_endpoint_serial_match",
        "1 if the address serves the serial number of that ACM certificate, 0 if not.",
        rows.serial_matches,
        "arn",
    ),
    endpoint(
        "tls_endpoint_info",
        "What the address serves; always 1.",
        rows.served,
        *("serial", "issuer", "subject", "fingerprint_sha256", "tls_version", "cipher"),
    ),
    endpoint(
        "tls_endpoint_probe_duration_seconds",
        "Duration of each phase of the latest look; connect includes a proxy.",
        rows.phases,
        "phase",
        aspect=rows.TIMING,
    ),
    endpoint(
        "tls_endpoint_last_success_timestamp_seconds",
        "When the address last completed a TLS handshake.",
        rows.moment(lambda spot: spot.look.last_success),
        aspect=rows.SUCCESS,
    ),
    endpoint(
        "tls_endpoint_first_seen_timestamp_seconds",
        "When the address first completed a TLS handshake with the exporter, as far as it remembers.",
        rows.moment(lambda spot: spot.history.first_seen),
        aspect=rows.SPOT_PAST,
    ),
    endpoint(
        "tls_endpoint_serial_changed_timestamp_seconds",
        "When the exporter saw that the address serves another serial number than before.",
        rows.changed(What.SERIAL),
        aspect=rows.SPOT_PAST,
    ),
    Family(
        "tls_endpoint_labels",
        "The configured labels of the domain; always 1.",
        ENDPOINT,
        rows.labels,
        ("label_*",),
        open_labels=lambda snapshot: tuple(f"label_{name}" for name in snapshot.labels),
        aspect=rows.LABELS,
    ),
    *DETAILS,
)

FAMILIES: tuple[Family, ...] = (*CERTIFICATES, *ENDPOINTS, *FILES, *OWN)
