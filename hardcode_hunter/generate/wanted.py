"""What is wanted of one environment, in the words of no particular tool: both back ends are written from this description."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hardcode_hunter.errors import UsageError
from hardcode_hunter.generate import names, readers
from hardcode_hunter.generate.limits import check_application, check_environment, check_name, check_schedule
from hardcode_hunter.generate.readers import Principal, RoleInput
from hardcode_hunter.model import Environment, Home, Order, Plan, Secret
from hardcode_hunter.plugins import Retriever, Rotation, load

RUNTIME = "python3.14"
"""The newest Python that Lambda runs (a test asks cfn-lint)."""

USER_ID = "user_id"
"""Key of the JSON that names an ElastiCache user."""

MASTER = "masterarn"
"""Key of the JSON that names another secret: the one whose login may change this one's (AWS rotation templates)."""

STORED = (Home.SECRETS_MANAGER, Home.PARAMETER_STORE)
SHARD = 25
"""Secrets per template and per rotation function. An inline policy of a role holds 10,240 characters and names each secret
twice (IAM and AWS STS quotas), a CloudFormation template 200 parameters and 500 resources: 25 secrets stay below all of them."""

_SECRET_ARN = re.compile(r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}\Z")
_USER = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")  # ElastiCache, CreateUser: UserId


@dataclass(frozen=True, slots=True)
class Item:
    """One secret and what gathers around it. ``declared`` secrets are created by the stack unless an existing ARN is given."""

    secret: Secret
    name: str
    declared: bool
    arn: str  # of the existing secret, when the plan has it
    principals: tuple[Principal, ...]
    inputs: tuple[RoleInput, ...]
    reads: tuple[str, ...]  # actions of the code that reads it
    function: str = ""  # id of the rotation function that serves it

    @property
    def id(self) -> str:
        """What the secret is called within its environment: the same in each, as the code that reads it is."""
        return self.secret.component

    @property
    def home(self) -> Home:
        return self.secret.home


@dataclass(frozen=True, slots=True)
class Function:
    """One rotation function with the secrets that it serves."""

    id: str  # "postgresql-single-user", or "postgresql-single-user-1" in the shard "1"
    rotation: Rotation
    secrets: tuple[str, ...]
    masters: tuple[str, ...] = ()  # ARNs of the secrets whose logins it works with
    users: tuple[str, ...] = ()  # ids of the ElastiCache users that it changes


@dataclass(frozen=True, slots=True)
class Shard:
    """The part of an environment that one template holds. The ``main`` one, whose name is empty, also holds the key."""

    name: str
    items: tuple[Item, ...]
    functions: tuple[Function, ...]

    def item(self, id: str) -> Item:
        return next(i for i in self.items if i.id == id)

    @property
    def own_functions(self) -> tuple[Function, ...]:
        """The functions that this template deploys itself."""
        return tuple(f for f in self.functions if not f.rotation.hosted)

    @property
    def main(self) -> bool:
        return not self.name

    @property
    def suffix(self) -> str:
        """What tells this shard's names apart from the main one's."""
        return f"-{self.name}" if self.name else ""

    @property
    def role_inputs(self) -> tuple[RoleInput, ...]:
        return tuple({i.id: i for item in self.items for i in item.inputs}.values())


