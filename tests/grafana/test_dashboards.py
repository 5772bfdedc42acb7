"""The dashboards as files: what Grafana needs, what a reader needs, and expressions that can be right."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from exporter.judge.verdict import RULES
from grafana.source import dashboards, thresholds
from tests.grafana.labels import labels
from tests.grafana.panels import DASHBOARDS, FOLDER, Query, panels, queries, substituted

ROOT = Path(__file__).parents[2]
CORE = {"stat", "table", "timeseries", "state-timeline", "bargauge", "text"}  # panels of every Grafana
COLUMNS = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
TRANSFORMATIONS = {"merge", "filterFieldsByName", "organize", "sortBy"}
COLOURS = {"text", "red", "orange", "green"}
each_dashboard = pytest.mark.parametrize("name", DASHBOARDS)
each_query = pytest.mark.parametrize("query", tuple(queries()), ids=lambda query: query.title)


def test_the_files_are_fresh() -> None:
    """What is committed is what the generator makes of the present names and thresholds."""
    assert {file.name: file.read_text() for file in FOLDER.iterdir()} == dashboards.texts(), (
        "renew: make grafana"
    )


def test_identities_are_what_links_and_bookmarks_hold() -> None:
    """The uids never change: they are in the addresses that people keep."""
    assert {name: one["uid"] for name, one in DASHBOARDS.items()} == {
        "fleet": "acm-fleet",
        "certificate": "acm-certificate",
        "endpoints": "acm-endpoints",
        "exporter": "acm-exporter",
    }


@each_dashboard
def test_a_dashboard_has_what_grafana_needs(name: str) -> None:
    """Grafana 11 and 12 load it as it is, and can save it as a new one."""
    one = DASHBOARDS[name]
    assert one["id"] is None
    assert 39 <= one["schemaVersion"] <= 41
    assert one["title"]
    assert one["description"]
    assert one["tags"] == ["acm-exporter"]
    assert re.fullmatch(r"now-\d+[hd]", one["time"]["from"])
    assert [(link["type"], link["tags"]) for link in one["links"]] == [("dashboards", ["acm-exporter"])]


@each_dashboard
def test_panels_have_their_own_id_and_place(name: str) -> None:
    """No panel hides another."""
    everything = DASHBOARDS[name]["panels"]
    assert [one["id"] for one in everything] == list(range(1, len(everything) + 1))
    cells = Counter(
        (x, y)
        for place in (one["gridPos"] for one in everything)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    )
    assert cells.most_common(1)[0][1] == 1
    assert max(x for x, _ in cells) < COLUMNS
    assert {y for _, y in cells} == set(range(max(y for _, y in cells) + 1))  # and no row is empty


@each_dashboard
def test_panels_explain_themselves(name: str) -> None:
    """Each has a title of its own, a sentence, core's kind, and the data source that is chosen."""
    shown = panels(name)
    assert [one["title"] for one in shown if not re.search(r"[.:]( |$)", one["description"])] == []
    assert {one["type"] for one in shown} <= CORE
    assert [one["title"] for one in shown if one["datasource"] != DATASOURCE] == []
    titles = Counter((one["title"], one["type"]) for one in shown)
    assert [title for title, times in titles.items() if times > 1] == []


@each_dashboard
def test_colours_suit_light_and_dark(name: str) -> None:
    """Named colours only, never on a background; whatever a value's colour says, a word says too."""
    text = json.dumps(DASHBOARDS[name])
    assert set(re.findall(r'"color": "([^"]+)"', text)) <= COLOURS
    assert "color-background" not in text
    assert '"colorMode": "background' not in text
    for mapping in _dicts(DASHBOARDS[name], "mappings"):
        assert all(word["text"] for one in mapping for word in one["options"].values())


@each_dashboard
def test_variables_come_before_those_that_use_them(name: str) -> None:
    """The data source and the job come first, and each list is narrowed by what was chosen before."""
    variables = DASHBOARDS[name]["templating"]["list"]
    names = [one["name"] for one in variables]
    assert names[:2] == ["datasource", "job"]
    assert len(set(names)) == len(names)
    for place, one in enumerate(variables[1:], 1):
        assert one["datasource"] == DATASOURCE
        assert one["definition"] == one["query"]["query"]
        assert set(_variables(one["definition"])) <= set(names[:place])
        _parsed(one["definition"])


def test_variables_that_dashboards_promise() -> None:
    """Where it makes sense one can choose account, region, domain and tag."""
    chosen = {
        name: [one["name"] for one in board["templating"]["list"]][2:] for name, board in DASHBOARDS.items()
    }
    assert chosen == {
        "fleet": ["account", "region", "domain", "tag", "tag_key"],
        "certificate": ["account", "region", "domain", "tag", "certificate"],
        "endpoints": ["account", "region", "domain", "label"],
        "exporter": ["account", "region", "instance"],
    }


@each_query
def test_expressions_name_what_exists(query: Query) -> None:
    """Each metric and each label exists, joins can match, and rows of other jobs are left out."""
    known = {one["name"] for one in DASHBOARDS[query.dashboard]["templating"]["list"]}
    used = set(_variables(query.target["expr"]))
    assert used <= known | {"__rate_interval", "__range", "__range_s"}
    assert query.target["datasource"] == DATASOURCE
    given = labels(promql_parser.parse(query.text()))
    assert given is not None
    assert set(re.findall(r"\{\{(\w+)\}\}", query.target["legendFormat"])) <= given


