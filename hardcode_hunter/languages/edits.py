"""What a planned change does to the tree and to the bytes, and the proof that both agree.

A change is said twice: as an operation on nodes, and as splices. After the splices the text is parsed again; its tree must be the
old tree with the operations applied, value for value and key order for key order, else nothing is changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from typing import Any

from hardcode_hunter.languages.nodes import Alias, Mapping, Node, Scalar, Sequence
from hardcode_hunter.languages.writing import eol_of, flow, item, line_end, render
from hardcode_hunter.languages.writing import indent as indent_of
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


@dataclass(frozen=True, slots=True)
class Grow:
    """The list under ``key`` of ``holder`` gets one more item; where there is none, it follows the pair ``anchor``."""

    holder: Mapping
    anchor: int
    key: str
    plain: Any


@dataclass(frozen=True, slots=True)
class Insert:
    """A pair follows the pair ``anchor`` of ``holder``."""

    holder: Mapping
    anchor: int
    key: str
    plain: Any


Action = Put | Drop | Add | Grow | Insert


@dataclass(slots=True)
class File:
    """One file's tree: what is planned for it is checked as a whole."""

    data: bytes
    roots: list[Node]
    json: bool
    parents: dict[int, tuple[Mapping | Sequence, int]] = field(default_factory=dict)
    named: dict[tuple[int, str], int] = field(default_factory=dict)
    """Keys that pairs get by a plan: the mapping's identity and the new key, and which pair gets it"""

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


@dataclass(slots=True)
class Changes:
    """What happens to the nodes of a tree, by their identity. ``items`` are appended to lists; ``pairs`` follow the pair with that index."""

    puts: dict[int, Any] = field(default_factory=dict)
    drops: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    items: defaultdict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    pairs: defaultdict[int, list[tuple[int, Any]]] = field(default_factory=lambda: defaultdict(list))


NONE = Changes()


def plain(node: Node, changes: Changes = NONE) -> Any:
    """The tree as nested tuples: scalars with their tag, mappings as ordered pairs; aliases as their target."""
    if isinstance(node, Alias):
        put = changes.puts.get(id(node.target))
        if put is not None and isinstance(put[1], str):
            return ("alias", *put)
        return ("alias", node.target.tag, _shape(node.target))
    if id(node) in changes.puts:
        return changes.puts[id(node)]
    if isinstance(node, Scalar):
        return (node.tag, node.value)
    gone = changes.drops.get(id(node), set())
    if isinstance(node, Sequence):
        kept = [plain(n, changes) for i, n in enumerate(node.items) if i not in gone]
        return (node.tag, kept + changes.items.get(id(node), []))
    rows: list[Any] = []
    for index, (key, value) in enumerate(node.pairs):
        if index not in gone:
            rows.append((plain(key, changes), plain(value, changes)))
        rows += [entry for anchor, entry in changes.pairs.get(id(node), ()) if anchor == index]
    return (node.tag, rows)


def _shape(node: Scalar | Mapping | Sequence) -> str:
    return node.value if isinstance(node, Scalar) else type(node).__name__


def assemble(file: File, actions: Iterable[tuple[Action, Tier, str]]) -> tuple[list[Edit], list[Any]]:
    """The splices for ``actions`` and the trees that must come out. Raises :class:`Unplannable`."""
    work = _Assembly(file)
    for action, tier, finding in actions:
        work.take(action, tier, finding)
    return work.done()


