"""Where a new import goes, and how it looks there.

After the docstring and ``from __future__`` lines, at the end of the imports at the top of the file, after every edit of
``sys.path`` there, and always before the statement that needs it. LibCST's own ``AddImportsVisitor`` puts imports before a
one-line ``from __future__ import x; import os`` and before ``sys.path`` edits, and is silent about shadowed names.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import libcst as cst

from hardcode_hunter.languages.python.operations import Import, Insertion, Splice, Touch
from hardcode_hunter.languages.python.tree import Tree
from hardcode_hunter.model import Span


@dataclass(frozen=True, slots=True)
class _Top:
    """The top of a module: ``first`` is the first place for an import, ``last`` the place after the present ones."""

    first: int
    last: int


def first_place(module: cst.Module) -> int:
    """The index before which no import may stand: docstring and ``from __future__``."""
    body = module.body
    at = 1 if body and _is_docstring(body[0]) else 0
    for number, statement in enumerate(body):
        if any(_module_of(small) == "__future__" for small in _small(statement)):
            at = number + 1
    return at


def insertions(
    tree: Tree, imports: Iterable[Import], definition: str, limit: int, gone: Sequence[int] = ()
) -> list[Insertion]:
    """What to insert so that all ``imports``, and then ``definition``, come before statement ``limit``; ``gone`` are removed."""
    module = tree.module
    top = _top(module, limit)
    rows: dict[int, list[Import]] = {}
    for item in sorted(set(imports), key=lambda i: (not _standard(i.module), i.module, i.name)):
        index = _beside(module, item.module, top, limit)
        rows.setdefault(index, []).append(item)
    if definition:
        rows.setdefault(top.last, [])
    return [
        _insertion(tree, index, wanted, definition if index == top.last else "", gone)
        for index, wanted in sorted(rows.items())
    ]


def _insertion(tree: Tree, index: int, rows: Sequence[Import], definition: str, gone: Sequence[int]) -> Insertion:
    module = tree.module
    before = module.body[index - 1] if index else None
    following = next(module.body[n] for n in range(index, len(module.body)) if n not in gone)
    header = len(module.header) if index else _kept_header(module)
    after_import = before is not None and index > first_place(module)
    if after_import:
        above = "\n" if rows and not _standard(rows[0].module) and _imports_standard(before) else ""
    else:
        above = "\n" if before is not None or (header and module.header[header - 1].comment) else ""
    blank = _blank_lines(following.leading_lines)
    if definition:
        body = (f"{_block(rows)}\n\n" if rows or before is not None or header else "") + definition.strip("\n") + "\n"
        above = above if rows else ""
        needed = 2
    else:
        body = _block(rows)
        needed = 0 if after_import else 2 if isinstance(following, (cst.FunctionDef, cst.ClassDef)) else 1
    text = above + body + "\n" * max(0, needed - blank)
    return Insertion(index, header, text.replace("\n", tree.newline))


def _block(rows: Sequence[Import]) -> str:
    """Import lines, those of the standard library apart."""
    standard = _lines(row for row in rows if _standard(row.module))
    others = _lines(row for row in rows if not _standard(row.module))
    return "".join(f"{line}\n" for line in [*standard, *([""] if standard and others else []), *others])


def _lines(rows: Iterable[Import]) -> list[str]:
    """One line for each row; what comes from one module is one line."""
    found: dict[tuple[str, bool], list[Import]] = {}
    for row in rows:
        found.setdefault((row.module, not row.name), []).append(row)
    return [
        ", ".join([same[0].line, *(row.line.partition(" import ")[2] for row in same[1:])]) for same in found.values()
    ]


def _kept_header(module: cst.Module) -> int:
    """How many lines of the header stay above: a comment right above the first statement belongs to it, unless it opens the file."""
    header = module.header
    at = len(header)
    while at and header[at - 1].comment:
        at -= 1
    return at if at else len(header)


def _blank_lines(lines: Sequence[cst.EmptyLine]) -> int:
    count = 0
    for line in lines:
        if line.comment:
            break
        count += 1
    return count


# ---------------------------------------------------------------- the top of a module


def _top(module: cst.Module, limit: int) -> _Top:
    first = last = first_place(module)
    section = True
    for number in range(first, limit):
        statement = module.body[number]
        if _edits_path(statement):
            section, last = True, number + 1
        elif section and _imports(statement):
            last = number + 1
        elif section and not _passes(statement):
            section = False
    return _Top(first, last)


def _small(statement: cst.CSTNode) -> Sequence[cst.BaseSmallStatement]:
    return statement.body if isinstance(statement, cst.SimpleStatementLine) else ()


def _is_docstring(statement: cst.CSTNode) -> bool:
    small = _small(statement)
    if not small or not isinstance(small[0], cst.Expr):
        return False
    value = small[0].value
    return isinstance(value, (cst.SimpleString, cst.ConcatenatedString)) and isinstance(value.evaluated_value, str)


def _module_of(small: cst.CSTNode | None) -> str:
    """The module that a ``from … import`` statement imports from."""
    if not isinstance(small, cst.ImportFrom) or small.module is None or small.relative:
        return ""
    return dotted(small.module)


def dotted(node: cst.BaseExpression) -> str:
    """``a.b.c`` for a chain of names, else an empty text."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        head = dotted(node.value)
        return f"{head}.{node.attr.value}" if head else ""
    return ""


