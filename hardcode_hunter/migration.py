"""A tree with its plan: made from a scan, bound to the tree as it is now, and what rewriting would do. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hardcode_hunter import binding, consumers, discover, environments, handlers, pipeline, planfile
from hardcode_hunter import plan as planning
from hardcode_hunter import rewrite as rewriting
from hardcode_hunter.config import Settings
from hardcode_hunter.errors import StaleError, UsageError
from hardcode_hunter.journal import Journal
from hardcode_hunter.ledger import Ledger
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
    RotationChoice,
    Scan,
    Secret,
    SecretField,
    Skip,
    Source,
    Tier,
)
from hardcode_hunter.plugins import Retriever, Rewriting, Rotation, load
from hardcode_hunter.ruleset import PUBLIC_ROLES
from hardcode_hunter.store import LIMIT, Identity, adopt, adoption, connect, identify, require_account

Values = dict[tuple[str, str], Plaintext]
STORED = (Home.SECRETS_MANAGER, Home.PARAMETER_STORE)


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
    by_code: frozenset[str] = (
        frozenset()
    )  # findings in functions' variables that the functions' own code reads from then on


# ---------------------------------------------------------------- planning


def make(
    root: Path,
    paths: Sequence[Path],
    settings: Settings,
    wish: planning.Wish,
    ledger: Ledger | None = None,
    progress: pipeline.Progress | None = None,
) -> Tree:
    """A scan, and a fresh plan over an earlier one. Its skips are complete once :func:`preview` has seen it."""
    scan, reading = pipeline.scan(paths, settings, root, progress)
    file = root / planfile.PLAN_FILE
    previous = planfile.load(file) if file.exists() else None
    done = _done(root, ledger.journal) if ledger else frozenset()
    kinds = load("rotations", Rotation)
    plan = planning.make(scan.findings, reading.sources, pipeline.languages(), kinds, wish, root.name, previous, done)
    plan = _with_questions_of_values(plan, reading)
    binding.validate(plan, load("retrievers", Retriever), kinds)
    return Tree(root, scan, reading, plan, done)


def preview(tree: Tree) -> Preview:
    """What the plan would change. What no rewriter can do becomes a skip of the plan; its consumers read when the new code reads."""
    found = rewrite(tree, tree.plan)
    known = {s.finding for s in tree.plan.skips}
    rows = (*tree.plan.skips, *(s for s in found.skips if s.finding not in known))
    secrets = rewriting.as_read(tree.plan.secrets, found.changes, tree.reading.sources)
    secrets = consumers.by_functions(secrets, found.by_code, tree.reading.sources, pipeline.languages())
    tree.plan = replace(tree.plan, secrets=secrets, skips=tuple(sorted(rows, key=lambda s: (s.path, s.line))))
    return found


def adopt_existing(tree: Tree, secret: str, name: str) -> Identity:
    """The existing secret ``name`` (or ARN) takes the place of ``secret`` in the plan, when it holds the live values: they are compared
    in memory. Raises ``UsageError``, ``Refused`` or ``StoreError``."""
    ids = [s.id for s in tree.plan.secrets]
    if secret not in ids:
        raise UsageError(f"--adopt: no secret is called '{secret}' in the plan; it has {', '.join(ids) or 'none'}")
    planned = tree.plan.secret(secret)
    environment = tree.plan.environment(planned.environment)
    connection = connect(environment)
    who = identify(connection)
    require_account(who, environment)
    found = adoption(tree.plan, planned, name, live_values(tree), connection)
    plan = adopt(tree.plan, found)
    tree.plan = replace(plan, secrets=tuple(_servable(s) if s.id == secret else s for s in plan.secrets))
    return who


def _servable(secret: Secret) -> Secret:
    """Without its rotation, when the keys that it has now are not those that the rotation needs."""
    rotation = load("rotations", Rotation).get(secret.rotation.name)
    missing = [key for key in rotation.required_keys if secret.key(key) is None] if rotation else []
    if rotation is None or (not missing and secret.form == "json"):
        return secret
    why = f"{rotation.name} needs the keys {', '.join(rotation.required_keys)}, which the existing secret doesn't have"
    return replace(secret, rotation=RotationChoice("none", why))


def open_tree(root: Path, settings: Settings, ledger: Ledger | None, progress: pipeline.Progress | None = None) -> Tree:
    """The plan in ``root``, bound to the tree as it is now. Raises ``UsageError`` for a malformed plan, ``StaleError`` for a changed tree."""
    plan = planfile.load(root / planfile.PLAN_FILE)
    binding.validate(plan, load("retrievers", Retriever), load("rotations", Rotation))
    scan, reading = pipeline.scan([root], settings, root, progress)
    done = _done(root, ledger.journal) if ledger else frozenset()
    candidates: dict[str, list[Candidate]] = {path: [] for path in plan.files}
    for candidate in reading.candidates:
        if candidate.path in candidates:
            candidates[candidate.path].append(candidate)
    binding.check(plan, {p: (reading.sources[p], rows) for p, rows in candidates.items() if p in reading.sources}, done)
    return Tree(root, scan, reading, binding.bind(plan, {f.id: f for f in scan.findings}), done)


def _done(root: Path, journal: Journal) -> frozenset[str]:
    """The files that an earlier apply wrote and nobody changed since."""
    walk = discover.Walk(root)
    rows = {path: journal.standing(path) for path in journal.paths()}
    return frozenset(path for path, chain in rows.items() if chain and journal.is_after(chain[-1], _bytes(walk, path)))


def _bytes(walk: discover.Walk, path: str) -> bytes | None:
    return discover.read(walk, path, keep_binary=True) if (walk.root / path).is_file() else None


def live_values(tree: Tree) -> Values:
    """The value of every field whose literal is still in the code. Raises ``StaleError`` when its places no longer agree and no
    question says so.

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
                if known != value and not secret.blocked:
                    raise StaleError(
                        f"{origin.path}:{origin.line}: differs from the other places of '{secret.id}.{f.key}'; plan again"
                    )
    return values


