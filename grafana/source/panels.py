"""Panels as Grafana stores them: a few kinds with sensible defaults, as plain dicts.

Colours are Grafana's named ones and colour text or bars, never a cell's or a panel's background, so that they
suit light and dark; whatever has a colour also has a word or a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
Steps: TypeAlias = Sequence[tuple[float | None, str]]  # from this value on -> colour; None: from the start
Words: TypeAlias = Mapping[str, tuple[str, str]]  # value -> what is shown, and its colour

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24  # columns of Grafana's grid
DAYS = "suffix:d"  # Grafana's own unit for days turns into weeks and years
PLAIN: Steps = ((None, "text"),)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: a label's name, or `=ref` for the value of the query `ref`."""

    source: str
    title: str
    unit: str = ""
    words: Words | None = None
    steps: Steps | None = None
    decimals: int | None = None
    width: int | None = None
    link: tuple[str, str] | None = None  # title and URL
    bar: bool = False


def stat(title: str, about: str, expr: str, *, unit: str = "none", steps: Steps = PLAIN, **more: Any) -> Json:
    """Show one big number (or, with `words`, one word; or, with `label`, a label's value)."""
    words, label = more.get("words"), more.get("label")
    defaults = _defaults(unit=unit, steps=steps, words=words, decimals=more.get("decimals"))
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "center",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "name" if label else "auto",
        "wideLayout": True,
    }
    target = query("A", expr, legend=f"{{{{{label}}}}}" if label else "", instant=True)
    return _panel("stat", title, about, [target], defaults, options, links=more.get("links"))


def table(
    title: str, about: str, queries: Mapping[str, str], columns: Sequence[Column], *, sort: tuple[str, bool]
) -> Json:
    """Show a table of instant queries joined on shared labels, sorted by a column (and whether down)."""
    targets = [query(ref, expr, instant=True, format_="table") for ref, expr in queries.items()]
    names = {one.source: _field(one.source, len(queries)) for one in columns}
    merge = [{"id": "merge", "options": {}}] if len(queries) > 1 else []
    panel = _panel(
        "table",
        title,
        about,
        targets,
        _defaults() | {"noValue": "-", "custom": {"align": "auto", "cellOptions": {"type": "auto"}}},
        {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}},
    )
    panel["transformations"] = [
        *merge,
        {"id": "filterFieldsByName", "options": {"include": {"names": list(names.values())}}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {names[one.source]: place for place, one in enumerate(columns)},
                "renameByName": {names[one.source]: one.title for one in columns},
            },
        },
        {"id": "sortBy", "options": {"sort": [{"field": sort[0], "desc": sort[1]}]}},
    ]
    panel["fieldConfig"]["overrides"] = [one for one in map(_override, columns) if one["properties"]]
    return panel


