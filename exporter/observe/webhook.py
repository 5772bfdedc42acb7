"""Posts to a web address that an operator gave; what is posted is somebody else's business."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import aiohttp

from exporter.facts import Sight, Why
from exporter.observe.sight import Blind, sight

_HEADERS = {"Content-Type": "application/json", "User-Agent": "acm-exporter"}


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where to post, and for how many seconds; the address and the header never appear in what is told."""

    url: str = field(repr=False)
    authorization: str = field(default="", repr=False)
    timeout: float = 10.0

    async def post(self, body: bytes) -> Sight[int]:
        """Post one body and give the HTTP status of the answer; redirects are not followed.

        Proxies are those of the environment (HTTPS_PROXY, NO_PROXY).
        """
        return await sight(lambda: self._status(body), self.timeout)

    async def _status(self, body: bytes) -> int:
        headers = {**_HEADERS, **({"Authorization": self.authorization} if self.authorization else {})}
        session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(), trust_env=True
        )
        try:
            async with (
                session,
                session.post(self.url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                return response.status
        except aiohttp.ClientSSLError:
            raise Blind(Why.TLS_HANDSHAKE_FAILURE, "its certificate is not trusted, or TLS failed") from None
        except aiohttp.ClientOSError as error:
            number = error.errno or 0
            reason = os.strerror(number) if number > 0 else "its name cannot be resolved"
            raise Blind(Why.UNREACHABLE, reason) from None
        except (aiohttp.ClientError, ValueError) as error:
            raise Blind(Why.HTTP_ERROR, f"no HTTP answer: {type(error).__name__}") from None
