"""The rules decide which candidates are credentials, how sure that is, and what to do about each."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hardcode_hunter import filters, shapes
from hardcode_hunter.detect.match import How, Match, best
from hardcode_hunter.detect.siblings import Sibling, Siblings, engine, public
from hardcode_hunter.detect.verdict import INFRASTRUCTURE, SEEDED, verdict
from hardcode_hunter.model import Candidate, Confidence, Field, Finding, Kind, Position, Shape, Verdict
from hardcode_hunter.ruleset import PUBLIC_ROLES, Rule, RuleSet

__all__ = ["best", "detect", "digest"]

DIGEST = 32  # hex digits of a keyed hash

WHERE = {
    Position.ASSIGNMENT: "assigned to {}",
    Position.ARGUMENT: "passed as {}",
    Position.DEFAULT: "default of parameter {}",
    Position.ENV_DEFAULT: "in force when the environment has no {}",
    Position.ITEM: "value of key {}",
    Position.COMPARISON: "compared with {}",
    Position.CLASS_FIELD: "field {}",
    Position.ELEMENT: "element of {}",
    Position.RETURN: "returned by {}",
    Position.PROPERTY: "value of {}",
    Position.PARAMETER_DEFAULT: "default of parameter {}",
    Position.TEXT: "beside {} in text",
}


def digest(key: bytes, value: str) -> str:
    """HMAC-SHA-256 of a value under a key that lives for one run: groups equal values, and proves nothing to whoever lacks the key."""
    return hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256").hex()[:DIGEST]


def detect(candidates: Iterable[Candidate], rules: RuleSet, key: bytes) -> tuple[Finding, ...]:
    """The findings among ``candidates`` (of the whole tree, after ``link``), one for each literal, in the order of path and offset.

    ``key`` makes the digests of this run; a finding holds no plaintext.
    """
    known = tuple(candidates)
    found: dict[tuple[str, int, int, int], tuple[Candidate, Match]] = {}
    for candidate in known:
        match = best(candidate, rules)
        if match is None:
            continue
        place = (candidate.path, candidate.span.start, candidate.span.end, candidate.line)
        other = found.get(place)
        if other is None or match.rank > other[1].rank:
            found[place] = (candidate, match)
    chosen = _paired(_once([found[place] for place in sorted(found)]), rules)
    siblings = Siblings(known, chosen, rules)
    return tuple(_finding(candidate, match, siblings.of(candidate, match), rules, key) for candidate, match in chosen)


def _once(found: list[tuple[Candidate, Match]]) -> list[tuple[Candidate, Match]]:
    """The same findings, in the order of offsets; what was found in a longer text, and as a part of it, is the part alone."""
    kept, dropped = list(found), set[int]()
    for number, (_, match) in enumerate(found):
        inner = _inner(found, number) if match.shape is Shape.EMBEDDED else 0
        if inner:
            part = kept[inner][1]
            if match.rank > part.rank:
                kept[inner] = found[inner][0], replace(match, shape=part.shape, part=part.part)
            dropped.add(number)
    return [row for number, row in enumerate(kept) if number not in dropped]


def _inner(found: list[tuple[Candidate, Match]], number: int) -> int:
    """The place of the finding inside the text of another that has the same credential; 0 when there is none."""
    outer, match = found[number]
    for place in range(number + 1, len(found)):
        inner, other = found[place]
        if inner.path != outer.path or inner.span.start >= outer.span.end:
            break
        if inner.span.end <= outer.span.end and other.secret.reveal() == match.secret.reveal():
            return place
    return 0


AWS_SECRET = re.compile(r"[A-Za-z0-9/+]{40}")


def _paired(found: list[tuple[Candidate, Match]], rules: RuleSet) -> list[tuple[Candidate, Match]]:
    """The same findings; what stands beside an AWS access key id and has the form of its secret is that, whatever its name."""
    secret = rules.of(Kind.AWS_KEY, "secret_access_key")
    places = {(c.path, c.scope) for c, m in found if m.rule.kind is Kind.AWS_KEY and m.role == "access_key_id"}
    if secret is None or not places:
        return found
    return [
        (c, replace(m, rule=secret, role=secret.role, because="stands beside an AWS access key id"))
        if m.rule.kind is not Kind.AWS_KEY
        and m.how is How.NAME
        and (c.path, c.scope) in places
        and AWS_SECRET.fullmatch(m.secret.reveal())
        else (c, m)
        for c, m in found
    ]


def _finding(candidate: Candidate, match: Match, beside: Sequence[Sibling], rules: RuleSet, key: bytes) -> Finding:
    decided, why = verdict(candidate, match)
    rule = match.rule
    said = engine(beside, match, candidate.value.reveal())
    return Finding(
        id=candidate.fingerprint,
        rule=rule.id,
        title=rule.title,
        kind=rule.kind,
        severity=rule.severity,
        confidence=_confidence(candidate, match, decided, why),
        verdict=decided,
        reason=_reason(candidate, match, why),
        path=candidate.path,
        language=candidate.language,
        span=candidate.span,
        line=_line(candidate, match),
        end_line=candidate.end_line,
        column=candidate.column,
        symbol=candidate.symbol,
        ordinal=candidate.ordinal,
        name=candidate.name,
        role=match.role,
        shape=match.shape,
        literal=candidate.literal,
        position=candidate.position,
        digest=digest(key, match.secret.reveal()),
        length=len(match.secret),
        evaluated=candidate.evaluated,
        callee=candidate.callee,
        parameter=candidate.parameter,
        resource=candidate.resource,
        scope=candidate.scope,
        engine=said,
        home=rule.home,
        rotation=_rotation(rule, said, rules),
        sinks=candidate.sinks,
        fields=(_own(candidate, match, key), *_parts(candidate, match, key), *_beside(match, beside, key)),
        note=candidate.note,
    )


def _confidence(candidate: Candidate, match: Match, decided: Verdict, why: str) -> Confidence:
    """As the match says; a weak word in a test is nobody's password for sure, and neither is what fills a store of users."""
    if why == SEEDED or (
        decided is Verdict.TEST_VALUE
        and candidate.language not in INFRASTRUCTURE
        and filters.strength(match.secret.reveal()) is filters.Strength.WEAK
    ):
        return min(match.confidence, Confidence.MEDIUM)
    return match.confidence


