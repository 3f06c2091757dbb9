"""What happens at one place: a literal, or a use of a variable, becomes an expression that reads the secret."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hardcode_hunter import shapes
from hardcode_hunter.languages.terraform import containers, syntax
from hardcode_hunter.languages.terraform.actions import Append, Planned, Put
from hardcode_hunter.languages.terraform.hurdles import hurdle
from hardcode_hunter.languages.terraform.leaving import leave
from hardcode_hunter.languages.terraform.modules import Modules
from hardcode_hunter.languages.terraform.routes import Route, joined, route
from hardcode_hunter.languages.terraform.sources import Reading, reading, several_providers, value_from
from hardcode_hunter.languages.terraform.uses import Spot, Use, spot_at
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.model import Access, Candidate, Home, LiteralType, Replacement, Shape, Span, Tier


def literal(modules: Modules, unit: Planned, candidate: Candidate, access: Access) -> None:
    """The literal of ``candidate`` becomes the data source's value; a static key goes."""
    path, data = candidate.path, modules.data(candidate.path)
    found = spot_at(modules.root(path), data, candidate.span.start, candidate.span.end)
    if found is None:
        unit.fail(
            Hurdle("comment", "it stands in a comment: delete it")
            if candidate.note == "comment"
            else Hurdle("block", "it stands where no value does")
        )
        return
    spot = found
    if access.home is Home.ROLE:
        leave(modules, unit, path, spot, candidate.span, access)
        return
    row = unit.replacements[0]
    whole = row.shape is Shape.WHOLE and not row.part and access.home is not Home.MANAGED
    if whole and containers.is_variable(spot) and _container(modules, unit, path, spot, candidate.span, access):
        return
    if candidate.literal is LiteralType.TEXT or spot.text == "heredoc" or "embedded" in candidate.note:
        code = hurdle(spot)
        known = (
            code
            if code
            and code.code in ("user-data", "secret-in-configuration", "container-environment", "provisioner", "not-aws")
            else None
        )
        unit.fail(
            Hurdle(known.code, known.why)
            if known
            else Hurdle("heredoc", "the credential stands inside a script or a document: fetch it there")
        )
        return
    if access.home is Home.MANAGED:
        leave(modules, unit, path, spot, candidate.span, access)
        return
    to = route(modules, path, spot)
    said = _read(modules, unit, syntax.directory(path), access, to)
    if said is None:
        return
    if row.shape is not Shape.WHOLE or candidate.literal is LiteralType.TEMPLATE:
        _part(unit, path, data, candidate, row, said)
    else:
        unit.actions.append((path, Put(candidate.span.start, candidate.span.end, said.expression)))
    _declare(unit, path, said)


def _read(modules: Modules, unit: Planned, folder: str, access: Access, to: Route) -> Reading | None:
    """How the value is read for all that it reaches; what stands in the way is met."""
    for found in (*to.hurdles, several_providers(to)):
        unit.meet(found)
    said = reading(modules, folder, access, to)
    if isinstance(said, Hurdle):
        unit.fail(said)
        return None
    return said


def _declare(unit: Planned, path: str, said: Reading) -> None:
    if not said.exists:
        unit.actions.append((path, Append(said.block)))
    if said.variable:
        unit.actions.append((path, Append(said.variable)))


def _part(unit: Planned, path: str, data: bytes, candidate: Candidate, row: Replacement, said: Reading) -> None:
    """The part of a URL or header in a quoted text that is written without escapes."""
    raw = data[candidate.span.start + 1 : candidate.span.end - 1].decode("utf-8", "replace")
    masked = re.sub(r"\$\{[^{}]*\}", lambda m: "x" * len(m.group()), raw)
    parts = (
        [p for p in shapes.parse(row.shape, masked) if p.role == (row.part or row.key)]
        if row.shape is not Shape.WHOLE
        else []
    )
    if (
        "\\" in raw
        or "$${" in raw
        or "%{" in raw
        or len(parts) != 1
        or masked[parts[0].start : parts[0].end] != raw[parts[0].start : parts[0].end]
    ):
        unit.fail(
            Hurdle(
                "template",
                "the credential could not be told from the text around it: write the expression into it by hand",
            )
        )
        return
    part, expression = parts[0], said.expression
    if row.shape is Shape.URL:
        expression = f'replace(urlencode({expression}), "+", "%20")'  # urlencode writes a blank as "+", which a URL's userinfo keeps
    elif row.shape is not Shape.BEARER:
        unit.meet(
            Hurdle(
                "unquoted",
                "the value is put into the text as it is: a rotated password with a blank, quote or semicolon breaks it",
                Tier.REVIEW,
            )
        )
    start = candidate.span.start + 1 + len(raw[: part.start].encode())
    unit.actions.append((path, Put(start, start + len(raw[part.start : part.end].encode()), f"${{{expression}}}")))


def replace_uses(modules: Modules, unit: Planned, folder: str, used: Sequence[Use], access: Access) -> None:
    """Each use of a variable becomes the expression."""
    left = [
        u
        for u in used
        if not (
            containers.is_variable(u.spot) and _container(modules, unit, u.path, u.spot, Span(u.start, u.end), access)
        )
    ]
    said = _read(modules, unit, folder, access, joined(route(modules, u.path, u.spot) for u in left)) if left else None
    if said is None:
        return
    unit.actions += [(use.path, Put(use.start, use.end, said.expression)) for use in left]
    _declare(unit, min(u.path for u in left), said)


def _container(modules: Modules, unit: Planned, path: str, spot: Spot, span: Span, access: Access) -> bool:
    """Whether the place is a container's variable, which is dealt with here: it becomes a secret of the container."""
    said = value_from(modules, syntax.directory(path), access, route(modules, path, spot))
    if isinstance(said, Hurdle):
        unit.fail(said)
        return True
    found = containers.secret(modules, path, spot, span, said.expression)
    if found is None:
        return False
    if isinstance(found, Hurdle):
        unit.fail(found)
    else:
        unit.meet(containers.HURDLE)
        unit.actions += [(path, action) for action in found]
        _declare(unit, path, said)
    return True
