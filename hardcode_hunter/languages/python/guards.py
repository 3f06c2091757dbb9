"""Places at which a literal may not give way to a call. Each is a reason, none is silent."""

from __future__ import annotations

import libcst as cst

from hardcode_hunter.languages.python.environment import NOTE
from hardcode_hunter.languages.python.imports import dotted
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.tree import Place
from hardcode_hunter.model import Position, Replacement, Shape

_GROUPING = (cst.Tuple, cst.List, cst.Set, cst.Element)


def check(place: Place, row: Replacement) -> None:
    """Raises :class:`Unchanged` where the kind of place forbids every rewrite."""
    if not literal(place.node) and row.note != NOTE:
        raise Unchanged("moved")
    if isinstance(place.parent, cst.Expr):
        raise Unchanged("not-code")
    if row.shape is Shape.EMBEDDED:
        raise Unchanged("embedded")
    if row.position is Position.COMPARISON or compared(place):
        raise Unchanged("comparison")
    if isinstance(place.node, cst.TemplatedString) or any(
        isinstance(a, cst.TemplatedStringExpression) for a in place.ancestors
    ):
        raise Unchanged("template-string")
    if isinstance(place.parent, cst.ConcatenatedString):
        raise Unchanged("implicit-concatenation")
    for ancestor in place.ancestors:
        if isinstance(ancestor, cst.MatchPattern):
            raise Unchanged("pattern")
        if isinstance(ancestor, cst.Annotation) or (
            isinstance(ancestor, cst.Subscript) and dotted(ancestor.value).endswith("Literal")
        ):
            raise Unchanged("annotation")
        if isinstance(ancestor, (cst.BaseSmallStatement, cst.BaseSuite)):
            break
    if any(isinstance(a, cst.FormattedStringExpression) for a in place.ancestors) and row.shape is not Shape.WHOLE:
        raise Unchanged("nested-fstring")


def literal(node: cst.BaseExpression) -> bool:
    """Whether the expression is what the language calls a literal: a string, a number, ``chr(65)``, or a sum of such."""
    if isinstance(node, cst.BinaryOperation):
        return isinstance(node.operator, cst.Add) and literal(node.left) and literal(node.right)
    if isinstance(node, cst.Call):
        return dotted(node.func) == "chr"
    return isinstance(node, (cst.BaseString, cst.Integer))


def compared(place: Place) -> bool:
    """Whether the literal is one side of a comparison, alone or in a list (``x in ("a", "b")``)."""
    for ancestor in place.ancestors:
        if isinstance(ancestor, (cst.Comparison, cst.ComparisonTarget)):
            return True
        if not isinstance(ancestor, _GROUPING):
            return False
    return False


def decorator(place: Place) -> cst.Decorator | None:
    """The decorator in whose arguments the literal stands."""
    for ancestor in place.ancestors:
        if isinstance(ancestor, cst.Decorator):
            return ancestor
        if isinstance(ancestor, (cst.BaseSmallStatement, cst.BaseSuite, cst.Lambda)):
            return None
    return None
