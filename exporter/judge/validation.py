"""Rules on what ACM must find in DNS, in a mailbox or on the web before it may renew."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from exporter.facts import (
    Answer,
    Ask,
    Caa,
    CaaRecord,
    Certificate,
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
from exporter.judge.names import normal
from exporter.judge.renewal import USER_GUIDE
from exporter.judge.rule import (
    HOLDS,
    Finding,
    Policy,
    Scope,
    breaks,
    public,
    rule,
    unknown,
    unsaid,
    validated_by,
    worst,
)

AMAZON = frozenset({"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"})
LONGEST_CHAIN = 5  # AWS: troubleshooting-DNS-validation
KNOWN_TAGS = frozenset(
    {"issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"}
)
CRITICAL = 128  # RFC 8659, section 4.1
_PARAMETER = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9])*[ \t]*=[ \t]*[!-:<-~]*")  # RFC 8659, section 4.2


def questions(certificate: Certificate) -> tuple[Question, ...]:
    """List everything that the rules of this module want answered about a certificate, each once."""
    if public(certificate) is not True:
        return ()
    asked = [Question(Ask.CAA, _base(name)) for name in certificate.names]
    for validation in _validations(certificate):
        if validation.record_name:
            asked.append(Question(Ask.CNAME, normal(validation.record_name)))
        if certificate.validation_method == "EMAIL":
            asked.append(Question(Ask.MX, _mail_domain(validation)))
        if validation.redirect_from:
            asked.append(Question(Ask.TOKEN, validation.redirect_from, validation.redirect_to))
    return tuple(dict.fromkeys(asked))


def records(certificate: Certificate, answers: Mapping[Question, Answer]) -> Iterable[tuple[str, bool]]:
    """Tell of each validation record that was ever seen whether it is as ACM wants it."""
    stands: dict[str, bool] = {}
    for one in _validations(certificate):
        name = normal(one.record_name)
        match answers.get(Question(Ask.CNAME, name)):
            case Cname() as cname if one.record_value:
                stands[name] = _stands(one, cname)
            case _:
                pass
    return stands.items()


def _stands(validation: Validation, answer: Cname) -> bool:
    # AWS (dns-validation): the target also counts without its leading underscore
    wanted = normal(validation.record_value)
    links = [normal(link) for link in answer.chain[:LONGEST_CHAIN]]
    return wanted in links or wanted.removeprefix("_") in links


@rule(
    current=Scope.RENEWAL,
    classic=Scope.RENEWAL,
    cites=f"{USER_GUIDE}/dns-renewal-validation.html",
    remedy="create the CNAME record that ACM wants",
    applies=validated_by("DNS"),
)
def validation_records(evidence: Evidence, _: Policy, __: datetime) -> Finding:
    """Each name of a DNS-validated certificate has its CNAME where ACM looks for it."""
    validations = _validations(evidence.certificate)
    if not validations:
        return unsaid(evidence.certificate, "the validation records")
    return worst(_record(v, evidence) for v in validations)


def _record(validation: Validation, evidence: Evidence) -> Finding:
    if not (validation.record_name and validation.record_value):
        return unsaid(evidence.certificate, f"the validation record of {validation.name}")
    name = normal(validation.record_name)
    record = f"{name}. CNAME {normal(validation.record_value)}."
    remedy = f"create: {record}"
    match sight := _answer(evidence, Question(Ask.CNAME, name)):
        case Unseen(why=Why.DNSSEC_BOGUS):
            says = f"{name}: DNSSEC validation fails (bogus), so no authority may use the answer"
            return breaks(says, f"mend the zone's DNSSEC signatures or its DS record; then {remedy}")
        case Seen(value=Cname() as cname) if _stands(validation, cname):
            return HOLDS
        case Seen(value=Cname(chain=()) as cname) if cname.doubled:
            says = f"{name}: no CNAME there, but one stands with the zone written twice"
            return breaks(says, f"remove the doubled zone suffix; {remedy}")
        case Seen(value=Cname(chain=())):
            return breaks(f"{name}: no CNAME", remedy)
        case Seen(value=Cname(chain=chain)) if len(chain) > LONGEST_CHAIN:
            says = f"{name}: a chain of {len(chain)} CNAMEs, and ACM follows {LONGEST_CHAIN}"
            return breaks(says, f"shorten the chain to: {record}")
        case Seen(value=Cname(chain=chain)):
            return breaks(f"{name}: points to {chain[-1]}, not to ACM's target", f"change it to: {record}")
        case _:
            return _blind(name, "CNAME", sight)


@rule(
    current=Scope.RENEWAL,
    classic=Scope.RENEWAL,
    cites="RFC 8659; https://docs.aws.amazon.com/acm/latest/userguide/setup-caa.html",
    remedy="let a CAA record allow amazon.com",
    applies=public,
)
def caa(evidence: Evidence, _: Policy, __: datetime) -> Finding:
    """The CAA records of each name let Amazon issue, or there are none."""
    names = evidence.certificate.names
    if not names:
        return unsaid(evidence.certificate, "its names")
    return worst(_caa(name, _answer(evidence, Question(Ask.CAA, _base(name)))) for name in names)


def _caa(name: str, sight: Sight[Answer]) -> Finding:
    match sight:
        case Unseen(why=Why.DNSSEC_BOGUS):
            says = f"{name}: DNSSEC validation of its CAA records fails (bogus)"
            return breaks(says, "mend the zone's DNSSEC signatures or its DS record")
        case Seen(value=Caa() as found):
            wildcard = name.startswith("*.")
            if permits(found.records, wildcard=wildcard):
                return HOLDS
            if strange := [r for r in found.records if is_strange(r)]:
                says = f"{name}: CAA at {found.found_at} has an unknown critical tag ({_shown(strange)})"
                return breaks(says, "remove that record, or clear its critical flag")
            tag = "issuewild" if wildcard and _tagged(found.records, "issuewild") else "issue"
            records = _shown(found.records)
            says = f"{name}: CAA at {found.found_at} allows none of Amazon's authorities ({records})"
            return breaks(says, f'add: {found.found_at}. CAA 0 {tag} "amazon.com"')
        case _:
            return _blind(_base(name), "CAA", sight)


def permits(records: Iterable[CaaRecord], *, wildcard: bool) -> bool:
    """Tell whether a relevant CAA set lets Amazon issue (RFC 8659, sections 4.2, 4.3 and 4.5)."""
    records = list(records)
    if any(is_strange(r) for r in records):
        return False
    relevant = (_tagged(records, "issuewild") if wildcard else []) or _tagged(records, "issue")
    return not relevant or any(_issuer(r.value) in AMAZON for r in relevant)


def _issuer(value: str) -> str:
    """Return the authority that an issue value names; "" where it names none or breaks the grammar."""
    name, _, rest = value.partition(";")
    parameters = [one.strip(" \t") for one in rest.split(";")] if rest.strip(" \t") else []
    return name.strip(" \t").lower() if all(_PARAMETER.fullmatch(one) for one in parameters) else ""


def is_strange(record: CaaRecord) -> bool:
    """Tell whether a record is critical and of a tag that authorities do not know (RFC 8659, section 4.1)."""
    return bool(record.flags & CRITICAL) and record.tag.lower() not in KNOWN_TAGS


def _shown(records: Iterable[CaaRecord]) -> str:
    return ", ".join(f'{r.flags} {r.tag} "{r.value}"' for r in records)


def _tagged(records: Iterable[CaaRecord], tag: str) -> list[CaaRecord]:
    return [r for r in records if r.tag.lower() == tag]


@rule(
    current=Scope.RENEWAL,
    classic=Scope.RENEWAL,
    cites=f"{USER_GUIDE}/email-renewal-validation.html",
    remedy="resend the validation mail and approve it, or migrate to DNS validation in place",
    applies=validated_by("EMAIL"),
)
def approval_mail(evidence: Evidence, _: Policy, __: datetime) -> Finding:
    """Nobody's approval is being waited for, and the validation domains can receive mail."""
    certificate = evidence.certificate
    validations = _validations(certificate)
    waiting = "PENDING_VALIDATION" in (certificate.renewal_status, certificate.status)
    if not validations and waiting:
        return breaks("approval is pending; to whom the mail went is not known", approval_mail.remedy)
    if not validations:
        return unsaid(certificate, "the validation domains")
    return worst(_mail(v, evidence, waiting=waiting) for v in validations)


