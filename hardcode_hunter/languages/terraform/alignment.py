"""``terraform fmt`` lines up the equals signs and trailing comments of neighbouring lines; an edit must not leave them crooked.

Only what was lined up before is lined up again: a file that nobody formatted is not formatted here. (The algorithm is that of hclwrite's
``formatCells``: a run of lines that each hold one whole attribute; a blank line, a comment line or a value of several lines ends it.)
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from hardcode_hunter.languages.gather import Lines
from hardcode_hunter.languages.terraform import syntax
from hardcode_hunter.model import Change, Edit, Span, Tier


@dataclass(frozen=True, slots=True)
class Row:
    """One line: name, equals sign, value, and a trailing comment (``comment`` is -1 without one). An element of a list is value alone."""

    start: int
    lead_end: int
    equals: int
    end: int
    comment: int


def realign(path: str, data: bytes, edits: Sequence[Edit]) -> list[Edit]:
    """``edits`` with the blanks that they make necessary, as one set of edits for ``data``."""
    after = Change(path, "", tuple(edits)).result(data)
    old = {row.start: chain for chain in chains(syntax.parse(data), data) for row in chain}
    touched, moved = _touched(edits), _Moved(edits)
    blanks: list[tuple[int, int, int]] = []
    for chain in chains(syntax.parse(after), after):
        begin = max(after.rfind(b"\n", 0, chain[0].start), after.rfind(b"\r", 0, chain[0].start))
        near = bisect_left(touched, begin)
        if near == len(touched) or touched[near] > chain[-1].end + 2:
            continue
        sources = [old[at] for row in chain if (at := moved.before(row.start)) in old]
        for find in (_signs, _comments):
            if sources and all(_straight(find(c, data)) for c in sources):
                blanks += [(start, end, width) for start, end, width in find(chain, after) if end - start != width]
    return _with_blanks(edits, blanks)


def _with_blanks(edits: Sequence[Edit], blanks: Sequence[tuple[int, int, int]]) -> list[Edit]:
    """Each of the ``blanks`` (bytes of the edited text, and how many they shall be) in the edit that wrote it, or as an edit of its own."""
    rows: list[Edit] = []
    extra: list[Edit] = []
    left = sorted(blanks, reverse=True)
    shift = 0
    for edit in sorted(edits, key=lambda e: (e.span, e.text)):
        first = edit.span.start + shift
        text = edit.text
        for blank in [b for b in left if first <= b[0] and b[1] <= first + len(edit.text) and edit.text]:
            start, end, width = blank
            text = text[: start - first] + b" " * width + text[end - first :]
            left.remove(blank)
        rows.append(Edit(edit.span, text, edit.tier, edit.finding))
        shift += len(edit.text) - (edit.span.end - edit.span.start)
    moved = _Moved(edits)
    for start, end, width in left:
        first = moved.before(start)
        extra.append(Edit(Span(first, first + end - start), b" " * width, Tier.SAFE))
    return sorted([*rows, *extra], key=lambda e: (e.span, e.text))


def _straight(cells: Iterable[tuple[int, int, int]]) -> bool:
    return all(end - start == width for start, end, width in cells)


def _touched(edits: Sequence[Edit]) -> list[int]:
    shift, places = 0, []
    for edit in sorted(edits, key=lambda e: e.span):
        places += [edit.span.start + shift, edit.span.start + shift + len(edit.text)]
        shift += len(edit.text) - (edit.span.end - edit.span.start)
    return sorted(places)


class _Moved:
    """How far each edit moves what is behind it."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        self._ends: list[int] = []  # of what the edits wrote, in the edited text
        self._shifts = [0]
        for edit in sorted(edits, key=lambda e: e.span):
            self._ends.append(edit.span.start + self._shifts[-1] + len(edit.text))
            self._shifts.append(self._shifts[-1] + len(edit.text) - (edit.span.end - edit.span.start))

    def before(self, at: int) -> int:
        """The offset before the edits of what stands at ``at`` after them."""
        return at - self._shifts[bisect_right(self._ends, at)]


def _signs(chain: Sequence[Row], data: bytes) -> Iterator[tuple[int, int, int]]:
    width = max(_columns(data, row.start, row.lead_end) for row in chain)
    for row in chain:
        yield row.lead_end, row.equals, width - _columns(data, row.start, row.lead_end) + 1


def _comments(chain: Sequence[Row], data: bytes) -> Iterator[tuple[int, int, int]]:
    width = max(_columns(data, row.start, row.lead_end) for row in chain)
    run: list[tuple[Row, int]] = []
    for row in (*chain, None):
        if row is not None and row.comment >= 0:
            run.append((row, width + 1 + _columns(data, row.equals, row.end)))
        elif run:
            most = max(columns for _, columns in run)
            yield from ((r.end, r.comment, most - columns + 1) for r, columns in run)
            run = []


def _columns(data: bytes, start: int, end: int) -> int:
    return len(data[start:end].decode("utf-8", "replace"))


def chains(root: Node, data: bytes) -> Iterator[list[Row]]:
    """The runs of lines in all bodies, objects and lists."""
    lines = Lines(data)
    todo = [root]
    while todo:
        node = todo.pop()
        if node.type in ("body", "object", "tuple"):
            yield from _runs(node, data, lines)
        todo += [c for c in node.children if c.children]


def _runs(body: Node, data: bytes, lines: Lines) -> Iterator[list[Row]]:
    run: list[Row] = []
    last = -2
    for number, child in enumerate(body.children):
        row = (
            _row(child, body.children[number + 1 : number + 3], data, lines)
            if child.type in ("attribute", "object_elem") or (body.type == "tuple" and child.type == "expression")
            else None
        )
        if row is None:
            continue
        if run and lines.line(row.start) != last + 1:
            yield run
            run = []
        run.append(row)
        last = lines.line(child.end_byte - 1)
    if run:
        yield run


def _row(node: Node, following: Sequence[Node], data: bytes, lines: Lines) -> Row | None:
    children = node.children
    sign = next((c for c in children if c.type == "="), None)
    if sign is None and node.type != "expression":
        return None
    begin = lines.starts[bisect_right(lines.starts, node.start_byte) - 1]
    if data[begin : node.start_byte].strip():
        return None
    value = children[-1]
    first = sign.start_byte if sign is not None else node.start_byte
    heredoc = (
        data.rfind(b"<<", first, value.end_byte) >= 0 and value.end_byte - value.start_byte > 0 and _is_heredoc(value)
    )
    if lines.line(node.start_byte) != lines.line(value.end_byte - 1) and not heredoc:
        return None
    end, comment = value.end_byte, -1
    for item in following:
        if lines.line(item.start_byte) != lines.line(value.end_byte - 1):
            break
        if item.type == ",":
            end = item.end_byte
        elif item.type == "comment":
            comment = item.start_byte
        else:
            return None
    if sign is None:  # an element of a list: all of it is its value
        return Row(first, first, first, end, comment)
    return Row(node.start_byte, first - _blanks(data, first), first, end, comment)


def _is_heredoc(node: Node) -> bool:
    while node.children and node.type != "heredoc_template":
        if len(node.named_children) != 1:
            return False
        node = node.named_children[0]
    return node.type == "heredoc_template"


def _blanks(data: bytes, at: int) -> int:
    first = at
    while first and data[first - 1] in b" \t":
        first -= 1
    return at - first
