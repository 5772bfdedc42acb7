"""`health`: one question to a running exporter, for images that have neither shell nor curl."""

from __future__ import annotations

import urllib.error
import urllib.request

import click

SECONDS = 2.5  # shorter than the time that the image's HEALTHCHECK gives


def ask(url: str) -> int:
    """Return 0 if the URL answers with 200, else 1 with the reason on standard error."""
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter(f"{url!r} (expected http://… or https://…)", param_hint="--url")
    # Whatever proxy the environment names for calls to AWS leads away from this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=SECONDS):
            return 0
    except urllib.error.HTTPError as error:
        with error:
            click.echo(f"{url}: {error.code} {error.reason} (expected 200)", err=True)
    except (OSError, ValueError) as error:  # ValueError: a URL that cannot be one
        click.echo(f"{url}: {getattr(error, 'reason', error)} (expected an answer)", err=True)
    return 1
