"""Gathers the missing records of some certificates, with all that has to be asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from exporter.facts import Answer, Ask, Cname, Evidence, Question, Seen, Sight, Unseen
from exporter.judge.validation import questions
from exporter.observe.records import DnsEye
from exporter.remedy import dns_switch
from exporter.remedy.hand import Hands
from exporter.remedy.records import Missing, caa_names, missing
from exporter.remedy.view import requested


async def gather(hands: Hands, dns: DnsEye, evidences: Sequence[Evidence]) -> Missing:
    """Find what is missing, for a pending switch to DNS validation too, and in which zone each record is."""
    unseen: list[str] = []
    current: list[Evidence] = []
    for one in evidences:
        seen = await _as_it_will_be(hands, one)
        if isinstance(seen, Unseen):
            unseen.append(f"the records of {one.certificate.arn}: {seen.detail or seen.why}")
        current.append(seen.value if isinstance(seen, Seen) else one)
    certificates = [one.certificate for one in current]
    answers = {question: sight for one in current for question, sight in one.answers.items()}
    open_ = {asked for one in certificates for asked in questions(one)} - set(answers)
    answers |= await _all(dns, open_)
    aliases = await _all(dns, {Question(Ask.CNAME, name) for name in caa_names(certificates, answers)})
    found = missing(certificates, answers, {q.name: _chain(sight) for q, sight in aliases.items()})
    zones = await asyncio.gather(*(dns.zone(one.name) for one in found.records))
    records = tuple(
        replace(one, zone=zone.value if isinstance(zone, Seen) else "")
        for one, zone in zip(found.records, zones, strict=True)
    )
    return replace(found, records=records, unseen=(*found.unseen, *unseen))


async def _as_it_will_be(hands: Hands, evidence: Evidence) -> Sight[Evidence]:
    """Take a certificate whose switch to DNS is pending as if it were done."""
    certificate = evidence.certificate
    details = certificate.details
    if not (isinstance(details, Seen) and details.value.switching_to == "DNS"):
        return Seen(evidence)
    if certificate.validation_method == "DNS" and all(one.record_name for one in details.value.validations):
        return Seen(evidence)  # made so already
    hand = await hands.of(certificate.arn)
    if isinstance(hand, Unseen):
        return hand
    wanted = await requested(hand.value, certificate.arn)
    if isinstance(wanted, Unseen):
        return wanted
    return Seen(replace(evidence, certificate=dns_switch.after(certificate, wanted.value).certificate))


async def _all(dns: DnsEye, asked: set[Question]) -> dict[Question, Sight[Answer]]:
    order = sorted(asked, key=lambda one: (one.ask, one.name))
    return dict(zip(order, await asyncio.gather(*map(dns.look, order)), strict=True))


def _chain(sight: Sight[Answer]) -> tuple[str, ...]:
    return sight.value.chain if isinstance(sight, Seen) and isinstance(sight.value, Cname) else ()
