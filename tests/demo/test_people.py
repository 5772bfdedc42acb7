"""What people do in the world changes it: an approval or a record lets ACM renew and the new issue be served."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509

from exporter.demo.acm_validation import resend
from exporter.demo.scenes import SCENES
from exporter.demo.stage import Scene
from exporter.demo.world import World, world
from tests.demo.test_world import NOW, handshake, serial


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """Run the world."""
    async with world(tmp_path, NOW) as running:
        yield running


def scene(key: str) -> Scene:
    """Find a scene."""
    return next(one for one in SCENES if one.key == key)


async def ask(url: str, body: str | None = None) -> tuple[int, str]:
    """Get a page, or post a text."""
    async with (
        aiohttp.ClientSession() as http,
        http.request("GET" if body is None else "POST", url, data=body) as got,
    ):
        return got.status, await got.text()


async def served(here: World, key: str) -> int:
    """Tell the serial number that a scene's first address serves."""
    context = ssl.create_default_context(cafile=here.ca_file)
    context.check_hostname = False
    writer = await handshake(here, here.addresses[key][0], context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(der).serial_number


async def test_an_approval_renews_and_deploys(here: World) -> None:
    """The link in the mail is followed once; the certificate has a new serial number, which is served."""
    one = scene("mail-not-approved")
    before = await served(here, one.key)
    assert await ask(f"{here.people.url}/mails") == (200, "no mail yet\n")
    told = here.acm.certificates[one.arn]
    asked = {"Domain": one.domain, "ValidationDomain": one.domain}
    here.acm.mails.append(resend(told, asked, NOW))
    _, mails = await ask(f"{here.people.url}/mails")
    (link,) = re.findall(r"http\S+", mails)
    assert await ask(link) == (200, f"{one.domain} is approved, and ACM has issued the certificate\n")
    assert await ask(link) == (200, f"{one.domain} is approved\n")
    assert before != serial(told) == await served(here, one.key)
    assert told["RenewalSummary"]["RenewalStatus"] == "SUCCESS"


async def test_a_record_renews_and_deploys(here: World) -> None:
    """ACM sees the CNAME that was missing."""
    one = scene("cname-gone")
    before = await served(here, one.key)
    told = here.acm.certificates[one.arn]
    wanted = told["DomainValidationOptions"][0]["ResourceRecord"]
    line = f"{wanted['Name']} 300 IN CNAME {wanted['Value']}\n"
    assert await ask(f"{here.people.url}/dns", line) == (200, "1 record sets stand in DNS\n")
    assert before != serial(told) == await served(here, one.key)


async def test_lines_add_to_a_caa_set(here: World) -> None:
    """A zone's CAA records are what stood there and what is added."""
    await ask(f"{here.people.url}/dns", 'caa.example.com. 300 IN CAA 0 issue "amazon.com"\n')
    assert here.zone["caa.example.com"]["CAA"] == ['0 issue "letsencrypt.org"', '0 issue "amazon.com"']


async def test_nonsense_is_refused(here: World) -> None:
    """A link that nobody sent and lines that are none change nothing."""
    assert await ask(f"{here.people.url}/approve?arn=x") == (404, "this link leads to no certificate\n")
    status, says = await ask(f"{here.people.url}/dns", "not a zone\n")
    assert (status, says.startswith("not lines of a zone file: ")) == (400, True)
