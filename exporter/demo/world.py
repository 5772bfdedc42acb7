"""The world of the demo, put together and set running: ACM, DNS, endpoints, and a configuration for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from exporter.demo import behind
from exporter.demo.acm import AcmStandIn, serial_text
from exporter.demo.acm_validation import renew
from exporter.demo.dns import SOA, DnsServer
from exporter.demo.files import lay
from exporter.demo.http import TokenServer
from exporter.demo.papers import ACCESS_KEY, CONFIGURATION, environment
from exporter.demo.people import People
from exporter.demo.pki import CLIENT, Authority, Issued, Key, new_key, pem, root, self_signed
from exporter.demo.scenes import SCENES
from exporter.demo.stage import (
    PRODUCTION,
    Kind,
    Records,
    Scene,
    Shows,
    describe,
    issue_of,
    midnight,
    pages,
    records,
    serial_of,
)
from exporter.demo.tls import Behaviour, Endpoints, Fault, Serve

EMAIL_ENDS = date(2027, 9, 30)  # ACM's last e-mail renewals


class Authorities:
    """The certificate authorities of this world and the keys of its certificates."""

    def __init__(self, now: datetime) -> None:
        """Found them ten years ago."""
        founded = now - timedelta(days=3640)
        public, private = root("Demo Root CA", founded), root("Demo Private Root CA", founded)
        self.roots_pem = pem(public.certificate) + pem(private.certificate)
        self.amazon = public.intermediate("Amazon RSA 2048 M02", founded, organization="Amazon")
        self.other = public.intermediate("Edge Shield TLS CA 1", founded, organization="Edge Shield")
        self.private = private.intermediate("Corporate Issuing CA", founded, organization="Example Corp")
        self.private_root = private.certificate
        self.client = self.private.issue(
            ["acm-exporter"], now - timedelta(days=300), timedelta(days=365), usages=CLIENT
        )
        self._now = now
        self._keys: Mapping[str, Key] = {"EC_prime256v1": new_key("ec"), "RSA_2048": new_key("rsa2048")}

    def issue(self, scene: Scene, issue: str = "own", authority: Authority | None = None) -> Issued:
        """Issue what ACM has in a scene, or a variant of it with a serial number of its own."""
        usual = {Kind.PRIVATE: self.private, Kind.IMPORTED: self.other}.get(scene.kind, self.amazon)
        return (authority or usual).issue(
            scene.all_names,
            midnight(self._now, scene.age),
            timedelta(days=scene.lifetime, seconds=-1),
            serial=serial_of(scene, issue),
            key=self._keys[scene.algorithm],
        )

    def filed(self, scene: Scene) -> Issued:
        """Give what lies in a scene's file."""
        if scene.created is None:
            return self.issue(scene)
        return self.issue(replace(scene, age=scene.created), "previous")

    def behaviour(self, shown: Shows | Fault, scene: Scene, own: Issued) -> Behaviour:
        """Say what an address of a scene does."""
        plain = self._behaviour(shown, scene, own)
        return replace(plain, starttls=scene.starttls) if isinstance(plain, Serve) else plain

    def _behaviour(self, shown: Shows | Fault, scene: Scene, own: Issued) -> Behaviour:
        match shown:
            case Fault():
                return shown
            case Shows.OWN:
                return Serve(own)
            case Shows.MUTUAL:
                return Serve(own, client_ca=self.private_root)
            case Shows.DUAL:
                elsewhere = replace(scene, algorithm="EC_prime256v1", lifetime=90)
                return Serve(own, also=self.issue(elsewhere, "foreign", self.other))
            case Shows.PREVIOUS:
                return Serve(self.issue(replace(scene, age=scene.created or 0), "previous"))
            case Shows.FOREIGN:
                return Serve(self.issue(scene, "foreign", self.other))
            case Shows.OTHER_NAME:
                return Serve(self.issue(replace(scene, domain="another.example.org", names=()), "other name"))
            case Shows.SELF_SIGNED:
                serial = serial_of(scene, "self-signed")
                return Serve(self_signed(scene.all_names, midnight(self._now, scene.age), serial=serial))


