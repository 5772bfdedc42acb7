"""Parts that were compressed apart are one gzip file."""

from __future__ import annotations

import gzip
import io
import zlib

from hypothesis import given
from hypothesis import strategies as st

from exporter.expose.deflate import Part, join, part, stream

DATA = st.lists(st.binary() | st.binary(max_size=4).map(lambda some: some * 5000), max_size=8)


@given(DATA)
def test_any_parts_unpack_to_their_bytes(data: list[bytes]) -> None:
    """Whoever reads gzip gets the bytes in their order, and checks them by the right CRC and length."""
    whole = join(map(part, data))
    assert gzip.decompress(stream(whole)) == b"".join(data)
    assert (whole.size, whole.crc) == (len(b"".join(data)), zlib.crc32(b"".join(data)))
    assert whole.plain == b"".join(data)


@given(DATA, DATA)
def test_joints_may_be_joined(some: list[bytes], more: list[bytes]) -> None:
    """It does not matter in which steps a file is put together."""
    parts = [part(one) for one in (*some, *more)]
    assert join([join(parts[: len(some)]), join(parts[len(some) :])]) == join(parts)


def test_one_member_only() -> None:
    """A reader that stops after the first member, as curl and browsers do, has read everything."""
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    zipped = stream(join([part(b"some "), Part(), part(b"more")]))
    assert (inflate.decompress(zipped), inflate.eof, inflate.unused_data) == (b"some more", True, b"")
    assert gzip.GzipFile(fileobj=io.BytesIO(zipped)).read() == b"some more"


def test_what_repeats_is_small() -> None:
    """Parts cost little more than the whole would."""
    line = b'acm_certificate_in_use{arn="arn:aws:acm:us-east-1:111122223333:certificate/0"} 1.0\n'
    whole = len(gzip.compress(line * 10_000, 1))
    assert len(stream(join([part(line * 100)] * 100))) < 4 * whole
