"""The end of the journey: what is left, rotation switched on behind its gate, and how far each secret has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hardcode_hunter import apply as applying
from hardcode_hunter import discover, migration, neighbours, pipeline, planfile
from hardcode_hunter import rotate as rotating
from hardcode_hunter import status as statuses
from hardcode_hunter import verify as verifying
from hardcode_hunter.detect import digest
from hardcode_hunter.errors import HardcodeHunterError, UsageError
from hardcode_hunter.execution import STORED, Told, untold
from hardcode_hunter.generate import Deployment, deployments, generate
from hardcode_hunter.history import exposures
from hardcode_hunter.interpolation import Interpolation, interpolations
from hardcode_hunter.ledger import Ledger
from hardcode_hunter.migration import Tree, Values
from hardcode_hunter.model import (
    Consumer,
    Environment,
    Observation,
    Obstacle,
    Plan,
    Reader,
    Secret,
    Source,
    Verification,
)
from hardcode_hunter.neighbours import Neighbour
from hardcode_hunter.plugins import Retriever, Rotation, load
from hardcode_hunter.ruleset import PUBLIC_ROLES
from hardcode_hunter.store import connect, fetch, observe, readers


@dataclass(frozen=True, slots=True)
class Switched:
    """What ``rotate`` did: obstacles (then nothing was written), or the files and the deployment that switches rotation on."""

    obstacles: tuple[Obstacle, ...] = ()
    written: tuple[str, ...] = ()
    deployments: tuple[Deployment, ...] = ()


@dataclass(slots=True)
class Known:
    """What the store says and holds, by recorded version; the escrow's values where it can't be reached; and what can't be known."""

    observations: dict[str, Observation] = field(default_factory=dict)
    values: Values = field(default_factory=dict)
    readers: tuple[Reader, ...] | None = None  # when it was asked who may read what
    failed: list[str] = field(default_factory=list)


def _ask(plan: Plan, ledger: Ledger, told: Told, *, roles: bool = False) -> Known:
    known = Known(values=ledger.escrow.values(), readers=() if roles else None)
    used = {s.environment for s in plan.secrets if s.home in STORED}
    for environment in (e for e in plan.environments if e.name in used):
        told(f"asking the store of {environment.name}")
        try:
            _ask_one(plan, environment, ledger.versions, known, roles)
        except HardcodeHunterError as error:
            known.failed.append(str(error))
            for secret in plan.secrets:
                if secret.environment == environment.name and secret.home in STORED:
                    known.observations[secret.id] = Observation(secret.id, plan.secret_name(secret), error=str(error))
    return known


def _ask_one(plan: Plan, environment: Environment, versions: Mapping[str, str], known: Known, roles: bool) -> None:
    connection = connect(environment)
    known.observations |= observe(plan, environment.name, connection)
    found, failed = fetch(plan, environment.name, connection, versions)
    known.values |= found
    known.failed += failed
    if roles:
        actions = load("retrievers", Retriever)[plan.retriever].iam_actions
        known.readers = (*(known.readers or ()), *readers(plan, environment.name, connection, actions))


# ---------------------------------------------------------------- verify


def verify(
    tree: Tree, ledger: Ledger, *, history: bool = False, others: Sequence[str] = (), told: Told = untold
) -> Verification:
    """What is left of the migration, in this tree and in ``others``; with ``history``, where the values stood in any commit too.

    Raises ``UsageError`` when neither the store nor the escrow can tell a single value to look for.
    """
    known = _ask(tree.plan, ledger, told, roles=True)
    values = known.values | migration.live_values(tree)
    told("searching the other trees")
    around = neighbours.look(tree, (*tree.plan.trees, *others), values)
    return _verified(tree, ledger, known, values, around, history, told)


def _verified(
    tree: Tree,
    ledger: Ledger,
    known: Known,
    values: Values,
    around: Sequence[Neighbour],
    history: bool,
    told: Told,
) -> Verification:
    expected = [s.id for s in tree.plan.secrets if s.home in STORED and not s.blocked]
    searched = {secret for secret, key in values if key not in PUBLIC_ROLES}
    if expected and not searched:
        why = "; ".join(dict.fromkeys(known.failed)) or "nothing is stored"
        raise UsageError(f"no value to look for can be read: {why}")
    names = [n for n in discover.everything(tree.root) if not n.startswith("migration/")]
    told(f"searching {len(names)} files")
    search = verifying.copies(tree.root, names, values, findings=tree.scan.findings)
    for one in around:
        search = verifying.Search(
            (*search.copies, *one.search.copies),
            search.files + one.search.files,
            (*search.problems, *one.search.problems),
        )
    if history:
        told("searching the history")
    marks = _digests(tree, values)
    theirs = [f for one in around for f in one.findings if any(f.digest in digests for digests in marks.values())]
    return verifying.verify(
        tree.plan,
        (*tree.scan.findings, *theirs),
        known.observations,
        search,
        exposures(tree.root, values) if history else (),
        readers=known.readers,
        revoked=ledger.happened("revoked"),
        searched=searched,
    )


