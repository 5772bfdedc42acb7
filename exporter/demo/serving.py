"""The scenes in which the question is what visitors get."""

from __future__ import annotations

from exporter.demo.stage import Filed, Scene, Shows, only
from exporter.demo.tls import Fault

SERVING: tuple[Scene, ...] = (
    Scene(
        "waf",
        "A WAF outside AWS stands in front and serves a certificate of its own",
        "waf.example.com",
        only("serial_match"),
        shows=(Shows.FOREIGN,),
    ),
    Scene(
        "not-deployed",
        "Renewed five days ago, and the server still has the previous issue",
        "www.example.net",
        only("serial_match"),
        age=5,
        created=158,
        renewal="SUCCESS",
        shows=(Shows.PREVIOUS,),
    ),
    Scene(
        "database",
        "Renewed five days ago, and the PostgreSQL server still has the previous issue",
        "db.example.net",
        only("serial_match"),
        age=5,
        created=158,
        renewal="SUCCESS",
        used=False,
        exported=True,
        shows=(Shows.PREVIOUS,),
        starttls="postgres",
    ),
    Scene(
        "file",
        "Renewed five days ago, and nobody has exported it again: the file still has the previous issue",
        "*.devices.example.net",
        only("serial_match"),
        age=5,
        created=158,
        renewal="SUCCESS",
        used=False,
        exported=True,
        shows=(),
        filed=Filed.PEM,
    ),
    Scene(
        "dual",
        "Its server has ACM's RSA certificate, and an ECDSA one from elsewhere that most browsers get",
        "dual.example.com",
        only("serial_match"),
        shows=(Shows.DUAL,),
        key_types=("rsa", "ecdsa"),
    ),
    Scene(
        "pinned",
        "Another certificate of the inventory is served than the configuration demands",
        "pinned.example.com",
        only("serial_match"),
        pinned=True,
        shows_of="pinned-other",
    ),
    Scene("pinned-other", "The one that is served instead", "pinned.example.com", age=10, shows=()),
    Scene(
        "untrusted",
        "The server vouches for itself",
        "untrusted.example.com",
        only("serial_match"),
        shows=(Shows.SELF_SIGNED,),
    ),
    Scene(
        "wrong-name",
        "The server has a certificate for another name",
        "wrongname.example.com",
        only("name_match", "serial_match"),
        shows=(Shows.OTHER_NAME,),
    ),
    Scene(
        "one-bad-address",
        "One of its two addresses refuses",
        "lb.example.com",
        only("reachable"),
        shows=(Shows.OWN, Fault.REFUSE),
    ),
    Scene("refused", "Nothing listens", "refused.example.com", only("reachable"), shows=(Fault.REFUSE,)),
    Scene(
        "silent",
        "Its server says nothing",
        "silent.example.com",
        only("reachable"),
        shows=(Fault.SILENT,),
    ),
    Scene(
        "reset",
        "Its server ends each handshake",
        "reset.example.com",
        only("reachable"),
        shows=(Fault.RESET,),
    ),
    Scene(
        "plain-http",
        "The port of HTTPS speaks HTTP",
        "plain.example.com",
        only("reachable"),
        shows=(Fault.PLAIN_HTTP,),
    ),
    Scene(
        "no-address", "Its name no longer has an address", "moved.example.com", only("reachable"), shows=()
    ),
)
