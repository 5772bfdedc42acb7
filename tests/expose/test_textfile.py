"""One sweep for the textfile collector, held against what /metrics has of the same snapshot."""

from __future__ import annotations

import re

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from exporter.expose import deflate, exposition, textfile
from exporter.expose.press import Press
from tests.expose.snapshots import SMALL


def families(text: str) -> dict[str, Metric]:
    """Read a text as Prometheus does, without the headings that no row follows."""
    return {one.name: one for one in text_string_to_metric_families(text) if one.samples}


def scraped() -> dict[str, Metric]:
    """Return our families that /metrics has."""
    parts, _ = exposition.scrape(Press().render(SMALL), "")
    found = families(deflate.join(parts).plain.decode())
    return {name: one for name, one in found.items() if name.startswith(("acm_", "tls_", "certificate_"))}


def test_the_rows_of_metrics_without_what_a_daemon_counts() -> None:
    """Help, type and rows are those of /metrics; what only makes sense of a daemon is left out."""
    swept, everything = families(textfile.write(SMALL, SMALL.cases)), scraped()
    assert swept == {name: everything[name] for name in swept}
    assert sorted(everything.keys() - swept.keys()) == [
        "acm_exporter_aws_requests",
        "acm_exporter_changes",
        "acm_exporter_config_last_reload_success_timestamp_seconds",
        "acm_exporter_config_last_reload_successful",
        "acm_exporter_looks",
        "acm_exporter_shard_ordinal",
        "acm_exporter_state_dropped_rows",
        "acm_exporter_total_shards",
        "acm_exporter_webhook_changes",
        "acm_exporter_webhook_requests",
    ]


def test_certificates_that_were_not_asked_for_have_no_rows() -> None:
    """`check NAME` writes that certificate; the endpoints are those that were looked at."""
    one, other = SMALL.cases
    text = textfile.write(SMALL, [one])
    assert one.certificate.arn in text
    assert other.certificate.arn not in text


def test_no_row_has_a_timestamp_and_no_family_is_bare() -> None:
    """The collector refuses a file with a timestamp in it, and a heading without rows tells nobody anything."""
    text = textfile.write(SMALL, SMALL.cases)
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    assert [line for line in rows if not re.fullmatch(r"[a-z0-9_]+(\{.*\})? [-+.\w]+", line)] == []
    headed = re.findall(r"^# TYPE (\S+) gauge$", text, re.MULTILINE)
    assert headed == list(families(text))
