"""YAML text -> a tree of texts, each with its place.

Law of this module: it guesses no types. A scalar is the text as written and its key decides what it means, so
that 012345670123, 1:30, on and 2026-11-23 stay what they are; only an empty value, ~ and null are nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import yaml

from exporter.config.kinds import show

KeyPath: TypeAlias = tuple[str | int, ...]
Tree: TypeAlias = "str | tuple[Tree, ...] | dict[str, Tree] | None"

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is 20 times as fast, where PyYAML has it
DEEPEST = 16  # levels; the deepest key has 4
MOST_REPEATED = 10_000  # nodes that aliases may add
NOTHING = frozenset({"", "~", "null", "Null", "NULL"})  # YAML 1.2, 10.3.2
CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # YAML 1.2, 5.1
VARIABLE = re.compile(r"\$\$\{|\$\{(?P<name>[^}]*)(?P<end>\}?)")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line and a column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake: the sentence, its key, and its place where it has one.

    After a `final` one nothing more is said of the value.
    """

    words: str
    path: KeyPath = ()
    place: Place | None = None
    final: bool = False


class UnreadableError(Exception):
    """The text cannot be read any further; carries the one fault that says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.words)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Node:
    """One value of the document; a mapping holds the place of each key beside its value."""

    place: Place
    value: str | tuple[Node, ...] | dict[str, tuple[Place, Node]] | None = None
    weight: int = 1  # nodes in it, aliases written out
    height: int = 0  # levels below it


@dataclass(frozen=True, slots=True)
class Document:
    """What was read, and the faults that did not stop the reading."""

    root: Node
    faults: tuple[Fault, ...] = ()

    def locate(self, path: KeyPath) -> tuple[KeyPath, Place]:
        """Return the path and its place: of the key, of the list's item, or of the nearest thing above it.

        What lies below a text (the name of a domain in its short form) is that text itself.
        """
        node, place = self.root, self.root.place
        for depth, step in enumerate(path):
            if isinstance(node.value, dict) and isinstance(step, str) and step in node.value:
                place, node = node.value[step]
            elif isinstance(node.value, tuple) and isinstance(step, int):
                node = node.value[step]
                place = node.place
            else:
                return (path[:depth] if isinstance(node.value, str) else path), place
        return path, place

    def expand(self, env: Mapping[str, str]) -> tuple[Tree, tuple[Fault, ...]]:
        """Return the values with their ${VARIABLES} filled in, and a fault for each that cannot be."""
        faults: list[Fault] = []

        def fill(text: str, path: KeyPath) -> str:
            try:
                return _fill(text, env)
            except ValueError as error:
                faults.append(Fault(str(error), path, final=True))
                return text

        return _tree(self.root, (), fill), tuple(faults)

    def value(self, path: KeyPath) -> Node:
        """Return the nearest value to a path."""
        node = self.root
        for step in path:
            if isinstance(node.value, dict) and isinstance(step, str) and step in node.value:
                node = node.value[step][1]
            elif isinstance(node.value, tuple) and isinstance(step, int):
                node = node.value[step]
        return node

    def unfilled(self, fault: Fault, env: Mapping[str, str]) -> Fault:
        """Say a fault with ${NAME} instead of what that stands for, which may be a secret."""
        written = self.value(fault.path).value
        if not isinstance(written, str) or not VARIABLE.search(written):
            return fault
        try:
            filled = _fill(written, env)
        except ValueError:
            return fault
        return replace(fault, words=fault.words.replace(show(filled), show(written))) if filled else fault

    def tree(self) -> Tree:
        """Return the values as they are written; ${NAME} is text like any other."""
        return _tree(self.root, (), lambda text, _: text)


def _tree(node: Node, path: KeyPath, read: Callable[[str, KeyPath], str]) -> Tree:
    if isinstance(node.value, dict):
        return {key: _tree(child, (*path, key), read) for key, (_, child) in node.value.items()}
    if isinstance(node.value, tuple):
        return tuple(_tree(child, (*path, index), read) for index, child in enumerate(node.value))
    return node.value and read(node.value, path)


def _fill(text: str, env: Mapping[str, str]) -> str:
    """Replace each ${NAME} by the variable's value, and $${ by ${."""

    def value(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return "${"
        if not match["end"] or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(
                f"{match[0][:40]!r} is not a variable (expected ${{NAME}}, or $${{ for ${{ itself)"
            )
        if name not in env:
            raise ValueError(f"${{{name[:40]}}} is not set (expected a variable of the environment)")
        return env[name]

    return VARIABLE.sub(value, text)


def parse(text: str) -> Document:
    """Read one YAML document, or raise UnreadableError."""
    if control := CONTROL.search(text):
        line = text.count("\n", 0, control.start()) + 1
        place = Place(line, control.start() - text.rfind("\n", 0, control.start()))
        words = f"not valid YAML: the control character U+{ord(control[0]):04X} (expected printable text)"
        raise UnreadableError(Fault(words, place=place))
    try:
        return _Reader(text).document()
    except yaml.MarkedYAMLError as error:
        place = _place(error.problem_mark or error.context_mark)
        raise UnreadableError(Fault(f"not valid YAML: {_problem(error, text, place)}", place=place)) from None
    except (yaml.YAMLError, ValueError, OverflowError):  # the slower parser does not check its numbers
        raise UnreadableError(Fault("not valid YAML: a number or an escape is out of range")) from None


def _place(mark: Any) -> Place:
    """Count from 1 as editors do; PyYAML's two parsers have each a class of marks."""
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _problem(error: yaml.MarkedYAMLError, text: str, place: Place) -> str:
    """Say what the parser met, and what needs quotes where this file invites to forget them."""
    said = ", ".join(part for part in (error.context, error.problem) if part)
    line = "".join(text.splitlines()[place.line - 1 : place.line])
    if error.context == "while scanning an alias":
        return f"{said} (a text that begins with * needs quotes)"
    if "${" in line:
        return f"{said} (inside [] and {{}} a ${{NAME}} needs quotes)"
    if "::" in line:
        return f"{said} (inside [] and {{}} an IPv6 address needs quotes)"
    return said


class _Reader:
    """Builds nodes from the parser's events, so that depth and aliases are bounded while reading."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=LOADER))
        self._anchors: dict[str, Node] = {}
        self._repeated = 0
        self._faults: list[Fault] = []

    def document(self) -> Document:
        """Read to the end; a second document is a fault."""
        root = Node(Place(1, 1))
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._fault("a second document begins here (expected one)", event)
                    break
                root = self._node(next(self._events), ())
        return Document(root, tuple(self._faults))

    def _fault(self, words: str, event: yaml.Event, path: KeyPath = (), *, final: bool = False) -> None:
        self._faults.append(Fault(words, path, _place(event.start_mark), final))

    def _shallow(self, depth: int, event: yaml.Event) -> None:
        """Refuse what lies too deep, so that nobody's recursion ends badly."""
        if depth > DEEPEST:
            words = f"nested too deeply (expected at most {DEEPEST} levels)"
            raise UnreadableError(Fault(words, place=_place(event.start_mark)))

    def _node(self, event: yaml.Event, path: KeyPath) -> Node:
        """Read the node that begins with `event`."""
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        self._shallow(len(path), event)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")[:40]
            self._fault(f"the tag {tag} is not allowed (expected a plain value)", event, path, final=True)
        if isinstance(event, yaml.ScalarEvent):
            nothing = event.implicit[0] and event.value in NOTHING
            node = Node(_place(event.start_mark), None if nothing else event.value)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, path)
        else:
            node = self._mapping(event, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent, path: KeyPath) -> Node:
        """Return the anchored node, as long as the aliases together stay small (billion laughs)."""
        name = event.anchor or ""
        node = self._anchors.get(name)
        if node is None:
            words = f"*{name[:40]} names nothing that ends above (expected an &anchor)"
            self._fault(words, event, path, final=True)
            return Node(_place(event.start_mark))
        self._shallow(len(path) + node.height, event)
        self._repeated += node.weight
        if self._repeated > MOST_REPEATED:
            words = f"the aliases repeat too much (expected at most {MOST_REPEATED} values)"
            raise UnreadableError(Fault(words, place=_place(event.start_mark)))
        return replace(node, place=_place(event.start_mark))

    def _sequence(self, start: yaml.Event, path: KeyPath) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return _above(items, start, tuple(items))

    def _mapping(self, start: yaml.Event, path: KeyPath) -> Node:
        entries: dict[str, tuple[Place, Node]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._fault("a key is a list, a mapping or an alias (expected a word)", event, path)
                self._node(event, (*path, "?"))
                self._node(next(self._events), (*path, "?"))
                continue
            key = event.value
            node = self._node(next(self._events), (*path, key))
            if key in entries:
                line = entries[key][0].line
                self._fault(f"the key appears twice (first in line {line})", event, (*path, key))
            else:
                entries[key] = (_place(event.start_mark), node)
        return _above([node for _, node in entries.values()], start, entries)


def _above(
    children: list[Node], start: yaml.Event, value: tuple[Node, ...] | dict[str, tuple[Place, Node]]
) -> Node:
    """Make the node above these children."""
    weight = 1 + sum(child.weight for child in children)
    return Node(
        _place(start.start_mark), value, weight, 1 + max((child.height for child in children), default=0)
    )
