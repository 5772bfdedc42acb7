"""What a lab builds: a town of names that are served, and the ACM that has their certificates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import Process

ADDRESS = "127.0.0.1"  # of every name that is served
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"  # AWS's own example, as is the secret
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Acm:
    """The stand-in's process, and how AWS clients are sent to it."""

    process: Process
    url: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the exporter's environment has to say, whatever the user's own settings are."""
        settings = self.folder / "aws-config"
        settings.write_text("[default]\n")
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_PROFILE": "default",
            "AWS_CONFIG_FILE": str(settings),
            "AWS_SHARED_CREDENTIALS_FILE": str(settings),
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": ADDRESS,
            "no_proxy": ADDRESS,
        }

    def stats(self) -> dict[str, dict[str, int]]:
        """Count calls by account and operation, and what was throttled."""
        told: dict[str, dict[str, int]] = json.loads(self.process.say("stats"))
        return told


@dataclass(frozen=True, slots=True)
class Town:
    """A running world; `endpoints` are addresses and ports by name."""

    folder: Path
    ca_file: Path
    resolves: bool  # whether names resolve for blackbox too; else both are given addresses
    endpoints: Mapping[str, tuple[str, int]]
    nameserver: str
    acm: Acm
    port: int  # of nginx

    def config(
        self,
        *,
        interval: float,
        timeout: float,
        concurrency: int = 256,
        per_second: float = 1000,
        names: Iterable[str] | None = None,
        acm: bool = True,
    ) -> str:
        """Write the exporter's configuration."""
        chosen = self.endpoints if names is None else names
        return _CONFIG.format(
            accounts="[{name: benchmark}]" if acm else "[]",
            per_second=per_second,
            interval=round(interval * 1000),
            timeout=round(timeout * 1000),
            concurrency=concurrency,
            ca_file=self.ca_file,
            nameserver=self.nameserver,
            domains="\n".join(self._domain(name) for name in chosen),
        )

    def _domain(self, name: str) -> str:
        address, port = self.endpoints[name]
        given = "" if self.resolves else f", addresses: [{address}]"
        return f"  - {{name: {name}, port: {port}{given}}}"

    def targets(self) -> Path:
        """Write what blackbox is asked for, name by name."""
        file = self.folder / "targets"
        spell = (lambda name, _: name) if self.resolves else (lambda _, address: address)
        lines = (f"{spell(name, address)}:{port}\n" for name, (address, port) in self.endpoints.items())
        file.write_text("".join(lines))
        return file

    def names(self) -> Path:
        """Write the names that nginx serves."""
        file = self.folder / "names"
        file.write_text("".join(f"{name}\n" for name in self.endpoints))
        return file


def name_of(number: int) -> str:
    """Give the names numbers."""
    return f"n{number:05}.bench.example"


_CONFIG = """\
aws:
  accounts: {accounts}
  requests_per_second: {per_second}
probe:
  interval: {interval}ms
  timeout: {timeout}ms
  concurrency: {concurrency}
  certificate_names: false
  ca_file: "{ca_file}"
dns:
  nameservers: ["{nameserver}"]
domains:
{domains}
"""
