"""/metrics as text: golden, equal to prometheus_client's, and parseable whatever the outside world says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.expose import deflate
from exporter.expose.exposition import collect, scrape
from exporter.expose.families import CERTIFICATES, ENDPOINTS, FAMILIES
from exporter.expose.files import FILES
from exporter.expose.press import Press, Rendered
from exporter.facts import Certificate, Details, Endpoint, Link, Look, Seen, Served, Timing, Unseen, Why
from exporter.judge.rule import Finding, Outcome
from exporter.judge.verdict import RULES, Word
from exporter.snapshot import Case, Change, Filed, History, Snapshot, Source, Spot, What
from tests.evidence import ARN, CERTIFICATE, NOON, SERVED
from tests.expose.snapshots import LATE, SEEN, SMALL, case, snapshot, spot
from tests.judge.test_filing import OLD
from tests.servers import need

GOLDEN = Path(__file__).parent / "golden" / "small.prom"
NASTY = 'quote " backslash \\ newline \n\\n return \r nul \0 escape \x1b[2J next line \x85\u2028 } , = # EOF \U0001f980'
LONE = "\ud800"  # a lone surrogate, which JSON and YAML can spell


def render(of: Snapshot) -> Rendered:
    """Render a snapshot from nothing."""
    return Press().render(of)


def exposed(of: Snapshot, accept: str = "") -> str:
    """Give the body of a scrape."""
    parts, _ = scrape(render(of), accept)
    return deflate.join(parts).plain.decode()


def test_small_snapshot_whole() -> None:
    """The text of two certificates and two endpoints, whole, as a reader of /metrics sees it."""
    text = re.sub(r'python_version="[^"]*"', 'python_version="PYTHON"', exposed(SMALL))
    ours = [
        one
        for one in re.split(r"(?=^# HELP )", text, flags=re.MULTILINE)
        if re.match(r"# HELP (acm|tls|certificate)_", one)
    ]
    if not GOLDEN.exists():  # to renew it, delete the file and run this test
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text("".join(ours))
        pytest.fail(f"{GOLDEN.name} was missing and is written anew: read it and commit it")
    assert "".join(ours) == GOLDEN.read_text()


# --- equal to prometheus_client's -----------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=()), max_size=12) | st.sampled_from(
    [NASTY, LONE, "", "ISSUED"]
)
TIMES = st.datetimes(datetime(1950, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
SECONDS = st.floats(0, 1e12)
FINDINGS = st.builds(Finding, st.sampled_from(Outcome), TEXT, TEXT, st.none() | st.sampled_from(Why))
UNSEEN = st.builds(Unseen, st.sampled_from(Why), TEXT)
LINK = Link(NASTY, LONE, 7, "ab", NOON, trusted=True)
SERVEDS = st.builds(
    Served,
    serial=st.integers(-5, 2**160),
    names=st.just(()),
    not_before=TIMES,
    not_after=TIMES,
    chain_not_after=TIMES,
    issuer=TEXT,
    subject=TEXT,
    fingerprint=TEXT,
    tls_version=TEXT,
    cipher=TEXT,
    trusted=st.none() | st.booleans(),
    trust_error=TEXT,
    chain_length=st.just(1),
    group=st.sampled_from(["", NASTY]),
    ocsp=st.sampled_from(["", "none", "good"]),
    chain=st.sampled_from([(), (LINK,), (LINK, replace(LINK, subject="", trusted=None))]),
    key_type=st.sampled_from(["", "rsa"]),
    others=st.sampled_from([(), (replace(SERVED, key_type="ecdsa"),)]),
)
CERTIFICATES_OF_ANY_KIND = st.builds(
    Certificate,
    arn=TEXT,
    account=TEXT,
    region=TEXT,
    domain=TEXT,
    names=st.just(()),
    status=TEXT,
    serial=st.none() | st.integers(0, 2**160),
    not_before=st.none() | TIMES,
    not_after=st.none() | TIMES,
    created_at=st.none() | TIMES,
    issued_at=st.none() | TIMES,
    managed_by=TEXT,
    in_use=st.none() | st.booleans(),
    eligibility=st.sampled_from(["", "ELIGIBLE", "INELIGIBLE"]),
    renewal_status=TEXT,
    details=UNSEEN | st.builds(Seen, st.builds(Details, in_use_by=st.tuples(TEXT), issuer=TEXT)),
    tags=st.dictionaries(st.sampled_from(["team", "cost center", "部"]), TEXT),
)


HISTORIES = st.builds(
    History,
    first_seen=st.none() | TIMES,
    changes=st.lists(st.builds(Change, TIMES, TEXT, TEXT, st.sampled_from(What), TEXT, TEXT), max_size=2).map(
        tuple
    ),
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Make any case."""
    one = case(
        draw(CERTIFICATES_OF_ANY_KIND),
        draw(st.sampled_from(Word)),
        looks=(),
        records=tuple(draw(st.dictionaries(TEXT, st.booleans(), max_size=2)).items()),
        **draw(st.dictionaries(st.sampled_from([rule.code for rule in RULES]), FINDINGS, max_size=4)),
    )
    return replace(
        one,
        window_start=draw(st.none() | TIMES),
        first_issue=draw(st.none() | TIMES),
        history=draw(HISTORIES),
    )


