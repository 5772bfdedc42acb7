"""Least privilege: the table of actions, the policies and roles made of it, and the calls that the code makes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Container, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml

from exporter import config
from exporter.cli import build
from exporter.demo.acm import AcmStandIn, Fault
from exporter.demo.organization import Account
from exporter.demo.papers import environment
from exporter.demo.world import world
from tests.demo.test_acm import issued
from tests.deploy.cloudformation import Template

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "deploy/aws/roles.yaml"
USES: dict[str, list[dict[str, Any]]] = yaml.safe_load((ROOT / "deploy/aws/actions.yaml").read_text())
POLICIES = {
    "observe": "iam-policy.json",
    "accounts": "iam-policy-accounts.json",
    "resources": "iam-policy-resources.json",
    "organization": "iam-policy-organization.json",
    "fix": "iam-policy-fix.json",
}

# Where the calls of a use are written; what needs no permission; and the uses that a use comes on top of.
CODE = {
    "observe": ("exporter/observe", ("aws_errors", "resources")),  # the names of errors know all operations
    "resources": ("exporter/observe/resources.py", ()),
    "fix": ("exporter/remedy", ()),
}
FREE = {"sts:GetCallerIdentity"}
SELDOM = {
    "elasticloadbalancing:DescribeListenerCertificates"
}  # the demo's load balancers have one TLS listener each
BESIDE = {"observe": ("accounts", "organization"), "fix": ("observe",)}


def actions(*uses: str) -> set[str]:
    """List the actions of some uses."""
    return {action for use in uses for one in USES[use] for action in one["actions"]}


PREFIXES = {  # of the actions of a service, where that is not its name
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "apigatewayv2": "apigateway",
}
OPERATIONS = {
    f"{PREFIXES.get(service, service)}:{operation}"
    for service in ("acm", "sts", "route53", "organizations", *PREFIXES, "cloudfront", "apigateway")
    for operation in botocore.session.get_session().get_service_model(service).operation_names
}


def called(operations: Container[str]) -> set[str]:
    """List the actions that some operations need; where the table gives calls, those stand for its action."""
    names = {
        f"{action.partition(':')[0]}:{call}": action
        for one in (each for use in USES.values() for each in use)
        for action in one["actions"]
        for call in one.get("calls", ())
    }
    found = {one for one in OPERATIONS if one.partition(":")[2] in operations} - FREE
    return {names.get(one, one) for one in found}


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(
            use, marks=pytest.mark.skipif(not (ROOT / code).exists(), reason=f"there is no {code} yet")
        )
        for use, (code, _) in CODE.items()
    ],
)
def test_actions_are_those_of_the_operations_that_the_code_names(use: str) -> None:
    """A call that somebody adds needs an action with its reason, and one that goes takes its action with it."""
    place, others = ROOT / CODE[use][0], CODE[use][1]
    files = place.rglob("*.py") if place.is_dir() else [place]
    text = "\n".join(one.read_text() for one in files if one.stem not in others)
    words = set(re.findall(r'"(?:\w+:)?([A-Z][A-Za-z]+)"', text))
    assert called(words) - actions(*BESIDE.get(use, ())) == actions(use)


async def test_actions_are_those_of_the_calls_that_a_sweep_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two accounts are watched, in one of which SearchCertificates is denied: ACM sees just what is allowed."""
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    async with world(tmp_path, now) as around:
        for name, value in around.environment.items():
            monkeypatch.setenv(name, value)
        around.acm.faults.append(Fault("AccessDeniedException", "SearchCertificates", "444455556666"))
        settings = config.load(around.config_file, around.environment)
        with build.watch(settings, clock=lambda: now) as (watch, _):
            await watch.once()
        operations = {operation for _, _, operation in around.acm.requests}
    assert called(operations) == actions("observe", "accounts", "resources") - SELDOM


