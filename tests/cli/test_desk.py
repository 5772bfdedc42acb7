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
