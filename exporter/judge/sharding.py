"""Which of several exporters a certificate or an endpoint belongs to, so that each watches its share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256

_64_BITS = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Shard:
    """One exporter of several; the shards of one total divide everything among themselves."""

    index: int = 0
    total: int = 1

    def has(self, key: str) -> bool:
        """Tell whether an ARN, or a name that no certificate covers, belongs to this shard."""
        return self.total == 1 or number(key, self.total) == self.index

    def owns(self, name: str, arns: Collection[str]) -> bool:
        """Tell whether the endpoints of a name belong to this shard, given the certificates for the name.

        They go with one certificate, chosen by what all shards know alike, and not by what is served.
        """
        return self.has(min(arns, default=name))

    def watches(self, name: str, arns: Collection[str]) -> bool:
        """Tell whether this shard looks at a name: its endpoints may count for a certificate of its own."""
        return any(map(self.has, arns)) if arns else self.has(name)


ALONE = Shard()  # everything is its own


def number(key: str, total: int) -> int:
    """Return the shard that a key belongs to; with one shard more, keys only move to the new one."""
    return jump(int.from_bytes(sha256(key.encode(errors="surrogatepass")).digest()[:8], "big"), total)


def jump(state: int, buckets: int) -> int:
    """Jump consistent hash (Lamping and Veach, arXiv:1406.2294) of a number below 2**64."""
    bucket, candidate = 0, 0
    while candidate < buckets:
        bucket = candidate
        state = (state * 2862933555777941757 + 1) & _64_BITS
        candidate = int((bucket + 1) * ((1 << 31) / ((state >> 33) + 1)))
    return bucket
