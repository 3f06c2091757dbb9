"""Data sources for literals: at an argument, or at every use of a variable whose default or value the literal was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from hardcode_hunter.languages.terraform import places, proof, syntax
from hardcode_hunter.languages.terraform.alignment import realign
from hardcode_hunter.languages.terraform.extract import extract
from hardcode_hunter.languages.terraform.modules import Modules
from hardcode_hunter.languages.terraform.places import Action, Append, Drop, Put
from hardcode_hunter.languages.units import Hurdle, Unit, rewrites
from hardcode_hunter.model import Access, Candidate, Change, Edit, Position, Replacement, Rewrite, Source, Span, Tier
from hardcode_hunter.plugins import Rewriting

Planned = Unit[Action]


def rewrite(
    sources: Mapping[str, Source], replacements: Sequence[Replacement], rewriting: Rewriting
) -> dict[str, Rewrite]:
    """A :class:`Rewrite` for each path that a replacement names or an edit touches."""
    planner = _Planner(sources, rewriting)
    units = planner.units(replacements)
    for unit in units:
        planner.plan(unit)
        unit.admit(planner.rewriting)
    while True:
        edits, broken = _assembled(planner.modules, [u for u in units if u.hurdle is None])
        if not broken:
            break
        for unit, hurdle in broken:
            unit.fail(hurdle)
    return rewrites(planner.sources, units, edits, replacements)


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
                if candidate.defines not in shared:
                    shared[candidate.defines] = Unit([])
                    units.append(shared[candidate.defines])
                shared[candidate.defines].replacements.append(row)
            else:
                units.append(Unit([row]))
        return units

    def access(self, row: Replacement) -> Access | None:
        return self.rewriting.access.get((row.secret, row.key))

    def plan(self, unit: Planned) -> None:
        """Fills in the unit's actions, or its hurdle."""
        found: list[Candidate] = []
        for row in unit.replacements:
            if row.path.endswith(".json"):
                unit.fail(Hurdle("json-syntax", "configuration in JSON is not rewritten: move this value by hand"))
                return
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
        elif len({(a.secret, a.key, a.form, a.home) for a in known}) > 1:
            unit.fail(
                Hurdle(
                    "environments",
                    "its values belong to different secrets, and one configuration can name only one of them",
                )
            )
        else:
            self._plan(unit, found[0], known[0])

    def _plan(self, unit: Planned, candidate: Candidate, access: Access) -> None:
        if unit.replacements[0].position is Position.PARAMETER_DEFAULT and candidate.defines:
            places.variable(self.modules, unit, candidate, access)
        else:
            places.literal(self.modules, unit, candidate, access)


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
            result[path] = _file(modules, path, actions)
        except places.Unplannable as error:
            broken.append((_culprit(modules, path, actions), Hurdle(error.code, error.why)))
    return result, broken


def _culprit(modules: Modules, path: str, actions: list[tuple[Planned, Action]]) -> Planned:
    units = list({id(u): u for u, _ in actions}.values())
    for unit in units:
        try:
            _file(modules, path, [(u, a) for u, a in actions if u is unit])
        except places.Unplannable:
            return unit
    return units[-1]


def _file(modules: Modules, path: str, actions: list[tuple[Planned, Action]]) -> list[Edit]:
    """The edits of one file, proven. Raises :class:`places.Unplannable`."""
    data = modules.data(path)
    edits: dict[Span, Edit] = {}
    puts: dict[tuple[int, int], bytes] = {}
    drops: set[tuple[int, int]] = set()
    cuts: list[Edit] = []
    tail, tiers = "", {Tier.REVIEW}
    for unit, action in actions:
        finding = unit.replacements[0].finding
        if isinstance(action, Put):
            span, text = Span(action.start, action.end), action.text.encode()
            if edits.setdefault(span, Edit(span, text, unit.tier, finding)).text != text:
                raise places.Unplannable("layout", "two changes meet in one place")
            puts[action.start, action.end] = text
        elif isinstance(action, Drop):
            drops |= {(n.start_byte, n.end_byte) for n in action.nodes}
            cuts += [Edit(span, b"", unit.tier, finding) for span in places.cut(data, action.nodes)]
        else:
            tail += "\n" + action.text
            tiers.add(unit.tier)
    rows = [*edits.values(), *_merged(data, cuts)]
    if tail:
        rows.append(_appended(data, tail, Tier.SAFE if Tier.SAFE in tiers else Tier.REVIEW, rows))
    try:
        rows = realign(path, data, rows)
        after = Change(path, "", tuple(rows)).result(data)
    except ValueError:
        raise places.Unplannable("layout", "two changes overlap") from None
    _prove(modules, path, after, puts, frozenset(drops), tail)
    return rows


def _merged(data: bytes, cuts: Sequence[Edit]) -> list[Edit]:
    """Cuts that overlap, because both take the blank line between them, as one; no blank line is left at the end of the file."""
    rows: list[Edit] = []
    for cut in sorted(cuts, key=lambda e: e.span):
        if rows and cut.span.start < rows[-1].span.end:
            last = rows[-1]
            tier = Tier.REVIEW if Tier.REVIEW in (last.tier, cut.tier) else Tier.SAFE
            rows[-1] = Edit(Span(last.span.start, max(last.span.end, cut.span.end)), b"", tier, last.finding)
        else:
            rows.append(cut)
    if rows and rows[-1].span.end == len(data):
        last = rows[-1]
        rows[-1] = Edit(
            Span(places.after_last_line(data, last.span.start), last.span.end), b"", last.tier, last.finding
        )
    return rows


def _appended(data: bytes, tail: str, tier: Tier, edits: Sequence[Edit]) -> Edit:
    eol = "\r\n" if b"\r\n" in data else "\n"
    text = tail.replace("\n", eol)
    if data and not data.endswith((b"\n", b"\r")):
        text = eol + text
    if (
        any(e.span.end == len(data) and not e.text for e in edits)
        and not data[: min(e.span.start for e in edits)].strip()
    ):
        text = text.lstrip()
    return Edit(Span(len(data), len(data)), text.encode(), tier)


def _prove(
    modules: Modules,
    path: str,
    after: bytes,
    puts: Mapping[tuple[int, int], bytes],
    drops: frozenset[tuple[int, int]],
    tail: str,
) -> None:
    new = syntax.parse(after)
    data = modules.data(path)
    wanted = proof.tree(modules.root(path), data, puts, drops) + (
        proof.tree(syntax.parse(tail.encode()), tail.encode()) if tail else []
    )
    if new.has_error or proof.tree(new, after) != wanted:
        raise places.Unplannable("proof-failed", "the edited text would say something else than was planned")
