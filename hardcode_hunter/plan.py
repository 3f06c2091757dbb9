"""Findings become secrets, consumers, replacements and skips. Planning again keeps what a person edited, matched by finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hardcode_hunter import consumers, reported
from hardcode_hunter.binding import replacement, seals
from hardcode_hunter.grouping import Group, group, slug
from hardcode_hunter.model import (
    Environment,
    Field,
    Finding,
    Home,
    Kind,
    Order,
    Origin,
    Plan,
    Question,
    Replacement,
    RotationChoice,
    Secret,
    SecretField,
    Shape,
    Skip,
    Source,
    Verdict,
)
from hardcode_hunter.naming import Names
from hardcode_hunter.planfile import answered
from hardcode_hunter.plugins import Language, Rotation

DATABASE_KEYS = ("engine", "host", "port", "dbname", "username", "password")
NEVER_ROTATED = {
    Kind.SIGNING_KEY: "a new signing key invalidates every session and signature; rotate it by hand, with the old key accepted for a while",
    Kind.ENCRYPTION_KEY: "a new encryption key makes stored data unreadable; never rotated automatically",
    Kind.PRIVATE_KEY: "the other side holds the public key; rotate both together, by hand",
}
NOT_ROTATED = "no rotation function for it: revoke and renew it where it was issued, then store the new value"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked for on the command line; empty means "as the plan says, else the default"."""

    application: str = ""
    environment: str = ""
    account: str = ""
    region: str = ""
    profile: str = ""
    order: str = ""
    retriever: str = ""
    infrastructure: str = ""
    trees: tuple[str, ...] = ()


def make(
    findings: Sequence[Finding],
    sources: Mapping[str, Source],
    languages: Mapping[str, Language],
    rotations: Mapping[str, Rotation],
    wish: Wish,
    application: str,
    previous: Plan | None = None,
    done: frozenset[str] = frozenset(),
) -> Plan:
    """The plan for ``findings``. ``done`` are paths that an earlier apply has rewritten: their origins stay in the plan."""
    movable, skips = _movable(findings, languages)
    answers = {q.id: q.answer for s in (previous.secrets if previous else ()) for q in s.questions if q.answer}
    groups = _regroup(group(movable, answers), previous)
    environments = _environments([g for g, _ in groups], wish, previous)
    if not wish.environment and len(environments) > 1:
        _ask_environment([g for g, _ in groups])
    secrets = {s.id: s for s in _kept(previous, done, {f.id for f in movable})}
    names, places = Names(environments, previous), consumers.Places(sources, languages)
    for members, old in groups:
        fresh = _secret(members, environments, old.id if old else names.name(members), rotations, places)
        merged = _merge(fresh, old, members) if old else fresh
        names.take(merged)
        secrets[merged.id] = answered(merged, answers)
    plan = Plan(
        application=wish.application or (previous.application if previous else slug(application)),
        order=Order(wish.order or (previous.order if previous else Order.SHELL_FIRST)),
        retriever=wish.retriever or (previous.retriever if previous else "helper"),
        infrastructure=wish.infrastructure
        or (previous.infrastructure if previous else _infrastructure(findings, sources)),
        environments=environments,
        secrets=tuple(sorted(secrets.values(), key=lambda s: s.id)),
        replacements=(),
        skips=tuple(sorted(skips, key=lambda s: (s.path, s.line, s.finding))),
        files={},
        forced=previous.forced if previous else (),
        trees=tuple(dict.fromkeys((*(previous.trees if previous else ()), *wish.trees))),
    )
    plan = replace(plan, replacements=_replacements(plan, {f.id: f for f in movable}, previous))
    return replace(plan, files=seals(plan, findings, sources, previous, done))


# ---------------------------------------------------------------- what moves


