"""The status page: what it says, what it lets through, and that nothing from outside becomes markup."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.expose import page
from exporter.facts import (
    Description,
    Details,
    Endpoint,
    FileLook,
    Seen,
    Served,
    Sight,
    Unseen,
    Validation,
    Why,
)
from exporter.judge.rule import Outcome, RuleSet
from exporter.judge.sharding import Shard
from exporter.judge.verdict import RULES, Word
from exporter.snapshot import Case, Filed, Snapshot, Source, Spot
from tests.evidence import (
    ARN,
    BALANCER,
    BEHIND,
    CERTIFICATE,
    DAY,
    ENDS,
    NOON,
    OTHER_ARN,
    SERVED,
    by_dns,
    by_http,
    by_mail,
    detailed,
)
from tests.expose.snapshots import REFUSED, SEEN, SMALL, SOURCES, blank, case, finding, snapshot, spot
from tests.judge.test_filing import OLD

BREAKS, UNKNOWN = Outcome.BREAKS, Outcome.UNKNOWN
VOID = {"meta", "input", "br"}


class Reader(HTMLParser):
    """Reads a page as a browser does: its elements with their attributes, and its text by element."""

    def __init__(self, text: str) -> None:
        """Read the whole page; a tag that closes another one than the last that opened is an error."""
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the last element."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.texts.append((self._open[-1] if self._open else "", data))

    def handle_comment(self, data: str) -> None:
        """Refuse comments: the page has none."""
        pytest.fail(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Give the attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def of(self, *tags: str) -> list[str]:
        """Give the text that stands directly in elements of some kinds."""
        return [text for tag, text in self.texts if tag in tags]


def index(of: Snapshot, **query: str) -> str:
    """Write the overview."""
    return page.index(of, query)


def portrait(one: Case, *spots: Spot) -> str:
    """Write a certificate's page."""
    text = page.certificate(snapshot(one, spots=spots), one.certificate.arn)
    assert text is not None
    return text


def lines(html: str, start: str, end: str) -> str:
    """Cut a part out of a page and write an element a line."""
    return html[html.index(start) : html.index(end) + len(end)].replace("><", ">\n<") + "\n"


def whole(expected: str) -> str:
    """Write the expected text without the indent of the test."""
    return dedent(expected).removeprefix("\n")


def named(domain: str, word: Word = Word.RENEWS, **findings: Outcome) -> Case:
    """Make the case of another certificate."""
    certificate = replace(
        CERTIFICATE,
        arn=f"arn:aws:acm:eu-west-1:444455556666:certificate/{domain}",
        account="444455556666",
        region="eu-west-1",
        domain=domain,
        names=(domain, f"www.{domain}"),
        tags={"team": f"{domain[0]}-team"},
    )
    return case(certificate, word, (), (), **{code: finding(one, "so") for code, one in findings.items()})


BLOCKED = case(
    word=Word.BLOCKED,
    records=(("_token.example.com", False), ("_token.www.example.com", True)),
    validation_records=finding(BREAKS, "no CNAME <here>", "create it"),
    validation_age=finding(BREAKS, "first issued long ago", "move to DNS"),
)


def test_healthy_certificate_is_one_plain_row() -> None:
    """Good news takes a line, and little to load."""
    assert lines(index(snapshot(case())), "<tbody>", "</tbody>") == whole("""
        <tbody>
        <tr>
        <td class="good">renews</td>
        <td class="good">served</td>
        <td>144.5</td>
        <th scope="row">
        <a href="/certificate?arn=arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000001">example.com</a>
        <small> and 1 more name</small>
        </th>
        <td>
        </td>
        <td>111122223333<br> us-east-1</td>
        </tr>
        </tbody>
        """)


def test_problem_opens_in_place() -> None:
    """What is wrong, what to do, the record to create and what is served, without leaving the list."""
    html = index(snapshot(BLOCKED, spots=(spot(),)))
    assert lines(html, "<details>", "</details>") == whole("""
        <details>
        <summary>no CNAME &lt;here&gt;<small> and 1 more</small>
        </summary>
        <ul class="findings">
        <li>
        <strong class="bad">validation_records breaks</strong> (renewal)<span class="do">Do: create it</span>
        </li>
        <li>
        <strong class="bad">validation_age breaks</strong> (advisory): first issued long ago<span class="do">Do: move to DNS</span>
        </li>
        </ul>
        <p>Records to create:</p>
        <pre>
        <code>_token.example.com CNAME _target.example.com.acm-validations.aws</code>
        </pre>
        <ul class="places">
        <li>www.example.com at 192.0.2.10 <span class="good">answers</span>, serves serial a1b2c3 of CN=Amazon RSA 2048 M02,O=Amazon,C=US, 144.5 days left</li>
        </ul>
        <p>
        <a href="/certificate?arn=arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000001">All about example.com</a>
        </p>
        </details>
        """)


