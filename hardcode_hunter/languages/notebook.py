"""Jupyter notebooks: the code cells are one Python module, whose positions lead into the JSON file. Other cells and what cells printed are
read as text; images and other encoded outputs are not. Reported, not rewritten.

Format: https://nbformat.readthedocs.io/en/latest/format_description.html (version 4, and 3 with its ``worksheets``).
"""

from __future__ import annotations

import ast
import json
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hardcode_hunter.languages import text
from hardcode_hunter.languages.gather import Found, Gather
from hardcode_hunter.languages.python.candidates import as_text
from hardcode_hunter.languages.python.positions import LINE_END, Positions, Unreadable
from hardcode_hunter.languages.python.reading import read
from hardcode_hunter.model import Evaluated, Extraction, LiteralType, Position, Source, Span
from hardcode_hunter.plugins import Hits, Language

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.S)
_ESCAPE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.S)
_SHELL = re.compile(r"[ \t]*[%!?]|[ \t]*[\w.,\[\] ]{1,100}=[ \t]*[%!]|[^#\"']*\?{1,2}\s*$")
_PYTHON_MAGIC = re.compile(r"\s*%%(?:time|timeit|capture|prun|python3?)\b")


PRINTED = frozenset({"text", "text/plain", "text/markdown", "text/html", "traceback", "evalue"})
"""Keys of an output under which text stands; images and other encoded data stand under their own media types."""


@dataclass(slots=True)
class _Cell:
    kind: str = ""
    strings: list[tuple[int, int]] = field(default_factory=list)  # JSON strings of its source, quotes included
    printed: list[tuple[int, int]] = field(default_factory=list)  # and of the texts that it put out


class CellPositions(Positions):
    """Positions of the code cells' text, laid end to end, in the bytes of the notebook."""

    def __init__(self, data: bytes, cells: list[_Cell]) -> None:
        self.data = data
        self.encoding, self.bom, self._rows, self._tables = "utf-8", 0, None, {}
        self.starts = array("q", [0, *(m.end() for m in LINE_END.finditer(data))])
        self._at = array("q")  # character of the text → byte of the file
        self.refused: list[tuple[int, int]] = []  # byte ranges of cells that are no Python
        parts: list[str] = []
        for cell in cells:
            characters, at = _decoded(data, cell.strings)
            plain = _without_magic(characters)
            if not _parses(plain):
                self.refused.append((cell.strings[0][0], cell.strings[-1][1]))
                continue
            parts += [plain, "\n"]
            self._at.extend(at)
            self._at.append(cell.strings[-1][1] - 1)
        self._at.append(len(data))
        self.text = "".join(parts)
        self._line_starts = array("q", [0, *(m.end() for m in re.finditer(r"\r\n?|\n", self.text))])

    def offset(self, line: int, column: int) -> int:
        table = self._tables.get(line)
        if table is None:
            start = self._line_starts[line - 1]
            end = self._line_starts[line] if line < len(self._line_starts) else len(self.text)
            table = self._tables[line] = array("q")
            for number, character in enumerate(self.text[start:end], start):
                table.extend([self._at[number]] * len(character.encode("utf-8")))
            table.append(self._at[end])
        return table[column]

    def lines(self, first: int, last: int) -> tuple[int, int]:
        end = self._line_starts[last] if last < len(self._line_starts) else len(self.text)
        return self._at[self._line_starts[first - 1]], self._at[end - 1] + 1 if end else 0

    def comment_lines(self) -> Iterator[int]:
        for match in re.finditer(r"^[ \t\f]{0,400}#", self.text, re.M):
            yield bisect_right(self._line_starts, match.end() - 1)

    def source(self, start: int, end: int) -> str:
        return self.text[bisect_left(self._at, start) : bisect_left(self._at, end)]


def candidates(source: Source, hits: Hits = None) -> Extraction:
    """What stands in code cells; a cell that is no Python is read by the text rules, with a problem."""
    if hits is not None and not hits:
        return Extraction()
    try:
        json.loads(source.data)
        cells = _cells(source.data)
        code = [cell for cell in cells if cell.kind == "code" and cell.strings]
        positions = CellPositions(source.data, code)
        found = read(positions, positions.parse(), source.path, "notebook", hits)
    except Unreadable as error:
        return as_text(source, hits, 0, error.reason)
    except (ValueError, RecursionError, MemoryError):
        return as_text(source, hits, 0, "not a notebook that can be read as JSON")
    prose = [span for cell in cells for span in (*(cell.strings if cell.kind != "code" else ()), *cell.printed)]
    if not positions.refused and not prose:
        return found
    others = _as_text(source, hits, positions.refused, prose)
    return Extraction((*found.candidates, *others.candidates), found.references, (*found.problems, *others.problems))


def _as_text(source: Source, hits: Hits, refused: list[tuple[int, int]], prose: list[tuple[int, int]]) -> Extraction:
    """What the text rules find in cells that are no Python, which are problems, and in JSON strings that were never meant to be any."""
    gather = Gather(replace(source, language="text"), hits, Evaluated.IMPORT)
    for start, end in sorted((*refused, *prose)):
        taken: list[tuple[int, int]] = []
        for row in text.assignments(source.data, start + 1, end - 1, bare=False):
            taken.append((row.start, row.end))
            gather.add(_found(start, row.start, row.end, row.value(source.data), row.name, row.extent))
        for first, last in text.loose(source.data, start + 1, end - 1):
            if not any(first < b and a < last for a, b in taken):
                value = source.data[first:last].decode("utf-8", "replace")
                gather.add(_found(start, first, last, value, "", first))
    for start, _ in refused:
        gather.problem(start, "a cell is not valid Python 3; text rules were used")
    return gather.extraction()


