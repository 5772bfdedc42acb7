"""A world on loopback to measure in: names that resolve, an nginx that serves them, an ACM that has them.

The servers stand on one core and the clients on the other, where there are two.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.process import Neighbours, Process, answers, free_port, program, running
from benchmarks.subjects import Blackbox, Exporter
from benchmarks.town import ACCESS_KEY, ADDRESS, Acm, Town, name_of
from exporter.demo.pki import Issued, new_key, pem, root
from exporter.demo.stage import PRODUCTION, Scene, describe, midnight, records

# A name server that resolv.conf names needs port 53, and each run an address of its own.
STUB = f"127.54.{os.getpid() // 256 % 256}.{os.getpid() % 256}"
CROWDED = 0.1  # of a core
TTL = 1  # seconds; the exporter keeps an answer for five at least
EXPORTER = (sys.executable, "-m", "exporter")

Say = Callable[[str], None]


@dataclass(eq=False)
class Lab:
    """A folder, an authority, two cores; `say` shows progress."""

    folder: Path
    say: Say
    out: Path  # for plots
    complaints: list[str] = field(default_factory=list)  # what the exporters logged as warning or worse
    disturbances: list[str] = field(default_factory=list)  # who else used the core that is measured

    def __post_init__(self) -> None:
        """Found the authority."""
        self.now = datetime.now(UTC)
        founded = self.now - timedelta(days=365)
        self.root = root("Benchmark Root CA", founded)
        self._authority = self.root.intermediate("Benchmark Issuing CA", founded)
        self._key = new_key()
        self._leaves: list[Issued] = []
        self.ca_file = self.folder / "root.pem"
        self.ca_file.write_bytes(pem(self.root.certificate))
        (self.folder / "key.pem").write_bytes(Issued(self.root.certificate, self._key).key_pem)
        cores = sorted(os.sched_getaffinity(0))
        self.client_core: int | None = cores[0] if len(cores) > 1 else None
        self.server_core: int | None = cores[-1] if len(cores) > 1 else None
        self.resolves = _may_serve_dns()

    def leaves(self, count: int) -> Sequence[Issued]:
        """Return P-256 leaves for the first names, each issued once in this lab's life."""
        while len(self._leaves) < count:
            name = name_of(len(self._leaves))
            names = [name] if self._leaves else [name, ADDRESS]  # the default, for whoever sends no name
            leaf = self._authority.issue(names, midnight(self.now, 30), key=self._key)
            (self.folder / f"{name}.pem").write_bytes(leaf.chain_pem)
            self._leaves.append(leaf)
        return self._leaves[:count]

    @contextmanager
    def town(
        self, count: int, *, elsewhere: Mapping[str, tuple[str, int]] | None = None, quotas: bool = False
    ) -> Iterator[Town]:
        """Run nginx, unbound and ACM with so many names; `elsewhere` adds names that nginx does not serve."""
        self.say(f"starting nginx, unbound and ACM with {count:,} names")
        leaves = self.leaves(count)
        scenes = [
            Scene(f"n{n:05}", "One of many", name_of(n), algorithm="EC_prime256v1") for n in range(count)
        ]
        zone: dict[str, Mapping[str, Sequence[str]]] = {
            name: {"A": [ADDRESS]} for name in map(name_of, range(count))
        }
        zone |= {name: {"A": [address]} for name, (address, _) in (elsewhere or {}).items()}
        for scene in scenes:
            zone |= records(scene, ())
        certificates = {
            scene.arn: describe(scene, leaf, self.now, "") for scene, leaf in zip(scenes, leaves, strict=True)
        }
        with ExitStack() as stack:
            port = stack.enter_context(self._nginx(count))
            nameserver = stack.enter_context(self.dns(zone))
            acm = stack.enter_context(self.acm(certificates, quotas=quotas))
            endpoints = dict.fromkeys(map(name_of, range(count)), (ADDRESS, port))
            all_ = endpoints | dict(elsewhere or {})
            yield Town(self.folder, self.ca_file, self.resolves, all_, nameserver, acm, port)

    @contextmanager
    def _nginx(self, count: int) -> Iterator[int]:
        port, file = free_port(), self.folder / "nginx.conf"
        blocks = "\n".join(_block(n, port) for n in range(count))
        file.write_text(_NGINX.format(folder=self.folder, blocks=blocks))
        command = [program("nginx"), "-c", str(file), "-p", str(self.folder)]
        with running("nginx", command, self.folder, core=self.server_core) as process:
            process.until(lambda: answers(ADDRESS, port), 120, "a port that answers")
            yield port

    @contextmanager
    def dns(self, zone: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[str]:
        """Run unbound with this zone and no other; gives its address."""
        port, file = free_port(), self.folder / "unbound.conf"
        data = "\n".join(
            f"local-data: '{name}. {TTL} IN {kind} {value}'"
            for name, there in zone.items()
            for kind, values in there.items()
            for value in values
        )
        stub = f"interface: {STUB}@53" if self.resolves else ""
        file.write_text(_UNBOUND.format(folder=self.folder, port=port, stub=stub, data=data))
        command = [program("unbound"), "-d", "-c", str(file)]
        with running("unbound", command, self.folder, core=self.server_core) as process:
            process.until(lambda: answers(ADDRESS, port), 60, "a port that answers")
            yield f"{ADDRESS}:{port}"

    @contextmanager
    def acm(
        self,
        certificates: Mapping[str, object],
        accounts: Mapping[str, str] | None = None,
        *,
        quotas: bool = False,
    ) -> Iterator[Acm]:
        """Run ACM with these certificates."""
        file = self.folder / "certificates.json"
        told = {"certificates": certificates, "accounts": {ACCESS_KEY: PRODUCTION, **(accounts or {})}}
        file.write_text(json.dumps(told, default=datetime.timestamp))
        command = [sys.executable, "-m", "benchmarks.peers.acm", str(file), *(["--quotas"] if quotas else [])]
        with running("acm", command, self.folder, core=self.server_core, talks=True) as process:
            yield Acm(process, process.hear(), self.folder)

    @contextmanager
    def exporter(self, config: str, acm: Acm, *, pinned: bool = True) -> Iterator[Exporter]:
        """Run the exporter with a configuration; its warnings become complaints of this lab."""
        file, port = self.folder / "acm-exporter.yaml", free_port()
        file.write_text(config)
        command = [*EXPORTER, "run", "--config.file", str(file), "--web.listen-address", f"{ADDRESS}:{port}"]
        cores = str(self.client_core) if pinned else f"{self.client_core},{self.server_core}"
        core = None if self.client_core is None else cores
        with running("exporter", command, self.folder, core=core, environment=acm.environment) as process:
            exporter = Exporter(process, port)
            try:
                with self._alone(process, pinned=pinned):
                    yield exporter
            finally:
                exporter.client.close()
                self.complaints += exporter.complaints()

    @contextmanager
    def _alone(self, process: Process, *, pinned: bool) -> Iterator[None]:
        """Note if others had much of the core that is meant for what is measured."""
        if self.client_core is None or not pinned:
            yield
            return
        others = Neighbours.of(self.client_core, process)
        yield
        if (share := others.share()) > CROWDED:
            self.disturbances.append(f"others took {share:.0%} of the core while {process.name} was measured")

    @contextmanager
    def blackbox(self) -> Iterator[Blackbox]:
        """Run blackbox_exporter on the clients' core, with our name server as the system's."""
        port, file = free_port(), self.folder / "blackbox.yml"
        file.write_text(_BLACKBOX.format(ca_file=self.ca_file))
        command = [
            program("prometheus-blackbox-exporter"),
            f"--config.file={file}",
            f"--web.listen-address={ADDRESS}:{port}",
        ]
        if self.resolves:
            resolv_conf = self.folder / "resolv.conf"
            resolv_conf.write_text(f"nameserver {STUB}\n")
            mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
            command = [program("unshare"), "--mount", "sh", "-c", mount, str(resolv_conf), *command]
        with running("blackbox", command, self.folder, core=self.client_core) as process:
            process.until(lambda: answers(ADDRESS, port), 20, "a port that answers")
            with self._alone(process, pinned=True):
                yield Blackbox(process, port, self.server_core)


def _may_serve_dns() -> bool:
    """Whether a process may see another resolv.conf, and port 53 is free for its name server."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((STUB, 53))
        command = [program("unshare"), "--mount", "mount", "--bind", "/etc/hostname", "/etc/resolv.conf"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _block(number: int, port: int) -> str:
    name, default = name_of(number), "" if number else " default_server backlog=4096"
    return (
        f"server {{ listen {ADDRESS}:{port} ssl{default}; server_name {name};"
        f" ssl_certificate {name}.pem; ssl_certificate_key key.pem; }}"
    )


_NGINX = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
worker_processes 1;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
access_log off;
client_body_temp_path {folder}/nginx-body;
proxy_temp_path {folder}/nginx-proxy;
fastcgi_temp_path {folder}/nginx-fastcgi;
uwsgi_temp_path {folder}/nginx-uwsgi;
scgi_temp_path {folder}/nginx-scgi;
server_names_hash_max_size 262144;
server_names_hash_bucket_size 128;
ssl_protocols TLSv1.2 TLSv1.3;
{blocks}
}}
"""

_UNBOUND = """\
server:
verbosity: 0
use-syslog: no
do-daemonize: no
pidfile: ""
chroot: ""
username: ""
directory: "{folder}"
interface: 127.0.0.1@{port}
{stub}
so-rcvbuf: 4m
module-config: "iterator"
local-zone: "." static
local-data: ". 1 IN SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 1"
{data}
remote-control:
control-enable: no
"""

_BLACKBOX = """\
modules:
  tls:
    prober: tcp
    timeout: 10s
    tcp:
      preferred_ip_protocol: ip4
      tls: true
      tls_config: {{ca_file: {ca_file}}}
"""