def test_advice_alone_is_a_sentence_and_opens_nothing() -> None:
    """What is only good to know does not look like a problem; under the classic rules it is one."""
    old = case(validation_age=finding(BREAKS, "first issued long ago", "move to DNS"))
    assert "validation_age: first issued long ago" in Reader(index(snapshot(old))).of("small")
    assert Reader(index(snapshot(old))).all("details") == []
    assert len(Reader(index(snapshot(old, rules=RuleSet.CLASSIC))).all("details")) == 1


def test_endpoint_row_tells_what_is_served_and_how_the_look_went() -> None:
    """Serial against ACM's, issuer, days, TLS, trust and why not, and the wish for a client's certificate."""
    bad = replace(SERVED, trusted=False, trust_error="self-signed", wants_client_certificate=True)
    failing = replace(
        REFUSED, last=bad, last_success=NOON - timedelta(hours=3), at=NOON - timedelta(minutes=5)
    )
    row = Spot(failing, {"site": "main"}, name_match=False, serial_matches=((ARN, False),))
    assert lines(index(snapshot(spots=(row,))), "<tbody>", "</tbody>") == whole("""
        <tbody>
        <tr>
        <th scope="row">example.com:8443 at 192.0.2.11<small>site=main</small>
        </th>
        <td>
        <span class="bad">refused</span>
        <small>connection refused</small>
        <small>last answer <time datetime="2026-11-23T09:00:00Z">2026-11-23 09:00 UTC</time> (3 h ago)</small>
        <small>
        <time datetime="2026-11-23T11:55:00Z">2026-11-23 11:55 UTC</time> (5 min ago)</small>
        </td>
        <td>serial <code>a1b2c3</code>
        <small>
        <span class="bad">not ACM&#x27;s serial</span>
        </small>
        <small>
        <span class="bad">not for this name</span>
        </small>
        <small>issued by CN=Amazon RSA 2048 M02,O=Amazon,C=US</small>
        <small>for CN=example.com</small>
        </td>
        <td>144.5</td>
        <td>TLSv1.3<small>TLS_AES_128_GCM_SHA256</small>
        <small>wants a client certificate</small>
        </td>
        <td>
        <span class="bad">not trusted</span>
        <small>self-signed</small>
        </td>
        </tr>
        </tbody>
        """)


def test_certificate_page_tells_what_changed() -> None:
    """In ACM and at the endpoints that count for it, the latest first."""
    html = portrait(SMALL.cases[0], *SMALL.spots)
    body = html[html.rindex("<tbody>") :]
    rows = [re.sub("(<[^>]*>)+", "|", row).strip("|") for row in re.findall("<tr>(.*?)</tr>", body)]
    assert rows == [
        "www.example.com at 192.0.2.10|2026-11-23 12:00 UTC| (0 s ago)|issuer|CN=Old|CN=New",
        "ACM|2026-11-22 12:00 UTC| (24 h ago)|serial|a1|a1b2c3",
    ]
    assert "No change was seen so far." in Reader(portrait(case())).of("p")


