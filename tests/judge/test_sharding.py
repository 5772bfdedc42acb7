"""Which shard what belongs to: everything to exactly one, and to the same one whoever asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.judge.sharding import ALONE, Shard, jump, number

KEYS = [f"arn:aws:acm:us-east-1:111122223333:certificate/{n}" for n in range(10_000)]
totals = st.integers(1, 40)
names = st.text(max_size=20)  # also what no host name and no ARN may be
covering = st.lists(st.sampled_from(KEYS), max_size=4, unique=True)


def shards(total: int) -> Iterator[Shard]:
    """Give all shards of a total."""
    return (Shard(index, total) for index in range(total))


@pytest.mark.parametrize(
    ("key", "buckets", "bucket"),
    [(1, 1, 0), (42, 57, 43), (0xDEAD10CC, 1, 0), (0xDEAD10CC, 666, 361), (256, 1024, 520)],
)
def test_jump_is_that_of_the_paper(key: int, buckets: int, bucket: int) -> None:
    """The numbers that other implementations agree on."""
    assert jump(key, buckets) == bucket


@given(names, totals)
def test_everything_belongs_to_exactly_one_shard(key: str, total: int) -> None:
    """Nothing is watched twice, and nothing by nobody."""
    assert [shard.index for shard in shards(total) if shard.has(key)] == [number(key, total)]


@given(names, totals)
def test_with_one_shard_more_keys_move_to_the_new_one_only(key: str, total: int) -> None:
    """Whoever scales does not shuffle what the old shards know."""
    assert number(key, total + 1) in {number(key, total), total}


@pytest.mark.parametrize("total", [1, 2, 3, 9, 19])
def test_shares_are_even_and_one_shard_more_moves_its_share(total: int) -> None:
    """Of N + 1 shards the new one takes about 1/(N + 1) of everything."""
    before, after = ([number(key, n) for key in KEYS] for n in (total, total + 1))
    moved = sum(old != new for old, new in zip(before, after, strict=True))
    fair = len(KEYS) / (total + 1)
    assert moved == pytest.approx(fair, rel=0.15)
    assert list(Counter(after).values()) == [pytest.approx(fair, rel=0.15)] * (total + 1)


def test_shares_do_not_depend_on_the_machine() -> None:
    """All pods of all versions agree: a change of these numbers moves everything."""
    assert [number(key, 5) for key in KEYS[:10]] == [4, 1, 1, 2, 2, 3, 2, 3, 2, 1]


@given(names, covering, totals)
def test_endpoints_belong_to_one_shard_and_are_looked_at_by_all_that_need_them(
    name: str, arns: list[str], total: int
) -> None:
    """Whatever the order of the certificates, one shard exposes a name; whoever has one of them looks at it."""
    owning = [shard for shard in shards(total) if shard.owns(name, arns)]
    assert owning == [shard for shard in shards(total) if shard.has(min(arns, default=name))]
    assert owning == [shard for shard in shards(total) if shard.owns(name, arns[::-1])]
    assert len(owning) == 1
    watching = {shard for shard in shards(total) if shard.watches(name, arns)}
    assert watching == {shard for shard in shards(total) if any(shard.has(arn) for arn in arns)} | set(owning)


@given(names, covering)
def test_alone_has_everything(name: str, arns: list[str]) -> None:
    """One exporter without shards watches all there is."""
    assert (ALONE.has(name), ALONE.owns(name, arns), ALONE.watches(name, arns)) == (True, True, True)