def _mail(validation: Validation, evidence: Evidence, *, waiting: bool) -> Finding:
    domain = _mail_domain(validation)
    receivable = HOLDS
    match sight := _answer(evidence, Question(Ask.MX, domain)):
        case Seen(value=Mx(hosts=())):
            says = f"{validation.name}: {domain} has no MX, so validation mail cannot arrive"
            receivable = breaks(says, f"give {domain} an MX, or migrate to DNS validation in place")
        case Seen(value=Mx()):
            pass
        case _:
            receivable = _blind(domain, "MX", sight)
    if not waiting or validation.status == "SUCCESS":
        return receivable
    to = (
        ", ".join(validation.mailboxes) or f"admin, administrator, hostmaster, postmaster, webmaster@{domain}"
    )
    state = "has failed" if validation.status == "FAILED" else "is pending"
    approval = breaks(f"{validation.name}: approval {state}; the mail went to {to}", approval_mail.remedy)
    return worst([approval, receivable])


@rule(
    current=Scope.RENEWAL,
    classic=Scope.RENEWAL,
    cites=f"{USER_GUIDE}/http-renewal-validation.html",
    remedy="let /.well-known/pki-validation/ through to ACM's token",
    applies=validated_by("HTTP"),
)
def http_token(evidence: Evidence, _: Policy, __: datetime) -> Finding:
    """Each name of an HTTP-validated certificate leads to ACM's token on port 80."""
    validations = _validations(evidence.certificate)
    if not validations:
        return unsaid(evidence.certificate, "the validation URLs")
    return worst(_token(v, evidence) for v in validations)


