"""The rewrite of one file, from bytes to a proven change. Runs in a worker process; see ``rewrite.py``."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import libcst as cst

from hardcode_hunter.languages.python import imports, planner, proof, values
from hardcode_hunter.languages.python.bindings import Names
from hardcode_hunter.languages.python.layout import Layout, Undecodable
from hardcode_hunter.languages.python.operations import NodeChange, Operation, Splice
from hardcode_hunter.languages.python.reasons import Unchanged, sentence
from hardcode_hunter.languages.python.tree import Place, Tree, elsewhere, locate, opened, round_trip
from hardcode_hunter.languages.python.workbench import Workbench
from hardcode_hunter.model import (
    Change,
    Edit,
    LiteralType,
    Position,
    Replacement,
    Rewrite,
    Skip,
    Source,
    Span,
    content_hash,
)
from hardcode_hunter.plugins import Rewriting

Skips = dict[str, Unchanged]  # by finding


@dataclass(frozen=True, slots=True)
class _Job:
    """One file, and what its rewrite may know."""

    tree: Tree
    path: str
    rewriting: Rewriting
    private: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Result:
    """A candidate for the file's change: what is applied, and what it makes."""

    operations: tuple[Operation, ...]
    edits: tuple[Edit, ...]
    splices: tuple[Splice, ...]
    data: bytes


class Applying(cst.CSTTransformer):
    """Makes the planned changes of nodes, each at the node that was located."""

    def __init__(self, tree: Tree, changes: Iterable[tuple[cst.CSTNode, NodeChange]]) -> None:
        super().__init__()
        self._positions = tree.positions
        self._changes: dict[cst.CSTNode, list[NodeChange]] = {}
        for node, change in changes:
            self._changes.setdefault(node, []).append(change)
        self._lines = sorted({self._positions[node].start.line for node in self._changes})

    def on_visit(self, node: cst.CSTNode) -> bool:
        return not elsewhere(node, self._positions, self._lines)

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> cst.CSTNode:  # type: ignore[override]
        for change in self._changes.get(original_node, ()):
            updated_node = change(updated_node)
        return updated_node


def rewrite(
    source: Source,
    replacements: Sequence[Replacement],
    rewriting: Rewriting,
    private: frozenset[str] = frozenset(),
) -> Rewrite:
    """What can be changed in ``source`` and proven; every replacement is in the change or in a skip.

    ``private`` are constants that nothing else in the tree mentions: their reads may move to where they are used.
    """
    try:
        tree = opened(source.data)
    except Unchanged as refusal:
        return Rewrite(skips=_skips(source, replacements, dict.fromkeys((r.finding for r in replacements), refusal)))
    skips: Skips = {}
    result = _settled(_Job(tree, source.path, rewriting, private), replacements, skips)
    if result is None or not result.operations:
        return Rewrite(skips=_skips(source, replacements, skips))
    change = Change(source.path, content_hash(source.data), result.edits)
    needs = any(not operation.removes for operation in result.operations)
    return Rewrite(change, _skips(source, replacements, skips), rewriting.retriever.requirements if needs else ())


def _settled(job: _Job, replacements: Sequence[Replacement], skips: Skips) -> _Result | None:
    """The largest change that passes its proofs: what fails alone is skipped, what fails only together is skipped whole."""
    places = _places(job.tree, replacements, skips)
    while True:
        rows = [row for row in replacements if row.finding not in skips]
        operations = _planned(job, rows, places, skips)
        if not operations:
            return None
        if any(row.finding in skips for row in rows):
            continue  # the others are planned anew, without those that just dropped out
        try:
            return _proven(job, operations)
        except Unchanged as failure:
            alone = _failing_alone(job, operations)
            skips |= alone or {finding: failure for o in operations for finding in o.findings}


def _failing_alone(job: _Job, operations: Sequence[Operation]) -> Skips:
    """Those of the ``operations``, which fail together, that fail by themselves. Halves that pass hold none: each proof costs a pass
    over the file, and mostly one operation of many is at fault."""
    failed: Skips = {}
    middle = len(operations) // 2
    for half in (operations[:middle], operations[middle:]) if middle else ():
        try:
            _proven(job, half)
        except Unchanged as failure:
            alone = dict.fromkeys(half[0].findings, failure) if len(half) == 1 else _failing_alone(job, half)
            failed |= alone
    return failed


# ---------------------------------------------------------------- planning


def _places(tree: Tree, replacements: Sequence[Replacement], skips: Skips) -> Mapping[str, Place]:
    """Finding → the located literal; what isn't found is skipped."""
    spans = {row.finding: tree.layout.characters(row.span, tree.data) for row in replacements}
    found = locate(tree, {span for span in spans.values() if span is not None})
    places: dict[str, Place] = {}
    texts = {row.finding for row in replacements if row.literal is LiteralType.TEXT or row.position is Position.TEXT}
    for finding, span in spans.items():
        if finding in texts:
            skips[finding] = Unchanged("not-code")
        elif span is not None and span in found:
            places[finding] = found[span]
        else:
            skips[finding] = Unchanged("moved")
    return places


def _planned(job: _Job, rows: Sequence[Replacement], places: Mapping[str, Place], skips: Skips) -> list[Operation]:
    names = Names.of(job.tree.syntax, job.tree.layout)
    bench = Workbench(job.path, job.tree, names, job.rewriting, job.private)
    groups: dict[Span, list[Replacement]] = {}
    for row in sorted(rows, key=lambda r: (r.span, r.key)):
        groups.setdefault(row.span, []).append(row)
    joined = _Joined()
    for group in groups.values():
        try:
            joined.add(_operation(bench, places[group[0].finding], group))
        except Unchanged as refusal:
            skips.update({row.finding: refusal for row in group})
    return joined.operations


