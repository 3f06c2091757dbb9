"""Dynamic references for literals: at a property, or at every use of a parameter whose default the literal was."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Mapping as ReadOnly
from collections.abc import Sequence as Several

from hardcode_hunter.languages.cloudformation import is_parameter_file, parameter_files, places, uses
from hardcode_hunter.languages.cloudformation.extract import extract, parse
from hardcode_hunter.languages.cloudformation.hurdles import REFERENCE_LIMIT
from hardcode_hunter.languages.cloudformation.references import Reference, reference
from hardcode_hunter.languages.edits import Action, Drop, File, Unplannable, assemble, plain
from hardcode_hunter.languages.nodes import Mapping, Scalar, Unparsable, duplicates
from hardcode_hunter.languages.units import Hurdle, Unit, rewrites
from hardcode_hunter.model import (
    Access,
    Candidate,
    Change,
    Edit,
    Position,
    Replacement,
    Rewrite,
    Source,
)
from hardcode_hunter.plugins import Rewriting

Planned = Unit[Action]


def rewrite(
    sources: ReadOnly[str, Source], replacements: Several[Replacement], rewriting: Rewriting
) -> dict[str, Rewrite]:
    """A :class:`Rewrite` for each path that a replacement names or an edit touches."""
    tree = Tree(sources, rewriting)
    units = _units(tree, replacements)
    for unit in units:
        _plan(tree, unit)
        unit.admit(rewriting)
    while True:
        edits, broken = _assembled(tree, [u for u in units if u.hurdle is None])
        if not broken:
            break
        for unit, hurdle in broken:
            unit.fail(hurdle)
    return rewrites(sources, units, edits, replacements)


class Tree:
    """All templates and parameter files, parsed when they are needed."""

    def __init__(self, sources: ReadOnly[str, Source], rewriting: Rewriting) -> None:
        self.sources = sources
        self.rewriting = rewriting
        self._files: dict[str, File | None] = {}
        self._ends: dict[str, places.Ends] = {}
        self._candidates: dict[str, dict[tuple[str, int], Candidate]] = {}

    def file(self, path: str) -> File | None:
        """The parsed file; ``None`` when it can't be parsed or has duplicate keys."""
        if path not in self._files:
            data = self.sources[path].data
            try:
                roots = parse(data, path)
                self._files[path] = (
                    None
                    if duplicates(roots)
                    else File(data, roots, data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["))
                )
            except Unparsable:
                self._files[path] = None
        return self._files[path]

    def root(self, path: str) -> Mapping | None:
        file = self.file(path)
        root = file.roots[0] if file and len(file.roots) == 1 else None
        return root if isinstance(root, Mapping) else None

    def ends(self, path: str, root: Mapping) -> places.Ends:
        if path not in self._ends:
            self._ends[path] = places.Ends(root)
        return self._ends[path]

    def candidate(self, row: Replacement) -> Candidate | None:
        """The literal that a replacement means, when it still stands where the plan saw it."""
        if row.path not in self._candidates:
            found = extract(self.sources[row.path], None).candidates if row.path in self.sources else ()
            self._candidates[row.path] = {(c.symbol, c.ordinal): c for c in found}
        candidate = self._candidates[row.path].get((row.symbol, row.ordinal))
        return candidate if candidate and candidate.span == row.span else None

    def unread(self, row: Replacement) -> str | None:
        """Why the code of the function whose variable it is can't read the secret; ``None`` when it is no function's."""
        return self.rewriting.handlers.get(row.finding)

    def access(self, row: Replacement) -> Access | None:
        return self.rewriting.access.get((row.secret, row.key))

    def parameter_files(self, folder: str) -> Iterable[str]:
        return (
            p for p, s in self.sources.items() if parameter_files.folder_of(p) == folder and is_parameter_file(s.data)
        )

    def templates(self, folder: str, parameter: str) -> list[str]:
        """The templates of a folder that have the parameter."""
        found = []
        for path, source in self.sources.items():
            if (
                parameter_files.folder_of(path) == folder
                and not is_parameter_file(source.data)
                and parameter.encode() in source.data
            ):
                root = self.root(path)
                section = root.get("Parameters") if root else None
                if isinstance(section, Mapping) and section.get(parameter) is not None:
                    found.append(path)
        return found


def _units(tree: Tree, replacements: Several[Replacement]) -> list[Planned]:
    """A parameter's default and its values in parameter files are one unit; any other literal is one of its own."""
    units: list[Planned] = []
    shared: dict[tuple[str, ...], Planned] = {}
    for row in replacements:
        parts = row.symbol.split("/")
        if row.position is Position.PARAMETER_DEFAULT and parts[0] == "Parameters" and len(parts) >= 2:
            folder = parameter_files.folder_of(row.path)
            joined = any(parts[1] in _set_in(tree, p) for p in tree.parameter_files(folder))
            key = ("folder", folder, parts[1]) if joined else ("file", row.path, parts[1])
            unit = shared.setdefault(key, Unit([]))
            unit.replacements.append(row)
            if len(unit.replacements) == 1:
                units.append(unit)
        elif tree.unread(row) == "":
            # two variables of one function that name one secret become one
            key = (row.path, "/".join(parts[:2]), row.secret)
            unit = shared.setdefault(key, Unit([]))
            unit.replacements.append(row)
            if len(unit.replacements) == 1:
                units.append(unit)
        else:
            units.append(Unit([row]))
    return units


def _set_in(tree: Tree, path: str) -> dict[str, int]:
    """Parameter → number of its entry in a parameter file."""
    file = tree.file(path)
    rows = parameter_files.entries(file.roots[0]) if file and file.roots else []
    return {key.value: number for number, (key, _) in enumerate(rows)}


def _plan(tree: Tree, unit: Planned) -> None:
    """Fills in the unit's actions, or its hurdle."""
    first = unit.replacements[0]
    for row in unit.replacements:
        if row.path not in tree.sources or tree.candidate(row) is None:
            unit.fail(Hurdle("moved", "the literal does not stand where the plan saw it: plan again"))
            return
        if tree.file(row.path) is None:
            unit.fail(Hurdle("unparsable", "the file can't be parsed, or has a key twice: correct it first"))
            return
    known = [a for a in map(tree.access, unit.replacements) if a is not None]
    if len(known) < len(unit.replacements):
        unit.fail(Hurdle("no-secret", "the plan names no secret for it"))
        return
    alone = first.position is Position.PARAMETER_DEFAULT and first.symbol.startswith("Parameters/")
    if alone and len({(a.secret, a.key, a.form, a.home) for a in known}) > 1:
        unit.fail(
            Hurdle("environments", "its values belong to different secrets, and one template can name only one of them")
        )
        return
    said = reference(known[0])
    if isinstance(said, Hurdle):
        unit.fail(said)
    elif alone:
        _plan_parameter(tree, unit, said)
    else:
        for row, access in zip(unit.replacements, known, strict=True):
            _plan_literal(tree, unit, row, access)


def _plan_literal(tree: Tree, unit: Planned, row: Replacement, access: Access) -> None:
    candidate, said = tree.candidate(row), reference(access)
    file, root = tree.file(row.path), tree.root(row.path)
    if file is None or root is None or candidate is None:
        unit.fail(Hurdle("unparsable", "the file holds several documents: split them"))
    elif isinstance(said, Hurdle):
        unit.fail(said)
    else:
        found = tree.ends(row.path, root).at(candidate.span)
        _take(unit, row.path, places.literal(file, root, found, candidate, row, said, tree.unread(row)))


def _take(unit: Planned, path: str, result: tuple[list[Action], Hurdle | None]) -> None:
    actions, hurdle = result
    unit.actions += [(path, action) for action in actions]
    unit.meet(hurdle)


def _plan_parameter(tree: Tree, unit: Planned, said: Reference) -> None:
    """Every use takes the reference, and the parameter goes with all that sets it."""
    parameter = unit.replacements[0].symbol.split("/")[1]
    folder = parameter_files.folder_of(unit.replacements[0].path)
    setters = [p for p in tree.parameter_files(folder) if parameter in _set_in(tree, p)]
    replaced = {row.path for row in unit.replacements}
    for path in setters:
        if path not in replaced:
            unit.fail(
                Hurdle(
                    "parameter-file",
                    f"{path} gives the parameter a value that does not move: the stack could no longer be deployed with it",
                )
            )
            return
        number = _set_in(tree, path)[parameter]
        _drop_entry(tree, unit, path, number)
    templates = tree.templates(folder, parameter) if setters else [unit.replacements[0].path]
    if not templates:
        unit.fail(
            Hurdle(
                "no-template",
                "no template beside the file has this parameter: write the reference at the property that it fills, and take it out here",
            )
        )
    for path in templates:
        _remove(tree, unit, path, parameter, said, path in replaced)


def _drop_entry(tree: Tree, unit: Planned, path: str, number: int) -> None:
    file = tree.file(path)
    root = file.roots[0] if file else None
    section = root.get("Parameters") if isinstance(root, Mapping) else root
    if file is None or section is None or isinstance(section, Scalar):
        unit.fail(Hurdle("unparsable", "the parameter file can't be parsed"))
    else:
        unit.actions.append((path, Drop(section, number)))  # type: ignore[arg-type]


def _remove(tree: Tree, unit: Planned, path: str, parameter: str, said: Reference, replaced: bool) -> None:
    file, root = tree.file(path), tree.root(path)
    section = root.get("Parameters") if root else None
    if file is None or root is None or not isinstance(section, Mapping):
        unit.fail(Hurdle("unparsable", "the template can't be parsed, or has a key twice"))
        return
    index = next(i for i, (k, _) in enumerate(section.pairs) if isinstance(k, Scalar) and k.value == parameter)
    body = section.pairs[index][1]
    default = body.get("Default") if isinstance(body, Mapping) else None
    if not replaced and isinstance(default, Scalar) and default.value:
        unit.fail(Hurdle("other-value", f"{path} has another default for {parameter}, and no plan for it"))
        return
    for use in uses.uses(root, parameter):
        unread = tree.unread(unit.replacements[0])
        _take(unit, path, places.use(file, root, use, parameter, said, unread))
    unit.actions.append((path, Drop(section, index)))
    unit.actions += [(path, Drop(m.holder, m.index)) for m in uses.mentions(root, parameter)]


# ---------------------------------------------------------------- files


def _assembled(tree: Tree, units: list[Planned]) -> tuple[dict[str, list[Edit]], list[tuple[Planned, Hurdle]]]:
    """The edits of each file; or the units that spoil one, with the reason."""
    rows: dict[str, list[tuple[Planned, Action]]] = defaultdict(list)
    for unit in units:
        for path, action in unit.actions:
            rows[path].append((unit, action))
    result: dict[str, list[Edit]] = {}
    broken: list[tuple[Planned, Hurdle]] = []
    for path, actions in rows.items():
        file = tree.file(path)
        if file is None:
            continue
        try:
            edits, roots = assemble(file, [(a, u.tier, u.replacements[0].finding) for u, a in actions])
            problem = _proof(path, file, edits, roots)
        except Unplannable as error:
            problem = Hurdle("layout", f"the text can't be edited in place: {error}")
        if problem is None:
            result[path] = edits
        else:
            # no more than need be are taken out, so that the others of the file still stand
            broken += [(unit, problem) for unit in _culprits(path, file, actions, problem)]
    return result, broken


def _culprits(path: str, file: File, actions: list[tuple[Planned, Action]], problem: Hurdle) -> list[Planned]:
    """Those that spoil the file by themselves, or the last one; of too many references, those above the limit."""
    own: dict[int, tuple[Planned, list[Action]]] = {}
    for unit, action in actions:
        own.setdefault(id(unit), (unit, []))[1].append(action)
    rows = list(own.values())

    def spoiled(some: list[tuple[Planned, list[Action]]]) -> str:
        try:
            edits, roots = assemble(file, [(a, unit.tier, "") for unit, theirs in some for a in theirs])
        except Unplannable:
            return "layout"
        found = _proof(path, file, edits, roots)
        return found.code if found else ""

    if problem.code == "too-many-references":
        fit = bisect_left(range(1, len(rows)), True, key=lambda count: spoiled(rows[:count]) == problem.code)
        return [unit for unit, _ in rows[fit:]]
    return [row[0] for row in rows if spoiled([row])] or [rows[-1][0]]


def _proof(path: str, file: File, edits: list[Edit], roots: list[object]) -> Hurdle | None:
    try:
        after = Change(path, "", tuple(edits)).result(file.data)
        parsed = parse(after, path)
    except (Unparsable, ValueError):
        return Hurdle("proof-failed", "the edited text would not parse")
    if after.count(b"{{resolve:") > REFERENCE_LIMIT:
        return Hurdle("too-many-references", f"CloudFormation allows {REFERENCE_LIMIT} references in a template")
    return (
        None
        if [plain(r) for r in parsed] == roots
        else Hurdle("proof-failed", "the edited text would say something else than was planned")
    )
