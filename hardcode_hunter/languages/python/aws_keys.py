"""Static AWS keys are deleted, not moved: the default credential chain (role, profile, environment) takes over.

boto3 reads ``aws_access_key_id=None`` as "not given", so that a constant becomes ``None`` where its uses can't be deleted with it
(boto3 documentation, "Credentials", section "Configuring credentials").
"""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from hardcode_hunter.languages.python.imports import dotted
from hardcode_hunter.languages.python.operations import NodeChange, Operation, Splice, Touch
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.tree import Place
from hardcode_hunter.languages.python.workbench import Workbench
from hardcode_hunter.model import Position, Replacement, Shape, Span, Tier

KEYWORDS = frozenset({"aws_access_key_id", "aws_secret_access_key", "aws_session_token"})
CALLS = frozenset({"client", "resource", "Session", "setup_default_session", "create_client", "get_session"})
_ENVIRONMENT = frozenset({"os.getenv", "os.environ.get"})


def plan(bench: Workbench, place: Place, rows: Sequence[Replacement]) -> Operation:
    """The operation that deletes the key at ``place``. Raises :class:`Unchanged`."""
    if rows[0].shape is not Shape.WHOLE:
        raise Unchanged("aws-key")
    argument = place.parent
    call = next((a for a in place.ancestors if isinstance(a, cst.Call)), None)
    if call is not None and isinstance(argument, cst.Arg) and place.ancestors[1] is call:
        if argument.keyword is not None and argument.keyword.value in KEYWORDS and _is_session(bench, call):
            return _removed(bench, place, call, rows)
        if bench.callee(call) in _ENVIRONMENT and len(call.args) == 2 and call.args[1] is argument:
            return _without_default(bench, place, call, rows)
    if _into_environment(bench, place):
        raise Unchanged("aws-key")  # a variable of the environment can't be None
    if _only_for_sessions(bench, place):
        return _none(bench, place, rows, Tier.SAFE, "")
    if rows[0].position in (Position.ASSIGNMENT, Position.ITEM, Position.CLASS_FIELD):
        return _none(
            bench,
            place,
            rows,
            Tier.REVIEW,
            'the key becomes None, which boto3 takes as "use the role"; other uses of it must allow that',
        )
    raise Unchanged("aws-key")


def _is_session(bench: Workbench, call: cst.Call) -> bool:
    name = bench.callee(call) or (call.func.attr.value if isinstance(call.func, cst.Attribute) else "")
    return name.rpartition(".")[2] in CALLS


def _removed(bench: Workbench, place: Place, call: cst.Call, rows: Sequence[Replacement]) -> Operation:
    """The call without its static keys; the first key of a call takes the others with it."""
    doomed = [n for n, a in enumerate(call.args) if a.keyword is not None and a.keyword.value in KEYWORDS]
    if any(not _plain(bench, call.args[n].value) for n in doomed):
        raise Unchanged("aws-key-mixed")
    return Operation(
        findings=tuple(row.finding for row in rows),
        splices=tuple(removal(bench, call, doomed)),
        changes=((call, without(doomed)),),
        statement=place.statement,
        removes=True,
    )


def _into_environment(bench: Workbench, place: Place) -> bool:
    """Whether the key is set as a variable of the environment: ``os.environ["AWS_SECRET_ACCESS_KEY"] = "…"``."""
    targets = (t.target for t in getattr(place.parent, "targets", ()) if isinstance(t, cst.AssignTarget))
    return any(isinstance(t, cst.Subscript) and bench.names.resolve(dotted(t.value)) == "os.environ" for t in targets)


def _plain(bench: Workbench, value: cst.BaseExpression) -> bool:
    """A value that nothing but this call needs: a literal, a name, an attribute, an item, or a variable of the environment."""
    if isinstance(value, cst.Call):
        return bench.callee(value) in _ENVIRONMENT
    return isinstance(value, (cst.SimpleString, cst.ConcatenatedString, cst.Name, cst.Attribute, cst.Subscript))


