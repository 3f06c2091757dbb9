"""Credentials in literals spelled in every way Python allows: what the rewritten program evaluates to is what it was.

The programs are run, with a stand-in for the generated module; nothing here relies on the product's own proofs.
"""

from __future__ import annotations

import sys
import types
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hardcode_hunter import shapes
from hardcode_hunter.languages.python.codemod import rewrite
from hardcode_hunter.model import Access, Evaluated, Home, LiteralType, Position, Replacement, Shape, Source, Span
from hardcode_hunter.plugins import Rewriting
from hardcode_hunter.retrievers.helper import HELPER

ROTATED = "p%41@:/?#[1]{2}'3\"4\\5 $6;&+=,7|<8>~^`é€"
PRINTABLE = st.characters(min_codepoint=32, max_codepoint=0x2FFF, blacklist_categories=("Cs", "Cn", "Co", "Zl", "Zp"))
CONTROL = st.sampled_from("\t\n\r\x00\x07\x1b\x7f\x85\u2028")
CONTEXTS = (
    "VALUE = {}\n",
    "def value():\n    return{}\nVALUE = value()\n",
    "VALUE = [{}][0]\n",
    'VALUE = {{"a": {}}}["a"]\n',
    "VALUE = str({})\n",
    "VALUE = {} if True else 0\n",
    "VALUE = (\n    {}\n)\n",
    "class A:\n\tdef f(self):\n\t\tx = ({});y = 1\n\t\treturn x\nVALUE = A().f()\n",
    "VALUE = (lambda: {})()\n",
    "VALUE = ({}).strip('')\n",
    "VALUE = 0 or{}\n",
)


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """Source of a literal that evaluates to ``text``: pieces, prefixes, quotes and escapes at random."""
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=3)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    gap = draw(st.sampled_from([" ", "", "  "]))
    return gap.join(draw(_piece(piece)) for piece in pieces)


@st.composite
def _piece(draw: st.DrawFn, text: str) -> str:
    mark = draw(st.sampled_from(["'", '"', "'''", '"""']))
    prefix = draw(st.sampled_from(["", "", "f", "r", "u", "F", "rf", "fR"]))
    if "r" in prefix.lower() and (mark[0] in text or "\\" in text or not text.isprintable()):
        prefix = "f" if "f" in prefix.lower() else ""
    return f"{prefix}{mark}{''.join(draw(_unit(c, mark, prefix.lower())) for c in text)}{mark}"


@st.composite
def _unit(draw: st.DrawFn, character: str, mark: str, prefix: str) -> str:
    plain = character * 2 if character in "{}" and "f" in prefix else character
    if "r" in prefix:
        return plain
    code = ord(character)
    escaped = f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"
    ways = [escaped] + ([f"\\x{code:02x}", f"\\{code:03o}"] if code < 256 else [])
    if character.isprintable() and character not in ("\\", mark[0]):
        ways += [plain] * 4
    elif character == "\n" and len(mark) == 3:
        ways += ["\n"]
    else:
        ways += {"\\": ["\\\\"], mark[0]: ["\\" + mark[0]], "\n": ["\\n"], "\t": ["\\t", "\t"]}.get(character, [])
    return draw(st.sampled_from(ways))


def _rewritten(program: str, literal: str, shape: Shape, part: str) -> str:
    data = program.encode()
    at = len(program[: program.index(literal)].encode())
    row = Replacement(
        "f", "r", "a.py", 1, "VALUE", 0, Span(at, at + len(literal.encode())), shape, LiteralType.STR, Position.ASSIGNMENT, "db", "password",
        part, Evaluated.IMPORT,
    )  # fmt: skip
    access = Access("db", "app", "db", "p", {"p": "db"}, Home.SECRETS_MANAGER, "json", "password")
    result = rewrite(
        Source("a.py", data, "python"), [row], Rewriting({("db", "password"): access}, HELPER, {"a.py": "secret_store"})
    )
    assert result.change is not None, [(s.code, s.why) for s in result.skips]
    return result.change.result(data).decode()


def _value(program: str, stored: str | None = None) -> Any:
    module = types.ModuleType("secret_store")
    module.get_secret = lambda secret, field=None, fresh=False: stored  # type: ignore[attr-defined]
    before = sys.modules.get("secret_store")
    sys.modules["secret_store"] = module
    try:
        names: dict[str, Any] = {}
        exec(compile(program, "a.py", "exec", dont_inherit=True), names)
    finally:
        del sys.modules["secret_store"]
        if before:
            sys.modules["secret_store"] = before
    return names["VALUE"]


def _original(program: str) -> Any:
    """The value before; ``None`` for what is no Python (``returnf'x'``)."""
    try:
        return _value(program)
    except SyntaxError:
        return None


CHECKED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@CHECKED
@given(st.data(), st.text(PRINTABLE | CONTROL, min_size=1, max_size=24), st.sampled_from(CONTEXTS))
def test_whole_value(data: st.DataObject, text: str, context: str) -> None:
    literal = data.draw(spelled(text))
    program = context.format(literal)
    assume(program.count(literal) == 1 and _original(program) == text)
    after = _rewritten(program, literal, Shape.WHOLE, "")
    assert _value(after, text) == text
    assert _value(after, ROTATED) == ROTATED


SAFE_IN = {
    Shape.URL: lambda password: f"redis://user:{quote(password, safe='')}@cache.internal:6379/0?timeout=3#{{x}}",
    Shape.ODBC: lambda password: "SERVER=db;UID=shop;PWD={" + password.replace("}", "}}") + "};Encrypt=yes",
    Shape.DSN: lambda password: (
        "dbname=shop password='" + password.replace("\\", "\\\\").replace("'", "\\'") + "' user=shop"
    ),
}


@CHECKED
@given(
    st.data(), st.text(PRINTABLE, min_size=1, max_size=16), st.sampled_from(sorted(SAFE_IN)), st.sampled_from(CONTEXTS)
)
def test_part_of_a_value(data: st.DataObject, password: str, shape: Shape, context: str) -> None:
    assume(password.strip() == password and not _looks_formatted(password))
    text = SAFE_IN[shape](password)
    assume(shapes.extract(shape, text).get("password") == password)
    literal = data.draw(spelled(text))
    program = context.format(literal)
    assume(program.count(literal) == 1 and _original(program) == text)
    after = _rewritten(program, literal, shape, "password")
    assert _value(after, password) == text or shapes.extract(shape, _value(after, password)) == shapes.extract(
        shape, text
    )
    expected = {**shapes.extract(shape, text), "password": ROTATED}
    assert shapes.extract(shape, _value(after, ROTATED)) == expected


def _looks_formatted(password: str) -> bool:
    """Texts with placeholders are refused, for good reason."""
    return "%" in password or "{" in password or "}" in password
