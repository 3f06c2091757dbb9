"""Data sources for literals: at an argument, or at every use of a variable whose default or value the literal was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from hardcode_hunter.languages.terraform import json_rewrite, places, variables
from hardcode_hunter.languages.terraform.actions import Action, Append, Planned, Unplannable
from hardcode_hunter.languages.terraform.extract import extract
from hardcode_hunter.languages.terraform.modules import Modules
from hardcode_hunter.languages.terraform.splicing import edits_of
from hardcode_hunter.languages.units import Hurdle, Unit, rewrites
from hardcode_hunter.model import Access, Candidate, Edit, Position, Replacement, Rewrite, Source
from hardcode_hunter.plugins import Rewriting


def rewrite(
    sources: Mapping[str, Source], replacements: Sequence[Replacement], rewriting: Rewriting
) -> dict[str, Rewrite]:
    """A :class:`Rewrite` for each path that a replacement names or an edit touches."""
    planner = _Planner(sources, rewriting)
    rows = [row for row in replacements if row.path.endswith(".json")]
    documents, changed = json_rewrite.rewrite(planner.modules, sources, rows, rewriting) if rows else ([], {})
    units = planner.units([row for row in replacements if row not in rows])
    for unit in units:
        planner.plan(unit)
        unit.admit(planner.rewriting)
    while True:
        edits, broken = _assembled(planner.modules, [u for u in units if u.hurdle is None])
        if not broken:
            break
        for unit, hurdle in broken:
            unit.fail(hurdle)
    return rewrites(planner.sources, [*units, *documents], edits | changed, replacements)


class _Planner:
    def __init__(self, sources: Mapping[str, Source], rewriting: Rewriting) -> None:
        self.sources = sources
        self.rewriting = rewriting
        self.modules = Modules(sources)
        self._candidates: dict[str, dict[tuple[str, int], Candidate]] = {}

    def candidate(self, row: Replacement) -> Candidate | None:
        """The literal that a replacement means, when it still stands where the plan saw it."""
        if row.path not in self._candidates:
            found = extract(self.sources[row.path], None).candidates if row.path in self.modules.sources else ()
            self._candidates[row.path] = {(c.symbol, c.ordinal): c for c in found}
        candidate = self._candidates[row.path].get((row.symbol, row.ordinal))
        return candidate if candidate and candidate.span == row.span else None

    def units(self, replacements: Sequence[Replacement]) -> list[Planned]:
        """A variable's default and its values in variable files are one unit; any other literal is one of its own."""
        units: list[Planned] = []
        shared: dict[str, Planned] = {}
        for row in replacements:
            candidate = self.candidate(row)
            if candidate is not None and row.position is Position.PARAMETER_DEFAULT and candidate.defines:
                variable = f"{self.modules.home(row.path)}#{candidate.defines.partition('#')[2]}"
                if variable not in shared:
                    shared[variable] = Unit([])
                    units.append(shared[variable])
                shared[variable].replacements.append(row)
            elif self.rewriting.handlers.get(row.finding) == "":
                # two variables of one function that name one secret become one
                function = f"{row.path}#{'.'.join(row.symbol.split('.')[:3])}#{row.secret}"
                if function not in shared:
                    shared[function] = Unit([])
                    units.append(shared[function])
                shared[function].replacements.append(row)
            else:
                units.append(Unit([row]))
        return units

    def access(self, row: Replacement) -> Access | None:
        return self.rewriting.access.get((row.secret, row.key))

    def plan(self, unit: Planned) -> None:
        """Fills in the unit's actions, or its hurdle."""
        found: list[Candidate] = []
        for row in unit.replacements:
            candidate = self.candidate(row)
            if candidate is None:
                unit.fail(Hurdle("moved", "the literal does not stand where the plan saw it: plan again"))
                return
            if self.modules.root(row.path).has_error:
                unit.fail(Hurdle("unparsable", "the file can't be parsed: correct it first"))
                return
            found.append(candidate)
        known = [a for a in map(self.access, unit.replacements) if a is not None]
        if len(known) < len(unit.replacements):
            unit.fail(Hurdle("no-secret", "the plan names no secret for it"))
        elif self._is_variable(unit, found) and len({(a.secret, a.key, a.form, a.home) for a in known}) > 1:
            unit.fail(
                Hurdle(
                    "environments",
                    "its values belong to different secrets, and one configuration can name only one of them",
                )
            )
        else:
            self._plan(unit, found, known)

    @staticmethod
    def _is_variable(unit: Planned, candidates: Sequence[Candidate]) -> bool:
        return unit.replacements[0].position is Position.PARAMETER_DEFAULT and bool(candidates[0].defines)

    def _plan(self, unit: Planned, candidates: Sequence[Candidate], known: Sequence[Access]) -> None:
        handlers = self.rewriting.handlers
        if self._is_variable(unit, candidates):
            unread = handlers.get(unit.replacements[0].finding)
            variables.variable(self.modules, unit, candidates, known[0], unread)
            return
        for candidate, row, access in zip(candidates, unit.replacements, known, strict=True):
            places.literal(self.modules, unit, candidate, row, access, handlers.get(row.finding))


# ---------------------------------------------------------------- files


def _assembled(modules: Modules, units: list[Planned]) -> tuple[dict[str, list[Edit]], list[tuple[Planned, Hurdle]]]:
    """The edits of each file; or the units that spoil one, with the reason."""
    rows: dict[str, list[tuple[Planned, Action]]] = defaultdict(list)
    appended: set[tuple[str, str]] = set()
    for unit in units:
        for path, action in unit.actions:
            if isinstance(action, Append):
                folder = path.rpartition("/")[0]
                if (folder, action.text) in appended:
                    continue
                appended.add((folder, action.text))
            rows[path].append((unit, action))
    result: dict[str, list[Edit]] = {}
    broken: list[tuple[Planned, Hurdle]] = []
    for path, actions in rows.items():
        try:
            result[path] = edits_of(modules, path, actions)
        except Unplannable as error:
            broken.append((_culprit(modules, path, actions), Hurdle(error.code, error.why)))
    return result, broken


def _culprit(modules: Modules, path: str, actions: list[tuple[Planned, Action]]) -> Planned:
    units = list({id(u): u for u, _ in actions}.values())
    for unit in units:
        try:
            edits_of(modules, path, [(u, a) for u, a in actions if u is unit])
        except Unplannable:
            return unit
    return units[-1]
