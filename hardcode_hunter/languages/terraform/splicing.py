"""From actions to the edits of one file, and the proof that they do what was planned and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tree_sitter import Node

from hardcode_hunter.languages import edits as documents
from hardcode_hunter.languages.terraform import layout, proof, syntax
from hardcode_hunter.languages.terraform.actions import (
    Action,
    After,
    Append,
    Drop,
    Grow,
    Planned,
    Put,
    Unplannable,
    Within,
)
from hardcode_hunter.languages.terraform.alignment import realign
from hardcode_hunter.languages.terraform.modules import Modules
from hardcode_hunter.languages.writing import eol_of, line_end
from hardcode_hunter.model import Change, Edit, Span, Tier


def edits_of(modules: Modules, path: str, actions: Iterable[tuple[Planned, Action]]) -> list[Edit]:
    """The edits of one file, proven. Raises :class:`Unplannable`."""
    work = _File(modules, path, modules.data(path))
    for unit, action in actions:
        work.take(action, unit.tier, unit.replacements[0].finding)
    return work.done()


@dataclass(slots=True)
class _File:
    modules: Modules
    path: str
    data: bytes
    puts: dict[Span, Edit] = field(default_factory=dict)
    drops: dict[tuple[int, int], tuple[Node, Tier, str]] = field(default_factory=dict)
    grown: dict[tuple[int, int, str], list[tuple[Grow, Tier, str]]] = field(default_factory=dict)
    documents: dict[int, list[tuple[Within, Tier, str]]] = field(default_factory=dict)
    after: list[tuple[After, Tier, str]] = field(default_factory=list)
    tail: str = ""
    tiers: set[Tier] = field(default_factory=set)  # of what is appended

    def take(self, action: Action, tier: Tier, finding: str) -> None:
        if isinstance(action, Put):
            self._put(Edit(Span(action.start, action.end), action.text.encode(), tier, finding))
        elif isinstance(action, Drop):
            self.drops.update({(n.start_byte, n.end_byte): (n, tier, finding) for n in action.nodes})
        elif isinstance(action, After):
            self.after.append((action, tier, finding))
        elif isinstance(action, Append):
            self.tail += "\n" + action.text
            self.tiers.add(tier)
        elif isinstance(action, Grow):
            key = (action.holder.start_byte, action.holder.end_byte, action.key)
            self.grown.setdefault(key, []).append((action, tier, finding))
        else:
            self.documents.setdefault(id(action.document), []).append((action, tier, finding))

    def _put(self, edit: Edit) -> None:
        if self.puts.setdefault(edit.span, edit).text != edit.text:
            raise Unplannable("layout", "two changes meet in one place")

    def done(self) -> list[Edit]:
        self._documents()
        self._rise()
        additions = proof.Additions()
        grown = [self._grow(rows, additions) for rows in self.grown.values()]
        cuts = [
            Edit(span, b"", tier, finding)
            for node, tier, finding in self.drops.values()
            for span in layout.cut(self.data, [node])
        ]
        rows = [*self.puts.values(), *_merged(self.data, cuts), *grown]
        for action, tier, finding in self.after:
            additions.attributes[action.node.start_byte, action.node.end_byte] = (action.name, action.text)
            rows.append(_following(self.data, action, tier, finding))
        if self.tail:
            tier = Tier.SAFE if Tier.SAFE in self.tiers else Tier.REVIEW
            rows.append(_appended(self.data, self.tail, tier, rows))
        try:
            rows = realign(self.path, self.data, rows)
            after = Change(self.path, "", tuple(rows)).result(self.data)
        except ValueError:
            raise Unplannable("layout", "two changes overlap") from None
        self._prove(after, additions)
        return rows

    def _documents(self) -> None:
        """What is planned for a document in a heredoc becomes bytes of the heredoc's text."""
        for rows in self.documents.values():
            document = rows[0][0].document
            try:
                found, roots = documents.assemble(document, [(w.action, tier, finding) for w, tier, finding in rows])
            except documents.Unplannable as error:
                raise Unplannable("layout", f"the document can't be edited in place: {error}") from None
            del roots  # the heredoc's text is compared as a whole
            for edit in found:
                self._put(edit)

    def _rise(self) -> None:
        """A list of which no element is left goes itself."""
        lists: dict[tuple[int, int], list[Node]] = {}
        for node, _, _ in self.drops.values():
            if node.type == "expression" and node.parent is not None:
                lists.setdefault((node.parent.start_byte, node.parent.end_byte), []).append(node)
        for nodes in lists.values():
            holder = nodes[0].parent
            elements = [c for c in holder.named_children if c.type == "expression"] if holder else []
            owner = holder.parent if holder else None
            while owner is not None and owner.type in ("expression", "collection_value"):
                owner = owner.parent
            if len(elements) == len(nodes) and owner is not None and owner.type == "object_elem":
                _, tier, finding = self.drops[nodes[0].start_byte, nodes[0].end_byte]
                for node in nodes:
                    del self.drops[node.start_byte, node.end_byte]
                self.drops[owner.start_byte, owner.end_byte] = (owner, tier, finding)

    def _grow(self, rows: list[tuple[Grow, Tier, str]], additions: proof.Additions) -> Edit:
        first, tier, finding = rows[0]
        texts = [row.text for row, _, _ in rows]
        present = next(
            (e for e in first.holder.named_children if e.type == "object_elem" and self._key(e) == first.key), None
        )
        if present is None:
            at, text = self._new_element(first, texts)
            additions.elements[first.holder.start_byte, first.holder.end_byte] = (
                first.after.end_byte,
                first.key,
                texts,
            )
            return Edit(Span(at, at), text, tier, finding)
        listed = syntax.unwrapped(present.named_children[-1])
        elements = [c for c in listed.named_children if c.type == "expression"] if listed.type == "tuple" else []
        if not elements:
            raise Unplannable("layout", f"{first.key} is no list that can be added to")
        additions.items[listed.start_byte, listed.end_byte] = texts
        start, at = elements[-1].start_byte, elements[-1].end_byte
        several = (
            self.data.find(b"\n", listed.start_byte, listed.end_byte) >= 0 and not indent_of(self.data, start).strip()
        )
        between = b"," + eol_of(self.data) + indent_of(self.data, start) if several else b", "
        return Edit(Span(at, at), b"".join(between + text.encode() for text in texts), tier, finding)

    def _new_element(self, grow: Grow, texts: Sequence[str]) -> tuple[int, bytes]:
        """``key = [ … ]`` on a line of its own behind the element, or beside it."""
        written = f"{grow.key} = [{', '.join(texts)}]".encode()
        after = grow.after
        margin = indent_of(self.data, after.start_byte)
        comma = after.next_sibling is not None and after.next_sibling.type == ","
        if margin.strip() or b"\n" not in self.data[after.end_byte : grow.holder.end_byte]:
            return after.end_byte, b", " + written
        return line_end(self.data, after.end_byte), margin + written + (b"," if comma else b"") + eol_of(self.data)

    def _key(self, element: Node) -> str:
        key = element.named_children[0]
        literal = syntax.literal_string(key)
        return syntax.string_value(literal, self.data) if literal is not None else syntax.text(key, self.data).strip()

    def _prove(self, after: bytes, additions: proof.Additions) -> None:
        new = syntax.parse(after)
        puts = {(e.span.start, e.span.end): e.text for e in self.puts.values()}
        wanted = proof.tree(self.modules.root(self.path), self.data, puts, frozenset(self.drops), additions)
        if self.tail:
            wanted += proof.tree(syntax.parse(self.tail.encode()), self.tail.encode())
        if new.has_error or proof.tree(new, after) != wanted:
            raise Unplannable("proof-failed", "the edited text would say something else than was planned")