def secret_values(values: Values) -> list[Plaintext]:
    """Those of ``values`` that must not show: not hosts, ports, names of databases and users."""
    return [value for (_, key), value in values.items() if key not in PUBLIC_ROLES]


def _with_questions_of_values(plan: Plan, reading: pipeline.Reading) -> Plan:
    """Secrets whose values can't be stored as they are, or not as one, are blocked until a person has looked at them."""
    candidates = {c.fingerprint: c for c in reading.candidates}
    secrets = []
    for secret in plan.secrets:
        for f in secret.fields:
            found = {
                v for o in f.origins if (v := pipeline.value(candidates, o.fingerprint, o.shape, o.part)) is not None
            }
            if ask := objection(secret, f, found):
                secret = replace(secret, questions=(*secret.questions, Question(*ask)))
        secrets.append(secret)
    return replace(plan, secrets=tuple(secrets))


def objection(secret: Secret, field: SecretField, values: set[Plaintext]) -> tuple[str, str] | None:
    """Id and text of the question, when there is one: moving an origin by hand can put two values under one field, and a literal can hold
    what no store takes."""
    places = ", ".join(f"{o.path}:{o.line}" for o in field.origins)
    if len(values) > 1:
        ask = f"The values of '{field.key}' at {places} differ: move all but one kind elsewhere."
        return f"differs-{secret.id}-{field.key}", ask
    for value in values:
        try:
            size = len(value.reveal().encode("utf-8"))
        except UnicodeEncodeError:
            ask = f"'{field.key}' at {places} holds half of a surrogate pair, which is no text that a store takes: correct it in the code."
            return f"text-{secret.id}-{field.key}", ask
        limit = LIMIT.get("ssm" if secret.home is Home.PARAMETER_STORE else "secretsmanager", 0)
        if secret.home in STORED and size > limit:
            ask = f"'{field.key}' at {places} has more than the {limit} bytes that its store takes: keep it in a bucket or a file, and its key here."
            return f"size-{secret.id}-{field.key}", ask
    return None


