"""Keys and passwords that go without a successor: static keys are deleted, and a managed password is the service's own."""

from __future__ import annotations

from tree_sitter import Node

from hardcode_hunter.languages.terraform import syntax
from hardcode_hunter.languages.terraform.actions import Drop, Planned, Put
from hardcode_hunter.languages.terraform.hurdles import MANAGED, STATIC_KEYS
from hardcode_hunter.languages.terraform.modules import Modules
from hardcode_hunter.languages.terraform.uses import Spot
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.model import Access, Home, Span, Tier


def leave(modules: Modules, unit: Planned, path: str, spot: Spot, span: Span, access: Access) -> None:
    """The value at ``spot`` goes, as its new home wants it."""
    if access.home is Home.ROLE:
        _static_key(modules, unit, path, spot, span)
    else:
        _managed(modules, unit, path, spot)


def _static_key(modules: Modules, unit: Planned, path: str, spot: Spot, span: Span) -> None:
    """Static AWS keys are deleted, not moved: the provider, the backend and the function get a role."""
    nodes = _holding(modules.root(path), span)
    provider = spot.kind == "provider" and spot.words[1:2] == ("aws",) and spot.attribute in STATIC_KEYS
    backend = "backend" in spot.blocks and spot.attribute in STATIC_KEYS
    if not nodes or (spot.text and not _only(modules.data(path), nodes[-1], span)):
        unit.fail(
            Hurdle(
                "static-key", "static AWS keys are not stored anywhere: give the machine a role and delete them by hand"
            )
        )
    elif provider or backend:
        unit.actions.append((path, Drop((nodes[-1],))))
    elif spot.blocks[:1] == ("environment",):
        why = "the variable goes, and the code has to use the credentials of its role: see that it reads no variable and that the role has the rights"
        unit.meet(Hurdle("static-key", why, Tier.REVIEW))
        unit.actions.append((path, Drop((nodes[-1],))))
    else:
        unit.fail(Hurdle("static-key", "static AWS keys are not stored anywhere: use a role and delete them by hand"))


def _only(data: bytes, node: Node, span: Span) -> bool:
    """Whether the value is nothing but ``"${…}"``, as configurations for Terraform 0.11 write a reference."""
    value = node.children[-1]
    return data[value.start_byte : span.start].strip() == b'"${' and data[span.end : value.end_byte].strip() == b'}"'


def _holding(root: Node, span: Span) -> list[Node]:
    """The attributes and object elements around ``span``, the innermost last."""
    found: list[Node] = []
    node = root
    while True:
        inner = next((c for c in node.children if c.start_byte <= span.start and span.end <= c.end_byte), None)
        if inner is None:
            return found
        if inner.type in ("attribute", "object_elem"):
            found.append(inner)
        node = inner


def _managed(modules: Modules, unit: Planned, path: str, spot: Spot) -> None:
    """The service keeps the password: the argument is replaced by the switch for it."""
    password, switch = MANAGED.get(spot.resource, ("", ""))
    body = syntax.body_of(spot.block) if spot.block is not None else None
    parts = next((p for p in syntax.attributes(body) if syntax.text(p[0], modules.data(path)) == password), None)
    if not switch or spot.path != (password,) or parts is None:
        unit.fail(
            Hurdle("not-managed", "only the master password of a database that AWS manages can be left to the service")
        )
        return
    folder, address = path.rpartition("/")[0], spot.words[1:3]
    for reader in modules.uses(folder, *address):
        if reader.names[2:3] == (password,):
            unit.fail(
                Hurdle(
                    "password-read",
                    f"{reader.path} reads the password from the resource, which would be empty: use the managed secret there",
                )
            )
            return
    unit.meet(
        Hurdle(
            "changes-password",
            "AWS sets a new password and rotates it: every consumer must read the managed secret before",
            Tier.REVIEW,
        )
    )
    unit.actions += [
        (path, Put(parts[0].start_byte, parts[0].end_byte, switch)),
        (path, Put(parts[1].start_byte, parts[1].end_byte, "true")),
    ]