@each_dashboard
def test_tables_name_columns_that_their_queries_give(name: str) -> None:
    """A column is a label of one of the queries or the value of one of them; the same for links and sorting."""
    for panel in (one for one in panels(name) if one["type"] == "table"):
        targets = panel["targets"]
        given = {
            label for one in targets for label in labels(promql_parser.parse(substituted(one["expr"]))) or ()
        }
        values = {f"Value #{one['refId']}" for one in targets} if len(targets) > 1 else {"Value"}
        steps = {one["id"]: one["options"] for one in panel["transformations"]}
        assert set(steps) <= TRANSFORMATIONS
        shown = steps["filterFieldsByName"]["include"]["names"]
        titles = steps["organize"]["renameByName"]
        assert set(shown) <= given | values, panel["title"]
        assert values <= set(shown) or panel["title"] in VALUELESS, panel["title"]
        assert list(titles) == shown == list(steps["organize"]["indexByName"])
        assert len(set(titles.values())) == len(shown)
        assert {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]} <= set(
            titles.values()
        )
        assert {one["field"] for one in steps["sortBy"]["sort"]} <= set(titles.values())
        assert set(re.findall(r"__data\.fields\.(\w+)", json.dumps(panel))) <= set(shown), panel["title"]


# Tables with queries of which only the labels are shown: the value is always the same.
VALUELESS = {
    "Another serial number is served than ACM's",
    "Days to renewal",
    "What it is",
    "AWS resources",
    "Conditions now",
    "Endpoints",
    "Issued by ACM",
    "Endpoints with a fault, and the next to expire",
    "Chains that are not trusted or end before their leaf",
    "Certificates in files",
    "Accounts",
}


def test_the_matrix_has_every_condition() -> None:
    """A new condition gets its column."""
    (matrix,) = [one for one in panels("fleet") if one["title"] == "Certificates with a broken condition"]
    assert [one["refId"] for one in matrix["targets"]][2:] == [rule.code for rule in RULES]


def test_links_lead_somewhere() -> None:
    """Links go to our dashboards, the runbook of a condition, or the certificate in the AWS console."""
    uids = {one["uid"] for one in DASHBOARDS.values()}
    fields = r"\$\{__(?:data\.fields|field\.labels)\.condition\}"
    codes = {rule.code for rule in RULES}
    seen = set()
    for link in (link for board in DASHBOARDS.values() for links in _dicts(board, "links") for link in links):
        if not link["url"]:
            continue  # the list of dashboards by tag
        if ours := re.match(r"/d/([\w-]+)\?", link["url"]):
            assert ours[1] in uids
            target = next(board for board in DASHBOARDS.values() if board["uid"] == ours[1])
            names = {one["name"] for one in target["templating"]["list"]}
            assert set(re.findall(r"var-(\w+)=", link["url"])) <= names
            seen.add("dashboard")
        elif link["url"].startswith(thresholds.RUNBOOKS):
            page = link["url"].removeprefix(thresholds.RUNBOOKS)
            assert re.fullmatch(rf"/({'|'.join(codes)}|{fields})\.md", page)
            seen.add("runbook")
        else:
            region = "${__data.fields.region}"
            assert link["url"] == (
                f"https://{region}.console.aws.amazon.com/acm/home?region={region}"
                "#/certificates/${__data.fields.id}"
            )
            seen.add("console")
    assert seen == {"dashboard", "runbook", "console"}


def test_every_condition_has_the_runbook_that_links_name() -> None:
    """No link to a runbook is dead."""
    assert [rule.code for rule in RULES if not (ROOT / f"docs/runbooks/{rule.code}.md").is_file()] == []


def test_provisioning_finds_the_dashboards() -> None:
    """Grafana's provisioning names one folder for the files, and a Prometheus to choose."""
    folder = ROOT / "grafana/provisioning"
    (provider,) = yaml.safe_load((folder / "dashboards/acm-exporter.yaml").read_text())["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"].endswith("/dashboards")
    (source,) = yaml.safe_load((folder / "datasources/prometheus.yaml").read_text())["datasources"]
    assert source["type"] == "prometheus"


def _variables(text: str) -> list[str]:
    return [one or other for one, other in re.findall(r"\$(?:\{([a-z_]+)[:}]|([a-z_]+))", text)]


def _parsed(definition: str) -> None:
    asked = re.fullmatch(r"label_values\((.+), (\w+)\)|query_result\((.+)\)", definition)
    assert asked is not None
    given = labels(_with_job(promql_parser.parse(substituted(asked[1] or asked[3]))))
    assert given is not None
    assert asked[2] is None or asked[2] in given


def _with_job(expression: Any) -> Any:
    """Let the one variable that finds the jobs do without a matcher for them."""
    is_job = str(expression) == "acm_exporter_build_info{}"
    return promql_parser.parse('acm_exporter_build_info{job=~".+"}') if is_job else expression


def _dicts(tree: Any, key: str) -> list[Any]:
    """Find the values of a key anywhere in a tree."""
    if isinstance(tree, list):
        return [found for one in tree for found in _dicts(one, key)]
    if not isinstance(tree, dict):
        return []
    here = [tree[key]] if key in tree else [tree["value"]] if tree.get("id") == key else []  # or an override
    return here + [found for one in tree.values() for found in _dicts(one, key)]