@dataclass(slots=True)
class _Assembly:
    file: File
    edits: list[Edit] = field(default_factory=list)
    changes: Changes = field(default_factory=Changes)
    holders: dict[int, Mapping | Sequence] = field(default_factory=dict)
    reasons: dict[tuple[int, int], tuple[Tier, str]] = field(default_factory=dict)
    spliced: dict[Span, bytes] = field(default_factory=dict)
    added: dict[str, list[Add]] = field(default_factory=dict)
    grown: dict[tuple[int, str], list[tuple[Grow, Tier, str]]] = field(default_factory=dict)
    inserted: list[tuple[Insert, Tier, str]] = field(default_factory=list)

    def take(self, action: Action, tier: Tier, finding: str) -> None:
        if isinstance(action, Put):
            self._put(action, tier, finding)
        elif isinstance(action, Drop):
            self.changes.drops[id(action.holder)].add(action.index)
            self.holders[id(action.holder)] = action.holder
            self.reasons[id(action.holder), action.index] = (tier, finding)
        elif isinstance(action, Insert):
            self.inserted.append((action, tier, finding))
        elif isinstance(action, Grow):
            self.grown.setdefault((id(action.holder), action.key), []).append((action, tier, finding))
        elif action not in self.added.setdefault(action.section, []):
            self.added[action.section].append(action)

    def _put(self, action: Put, tier: Tier, finding: str) -> None:
        span = action.span or Span(action.node.outer if action.tagged else action.node.start, action.node.end)
        if span in self.spliced:
            if self.spliced[span] != action.text:
                raise Unplannable("two changes meet in one place")
            return
        self.spliced[span] = action.text
        self.changes.puts[id(action.node)] = action.plain
        self.edits.append(Edit(span, action.text, tier, finding))

    def done(self) -> tuple[list[Edit], list[Any]]:
        self._rise()
        for key, indices in self.changes.drops.items():
            emptied = self._emptied(self.holders[key], indices)
            if emptied is not None:
                self.edits.append(emptied)
                continue
            self.edits += _cuts(self.file, self.holders[key], sorted(indices), self.reasons)
        for rows in self.grown.values():
            self._grow(rows)
        for insert, tier, finding in self.inserted:
            entry = (("str", insert.key), insert.plain)
            self.changes.pairs[id(insert.holder)].append((insert.anchor, entry))
            at, text = _new_pair(self.file, insert.holder, insert.anchor, entry, False)
            self.edits.append(Edit(Span(at, at), text, tier, finding))
        roots = [plain(root, self.changes) for root in self.file.roots]
        for section, adds in self.added.items():
            roots, edit = _addition(self.file, section, adds, roots, self.changes.drops)
            self.edits.append(edit)
        return sorted(self.edits, key=lambda e: e.span), roots

    def _emptied(self, holder: Mapping | Sequence, indices: set[int]) -> Edit | None:
        """A list in block style that is all of the file, and of which nothing is left, becomes an empty one."""
        if holder.flow or not isinstance(holder, Sequence) or len(indices) < len(holder.items):
            return None
        if all(holder is not root for root in self.file.roots):
            return None
        tier, finding = self.reasons[id(holder), min(indices)]
        return Edit(Span(holder.start, holder.end), b"[]", tier, finding)

    def _rise(self) -> None:
        """A mapping or list of which nothing is left goes itself, up to the root's keys."""
        drops = self.changes.drops
        todo = list(drops)
        while todo:
            key = todo.pop()
            holder = self.holders[key]
            size = len(holder.pairs) if isinstance(holder, Mapping) else len(holder.items)
            parent = self.file.parents.get(key)
            if len(drops[key]) < size or parent is None or any(owner == key for owner, _ in self.grown):
                continue
            above, index = parent
            name = above.pairs[index][0] if isinstance(above, Mapping) else None
            if isinstance(name, Scalar) and name.value in self.added and above in self.file.roots:
                continue  # something is added to it
            reason = self.reasons[key, min(drops.pop(key))]
            drops[id(above)].add(index)
            self.holders[id(above)] = above
            self.reasons[id(above), index] = reason
            todo.append(id(above))

    def _grow(self, rows: list[tuple[Grow, Tier, str]]) -> None:
        first, tier, finding = rows[0]
        new: list[Any] = []
        for row, _, _ in rows:
            new += [] if row.plain in new else [row.plain]  # two variables of one task can ask for one right
        present = first.holder.get(first.key)
        if present is None:
            entry = (("str", first.key), ("seq", new))
            self.changes.pairs[id(first.holder)].append((first.anchor, entry))
            gone = first.anchor in self.changes.drops.get(id(first.holder), set())
            at, text = _new_pair(self.file, first.holder, first.anchor, entry, gone)
        elif isinstance(present, Sequence) and present.tag == "seq" and present.items:
            self.changes.items[id(present)] += new
            at, text = _more_items(self.file, present, new)
        else:
            raise Unplannable(f"{first.key} is no list that can be added to")
        self.edits.append(Edit(Span(at, at), text, tier, finding))


