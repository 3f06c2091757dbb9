"""Whether IAM policies let a call through, in three values: yes, no, or it can't be told from here.

After "Policy evaluation logic", "IAM JSON policy elements" and "Condition operators" (IAM User Guide), and "Key policies" (AWS KMS
Developer Guide). Policies of the organization and of a session are not seen: they can only take rights away.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Policy = Mapping[str, Any]
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERAL = {"*": "\ue000", "?": "\ue001"}
"""What stands for a star or question mark that a variable brings along: those are no wildcards."""
_SPECIAL = {**_LITERAL, "$": "$"}


class Answer(enum.IntEnum):
    """How sure it is that something holds. ``max`` is "or", ``min`` is "and"."""

    NO = 0
    MAYBE = 1
    YES = 2


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a role or user. ``context`` has the condition keys (lower case) that are known; of those that begin with one of
    ``settled`` it has all, so that one that is not in it is absent from the call."""

    principal: str  # ARN of the role or user
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)
    settled: tuple[str, ...] = ()

    @property
    def account(self) -> str:
        return self.principal.split(":")[4]

    def key(self, name: str) -> str | None:
        """The value of a condition key; ``None`` when the call has none. Raises ``LookupError`` when that isn't known."""
        plain = name.lower()
        if plain in self.context:
            return self.context[plain]
        if plain.startswith(self.settled):
            return None
        raise LookupError(name)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``answer`` with the reason in words, when it isn't yes."""

    answer: Answer
    why: str = ""


def decide(
    request: Request,
    identity: Sequence[Policy],
    resource: Policy | None,
    *,
    owner: str,
    boundary: Policy | None = None,
    key: bool = False,
) -> Verdict:
    """Whether ``request`` succeeds on a resource of the account ``owner`` that carries the policy ``resource``.

    ``identity`` are the principal's own policies, ``boundary`` its permissions boundary. Within one account either side may allow; of
    a KMS ``key`` the key policy must. Across accounts both must.
    """
    own = _weigh(identity, request, whose="identity")
    theirs = _weigh([resource] if resource else [], request, whose="resource")
    limit = _weigh([boundary], request, whose="identity").allowed if boundary is not None else Answer.YES
    denied = max(own.denied, theirs.denied, _weigh([boundary] if boundary else [], request, whose="identity").denied)
    what = f"{request.action} on it"
    if denied is Answer.YES:
        return Verdict(Answer.NO, f"a policy denies {what}")
    if request.account != owner:
        allowed = min(own.allowed, theirs.allowed)
    elif key:
        allowed = max(theirs.direct, min(theirs.allowed, own.allowed))
    else:
        allowed = max(own.allowed, theirs.direct)
    allowed = min(allowed, limit)
    if allowed is Answer.NO:
        return Verdict(Answer.NO, f"no policy allows {what}")
    if allowed is Answer.YES and denied is Answer.NO:
        return Verdict(Answer.YES)
    unknown = sorted({*own.unknown, *theirs.unknown})
    return Verdict(Answer.MAYBE, f"whether {what} is allowed depends on {', '.join(unknown) or 'a condition'}")


# ---------------------------------------------------------------- statements


@dataclass(slots=True)
class _Weighed:
    """What the statements that match amount to. ``direct`` is an allowance that names the principal itself, not only its account."""

    allowed: Answer = Answer.NO
    direct: Answer = Answer.NO
    denied: Answer = Answer.NO
    unknown: set[str] = field(default_factory=set)


def _weigh(policies: Iterable[Policy], request: Request, *, whose: str) -> _Weighed:
    found = _Weighed()
    for policy in policies:
        for statement in _list(policy.get("Statement")):
            unknown: set[str] = set()
            named = _principal(statement, request) if whose == "resource" else (Answer.YES, Answer.YES)
            hit = min(named[0], _covers(statement, request, unknown), _conditions(statement, request, unknown))
            if hit is Answer.MAYBE:
                found.unknown |= unknown or {"which principal it is for"}
            if statement.get("Effect") == "Deny":
                found.denied = max(found.denied, hit)
            elif statement.get("Effect") == "Allow":
                found.allowed = max(found.allowed, hit)
                found.direct = max(found.direct, min(hit, named[1]))
    return found


def _covers(statement: Mapping[str, Any], request: Request, unknown: set[str]) -> Answer:
    """Action and resource."""
    action = request.action.lower()
    acts = _either(statement, "Action", lambda pattern: _glob(pattern.lower(), action))
    if acts is Answer.NO:
        return acts

    def on(pattern: str) -> Answer:
        try:
            return _glob(_filled(pattern, request), request.resource)
        except LookupError as error:
            unknown.add(str(error.args[0]))
            return Answer.MAYBE

    return _either(statement, "Resource", on)


