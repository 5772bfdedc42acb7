"""`demo`: the daemon against an embedded world."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import click

from exporter import config
from exporter.cli import build, daemon
from exporter.demo.world import Expectation, expectations, world
from exporter.expose.follow import Following


def run(addresses: daemon.Addresses, crowd: int, web_file: Following | None = None) -> int:
    """Run world and daemon until told to stop; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="acm-exporter-demo-") as folder:
        return asyncio.run(_serve(Path(folder), addresses, crowd, web_file))


async def _serve(folder: Path, addresses: daemon.Addresses, crowd: int, web_file: Following | None) -> int:
    now = build.clock()
    async with world(folder, now, crowd=crowd) as around:
        os.environ.update(around.environment)
        settings = config.load(around.config_file, os.environ)
        environment = folder / "environment"
        environment.write_text(
            "".join(f"export {key}='{value}'\n" for key, value in around.environment.items())
        )
        expected = expectations(around.scenes, now)

        def greet(urls: list[str]) -> None:
            click.echo(_greeting(urls[0], around.config_file, environment, around.people.url, expected))

        return await daemon.serve(settings, addresses, greet, web_file=web_file)


def _greeting(url: str, file: Path, environment: Path, people: str, expected: tuple[Expectation, ...]) -> str:
    width = max(len(one.domain) for one in expected)
    lines = [
        f"  {one.verdict:<9}  {one.domain:<{width}}  {one.title}"
        + (f" [{', '.join(sorted(one.breaks))}]" if one.breaks else "")
        for one in expected
    ]
    return "\n".join(
        [
            "",
            "An embedded world runs on loopback: ACM, DNS and TLS endpoints. Expect, within seconds:",
            "",
            *lines,
            "",
            f"  status page    {url}/",
            f"  metrics        {url}/metrics",
            f"  as JSON        {url}/api/v1/certificates",
            f"  on a terminal  . {environment}; .venv/bin/acm-exporter check --config.file {file}",
            f"  to mend it     .venv/bin/acm-exporter fix plan --config.file {file}",
            f"                 curl {people}/mails   (the validation mails and their links)",
            f"                 … fix records --format bind … | curl --data-binary @- {people}/dns",
            f"  in Prometheus  prometheus --config.file=deploy/prometheus.yml   (it scrapes {url})",
            "                 and ask: acm_certificate_condition == 0",
            "",
            "Ctrl-C ends it.",
            "",
        ]
    )
