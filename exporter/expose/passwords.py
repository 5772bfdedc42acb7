"""Basic authentication: whether a password is a user's, in a time that tells nothing about the users."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections import Counter, OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import bcrypt

LONGEST = 72  # bytes of a password that bcrypt looks at
MOST_WAITING = 16  # credentials that wait to be hashed, 70 ms each at the usual cost
MOST_OF_A_PEER = 2  # of them
REMEMBERED = 128  # credentials, of the right ones and of the wrong ones


def credentials(header: str) -> tuple[str, bytes] | None:
    """Read an Authorization header (RFC 7617); None where it is not Basic."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user.decode(errors="surrogateescape"), password) if colon else None


class Passwords:
    """Checks passwords one at a time in a thread of its own, and remembers what came of it.

    So a flood of wrong ones takes one core at most, and costs those nothing whose password was right before.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")
        self._secret = secrets.token_bytes(32)
        self._known = {True: _Memory(), False: _Memory()}  # apart, so that the wrong push out no right ones
        self._running: dict[bytes, asyncio.Future[bool]] = {}
        self._waiting: Counter[str] = Counter()

    def close(self) -> None:
        """End the thread, when it is done with what it does."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def right(self, users: Mapping[str, bytes], user: str, password: bytes, peer: str) -> bool | None:
        """Say whether it is the password of one of the users; None if too many wait for an answer.

        An unknown user's is compared with the hash of some user, always the same, so that it takes as long.
        """
        hashed = users.get(user)
        if hashed is None:
            hashes = sorted(users.values())
            hashed = hashes[int.from_bytes(self._digest(user.encode(errors="surrogateescape"))) % len(hashes)]
        key = self._digest(user.encode(errors="surrogateescape"), hashed, password)
        for answer, memory in self._known.items():
            if memory.has(key):
                return answer
        task = self._running.get(key)
        if task is None:
            if len(self._running) >= MOST_WAITING or self._waiting[peer] >= MOST_OF_A_PEER:
                return None
            task = asyncio.ensure_future(self._hash(key, hashed, password, peer, known=user in users))
            self._running[key] = task
        return await asyncio.shield(task)

    async def _hash(self, key: bytes, hashed: bytes, password: bytes, peer: str, *, known: bool) -> bool:
        self._waiting[peer] += 1
        try:
            loop = asyncio.get_running_loop()
            same = await loop.run_in_executor(self._thread, _same, hashed, password)
        finally:
            del self._running[key]
            self._waiting[peer] -= 1
            if not self._waiting[peer]:
                del self._waiting[peer]
        self._known[same and known].add(key)
        return same and known

    def _digest(self, *parts: bytes) -> bytes:
        made = hashlib.blake2b(key=self._secret, digest_size=32)
        for part in parts:
            made.update(len(part).to_bytes(8))
            made.update(part)
        return made.digest()


def _same(hashed: bytes, password: bytes) -> bool:
    written = b"$2a$" + hashed[3:] if hashed.startswith(b"$2$") else hashed
    try:
        return bcrypt.checkpw(password[:LONGEST], written)
    except ValueError:  # what only looks like a hash
        return False


class _Memory:
    """The latest digests."""

    def __init__(self) -> None:
        self._digests: OrderedDict[bytes, None] = OrderedDict()

    def has(self, digest: bytes) -> bool:
        if digest not in self._digests:
            return False
        self._digests.move_to_end(digest)
        return True

    def add(self, digest: bytes) -> None:
        self._digests[digest] = None
        if len(self._digests) > REMEMBERED:
            self._digests.popitem(last=False)
