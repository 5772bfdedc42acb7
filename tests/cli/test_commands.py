"""The command line's own part: what it accepts, what it says and its exit codes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter import __version__
from exporter.cli import _address, main
from exporter.cli.options import name_or_arn
from exporter.expose import text
from tests.evidence import ARN

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Give a way to run a command line in this process: exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert isinstance(left.value.code, int)
        return left.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give the place of a configuration file that is not there yet."""
    return tmp_path / "acm-exporter.yaml"


def test_version(run: Run) -> None:
    """A bug report can name the version."""
    assert run("--version") == (0, f"acm-exporter, version {__version__}\n", "")


def test_help_lists_the_commands(run: Run) -> None:
    """Whoever asks for help finds every command."""
    for flag in ("--help", "-h"):
        code, out, _ = run(flag)
        assert code == 0
        assert re.findall(r"^  (\w+)  ", out.partition("Commands:")[2], re.MULTILINE) == [
            *("check", "config", "demo", "fix", "health", "metrics", "rules", "run"),
        ]


def test_no_command_is_bad_usage(run: Run) -> None:
    """A unit file that forgot the command fails, and shows what there is."""
    code, _, err = run()
    assert code == 2
    assert "Commands:" in err


def test_config_check_accepts(run: Run, file: Path) -> None:
    """A good file is called so."""
    file.write_text("domains: [www.example.com]\n")
    assert run("config", "check", "--config.file", str(file)) == (0, f"{file}: fine\n", "")


BAD = """\
aws:
  regions: [us-east-1]
probe:
  interval: fast
domains:
  - name: www.example.com
    port: 70000
"""


@pytest.mark.parametrize(
    ("command", "code"),
    [(["config", "check"], 2), (["run"], 2), (["check"], 3)],
    ids=["config check", "run", "check"],
)
def test_every_mistake_of_a_file_on_standard_error(
    run: Run, file: Path, command: list[str], code: int
) -> None:
    """All mistakes at once, each with its line, and nothing is started: no log line follows."""
    file.write_text(BAD)
    found, out, err = run(*command, "--config.file", str(file))
    assert (found, out) == (code, "")
    complaints = [line.removeprefix(f"{file}:") for line in err.splitlines()]
    assert [re.match(r"(\d+):\d+: ([^:]+):", one).groups() for one in complaints] == [  # type: ignore[union-attr]
        ("2", "aws.regions"),
        ("4", "probe.interval"),
        ("7", "domains[0].port"),
    ]