def _new_pair(file: File, holder: Mapping, anchor: int, entry: Any, gone: bool) -> tuple[int, bytes]:
    """Where a pair goes that follows another one, which may be ``gone`` then, and its text."""
    bounds = _bounds(holder)
    start, end = bounds[anchor]
    eol, margin = eol_of(file.data), indent_of(file.data, start)
    if not holder.flow:
        at = line_end(file.data, end)
        missing = b"" if file.data[:at].endswith((b"\n", b"\r")) else eol
        return at, missing + margin + render(entry[0][1], entry[1], margin, False, eol) + eol
    text = (
        render(entry[0][1], entry[1], margin, file.json, eol)
        if file.json
        else entry[0][1].encode() + b": " + flow(entry[1], False)
    )
    alone = not file.data[max(file.data.rfind(b"\n", 0, start), 0) : start].strip()
    between = b"," + (eol + margin if alone else b" ")
    return (start, text + between) if gone and anchor == 0 else (end, between + text)


def _more_items(file: File, present: Sequence, new: list[Any]) -> tuple[int, bytes]:
    """Where more items of a list go, and their text."""
    start, end = _bounds(present)[-1]
    eol = eol_of(file.data)
    if present.flow:
        between = (
            b", " if file.data.find(b"\n", present.start, present.end) < 0 else b"," + eol + indent_of(file.data, start)
        )
        return end, b"".join(between + flow(row, file.json) for row in new)
    begin = max(file.data.rfind(b"\n", 0, start), file.data.rfind(b"\r", 0, start)) + 1
    margin = file.data[begin : file.data.find(b"-", begin)]
    at = line_end(file.data, end)
    missing = b"" if file.data[:at].endswith((b"\n", b"\r")) else eol
    return at, missing + b"".join(item(row, margin, eol) + eol for row in new)


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
    for pair in holder.pairs if isinstance(holder, Mapping) else ((entry, entry) for entry in holder.items):
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
    stop = line_end(data, end)
    rest = data[end:stop].strip()
    if rest and not rest.startswith(b"#"):
        raise Unplannable("it shares its line with something else")
    previous = data[:begin].rstrip(b" \t")
    after = data[stop : line_end(data, stop)]
    blank_before = not begin or previous.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))
    if blank_before and after and not after.strip():
        stop = line_end(data, stop)
    return Span(max(begin, 3) if data.startswith(b"\xef\xbb\xbf") else begin, stop)  # the byte order mark stays


def _addition(
    file: File, name: str, adds: list[Add], roots: list[Any], drops: ReadOnly[int, set[int]]
) -> tuple[list[Any], Edit]:
    """The trees and the splice with what is added to one section of the root, which may not be there yet."""
    root = file.roots[0]
    if not isinstance(root, Mapping) or not root.pairs:
        raise Unplannable("the template is empty")
    section = root.get(name)
    eol = eol_of(file.data)
    tag, pairs = roots[0]
    entries = [(("str", add.key), add.plain) for add in adds]
    if isinstance(section, Mapping) and section.pairs:
        first = section.pairs[0][0]
        braces = file.json or section.flow
        margin = indent_of(file.data, first.outer)
        at = first.outer if braces else first.outer - len(margin)
        rows = [render(add.key, add.plain, margin, braces, eol) for add in adds]
        pairs = [(k, (v[0], [*entries, *v[1]]) if k[1] == name else v) for k, v in pairs]
        more = len(drops.get(id(section), ())) < len(section.pairs)
        last = b"," + eol + margin if more else b""
        text = (b"," + eol + margin).join(rows) + last if braces else b"".join(margin + row + eol for row in rows)
        return [(tag, pairs), *roots[1:]], Edit(Span(at, at), text)
    anchor = next((i for i, (k, _) in enumerate(root.pairs) if isinstance(k, Scalar) and k.value == "Resources"), 0)
    at = root.pairs[anchor][0].outer
    margin = indent_of(file.data, at)
    whole = ("map", entries)
    text = render(name, whole, margin, file.json or root.flow, eol)
    position = anchor - sum(1 for i in drops.get(id(root), ()) if i < anchor)
    pairs = [*pairs[:position], (("str", name), whole), *pairs[position:]]
    between = b"," + eol + margin if file.json or root.flow else eol + (eol if not margin else b"") + margin
    return [(tag, pairs), *roots[1:]], Edit(Span(at, at), text + between)
