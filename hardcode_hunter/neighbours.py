"""Other trees whose code uses the same credentials: a rotation breaks them as it breaks this one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hardcode_hunter import config, discover, ledger, pipeline, planfile
from hardcode_hunter import verify as verifying
from hardcode_hunter.errors import HardcodeHunterError, UsageError
from hardcode_hunter.migration import Tree
from hardcode_hunter.model import Consumer, Finding, Obstacle, Plaintext, Plan, Secret
from hardcode_hunter.store import connect, fetch
from hardcode_hunter.verify import Search

Values = Mapping[tuple[str, str], Plaintext]
_ARN = re.compile(
    r"arn:[a-z-]+:(?:secretsmanager|ssm):(?P<region>[^:]+):(?P<account>\d+):(?:secret:|parameter)(?P<name>.+)\Z"
)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One other tree, in paths as they are seen from this one.

    ``consumers`` read the secrets of this plan, by its ids, and ``recorded`` is how to record that one is deployed; ``deployed`` are those
    that are. ``shared`` are logins that the other plan keeps in secrets of its own.
    """

    name: str
    findings: tuple[Finding, ...]
    search: Search
    consumers: tuple[tuple[str, Consumer], ...] = ()
    deployed: frozenset[tuple[str, str]] = frozenset()
    recorded: Mapping[tuple[str, str], str] = field(default_factory=dict)
    shared: tuple[Obstacle, ...] = ()


def look(tree: Tree, others: Iterable[str], values: Values) -> tuple[Neighbour, ...]:
    """What is in the way in the trees ``others`` (paths, those of the plan relative to ``tree``). Raises ``UsageError`` for one that isn't there."""
    return tuple(_look(tree, root, values) for root in _roots(tree.root, others))


def _roots(here: Path, others: Iterable[str]) -> list[Path]:
    found: dict[Path, None] = {}
    for other in others:
        root = Path(os.path.realpath(here / other))
        if not root.is_dir():
            raise UsageError(
                f"--consumers {other}: there is no such directory; give the checkout of the other application"
            )
        real = Path(os.path.realpath(here))
        if root == real or root.is_relative_to(real) or real.is_relative_to(root):
            raise UsageError(f"--consumers {other}: is this tree or a part of it; name another application's checkout")
        found[root] = None
    return list(found)


def _look(tree: Tree, root: Path, values: Values) -> Neighbour:
    name = os.path.relpath(root, os.path.realpath(tree.root))
    scan, _ = pipeline.scan([root], config.load(root), root, key=tree.reading.key)
    findings = tuple(replace(f, path=f"{name}/{f.path}") for f in (*scan.findings, *scan.suppressed))
    names = [n for n in discover.everything(root) if not n.startswith("migration/")]
    found = verifying.copies(root, names, values, findings=scan.findings)
    search = Search(
        tuple(replace(c, path=f"{name}/{c.path}") for c in found.copies),
        found.files,
        tuple(replace(p, path=f"{name}/{p.path}") for p in (*found.problems, *(p for p in scan.problems if p.fatal))),
    )
    file = root / planfile.PLAN_FILE
    if not file.exists():
        return Neighbour(name, findings, search)
    return _planned(tree, root, Neighbour(name, findings, search), planfile.load(file), values)


def _planned(tree: Tree, root: Path, seen: Neighbour, theirs: Plan, values: Values) -> Neighbour:
    """With what the other tree's own plan says of the same secrets."""
    deployed = ledger.glance(root)
    consumers: list[tuple[str, Consumer]] = []
    known: set[tuple[str, str]] = set()
    recorded: dict[tuple[str, str], str] = {}
    shared: list[Obstacle] = []
    for ours in tree.plan.secrets:
        twins = [s for s in theirs.secrets if same_secret(tree.plan, ours, theirs, s)]
        for twin in twins:
            for consumer in twin.consumers:
                placed = replace(consumer, path=f"{seen.name}/{consumer.path}")
                consumers.append((ours.id, placed))
                recorded[ours.id, placed.name] = (
                    f"hardcode-hunter status {seen.name} --deployed {twin.id} {consumer.name}"
                )
                if (twin.id, consumer.name) in deployed:
                    known.add((ours.id, placed.name))
    apart = tuple(s for s in theirs.secrets if not any(same_secret(tree.plan, o, theirs, s) for o in tree.plan.secrets))
    place = f"{seen.name}/{planfile.PLAN_FILE}"
    kept, unread = _kept(replace(theirs, secrets=apart))
    for ours in tree.plan.secrets:
        shared += [Obstacle(ours.id, place, 1, "unknown", f"could not be checked: {why}") for why in unread]
        for other in apart:
            if same_login(ours, values, other, kept):
                shared.append(
                    Obstacle(
                        ours.id,
                        place,
                        1,
                        "shared-login",
                        _shared(theirs.secret_name(other), other.id, tree.plan.secret_name(ours)),
                    )
                )
    return replace(seen, consumers=tuple(consumers), deployed=frozenset(known), recorded=recorded, shared=tuple(shared))


def _shared(other: str, id: str, name: str) -> str:
    return (
        f"{other} holds the same login and would keep the old password: let one secret serve both "
        f"(there: `hardcode-hunter plan --adopt {id}={name}`)"
    )


def _kept(plan: Plan) -> tuple[Values, list[str]]:
    """The values that the other plan's secrets hold in the store, and why they can't be known."""
    values: dict[tuple[str, str], Plaintext] = {}
    unread: list[str] = []
    for environment in plan.environments:
        members = tuple(s for s in plan.secrets if s.environment == environment.name and s.home in verifying.STORED)
        if not members:
            continue
        try:
            found, failed = fetch(replace(plan, secrets=members), environment.name, connect(environment), {})
        except HardcodeHunterError as error:
            unread.append(str(error))
            continue
        values |= found
        unread += [why for why in failed if "has no value" not in why]
    return values, unread


def same_secret(ours: Plan, our: Secret, theirs: Plan, their: Secret) -> bool:
    """Whether two plans mean one secret in the store, by name, or by ARN where one has it."""
    pairs = zip(_identity(ours, our), _identity(theirs, their), strict=True)
    # an account or region that a plan doesn't say may be any
    return our.home is their.home and all(a == b or not (a and b) for a, b in pairs)


def _identity(plan: Plan, secret: Secret) -> tuple[str, str, str]:
    name, environment = plan.secret_name(secret), plan.environment(secret.environment)
    match = _ARN.match(name)
    if match is None:
        return environment.account, environment.region, name.lstrip("/")
    plain = match["name"].lstrip("/")
    return match["account"], match["region"], re.sub(r"-[A-Za-z0-9]{6}\Z", "", plain)


def same_login(our: Secret, ours: Values, their: Secret, theirs: Values) -> bool:
    """Whether two secrets hold one login: the same password, and neither user nor host say otherwise."""

    def value(secret: Secret, values: Values, key: str) -> str:
        field = secret.key(key)
        if field is not None and field.constant is not None:
            return str(field.constant)
        found = values.get((secret.id, key))
        return found.reveal() if found is not None else ""

    mine, other = (value(s, v, "password") for s, v in ((our, ours), (their, theirs)))
    if not mine or mine != other:
        return False
    pairs: Sequence[tuple[str, str]] = [
        (value(our, ours, k), value(their, theirs, k)) for k in ("username", "host", "engine")
    ]
    return all(a == b or not (a and b) for a, b in pairs)
