"""Records in the account's own hosted zones of Route 53: found, compared, changed and in sync everywhere.

A change names the set that it replaces and fails if that set is no longer so (DELETE and CREATE in one batch,
which Route 53 applies as a whole or not at all): nothing is ever overwritten that was not shown.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.facts import Seen, Sight, Unseen, Why
from exporter.observe.acm_parse import host
from exporter.remedy.formats import record_set
from exporter.remedy.hand import Call, Hand
from exporter.remedy.records import TTL, Record
from exporter.remedy.waiting import End, State

COMMENT = "acm-exporter fix records"
Set = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Zone:
    """A public hosted zone."""

    id: str
    name: str

    @property
    def arn(self) -> str:
        """What an IAM policy calls it."""
        return f"arn:aws:route53:::hostedzone/{self.id}"


@dataclass(frozen=True, slots=True)
class Change:
    """One record set of a zone, from what stands there to what should."""

    zone: Zone
    record: Record
    old: tuple[str, ...]
    new: tuple[str, ...]
    ttl: int
    before: Set | None = None  # as Route 53 told it


@dataclass(frozen=True, slots=True)
class ZonePlan:
    """What would be changed, what stands already, and what cannot be done here and why."""

    changes: tuple[Change, ...] = ()
    done: tuple[Record, ...] = ()
    refusals: tuple[tuple[Record, str], ...] = ()

    @property
    def calls(self) -> tuple[Call, ...]:
        """One change batch for each zone."""
        zones = dict.fromkeys(one.zone for one in self.changes)
        return tuple(_call(zone, [one for one in self.changes if one.zone == zone]) for zone in zones)


async def prepare(hand: Hand, records: Sequence[Record]) -> Sight[ZonePlan]:
    """Compare the records with the account's zones; writes nothing. Unseen if Route 53 cannot be read."""
    known: dict[str, tuple[Zone, ...]] = {}
    changes: list[Change] = []
    done: list[Record] = []
    refusals: list[tuple[Record, str]] = []
    for record in records:
        zones = await _zones(hand, record, known)
        if isinstance(zones, Unseen):
            return zones
        match zones.value:
            case ():
                refusals.append((record, "no public hosted zone of this account is for it"))
                continue
            case (zone,):
                pass
            case several:
                ids = ", ".join(one.id for one in several)
                says = f"{len(several)} public hosted zones are called {several[0].name}: {ids}"
                refusals.append(
                    (record, f"{says}; delete those that nobody is delegated to, or do it by hand")
                )
                continue
        there = await _there(hand, zone, record)
        if isinstance(there, Unseen):
            return there
        match compare(zone, record, there.value):
            case Change() as change:
                changes.append(change)
            case None:
                done.append(record)
            case says:
                refusals.append((record, f"zone {zone.id} ({zone.name}): {says}"))
    return Seen(ZonePlan(tuple(changes), tuple(done), tuple(refusals)))


def compare(zone: Zone, record: Record, there: Sequence[Set]) -> Change | str | None:
    """Say what is to be changed, None for nothing, or why it cannot be done; pure."""
    same = [one for one in there if one["Type"] == record.type]
    others = sorted({one["Type"] for one in there} - {record.type})
    if record.type == "CNAME" and others:
        return f"{', '.join(others)} stands at that name, and a CNAME tolerates nothing beside it"
    if record.type == "CAA" and "CNAME" in others:
        return "that name is a CNAME, which tolerates nothing beside it: its target's CAA set decides"
    if any(
        "SetIdentifier" in one or "AliasTarget" in one or "TrafficPolicyInstanceId" in one for one in same
    ):
        return f"its {record.type} set has a routing policy or is an alias: change it by hand"
    if not same:
        if record.type == "CAA" and record.found:
            return "public DNS has a CAA set there and this zone has none: another zone answers"
        return Change(zone, record, (), record.values, TTL)
    before = same[0]
    old = tuple(one["Value"] for one in before.get("ResourceRecords", ()))
    added = tuple(one for one in record.added if one not in old)
    new = record.values if record.type == "CNAME" else (*old, *added)
    if _normal(old) == _normal(new):
        return None
    return Change(zone, record, old, new, int(before.get("TTL", TTL)), before)


