"""The settings: one model per section, one attribute per key, its default beside it.

Law of this module: every sentence about a wrong value comes from `kinds`, `files` or from here; pydantic only
gathers the mistakes. A text that is not set is "".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from exporter.config import certificatefiles, files, kinds, services, ways
from exporter.config.accounts import LISTS, Account, Organization
from exporter.config.certificatefiles import CertificateFile
from exporter.config.document import KeyPath, Tree
from exporter.config.section import Section, Text

BLINK = timedelta(milliseconds=100)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def _key_file(value: object, info: ValidationInfo) -> object:
    certificate = info.data.get("cert_file")
    if certificate is None:
        return Path(kinds.text(value))  # there is enough to say of the certificate
    return files.reader(lambda name, folder: ways.key_file(name, folder, certificate))(value, info)


def _window(value: object) -> object:
    return None if value == "auto" else kinds.duration(HOUR, also="auto or ")(value)


Port: TypeAlias = Annotated[int, BeforeValidator(kinds.port)]
Switch: TypeAlias = Annotated[bool, BeforeValidator(kinds.boolean)]
Address: TypeAlias = Annotated[str, BeforeValidator(kinds.address)]
Labels: TypeAlias = Mapping[Annotated[str, BeforeValidator(kinds.label_name)], Text]
Proxy: TypeAlias = Annotated[ways.ProxyUrl | None, BeforeValidator(ways.proxy)]
StateFile: TypeAlias = Annotated[Path | None, BeforeValidator(files.reader(files.state_file))]
IpProtocol: TypeAlias = Annotated[str, BeforeValidator(ways.ip_protocol)]


def _shorter(timeout: timedelta, info: ValidationInfo) -> timedelta:
    """Refuse a timeout that is not shorter than the interval beside it."""
    interval = info.data.get("interval")
    if interval is not None and timeout >= interval:
        bound = f"(expected less than the interval, which is {kinds.spell(interval)})"
        raise ValueError(f"{kinds.spell(timeout)} is too long {bound}")
    return timeout


class Aws(Section):
    """Where certificates are listed; no accounts at all mean that none are.

    With an organization and no list, all accounts are the organization's.
    """

    interval: Annotated[timedelta, BeforeValidator(kinds.duration(SECOND))] = 10 * MINUTE
    accounts: tuple[Account, ...] = (Account(),)
    organization: Organization | None = None
    tags: tuple[Text, ...] = ()
    resources: tuple[Annotated[str, BeforeValidator(services.service)], ...] = ()
    requests_per_second: Annotated[float, BeforeValidator(kinds.rate)] = 4.0

    @model_validator(mode="before")
    @classmethod
    def _by_organization(cls, data: object) -> object:
        alone = isinstance(data, dict) and data.get("organization") and data.get("accounts") is None
        return {**data, "accounts": ()} if isinstance(data, dict) and alone else data


class ClientCertificate(Section):
    """What is shown to servers that ask for a certificate."""

    cert_file: Annotated[Path, BeforeValidator(files.reader(ways.cert_file))]
    key_file: Annotated[Path, BeforeValidator(_key_file)]


class Domain(Section):
    """A name to look at; its short form is the name alone, its port that of its protocol."""

    name: Annotated[str, BeforeValidator(kinds.host)]
    port: Port = 443
    addresses: tuple[Address, ...] = ()
    server_name: Annotated[str, BeforeValidator(kinds.server_name)] = ""
    starttls: Annotated[str, BeforeValidator(ways.starttls)] = ""
    proxy: Proxy = None
    ip_protocol: IpProtocol = ""
    client_certificate: ClientCertificate | None = None
    key_types: tuple[Annotated[str, BeforeValidator(ways.key_type)], ...] = ()
    certificate_arn: Annotated[str, BeforeValidator(kinds.certificate_arn)] = ""
    labels: Labels = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: object) -> object:
        if isinstance(data, dict):
            return {**data, "port": data.get("port") or _usual_port(data)}
        return {"name": data} if isinstance(data, str) else data


class Probe(Section):
    """How endpoints are looked at."""

    interval: Annotated[timedelta, BeforeValidator(kinds.duration(SECOND))] = 5 * MINUTE
    timeout: Annotated[timedelta, BeforeValidator(kinds.duration(BLINK))] = Field(
        10 * SECOND, validate_default=True
    )
    concurrency: Annotated[int, BeforeValidator(kinds.whole(1, 10_000, "a number of looks at a time"))] = 256
    certificate_names: Switch = True
    scheduled: Switch = True
    allow: tuple[Annotated[str, BeforeValidator(kinds.allowance)], ...] = ()
    certificate_networks: tuple[Annotated[str, BeforeValidator(ways.network)], ...] = ()
    ca_file: Annotated[Path | None, BeforeValidator(files.reader(ways.ca_file))] = None
    proxy: Proxy = None
    ip_protocol: IpProtocol = "any"
    ocsp: Switch = False
    chain: Switch = False
    resources: Switch = False

    _timeout = field_validator("timeout")(_shorter)


class Dns(Section):
    """How records are looked at; no nameservers mean the system's."""

    interval: Annotated[timedelta, BeforeValidator(kinds.duration(SECOND))] = HOUR
    timeout: Annotated[timedelta, BeforeValidator(kinds.duration(BLINK))] = Field(
        5 * SECOND, validate_default=True
    )
    nameservers: tuple[Annotated[str, BeforeValidator(kinds.nameserver)], ...] = ()

    _timeout = field_validator("timeout")(_shorter)


