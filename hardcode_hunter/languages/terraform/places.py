"""What happens at one place: a literal, or a use of a variable, becomes an expression that reads the secret."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from hardcode_hunter import shapes
from hardcode_hunter.languages.terraform import containers, grants, lambdas, syntax
from hardcode_hunter.languages.terraform.actions import Append, Planned, Put
from hardcode_hunter.languages.terraform.hurdles import hurdle
from hardcode_hunter.languages.terraform.leaving import leave
from hardcode_hunter.languages.terraform.modules import Modules
from hardcode_hunter.languages.terraform.routes import Route, joined, route
from hardcode_hunter.languages.terraform.sources import Reading, arn, reading, several_providers, value_from
from hardcode_hunter.languages.terraform.uses import Spot, Use
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.model import Access, Candidate, Home, LiteralType, Replacement, Shape, Span, Tier

_UNQUOTED = Hurdle(
    "unquoted",
    "the value is put into the text as it is: a rotated password with a blank, quote, @ or semicolon breaks it",
    Tier.REVIEW,
)
_OPEN = re.compile(rb"://[^\s/@\"]*:\$\{[ \t]*\Z")
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")
"""What a URL spells as it is (RFC 3986, unreserved characters)."""


def _quoted(expression: str) -> str:
    """``urlencode`` writes a blank as ``+``, which a URL's userinfo keeps."""
    return f'replace(urlencode({expression}), "+", "%20")'


def literal(
    modules: Modules,
    unit: Planned,
    candidate: Candidate,
    row: Replacement,
    access: Access,
    unread: str | None = None,
) -> None:
    """The literal of ``candidate`` becomes the data source's value; a static key goes. ``unread`` says why a function's code can't read the
    secret itself; empty when it will."""
    path, data = candidate.path, modules.data(candidate.path)
    found = modules.spot_at(path, candidate.span.start, candidate.span.end)
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
    whole = row.shape is Shape.WHOLE and not row.part and access.home is not Home.MANAGED
    if whole and unread == "" and lambdas.is_variable(spot):
        _function(modules, unit, path, spot, candidate.span, access)
        return
    if whole and _build(modules, unit, path, spot, candidate.span, access):
        return
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
    said = _read(modules, unit, syntax.directory(path), access, to, unread)
    if said is None:
        return
    if row.shape is not Shape.WHOLE or candidate.literal is LiteralType.TEMPLATE:
        _part(unit, path, data, candidate, row, said)
    else:
        unit.actions.append((path, Put(candidate.span.start, candidate.span.end, said.expression)))
    _declare(unit, path, said)


def _function(modules: Modules, unit: Planned, path: str, spot: Spot, span: Span, access: Access) -> None:
    """A function's variable, whose code reads the secret itself."""
    said = lambdas.pass_arn(modules, unit, path, spot, (span.start, span.end), access, route(modules, path, spot))
    if said is not None:
        _declare(unit, path, said)


def _read(
    modules: Modules, unit: Planned, folder: str, access: Access, to: Route, unread: str | None = None
) -> Reading | None:
    """How the value is read for all that it reaches; what stands in the way is met."""
    for found in (*to.hurdles, several_providers(to)):
        told = found is not None and found.code == "needs-code" and bool(unread)
        unit.meet(replace(found, why=f"{found.why} ({unread})") if told and found else found)
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
        expression = _quoted(expression)
    elif row.shape is not Shape.BEARER:
        unit.meet(_UNQUOTED)
    start = candidate.span.start + 1 + len(raw[: part.start].encode())
    unit.actions.append((path, Put(start, start + len(raw[part.start : part.end].encode()), f"${{{expression}}}")))


def replace_uses(
    modules: Modules,
    unit: Planned,
    folder: str,
    used: Sequence[Use],
    access: Access,
    values: Sequence[str],
    unread: str | None = None,
) -> None:
    """Each use of a variable becomes the expression. ``values`` are those that it was given: the password of a URL is quoted when none of
    them says anything else then."""
    handed = [u for u in used if unread == "" and lambdas.is_variable(u.spot)]
    for u in handed:
        _function(modules, unit, u.path, u.spot, Span(u.start, u.end), access)
    left = [
        u
        for u in used
        if u not in handed
        and not _build(modules, unit, u.path, u.spot, Span(u.start, u.end), access)
        and not (
            containers.is_variable(u.spot) and _container(modules, unit, u.path, u.spot, Span(u.start, u.end), access)
        )
    ]
    to = joined(route(modules, u.path, u.spot) for u in left)
    said = _read(modules, unit, folder, access, to, unread) if left else None
    if said is None:
        return
    for use in left:
        before, after = modules.data(use.path)[: use.start], modules.data(use.path)[use.end : use.end + 2]
        if use.spot.text and _OPEN.search(before[-400:]) and after == b"}@" and said.expression:
            plain = all(_PLAIN.fullmatch(value) for value in values)
            unit.meet(None if plain else _UNQUOTED)
            expression = _quoted(said.expression) if plain else said.expression
            unit.actions.append((use.path, Put(use.start, use.end, expression)))
        else:
            unit.actions.append((use.path, Put(use.start, use.end, said.expression)))
    _declare(unit, min(u.path for u in left), said)


def _build(modules: Modules, unit: Planned, path: str, spot: Spot, span: Span, access: Access) -> bool:
    """Whether the place is a build's variable, which is dealt with here: the service fetches the secret itself."""
    if not containers.is_build_variable(spot) or access.home is not Home.SECRETS_MANAGER:
        return False
    found = containers.build(modules, path, span, access)
    if found is None:
        return False
    unit.meet(containers.BUILD)
    unit.actions += [(path, action) for action in found]
    _granted(modules, unit, path, spot, "service_role", access)
    return True


def _granted(modules: Modules, unit: Planned, path: str, spot: Spot, argument: str, access: Access) -> None:
    """The right of the role that fetches the secret, when the configuration has the role."""
    said = arn(modules, syntax.directory(path), access, route(modules, path, spot))
    if not isinstance(said, Hurdle) and grants.add(modules, unit, path, spot, argument, access, said.expression):
        _declare(unit, path, said)


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
        if access.home is Home.SECRETS_MANAGER:
            _granted(modules, unit, path, spot, "execution_role_arn", access)
    return True
