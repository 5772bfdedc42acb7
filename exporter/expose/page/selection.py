"""Which certificates and endpoints a person asked to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from exporter.expose.page.markup import address
from exporter.expose.page.parts import is_problem
from exporter.expose.text import served
from exporter.facts import Unseen, Why
from exporter.judge.rule import Outcome, RuleSet
from exporter.judge.verdict import Word
from exporter.snapshot import Case, Spot

Test = Callable[[Case, RuleSet], bool]


def _word(word: Word) -> Test:
    return lambda case, _: case.verdict.word is word


SHOWN: Mapping[str, tuple[str, Test]] = {  # value in the address -> words for people, test
    "": ("everything", lambda _, __: True),
    "problems": ("only problems", is_problem),
    "blocked": ("will not renew", _word(Word.BLOCKED)),
    "not-served": ("not served as ACM has it", lambda case, _: served(case) is Outcome.BREAKS),
    "unknown": ("not known whether they renew", _word(Word.UNKNOWN)),
    "renews": ("will renew", _word(Word.RENEWS)),
    "unmanaged": ("never renewed by ACM", _word(Word.UNMANAGED)),
}
REFRESH: Mapping[str, str] = {"": "never", "30": "every 30 s", "60": "every minute", "300": "every 5 minutes"}


@dataclass(frozen=True, slots=True)
class Selection:
    """What the form holds; values that it does not offer count as not given."""

    text: str = ""
    show: str = ""
    refresh: str = ""

    @property
    def narrows(self) -> bool:
        """Whether something may be hidden."""
        return bool(self.text or self.show)

    def takes(self, case: Case, rules: RuleSet) -> bool:
        """Whether a certificate is to be shown."""
        one = case.certificate
        places = (one.domain, one.arn, one.account, one.region, *one.names, *one.tags.values())
        return SHOWN[self.show][1](case, rules) and self._mentions(*places)

    def takes_spot(self, spot: Spot) -> bool:
        """Whether an endpoint of no certificate is to be shown; it has no verdict to choose it by."""
        if self.show not in {"", "problems"} or (self.show and not _is_faulty(spot)):
            return False
        return self._mentions(spot.look.endpoint.domain, spot.look.endpoint.address, *spot.labels.values())

    def _mentions(self, *texts: str) -> bool:
        wanted = self.text.casefold()
        return not wanted or any(wanted in one.casefold() for one in texts)

    def address(self, show: str = "", text: str = "") -> str:
        """Give the address of another selection that refreshes itself as this one does."""
        return address("/", q=text, show=show, refresh=self.refresh)


def chosen(query: Mapping[str, str]) -> Selection:
    """Read the query of the address."""
    show, refresh = query.get("show", ""), query.get("refresh", "")
    return Selection(
        query.get("q", "").strip(), show if show in SHOWN else "", refresh if refresh in REFRESH else ""
    )


def has_failed(spot: Spot) -> bool:
    """Whether the latest look at an endpoint gave nothing."""
    return isinstance(spot.look.sight, Unseen) and spot.look.sight.why is not Why.NOT_YET


def _is_faulty(spot: Spot) -> bool:
    one = spot.look.last
    return has_failed(spot) or spot.name_match is False or (one is not None and one.trusted is False)
