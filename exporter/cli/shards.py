"""From `--shard.index`, `--shard.total` and the host name to a shard."""

from __future__ import annotations

import re

from exporter.judge.sharding import ALONE, Shard

_ORDINAL = re.compile(r".*-(0|[1-9][0-9]*)")


class ShardError(ValueError):
    """What is wrong with an option, and what was expected."""

    def __init__(self, option: str, complaint: str) -> None:
        super().__init__(complaint)
        self.option = option


def shard(index: int | None, total: int | None, host: str) -> Shard:
    """Return the shard that was asked for; without an index, by the ordinal of a StatefulSet's pod."""
    if total is None:
        if index is not None:
            raise ShardError(
                "--shard.total", f"missing, though --shard.index is {index} (expected 1 or more)"
            )
        return ALONE
    if total < 1:
        raise ShardError("--shard.total", f"{total} (expected 1 or more)")
    if index is None:
        return (
            ALONE if total == 1 else Shard(_within(_ordinal(host), total, f" from host name {host!r}"), total)
        )
    return Shard(_within(index, total), total)


def _ordinal(host: str) -> int:
    found = _ORDINAL.fullmatch(host.partition(".")[0])
    if found is None:
        complaint = (
            f"missing, and host name {host!r} does not end in an ordinal (expected such as acm-exporter-0)"
        )
        raise ShardError("--shard.index", complaint)
    return int(found[1])


def _within(index: int, total: int, source: str = "") -> int:
    if not 0 <= index < total:
        expected = f"0 to {total - 1}" if total > 1 else "0"
        raise ShardError(
            "--shard.index", f"{index}{source} (expected {expected}, as --shard.total is {total})"
        )
    return index
