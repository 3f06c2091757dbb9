"""Rewrites of configurations in JSON (``*.tf.json``, ``*.tfvars.json``): strings are templates, and blocks are objects.

A literal becomes ``"${…}"``; a variable is replaced in the strings of its directory, when nothing there is written in HCL that uses it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Mapping as ReadOnly
from collections.abc import Sequence as Several
from itertools import takewhile
from typing import Any

from hardcode_hunter.languages import edits
from hardcode_hunter.languages.edits import Action, Add, Drop, File, Insert, Put, Unplannable
from hardcode_hunter.languages.nodes import Mapping, Node, Scalar, Sequence, Unparsable, duplicates, json_documents
from hardcode_hunter.languages.terraform.hurdles import STATIC_KEYS, hurdle
from hardcode_hunter.languages.terraform.json_syntax import LABELS, extract
from hardcode_hunter.languages.terraform.modules import Modules
from hardcode_hunter.languages.terraform.routes import Landing, Route
from hardcode_hunter.languages.terraform.sources import Reading, reading
from hardcode_hunter.languages.terraform.uses import Spot
from hardcode_hunter.languages.units import Hurdle, Unit
from hardcode_hunter.languages.writing import quoted
from hardcode_hunter.model import Access, Change, Edit, Home, LiteralType, Position, Replacement, Shape, Source, Tier
from hardcode_hunter.plugins import Rewriting

Planned = Unit[Action | Reading]
BLOCKS = frozenset(["environment", "connection", "provisioner", "backend", "lifecycle", "dynamic", "setting"])
MIXED = Hurdle(
    "json-syntax",
    "the variable is used or set in files of both syntaxes: move this value by hand, or write the module in one of them",
)


def rewrite(
    modules: Modules, sources: ReadOnly[str, Source], replacements: Several[Replacement], rewriting: Rewriting
) -> tuple[list[Planned], dict[str, list[Edit]]]:
    """The units of the replacements in files of JSON, planned or with their hurdle, and the edits of each file."""
    work = _Work(modules, sources, rewriting)
    units = work.units(replacements)
    for unit in units:
        work.plan(unit)
        unit.admit(rewriting)
    while True:
        found, broken = work.assembled([u for u in units if u.hurdle is None])
        if not broken:
            return units, found
        for unit, why in broken:
            unit.fail(why)


class _Work:
    def __init__(self, modules: Modules, sources: ReadOnly[str, Source], rewriting: Rewriting) -> None:
        self.modules = modules
        self.rewriting = rewriting
        self.files: dict[str, File] = {}
        self.sources = {p: s for p, s in sources.items() if p.endswith(".json")}
        for path, source in self.sources.items():
            self._open(path, source)

    def _open(self, path: str, source: Source) -> None:
        try:
            roots = json_documents(source.data)
        except Unparsable:
            return
        if len(roots) != 1 or not isinstance(roots[0], Mapping) or duplicates(roots):
            return
        self.files[path] = File(source.data, roots, True)
        section = roots[0].get("data")
        for kind, names in section.pairs if isinstance(section, Mapping) else ():
            for name, body in names.pairs if isinstance(names, Mapping) else ():
                if isinstance(kind, Scalar) and isinstance(name, Scalar) and isinstance(body, Mapping):
                    rows = {k.value: _expression(v) for k, v in body.pairs if isinstance(k, Scalar)}
                    self.modules.declared[_folder(path), "data", kind.value][name.value] = rows

    def units(self, replacements: Several[Replacement]) -> list[Planned]:
        """A variable's default and its values are one unit; any other literal is one of its own."""
        units: list[Planned] = []
        shared: dict[str, Planned] = {}
        for row in replacements:
            if row.position is not Position.PARAMETER_DEFAULT:
                units.append(Unit([row]))
                continue
            name = f"{self.modules.home(row.path)}#{_variable(row)}"
            if name not in shared:
                shared[name] = Unit([])
                units.append(shared[name])
            shared[name].replacements.append(row)
        return units

    def plan(self, unit: Planned) -> None:
        first = unit.replacements[0]
        known = [self.rewriting.access.get((row.secret, row.key)) for row in unit.replacements]
        access = known[0]
        if any(row.path not in self.files for row in unit.replacements):
            unit.fail(Hurdle("unparsable", "the file can't be parsed, or has a key twice: correct it first"))
        elif access is None or None in known:
            unit.fail(Hurdle("no-secret", "the plan names no secret for it"))
        elif any(a != access for a in known):
            why = "its values belong to different secrets, and one configuration can name only one of them"
            unit.fail(Hurdle("environments", why))
        elif any(self._moved(row) for row in unit.replacements):
            unit.fail(Hurdle("moved", "the literal does not stand where the plan saw it: plan again"))
        elif first.position is Position.PARAMETER_DEFAULT:
            self._plan_variable(unit, access)
        else:
            self._plan_literal(unit, first, access)

    def _moved(self, row: Replacement) -> bool:
        found = extract(self.sources[row.path], None).candidates
        return all((c.symbol, c.ordinal, c.span) != (row.symbol, row.ordinal, row.span) for c in found)

    # ------------------------------------------------------------ a literal

    def _plan_literal(self, unit: Planned, row: Replacement, access: Access) -> None:
        file = self.files[row.path]
        node, spot = next(
            ((n, s) for n, s in _scalars(file) if (n.start, n.end) == (row.span.start, row.span.end)), (None, None)
        )
        whole = row.shape is Shape.WHOLE and not row.part and row.literal is not LiteralType.TEMPLATE
        if node is None or spot is None or not whole:
            unit.fail(
                Hurdle("template", "the credential is a part of a longer text: write the expression into it by hand")
            )
        elif access.home is Home.ROLE:
            self._static_key(unit, row.path, file, node, spot)
        else:
            said = self._read(unit, row.path, [(row.path, spot)], access)
            if said is not None:
                text = "${" + said.expression + "}"
                unit.actions += [(row.path, Put(node, quoted(text, '"', True), ("str", text))), (row.path, said)]

    def _static_key(self, unit: Planned, path: str, file: File, node: Scalar, spot: Spot) -> None:
        holder, index = file.parents[id(node)]
        provider = spot.words[:2] == ("provider", "aws") and spot.attribute in STATIC_KEYS
        backend = "backend" in spot.blocks and spot.path[-1:] and spot.path[-1] in STATIC_KEYS
        if provider or backend:
            unit.actions.append((path, Drop(holder, index)))
        else:
            why = "static AWS keys are not stored anywhere: use a role and delete them by hand"
            unit.fail(Hurdle("static-key", why))

    def _read(self, unit: Planned, path: str, spots: Several[tuple[str, Spot]], access: Access) -> Reading | None:
        if access.home is Home.MANAGED:
            unit.fail(
                Hurdle("not-managed", "in JSON, write manage_master_user_password in the place of the password by hand")
            )
            return None
        for _, spot in spots:
            unit.meet(hurdle(spot))
        to = Route(tuple(Landing(p, s, self._provider(p, s), True) for p, s in spots))
        said = reading(self.modules, _folder(path), access, to)
        if isinstance(said, Hurdle):
            unit.fail(said)
            return None
        if said.variable:
            unit.fail(Hurdle("environments", "the secret has another name in each environment: write its name by hand"))
            return None
        return said

    def _provider(self, path: str, spot: Spot) -> str:
        node: Node | None = self.files[path].roots[0]
        for key in spot.words:
            node = node.get(key) if isinstance(node, Mapping) else None
        return node.text("provider") if isinstance(node, Mapping) else ""

    # ------------------------------------------------------------ a variable

    def _plan_variable(self, unit: Planned, access: Access) -> None:
        """Every use takes what reads the secret, and the variable goes with all that sets it."""
        row = unit.replacements[0]
        folder, name = self.modules.home(row.path), _variable(row)
        if "." in name or not self._alone(folder, name):
            unit.fail(MIXED)
            return
        used = [(p, n, s) for p, f in self._beside(folder) for n, s in _scalars(f) if _uses(n.value, name)]
        used = [(p, n, s) for p, n, s in used if s.words[:2] != ("variable", name)]
        moving = {(r.path, r.span.start) for r in unit.replacements}
        for path, holder, index in self._setters(folder, name):
            value = holder.pairs[index][1]
            default = value.get("default") if isinstance(value, Mapping) and ".tfvars" not in path else value
            if isinstance(default, Scalar) and default.value and (path, default.start) not in moving:
                unit.fail(Hurdle("other-value", f"{path} gives the variable a value that does not move"))
                return
            unit.actions.append((path, Drop(holder, index)))
        if access.home is Home.ROLE:
            unit.fail(
                Hurdle("static-key", "static AWS keys are not stored anywhere: use a role and delete them by hand")
            )
            return
        said = self._read(unit, row.path, [(p, s) for p, _, s in used], access) if used else None
        if said is None:
            return
        for path, node, _ in used:
            text = _replaced(node.value, name, said.expression)
            unit.actions.append((path, Put(node, quoted(text, '"', True), ("str", text))))
        unit.actions.append((min(path for path, _, _ in used), said))

    def _beside(self, folder: str) -> list[tuple[str, File]]:
        return [(p, f) for p, f in self.files.items() if _folder(p) == folder and ".tfvars" not in p]

    def _setters(self, folder: str, name: str) -> Iterator[tuple[str, Mapping, int]]:
        for path, file in self.files.items():
            root = file.roots[0]
            holder = root if ".tfvars" in path else root.get("variable") if isinstance(root, Mapping) else None
            if self.modules.home(path) == folder and isinstance(holder, Mapping):
                for index, (key, _) in enumerate(holder.pairs):
                    if isinstance(key, Scalar) and key.value == name:
                        yield path, holder, index

    def _alone(self, folder: str, name: str) -> bool:
        """Whether only files of JSON declare, set and use the variable, and no other module sets it."""
        calls = self.modules.callers(folder) or any(b"module" in s.data for p, s in self.sources.items())
        hcl = self.modules.variable(folder, name) or self.modules.uses(folder, "var", name)
        return not (calls or hcl or self.modules.settings(folder, name))

    # ------------------------------------------------------------ files

    def assembled(self, units: Several[Planned]) -> tuple[dict[str, list[Edit]], list[tuple[Planned, Hurdle]]]:
        rows: dict[str, list[tuple[Action, Tier, str]]] = defaultdict(list)
        owners: dict[str, Planned] = {}
        said: dict[str, list[Reading]] = defaultdict(list)
        for unit in units:
            for path, action in unit.actions:
                owners[path] = unit
                if isinstance(action, Reading):
                    said[path] += [action] if action not in said[path] and not action.exists else []
                else:
                    rows[path].append((action, unit.tier, unit.replacements[0].finding))
        found: dict[str, list[Edit]] = {}
        for path, actions in rows.items():
            more = [(a, Tier.SAFE, "") for a in _declared(self.files[path].roots[0], said[path])]
            try:
                made, roots = edits.assemble(self.files[path], [*actions, *more])
                after = Change(path, "", tuple(made)).result(self.sources[path].data)
                proven = [edits.plain(root) for root in json_documents(after)] == roots
            except (Unplannable, Unparsable, ValueError):
                proven = False
            if not proven:
                return {}, [
                    (owners[path], Hurdle("layout", "the text can't be edited in place: move this value by hand"))
                ]
            found[path] = made
        return found, []


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _variable(row: Replacement) -> str:
    parts = row.symbol.split(".")
    return parts[1] if parts[0] == "variable" and len(parts) == 3 else row.symbol