def _operation(bench: Workbench, place: Place, rows: Sequence[Replacement]) -> Operation:
    """The operation with its own proofs done. A constant whose uses can't take the read stays a constant."""
    try:
        return _checked(bench, planner.plan(bench, place, rows), rows)
    except Unchanged:
        if rows[0].symbol not in bench.private:
            raise
        bench.private -= {rows[0].symbol}
        return _checked(bench, planner.plan(bench, place, rows), rows)


def _checked(bench: Workbench, operation: Operation, rows: Sequence[Replacement]) -> Operation:
    """The operation, if its tier is wanted and its own proofs hold."""
    tiers = bench.rewriting.tiers
    if operation.tier.value not in tiers or any(row.tier.value not in tiers for row in rows):
        raise Unchanged("needs-review", reason=operation.reason or "the plan marks this place for a review")
    if operation.imports and operation.statement < imports.first_place(bench.tree.module):
        raise Unchanged("one-line-module")
    proof.keeps_comments(bench.tree.layout, operation.splices)
    for swap in operation.swaps:
        values.prove(swap)
    bench.accept()
    return operation


class _Joined:
    """Operations that don't touch each other. One that does the same as another (the two keys of one call) only adds its findings."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._removing: dict[tuple[Splice, ...], int] = {}
        self._taken: list[Span] = []  # ascending

    def add(self, new: Operation) -> None:
        number = self._removing.get(new.splices, -1) if new.removes else -1
        if number >= 0:
            old = self.operations[number]
            self.operations[number] = replace(old, findings=(*old.findings, *new.findings))
            return
        if any(self._touched(splice.span) for splice in new.splices):
            raise Unchanged("overlaps")
        if new.removes:
            self._removing[new.splices] = len(self.operations)
        self.operations.append(new)
        for splice in new.splices:
            insort(self._taken, splice.span)

    def _touched(self, span: Span) -> bool:
        """Whether a splice is there already: those before the last one that starts earlier end before that one starts."""
        at = bisect_left(self._taken, span)
        near = self._taken[max(0, at - 1) : at]
        while at < len(self._taken) and self._taken[at].start <= span.end:
            near.append(self._taken[at])
            if _touches(near[-1], span):
                return True
            at += 1
        return any(_touches(old, span) for old in near)


def _touches(a: Span, b: Span) -> bool:
    return a.overlaps(b) or (a == b and a.start < a.end)


# ---------------------------------------------------------------- making and proving


def _proven(job: _Job, operations: Sequence[Operation]) -> _Result:
    result = _made(job, operations)
    proof.prove(job.tree.layout, result.data, result.splices)
    try:
        round_trip(result.data, Layout.of(result.data))
    except Unchanged:
        raise Unchanged("proof-again") from None
    return result


def _made(job: _Job, operations: Sequence[Operation]) -> _Result:
    """LibCST's result and the edits' result, which must be the same bytes."""
    tree, retriever = job.tree, job.rewriting.retriever
    needed = {item for operation in operations for item in operation.imports}
    reads = [(reading.secret, reading.key) for o in operations for swap in o.swaps for reading, _ in swap.parts]
    definition = ""
    if retriever.definition is not None and reads:
        name = _definition_name(operations, retriever.function)
        definition = retriever.definition([job.rewriting.access[key] for key in dict.fromkeys(reads)], name)
    limit = min((o.statement for o in operations if o.imports or definition), default=0)
    gone = tuple(number for operation in operations for number in operation.gone)
    planned = imports.insertions(tree, needed, definition, limit, gone) if needed or definition else []
    planned = imports.merged([*planned, *(item for operation in operations for item in operation.inserts)])
    changes = [change for operation in operations for change in operation.changes]
    changes += [change for operation in operations for change in operation.around]
    try:
        module = imports.inserted(tree.module.visit(Applying(tree, changes)), planned, gone)
        data = module.bytes
        edits = _edits(tree, operations, imports.splices(tree, planned))
    except (cst.CSTValidationError, cst.ParserSyntaxError, Undecodable, UnicodeError):
        raise Unchanged("proof-compiles") from None
    if Change(job.path, None, edits).result(tree.data) != data:
        raise Unchanged("proof-bytes")
    splices = [s for o in operations for s in o.splices] + imports.splices(tree, planned)
    return _Result(tuple(operations), edits, tuple(splices), data)


def _definition_name(operations: Sequence[Operation], default: str) -> str:
    text = next(reading.text for o in operations for swap in o.swaps for reading, _ in swap.parts)
    return text.partition("(")[0] or default


def _edits(tree: Tree, operations: Sequence[Operation], insertions: Sequence[Splice]) -> tuple[Edit, ...]:
    layout = tree.layout
    edits = [
        Edit(
            layout.on_disk(splice.span),
            layout.encode(splice.text),
            operation.tier,
            operation.findings[min(number, len(operation.findings) - 1)],
        )
        for operation in operations
        for number, splice in enumerate(operation.splices)
    ]
    edits += [Edit(layout.on_disk(splice.span), layout.encode(splice.text)) for splice in insertions]
    return tuple(sorted(edits, key=lambda e: e.span))


def _skips(source: Source, replacements: Sequence[Replacement], skips: Skips) -> tuple[Skip, ...]:
    rows = {row.finding: row for row in replacements}
    made = [
        Skip(f, source.path, rows[f].line, why.code, sentence(why.code, **why.details), rows[f].rule)
        for f, why in skips.items()
    ]
    return tuple(sorted(made, key=lambda s: (s.line, s.finding)))
