"""Which shard a process is: by its options, or by the host name of a StatefulSet's pod."""

from __future__ import annotations

import pytest

from exporter.cli.shards import ShardError, shard
from exporter.judge.sharding import ALONE, Shard


@pytest.mark.parametrize(
    ("index", "total", "host", "meant"),
    [
        (None, None, "acm-exporter-7", ALONE),
        (2, 3, "acm-exporter-7", Shard(2, 3)),
        (0, 1, "box", Shard(0, 1)),
        (None, 3, "acm-exporter-2", Shard(2, 3)),
        (None, 12, "acm-exporter-10.acm-exporter.monitoring.svc.cluster.local", Shard(10, 12)),
        (None, 1, "ip-10-0-0-12", ALONE),
    ],
)
def test_which_shard_it_is(index: int | None, total: int | None, host: str, meant: Shard) -> None:
    """The option wins over the host name, which is not asked where there is nothing to divide."""
    assert shard(index, total, host) == meant


MISSING = (
    "--shard.index: missing, and host name {!r} does not end in an ordinal (expected such as acm-exporter-0)"
)


@pytest.mark.parametrize(
    ("index", "total", "host", "says"),
    [
        (1, None, "a-1", "--shard.total: missing, though --shard.index is 1 (expected 1 or more)"),
        (0, 0, "a-1", "--shard.total: 0 (expected 1 or more)"),
        (None, -3, "a-1", "--shard.total: -3 (expected 1 or more)"),
        (3, 3, "a-1", "--shard.index: 3 (expected 0 to 2, as --shard.total is 3)"),
        (-1, 3, "a-1", "--shard.index: -1 (expected 0 to 2, as --shard.total is 3)"),
        (1, 1, "a-1", "--shard.index: 1 (expected 0, as --shard.total is 1)"),
        (None, 3, "a-3", "--shard.index: 3 from host name 'a-3' (expected 0 to 2, as --shard.total is 3)"),
        (None, 3, "box", MISSING.format("box")),
        (None, 3, "box7", MISSING.format("box7")),
        (None, 3, "acm-exporter-5d4f8c7b9-x2x4z", MISSING.format("acm-exporter-5d4f8c7b9-x2x4z")),
        (None, 3, "a-٣", MISSING.format("a-٣")),
        (None, 3, "a-01", MISSING.format("a-01")),
        (None, 3, "", MISSING.format("")),
    ],
)
def test_mistakes(index: int | None, total: int | None, host: str, says: str) -> None:
    """Each mistake is called by its option, with what was expected."""
    with pytest.raises(ShardError) as wrong:
        shard(index, total, host)
    assert f"{wrong.value.option}: {wrong.value}" == says
