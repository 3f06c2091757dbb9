"""What a planned change does to the tree and to the bytes, and the proof that both agree.

A change is said twice: as an operation on nodes, and as splices. After the splices the text is parsed again; its tree must be the
old tree with the operations applied, value for value and key order for key order, else nothing is changed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from typing import Any

from hardcode_hunter.languages.nodes import Alias, Mapping, Node, Scalar, Sequence
from hardcode_hunter.model import Edit, Span, Tier


class Unplannable(Exception):
    """The layout of the text allows no safe splice; the message says why."""


@dataclass(frozen=True, slots=True)
class Put:
    """``node`` (its tag included when ``tagged``) becomes ``plain``, written as ``text``; or bytes ``span`` inside it do."""

    node: Node
    text: bytes
    plain: Any
    span: Span | None = None
    tagged: bool = True


@dataclass(frozen=True, slots=True)
class Drop:
    """The pair or item ``index`` of ``holder`` goes."""

    holder: Mapping | Sequence
    index: int


@dataclass(frozen=True, slots=True)
class Add:
    """A pair becomes the first of ``holder``, or of a new mapping under ``section`` before the first key of the root."""

    section: str
    key: str
    plain: Any


Action = Put | Drop | Add


@dataclass(slots=True)
class File:
    """One file's tree: what is planned for it is checked as a whole."""

    data: bytes
    roots: list[Node]
    json: bool
    parents: dict[int, tuple[Mapping | Sequence, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        todo = list(self.roots)
        while todo:
            node = todo.pop()
            children = (
                [v for _, v in node.pairs]
                if isinstance(node, Mapping)
                else node.items
                if isinstance(node, Sequence)
                else []
            )
            for index, child in enumerate(children):
                if not isinstance(child, Alias) and isinstance(node, Mapping | Sequence):
                    self.parents[id(child)] = (node, index)
                    todo.append(child)


def quoted(text: str, style: str, json: bool) -> bytes:
    """``text``, which holds no control characters, as a scalar in the file's manner."""
    if json or style == '"':
        return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    return b"'" + text.replace("'", "''").encode() + b"'"


def plain(node: Node, puts: ReadOnly[int, Any] | None = None, drops: ReadOnly[int, set[int]] | None = None) -> Any:
    """The tree as nested tuples: scalars with their tag, mappings as ordered pairs; aliases as their target."""
    if isinstance(node, Alias):
        return ("alias", node.target.tag, _shape(node.target))
    if puts and id(node) in puts:
        return puts[id(node)]
    gone = drops.get(id(node), set()) if drops else set()
    if isinstance(node, Scalar):
        return (node.tag, node.value)
    if isinstance(node, Sequence):
        return (node.tag, [plain(n, puts, drops) for i, n in enumerate(node.items) if i not in gone])
    return (
        node.tag,
        [(plain(k, puts, drops), plain(v, puts, drops)) for i, (k, v) in enumerate(node.pairs) if i not in gone],
    )


def _shape(node: Scalar | Mapping | Sequence) -> str:
    return node.value if isinstance(node, Scalar) else type(node).__name__


def assemble(file: File, actions: Iterable[tuple[Action, Tier, str]]) -> tuple[list[Edit], list[Any]]:
    """The splices for ``actions`` and the trees that must come out. Raises :class:`Unplannable`."""
    edits: list[Edit] = []
    puts: dict[int, Any] = {}
    drops: dict[int, set[int]] = defaultdict(set)
    holders: dict[int, Mapping | Sequence] = {}
    reasons: dict[tuple[int, int], tuple[Tier, str]] = {}
    added: list[Add] = []
    spliced: dict[Span, bytes] = {}
    for action, tier, finding in actions:
        if isinstance(action, Put):
            span = action.span or Span(action.node.outer if action.tagged else action.node.start, action.node.end)
            if span in spliced:
                if spliced[span] != action.text:
                    raise Unplannable("two changes meet in one place")
                continue
            spliced[span] = action.text
            puts[id(action.node)] = action.plain
            edits.append(Edit(span, action.text, tier, finding))
        elif isinstance(action, Drop):
            drops[id(action.holder)].add(action.index)
            holders[id(action.holder)] = action.holder
            reasons[id(action.holder), action.index] = (tier, finding)
        elif action not in added:
            added.append(action)
    _rise(file, drops, holders, reasons, {a.section for a in added})
    for key, indices in drops.items():
        edits += _cuts(file, holders[key], sorted(indices), reasons)
    roots = [plain(root, puts, drops) for root in file.roots]
    for add in added:
        roots, edit = _addition(file, add, roots, drops)
        edits.append(edit)
    return sorted(edits, key=lambda e: e.span), roots


def _rise(
    file: File,
    drops: dict[int, set[int]],
    holders: dict[int, Mapping | Sequence],
    reasons: dict[tuple[int, int], tuple[Tier, str]],
    kept: set[str],
) -> None:
    """A mapping or list of which nothing is left goes itself, up to the root's keys."""
    todo = list(drops)
    while todo:
        key = todo.pop()
        holder = holders[key]
        size = len(holder.pairs) if isinstance(holder, Mapping) else len(holder.items)
        parent = file.parents.get(key)
        if len(drops[key]) < size or parent is None:
            continue
        above, index = parent
        name = above.pairs[index][0] if isinstance(above, Mapping) else None
        if isinstance(name, Scalar) and name.value in kept and parent[0] in file.roots:
            continue  # something is added to it
        reason = reasons[key, min(drops.pop(key))]
        drops[id(above)].add(index)
        holders[id(above)] = above
        reasons[id(above), index] = reason
        todo.append(id(above))


def _cuts(
    file: File, holder: Mapping | Sequence, indices: list[int], reasons: ReadOnly[tuple[int, int], tuple[Tier, str]]
) -> list[Edit]:
    bounds = _bounds(holder)
    edits = []
    for first, last in _runs(indices):
        tier, finding = reasons[id(holder), first]
        if holder.flow:
            if first > 0:
                span = Span(bounds[first - 1][1], bounds[last][1])
            else:
                span = Span(bounds[0][0], bounds[last + 1][0] if last + 1 < len(bounds) else bounds[last][1])
        else:
            span = _lines(file.data, bounds[first][0], bounds[last][1], isinstance(holder, Sequence))
        edits.append(Edit(span, b"", tier, finding))
    return edits


def _bounds(holder: Mapping | Sequence) -> list[tuple[int, int]]:
    rows = []
    for pair in holder.pairs if isinstance(holder, Mapping) else ((item, item) for item in holder.items):
        if any(isinstance(n, Alias) for n in pair):
            raise Unplannable("an alias stands beside it, whose place is not known")
        rows.append((pair[0].outer, pair[1].end))
    return rows


def _runs(indices: list[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for index in indices:
        if runs and runs[-1][1] == index - 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return runs


def _lines(data: bytes, start: int, end: int, item: bool) -> Span:
    """Whole lines; one of two blank lines that would meet goes with them."""
    begin = max(data.rfind(b"\n", 0, start), data.rfind(b"\r", 0, start)) + 1
    before = data[begin:start].strip(b"\xef\xbb\xbf")
    if before.strip(b" \t" + (b"-" if item else b"")) or (b"-" in before) != item:
        raise Unplannable("it shares its line with something else")
    stop = _line_end(data, end)
    rest = data[end:stop].strip()
    if rest and not rest.startswith(b"#"):
        raise Unplannable("it shares its line with something else")
    previous = data[:begin].rstrip(b" \t")
    after = data[stop : _line_end(data, stop)]
    blank_before = not begin or previous.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
    if blank_before and after and not after.strip():
        stop = _line_end(data, stop)
    return Span(max(begin, 3) if data.startswith(b"\xef\xbb\xbf") else begin, stop)  # the byte order mark stays


def _line_end(data: bytes, at: int) -> int:
    found = [i for i in (data.find(b"\n", at), data.find(b"\r", at)) if i >= 0]
    if not found:
        return len(data)
    first = min(found)
    return first + (2 if data[first : first + 2] == b"\r\n" else 1)


def _addition(file: File, add: Add, roots: list[Any], drops: ReadOnly[int, set[int]]) -> tuple[list[Any], Edit]:
    root = file.roots[0]
    if not isinstance(root, Mapping) or not root.pairs:
        raise Unplannable("the template is empty")
    section = root.get(add.section)
    eol = b"\r\n" if b"\r\n" in file.data else b"\n"
    tag, pairs = roots[0]
    entry = (("str", add.key), add.plain)
    if isinstance(section, Mapping) and section.pairs:
        first = section.pairs[0][0]
        flow = file.json or section.flow
        indent = _indent(file.data, first.outer)
        at = first.outer if flow else first.outer - len(indent)
        text = render(add.key, add.plain, indent, flow, eol)
        pairs = [(k, (v[0], [entry, *v[1]]) if k[1] == add.section else v) for k, v in pairs]
        more = len(drops.get(id(section), ())) < len(section.pairs)
        edit = Edit(Span(at, at), text + (b"," + eol + indent if more else b"") if flow else indent + text + eol)
    else:
        anchor = next((i for i, (k, _) in enumerate(root.pairs) if isinstance(k, Scalar) and k.value == "Resources"), 0)
        at = root.pairs[anchor][0].outer
        indent = _indent(file.data, at)
        whole = ("map", [entry])
        text = render(add.section, whole, indent, file.json or root.flow, eol)
        gone = drops.get(id(root), set())
        position = anchor - sum(1 for i in gone if i < anchor)
        pairs = [*pairs[:position], (("str", add.section), whole), *pairs[position:]]
        edit = Edit(
            Span(at, at),
            text + ((b"," + eol + indent) if file.json or root.flow else eol + (eol if not indent else b"") + indent),
        )
    return [(tag, pairs), *roots[1:]], edit


def _indent(data: bytes, at: int) -> bytes:
    begin = max(data.rfind(b"\n", 0, at), data.rfind(b"\r", 0, at)) + 1
    line = data[begin:at]
    return line if not line.strip() else b" " * (at - begin)


def render(key: str, value: Any, indent: bytes, json: bool, eol: bytes) -> bytes:
    """``key: value`` of plain texts, lists and mappings, its first line without indentation."""
    tag, content = value
    name = b'"' + key.encode() + b'"' if json else key.encode()
    if isinstance(content, str):
        return name + b": " + _written(content, json)
    if tag == "seq":
        return name + b": [" + b", ".join(_written(v[1], json) for v in content) + b"]"
    deeper = indent + b"  "
    rows = [render(k[1], v, deeper, json, eol) for k, v in content]
    if json:
        return name + b": {" + eol + deeper + (b"," + eol + deeper).join(rows) + eol + indent + b"}"
    return name + b":" + eol + deeper + (eol + deeper).join(rows)


def _written(text: str, json: bool) -> bytes:
    """A word stands as it is; anything that YAML could take for something else is quoted."""
    plain_word = re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", text) and text.lower() not in (
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "null",
        "y",
        "n",
    )
    return text.encode() if plain_word and not json else quoted(text, "", json)
