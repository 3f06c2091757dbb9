"""Which bytes go with a node: whole lines where it has them to itself, its comma where it shares one."""

from __future__ import annotations

from collections.abc import Sequence

from tree_sitter import Node

from hardcode_hunter.languages.terraform.actions import Unplannable
from hardcode_hunter.languages.writing import line_end
from hardcode_hunter.model import Span

ELEMENTS = frozenset(["object_elem", "expression"])


def cut(data: bytes, nodes: Sequence[Node]) -> list[Span]:
    """The bytes that go with the nodes: whole lines, and one of two blank lines that would meet. Raises :class:`Unplannable`."""
    return [
        _element(data, node) if node.type in ELEMENTS and not _alone(data, node) else _lines(data, node)
        for node in nodes
    ]


def _bounds(data: bytes, node: Node) -> tuple[int, int, bytes, bytes]:
    begin = max(data.rfind(b"\n", 0, node.start_byte), data.rfind(b"\r", 0, node.start_byte)) + 1
    stop = line_end(data, node.end_byte)
    return (
        begin,
        stop,
        data[begin : node.start_byte].removeprefix(b"\xef\xbb\xbf").strip(),
        data[node.end_byte : stop].strip(),
    )


def _alone(data: bytes, node: Node) -> bool:
    _, _, before, after = _bounds(data, node)
    return not before and (after in (b"", b",") or after.lstrip(b",").lstrip().startswith((b"#", b"//")))


def _lines(data: bytes, node: Node) -> Span:
    begin, stop, before, after = _bounds(data, node)
    if before or not (after in (b"", b",") or after.lstrip(b",").lstrip().startswith((b"#", b"//"))):
        raise Unplannable("layout", "it shares its line with something else: put it on a line of its own")
    blank_before = not data[:begin].strip() or data[:begin].endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
    following = data[stop : line_end(data, stop)]
    if blank_before and following and not following.strip():
        stop = line_end(data, stop)
    elif not data[stop:].strip() and node.type == "block":
        begin, stop = after_last_line(data, begin), len(data)
    return Span(max(begin, _mark(data)), stop)


def after_last_line(data: bytes, before: int) -> int:
    """Where the last line before ``before`` ends that is not blank."""
    kept = len(data[:before].rstrip(b" \t\r\n"))
    return line_end(data, kept) if kept > _mark(data) else kept


def _mark(data: bytes) -> int:
    """The length of the byte order mark, which stays."""
    return 3 if data.startswith(b"\xef\xbb\xbf") else 0


def _element(data: bytes, node: Node) -> Span:
    """An element of an object on one line: it goes with the comma before or behind it."""
    behind, before = node.next_sibling, node.prev_sibling
    if behind is not None and behind.type == ",":
        after = behind.next_sibling
        return Span(node.start_byte, after.start_byte if after is not None else behind.end_byte)
    if before is not None and before.type == ",":
        return Span(before.start_byte, node.end_byte)
    raise Unplannable("layout", "it shares its line with something else: put it on a line of its own")
