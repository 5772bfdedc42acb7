"""How the ACM stand-in validates names: mails, the switch from e-mail to DNS, and what makes it renew.

The functions change the JSON of one certificate as ACM would and refuse as ACM does; whether a record stands
in DNS, the time and the new issue are handed in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Json = dict[str, Any]
Stands = Callable[[str, str], bool]  # whether a CNAME of this name leads to this target

ANSWER_WITHIN = timedelta(hours=72)
PENDING, SUCCESS, FAILED = "PENDING_VALIDATION", "SUCCESS", "FAILED"
SWITCHING = "PENDING_DOMAIN_VALIDATION"


class AwsError(Exception):
    """A refusal as AWS words it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """Keep the parts of the answer."""
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True, slots=True)
class Mail:
    """A validation mail about one name of a certificate, and the mailboxes that it went to."""

    arn: str
    name: str
    mailboxes: tuple[str, ...]
    sent_at: datetime


def resend(one: Json, asked: Json, now: datetime) -> Mail:
    """Do as ResendValidationEmail: only while an approval is pending, to a domain above the name."""
    if method_of(one) != "EMAIL" or not is_pending(one):
        raise AwsError("InvalidStateException", f"{one['CertificateArn']} is not waiting for an approval.")
    name, domain = asked["Domain"], asked["ValidationDomain"]
    option = next((option for option in options(one) if option["DomainName"] == name), None)
    if option is None or not (base_of(name) == domain or base_of(name).endswith(f".{domain}")):
        message = f"{domain} cannot validate {name}."
        raise AwsError("InvalidDomainValidationOptionsException", message)
    if option["ValidationStatus"] == FAILED:
        option["ValidationStatus"] = PENDING
    if "RenewalSummary" in one:
        one["RenewalSummary"]["UpdatedAt"] = now
    return Mail(one["CertificateArn"], name, tuple(option.get("ValidationEmails", ())), now)


def approve(one: Json, name: str, now: datetime) -> bool:
    """Do as the link in a mail: approve a name; True once all names are, so that ACM issues."""
    if method_of(one) != "EMAIL" or not is_pending(one):
        return False
    for option in options(one):
        if option["DomainName"] == name:
            option["ValidationStatus"] = SUCCESS
    if "RenewalSummary" in one:
        one["RenewalSummary"]["UpdatedAt"] = now
    return all(option["ValidationStatus"] == SUCCESS for option in options(one))


def update_options(one: Json, asked: Json, now: datetime) -> None:
    """Do as UpdateCertificateOptions: begin a switch from EMAIL to DNS, the only one that there is."""
    method = asked["Options"].get("ValidationMethod")
    if method is None:
        one["Options"] |= asked["Options"]
        return
    arn = one["CertificateArn"]
    if method != "DNS":
        raise AwsError("ValidationException", f"The validation method cannot be changed to {method}.")
    if one.get("UpdateSummary", {}).get("Status") == SWITCHING:
        raise AwsError("ConflictException", f"An update of {arn} is in progress.")
    if method_of(one) != "EMAIL" or one["Status"] != "ISSUED":
        raise AwsError("InvalidStateException", f"{arn} is not an issued certificate validated by EMAIL.")
    one["Requested"] = dict.fromkeys(one["SubjectAlternativeNames"], PENDING)
    one["UpdateSummary"] = {
        "Status": SWITCHING,
        "Type": "DOMAIN_VALIDATION_METHOD",
        "DomainValidationMethodUpdateSummary": {"From": "EMAIL", "To": "DNS"},
        "RequestedAt": now,
        "UpdatedAt": now,
    }


def domain_validations(one: Json) -> list[Json]:
    """Write the summaries of ListCertificateDomainValidations."""
    requested: dict[str, str] = one.get("Requested", {})
    rows: list[Json] = []
    for option in options(one):
        name = option["DomainName"]
        row = {"DomainName": name, "ActiveValidationConfiguration": _active(option)}
        if name in requested:
            row["RequestedValidationConfiguration"] = {
                "ValidationMethod": "DNS",
                "ValidationStatus": requested[name],
                "ValidationChallenge": {"DnsValidationChallenge": {"ResourceRecord": record(base_of(name))}},
            }
        rows.append(row)
    return rows


