"""The journey of a tree: plan, apply, store. Calls the stages in the one order that can't lose a value.

Infrastructure first (an empty shell), then each live value into the store and read back, then the code: a file is touched only for
secrets whose value the store has, or that the escrow keeps when there is no store to reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hardcode_hunter import apply as applying
from hardcode_hunter import binding, discover, environments, pipeline, planfile, state
from hardcode_hunter import plan as planning
from hardcode_hunter import rewrite as rewriting
from hardcode_hunter import undo as undoing
from hardcode_hunter.config import Settings
from hardcode_hunter.errors import StaleError, UsageError
from hardcode_hunter.escrow import Escrow
from hardcode_hunter.generate import Deployment, deployments, generate, key_alias
from hardcode_hunter.journal import Journal
from hardcode_hunter.model import (
    Access,
    Candidate,
    Change,
    Environment,
    Finding,
    Home,
    Plaintext,
    Plan,
    Question,
    Scan,
    Secret,
    Skip,
    Source,
    Tier,
)
from hardcode_hunter.plugins import Retriever, Rewriting, Rotation, load
from hardcode_hunter.ruleset import PUBLIC_ROLES
from hardcode_hunter.store import Connection, Delivery, Identity, Outcome, connect, deliver, identify, require_account

Values = dict[tuple[str, str], Plaintext]
Confirm = Callable[[Identity, bool], bool]
"""Shows whose account it is; whether to go on. The flag says that the account was named beforehand."""


@dataclass(slots=True)
class Tree:
    """One scan of a root, and the plan bound to it. Holds plaintext (in ``reading``); stays in this process."""

    root: Path
    scan: Scan
    reading: pipeline.Reading
    plan: Plan
    done: frozenset[str] = frozenset()  # files that an earlier apply wrote and nobody changed since

    @property
    def findings(self) -> Mapping[str, Finding]:
        return {f.id: f for f in self.scan.findings}


@dataclass(frozen=True, slots=True)
class Preview:
    """What rewriting would do: every replacement is in a change or in a skip."""

    changes: tuple[Change, ...]
    skips: tuple[Skip, ...]
    unmet: tuple[str, ...] = ()  # distributions that the new code imports and no dependency file could be given


@dataclass(slots=True)
class Outcomes:
    """What ``apply`` did and what waits. ``deliveries`` are empty when it ran offline."""

    written: list[str] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    skips: tuple[Skip, ...] = ()
    unmet: tuple[str, ...] = ()
    waiting: list[str] = field(default_factory=list)
    deploy: list[Deployment] = field(default_factory=list)


# ---------------------------------------------------------------- planning


def make(root: Path, paths: Sequence[Path], settings: Settings, wish: planning.Wish, progress: pipeline.Progress | None = None) -> tuple[Tree, Preview]:
    """A fresh plan over an earlier one, and what it would change. Writes nothing."""
    scan, reading = pipeline.scan(paths, settings, root, progress)
    file = root / planfile.PLAN_FILE
    previous = planfile.load(file) if file.exists() else None
    done = _done(root)
    kinds = load("rotations", Rotation)
    plan = planning.make(scan.findings, reading.sources, pipeline.languages(), kinds, wish, root.name, previous, done)
    plan = _with_differing_values(plan, reading)
    binding.validate(plan, load("retrievers", Retriever), kinds)
    tree = Tree(root, scan, reading, plan, done)
    preview = rewrite(tree, plan)
    known = {s.finding for s in plan.skips}
    tree.plan = replace(plan, skips=tuple(sorted((*plan.skips, *(s for s in preview.skips if s.finding not in known)), key=lambda s: (s.path, s.line))))
    return tree, preview


def open_tree(root: Path, settings: Settings, progress: pipeline.Progress | None = None) -> Tree:
    """The plan in ``root``, bound to the tree as it is now. Raises ``UsageError`` for a malformed plan, ``StaleError`` for a changed tree."""
    plan = planfile.load(root / planfile.PLAN_FILE)
    binding.validate(plan, load("retrievers", Retriever), load("rotations", Rotation))
    scan, reading = pipeline.scan([root], settings, root, progress)
    done = _done(root)
    candidates: dict[str, list[Candidate]] = {path: [] for path in plan.files}
    for candidate in reading.candidates:
        if candidate.path in candidates:
            candidates[candidate.path].append(candidate)
    binding.check(plan, {p: (reading.sources[p], rows) for p, rows in candidates.items() if p in reading.sources}, done)
    return Tree(root, scan, reading, binding.bind(plan, {f.id: f for f in scan.findings}), done)


def _done(root: Path) -> frozenset[str]:
    if not state.location(root).exists():
        return frozenset()
    with state.open_state(root) as opened:
        journal = Journal(opened)
        walk = discover.Walk(root)
        rows = {path: journal.standing(path) for path in journal.paths()}
        return frozenset(path for path, chain in rows.items() if chain and journal.is_after(chain[-1], _bytes(walk, path)))


def _bytes(walk: discover.Walk, path: str) -> bytes | None:
    return discover.read(walk, path, keep_binary=True) if (walk.root / path).is_file() else None


def live_values(tree: Tree) -> Values:
    """The value of every field whose literal is still in the code. Raises ``StaleError`` when its places no longer agree.

    Where a literal was moved, what now stands under its name (an f-string with a hole, say) is no value of it.
    """
    candidates = {c.fingerprint: c for c in tree.reading.candidates}
    present = {f.id for f in tree.scan.findings}
    values: Values = {}
    for secret in tree.plan.secrets:
        for f in secret.fields:
            for origin in f.origins:
                if origin.finding and origin.finding not in present:
                    continue
                value = pipeline.value(candidates, origin.fingerprint, origin.shape, origin.part)
                if value is None:
                    continue
                known = values.setdefault((secret.id, f.key), value)
                if known != value:
                    raise StaleError(f"{origin.path}:{origin.line}: differs from the other places of '{secret.id}.{f.key}'; plan again")
    return values


def secret_values(values: Values) -> list[Plaintext]:
    """Those of ``values`` that must not show: not hosts, ports, names of databases and users."""
    return [value for (_, key), value in values.items() if key not in PUBLIC_ROLES]


def _with_differing_values(plan: Plan, reading: pipeline.Reading) -> Plan:
    """Moving an origin by hand can put two values under one field: that secret is blocked until a person parts them."""
    candidates = {c.fingerprint: c for c in reading.candidates}
    secrets = []
    for secret in plan.secrets:
        for f in secret.fields:
            found = {v for o in f.origins if (v := pipeline.value(candidates, o.fingerprint, o.shape, o.part)) is not None}
            if len(found) > 1:
                places = ", ".join(f"{o.path}:{o.line}" for o in f.origins)
                question = Question(f"differs-{secret.id}-{f.key}", f"The values of '{f.key}' at {places} differ: move all but one kind elsewhere.")
                secret = replace(secret, questions=(*secret.questions, question))
        secrets.append(secret)
    return replace(plan, secrets=tuple(secrets))


# ---------------------------------------------------------------- rewriting


def rewrite(tree: Tree, plan: Plan, tiers: frozenset[str] = frozenset({Tier.SAFE.value})) -> Preview:
    """What the languages make of the plan's replacements; those of blocked secrets are skips. Writes nothing."""
    blocked = {s.id: s for s in plan.secrets if s.blocked}
    unshared = {s.finding: s for s in environments.unshared(plan)}
    rows = [r for r in plan.replacements if r.secret not in blocked and r.finding not in unshared]
    asked = tuple(
        Skip(r.finding, r.path, r.line, "open-question", str(blocked[r.secret].blocked[0]), r.rule) for r in plan.replacements if r.secret in blocked
    )
    retriever = load("retrievers", Retriever)[plan.retriever]
    sources = _sources(tree, {r.path for r in rows})
    placement = rewriting.place(sources, rows)
    context = Rewriting(access=accesses(plan), retriever=retriever, helper_modules=placement.modules, tiers=tiers)
    changes, skips, unmet = rewriting.rewrite(sources, rows, context, pipeline.languages(), placement.files)
    apart = (s for s in unshared.values() if s.finding not in {a.finding for a in asked})
    return Preview(changes, (*asked, *apart, *skips), unmet)