# ---------------------------------------------------------------- rewriting


def rewrite(tree: Tree, plan: Plan, tiers: frozenset[str] = frozenset({Tier.SAFE.value})) -> Preview:
    """What the languages make of the plan's replacements; those of blocked secrets are skips. Writes nothing."""
    blocked = {s.id: s for s in plan.secrets if s.blocked}
    unshared = {s.finding: s for s in environments.unshared(plan)}
    rows = [r for r in plan.replacements if r.secret not in blocked and r.finding not in unshared]
    asked = tuple(
        Skip(r.finding, r.path, r.line, "open-question", str(blocked[r.secret].blocked[0]), r.rule)
        for r in plan.replacements
        if r.secret in blocked
    )
    retriever = load("retrievers", Retriever)[plan.retriever]
    sources = _sources(tree, {r.path for r in rows})
    languages = pipeline.languages()
    found = handlers.find(sources, rows, languages)
    handled = handlers.NONE
    if found.handed:
        sources = _sources(tree, {r.path for r in rows}, frozenset({rewriting.PYTHON}))
        handled = handlers.handling(found, sources, rows)
    placement = rewriting.place(sources, (*rows, *handled.replacements))
    chosen = {c.path: c.retriever for s in plan.secrets for c in s.consumers if c.retriever}
    context = Rewriting(accesses(plan), retriever, placement.modules, tiers, chosen=chosen)
    changes, skips, unmet = rewriting.rewrite(sources, rows, context, languages, placement.files, handled)
    apart = (s for s in unshared.values() if s.finding not in {a.finding for a in asked})
    by_code = handled.by_code - {skip.finding for skip in skips}
    return Preview(changes, (*asked, *apart, *skips), unmet, by_code)


def accesses(plan: Plan) -> dict[tuple[str, str], Access]:
    """How code reaches each field of each secret."""
    rows = {}
    twins = {(s.component, s.environment): s for s in reversed(plan.secrets)}
    for secret in plan.secrets:
        templates = {
            e.name: _name_in(plan, twins.get((secret.component, e.name)), secret, e) for e in plan.environments
        }
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


def _name_in(plan: Plan, twin: Secret | None, secret: Secret, environment: Environment) -> str:
    return plan.secret_name(twin) if twin else environment.secret_name(plan.application, secret.component)


def _sources(tree: Tree, touched: set[str], further: frozenset[str] = frozenset()) -> dict[str, Source]:
    """Every file of the languages that are rewritten, and of ``further`` ones: a variable's uses stand in other files than its value.

    Rotation functions that were generated are none of them: what they mention must not decide how the application is rewritten, or
    `apply`, which writes them first, would write something else than `plan` has shown.
    """
    spoken = {tree.reading.sources[path].language for path in touched if path in tree.reading.sources} | further
    generated = tuple(f"migration/{environment.name}/rotation/" for environment in tree.plan.environments)
    sources = {name: source for name, source in tree.reading.sources.items() if not name.startswith(generated)}
    walk = discover.Walk(tree.root)
    wanted = tuple(suffix for s in spoken for suffix in pipeline.languages()[s].suffixes)
    dependencies = rewriting.DEPENDENCY_FILES if rewriting.PYTHON in spoken else ()
    for name in discover.files(tree.root, [tree.root]):
        listed = name.endswith(dependencies) if dependencies else False
        if name in sources or name.startswith(generated) or not (listed or name.lower().endswith(wanted)):
            continue
        data = discover.read(walk, name)
        language = pipeline.language_of(name, data) if data is not None else None
        if data is not None and (listed or (language and language.name in spoken)):
            sources[name] = Source(name, data, language.name if language else "")
    return sources