# ---------------------------------------------------------------- rotate


def rotate(
    tree: Tree,
    ledger: Ledger,
    secrets: Sequence[str],
    *,
    force: str = "",
    others: Sequence[str] = (),
    told: Told = untold,
) -> Switched:
    """Switches rotation on for ``secrets`` when the gate lets it, or when ``force`` gives a reason, which the plan records."""
    names = {s.id for s in tree.plan.secrets}
    for name in secrets:
        if name not in names:
            raise UsageError(f"no secret is called '{name}' in {planfile.PLAN_FILE}; it has {', '.join(sorted(names))}")
    obstacles = _obstacles(tree, ledger, secrets, others, told)
    if obstacles and not force:
        return Switched(obstacles)
    plan = tree.plan
    if force:
        # the file as it is, not as it was bound to the tree: nothing else in it may change
        plan = planfile.load(tree.root / planfile.PLAN_FILE)
        plan = replace(plan, forced=(*plan.forced, f"{', '.join(secrets)}: {force}"))
        planfile.save(tree.root, plan)
    on = ledger.rotating | set(secrets)
    told("writing the infrastructure")
    changes = generate(plan, enable_rotation=on)
    written = applying.write_changes(tree.root, changes, ledger.journal, ledger.escrow).written
    for name in secrets:
        ledger.journal.note(name, "rotation-on", **({"because": force} if force else {}))
    ledger.escrow.forget(secrets)
    environments = {plan.secret(name).environment for name in secrets}
    found = deployments(plan, enable_rotation=on)
    return Switched(obstacles, written, tuple(d for d in found if d.environment in environments))


def _obstacles(
    tree: Tree, ledger: Ledger, secrets: Sequence[str], others: Sequence[str], told: Told
) -> tuple[Obstacle, ...]:
    known = _ask(tree.plan, ledger, told)
    values = known.values | migration.live_values(tree)
    told("searching the other trees")
    around = neighbours.look(tree, (*tree.plan.trees, *others), values)
    verification = _verified(tree, ledger, known, values, around, False, told)
    found = rotating.gate(
        _with_consumers(tree.plan, around),
        secrets,
        (*tree.scan.findings, *tree.scan.suppressed, *(f for one in around for f in one.findings)),
        verification,
        load("rotations", Rotation),
        digests=_digests(tree, known.values),
        deployed=ledger.deployed.union(*(one.deployed for one in around)),
        recorded={key: command for one in around for key, command in one.recorded.items()},
        strings=_strings(tree, secrets),
    )
    shared = [*_same_logins(tree.plan, values), *(o for one in around for o in one.shared)]
    return tuple(dict.fromkeys((*found, *(o for o in shared if o.secret in secrets))))


def _with_consumers(plan: Plan, around: Iterable[Neighbour]) -> Plan:
    more: defaultdict[str, list[Consumer]] = defaultdict(list)
    for one in around:
        for secret, consumer in one.consumers:
            more[secret].append(consumer)
    return replace(plan, secrets=tuple(replace(s, consumers=(*s.consumers, *more[s.id])) for s in plan.secrets))


def _same_logins(plan: Plan, values: Values) -> Iterable[Obstacle]:
    for one in plan.secrets:
        for other in plan.secrets:
            if one.id != other.id and neighbours.same_login(one, values, other, values):
                why = f"'{other.id}' holds the same login and would keep the old password: move its fields under one secret in the plan"
                yield Obstacle(one.id, planfile.PLAN_FILE, 1, "shared-login", why)


