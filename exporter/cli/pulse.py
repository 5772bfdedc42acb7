"""`health`: one question to a running exporter, for images that have neither shell nor curl."""

from __future__ import annotations

import http.client
import ipaddress
import ssl
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import click

SECONDS = 2.5  # for both attempts; shorter than the time that the image's HEALTHCHECK gives
HEALTHY = "/-/healthy"  # answers whoever is let in, so that not to be let in is an answer as well
KEPT_OUT = (401, 429)  # no password, or too many requests


def ask(url: str) -> int:
    """Return 0 if the URL answers with 200, else 1 with the reason on standard error.

    What answers on loopback by TLS alone is asked so, whatever its certificate: it is for another name. Of
    /-/healthy, to be kept out (for want of a password or a client certificate) is as good as 200.
    """
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter(f"{url!r} (expected http://… or https://…)", param_hint="--url")
    wrong = _ask(url, SECONDS / 2)
    if wrong and url.startswith("http://") and _is_here(url):
        secure = f"https{url.removeprefix('http')}"
        wrong = _ask(secure, SECONDS / 2) and wrong
    if wrong:
        click.echo(f"{url}: {wrong}", err=True)
    return 1 if wrong else 0


def _ask(url: str, seconds: float) -> str:
    """Return what is wrong, "" for nothing."""
    # Whatever proxy the environment names for calls to AWS leads away from this machine.
    handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_context(url)))
    try:
        with urllib.request.build_opener(*handlers).open(url, timeout=seconds):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            kept_out = error.code in KEPT_OUT and url.endswith(HEALTHY)
            return "" if kept_out else f"{error.code} {error.reason} (expected 200)"
    except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: a URL that cannot be one
        reason = getattr(error, "reason", error)
        if "ALERT" in str(getattr(reason, "reason", reason)) and url.endswith(HEALTHY):
            return ""
        return f"{reason} (expected an answer)"


def _context(url: str) -> ssl.SSLContext:
    """Speak TLS as the web configuration may have it, and verify who is not this machine."""
    context = ssl.create_default_context()
    if _is_here(url):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def _is_here(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
