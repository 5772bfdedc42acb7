"""Which files count for which certificates, and what is judged of each file alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from exporter.facts import Certificate, FileLook
from exporter.judge import filing
from exporter.judge.sharding import ALONE, Shard
from exporter.snapshot import Filed


def file(
    looks: Iterable[FileLook],
    named: Callable[[str], Iterable[Certificate]],
    by_arn: Callable[[str], Certificate | None],
    shard: Shard = ALONE,
) -> tuple[dict[str, tuple[FileLook, ...]], tuple[Filed, ...]]:
    """Give the looks by the ARN that they count for, and the shard's files."""
    counting: dict[str, list[FileLook]] = defaultdict(list)
    files = []
    for look in looks:
        arns = filing.owners(look, named)
        matches = []
        for one in filter(None, map(by_arn, arns)):
            counting[one.arn].append(look)
            held = filing.as_known(look, one)
            if held is not None and one.serial is not None:
                matches.append((one.arn, held.serial == one.serial))
        if shard.owns(look.path, arns):
            files.append(Filed(look, tuple(sorted(matches))))
    return {arn: tuple(some) for arn, some in counting.items()}, tuple(files)