def graph(
    title: str,
    about: str,
    expr: str,
    legend: str,
    *,
    unit: str = "none",
    more: Sequence[tuple[str, str]] = (),
    stacked: bool = False,
    steps: Steps | None = None,
    least: float | None = 0,
) -> Json:
    """Show lines over time, or stacked bars; `more` adds expressions with their legends."""
    custom: Json = {
        "drawStyle": "bars" if stacked else "line",
        "fillOpacity": 60 if stacked else 0,
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    if steps:
        custom["thresholdsStyle"] = {"mode": "dashed"}
    defaults = _defaults(unit=unit, steps=steps or PLAIN)
    defaults |= {"color": {"mode": "palette-classic"}, "custom": custom}
    if least is not None:
        defaults["min"] = least
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    targets = [
        query(chr(ord("A") + n), e, legend=text) for n, (e, text) in enumerate([(expr, legend), *more])
    ]
    return _panel("timeseries", title, about, targets, defaults, options)


def timeline(title: str, about: str, expr: str, legend: str, words: Words) -> Json:
    """Show states over time, one bar per series, with the state's word in it."""
    defaults = _defaults(words=words) | {"custom": {"fillOpacity": 70, "lineWidth": 0, "spanNulls": False}}
    options = {
        "alignValue": "left",
        "mergeValues": True,
        "rowHeight": 0.85,
        "showValue": "auto",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return _panel("state-timeline", title, about, [query("A", expr, legend=legend)], defaults, options)


def bars(
    title: str,
    about: str,
    expr: str,
    legend: str,
    *,
    unit: str = "none",
    steps: Steps = PLAIN,
    links: Sequence[tuple[str, str]] = (),
    most: float | None = None,
) -> Json:
    """Show horizontal bars with their numbers, in the order of the query; `most` is where a bar is full."""
    defaults = _defaults(unit=unit, steps=steps) | {"min": 0}
    if most is not None:
        defaults["max"] = most
    if links:
        defaults["links"] = [_link(*one) for one in links]
    options = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showUnfilled": True,
        "valueMode": "color",
        "namePlacement": "left",
        "sizing": "auto",
    }
    return _panel(
        "bargauge", title, about, [query("A", expr, legend=legend, instant=True)], defaults, options
    )


def row(title: str) -> Json:
    """Head a section."""
    return {"type": "row", "title": title, "collapsed": False, "panels": []}


def arrange(sections: Sequence[tuple[str, int, Sequence[tuple[int, Json]]]]) -> list[Json]:
    """Lay out sections of (title or "", height, panels with widths), left to right and top to bottom."""
    placed: list[Json] = []
    y = 0
    for title, height, panels in sections:
        if title:
            placed.append(row(title) | {"gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y}})
            y += 1
        x = 0
        for width, panel in panels:
            if x + width > WIDTH:
                x, y = 0, y + height
            placed.append(panel | {"gridPos": {"h": height, "w": width, "x": x, "y": y}})
            x += width
        y += height
    return [{"id": number, **panel} for number, panel in enumerate(placed, 1)]


def query(ref: str, expr: str, *, legend: str = "", instant: bool = False, format_: str = "") -> Json:
    """Ask Prometheus, for now (`instant`) or over the dashboard's range."""
    return {
        "refId": ref,
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": expr,
        "format": format_ or "time_series",
        "instant": instant,
        "range": not instant,
        "legendFormat": legend or "__auto",
    }


def _field(source: str, queries: int) -> str:
    """Name the field as Grafana's Prometheus data source does."""
    if not source.startswith("="):
        return source
    return f"Value #{source[1:]}" if queries > 1 else "Value"


def _override(column: Column) -> Json:
    properties: list[Json] = []

    def put(key: str, value: Any) -> None:
        properties.append({"id": key, "value": value})

    if column.unit:
        put("unit", column.unit)
    if column.decimals is not None:
        put("decimals", column.decimals)
    if column.words:
        put("mappings", _mappings(column.words))
    if column.steps:
        put("thresholds", _thresholds(column.steps))
    if column.bar:
        put("custom.cellOptions", {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"})
        put("min", 0)
        put("max", 1)
    elif column.words or column.steps:
        put("custom.cellOptions", {"type": "color-text"})
    if column.width:
        put("custom.width", column.width)
    if column.link:
        put("links", [_link(*column.link)])
    return {"matcher": {"id": "byName", "options": column.title}, "properties": properties}


def _defaults(
    *, unit: str = "", steps: Steps = PLAIN, words: Words | None = None, decimals: int | None = None
) -> Json:
    made: Json = {
        "color": {"mode": "thresholds"},
        "mappings": _mappings(words or {}),
        "thresholds": _thresholds(steps),
    }
    if unit:
        made["unit"] = unit
    if decimals is not None:
        made["decimals"] = decimals
    return made


def _thresholds(steps: Steps) -> Json:
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def _mappings(words: Words) -> list[Json]:
    if not words:
        return []
    options = {
        value: {"index": index, "text": text, "color": color}
        for index, (value, (text, color)) in enumerate(words.items())
    }
    return [{"type": "value", "options": options}]


def _link(title: str, url: str) -> Json:
    return {"title": title, "url": url, "targetBlank": url.startswith("https:")}


def _panel(  # noqa: PLR0917 - in the order in which Grafana shows them
    kind: str,
    title: str,
    about: str,
    targets: list[Json],
    defaults: Json,
    options: Json,
    links: Sequence[tuple[str, str]] | None = None,
) -> Json:
    panel: Json = {
        "type": kind,
        "title": title,
        "description": about,
        "datasource": DATASOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "pluginVersion": "11.0.0",
    }
    if links:
        panel["links"] = [_link(*one) for one in links]
    return panel
