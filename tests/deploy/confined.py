"""Runs a command under the seccomp filter that systemd makes of a unit; as systemd itself does, by libseccomp.

    python -m tests.deploy.confined UNIT COMMAND …

Of the unit it takes SystemCallFilter and RestrictAddressFamilies; names of groups are resolved by `systemd-analyze`,
so that no list of ours grows old.
"""

from __future__ import annotations

import ctypes
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | 1  # EPERM
EQUAL = 4


class Comparison(ctypes.Structure):
    """What an argument of a system call has to be."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("value", ctypes.c_uint64),
        ("value_under_mask", ctypes.c_uint64),
    )


def service(unit: Path) -> dict[str, list[str]]:
    """Read the [Service] section: each key with the values of its lines."""
    section = unit.read_text().partition("[Service]\n")[2].partition("\n[")[0]
    told: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", section, re.MULTILINE):
        told.setdefault(key, []).append(value)
    return told


def allowed(filters: list[str]) -> set[str]:
    """Resolve SystemCallFilter lines: those of the first, and of the next without what begins with ~."""
    names: set[str] = set(_resolved(["@default"]))
    for line in filters:
        words = line.removeprefix("~").split()
        names = names - set(_resolved(words)) if line.startswith("~") else names | set(_resolved(words))
    return names


def _resolved(words: list[str]) -> Iterator[str]:
    for word in words:
        if word.startswith("@"):
            done = subprocess.run(
                ["systemd-analyze", "--no-pager", "syscall-filter", word],
                capture_output=True,
                text=True,
                check=True,
            )
            yield from _resolved(re.findall(r"^    ([@\w-]+)$", done.stdout, re.MULTILINE))
        else:
            yield word


def confine(told: dict[str, list[str]]) -> None:
    """Put the filter on this process and all that come of it."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(REFUSE))

    def allow(name: str, *comparisons: Comparison) -> None:
        number = library.seccomp_syscall_resolve_name(name.encode())
        array = (Comparison * len(comparisons))(*comparisons)
        if number >= 0 and library.seccomp_rule_add_array(context, ALLOW, number, len(array), array):
            raise OSError(f"libseccomp refuses a rule for {name}")

    for name in allowed(told["SystemCallFilter"]) - {"socket"}:
        allow(name)
    for family in told["RestrictAddressFamilies"][0].split():
        allow("socket", Comparison(0, EQUAL, getattr(socket, family), 0))
    if library.seccomp_load(context):
        raise OSError("the kernel refuses the filter")


if __name__ == "__main__":
    confine(service(Path(sys.argv[1])))
    os.execvp(sys.argv[2], sys.argv[2:])