def test_certificate_page_tells_every_condition_and_fact() -> None:
    """The page of one certificate, as text."""
    dead = case(
        replace(CERTIFICATE, details=detailed(renewal_reason="CAA_ERROR"), renewal_status="FAILED"),
        Word.BLOCKED,
        records=(("_token.example.com", False),),
        caa=finding(BREAKS, "no CAA record allows Amazon", "allow amazon.com"),
        status=finding(UNKNOWN, "ACM has not told", "wait", Why.NOT_YET),
    )
    html = portrait(dead, spot())
    read = Reader(html)
    assert read.of("h1", "h2") == [
        "example.com",
        "Conditions",
        "Endpoints",
        "Validation",
        "Renewal",
        "Certificate",
        "History",
    ]
    body = html[html.index("<tbody>") : html.index("</tbody>")]
    conditions = [re.sub("(<[^>]*>)+", "|", row).strip("|") for row in re.findall("<tr>(.*?)</tr>", body)]
    assert conditions == [
        "caa|breaks|no CAA record allows Amazon|Do: allow amazon.com|renewal",
        "status|unknown|ACM has not told|Do: wait|renewal",
        "reachable|holds|Every name completes a TLS handshake at every one of its addresses.|serving",
        "name_match|holds|What is served at every address covers the name.|serving",
        "serial_match|holds|What is served at every address, and what each file of it holds, has the serial number that ACM has.|serving",
        "in_use|holds|An AWS service uses the certificate, or it was exported since its last issue.|renewal",
    ]
    moot = [r.code for r in RULES if r.code not in {row.split("|")[0] for row in conditions}]
    assert f"Not applicable: {', '.join(moot)}." in read.of("p")
    assert read.of("code")[-3:] == [
        "_token.example.com CNAME _target.example.com.acm-validations.aws",
        "_token.www.example.com CNAME _target.www.example.com.acm-validations.aws",
        "a1b2c3",
    ]
    pairs = re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", html)
    told = {name: re.sub("<[^>]*>", " ", text).split() for name, text in pairs}
    assert {name: " ".join(words) for name, words in told.items()} == {
        "Window opens": "2027-03-03 00:00 UTC (in 100 days)",
        "Status": "ISSUED",
        "Reason": "CAA_ERROR",
        "Eligible": "ELIGIBLE",
        "First issued": "252 days ago",
        "Type": "AMAZON_ISSUED",
        "Names": "example.com www.example.com",
        "Serial": "a1b2c3",
        "Issuer": "Amazon",
        "Valid from": "2026-10-01 00:00 UTC (54 days ago)",
        "Valid until": "2027-04-17 00:00 UTC (in 144 days)",
        "Requested": "2026-03-16 09:00 UTC (252 days ago)",
        "Issued": "2026-10-01 00:00 UTC (54 days ago)",
        "Validation": "DNS",
        "Key": "RSA_2048 AWS_MANAGED",
        "In use": "yes",
        "Used by": "application load balancer shop arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/shop/50dc6c495c0c9188",
        "Exported": "no",
        "Account": "111122223333",
        "Region": "us-east-1",
    }
    assert ("Status", "FAILED") in pairs


@pytest.mark.parametrize(
    ("arn", "behind", "says"),
    [
        (BALANCER, BEHIND, "application load balancer shop (shop-1.us-east-1.elb.amazonaws.com)"),
        (
            BALANCER,
            {BALANCER: Seen(Description("internal-shop-1.elb.amazonaws.com", internal=True))},
            "application load balancer shop (internal-shop-1.elb.amazonaws.com, internal)",
        ),
        (
            BALANCER,
            {BALANCER: Unseen(Why.DENIED, "allow it")},
            "application load balancer shop (not described: denied)",
        ),
        (
            BALANCER.replace("111122223333", "999900001111"),
            {},
            "application load balancer shop, of account 999900001111",
        ),
        (
            "arn:aws:new:us-east-1:111122223333:thing/x",
            {},
            "other arn:aws:new:us-east-1:111122223333:thing/x",
        ),
    ],
    ids=["described", "internal", "denied", "of another account", "of a kind that is not known"],
)
def test_what_uses_it_is_named(arn: str, behind: Mapping[str, Sight[Description]], says: str) -> None:
    """By kind, name and DNS name, so that somebody can go there; the ARN stands below."""
    html = portrait(case(replace(CERTIFICATE, details=detailed(in_use_by=(arn,)), behind=behind)))
    assert f'<span class="line">{says}<small>{arn}</small></span>' in html


@pytest.mark.parametrize(
    ("validation", "says", "copied"),
    [
        (
            by_mail("example.com", mailboxes=("a@example.com", "b@example.com"), status="PENDING_VALIDATION"),
            "example.com: mail goes to a@example.com, b@example.com (PENDING_VALIDATION)",
            [],
        ),
        (
            by_mail("example.com"),
            "example.com: mail goes to the mailboxes of example.com (SUCCESS)",
            [],
        ),
        (
            by_http("example.com"),
            "example.com: this page must lead to the one below (SUCCESS)",
            [
                "http://example.com/.well-known/pki-validation/token.txt",
                "https://validation.us-east-1.acm-validations.aws/111122223333/example.com.txt",
            ],
        ),
    ],
    ids=["mailboxes", "mail domain", "http"],
)
def test_other_ways_of_validation(validation: Validation, says: str, copied: list[str]) -> None:
    """Who got the mail, and which page must lead where."""
    one = case(replace(CERTIFICATE, details=detailed(validations=(validation,))), records=())
    read = Reader(portrait(one))
    assert says in read.of("p")
    assert read.of("code")[1:-1] == copied  # between the ARN and the serial


