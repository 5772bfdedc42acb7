"""How to get to where a domain shows its certificate."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, written without its secret; one without a host means none."""

    host: str = ""
    port: int = 0
    authorization: str = field(default="", repr=False)  # the value of Proxy-Authorization

    def __str__(self) -> str:
        """Write it as people do."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"proxy {host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Way:
    """How to look at a domain, where that is not by TLS at once; what is not said is as for all domains."""

    starttls: str = ""  # the protocol to begin with
    proxy: Proxy | None = None
    ip_protocol: str = ""  # any, ip4, ip6, prefer_ip4 or prefer_ip6
    client_certificate: tuple[str, str] | None = None  # files of certificate and key
    key_types: tuple[str, ...] = ()  # rsa, ecdsa: to be looked at one by one
