"""Functions of a configuration: where their code lies, what their environment holds, and how a variable gives way to a secret's ARN.

The variable becomes ``SECRET_ID_…``, under which the generated modules look up a secret's name or ARN; the function's role gets the right
to read just this secret, and to decrypt it through the service.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from tree_sitter import Node

from hardcode_hunter.languages.terraform import grants, syntax
from hardcode_hunter.languages.terraform.actions import Drop, Planned, Put
from hardcode_hunter.languages.terraform.modules import Modules
from hardcode_hunter.languages.terraform.routes import Route
from hardcode_hunter.languages.terraform.sources import Reading, arn
from hardcode_hunter.languages.terraform.uses import Spot
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.model import Access, Home, LiteralType, Position, Replacement, Shape, Source, Tier
from hardcode_hunter.plugins import Function, Handed

FUNCTION = "aws_lambda_function"
NO_GRANT = Hurdle(
    "no-grant",
    "the function's role is not in this configuration, so that the right to read the secret can't be added here: the generated policy gives it, when the role is named there",
    Tier.REVIEW,
)
_SYMBOL = re.compile(r"(resource\.aws_lambda_function\.[^.]+)\.environment\.variables\.([^.]+)")
_ARCHIVE = re.compile(r"data\.archive_file\.([\w-]+)(?:\[[^\]]*\])?\.output_path")
_HERE = re.compile(r"\A\$\{path\.(?:module|root)\}/")


def functions(
    sources: Mapping[str, Source], replacements: Sequence[Replacement]
) -> tuple[list[Function], list[Handed]]:
    """All functions of the tree, and which replacements reach a variable of one."""
    modules = Modules(sources)
    known = [f for folder in sorted(modules.folders) for f in _functions(modules, folder)]
    handed = []
    for row in replacements:
        for path, symbol, name in _reached(modules, row):
            handed += [Handed(row.finding, f, name) for f in known if (f.path, f.symbol) == (path, symbol)]
    return known, handed


def _functions(modules: Modules, folder: str) -> Iterator[Function]:
    for path, words, block in modules.blocks(folder, "resource"):
        if words[1:2] != (FUNCTION,) or len(words) < 3:
            continue
        data, body = modules.data(path), syntax.body_of(block)
        names = [
            name
            for inner in syntax.blocks(body)
            if syntax.labels(inner, data)[:1] == ("environment",)
            for key, value in syntax.attributes(syntax.body_of(inner))
            if syntax.text(key, data) == "variables"
            for name in _keys(value, data)
        ]
        yield Function(
            path=path,
            symbol=".".join(words),
            runtime=syntax.attribute_text(body, "runtime", data),
            handler=syntax.attribute_text(body, "handler", data),
            folder=_folder(modules, folder, body, data),
            variables=frozenset(names),
        )


def _keys(value: Node, data: bytes) -> list[str]:
    collection = syntax.unwrapped(value)
    elements = [c for c in collection.named_children if c.type == "object_elem"] if collection.type == "object" else []
    return [_name(e.named_children[0], data) for e in elements if e.named_children]


def _name(key: Node, data: bytes) -> str:
    literal = syntax.literal_string(key)
    return syntax.string_value(literal, data) if literal is not None else syntax.text(key, data).strip()


def _folder(modules: Modules, folder: str, body: Node | None, data: bytes) -> str | None:
    """The folder that the function's archive is made of, when the configuration makes it."""
    rows = {syntax.text(k, data): syntax.text(e, data) for k, e in syntax.attributes(body)}
    match = _ARCHIVE.search(rows.get("filename", ""))
    for path, words, block in modules.blocks(folder, "data") if match else ():
        if match and words[1:] == ("archive_file", match.group(1)):
            own, text = syntax.body_of(block), modules.data(path)
            made = {syntax.text(k, text): syntax.text(e, text).strip('"') for k, e in syntax.attributes(own)}
            where = made.get("source_dir") or posixpath.dirname(made.get("source_file", ""))
            where = _HERE.sub("", where)
            known = "source_dir" in made or "source_file" in made
            return posixpath.normpath(posixpath.join(folder, where)) if known and "${" not in where else None
    return None


def _reached(modules: Modules, row: Replacement) -> Iterator[tuple[str, str, str]]:
    """Path, function and name of each variable whose whole value the replacement is."""
    match = _SYMBOL.fullmatch(row.symbol)
    if match and row.shape is Shape.WHOLE and not row.part and row.literal is not LiteralType.TEMPLATE:
        yield row.path, match.group(1), match.group(2)
    if row.position is Position.PARAMETER_DEFAULT and row.path in modules.sources:
        name = row.symbol.split(".")[1] if row.symbol.startswith("variable.") else row.symbol
        for use in modules.uses(modules.home(row.path), "var", name):
            if is_variable(use.spot) and element(modules, use.path, use.start, use.end) is not None:
                yield use.path, ".".join(use.spot.words), use.spot.path[-1]


def is_variable(spot: Spot) -> bool:
    """Whether ``spot`` is the value of a variable of a function's environment."""
    return spot.resource == FUNCTION and spot.path[:2] == ("environment", "variables") and len(spot.path) == 3


def element(modules: Modules, path: str, start: int, end: int) -> Node | None:
    """The pair whose whole value the bytes are."""
    node: Node | None = modules.root(path)
    found: Node | None = None
    while node is not None:
        found = node if node.type == "object_elem" else found
        node = next((c for c in node.children if c.start_byte <= start and end <= c.end_byte), None)
    if found is None or len(found.named_children) < 2:
        return None
    data, value = modules.data(path), found.named_children[-1]
    around = data[value.start_byte : start].strip(), data[end : value.end_byte].strip()
    return found if around in ((b"", b""), (b'"${', b'}"')) else None


def pass_arn(
    modules: Modules, unit: Planned, path: str, spot: Spot, at: tuple[int, int], access: Access, to: Route
) -> Reading | None:
    """The variable whose value stands ``at`` these bytes gives way to the secret's ARN. Answers with what has to be declared."""
    pair = element(modules, path, *at)
    if access.home is not Home.SECRETS_MANAGER or pair is None:
        unit.fail(
            Hurdle(
                "needs-code",
                "only a secret of Secrets Manager can be named by a variable: let the handler fetch the value",
            )
        )
        return None
    said = arn(modules, syntax.directory(path), access, to)
    if isinstance(said, Hurdle):
        unit.fail(said)
        return None
    name = "SECRET_ID_" + "".join(c if c.isalnum() else "_" for c in access.secret).upper()
    key, value = pair.named_children[0], pair.named_children[-1]
    others = {_name(e.named_children[0], modules.data(path)) for e in _siblings(pair) if e != pair}
    first = modules.named.setdefault((path, ".".join(spot.words), name), pair.start_byte)
    if name in others or first != pair.start_byte:
        unit.actions.append((path, Drop((pair,))))
    else:
        unit.actions += [
            (path, Put(key.start_byte, key.end_byte, name)),
            (path, Put(value.start_byte, value.end_byte, said.expression)),
        ]
    if not grants.add(modules, unit, path, spot, "role", access, said.expression):
        unit.meet(NO_GRANT)
    return said


def _siblings(pair: Node) -> list[Node]:
    return [c for c in pair.parent.named_children if c.type == "object_elem"] if pair.parent is not None else []
