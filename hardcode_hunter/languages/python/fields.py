"""Credentials that are defaults of a class's fields: a factory fetches them when an object is made.

Which kind of class it is, is told by its decorators and bases, resolved through the file's imports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import libcst as cst

from hardcode_hunter.languages.python.guards import decorator
from hardcode_hunter.languages.python.imports import dotted
from hardcode_hunter.languages.python.operations import Import, NodeChange, Operation, Splice, Touch
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.tree import Place
from hardcode_hunter.languages.python.workbench import Workbench
from hardcode_hunter.model import Evaluated, Replacement, Tier

InPlace = Callable[[Workbench, Place, Sequence[Replacement]], Operation]


@dataclass(frozen=True, slots=True)
class _Factory:
    """``module.name(keyword=lambda: …)`` makes a field whose default is fetched for each object."""

    module: str
    name: str
    keyword: str


_DATACLASS = _Factory("dataclasses", "field", "default_factory")
_PYDANTIC = _Factory("pydantic", "Field", "default_factory")
_DECORATORS: Mapping[str, _Factory] = {
    "dataclasses.dataclass": _DATACLASS,
    "pydantic.dataclasses.dataclass": _DATACLASS,
    "attr.define": _Factory("attr", "field", "factory"),
    "attr.frozen": _Factory("attr", "field", "factory"),
    "attr.mutable": _Factory("attr", "field", "factory"),
    "attr.dataclass": _Factory("attr", "ib", "factory"),
    "attr.s": _Factory("attr", "ib", "factory"),
    "attr.attrs": _Factory("attr", "ib", "factory"),
    "attrs.define": _Factory("attrs", "field", "factory"),
    "attrs.frozen": _Factory("attrs", "field", "factory"),
    "attrs.mutable": _Factory("attrs", "field", "factory"),
}
_BASES: Mapping[str, _Factory] = {
    "pydantic.BaseModel": _PYDANTIC,
    "pydantic.BaseSettings": _PYDANTIC,
    "pydantic_settings.BaseSettings": _PYDANTIC,
    "sqlmodel.SQLModel": _Factory("sqlmodel", "Field", "default_factory"),
}
_CALLS: Mapping[str, str] = {
    "dataclasses.field": "default_factory",
    "pydantic.Field": "default_factory",
    "sqlmodel.Field": "default_factory",
    "attr.field": "factory",
    "attr.ib": "factory",
    "attr.attrib": "factory",
    "attrs.field": "factory",
}
"""Calls whose ``default`` (or first argument, where it is one) gives way to a factory under this keyword."""
_FIRST_IS_DEFAULT = frozenset({"pydantic.Field", "sqlmodel.Field", "attr.ib", "attr.attrib"})
_REFUSED: Mapping[str, str] = {
    "enum.Enum": "enum-member", "enum.StrEnum": "enum-member", "enum.IntEnum": "enum-member", "enum.Flag": "enum-member", "enum.IntFlag": "enum-member",
    "typing.NamedTuple": "namedtuple-field", "typing_extensions.NamedTuple": "namedtuple-field",
    "typing.TypedDict": "typed-dict-field", "typing_extensions.TypedDict": "typed-dict-field",
}  # fmt: skip
_LAZY_DEFAULT = frozenset({"click.option", "click.argument", "click.Option"})
"""Calls that accept a function as ``default`` and call it when the value is needed (click documentation, "Dynamic Defaults")."""
_ORM = (
    "django.db.models.",
    "sqlalchemy.Column",
    "sqlalchemy.orm.mapped_column",
    "peewee.",
    "mongoengine.",
    "tortoise.fields.",
)


def plan(bench: Workbench, place: Place, rows: Sequence[Replacement], in_place: InPlace) -> Operation | None:
    """The operation when the literal is a field's default, else ``None``. Raises :class:`Unchanged`."""
    if isinstance(place.parent, cst.Arg) and isinstance(place.ancestors[1], cst.Call):
        return _in_call(bench, place, place.ancestors[1], rows, in_place)
    owner = _class_of(place)
    if owner is None:
        return None
    factory = _factory(bench, owner, annotated=isinstance(place.parent, cst.AnnAssign))
    if factory is None:
        return None
    _unused(bench, owner, place)
    name, needed = bench.names.bind(factory.module, factory.name, place.span.start, False)
    return _made(bench, place, rows, in_place, f"{name}({factory.keyword}=lambda: ", ")", [needed] if needed else [])


