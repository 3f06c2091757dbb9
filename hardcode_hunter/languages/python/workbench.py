"""What every part of the planning of a rewrite has at hand: the file, its names, and the way to each secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import libcst as cst

from hardcode_hunter.languages.python import clients, retrying
from hardcode_hunter.languages.python.bindings import Names
from hardcode_hunter.languages.python.imports import dotted
from hardcode_hunter.languages.python.operations import Import, NodeChange, Operation, Reading, Splice, Swap, Touch
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.retrying import Retry
from hardcode_hunter.languages.python.tree import Place, Tree
from hardcode_hunter.model import Access, Evaluated, Replacement, Tier
from hardcode_hunter.plugins import Rewriting

OPENERS = frozenset({"connect", "login", "authenticate", "auth", "bind", "simple_bind", "simple_bind_s"})
"""Methods that log in, whatever the object: where the receiver's class isn't known, its value isn't cached."""


@dataclass
class Workbench:
    """One file while its rewrites are planned."""

    path: str
    tree: Tree
    names: Names
    rewriting: Rewriting
    private: frozenset[str] = frozenset()  # constants that nothing else in the tree mentions
    fresh: set[tuple[int, str]] = field(default_factory=set)
    retries: list[Retry] = field(default_factory=list)  # of the operations that are planned
    quoted: set[cst.CSTNode] = field(default_factory=set)  # uses that they quote in the text that the value goes into
    pending: list[Retry] = field(default_factory=list)  # of the operation that is being planned
    quoting: set[cst.CSTNode] = field(default_factory=set)

    def access(self, row: Replacement) -> Access:
        found = self.rewriting.access.get((row.secret, row.key))
        if found is None:
            raise Unchanged("no-access")
        return found

    def reader(self, place: Place, function: str = "") -> tuple[str, tuple[Import, ...]]:
        """The name of the function that reads a field, as code at ``place`` calls it, and the import it needs."""
        retriever = self.rewriting.retriever
        if retriever.definition is not None:
            if ("", retriever.function) not in self.names.chosen:
                self.names.chosen["", retriever.function] = self.names.free(retriever.function)
            return self.names.chosen["", retriever.function], self._definition_imports(place)
        module = self.rewriting.helper_modules.get(self.path)
        if module is None:
            raise Unchanged("no-helper-module")
        name, needed = self.names.bind(module, function or retriever.function, place.span.start, place.in_function)
        return name, () if needed is None else (needed,)

    def _definition_imports(self, place: Place) -> tuple[Import, ...]:
        """What the retriever's definition uses (``module``, or ``module:name``), each under its own name."""
        needed = []
        for item in self.rewriting.retriever.definition_imports:
            module, _, name = item.partition(":")
            local, missing = self.names.bind(module, name, place.span.start, place.in_function)
            own = name or module
            if local != own and own in self.names.used:
                raise Unchanged("name-taken", name=own)
            if local != own or missing:
                needed.append(Import(module, name, name))
        return tuple(needed)

    def reading(self, row: Replacement, place: Place) -> tuple[Reading, tuple[Import, ...]]:
        """The read of the row's field. A call that logs in is repeated after a refusal; where it can't be, the read is fresh, and the
        others of the same call come from the same fetch."""
        access = self.access(row)
        retriever = self.rewriting.retriever
        container = next((a for a in place.ancestors if isinstance(a, (cst.Call, cst.Dict))), place.node)
        mark = (id(container), access.secret)
        logs_in = self._opens_here(row, place) or (row.evaluated is Evaluated.CALL and self.logs_in(row, place))
        rotates = row.evaluated is Evaluated.CALL and access.rotates
        wanted = (logs_in or rotates) and mark not in self.fresh
        if wanted and self._retried(row, place, access):
            name, needed = self.reader(place)
            return Reading(retriever.expression(access, name), row.secret, row.key), needed
        awaited = bool(retriever.function_async) and place.in_coroutine and self._outside_of_retries(place)
        name, needed = self.reader(place, retriever.function_async if awaited else "")
        read = retriever.expression
        if wanted and retriever.fresh is not None:
            self.fresh.add(mark)
            read = retriever.fresh
        return Reading(f"{'await ' if awaited else ''}{read(access, name)}", row.secret, row.key), needed

    def _outside_of_retries(self, place: Place) -> bool:
        """Whether the read stands in no call that is wrapped, whose lambda may not await."""
        return not any(retry.call in place.ancestors for retry in (*self.retries, *self.pending))

    def _retried(self, row: Replacement, place: Place, access: Access) -> bool:
        """Whether the call that uses the value is wrapped, by this read or by another one of the same secret."""
        module = self.rewriting.helper_modules.get(self.path, "")
        found = retrying.plan(self.rewriting.retriever, module, self.names, self.tree, place, row, access.secret)
        if found is None:
            return False
        others = [retry for retry in (*self.retries, *self.pending) if retry.call is found.call]
        if not others:
            self.pending.append(found)
        return all(retry.secret == access.secret for retry in others)

    def wrapped(self, operation: Operation) -> Operation:
        """The operation with the calls wrapped for which its reads asked."""
        return replace(
            operation,
            splices=(*operation.splices, *(splice for retry in self.pending for splice in retry.splices)),
            around=tuple((retry.call, retry.change) for retry in self.pending),
            imports=(*operation.imports, *(item for retry in self.pending for item in retry.imports)),
        )

    def begin(self) -> None:
        """Before an operation is planned, or planned in another way."""
        self.pending.clear()
        self.quoting.clear()

    def accept(self) -> None:
        """The operation that was planned last is made: the next ones find its calls wrapped and its uses quoted."""
        self.retries += self.pending
        self.quoted |= self.quoting
        self.begin()

    def logs_in(self, row: Replacement, place: Place) -> bool:
        """Whether the value goes into a call that opens a connection or a session, straight or by way of names."""
        if any(client.opens for client in map(clients.of, row.reaches) if client):
            return True
        return self._opens_here(row, place)

    def _opens_here(self, row: Replacement, place: Place) -> bool:
        """Whether the literal is an argument of a call that opens a connection or a session."""
        call = next((a for a in place.ancestors if isinstance(a, cst.Call)), None)
        callees = {row.callee, self.callee(call)} - {""} if call else set()
        return any(self._opens(callee) for callee in callees)

    @staticmethod
    def _opens(callee: str) -> bool:
        client = clients.of(callee)
        return client.opens if client else callee.rpartition(".")[2] in OPENERS

    def callee(self, call: cst.Call) -> str:
        """The dotted name of what is called, through the file's imports; empty when it is computed."""
        name = dotted(call.func)
        return self.names.resolve(name) if name else ""

    # ---------------------------------------------------------------- building operations

    def expression(self, code: str, place: Place, *, is_sum: bool = False, parse: str = "") -> tuple[str, NodeChange]:
        """``code`` as it must stand at ``place``, in parentheses where its neighbours need them, and the change of the node.

        ``parse`` is the same code without the indentation of its block, when it has several lines.
        """
        parse = parse or code
        is_sum = is_sum or code.startswith("await ")
        text = self.tree.layout.text
        glued = _word(text[place.span.start - 1 : place.span.start]) or _word(text[place.span.end : place.span.end + 1])
        if glued or (is_sum and not place.node.lpar and not isinstance(place.parent, SLOTS)):
            code, parse = f"({code})", f"({parse})"
        wrap = "\n" in parse or "\r" in parse
        node = cst.parse_expression(f"({parse})" if wrap else parse, config=self.tree.module.config_for_parsing)
        if wrap:
            node = node.with_changes(lpar=node.lpar[1:], rpar=node.rpar[:-1])

        def change(old: cst.BaseExpression) -> cst.BaseExpression:
            lpar = (*old.lpar, *node.lpar)
            rpar = (*node.rpar, *old.rpar)
            changed: cst.BaseExpression = node.with_changes(lpar=lpar, rpar=rpar)
            return changed

        return code, change

    def swap_expression(
        self,
        rows: Sequence[Replacement],
        place: Place,
        code: str,
        swap: Swap,
        needed: Sequence[Import],
        *,
        is_sum: bool = False,
        parse: str = "",
        tier: Tier = Tier.SAFE,
        reason: str = "",
    ) -> Operation:
        """The operation that puts ``code`` in the place of the expression at ``place``."""
        text, change = self.expression(code, place, is_sum=is_sum, parse=parse)
        return Operation(
            findings=tuple(row.finding for row in rows),
            splices=(Splice(place.span, text, Touch.VALUE),),
            changes=((place.node, change),),
            statement=place.statement,
            swaps=(swap,),
            imports=tuple(needed),
            tier=tier,
            reason=reason,
        )


SLOTS = (
    cst.Arg,
    cst.Assign,
    cst.AnnAssign,
    cst.AugAssign,
    cst.DictElement,
    cst.Element,
    cst.Return,
    cst.Expr,
    cst.Param,
    cst.NamedExpr,
)
"""Parents that take any expression without parentheses."""


def _word(character: str) -> bool:
    return character.isalnum() or character == "_"
