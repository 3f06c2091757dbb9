"""Functions of a template: where their code lies, what their environment holds, and how a variable gives way to a secret's ARN.

The variable becomes ``SECRET_ID_…``, under which the generated modules look up a secret's name or ARN; the function's role gets the right
to read just this secret, and to decrypt it through the service. (AWS Lambda Developer Guide, "Use Secrets Manager secrets in Lambda
functions"; AWS SAM, property ``Policies``.)
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as ReadOnly
from typing import Any

from hardcode_hunter.languages.cloudformation import grants
from hardcode_hunter.languages.cloudformation.extract import parse
from hardcode_hunter.languages.cloudformation.hurdles import FUNCTIONS, Spot
from hardcode_hunter.languages.cloudformation.references import Reference
from hardcode_hunter.languages.cloudformation.stacks import resources
from hardcode_hunter.languages.cloudformation.uses import uses
from hardcode_hunter.languages.edits import Action, Drop, File, Grow, Put
from hardcode_hunter.languages.nodes import Alias, Mapping, Node, Scalar, Unparsable
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.languages.writing import flow, quoted
from hardcode_hunter.model import Home, LiteralType, Position, Replacement, Shape, Source, Tier
from hardcode_hunter.plugins import Function, Handed

SERVERLESS = "AWS::Serverless::Function"
VARIABLES = "Environment.Variables."
_SYMBOL = re.compile(
    r"(Resources/[^/]+)/Properties/Environment/Variables/([^/]+)|(Globals)/Function/Environment/Variables/([^/]+)"
)
NO_GRANT = Hurdle(
    "no-grant",
    "the function's role is not in this template, so that the right to read the secret can't be added here: the generated policy gives it, when the role is named there",
    Tier.REVIEW,
)


def functions(
    sources: ReadOnly[str, Source], replacements: Sequence[Replacement]
) -> tuple[list[Function], list[Handed]]:
    """All functions of the templates, and which replacements reach a variable of one."""
    roots = {path: root for path, source in sources.items() if (root := _root(source)) is not None}
    known = {path: list(_functions(path, root)) for path, root in roots.items()}
    handed: list[Handed] = []
    for row in replacements:
        for path, holder, name in _reached(roots, row):
            handed += [
                Handed(row.finding, function, name)
                for function in known.get(path, ())
                if function.symbol == holder or (holder == "Globals" and name in function.variables)
            ]
    return [function for rows in known.values() for function in rows], handed


def _root(source: Source) -> Mapping | None:
    if b"::Function" not in source.data:
        return None
    try:
        roots = parse(source.data, source.path)
    except Unparsable:
        return None
    root = roots[0] if len(roots) == 1 else None
    return root if isinstance(root, Mapping) else None


def _reached(roots: ReadOnly[str, Mapping], row: Replacement) -> Iterator[tuple[str, str, str]]:
    """Path, holder and name of each variable whose whole value the replacement is."""
    if row.path not in roots:
        return
    match = _SYMBOL.fullmatch(row.symbol)
    if match and row.shape is Shape.WHOLE and not row.part and row.literal is not LiteralType.TEMPLATE:
        yield row.path, match.group(1) or match.group(3), match.group(2) or match.group(4)
    parts = row.symbol.split("/")
    if row.position is Position.PARAMETER_DEFAULT and parts[0] == "Parameters":
        for use in uses(roots[row.path], parts[1]):
            whole = use.text is None or use.text.value.strip() == f"${{{parts[1]}}}"
            name = variable_of(use.spot)
            if name and whole and not use.blocked:
                yield row.path, f"Resources/{use.spot.logical_id}" if use.spot.logical_id else "Globals", name


def variable_of(spot: Spot) -> str:
    """The variable of a function's environment that ``spot`` is the value of, or an empty text."""
    dotted = spot.dotted.removeprefix("Function.") if spot.section == "Globals" else spot.dotted
    inside = spot.section == "Globals" or (spot.resource in FUNCTIONS and spot.attribute == "Properties")
    name = dotted.removeprefix(VARIABLES)
    return name if inside and dotted.startswith(VARIABLES) and "." not in name else ""


