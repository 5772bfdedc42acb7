"""Which records are missing in DNS for ACM to renew, and what stands there instead; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from exporter.facts import Answer, Ask, Caa, CaaRecord, Certificate, Cname, Question, Seen, Sight, Unseen, Why
from exporter.judge.rule import public
from exporter.judge.validation import is_strange, permits, questions, records

TTL = 300  # seconds
AMAZON = "amazon.com"


@dataclass(frozen=True, slots=True)
class Record:
    """A record set as it should be, beside what public DNS has now; values as a zone file writes them.

    For a CAA set, `values` holds what stands there too: a set is written as a whole.
    """

    name: str
    type: str  # CNAME or CAA
    values: tuple[str, ...]
    found: tuple[str, ...] = ()
    arns: tuple[str, ...] = ()
    zone: str = ""  # the apex of its zone in public DNS, "" where not known

    @property
    def added(self) -> tuple[str, ...]:
        """The values that are not there yet."""
        return tuple(one for one in self.values if one not in self.found)


@dataclass(frozen=True, slots=True)
class Missing:
    """The records to be made, and what no record can mend or nobody could see, in words."""

    records: tuple[Record, ...] = ()
    notes: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


def missing(
    certificates: Iterable[Certificate],
    answers: Mapping[Question, Sight[Answer]],
    aliases: Mapping[str, tuple[str, ...]] | None = None,
) -> Missing:
    """Gather what is missing for some certificates, each record once.

    `aliases` has the CNAMEs of names that have a CAA set: a set behind an alias is its target's.
    """
    found = {q: sight.value for q, sight in answers.items() if isinstance(sight, Seen)}
    gathered: dict[tuple[str, str], Record] = {}
    notes: dict[str, None] = {}
    unseen: dict[str, None] = {}
    for certificate in certificates:
        for record in _cnames(certificate, found):
            _join(gathered, record)
        for outcome in _caa(certificate, found, aliases or {}):
            if isinstance(outcome, Record):
                _join(gathered, outcome)
            else:
                notes[outcome] = None
        for question in questions(certificate):
            sight = answers.get(question)
            if question.ask not in (Ask.CNAME, Ask.CAA) or not isinstance(sight, Unseen):
                continue
            if sight.why is Why.DNSSEC_BOGUS:
                notes[f"{question.name}: mend the zone's DNSSEC signatures or its DS record (bogus)"] = None
            else:
                unseen[sight.detail or f"{question.ask.upper()} {question.name}: {sight.why}"] = None
    return Missing(tuple(gathered.values()), tuple(notes), tuple(unseen))


def caa_names(certificates: Iterable[Certificate], answers: Mapping[Question, Sight[Answer]]) -> set[str]:
    """Tell at which names CAA sets stand that forbid, so that their aliases can be looked up."""
    found = {q: sight.value for q, sight in answers.items() if isinstance(sight, Seen)}
    return {name for one in certificates for _, name, _ in _forbidding(one, found)}


def _cnames(certificate: Certificate, answers: Mapping[Question, Answer]) -> Iterable[Record]:
    if certificate.validation_method != "DNS" or public(certificate) is not True:
        return
    details = certificate.details
    targets = (
        {one.record_name: one.record_value for one in details.value.validations}
        if isinstance(details, Seen)
        else {}
    )
    for name, stands in records(certificate, answers):
        answer = answers[Question(Ask.CNAME, name)]
        if not stands and isinstance(answer, Cname):
            there = tuple(f"{one}." for one in answer.chain[:1])
            yield Record(name, "CNAME", (f"{targets[name]}.",), there, (certificate.arn,))


def _caa(
    certificate: Certificate, answers: Mapping[Question, Answer], aliases: Mapping[str, tuple[str, ...]]
) -> Iterable[Record | str]:
    for name, place, records_ in _forbidding(certificate, answers):
        if strange := [one for one in records_ if is_strange(one)]:
            yield f"{place}: remove the CAA record with an unknown critical tag: {caa_text(strange[0])}"
        elif target := aliases.get(place):
            yield f'{place}: its CAA set is that of {target[-1]}, whose owner must add: 0 issue "{AMAZON}"'
        else:
            governs = name.startswith("*.") and any(one.tag.lower() == "issuewild" for one in records_)
            there = tuple(caa_text(one) for one in records_)
            added = caa_text(CaaRecord(0, "issuewild" if governs else "issue", AMAZON))
            yield Record(place, "CAA", (*there, added), there, (certificate.arn,))


def _forbidding(
    certificate: Certificate, answers: Mapping[Question, Answer]
) -> Iterable[tuple[str, str, tuple[CaaRecord, ...]]]:
    """Yield (name, where its CAA set stands, the set) for each name that Amazon may not issue for."""
    if public(certificate) is not True:
        return
    for name in certificate.names:
        match answers.get(Question(Ask.CAA, name.removeprefix("*."))):
            case Caa(found_at=place, records=found) if not permits(found, wildcard=name.startswith("*.")):
                yield name, place, found
            case _:
                pass


def _join(gathered: dict[tuple[str, str], Record], record: Record) -> None:
    key = (record.name, record.type)
    known = gathered.get(key, record)
    values = tuple(dict.fromkeys((*known.values, *record.values)))
    arns = tuple(dict.fromkeys((*known.arns, *record.arns)))
    if record.type == "CNAME":
        values = known.values  # one token per name and account: equal, and two could not stand anyhow
    gathered[key] = replace(known, values=values, arns=arns)


def caa_text(record: CaaRecord) -> str:
    """Write a CAA record's data as a zone file does (RFC 8659, section 4.1.1)."""
    value = record.value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{record.flags} {record.tag} "{value}"'
