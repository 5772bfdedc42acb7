"""The dashboards' queries asked of a real Prometheus, and its answers shown by Grafana's own library."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

import pytest
import yaml

from exporter.demo.scenes import SCENES
from grafana.source.queries import runbook
from tests.grafana.library import frames, installed
from tests.grafana.panels import DASHBOARDS, panels, queries
from tests.grafana.world import Rows, World, scraped
from tests.servers import need

pytestmark = [
    pytest.mark.xdist_group("dashboards"),  # one Prometheus for all
    pytest.mark.timeout(300),  # the first run installs Grafana's library
]
Shown: TypeAlias = Mapping[str, list[list[dict[str, Any]]]]  # by panel: frames of columns
CHANGING = {"endpoints: Slowest handshakes: A"}  # another ten at each look

# Panels that rightly show nothing here.
EMPTY = {
    "fleet: Replaced where visitors look": "nothing is replaced while the test runs; see the test with promtool",
    "exporter: Web configuration": "the demo is run without one",
    "exporter: Since the state file was written": "the demo has none",
    "exporter: Changes that the webhook lacks": "the demo has none",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Scrape the demo."""
    with scraped(tmp_path_factory.mktemp("dashboards")) as around:
        yield around


def test_every_query_gives_rows(world: World) -> None:
    """No panel is empty by mistake."""
    empty = [query.title for query in queries() if not world.answers(query)]
    assert {title.rsplit(": ", 1)[0] for title in empty} == set(EMPTY)


def test_two_replicas_show_the_same_as_one(world: World) -> None:
    """A second exporter doubles no number and breaks no join."""
    # Of the exporters themselves there are two, and the rates of both add up.
    shared = [one for one in queries() if one.dashboard != "exporter" and one.title not in CHANGING]
    differing = {
        one.title
        for one in shared
        if _stable(world.answers(one)) != _stable(world.answers(one, {"job": "replicas"}))
    }
    assert differing == set()


def test_without_tags_and_labels_everything_is_shown(world: World) -> None:
    """Whoever exports no tags sees the same, but for the count by tag."""
    chosen = {"job": "untagged", "tag_key": ""}
    shared = [one for one in queries() if one.dashboard != "exporter" and one.title not in CHANGING]
    differing = {
        query.title.rsplit(": ", 1)[0]
        for query in shared
        if _stable(world.answers(query)) != _stable(world.answers(query, chosen))
    }
    assert differing == {"fleet: By tag"}
    (query, *_) = [one for one in queries() if one.title == "fleet: By tag: blocked"]
    (row,) = world.answers(query, chosen)
    assert row["metric"] == {"tag": "(none)"}
    assert int(row["value"][1]) == sum(one.verdict == "blocked" for one in SCENES)


@pytest.mark.parametrize(
    "chosen",
    [
        {"account": "444455556666"},
        {"region": "(ap-northeast-1|eu-west-1)"},
        {"domain": "shop.example.com"},
        {"tag": 'tag_service="private"'},
    ],
    ids=["account", "region", "domain", "tag"],
)
def test_a_choice_narrows_the_fleet(world: World, chosen: dict[str, str]) -> None:
    """What is shown is of the chosen account, region, domain or tag only."""
    (name, value), *_ = chosen.items()
    service = {
        row["metric"]["arn"]: row["metric"] for row in world.ask("acm_certificate_tags{job='acm-exporter'}")
    }
    seen = 0
    for query in queries():
        if query.dashboard != "fleet":
            continue
        for row in world.answers(query, chosen):
            if "arn" not in row["metric"]:
                continue
            mine = row["metric"] | service[row["metric"]["arn"]]
            said = f'tag_service="{mine["tag_service"]}"' if name == "tag" else mine[name]
            assert said == value if name == "tag" else re.fullmatch(value, said), query.title
            seen += 1
    assert seen


def test_a_choice_narrows_the_endpoints(world: World) -> None:
    """An endpoint goes with the account of its certificate; one that counts for none stays."""
    (query,) = [one for one in queries() if one.title == "endpoints: Endpoints: A"]
    everything, staging, web = (
        int(world.answers(query, chosen)[0]["value"][1])
        for chosen in ({}, {"account": "444455556666"}, {"label": 'label_team="web"'})
    )
    unowned = len(
        world.ask(
            'tls_endpoint_reachable{job="acm-exporter"} unless on (domain, port, address) tls_endpoint_serial_match'
        )
    )
    assert everything > staging == unowned + 1
    assert web == 2