@dataclass(frozen=True, slots=True)
class Stack:
    """One environment of the application."""

    application: str
    environment: Environment
    shards: tuple[Shard, ...]
    roles_instead: tuple[Secret, ...]  # credentials that are not stored at all
    waiting: tuple[Secret, ...]  # a question about them is open: they are left out
    rotating: bool  # switched on by `rotate`

    @property
    def directory(self) -> str:
        return f"migration/{self.environment.name}"

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(item for shard in self.shards for item in shard.items)

    @property
    def functions(self) -> tuple[Function, ...]:
        return tuple(f for shard in self.shards for f in shard.functions)

    def reports_failures(self, shard: Shard) -> bool:
        """Whether ``shard`` holds what only one template of the environment may hold: the rule for failed rotations."""
        return bool(shard.functions) and shard is next(s for s in self.shards if s.functions)

    @property
    def hosted(self) -> tuple[Item, ...]:
        """The secrets that functions of AWS's own rotate."""
        names = {f.id for f in self.functions if f.rotation.hosted}
        return tuple(item for item in self.items if item.function in names)

    def hosted_name(self, item: Item) -> str:
        """Name of the function that AWS deploys for ``item``: policies can tell it by, whatever its role is called."""
        return names.slug(f"{self.slug}-{item.id}-rotation", 64)

    @property
    def rotations(self) -> tuple[Rotation, ...]:
        return tuple({f.rotation.name: f.rotation for f in self.functions}.values())

    def serves(self, item: Item) -> bool:
        """Whether rotation functions read ``item``: to rotate it, or because another secret names it as its master."""
        masters = {master for function in self.functions for master in function.masters}
        named = re.compile(rf".*:secret:{re.escape(item.name)}-[A-Za-z0-9]{{6}}\\Z")
        return item.secret.rotation.name != "none" or item.arn in masters or any(named.match(m) for m in masters)

    def foreign(self, item: Item, account: str = "") -> tuple[Principal, ...]:
        """The readers of ``item`` in another account than the environment's: in ``account``, or in any."""
        own = self.environment.account
        if not own or item.home is not Home.SECRETS_MANAGER:
            return ()
        return tuple(p for p in item.principals if p.account != own and account in ("", p.account))

    @property
    def foreign_accounts(self) -> tuple[str, ...]:
        """Other accounts with readers."""
        return tuple(sorted({p.account for item in self.items for p in self.foreign(item)}))

    def replica_regions(self, item: Item) -> tuple[str, ...]:
        """Regions with a copy of ``item``."""
        return self.environment.replicas if item.declared else ()

    @property
    def copied_to(self) -> tuple[str, ...]:
        """Regions with a copy of any secret."""
        return self.environment.replicas if any(item.declared for item in self.items) else ()

    @property
    def has_key(self) -> bool:
        return any(item.home in STORED for item in self.items)

    @property
    def slug(self) -> str:
        return f"{names.slug(self.application)}-{names.slug(self.environment.name, 20)}"

    @property
    def alias(self) -> str:
        return names.key_alias(self.application, self.environment.name)

    @property
    def rotation_path(self) -> str:
        """IAM path of the rotation functions' roles: policies can name it before any such role exists."""
        return f"/{names.slug(self.application)}/{names.slug(self.environment.name, 20)}/rotation/"

    @property
    def name_pattern(self) -> str:
        """An IAM pattern for the names of all secrets of this environment."""
        return self.environment.secret_name(self.application, "*")

    def tags(self, item: Item) -> dict[str, str]:
        """Tags of one secret: the plan's own win over ours."""
        return {**self.common_tags, "secret": item.id, **self.environment.tags}

    @property
    def common_tags(self) -> dict[str, str]:
        return {
            "application": self.application,
            "environment": self.environment.name,
            "managed-by": "hardcode-hunter",
            **self.environment.tags,
        }


def stacks(plan: Plan, enabled: frozenset[str]) -> tuple[Stack, ...]:
    """The wanted stacks, in the plan's order of environments. Raises ``UsageError`` for what no template could deploy."""
    check_application(plan.application)
    known = {s.id for s in plan.secrets}
    for id in sorted(enabled - known):
        raise UsageError(f"rotation was to be enabled for '{id}', but migration/plan.yaml has no such secret")
    retrievers = load("retrievers", Retriever)
    if plan.retriever not in retrievers:
        raise UsageError(
            f"migration/plan.yaml: no retriever is called '{plan.retriever}'; known: {', '.join(retrievers)}"
        )
    return tuple(_stack(plan, environment, enabled, retrievers) for environment in plan.environments)


def _stack(plan: Plan, environment: Environment, enabled: frozenset[str], retrievers: Mapping[str, Retriever]) -> Stack:
    check_environment(environment)
    all_here = [s for s in plan.secrets if s.environment == environment.name]
    secrets = [s for s in all_here if not s.blocked]
    stored = [s for s in secrets if s.home is not Home.ROLE]
    given = {c.path: c.retriever for s in plan.secrets for c in s.consumers if c.retriever in retrievers}
    items = [_item(plan, environment, secret, _reads(plan, secret, retrievers, given)) for secret in stored]
    _check_unique(environment, items)
    on = frozenset(s.id for s in secrets) & enabled
    shards = tuple(_shard(name, group, on) for name, group in _groups(items, "")) if items else ()
    roles = tuple(s for s in secrets if s.home is Home.ROLE)
    waiting = tuple(s for s in all_here if s.blocked)
    return Stack(plan.application, environment, shards, roles, waiting, bool(on))


def _reads(
    plan: Plan, secret: Secret, retrievers: Mapping[str, Retriever], given: Mapping[str, str]
) -> tuple[str, ...]:
    """The actions of the code that reads ``secret``: of the plan's retriever, and of what a consumer's file was given instead."""
    if secret.home is Home.PARAMETER_STORE:
        return ("ssm:GetParameter",)
    used = {given.get(c.path, plan.retriever) for c in secret.consumers} or {plan.retriever}
    return tuple(sorted({action for name in used for action in retrievers[name].iam_actions}))


def _groups(items: Sequence[Item], bits: str) -> Iterator[tuple[str, Sequence[Item]]]:
    """Items by shard. A group that grows too large is halved by the next bit of a hash of its ids, and the half with the zero keeps
    the name: another secret moves none of the others, but for the half of a group that has just become too large."""
    if len(items) <= SHARD:
        yield bits.rstrip("0"), items
        return
    for bit in "01":
        yield from _groups([i for i in items if _bit(i.id, len(bits)) == bit], bits + bit)