async def test_actions_are_those_of_the_calls_that_an_organization_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is listed, a unit is looked into, and a role is assumed."""
    home, away = "111122223333", "444455556666"
    one = issued(1, account=away)
    acm = await AcmStandIn.start({one["CertificateArn"]: one})
    acm.organization.listers = [home]
    acm.organization.accounts = [Account(home, "home"), Account(away, "away", "ou-ab12-cdefgh34")]
    acm.organization.units = {"ou-ab12-cdefgh34": "r-root"}
    acm.faults.append(Fault("AccessDeniedException", "SearchCertificates"))
    around = environment(acm.url, tmp_path)
    for name, value in around.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "acm-exporter.yaml"
    file.write_text(
        "aws: {tags: [team], organization: {role_name: acm-exporter, regions: [us-east-1],"
        " include: {organizational_units: [ou-ab12-cdefgh34]}}}\n"
        "probe: {certificate_names: false}\ndns: {nameservers: ['127.0.0.1:1'], timeout: 1s}\n"
    )
    with build.watch(config.load(file, around)) as (watch, _):
        await watch.once()
    await acm.close()
    operations = {operation for _, _, operation in acm.requests}
    assert called(operations) == actions("observe", "accounts", "organization")


@pytest.mark.parametrize("use", POLICIES)
def test_policies_are_those_of_the_table(use: str) -> None:
    """What is shipped as JSON has the statements of the table."""
    policy = json.loads((ROOT / "deploy" / POLICIES[use]).read_text())
    assert policy == {"Version": "2012-10-17", "Statement": [_statement(one) for one in USES[use]]}


def _statement(one: Mapping[str, Any]) -> dict[str, Any]:
    told = {"Sid": one["sid"], "Effect": "Allow", "Action": list(one["actions"]), "Resource": one["resource"]}
    return told | ({"Condition": one["condition"]} if "condition" in one else {})


def test_the_page_and_the_files_are_as_made(tmp_path: Path) -> None:
    """`make docs` would change nothing."""
    names = [
        "deploy/iam-tables",
        "deploy/aws/actions.yaml",
        "docs/iam.md",
        *(f"deploy/{one}" for one in POLICIES.values()),
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run([sys.executable, tmp_path / "deploy/iam-tables"], check=True)
    assert {one: (tmp_path / one).read_text() for one in names} == {
        one: (ROOT / one).read_text() for one in names
    }


def test_the_template_and_all_actions_pass_the_linter(tmp_path: Path) -> None:
    """cfn-lint knows every resource of CloudFormation and every action of IAM."""
    template: dict[str, Any] = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}}
    for use, statements in USES.items():
        document = {"Version": "2012-10-17", "Statement": [_statement(one) for one in statements]}
        template["Resources"][use] = {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"PolicyDocument": document},
        }
    (tmp_path / "actions.json").write_text(json.dumps(template))
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("cfn-lint")), "--include-checks", "I", "W", "E"),
            *("--ignore-checks", "I3042", "--", str(TEMPLATE), str(tmp_path / "actions.json")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def stack(**parameters: str) -> dict[str, tuple[Any, list[Any]]]:
    """Fill the template in; gives the trust and the statements of each role by its name."""
    there = Template(TEMPLATE, **parameters).resources()
    roles = {}
    for one in there.values():
        if "AssumeRolePolicyDocument" in one:
            trust = one["AssumeRolePolicyDocument"]
            documents = [there[name]["PolicyDocument"] for name in one["ManagedPolicyArns"]]
            documents += [policy["PolicyDocument"] for policy in one.get("Policies", [])]
            roles[one["RoleName"]] = (
                json.loads(trust) if isinstance(trust, str) else trust,
                [statement for document in documents for statement in document["Statement"]],
            )
    return roles


def statements(*uses: str) -> list[Any]:
    """Write the statements of some uses."""
    return [_statement(one) for use in uses for one in USES[use]]


def test_a_role_that_is_assumed_from_another_account() -> None:
    """It trusts that role alone, and only with the external id."""
    hub = "arn:aws:iam::111111111111:role/acm-exporter"
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": hub},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "agreed"}},
    }
    made = stack(HubRoleArn=hub, ExternalId="agreed")
    assert made == {"acm-exporter": ({"Version": "2012-10-17", "Statement": [trust]}, statements("observe"))}


def test_a_role_of_a_service_account_that_reads_an_organisation() -> None:
    """Only that service account gets it, and it may assume the roles of that organisation's accounts."""
    provider = "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE"
    made = stack(OidcProvider=provider, OrganizationId="o-exampleorgid")
    equal = {
        f"{provider}:aud": "sts.amazonaws.com",
        f"{provider}:sub": "system:serviceaccount:acm-exporter:acm-exporter",
    }
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{provider}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": equal},
    }
    (assume,) = statements("accounts")
    within = assume | {"Condition": {"StringEquals": {"aws:ResourceOrgID": "o-exampleorgid"}}}
    assert made == {
        "acm-exporter": (
            {"Version": "2012-10-17", "Statement": [trust]},
            [*statements("observe"), within],
        )
    }