def removal(bench: Workbench, call: cst.Call, doomed: Sequence[int]) -> list[Splice]:
    """The splices that take arguments out of a call: each goes with what separates it from the next kept one, or from the last one."""
    spans = [bench.tree.span(argument) for argument in call.args]
    kept = [n for n in range(len(spans)) if n not in doomed]
    if not kept:
        text = bench.tree.layout.text
        whole = bench.tree.span(call)
        start = text.index("(", bench.tree.span(call.func).end, spans[0].start) + 1
        return [Splice(Span(start, whole.end - 1), "", Touch.ARGUMENT)]
    result = []
    for n in doomed:
        if n < kept[-1]:
            result.append(Splice(Span(spans[n].start, spans[n + 1].start), "", Touch.ARGUMENT))
        else:
            result.append(Splice(Span(spans[n - 1].end, spans[n].end), "", Touch.ARGUMENT))
    return result


def without(doomed: Sequence[int]) -> NodeChange:
    """The same as :func:`removal`, on the node."""

    def change(call: cst.Call) -> cst.Call:
        args = list(call.args)
        last = args[-1]
        kept = [a for n, a in enumerate(args) if n not in doomed]
        if not kept:
            return call.with_changes(args=(), whitespace_before_args=cst.SimpleWhitespace(""))
        if len(args) - 1 in doomed:
            kept[-1] = kept[-1].with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
        return call.with_changes(args=kept)

    return change


def _without_default(bench: Workbench, place: Place, call: cst.Call, rows: Sequence[Replacement]) -> Operation:
    """``os.environ.get("AWS_SECRET_ACCESS_KEY", "…")`` without its default: ``None`` where the variable is not set."""
    return Operation(
        findings=tuple(row.finding for row in rows),
        splices=tuple(removal(bench, call, [1])),
        changes=((call, without([1])),),
        statement=place.statement,
        tier=Tier.SAFE if _only_for_sessions(bench, place) else Tier.REVIEW,
        reason='without the variable the key becomes None, which boto3 takes as "use the role"; other uses of it must allow that',
        removes=True,
    )


def _none(bench: Workbench, place: Place, rows: Sequence[Replacement], tier: Tier, reason: str) -> Operation:
    text, change = bench.expression("None", place)
    return Operation(
        findings=tuple(row.finding for row in rows),
        splices=(Splice(place.span, text, Touch.VALUE),),
        changes=((place.node, change),),
        statement=place.statement,
        tier=tier,
        reason=reason,
        removes=True,
    )


def _only_for_sessions(bench: Workbench, place: Place) -> bool:
    """Whether the literal is bound to a name whose every use in this file is a static-key argument of a boto3 call."""
    name = next(
        (dotted(a.targets[0].target) for a in place.ancestors if isinstance(a, cst.Assign) and len(a.targets) == 1), ""
    )
    argument = next(
        (
            a
            for a in place.ancestors
            if isinstance(a, cst.Arg) and a.keyword is not None and a.keyword.value in KEYWORDS
        ),
        None,
    )
    if argument is not None:
        return True
    if not name or "." in name:
        return False
    uses = _Uses(bench, name)
    bench.tree.module.visit(uses)
    return uses.good > 0 and uses.good == uses.all


class _Uses(cst.CSTVisitor):
    """Counts the reads of a name, and those among them that are static-key arguments."""

    def __init__(self, bench: Workbench, name: str) -> None:
        super().__init__()
        self._bench = bench
        self._name = name
        self.all = 0
        self.good = 0

    def visit_AssignTarget(self, node: cst.AssignTarget) -> bool:
        return dotted(node.target) != self._name

    def visit_Arg_keyword(self, node: cst.Arg) -> None:
        self.all -= node.keyword is not None and node.keyword.value == self._name  # its Name is visited, and no use

    def visit_Name(self, node: cst.Name) -> None:
        self.all += node.value == self._name

    def visit_Call(self, node: cst.Call) -> None:
        for argument in node.args:
            keyed = argument.keyword is not None and argument.keyword.value in KEYWORDS
            self.good += (
                keyed and dotted(argument.value).rpartition(".")[2] == self._name and _is_session(self._bench, node)
            )
