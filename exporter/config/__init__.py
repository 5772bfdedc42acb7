"""What an operator wrote -> frozen Settings, or every mistake at once.

Law of this room: it reads the two files, those that they name and the variables handed in, and knows no
other room.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from exporter.config.accounts import Account, Choice, Organization
from exporter.config.certificatefiles import CertificateFile
from exporter.config.complaints import ConfigError, fault, line, lines, read
from exporter.config.document import Document, Fault, Tree, UnreadableError, parse
from exporter.config.model import (
    Aws,
    Dns,
    Domain,
    Events,
    Probe,
    Renewal,
    Settings,
    Webhook,
    repetitions,
)

__all__ = [
    "Account",
    "Aws",
    "CertificateFile",
    "Choice",
    "ConfigError",
    "Dns",
    "Domain",
    "Events",
    "Organization",
    "Probe",
    "Renewal",
    "Settings",
    "Webhook",
    "default",
    "load",
]


def default() -> Settings:
    """Return the settings of no file at all: ambient credentials and region, every certificate, its names."""
    return Settings()


def load(path: Path, env: Mapping[str, str]) -> Settings:
    """Read a configuration file, with ${VARIABLES} from `env`, or raise ConfigError."""
    try:
        document = parse(read(path))
    except UnreadableError as error:
        raise ConfigError((line(path, error.fault),)) from None
    tree, unset = document.expand(env)
    faults = [*document.faults, *unset]
    settings: Settings | None = None
    try:
        settings = Settings.model_validate({} if tree is None else tree, context={"folder": path.parent})
    except ValidationError as error:
        told = {one.path for one in faults if one.final}
        found = error.errors(include_url=False)
        wrong = (document.unfilled(fault(detail, Settings), env) for detail in found)
        faults += [one for one in wrong if document.locate(one.path)[0] not in told]
    faults += _repeated(document, tree)
    if settings is None or faults:
        raise ConfigError(lines(path, document, faults))
    return settings


def _repeated(document: Document, tree: Tree) -> Iterator[Fault]:
    """Name both places of what is written twice."""
    for path, first, what in repetitions(tree):
        yield Fault(f"{what} appears twice (first in line {document.locate(first)[1].line})", path)