def _expression(node: Node) -> str:
    return json.dumps(node.value) if isinstance(node, Scalar) else ""


def _scalars(file: File) -> Iterator[tuple[Scalar, Spot]]:
    todo: list[tuple[Node, tuple[str, ...]]] = [(root, ()) for root in file.roots]
    while todo:
        node, keys = todo.pop()
        if isinstance(node, Scalar):
            labels = 1 + LABELS.get(keys[0], 0) if keys else 0
            path = keys[labels:]
            blocks = tuple(takewhile(BLOCKS.__contains__, path[:-1]))
            yield node, Spot(keys[:labels], path, None, blocks, "template" if "${" in node.value else "")
        elif isinstance(node, Mapping):
            todo += [(value, (*keys, key.value)) for key, value in node.pairs if isinstance(key, Scalar)]
        elif isinstance(node, Sequence):
            todo += [(item, keys) for item in node.items]


_HOLE = re.compile(r"(?<!\$)\$\{[^{}]*\}")


def _uses(text: str, name: str) -> bool:
    return any(re.search(rf"\bvar\.{re.escape(name)}(?![\w-])", hole) for hole in _HOLE.findall(text))


def _replaced(text: str, name: str, expression: str) -> str:
    pattern = re.compile(rf"\bvar\.{re.escape(name)}(?![\w-])")
    return _HOLE.sub(lambda hole: pattern.sub(lambda _: expression, hole.group()), text)


