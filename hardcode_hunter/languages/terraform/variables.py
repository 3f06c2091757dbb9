"""A variable that held a credential: every use of it takes what reads the secret, and it goes with all that sets it."""

from __future__ import annotations

from collections.abc import Sequence

from tree_sitter import Node

from hardcode_hunter.languages.terraform import places, syntax
from hardcode_hunter.languages.terraform.actions import Drop, Planned
from hardcode_hunter.languages.terraform.leaving import leave
from hardcode_hunter.languages.terraform.modules import Modules
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.model import Access, Candidate, Home, Span


def variable(
    modules: Modules, unit: Planned, candidates: Sequence[Candidate], access: Access, unread: str | None = None
) -> None:
    """Every use takes what reads the secret, and the variable goes with all that sets it."""
    candidate = candidates[0]
    folder, target = modules.home(candidate.path), candidate.defines.partition("#var.")[2]
    if "." in target:
        unit.fail(Hurdle("object", "it is a part of a variable that is an object: split the variable first"))
        return
    blocks = modules.variable(folder, target)
    if not blocks:
        why = f"no file of the directory declares the variable {target}: the value is used by nobody"
        unit.fail(Hurdle("no-variable", why))
        return
    passing = [c for c in modules.callers(folder) if target in c.inputs]
    if passing:
        _dead_default(modules, unit, blocks, len(passing) == len(modules.callers(folder)))
        return
    if not _moved(modules, unit, folder, target, blocks):
        return
    used = modules.uses(folder, "var", target)
    if access.home in (Home.ROLE, Home.MANAGED):
        for use in used:
            leave(modules, unit, use.path, use.spot, Span(use.start, use.end), access)
    elif used:
        values = [c.value.reveal() for c in candidates]
        places.replace_uses(modules, unit, folder, used, access, values, unread)
    for path, block in blocks:
        unit.actions.append((path, Drop((block,))))


def _dead_default(modules: Modules, unit: Planned, blocks: Sequence[tuple[str, Node]], always: bool) -> None:
    """A module's variable that every caller sets needs no default."""
    if not always:
        unit.fail(
            Hurdle(
                "module-callers",
                "some calls of the module set the variable and some rely on its default: set it everywhere first",
            )
        )
    for path, block in blocks:
        attribute = modules.default(path, block)
        if attribute is not None:
            unit.actions.append((path, Drop((attribute,))))


def _set_in_json(modules: Modules, folder: str, name: str) -> str:
    """A variable file in JSON that gives the variable a value, or an empty text."""
    mark = f'"{name}"'.encode()
    paths = (p for p, s in modules.everything.items() if p.endswith(".tfvars.json") and mark in s.data)
    return next((p for p in paths if modules.home(p) == folder), "")


def _moved(modules: Modules, unit: Planned, folder: str, name: str, blocks: Sequence[tuple[str, Node]]) -> bool:
    """Whether every value that the variable is given moves; the lines of variable files that set it go."""
    moving = {(r.path, r.span.start) for r in unit.replacements}
    document = _set_in_json(modules, folder, name)
    if document:
        unit.fail(
            Hurdle("json-syntax", f"{document} sets the variable, and is written in JSON: move this value by hand")
        )
        return False
    for setting in modules.settings(folder, name):
        value = setting.attribute.children[-1]
        if not any(p == setting.path and value.start_byte <= start < value.end_byte for p, start in moving):
            unit.fail(Hurdle("other-value", f"{setting.path} gives the variable a value that does not move"))
            return False
        unit.actions.append((setting.path, Drop((setting.attribute,))))
    for path, block in blocks:
        default = modules.default(path, block)
        if default is None:
            continue
        value = default.children[-1]
        written = syntax.text(value, modules.data(path))
        if written not in ('""', "null") and not any(
            p == path and value.start_byte <= start < value.end_byte for p, start in moving
        ):
            unit.fail(Hurdle("other-value", f"{path} has another default for the variable, and no plan for it"))
            return False
    return True
