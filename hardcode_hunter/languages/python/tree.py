"""A Python file opened for rewriting: gated, and with its planned literals located in LibCST's tree."""

from __future__ import annotations

import ast
import re
import sys
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from hardcode_hunter.languages.python.layout import Layout, Undecodable
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.model import Span

DEEPEST = 2000
"""Nodes of Python's syntax tree inside one another: LibCST takes time that grows with the square of it, and in the end dies."""


_PIECE = 4  # characters: shorter ones are separators and line ends
_MIRRORS = re.compile(r"\b(?:globals|locals|vars|eval|exec|__dict__)\b")
_QUOTED = re.compile(r"""(["'])(?=(\w+)\1)""")


@dataclass(frozen=True, slots=True)
class Place:
    """A located expression; ``ancestors`` from its parent up to the module, ``statement`` its index in the module's body."""

    node: cst.BaseExpression
    ancestors: tuple[cst.CSTNode, ...]
    span: Span
    statement: int

    @property
    def parent(self) -> cst.CSTNode:
        return self.ancestors[0]

    @property
    def in_function(self) -> bool:
        """Whether the expression runs when a function is called, not when the module is imported."""
        inner: cst.CSTNode = self.node
        for ancestor in self.ancestors:
            if isinstance(ancestor, (cst.FunctionDef, cst.Lambda)) and inner is ancestor.body:
                return True
            inner = ancestor
        return False

    @property
    def in_coroutine(self) -> bool:
        """Whether ``await`` may stand there: in the body of an ``async def``, and in no lambda, comprehension or class in it."""
        for number, ancestor in enumerate(self.ancestors):
            if isinstance(ancestor, (cst.Lambda, cst.BaseComp, cst.ClassDef, cst.Decorator, cst.Annotation)):
                return False
            if isinstance(ancestor, cst.FunctionDef):
                return ancestor.asynchronous is not None and any(a is ancestor.body for a in self.ancestors[:number])
        return False


@dataclass(frozen=True)
class Tree:
    """One file, parsed twice: by LibCST to change it and by Python itself to prove the change."""

    data: bytes
    layout: Layout
    syntax: ast.Module
    wrapper: MetadataWrapper
    positions: Mapping[cst.CSTNode, CodeRange]

    @property
    def module(self) -> cst.Module:
        return self.wrapper.module

    @property
    def newline(self) -> str:
        return self.module.default_newline

    @cached_property
    def _occurrences(self) -> Mapping[str, list[_Seen]]:
        collector = _Collector(self.module)
        self.module.visit(collector)
        return collector.found

    def occurrences(self, word: str) -> Iterator[Place]:
        """Each name, attribute and item of that ``word``, in the order of the file. The file is walked once for all words."""
        for node, chain, statement in self._occurrences.get(word, ()):
            yield Place(node, tuple(_upwards(chain)), self.span(node), statement)

    @cached_property
    def extended(self) -> frozenset[str]:
        """What ``+=`` puts a literal to, longer than a separator or a line end."""
        return frozenset(
            ast.unparse(node.target)
            for node in ast.walk(self.syntax)
            if isinstance(node, ast.AugAssign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, (str, bytes))
            and len(node.value.value) >= _PIECE
        )

    @cached_property
    def words(self) -> frozenset[str]:
        """The words that stand between quotes of their own, by which a program can ask for a name."""
        return frozenset(match[2] for match in _QUOTED.finditer(self.layout.text))

    @cached_property
    def mirrored(self) -> bool:
        """Whether the program may look up its own names."""
        return _MIRRORS.search(self.layout.text) is not None

    def span(self, node: cst.CSTNode) -> Span:
        """Where a node's code stands, in characters, without the white space and parentheses around it."""
        place = self.positions[node]
        return Span(
            self.layout.at(place.start.line, place.start.column), self.layout.at(place.end.line, place.end.column)
        )

    def code(self, node: cst.CSTNode) -> str:
        """The source of a node as it stands, without its parentheses."""
        span = self.span(node)
        return self.layout.text[span.start : span.end]

    def indent(self, place: Place) -> str:
        """The indentation of the block in which the place's statement stands."""
        blocks = [a for a in place.ancestors if isinstance(a, cst.IndentedBlock)]
        return "".join(
            block.indent if block.indent is not None else self.module.default_indent for block in reversed(blocks)
        )

    def outer_start(self, node: cst.CSTNode) -> int:
        """Where a statement starts with all that LibCST counts to it: decorators, and the comments and empty lines above it.

        Counted in lines: asking LibCST for it costs a walk over the whole file.
        """
        first, above = node, len(getattr(node, "leading_lines", ()))
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)) and node.decorators:
            first = node.decorators[0]
            above += len(node.decorators[0].leading_lines)
        return self.layout.starts[self.positions[first].start.line - 1 - above]


