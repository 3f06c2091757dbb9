"""Functions that get a credential by a variable of their environment: the template passes the secret's ARN, and the code reads the secret.

Both are changed together or neither. Here the look-ups in the code are found; they become replacements of their own.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hardcode_hunter.languages.python import environment
from hardcode_hunter.model import Evaluated, LiteralType, Position, Replacement, Rewrite, Shape, Source
from hardcode_hunter.plugins import Function, Handed, Language

PYTHON = "python"
MARK = "#"
"""Stands between a finding and the number of a look-up that it leads to."""
_TEST = re.compile(r"(?:^|/)(?:tests?|testing|conftest)(?:/|\.py$)|(?:^|/)test_[^/]*\.py$|_test\.py$")


@dataclass(frozen=True, slots=True)
class Handling:
    """``replacements`` are the look-ups in code; ``why`` tells for each finding in a function's variable why there are none (or nothing)."""

    replacements: tuple[Replacement, ...] = ()
    why: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_code(self) -> frozenset[str]:
        """The findings whose look-ups are replaced."""
        return frozenset(finding_of(row.finding) for row in self.replacements)

    def without(self, failed: Mapping[str, str]) -> Handling:
        """The same without the look-ups of what failed; a text says why the code was the reason, an empty one that the template was."""
        kept = tuple(row for row in self.replacements if finding_of(row.finding) not in failed)
        return Handling(kept, {**self.why, **{finding: why for finding, why in failed.items() if why}})


NONE = Handling()


def finding_of(finding: str) -> str:
    """The finding that a look-up's replacement belongs to."""
    return finding.partition(MARK)[0]


@dataclass(frozen=True, slots=True)
class Found:
    """All functions of the templates, and which credentials they get by a variable."""

    functions: tuple[Function, ...]
    handed: tuple[Handed, ...]


def find(
    sources: Mapping[str, Source], replacements: Sequence[Replacement], languages: Mapping[str, Language]
) -> Found:
    """``sources`` holds all files of the templates' languages."""
    functions: list[Function] = []
    handed: list[Handed] = []
    for name, language in languages.items():
        rows = [r for r in replacements if r.path in sources and sources[r.path].language == name]
        if language.functions is not None and rows:
            tree = {path: source for path, source in sources.items() if source.language == name}
            found, reached = language.functions(tree, rows)
            functions += found
            handed += reached
    return Found(tuple(functions), tuple(handed))


def handling(found: Found, sources: Mapping[str, Source], replacements: Sequence[Replacement]) -> Handling:
    """The look-ups of all variables that functions get. ``sources`` holds all Python files."""
    handed = found.handed
    code = {p: s for p, s in sources.items() if s.language == PYTHON and p.endswith(".py") and not _TEST.search(p)}
    rows_of = {row.finding: row for row in replacements}
    moving = {(h.function.path, h.function.symbol, h.variable) for h in handed}
    result: list[Replacement] = []
    why: dict[str, str] = {}
    for finding in dict.fromkeys(h.finding for h in handed):
        own = [h for h in handed if h.finding == finding]
        try:
            found_here = [read for h in own for read in _reads(h, code, found.functions, moving)]
        except environment.Unreadable as reason:
            why[finding] = str(reason)
            continue
        distinct = {(read.path, read.span): read for read in found_here}
        if not distinct:
            why[finding] = _unread(own)
            continue
        why[finding] = ""
        result += [_row(rows_of[finding], read, n) for n, read in enumerate(distinct.values())]
    return Handling(tuple(result), why)


def _unread(own: Sequence[Handed]) -> str:
    function = own[0].function
    if function.inline:
        return "its code stands in the template itself"
    if function.runtime and not function.runtime.startswith("python"):
        return f"its code is no Python ({function.runtime})"
    return f"no Python file of its code in this tree reads {own[0].variable}"


def _reads(
    handed: Handed,
    code: Mapping[str, Source],
    functions: Iterable[Function],
    moving: set[tuple[str, str, str]],
) -> list[environment.Read]:
    root = root_of(handed.function, code)
    if root is None:
        return []
    found = []
    for path in under(root, code):
        if handed.variable.encode() in code[path].data:
            found += environment.reads(code[path], handed.variable)
    for read in found:
        _others(handed, read, code, functions, moving)
    return found


def _others(
    handed: Handed,
    read: environment.Read,
    code: Mapping[str, Source],
    functions: Iterable[Function],
    moving: set[tuple[str, str, str]],
) -> None:
    """Raises when another function runs the same code with a variable that stays as it is."""
    for other in functions:
        if handed.variable not in other.variables or (other.path, other.symbol, handed.variable) in moving:
            continue
        root = root_of(other, code)
        if root is not None and read.path in under(root, code):
            raise environment.Unreadable(
                f"{read.path} is the code of {other.symbol} in {other.path} too, where {handed.variable} stays as it is"
            )


def root_of(function: Function, code: Mapping[str, Source]) -> str | None:
    """The folder of a function's code: as the template says, or around the one module that its handler names."""
    if function.inline or (function.runtime and not function.runtime.startswith("python")):
        return None
    if function.folder is not None:
        return function.folder
    module, _, name = function.handler.rpartition(".")
    file = module.replace(".", "/") + ".py"
    marks = (f"def {name}(".encode(), f"{name} =".encode())
    fits = [
        path
        for path, source in code.items()
        if module and (path == file or path.endswith("/" + file)) and any(mark in source.data for mark in marks)
    ]
    return posixpath.normpath(fits[0][: len(fits[0]) - len(file)] or ".") if len(fits) == 1 else None


def under(root: str, code: Mapping[str, Source]) -> list[str]:
    return [path for path in code if root in ("", ".") or path.startswith(root.rstrip("/") + "/")]


def _row(row: Replacement, read: environment.Read, number: int) -> Replacement:
    return replace(
        row,
        finding=f"{row.finding}{MARK}{number}",
        path=read.path,
        line=read.line,
        symbol=f"environment/{number}",
        ordinal=0,
        span=read.span,
        shape=Shape.WHOLE,
        literal=LiteralType.STR,
        position=Position.ASSIGNMENT,
        part="",
        evaluated=Evaluated.IMPORT if read.at_import else Evaluated.CALL,
        callee="",
        parameter="",
        resource="",
        note=environment.NOTE,
        reaches=(),
    )


def failed(made: Mapping[str, Rewrite], handled: Handling) -> dict[str, str]:
    """Findings of which one side can't be changed: then the other side stays as well. The reason, when it is the code's."""
    reasons: dict[str, str] = {}
    for path, rewrite in made.items():
        for skip in rewrite.skips:
            finding = finding_of(skip.finding)
            if finding in handled.by_code and MARK in skip.finding:
                reasons[finding] = f"{path}:{skip.line}: {skip.why}"
            elif finding in handled.by_code:
                reasons.setdefault(finding, "")
    return reasons


def joined(made: Mapping[str, Rewrite]) -> dict[str, Rewrite]:
    """The rewrites with every edit under the finding that it belongs to."""
    result = {}
    for path, rewrite in made.items():
        change = rewrite.change
        if change is not None and any(MARK in edit.finding for edit in change.edits):
            edits = tuple(replace(edit, finding=finding_of(edit.finding)) for edit in change.edits)
            rewrite = replace(rewrite, change=replace(change, edits=edits))
        result[path] = rewrite
    return result