def test_certificate_without_endpoints_says_what_to_do() -> None:
    """Nobody takes silence for success."""
    told = " ".join(Reader(portrait(blank())).of("p"))
    assert "Name the domains that serve it under domains in the configuration" in told


def test_unknown_certificate_has_no_page() -> None:
    """A link that outlived its certificate leads to 404, not to another one."""
    assert page.certificate(SMALL, "arn:aws:acm:us-east-1:111122223333:certificate/gone") is None


FLEET = (
    named("blocked.org", Word.BLOCKED, caa=BREAKS),
    named("waf.org", serial_match=BREAKS),
    named("blind.org", Word.UNKNOWN, caa=UNKNOWN),
    named("fine.org"),
    named("imported.org", Word.UNMANAGED),
    case(),
)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({}, ["blocked.org", "waf.org", "blind.org", "example.com", "fine.org", "imported.org"]),
        (
            {"show": "nonsense", "refresh": "1"},
            ["blocked.org", "waf.org", "blind.org", "example.com", "fine.org", "imported.org"],
        ),
        ({"show": "problems"}, ["blocked.org", "waf.org", "blind.org"]),
        ({"show": "blocked"}, ["blocked.org"]),
        ({"show": "not-served"}, ["waf.org"]),
        ({"show": "unknown"}, ["blind.org"]),
        ({"show": "renews"}, ["waf.org", "example.com", "fine.org"]),
        ({"show": "unmanaged"}, ["imported.org"]),
        ({"q": "FINE"}, ["fine.org"]),
        ({"q": " WWW.WAF "}, ["waf.org"]),
        ({"q": "1111"}, ["example.com"]),
        ({"q": "us-east"}, ["example.com"]),
        ({"q": "certificate/blind"}, ["blind.org"]),
        ({"q": "i-team"}, ["imported.org"]),
        ({"q": "org", "show": "unknown"}, ["blind.org"]),
        ({"q": "fine", "show": "blocked"}, []),
    ],
    ids=str,
)
def test_form_narrows(query: Mapping[str, str], shown: list[str]) -> None:
    """Names, ARNs, accounts, regions and tags are searched, whatever their case; what is not offered is ignored."""
    read = Reader(page.index(snapshot(*FLEET), query))
    links = [urlsplit(one["href"] or "") for one in read.all("a")]
    arns = dict.fromkeys(parse_qs(one.query)["arn"][0] for one in links if one.path == "/certificate")
    domains = {one.certificate.arn: one.certificate.domain for one in FLEET}
    assert [domains[arn] for arn in arns] == shown


def test_counts_lead_to_what_they_count() -> None:
    """The number on top is the length of the list behind it, and the way there keeps the reloading."""
    tiles = re.search(
        r'<nav aria-label="Certificates by verdict".*?</nav>', index(snapshot(*FLEET), refresh="60")
    )
    assert tiles is not None
    read = Reader(tiles[0])
    assert list(zip([a["href"] for a in read.all("a")], read.of("strong"), read.of("span"), strict=True)) == [
        ("/?refresh=60", "6", "certificates"),
        ("/?show=blocked&refresh=60", "1", "will not renew"),
        ("/?show=not-served&refresh=60", "1", "not served as ACM has it"),
        ("/?show=unknown&refresh=60", "1", "not known whether they renew"),
        ("/?show=renews&refresh=60", "3", "will renew"),
        ("/?show=unmanaged&refresh=60", "1", "never renewed by ACM"),
    ]


def test_form_keeps_what_was_asked() -> None:
    """Whoever narrows further starts from where they are."""
    read = Reader(index(snapshot(*FLEET), q='a"b', show="unknown", refresh="60"))
    assert [one["value"] for one in read.all("input")] == ['a"b']
    assert [one["value"] for one in read.all("option") if "selected" in one] == ["unknown", "60"]


