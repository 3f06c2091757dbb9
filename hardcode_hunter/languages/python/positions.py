"""From :mod:`ast` positions (line, UTF-8 column of the decoded line) to byte offsets in the file, for many nodes at constant cost.

What counts is the file as it lies on disk: with its byte order mark, its line ends and its declared encoding.
"""

from __future__ import annotations

import ast
import codecs
import re
import sys
import tokenize
import warnings
from array import array
from bisect import bisect_right
from collections.abc import Iterator

LINE_END = re.compile(rb"\r\n?|\n")
COMMENT_LINE = re.compile(rb"(?:^(?:\xef\xbb\xbf)?|(?<=\r)|(?<=\n))[ \t\f]{0,400}#")
_TEXT_LINE_END = re.compile(r"\r\n?|\n")


class Unreadable(Exception):
    """The file is no Python that this interpreter can parse. ``reason`` holds nothing of the file's text."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class Positions:
    """``text`` is the decoded source without its byte order mark; every method takes or gives byte offsets of the file.

    Raises :class:`Unreadable` where PEP 263 gives no encoding, or one in which the place of a character can't be told.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.bom = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
        self.encoding = _declared(data)
        self.starts = array("q", [0, *(m.end() for m in LINE_END.finditer(data))])
        self._tables: dict[int, array[int]] = {}
        try:
            self.text = data[self.bom :].decode(self.encoding)
            self._rows = None if self.encoding == "utf-8" else self._decoded_rows()
        except (UnicodeError, LookupError):
            raise Unreadable(0, "it doesn't decode in its declared encoding") from None

    def offset(self, line: int, column: int) -> int:
        """The byte at which the UTF-8 ``column`` of ``line`` (from 1) stands."""
        start = self.starts[line - 1]
        if self._rows is None:
            return start + column + (self.bom if line == 1 else 0)
        return start + (self._table(line)[column] if not self._rows[line - 1].isascii() else column)

    def of(self, node: ast.expr | ast.stmt | ast.keyword | ast.arg | ast.pattern) -> tuple[int, int]:
        """Where ``node`` starts and ends."""
        return self.offset(node.lineno, node.col_offset), self.offset(
            node.end_lineno or node.lineno, node.end_col_offset or 0
        )

    def line(self, offset: int) -> int:
        """The line (from 1) of a byte."""
        return bisect_right(self.starts, offset)

    def column(self, offset: int) -> int:
        """The column (from 1, in bytes) of a byte."""
        return offset - self.starts[self.line(offset) - 1] + 1

    def lines(self, first: int, last: int) -> tuple[int, int]:
        """The bytes of lines ``first`` to ``last``, from the first byte to the end of the last line."""
        return self.starts[first - 1], self.starts[last] if last < len(self.starts) else len(self.data)

    def comment_lines(self) -> Iterator[int]:
        """The lines (from 1) that begin with a ``#``, ascending; some of them may stand inside a string."""
        for match in COMMENT_LINE.finditer(self.data):
            yield self.line(match.end() - 1)

    def source(self, start: int, end: int) -> str:
        """The source text between two bytes. Raises ``UnicodeError`` when they cut a character."""
        return self.data[start:end].decode(self.encoding)

    def parse(self) -> ast.Module:
        """The syntax tree. Raises :class:`Unreadable`."""
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a warning about an escape would quote the literal
                return ast.parse(self.text)
        except SyntaxError as error:
            raise Unreadable(
                error.lineno or 0, f"not valid Python 3: {type(error).__name__} when read with Python {version}"
            ) from None
        except (RecursionError, MemoryError):
            raise Unreadable(0, "not valid Python 3: nested too deeply for Python's own parser") from None
        except ValueError:  # a NUL byte, a number with too many digits, a lone surrogate
            raise Unreadable(0, "not valid Python 3: it holds a character or number that Python refuses") from None

    def _decoded_rows(self) -> list[str]:
        ends = [m.end() for m in _TEXT_LINE_END.finditer(self.text)]
        rows = [self.text[a:b] for a, b in zip([0, *ends], [*ends, len(self.text)], strict=True)]
        # in a stateful encoding, or one with wide characters, what a column means can't be told line by line
        if len(rows) != len(self.starts) or self.text.encode(self.encoding) != self.data:
            raise Unreadable(0, "its declared encoding can't be mapped to bytes")
        for number, row in enumerate(rows, 1):
            start, end = self.lines(number, number)
            if row.isascii() and end - start != len(row):
                raise Unreadable(number, "its declared encoding can't be mapped to bytes")
        return rows

    def _table(self, line: int) -> array[int]:
        """UTF-8 column → byte column, for a line that isn't ASCII."""
        table = self._tables.get(line)
        if table is None:
            assert self._rows is not None
            table = array("q")
            at = 0
            for character in self._rows[line - 1]:
                width = 1 if character < "\x80" else len(character.encode("utf-8", "surrogatepass"))
                table.extend([at] * width)
                at += 1 if character < "\x80" else len(character.encode(self.encoding))
            table.append(at)
            start, end = self.lines(line, line)
            if at != end - start:
                raise Unreadable(line, "its declared encoding can't be mapped to bytes")
            self._tables[line] = table
        return table


def _declared(data: bytes) -> str:
    """The encoding by PEP 263: a cookie in the first two lines, else UTF-8."""
    first = LINE_END.search(data)
    second = LINE_END.search(data, first.end()) if first else None
    rows = [
        data[: first.end()] if first else data,
        data[first.end() : second.end() if second else len(data)] if first else b"",
    ]
    try:
        name, _ = tokenize.detect_encoding(iter(rows).__next__)
        codecs.lookup(name)
    except (SyntaxError, LookupError):
        raise Unreadable(0, "it doesn't decode in its declared encoding") from None
    return "utf-8" if name in ("utf-8", "utf-8-sig") else name
