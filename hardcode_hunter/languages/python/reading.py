"""From drafts to candidates and references: ordinals, exact spans, and what stands near the first pass's hits."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from hardcode_hunter.languages import script
from hardcode_hunter.languages.python.drafts import Binding, Draft, Drafts, Extent, Place, Use
from hardcode_hunter.languages.python.literals import agrees, pieces
from hardcode_hunter.languages.python.names import Names
from hardcode_hunter.languages.python.positions import Positions
from hardcode_hunter.languages.python.statements import walk
from hardcode_hunter.languages.python.within import comments, inner_texts
from hardcode_hunter.model import (
    Candidate,
    Evaluated,
    Extraction,
    LiteralType,
    Plaintext,
    Position,
    Problem,
    Reference,
    Sink,
    Span,
)
from hardcode_hunter.plugins import Hits, near

_PREFIX = re.compile(r"[.\[]")
_GENERATED = re.compile(rb"@" + rb"generated\b|DO NOT EDIT|[Aa]uto-?generated|[Gg]enerated by ")
_HEAD = 1000  # bytes in which a generated file says so
_GROUPS: dict[type[ast.AST], str] = {
    ast.Tuple: "tuple",
    ast.List: "list",
    ast.Set: "set",
    ast.Dict: "dict",
    ast.DictComp: "dict",
}


def read(positions: Positions, tree: ast.Module, path: str, language: str, hits: Hits) -> Extraction:
    """All candidates and references of a parsed file that stand near ``hits``; ordinals are counted over all there are."""
    names = Names(path, tree)
    return _Reading(positions, names, walk(names), path, language, hits).extraction()


@dataclass(slots=True)
class _Reading:
    positions: Positions
    names: Names
    drafts: Drafts
    path: str
    language: str
    hits: Hits
    _near: dict[int, bool] = field(default_factory=dict)
    _note: str = ""
    _problems: list[Problem] = field(default_factory=list)

    def extraction(self) -> Extraction:
        self._note = "generated" if _GENERATED.search(self.positions.data[:_HEAD]) else ""
        spoken = [
            draft
            for draft in self.drafts.texts
            if script.speaks(draft.literal.value) or "=" in draft.literal.value or ":" in draft.literal.value
        ]
        flows = _Flows(self.names.path, self.drafts)
        flows.mark(self.near)
        counts: Counter[str] = Counter()
        found: list[Candidate] = []
        for draft in sorted((*self.drafts.literals, *spoken), key=lambda d: d.order):
            ordinal = counts[draft.binding.symbol]
            counts[draft.binding.symbol] += 1
            if self.near(draft.place.extent) or flows.marked(draft.binding.defines):
                found += self._literal(draft, ordinal)
        found += self._comments()
        found.sort(key=lambda c: (c.span.start, -c.span.end))
        return Extraction(tuple(found), tuple(self._references(flows)), tuple(self._problems))

    def near(self, extent: Extent) -> bool:
        """Whether a statement is near a hit."""
        known = self._near.get(id(extent))
        if known is None:
            start, end = self.positions.lines(extent.first, extent.last)
            known = self._near[id(extent)] = near(start, max(start, end - 1), self.hits)
        return known

    def _literal(self, draft: Draft, ordinal: int) -> Iterator[Candidate]:
        start, end = self.positions.of(draft.first)
        try:
            exact = agrees(self.positions.source(start, end), draft.literal)
        except UnicodeError:
            exact = False
        if not exact:
            self._problems.append(
                Problem(
                    self.path,
                    self.positions.line(start),
                    "a literal on this line could not be located exactly and was left out; look at it by hand",
                )
            )
            return
        bound = draft.binding
        if bound.position is not Position.TEXT or script.speaks(draft.literal.value):
            yield self._candidate(draft, ordinal, start, end)
        place = f"{bound.symbol}#{ordinal}" if ordinal else bound.symbol
        counts: Counter[str] = Counter()
        for row in inner_texts(self.positions.data, start, end, draft):
            symbol = f"{place}/{row.name}"
            yield self._text(
                row.start,
                row.end,
                row.value(self.positions.data),
                row.name,
                symbol,
                counts[symbol],
                f"text@{start}",
                draft.place.evaluated,
                "embedded",
            )
            counts[symbol] += 1

    def _candidate(self, draft: Draft, ordinal: int, start: int, end: int) -> Candidate:
        bound, line = draft.binding, self.positions.line(start)
        last = self.positions.line(max(start, end - 1))
        return Candidate(
            path=self.path,
            language=self.language,
            span=Span(start, end),
            line=line,
            end_line=last,
            column=self.positions.column(start),
            value=Plaintext(draft.literal.value),
            literal=draft.literal.type,
            position=bound.position,
            name=bound.name,
            symbol=bound.symbol,
            ordinal=ordinal,
            callee=bound.callee,
            parameter=bound.parameter,
            scope=self._scope(bound),
            evaluated=draft.place.evaluated,
            defines=f"{self.path}::{bound.defines}" if bound.defines else "",
            sinks=(self._sink(bound.outer, bound.callee, line, draft.place),) if bound.outer else (),
            pieces=pieces(self.positions.source(start, end), line) if last > line else (),
            note=", ".join(part for part in (draft.place.note, bound.note, self._note) if part),
        )

    def _sink(self, outer: Binding, via: str, line: int, place: Place) -> Sink:
        return Sink(outer.callee, "", outer.parameter, self.path, line, place.evaluated, self._scope(outer), via)

    def _scope(self, bound: Binding) -> str:
        group = bound.group
        if isinstance(group, str):
            return group
        word = _GROUPS.get(type(group), "dict" if bound.position is Position.ITEM else "call")
        return f"{word}@{self.positions.offset(getattr(group, 'lineno', 1), getattr(group, 'col_offset', 0))}"

    def _text(
        self,
        start: int,
        end: int,
        value: str,
        name: str,
        symbol: str,
        ordinal: int,
        scope: str,
        evaluated: Evaluated,
        note: str,
    ) -> Candidate:
        return Candidate(
            path=self.path,
            language=self.language,
            span=Span(start, end),
            line=self.positions.line(start),
            end_line=self.positions.line(max(start, end - 1)),
            column=self.positions.column(start),
            value=Plaintext(value),
            literal=LiteralType.TEXT,
            position=Position.TEXT,
            name=name,
            symbol=symbol,
            ordinal=ordinal,
            scope=scope,
            evaluated=evaluated,
            note=note,
        )

    def _comments(self) -> Iterator[Candidate]:
        counts: Counter[str] = Counter()
        for comment in comments(self.positions, self.drafts.multiline):
            symbol = f"comment/{comment.name}" if comment.name else "comment"
            ordinal = counts[symbol]
            counts[symbol] += 1
            if near(comment.line_start, comment.line_end, self.hits):
                value = self.positions.data[comment.start : comment.end].decode("utf-8", "replace")
                yield self._text(
                    comment.start,
                    comment.end,
                    value,
                    comment.name,
                    symbol,
                    ordinal,
                    comment.scope,
                    Evaluated.IMPORT,
                    "comment",
                )

    def _references(self, flows: _Flows) -> Iterator[Reference]:
        for use in sorted(self.drafts.uses, key=lambda u: (u.node.lineno, u.node.col_offset)):
            if not flows.lives(use) or not (
                self.near(use.place.extent) or flows.marked(use.binding.defines) or flows.marked(flows.local(use))
            ):
                continue
            start, end = self.positions.of(use.node)
            bound = use.binding
            yield Reference(
                path=self.path,
                language=self.language,
                span=Span(start, end),
                line=self.positions.line(start),
                target=use.target,
                callee=bound.callee,
                parameter=bound.parameter,
                symbol=bound.symbol,
                scope=self._scope(bound),
                evaluated=use.place.evaluated,
                defines=f"{self.path}::{bound.defines}" if bound.defines else "",
            )


class _Flows:
    """Which names of the file pass values to each other: a literal is near a hit, too, where the statement that uses it is."""

    def __init__(self, path: str, drafts: Drafts) -> None:
        self._prefix = f"{path}::"
        self._drafts = drafts
        self._parents: dict[str, str] = {}
        self._marked: set[str] = set()
        self._known = {draft.binding.defines for draft in drafts.literals if draft.binding.defines}
        waiting: defaultdict[str, set[str]] = defaultdict(set)
        ready: list[str] = []
        for use in drafts.uses:
            if not use.binding.defines:
                continue
            for base in ((name := self.local(use)) and _prefixes(name)) or ("",):
                waiting[base].add(use.binding.defines)
        ready = ["", *_all_prefixes(self._known)]
        seen: set[str] = set()
        while ready:
            name = ready.pop()
            for defined in waiting.pop(name, ()):
                if defined not in seen:
                    seen.add(defined)
                    ready += _prefixes(defined)
        self._known |= seen
        self._whole = _all_prefixes(self._known)

    def local(self, use: Use) -> str:
        """What a use refers to in this file; empty when it lies elsewhere."""
        return use.target.removeprefix(self._prefix) if use.target.startswith(self._prefix) else ""

    def lives(self, use: Use) -> bool:
        """Whether a value that this file or another one defines can reach the use."""
        name = self.local(use)
        return not name or name in self._whole or any(prefix in self._known for prefix in _prefixes(name))

    def mark(self, is_near: Callable[[Extent], bool]) -> None:
        """Joins names through which values pass, and marks those of which a statement is near a hit."""
        targets = {self.local(use) for use in self._drafts.uses} - {""}
        for names, others in ((self._known, targets), (targets, self._known)):
            for name in names if others else ():
                for prefix in _prefixes(name):
                    if prefix in others:
                        self._join(name, prefix)
        for use in self._drafts.uses:
            if use.binding.defines and (name := self.local(use)):
                self._join(use.binding.defines, name)
        for draft in self._drafts.literals:
            if draft.binding.defines and is_near(draft.place.extent):
                self._marked.add(self._root(draft.binding.defines))
        for use in self._drafts.uses:
            if is_near(use.place.extent):
                self._marked.update(self._root(name) for name in (self.local(use), use.binding.defines) if name)

    def marked(self, name: str) -> bool:
        return bool(name) and self._root(name) in self._marked

    def _root(self, name: str) -> str:
        while (parent := self._parents.get(name, name)) != name:
            self._parents[name] = self._parents.get(parent, parent)
            name = parent
        return name

    def _join(self, one: str, other: str) -> None:
        self._parents[self._root(one)] = self._root(other)


def _prefixes(name: str) -> list[str]:
    """``A.b[0]`` → ``A``, ``A.b``, ``A.b[0]``: the values that it is a part of, itself included."""
    if "." not in name and "[" not in name:
        return [name]
    cut = [m.start() for m in _PREFIX.finditer(name)]
    return [*(name[:at] for at in cut if ":" not in name[at:]), name]


def _all_prefixes(names: Iterable[str]) -> set[str]:
    return {prefix for name in names for prefix in _prefixes(name)}
