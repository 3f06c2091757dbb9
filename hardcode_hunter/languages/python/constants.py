"""Constants of a module that only its functions use: the read moves to where the value is used, and the constant goes.

Then nothing is read at import, and a rotation is seen without a restart. It is done only where the whole tree was looked at and no
other file mentions the name; everything else stays a constant that is read at import.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hardcode_hunter.languages.python.operations import NodeChange, Operation, Splice, Touch
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.model import Evaluated, Position, Replacement, Shape, Source, Span

if TYPE_CHECKING:
    import libcst as cst

    from hardcode_hunter.languages.python.tree import Place
    from hardcode_hunter.languages.python.workbench import Workbench

_LOADERS = re.compile(rb"\b(?:from_object|from_pyfile|config_from_object|DJANGO_SETTINGS_MODULE)\b")
"""Frameworks that read every upper-case name of a module that they are told the name of."""
_WORD, _ASCII_WORD = re.compile(rb"[\w\x80-\xff]+"), re.compile(rb"\w+")
_NAME = re.compile(r"[A-Za-z_]\w*")


def private(
    sources: Mapping[str, Source], by_path: Mapping[str, Sequence[Replacement]]
) -> Mapping[str, frozenset[str]]:
    """Path → its constants that no other file of the tree mentions, and that no framework reads by itself. One pass over the tree."""
    wanted = {
        path: {row.symbol for row in rows if row.position is Position.ASSIGNMENT and _NAME.fullmatch(row.symbol)}
        for path, rows in by_path.items()
    }
    names = {name for own in wanted.values() for name in own}
    if not names:
        return {}
    mentions = _mentions(sources, names)
    found = {path: frozenset(name for name in own if not mentions[name] - {path}) for path, own in wanted.items()}
    found = {path: own for path, own in found.items() if own}
    if found and any(_LOADERS.search(source.data) for source in sources.values()):
        stems = {path: posixpath.basename(path).rpartition(".")[0] for path in found}
        mentions = _mentions(sources, set(stems.values()))
        found = {path: own for path, own in found.items() if not mentions[stems[path]] - {path}}
    return found


def _mentions(sources: Mapping[str, Source], words: Iterable[str]) -> Mapping[str, set[str]]:
    """Word → the files in which it occurs."""
    found: dict[str, set[str]] = {word: set() for word in words}
    wanted = {word.encode(): word for word in found}
    for path, source in sources.items():
        for match in wanted.keys() & {*_WORD.findall(source.data), *_ASCII_WORD.findall(source.data)}:
            found[wanted[match]].add(path)
    return found


def plan(
    bench: Workbench,
    place: Place,
    rows: Sequence[Replacement],
    in_place: Callable[[Workbench, Place, Sequence[Replacement]], Operation],
) -> Operation | None:
    """The operation that moves the read to the constant's uses; ``None`` where the constant must stay."""
    import libcst as cst

    from hardcode_hunter.languages.python import pasted

    name = rows[0].symbol
    if (
        name not in bench.private
        or len(place.ancestors) != 3
        or not isinstance(place.parent, (cst.Assign, cst.AnnAssign))
    ):
        return None
    line = place.ancestors[1]
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1 or line.trailing_whitespace.comment:
        return None
    if bench.tree.mirrored or name in bench.tree.words or bench.names.stores[name] != 1:
        return None
    uses = _uses(bench, name)
    if not uses or not all(use.in_function for use in uses) or any(use.statement < place.statement for use in uses):
        return None
    if rows[0].shape is not Shape.WHOLE and len(uses) > 1:
        return None
    if any(isinstance(a, cst.FormattedStringExpression) for use in uses for a in use.ancestors):
        return None  # the literal's quotes may not stand there
    if pasted.into_texts(bench, place, rows[0]):
        return None  # the name is what is quoted there
    return _moved(bench, place, rows, uses, in_place)


def _moved(
    bench: Workbench,
    place: Place,
    rows: Sequence[Replacement],
    uses: Sequence[Place],
    in_place: Callable[[Workbench, Place, Sequence[Replacement]], Operation],
) -> Operation | None:
    """The operation over all uses; ``None`` when one of them can't take the read."""
    called = [replace(row, evaluated=Evaluated.CALL, callee="", parameter="") for row in rows]
    splices: list[Splice] = []
    changes: list[tuple[cst.CSTNode, NodeChange]] = []
    parts: list[Operation] = []
    for use in uses:
        try:
            # the literal as it stands, read as if it stood where the name is used
            moved = replace(place, ancestors=use.ancestors, statement=use.statement)
            part = in_place(bench, moved, called)
            code, change = bench.expression(part.splices[0].text, use, is_sum=rows[0].shape is not Shape.WHOLE)
        except Unchanged:
            return None
        if "\n" in code or "\r" in code:
            return None  # its layout belongs to the place where it stands
        splices.append(Splice(use.span, code, Touch.VALUE))
        changes.append((use.node, change))
        parts.append(part)
    return Operation(
        findings=tuple(row.finding for row in rows),
        splices=(Splice(_line(bench, place), "", Touch.STATEMENT), *splices),
        changes=tuple(changes),
        statement=min(use.statement for use in uses),
        swaps=tuple(swap for part in parts for swap in part.swaps),
        imports=tuple(item for part in parts for item in part.imports),
        gone=(place.statement,),
    )


def _line(bench: Workbench, place: Place) -> Span:
    """The constant's line with its line end, and the empty lines above it."""
    tree = bench.tree
    statement = tree.module.body[place.statement]
    start = tree.span(statement).start
    for above in reversed(statement.leading_lines):
        if above.comment:
            break
        start -= len(tree.module.code_for_node(above))
    line, _ = tree.layout.place(tree.span(statement).end)
    starts = tree.layout.starts
    return Span(start, starts[line] if line < len(starts) else len(tree.layout.text))


def _uses(bench: Workbench, name: str) -> list[Place]:
    """Every read of the name as an expression of its own."""
    import libcst as cst

    return [u for u in bench.tree.occurrences(name) if isinstance(u.node, cst.Name) and _is_read(u.node, u.parent)]


def _is_read(node: cst.Name, parent: cst.CSTNode) -> bool:
    """Whether the name is read there, and not bound, or the name of an attribute, a keyword or a parameter."""
    import libcst as cst

    if isinstance(parent, cst.Attribute):
        return parent.attr is not node
    if isinstance(parent, (cst.Arg, cst.NamedExpr)):
        return getattr(parent, "keyword", None) is not node and getattr(parent, "target", None) is not node
    if isinstance(parent, cst.AnnAssign):
        return parent.target is not node
    return not isinstance(
        parent, (cst.AssignTarget, cst.Param, cst.FunctionDef, cst.ClassDef, cst.ImportAlias, cst.AsName)
    )
