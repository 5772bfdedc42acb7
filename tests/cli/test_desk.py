"""With which identities `fix` acts."""

from __future__ import annotations

from pathlib import Path

from exporter import config
from exporter.cli.desk import desk_of
from exporter.observe.aws import Access

CONFIGURATION = """\
aws:
  accounts:
    - role_arn: arn:aws:iam::111111111111:role/reads
      external_id: blue
      fix_role_arn: arn:aws:iam::111111111111:role/writes
    - profile: other
      fix_role_arn: arn:aws:iam::222222222222:role/writes
    - name: ambient
"""


def test_a_role_for_writing_stands_in_for_the_one_that_reads(tmp_path: Path) -> None:
    """It is assumed with the same profile and external id; without one, fix acts as the daemon reads."""
    file = tmp_path / "acm-exporter.yaml"
    file.write_text(CONFIGURATION)
    with desk_of(config.load(file, {})) as desk:
        assert desk.hands.accesses == (
            Access(role_arn="arn:aws:iam::111111111111:role/writes", external_id="blue"),
            Access(profile="other", role_arn="arn:aws:iam::222222222222:role/writes"),
            Access(),
        )


def test_an_organization_gives_its_own_account_without_a_role(tmp_path: Path) -> None:
    """Its credentials reach the account that they are of; with a role for writing, that role is for all."""
    file = tmp_path / "acm-exporter.yaml"
    text = "aws: {organization: {role_name: reads, profile: hub}}"
    for role, accesses in (("", (Access("hub"),)), (", fix_role_name: writes", ())):
        file.write_text(text.replace("reads", f"reads{role}"))
        with desk_of(config.load(file, {})) as desk:
            assert desk.hands.accesses == accesses
            assert desk.hands.elsewhere is not None
            arn = "arn:aws:iam::222222222222:role/" + ("writes" if role else "reads")
            assert desk.hands.elsewhere("arn:aws:acm:us-east-1:222222222222:certificate/a") == Access(
                "hub", arn
            )