def accesses(plan: Plan) -> dict[tuple[str, str], Access]:
    """How code reaches each field of each secret."""
    rows = {}
    for secret in plan.secrets:
        templates = {e.name: _name_in(plan, secret, e) for e in plan.environments}
        for f in secret.fields:
            rows[secret.id, f.key] = Access(
                secret=secret.component,
                application=plan.application,
                name=plan.secret_name(secret),
                environment=secret.environment,
                templates=templates,
                home=secret.home,
                form=secret.form,
                key=f.key,
                rotates=secret.rotation.name != "none",
            )
    return rows


def _name_in(plan: Plan, secret: Secret, environment: Environment) -> str:
    twin = next((s for s in plan.secrets if s.component == secret.component and s.environment == environment.name), None)
    return plan.secret_name(twin) if twin else environment.secret_name(plan.application, secret.component)


def _sources(tree: Tree, touched: set[str]) -> dict[str, Source]:
    """Every file of the languages that are rewritten: a variable's uses stand in other files than its value."""
    spoken = {tree.reading.sources[path].language for path in touched if path in tree.reading.sources}
    sources = dict(tree.reading.sources)
    walk = discover.Walk(tree.root)
    wanted = tuple(suffix for s in spoken for suffix in pipeline.languages()[s].suffixes)
    dependencies = rewriting.DEPENDENCY_FILES if rewriting.PYTHON in spoken else ()
    for name in discover.files(tree.root, [tree.root]):
        listed = name.endswith(dependencies) if dependencies else False
        if name in sources or not (listed or name.lower().endswith(wanted)):
            continue
        data = discover.read(walk, name)
        language = pipeline.language_of(name, data) if data is not None else None
        if data is not None and (listed or (language and language.name in spoken)):
            sources[name] = Source(name, data, language.name if language else "")
    return sources


