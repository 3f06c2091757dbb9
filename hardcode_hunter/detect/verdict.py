"""What to do about a finding: move it, report it, or leave it because it is a test's."""

from __future__ import annotations

import re

from hardcode_hunter import filters
from hardcode_hunter.detect.documented import documented
from hardcode_hunter.detect.match import How, Match
from hardcode_hunter.detect.named import deployed
from hardcode_hunter.detect.places import is_test
from hardcode_hunter.model import Candidate, LiteralType, Position, Shape, Verdict
from hardcode_hunter.ruleset import faint

SEEDED = "an account that the program creates in its own store"
"""Why such a password stays: whoever may log in with it is decided by the program's own store, not by a secret."""
MOVABLE = frozenset({"python", "cloudformation", "terraform"})
"""Languages whose literals can be replaced by a reference to the store."""

INFRASTRUCTURE = frozenset({"cloudformation", "terraform"})
"""Languages in which a thing called ``test`` is deployed like any other."""

_DOCUMENT = re.compile(
    r"(?:^|/)(?:docs?|documentation|examples?|samples?|tutorials?|snippets?)/|\.(?:md|rst|adoc|txt|ipynb)$|(?:^|/)(?:README|CHANGELOG|HISTORY|CONTRIBUTING)[^/]*$",
    re.I,
)
_TEST_SYMBOL = re.compile(
    r"(?:^|[./])(?:test_\w+|Test[A-Z_]\w*|\w*TestCase|\w*TestConfig\w*|Testing\w*|\w+Tests?|TEST(?:ING)?_\w+|setUp(?:Class|TestData)?)(?=[./]|$)"
)
_SEEDS = re.compile(
    r"(?:^|\.)(?:User|Users|Account|Accounts|Member|Customer|Employee|Person|create_?(?:super_?)?user|add_?user|new_?user|insert_?user|register(?:_?user)?|sign_?up|make_?user|set_password|generate_password_hash|check_password|check_password_hash|hash_password|make_password)$",
    re.I,
)
_MODELS = re.compile(r"(^|\.)models?\.\w+$")
"""A row of a table of the program's own: its class comes from a module that is called so."""
_SEED_SYMBOL = re.compile(
    r"(?:^|[./])(?:\w*_)?(?:users?\d*|accounts|members|customers|employees|people|user_?(?:list|db|data|table)|seed\w*)(?=[./\[]|$)",
    re.I,
)


_PIPELINE = re.compile(
    r"(?:^|/)(?:\.github/workflows/|\.gitlab-ci|\.circleci/|\.travis\.|bitbucket-pipelines|azure-pipelines)", re.I
)
_SERVICE = re.compile(r"(?:^|[./])services(?=[./])")


def verdict(candidate: Candidate, match: Match) -> tuple[Verdict, str]:
    """The verdict and, when the credential stays, why in words."""
    if is_test(candidate.path):
        return Verdict.TEST_VALUE, "in a test"
    if _TEST_SYMBOL.search(candidate.symbol) and candidate.language not in INFRASTRUCTURE:
        return Verdict.TEST_VALUE, "in a test"
    if _PIPELINE.search(candidate.path) and _SERVICE.search(candidate.symbol):
        return Verdict.TEST_VALUE, "of a service that lives as long as a test run"
    if match.how is not How.SINK and not deployed(candidate) and filters.test_value(match.secret.reveal()):
        return Verdict.TEST_VALUE, "made of test words"
    if not deployed(candidate) and documented(match.secret.reveal()):
        return Verdict.TEST_VALUE, "an example of its provider's documentation"
    why = _stays(candidate, match)
    return (Verdict.REPORT, why) if why else (Verdict.MIGRATE, "")


def _stays(candidate: Candidate, match: Match) -> str:
    if _DOCUMENT.search(candidate.path):
        return "in documentation or an example"
    if faint(match.rule):
        return "an identifier, unless a service takes it for a key"
    if candidate.position is Position.COMPARISON:
        return "a check needs a user store or a constant-time comparison, not a fetch"
    if candidate.position is Position.TEXT or candidate.literal is LiteralType.TEXT:
        return "in running text"
    if "joined" in candidate.note.split(", "):
        return "put together from several literals"
    if match.shape is Shape.EMBEDDED:
        return "inside a longer text"
    if filters.HOLE in match.secret.reveal():
        return "a part of it is filled in when it is deployed"
    if candidate.language not in MOVABLE:
        return "a kind of file that is not rewritten"
    if candidate.language == "terraform" and not _aws(candidate):
        return "not a resource of AWS"
    if match.role == "password" and _seeds(candidate):
        return SEEDED
    return ""


def _aws(candidate: Candidate) -> bool:
    """Whether Terraform uses the value for AWS, or for nothing that says otherwise."""
    resources = [candidate.resource, *(s.resource for s in candidate.sinks)]
    named = [r for r in resources if r and r != "variable"]
    return not named or any(
        r.startswith(("aws", "provider.aws", "backend.s3", "module", "output", "kubernetes", "helm")) for r in named
    )


def _seeds(candidate: Candidate) -> bool:
    return bool(
        _SEEDS.search(candidate.callee)
        or _MODELS.search(candidate.callee)
        or (candidate.position is Position.ITEM and _SEED_SYMBOL.search(candidate.symbol))
    )
