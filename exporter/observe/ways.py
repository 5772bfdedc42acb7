"""The ways to a certificate other than TLS at once: STARTTLS, a proxy, a client certificate, one key type."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from exporter.facts import Proxy, Way, Why
from exporter.observe.client import Client, Clients
from exporter.observe.contexts import Context, ask_for_staple, offer_certificate, take_only
from exporter.observe.conversation import Conversation, shown
from exporter.observe.handshake import Before, Course, Handshake, Handshaker, Step
from exporter.observe.sight import Blind
from exporter.observe.starttls import starttls
from exporter.observe.tunnel import tunnel
from exporter.observe.wire import Wire


@dataclass(frozen=True, slots=True)
class Target:
    """Where to shake hands, and as whose visitor."""

    address: str
    port: int
    server_name: bytes | None  # for SNI
    name: str  # for protocols that ask for the domain


class Ways:
    """Goes the way of each domain."""

    def __init__(
        self,
        resolve: Callable[[str], Awaitable[tuple[str, ...]]],
        default: Way | None = None,
        *,
        staples: bool = False,
    ) -> None:
        """Take what finds a proxy, the way of domains that say nothing, and whether to ask for staples."""
        self._resolve = resolve
        self._default = default
        self._staples = staples
        self._clients = Clients()
        self._handshakers: dict[tuple[tuple[str, str] | None, str], tuple[Client | None, Handshaker]] = {}

    def of(self, way: Way | None) -> Way | None:
        """Fill in what a way leaves open; None is TLS at once."""
        default = self._default
        if way is None or default is None:
            return way or default
        proxy = default.proxy if way.proxy is None else way.proxy
        return replace(way, proxy=proxy, ip_protocol=way.ip_protocol or default.ip_protocol)

    def client(self, way: Way) -> Client | None:
        """Return a way's client certificate as its files are now; Blind where they never could be used."""
        return self._clients.read(*way.client_certificate) if way.client_certificate else None

    async def shake(
        self, way: Way, client: Client | None, target: Target, course: Course
    ) -> list[tuple[str, Handshake]]:
        """Shake hands, once for each type of key; raises Blind, and leaves no socket behind."""
        if not way.key_types:
            return [("", await self._shake(way, client, "", target, course))]
        shaken = []
        for key_type in way.key_types:
            try:
                shaken.append((key_type, await self._shake(way, client, key_type, target, course)))
            except Blind as blind:
                raise Blind(blind.why, f"with {key_type.upper()} alone: {blind.detail}") from blind
        return shaken

    async def _shake(
        self, way: Way, client: Client | None, key_type: str, target: Target, course: Course
    ) -> Handshake:
        handshaker = self._handshaker(way, client, key_type)
        address, port = target.address, target.port
        proxy = way.proxy if way.proxy and way.proxy.host else None
        if proxy or way.starttls:
            course.step = Step.PROXY if proxy else Step.CONNECT
            course.before = Before(course.step, partial(_talk, proxy, way.starttls, target))
        try:
            if proxy:
                address, port = await self._address(proxy), proxy.port
            return await handshaker.shake(address, port, target.server_name, course)
        except Blind as blind:
            if course.step is not Step.PROXY:
                raise
            raise Blind(Why.PROXY_FAILURE, f"{proxy}: {blind.detail}") from blind

    async def _address(self, proxy: Proxy) -> str:
        for address in await self._resolve(proxy.host):
            return address
        raise Blind(Why.PROXY_FAILURE, "it has no address")

    def _handshaker(self, way: Way, client: Client | None, key_type: str) -> Handshaker:
        """Return what shakes hands so; a client certificate that was read anew takes the old one's place."""
        key = (way.client_certificate, key_type)
        known, handshaker = self._handshakers.get(key, (None, None))
        if handshaker is None or known is not client:
            handshaker = Handshaker(partial(self._equip, client, key_type))
            self._handshakers[key] = client, handshaker
        return handshaker

    def _equip(self, client: Client | None, key_type: str, context: Context) -> None:
        if client is not None:
            offer_certificate(context, client.chain, client.key)
        if key_type:
            take_only(context, key_type)
        if self._staples:
            ask_for_staple(context)


async def _talk(proxy: Proxy | None, protocol: str, target: Target, wire: Wire, course: Course) -> None:
    """Say what has to be said before TLS."""
    heard = b""
    course.tunnelling, course.talking = 0.0, None
    if proxy is not None:
        course.step = Step.CONNECT
        try:
            heard = await _converse(wire, tunnel(proxy, target.address, target.port))
        except OSError as error:
            raise Blind(Why.PROXY_FAILURE, f"{proxy}: {error.strerror}") from error
        course.tunnelling, wire.waited = wire.waited, 0.0
    if protocol:
        course.step = Step.STARTTLS
        heard = await _converse(wire, starttls(protocol, target.name, wire.own_address, heard))
        course.talking, wire.waited = wire.waited, 0.0
    if heard:
        raise Blind(Why.STARTTLS_PROTOCOL_ERROR, f"says more before TLS begins: {shown(heard)}")


async def _converse(wire: Wire, conversation: Conversation) -> bytes:
    """Have a conversation and return what was heard beyond its end."""

    def speak(turn: tuple[bytes, bool]) -> bool:
        said, done = turn
        if said:
            wire.send(said)
        return done

    await wire.converse(lambda: speak(conversation.begin()), lambda data: speak(conversation.hear(data)))
    return conversation.rest
