"""The finding side of Python: a table of shapes, and what must hold for any source."""

from __future__ import annotations

import ast
import json
import random
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from hardcode_hunter.languages import notebook, text
from hardcode_hunter.languages.python import PYTHON
from hardcode_hunter.languages.python.candidates import candidates
from hardcode_hunter.languages.python.literals import literal
from hardcode_hunter.model import Candidate, Extraction, LiteralType, Position, Source
from tests.python_shapes import SNIPPETS, Expected, Snippet

PATH = "app/x.py"


def read(source: str | bytes, hits: Sequence[int] | None = None, path: str = PATH) -> Extraction:
    return candidates(Source(path, source.encode() if isinstance(source, str) else source, "python"), hits)


def shown(candidate: Candidate) -> dict[str, str]:
    """What the table compares."""
    return {
        "value": candidate.value.reveal(),
        "position": candidate.position.value,
        "name": candidate.name,
        "symbol": candidate.symbol,
        "ordinal": str(candidate.ordinal),
        "callee": candidate.callee,
        "parameter": candidate.parameter,
        "scope": candidate.scope,
        "evaluated": candidate.evaluated.value,
        "literal": candidate.literal.value,
        "defines": candidate.defines.removeprefix(f"{PATH}::"),
        "note": candidate.note,
        "sink": " ".join(f"{s.callee} {s.parameter}" for s in candidate.sinks),
    }


def identity(candidate: Candidate) -> tuple[str, ...]:
    """Everything but places: what no encoding and no line ending may change."""
    said = shown(candidate)
    return tuple(
        said[key]
        for key in (
            "value",
            "position",
            "name",
            "symbol",
            "ordinal",
            "callee",
            "parameter",
            "evaluated",
            "literal",
            "note",
        )
    )


@pytest.mark.parametrize("snippet", SNIPPETS, ids=str)
def test_shape(snippet: Snippet) -> None:
    found = [shown(c) for c in read(snippet.source).candidates]
    for row in found:
        kind, at, offset = row["scope"].partition("@")
        row["scope"] = f"{kind}@{snippet.source[int(offset) :][:9]}" if at else kind
    for expected in snippet.expected:
        assert _matching(found, expected), (
            f"{dict(expected)} is not among {[f for f in found if f['value'] == expected['value']]}"
        )
    assert not {f["value"] for f in found} & set(snippet.absent)


def _matching(found: list[dict[str, str]], expected: Expected) -> bool:
    return any(all(row[key] == value for key, value in expected.items()) for row in found)


def test_names_of_snippets_are_unique() -> None:
    assert max(Counter(s.name for s in SNIPPETS).values()) == 1


# ------------------------------------------------------------ invariants


def check(source: Source, extraction: Extraction) -> None:
    """Spans, lines, ordinals: what holds for every source that parses."""
    seen: Counter[tuple[str, int]] = Counter()
    for candidate in extraction.candidates:
        written = source.data[candidate.span.start : candidate.span.end]
        assert candidate.line == source.line_of(candidate.span.start)
        assert candidate.end_line == source.line_of(candidate.span.end - 1)
        assert candidate.column == source.column_of(candidate.span.start)
        seen[candidate.symbol, candidate.ordinal] += 1
        if candidate.literal is not LiteralType.TEXT:
            encoding = "utf-8"
            if b"coding: latin-1" in source.data[:80]:
                encoding = "latin-1"
            tree = ast.parse(f"({written.decode(encoding)}\n)", mode="eval").body
            evaluated = literal(tree)
            assert evaluated is not None
            assert (evaluated.value, evaluated.type) == (candidate.value.reveal(), candidate.literal)
            if candidate.literal is LiteralType.STR and not isinstance(tree, ast.BinOp | ast.JoinedStr):
                assert ast.literal_eval(tree) == candidate.value.reveal()
    assert not [key for key, count in seen.items() if count > 1], "two candidates have one identity"
    for symbol in {symbol for symbol, _ in seen}:
        ordinals = sorted(n for s, n in seen if s == symbol)
        if not symbol.endswith("__doc__"):  # a docstring that says nothing is counted and not yielded
            assert ordinals == list(range(len(ordinals)))
    for reference in extraction.references:
        assert source.data[reference.span.start : reference.span.end].strip()
        assert reference.line == source.line_of(reference.span.start)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=str)
def test_spans_lines_and_ordinals(snippet: Snippet) -> None:
    source = Source(PATH, snippet.source.encode(), "python")
    check(source, read(snippet.source))


