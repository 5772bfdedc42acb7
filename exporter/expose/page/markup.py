"""HTML by construction: text is escaped unless it is markup of ours, which only this module makes.

Law of this module: `Markup` is called nowhere else.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

_VOID = {"meta", "input", "br"}  # elements without content (HTML, section 13.1.2)


class Markup(str):
    """Text that is HTML already; what Python joins or formats is plain text again, and escaped again."""

    __slots__ = ()


DOCTYPE = Markup("<!doctype html>\n")
NOTHING = Markup()


def escape(text: str) -> Markup:
    """Make text safe as content and within a quoted attribute; what nobody can see becomes a mark."""
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(text if text.isprintable() else _visible(text)))


def _visible(text: str) -> str:
    """Replace control characters, changes of direction and lone surrogates, which UTF-8 cannot spell."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def join(parts: Iterable[str]) -> Markup:
    """Put pieces one after the other."""
    return Markup("".join([escape(part) for part in parts]))


def element(tag: str, /, *children: str, **attributes: str | bool) -> Markup:
    """Make an element; `class_` is the attribute class, `http_equiv` http-equiv, False leaves one out."""
    opening = tag + "".join([_attribute(key, value) for key, value in attributes.items()])
    return Markup(f"<{opening}>" if tag in _VOID else f"<{opening}>{join(children)}</{tag}>")


def _attribute(key: str, value: str | bool) -> str:
    if value is False:
        return ""
    return f" {_name(key)}" if value is True else f' {_name(key)}="{escape(value)}"'


@lru_cache
def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def stylesheet(css: str) -> Markup:
    """Make a style element, whose content HTML does not unescape; the style is our own file."""
    return Markup(f"<style>{css}</style>")


def address(path: str, **query: str) -> str:
    """Make a URL of this server; empty parts of the query are left out."""
    pairs = [f"{key}={quoted(value)}" for key, value in query.items() if value]
    return f"{path}?{'&'.join(pairs)}" if pairs else path


def quoted(text: str) -> str:
    """Make text safe within a query or a fragment, where colon and slash mean nothing (RFC 3986)."""
    return quote(text, safe=":/", errors="replace")
