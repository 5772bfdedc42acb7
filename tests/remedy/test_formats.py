"""Records are written so that people and tools take them as they are."""

from __future__ import annotations

import json
import shlex
from typing import Any

import dns.name
import dns.zonefile
from botocore.session import Session
from botocore.validate import ParamValidator

from exporter.remedy.formats import FORMATS
from exporter.remedy.records import Record
from tests.evidence import ARN, OTHER_ARN

CNAME = Record(
    "_token.www.example.com", "CNAME", ("_target.acm-validations.aws.",), (), (ARN,), "example.com"
)
MOVED = Record("_a.example.org", "CNAME", ("_b.acm-validations.aws.",), ("_c.acm-validations.aws.",), (ARN,))
THERE = ('0 issue "a.test; x=${y}"', '0 iodef "mailto:\\"b\\"@a.test"')
CAA = Record("example.com", "CAA", (*THERE, '0 issue "amazon.com"'), THERE, (ARN, OTHER_ARN), "example.com")
ALL = (CNAME, MOVED, CAA)
SETS: list[dict[str, Any]] = [
    {
        "Name": "_token.www.example.com.",
        "Type": "CNAME",
        "TTL": 300,
        "ResourceRecords": [{"Value": "_target.acm-validations.aws."}],
    },
    {
        "Name": "example.com.",
        "Type": "CAA",
        "TTL": 300,
        "ResourceRecords": [{"Value": one} for one in CAA.values],
    },
]


def test_nothing_is_nothing() -> None:
    """Without records every format is empty, so that it may be piped."""
    assert {name: write(()) for name, write in FORMATS.items()} == dict.fromkeys(FORMATS, "")


def test_table() -> None:
    """A person sees what to add, beside or instead of what, and for whom."""
    assert FORMATS["table"](ALL) == (
        "_token.www.example.com.  300  CNAME  _target.acm-validations.aws.\n"
        f"    for {ARN}\n"
        "_a.example.org.  300  CNAME  _b.acm-validations.aws.\n"
        "    instead of: _c.acm-validations.aws.\n"
        f"    for {ARN}\n"
        'example.com.  300  CAA  0 issue "amazon.com"\n'
        '    beside what stands there: 0 issue "a.test; x=${y}"\n'
        '    beside what stands there: 0 iodef "mailto:\\"b\\"@a.test"\n'
        f"    for {ARN}\n"
        f"    for {OTHER_ARN}\n"
    )


def test_zone_file() -> None:
    """A zone file's parser reads the lines; of a CAA set only what is added, as lines add up."""
    text = FORMATS["bind"](ALL)
    sets = dns.zonefile.read_rrsets(text, rdclass=None, origin=dns.name.root, relativize=False)
    assert sorted(one.to_text() for one in sets) == [
        "_a.example.org. 300 IN CNAME _b.acm-validations.aws.",
        "_token.www.example.com. 300 IN CNAME _target.acm-validations.aws.",
        'example.com. 300 IN CAA 0 issue "amazon.com"',
    ]
    assert "; replaces: _c.acm-validations.aws.\n" in text


def test_route53() -> None:
    """A shell gives the AWS CLI one batch for each zone, of Route 53's own shape, with whole CAA sets."""
    lines = FORMATS["route53"](ALL).splitlines()
    assert lines[::2] == [
        "ZONE=  # the id of the public hosted zone example.com",
        "ZONE=  # the id of the public hosted zone example.org",
    ]
    first, second = (shlex.split(line) for line in lines[1::2])
    assert first[:-1] == [
        *("aws", "route53", "change-resource-record-sets", "--hosted-zone-id", "$ZONE", "--change-batch"),
    ]
    batch = json.loads(first[-1])
    shape = Session().get_service_model("route53").operation_model("ChangeResourceRecordSets").input_shape
    given = {"HostedZoneId": "Z1", "ChangeBatch": batch}
    assert ParamValidator().validate(given, shape).generate_report() == ""
    assert batch["Changes"] == [{"Action": "UPSERT", "ResourceRecordSet": one} for one in SETS]
    assert len(json.loads(second[-1])["Changes"]) == 1


def test_terraform() -> None:
    """Quotes are escaped and ${ begins no template; a zone stands once."""
    assert FORMATS["terraform"]((CNAME, CAA)) == (
        'data "aws_route53_zone" "example_com" {\n'
        '  name         = "example.com"\n'
        "  private_zone = false\n"
        "}\n"
        "\n"
        'resource "aws_route53_record" "cname__token_www_example_com" {\n'
        "  zone_id         = data.aws_route53_zone.example_com.zone_id\n"
        '  name            = "_token.www.example.com"\n'
        '  type            = "CNAME"\n'
        "  ttl             = 300\n"
        "  allow_overwrite = true\n"
        "  records = [\n"
        '    "_target.acm-validations.aws.",\n'
        "  ]\n"
        "}\n"
        "\n"
        'resource "aws_route53_record" "caa_example_com" {\n'
        "  zone_id         = data.aws_route53_zone.example_com.zone_id\n"
        '  name            = "example.com"\n'
        '  type            = "CAA"\n'
        "  ttl             = 300\n"
        "  allow_overwrite = true\n"
        "  records = [\n"
        '    "0 issue \\"a.test; x=$${y}\\"",\n'
        '    "0 iodef \\"mailto:\\\\\\"b\\\\\\"@a.test\\"",\n'
        '    "0 issue \\"amazon.com\\"",\n'
        "  ]\n"
        "}\n"
    )


def test_cloudformation() -> None:
    """A template has alphanumeric logical ids, and record sets that a deleted stack leaves behind."""
    template = json.loads(FORMATS["cloudformation"]((CNAME, MOVED)))
    assert template["Resources"] == {
        "CnameUtokenDotwwwDotexampleDotcom": {
            "Type": "AWS::Route53::RecordSet",
            "DeletionPolicy": "Retain",
            "Properties": {
                "HostedZoneName": "example.com.",
                "Name": "_token.www.example.com.",
                "Type": "CNAME",
                "TTL": "300",
                "ResourceRecords": ["_target.acm-validations.aws."],
            },
        },
        "CnameUaDotexampleDotorg": {
            "Type": "AWS::Route53::RecordSet",
            "DeletionPolicy": "Retain",
            "Properties": {
                "HostedZoneName": "example.org.",
                "Name": "_a.example.org.",
                "Type": "CNAME",
                "TTL": "300",
                "ResourceRecords": ["_b.acm-validations.aws."],
            },
        },
    }
