"""Mistakes in a file -> the lines that people read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from pydantic_core import ErrorDetails

from exporter.config.document import Document, Fault, KeyPath, Place, UnreadableError
from exporter.config.kinds import show
from exporter.config.model import known_keys
from exporter.config.section import Section

LARGEST = 16 * 1024 * 1024  # bytes


class ConfigError(Exception):
    """The configuration cannot be used; `complaints` has one line for each mistake, in the file's order."""

    def __init__(self, complaints: tuple[str, ...]) -> None:
        super().__init__("\n".join(complaints))
        self.complaints = complaints


def lines(file: Path, document: Document, faults: Iterable[Fault]) -> tuple[str, ...]:
    """Write all mistakes of one file in its order."""
    placed = sorted((_placed(document, one) for one in faults), key=lambda one: one.place or Place(0, 0))
    return tuple(line(file, one) for one in placed)


def read(path: Path) -> str:
    """Return the file's text; a byte order mark is the parser's business."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise UnreadableError(Fault("does not exist (expected a YAML file)")) from None
    except IsADirectoryError:
        raise UnreadableError(Fault("is a directory (expected a YAML file)")) from None
    except OSError as error:
        raise UnreadableError(Fault(f"cannot be read: {error.strerror} (expected a YAML file)")) from None
    except ValueError:
        raise UnreadableError(Fault("is not the name of a file (expected a YAML file)")) from None
    if len(raw) > LARGEST:
        raise UnreadableError(Fault(f"is too large (expected at most {LARGEST >> 20} MiB)"))
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode()) + 1
        words = f"is not UTF-8 (found the byte 0x{error.object[error.start]:02x})"
        raise UnreadableError(Fault(words, place=Place(before.count(b"\n") + 1, column))) from None


def fault(detail: ErrorDetails, root: type[Section]) -> Fault:
    """Say in our words what pydantic found."""
    path: KeyPath = detail["loc"]
    seen = detail["input"]
    match detail["type"]:
        case "value_error":
            words = str(detail["ctx"]["error"])
            path = path[:-1] if path[-1] == "[key]" else path  # so pydantic marks a mapping's wrong key
        case "extra_forbidden":
            words = _unknown(path, root)
        case "missing":
            words = f"is missing (expected {_wanted(path)})"
        case "model_type":
            keys = ", ".join(known_keys((*path, ""), root))
            words = f"{show(seen)} is not a mapping (expected some of the keys {keys})"
        case "tuple_type":
            words = f"{show(seen)} is not a list (expected for example [one, two])"
        case "mapping_type" | "dict_type":
            words = f"{show(seen)} is not a mapping (expected for example {{team: web}})"
        case _:
            words = "the value cannot be used (expected another type)"
    return Fault(words, path)


def _wanted(path: KeyPath) -> str:
    """Name what a key that is missing would hold."""
    key = str(path[-1])
    if key == "role_name":
        return "the name of the role to assume in each account"
    is_file = key == "path" or key.endswith("_file")
    return "a web address" if key == "url" else "a file" if is_file else "a host name"


def _unknown(path: KeyPath, root: type[Section]) -> str:
    """Name the keys that would be known here, the likely one first."""
    known = known_keys(path, root)
    near = difflib.get_close_matches(str(path[-1])[:40].lower(), known, n=1)
    hint = f", did you mean {near[0]}?" if near else ""
    return f"is not a known key{hint} (expected some of {', '.join(known)})"


def _placed(document: Document, fault: Fault) -> Fault:
    """Find the place of a fault that has none."""
    if fault.place is not None:
        return fault
    path, place = document.locate(fault.path)
    return Fault(fault.words, path, place)


def line(file: Path, fault: Fault) -> str:
    """Write FILE:LINE:COL: KEY.PATH: what was wrong, what was expected."""
    place = f":{fault.place.line}:{fault.place.column}" if fault.place else ""
    key = ""
    for step in fault.path:
        key += f"[{step}]" if isinstance(step, int) else f".{show(step)}"
    return f"{file}{place}: {key.removeprefix('.')}{key and ': '}{fault.words}"