# ---------------------------------------------------------------- applying


def apply(tree: Tree, *, offline: bool, confirm: Confirm, account: str = "", tiers: frozenset[str]) -> Outcomes:
    """Takes the plan as far as it can go. Called again after each thing that waited, it goes on from there."""
    outcomes = Outcomes()
    open_plan = _without_blocked(tree.plan)
    for secret in tree.plan.secrets:
        outcomes.waiting += [f"secret '{secret.id}': {q.ask}" for q in secret.blocked]
    with state.open_state(tree.root) as opened, opened.lock():
        journal, escrow = Journal(opened), Escrow(opened)
        values = live_values(tree)
        infrastructure = generate(tree.plan, enable_rotation=rotating(journal)) if open_plan.secrets else ()
        outcomes.written += _write(tree, infrastructure, journal, escrow, values)
        if offline:
            moving = {r.secret for r in tree.plan.replacements}
            escrow.put({key: value for key, value in values.items() if key[0] in moving})
            ready = {s.id for s in open_plan.secrets}
        else:
            pending = _pending(open_plan, journal)
            ready = _deliver(tree, open_plan, pending, {**escrow.values(), **values}, opened, journal, outcomes, confirm, account)
            escrow.forget([d.secret for d in outcomes.deliveries if d.done])
        mine = replace(tree.plan, replacements=tuple(r for r in tree.plan.replacements if r.secret in ready))
        preview = rewrite(tree, mine, tiers)
        outcomes.skips = _still_skipped(mine, preview)
        outcomes.unmet = preview.unmet
        outcomes.written += _write(tree, preview.changes, journal, escrow, values)
    return outcomes


def _still_skipped(plan: Plan, preview: Preview) -> tuple[Skip, ...]:
    """The plan's skips but for those that are applied now, and what the rewriters skip."""
    tried = {r.finding for r in plan.replacements}
    rows = [*(s for s in plan.skips if s.finding not in tried), *preview.skips]
    return tuple(sorted(rows, key=lambda s: (s.path, s.line, s.finding)))


def rotating(journal: Journal) -> frozenset[str]:
    """The secrets whose rotation a person has switched on with ``rotate``."""
    return frozenset(m.secret for m in journal.milestones if m.event == "rotation-on")


def _without_blocked(plan: Plan) -> Plan:
    return replace(plan, secrets=tuple(s for s in plan.secrets if not s.blocked))


