"""The DNS eye against a real name server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import pairwise

import pytest

from exporter.demo.dns import DnsServer
from exporter.facts import (
    Answer,
    Ask,
    Caa,
    CaaRecord,
    Cname,
    Mx,
    Question,
    Seen,
    Sight,
    Token,
    Unseen,
    Why,
)
from exporter.observe.dns import Resolver
from exporter.observe.records import DnsEye
from exporter.observe.sight import Blind

Zone = Mapping[str, Mapping[str, Sequence[str]]]


class Names:
    """A name server whose zone each test fills, and an eye that asks it."""

    def __init__(self, server: DnsServer, zone: dict[str, Mapping[str, Sequence[str]]]) -> None:
        self.server = server
        self.zone = zone

    async def look(self, ask: Ask, name: str, zone: Zone, patience: float = 5) -> Sight[Answer]:
        """Ask one question of a zone."""
        self.zone.update(zone)
        eye = DnsEye(Resolver([self.server.address], patience, None), no_token, patience)
        return await eye.look(Question(ask, name))


async def no_token(question: Question) -> Token:
    """Answer like an HTTP eye that is blind, with what it was asked."""
    raise Blind(Why.MALFORMED, f"{question.name} {question.extra}")


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    """Start an empty name server."""
    zone: dict[str, Mapping[str, Sequence[str]]] = {}
    server = await DnsServer.start(zone)
    yield Names(server, zone)
    await server.close()


def links(*names: str) -> Zone:
    """Let each name be an alias of the next."""
    return {name: {"CNAME": [f"{target}."]} for name, target in pairwise(names)}


# --- CNAME ---------------------------------------------------------------------------------------------

RECORD, TARGET = "_x.www.example.com", "_y.z.acm-validations.aws"
LONG = ".".join(["a" * 50] * 4)


@pytest.mark.parametrize(
    ("name", "zone", "answer"),
    [
        pytest.param(RECORD, links(RECORD, TARGET), Cname((TARGET,)), id="as ACM wants it"),
        pytest.param(RECORD, {RECORD: {"CNAME": ["_Y.Z.ACM-Validations.AWS."]}}, Cname((TARGET,)), id="case"),
        pytest.param(
            "_X.Www.Example.com.", links(RECORD, TARGET), Cname((TARGET,)), id="case and dot of the name"
        ),
        pytest.param(RECORD, links(RECORD, "gone.invalid"), Cname(("gone.invalid",)), id="dangling"),
        pytest.param(RECORD, {RECORD: {"CNAME": ["."]}}, Cname(()), id="to the root"),
        pytest.param(RECORD, {}, Cname(()), id="nxdomain"),
        pytest.param(RECORD, {RECORD: {"TXT": ['"x"'], "A": ["192.0.2.1"]}}, Cname(()), id="other types"),
        pytest.param(RECORD, links(RECORD, *"abcde", TARGET), Cname((*"abcde", TARGET)), id="six links"),
        pytest.param(RECORD, links(RECORD, *"abcdefghijklm"), Cname(tuple("abcdefghij")), id="no end"),
        pytest.param(RECORD, links(RECORD, "a", "b", "a"), Cname(("a", "b", "a")), id="loop behind"),
        pytest.param(RECORD, links(RECORD, "a", RECORD), Cname(("a", RECORD)), id="loop"),
        pytest.param(RECORD, links(RECORD, RECORD), Cname((RECORD,)), id="itself"),
        pytest.param(RECORD, links(f"{RECORD}.example.com", TARGET), Cname((), (TARGET,)), id="zone twice"),
        pytest.param(RECORD, links(f"{RECORD}.www.example.com", "b"), Cname((), ("b",)), id="subzone twice"),
        pytest.param(
            RECORD, {f"{RECORD}.example.com": {"FAIL": "refused"}}, Cname(()), id="no hint, refused"
        ),
        pytest.param(RECORD, {f"{RECORD}.example.com": {"FAIL": "silent"}}, Cname(()), id="no hint, silent"),
        pytest.param(LONG, {}, Cname(()), id="no room for a hint"),
    ],
)
async def test_cname(names: Names, name: str, zone: Zone, answer: Cname) -> None:
    """The chain is what stands in DNS, in order and in one spelling; only a miss looks for the doubled zone."""
    assert await names.look(Ask.CNAME, name, zone, patience=1) == Seen(answer)


async def test_one_question_for_a_good_record(names: Names) -> None:
    """The usual record costs one question: what lies behind ACM's own names is not asked for."""
    await names.look(Ask.CNAME, RECORD, links(RECORD, TARGET))

    assert names.server.questions == {(RECORD, "CNAME"): 1}


@pytest.mark.parametrize(
    ("failure", "unseen"),
    [
        ("servfail", Unseen(Why.RESOLVER_FAILURE, "CNAME {name}: {at} says SERVFAIL")),
        ("refused", Unseen(Why.RESOLVER_FAILURE, "CNAME {name}: {at} says REFUSED")),
        ("bogus", Unseen(Why.DNSSEC_BOGUS, "CNAME {name}: {at} says SERVFAIL")),
    ],
)
@pytest.mark.parametrize("failing", [RECORD, "alias.example.com"])
async def test_cname_unseen(names: Names, failure: str, unseen: Unseen, failing: str) -> None:
    """A failure anywhere along the chain leaves it unknown, and says at which name."""
    zone = {**links(RECORD, "alias.example.com"), failing: {"FAIL": failure}}

    got = await names.look(Ask.CNAME, RECORD, zone)

    at = names.server.address.replace(":", "@")
    assert got == Unseen(unseen.why, unseen.detail.format(name=failing, at=at))


# --- CAA -----------------------------------------------------------------------------------------------

