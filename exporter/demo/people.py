"""What people do in the world of the demo, over HTTP: read their mail, approve, and edit their zones.

GET  /mails                      the validation mails, each with its link
GET  /approve?arn=…&domain=…     the link
POST /dns                        lines of a zone file, which replace a CNAME and add to everything else
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from urllib.parse import urlencode

import dns.exception
import dns.name
import dns.rdatatype
import dns.zonefile
from aiohttp import web

from exporter.demo.acm import AcmStandIn
from exporter.demo.acm_validation import Json, approve, look_at_dns
from exporter.demo.stage import Records

Renew = Callable[[str], Awaitable[None]]  # an ARN: ACM issues, and what served the old issue serves the new


class People:
    """The server; ACM looks at the same zone that people edit."""

    def __init__(self, acm: AcmStandIn, zone: Records, renew: Renew) -> None:
        """Take the parts of the world; `start` is the way in."""
        self.url = ""
        self._acm = acm
        self._zone = zone
        self._renew = renew
        self._runner: web.AppRunner | None = None

    @classmethod
    async def start(cls, acm: AcmStandIn, zone: Records, renew: Renew) -> People:
        """Listen on a free port of loopback, and let ACM look at the zone."""
        people = cls(acm, zone, renew)
        acm.look = people._look
        app = web.Application()
        app.router.add_get("/mails", people._mails)
        app.router.add_get("/approve", people._approve)
        app.router.add_post("/dns", people._dns)
        people._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await people._runner.setup()
        await web.TCPSite(people._runner, "127.0.0.1", 0).start()
        people.url = "http://{}:{}".format(*people._runner.addresses[0][:2])
        return people

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _mails(self, _: web.Request) -> web.Response:
        lines = [
            f"{mail.sent_at:%H:%M:%S}  {mail.name}  to {', '.join(mail.mailboxes)}\n"
            f"          {self.url}/approve?{urlencode({'arn': mail.arn, 'domain': mail.name})}\n"
            for mail in self._acm.mails
        ]
        return web.Response(text="".join(lines) or "no mail yet\n")

    async def _approve(self, request: web.Request) -> web.Response:
        arn, name = request.query.get("arn", ""), request.query.get("domain", "")
        one = self._acm.certificates.get(arn)
        if one is None or name not in one["SubjectAlternativeNames"]:
            return web.Response(status=404, text="this link leads to no certificate\n")
        if approve(one, name, datetime.now(UTC)):
            await self._renew(arn)
            return web.Response(text=f"{name} is approved, and ACM has issued the certificate\n")
        return web.Response(text=f"{name} is approved\n")

    async def _dns(self, request: web.Request) -> web.Response:
        try:
            text = await request.text()
            sets = dns.zonefile.read_rrsets(text, rdclass=None, origin=dns.name.root, relativize=False)
        except dns.exception.DNSException as error:
            return web.Response(status=400, text=f"not lines of a zone file: {error}\n")
        for one in sets:
            kind = dns.rdatatype.to_text(one.rdtype)
            there = self._zone.setdefault(one.name.to_text(omit_final_dot=True).lower(), {})
            before = [] if kind == "CNAME" else list(there.get(kind, ()))
            there[kind] = list(dict.fromkeys((*before, *(record.to_text() for record in one))))
        for certificate in tuple(self._acm.certificates.values()):
            await self._look(certificate)
        return web.Response(text=f"{len(sets)} record sets stand in DNS\n")

    async def _look(self, one: Json) -> None:
        if look_at_dns(one, self._stands, self._acm.clock()):
            await self._renew(one["CertificateArn"])

    def _stands(self, name: str, target: str) -> bool:
        found = self._zone.get(name.rstrip("."), {})
        return "FAIL" not in found and [one.rstrip(".") for one in found.get("CNAME", ())] == [
            target.rstrip(".")
        ]