def _bit(id: str, number: int) -> str:
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).digest()
    return str(digest[number // 8] >> (7 - number % 8) & 1)


def _shard(name: str, items: Sequence[Item], on: frozenset[str]) -> Shard:
    """While nothing is switched on, every rotation waits behind the parameter; afterwards only those that were let through."""
    serving: dict[str, list[Item]] = {}
    for item in items:
        if item.secret.rotation.name != "none" and (not on or item.secret.id in on):
            serving.setdefault(item.secret.rotation.name, []).append(item)
    functions, placed = [], {}
    suffix = f"-{name}" if name else ""
    for rotation, served in sorted(serving.items()):
        id = names.slug(rotation, 60).replace("_", "-") + suffix
        masters = tuple(sorted({_master(i.secret) for i in served} - {""}))
        users = tuple(sorted({_constant(i.secret, USER_ID) for i in served} - {""}))
        functions.append(Function(id, _rotation(served), tuple(i.id for i in served), masters, users))
        placed.update({item.id: id for item in served})
    return Shard(name, tuple(_served(item, placed.get(item.id, "")) for item in items), tuple(functions))


def _served(item: Item, function: str) -> Item:
    return replace(item, function=function)


def _rotation(items: Sequence[Item]) -> Rotation:
    """The rotation that all of ``items`` chose, when each of them can be served by it."""
    known = load("rotations", Rotation)
    for item in items:
        choice, where = item.secret.rotation, f"migration/plan.yaml: secret '{item.secret.id}': rotation"
        rotation = known.get(choice.name)
        if rotation is None:
            raise UsageError(f"{where} '{choice.name}' does not exist; known: {', '.join(known) or 'none'}, or 'none'")
        if item.home is not Home.SECRETS_MANAGER or item.secret.form != "json":
            raise UsageError(
                f"{where} '{choice.name}' needs a JSON secret in Secrets Manager; choose 'none' or change home and form"
            )
        if item.secret.engine and rotation.engines and item.secret.engine not in rotation.engines:
            raise UsageError(f"{where} '{choice.name}' serves {', '.join(rotation.engines)}, not {item.secret.engine}")
        missing = [key for key in rotation.required_keys if item.secret.key(key) is None]
        if missing:
            raise UsageError(f"{where} '{choice.name}' needs the field {', '.join(missing)}; add it or choose 'none'")
        _check_master(where, item.secret)
        if USER_ID in rotation.required_keys and not _USER.match(_constant(item.secret, USER_ID)):
            raise UsageError(
                f"{where} '{choice.name}': the field '{USER_ID}' must be a constant, the id of the ElastiCache user"
            )
        check_schedule(where, choice.schedule)
    chosen: Rotation = known[items[0].secret.rotation.name]
    return chosen


def _master(secret: Secret) -> str:
    """ARN of the secret with whose login a rotation function works; empty when it needs no other login."""
    return _constant(secret, MASTER)


def _constant(secret: Secret, key: str) -> str:
    field = secret.key(key)
    return field.constant if field and isinstance(field.constant, str) else ""


def _check_master(where: str, secret: Secret) -> None:
    """The function may read no secret but those that its policy names, so the plan must know the master's ARN."""
    field = secret.key(MASTER)
    if field and not (isinstance(field.constant, str) and _SECRET_ARN.match(field.constant)):
        raise UsageError(
            f"{where}: the field '{MASTER}' must be a constant, the full ARN of the secret with the master's login"
        )


def _item(plan: Plan, environment: Environment, secret: Secret, reads: tuple[str, ...]) -> Item:
    where = f"migration/plan.yaml: secret '{secret.id}'"
    name = plan.secret_name(secret)
    arn = name if name.startswith("arn:") else ""
    if arn and not _SECRET_ARN.match(arn):
        raise UsageError(
            f"{where}: 'existing' is no ARN of a secret; give the full ARN, with its six random characters"
        )
    if not arn:
        check_name(where, secret.home, name)
    if len(secret.component) > 128:
        raise UsageError(f"{where}: its id becomes a tag and part of identifiers: at most 128 characters")
    declared = secret.home is Home.SECRETS_MANAGER and plan.order is Order.SHELL_FIRST and not secret.existing
    principals, inputs = readers.readers(where, secret)
    away = [p for p in principals if environment.account and p.account != environment.account]
    if away and secret.home is Home.PARAMETER_STORE:
        raise UsageError(
            f"{where}: {away[0].arn} is in another account, which can't read a parameter of this one; choose the home 'secretsmanager'"
        )
    return Item(secret, name, declared, arn, principals, inputs, reads)


def _check_unique(environment: Environment, items: Sequence[Item]) -> None:
    seen: dict[str, str] = {}
    for item in items:
        for kind, key in (
            ("name", item.name),
            ("identifier", names.logical_id(item.id)),
            ("identifier", names.snake(item.id)),
        ):
            other = seen.setdefault(f"{kind} {key}", item.secret.id)
            if other != item.secret.id:
                raise UsageError(
                    f"migration/plan.yaml: secrets '{other}' and '{item.secret.id}' have one {kind} in '{environment.name}'; rename one"
                )