AMAZON, NOBODY = '0 issue "amazon.com"', '0 issue ";"'
CAA_AMAZON, CAA_NOBODY = CaaRecord(0, "issue", "amazon.com"), CaaRecord(0, "issue", ";")


@pytest.mark.parametrize(
    ("name", "zone", "answer"),
    [
        pytest.param(
            "a.example.com",
            {"a.example.com": {"CAA": [AMAZON]}},
            Caa("a.example.com", (CAA_AMAZON,)),
            id="own",
        ),
        pytest.param(
            "*.a.example.com",
            {"a.example.com": {"CAA": [AMAZON]}},
            Caa("a.example.com", (CAA_AMAZON,)),
            id="wildcard",
        ),
        pytest.param(
            "a.b.example.com",
            {"example.com": {"CAA": [AMAZON]}},
            Caa("example.com", (CAA_AMAZON,)),
            id="climb",
        ),
        pytest.param("example.com", {"com": {"CAA": [NOBODY]}}, Caa("com", (CAA_NOBODY,)), id="top"),
        pytest.param(
            "a.example.com",
            {"a.example.com": {"CAA": [NOBODY]}, "example.com": {"CAA": [AMAZON]}},
            Caa("a.example.com", (CAA_NOBODY,)),
            id="the nearest wins",
        ),
        pytest.param("a.example.com", {"example.com": {"A": ["192.0.2.1"]}}, Caa(), id="none"),
        pytest.param(
            "a.example.com",
            {
                "a.example.com": {"CNAME": ["cdn.example.net."]},
                "cdn.example.net": {"CAA": [NOBODY]},
                "example.com": {"CAA": [AMAZON]},
            },
            Caa("a.example.com", (CAA_NOBODY,)),
            id="the alias's target",
        ),
        pytest.param(
            "a.example.com",
            {
                "a.example.com": {"CNAME": ["cdn.example.net."]},
                "cdn.example.net": {"A": ["192.0.2.1"]},
                "example.net": {"CAA": [NOBODY]},
                "example.com": {"CAA": [AMAZON]},
            },
            Caa("example.com", (CAA_AMAZON,)),
            id="not the target's parents",
        ),
        pytest.param(
            "a.example.com",
            {"a.example.com": {"CNAME": ["gone.invalid."]}, "example.com": {"CAA": [AMAZON]}},
            Caa("example.com", (CAA_AMAZON,)),
            id="dangling alias",
        ),
        pytest.param(
            "A.Example.COM.",
            {
                "a.example.com": {
                    "CAA": [
                        '128 TBS "x"',
                        '0 IssueWild "amazon.com; a=b"',
                        '0 issue "%\\255 ="',
                        '0 iodef ""',
                    ]
                }
            },
            Caa(
                "a.example.com",
                (
                    CaaRecord(0, "iodef", ""),
                    CaaRecord(0, "issue", "%\ufffd ="),
                    CaaRecord(0, "issuewild", "amazon.com; a=b"),
                    CaaRecord(128, "tbs", "x"),
                ),
            ),
            id="odd",
        ),
    ],
)
async def test_caa(names: Names, name: str, zone: Zone, answer: Caa) -> None:
    """The relevant set is the first one on the way up from the name itself (RFC 8659, section 3)."""
    assert await names.look(Ask.CAA, name, zone) == Seen(answer)


@pytest.mark.parametrize("level", ["a.example.com", "example.com", "com"])
@pytest.mark.parametrize(
    ("failure", "unseen"),
    [
        ("refused", Unseen(Why.RESOLVER_FAILURE, "CAA {level}: {at} says REFUSED")),
        ("bogus", Unseen(Why.DNSSEC_BOGUS, "CAA {level}: {at} says SERVFAIL")),
        ("silent", Unseen(Why.RESOLVER_TIMEOUT, "CAA {level}: no answer within 0.5 s")),
    ],
)
async def test_caa_unseen(names: Names, level: str, failure: str, unseen: Unseen) -> None:
    """A level that does not answer is never skipped, since a set may stand there."""
    got = await names.look(Ask.CAA, "a.example.com", {level: {"FAIL": failure}}, patience=0.5)

    at = names.server.address.replace(":", "@")
    assert got == Unseen(unseen.why, unseen.detail.format(level=level, at=at))


# --- MX, TOKEN -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "answer"),
    [
        pytest.param(
            {"MX": ["20 b.example.net.", "5 C.example.net.", "20 A.example.net."]},
            Mx(("c.example.net", "a.example.net", "b.example.net")),
            id="by preference",
        ),
        pytest.param({"MX": ["0 ."]}, Mx(()), id="null"),
        pytest.param({"A": ["192.0.2.1"]}, Mx(()), id="no data"),
        pytest.param(None, Mx(()), id="nxdomain"),
    ],
)
async def test_mx(names: Names, records: Mapping[str, Sequence[str]] | None, answer: Mx) -> None:
    """Who takes a domain's mail, the preferred first; nobody where there is none or the null MX (RFC 7505)."""
    assert await names.look(Ask.MX, "example.com", {"example.com": records} if records else {}) == Seen(
        answer
    )


async def test_bad_name(names: Names) -> None:
    """A name that DNS cannot ask for is unseen, and says why."""
    got = await names.look(Ask.MX, "a..example.com", {})

    assert got == Unseen(Why.BAD_NAME, "'a..example.com': A DNS label is empty.")


async def test_token() -> None:
    """Tokens are asked of the HTTP eye, which keeps its own deadline; its blindness is a value like any other."""
    eye = DnsEye(Resolver(["127.0.0.1"], 1, None), no_token, 0)

    assert await eye.look(Question(Ask.TOKEN, "from", "to")) == Unseen(Why.MALFORMED, "from to")
