"""YAML is read as it is written."""

from __future__ import annotations

import pytest

from exporter.config.document import Document, KeyPath, Node, Place, parse


@pytest.mark.parametrize(
    "text",
    [
        "012345670123",
        "123456789012",
        "1:30",
        "on",
        "yes",
        "2026-11-23",
        "0x1F",
        "1_000",
        "1e3",
        ".inf",
        "true",
        "=",
    ],
)
def test_texts(text: str) -> None:
    """No scalar changes by looking like something of YAML 1.1."""
    assert parse(text) == Document(Node(Place(1, 1), text))


@pytest.mark.parametrize("text", ["~", "null", "Null", "NULL", "", "# nothing"])
def test_nothing(text: str) -> None:
    """What YAML 1.2 calls null is nothing."""
    assert parse(text) == Document(Node(Place(1, 1), None))


@pytest.mark.parametrize("text", ["'~'", '"null"', "''"])
def test_quoted(text: str) -> None:
    """Quotes make a text of anything."""
    assert parse(text) == Document(Node(Place(1, 1), text[1:-1]))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ((), ((), Place(1, 1))),
        (("aws",), (("aws",), Place(1, 1))),
        (("aws", "tags", 1), (("aws", "tags", 1), Place(2, 15))),
        (("domains", 0, "name"), (("domains", 0), Place(4, 5))),
        (("domains", 1, "port"), (("domains", 1, "port"), Place(6, 5))),
        (("domains", 1, "labels"), (("domains", 1, "labels"), Place(5, 5))),
        (("probe", "timeout"), (("probe", "timeout"), Place(1, 1))),
    ],
)
def test_places(path: KeyPath, found: tuple[KeyPath, Place]) -> None:
    """A mistake is shown where an editor jumps to: the key, the item, or what they are missing from."""
    text = "aws:\n  tags: [täg, team]\ndomains:\n  - www.example.com\n  - name: x\n    port: 1\n"
    assert parse(text).locate(path) == found