def test_replaced_certificates_are_told() -> None:
    """The panel that is empty here tells of an address that got another serial number and issuer."""
    wanted = [one for one in queries() if one.title.startswith("fleet: Replaced where")]
    place = 'job="acm-exporter",domain="a.example",port="443",address="192.0.2.{0}"'
    series = f'tls_endpoint_info{{{{{place},serial="{{1}}",issuer="{{2}}"}}}}'
    inputs = [
        (series.format("1", "1", "CN=A"), "1x9 _x10"),
        (series.format("1", "2", "CN=B"), "_x10 1x9"),
        (series.format("2", "1", "CN=A"), "1x19"),
        ('acm_certificate_info{job="acm-exporter",arn="arn:a",domain="a.example"}', "1x19"),
        *((f'tls_endpoint_serial_match{{{place.format(one)},arn="arn:a"}}', "1x19") for one in (1, 2)),
    ]
    expected = '{domain="a.example", port="443", address="192.0.2.1"}'
    test = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": one, "values": values} for one, values in inputs],
                "promql_expr_test": [
                    {
                        "expr": one.text(),
                        "eval_time": "19m",
                        "exp_samples": [{"labels": expected, "value": 2}],
                    }
                    for one in wanted
                ],
            }
        ],
    }
    ran = subprocess.run(
        [need("promtool"), "test", "rules", "/dev/stdin"],
        input=yaml.safe_dump(test),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


# --- what a reader sees, by Grafana's own library ---------------------------------------------------------


@pytest.fixture(scope="module")
def library() -> Callable[..., Any]:
    """Give the function that runs Grafana's data library."""
    return installed()


@pytest.fixture(scope="module")
def shown(world: World, library: Callable[..., Any]) -> Shown:
    """Run every panel's real answers through Grafana's transformations and field options."""
    chosen = {"certificate": world.arns["lb.example.com"]}
    named = _named()
    given = [
        {"panel": panel, "frames": frames(panel, partial(world.answers, chosen=chosen), name.split(": ")[0])}
        for name, panel in named.items()
    ]
    return dict(zip(named, library(given=given), strict=True))


def test_units_are_grafanas(library: Callable[..., Any]) -> None:
    """Each unit is one that Grafana formats, or a suffix of our own."""
    known = set(library("--units"))
    text = json.dumps(DASHBOARDS)
    used = re.findall(r'"unit": "([^"]+)"|"id": "unit", "value": "([^"]+)"', text)
    assert {one or other for one, other in used} - known == {"suffix:d"}


def test_tables_show_their_columns_in_order(shown: Shown) -> None:
    """The queries of a table join into one with the columns that are meant; a label that no row has is left out."""
    wanting = {}
    for name, panel in _named().items():
        if panel["type"] != "table" or name in EMPTY:
            continue
        meant = list(panel["transformations"][-2]["options"]["renameByName"].values())
        (frame,) = shown[name]
        columns = [column["name"] for column in frame]
        assert columns == [one for one in meant if one in columns], name
        wanting[name] = set(meant) - set(columns)
    assert {name: left_out for name, left_out in wanting.items() if left_out} == {
        "certificate: What it is": {"Managed by", "Renewal status"}
    }


def test_the_matrix_shows_what_each_scene_breaks(shown: Shown) -> None:
    """The demo promises what breaks; the table of the fleet says the same, the soonest to expire first."""
    rows = _rows(shown["fleet: Certificates with a broken condition"])
    found = {
        row["Certificate"]: {name.replace(" ", "_") for name, text in row.items() if text == "breaks"}
        for row in rows
    }
    assert found == {scene.domain: set(scene.breaks) for scene in SCENES if scene.breaks}
    assert len(rows) == len(found)
    assert {row["Certificate"]: row["Verdict"] for row in rows} == {
        scene.domain: scene.verdict for scene in SCENES if scene.breaks
    }
    days = [float(row["Expires in"].removesuffix(" d")) for row in rows if row["Expires in"] != "-"]
    assert days == sorted(days)
    assert rows[0]["Certificate"] == "expired.example.com"


def test_an_endpoint_that_refuses_stands_before_the_one_that_serves(shown: Shown) -> None:
    """The page of one certificate tells of each address what it serves, the bad ones first."""
    rows = _rows(shown["certificate: Endpoints"])
    wanted = (
        "Domain",
        "Reachable",
        "Failure",
        "ACM's serial",
        "Right name",
        "Trusted",
        "Served: issuer",
        "TLS",
    )
    assert [[row[one] for one in wanted] for row in rows] == [
        ["lb.example.com", "no", "refused", "-", "-", "-", "-", "-"],
        ["lb.example.com", "yes", "-", "yes", "yes", "yes", "CN=Amazon RSA 2048 M02,O=Amazon", "TLSv1.3"],
    ]
    assert re.fullmatch(r"\d+\.\d d", rows[1]["Served until"])


def test_mismatches_tell_what_is_served_instead(shown: Shown) -> None:
    """Each foreign serial number comes with its issuer and with ACM's number."""
    rows = _rows(shown["fleet: Another serial number is served than ACM's"])
    assert [(row["Certificate"], row["Served: issuer"]) for row in rows] == [
        ("db.example.net", "CN=Amazon RSA 2048 M02,O=Amazon"),
        ("dual.example.com", "CN=Edge Shield TLS CA 1,O=Edge Shield"),
        ("pinned.example.com", "CN=Amazon RSA 2048 M02,O=Amazon"),
        ("untrusted.example.com", "CN=untrusted.example.com,O=Example"),
        ("waf.example.com", "CN=Edge Shield TLS CA 1,O=Edge Shield"),
        ("wrongname.example.com", "CN=Amazon RSA 2048 M02,O=Amazon"),
        ("www.example.net", "CN=Amazon RSA 2048 M02,O=Amazon"),
    ]
    assert all(row["Served: serial"] != row["ACM's serial"] for row in rows)


def test_words_stand_for_numbers(shown: Shown) -> None:
    """Whoever does not see colours reads the same."""
    assert [column["texts"] for column in shown["certificate: Verdict"][0]][1] == ["renews"]
    states = {frame[1]["name"]: frame[1]["texts"] for frame in shown["certificate: Conditions over time"]}
    assert states["reachable"] == ["breaks"]
    assert states["in_use"] == ["holds"]
    now = _rows(shown["certificate: Conditions now"])
    known = [(row["Condition"], row["State"], row["Why unknown"]) for row in now if row["State"] != "holds"]
    assert known[0] == ("reachable", "breaks", "-")
    assert sorted(known[1:]) == [(one, "unknown", "refused") for one in ("name_match", "serial_match")]


def test_links_carry_what_the_row_is_about(shown: Shown, world: World) -> None:
    """A click opens the page of this certificate, its runbook, or the certificate in the AWS console."""
    arn = world.arns["lb.example.com"]
    region, ident = arn.split(":")[3], arn.split("/")[1]
    (what,) = shown["certificate: What it is"]
    assert [one["links"] for one in what if one["links"]] == [
        [f"https://{region}.console.aws.amazon.com/acm/home?region={region}#/certificates/{ident}"]
    ]
    (expiries,) = shown["fleet: Days to expiry"]
    assert f"&var-certificate={world.arns['expired.example.com']}&" in expiries[0]["links"][0]
    (now,) = shown["certificate: Conditions now"]
    assert now[0]["links"] == [runbook("reachable")]


def _named() -> dict[str, dict[str, Any]]:
    return {f"{name}: {panel['title']}": panel for name in DASHBOARDS for panel in panels(name)}


def _rows(frames: list[list[dict[str, Any]]]) -> list[dict[str, str]]:
    (frame,) = frames
    names = [column["name"] for column in frame]
    return [
        dict(zip(names, texts, strict=True))
        for texts in zip(*(column["texts"] for column in frame), strict=True)
    ]


def _stable(rows: Rows) -> list[tuple[tuple[tuple[str, str], ...], str]]:
    """Leave out what differs from look to look: durations, ages and what is left of days."""
    values = [(sorted(row["metric"].items()), row["value"][1]) for row in rows]
    return sorted((tuple(labels), value if value.isdigit() else "some") for labels, value in values)
