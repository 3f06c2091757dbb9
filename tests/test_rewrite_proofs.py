"""Each proof of a rewritten Python file fails on a rewrite that is wrong in just its way, and its sentence says which proof it was."""

from __future__ import annotations

import pytest

from hardcode_hunter.languages.python import proof, values
from hardcode_hunter.languages.python.layout import Layout
from hardcode_hunter.languages.python.operations import Reading, Splice, Swap, Touch
from hardcode_hunter.languages.python.reasons import PROOFS, Unchanged
from hardcode_hunter.model import Shape, Span

READ = Reading('get_secret("db", "password")', "db", "password")
URL = '"postgresql://u:hunter-2019@h/d"'
WRONG_VALUES = [
    # what the literal was, its shape, what would stand there, and the proof that fails
    ('"hunter-2019"', Shape.WHOLE, f'"x" + {READ.text}', "value"),
    ('"hunter-2019"', Shape.WHOLE, f'{READ.text}.encode("utf-8")', "type"),
    ('"hunter-2019"', Shape.WHOLE, '"hunter-2019"', "any-password"),
    ('"hunter-2019"', Shape.WHOLE, f'{READ.text}.replace("/", "")', "any-password"),
    ("20190412", Shape.WHOLE, READ.text, "type"),
    ("20190412", Shape.WHOLE, "20190412", "plaintext"),
    (URL, Shape.URL, f'"postgresql://u:" + {READ.text} + "@h/d"', "any-password"),
    (URL, Shape.URL, f'"postgresql://u:" + quote({READ.text}, safe="") + "@h/d?was=hunter-2019"', "plaintext"),
    (URL, Shape.URL, f'"mysql://u:" + quote({READ.text}, safe="") + "@h/d"', "value"),
]


@pytest.mark.parametrize(("literal", "shape", "expression", "name"), WRONG_VALUES)
def test_a_wrong_value(literal: str, shape: Shape, expression: str, name: str) -> None:
    role = "password" if shape is Shape.URL else ""
    with pytest.raises(Unchanged) as raised:
        values.prove(Swap(literal, expression, shape, ((READ, role),)))
    assert raised.value.code == f"proof-{name}"
    assert PROOFS[name] in raised.value.why and "hunter" not in raised.value.why


BEFORE = b'import db  # ours\nPASSWORD = "hunter-2019"\nPORT = 5432  # tls\n'
LITERAL = Span(BEFORE.index(b'"hunter'), BEFORE.index(b"\nPORT"))
WRONG_FILES = [
    # the edits that were planned, what was made beyond them, and the proof that fails
    ([Splice(LITERAL, READ.text, Touch.VALUE)], (b"5432", b"5433"), "bytes"),
    ([Splice(LITERAL, READ.text + ")", Touch.VALUE)], None, "compiles"),
    ([Splice(LITERAL, READ.text + "\nHOST = 1", Touch.VALUE)], None, "syntax-tree"),
    ([Splice(LITERAL, READ.text + "  # moved", Touch.VALUE)], None, "comments"),
    ([Splice(LITERAL, READ.text, Touch.VALUE), Splice(Span(10, 17), "", Touch.STATEMENT)], None, "comments"),
]


@pytest.mark.parametrize(("splices", "beyond", "name"), WRONG_FILES)
def test_a_wrong_file(splices: list[Splice], beyond: tuple[bytes, bytes] | None, name: str) -> None:
    made, at = b"", 0
    for splice in sorted(splices, key=lambda s: s.span.start):
        made += BEFORE[at : splice.span.start] + splice.text.encode()
        at = splice.span.end
    made += BEFORE[at:]
    with pytest.raises(Unchanged) as raised:
        proof.prove(Layout.of(BEFORE), made.replace(*beyond) if beyond else made, splices)
    assert raised.value.code == f"proof-{name}"


def test_the_right_file_passes() -> None:
    splices = [Splice(LITERAL, READ.text, Touch.VALUE)]
    proof.prove(Layout.of(BEFORE), BEFORE[: LITERAL.start] + READ.text.encode() + BEFORE[LITERAL.end :], splices)
    values.prove(Swap("20190412", f"int({READ.text})", Shape.WHOLE, ((READ, ""),)))