def _pending(plan: Plan, journal: Journal) -> list[Secret]:
    """Secrets that still have code to rewrite, or whose value no run has stored yet."""
    busy = {r.secret for r in plan.replacements}
    kept = (Home.SECRETS_MANAGER, Home.PARAMETER_STORE)
    return [s for s in plan.secrets if s.id in busy or (s.home in kept and journal.milestone(s.id, "stored") is None)]


def _write(tree: Tree, changes: Sequence[Change], journal: Journal, escrow: Escrow, values: Values) -> list[str]:
    return list(applying.write_changes(tree.root, changes, journal, escrow, hidden=secret_values(values)).written)


def _deliver(
    tree: Tree,
    plan: Plan,
    pending: Sequence[Secret],
    values: Values,
    opened: state.State,
    journal: Journal,
    outcomes: Outcomes,
    confirm: Confirm,
    account: str,
) -> set[str]:
    """Stores what is pending; the answer are the secrets whose code may be changed now."""
    ready = {s.id for s in plan.secrets if s.id not in {p.id for p in pending}}
    for environment in plan.environments:
        members = tuple(s for s in pending if s.environment == environment.name)
        if not members:
            continue
        part = replace(plan, secrets=members)
        deliveries = store(part, environment, values, opened, journal, confirm, account)
        outcomes.deliveries += deliveries
        ready |= {d.secret for d in deliveries if d.done}
        outcomes.waiting += [f"{d.name}: {d.message}" for d in deliveries if not d.done]
        if any(d.outcome is Outcome.MISSING for d in deliveries):
            outcomes.deploy += [d for d in deployments(plan, enable_rotation=rotating(journal)) if d.environment == environment.name]
    return ready


def store(
    plan: Plan, environment: Environment, values: Values, opened: state.State, journal: Journal, confirm: Confirm, account: str
) -> tuple[Delivery, ...]:
    """Delivers one environment's values. Raises ``Refused`` for another account than was named, ``UsageError`` when nobody confirms."""
    if all(s.home not in (Home.SECRETS_MANAGER, Home.PARAMETER_STORE) for s in plan.secrets):
        return tuple(Delivery(s.id, plan.secret_name(s), s.home, Outcome.NOTHING, "no value to store") for s in plan.secrets)
    connection: Connection = connect(environment)
    who = identify(connection)
    if not confirm(who, require_account(who, environment, account)):
        raise UsageError(f"nothing was stored: confirm {who} with --account {who.account}")

    def record(delivery: Delivery) -> None:
        place = {"account": who.account, "region": who.region, "home": delivery.home.value}
        journal.note(delivery.secret, "stored", name=delivery.name, version=delivery.version, arn=delivery.arn, **place)

    recorded = {s.id: m.details.get("version", "") for s in plan.secrets if (m := journal.milestone(s.id, "stored"))}
    return deliver(
        plan, environment.name, values, connection, who, salt=opened.salt(), recorded=recorded, record=record, key=key_alias(plan.application, environment.name)
    )


def deliver_kept(root: Path, plan: Plan, confirm: Confirm, account: str) -> list[Delivery]:
    """Delivers what ``apply --offline`` kept, and destroys what the store has."""
    with state.open_state(root) as opened, opened.lock():
        journal, escrow = Journal(opened), Escrow(opened)
        values = escrow.values()
        waiting = {secret for secret, _ in values}
        deliveries: list[Delivery] = []
        for environment in plan.environments:
            members = tuple(s for s in plan.secrets if s.id in waiting and s.environment == environment.name)
            if members:
                deliveries += store(replace(plan, secrets=members), environment, values, opened, journal, confirm, account)
        escrow.forget([d.secret for d in deliveries if d.done])
        return deliveries


def forget(root: Path) -> None:
    """Destroys what ``undo`` would need: the tree stays as it is, for good."""
    with state.open_state(root) as opened, opened.lock():
        undoing.discard(Escrow(opened))


def undo(root: Path, *, leave: Sequence[str], database_reset: bool, dry_run: bool) -> undoing.Undone:
    """Puts the tree back. Refused for secrets that are being rotated, unless a person has set the old password again."""
    with state.open_state(root) as opened, opened.lock():
        journal = Journal(opened)
        return undoing.undo(
            root, journal, Escrow(opened), leave=leave, rotated=sorted(rotating(journal)), database_reset=database_reset, dry_run=dry_run
        )
