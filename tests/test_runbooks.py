"""The runbooks: complete in both languages, alike in structure, and every command in them is a real one."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from textwrap import dedent
from typing import Any

import botocore.session
import click
import jmespath  # type: ignore[import-untyped]
import promql_parser
import pytest
import yaml
from botocore import xform_name
from botocore.utils import ArgumentGenerator
from botocore.validate import ParamValidator

from exporter import config
from exporter.cli import cli
from exporter.expose.families import FAMILIES
from exporter.judge.rule import RuleSet, Scope
from exporter.judge.verdict import RULES

ROOT = Path(__file__).parents[1]
ENGLISH = ROOT / "docs/runbooks"
JAPANESE = ENGLISH / "ja"
FOLDERS = (ENGLISH, JAPANESE)
INDEX = "README"
SHIPPED_ALERTS = ROOT / "grafana/alerts/acm-exporter.yaml"

CONDITIONS = tuple(rule.code for rule in RULES)
LEADING = {  # an alert that is one condition leads to its page
    "AcmNameUnreachable": "reachable",
    "AcmServedNameMismatch": "name_match",
    "AcmServedCertificateDiffers": "serial_match",
    "AcmRenewalOverdue": "renewal_progress",
    "AcmEmailValidationEnding": "email_sunset",
    "AcmValidationTooOld": "validation_age",
}
ROUTER = "AcmRenewalBlocked"
ALERTS = (
    ROUTER,
    *LEADING,
    "AcmCertificateExpiring",
    "AcmCertificateExpired",
    "TlsEndpointExpiring",
    "TlsEndpointExpired",
    "TlsEndpointUntrusted",
    "TlsEndpointUnreachable",
    "CertificateFileExpiring",
    "CertificateFileUnreadable",
    "AcmConditionUnknown",
    "AcmSourceFailing",
    "AcmSnapshotStale",
    "AcmExporterDown",
    "AcmConfigNotReloaded",
    "AcmWebConfigNotReloaded",
    "AcmStateNotWritten",
    "AcmWebhookFailing",
    "AcmExporterShardingMismatch",
    "AcmExporterShardsMissing",
)
PAGES = (*CONDITIONS, *ALERTS)

BY_HAND = {
    ENGLISH: ("See it by hand", "Causes, most likely first", "Remedy", "Fixed when"),
    JAPANESE: ("手作業での確認", "原因(可能性の高い順)", "対処手順", "復旧の確認"),
}
MEANS = {ENGLISH: "What it means", JAPANESE: "意味"}
FIRED = {ENGLISH: ("What fired", "How urgent"), JAPANESE: ("何が起きたか", "緊急度")}
NEXT = {ENGLISH: "What to do", JAPANESE: "対応"}
SCOPES = {
    ENGLISH: "Scope: `{}` (current rules), `{}` (classic rules).",
    JAPANESE: "スコープ: `{}`(current ルール)、`{}`(classic ルール)。",
}

PROGRAMS = {"acm-exporter", "aws", "openssl", "dig", "curl"}  # beside these only the usual tools
TOOLS = {"timeout", "date", "cut", "sed", "tr", "grep", "cksum"}
RECORDER = r"""
set -eu
PATH=/nonexistent
command_not_found_handle() {
    local call tool=$1
    call=$(printf '%s\x1f' "$@"; printf '\x1e')
    printf '%s' "$call" >>"$CALLS"
    shift
    case $tool in
        cut | sed | tr) "/usr/bin/$tool" "$@" ;;
        openssl) echo serial=0A1B2C ;;
    esac
}
"""

SESSION = botocore.session.Session()
GLOBAL = {"organizations", "iam", "route53", "sts"}  # services without a region of their own


def _text(folder: Path, page: str) -> str:
    return (folder / f"{page}.md").read_text(encoding="utf-8")


def _blocks(text: str, language: str = r"\w+") -> list[str]:
    return [
        dedent(found[0])
        for found in re.finditer(rf"^ *```{language}\n.*?^ *```$", text, re.DOTALL | re.MULTILINE)
    ]


def _code(text: str, language: str) -> list[str]:
    return [block.split("\n", 1)[1].removesuffix("```") for block in _blocks(text, language)]


def _sections(text: str) -> dict[str, str]:
    _, *parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _links(text: str) -> list[str]:
    return re.findall(r"\]\(((?!https?:)[^)#]+)", text)


@pytest.mark.parametrize("folder", FOLDERS, ids=["en", "ja"])
def test_every_condition_and_alert_has_its_page_and_no_page_is_left_over(folder: Path) -> None:
    """Whoever is paged finds a page under the name that the page gives."""
    assert {file.stem for file in folder.glob("*.md")} == {*PAGES, INDEX}


def test_the_shipped_alerts_are_those_that_have_pages() -> None:
    """A new alert needs a page, and a page whose alert is gone misleads."""
    groups = yaml.safe_load(SHIPPED_ALERTS.read_text())["groups"]
    shipped = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    assert shipped == set(ALERTS)


@pytest.mark.parametrize("folder", FOLDERS, ids=["en", "ja"])
@pytest.mark.parametrize("page", PAGES)
def test_pages_of_a_kind_have_the_same_headings_in_the_same_order(page: str, folder: Path) -> None:
    """At three in the morning a person knows where to look."""
    expected: tuple[str, ...]
    if page in CONDITIONS:
        expected = (MEANS[folder], *BY_HAND[folder])
    elif page in LEADING or page == ROUTER:
        expected = (*FIRED[folder], NEXT[folder])
    else:
        expected = (*FIRED[folder], *BY_HAND[folder])
    text = _text(folder, page)
    assert text.startswith(f"# {page}: ")
    assert tuple(_sections(text)) == expected


@pytest.mark.parametrize("page", PAGES)
def test_japanese_pages_are_in_japanese(page: str) -> None:
    """No heading of a Japanese page stands over text left in English."""
    text = _text(JAPANESE, page)
    for block in re.findall(r"^ *```.*?^ *```$", text, re.DOTALL | re.MULTILINE):
        text = text.replace(block, "")
    parts = {"title": text.partition("\n")[0], **_sections(text)}
    prose = {name: words for name, words in parts.items() if words.strip()}
    assert [name for name, words in prose.items() if not re.search("[ぁ-んァ-ヴ]", words)] == []


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_give_the_same_commands(page: str) -> None:
    """Two people who read different languages type the same."""
    assert _blocks(_text(JAPANESE, page)) == _blocks(_text(ENGLISH, page))


@pytest.mark.parametrize("folder", FOLDERS, ids=["en", "ja"])
@pytest.mark.parametrize("rule", RULES, ids=CONDITIONS)
def test_condition_pages_tell_the_scopes_of_the_rule(folder: Path, rule: Any) -> None:
    """What a break costs is said as the verdict counts it."""
    scopes = rule.scopes[RuleSet.CURRENT].value, rule.scopes[RuleSet.CLASSIC].value
    assert SCOPES[folder].format(*scopes) in _text(folder, rule.code).splitlines()


@pytest.mark.parametrize("folder", FOLDERS, ids=["en", "ja"])
def test_alerts_of_one_condition_lead_to_its_page(folder: Path) -> None:
    """An alert page does not repeat the condition's, and never leaves a reader without it."""
    ends = {alert: _sections(_text(folder, alert))[NEXT[folder]] for alert in (*LEADING, ROUTER)}
    assert {alert: _links(ends[alert])[0] for alert in LEADING} == {a: f"{c}.md" for a, c in LEADING.items()}
    blocking = {f"{rule.code}.md" for rule in RULES if Scope.RENEWAL in rule.scopes.values()}
    assert set(_links(ends[ROUTER])) == blocking


