"""What stands in DNS, in mailboxes and on the web decides as ACM would see it."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.facts import (
    Answer,
    Ask,
    Caa,
    CaaRecord,
    Cname,
    Evidence,
    Mx,
    Question,
    Seen,
    Sight,
    Token,
    Unseen,
    Validation,
    Why,
)
from exporter.judge.rule import HOLDS, MOOT, Policy, RuleSet
from exporter.judge.validation import permits, questions, records
from exporter.judge.verdict import RULES
from tests.evidence import (
    ACME,
    CERTIFICATE,
    EMAIL,
    HEALTHY,
    HTTP,
    IMPORTED,
    NOON,
    PRIVATE,
    Trial,
    answered,
    blind,
    broken,
    but,
    by_dns,
    by_http,
    by_mail,
    detailed,
    record_of,
)

CHECKS = {rule.code: rule for rule in RULES}
ABSENT = "wait until ACM tells it; if it stays, look at the certificate in the AWS console"
RESOLVER = "check the exporter's resolver, then the zone's name servers"
SIGNATURES = "mend the zone's DNSSEC signatures or its DS record"
RECORD, TARGET = record_of("www.example.com")
WANTED = f"{RECORD}. CNAME {TARGET}."
METHOD_UNTOLD = blind(Why.ABSENT, "ACM's answer does not tell the validation method", ABSENT)
TYPE_UNTOLD = blind(Why.ABSENT, "ACM's answer does not tell the certificate's type", ABSENT)
DENIED = Unseen(Why.DENIED, "not authorized")
CNAME = Question(Ask.CNAME, RECORD)
CAA_WWW = Question(Ask.CAA, "www.example.com")
MAIL = Question(Ask.MX, "example.com")
(*_, PAGE) = (one for one in questions(HTTP.certificate) if one.ask is Ask.TOKEN)


def www(sight: Sight[Answer] | Answer, base: Evidence = HEALTHY, question: Question = CNAME) -> Evidence:
    """Change one answer."""
    return answered(base, {question: sight if isinstance(sight, Seen | Unseen) else Seen(sight)})


def validated(base: Evidence, *validations: Validation) -> Evidence:
    """Change how the names are validated."""
    return but(base, details=detailed(validations=validations))


VALIDATION_RECORDS = (
    Trial("both records stand", "validation_records", HEALTHY, HOLDS),
    Trial("upper case and a trailing dot", "validation_records", www(Cname((TARGET.upper() + ".",))), HOLDS),
    Trial("without its leading underscore", "validation_records", www(Cname((TARGET[1:],))), HOLDS),
    Trial("as the fifth link", "validation_records", www(Cname((*"abcd", TARGET))), HOLDS),
    Trial("followed by a link of ACM's own", "validation_records", www(Cname((TARGET, "x.aws"))), HOLDS),
    Trial(
        "as the sixth link",
        "validation_records",
        www(Cname((*"abcde", TARGET))),
        broken(f"{RECORD}: a chain of 6 CNAMEs, and ACM follows 5", f"shorten the chain to: {WANTED}"),
    ),
    Trial("gone", "validation_records", www(Cname(())), broken(f"{RECORD}: no CNAME", f"create: {WANTED}")),
    Trial(
        "written with the zone twice",
        "validation_records",
        www(Cname((), doubled=(TARGET,))),
        broken(
            f"{RECORD}: no CNAME there, but one stands with the zone written twice",
            f"remove the doubled zone suffix; create: {WANTED}",
        ),
    ),
    Trial(
        "pointing elsewhere",
        "validation_records",
        www(Cname(("a.example.net", "b.example.net"))),
        broken(f"{RECORD}: points to b.example.net, not to ACM's target", f"change it to: {WANTED}"),
    ),
    Trial(
        "without the underscore in its name's stead",
        "validation_records",
        www(Cname((TARGET[2:],))),
        broken(f"{RECORD}: points to {TARGET[2:]}, not to ACM's target", f"change it to: {WANTED}"),
    ),
    Trial(
        "DNSSEC is bogus",
        "validation_records",
        www(Unseen(Why.DNSSEC_BOGUS)),
        broken(
            f"{RECORD}: DNSSEC validation fails (bogus), so no authority may use the answer",
            f"{SIGNATURES}; then create: {WANTED}",
        ),
    ),
    Trial(
        "the resolver fails",
        "validation_records",
        www(Unseen(Why.RESOLVER_FAILURE, "127.0.0.1 says SERVFAIL")),
        blind(
            Why.RESOLVER_FAILURE,
            f"{RECORD}: CNAME could not be looked up: 127.0.0.1 says SERVFAIL",
            RESOLVER,
        ),
    ),
    Trial(
        "the resolver says nothing",
        "validation_records",
        www(Unseen(Why.RESOLVER_TIMEOUT)),
        blind(Why.RESOLVER_TIMEOUT, f"{RECORD}: CNAME could not be looked up: resolver_timeout", RESOLVER),
    ),
    Trial(
        "not asked yet",
        "validation_records",
        replace(HEALTHY, answers={}),
        blind(
            Why.NOT_YET,
            f"_token.example.com: CNAME not looked at yet; {RECORD}: CNAME not looked at yet",
            "wait for the next look",
        ),
    ),
    Trial(
        "one is gone, and of the other nothing is known",
        "validation_records",
        answered(
            HEALTHY, {CNAME: Seen(Cname(())), Question(Ask.CNAME, "_token.example.com"): Unseen(Why.BUG)}
        ),
        broken(f"{RECORD}: no CNAME", f"create: {WANTED}"),
    ),
    Trial(
        "five are gone",
        "validation_records",
        answered(
            validated(HEALTHY, *(by_dns(name) for name in "abcde")),
            {Question(Ask.CNAME, f"_token.{name}"): Seen(Cname(())) for name in "abcde"},
        ),
        broken(
            "_token.a: no CNAME; _token.b: no CNAME; _token.c: no CNAME; and 2 more",
            "create: _token.a. CNAME _target.a.acm-validations.aws.; "
            "create: _token.b. CNAME _target.b.acm-validations.aws.; "
            "create: _token.c. CNAME _target.c.acm-validations.aws.; and 2 more",
        ),
    ),
    Trial(
        "a wildcard and its base share one, which is gone",
        "validation_records",
        www(
            Cname(()),
            validated(HEALTHY, by_dns("www.example.com"), by_dns("*.www.example.com")),
        ),
        broken(f"{RECORD}: no CNAME", f"create: {WANTED}"),
    ),
    Trial(
        "ACM has not told one of the records yet",
        "validation_records",
        validated(HEALTHY, by_dns("example.com"), Validation("www.example.com", "DNS")),
        blind(Why.ABSENT, "ACM's answer does not tell the validation record of www.example.com", ABSENT),
    ),
    Trial(
        "ACM tells no target",
        "validation_records",
        www(Cname(("",)), validated(HEALTHY, by_dns("www.example.com", record_value=""))),
        blind(Why.ABSENT, "ACM's answer does not tell the validation record of www.example.com", ABSENT),
    ),
    Trial(
        "an answer to another question is our bug",
        "validation_records",
        www(Mx(())),
        blind(Why.BUG, f"{RECORD}: asked for CNAME, got Mx", "report it with the exporter's log"),
    ),
    Trial(
        "may not be described",
        "validation_records",
        but(details=DENIED),
        blind(
            Why.DENIED,
            "ACM could not tell the validation records: not authorized",
            "allow the exporter's IAM role to read ACM",
        ),
    ),
    Trial("its method is not told", "validation_records", but(validation_method=""), METHOD_UNTOLD),
    Trial("its type is not told", "validation_records", but(type=""), TYPE_UNTOLD),
    Trial("validated by e-mail", "validation_records", EMAIL, MOOT),
    Trial("private", "validation_records", PRIVATE, MOOT),
    Trial("an ACME client's", "validation_records", ACME, MOOT),
)


def caa(*records: str, found_at: str = "example.com", name: str = "www.example.com") -> Evidence:
    """Make a certificate for one name with a CAA set, written as in a zone file."""
    return answered(
        but(names=(name,)),
        {Question(Ask.CAA, name.removeprefix("*.")): Seen(Caa(found_at, tuple(map(caa_record, records))))},
    )


def caa_record(text: str) -> CaaRecord:
    """Read `0 issue "amazon.com"`."""
    flags, tag, value = text.split(" ", 2)
    return CaaRecord(int(flags), tag, value.strip('"'))


CAA_TRIALS = (
    Trial("no records", "caa", HEALTHY, HOLDS),
    Trial("Amazon may", "caa", caa('0 issue "letsencrypt.org"', '0 issue "amazon.com"'), HOLDS),
    Trial(
        "only another may",
        "caa",
        caa('0 issue "letsencrypt.org"', '0 iodef "mailto:ca@example.com"'),
        broken(
            "www.example.com: CAA at example.com allows none of Amazon's authorities "
            '(0 issue "letsencrypt.org", 0 iodef "mailto:ca@example.com")',
            'add: example.com. CAA 0 issue "amazon.com"',
        ),
    ),
    Trial(
        "nobody may",
        "caa",
        caa('0 issue ";"', found_at="www.example.com"),
        broken(
            'www.example.com: CAA at www.example.com allows none of Amazon\'s authorities (0 issue ";")',
            'add: www.example.com. CAA 0 issue "amazon.com"',
        ),
    ),
    Trial(
        "no wildcards",
        "caa",
        caa('0 issue "amazon.com"', '0 issuewild ";"', name="*.example.com"),
        broken(
            "*.example.com: CAA at example.com allows none of Amazon's authorities "
            '(0 issue "amazon.com", 0 issuewild ";")',
            'add: example.com. CAA 0 issuewild "amazon.com"',
        ),
    ),
    Trial(
        "wildcards follow issue where there is no issuewild",
        "caa",
        caa('0 issue "pki.goog"', name="*.example.com"),
        broken(
            '*.example.com: CAA at example.com allows none of Amazon\'s authorities (0 issue "pki.goog")',
            'add: example.com. CAA 0 issue "amazon.com"',
        ),
    ),
    Trial("no wildcards, which this is not", "caa", caa('0 issuewild ";"'), HOLDS),
    Trial(
        "a critical tag that nobody knows",
        "caa",
        caa('0 issue "amazon.com"', '128 tbs "x"'),
        broken(
            'www.example.com: CAA at example.com has an unknown critical tag (128 tbs "x")',
            "remove that record, or clear its critical flag",
        ),
    ),
    Trial(
        "DNSSEC is bogus",
        "caa",
        www(Unseen(Why.DNSSEC_BOGUS), question=CAA_WWW),
        broken("www.example.com: DNSSEC validation of its CAA records fails (bogus)", SIGNATURES),
    ),
    Trial(
        "the resolver fails for one name",
        "caa",
        www(Unseen(Why.RESOLVER_FAILURE, "SERVFAIL"), question=CAA_WWW),
        blind(Why.RESOLVER_FAILURE, "www.example.com: CAA could not be looked up: SERVFAIL", RESOLVER),
    ),
    Trial(
        "its names are not told",
        "caa",
        but(names=()),
        blind(Why.ABSENT, "ACM's answer does not tell its names", ABSENT),
    ),
    Trial("its type is not told", "caa", but(type=""), TYPE_UNTOLD),
    Trial("private", "caa", PRIVATE, MOOT),
    Trial("imported", "caa", IMPORTED, MOOT),
)

RESEND = "resend the validation mail and approve it, or migrate to DNS validation in place"
WAITING = but(EMAIL, renewal_status="PENDING_VALIDATION")
NO_MX = "give example.com an MX, or migrate to DNS validation in place"


def waits(*validations: Validation) -> Evidence:
    """Make a renewal that waits for approval."""
    return validated(WAITING, *validations)


APPROVAL_MAIL = (
    Trial("nobody is waited for", "approval_mail", EMAIL, HOLDS),
    Trial("all have approved", "approval_mail", WAITING, HOLDS),
    Trial(
        "one has not",
        "approval_mail",
        waits(
            by_mail("example.com"),
            by_mail(
                "www.example.com",
                status="PENDING_VALIDATION",
                mailboxes=("admin@example.com", "webmaster@example.com"),
            ),
        ),
        broken(
            "www.example.com: approval is pending; the mail went to admin@example.com, webmaster@example.com",
            RESEND,
        ),
    ),
    Trial(
        "first issue, mailboxes not told",
        "approval_mail",
        but(
            EMAIL,
            status="PENDING_VALIDATION",
            details=detailed(validations=(by_mail("*.example.com", status="", mail_domain=""),)),
        ),
        broken(
            "*.example.com: approval is pending; the mail went to "
            "admin, administrator, hostmaster, postmaster, webmaster@example.com",
            RESEND,
        ),
    ),
    Trial(
        "it waits, and for whom may not be read",
        "approval_mail",
        but(WAITING, details=DENIED),
        broken("approval is pending; to whom the mail went is not known", RESEND),
    ),
    Trial(
        "no mail can arrive",
        "approval_mail",
        www(Mx(()), EMAIL, MAIL),
        broken(
            "example.com: example.com has no MX, so validation mail cannot arrive; "
            "www.example.com: example.com has no MX, so validation mail cannot arrive",
            NO_MX,
        ),
    ),
    Trial(
        "no mail can arrive, and it is waited for",
        "approval_mail",
        www(Mx(()), waits(by_mail("www.example.com", status="FAILED", mailboxes=("a@example.com",))), MAIL),
        broken(
            "www.example.com: approval has failed; the mail went to a@example.com; "
            "www.example.com: example.com has no MX, so validation mail cannot arrive",
            f"{RESEND}; {NO_MX}",
        ),
    ),
    Trial(
        "the resolver fails",
        "approval_mail",
        www(Unseen(Why.RESOLVER_FAILURE, "SERVFAIL"), EMAIL, MAIL),
        blind(Why.RESOLVER_FAILURE, "example.com: MX could not be looked up: SERVFAIL", RESOLVER),
    ),
    Trial(
        "DNSSEC is bogus, which e-mail methods may overlook",
        "approval_mail",
        www(Unseen(Why.DNSSEC_BOGUS), EMAIL, MAIL),
        blind(Why.DNSSEC_BOGUS, "example.com: MX could not be looked up: dnssec_bogus", SIGNATURES),
    ),
    Trial(
        "may not be described",
        "approval_mail",
        but(EMAIL, details=DENIED),
        blind(
            Why.DENIED,
            "ACM could not tell the validation domains: not authorized",
            "allow the exporter's IAM role to read ACM",
        ),
    ),
    Trial("its method is not told", "approval_mail", but(WAITING, validation_method=""), METHOD_UNTOLD),
    Trial("validated by DNS", "approval_mail", but(renewal_status="PENDING_VALIDATION"), MOOT),
    Trial("imported", "approval_mail", but(IMPORTED, validation_method="EMAIL"), MOOT),
)

HTTP_TOKEN = (
    Trial("both names lead to the token", "http_token", HTTP, HOLDS),
    Trial(
        "one is blocked",
        "http_token",
        www(Token(matches=False, met="it answers 403"), HTTP, PAGE),
        broken(
            f"{PAGE.name} does not lead to ACM's token: it answers 403",
            f"let {PAGE.name} redirect to {PAGE.extra}",
        ),
    ),
    Trial(
        "ACM's own side cannot be reached",
        "http_token",
        www(Unseen(Why.AWS_UNREACHABLE, "refused"), HTTP, PAGE),
        blind(
            Why.AWS_UNREACHABLE,
            f"{PAGE.name}: token could not be looked up: refused",
            "open the exporter's way to AWS",
        ),
    ),
    Trial(
        "not asked yet",
        "http_token",
        validated(replace(HTTP, answers={}), by_http("example.com")),
        blind(
            Why.NOT_YET,
            "http://example.com/.well-known/pki-validation/token.txt: token not looked at yet",
            "wait for the next look",
        ),
    ),
    Trial(
        "ACM has not told one of the addresses yet",
        "http_token",
        validated(HTTP, by_http("example.com"), by_http("www.example.com", redirect_to="")),
        blind(Why.ABSENT, "ACM's answer does not tell the validation URLs of www.example.com", ABSENT),
    ),
    Trial(
        "none is told",
        "http_token",
        validated(HTTP),
        blind(Why.ABSENT, "ACM's answer does not tell the validation URLs", ABSENT),
    ),
    Trial("its method is not told", "http_token", but(HTTP, validation_method=""), METHOD_UNTOLD),
    Trial("validated by DNS", "http_token", HEALTHY, MOOT),
    Trial("private", "http_token", PRIVATE, MOOT),
)

TRIALS = (*VALIDATION_RECORDS, *CAA_TRIALS, *APPROVAL_MAIL, *HTTP_TOKEN)


@pytest.mark.parametrize("rules", RuleSet)
@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_conditions(trial: Trial, rules: RuleSet) -> None:
    """Each condition finds what the contract says, in the words that people read, under both rule sets."""
    policy = replace(trial.policy, rules=rules)
    assert CHECKS[trial.code].judge(trial.evidence, policy, trial.now) == trial.finding


@pytest.mark.parametrize(
    ("evidence", "asked"),
    [
        (
            HEALTHY,
            [
                (Ask.CAA, "example.com"),
                (Ask.CAA, "www.example.com"),
                (Ask.CNAME, "_token.example.com"),
                (Ask.CNAME, "_token.www.example.com"),
            ],
        ),
        (
            but(
                names=("example.com", "*.example.com"),
                details=detailed(validations=(by_dns("example.com"), by_dns("*.example.com"))),
            ),
            [(Ask.CAA, "example.com"), (Ask.CNAME, "_token.example.com")],
        ),
        (EMAIL, [(Ask.CAA, "example.com"), (Ask.CAA, "www.example.com"), (Ask.MX, "example.com")]),
        (
            validated(EMAIL, by_mail("*.www.example.com", mail_domain="")),
            [(Ask.CAA, "example.com"), (Ask.CAA, "www.example.com"), (Ask.MX, "www.example.com")],
        ),
        (
            validated(HTTP, by_http("www.example.com")),
            [
                (Ask.CAA, "example.com"),
                (Ask.CAA, "www.example.com"),
                (Ask.TOKEN, "http://www.example.com/.well-known/pki-validation/token.txt"),
            ],
        ),
        (but(details=DENIED), [(Ask.CAA, "example.com"), (Ask.CAA, "www.example.com")]),
        (PRIVATE, []),
        (IMPORTED, []),
        (but(type=""), []),
    ],
)
def test_questions(evidence: Evidence, asked: list[tuple[Ask, str]]) -> None:
    """What the rules need is asked, each question once, and nothing about certificates that need none."""
    assert [(one.ask, one.name) for one in questions(evidence.certificate)] == asked


@pytest.mark.parametrize("base", [HEALTHY, EMAIL, HTTP, PRIVATE, IMPORTED])
def test_every_answer_that_a_rule_wants_is_asked_for(base: Evidence) -> None:
    """A certificate never waits for an answer that nobody looks for."""
    asked = {one: base.answers[one] for one in questions(base.certificate)}
    for code in ("validation_records", "caa", "approval_mail", "http_token"):
        found = CHECKS[code].judge(replace(base, answers=asked), Policy(), NOON)
        assert found in (HOLDS, MOOT)


def test_records() -> None:
    """Each record that was ever seen is told, right or wrong; one that was not, is not."""
    seen: dict[Question, Answer] = {CNAME: Cname(())}
    assert list(records(CERTIFICATE, {})) == []
    assert list(records(CERTIFICATE, seen)) == [(RECORD, False)]
    seen[Question(Ask.CNAME, "_token.example.com")] = Cname((record_of("example.com")[1],))
    assert list(records(CERTIFICATE, seen)) == [("_token.example.com", True), (RECORD, False)]
    assert list(records(replace(CERTIFICATE, details=DENIED), seen)) == []
    untold = validated(HEALTHY, by_dns("www.example.com", record_value="")).certificate
    assert list(records(untold, seen)) == []


@pytest.mark.parametrize(
    ("text", "permitted"),
    [
        ("amazon.com", True),
        ("amazontrust.com", True),
        ("awstrust.com", True),
        ("amazonaws.com", True),
        ("AMAZON.com", True),
        (" \t amazon.com ", True),
        ("amazon.com;", True),
        ("amazon.com; ", True),
        ("amazon.com; policy=ev; a-b = ", True),
        ("amazon.com.", False),
        ("www.amazon.com", False),
        ("amazon.com; policy", False),
        ("amazon.com; policy=e v", False),
        ("amazon.com; policy=ev;", False),
        ("amazon.com policy=ev", False),
        ("", False),
        (";", False),
        ("%%%%%", False),
    ],
)
def test_issuers(text: str, *, permitted: bool) -> None:
    """A value names Amazon by the grammar of RFC 8659, section 4.2; one that breaks it names nobody."""
    assert permits([CaaRecord(0, "issue", text)], wildcard=False) is permitted


LETTERS = frozenset(string.ascii_letters + string.digits)
WSP = " \t"


def label_ends(text: str, start: int) -> set[int]:
    """Say where a label (or a tag: they share a grammar) that begins here may end."""
    ends = set()
    at = start
    while at < len(text) and (text[at] in LETTERS or text[at] == "-"):
        if text[start] == "-":
            break
        at += 1
        if text[at - 1] != "-":
            ends.add(at)
    return ends


def skip(text: str, starts: set[int], characters: str | frozenset[str]) -> set[int]:
    """Say where any number of some characters may end."""
    ends = set(starts)
    for start in starts:
        at = start
        while at < len(text) and text[at] in characters:
            at += 1
            ends.add(at)
    return ends


def one_of(text: str, starts: set[int], character: str) -> set[int]:
    """Say where exactly one character may end."""
    return {at + 1 for at in starts if text[at : at + 1] == character}


def parameters_end(text: str, starts: set[int]) -> set[int]:
    """Read `parameters`, which never end in a semicolon."""
    visible = frozenset(chr(code) for code in (*range(0x21, 0x3B), *range(0x3C, 0x7F)))
    ends: set[int] = set()
    while starts:
        tags = {end for start in starts for end in label_ends(text, start)}
        values = skip(text, skip(text, one_of(text, skip(text, tags, WSP), "="), WSP), visible)
        ends |= values
        starts = skip(text, one_of(text, skip(text, values, WSP), ";"), WSP)
    return ends


def names_amazon(text: str) -> bool:
    """Read an issue-value by walking the grammar of RFC 8659, section 4.2, with every way to read it."""
    for domain in ("amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"):
        starts = skip(text, {0}, WSP)
        after = {at + len(domain) for at in starts if text[at : at + len(domain)].lower() == domain}
        ends = skip(text, after, WSP)
        rest = skip(text, one_of(text, ends, ";"), WSP)
        ends |= rest | skip(text, parameters_end(text, rest), WSP)
        if len(text) in ends:
            return True
    return False


def permits_by_the_letter(found: list[CaaRecord], *, wildcard: bool) -> bool:
    """Decide as RFC 8659 tells it, section by section."""
    known = ["issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"]
    for one in found:
        if one.flags // 128 % 2 == 1 and one.tag.lower() not in known:  # 4.1 and 4.5
            return False
    issue = [one.value for one in found if one.tag.lower() == "issue"]
    issuewild = [one.value for one in found if one.tag.lower() == "issuewild"]
    if wildcard and issuewild:  # 4.3
        issue = issuewild
    if not issue:  # 4.2: a set without issue restricts nothing
        return True
    return any(map(names_amazon, issue))


tags = st.sampled_from(["issue", "ISSUE", "issuewild", "IssueWild", "iodef", "issuemail", "tbs", ""])
pieces = st.sampled_from(
    ["amazon.com", "AmazonTrust.com", "pki.goog", ";", " ", "\t", "a", "b-c", "-", "=", ".", "é", "%"]
)
values = st.lists(pieces, max_size=9).map("".join)
caa_records = st.builds(CaaRecord, st.sampled_from([0, 1, 127, 128, 255]), tags, values)


@given(st.lists(caa_records, max_size=4), st.booleans())
@example(found=[CaaRecord(0, "issue", "amazon.com;b-c=a ;a=")], wildcard=False)
@example(found=[CaaRecord(0, "issue", "amazon.com; =a")], wildcard=False)
def test_caa_by_the_letter(found: list[CaaRecord], wildcard: bool) -> None:
    """CAA sets are understood as by a second reader of RFC 8659."""
    assert permits(found, wildcard=wildcard) is permits_by_the_letter(found, wildcard=wildcard)


def test_a_hostile_value_is_read_quickly() -> None:
    """The longest CAA value that DNS can carry costs no more than a glance."""
    for filling in (" ", "a", "-", "a-", ";", "= ", "a="):
        text = "amazon.com;" + filling * (65_000 // len(filling)) + "\x00"
        assert permits([CaaRecord(0, "issue", text)], wildcard=False) is False