def _found(block: int, start: int, end: int, value: str, name: str, extent: int) -> Found:
    symbol = f"text/{name}" if name else "text"
    return Found(start, end, value, name, symbol, extent, LiteralType.TEXT, Position.TEXT, f"block@{block}")


def _cells(data: bytes) -> list[_Cell]:
    """The cells in their order, by a walk over the tokens of the JSON text, which is known to be well formed."""
    cells: list[_Cell] = []
    containers: list[
        list[str]
    ] = []  # for each open container its kind and the key under which its current member stands
    expects_key = False
    for match in _TOKEN.finditer(data):
        token = match.group()
        if token in (b"{", b"["):
            if token == b"{" and len(containers) >= 2 and containers[-1][0] == "[" and containers[-2][1] == "cells":
                cells.append(_Cell())
            containers.append([token.decode(), ""])
            expects_key = token == b"{"
        elif token in (b"}", b"]"):
            containers.pop()
            expects_key = False
        elif token == b",":
            expects_key = containers[-1][0] == "{"
        elif token[:1] == b'"' and expects_key:
            containers[-1][1] = json.loads(token)
            expects_key = False
        elif token[:1] == b'"' and cells:
            _member(cells[-1], containers, match.span(), token)
    return cells


def _member(cell: _Cell, containers: list[list[str]], span: tuple[int, int], token: bytes) -> None:
    keys = [key for kind, key in containers if kind == "{"]
    if "outputs" in keys:
        if keys[-1] in PRINTED:
            cell.printed.append(span)
        return
    inside_list = containers[-1][0] == "["
    owner = containers[-2:-1] if inside_list else containers[-1:]
    depth = len(containers) - inside_list
    if not owner or owner[0][0] != "{" or depth < 3 or containers[depth - 3][1] != "cells":
        return
    if owner[0][1] == "cell_type" and not inside_list:
        cell.kind = str(json.loads(token))
    elif owner[0][1] in ("source", "input"):
        cell.strings.append(span)


def _decoded(data: bytes, strings: list[tuple[int, int]]) -> tuple[str, array[int]]:
    """The text of JSON strings joined, and for each character the byte at which it starts."""
    parts: list[str] = []
    at = array("q")

    def plain(start: int, end: int) -> None:
        piece = data[start:end].decode("utf-8", "replace")
        parts.append(piece)
        for character in piece:
            at.append(start)
            start += 1 if character < "\x80" else len(character.encode("utf-8"))

    for first, last in strings:
        begin = first + 1
        for match in _ESCAPE.finditer(data, first + 1, last - 1):
            plain(begin, match.start())
            parts.append(json.loads(b'"' + match.group() + b'"'))
            at.append(match.start())
            begin = match.end()
        plain(begin, last - 1)
    return "".join(parts), at


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person sees of a notebook: the ``source`` of one cell, or a text that it put out. ``data`` is that text in UTF-8."""

    label: str
    data: bytes
    source: bool
    _text: str
    _at: array[int]

    def lines(self) -> list[int]:
        """The byte of the file at which each line of :attr:`data` starts."""
        starts = [0, *(m.end() for m in re.finditer("\n", self._text))]
        return [self._at[start] for start in starts if start < len(self._at)]

    def span(self, span: Span) -> Span | None:
        """Where bytes of the file stand in :attr:`data`; ``None`` for bytes that are not shown here."""
        if not self._at or not self._at[0] <= span.start <= self._at[-1]:
            return None
        first, last = bisect_left(self._at, span.start), bisect_left(self._at, span.end)
        start = len(self._text[:first].encode("utf-8", "surrogatepass"))
        return Span(start, start + len(self._text[first:last].encode("utf-8", "surrogatepass")))


def shown(data: bytes) -> Sequence[Shown]:
    """The parts of a notebook in their order; none of what is no notebook."""
    try:
        json.loads(data)
        cells = _cells(data)
    except (ValueError, RecursionError, IndexError):
        return ()
    found = []
    for number, cell in enumerate(cells, 1):
        texts = [(f"cell {number}", True, cell.strings)]
        texts += [(f"output of cell {number}", False, [printed]) for printed in cell.printed]
        for label, source, strings in texts:
            text, at = _decoded(data, strings)
            found.append(Shown(label, text.encode("utf-8", "surrogatepass"), source, text, at))
    return found


def _without_magic(source: str) -> str:
    """The same number of characters, with the lines that are for IPython or a shell made comments."""
    rows = source.splitlines(keepends=True)
    foreign = bool(rows) and rows[0].lstrip().startswith("%%") and not _PYTHON_MAGIC.match(rows[0])
    return "".join("#" + row[1:] if (foreign and row.strip("\r\n")) or _SHELL.match(row) else row for row in rows)


def _parses(source: str) -> bool:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


NOTEBOOK = Language(name="notebook", title="Jupyter notebook", candidates=candidates, suffixes=(".ipynb",))