def parsed(text: str) -> ast.Module:
    """The syntax tree of ``text``, compiled as a check. Raises :class:`Unchanged`, whose message holds nothing of the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes are the project's own affair
        try:
            tree = ast.parse(text)
            compile(text, "<source>", "exec", dont_inherit=True)
        except (RecursionError, MemoryError):
            raise Unchanged("too-deep") from None
        except (SyntaxError, ValueError):
            raise Unchanged("no-syntax", version=f"{sys.version_info.major}.{sys.version_info.minor}") from None
    return tree


def opened(data: bytes) -> Tree:
    """The file behind all gates: it decodes, compiles, and LibCST gives it back byte for byte. Raises :class:`Unchanged`."""
    try:
        layout = Layout.of(data)
    except Undecodable:
        raise Unchanged("undecodable") from None
    syntax = parsed(layout.text)
    if depth(syntax) > DEEPEST:
        raise Unchanged("too-deep")
    wrapper = MetadataWrapper(round_trip(data, layout), unsafe_skip_copy=True)
    return Tree(data, layout, syntax, wrapper, wrapper.resolve(PositionProvider))


def depth(tree: ast.AST) -> int:
    """How many nodes stand inside one another, counted without recursion."""
    deepest = 0
    todo = [(tree, 1)]
    while todo:
        node, level = todo.pop()
        deepest = max(deepest, level)
        todo += [(child, level + 1) for child in ast.iter_child_nodes(node)]
    return deepest


def round_trip(data: bytes, layout: Layout) -> cst.Module:
    """LibCST's tree of the file, which gives back the very same bytes. Raises :class:`Unchanged`."""
    try:
        module = cst.parse_module(data)
        code = module.code
        exact = code == layout.text and code.encode(module.encoding) == data
    except (RecursionError, MemoryError):
        raise Unchanged("too-deep") from None
    except Exception:  # a parser's own text may quote the source
        exact = False
    if not exact:
        raise Unchanged("no-round-trip")
    return module


def elsewhere(node: cst.CSTNode, positions: Mapping[cst.CSTNode, CodeRange], lines: Sequence[int]) -> bool:
    """Whether a statement covers none of the ``lines`` (ascending): a visitor need not look into it."""
    if not isinstance(node, (cst.SimpleStatementLine, cst.BaseCompoundStatement)):
        return False
    place = positions[node]
    first = place.start.line
    if isinstance(node, (cst.FunctionDef, cst.ClassDef)) and node.decorators:
        first = min(first, positions[node.decorators[0]].start.line)
    at = bisect_left(lines, first)
    return at == len(lines) or lines[at] > place.end.line


class _Above(NamedTuple):
    """A node and those above it. The nodes of one branch share what is above them, so that a deep tree takes no more than a flat one."""

    node: cst.CSTNode
    above: _Above | None


_Seen = tuple[cst.BaseExpression, "_Above | None", int]


def _upwards(chain: _Above | None) -> Iterator[cst.CSTNode]:
    while chain is not None:
        yield chain.node
        chain = chain.above


class _Collector(cst.CSTVisitor):
    """Every name, attribute and item, by the word that it is called by."""

    def __init__(self, module: cst.Module) -> None:
        super().__init__()
        self._statements: dict[cst.CSTNode, int] = {node: number for number, node in enumerate(module.body)}
        self._statement = -1
        self._chain: _Above | None = None
        self.found: dict[str, list[_Seen]] = {}

    def on_visit(self, node: cst.CSTNode) -> bool:
        self._statement = self._statements.get(node, self._statement)
        if isinstance(node, (cst.Name, cst.Attribute, cst.Subscript)) and (word := _called(node)):
            self.found.setdefault(word, []).append((node, self._chain, self._statement))
        self._chain = _Above(node, self._chain)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        assert self._chain is not None
        self._chain = self._chain.above


def _called(node: cst.Name | cst.Attribute | cst.Subscript) -> str:
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        return node.attr.value
    key = node.slice[0].slice if len(node.slice) == 1 else None
    item = key.value if isinstance(key, cst.Index) else None
    word = item.evaluated_value if isinstance(item, cst.SimpleString) else ""
    return word if isinstance(word, str) else ""


class _Locator(cst.CSTVisitor):
    """Finds the outermost expression at each wanted place, keeping its ancestors on a stack of its own."""

    def __init__(self, tree: Tree, wanted: Iterable[Span]) -> None:
        super().__init__()
        self._places = {(*tree.layout.place(span.start), *tree.layout.place(span.end)): span for span in wanted}
        self._lines = sorted({tree.layout.place(span.start)[0] for span in self._places.values()})
        self._positions = tree.positions
        self._statements: dict[cst.CSTNode, int] = {node: i for i, node in enumerate(tree.module.body)}
        self._stack: list[cst.CSTNode] = []
        self._statement = -1
        self.found: dict[Span, Place] = {}

    def on_visit(self, node: cst.CSTNode) -> bool:
        self._statement = self._statements.get(node, self._statement)
        self._stack.append(node)
        if elsewhere(node, self._positions, self._lines):
            return False
        if isinstance(node, cst.BaseExpression):
            place = self._positions[node]
            span = self._places.get((place.start.line, place.start.column, place.end.line, place.end.column))
            if span is not None and span not in self.found:
                self.found[span] = Place(node, tuple(reversed(self._stack[:-1])), span, self._statement)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        self._stack.pop()


def locate(tree: Tree, wanted: Iterable[Span]) -> Mapping[Span, Place]:
    """Each of the ``wanted`` spans (in characters) at which exactly one expression stands, slices compared."""
    locator = _Locator(tree, wanted)
    tree.module.visit(locator)
    text = tree.layout.text
    found = {}
    for span, place in locator.found.items():
        bare = place.node.with_changes(lpar=(), rpar=()) if place.node.lpar else place.node
        # a node's code alone lacks the indentation of the block around it
        if text[span.start : span.end].split() == tree.module.code_for_node(bare).split():
            found[span] = place
    return found