def _movable(findings: Sequence[Finding], languages: Mapping[str, Language]) -> tuple[list[Finding], list[Skip]]:
    movable: list[Finding] = []
    skips: list[Skip] = []
    for finding in findings:
        language = languages.get(finding.language)
        if finding.verdict is Verdict.TEST_VALUE:
            skips.append(_skip(finding, "test-value", "a value in a test stays in the test; use an obvious fake"))
        elif finding.verdict is Verdict.REPORT:
            skips.append(_skip(finding, *reported.reason(finding)))
        elif language is None or language.rewrite is None:
            title = language.title if language else finding.language
            skips.append(
                _skip(
                    finding, "no-rewriter", f"{title} files are not rewritten: move this value by hand, then run verify"
                )
            )
        else:
            movable.append(finding)
    return movable, skips


def _skip(finding: Finding, code: str, why: str) -> Skip:
    return Skip(finding.id, finding.path, finding.line, code, why, finding.rule)


def _regroup(groups: list[Group], previous: Plan | None) -> list[tuple[Group, Secret | None]]:
    """A person's grouping wins: findings that the plan file places under one secret stay there, new ones join their kin."""
    home: dict[str, Secret] = {}
    for secret in previous.secrets if previous else ():
        home |= {origin.finding: secret for f in secret.fields for origin in f.origins if origin.finding}
    result: list[tuple[Group, Secret | None]] = []
    by_secret: dict[str, Group] = {}
    for whole in groups:
        default = next((home[f.id] for f in whole.findings if f.id in home), None)
        for finding in whole.findings:
            old = home.get(finding.id, default)
            if old and any(q.answer == "one" for q in old.questions):
                old = default
            key = old.id if old else f"new {whole.first.id}"
            if key not in by_secret:
                by_secret[key] = Group([], whole.environment, list(whole.questions))
                result.append((by_secret[key], old))
            by_secret[key].findings.append(finding)
    return result


def _kept(previous: Plan | None, done: frozenset[str], present: set[str]) -> Iterable[Secret]:
    """Secrets whose literals an earlier apply has moved: verify and rotate still need them."""
    for secret in previous.secrets if previous else ():
        moved = [
            o for f in secret.fields for o in f.origins if o.finding and o.path in done and o.finding not in present
        ]
        if moved:
            yield secret


def _merge(fresh: Secret, old: Secret, members: Group) -> Secret:
    """The fresh secret with everything of the old one that a person can have edited."""
    keys = {(o.fingerprint, o.part): f.key for f in old.fields for o in f.origins}
    constants = {f.key: f for f in old.fields if f.constant is not None}
    present = {f.id for f in members.findings}
    places: dict[str, _Origins] = {}
    for f in old.fields:
        still = [o for o in f.origins if not o.finding or o.finding not in present]
        if still and f.key not in constants:
            places[f.key] = _Origins(still)
    for f in fresh.fields:
        for origin in f.origins:
            key = keys.get((origin.fingerprint, origin.part), f.key)
            if key in constants:
                continue
            if not origin.finding and old.key(key) and not (key in places and places[key].at(origin)):
                continue  # a password that was moved here by hand leaves its own host and user behind
            if old.existing and not origin.finding and key not in places:
                continue  # an adopted secret has the keys that it has
            places.setdefault(key, _Origins()).put(origin)
    consumers = {(c.path, c.symbol): c for c in (*fresh.consumers, *old.consumers)}
    return replace(
        old,
        fields=_ordered(constants | {key: SecretField(key, rows.all) for key, rows in places.items()}),
        consumers=tuple(sorted(consumers.values(), key=lambda c: (c.path, c.line, c.symbol))),
        questions=fresh.questions,
    )


# ---------------------------------------------------------------- one secret


