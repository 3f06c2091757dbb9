"""Text inside a value: a script in user data, JSON in a string, a configuration file in a block scalar.

What is found there is reported at its exact bytes, with the note ``embedded``; what stands in running text is :attr:`LiteralType.TEXT`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Sequence as Several
from dataclasses import dataclass, replace

from hardcode_hunter.languages import script
from hardcode_hunter.languages.gather import Found, Gather
from hardcode_hunter.languages.nodes import Mapping, Node, Scalar, Sequence, Unparsable, json_documents
from hardcode_hunter.languages.pairs import paired
from hardcode_hunter.model import LiteralType, Position

_COMMAND = re.compile(
    r"(?i)command|entrypoint|^args$|^cmd$|^run$|(?<!de)script|^exec|healthcheck|^test$|^shell$|buildspec|zipfile|definition"
)
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.S)


@dataclass(frozen=True, slots=True)
class Inside:
    """The value that the text stands in."""

    symbol: str
    resource: str = ""
    scope: str = ""
    extent: int = -1  # of a document: where the name of the value starts that holds it


@dataclass(slots=True)
class Embedded:
    gather: Gather

    @staticmethod
    def is_command(name: str) -> bool:
        return bool(_COMMAND.search(name))

    def scan(self, node: Scalar, symbol: str, resource: str = "", scope: str = "", extent: int = -1) -> bool:
        """Adds what ``node`` holds; whether it was a JSON document, of which nothing is left to say."""
        place = Inside(symbol, resource, scope, extent)
        if node.value[:1] in ("{", "[") and not node.value.startswith("{{") and self._json(node, place):
            return True
        first, last = inside(node)
        raw = self.gather.source.data[first:last]
        if node.style == '"' and b"\\" in raw:
            self._escaped(raw, first, place)
        else:
            self.lines(first, last, place)
        return False

    def joined(self, pieces: Several[Scalar | None], delimiter: str, place: Inside) -> None:
        """Adds what the pieces of one text assign together: a name at the end of one, its value at the start of another. ``None`` is a
        piece that is filled in later."""
        text, at, piece = bytearray(), [], []
        for number, node in enumerate(pieces):
            if number:
                text += delimiter.encode()
                at += [-1] * len(delimiter.encode())
                piece += [-1] * len(delimiter.encode())
            said, where = self._said(node) if node is not None else (b"\0", [-1])
            text += said
            at += where[: len(said)]
            piece += [number] * len(said)
        whole = bytes(text)
        for found in (*script.assignments(whole), *script.sql_passwords(whole)):
            owners = set(piece[found.start : found.end])
            if len(owners) != 1 or piece[found.extent] in (*owners, -1) or at[found.start] < 0:
                continue  # found in its own piece, or in several, which no span can show
            start, end = at[found.start], at[found.end - 1] + 1
            symbol = f"{place.symbol}/{found.name}"
            self._add(start, end, found.value(whole), found.name, symbol, at[found.extent], place)

    def _said(self, node: Scalar) -> tuple[bytes, list[int]]:
        """The text of a scalar without its quotes, and where each of its bytes stands."""
        first, last = inside(node)
        raw = self.gather.source.data[first:last]
        if node.style == '"' and b"\\" in raw:
            said, at = unescape(raw)
            return said, [first + offset for offset in at]
        return raw, list(range(first, last))

    def lines(self, first: int, last: int, place: Inside) -> None:
        """Adds the assignments in the bytes ``first`` to ``last`` of the source."""
        data = self.gather.source.data
        for found in (*script.assignments(data, first, last), *script.sql_passwords(data, first, last)):
            self._add(
                found.start,
                found.end,
                found.value(data),
                found.name,
                f"{place.symbol}/{found.name}",
                found.extent,
                place,
            )

    def comments(self, spans: Iterable[tuple[int, int]]) -> None:
        """Adds what comments assign: a credential that was commented out is still in the file."""
        data = self.gather.source.data
        for first, last in spans:
            for found in script.assignments(data, first, last):
                self._add(
                    found.start,
                    found.end,
                    found.value(data),
                    found.name,
                    f"comment/{found.name}",
                    found.extent,
                    Inside(""),
                    "comment",
                )

    def _escaped(self, raw: bytes, first: int, place: Inside) -> None:
        text, at = unescape(raw)
        for found in (*script.assignments(text), *script.sql_passwords(text)):
            start, end, extent = (first + at[i] for i in (found.start, found.end, found.extent))
            self._add(start, end, found.value(text), found.name, f"{place.symbol}/{found.name}", extent, place)

    def _json(self, node: Scalar, place: Inside) -> bool:
        data = self.gather.source.data
        first, last = block_start(node, data), inside(node)[1]
        raw = data[first:last]
        try:
            if node.style == '"' and b"\\" in raw:
                text, at = unescape(raw)
                roots = json_documents(text, 0, len(text))
            else:
                at = None
                roots = json_documents(data, first, last)
        except Unparsable:
            return False
        if len(roots) != 1 or isinstance(roots[0], Scalar):
            return False
        for root in roots:
            self.tree(root, place, first, at)
        return True

    def tree(self, node: Node, place: Inside, base: int = 0, at: list[int] | None = None, depth: int = 0) -> None:
        """Adds the texts of a document that stands inside a value; ``at`` maps its offsets to bytes after ``base``."""
        if isinstance(node, Mapping):
            for key, value in node.pairs:
                if not isinstance(key, Scalar):
                    continue
                if isinstance(value, Scalar):
                    self._leaf(value, key.value, key.start, place, base, at)
                else:
                    self.tree(value, replace(place, symbol=f"{place.symbol}/{key.value}"), base, at, depth + 1)
        elif isinstance(node, Sequence):
            for number, item in enumerate(node.items):
                below = replace(place, symbol=f"{place.symbol}/{number}")
                pair = paired(item) if isinstance(item, Mapping) else None
                if pair and isinstance(pair[1], Scalar):
                    self._leaf(pair[1], pair[0].value, pair[0].start, place, base, at)
                elif isinstance(item, Scalar):
                    self._leaf(item, place.symbol.rpartition("/")[2], item.start, below, base, at, element=True)
                else:
                    self.tree(item, below, base, at, depth + 1)

    def _leaf(
        self,
        node: Scalar,
        name: str,
        extent: int,
        place: Inside,
        base: int,
        at: list[int] | None,
        element: bool = False,
    ) -> None:
        if not node.is_text and node.tag != "int":
            return
        first, last = inside(node)
        symbol = place.symbol if element else f"{place.symbol}/{name}"
        start, end, begin = (base + at[i] for i in (first, last, extent)) if at is not None else (first, last, extent)
        extent = min(begin, place.extent) if place.extent >= 0 else begin
        # what a document says of a value is as sure as what the file says, wherever the document stands
        self._add(
            start, end, node.value, name, symbol, extent, place, literal=LiteralType.STR, position=Position.PROPERTY
        )
        if element and at is None:
            self.lines(first, last, place)

    def _add(
        self,
        start: int,
        end: int,
        value: str,
        name: str,
        symbol: str,
        extent: int,
        place: Inside,
        note: str = "embedded",
        literal: LiteralType = LiteralType.TEXT,
        position: Position = Position.TEXT,
    ) -> None:
        self.gather.add(
            Found(
                start,
                end,
                value,
                name,
                symbol,
                extent,
                literal,
                position,
                place.scope or "module",
                place.resource,
                note=note,
            )
        )


def inside(node: Scalar) -> tuple[int, int]:
    """The bytes of a scalar without its quotes. A block scalar keeps its indicator, which no pattern takes for a name."""
    return (node.start + 1, node.end - 1) if node.style in ("'", '"') else (node.start, node.end)


def block_start(node: Scalar, data: bytes) -> int:
    """Where the text of a block scalar begins: after the line of its indicator."""
    if node.style not in ("|", ">"):
        return inside(node)[0]
    return max(node.start, data.find(b"\n", node.start, node.end) + 1)


def unescape(raw: bytes) -> tuple[bytes, list[int]]:
    """The text of a double-quoted scalar's inside, and for each of its bytes (and its end) where that stands in ``raw``."""
    at: list[int] = []
    out, last = bytearray(), 0
    for match in _ESCAPE.finditer(raw):
        out += raw[last : match.start()]
        at += range(last, match.start())
        said = _said(match)
        out += said
        at += [match.start()] * len(said)
        last = match.end()
    out += raw[last:]
    at += range(last, len(raw) + 1)
    return bytes(out), at


def _said(match: re.Match[bytes]) -> bytes:
    code = match.group(1) or match.group(2)
    if code:
        return chr(int(code, 16)).encode("utf-8", "replace")
    plain = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0", b"\n": b"", b"\r": b""}
    return plain.get(match.group(3), match.group(3))
