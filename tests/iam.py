"""A small evaluator of IAM policies, for the part of the language that generated policies use.

Sources: IAM User Guide, "Policy evaluation logic" and "Condition operators"; AWS KMS Developer Guide, "Key policies". An operator, an
element or a wildcard that it does not know is an error, never a silent no.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """One call: who, what, on which resource, with which condition keys."""

    principal: str  # ARN of a role, user or root
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)

    @property
    def account(self) -> str:
        return self.principal.split(":")[4]

    def keys(self) -> dict[str, str]:
        known = {
            "aws:PrincipalArn": self.principal,
            "aws:PrincipalAccount": self.account,
            "aws:PrincipalIsAWSService": "false",
        }
        return {key.lower(): value for key, value in {**known, **self.context}.items()}


def allowed(
    request: Request, identity: Iterable[Policy], resource: Policy | None, *, owner: str, key: bool = False
) -> bool:
    """Whether ``request`` succeeds on a resource of the account ``owner`` that carries the policy ``resource``.

    Within one account either side may allow; ``key`` says that it is a KMS key, where the key policy must allow, and a statement
    for the account only lets that account's IAM policies decide. Across accounts both must allow. The root user needs no IAM policy.
    """
    own = [_matching(policy, request, identity=True) for policy in identity]
    theirs = _matching(resource, request, identity=False) if resource else []
    matched = [*(s for group in own for s in group), *theirs]
    if any(s["Effect"] == "Deny" for s in matched):
        return False
    by_identity = any(s["Effect"] == "Allow" for group in own for s in group) or request.principal.endswith(":root")
    direct = any(s["Effect"] == "Allow" and _names(s, request) for s in theirs)
    delegated = any(s["Effect"] == "Allow" for s in theirs)
    if request.account != owner:
        return delegated and by_identity
    if key:
        return direct or (delegated and by_identity)
    return by_identity or direct


def _names(statement: Policy, request: Request) -> bool:
    """Whether the principal itself is named, not only its account."""
    principal = statement["Principal"]
    return principal == "*" or (
        request.principal in _list(principal.get("AWS")) and not request.principal.endswith(":root")
    )


def _matching(policy: Policy, request: Request, *, identity: bool) -> list[Mapping[str, Any]]:
    assert policy["Version"] == "2012-10-17"
    return [s for s in _list(policy["Statement"]) if _matches(s, request, identity)]


def _matches(statement: Policy, request: Request, identity: bool) -> bool:
    unknown = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition", "Principal"}
    assert not unknown, f"this evaluator does not know {unknown}"
    assert identity != ("Principal" in statement), "a principal belongs into a resource's policy, and only there"
    return (
        any(_glob(pattern.lower(), request.action.lower()) for pattern in _list(statement["Action"]))
        and any(_glob(pattern, request.resource) for pattern in _list(statement["Resource"]))
        and (identity or _principal(statement["Principal"], request))
        and _conditions(statement.get("Condition", {}), request.keys())
    )


def _principal(principal: Any, request: Request) -> bool:
    if principal == "*":
        return True
    return any(
        p in (request.principal, f"arn:aws:iam::{request.account}:root", "*") for p in _list(principal.get("AWS"))
    )


def _conditions(conditions: Mapping[str, Any], keys: Mapping[str, str]) -> bool:
    return all(
        _condition(op, keys.get(name.lower()), _list(values))
        for op, tests in conditions.items()
        for name, values in tests.items()
    )


def _condition(operator: str, value: str | None, wanted: Sequence[str]) -> bool:
    negated = operator.startswith(("ArnNot", "StringNot"))
    if value is None:
        return negated  # an absent key fails a positive operator and passes a negated one
    tests = {
        "StringEquals": lambda w: w == value,
        "StringLike": lambda w: _glob(w, value),
        "ArnLike": lambda w: _arn(w, value),
        "ArnEquals": lambda w: _arn(w, value),
        "Bool": lambda w: w == value,
    }
    hit = any(tests[operator.replace("Not", "")](w) for w in wanted)
    return hit != negated


def _arn(pattern: str, value: str) -> bool:
    """Each of the six parts of an ARN is compared by itself."""
    left, right = pattern.split(":", 5), value.split(":", 5)
    return len(left) == len(right) == 6 and all(_glob(p, v) for p, v in zip(left, right, strict=True))


def _glob(pattern: str, value: str) -> bool:
    parts = re.split(r"([*?])", pattern)
    return re.fullmatch("".join({"*": ".*", "?": "."}.get(p, re.escape(p)) for p in parts), value, re.S) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
