"""How bad certificates are together; what makes the grade of one is told where `check` exits with it."""

from __future__ import annotations

import pytest

from exporter.judge.grading import Grade, worst


@pytest.mark.parametrize(
    ("grades", "expected"),
    [
        ([], Grade.OK),
        ([Grade.OK, Grade.UNKNOWN], Grade.UNKNOWN),
        ([Grade.WARNING, Grade.UNKNOWN], Grade.WARNING),
        ([Grade.WARNING, Grade.CRITICAL, Grade.UNKNOWN], Grade.CRITICAL),
    ],
)
def test_a_known_break_is_worse_than_a_blind_spot(grades: list[Grade], expected: Grade) -> None:
    """The number of UNKNOWN is the greatest, its weight is not."""
    assert worst(grades) is expected
