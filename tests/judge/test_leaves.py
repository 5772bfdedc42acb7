"""An endpoint that serves an RSA and an ECDSA certificate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.facts import Domain, Look, Seen, Served, Unseen, Why
from exporter.judge.counting import assign
from exporter.judge.coverage import Coverage
from exporter.judge.leaves import leaves, serials
from exporter.judge.probing import success
from exporter.judge.rule import HOLDS, Policy, breaks
from exporter.judge.serving import name_match, serial_match
from exporter.snapshot.taking import spot
from tests.evidence import ARN, CERTIFICATE, NOON, OTHER_ARN, SERVED, look

RSA = replace(SERVED, key_type="rsa")
ECDSA = replace(SERVED, key_type="ecdsa", serial=7)
FOREIGN = replace(ECDSA, issuer="CN=R11,O=Let's Encrypt,C=US")
TWIN = replace(CERTIFICATE, arn=OTHER_ARN, serial=7)
HERE = "www.example.com at 192.0.2.10 (ECDSA)"


def dual(one: Served, other: Served) -> Look:
    """Make a look that saw two certificates."""
    return look("www.example.com", Seen(replace(one, others=(other,))))


def test_one_is_itself() -> None:
    """Nearly every look is left as it is."""
    assert leaves(look()) == (look(),)


def test_two_are_two() -> None:
    """A look at two certificates is two looks at one, also when the latest failed."""
    seen = dual(RSA, ECDSA)
    assert [one.last for one in leaves(seen)] == [RSA, ECDSA]
    failed = replace(seen, sight=Unseen(Why.REFUSED))
    assert [(one.sight, one.last) for one in leaves(failed)] == [(failed.sight, RSA), (failed.sight, ECDSA)]
    assert serials([seen]) == {RSA.serial, 7}


def test_both_ours() -> None:
    """Each certificate of ours counts where it is served."""
    seen = dual(RSA, ECDSA)
    found = assign([CERTIFICATE, TWIN], [seen], {})
    for arn, served in {ARN: RSA, OTHER_ARN: ECDSA}.items():
        assert [one.last for one in found[arn].looks] == [served]
        assert serial_match.judge(found[arn], Policy(), NOON) == HOLDS
    pairs = [(one, found[arn].certificate) for arn in found for one in found[arn].looks]
    assert spot(seen, pairs, {}).serial_matches == ((ARN, True), (OTHER_ARN, True))
    assert Coverage([CERTIFICATE, TWIN]).around(Domain("www.example.com"), [seen]) == (CERTIFICATE, TWIN)


@pytest.mark.parametrize("order", [(RSA, FOREIGN), (FOREIGN, RSA)], ids=["ours first", "ours last"])
def test_one_foreign(order: tuple[Served, Served]) -> None:
    """One certificate of ours does not hide that some visitors get another."""
    seen = dual(*order)
    evidence = assign([CERTIFICATE], [seen], {})[ARN]
    assert serial_match.judge(evidence, Policy(), NOON) == breaks(
        f"{HERE} serves serial 7 issued by {FOREIGN.issuer}: something in front of AWS terminates TLS (a WAF or CDN)",
        "put ACM's certificate there, or renew the served one where it is managed",
    )
    assert spot(seen, [(one, CERTIFICATE) for one in evidence.looks], {}).serial_matches == ((ARN, False),)


def test_one_for_another_name() -> None:
    """Each has to cover the name and to be trusted."""
    seen = dual(RSA, replace(ECDSA, names=("example.org",)))
    evidence = assign([CERTIFICATE], [seen], {})[ARN]
    assert name_match.judge(evidence, Policy(), NOON) == breaks(
        f"{HERE} serves a certificate for example.org", "serve a certificate that covers the name"
    )
    assert spot(seen, (), {}).name_match is False
    assert success(Domain("www.example.com"), [seen]) is False
    assert success(Domain("www.example.com"), [dual(RSA, ECDSA)]) is True
    assert success(Domain("www.example.com"), [dual(RSA, replace(ECDSA, trusted=False))]) is False