def _secret(
    members: Group,
    environments: Sequence[Environment],
    id: str,
    rotations: Mapping[str, Rotation],
    places: consumers.Places,
) -> Secret:
    first = min(members.findings, key=lambda f: (f.kind not in (Kind.DATABASE, Kind.CONNECTION_URL), not f.fields))
    fields = _fields(members.findings, first)
    kind = Kind.DATABASE if first.kind is Kind.CONNECTION_URL and first.engine else first.kind
    environment = members.environment or environments[0].name
    rotation = _rotation(kind, first, {f.key for f in fields}, rotations)
    managed = next((found for f in members.findings if (found := consumers.managed(f))), "")
    return Secret(
        id=id,
        kind=kind,
        home=first.home,
        environment=environment,
        fields=fields,
        why=_why(first, managed),
        engine=first.engine,
        form="text" if kind is Kind.PRIVATE_KEY and len(fields) == 1 else "json",
        rotation=rotation,
        consumers=places.of(members.findings),
        questions=tuple(members.questions),
        managed_resource=managed,
    )


def _fields(findings: Sequence[Finding], first: Finding) -> tuple[SecretField, ...]:
    places: dict[str, _Origins] = {}
    keys: dict[str, str] = {}  # one value has one key, whatever each place calls it
    for finding in findings:
        own = _own_field(finding)
        key = keys.setdefault(finding.digest, finding.role)
        part = own.part if own else ""
        origin = Origin(finding.path, finding.symbol, finding.ordinal, part, finding.shape, finding.id, finding.line)
        places.setdefault(key, _Origins()).add(origin)
    digests = {role: digest for f in findings for role, digest in ((x.role, x.digest) for x in f.fields)}
    for finding in findings:
        for sibling in finding.fields:
            own = _own_field(finding)
            if sibling is own or sibling.role == finding.role or sibling.digest != digests[sibling.role]:
                continue
            shape = finding.shape if sibling.part else Shape.WHOLE
            origin = Origin(sibling.path, sibling.symbol, sibling.ordinal, sibling.part, shape, "", sibling.line)
            places.setdefault(sibling.role, _Origins()).add(origin)
    fields = {key: SecretField(key, rows.all) for key, rows in places.items()}
    if first.engine and first.kind in (Kind.DATABASE, Kind.CONNECTION_URL):
        fields["engine"] = replace(fields.get("engine", SecretField("engine")), constant=first.engine)
    return _ordered(fields)


def _own_field(finding: Finding) -> Field | None:
    return next(
        (f for f in finding.fields if f.role == finding.role and f.path == finding.path and f.span == finding.span),
        None,
    )


class _Origins:
    """The places of one field, each once: a value can stand at thousands."""

    def __init__(self, origins: Iterable[Origin] = ()) -> None:
        self._rows = {(o.fingerprint, o.part): o for o in origins}
        self._prints = {fingerprint for fingerprint, _ in self._rows}

    @property
    def all(self) -> tuple[Origin, ...]:
        return tuple(self._rows.values())

    def at(self, origin: Origin) -> bool:
        """Whether one of them is the same literal, whichever part of it."""
        return origin.fingerprint in self._prints

    def add(self, origin: Origin) -> None:
        self._rows.setdefault((origin.fingerprint, origin.part), origin)
        self._prints.add(origin.fingerprint)

    def put(self, origin: Origin) -> None:
        """The origin in place of the one that was known, and after all others."""
        self._rows.pop((origin.fingerprint, origin.part), None)
        self.add(origin)


def _ordered(fields: Mapping[str, SecretField]) -> tuple[SecretField, ...]:
    def rank(key: str) -> tuple[int, str]:
        return (DATABASE_KEYS.index(key) if key in DATABASE_KEYS else len(DATABASE_KEYS), key)

    return tuple(fields[key] for key in sorted(fields, key=rank))