def _functions(path: str, root: Mapping) -> Iterator[Function]:
    shared = _mapping(root, "Globals", "Function")
    section = root.get("Resources")
    for key, body in resources(section) if isinstance(section, Mapping) else ():
        kind, own = body.text("Type"), _mapping(body, "Properties")
        if kind not in FUNCTIONS or own is None:
            continue
        levels = [own, shared] if kind == SERVERLESS and shared is not None else [own]
        code = own.get("Code")
        inline = own.get("InlineCode") is not None or (isinstance(code, Mapping) and code.get("ZipFile") is not None)
        yield Function(
            path=path,
            symbol=f"Resources/{key.value}",
            runtime=_text(levels, "Runtime"),
            handler=_text(levels, "Handler"),
            folder=_folder(path, _text(levels, "CodeUri") or own.text("Code")),
            inline=inline,
            variables=frozenset(n for level in levels for n in _keys(_mapping(level, "Environment", "Variables"))),
        )


def _mapping(node: Node | None, *keys: str) -> Mapping | None:
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else None


def _text(levels: list[Mapping], name: str) -> str:
    return next((level.text(name) for level in levels if level.get(name) is not None), "")


def _keys(mapping: Mapping | None) -> list[str]:
    return [k.value for k, _ in mapping.pairs if isinstance(k, Scalar)] if mapping is not None else []


def _folder(path: str, uri: str) -> str | None:
    if not uri or "://" in uri or "${" in uri or uri.endswith((".zip", ".jar")):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), uri))


# ---------------------------------------------------------------- the rewrite


def variable(file: File, root: Mapping, node: Node, spot: Spot, said: Reference) -> tuple[list[Action], Hurdle | None]:
    """The variable whose whole value is ``node`` gives way to the secret's ARN, and the role gets the right to read it."""
    above = (None, -1) if isinstance(node, Alias) else file.parents.get(id(node), (None, -1))
    holder, index = above
    if said.home is not Home.SECRETS_MANAGER or not isinstance(holder, Mapping):
        return [], Hurdle(
            "needs-code", "only a secret of Secrets Manager can be named by a variable: let the handler fetch the value"
        )
    name = "SECRET_ID_" + "".join(c if c.isalnum() else "_" for c in said.secret).upper()
    arn, added = said.arn(root, file.json)
    renamed = file.named.setdefault((id(holder), name), index)
    if any(isinstance(k, Scalar) and k.value == name for k, _ in holder.pairs) or renamed != index:
        actions: list[Action] = [Drop(holder, index)]
    else:
        key = holder.pairs[index][0]
        written = flow(arn, file.json)
        actions = [
            Put(key, quoted(name, "", True) if file.json else name.encode(), ("str", name)),
            Put(node, written, arn),
        ]
    granted, missing = _grants(root, spot, said, arn)
    return [*actions, *added, *granted], missing


def _grants(root: Mapping, spot: Spot, said: Reference, arn: Any) -> tuple[list[Action], Hurdle | None]:
    section = root.get("Resources")
    rows = {key.value: body for key, body in resources(section)} if isinstance(section, Mapping) else {}
    wanted = [rows[spot.logical_id]] if spot.logical_id in rows else []
    if spot.section == "Globals":
        wanted = [body for body in rows.values() if body.text("Type") == SERVERLESS]
    actions: list[Action] = []
    missing: Hurdle | None = None
    for body in wanted:
        grant = _grant(root, body, said, arn)
        if grant is None:
            missing = NO_GRANT
        elif not any(isinstance(a, Grow) and a.holder is grant.holder for a in actions):
            actions.append(grant)
    return actions, missing


def _grant(root: Mapping, body: Mapping, said: Reference, arn: Any) -> Grow | None:
    """The right of the role under which the function runs, where this template says what that role may do."""
    properties = _mapping(body, "Properties")
    shared = _mapping(root, "Globals", "Function")
    if properties is None:
        return None
    role = properties.get("Role")
    if role is None and body.text("Type") == SERVERLESS and (shared is None or shared.get("Role") is None):
        return grants.of_serverless(properties, arn)
    return grants.of_role(root, role, said.secret, arn)
