"""Which certificate a file belongs to, and whether it holds the issue that ACM has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from exporter.facts import Certificate, Evidence, FileLook, Held, Seen, Unseen, Why
from exporter.judge.issue import Kinship, kinship, same_issuer, same_names, tells
from exporter.judge.names import covers, normal
from exporter.judge.rule import HOLDS, Finding, breaks, unknown

EXPORT = "export the certificate again, write it there and reload what uses the file"
WRITE = "write a sound certificate there: PEM, DER or PKCS #12"


def owners(look: FileLook, named: Callable[[str], Iterable[Certificate]]) -> list[str]:
    """Say for which certificates a file counts, by ARN; `named` gives those that have a name.

    A pinned file counts for its ARN whatever it holds; any other for the certificate of the same names with
    its serial, else for those of the same names by the same issuer, of which it is another issue.
    """
    if look.arn:
        return [look.arn]
    held = look.last
    if held is None:
        return []
    same = [one for name in held.names[:1] for one in named(normal(name)) if same_names(held, one)]
    exact = [one for one in same if one.serial == held.serial]
    return [one.arn for one in exact or same if exact or same_issuer(one, held)]


def serial_matches(evidence: Evidence) -> Iterator[Finding]:
    """Compare what each file held when it was last read with what ACM has."""
    for look in evidence.files:
        if _is_there(look):
            held = as_known(look, evidence.certificate)
            yield _unknown(look) if held is None else _serial_match(look, held, evidence)


def name_matches(evidence: Evidence) -> Iterator[Finding]:
    """Tell of each file whether it covers the certificate's names; one that is pinned may not."""
    for look in evidence.files:
        if _is_there(look) and evidence.certificate.names:
            yield _unknown(look) if look.last is None else _name_match(look, look.last, evidence)


def as_known(look: FileLook, certificate: Certificate) -> Held | None:
    """What the file holds as far as it is known, comparable with what ACM has now."""
    if look.last is None or look.last_success is None:
        return None
    return look.last if tells(look.last.serial, look.last_success, certificate) else None


def _is_there(look: FileLook) -> bool:
    """A file that is gone gives nobody a certificate; that it is gone is told of the file itself."""
    return not (isinstance(look.sight, Unseen) and look.sight.why is Why.FILE_NOT_FOUND)


def _serial_match(look: FileLook, held: Held, evidence: Evidence) -> Finding:
    certificate = evidence.certificate
    place = f"the file {look.path} holds serial {held.serial:x}"
    match kinship(held, look.last_success, evidence):
        case Kinship.SAME:
            return HOLDS
        case Kinship.SIBLING:
            says = f"{place}, which is {evidence.siblings[held.serial]}"
            return breaks(says, f"export {certificate.arn} instead")
        case Kinship.FOREIGN:
            return breaks(f"{place} issued by {held.issuer}", EXPORT)
        case Kinship.OLDER:
            says = f"{place}, an older issue of the same names (until {held.not_after:%Y-%m-%d})"
            return breaks(f"{says}: not redeployed yet", EXPORT)
        case Kinship.UNREAD:
            return unknown(Why.STALE, f"{place}, newer than ACM's when ACM was last read")
        case Kinship.NEWER:
            says = f"{place}, a newer issue of the same names (from {held.not_before:%Y-%m-%d}) than ACM's"
            imported = certificate.type == "IMPORTED"
            return breaks(
                says, "import it into ACM" if imported else "wait for the next inventory; then export again"
            )
        case Kinship.STRANGER:
            return breaks(f"{place}, a certificate that is not in this inventory", EXPORT)


def _name_match(look: FileLook, held: Held, evidence: Evidence) -> Finding:
    missing = [name for name in evidence.certificate.names if not covers(held.names, name)]
    if not missing:
        return HOLDS
    lacking = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    return breaks(f"the file {look.path} holds a certificate that does not cover {lacking}", EXPORT)


def _unknown(look: FileLook) -> Finding:
    match look.sight:
        case Unseen(why=why, detail=detail):
            says = f"the file {look.path}: what it holds is not known: {detail or why.replace('_', ' ')}"
            return unknown(why, says, "" if why.ours else WRITE)
        case Seen():
            return unknown(Why.NOT_YET, f"the file {look.path}: not read since this certificate was issued")