def watching(hand: Hand, ids: Iterable[str]) -> Callable[[], Awaitable[State]]:
    """Make the look that says how many changes all of Route 53's servers have, for `waiting.until`."""
    open_ = dict.fromkeys(ids)

    async def state() -> State:
        for one in tuple(open_):
            match await hand.read("GetChange", f"arn:aws:route53:::change/{one}", Id=one):
                case Unseen(why=Why.DENIED, detail=detail):
                    return State(f"how far it is cannot be read: {detail}", End.BLIND)
                case Seen(value=answer) if answer.get("ChangeInfo", {}).get("Status") == "INSYNC":
                    open_.pop(one)
                case _:
                    pass
        if open_:
            return State(f"{len(open_)} of the changes are not on all name servers yet")
        return State("every name server of Route 53 has the records", End.DONE)

    return state


def change_id(answer: Mapping[str, Any]) -> str:
    """Read the id of a change that Route 53 accepted."""
    return str(answer.get("ChangeInfo", {}).get("Id", "")).rpartition("/")[2]


def _call(zone: Zone, changes: Iterable[Change]) -> Call:
    steps: list[dict[str, Any]] = []
    shown: list[str] = []
    for one in changes:
        name, kind = one.record.name, one.record.type
        if one.before is not None:
            steps.append({"Action": "DELETE", "ResourceRecordSet": dict(one.before)})
        steps.append({"Action": "CREATE", "ResourceRecordSet": record_set(name, kind, one.ttl, one.new)})
        shown.append(f"{name}. {kind}: {_listed(one.old)} -> {_listed(one.new)}")
    parameters = {"HostedZoneId": zone.id, "ChangeBatch": {"Comment": COMMENT, "Changes": steps}}
    return Call("ChangeResourceRecordSets", zone.arn, parameters, "; ".join(shown))


async def _zones(hand: Hand, record: Record, known: dict[str, tuple[Zone, ...]]) -> Sight[tuple[Zone, ...]]:
    """Find the public zones of the longest suffix of a name that is one."""
    labels = record.name.split(".")
    for start in range(len(labels) - 1):  # nobody hosts a top-level domain here
        suffix = ".".join(labels[start:])
        if suffix not in known:
            seen = await _called(hand, suffix)
            if isinstance(seen, Unseen):
                return seen
            known[suffix] = seen.value
        if known[suffix]:
            return Seen(known[suffix])
    return Seen(())


async def _called(hand: Hand, name: str) -> Sight[tuple[Zone, ...]]:
    """List the public zones of one name; the answers are in order, so they stand together."""
    found: list[Zone] = []
    more: dict[str, str] = {"DNSName": f"{name}."}
    while True:
        seen = await hand.read("ListHostedZonesByName", **more)
        if isinstance(seen, Unseen):
            return seen
        page = seen.value
        named = [one for one in page.get("HostedZones", ()) if _host(one["Name"]) == name]
        public = [one for one in named if not one.get("Config", {}).get("PrivateZone", False)]
        found += [Zone(one["Id"].rpartition("/")[2], name) for one in public]
        if not page.get("IsTruncated") or _host(page.get("NextDNSName", "")) != name:
            return Seen(tuple(found))
        more = {"DNSName": page["NextDNSName"], "HostedZoneId": page["NextHostedZoneId"]}


async def _there(hand: Hand, zone: Zone, record: Record) -> Sight[list[Set]]:
    """List what stands at a name of a zone, of every type."""
    asked = {"HostedZoneId": zone.id, "StartRecordName": f"{record.name}."}
    match await hand.read("ListResourceRecordSets", zone.arn, **asked):
        case Unseen() as unseen:
            return unseen
        case Seen(value=page):
            sets = page.get("ResourceRecordSets", ())
            return Seen([one for one in sets if _host(one["Name"]) == record.name])


def _host(name: str) -> str:
    """Read a name as Route 53 writes it: with a final dot, and octal for what is unusual."""
    plain = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), name)
    return host(plain)


def _normal(values: Iterable[str]) -> set[str]:
    return {one.rstrip(".").lower() for one in values}


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values) or "nothing"