class Renewal(Section):
    """How renewals are judged; a window of None follows from the certificate's lifetime."""

    rules: Annotated[Literal["current", "classic"], BeforeValidator(kinds.rules)] = "current"
    validation_limit: Annotated[timedelta, BeforeValidator(kinds.duration(DAY))] = 825 * DAY
    window: Annotated[timedelta | None, BeforeValidator(_window)] = None
    grace: Annotated[timedelta, BeforeValidator(kinds.duration(MINUTE))] = 3 * DAY


class Webhook(Section):
    """Whom to tell what changed; the address and the header may be secrets."""

    url: Annotated[str, BeforeValidator(kinds.web_address)]
    authorization: Annotated[str, BeforeValidator(kinds.authorization)] = ""
    timeout: Annotated[timedelta, BeforeValidator(kinds.duration(BLINK))] = 10 * SECOND


class Events(Section):
    """What is done when something changed, beside the log."""

    webhook: Webhook | None = None


class Settings(Section):
    """Everything an operator may decide."""

    aws: Aws = Aws()
    domains: tuple[Domain, ...] = ()
    files: tuple[CertificateFile, ...] = ()
    probe: Probe = Probe()
    dns: Dns = Dns()
    renewal: Renewal = Renewal()
    events: Events = Events()
    state_file: StateFile = None

    _resources = field_validator("probe")(services.asked)


def known_keys(path: KeyPath, root: type[Section] = Settings) -> tuple[str, ...]:
    """Return the keys that may stand beside the one at `path`."""
    section: type[BaseModel] = root
    for step in path[:-1]:
        if isinstance(step, str):
            annotation = section.model_fields[step].annotation
            section = next(
                one
                for one in (*get_args(annotation), annotation)
                if isinstance(one, type) and issubclass(one, Section)
            )
    return tuple(section.model_fields)


def repetitions(tree: Tree) -> Iterator[tuple[KeyPath, KeyPath, str]]:
    """Find what may be written once and is written again: where, where first, and what it is.

    Reads the raw tree, so that other mistakes do not hide these.
    """
    accounts = _items(tree, "aws", "accounts")
    domains = _items(tree, "domains")
    yield from _twice(accounts, ("aws", "accounts"), _account, ("name",))
    for index, account in enumerate(accounts):
        yield from _twice(_items(account, "regions"), ("aws", "accounts", index, "regions"), kinds.region)
    for path in LISTS:
        yield from _twice(_items(tree, *path), path, kinds.text)
    yield from _twice(_items(tree, "aws", "tags"), ("aws", "tags"), _tag)
    yield from _twice(_items(tree, "aws", "resources"), ("aws", "resources"), services.service)
    yield from _twice(domains, ("domains",), _endpoint)
    for index, domain in enumerate(domains):
        yield from _twice(_items(domain, "addresses"), ("domains", index, "addresses"), kinds.address)
        yield from _twice(_items(domain, "key_types"), ("domains", index, "key_types"), ways.key_type)
    yield from _twice(_items(tree, "files"), ("files",), certificatefiles.identity)
    yield from _twice(_items(tree, "probe", "allow"), ("probe", "allow"), kinds.allowance)
    yield from _twice(_items(tree, "probe", key := "certificate_networks"), ("probe", key), ways.network)
    yield from _twice(_items(tree, "dns", "nameservers"), ("dns", "nameservers"), kinds.nameserver)


def _items(tree: Tree, *keys: str) -> tuple[Tree, ...]:
    """Return the list under these keys; () where there is none."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree if isinstance(tree, tuple) else ()


def _twice(
    items: tuple[Tree, ...], path: KeyPath, identity: Callable[[Tree], str], key: KeyPath = ()
) -> Iterator[tuple[KeyPath, KeyPath, str]]:
    """Compare the items that can be read by their identity, which is written under `key`."""
    first: dict[str, int] = {}
    for index, item in enumerate(items):
        try:
            name = identity(item)
        except ValueError:
            continue
        if first.setdefault(name, index) != index:
            yield (*path, index, *key), (*path, first[name], *key), name


def _account(account: Tree) -> str:
    return f"the name {kinds.show(kinds.text(account.get('name') if isinstance(account, dict) else None))}"


def _tag(tag: Tree) -> str:
    return f"the label {kinds.tag_label(kinds.text(tag))}"


def _endpoint(domain: Tree) -> str:
    written = domain if isinstance(domain, dict) else {"name": domain}
    return f"{kinds.host(written.get('name'))}:{kinds.port(written.get('port') or _usual_port(written))}"


def _usual_port(domain: Mapping[str, object]) -> str:
    return str(ways.STARTTLS.get(str(domain.get("starttls")), 443))