def _class_of(place: Place) -> cst.ClassDef | None:
    """The class in whose body the literal is assigned to a name."""
    if not isinstance(place.parent, (cst.Assign, cst.AnnAssign)) or len(place.ancestors) < 4:
        return None
    owner = place.ancestors[3]
    return owner if isinstance(owner, cst.ClassDef) and isinstance(place.ancestors[2], cst.IndentedBlock) else None


def _factory(bench: Workbench, owner: cst.ClassDef, *, annotated: bool) -> _Factory | None:
    """How a field of this class gets a factory; ``None`` for a plain class attribute. Raises :class:`Unchanged`."""
    bases = [bench.names.resolve(dotted(base.value)) for base in owner.bases if base.keyword is None]
    refused = next((_REFUSED[base] for base in bases if base in _REFUSED), None)
    if refused:
        raise Unchanged(refused)
    if not annotated:
        return None
    for item in owner.decorators:
        called = item.decorator.func if isinstance(item.decorator, cst.Call) else item.decorator
        found = _DECORATORS.get(bench.names.resolve(dotted(called)))
        if found:
            return found
    return next((_BASES[base] for base in bases if base in _BASES), None)


def _unused(bench: Workbench, owner: cst.ClassDef, place: Place) -> None:
    """Raises when the file reads the attribute from the class itself, which a field with a factory no longer has."""
    parent = place.parent
    target = parent.target if isinstance(parent, cst.AnnAssign) else parent
    name = f"{owner.name.value}.{dotted(target) if isinstance(target, cst.BaseExpression) else ''}"
    finder = _Reads(name)
    bench.tree.module.visit(finder)
    if finder.node is not None:
        line = bench.tree.layout.place(bench.tree.span(finder.node).start)[0]
        raise Unchanged("class-attribute-used", place=f"line {line}")


class _Reads(cst.CSTVisitor):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.node: cst.Attribute | None = None

    def visit_Attribute(self, node: cst.Attribute) -> None:
        if dotted(node) == self._name:
            self.node = self.node or node


# ---------------------------------------------------------------- calls


def _in_call(
    bench: Workbench, place: Place, call: cst.Call, rows: Sequence[Replacement], in_place: InPlace
) -> Operation | None:
    callee = bench.callee(call)
    argument = place.parent
    assert isinstance(argument, cst.Arg)
    keyword = argument.keyword.value if argument.keyword else ""
    first = not keyword and call.args[0] is argument
    if callee in _CALLS and (keyword == "default" or (first and callee in _FIRST_IS_DEFAULT)):
        return _argument(bench, place, argument, rows, in_place, _CALLS[callee])
    if callee in _LAZY_DEFAULT and keyword == "default":
        return _made(bench, place, rows, in_place, "lambda: ", "", [])
    if keyword == "default" and callee.startswith(_ORM):
        raise Unchanged("orm-default")
    if keyword == "default" and callee.endswith(".add_argument") and decorator(place) is None:
        inner = in_place(bench, place, rows)
        return replace(
            inner,
            tier=Tier.REVIEW,
            reason="argparse evaluates the default before it parses, so that even --help reads the secret",
        )
    return None


def _argument(
    bench: Workbench, place: Place, argument: cst.Arg, rows: Sequence[Replacement], in_place: InPlace, keyword: str
) -> Operation:
    """``default="…"`` → ``default_factory=lambda: …``: the whole argument."""
    inner = _made(bench, place, rows, in_place, "lambda: ", "", [])
    text = f"{keyword}={inner.splices[0].text}"
    value = cst.parse_expression(inner.splices[0].text, config=bench.tree.module.config_for_parsing)
    tight = cst.AssignEqual(whitespace_before=cst.SimpleWhitespace(""), whitespace_after=cst.SimpleWhitespace(""))
    change: NodeChange = lambda old: old.with_changes(keyword=cst.Name(keyword), equal=tight, value=value)  # noqa: E731
    return replace(
        inner, splices=(Splice(bench.tree.span(argument), text, Touch.ARGUMENT),), changes=((argument, change),)
    )


def _made(
    bench: Workbench,
    place: Place,
    rows: Sequence[Replacement],
    in_place: InPlace,
    before: str,
    after: str,
    imports: Sequence[Import],
) -> Operation:
    """The read inside a function that runs when an object is made."""
    inner = in_place(bench, place, [replace(row, evaluated=Evaluated.CALL) for row in rows])
    text, change = bench.expression(f"{before}{inner.splices[0].text}{after}", place)
    return replace(
        inner,
        splices=(Splice(place.span, text, Touch.VALUE),),
        changes=((place.node, change),),
        imports=(*inner.imports, *imports),
    )