SPOTS = st.builds(
    Spot,
    look=st.builds(
        Look,
        st.builds(Endpoint, TEXT, st.integers(1, 65535), TEXT),
        UNSEEN | st.builds(Seen, SERVEDS),
        TIMES,
        timing=st.builds(Timing, *[st.none() | SECONDS] * 4),
        client_not_after=st.none() | TIMES,
        last=st.none() | SERVEDS,
        last_success=st.none() | TIMES,
        reached=st.none() | st.booleans(),
    ),
    labels=st.dictionaries(st.sampled_from(["site", "team"]), TEXT),
    name_match=st.none() | st.booleans(),
    serial_matches=st.dictionaries(TEXT, st.booleans(), max_size=2).map(lambda d: tuple(d.items())),
    history=HISTORIES,
)
SOURCES = st.builds(
    Source,
    st.sampled_from(["acm", "tls"]),
    TEXT,
    TEXT,
    success=st.none() | st.booleans(),
    duration=st.none() | SECONDS,
    last_success=st.none() | TIMES,
)
FILED = st.builds(
    lambda path, issuer, arn, why: Filed(
        replace(LATE.look, path=path, last=why and replace(OLD, issuer=issuer), sight=Unseen(why or Why.BUG)),
        ((arn, True),),
    ),
    *(TEXT, TEXT, TEXT),
    st.sampled_from([None, Why.NOT_YET, Why.BAD_PASSWORD]),
)
SNAPSHOTS = st.builds(
    lambda cases, spots, **rest: replace(snapshot(*cases, spots=tuple(spots)), **rest),
    st.lists(cases(), max_size=3),
    st.lists(SPOTS, max_size=3),
    sources=st.lists(SOURCES, max_size=3).map(tuple),
    requests=st.dictionaries(st.tuples(TEXT, TEXT, TEXT, TEXT), st.integers(0, 10**9), max_size=3),
    tags=st.just(("cost center", "team", "部")),
    labels=st.just(("site", "team")),
    files=st.lists(FILED, max_size=3).map(tuple),
)
thorough = settings(
    max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


class Theirs:
    """The big families, for prometheus_client to write."""

    def __init__(self, of: Snapshot) -> None:
        """Take the snapshot."""
        self._of = of

    def collect(self) -> Iterator[Metric]:
        """Give the families."""
        return collect((*CERTIFICATES, *ENDPOINTS, *FILES), self._of)


def by_name(text: str) -> str:
    """Sort the labels of each line, as prometheus_client writes them."""
    pair = r'[a-z_A-Z0-9]+="(?:[^"\\]|\\.)*"'

    def labels(match: re.Match[str]) -> str:
        pairs = re.findall(pair, match[0])
        return "{" + ",".join(sorted(pairs, key=lambda one: one.partition("=")[0])) + "}"

    return "\n".join(re.sub(rf"\{{{pair}(?:,{pair})*\}}(?= \S+$)", labels, line) for line in text.split("\n"))


@thorough
@given(SNAPSHOTS)
def test_the_text_is_that_of_prometheus_client(of: Snapshot) -> None:
    """Our quick rendering and the reference library's give the same text, in both formats."""
    ours = by_name(render(of).plain.decode())
    assert ours == generate_latest(Theirs(of)).decode()
    theirs: bytes = openmetrics.generate_latest(Theirs(of))  # type: ignore[no-untyped-call]
    assert ours + "# EOF\n" == theirs.decode()


# --- parseable ------------------------------------------------------------------------------------------

Parse = Callable[[str], Iterable[Metric]]
BOTH = pytest.mark.parametrize(
    ("accept", "parse"),
    [("", parse_text), ("application/openmetrics-text", parse_openmetrics)],
    ids=["text", "OpenMetrics"],
)


def samples(metrics: Iterable[Metric]) -> list[tuple[str, dict[str, str], float]]:
    """Flatten families to samples, without the process's own."""
    names = {one.name for one in FAMILIES}
    found = [(one.name, one.labels, one.value) for metric in metrics for one in metric.samples]
    return [one for one in found if one[0] in names]


@BOTH
@thorough
@given(of=SNAPSHOTS)
def test_every_row_is_read_as_it_was_meant(accept: str, parse: Parse, of: Snapshot) -> None:
    """Quotes, control characters and whatever else stands in a name come through the official parsers whole."""
    assert samples(parse(exposed(of, accept))) == samples(collect(FAMILIES, of))


@BOTH
def test_rows_are_unique_also_where_subjects_are_not(accept: str, parse: Parse) -> None:
    """Two of the same endpoint, certificate or source give one row each, the latter's."""
    failed = replace(SMALL.sources[0], success=False)
    twice = snapshot(
        case(),
        case(word=Word.BLOCKED),
        spots=(spot(), spot(name_match=False)),
        sources=(SMALL.sources[0], failed),
    )
    found = samples(parse(exposed(twice, accept)))
    keys = [(name, *sorted(labels.items())) for name, labels, _ in found]
    assert len(keys) == len(set(keys))
    values = {(name, labels.get("verdict", "")): value for name, labels, value in found}
    assert values["acm_certificate_renewal_verdict", "blocked"] == 1.0
    assert values["tls_endpoint_name_match", ""] == 0.0
    assert values["acm_exporter_source_success", ""] == 0.0


def test_promtool_reads_hostile_text() -> None:
    """Prometheus's own parser reads rows with whatever a server may put into its names."""
    hostile = NASTY + LONE + "x" * 100_000
    served = replace(SERVED, issuer=hostile, subject=hostile, cipher=hostile)
    of = snapshot(
        case(replace(CERTIFICATE, domain=hostile, status=hostile)),
        spots=(spot(replace(SEEN, last=served), labels={"site": hostile}),),
        labels=("site",),
        requests={(hostile, "", "", ""): 1},
    )
    done = subprocess.run(
        [need("promtool"), "check", "metrics"], input=exposed(of), capture_output=True, text=True, check=False
    )
    remarks = (done.stdout + done.stderr).splitlines()
    assert [one for one in remarks if not one.endswith('use base unit "seconds" instead of "days"')] == []


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    """What UTF-8 cannot spell does not end the scrape, in big families and small."""
    of = snapshot(case(replace(CERTIFICATE, domain=LONE)), requests={(LONE, "", "", ""): 1})
    found = {name: labels for name, labels, _ in samples(parse_text(exposed(of)))}
    assert found["acm_certificate_in_use"]["domain"] == "?"
    assert found["acm_exporter_aws_requests_total"]["account"] == "?"


# --- one scrape -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html,application/xhtml+xml", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=dots",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        (
            "application/openmetrics-text;version=x",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        ("text/plain;version=1.0.0;escaping=values", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
def test_format_by_what_the_scraper_accepts(accept: str, content_type: str) -> None:
    """Prometheus 2 and 3, browsers and curl get a format they read; nothing is promised that is not kept."""
    parts, found = scrape(render(SMALL), accept)
    body = deflate.join(parts).plain
    assert found == content_type
    ends = [line for line in body.decode().splitlines() if line == "# EOF"]
    assert ends == (["# EOF"] if "openmetrics" in content_type else [])
    assert body.endswith(b"\n# EOF\n") == ("openmetrics" in content_type)


def test_the_process_tells_of_itself() -> None:
    """Memory, CPU and garbage collection of the exporter can be watched."""
    names = {metric.name for metric in parse_text(exposed(snapshot()))}
    assert {
        "process_cpu_seconds",
        "process_resident_memory_bytes",
        "python_info",
        "python_gc_collections",
    } <= names


def test_rendering_twice_gives_the_same_bytes() -> None:
    """A snapshot's bytes depend on nothing but the snapshot."""
    assert render(SMALL).parts == render(SMALL).parts
    assert ARN in render(SMALL).plain.decode()


LATER = st.timedeltas(timedelta(0), timedelta(minutes=1))


@settings(thorough, max_examples=30)
@given(st.lists(st.tuples(LATER, SNAPSHOTS), min_size=2, max_size=4))
def test_what_was_rendered_before_leaves_no_trace(moments: list[tuple[timedelta, Snapshot]]) -> None:
    """Only what changed is written anew, and the text is as if all were, but for ages of some seconds."""
    press, now = Press(), NOON
    for later, of in moments:
        now += later
        one = replace(of, taken_at=now)
        assert without_ages(press.render(one)) == without_ages(render(one))


def test_ages_are_never_older_than_twenty_seconds() -> None:
    """Days to expiry are told anew at least three times a minute, everything else at once."""
    press = Press()
    told = []
    for seconds in (0, 19, 20, 21):
        of = replace(SMALL, taken_at=NOON + timedelta(seconds=seconds))
        told.append(press.render(of).plain == render(of).plain)
    assert told == [True, False, True, False]


def without_ages(rendered: Rendered) -> list[str]:
    """Leave out the rows that go on with time."""
    ages = (
        "acm_certificate_days_to_expiry{",
        "certificate_file_days_to_expiry{",
        "acm_certificate_validation_age_days{",
        "tls_endpoint_days_to_expiry{",
    )
    return [line for line in rendered.plain.decode().split("\n") if not line.startswith(ages)]
