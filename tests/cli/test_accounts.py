"""From settings to the ways into accounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter import config
from exporter.cli.accounts import Reach, mender, reach
from exporter.facts import Member
from exporter.judge.membership import Choice, Filter
from exporter.judge.sharding import ALONE, Shard
from exporter.observe.aws import Access
from exporter.snapshot.past import Door

HUB, WEB = "111111111111", "222222222222"
CONFIGURATION = """
aws:
  accounts: [{name: listed, regions: [us-east-1]}]
  organization:
    role_name: audit/reader
    external_id: agreed
    profile: hub
    regions: [us-east-1, eu-west-1]
    include: {names: [production-*]}
    exclude: {organizational_units: [ou-ab12-cdefgh34], accounts: ["333333333333"]}
    interval: 30m
"""


def settings(folder: Path, text: str) -> config.Aws:
    """Read settings from text."""
    file = folder / "acm-exporter.yaml"
    file.write_text(text)
    return config.load(file, {}).aws


def reached(aws: config.Aws) -> Reach:
    """Build the eyes, and let go of them."""
    made = reach(aws, ALONE)
    made.close()
    return made


def test_an_organization(tmp_path: Path) -> None:
    """Each account has a way for each region: by the role, but the own one by the credentials alone."""
    made = reached(settings(tmp_path, CONFIGURATION))
    assert [door for door, _ in made.acm] == [Door("listed", region="us-east-1")]
    membership = made.membership
    assert membership is not None
    assert membership.interval == 1800
    unit = "ou-ab12-cdefgh34"
    assert membership.filter == Filter(
        Choice(names=("production-*",)), Choice(("333333333333",), units=(unit,))
    )
    role = f"arn:aws-cn:iam::{WEB}:role/audit/reader"
    entered = membership.enter(Member(WEB, partition="aws-cn"))
    assert [(door, eye.account) for door, eye in entered] == [
        (Door("", "hub", role, "us-east-1"), WEB),
        (Door("", "hub", role, "eu-west-1"), WEB),
    ]
    own = membership.enter(Member(HUB, own=True))
    assert [(door, eye.account) for door, eye in own] == [
        (Door("", "hub", "", "us-east-1"), ""),
        (Door("", "hub", "", "eu-west-1"), ""),
    ]


def test_the_ambient_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without regions each account is read in the ambient one."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
    made = reached(settings(tmp_path, "aws: {organization: {role_name: reader}}"))
    assert made.membership is not None
    ((door, _),) = made.membership.enter(Member(WEB))
    assert (door, made.acm) == (Door("", "", f"arn:aws:iam::{WEB}:role/reader", "ap-northeast-1"), ())


def test_no_organization() -> None:
    """By default there is the ambient account alone."""
    made = reached(config.default().aws)
    assert (len(made.acm), made.membership) == (1, None)
    assert reach(config.default().aws, Shard(0, 2)).membership is None


def test_whoever_mends(tmp_path: Path) -> None:
    """`fix` assumes its own role in the account of an ARN where one is named, else the reader's."""
    arn = f"arn:aws:acm:us-east-1:{WEB}:certificate/a"
    plain = settings(tmp_path, CONFIGURATION).organization
    named = settings(tmp_path, CONFIGURATION + "    fix_role_name: mender\n").organization
    assert plain is not None
    assert named is not None
    assert mender(plain, arn) == Access("hub", f"arn:aws:iam::{WEB}:role/audit/reader", "agreed")
    assert mender(named, arn) == Access("hub", f"arn:aws:iam::{WEB}:role/mender", "agreed")