@pytest.mark.parametrize(
    ("refresh", "seconds"), [("", []), ("30", ["30"]), ("0", []), ("30;url=https://example.com", [])]
)
def test_page_reloads_itself_only_as_offered(refresh: str, seconds: list[str]) -> None:
    """Nobody makes the page reload without pause, or lead elsewhere, by a link."""
    metas = Reader(index(SMALL, refresh=refresh)).all("meta")
    assert [one["content"] for one in metas if one.get("http-equiv") == "refresh"] == seconds


FAILING = Source("acm", "111122223333", "us-east-1", success=False, error="denied: acm:SearchCertificates")


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        (snapshot(), "No certificate was seen so far: wait for the first sweep to end."),
        (
            snapshot(ready=True),
            (
                "ACM has no certificate here (111122223333 us-east-1). Name the accounts and regions that have "
                "some under aws.accounts in the configuration."
            ),
        ),
        (
            snapshot(ready=True, sources=(FAILING,)),
            "No certificate could be read: see the sources that fail, above.",
        ),
        (snapshot(), "No endpoint was looked at so far."),
        (snapshot(spots=(spot(),)), "None: each endpoint answered when it was last looked at."),
    ],
    ids=["first sweep", "none", "failing", "no endpoint", "all answer"],
)
def test_empty_states_say_what_to_do(shown: Snapshot, says: str) -> None:
    """An empty list is explained."""
    assert says in Reader(index(shown)).of("p")


def test_first_sweep_is_told() -> None:
    """Half the picture is not taken for the whole."""
    told = "The first sweep is under way."
    assert told in Reader(index(snapshot(case()))).of("strong")
    assert told not in Reader(index(snapshot(case(), ready=True))).of("strong")


def test_a_shard_says_that_it_is_one() -> None:
    """Whoever misses a certificate on the page learns that other shards have the others."""
    told = "This is shard 1 of 3, counted from 0; the others show their own share."
    assert told in Reader(index(snapshot(case(), shard=Shard(1, 3)))).of("p")
    assert "This is shard" not in index(snapshot(case()))


def test_endpoints_that_count_for_certificates_of_other_shards_are_no_strangers() -> None:
    """What another shard judges belongs to a certificate all the same."""
    seen = replace(SEEN, endpoint=Endpoint("other.org", 443, "192.0.2.99"))
    title = "Endpoints that belong to no certificate"
    for matches, there in (((), True), (((OTHER_ARN, True),), False)):
        shown = snapshot(case(), spots=(spot(), spot(seen, serial_matches=matches)), shard=Shard(1, 3))
        assert (title in Reader(index(shown)).of("h2")) is there


def test_failing_sources_come_first() -> None:
    """When the exporter is blind, that is said before anything that it saw."""
    sound = ["Worst first", "Latest looks that failed", "Sources", "Rules in force"]
    assert Reader(index(snapshot(case()))).of("h2") == sound
    html = index(snapshot(case(), sources=(*SOURCES, FAILING)))
    assert Reader(html).of("h2") == ["Sources that fail", *sound]
    assert html.index("denied: acm:SearchCertificates") < html.index("Worst first")


def test_strangers_and_failed_looks() -> None:
    """Endpoints of no certificate stand by themselves, and looks that failed are listed, the latest first."""
    other = replace(SEEN, endpoint=Endpoint("other.org", 443, "192.0.2.99"))
    earlier = replace(REFUSED, endpoint=Endpoint("early.org", 443, ""), at=NOON - DAY)
    spots = (
        *(spot(), spot(other, serial_matches=()), spot(earlier, name_match=None)),
        spot(REFUSED, serial_matches=()),
    )
    shown = snapshot(
        case(looks=(SEEN, earlier)), spots=spots, tally={("tls", "ok"): 7, ("tls", "no_address"): 2}
    )
    read = Reader(index(shown))
    rows = [text for text in read.of("th") if " at " in text or text == "early.org"]
    assert rows == [
        "other.org at 192.0.2.99",
        "example.com:8443 at 192.0.2.11",
        "example.com:8443 at 192.0.2.11",
        "early.org",
    ]
    assert read.of("dd")[0] == "7 ok, 2 no address"
    narrowed = Reader(index(shown, q="OTHER"))
    assert next(text for text in narrowed.of("th") if " at " in text) == "other.org at 192.0.2.99"
    for show, there in (("problems", False), ("renews", False), ("", True)):
        assert ("other.org at 192.0.2.99" in Reader(index(shown, show=show)).of("th")) is there


