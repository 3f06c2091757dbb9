"""Golden pairs: ``fixtures/rewrite/{helper,boto3}/<shape>/{before.py,after.py,case.yaml}``, in three layouts, with every proof.

A case names literals as they are written; where they stand and what they are is told by the language's own candidates, unless the
case says otherwise. ``skip`` is the code with which a credential must be refused; a case without ``after.py`` changes nothing.
"""

from __future__ import annotations

import ast
import codecs
import io
import tokenize
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from hardcode_hunter import shapes
from hardcode_hunter.languages.python import PYTHON
from hardcode_hunter.languages.python.codemod import rewrite
from hardcode_hunter.languages.python.reasons import PROOFS, WHY
from hardcode_hunter.model import (
    Access,
    Candidate,
    Evaluated,
    Home,
    LiteralType,
    Position,
    Replacement,
    Rewrite,
    Shape,
    Source,
    Span,
)
from hardcode_hunter.plugins import Retriever, Rewriting, load

FIXTURES = Path(__file__).parent.parent / "fixtures" / "rewrite"
RETRIEVERS = load("retrievers", Retriever)
PATH = "app.py"


@dataclass(frozen=True)
class Case:
    name: str
    before: bytes
    after: bytes
    credentials: tuple[dict[str, Any], ...]
    tiers: frozenset[str]
    private: frozenset[str] = frozenset()  # constants that nothing else in the tree mentions
    oracle: str = ""  # why the behaviour oracle can't compare the pair

    @property
    def retriever(self) -> Retriever:
        return RETRIEVERS[self.name.partition("/")[0]]


def _case(folder: Path) -> Case:
    document = yaml.safe_load((folder / "case.yaml").read_text(encoding="utf-8"))
    before = (folder / "before.py").read_bytes()
    after = folder / "after.py"
    name = f"{folder.parent.name}/{folder.name}"
    tiers, private = frozenset(document.get("tiers", ["safe"])), frozenset(document.get("private", []))
    changed = after.read_bytes() if after.exists() else before
    return Case(name, before, changed, tuple(document["credentials"]), tiers, private, document.get("oracle", ""))


CASES = [
    _case(file.parent)
    for retriever in sorted(RETRIEVERS)
    for file in sorted((FIXTURES / retriever).glob("*/case.yaml"))
]


# ---------------------------------------------------------------- layouts


def _same(data: bytes) -> bytes:
    return data


