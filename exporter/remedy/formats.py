"""Records as people paste them and as tools apply them; pure.

A CAA set is written whole where a tool replaces the set (Route 53, Terraform, CloudFormation), and as the
added line alone where lines add up (a zone file).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from exporter.remedy.records import TTL, Record

Change = dict[str, Any]


def table(records: Sequence[Record]) -> str:
    """Write for people: what to create, what stands there now and which certificates need it."""
    lines: list[str] = []
    for one in records:
        lines.append(f"{one.name}.  {TTL}  {one.type}  {one.added[0]}")
        lines += [f"{'':4}and: {value}" for value in one.added[1:]]
        if one.type == "CAA":
            lines += [f"{'':4}beside what stands there: {value}" for value in one.found]
        else:
            lines += [f"{'':4}instead of: {value}" for value in one.found]
        lines += [f"{'':4}for {arn}" for arn in one.arns]
    return _text(lines)


def bind(records: Sequence[Record]) -> str:
    """Write lines of a zone file (RFC 1035, section 5) with absolute names, to be added to any zone."""
    lines: list[str] = []
    for one in records:
        if one.type == "CNAME":
            lines += [f"; replaces: {value}" for value in one.found]
        lines += [f"{one.name}. {TTL} IN {one.type} {value}" for value in one.added]
    return _text(lines)


def route53(records: Sequence[Record]) -> str:
    """Write one command of the AWS CLI for each zone, whose id is to be filled in."""
    lines: list[str] = []
    for zone, members in by_zone(records).items():
        batch = {"Comment": "acm-exporter fix", "Changes": [upsert(one) for one in members]}
        lines += [
            f"ZONE=  # the id of the public hosted zone {zone}",
            'aws route53 change-resource-record-sets --hosted-zone-id "$ZONE" --change-batch '
            + shlex.quote(json.dumps(batch)),
        ]
    return _text(lines)


def upsert(record: Record) -> Change:
    """Make a change of a Route 53 change batch that creates the set or replaces it by the whole one."""
    return {"Action": "UPSERT", "ResourceRecordSet": record_set(record.name, record.type, TTL, record.values)}


def record_set(name: str, kind: str, ttl: int, values: Iterable[str]) -> Change:
    """Make a plain ResourceRecordSet, as Route 53 takes it."""
    return {
        "Name": f"{name}.",
        "Type": kind,
        "TTL": ttl,
        "ResourceRecords": [{"Value": one} for one in values],
    }


def terraform(records: Sequence[Record]) -> str:
    """Write resources of Terraform's AWS provider; each zone is looked up by its name."""
    blocks: list[str] = []
    for zone, members in by_zone(records).items():
        label = _label(zone)
        blocks.append(
            f'data "aws_route53_zone" "{label}" {{\n  name         = {_hcl(zone)}\n  private_zone = false\n}}'
        )
        for one in members:
            values = ",\n".join(f"    {_hcl(value)}" for value in one.values)
            blocks.append(
                f'resource "aws_route53_record" "{_label(f"{one.type}_{one.name}".lower())}" {{\n'
                f"  zone_id         = data.aws_route53_zone.{label}.zone_id\n"
                f"  name            = {_hcl(one.name)}\n"
                f"  type            = {_hcl(one.type)}\n"
                f"  ttl             = {TTL}\n"
                f"  allow_overwrite = true\n"
                f"  records = [\n{values},\n  ]\n}}"
            )
    return "\n\n".join(blocks) + "\n" if blocks else ""


def cloudformation(records: Sequence[Record]) -> str:
    """Write a CloudFormation template in JSON; stacks cannot take over record sets that stand already."""
    resources = {
        _logical(one): {
            "Type": "AWS::Route53::RecordSet",
            "DeletionPolicy": "Retain",
            "Properties": {
                "HostedZoneName": f"{_zone(one)}.",
                "Name": f"{one.name}.",
                "Type": one.type,
                "TTL": str(TTL),
                "ResourceRecords": list(one.values),
            },
        }
        for one in records
    }
    description = "Records that AWS Certificate Manager needs (acm-exporter fix records)"
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Description": description, "Resources": resources}
    return json.dumps(template, indent=2) + "\n" if records else ""


FORMATS: Mapping[str, Callable[[Sequence[Record]], str]] = {
    "table": table,
    "bind": bind,
    "route53": route53,
    "terraform": terraform,
    "cloudformation": cloudformation,
}


def by_zone(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Group records by the apex of their zones."""
    zones: dict[str, list[Record]] = {}
    for one in records:
        zones.setdefault(_zone(one), []).append(one)
    return zones


def _zone(record: Record) -> str:
    """Return the apex; where it is not known, the name that the record is about stands for it."""
    about = record.name.partition(".")[2] if record.type == "CNAME" else record.name
    return record.zone or about


def _hcl(text: str) -> str:
    """Quote for HCL, in which ${ and %{ begin a template."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def _label(name: str) -> str:
    """Make an identifier of Terraform's, which may not begin with a digit; names differ, so must labels."""
    text = re.sub(r"[^a-z0-9_-]", lambda match: "_" if match[0] == "." else f"-{ord(match[0]):x}-", name)
    return text if re.match(r"[a-z_]", text) else f"_{text}"


def _logical(record: Record) -> str:
    """Make a logical id of CloudFormation's, which is alphanumeric; what is not is spelled as hex."""
    spelled = re.sub(r"[^a-z0-9]", _spell, record.name)
    return f"{record.type.title()}{spelled}"[:255]


def _spell(match: re.Match[str]) -> str:
    return {".": "Dot", "_": "U", "-": "Dash"}.get(match[0], f"X{ord(match[0]):x}")


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
