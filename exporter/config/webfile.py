"""The web configuration file of Prometheus's exporter-toolkit -> WebSettings, or every mistake at once.

Law of this module: the keys, the values and the verdict are the toolkit's (docs/web-configuration.md there),
read with the care of our own file. ${NAME} is not expanded, because a hash is full of dollars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field, ValidationError

from exporter.config import webkinds
from exporter.config.complaints import ConfigError, fault, line, lines, read
from exporter.config.document import Fault, UnreadableError, parse
from exporter.config.kinds import show, whole
from exporter.config.pair import mismatch
from exporter.config.section import Section
from exporter.config.web import ClientAuth, RateLimit, Tls, WebSettings

Plain: TypeAlias = Annotated[str, BeforeValidator(webkinds.plain)]
Secret: TypeAlias = Annotated[str, BeforeValidator(webkinds.secret)]
Switch: TypeAlias = Annotated[bool, BeforeValidator(webkinds.switch)]
Version: TypeAlias = Annotated[str, BeforeValidator(webkinds.version)]
Header: TypeAlias = Annotated[str, BeforeValidator(webkinds.header_name)]
Hash: TypeAlias = Annotated[bytes, BeforeValidator(webkinds.bcrypt_hash)]

TLS = "tls_server_config"
SURE = (ClientAuth.REQUIRE_ANY, ClientAuth.REQUIRE_AND_VERIFY)  # a client has a certificate, or is not let in


class TlsServer(Section):
    """The section tls_server_config."""

    cert: Plain = ""
    key: Secret = Field("", repr=False)
    client_ca: Plain = ""
    cert_file: Plain = ""
    key_file: Plain = ""
    client_auth_type: Annotated[ClientAuth | None, BeforeValidator(webkinds.client_auth)] = None
    client_ca_file: Plain = ""
    client_allowed_sans: tuple[Plain, ...] | None = None
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: tuple[Annotated[str, BeforeValidator(webkinds.cipher_suite)], ...] = ()
    prefer_server_cipher_suites: Switch = True
    curve_preferences: tuple[Annotated[str, BeforeValidator(webkinds.curve)], ...] = ()


class HttpServer(Section):
    """The section http_server_config."""

    http2: Switch = True  # read and not used: HTTP/1.1 is spoken
    headers: Mapping[Header, Annotated[str, BeforeValidator(webkinds.header_value)]] = Field(
        default_factory=dict
    )


class Rate(Section):
    """The section rate_limit."""

    interval: Annotated[float, BeforeValidator(webkinds.go_duration)] = 0.0
    burst: Annotated[int, BeforeValidator(whole(0, 2**31 - 1, "a number of requests"))] = 0


class WebFile(Section):
    """The whole file."""

    tls_server_config: TlsServer = TlsServer()
    http_server_config: HttpServer = HttpServer()
    rate_limit: Rate = Rate()
    basic_auth_users: Mapping[str, Hash] = Field(default_factory=dict, repr=False)


def load_web(path: Path) -> WebSettings:
    """Read a web configuration file and the files it names, or raise ConfigError."""
    try:
        document = parse(read(path))
    except UnreadableError as error:
        raise ConfigError((line(path, error.fault),)) from None
    tree = document.tree()
    faults = list(document.faults)
    written: WebFile | None = None
    try:
        written = WebFile.model_validate({} if tree is None else tree)
    except ValidationError as error:
        told = {one.path for one in faults if one.final}
        wrong = (fault(detail, WebFile) for detail in error.errors(include_url=False))
        faults += [one for one in wrong if document.locate(one.path)[0] not in told]
    if written is not None:
        faults += _unlike(written.http_server_config.headers)
        reading = _Reading(path)
        tls = reading.tls(written.tls_server_config)
        faults += reading.faults
    if written is None or faults:
        raise ConfigError(lines(path, document, faults))
    rate = written.rate_limit
    return WebSettings(
        tls,
        {name: value for name, value in written.http_server_config.headers.items() if value},
        written.basic_auth_users,
        RateLimit(rate.interval, rate.burst) if rate.interval > 0 else None,
        (path, *reading.files),
    )


def _unlike(headers: Mapping[str, str]) -> Iterator[Fault]:
    """Find the values that their headers do not have."""
    for name, value in headers.items():
        known = webkinds.HEADERS[name]
        if known and value not in known:
            words = f"{show(value)} is no value of {name} (expected {' or '.join(known)})"
            yield Fault(words, ("http_server_config", "headers", name))


class _Reading:
    """Reads what the section on TLS names, and keeps what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self.files: list[Path] = []
        self.faults: list[Fault] = []

    def tls(self, given: TlsServer) -> Tls | None:
        """Return what TLS is spoken with; None if it is not spoken, or cannot be as the faults say."""
        authorities = given.client_ca_file or given.client_ca
        pair = (given.cert, given.cert_file, given.key, given.key_file)
        if not any((*pair, authorities, given.client_auth_type)):
            return None
        auth = given.client_auth_type or ClientAuth.NONE
        certificate = self._bytes("cert", given.cert, given.cert_file, needed=True)
        key = self._bytes("key", given.key, given.key_file, needed=True)
        client_ca = self._bytes("client_ca", given.client_ca, given.client_ca_file)
        if authorities and auth is ClientAuth.NONE:
            words = "is for client_auth_type, which is not there (expected RequireAndVerifyClientCert in it)"
            self._fault(words, "client_ca_file" if given.client_ca_file else "client_ca")
        if given.client_allowed_sans is not None and auth not in SURE:
            words = "is for clients that must have a certificate (expected client_auth_type: "
            self._fault(f"{words}{ClientAuth.REQUIRE_AND_VERIFY.value})", "client_allowed_sans")
        if certificate is None or key is None:
            return None
        wrong = mismatch(certificate, key, given.cert_file or "cert", given.key_file or "key")
        if wrong is not None:
            which, words = wrong
            self._fault(words, f"{which}_file" if getattr(given, f"{which}_file") else which)
        return Tls(
            certificate,
            key,
            auth,
            client_ca,
            given.client_allowed_sans,
            given.min_version,
            given.max_version,
            given.cipher_suites,
            given.prefer_server_cipher_suites,
            given.curve_preferences,
        )

    def _fault(self, words: str, *path: str) -> None:
        self.faults.append(Fault(words, (TLS, *path)))

    def _bytes(self, key: str, inline: str, name: str, *, needed: bool = False) -> bytes | None:
        """Return what the file holds, or else what is written inline, as the toolkit does."""
        if not name:
            if needed and not inline:
                self._fault(f"has neither {key} nor {key}_file (expected one of them)")
            return inline.encode() or None
        self.files.append(self._folder / name)
        try:
            return self.files[-1].read_bytes()
        except (OSError, ValueError) as error:  # ValueError: what can be no name of a file
            why = error.strerror if isinstance(error, OSError) else "not the name of a file"
            self._fault(f"{show(name)} cannot be read: {why} (expected a PEM file)", f"{key}_file")
            return None