def _imports(statement: cst.CSTNode) -> bool:
    """An import line, or a block of nothing but imports (``try: import a / except ImportError: import b``)."""
    if isinstance(statement, cst.SimpleStatementLine):
        return any(isinstance(small, (cst.Import, cst.ImportFrom)) for small in statement.body)
    if isinstance(statement, cst.Try):
        return all(_imports(inner) or _passes(inner) for inner in statement.body.body) and any(
            _imports(inner) for inner in statement.body.body
        )
    return False


def _passes(statement: cst.CSTNode) -> bool:
    """What may stand between imports without ending their section."""
    if isinstance(statement, cst.If):
        return dotted(statement.test).endswith("TYPE_CHECKING")
    small = _small(statement)
    return bool(small) and all(isinstance(s, cst.Pass) or (isinstance(s, cst.Assign) and _dunder(s)) for s in small)


def _dunder(assignment: cst.Assign) -> bool:
    target = assignment.targets[0].target
    return isinstance(target, cst.Name) and target.value.startswith("__") and target.value.endswith("__")


def _edits_path(statement: cst.CSTNode) -> bool:
    """A statement that calls a method of ``sys.path``, or assigns to it."""
    finder = _PathFinder()
    if not isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
        statement.visit(finder)
    return finder.found


class _PathFinder(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        self.found = self.found or dotted(node) == "sys.path"
        return not self.found


def _standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _beside(module: cst.Module, wanted: str, top: _Top, limit: int) -> int:
    """After the last import of the same module, else at the end. What belongs to the standard library goes after the last import of
    that library, else before all other imports, which come after it by custom."""
    same = other = first = -1
    for number in range(top.first, min(top.last, limit)):
        same = number if wanted in _imported_modules(module.body[number]) else same
        other = number if _imports_standard(module.body[number]) else other
        first = number if first < 0 and _imports(module.body[number]) else first
    if same >= 0 or not _standard(wanted):
        return same + 1 if same >= 0 else top.last
    if other >= 0:
        return other + 1
    return first if first >= 0 else top.last


def _imported_modules(statement: cst.CSTNode) -> list[str]:
    names: list[str] = []
    for small in _small(statement):
        names += (
            [_module_of(small)]
            if isinstance(small, cst.ImportFrom)
            else [dotted(a.name) for a in small.names]
            if isinstance(small, cst.Import)
            else []
        )
    return [name for name in names if name]


def _imports_standard(statement: cst.CSTNode | None) -> bool:
    return statement is not None and any(_standard(name) for name in _imported_modules(statement))


# ---------------------------------------------------------------- making it so


def merged(planned: Iterable[Insertion]) -> list[Insertion]:
    """One insertion at each place, in the order of the file; imports come before what uses them."""
    found: dict[int, Insertion] = {}
    for item in planned:
        above = found.get(item.index)
        found[item.index] = replace(above, text=above.text + item.text) if above else item
    return [found[index] for index in sorted(found)]


def splices(tree: Tree, planned: Sequence[Insertion]) -> list[Splice]:
    """The insertions as splices of the text."""
    result = []
    for item in planned:
        if item.index == len(tree.module.body):
            offset = len(tree.layout.text)
        elif item.index == 0:
            offset = sum(len(tree.module.code_for_node(line)) for line in tree.module.header[: item.header])
        else:
            offset = tree.outer_start(tree.module.body[item.index])
        result.append(Splice(Span(offset, offset), item.text, Touch.STATEMENT))
    return result


def inserted(module: cst.Module, planned: Sequence[Insertion], gone: Sequence[int] = ()) -> cst.Module:
    """The module with the insertions made and the statements ``gone`` taken out, as nodes."""
    by_index: Mapping[int, Insertion] = {item.index: item for item in planned}
    body: list[cst.SimpleStatementLine | cst.BaseCompoundStatement] = []
    header = module.header
    carried: list[
        cst.EmptyLine
    ] = []  # lines above what is gone, and behind an insertion: they go to the next statement
    for number, statement in enumerate(module.body):
        item = by_index.get(number)
        if item is not None:
            snippet = cst.parse_module(item.text, config=module.config_for_parsing)
            first = snippet.body[0]
            body.append(first.with_changes(leading_lines=(*carried, *snippet.header, *first.leading_lines)))
            body += snippet.body[1:]
            carried = [*snippet.footer, *(header[item.header :] if number == 0 else ())]
            header = header[: item.header] if number == 0 else header
        if number in gone:
            carried += commented(statement.leading_lines)
        elif carried:
            body.append(statement.with_changes(leading_lines=(*carried, *statement.leading_lines)))
            carried = []
        else:
            body.append(statement)
    footer = (*carried, *module.footer)
    if last := by_index.get(len(module.body)):
        # without one at the end of the file, the first line end of the insertion belongs to the statement above
        text = last.text if module.has_trailing_newline else last.text.removeprefix(module.default_newline)
        snippet = cst.parse_module(text, config=module.config_for_parsing)
        first = snippet.body[0]
        body += [first.with_changes(leading_lines=(*footer, *snippet.header, *first.leading_lines)), *snippet.body[1:]]
        footer = ()
    return module.with_changes(body=body, header=header, footer=footer)


def commented(lines: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """The lines above a statement that stay when it goes: down to the last comment."""
    last = max((number for number, line in enumerate(lines) if line.comment), default=-1)
    return list(lines[: last + 1])