VARIANTS = {
    "crlf": lambda s: s.replace("\n", "\r\n").encode(),
    "cr": lambda s: s.replace("\n", "\r").encode(),
    "bom": lambda s: b"\xef\xbb\xbf" + s.encode(),
    "bom and crlf": lambda s: b"\xef\xbb\xbf" + s.replace("\n", "\r\n").encode(),
    "cookie": lambda s: ("# coding: latin-1\n# J\xe9r\xf4me\n" + s).encode("latin-1"),
    "cookie and cr": lambda s: ("#!/usr/bin/python\r# coding: latin-1\r" + s.replace("\n", "\r")).encode("latin-1"),
    "cookie utf-8": lambda s: ("#!/usr/bin/python\n# -*- coding: utf-8 -*-\n" + s).encode(),
    "no final newline": lambda s: s.rstrip("\n").encode(),
    "form feeds": lambda s: ("\x0c\n" + s + "\x0c\n").encode(),
    "non-ascii before": lambda s: (
        ('\xe9\xe8 = "\u20ac\U0001f511"; ' + s).encode()
        if not s.startswith(("@", "if", "for", "try", "match", "def", "class", "async", "with", "#"))
        else s.encode()
    ),
    "non-ascii in latin-1": lambda s: (
        "# coding: latin-1\n" + ('\xe9 = "\xe0"; ' + s if s[:1].isupper() else s)
    ).encode("latin-1"),
    "shift_jis": lambda s: ("# coding: shift_jis\n" + ('x = "\u8868\u793a"; ' + s if s[:1].isupper() else s)).encode(
        "shift_jis", "replace"
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("snippet", SNIPPETS, ids=str)
def test_encodings_and_line_ends_change_nothing(snippet: Snippet, variant: str) -> None:
    data = VARIANTS[variant](snippet.source)
    found = read(data)
    assert not found.problems
    extra = {"\u20ac\U0001f511", "\xe0", "\u8868\u793a"}
    ours = sorted(identity(c) for c in found.candidates if c.value.reveal() not in extra)
    if variant == "shift_jis" and not snippet.source.isascii():
        return
    plain = sorted(identity(c) for c in read(snippet.source).candidates)
    assert ours == plain
    for candidate in found.candidates:
        assert data.count(b"\n", 0, candidate.span.start) <= candidate.line - 1 or b"\r" in data


def test_bytes_of_a_wide_encoding_are_exact() -> None:
    data = '# coding: shift_jis\nx = "\u8868\u793a"; password = "pw-\u8868"\n'.encode("shift_jis")
    found = {c.name: data[c.span.start : c.span.end].decode("shift_jis") for c in read(data).candidates}
    assert found == {"x": '"\u8868\u793a"', "password": '"pw-\u8868"'}


# ------------------------------------------------------------ windows


def windowed(source: Source, hits: list[int], full: Extraction) -> None:
    """``hits`` must give what stands in statements near them, plus only what passes its value to such a statement."""
    part = candidates(source, hits)
    assert set(part.candidates) <= set(full.candidates)
    assert set(part.references) <= set(full.references)
    lines = _logical_lines(source)
    near = {n for n, (first, last) in lines.items() if any(first <= source.line_of(hit) <= last for hit in hits)}
    here = {c for c in full.candidates if any(lines[n][0] <= c.line <= lines[n][1] for n in near)}
    here |= {c for c in full.candidates if c.note == "comment" and any(source.line_of(hit) == c.line for hit in hits)}
    names = (
        {r.target for r in part.references}
        | {r.defines for r in part.references}
        | {c.defines for c in part.candidates}
    )
    missing = {c for c in here if c.position is not Position.TEXT} - set(part.candidates)
    assert not missing
    for candidate in set(part.candidates) - here:
        if candidate.note == "pattern":  # stands below the line of its subject, in the same statement
            continue
        assert candidate.defines, "only a value that is passed on may stand elsewhere"
        assert any(
            name == candidate.defines
            or candidate.defines.startswith((f"{name}.", f"{name}["))
            or name.startswith(candidate.defines)
            for name in names
            if name
        )


def _logical_lines(source: Source) -> dict[int, tuple[int, int]]:
    """Number → first and last line of a statement, a header, a decorator or a case, found without the code under test."""
    rows: list[tuple[int, int]] = []
    for node in ast.walk(ast.parse(source.data)):
        if isinstance(node, ast.match_case):
            rows.append((node.pattern.lineno, (node.guard or node.pattern).end_lineno or 0))
        if not isinstance(node, ast.stmt):
            continue
        rows += [(d.lineno, d.end_lineno or 0) for d in getattr(node, "decorator_list", ())]
        body = getattr(node, "body", None)
        if isinstance(node, ast.Try | ast.Match):
            rows.append((node.lineno, node.lineno))
        elif not body:
            rows.append((node.lineno, node.end_lineno or node.lineno))
        else:
            first = min([body[0].lineno, *(d.lineno for d in getattr(body[0], "decorator_list", ()))])
            rows.append((node.lineno, max(node.lineno, first - 1)))
    return dict(enumerate(rows))


@pytest.mark.parametrize("snippet", SNIPPETS, ids=str)
def test_windowed_equals_the_full_result_filtered(snippet: Snippet) -> None:
    source = Source(PATH, snippet.source.encode(), "python")
    full = read(snippet.source)
    assert read(snippet.source, []) == Extraction()
    for hit in range(0, len(source.data), 3):
        windowed(source, [hit], full)
    everywhere = candidates(source, list(range(len(source.data))))
    assert everywhere.candidates == full.candidates


def test_windows_in_a_long_file() -> None:
    joined = "".join(s.source for s in SNIPPETS if not s.source.startswith("from __future__"))
    source = Source(PATH, joined.encode(), "python")
    full = read(joined)
    assert not full.problems
    check(source, full)
    chance = random.Random(7)
    for _ in range(60):
        hits = sorted(chance.sample(range(len(source.data)), chance.choice((1, 2, 5))))
        windowed(source, hits, full)


def test_a_value_is_near_where_its_name_is_used() -> None:
    source = 'import psycopg2\n\nP = "pw-1"\nH = "h-1"\nOTHER = "o-1"\n\npsycopg2.connect(host=H, password=P)\nprint(OTHER)\n'
    found = read(source, [source.index("password=")])
    assert {c.value.reveal() for c in found.candidates} == {"pw-1", "h-1"}
    assert {r.parameter for r in found.references} == {"host", "password"}


# ------------------------------------------------------------ what is no Python

BROKEN = {
    "python 2": b"print 'x'\nd['db_password'] = u'pw-1'\nexec 'x'\n",
    "octal": b"os.chmod('f', 0755)\npassword = ur'pw-1'\n",
    "unterminated": b'password = "pw-1"\nx = """abc\n',
    "bytes": b"name = '\xe9'\npassword = 'pw-1'\n",
    "unknown cookie": b"# coding: klingon-8\npassword = 'pw-1'\n",
    "no text codec": b"# coding: rot13\npassword = 'pw-1'\n",
    "stateful codec": b"# coding: utf-7\nx = '+AOk-'\npassword = 'pw-1'\n",
    "BOM and cookie": b"\xef\xbb\xbf# coding: latin-1\npassword = 'pw-1'\n",
    "nul": b"a = 1\n\0\npassword = 'pw-1'\n",
    "brackets": b"x = " + b"[" * 10_000 + b"]" * 10_000 + b"\npassword = 'pw-1'\n",
    "sum": b"x = " + b"+".join([b"1"] * 20_000) + b"\npassword = 'pw-1'\n",
    "template": b"{% if x %}\npassword = 'pw-1'\n",
    "conflict": b"<<<<<<< HEAD\npassword = 'pw-1'\n=======\n>>>>>>> b\n",
    "call in python 2": b"print 'x'\nconnect(host='h', password='pw-1')\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_text_rules_take_over(name: str) -> None:
    data = BROKEN[name]
    found = read(data)
    assert found.problems
    assert not found.problems[0].fatal
    assert "text rules were used" in found.problems[0].message
    assert "pw-1" not in str(found.problems) and "klingon" not in str(found.problems)
    rows = [c for c in found.candidates if c.value.reveal() == "pw-1"]
    assert [c.name.rpartition("_")[2] for c in rows] == ["password"]
    assert rows[0].language == "text" and rows[0].position is Position.TEXT
    assert data[rows[0].span.start : rows[0].span.end] == b"pw-1"
    assert candidates(Source(PATH, data), [data.index(b"password")]).candidates
    assert not candidates(Source(PATH, data), [len(data) + 10]).candidates


def test_deep_but_valid_sources_are_walked() -> None:
    for deep in (
        " + ".join(f'"a{i}"' for i in range(900)),
        "a" + ".b()" * 400,
        "a" + ".b" * 900,
        "-" * 500 + "1",
        "(" * 150 + "1" + ")" * 150,
        "lambda: " * 150 + "1",
    ):
        found = read(f'x = {deep}\npassword = "pw-1"\n')
        assert "pw-1" in {c.value.reveal() for c in found.candidates}
    branches = "if a == 0:\n    pass\n" + "".join(f'elif a == {i}:\n    password = "pw-{i}"\n' for i in range(1, 300))
    assert len(read(branches).candidates) >= 299


def test_text_language() -> None:
    data = (
        b"[db]\nhost = db.example\npassword = pw-1 # comment\n\nname: API_TOKEN\nvalue: tok-1\n"
        b"see postgres://u:pw-2@host/db and AbCdEf0123456789xyz\n"
    )
    data += b"-----BEGIN @-----\nMIIabcdefghijklmnop\n-----END @-----\n".replace(b"@", b"PRIVATE" + b" KEY")
    rows = text.candidates(Source("a.ini", data)).candidates
    found = {c.name: c.value.reveal() for c in rows if c.name}
    assert (found["password"], found["API_TOKEN"], found["host"]) == ("pw-1", "tok-1", "db.example")
    nameless = [c.value.reveal() for c in rows if not c.name]
    assert "postgres://u:pw-2@host/db" in nameless and "AbCdEf0123456789xyz" in nameless
    assert any(value.startswith("-----BEGIN") for value in nameless)
    scopes = {c.name: c.scope for c in rows if c.name}
    assert scopes["host"] == scopes["password"] != scopes["API_TOKEN"]
    only = text.candidates(Source("a.ini", data), [data.index(b"API_TOKEN")]).candidates
    assert [c.name for c in only] == ["name", "API_TOKEN"]


# ------------------------------------------------------------ notebooks


@pytest.mark.parametrize("style", [{}, {"indent": 1, "ensure_ascii": False}])
def test_notebook(style: dict[str, object]) -> None:
    cells = [
        {"cell_type": "markdown", "source": ['password = "md-1"']},
        {
            "cell_type": "code",
            "metadata": {"source": ["x"]},
            "source": [
                "%matplotlib inline\n",
                "import psycopg2\n",
                '# token = "tok-1"\n',
                '\xe9 = \'\xfc\'; PW = "p\xe4\\"1"\n',
            ],
            "outputs": [{"text": ["password='out-1'"]}],
        },
        {"source": "psycopg2.connect(host='h', password=PW)\nt = '\U0001f511'; z = 'z-1'", "cell_type": "code"},
        {"cell_type": "code", "source": ["print 'x'\n", "password = 'py2-1'"]},
    ]
    data = json.dumps({"nbformat": 4, "metadata": {"cells": "x"}, "cells": cells}, **style).encode()  # type: ignore[arg-type]
    source = Source("n.ipynb", data, "notebook")
    found = notebook.candidates(source)
    values = {c.name: c.value.reveal() for c in found.candidates}
    assert (
        values["PW"] == 'p\xe4"1'
        and values["token"] == "tok-1"
        and values["z"] == "z-1"
        and values["password"] == "py2-1"
    )
    assert "md-1" not in values.values() and "out-1" not in values.values()
    for candidate in found.candidates:
        written = json.loads(b'"' + data[candidate.span.start : candidate.span.end] + b'"')
        assert (
            written == candidate.value.reveal()
            if candidate.literal is LiteralType.TEXT
            else ast.literal_eval(written) == candidate.value.reveal()
        )
        assert candidate.line == source.line_of(candidate.span.start)
    assert [(r.target, r.parameter) for r in found.references] == [("n.ipynb::PW", "password")]
    assert "py2-1" not in str(found.problems)
    near = notebook.candidates(source, [data.index(b"host=")]).candidates
    assert {c.name for c in near} == {"host", "PW"}


def test_a_broken_notebook_is_read_as_text() -> None:
    found = notebook.candidates(Source("n.ipynb", b'{"cells": [ "password": "pw-1"'))
    assert found.problems and [c.value.reveal() for c in found.candidates] == ["pw-1"]


# ------------------------------------------------------------ real files


def library() -> list[Path]:
    """150 files of the standard library, spread over its folders."""
    files = sorted(
        p
        for p in Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")
        if "site-packages" not in p.parts and "dist-packages" not in p.parts
    )
    return files[:: max(1, len(files) // 150)][:150]


def test_standard_library() -> None:
    files = library()
    if not files:
        pytest.skip("this interpreter has no standard library in source form")
    total = 0
    for path in files:
        data = path.read_bytes()
        source = Source(path.name, data, "python")
        try:
            ast.parse(data)
        except (SyntaxError, ValueError):
            assert candidates(source, None).problems
            continue
        found = candidates(source, None)
        if not found.problems:  # literals inside f-strings have no exact place before Python 3.12
            check(source, found)
        else:
            assert sys.version_info < (3, 12), found.problems
        total += len(found.candidates)
        middle = len(data) // 2
        assert set(candidates(source, [middle]).candidates) <= set(found.candidates)
    assert total > 3 * len(files)


def test_finding_loads_no_rewriter() -> None:
    code = "import sys; from hardcode_hunter.languages.python import PYTHON; from hardcode_hunter.model import Source; PYTHON.candidates(Source('a.py', b'x = 1'), None); print('libcst' in sys.modules)"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent
        ).stdout.strip()
        == "False"
    )


def test_language() -> None:
    assert (PYTHON.name, PYTHON.suffixes) == ("python", (".py", ".pyw", ".pyi"))
    assert text.TEXT.name == "text" and notebook.NOTEBOOK.suffixes == (".ipynb",)
    assert text.TEXT.rewrite is None and notebook.NOTEBOOK.rewrite is None
