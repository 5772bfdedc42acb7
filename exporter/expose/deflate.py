"""A gzip stream of parts that were compressed apart, so that what did not change is not compressed again.

Many gzip members in a row are a valid stream too (RFC 1952, section 2.2), but curl and browsers read only the
first one. So the parts are runs of one member's deflate stream, each of which ends on a whole byte and looks
back at nothing before it (RFC 1951; zlib's Z_FULL_FLUSH), and their CRCs are combined.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

LEVEL = 1  # a twelfth of the size for half of level 6's time
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"  # no name, no time, quickly compressed, any system
_END = b"\x03\x00"  # an empty last block
_POLYNOMIAL = 0xEDB88320  # of the CRC-32 (RFC 1952, section 8), its bits reversed
_ONE = 1 << 31  # the polynomial 1, likewise
_PIECE = 1024 * 1024  # bytes; each waits for its turn of the event loop
_LONGEST = 40  # bits of a length, so a terabyte


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes, compressed."""

    deflated: bytes = b""
    size: int = 0  # of the bytes
    crc: int = 0

    @property
    def plain(self) -> bytes:
        """The bytes themselves."""
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes, a bounded number at a time."""
        inflate, left = zlib.decompressobj(-zlib.MAX_WBITS), self.deflated
        while piece := inflate.decompress(left, _PIECE):
            yield piece
            left = inflate.unconsumed_tail


def part(data: bytes) -> Part:
    """Compress some bytes."""
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = compressor.compress(data) + compressor.flush(zlib.Z_FULL_FLUSH)
    return Part(deflated, len(data), zlib.crc32(data))


def join(parts: Iterable[Part]) -> Part:
    """Put parts together without looking into them."""
    parts = tuple(parts)
    size = crc = 0
    for one in parts:
        size += one.size
        crc = _product(_shift(one.size), crc) ^ one.crc
    return Part(b"".join([one.deflated for one in parts]), size, crc)


def stream(whole: Part) -> bytes:
    """Make a gzip file of a part (RFC 1952)."""
    trailer = whole.crc.to_bytes(4, "little") + (whole.size % 2**32).to_bytes(4, "little")
    return b"".join((_HEADER, whole.deflated, _END, trailer))


def _product(one: int, other: int) -> int:
    """Multiply two polynomials over GF(2), modulo the CRC's."""
    product = 0
    while one:
        if one & _ONE:
            product ^= other
        one = one << 1 & 0xFFFFFFFF
        other = other >> 1 ^ _POLYNOMIAL if other & 1 else other >> 1
    return product


def _powers() -> tuple[int, ...]:
    """Return what moves a CRC over 1, 2, 4 … bytes: x to the power of 8, and the square of each before."""
    powers = [_ONE >> 8]
    while len(powers) < _LONGEST:
        powers.append(_product(powers[-1], powers[-1]))
    return tuple(powers)


_POWERS = _powers()


@lru_cache(4096)
def _shift(size: int) -> int:
    """Return what moves a CRC over that many bytes of zeros."""
    shift = _ONE
    for bit, power in enumerate(_POWERS):
        if size >> bit & 1:
            shift = _product(power, shift)
    return shift
