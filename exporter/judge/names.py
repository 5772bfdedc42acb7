"""Host names: which names a certificate covers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


def covers(patterns: Iterable[str], name: str) -> bool:
    """Tell whether any of a certificate's names covers this name (RFC 9525, section 6.3)."""
    covering = names_over(name)
    return any(normal(pattern) in covering for pattern in patterns)


def names_over(name: str) -> tuple[str, ...]:
    """List the names of a certificate, in their normal form, that cover a host name."""
    own = normal(name)
    return tuple(filter(None, (own, wildcard_over(own))))


def wildcard_over(name: str) -> str:
    """Return the one wildcard that covers a host name, "" where none can: `*.example.com`."""
    first, _, rest = name.partition(".")
    return f"*.{rest}" if first and rest and first != "*" and not _is_address(name) else ""


def normal(name: str) -> str:
    """Lower-case a name, drop a trailing dot and write an IP address in its shortest form."""
    text = name.lower().removesuffix(".")
    return str(ipaddress.ip_address(text)) if _is_address(text) else text


def _is_address(text: str) -> bool:
    if ":" not in text and not text[-1:].isdigit():
        return False  # over ten times as fast as asking ipaddress, and so for nearly every name
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