def look_at_dns(one: Json, stands: Stands, now: datetime) -> bool:
    """Do as ACM when it looks for its records; True if what it finds lets it issue."""
    if one.get("UpdateSummary", {}).get("Status") == SWITCHING and not _switched(one, stands, now):
        return False
    if method_of(one) != "DNS" or not is_pending(one):
        return False
    for option in options(one):
        found = option["ResourceRecord"]
        if stands(found["Name"], found["Value"]):
            option["ValidationStatus"] = SUCCESS
    return all(option["ValidationStatus"] == SUCCESS for option in options(one))


def _switched(one: Json, stands: Stands, now: datetime) -> bool:
    summary, requested = one["UpdateSummary"], one["Requested"]
    for name in requested:
        wanted = record(base_of(name))
        requested[name] = SUCCESS if stands(wanted["Name"], wanted["Value"]) else PENDING
    done = all(status == SUCCESS for status in requested.values())
    if not done and now < summary["RequestedAt"] + ANSWER_WITHIN:
        return False
    summary |= {"Status": SUCCESS if done else FAILED, "UpdatedAt": now}
    del one["Requested"]
    if done:
        one["Options"]["ValidationMethod"] = "DNS"
        for part in (one, one.get("RenewalSummary", {})):
            part["DomainValidationOptions"] = [
                _by_dns(option) for option in part.get("DomainValidationOptions", [])
            ]
    return done


def renew(one: Json, issue: Json, now: datetime) -> None:
    """Take a new issue: its dates and serial number, under the same ARN."""
    renewal = options(one)
    first = one["Status"] == PENDING
    one |= {**issue, "Status": "ISSUED"}
    for option in renewal:
        option["ValidationStatus"] = SUCCESS
    if not first:
        one["RenewalSummary"] = {
            "RenewalStatus": SUCCESS,
            "DomainValidationOptions": renewal,
            "UpdatedAt": now,
        }


def is_pending(one: Json) -> bool:
    """Tell whether the first issue or a renewal waits for a validation."""
    return PENDING in (one["Status"], one.get("RenewalSummary", {}).get("RenewalStatus"))


def method_of(one: Json) -> str:
    """Tell by what a certificate is validated now."""
    return str(one.get("Options", {}).get("ValidationMethod", ""))


def options(one: Json) -> list[Json]:
    """Return the validations that count: those of the renewal where there is one."""
    found: list[Json] = one.get("RenewalSummary", one).get("DomainValidationOptions", [])
    return found


def record(base: str) -> Json:
    """Write the validation record of a name."""
    return {"Name": f"{owner(base)}.", "Type": "CNAME", "Value": target_of(base)}


def owner(base: str) -> str:
    """Tell where ACM looks for the record of a name."""
    return f"_{hashed(base)}.{base}"


def target_of(base: str) -> str:
    """Tell where that record must lead."""
    return f"_{hashed(f'target {base}')}.{hashed('zone')[:10]}.acm-validations.aws."


def base_of(name: str) -> str:
    """Return the name that a wildcard shares its record with."""
    return name.removeprefix("*.")


def hashed(text: str) -> str:
    """Make up 32 hex digits that are the same in every run."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _by_dns(option: Json) -> Json:
    kept = {"DomainName": option["DomainName"], "ValidationStatus": SUCCESS, "ValidationMethod": "DNS"}
    return kept | {"ResourceRecord": record(base_of(option["DomainName"]))}


def _active(option: Json) -> Json:
    told = {"ValidationMethod": option["ValidationMethod"], "ValidationStatus": option["ValidationStatus"]}
    match option["ValidationMethod"]:
        case "EMAIL":
            parts = {name: option[name] for name in ("ValidationEmails", "ValidationDomain")}
            return told | {"ValidationChallenge": {"EmailValidationChallenge": parts}}
        case "DNS":
            challenge = {"ResourceRecord": option["ResourceRecord"]}
            return told | {"ValidationChallenge": {"DnsValidationChallenge": challenge}}
        case _:
            return told