def _token(validation: Validation, evidence: Evidence) -> Finding:
    if not (validation.redirect_from and validation.redirect_to):
        return unsaid(evidence.certificate, f"the validation URLs of {validation.name}")
    question = Question(Ask.TOKEN, validation.redirect_from, validation.redirect_to)
    match sight := _answer(evidence, question):
        case Seen(value=Token(matches=True)):
            return HOLDS
        case Seen(value=Token(met=met)):
            says = f"{validation.redirect_from} does not lead to ACM's token: {met}"
            return breaks(says, f"let {validation.redirect_from} redirect to {validation.redirect_to}")
        case _:
            return _blind(validation.redirect_from, "token", sight)


def _blind(name: str, kind: str, sight: Sight[Answer]) -> Finding:
    match sight:
        case Unseen(why=Why.NOT_YET):
            return unknown(Why.NOT_YET, f"{name}: {kind} not looked at yet")
        case Unseen(why=why, detail=detail):
            return unknown(why, f"{name}: {kind} could not be looked up: {detail or why}")
        case Seen(value=value):
            return unknown(Why.BUG, f"{name}: asked for {kind}, got {type(value).__name__}")


def _answer(evidence: Evidence, question: Question) -> Sight[Answer]:
    return evidence.answers.get(question, Unseen(Why.NOT_YET))


def _validations(certificate: Certificate) -> tuple[Validation, ...]:
    return certificate.details.value.validations if isinstance(certificate.details, Seen) else ()


def _mail_domain(validation: Validation) -> str:
    return normal(validation.mail_domain) or _base(validation.name)


def _base(name: str) -> str:
    return normal(name.removeprefix("*."))
