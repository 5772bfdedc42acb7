"""Alerts on certificates that will not be renewed, or have not been."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from grafana.source import thresholds as at
from grafana.source.alerting.rule import APART, CRITICAL, WARNING, Alert, broken, firing, past, tiers
from grafana.source.alerting.texts import ABOUT, AGE, LEFT, RECORDS, WHO

USED = "unless on (arn) acm:certificate:unused"
UNEXPIRED = "unless on (arn) acm:certificate:life_left <= 0"
ALIVE = f"{USED}\n{UNEXPIRED}"
ENDS_SOON = f"on (arn) acm:certificate:life_left < {at.BLOCKED_CRITICAL}"


def blocked() -> Iterator[Alert]:
    """Alert of each condition that keeps ACM from renewing."""
    name = "AcmRenewalBlocked"
    breaks = broken(scope="renewal", condition=f"!~{'|'.join(APART)}")
    critical = Alert(
        name,
        CRITICAL,
        "ACM will not renew, and this condition is why. What is expired or unused has an alert of its own.",
        f"{breaks}\n{ALIVE}\nand {ENDS_SOON}",
        at.FOR_RENEWAL,
        f"ACM will not renew {{{{ $labels.domain }}}}: {{{{ $labels.condition }}}} breaks ({LEFT})",
        f"{WHO} will not be renewed: {LEFT}.\n{RECORDS}{ABOUT}",
        "{{ $labels.condition }}",
    )
    yield critical
    yield replace(
        critical,
        severity=WARNING,
        why="The same while there is time. An unused certificate is not renewed either: nobody is hurt, so\n"
        "nobody is woken, and one that was requested lately may still be attached.",
        expr=f"""\
{breaks}
{ALIVE}
unless on (arn, condition) {firing(name)}
or
{broken(condition="in_use")}
and on (arn) acm:certificate:unused
and on (arn) time() - {past("acm_certificate_created_timestamp_seconds")} > {at.NEW_SECONDS}""",
    )


def others() -> Iterator[Alert]:
    """Alert of renewals that fail for no visible reason, and of validations that no longer count."""
    yield from tiers(
        Alert(
            "AcmRenewalOverdue",
            CRITICAL,
            "ACM tries and does not succeed, or does not try, and no other condition says why.",
            f"{broken(condition='renewal_progress')}\n"
            f"unless on (arn) {broken(scope='renewal', condition='!=renewal_progress')}\n{UNEXPIRED}",
            at.FOR_RENEWAL,
            f"The renewal of {{{{ $labels.domain }}}} is overdue ({LEFT})",
            f"ACM should have renewed {WHO} by now: the renewal fails, waits for validation, or has not "
            f"happened within the grace period; {LEFT}.\n"
            "First: acm-exporter check {{ $labels.domain }} tells ACM's reason for each name. Where it has "
            "none and all else holds, open a case with AWS Support.\n",
        ),
        "arn",
        ENDS_SOON,
    )
    yield from tiers(
        Alert(
            "AcmValidationTooOld",
            CRITICAL,
            "Only under `renewal.rules: classic`; under the current rules the age is advisory.",
            f"{broken(scope='renewal', condition='validation_age')}\n{ALIVE}",
            at.FOR_RENEWAL,
            f"{{{{ $labels.domain }}}} was first issued too long ago to be renewed as it is ({LEFT})",
            f"{WHO} was first issued {AGE}, longer than renewal.validation_limit allows, so it has to be "
            f"validated anew; {LEFT}.\n"
            "First: resend the validation mail and have it approved, or move to DNS validation.\n",
        ),
        "arn",
        ENDS_SOON,
    )
    yield Alert(
        "AcmEmailValidationEnding",
        WARNING,
        "Due for renewal after ACM has ended e-mail validation (September 2027).",
        f"{broken(condition='email_sunset')}\n{ALIVE}",
        at.FOR_RENEWAL,
        f"{{{{ $labels.domain }}}} is validated by e-mail, which ends before its next renewal ({LEFT})",
        f"{WHO} is validated by e-mail. Its next renewal falls after the last day on which ACM renews by "
        f"e-mail, so it will not be renewed; {LEFT}.\n"
        "First: migrate it to DNS validation in place. The ARN stays, nothing has to be attached again.\n",
    )


def expiry() -> Iterator[Alert]:
    """Alert of the end itself, whoever should have renewed the certificate."""
    expiring = Alert(
        "AcmCertificateExpiring",
        CRITICAL,
        "A healthy renewal would be done long since. Imported certificates too.",
        f"acm:certificate:life_left > 0 and acm:certificate:life_left < {at.EXPIRING_CRITICAL}\n{USED}",
        "",
        f"{{{{ $labels.domain }}}} expires soon: {LEFT}",
        f"{WHO} has {{{{ $value | humanizePercentage }}}} of its lifetime left, {LEFT}. When it ends, "
        "visitors are refused.\n"
        "First: acm-exporter check {{ $labels.domain }} tells what keeps ACM from renewing it. What was "
        "imported, or obtained by an ACME client, has to be renewed where it came from.\n",
    )
    yield expiring
    low, high = at.EXPIRING_CRITICAL, at.EXPIRING_WARNING
    yield replace(
        expiring,
        severity=WARNING,
        why="The same earlier; the tiers meet and do not overlap.",
        expr=f"acm:certificate:life_left >= {low} and acm:certificate:life_left < {high}\n{USED}",
    )
    yield Alert(
        "AcmCertificateExpired",
        CRITICAL,
        "Ended while in use.",
        f"acm:certificate:life_left <= 0\n{USED}",
        "",
        "{{ $labels.domain }} has expired",
        f"{WHO} has ended ({LEFT}) and is in use: visitors are refused. ACM cannot renew what has expired.\n"
        "First: request a new certificate, validate it and attach it where this one is; if this one was "
        "imported, import a new one over the ARN.\n",
    )


ALERTS = (*blocked(), *others(), *expiry())
