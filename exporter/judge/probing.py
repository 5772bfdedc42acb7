"""What one look on demand comes to."""

from __future__ import annotations

from collections.abc import Sequence

from exporter.facts import Domain, Look, Seen, Unseen, Why
from exporter.judge.leaves import leaves
from exporter.judge.names import covers


def success(domain: Domain, looks: Sequence[Look]) -> bool | None:
    """Tell whether every address completed TLS with a trusted chain that covers the name.

    None where there is nobody: what nobody has asked for by name fails nobody by not resolving.
    """
    if domain.optional and not looks[0].endpoint.address:
        return None
    return all(_sound(leaf, domain.name) for look in _telling(looks) for leaf in leaves(look))


def shown(looks: Sequence[Look]) -> Look | None:
    """Choose the address that speaks for all in what there is one of: whose chain ends first."""
    seen = [look for look in looks if look.last is not None]
    return min(seen, key=lambda look: look.last.chain_not_after if look.last else look.at, default=None)


def _telling(looks: Sequence[Look]) -> list[Look]:
    """Leave out the addresses that this machine has no route to, where it has one to another."""
    routed = [
        look for look in looks if not (isinstance(look.sight, Unseen) and look.sight.why is Why.NO_ROUTE)
    ]
    return routed if any(isinstance(look.sight, Seen) for look in routed) else list(looks)


def _sound(look: Look, name: str) -> bool:
    match look.sight:
        case Seen(value=served):
            return covers(served.names, name) and served.trusted is True
        case Unseen():
            return False