@pytest.mark.parametrize("folder", FOLDERS, ids=["en", "ja"])
def test_index_lists_every_page_and_the_conditions_as_the_register_has_them(folder: Path) -> None:
    """The index is the register: same order, same scopes, nothing left out."""
    rows = re.findall(r"^\| \[(\w+)\]\(\1\.md\) \| (.+) \|$", _text(folder, INDEX), re.MULTILINE)
    assert [name for name, _ in rows] == [*CONDITIONS, *(name for name, _ in rows[len(RULES) :])]
    assert sorted(name for name, _ in rows) == sorted(PAGES)
    scopes = [tuple(text.split(" | ")[1:]) for _, text in rows[: len(RULES)]]
    assert scopes == [(r.scopes[RuleSet.CURRENT].value, r.scopes[RuleSet.CLASSIC].value) for r in RULES]


@pytest.mark.parametrize("folder", FOLDERS, ids=["en", "ja"])
@pytest.mark.parametrize("page", [*PAGES, INDEX])
def test_links_are_alive_and_lead_to_the_other_language(page: str, folder: Path) -> None:
    """No dead link, and one step to the same page in the other language."""
    links = _links(_text(folder, page))
    assert [link for link in links if not (folder / link).exists()] == []
    assert links[0] == (f"ja/{page}.md" if folder is ENGLISH else f"../{page}.md")


@pytest.mark.parametrize("page", PAGES)
def test_commands_run_as_written_and_programs_accept_them(page: str, tmp_path: Path) -> None:
    """All shell blocks of a page run in bash one after the other, and what they would call is real.

    Every program is replaced by a recorder; `acm-exporter` is then parsed by its command line and `aws` held
    against botocore's models.
    """
    calls = _calls("".join(_code(_text(ENGLISH, page), "sh")), tmp_path / "calls")
    assert {call[0] for call in calls} <= PROGRAMS | TOOLS
    for program, *arguments in calls:
        assert "" not in arguments, "a variable that nothing sets"
        match program:
            case "acm-exporter":
                _parse(arguments)
            case "aws":
                _check_aws(arguments)
            case _:
                pass
    own = page not in LEADING and page != ROUTER
    assert any(call[0] == "acm-exporter" for call in calls) is own


