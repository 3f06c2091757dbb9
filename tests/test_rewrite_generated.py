"""Credentials at random places of programs that hypothesmith makes up: rewritten and proven, or left alone byte for byte.

The number of programs is small; ``HUNTER_EXAMPLES=5000 pytest tests/test_rewrite_generated.py`` tries as many as that says.
"""

from __future__ import annotations

import ast
import io
import os
import tokenize
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardcode_hunter.languages.python.codemod import rewrite
from hardcode_hunter.languages.python.reasons import PROOFS, WHY
from hardcode_hunter.model import (
    Access,
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
from hardcode_hunter.plugins import Rewriting
from hardcode_hunter.retrievers.helper import HELPER

hypothesmith = pytest.importorskip(
    "hypothesmith", reason="hypothesmith is not installed, so that no programs are generated"
)

CREDENTIAL = "hunter-orders-2019"
ACCESS = Access("db", "app", "db", "p", {"p": "db"}, Home.SECRETS_MANAGER, "json", "password")
LITERALS = [
    f'"{CREDENTIAL}"',
    f"'{CREDENTIAL}'",
    f"r'{CREDENTIAL}'",
    f"f'{CREDENTIAL}'",
    f'b"{CREDENTIAL}"',
    f"('{CREDENTIAL}')",
]
LAST = "value = [1, f(2)]\n"
EXAMPLES = settings(
    max_examples=int(os.environ.get("HUNTER_EXAMPLES", "20")),
    deadline=None,
    derandomize="HUNTER_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


def _expressions(text: str) -> list[Span]:
    """Where an expression that is read stands alone on its line, so that a literal can take its place."""
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            found.append(
                Span(starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset)
            )  # type: ignore[operator]
    return found


def _with_credential(data: st.DataObject, text: str) -> tuple[str, Span]:
    """The program with the credential in the place of one of its expressions, the first from a drawn one on that allows it."""
    places = _expressions(text)
    first = data.draw(st.integers(0, len(places) - 1))
    literal = data.draw(st.sampled_from(LITERALS))
    for place in [*places[first:], *places[:first]]:
        made = f"{text[: place.start]} {literal} {text[place.end :]}"
        if _compiles(made):
            offset = place.start + 1 + literal.startswith("(")
            return made, Span(offset, offset + len(literal.strip("()")))
    raise AssertionError("the last statement of every program takes a literal")


def _compiles(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "a.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def _rewritten(text: str, span: Span) -> Rewrite:
    kind = LiteralType.BYTES if text[span.start] == "b" else LiteralType.STR
    row = Replacement(
        "f",
        "r",
        "a.py",
        1,
        "password",
        0,
        span,
        Shape.WHOLE,
        kind,
        Position.ASSIGNMENT,
        "db",
        "password",
        "",
        Evaluated.IMPORT,
    )
    rewriting = Rewriting({("db", "password"): ACCESS}, HELPER, {"a.py": "secret_store"}, frozenset({"safe", "review"}))
    return rewrite(Source("a.py", text.encode(), "python"), [row], rewriting)


@EXAMPLES
@given(st.data(), st.one_of(hypothesmith.from_grammar(), hypothesmith.from_node()))
def test_a_generated_program_is_rewritten_or_left_alone(data: st.DataObject, program: str) -> None:
    plain = program.isascii() and "\r" not in program and "\x0c" not in program
    whole = f"{program}\n{LAST}"
    text, span = _with_credential(data, whole if plain and _compiles(whole) else LAST)
    result = _rewritten(text, span)
    if result.change is None:
        assert next(skip.code for skip in result.skips) in {*WHY, *(f"proof-{name}" for name in PROOFS)}
        return
    after = result.change.result(text.encode()).decode()
    assert _compiles(after) and CREDENTIAL not in after
    assert _comments(after) == _comments(text)
    assert _dump(after) == _dump(text)


def _comments(text: str) -> list[str]:
    return [t.string for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT]


class _Plain(ast.NodeTransformer):
    """Reads and credentials alike, and nothing of the import."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id.endswith("get_secret"):
            return ast.Constant("value")
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr == "encode"
            and isinstance(node.func.value, ast.Call)
        ):
            inner = self.visit(node.func.value)
            return inner if isinstance(inner, ast.Constant) else self.generic_visit(node)
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        ours = node.value in (CREDENTIAL, CREDENTIAL.encode())
        return ast.Constant("value") if ours else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        plain = (
            len(node.values) == 1 and isinstance(node.values[0], ast.Constant) and node.values[0].value == CREDENTIAL
        )
        return ast.Constant("value") if plain else self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if node.module == "secret_store" else node


def _dump(text: str) -> str:
    return ast.dump(_Plain().visit(ast.parse(text)))
