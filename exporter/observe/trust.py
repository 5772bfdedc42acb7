"""Whether a presented chain leads to a trusted root, answered once per chain and hour."""

from __future__ import annotations

import hashlib
import re
import ssl
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

from exporter.facts import Link, Why
from exporter.observe.leaf import UNREADABLE, parse, read
from exporter.observe.sight import Blind

log = structlog.get_logger("acm_exporter.observe")

MOST_CHAINS = 65_536
MOST_LINKS = 8  # of a chain that are told of one by one
_KEPT = timedelta(hours=1)
_SECOND = timedelta(seconds=1)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_SERVER = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}


def load_roots(ca_file: Path | None) -> tuple[bytes, ...]:
    """Return the system's roots and the file's certificates (PEM) as DER; raises OSError for the file."""
    system = ssl.create_default_context().get_ca_certs(binary_form=True)
    if ca_file is None:
        return tuple(system)
    found = []
    for number, block in enumerate(_PEM.findall(ca_file.read_bytes()), start=1):
        try:
            one = crypto.load_certificate(crypto.FILETYPE_PEM, block)
        except crypto.Error as error:
            log.warning("unreadable root left out", file=str(ca_file), number=number, error=str(error))
        else:
            found.append(crypto.dump_certificate(crypto.FILETYPE_ASN1, one))
    if not found:
        log.warning("no certificate in the file of trusted roots", file=str(ca_file))
    return (*system, *found)


@dataclass(frozen=True, slots=True)
class _Finding:
    trusted: bool | None
    error: str
    chain_not_after: datetime
    since: datetime
    until: datetime  # when it has to be found anew
    links: tuple[Link, ...]


class Trust:
    """Verifies chains with OpenSSL against roots that are read once."""

    def __init__(
        self,
        roots: Sequence[bytes],
        clock: Callable[[], datetime],
        most: int = MOST_CHAINS,
        *,
        links: bool = False,
    ) -> None:
        """Take trusted roots (DER); with `links`, say of each certificate of a chain if it is trusted."""
        self._tells_links = links
        self._roots = tuple(_usable(roots))
        self._clock = clock
        self._most = most
        self._known: OrderedDict[bytes, _Finding] = OrderedDict()

    def verify(self, chain: tuple[bytes, ...]) -> tuple[bool | None, str, datetime]:
        """Return whether the chain (DER, leaf first) is trusted now, why not, and its earliest end.

        The end is that of the verified chain, else of what was served. The answer is None where no roots are
        known. Raises Blind for a certificate that OpenSSL cannot parse.
        """
        known = self._finding(chain)
        return known.trusted, known.error, known.chain_not_after

    def links(self, chain: tuple[bytes, ...]) -> tuple[Link, ...]:
        """Return the first MOST_LINKS certificates of a chain that can be read; () where nobody asked."""
        return self._finding(chain).links if self._tells_links else ()

    def _finding(self, chain: tuple[bytes, ...]) -> _Finding:
        now = self._clock()
        key = hashlib.sha256(b"".join(chain)).digest()
        known = self._known.get(key)
        if known is None or not known.since <= now < known.until:  # a clock may be set back
            known = self._find(chain, now)
            self._known[key] = known
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return known

    def _find(self, chain: tuple[bytes, ...], now: datetime) -> _Finding:
        try:
            served = [crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in chain]
        except crypto.Error as error:
            raise Blind(Why.BAD_CERTIFICATE, str(error)) from error
        trusted: bool | None = None
        error_text, path = "", served
        if self._roots:
            try:
                path = self._path(served, now)
                trusted, error_text = _for_servers(path)
            except crypto.X509StoreContextError as error:
                _, depth, message = error.errors
                trusted, error_text = False, f"{message} (depth {depth})"
        ends = [end for one in (path if trusted else served) if (end := _when(one.get_notAfter))]
        if not ends:
            raise Blind(Why.BAD_CERTIFICATE, "no end of validity that can be parsed")
        links = tuple(self._links(served, now)) if self._tells_links else ()
        return _Finding(trusted, error_text, min(ends), now, _next_turn((*served, *path), now), links)

    def _links(self, served: list[crypto.X509], now: datetime) -> Iterator[Link]:
        """Read each certificate, and verify it by those that were served behind it."""
        for position, one in enumerate(served[:MOST_LINKS]):
            trusted: bool | None = None
            if self._roots:
                try:
                    self._path(served[position:], now)
                    trusted = True
                except crypto.X509StoreContextError:
                    trusted = False
            der = crypto.dump_certificate(crypto.FILETYPE_ASN1, one)
            try:
                leaf = read(der)
            except Blind:
                continue
            yield Link(leaf.subject, leaf.issuer, leaf.serial, leaf.fingerprint, leaf.not_after, trusted)

    def _path(self, served: list[crypto.X509], now: datetime) -> list[crypto.X509]:
        """Return the verified path, the leaf first; raises X509StoreContextError.

        The store is made anew, which takes 0.1 ms: the time of one cannot be set twice, a second set_time
        is silently ignored.
        """
        store = crypto.X509Store()
        for one in self._roots:
            store.add_cert(one)
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        store.set_time(now)
        return crypto.X509StoreContext(store, served[0], served[1:]).get_verified_chain()


def _usable(roots: Iterable[bytes]) -> Iterable[crypto.X509]:
    for der in roots:
        try:
            yield crypto.load_certificate(crypto.FILETYPE_ASN1, der)
        except crypto.Error as error:
            log.warning("unreadable root left out", error=str(error))


def _for_servers(path: list[crypto.X509]) -> tuple[bool, str]:
    """Tell whether each certificate below the root may be used for servers (RFC 5280, section 4.2.1.12)."""
    for depth, one in enumerate(path[:-1] or path):
        try:
            extensions = parse(crypto.dump_certificate(crypto.FILETYPE_ASN1, one)).extensions
            usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except x509.ExtensionNotFound:
            continue
        except (*UNREADABLE, Blind) as error:
            return False, f"extensions cannot be parsed: {error} (depth {depth})"
        if not _SERVER.intersection(usages):
            return False, f"unsuitable certificate purpose (depth {depth})"
    return True, ""


def _next_turn(certificates: Iterable[crypto.X509], now: datetime) -> datetime:
    """Return when a finding may change by itself: a certificate begins or ends, or the hour is over."""
    turns = [now + _KEPT]
    for one in certificates:
        begin, end = _when(one.get_notBefore), _when(one.get_notAfter)
        turns += [begin] if begin else []
        turns += [end + _SECOND] if end else []  # OpenSSL, like RFC 5280, counts the last second as valid
    return min(turn for turn in turns if turn > now)


def _when(get: Callable[[], bytes | None]) -> datetime | None:
    """Return one of a certificate's times, None where it breaks its format."""
    try:
        return datetime.strptime((get() or b"").decode("ascii"), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except (crypto.Error, ValueError):
        return None