def _either(statement: Mapping[str, Any], element: str, test: Callable[[str], Answer]) -> Answer:
    if f"Not{element}" in statement:
        return Answer(2 - max((test(str(p)) for p in _list(statement[f"Not{element}"])), default=Answer.NO))
    return max((test(str(p)) for p in _list(statement.get(element))), default=Answer.NO)


def _principal(statement: Mapping[str, Any], request: Request) -> tuple[Answer, Answer]:
    """Whether a resource's statement is for the principal, and whether it names the principal itself."""
    if "NotPrincipal" in statement:
        named = _listed(statement["NotPrincipal"], request)
        # of a role that is listed here, the session has to be listed as well: it can't be told which sessions there are
        return (Answer.YES, Answer.YES) if named[0] is Answer.NO else (Answer.MAYBE, Answer.MAYBE)
    return _listed(statement.get("Principal"), request)


def _listed(principal: Any, request: Request) -> tuple[Answer, Answer]:
    if principal == "*":
        return Answer.YES, Answer.YES
    if not isinstance(principal, Mapping):
        return Answer.NO, Answer.NO
    hit = direct = Answer.NO
    for one in map(str, _list(principal.get("AWS"))):
        if one in ("*", request.principal):
            hit = direct = Answer.YES
        elif one in (request.account, f"{request.principal.rpartition(':')[0]}:root"):
            hit = Answer.YES
        elif one.startswith("AROA") or ":assumed-role/" in one:
            hit, direct = max(hit, Answer.MAYBE), max(direct, Answer.MAYBE)
    return hit, direct


# ---------------------------------------------------------------- conditions


def _conditions(statement: Mapping[str, Any], request: Request, unknown: set[str]) -> Answer:
    answer = Answer.YES
    for operator, tests in (statement.get("Condition") or {}).items():
        for name, wanted in tests.items():
            try:
                values = [_filled(json.dumps(w) if isinstance(w, bool) else str(w), request) for w in _list(wanted)]
                holds = _holds(str(operator), request.key(name), values)
                answer = min(answer, Answer.YES if holds else Answer.NO)
            except LookupError as error:
                unknown.add(str(error.args[0]))
                answer = min(answer, Answer.MAYBE)
    return answer


def _holds(operator: str, value: str | None, wanted: Sequence[str]) -> bool:
    """Raises ``LookupError`` for an operator whose outcome isn't known here."""
    quantifier, _, plain = operator.rpartition(":")
    if plain == "Null":
        return (value is None) == (wanted[:1] == ["true"])
    name, if_exists = plain.removesuffix("IfExists"), plain.endswith("IfExists")
    negated = "Not" in name
    test = _TESTS.get(name.replace("Not", ""))
    if test is None:
        raise LookupError(operator)
    if value is None:
        # an absent key fails a positive test and passes a negated one; of no values at all, all are so and none is
        return if_exists or quantifier == "ForAllValues" or (negated and quantifier != "ForAnyValue")
    return any(test(w, value) for w in wanted) != negated


def _arn(pattern: str, value: str) -> bool:
    """Each of the six parts of an ARN is compared by itself."""
    left, right = pattern.split(":", 5), value.split(":", 5)
    return len(left) == len(right) == 6 and all(_glob(p, v) for p, v in zip(left, right, strict=True))


_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, value: _plain(wanted) == value,
    "StringEqualsIgnoreCase": lambda wanted, value: _plain(wanted).lower() == value.lower(),
    "StringLike": lambda wanted, value: bool(_glob(wanted, value)),
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "Bool": lambda wanted, value: wanted.lower() == value.lower(),
}


def _filled(text: str, request: Request) -> str:
    """``text`` with its policy variables replaced, for :func:`_glob` or :func:`_plain`. Raises ``LookupError`` for one that isn't known."""

    def value(match: re.Match[str]) -> str:
        name = match[1].partition(",")[0].strip()
        if name in _SPECIAL:
            return _SPECIAL[name]
        found = request.key(name)
        if found is None:
            raise LookupError(name)
        return "".join(_LITERAL.get(character, character) for character in found)

    return _VARIABLE.sub(value, text)


def _plain(text: str) -> str:
    for character, mark in _LITERAL.items():
        text = text.replace(mark, character)
    return text


def _glob(pattern: str, value: str) -> Answer:
    parts = re.split(r"([*?])", pattern)
    regex = "".join({"*": ".*", "?": "."}.get(part, re.escape(_plain(part))) for part in parts)
    return Answer.YES if re.fullmatch(regex, value, re.S) else Answer.NO


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