def _crlf(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


def _bom(data: bytes) -> bytes:
    return codecs.BOM_UTF8 + data


LAYOUTS: dict[str, Callable[[bytes], bytes]] = {"lf": _same, "crlf": _crlf, "bom": _bom}


def _located(data: bytes, literal: bytes, nth: int) -> Span:
    at = -1
    for _ in range(nth + 1):
        at = data.index(literal, at + 1)
    return Span(at, at + len(literal))


def _replacements(case: Case, layout: Callable[[bytes], bytes]) -> list[Replacement]:
    data = layout(case.before)
    found = {c.span: c for c in PYTHON.candidates(Source(PATH, data, "python"), None).candidates}
    rows = []
    for number, credential in enumerate(case.credentials):
        literal = credential["literal"].encode()
        span = _located(data, _crlf(literal) if layout is _crlf else literal, credential.get("nth", 0))
        rows.append(_replacement(f"f{number}", span, credential, found.get(span), data))
    return rows


def _replacement(
    finding: str, span: Span, credential: dict[str, Any], candidate: Candidate | None, data: bytes
) -> Replacement:
    if candidate is None and "position" not in credential:
        pytest.fail(f"the language yields no candidate for the literal of {finding}")
    shape = credential.get("shape") or (shapes.recognise(candidate.value.reveal()) if candidate else Shape.WHOLE)
    return Replacement(
        finding=finding,
        rule="a-rule",
        path=PATH,
        line=data.count(b"\n", 0, span.start) + 1,
        symbol=candidate.symbol if candidate else "",
        ordinal=candidate.ordinal if candidate else 0,
        span=span,
        shape=Shape(shape),
        literal=LiteralType(credential.get("type") or (candidate.literal if candidate else "str")),
        position=Position(credential.get("position") or (candidate.position if candidate else "")),
        secret=credential.get("secret", "shop-db"),
        key=credential.get("key", "password"),
        part=credential.get("part", ""),
        evaluated=Evaluated(credential.get("evaluated") or (candidate.evaluated if candidate else "import")),
        callee=candidate.callee if candidate else "",
        parameter=candidate.parameter if candidate else "",
    )


def _rewriting(case: Case, rows: list[Replacement]) -> Rewriting:
    access = {}
    for row, credential in zip(rows, case.credentials, strict=True):
        names = {e: f"{e}/shop/{row.secret}" for e in ("production", "staging")}
        home, form = Home(credential.get("home", "secretsmanager")), credential.get("form", "json")
        access[row.secret, row.key] = Access(
            row.secret,
            "shop",
            names["production"],
            "production",
            names,
            home,
            form,
            row.key,
            credential.get("rotates", False),
        )
    return Rewriting(access, case.retriever, {PATH: "secret_store"}, case.tiers)


def _rewritten(case: Case, layout: Callable[[bytes], bytes]) -> tuple[Rewrite, bytes, bytes, list[Replacement]]:
    data = layout(case.before)
    rows = _replacements(case, layout)
    result = rewrite(Source(PATH, data, "python"), rows, _rewriting(case, rows), case.private)
    return result, data, result.change.result(data) if result.change else data, rows


# ---------------------------------------------------------------- the harness


def test_there_are_cases() -> None:
    assert len(CASES) >= 100
    refused = {c.get("skip") for case in CASES for c in case.credentials} - {None}
    assert refused <= set(WHY) | {f"proof-{name}" for name in PROOFS}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_golden_pair(case: Case, layout: str) -> None:
    arrange = LAYOUTS[layout]
    result, data, made, rows = _rewritten(case, arrange)
    expected = {f"f{n}": c["skip"] for n, c in enumerate(case.credentials) if "skip" in c}
    assert {s.finding: s.code for s in result.skips} == expected, [s.why for s in result.skips]
    assert made.decode() == arrange(case.after).decode()
    assert all(skip.why and "{" not in skip.why for skip in result.skips)
    done = [row for row in rows if row.finding not in expected]
    assert (result.change is None) == (not done)
    if result.change is None:
        return
    assert {e.finding for e in result.change.edits} - {""} <= {row.finding for row in done}
    assert all(any(e.span.overlaps(row.span) for e in result.change.edits) for row in done)
    _confined(data, made)
    _again(case, rows, done, result, made)


def _confined(data: bytes, made: bytes) -> None:
    """What the harness holds on its own account, without the product's proofs."""
    ast.parse(made, feature_version=(3, 8))
    assert made.startswith(codecs.BOM_UTF8) == data.startswith(codecs.BOM_UTF8)
    assert (b"\r\n" in made) == (b"\r\n" in data)
    assert made.replace(b"\r\n", b"").count(b"\r") == 0
    if b"\r\n" in data:
        assert made.count(b"\n") == made.count(b"\r\n")
    assert data.endswith((b"\n", b"\r\n")) == made.endswith((b"\n", b"\r\n"))
    assert _comments(made) == _comments(data)


def _comments(data: bytes) -> list[str]:
    return [t.string.rstrip() for t in tokenize.tokenize(io.BytesIO(data).readline) if t.type == tokenize.COMMENT]


def _again(case: Case, rows: list[Replacement], done: list[Replacement], result: Rewrite, made: bytes) -> None:
    """A second run with the same rows, moved to where their expressions are now, changes nothing."""
    assert result.change is not None
    for row in done:
        moved = []
        for edit in result.change.edits:
            shift = sum(len(e.text) - (e.span.end - e.span.start) for e in result.change.edits if e.span < edit.span)
            if edit.finding == row.finding and edit.text:
                moved.append(Span(edit.span.start + shift, edit.span.start + shift + len(edit.text)))
        for span in moved:
            second = rewrite(Source(PATH, made, "python"), [replace(row, span=span)], _rewriting(case, rows))
            assert second.change is None, "a second run changed the file again"


@pytest.mark.parametrize("case", [c for c in CASES if c.before != c.after], ids=lambda c: c.name)
def test_nothing_of_the_value_is_left(case: Case) -> None:
    """No literal of the rewritten file evaluates to a moved value, and its text is gone unless something else needs it."""
    candidates = {c.span: c for c in PYTHON.candidates(Source(PATH, case.before, "python"), None).candidates}
    for row, credential in zip(_replacements(case, _same), case.credentials, strict=True):
        candidate = candidates.get(row.span)
        if "skip" in credential or candidate is None or row.literal is LiteralType.INT:
            continue
        text = candidate.value.reveal()
        if row.shape is not Shape.WHOLE:
            text = shapes.extract(row.shape, text)[row.part]
        same = [c for c in case.credentials if c["literal"] == credential["literal"] and "skip" in c]
        if len(text) >= 8 and not same:
            assert text.encode() not in case.after