@dataclass(frozen=True, slots=True)
class World:
    """What runs; `acm.certificates`, `zone`, `tokens.pages` and the endpoints may be changed meanwhile."""

    scenes: tuple[Scene, ...]
    acm: AcmStandIn
    dns: DnsServer
    zone: Records
    tokens: TokenServer
    endpoints: Endpoints
    addresses: Mapping[str, tuple[str, ...]]  # of a scene, by its key
    issued: Mapping[str, Issued]  # what ACM has in a scene, by its key
    authorities: Authorities
    people: People
    ca_file: Path
    config_file: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What to expect of one certificate under the current rules."""

    arn: str
    key: str
    title: str
    domain: str
    verdict: str
    breaks: frozenset[str]


@asynccontextmanager
async def world(folder: Path, now: datetime, *, crowd: int = 0) -> AsyncIterator[World]:
    """Run the scenes on loopback, their files in `folder`; `crowd` adds certificates without endpoints."""
    authorities = Authorities(now)
    issued = {scene.key: authorities.issue(scene) for scene in SCENES}
    addresses = dict(_addresses(SCENES))
    behaviours = {
        address: authorities.behaviour(shown, scene, issued[scene.shows_of or scene.key])
        for scene in SCENES
        for address, shown in zip(addresses[scene.key], scene.shows, strict=True)
    }
    renewals: dict[str, list[Issued]] = {scene.arn: [] for scene in SCENES}
    async with AsyncExitStack() as running:
        tokens = await TokenServer.start({})
        running.push_async_callback(tokens.close)
        certificates = {one.arn: describe(one, issued[one.key], now, tokens.url) for one in SCENES}
        zone: Records = {f"example.{end}": {"SOA": [SOA]} for end in ("com", "net", "org")}
        zone["example.com"]["CAA"] = ['0 issue "amazon.com"', '0 issue "letsencrypt.org"']
        for scene in SCENES:
            tokens.pages |= pages(scene, tokens.url)
            for name, there in records(scene, addresses[scene.key]).items():
                zone[name] = {**zone.get(name, {}), **there}
        zone |= behind.records(SCENES, addresses)
        crowded = tuple(_crowd(crowd))
        for scene in crowded:
            serial = serial_text(serial_of(scene, "own"))
            told = describe(scene, issued["healthy"], now, tokens.url)
            certificates[scene.arn] = told | {"Serial": serial, "Subject": f"CN={scene.domain}"}
            zone |= records(scene, ())
        dns = await DnsServer.start(zone)
        running.push_async_callback(dns.close)
        acm = await AcmStandIn.start(certificates, accounts={ACCESS_KEY: PRODUCTION})
        running.push_async_callback(acm.close)
        endpoints = await Endpoints.start(folder, behaviours)
        running.push_async_callback(endpoints.close)
        acm.services = behind.services((*SCENES, *crowded), endpoints.port)

        async def issue_anew(arn: str) -> None:
            scene = next(one for one in SCENES if one.arn == arn)
            new = authorities.issue(replace(scene, age=0), f"renewed {len(renewals[arn])}")
            renewals[arn].append(new)
            renew(certificates[arn], issue_of(new), acm.clock())
            for address, shown in zip(addresses[scene.key], scene.shows, strict=True):
                if shown in (Shows.OWN, Shows.MUTUAL):
                    await endpoints.set(address, authorities.behaviour(shown, scene, new))

        people = await People.start(acm, zone, issue_anew)
        running.push_async_callback(people.close)
        ca_file, config_file = folder / "roots.pem", folder / "acm-exporter.yaml"
        ca_file.write_bytes(authorities.roots_pem)
        (folder / "client.pem").write_bytes(authorities.client.chain_pem)
        (folder / "client.key").write_bytes(authorities.client.key_pem)
        domains = "\n".join(_domains(SCENES, addresses, endpoints.port, folder))
        config_file.write_text(
            CONFIGURATION.format(
                domains=domains,
                files="\n".join(lay(folder / "tls", SCENES, authorities.filed)),
                ca_file=ca_file,
                nameserver=dns.address,
                pause=10 + crowd // 25,  # all of this shares one event loop with the exporter
            )
        )
        yield World(
            scenes=SCENES,
            acm=acm,
            dns=dns,
            zone=zone,
            tokens=tokens,
            endpoints=endpoints,
            addresses=addresses,
            issued=issued,
            authorities=authorities,
            people=people,
            ca_file=ca_file,
            config_file=config_file,
            environment=environment(acm.url, folder),
        )


def expectations(scenes: Iterable[Scene], now: datetime) -> tuple[Expectation, ...]:
    """Tell what to expect of each scene; only the end of e-mail renewals depends on the date of the demo."""
    return tuple(_expectation(scene, now) for scene in scenes)


def _expectation(scene: Scene, now: datetime) -> Expectation:
    breaks, verdict = scene.breaks, scene.verdict
    days = scene.lifetime - scene.age - (60 if scene.lifetime > 300 else 45)
    opens = midnight(now, -days) - timedelta(seconds=1)
    if scene.kind is Kind.EMAIL and opens.date() > EMAIL_ENDS:
        breaks, verdict = breaks | {"email_sunset"}, "blocked"
    return Expectation(scene.arn, scene.key, scene.title, scene.domain, verdict, breaks)


def _addresses(scenes: Iterable[Scene]) -> Iterator[tuple[str, tuple[str, ...]]]:
    taken = 0
    for scene in scenes:
        yield scene.key, tuple(f"127.1.0.{taken + n}" for n in range(1, len(scene.shows) + 1))
        taken += len(scene.shows)


def _crowd(size: int) -> Iterator[Scene]:
    for number in range(size):
        name = f"c{number:05}"
        yield Scene(name, "One of many", f"*.{name}.crowd.example.com", balancer="crowd", internal=True)


def _domains(
    scenes: Iterable[Scene], addresses: Mapping[str, tuple[str, ...]], port: int, folder: Path
) -> Iterator[str]:
    known: set[str] = set()
    for scene in scenes:
        names = [name for name in scene.looked_at if name not in known]
        known.update(names)
        if names:
            yield f"  # {scene.title}"
        for name in names:
            entry: dict[str, Any] = {"name": name, "port": port}
            if scene.by_address:
                entry["addresses"] = f"[{', '.join(addresses[scene.key])}]"
            if scene.starttls:
                entry["starttls"] = scene.starttls
            if scene.key_types:
                entry["key_types"] = f"[{', '.join(scene.key_types)}]"
            if Shows.MUTUAL in scene.shows:
                files = f'cert_file: "{folder}/client.pem", key_file: "{folder}/client.key"'
                entry["client_certificate"] = f"{{{files}}}"
            if scene.pinned:
                entry["certificate_arn"] = scene.arn
            if scene.labels:
                labels = (f"{key}: {value}" for key, value in scene.labels.items())
                entry["labels"] = f"{{{', '.join(labels)}}}"
            yield f"  - {{{', '.join(f'{key}: {value}' for key, value in entry.items())}}}"
