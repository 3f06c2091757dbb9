"""A Python file opened for rewriting: gated, and with its planned literals located in LibCST's tree."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider, WhitespaceInclusivePositionProvider

from hardcode_hunter.languages.python.layout import Layout, Undecodable
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.model import Span


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

    def span(self, node: cst.CSTNode) -> Span:
        """Where a node's code stands, in characters, without the white space and parentheses around it."""
        place = self.positions[node]
        return Span(self.layout.at(place.start.line, place.start.column), self.layout.at(place.end.line, place.end.column))

    def code(self, node: cst.CSTNode) -> str:
        """The source of a node as it stands, without its parentheses."""
        span = self.span(node)
        return self.layout.text[span.start : span.end]

    def indent(self, place: Place) -> str:
        """The indentation of the block in which the place's statement stands."""
        blocks = [a for a in place.ancestors if isinstance(a, cst.IndentedBlock)]
        return "".join(block.indent if block.indent is not None else self.module.default_indent for block in reversed(blocks))

    def outer_start(self, node: cst.CSTNode) -> int:
        """Where a node starts with all that LibCST counts to it: comments and empty lines above a statement."""
        start = self.wrapper.resolve(WhitespaceInclusivePositionProvider)[node].start
        return self.layout.at(start.line, start.column)


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
    try:
        module = cst.parse_module(data)
        exact = module.bytes == data and module.code == layout.text
    except (RecursionError, MemoryError):
        raise Unchanged("too-deep") from None
    except Exception:  # a parser's own text may quote the source
        exact = False
    if not exact:
        raise Unchanged("no-round-trip")
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    return Tree(data, layout, syntax, wrapper, wrapper.resolve(PositionProvider))


class _Locator(cst.CSTVisitor):
    """Finds the outermost expression at each wanted place, keeping its ancestors on a stack of its own."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, tree: Tree, wanted: Iterable[Span]) -> None:
        super().__init__()
        self._places = {(*tree.layout.place(span.start), *tree.layout.place(span.end)): span for span in wanted}
        self._statements: dict[cst.CSTNode, int] = {node: i for i, node in enumerate(tree.module.body)}
        self._stack: list[cst.CSTNode] = []
        self._statement = -1
        self.found: dict[Span, Place] = {}

    def on_visit(self, node: cst.CSTNode) -> bool:
        self._statement = self._statements.get(node, self._statement)
        if isinstance(node, cst.BaseExpression):
            place = self.get_metadata(PositionProvider, node)
            span = self._places.get((place.start.line, place.start.column, place.end.line, place.end.column))
            if span is not None and span not in self.found:
                self.found[span] = Place(node, tuple(reversed(self._stack)), span, self._statement)
        self._stack.append(node)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        self._stack.pop()


def locate(tree: Tree, wanted: Iterable[Span]) -> Mapping[Span, Place]:
    """Each of the ``wanted`` spans (in characters) at which exactly one expression stands, slices compared."""
    locator = _Locator(tree, wanted)
    tree.wrapper.visit(locator)
    text = tree.layout.text
    found = {}
    for span, place in locator.found.items():
        bare = place.node.with_changes(lpar=(), rpar=()) if place.node.lpar else place.node  # type: ignore[attr-defined]
        # a node's code alone lacks the indentation of the block around it
        if text[span.start : span.end].split() == tree.module.code_for_node(bare).split():
            found[span] = place
    return found
