"""Which AWS services are asked for what uses certificates.

Law of this module: that of `kinds`.
"""

from __future__ import annotations

from typing import Protocol

from pydantic import ValidationInfo

from exporter.config.kinds import kind

RESOURCES = ("elasticloadbalancing", "cloudfront", "apigateway")


class Looking(Protocol):
    """How endpoints are looked at, as far as it matters here."""

    @property
    def resources(self) -> bool:
        """Whether resources are looked at."""


@kind(f"a service that can be asked (expected {', '.join(RESOURCES)})")
def service(value: str) -> str | None:
    """Read the name of a service, as it stands in ARNs."""
    return value if value in RESOURCES else None


def asked(probe: Looking, info: ValidationInfo) -> Looking:
    """Refuse to look at resources that no service is asked for."""
    aws = info.data.get("aws")
    if probe.resources and aws is not None and not aws.resources:
        raise ValueError("resources: true finds none (expected services under aws.resources)")
    return probe
