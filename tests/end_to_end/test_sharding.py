"""Three real shards of the demo world expose together, line by line, what one exporter exposes alone."""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.end_to_end.test_service_discovery import of_the_demo
from tests.servers import free_port, running

TOTAL = 3
VOLATILE = r"^(\w+(?:_duration_seconds|_(?:last_success|first_seen)_timestamp_seconds|_days(?:_to_expiry)?)\{.*\}) \S+$"
EMPTY = (
    r',\w+=""'  # a label without a value is no label to Prometheus; whether it is written depends on others
)


@dataclass(frozen=True)
class Fleet:
    """Where the exporters answer: each shard, and one that watches everything."""

    shards: tuple[str, ...]
    alone: str


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Run the demo's world, three shards of which one finds its number in the host name, and one exporter."""
    folder = tmp_path_factory.mktemp("shards")
    demo = f"127.0.0.1:{free_port()}"
    with ExitStack() as stack:
        command = [sys.executable, "-m", "exporter", "demo", "--web.listen-address", demo]
        stack.enter_context(running(command, f"http://{demo}/-/ready", folder / "demo", within=60))
        file, environment = of_the_demo((folder / "demo").read_text())
        urls = []
        for number, options in enumerate((*_options(), "")):
            address = f"127.0.0.1:{free_port()}"
            run = f"-m exporter run --config.file {file} --web.listen-address {address} {options}"
            script = f". {environment}; export HOSTNAME=acm-exporter-{number}; exec {sys.executable} {run}"
            log = folder / f"exporter-{number}"
            stack.enter_context(running(["sh", "-c", script], f"http://{address}/-/ready", log, within=90))
            urls.append(f"http://{address}")
        yield Fleet(tuple(urls[:-1]), urls[-1])


def _options() -> list[str]:
    first = [f"--shard.index {index} --shard.total {TOTAL}" for index in range(TOTAL - 1)]
    return [*first, f"--shard.total {TOTAL}"]


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def _lines(url: str, names: str = "acm_certificate_|tls_endpoint_") -> list[str]:
    """Read the lines of some families, without what differs from one moment to the next."""
    text = _read(f"{url}/metrics")
    found = re.findall(rf"^(?:{names})\w*[{{ ].*$", text, re.MULTILINE)
    return [re.sub(EMPTY, "", re.sub(VOLATILE, r"\1", line)) for line in found]


def test_shards_together_expose_what_one_exporter_does(fleet: Fleet) -> None:
    """No row is missing, none is there twice, and each shard has some of both kinds."""
    end = time.monotonic() + 60
    while True:  # a look may still be under way in one of them
        shares, whole = [_lines(url) for url in fleet.shards], _lines(fleet.alone)
        together = Counter(line for share in shares for line in share)
        if together == Counter(whole) or time.monotonic() > end:
            break
        time.sleep(0.5)
    assert sorted(together.elements()) == sorted(whole)
    assert set(together.values()) == {1}
    for share in shares:
        for name in ("acm_certificate_info", "tls_endpoint_reachable"):
            rows = sum(line.startswith(name) for line in share)
            assert 0 < rows < sum(line.startswith(name) for line in whole)


def test_each_says_which_it_is(fleet: Fleet) -> None:
    """What the alerts on shards compare; an exporter without shards is the only one."""
    names = "acm_exporter_(?:shard|total)"
    assert [_lines(url, names) for url in (*fleet.shards, fleet.alone)] == [
        *(
            [
                f'acm_exporter_shard_ordinal{{shard_ordinal="{n}"}} {n}.0',
                f"acm_exporter_total_shards {TOTAL}.0",
            ]
            for n in range(TOTAL)
        ),
        ['acm_exporter_shard_ordinal{shard_ordinal="0"} 0.0', "acm_exporter_total_shards 1.0"],
    ]


def test_each_lists_all_targets_and_shows_its_own_certificates(fleet: Fleet) -> None:
    """The names are the same everywhere; what stands behind a certificate is known to its own shard alone."""
    (shared,) = {_read(f"{url}/sd") for url in fleet.shards}
    alone = [one for one in json.loads(_read(f"{fleet.alone}/sd")) if one not in json.loads(shared)]
    assert [one["labels"]["__meta_acm_domain"] for one in alone] == [
        "www.apps.example.com"
    ]  # behind a balancer
    assert len(json.loads(_read(f"{fleet.alone}/sd"))) == len(json.loads(shared)) + 1

    def arns(url: str) -> list[str]:
        return [one["arn"] for one in json.loads(_read(f"{url}/api/v1/certificates"))["certificates"]]

    assert sorted(arn for url in fleet.shards for arn in arns(url)) == sorted(arns(fleet.alone))
