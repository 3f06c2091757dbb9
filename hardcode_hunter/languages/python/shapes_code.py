"""The expression that takes a literal's place, by the shape in which the credential sits there.

What remains of the literal is kept as written: prefix, quotes, escapes, holes. A rotated password may hold any character, so every
part is quoted by the rules of its shape: percent-encoding in a URL (RFC 3986), braces in ODBC, quotes and backslashes for libpq.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from hardcode_hunter import shapes
from hardcode_hunter.languages.python.operations import Reading
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.strings import HOLE, Piece, Unit, value
from hardcode_hunter.model import Shape, Span

_SIMPLE_STRING = re.compile(r'"([^"\\\n]*)"')
_VERBATIM = frozenset({"host", "port"})  # parts of a URL in which nothing may be percent-encoded


@dataclass(frozen=True, slots=True)
class Wanted:
    """Part ``role`` of the literal is to be read by ``reading``."""

    role: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class Tools:
    """What the expression may call, under the names that are bound in the file."""

    quote: str = ""
    b64encode: str = ""


@dataclass(frozen=True, slots=True)
class _Hole:
    """Characters ``[start, end)`` of the value become ``code``, given the quotes that it may use; ``before`` and ``after`` are added
    to the literal around it."""

    start: int
    end: int
    code: Callable[[str], str]
    before: str = ""
    after: str = ""


def requoted(code: str, quote: str) -> str:
    """``code`` with its plain double-quoted strings in the wanted quotes (one character)."""
    if quote == '"':
        return code
    return _SIMPLE_STRING.sub(lambda m: m[0] if "'" in m[1] else f"'{m[1]}'", code)


def primary(code: str) -> str:
    """``code`` as the receiver of a method: an ``await`` in parentheses."""
    return f"({code})" if code.startswith("await ") else code


def other(quote: str) -> str:
    """The quotes that may stand inside an f-string that is written in ``quote``, on Python before 3.12 too."""
    return "'" if quote[0] == '"' else '"'


def whole(reading: Reading, quote: str, literal: str) -> str:
    """The expression for a literal that is a credential from end to end; ``literal`` is its type: str, bytes or int."""
    code = requoted(reading.text, quote)
    if literal == "bytes":
        return f"{primary(code)}.encode({quote}utf-8{quote})"
    return f"int({code})" if literal == "int" else code


def partial(
    shape: Shape, literal: Sequence[Piece], wanted: Sequence[Wanted], tools: Tools, percent: bool
) -> tuple[str, bool]:
    """The expression for a literal of ``shape`` with its ``wanted`` parts read, and whether it is a sum that may need parentheses.

    ``percent`` says that the literal is the format of a ``%`` operator. Raises :class:`Unchanged`.
    """
    is_bytes = "b" in literal[0].prefix.lower()
    if shape is Shape.URL:
        holes = [_url_hole(literal, w, tools, percent, is_bytes) for w in wanted]
        return _split(literal, holes) if is_bytes else (_embedded(literal, holes), False)
    if percent:
        raise Unchanged("formatted")
    if shape is Shape.BASIC:
        return _basic(literal, wanted, tools)
    maker = {Shape.BEARER: _bearer_hole, Shape.ODBC: _odbc_hole, Shape.DSN: _dsn_hole}.get(shape)
    if maker is None:
        raise Unchanged("embedded")
    return _split(literal, [_encoded(maker(literal, w), is_bytes) for w in wanted])


def part(shape: Shape, text: str, role: str) -> shapes.Part:
    """The part of ``text`` with this role. Raises :class:`Unchanged` when there is none, or when a part of it is computed."""
    found = next((p for p in shapes.parse(shape, text) if p.role == role), None)
    if found is None:
        raise Unchanged("no-such-part", part=role)
    if HOLE in text[found.start : found.end]:
        raise Unchanged("partly-computed")
    return found


# ---------------------------------------------------------------- one hole


def _url_hole(literal: Sequence[Piece], wanted: Wanted, tools: Tools, percent: bool, is_bytes: bool) -> _Hole:
    found = part(Shape.URL, value(literal), wanted.role)
    text = wanted.reading.text
    if wanted.role not in _VERBATIM:
        text = f'{tools.quote}({text}, safe="")' + ('.replace("%", "%%")' if percent else "")
    return _Hole(found.start, found.end, _plain(f'{primary(text)}.encode("ascii")' if is_bytes else text))


def _bearer_hole(literal: Sequence[Piece], wanted: Wanted) -> _Hole:
    found = part(Shape.BEARER, value(literal), wanted.role)
    return _Hole(found.start, found.end, _plain(wanted.reading.text))


def _odbc_hole(literal: Sequence[Piece], wanted: Wanted) -> _Hole:
    text = value(literal)
    found = part(Shape.ODBC, text, wanted.role)
    if wanted.role == "account_key":  # base64; Azure's SDKs split at ``;`` and the first ``=``, and know no braces
        return _Hole(found.start, found.end, _plain(wanted.reading.text))
    quoted = text[found.start - 1 : found.start] in ("{", '"', "'")
    start, end = (found.start - 1, found.end + 1) if quoted else (found.start, found.end)
    return _Hole(start, end, _plain(f'{primary(wanted.reading.text)}.replace("}}", "}}}}")'), "{", "}")


def _dsn_hole(literal: Sequence[Piece], wanted: Wanted) -> _Hole:
    text = value(literal)
    found = part(Shape.DSN, text, wanted.role)
    quoted = text[found.start - 1 : found.start] == "'"
    start, end = (found.start - 1, found.end + 1) if quoted else (found.start, found.end)
    escaping = r""".replace("\\", "\\\\").replace("'", "\\'")"""
    return _Hole(start, end, lambda quote: requoted(primary(wanted.reading.text), quote) + escaping, "'", "'")


def _basic(literal: Sequence[Piece], wanted: Sequence[Wanted], tools: Tools) -> tuple[str, bool]:
    text = value(literal)
    parts = {p.role: p for p in shapes.parse(Shape.BASIC, text)}
    found = part(Shape.BASIC, text, "password")
    readings = {w.role: w.reading.text for w in wanted}
    if "password" not in readings or not readings.keys() <= {"username", "password"}:
        raise Unchanged("no-such-part", part=", ".join(sorted(readings)))
    user = parts["username"].value if "username" in parts else ""
    if not re.fullmatch(r"[\w.@ +-]*", user, re.ASCII):
        raise Unchanged("no-such-part", part="username")
    pair = f'{readings["username"]} + ":"' if "username" in readings else f'"{user}:"'
    code = f'{tools.b64encode}(({pair} + {readings["password"]}).encode("utf-8"))'
    is_bytes = "b" in literal[0].prefix.lower()
    return _split(literal, [_Hole(found.start, found.end, _plain(code if is_bytes else f'{code}.decode("ascii")'))])


def _plain(text: str) -> Callable[[str], str]:
    return lambda quote: requoted(text, quote)


def _encoded(hole: _Hole, is_bytes: bool) -> _Hole:
    if not is_bytes:
        return hole
    code = hole.code
    return replace(hole, code=lambda quote: f"{primary(code(quote))}.encode({quote}utf-8{quote})")


# ---------------------------------------------------------------- putting holes into a literal


def _embedded(literal: Sequence[Piece], holes: Sequence[_Hole]) -> str:
    """The literal as an f-string with the holes in it."""
    made: list[str] = []
    for piece, units, _ in _cut(literal, holes):
        if any(isinstance(unit, _Hole) for unit in units):
            prefix = piece.prefix if piece.formatted else piece.prefix.replace("u", "").replace("U", "") + "f"
            body = "".join(_in_fstring(unit, piece) for unit in units)
            made.append(f"{piece.before}{prefix}{piece.quote}{body}{piece.quote}")
        else:
            made.append(piece.before + replace(piece, units=tuple(u for u in units if isinstance(u, Unit))).source)
    return "".join(made)


def _in_fstring(unit: Unit | _Hole, piece: Piece) -> str:
    if isinstance(unit, _Hole):
        return f"{{{unit.code(other(piece.quote))}}}"
    return unit.source * 2 if unit.source in ("{", "}") and not piece.formatted else unit.source


def _split(literal: Sequence[Piece], holes: Sequence[_Hole]) -> tuple[str, bool]:
    """The literal as a sum of what stands before, in and after the holes; and whether it is one."""
    terms: list[str] = []
    group: list[tuple[str, str]] = []  # (what separates, piece) of the literal that is being collected

    def close() -> None:
        text = "".join((separator if i else "") + source for i, (separator, source) in enumerate(group))
        if text:
            terms.append(text)
        group.clear()

    for piece, units, _ in _cut(literal, holes):
        run: list[Unit] = []
        separator = piece.before
        for unit in units:
            if isinstance(unit, Unit):
                run.append(unit)
                continue
            _collect(group, separator, piece, [*run, *_spelt(unit.before, piece)])
            close()
            terms.append(unit.code(piece.quote[0]))
            run, separator = _spelt(unit.after, piece), ""
        _collect(group, separator, piece, run)
    close()
    return " + ".join(terms), len(terms) > 1


def _collect(group: list[tuple[str, str]], separator: str, piece: Piece, units: Sequence[Unit]) -> None:
    if units:
        group.append((separator, replace(piece, units=tuple(units)).source))


def _spelt(text: str, piece: Piece) -> list[Unit]:
    """``text`` as it must be written inside ``piece``."""
    spelt = []
    for character in text:
        if character == piece.quote[0]:
            if "r" in piece.prefix.lower():
                raise Unchanged("raw-quote")
            spelt.append(Unit("\\" + character, character))
        else:
            spelt.append(Unit(character * 2 if character in "{}" and piece.formatted else character, character))
    return spelt


def _cut(literal: Sequence[Piece], holes: Sequence[_Hole]) -> list[tuple[Piece, list[Unit | _Hole], bool]]:
    """For each piece its units with the covered ones replaced by their hole, and whether any was covered."""
    ordered = sorted(holes, key=lambda h: h.start)
    if any(a.end > b.start for a, b in pairwise(ordered)):
        raise Unchanged("overlaps")
    result: list[tuple[Piece, list[Unit | _Hole], bool]] = []
    placed: set[int] = set()
    at = 0
    for piece in literal:
        units: list[Unit | _Hole] = []
        cut = False
        for unit in piece.units:
            hole = next((h for h in ordered if h.start <= at < h.end), None)
            inside = hole is not None and (unit.text != "" or at > hole.start)
            if hole is None or not inside:
                units.append(unit)
            elif hole.start not in placed:
                placed.add(hole.start)
                units.append(hole)
            cut = cut or inside
            at += len(unit.text)
        result.append((piece, units, cut))
    return result


def without(literal: Sequence[Piece], spans: Sequence[Span]) -> str:
    """The literal without the characters ``spans`` of its value."""
    made = []
    for piece, units, _ in _cut(literal, [_Hole(span.start, span.end, _plain("")) for span in spans]):
        made.append(piece.before + replace(piece, units=tuple(u for u in units if isinstance(u, Unit))).source)
    return "".join(made)