def test_a_role_that_describes_resources() -> None:
    """Where somebody asks for it, and beside what else it reads."""
    member = stack(
        HubRoleArn="arn:aws:iam::111111111111:role/acm-exporter", ExternalId="x", DescribeResources="true"
    )
    assert member["acm-exporter"][1] == statements("observe", "resources")
    hub = stack(DescribeResources="true", OrganizationId="o-exampleorgid")
    assert [one["Sid"] for one in hub["acm-exporter"][1]] == [
        one["Sid"] for one in statements("observe", "accounts", "resources")
    ]


def test_a_role_of_an_instance_and_one_for_people_who_fix() -> None:
    """The daemon's role mends nothing; the other one is for the principal that was named."""
    admin = "arn:aws:iam::123456789012:role/admin"
    made = stack(FixPrincipal=admin)
    trust = [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": ["sts:AssumeRole"]},
        {"Effect": "Allow", "Principal": {"AWS": admin}, "Action": "sts:AssumeRole"},
    ]
    assert made == {
        "acm-exporter": ({"Version": "2012-10-17", "Statement": trust[:1]}, statements("observe")),
        "acm-exporter-fix": ({"Version": "2012-10-17", "Statement": trust[1:]}, statements("observe", "fix")),
    }


@pytest.mark.parametrize("hub", ["", "arn:aws:iam::111111111111:role/acm-exporter"])
def test_a_role_that_lists_the_organization(hub: str) -> None:
    """The exporter's own role may list, or one that it assumes in the management account."""
    made = stack(ListsOrganization="true", **({"HubRoleArn": hub, "ExternalId": "agreed"} if hub else {}))
    assert {name: found for name, (_, found) in made.items()} == {
        "acm-exporter": statements("observe", "organization")
    }


def test_documented_parameters_are_those_of_the_template() -> None:
    """Whoever copies a command from the page gives parameters that there are, with values that are accepted."""
    declared = Template(TEMPLATE).parameters
    page = (ROOT / "docs/iam.md").read_text()
    overrides = re.findall(r"--parameter-overrides((?: \\\n? *\S+=\S+)+)", page)
    given = re.findall(r"(\w+)=(\S+)", " ".join(overrides))
    given += re.findall(r"ParameterKey=(\w+),ParameterValue=(\S+)", page)
    given += re.findall(r"`(\w+)=(\S+)`", page)
    assert {name for name, _ in given} == {
        *("OidcProvider", "OrganizationId", "HubRoleArn", "ExternalId", "Service"),
        *("DescribeResources", "ListsOrganization"),
    }
    for name, value in given:
        assert re.fullmatch(declared[name].get("AllowedPattern", ".+"), value), name
        assert value in declared[name].get("AllowedValues", [value])