def _why(finding: Finding, managed: str) -> str:
    if managed and finding.home is Home.SECRETS_MANAGER:
        return f"the live master password of {managed}; AWS can keep and rotate one itself: set home to managed-password, after a review, since that sets a new password"
    return {
        Home.SECRETS_MANAGER: "a credential that can change: Secrets Manager versions, audits and rotates it",
        Home.PARAMETER_STORE: "small, static and never rotated: a SecureString parameter costs nothing",
        Home.MANAGED: "a master password that the service itself can keep and rotate",
        Home.ROLE: "static AWS keys are not stored anywhere: the code gets its rights from a role",
    }[finding.home]


def _rotation(kind: Kind, finding: Finding, keys: set[str], rotations: Mapping[str, Rotation]) -> RotationChoice:
    if finding.home is not Home.SECRETS_MANAGER:
        return RotationChoice("none", f"nothing to rotate: the home is {finding.home.value}")
    if kind in NEVER_ROTATED:
        return RotationChoice("none", NEVER_ROTATED[kind])
    rotation = rotations.get(finding.rotation) or _serving(kind, finding.engine, rotations)
    if rotation is None:
        kept = next(
            (r.name for r in rotations.values() if r.users == "hosted single" and finding.engine in r.engines), ""
        )
        return RotationChoice("none", f"AWS keeps a function for it: set the name to {kept}" if kept else NOT_ROTATED)
    missing = ", ".join(key for key in rotation.required_keys if key not in keys)
    if missing:
        why = f"{rotation.name} needs {missing} in the secret: add them as constants and set the name"
        return RotationChoice("none", why)
    return RotationChoice(rotation.name, rotation.title)


def _serving(kind: Kind, engine: str, rotations: Mapping[str, Rotation]) -> Rotation | None:
    """The rotation for a rule that leaves it to the engine: one that needs no second login."""
    serving = (r for r in rotations.values() if r.users == "single" and engine in r.engines)
    return next(serving, None) if kind is Kind.DATABASE and engine else None


# ---------------------------------------------------------------- environments


def _environments(groups: Sequence[Group], wish: Wish, previous: Plan | None) -> tuple[Environment, ...]:
    known = {e.name: e for e in previous.environments} if previous else {}
    named = [wish.environment] if wish.environment else []
    if not known and not named:
        named = [g.environment for g in groups if g.environment]
        named = sorted(set(named), key=lambda n: (n != "production", n)) or ["production"]
    elif wish.environment or known:
        named += [g.environment for g in groups if g.environment and not wish.environment]
    for name in named:
        known.setdefault(name, Environment(name))
    for members in groups:
        if wish.environment:
            members.environment = wish.environment
    first = wish.environment or next(iter(known))
    known[first] = replace(
        known[first],
        account=wish.account or known[first].account,
        region=wish.region or known[first].region,
        profile=wish.profile or known[first].profile,
    )
    return tuple(known.values())


def _ask_environment(groups: Sequence[Group]) -> None:
    for members in groups:
        if not members.environment:
            places = ", ".join(f"{f.path}:{f.line}" for f in members.findings[:3])
            ask = f"To which environment does the value at {places} belong? Set 'environment' and answer 'set', or plan again with --environment NAME for all such values."
            members.questions.append(Question(f"environment-{members.first.id}", ask, ("set",)))


def _infrastructure(findings: Sequence[Finding], sources: Mapping[str, Source]) -> str:
    spoken = [s.language for s in sources.values()]
    return "terraform" if "terraform" in spoken and "cloudformation" not in spoken else "cloudformation"


def _replacements(plan: Plan, findings: Mapping[str, Finding], previous: Plan | None) -> tuple[Replacement, ...]:
    tiers = {r.finding: r.tier for r in previous.replacements} if previous else {}
    rows = []
    for secret in plan.secrets:
        for f in secret.fields:
            for origin in f.origins:
                finding = findings.get(origin.finding)
                if finding:
                    row = replacement(finding, secret.id, f.key, origin.part)
                    rows.append(replace(row, tier=tiers.get(finding.id, row.tier)))
    return tuple(sorted(rows, key=lambda r: (r.path, r.span, r.key)))