@pytest.mark.parametrize(
    ("command", "code"),
    [(["config", "check"], 2), (["run"], 2), (["check"], 3)],
    ids=["config check", "run", "check"],
)
def test_missing_file(run: Run, file: Path, command: list[str], code: int) -> None:
    """One clear line; of `check`, 2 would mean a renewal that breaks, so it is 3."""
    line = f"{file}: does not exist (expected a YAML file)\n"
    assert run(*command, "--config.file", str(file)) == (code, "", line)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["run", "--web.config.file", "absent.yml"],
            "absent.yml: does not exist (expected a YAML file)",
        ),
        (["run", "--log.level", "loud"], "'loud' is not one of 'debug', 'info', 'warn', 'error'."),
        (["run", "--log.format", "xml"], "'xml' is not one of 'logfmt', 'json'."),
        (
            ["run", "--shard.total", "3", "--shard.index", "3"],
            "Invalid value for --shard.index: 3 (expected 0 to 2, as --shard.total is 3)",
        ),
        (["run", "extra"], "Got unexpected extra argument (extra)"),
        (
            ["config", "check"],
            "nothing to check (expected --config.file, --web.config.file or both)",
        ),
        (["rules", "--format", "pdf"], "'pdf' is not one of 'text', 'markdown'."),
        (["start"], "No such command 'start'."),
    ],
    ids=" ".join,
)
def test_bad_usage(run: Run, arguments: list[str], says: str) -> None:
    """What is not understood is said, with exit code 2."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert says in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--nope"], "No such option"),
        (["--format", "xml"], "'xml' is not one of 'table', 'json', 'prometheus', 'nagios'."),
        (["--config.file"], "requires an argument"),
        (["--watch", "--format", "json"], "--watch shows a table (expected no --format json with it)"),
        (["--watch", "--output", "a.txt"], "--watch has no end that could be written (expected no --output"),
        (["--interval", "5s"], "--interval is the rest between two sweeps (expected --watch with it)"),
        (["--watch", "--interval", "5"], "5 has no unit (expected for example 30s"),
        (["--watch", "--interval", "10ms"], "10ms is too short (expected at least 1s)"),
        (
            ["--output", "/nowhere/acm.prom"],
            "'--output': /nowhere/acm.prom: /nowhere is no directory (expected",
        ),
        (["two words"], "is not a host name"),
        ([""], "is not a host name"),
        (["www.example.com:443"], "holds a port"),
        (["https://www.example.com/"], "a URL is not a host name"),
        (["*.*.example.com"], "is a wildcard"),
        (["arn:aws:acm:us-east-1:1:certificate/x"], "is not a certificate's ARN"),
    ],
    ids=" ".join,
)
def test_bad_usage_of_check_is_unknown(run: Run, arguments: list[str], says: str) -> None:
    """A monitoring system must not take a slip of the hand for a finding: 3, not 2."""
    code, out, err = run("check", *arguments)
    assert (code, out) == (3, "")
    assert says in err


def test_a_plugin_tells_its_own_failure_on_standard_output(run: Run, file: Path) -> None:
    """A monitoring system reads nothing else: the mistakes of a file are there, the first on the line of status."""
    file.write_text(BAD)
    code, out, err = run("check", "--format", "nagios", "--config.file", str(file))
    first, *others = run("check", "--config.file", str(file))[2].splitlines()
    assert (code, out.splitlines(), err) == (3, [f"ACM UNKNOWN - {first}", *others], "")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("www.example.com", "www.example.com"),
        ("WWW.Example.COM.", "www.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.Example.com", "*.example.com"),
        ("192.0.2.10", "192.0.2.10"),
        (ARN, ARN),
    ],
)
def test_names_to_check_as_people_type_them(typed: str, meant: str) -> None:
    """Case, trailing dots and umlauts are no matter, and a wildcard may be asked for as ACM has it."""
    assert name_or_arn(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (":9795", (None, 9795)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:65535", ("localhost", 65535)),
        ("[::1]:9795", ("::1", 9795)),
        ("[::]:9795", ("::", 9795)),
    ],
)
def test_listen_addresses(typed: str, meant: tuple[str | None, int]) -> None:
    """Addresses are spelled as Prometheus's own exporters spell them."""
    assert _address(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "9795",
        "localhost",
        ":",
        ":x",
        ":-1",
        ":65536",
        "::1:9795",
        "[::1:9795",
        "::1]:9795",
        "http://x:1",
        "a b:1",
    ],
)
def test_bad_listen_address(run: Run, typed: str) -> None:
    """What is no address is refused before anything starts, with an example of one."""
    code, out, err = run("run", "--web.listen-address", typed)
    assert (code, out) == (2, "")
    assert f"Invalid value for '--web.listen-address': {typed!r} (expected [HOST]:PORT, such as :9795" in err


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (["rules"], text.rules_table()),
        (["rules", "--format", "markdown"], text.rules_table(markdown=True)),
        (["metrics"], text.metrics_table()),
        (["metrics", "--format", "markdown"], text.metrics_table(markdown=True)),
    ],
    ids=" ".join,
)
def test_tables(run: Run, arguments: list[str], out: str) -> None:
    """The conditions and metrics can be read without the README."""
    assert run(*arguments) == (0, out, "")