def _line(candidate: Candidate, match: Match) -> int:
    """The line on which the credential itself begins, when its literal spans several and is written without escapes."""
    value = candidate.value.reveal()
    if candidate.pieces:
        at = value.find(match.secret.reveal())
        return max((line for start, line in candidate.pieces if start <= at), default=candidate.line)
    breaks = value.count("\n")
    if not breaks or breaks > candidate.end_line - candidate.line:
        return candidate.line
    start = max(value.find(match.secret.reveal().lstrip()), 0)
    return candidate.end_line - value.count("\n", start)


def _rotation(rule: Rule, said: str, rules: RuleSet) -> str:
    """The rule's rotation, or that of the engine's own rule when only the engine says how it rotates."""
    if rule.rotation != "none" or not said or rule.kind not in (Kind.DATABASE, Kind.CONNECTION_URL):
        return rule.rotation
    own = rules.scheme(said)
    return own.rotation if own else "none"


def _field(role: str, candidate: Candidate, value: str, key: bytes, part: str = "") -> Field:
    return Field(
        role=role,
        path=candidate.path,
        span=candidate.span,
        line=candidate.line,
        symbol=candidate.symbol,
        ordinal=candidate.ordinal,
        digest=digest(key, value),
        part=part,
        literal=candidate.literal,
    )


def _own(candidate: Candidate, match: Match, key: bytes) -> Field:
    return _field(match.role, candidate, match.secret.reveal(), key, match.part)


def _parts(candidate: Candidate, match: Match, key: bytes) -> list[Field]:
    """The public parts of a URL or connection string: its user, host, port and database."""
    if not match.part:
        return []
    parts = shapes.parse(match.shape, candidate.value.reveal())
    known = [p for p in parts if p.role in PUBLIC_ROLES and not _filled_in_later(p.value)]
    return [_field(p.role, candidate, p.value, key, p.role) for p in known]


def _filled_in_later(value: str) -> bool:
    """``{}``, ``%s``, ``${Db.Endpoint.Address}``: no value that could be stored."""
    return filters.format_string(value) or filters.reference(value)


def _beside(match: Match, beside: Iterable[Sibling], key: bytes) -> list[Field]:
    if match.part and match.shape is not Shape.WHOLE:
        return []
    return [_field(s.role, s.candidate, s.candidate.value.reveal(), key) for s in beside if public(s.role)]


def _reason(candidate: Candidate, match: Match, why: str) -> str:
    name = candidate.name or candidate.symbol.rpartition(".")[2]
    where = ""
    if name and not (match.how is How.SINK and candidate.callee and candidate.position is Position.ARGUMENT):
        where = WHERE[candidate.position].format(name)
    return ", ".join(words for words in (where, match.because, why) if words) or match.rule.title