def test_long_lists_are_cut_and_say_so() -> None:
    """A load balancer with many addresses, or an outage of everything, does not bury the rest of the page."""
    looks = tuple(replace(REFUSED, endpoint=Endpoint("a.org", 443, f"192.0.2.{n}")) for n in range(60))
    one = case(looks=looks, word=Word.BLOCKED, caa=finding(BREAKS, "so"))
    read = Reader(index(snapshot(one, spots=tuple(spot(look, name_match=None) for look in looks))))
    assert len([text for text in read.of("th") if text.startswith("a.org at")]) == 50
    assert "10 more failed; /api/v1/certificates has them all." in read.of("p")
    assert len([text for text in read.of("li") if text.startswith("a.org at")]) == 6
    assert "and 54 more endpoints" in read.of("li")


def test_records_say_whether_they_stand() -> None:
    """Which of the records is to be created, which stands, and which was not seen yet."""
    one = replace(CERTIFICATE, details=detailed(validations=tuple(map(by_dns, ("a.org", "b.org", "c.org")))))
    html = portrait(case(one, records=(("_token.a.org", True), ("_token.b.org", False))))
    assert re.findall('Record <span class="([a-z]+)">([^<]*)</span></p><pre><code>([^ ]*)', html) == [
        ("good", "as ACM wants it", "_token.a.org"),
        ("bad", "to be created", "_token.b.org"),
        ("unsure", "not seen", "_token.c.org"),
    ]


def test_title_says_the_worst() -> None:
    """Among many tabs the one with trouble is seen."""
    titles = [
        Reader(index(shown)).of("title")
        for shown in (snapshot(*FLEET), snapshot(case(), ready=True), snapshot())
    ]
    assert titles == [
        ["1 will not renew, 1 not served, 1 unknown · acm-exporter"],
        ["all is well · acm-exporter"],
        ["certificates · acm-exporter"],
    ]


# --- what comes from outside ---------------------------------------------------------------------------


def foreign(text: str) -> Snapshot:
    """Make a snapshot that has a text in every field that takes one from outside."""
    record = Validation(text, text, text, text, text, text, (text,), text, text)
    details = Details((text,), (record,), text, text, NOON, text, text, text)
    certificate = replace(
        CERTIFICATE, arn=text, account=text, region=text, domain=text, names=(text, text + "x"), type=text,
        status=text, key_algorithm=text, key_pair_origin=text, managed_by=text, validation_method=text,
        eligibility=text, renewal_status=text, details=Seen(details), tags={text: text},
        behind={text: Seen(Description(text, (text,)))},
    )  # fmt: skip
    leaf = Served(1, (text,), NOON, ENDS, text, text, text, text, text, False, text, ENDS, 1)
    sound = replace(SEEN, endpoint=Endpoint(text, 443, text), sight=Seen(leaf), last=leaf)
    failed = replace(REFUSED, endpoint=Endpoint(text, 8443, text), sight=Unseen(Why.REFUSED, text))
    found = {rule.code: finding(BREAKS, text, text) for rule in RULES}
    one = case(certificate, Word.BLOCKED, (sound,), ((text.rstrip(".").lower(), False),), **found)
    spots = tuple(Spot(seen, {text: text}, False, ((text, False),)) for seen in (sound, failed))
    held = replace(OLD, issuer=text, subject=text)
    lies = FileLook(text, Unseen(Why.BAD_PASSWORD, text), NOON, held, NOON)
    one = replace(one, evidence=replace(one.evidence, files=(lies,)))
    source = Source(text, text, text, False, 1.0, NOON, text)
    return snapshot(
        one, spots=spots, sources=(source,), tally={(text, text): 1}, files=(Filed(lies, ((text, False),)),)
    )


def skeleton(html: str) -> list[tuple[str, dict[str, str | None]]]:
    """Give the elements with their attributes, but for the values that may hold text from outside."""
    free = ("href", "value")
    return [
        (tag, {name: None if name in free else value for name, value in attributes.items()})
        for tag, attributes in Reader(html).elements
    ]


def written(text: str) -> tuple[str, str]:
    """Write both pages of a snapshot that is full of a text."""
    shown = foreign(text)
    own = page.certificate(shown, text)
    assert own is not None
    return page.index(shown, {"q": text.strip()}), own


