"""After the code is migrated: what is left, how far each secret has come, and the switch of rotation behind its gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hardcode_hunter import apply as applying
from hardcode_hunter import discover, migration, planfile, state
from hardcode_hunter import rotate as rotating
from hardcode_hunter import status as statuses
from hardcode_hunter import verify as verifying
from hardcode_hunter.detect import digest
from hardcode_hunter.errors import HardcodeHunterError, UsageError
from hardcode_hunter.escrow import Escrow
from hardcode_hunter.generate import Deployment, deployments, generate
from hardcode_hunter.history import exposures
from hardcode_hunter.journal import Journal
from hardcode_hunter.migration import Tree, Values
from hardcode_hunter.model import Environment, Home, Observation, Obstacle, Plan, Verification
from hardcode_hunter.plugins import Rotation, load
from hardcode_hunter.ruleset import PUBLIC_ROLES
from hardcode_hunter.store import connect, fetch, observe

STORED = (Home.SECRETS_MANAGER, Home.PARAMETER_STORE)


@dataclass(frozen=True, slots=True)
class Switched:
    """What ``rotate`` did: obstacles (then nothing was written), or the files and the deployment that switches rotation on."""

    obstacles: tuple[Obstacle, ...] = ()
    written: tuple[str, ...] = ()
    deployments: tuple[Deployment, ...] = ()


def _used(plan: Plan) -> Sequence[Environment]:
    kept = {s.environment for s in plan.secrets if s.home in STORED}
    return [e for e in plan.environments if e.name in kept]


def _asked(plan: Plan, journal: Journal, escrow: Escrow) -> tuple[dict[str, Observation], Values, list[str]]:
    """What the store says and holds, by recorded version; the escrow's values where it can't be reached; and what can't be known."""
    observations: dict[str, Observation] = {}
    values: Values = dict(escrow.values())
    unknown: list[str] = []
    versions = {s.id: m.details.get("version", "") for s in plan.secrets if (m := journal.milestone(s.id, "stored"))}
    for environment in _used(plan):
        try:
            connection = connect(environment)
            observations |= observe(plan, environment.name, connection)
            found, failed = fetch(plan, environment.name, connection, versions)
        except HardcodeHunterError as error:
            unknown.append(str(error))
            members = [s for s in plan.secrets if s.environment == environment.name and s.home in STORED]
            observations |= {s.id: Observation(s.id, plan.secret_name(s), error=str(error)) for s in members}
            continue
        values |= found
        unknown += failed
    return observations, values, unknown


def verify(tree: Tree, *, history: bool = False) -> Verification:
    """What is left of the migration; with ``history``, where the values stood in any commit too. Raises ``UsageError`` when neither the store nor the escrow can tell a single value to look for."""
    with state.open_state(tree.root) as opened:
        journal, escrow = Journal(opened), Escrow(opened)
        observations, values, unknown = _asked(tree.plan, journal, escrow)
        values |= migration.live_values(tree)
        expected = [s.id for s in tree.plan.secrets if s.home in STORED and not s.blocked]
        if expected and not values:
            raise UsageError(f"no value to look for can be read: {'; '.join(dict.fromkeys(unknown)) or 'nothing is stored'}")
        names = [n for n in discover.files(tree.root, [tree.root]) if not n.startswith("migration/")]
        search = verifying.copies(tree.root, names, values, findings=tree.scan.findings)
    exposed = exposures(tree.root, values) if history else ()
    return verifying.verify(tree.plan, tree.scan.findings, observations, search, exposed)


def rotate(tree: Tree, secrets: Sequence[str], force: str = "") -> Switched:
    """Switches rotation on for ``secrets`` when the gate lets it, or when ``force`` gives a reason, which the plan records."""
    known = {s.id for s in tree.plan.secrets}
    for name in secrets:
        if name not in known:
            raise UsageError(f"no secret is called '{name}' in {planfile.PLAN_FILE}; it has {', '.join(sorted(known))}")
    verification = verify(tree)
    with state.open_state(tree.root) as opened, opened.lock():
        journal, escrow = Journal(opened), Escrow(opened)
        deployed = {(m.secret, m.details.get("consumer", "")) for m in journal.milestones if m.event == "deployed"}
        digests = _digests(tree, journal, escrow)
        kinds = load("rotations", Rotation)
        obstacles = rotating.gate(tree.plan, secrets, tree.scan.findings, verification, kinds, digests=digests, deployed=deployed)
        if obstacles and not force:
            return Switched(obstacles)
        if force:
            tree.plan = replace(tree.plan, forced=(*tree.plan.forced, f"{', '.join(secrets)}: {force}"))
            planfile.save(tree.root / planfile.PLAN_FILE, tree.plan)
        on = migration.rotating(journal) | set(secrets)
        changes = generate(tree.plan, enable_rotation=frozenset(on))
        written = applying.write_changes(tree.root, changes, journal, escrow).written
        for name in secrets:
            journal.note(name, "rotation-on")
        found = deployments(tree.plan, enable_rotation=frozenset(on))
    environments = {tree.plan.secret(name).environment for name in secrets}
    return Switched(obstacles, written, tuple(d for d in found if d.environment in environments))


def _digests(tree: Tree, journal: Journal, escrow: Escrow) -> dict[str, frozenset[str]]:
    """By secret, the digests under this run's key of its values that must not show: a literal that has one is the same credential."""
    values = _asked(tree.plan, journal, escrow)[1]
    rows: dict[str, set[str]] = {}
    for (secret, key), value in values.items():
        if key not in PUBLIC_ROLES:
            rows.setdefault(secret, set()).add(digest(tree.reading.key, value.reveal()))
    return {secret: frozenset(marks) for secret, marks in rows.items()}


def record_deployed(root: Path, plan: Plan, secret: str, consumer: str) -> int:
    """Records that ``consumer`` (``path:symbol``, or ``all``) of ``secret`` runs its rewritten code. The number of consumers recorded."""
    if secret not in {s.id for s in plan.secrets}:
        raise UsageError(f"no secret is called '{secret}' in {planfile.PLAN_FILE}")
    names = [c.name for c in plan.secret(secret).consumers]
    chosen = names if consumer == "all" else [n for n in names if n == consumer or n.startswith(f"{consumer}:")]
    if not chosen:
        raise UsageError(f"'{secret}' has no consumer '{consumer}'; it has {', '.join(names)}")
    with state.open_state(root) as opened, opened.lock():
        journal = Journal(opened)
        recorded = {m.details.get("consumer") for m in journal.milestones if m.secret == secret and m.event == "deployed"}
        for name in chosen:
            if name not in recorded:
                journal.note(secret, "deployed", consumer=name)
    return len(chosen)


def status(tree: Tree, *, ask: bool) -> tuple[statuses.Row, ...]:
    """One row per secret. ``ask`` lets the store tell; without it the journal does, and nothing goes over the network."""
    with state.open_state(tree.root) as opened:
        journal, escrow = Journal(opened), Escrow(opened)
        observations = _asked(tree.plan, journal, escrow)[0] if ask else None
        return statuses.rows(tree.plan, tree.scan.findings, journal, {s for s, _ in escrow.values()}, observations)