def _declared(root: Node, said: Several[Reading]) -> list[Action]:
    """The blocks that the expressions read, as pairs of the file's objects."""
    groups: dict[tuple[str, str], list[tuple[Any, Any]]] = defaultdict(list)
    for each in said:
        block, kind, name = each.address
        rows = [(("str", k), ("str", _value(v))) for k, v in each.arguments.items()]
        groups[block, kind].append((("str", name), ("map", rows)))
    actions: list[Action] = []
    for (block, kind), entries in groups.items():
        section = root.get(block) if isinstance(root, Mapping) else None
        names = section.get(kind) if isinstance(section, Mapping) else None
        if isinstance(names, Mapping) and names.pairs:
            actions += [Insert(names, len(names.pairs) - 1, key[1], body) for key, body in entries]
        elif isinstance(section, Mapping) and section.pairs:
            actions.append(Insert(section, len(section.pairs) - 1, kind, ("map", entries)))
        else:
            actions.append(Add(block, kind, ("map", entries)))
    return actions


def _value(expression: str) -> str:
    """An argument as JSON says it: a plain text, an alias of a provider, or a template."""
    if expression.startswith('"'):
        return str(json.loads(expression))
    return expression if re.fullmatch(r"aws\.\w+", expression) else "${" + expression + "}"
