"""The DNS eye: what stands in DNS for the questions that a certificate's renewal depends on."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from dns.name import Name
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.CAA import CAA
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.MX import MX

from exporter.facts import Answer, Ask, Caa, CaaRecord, Cname, Mx, Question, Sight, Token, Why
from exporter.observe.dns import Resolver
from exporter.observe.sight import Blind, sight

_LINKS = 10  # twice what ACM follows
_ACM_ZONE = "acm-validations.aws"  # ACM's own: what lies behind its names is nobody's to repair


class DnsEye:
    """Answers questions out of lookups of up to `timeout` seconds, and within twice that on the whole."""

    def __init__(
        self, resolver: Resolver, fetch_token: Callable[[Question], Awaitable[Token]], timeout: float
    ) -> None:
        self._resolver = resolver
        self._fetch_token = fetch_token
        self._timeout = timeout

    async def look(self, question: Question) -> Sight[Answer]:
        """Look once; a failed lookup on the way is Unseen, never an answer."""
        deadline = math.inf if question.ask is Ask.TOKEN else 2 * self._timeout  # tokens bring their own
        return await sight(lambda: self._answer(question), deadline, Why.RESOLVER_TIMEOUT)

    async def zone(self, name: str) -> Sight[str]:
        """See which zone a name is in: the apex, "" for the root; names that are aliases are none."""

        async def look() -> str:
            labels = name.lower().rstrip(".").split(".")
            for start in range(len(labels)):
                level = ".".join(labels[start:])
                alias = await self._resolver.ask(level, RdataType.CNAME)
                if not alias.records and (await self._resolver.ask(level, RdataType.SOA)).records:
                    return level
            return ""

        return await sight(look, 2 * self._timeout, Why.RESOLVER_TIMEOUT)

    async def _answer(self, question: Question) -> Answer:
        match question.ask:
            case Ask.CNAME:
                chain = await self._chain(question.name)
                return Cname(chain, () if chain else await self._doubled(question.name))
            case Ask.CAA:
                return await self._caa(question.name.removeprefix("*."))
            case Ask.MX:
                return await self._mx(question.name)
            case Ask.TOKEN:
                return await self._fetch_token(question)

    async def _chain(self, name: str) -> tuple[str, ...]:
        """Follow CNAMEs by hand, since the last target need not exist; a loop ends where it closes."""
        chain: list[str] = []
        met = {name := name.lower().rstrip(".")}
        while len(chain) < _LINKS and not name.endswith(f".{_ACM_ZONE}"):
            reply = await self._resolver.ask(name, RdataType.CNAME)
            name = next((_host(one.target) for one in reply.records if isinstance(one, CNAME)), "")
            if not name:
                break
            chain.append(name)
            if name in met:
                break
            met.add(name)
        return tuple(chain)

    async def _doubled(self, name: str) -> tuple[str, ...]:
        """Look where the record lands when a zone editor appends its zone to a name that has it already.

        Which suffix is the zone is not known, so every one of two labels and more is tried. This is a hint
        beside an answer already given, so failures and lateness only mean that there is no hint.
        """
        labels = name.rstrip(".").split(".")
        suffixes = [".".join(labels[start:]) for start in range(1, len(labels) - 1)]
        looks = (self._chain_or_none(f"{name.rstrip('.')}.{suffix}") for suffix in suffixes)
        try:
            async with asyncio.timeout(self._timeout / 2):
                found = await asyncio.gather(*looks)
        except TimeoutError:
            return ()
        return next(filter(None, found), ())

    async def _chain_or_none(self, name: str) -> tuple[str, ...]:
        try:
            return await self._chain(name)
        except Blind:
            return ()

    async def _caa(self, name: str) -> Caa:
        """Climb to the first set that is not empty (RFC 8659, section 3).

        The resolver follows an alias to its target's set; the climb goes on from the name itself.
        """
        labels = name.lower().rstrip(".").split(".")
        for start in range(len(labels)):
            level = ".".join(labels[start:])
            reply = await self._resolver.ask(level, RdataType.CAA)
            if records := [_caa_record(one) for one in reply.records if isinstance(one, CAA)]:
                return Caa(level, tuple(sorted(records, key=lambda one: (one.tag, one.value, one.flags))))
        return Caa()

    async def _mx(self, name: str) -> Mx:
        """List the exchangers by preference; the null MX (RFC 7505) names none."""
        reply = await self._resolver.ask(name, RdataType.MX)
        found = sorted((one.preference, _host(one.exchange)) for one in reply.records if isinstance(one, MX))
        return Mx(tuple(host for _, host in found if host))


def _caa_record(record: CAA) -> CaaRecord:
    """Keep whatever a value says, also bytes that RFC 8659 does not allow."""
    value = record.value.decode("utf-8", "replace")
    return CaaRecord(record.flags, record.tag.decode("ascii").lower(), value)


def _host(name: Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")