def _calls(script: str, record: Path) -> list[list[str]]:
    record.touch()
    done = subprocess.run(
        ["/bin/bash", "--norc", "-c", RECORDER + script],
        env={"CALLS": str(record), "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [call.split("\x1f")[:-1] for call in record.read_text().split("\x1e")[:-1]]


def _parse(arguments: Sequence[str]) -> None:
    """Let click parse a command without running it; raises for what it does not accept."""
    command: click.Command = cli
    rest = list(arguments)
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), rest.pop(0))
        assert found is not None, arguments
        command = found
    command.make_context(command.name, rest)


def _check_aws(arguments: Sequence[str]) -> None:
    """Hold one `aws` call against the service's model: operation, options, values and the query's fields."""
    service, operation, *rest = arguments
    model = SESSION.get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    call = model.operation_model(names[operation])
    options = _options(rest)
    region, query = options.pop("--region", None), options.pop("--query", None)
    assert region == (None if service in GLOBAL else ["us-east-1"])
    assert options.pop("--output", ["text"]) == ["text"]
    members = call.input_shape.members if call.input_shape else {}
    wanted = {f"--{xform_name(name, '-')}": name for name in members}
    assert set(options) <= set(wanted), arguments
    given = {wanted[option]: _value(members[wanted[option]], words) for option, words in options.items()}
    if call.input_shape:
        assert ParamValidator().validate(given, call.input_shape).generate_report() == ""
    if query:
        answer = ArgumentGenerator().generate_skeleton(call.output_shape)
        found = json.dumps(jmespath.search(query[0], answer), default=str)
        assert not re.search(r"null|\[\]", found), f"a field that does not exist: {query}"


def _options(words: Sequence[str]) -> dict[str, list[str]]:
    """Split `--a 1 --b 2 3` into its options, each with its values."""
    options: dict[str, list[str]] = {}
    for is_name, group in groupby(words, lambda word: word.startswith("--")):
        if is_name:
            options |= {name: [] for name in group}
        else:
            options[list(options)[-1]] = list(group)
    return options


def _value(shape: Any, words: Sequence[str]) -> object:
    """Read a value as the AWS CLI does: JSON, its shorthand, a list of words, or one word."""
    match shape.type_name:
        case "structure" if words[0].startswith("{"):
            return json.loads(words[0])
        case "structure":
            return dict(pair.split("=", 1) for pair in words[0].split(","))
        case "list":
            return [_value(shape.member, [word]) for word in words]
        case "blob":
            assert words[0].startswith("fileb://")
            return words[0].encode()
        case "integer":
            return int(words[0])
        case _:
            assert not shape.enum or words[0] in shape.enum
            return words[0]


def _selectors(node: object) -> Iterator[promql_parser.VectorSelector]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("lhs", "rhs", "expr", "vector_selector", "vs"):
        if (part := getattr(node, name, None)) is not None:
            yield from _selectors(part)
    for part in getattr(node, "args", None) or ():
        yield from _selectors(part)


FOREIGN = {"up", "scrape_duration_seconds"}  # Prometheus's own


@pytest.mark.parametrize("page", PAGES)
def test_queries_parse_and_name_metrics_and_labels_that_exist(page: str) -> None:
    """A query copied into Prometheus is valid and can give rows."""
    labels = {one.name: {*one.subject.labels, *one.labels} for one in FAMILIES}
    for query in "".join(_code(_text(ENGLISH, page), "promql")).splitlines():
        selectors = list(_selectors(promql_parser.parse(query)))
        assert selectors, query
        for one in selectors:
            assert one.name in FOREIGN or {m.name for m in one.matchers.matchers} <= labels[str(one.name)]


@pytest.mark.parametrize("folder", FOLDERS, ids=["en", "ja"])
@pytest.mark.parametrize("page", PAGES)
def test_metrics_in_the_text_exist(page: str, folder: Path) -> None:
    """What a page tells to watch is exposed."""
    named = set(
        re.findall(
            r"\b(?:acm_(?:certificate|exporter)|tls_endpoint|certificate_file)_\w+", _text(folder, page)
        )
    )
    greps = set(re.findall(r"grep .*\^(\w+)", _text(folder, page)))  # these may name a beginning
    assert named - greps <= {one.name for one in FAMILIES}
    assert [name for name in greps if not any(one.name.startswith(name) for one in FAMILIES)] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=["en", "ja"])
def test_intervals_are_the_defaults(folder: Path) -> None:
    """How long a person waits before a mended thing shows is what the program really takes."""
    settings = config.default()
    defaults = {"aws": settings.aws.interval, "probe": settings.probe.interval, "dns": settings.dns.interval}
    units = {"minutes": 60, "hour": 3600, "分": 60, "時間": 3600}
    pattern = rf"`(aws|probe|dns)\.interval`\D{{0,6}}(\d+) ({'|'.join(units)})"
    said = {
        (name, timedelta(seconds=int(number) * units[unit]))
        for page in (*PAGES, INDEX)
        for name, number, unit in re.findall(pattern, _text(folder, page))
    }
    assert said == set(defaults.items())