def indent_of(data: bytes, at: int) -> bytes:
    """The blanks before ``at`` on its line; something else when it is not the first there."""
    begin = max(data.rfind(b"\n", 0, at), data.rfind(b"\r", 0, at)) + 1
    return data[begin:at]


def _following(data: bytes, action: After, tier: Tier, finding: str) -> Edit:
    """A line of its own behind the line of the attribute. Raises :class:`Unplannable`."""
    begin = max(data.rfind(b"\n", 0, action.node.start_byte), data.rfind(b"\r", 0, action.node.start_byte)) + 1
    margin, stop = data[begin : action.node.start_byte], line_end(data, action.node.end_byte)
    rest = data[action.node.end_byte : stop].strip()
    if margin.strip() or (rest and not rest.startswith((b"#", b"//"))):
        raise Unplannable("layout", "it shares its line with something else: put it on a line of its own")
    line = margin + f"{action.name} = {action.text}".encode() + eol_of(data)
    return Edit(Span(stop, stop), line, tier, finding)


def _merged(data: bytes, cuts: Sequence[Edit]) -> list[Edit]:
    """Cuts that overlap, because both take the blank line between them, as one; no blank line is left at the end of the file."""
    rows: list[Edit] = []
    for cut in sorted(cuts, key=lambda e: e.span):
        if rows and cut.span.start < rows[-1].span.end:
            last = rows[-1]
            tier = Tier.REVIEW if Tier.REVIEW in (last.tier, cut.tier) else Tier.SAFE
            rows[-1] = Edit(Span(last.span.start, max(last.span.end, cut.span.end)), b"", tier, last.finding)
        else:
            rows.append(cut)
    if rows and rows[-1].span.end == len(data):
        last = rows[-1]
        rows[-1] = Edit(
            Span(layout.after_last_line(data, last.span.start), last.span.end), b"", last.tier, last.finding
        )
    return rows


def _appended(data: bytes, tail: str, tier: Tier, edits: Sequence[Edit]) -> Edit:
    eol = "\r\n" if b"\r\n" in data else "\n"
    text = tail.replace("\n", eol)
    if data and not data.endswith((b"\n", b"\r")):
        text = eol + text
    if (
        any(e.span.end == len(data) and not e.text for e in edits)
        and not data[: min(e.span.start for e in edits)].strip()
    ):
        text = text.lstrip()
    return Edit(Span(len(data), len(data)), text.encode(), tier)