PLAIN = [skeleton(html) for html in written("plain")]


@given(st.text(st.characters(exclude_categories=()), min_size=1).filter(lambda text: text.strip() != ""))
@example("<script>alert(1)</script>")
@example("\"><img src=x onerror='alert(1)'>")
@example("' onmouseover='alert(1)")
@example("</title></style></code></pre><h1>")
@example("<!-- &lt; &#0; ]]>")
@example("javascript:alert(1)//`\\")
@example("a\x00\x1b[2J\nb\u202ec\ud800")
def test_no_text_from_outside_becomes_markup(text: str) -> None:
    """Whatever a subject, a SAN, an error, a tag or a label holds: the page has the same elements and attributes."""
    pages = written(text)
    assert [skeleton(html) for html in pages] == PLAIN
    for html in pages:
        html.encode()  # lone surrogates would make it impossible
        for link in Reader(html).all("a"):
            href = urlsplit(link["href"] or "")
            assert (href.scheme, href.netloc) in {("", ""), ("https", "console.aws.amazon.com")}
            assert re.fullmatch(r"[A-Za-z0-9/:._~%?&=#+-]*", link["href"] or "")


def test_text_from_outside_is_shown_as_it_is() -> None:
    """A strange subject is still readable: only what cannot be seen becomes a mark."""
    _, html = written("<b>&amp;\x00\u202e'\"")
    assert Reader(html).of("h1") == ["<b>&amp;\ufffd\ufffd'\""]


def test_only_one_module_makes_markup() -> None:
    """Text becomes HTML in one place, so that one place has to be right."""
    folder = Path(page.__file__).parent
    makers = [file.name for file in folder.glob("*.py") if re.search(r"\bMarkup\(", file.read_text())]
    assert makers == ["markup.py"]


# --- what the browser is told --------------------------------------------------------------------------


def test_policy_allows_our_style_and_nothing_else() -> None:
    """The hash in the header is that of the style in the page, and nothing in the page needs more."""
    (style,) = Reader(index(SMALL)).of("style")
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert page.HEADERS["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{allowed}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    for html in (index(SMALL), portrait(BLOCKED, spot())):
        elements = Reader(html).elements
        assert {tag for tag, _ in elements} & {"script", "link", "img", "iframe", "object"} == set()
        assert {
            name for _, attributes in elements for name in attributes if name.startswith(("on", "style"))
        } == set()


PAGES = [
    index(snapshot(*FLEET, spots=(spot(), spot(REFUSED)), sources=(*SOURCES, FAILING))),
    portrait(BLOCKED, spot()),
]


@pytest.mark.parametrize("html", PAGES, ids=["overview", "certificate"])
def test_pages_can_be_read_aloud(html: str) -> None:
    """Language, landmarks, one first heading, headings in order, named tables and fields, unique ids."""
    read = Reader(html)
    assert read.all("html") == [{"lang": "en"}]
    assert [len(read.all(tag)) for tag in ("header", "main", "footer", "h1", "title")] == [1, 1, 1, 1, 1]
    headings = [int(tag[1]) for tag, _ in read.elements if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))
    assert all(one.get("scope") in ("row", "col") for one in read.all("th"))
    assert len(read.all("caption")) == len(read.all("table")) > 0
    fields = [one["id"] for one in (*read.all("input"), *read.all("select"))]
    assert [one["for"] for one in read.all("label")] == fields
    assert all(one.get("aria-label") for one in read.all("nav"))
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_colour_has_a_mark_and_can_be_read() -> None:
    """Text stands out by 4.5 to 1 at least (WCAG 2.2, 1.4.3), in light and in dark; no colour speaks alone."""
    schemes = [
        dict(re.findall(r"--(\w+): (#\w{6});", block))
        for block in re.findall(r":root \{([^}]*)\}", page.STYLE)
    ]
    inks, grounds = ("text", "quiet", "link", "good", "bad", "unsure"), ("page", "card", "tint", "code")
    assert len(schemes) == 2
    weak = [
        (ink, ground)
        for one in schemes
        for ink in inks
        for ground in grounds
        if _contrast(one[ink], one[ground]) < 4.5
    ]
    assert weak == []
    for kind in ("good", "bad", "unsure", "none"):
        assert re.search(rf'^\.{kind}::before {{ content: "\S', page.STYLE, re.MULTILINE)


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
