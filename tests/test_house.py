"""What is written twice is the same twice: README, policy and lock files against the code."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import click
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter import __version__, config
from exporter.cli import cli
from exporter.config import kinds
from exporter.expose import text
from exporter.expose.rows import label_name

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize(
    ("name", "made"),
    [("rules", text.rules_table(markdown=True)), ("metrics", text.metrics_table(markdown=True))],
)
def test_readme_has_the_tables_as_the_commands_print_them(name: str, made: str) -> None:
    """A reader of the README sees the conditions and metrics that the program has."""
    found = re.search(rf"<!-- {name}: [^>]*-->\n(.*?)<!-- /{name} -->", README, re.DOTALL)
    assert found is not None
    assert found[1] == made, f"renew it with: make docs ({name})"


def test_readme_shows_the_policy_that_is_shipped() -> None:
    """Whoever copies the policy from the README gets the file's."""
    blocks = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    assert [json.loads(one) for one in blocks] == [json.loads((ROOT / "deploy/iam-policy.json").read_text())]


def test_readme_configuration_is_accepted(tmp_path: Path) -> None:
    """The first configuration that a newcomer copies is valid."""
    (block,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "acm-exporter.yaml"
    file.write_text(block)
    assert [one.name for one in config.load(file, {}).domains] == list(_names(yaml.safe_load(block)))


def _names(tree: dict[str, list[str | dict[str, str]]]) -> list[str]:
    return [one if isinstance(one, str) else one["name"] for one in tree["domains"]]


@pytest.mark.parametrize(
    "page",
    [
        *("README.md", "docs/quickstart.md", "docs/service-discovery.md", "docs/sharding.md"),
        *("docs/state.md", "docs/events.md", "docs/fix.md", "docs/walkthrough.md", "grafana/README.md"),
        *(
            "docs/iam.md",
            "docs/accounts.md",
            "docs/install.md",
            "docs/check.md",
            "docs/files.md",
            "docs/resources.md",
        ),
        "SECURITY.md",
    ],
)
def test_links_lead_to_files(page: str) -> None:
    """No dead link within the project."""
    links = re.findall(r"\]\(((?!https?:)[^)#]+)", (ROOT / page).read_text())
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


def test_quickstart_commands_are_those_of_the_project() -> None:
    """Each line that a newcomer copies is a command that there is, with files that there are."""
    text = (ROOT / "docs/quickstart.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    targets = {line.split()[1] for line in lines if line.startswith("make ")}
    makefile = (ROOT / "Makefile").read_text()
    assert [one for one in targets if not re.search(rf"^{one}:", makefile, re.MULTILINE)] == []
    files = {word for line in lines for word in re.findall(r"[\w./-]+\.(?:yml|example\.yaml)", line)}
    assert [one for one in files if not (ROOT / one).exists()] == []
    ours = [shlex.split(line.partition("#")[0].rstrip(" &")) for line in lines if "bin/acm-exporter " in line]
    for _, *words in ours:
        command: click.Command = cli
        while isinstance(command, click.Group):
            found = command.get_command(click.Context(command), words.pop(0))
            assert found is not None
            command = found
        command.make_context(command.name, words)
    assert len(ours) == 3


@pytest.mark.parametrize("page", ["docs/check.md", "docs/fix.md", "docs/walkthrough.md"])
def test_commands_of_a_page_are_accepted(page: str) -> None:
    """What an operator copies from it is what the program takes."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("acm-exporter ")]
    for line in lines:
        command: click.Command = cli
        _, *words = shlex.split(line)
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        command.make_context(command.name, words)
    assert lines


def test_sharding_page_has_commands_and_pods_that_run() -> None:
    """What an operator copies from it is accepted, and there are as many pods as shards."""
    text = (ROOT / "docs/sharding.md").read_text()
    (command,) = re.findall(r"```sh\n(.*?)\n```", text, re.DOTALL)
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    spec = yaml.safe_load(block)["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    for _, *words in (shlex.split(command), ["", *container["args"]]):
        options = cli.commands[words[0]].make_context(words[0], words[1:]).params
        assert options["shard_total"] == spec["replicas"]
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]


@given(tag=st.text())
def test_tags_become_the_same_label_for_the_configuration_and_the_metrics(tag: str) -> None:
    """Two tags that would share a label are refused by the configuration, which knows of labels what metrics know."""
    assert kinds.tag_label(tag) == f"tag_{label_name(tag)}"


def test_version_stands_in_one_place() -> None:
    """What is installed has the version of the code, which the changelog tells of."""
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert metadata.version("acm-exporter") == __version__
    changelog = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[(.+)\] - (?:Unreleased|\d{4}-\d\d-\d\d)$", changelog, re.MULTILINE)
    assert versions == re.findall(r"^## (?:\[(.+)\].*|.*)$", changelog, re.MULTILINE)
    assert versions[0] == __version__


@pytest.mark.parametrize("lock", sorted(ROOT.glob("requirements*.lock")), ids=lambda path: path.name)
def test_lock_files_have_hashes_and_no_addresses(lock: Path) -> None:
    """An install takes the reviewed files, from whatever registry its user has."""
    lines = [one for one in lock.read_text().splitlines() if one and not one.lstrip().startswith("#")]
    pins = [one for one in lines if not one.startswith(" ")]
    assert all(re.match(r"[a-z0-9._-]+==\S+( ; .*)? \\$", one) for one in pins)
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", one) for one in lines if one not in pins)


def test_lock_file_covers_what_the_project_needs() -> None:
    """Each dependency of pyproject.toml is pinned."""
    names = {re.split(r"[<>=\[]", one)[0] for one in PROJECT["project"]["dependencies"]}
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert names - pinned == set()


def test_no_committed_file_names_a_place_of_a_machine() -> None:
    """Files read the same on everybody's machine."""
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    pattern = re.compile(rb"/(?:home|Users|root|work)/\w")
    bad = [f for f in files if f and (ROOT / f).is_file() and pattern.search((ROOT / f).read_bytes())]
    assert bad == []
