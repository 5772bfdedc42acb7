"""The certificates of real servers that begin in plaintext, as a running exporter tells of them."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.demo import pki
from tests.servers import free_port, need, running

WITHIN = 20.0  # seconds for a server to answer
NOBODY = "nobody" if os.geteuid() == 0 else getpass.getuser()
GROUP = "nogroup" if os.geteuid() == 0 else ""
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@dataclass(frozen=True)
class Place:
    """Where a server has its files, and which port it is to listen on."""

    folder: Path
    port: int
    cert: Path
    key: Path

    def write(self, name: str, text: str) -> Path:
        """Write a file of configuration."""
        file = self.folder / name
        file.write_text(text)
        if GROUP:
            shutil.chown(file, NOBODY)
        return file


def as_nobody(command: list[str]) -> list[str]:
    """Take root's rights from a command."""
    return (
        [need("setpriv"), "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
        if GROUP
        else command
    )


def prepare(command: list[str]) -> None:
    """Run what comes before a server."""
    subprocess.run(as_nobody(command), check=True, capture_output=True, timeout=WITHIN)


def postgres(at: Place) -> list[str]:
    """PostgreSQL, in a database of its own."""
    folder = POSTGRES[-1] if POSTGRES else Path(need("postgres"))
    data = str(at.folder / "data")
    prepare([str(folder / "initdb"), "-D", data, "-A", "trust", "--no-sync"])
    options = {"ssl": "on", "ssl_cert_file": at.cert, "ssl_key_file": at.key, "listen_addresses": "127.0.0.1",
               "port": at.port, "unix_socket_directories": at.folder, "fsync": "off"}  # fmt: skip
    settings = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
    return as_nobody([str(folder / "postgres"), "-D", data, *settings])


def mysql(at: Place) -> list[str]:
    """MariaDB, in a database of its own."""
    data = f"--datadir={at.folder}/data"
    prepare([need("mariadb-install-db"), "--no-defaults", data, "--auth-root-authentication-method=normal"])
    return as_nobody(
        [need("mariadbd"), "--no-defaults", data, f"--port={at.port}", "--bind-address=127.0.0.1",
         f"--socket={at.folder}/socket", f"--ssl-cert={at.cert}", f"--ssl-key={at.key}"]
    )  # fmt: skip


def dovecot(at: Place, protocol: str) -> list[str]:
    """Dovecot without root's rights, for one protocol."""
    login = f"""
        service {protocol}-login {{
          chroot =
          inet_listener {protocol} {{
            port = {at.port}
          }}
          inet_listener {protocol}s {{
            port = 0
          }}
        }}"""
    file = at.write(
        "dovecot.conf",
        f"""
        protocols = {protocol}
        base_dir = {at.folder}/run
        state_dir = {at.folder}/state
        log_path = {at.folder}/dovecot.log
        listen = 127.0.0.1
        ssl = yes
        ssl_cert = <{at.cert}
        ssl_key = <{at.key}
        default_internal_user = {NOBODY}
        default_internal_group = {GROUP or os.getgid()}
        default_login_user = {NOBODY}
        service anvil {{
          chroot =
        }}
        {login}
        passdb {{
          driver = static
          args = password=x
        }}
        """,
    )
    return as_nobody([need("dovecot"), "-F", "-c", str(file)])


def ldap(at: Place) -> list[str]:
    """OpenLDAP with an empty directory."""
    (at.folder / "db").mkdir()
    shutil.chown(at.folder / "db", NOBODY)
    file = at.write(
        "slapd.conf",
        f"include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n"
        f"TLSCertificateFile {at.cert}\nTLSCertificateKeyFile {at.key}\n"
        f'database mdb\nsuffix "dc=test"\ndirectory {at.folder}/db\n',
    )
    return as_nobody([need("slapd"), "-d", "0", "-f", str(file), "-h", f"ldap://127.0.0.1:{at.port}"])


def xmpp(at: Place) -> list[str]:
    """Prosody for clients of xmpp.test."""
    file = at.write(
        "prosody.cfg.lua",
        f"""
        data_path = "{at.folder}"
        pidfile = "{at.folder}/pid"
        interfaces = {{ "127.0.0.1" }}
        c2s_ports = {{ {at.port} }}
        s2s_ports, http_ports, https_ports = {{}}, {{}}, {{}}
        modules_enabled = {{ "tls", "saslauth" }}
        modules_disabled = {{ "s2s" }}
        log = {{ info = "*console" }}
        VirtualHost "xmpp.test"
          ssl = {{ certificate = "{at.cert}"; key = "{at.key}" }}
        """,
    )
    return as_nobody([need("prosody"), "-F", "--config", str(file)])


def ftp(at: Place) -> list[str]:
    """Vsftpd for nobody."""
    (at.folder / "empty").mkdir()
    file = at.write(
        "vsftpd.conf",
        f"listen=YES\nlisten_address=127.0.0.1\nlisten_port={at.port}\nbackground=NO\nanonymous_enable=YES\n"
        f"anon_root={at.folder}/empty\nsecure_chroot_dir={at.folder}/empty\nrun_as_launching_user=YES\n"
        f"seccomp_sandbox=NO\nssl_enable=YES\nrsa_cert_file={at.cert}\nrsa_private_key_file={at.key}\n",
    )
    return as_nobody([need("vsftpd"), str(file)])


def smtp(at: Place) -> list[str]:
    """Postfix, reduced to what receives."""
    program = need("postfix")
    if not GROUP:
        pytest.skip("postfix wants root's rights")
    at.write(
        "main.cf",
        f"compatibility_level = 3.6\nqueue_directory = {at.folder}/queue\ndata_directory = {at.folder}/data\n"
        "inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmyhostname = smtp.test\nalias_maps =\nlocal_recipient_maps =\n"
        f"maillog_file = {at.folder}/maillog\nmaillog_file_prefixes = {at.folder}\n"
        f"smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {at.cert}\nsmtpd_tls_key_file = {at.key}\n"
        "smtpd_relay_restrictions = reject\nsmtpd_peername_lookup = no\nsmtpd_tls_session_cache_database =\n",
    )
    at.write(
        "master.cf",
        f"127.0.0.1:{at.port} inet n - n - - smtpd\ntlsmgr unix - - n 1000? 1 tlsmgr\n"
        "anvil unix - - n - 1 anvil\nrewrite unix - - n - - trivial-rewrite\n"
        "postlog unix-dgram n - n - 1 postlogd\n",
    )
    for name in ("queue", "data"):
        (at.folder / name).mkdir()
    shutil.chown(at.folder / "data", "postfix")
    os.chown(at.folder, 0, 0)
    subprocess.run([program, "-c", str(at.folder), "check"], check=True, capture_output=True, timeout=WITHIN)
    return ["/usr/lib/postfix/sbin/master", "-c", str(at.folder)]


def proxy(at: Place) -> list[str]:
    """Tinyproxy, which wants a password."""
    file = at.write(
        "tinyproxy.conf", f"Port {at.port}\nListen 127.0.0.1\nAllow 127.0.0.1\nBasicAuth exporter s3cret\n"
    )
    return as_nobody([need("tinyproxy"), "-d", "-c", str(file)])


SERVERS: dict[str, Callable[[Place], list[str]]] = {
    "smtp": smtp,
    "imap": lambda at: dovecot(at, "imap"),
    "pop3": lambda at: dovecot(at, "pop3"),
    "ftp": ftp,
    "postgres": postgres,
    "mysql": mysql,
    "ldap": ldap,
    "xmpp": xmpp,
    "proxy": proxy,
}


@dataclass(frozen=True)
class Told:
    """What the exporter told, the serial that all serve, and the servers that are not there."""

    samples: dict[tuple[str, str, str], float]  # name, domain, phase or serial -> value
    metrics: str
    serial: str
    missing: dict[str, BaseException]


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    """Run all servers that are there, and an exporter that looks at them once."""
    now = datetime.now(UTC)
    root = pki.root("Root", now - timedelta(days=2))
    names = [f"{name}.test" for name in (*SERVERS, "proxied")]
    leaf = root.issue(names, now - timedelta(days=1), timedelta(days=50), key=pki.new_key("rsa"))
    ports: dict[str, int] = {}
    missing: dict[str, BaseException] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        here = Path(folder)
        here.chmod(0o755)
        (here / "root.pem").write_bytes(root.chain_pem)
        for name, server in SERVERS.items():
            try:
                ports[name] = stack.enter_context(started(here / name, leaf, server))
            except (pytest.skip.Exception, pytest.fail.Exception) as reason:
                missing[name] = reason
        for name, port in ports.items():
            await_port(port, here / f"{name}.log", time.monotonic() + WITHIN)
        listen = f"127.0.0.1:{free_port()}"
        (here / "config.yaml").write_text(configuration(ports))
        command = [sys.executable, "-m", "exporter", "run", "--config.file", str(here / "config.yaml")]
        ready = f"http://{listen}/-/ready"
        stack.enter_context(running([*command, "--web.listen-address", listen], ready, here / "log"))
        time.sleep(1.5)  # until the next snapshot
        with urllib.request.urlopen(f"http://{listen}/metrics") as answer:
            metrics = answer.read().decode()
        yield Told(read(metrics), metrics, f"{leaf.serial:x}", missing)


@contextmanager
def started(folder: Path, leaf: pki.Issued, server: Callable[[Place], list[str]]) -> Iterator[int]:
    """Start a server in a folder of its own, and end it by its process id."""
    folder.mkdir()
    at = Place(folder, free_port(), folder / "cert.pem", folder / "key.pem")
    at.cert.write_bytes(leaf.chain_pem)
    at.key.write_bytes(leaf.key_pem)
    at.key.chmod(0o600)
    if GROUP:
        for one in (folder, at.cert, at.key):
            shutil.chown(one, NOBODY, GROUP)
    command = server(at)
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
    try:
        yield at.port
    finally:
        process.terminate()
        process.wait(15)


def await_port(port: int, log: Path, end: float) -> None:
    """Wait until somebody listens at a port."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, f"nobody listens on port {port}: {log.read_text()}"
            time.sleep(0.05)
        else:
            return


def configuration(ports: dict[str, int]) -> str:
    """Write what an operator would."""
    lines = ["aws: {accounts: []}", "probe: {ca_file: root.pem, timeout: 8s, ip_protocol: ip4}", "domains:"]
    for name, port in ports.items():
        if name != "proxy":
            lines.append(f"  - {{name: {name}.test, starttls: {name}, port: {port}, addresses: [127.0.0.1]}}")
    if {"proxy", "imap"} <= ports.keys():
        url = f"http://exporter:s3cret@127.0.0.1:{ports['proxy']}"
        lines.append(
            f'  - {{name: proxied.test, starttls: imap, port: {ports["imap"]}, addresses: [127.0.0.1], proxy: "{url}"}}'
        )
    return "\n".join(lines) + "\n"


def read(metrics: str) -> dict[tuple[str, str, str], float]:
    """Read the samples of endpoints."""
    return {
        (one.name, one.labels["domain"], one.labels.get("phase", one.labels.get("serial", ""))): one.value
        for family in text_string_to_metric_families(metrics)
        for one in family.samples
        if one.name.startswith("tls_endpoint_")
    }


@pytest.mark.parametrize("name", [*(name for name in SERVERS if name != "proxy"), "proxied"])
def test_real_server(told: Told, name: str) -> None:
    """The certificate behind each protocol is seen, trusted and for its name; the conversation has its time."""
    for server in ("proxy", "imap") if name == "proxied" else (name,):
        if server in told.missing:
            raise told.missing[server]
    domain = f"{name}.test"
    known = {key: value for key, value in told.samples.items() if key[1] == domain}
    assert known.get(("tls_endpoint_info", domain, told.serial)) == 1, told.metrics
    assert known["tls_endpoint_chain_trusted", domain, ""] == 1
    assert known["tls_endpoint_name_match", domain, ""] == 1
    assert 0 <= known["tls_endpoint_probe_duration_seconds", domain, "starttls"] < 8
    assert "s3cret" not in told.metrics
