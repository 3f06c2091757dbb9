"""The proofs of a rewritten file. They know nothing of LibCST: bytes, Python's own compiler, syntax tree and tokenizer decide.

A proof that fails raises :class:`Unchanged` with its name; no message holds anything of the file.
"""

from __future__ import annotations

import ast
import io
import tokenize
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from hardcode_hunter.languages.python.layout import Layout, Undecodable
from hardcode_hunter.languages.python.operations import Splice, Touch
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.tree import parsed
from hardcode_hunter.model import Span


class _Spans(tuple[Span, ...]):
    """Spans in ascending order, asked by bisection: every node of a tree is held against all of them."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._starts = [span.start for span in self]
        self._reach = list(accumulate((span.end for span in self), max))  # the furthest end so far

    def touched(self, place: Span) -> bool:
        """Whether one of them overlaps ``place``."""
        before = bisect_left(self._starts, place.end)
        return bool(before) and self._reach[before - 1] > place.start

    def around(self, place: Span) -> Span | None:
        """The first in which all of ``place`` stands."""
        at = bisect_left(self._reach, place.end)
        return self[at] if at < len(self) and self[at].start <= place.start else None


@dataclass(frozen=True, slots=True)
class _Planned:
    """Where one side of the change may differ."""

    values: _Spans
    arguments: _Spans
    statements: _Spans
    around: _Spans


def prove(before: Layout, after: bytes, splices: Sequence[Splice]) -> None:
    """Everything about the file as a whole: it compiles, and only the planned places differ."""
    ordered = sorted(splices, key=lambda s: (s.span.start, s.span.end))
    layout, moved = _layout(after), _moved(ordered)
    if layout.text != _spliced(before.text, ordered) or (layout.encoding, layout.bom) != (before.encoding, before.bom):
        raise Unchanged("proof-bytes")
    old = parsed(before.text)
    try:
        new = parsed(layout.text)
    except Unchanged:
        raise Unchanged("proof-compiles") from None
    there, here = _planned(ordered, [s.span for s in ordered]), _planned(ordered, moved)
    if _docstrings(old, before, there) != _docstrings(new, layout, here):
        raise Unchanged("proof-syntax-tree")
    if _masked(old, before, there) != _masked(new, layout, here):
        raise Unchanged("proof-syntax-tree")
    if _comments(before.text) != _comments(layout.text):
        raise Unchanged("proof-comments")


def keeps_comments(before: Layout, splices: Sequence[Splice]) -> None:
    """Raises when a comment stands inside what one operation replaces."""
    try:
        comments = before.comments
    except (tokenize.TokenError, SyntaxError):
        raise Unchanged("proof-comments") from None
    for splice in splices:
        at = bisect_left(comments, splice.span.start)
        if at < len(comments) and comments[at] < splice.span.end:
            raise Unchanged("comment-inside")


def _layout(data: bytes) -> Layout:
    try:
        return Layout.of(data)
    except Undecodable:
        raise Unchanged("proof-bytes") from None


def _spliced(text: str, ordered: Sequence[Splice]) -> str:
    out, at = [], 0
    for splice in ordered:
        out += [text[at : splice.span.start], splice.text]
        at = splice.span.end
    return "".join([*out, text[at:]])


def _moved(ordered: Sequence[Splice]) -> list[Span]:
    """Where each splice's text stands in the result."""
    result, shift = [], 0
    for splice in ordered:
        start = splice.span.start + shift
        result.append(Span(start, start + len(splice.text)))
        shift += len(splice.text) - (splice.span.end - splice.span.start)
    return result


def _planned(ordered: Sequence[Splice], spans: Sequence[Span]) -> _Planned:
    def of(touch: Touch) -> _Spans:
        return _Spans(
            span for splice, span in zip(ordered, spans, strict=True) if splice.touch is touch and span.start < span.end
        )

    return _Planned(of(Touch.VALUE), of(Touch.ARGUMENT), of(Touch.STATEMENT), of(Touch.AROUND))


# ---------------------------------------------------------------- syntax trees


def _masked(tree: ast.Module, layout: Layout, planned: _Planned) -> str:
    """A dump of the tree in which planned values are all alike, and planned arguments and statements are left out."""
    mask = _Mask(layout, planned)
    whole = mask.visit(tree)
    if sorted(mask.hit) != sorted(planned.values) or 2 * mask.unwrapped != len(planned.around):
        raise Unchanged("proof-syntax-tree")
    return ast.dump(whole or tree)


class _Mask(ast.NodeTransformer):
    def __init__(self, layout: Layout, planned: _Planned) -> None:
        self._layout = layout
        self._planned = planned
        self._all = _Spans(sorted((*planned.values, *planned.arguments, *planned.statements, *planned.around)))
        self._starts = {span.start for span in planned.around}
        self._ends = {span.end for span in planned.around}
        self.hit: list[Span] = []
        self.unwrapped = 0

    def visit(self, node: ast.AST) -> ast.AST | None:
        if not isinstance(node, (ast.expr, ast.stmt, ast.keyword)):
            return self.generic_visit(node)
        place = _place(node, self._layout)
        if not self._all.touched(place):
            return node  # nothing planned in here
        if isinstance(node, ast.stmt) and self._planned.statements.around(place):
            return None
        if isinstance(node, (ast.expr, ast.keyword)) and self._planned.arguments.around(place):
            return None
        inner = self._unwrapped(node, place)
        if inner is not None:
            self.unwrapped += 1
            return self.visit(inner)
        value = self._planned.values.around(place) if isinstance(node, ast.expr) else None
        if value:
            self.hit.append(value)
            return ast.copy_location(ast.Constant("planned"), node)
        return self.generic_visit(node)

    def _unwrapped(self, node: ast.AST, place: Span) -> ast.expr | None:
        """``connect(…)`` where the node is a planned ``with_rotation("…", Refused, lambda: connect(…))``."""
        if not isinstance(node, ast.Call) or place.start not in self._starts or place.end not in self._ends:
            return None
        if node.keywords:
            return None
        if not isinstance(node.func, (ast.Name, ast.Attribute)) or len(node.args) != 3:
            return None
        secret, _, function = node.args
        plain = isinstance(function, ast.Lambda) and ast.dump(function.args) == _NO_PARAMETERS
        return function.body if plain and isinstance(secret, ast.Constant) else None  # type: ignore[attr-defined]


_NO_PARAMETERS = ast.dump(ast.parse("lambda: 0", mode="eval").body.args)  # type: ignore[attr-defined]


def _place(node: ast.expr | ast.stmt | ast.keyword, layout: Layout) -> Span:
    """Where a node stands, a definition with its decorators."""
    place = layout.span_of(node)
    decorators = getattr(node, "decorator_list", ())
    return Span(min([place.start, *(layout.span_of(d).start for d in decorators)]), place.end)


def _docstrings(tree: ast.Module, layout: Layout, planned: _Planned) -> list[str | None]:
    """The docstrings, but for those of inserted definitions."""
    owners = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    kept = [
        node
        for node in ast.walk(tree)
        if isinstance(node, owners) and not planned.statements.around(_place(node, layout))
    ]
    return [ast.get_docstring(node, clean=False) for node in (tree, *kept)]


# ---------------------------------------------------------------- comments


def _comments_at(text: str) -> list[tuple[int, int, str]]:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text, newline="").readline))
    except (tokenize.TokenError, SyntaxError):
        raise Unchanged("proof-comments") from None
    return [(*token.start, token.string) for token in tokens if token.type == tokenize.COMMENT]


def _comments(text: str) -> list[str]:
    return [comment.rstrip("\r\n") for _, _, comment in _comments_at(text)]