def _strings(tree: Tree, secrets: Collection[str]) -> dict[str, tuple[Interpolation, ...]]:
    """By secret, where code puts its value into a connection string as it is."""
    found: dict[str, tuple[Interpolation, ...]] = {}
    walk = discover.Walk(tree.root)
    languages = [lang for lang in pipeline.languages().values() if lang.rewrite is not None]
    sources = []
    for name in discover.files(tree.root, [tree.root]):
        if not name.startswith("migration/") and name.lower().endswith(
            tuple(s for lang in languages for s in lang.suffixes)
        ):
            data = discover.read(walk, name)
            language = pipeline.language_of(name, data, languages) if data else None
            if data and language:
                sources.append(Source(name, data, language.name))
    for secret in (tree.plan.secret(name) for name in secrets):
        names, readers_of = _names(secret), {c.path for c in secret.consumers}
        words = [name.encode() for name in names]
        rows = (
            interpolations(s, names, consumer=s.path in readers_of)
            for s in sources
            if s.path in readers_of or any(word in s.data for word in words)
        )
        found[secret.id] = tuple(one for row in rows for one in row)
    return found


def _names(secret: Secret) -> frozenset[str]:
    """The names of constants, parameters and variables that hold the secret's value, or held it."""
    lasts = {
        part
        for f in secret.fields
        if f.key not in PUBLIC_ROLES
        for origin in f.origins
        for part in origin.symbol.removesuffix("/Default").removesuffix(".default").replace("/", ".").split(".")[-1:]
    }
    # a common word says whose value it is only in a file that reads the secret
    return frozenset(
        name for name in lasts if name.isidentifier() and name.lower() not in ("password", "passwd", "pwd")
    )


def _digests(tree: Tree, values: Values) -> dict[str, frozenset[str]]:
    """By secret, the digests under this run's key of its values that must not show: a literal that has one is the same credential."""
    rows: dict[str, set[str]] = {}
    for (secret, key), value in values.items():
        if key not in PUBLIC_ROLES:
            rows.setdefault(secret, set()).add(digest(tree.reading.key, value.reveal()))
    return {secret: frozenset(marks) for secret, marks in rows.items()}


# ---------------------------------------------------------------- what a person records


def record_deployed(tree: Tree, ledger: Ledger, secret: str, consumer: str) -> int:
    """Records that ``consumer`` (``path:symbol``, or ``all``) of ``secret`` runs its rewritten code. The number of consumers recorded.

    Raises ``UsageError`` for one whose literal still stands in the code: the code that would be deployed isn't there yet.
    """
    found, present = _named(tree.plan, secret), {finding.id for finding in tree.scan.findings}
    names = [c.name for c in found.consumers]
    chosen = names if consumer == "all" else [n for n in names if n == consumer or n.startswith(f"{consumer}:")]
    if not chosen:
        raise UsageError(f"'{secret}' has no consumer '{consumer}'; it has {', '.join(names)}")
    standing = {(o.path, o.symbol): o for f in found.fields for o in f.origins if o.finding in present}
    early = [standing[c.path, c.symbol] for c in found.consumers if c.name in chosen and (c.path, c.symbol) in standing]
    if early:
        places = ", ".join(dict.fromkeys(f"{o.path}:{o.line}" for o in early))
        raise UsageError(
            f"'{secret}' isn't rewritten yet at {places}: `hardcode-hunter apply` first, then deploy that code"
        )
    for name in chosen:
        if (secret, name) not in ledger.deployed:
            ledger.journal.note(secret, "deployed", consumer=name)
    return len(chosen)


def record_revoked(plan: Plan, ledger: Ledger, secret: str, because: str) -> None:
    """Records that the old value of ``secret`` works nowhere any more. Raises ``UsageError`` for one whose rotation ends it."""
    found = _named(plan, secret)
    if not because.strip():
        raise UsageError('--revoked needs --because "…": who made the old value worthless, and how')
    if found.rotation.name != "none":
        raise UsageError(f"'{secret}' has a rotation, which ends the old value: `hardcode-hunter rotate {secret}`")
    ledger.journal.note(secret, "revoked", because=because)


def _named(plan: Plan, secret: str) -> Secret:
    found = next((s for s in plan.secrets if s.id == secret), None)
    if found is None:
        known = ", ".join(s.id for s in plan.secrets)
        raise UsageError(f"no secret is called '{secret}' in {planfile.PLAN_FILE}; it has {known}")
    return found


def status(tree: Tree, ledger: Ledger, *, ask: bool, told: Told = untold) -> tuple[statuses.Row, ...]:
    """One row per secret. ``ask`` lets the store tell; without it the journal does, and nothing goes over the network."""
    observations = _ask(tree.plan, ledger, told).observations if ask else None
    waiting = {secret for secret, _ in ledger.escrow.values()}
    return statuses.rows(tree.plan, tree.scan.findings, ledger.journal, waiting, observations)
