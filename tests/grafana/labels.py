"""Which labels the result of an expression has: PromQL's rules, so that joins are checked without a server."""

from __future__ import annotations

import re
from typing import Any

import promql_parser as promql

from exporter.expose.families import FAMILIES
from exporter.snapshot import Snapshot

SCRAPE = frozenset({"job", "instance"})  # what Prometheus itself puts on every row
FOREIGN = re.compile(r"up|(scrape|process|python)_\w+")  # metrics of Prometheus and of prometheus_client
SETS = {"and", "or", "unless"}
KEEPING = {"topk", "bottomk"}


def _labels() -> dict[str, frozenset[str]]:
    found = {}
    for family in FAMILIES:
        own = (
            family.labels if family.open_labels else family.label_names(_NOBODY)[len(family.subject.labels) :]
        )
        found[family.name] = frozenset({*family.subject.labels, *own}) | SCRAPE
    return found


_NOBODY: Any = Snapshot.__new__(Snapshot)  # families without open labels do not look at it
METRICS = _labels()


def labels(node: Any) -> frozenset[str] | None:
    """Return the labels of an expression's rows, None for a scalar; AssertionError on what cannot be right."""
    match node:
        case promql.ParenExpr() | promql.UnaryExpr():
            return labels(node.expr)
        case promql.MatrixSelector():
            return labels(node.vector_selector)
        case promql.VectorSelector():
            return _selected(node)
        case promql.AggregateExpr():
            return _folded(node)
        case promql.Call():
            return _called(node)
        case promql.BinaryExpr():
            return _joined(node)
        case promql.NumberLiteral() | promql.StringLiteral():
            return None
        case _:
            raise AssertionError(f"not used so far: {node}")


def _within(wanted: Any, given: frozenset[str], where: str) -> None:
    unknown = {one for one in wanted if one not in given and not _open(one, given)}
    assert not unknown, f"no label {sorted(unknown)} {where}, which has {sorted(given)}"


def _open(label: str, given: frozenset[str]) -> bool:
    """Whether it may be a user's label, documented as `tag_*` or `label_*`."""
    return f"{label.split('_', maxsplit=1)[0]}_*" in given


def _selected(node: Any) -> frozenset[str]:
    matchers = node.matchers.matchers
    pattern = node.name or next(one.value for one in matchers if one.name == "__name__")
    names = [name for name in METRICS if re.fullmatch(pattern, name)]
    if FOREIGN.fullmatch(pattern):
        return SCRAPE
    assert names, f"no metric is called {pattern}"
    given = frozenset().union(*(METRICS[name] for name in names))
    _within((one.name for one in matchers if one.name != "__name__"), given, f"in {pattern}")
    assert any(one.name == "job" for one in matchers), f"{pattern} of every job is taken"
    return given


def _folded(node: Any) -> frozenset[str]:
    given = labels(node.expr)
    assert given is not None
    if node.modifier is None:
        return given if str(node.op) in KEEPING else frozenset()
    assert node.modifier.type is promql.AggModifierType.By
    _within(node.modifier.labels, given, f"in {node.expr.prettify()}")
    return frozenset(node.modifier.labels)


def _called(node: Any) -> frozenset[str] | None:
    if node.func.name == "time":
        return None
    given = labels(node.args[0]) or frozenset()
    if node.func.name in {"label_replace", "label_join"}:
        target, *more = (one.val for one in node.args[1:])
        sources = [more[1]] if node.func.name == "label_replace" else more[1:]
        _within((one for one in sources if one), given, "to take a value from")
        return given | {target}
    return given


def _joined(node: Any) -> frozenset[str] | None:
    left, right = labels(node.lhs), labels(node.rhs)
    if left is None or right is None:
        return left if right is None else right
    text = node.prettify()
    rule = node.modifier
    if rule is None or rule.matching is None:
        assert left == right, f"{sorted(left)} and {sorted(right)} never match: {text}"
        return left
    assert rule.matching.type is promql.LabelModifierType.Include
    _within(rule.matching.labels, left, f"to the left of {text}")
    _within(rule.matching.labels, right, f"to the right of {text}")
    if str(node.op) in SETS:
        return left | right if str(node.op) == "or" else left
    if rule.card is promql.VectorMatchCardinality.ManyToOne:
        _within(rule.group_labels, right, f"to be taken over in {text}")
        return left | frozenset(rule.group_labels)
    return frozenset(rule.matching.labels)
