"""A Python file's bytes and its text, joined exactly: byte offsets as on disk, and character offsets in the decoded text.

Python's own tools count differently from each other (UTF-8 bytes within a line, characters, with or without the byte order
mark); every position is brought to character offsets here, and only here.
"""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
from dataclasses import dataclass
from functools import cached_property

from hardcode_hunter.model import Span

NEWLINE = re.compile(r"\r\n?|\n")


class Undecodable(ValueError):
    """The file is not text in the encoding that it declares. Holds no text of the file."""


@dataclass(frozen=True)
class Layout:
    """``text`` has no byte order mark; ``bom`` is its length in bytes."""

    text: str
    encoding: str
    bom: int

    @classmethod
    def of(cls, data: bytes) -> Layout:
        """By the rules of PEP 263. Raises :class:`Undecodable`."""
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            bom = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
            name = "utf-8" if bom else encoding
            text = data[bom:].decode(name)
            if text.encode(name) != data[bom:]:
                raise Undecodable(name)
        except (SyntaxError, UnicodeError, LookupError):
            raise Undecodable("encoding") from None
        return cls(text, name, bom)

    def encode(self, text: str) -> bytes:
        """``text`` in the file's encoding. Raises :class:`Undecodable` when a character has no place there."""
        try:
            return text.encode(self.encoding)
        except UnicodeError:
            raise Undecodable(self.encoding) from None

    @cached_property
    def _ascii(self) -> bool:
        return self.text.isascii() and len(self.text.encode(self.encoding)) == len(self.text)

    def byte(self, offset: int) -> int:
        """The byte offset on disk of the character at ``offset``."""
        return self.bom + (offset if self._ascii else len(self.text[:offset].encode(self.encoding)))

    def character(self, offset: int, data: bytes) -> int | None:
        """The character that starts at byte ``offset``; ``None`` when the offset lies inside a character or outside the file."""
        if offset < self.bom or offset > len(data):
            return None
        if self._ascii:
            return offset - self.bom
        try:
            return len(data[self.bom : offset].decode(self.encoding))
        except UnicodeError:
            return None

    def characters(self, span: Span, data: bytes) -> Span | None:
        """``span`` in characters; ``None`` when it cuts a character."""
        start, end = self.character(span.start, data), self.character(span.end, data)
        return None if start is None or end is None else Span(start, end)

    def on_disk(self, span: Span) -> Span:
        """A span of characters as a span of bytes on disk."""
        return Span(self.byte(span.start), self.byte(span.end))

    @cached_property
    def starts(self) -> list[int]:
        """The offset at which each line starts; lines end at LF, CRLF or CR, as for Python's tokenizer."""
        return [0, *(m.end() for m in NEWLINE.finditer(self.text))]

    @cached_property
    def comments(self) -> list[int]:
        """The offsets of comments. Raises ``TokenError`` or ``SyntaxError`` for what is no Python."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text, newline="").readline)
        return [self.at(*token.start) for token in tokens if token.type == tokenize.COMMENT]

    def at(self, line: int, column: int) -> int:
        """The character at ``line`` (from 1) and ``column`` (from 0, in characters): LibCST's positions."""
        return self.starts[line - 1] + column

    def place(self, offset: int) -> tuple[int, int]:
        """The line (from 1) and column (from 0) of a character: the inverse of :meth:`at`."""
        from bisect import bisect_right

        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1]

    def span_of(self, node: ast.expr | ast.stmt | ast.keyword | ast.arg | ast.excepthandler) -> Span:
        """Where a node of :mod:`ast` stands, whose columns count UTF-8 bytes."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return Span(self._utf8(node.lineno, node.col_offset), self._utf8(node.end_lineno, node.end_col_offset))

    def _utf8(self, line: int, column: int) -> int:
        start = self.starts[line - 1]
        if self._ascii:
            return start + column
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        return start + len(self.text[start:end].encode()[:column].decode())
