"""What uses a certificate, and what its own service tells of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """An AWS resource as its ARN names it."""

    arn: str
    service: str  # as in ARNs: elasticloadbalancing
    type: str  # of a closed set, safe as a label: application_load_balancer
    account: str  # "" where the ARN tells none
    region: str  # likewise
    name: str  # that people know it by


@dataclass(frozen=True, slots=True)
class Listener:
    """A port where a resource speaks TLS."""

    port: int
    certificates: tuple[str, ...] = ()  # ARNs; () for the only listener, which has whatever the resource uses


@dataclass(frozen=True, slots=True)
class Description:
    """What a service tells of one of its resources."""

    dns_name: str  # its own, given by AWS; "" where it has none
    names: tuple[str, ...] = ()  # the only ones that it answers to; () for any: it is chosen by address
    internal: bool = False  # not to be reached from the Internet
    listeners: tuple[Listener, ...] = ()
