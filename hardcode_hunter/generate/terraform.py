"""The Terraform back end: one root module per environment, for Terraform 1.11 and the AWS provider 6 or newer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hardcode_hunter.generate import names, policies, quoting
from hardcode_hunter.generate.policies import Flat, Many, One, Text, When
from hardcode_hunter.generate.quoting import Raw
from hardcode_hunter.generate.readers import RoleInput
from hardcode_hunter.generate.wanted import RUNTIME, Function, Item, Shard, Stack
from hardcode_hunter.model import Home

FILES = ("versions.tf", "variables.tf", "key.tf", "secrets.tf", "consumers.tf", "rotation.tf", "outputs.tf")

_IAM_ARN = r"^arn:[a-z-]+:iam::[0-9]{12}:(root|(role|user)/[\w+=,.@/-]+)$"
_ROLE_NAME = r"^[\w+=,.@-]{1,64}$"


@dataclass(frozen=True, slots=True)
class Variable:
    """An input variable; without a ``default`` it is required. ``check`` is a regular expression for it or for each member."""

    name: str
    description: str
    type: str = "string"
    default: object = None
    required: bool = False
    check: str = ""
    message: str = ""


def files(stack: Stack) -> Mapping[str, str]:
    """Text of each file of the root module, by its name."""
    values = _Writer(stack).values()
    absent = {*(() if stack.has_key else ("key.tf",)), *(() if stack.functions else ("rotation.tf",))}
    texts = {name: quoting.render(f"terraform/{name}.j2", values) for name in FILES if name not in absent}
    return {name: quoting.aligned(text) for name, text in texts.items()}


# ---------------------------------------------------------------- variables


def variables(stack: Stack) -> tuple[Variable, ...]:
    """All variables of the root module, required ones first."""
    found = [*_people(stack), *_inputs(stack), *_replicas(stack), *(v for item in stack.items for v in _existing(item))]
    if stack.functions:
        found += _rotation_variables(stack)
    return tuple(sorted(found, key=lambda v: not v.required))


def _people(stack: Stack) -> Iterable[Variable]:
    if not stack.has_key:
        return
    rows = {
        "administrator_arns": "ARNs of the roles that administer key and policies and may delete; they can decrypt nothing.",
        "deployer_arns": "ARNs of the roles that apply this configuration, now and later; they can read no value.",
        "writer_arns": "ARNs of the roles that store values and read them back.",
    }
    for name, description in rows.items():
        yield Variable(
            name, description, "list(string)", None, True, _IAM_ARN, "Give at least one ARN of an IAM role or user."
        )


def input_name(source: RoleInput) -> str:
    if source.of:
        return f"role_{names.snake(source.of)}"
    return f"{names.snake(source.kind or 'consumer')}_roles_{names.snake(source.secret)}"


def _role_inputs(stack: Stack) -> tuple[RoleInput, ...]:
    return tuple({i.id: i for shard in stack.shards for i in shard.role_inputs}.values())


def _inputs(stack: Stack) -> Iterable[Variable]:
    for source in _role_inputs(stack):
        description = quoting.one_line(source.description)
        yield Variable(
            input_name(source),
            description,
            "list(string)",
            None,
            True,
            _ROLE_NAME,
            "Give at least one name of a role, no ARN.",
        )


def arn_variable(item: Item) -> str:
    return f"{'managed' if item.home is Home.MANAGED else 'existing'}_secret_arn_{names.snake(item.id)}"


def key_variable(item: Item) -> str:
    return f"{'managed' if item.home is Home.MANAGED else 'existing'}_key_arn_{names.snake(item.id)}"


def replica_key_variable(region: str) -> str:
    return f"replica_key_arn_{names.snake(region)}"


def _replicas(stack: Stack) -> Iterable[Variable]:
    if any(item.declared for item in stack.items):
        for region in stack.environment.replicas:
            text = f"ARN of the customer managed key in {region} that encrypts the copies there."
            yield Variable(replica_key_variable(region), text, required=True)


def _existing(item: Item) -> Iterable[Variable]:
    if item.home is Home.PARAMETER_STORE:
        return
    if item.home is Home.MANAGED:
        description = f"ARN of the secret that the service keeps for '{item.id}'."
    elif item.declared:
        description = f"ARN of a secret that exists already, to be used for '{item.id}' instead of a new one."
    else:
        description = f"ARN of the existing secret for '{item.id}'."
    yield Variable(
        arn_variable(item), description, default=item.arn or None, required=not item.declared and not item.arn
    )
    yield Variable(
        key_variable(item), f"ARN of the customer managed key of the secret '{item.id}', when it has one of its own."
    )


def package_variable(function: Function) -> str:
    return f"rotation_package_{names.snake(function.rotation.name)}"


def master_key_variable(function: Function) -> str:
    return f"master_key_arn_{names.snake(function.id)}"


def _rotation_variables(stack: Stack) -> Iterable[Variable]:
    yield Variable(
        "enable_rotation", "Whether rotation runs. Only after every consumer reads the secret.", "bool", stack.rotating
    )
    for rotation in stack.rotations:
        name = f"rotation_package_{names.snake(rotation.name)}"
        yield Variable(
            name, f"Path of the package (zip) of {rotation.name}.", "string", f"rotation/{rotation.name}.zip"
        )
    for function in stack.functions:
        if function.masters:
            text = f"ARN of the customer managed key of the master secrets of {function.rotation.name}, when it is none of this module's."
            yield Variable(master_key_variable(function), text)
    yield Variable(
        "rotation_subnet_ids", "Subnets for the rotation functions, when the database is in a VPC.", "list(string)", []
    )
    groups = "Security groups for the rotation functions: out to the database and to port 443."
    yield Variable("rotation_security_group_ids", groups, "list(string)", [])
    topic = "Topic that hears of failed rotations; it must let cloudwatch and events.amazonaws.com publish."
    yield Variable("rotation_alarm_topic_arn", topic)
    made = "Whether to make that topic here; not when rotation_alarm_topic_arn is given."
    yield Variable("create_alarm_topic", made, "bool", False)
    endpoint = "VPC in which to make an endpoint to Secrets Manager; null when it has one or a way to the internet."
    yield Variable("endpoint_vpc_id", endpoint)
    groups = "Security groups of that endpoint: in from the rotation functions and the readers on port 443."
    yield Variable("endpoint_security_group_ids", groups, "list(string)", [])
    boundary = "Permissions boundary of the roles that this configuration creates."
    yield Variable("permissions_boundary_arn", boundary, default=stack.environment.boundary or None)


# ---------------------------------------------------------------- symbols


class _Writer:
    """Turns the description of an environment into what the templates show."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.items = {item.id: item for item in stack.items}
        self.inputs = {i.id: i for i in _role_inputs(stack)}

    def values(self) -> Mapping[str, object]:
        stack = self.stack
        return {
            "slug": stack.slug,
            "provider": self._provider(),
            "variables": [self._variable(v) for v in variables(stack)],
            "locals": self._locals(),
            "key": {
                "description": f"Secrets of {stack.slug}",
                "alias": stack.alias,
                "policy": self.write(policies.key_policy(stack)) if stack.has_key else None,
                "tags": dict(sorted(stack.common_tags.items())),
            },
            "items": [self._item(item) for shard in stack.shards for item in shard.items],
            "functions": [self._function(shard, f) for shard in stack.shards for f in shard.functions],
            "failures": policies.FAILURES,
            "operations": self._operations(),
            "has_key": stack.has_key,
        }

    def _operations(self) -> Mapping[str, object]:
        """What stands once beside the rotation functions: a key for logs and alarms, a topic, an endpoint."""
        return {
            "description": f"Logs and alarms of {self.stack.slug}",
            "policy": self.write(policies.operations_key_policy()) if self.stack.has_key else None,
            "topic_policy": self.write(policies.topic_policy()),
            "endpoint_policy": self.write(policies.endpoint_policy()),
            "service": Raw('"com.amazonaws.${local.region}.secretsmanager"'),
            "tags": dict(sorted(self.stack.common_tags.items())),
        }

    def _provider(self) -> Mapping[str, object]:
        environment = self.stack.environment
        return {
            **({"region": environment.region} if environment.region else {}),
            **({"allowed_account_ids": [environment.account]} if environment.account else {}),
        }

    def _variable(self, variable: Variable) -> Mapping[str, object]:
        body: dict[str, object] = {"description": variable.description, "type": Raw(variable.type)}
        if not variable.required:
            body["default"] = Raw("null") if variable.default is None else variable.default
        elif variable.type == "string":
            body["nullable"] = False
        check = None
        if variable.check:
            pattern = quoting.hcl_string(variable.check)
            each = f"alltrue([for member in var.{variable.name} : can(regex({pattern}, member))])"
            check = {"condition": Raw(f"length(var.{variable.name}) > 0 && {each}"), "error_message": variable.message}
        return {"name": variable.name, "body": body, "check": check}

    def _locals(self) -> Mapping[str, object]:
        arns, roles = {}, {}
        for item in self.stack.items:
            if item.home is Home.PARAMETER_STORE:
                continue
            id, given = names.snake(item.id), f"var.{arn_variable(item)}"
            made = f"{given} != null ? {given} : one(aws_secretsmanager_secret.{id}[*].arn)"
            arns[id] = Raw(made if item.declared else given)
        for source in self.inputs.values():
            stem = "arn:${local.partition}:iam::${local.account}:role/"
            both = f'["{stem}${{name}}", "{stem}*/${{name}}"]'
            roles[input_name(source)] = Raw(f"flatten([for name in var.{input_name(source)} : {both}])")
        return {"secret_arn": arns, "role_arns": roles}

    def _item(self, item: Item) -> Mapping[str, object]:
        id, guarded = names.snake(item.id), item.home is Home.SECRETS_MANAGER
        function = next((f for f in self.stack.functions if f.id == item.function), None)
        return {
            "id": id,
            "name": item.name,
            "declared": item.declared,
            "guarded": guarded,
            "stored": item.home is not Home.PARAMETER_STORE,
            "existing": Raw(f"var.{arn_variable(item)} == null ? 1 : 0"),
            "description": f"{item.secret.kind.value} of {self.stack.slug}",
            "replicas": [
                {"region": r, "key": Raw(f"var.{replica_key_variable(r)}")} for r in self.stack.environment.replicas
            ],
            "tags": dict(sorted(self.stack.tags(item).items())),
            "arn": Raw(f"local.secret_arn.{id}"),
            "resource_policy": self.write(policies.resource_policy(self.stack, item)) if guarded else None,
            "consumer_policy": self.write(policies.consumer_policy(self.stack, item)),
            "policy_name": names.slug(f"{self.stack.slug}-read-{item.id}", 90) + "-",
            "policy_description": f"Reads the secret {item.id} of {self.stack.slug}"[:1000],
            "roles": self._attached(item, "role"),
            "users": self._attached(item, "user"),
            "function": names.snake(function.id) if function else "",
            "schedule": item.secret.rotation.schedule,
        }

    def _attached(self, item: Item, kind: str) -> Raw | None:
        """Roles or users that get the consumer policy: those of another account can't."""
        own = [p.name for p in item.principals if p.kind == kind and self.stack.environment.account in ("", p.account)]
        lists = [f"var.{input_name(i)}" for i in item.inputs] if kind == "role" else []
        return Raw(f"toset({_concat(own, lists)})") if own or lists else None

    def _function(self, shard: Shard, function: Function) -> Mapping[str, object]:
        served = [shard.item(id) for id in function.secrets]
        variables: dict[str, object] = {
            "SECRETS_MANAGER_ENDPOINT": Raw('"https://secretsmanager.${local.region}.${local.url_suffix}"'),
        }
        if function.rotation.exclude_characters:
            variables["EXCLUDE_CHARACTERS"] = function.rotation.exclude_characters
        name = names.slug(f"{self.stack.slug}-{function.id}", 64)
        return {
            "id": names.snake(function.id),
            "name": name,
            "log_group": f"/aws/lambda/{name}",
            "role_prefix": names.slug(function.id, 36) + "-",
            "description": f"{function.rotation.name}: rotates secrets of {self.stack.slug}",
            "alarm": f"{function.rotation.name} failed to rotate a secret of {self.stack.slug}",
            "handler": function.rotation.handler,
            "runtime": RUNTIME,
            "path": self.stack.rotation_path,
            "package": Raw(f"var.{package_variable(function)}"),
            "package_hash": Raw(f"filebase64sha256(var.{package_variable(function)})"),
            "variables": variables,
            "assume": self.write(policies.assume_policy()),
            "policy": self.write(policies.rotation_policy(function)),
            "network": self.write(policies.network_policy()),
            "only": self.write(One("secret", served[0].id)) if len(served) == 1 else None,
            "tags": dict(sorted(self.stack.common_tags.items())),
        }

    def one(self, symbol: One) -> str:
        if symbol.name == "secret":
            return f"local.secret_arn.{names.snake(symbol.of)}"
        if symbol.name == "topic":
            return "aws_sns_topic.alarms[0].arn"
        if symbol.name == "logs":
            return f'"${{aws_cloudwatch_log_group.rotation_{names.snake(symbol.of)}[0].arn}}:*"'
        return _LOCALS[symbol.name]

    def many(self, symbol: Many) -> str:
        if symbol.name in _PEOPLE:
            return _PEOPLE[symbol.name]
        if symbol.name == "roles":
            return f"local.role_arns.{input_name(self.inputs[symbol.of])}"
        if symbol.name == "master-keys":
            function = next(f for f in self.stack.functions if f.id == symbol.of)
            return f"compact([aws_kms_key.this.arn, var.{master_key_variable(function)}])"
        assert symbol.name == "keys", symbol.name
        items = [self.items[id] for id in symbol.of.split(" ")]
        own = ["aws_kms_key.this.arn"] if any(i.home is not Home.MANAGED for i in items) else []
        held = [f"var.{key_variable(i)}" for i in items if i.home is not Home.PARAMETER_STORE]
        return f"compact([{', '.join([*own, *held])}])" if own and held else f"[{', '.join([*own, *held])}]"

    def write(self, value: object) -> object:
        """``value`` with every symbol replaced by an expression."""
        if isinstance(value, Text):
            return Raw(quoting.hcl_template([p if isinstance(p, str) else Raw(self.one(p)) for p in value.parts]))
        if isinstance(value, One):
            return Raw(self.one(value))
        if isinstance(value, Many):
            return Raw(self.many(value))
        if isinstance(value, Flat):
            lists = [self.many(p) for p in value.parts if isinstance(p, Many)]
            return Raw(_concat([self.write(p) for p in value.parts if not isinstance(p, Many)], lists))
        if isinstance(value, Mapping):
            return {k: self._statements(v) if k == "Statement" else self.write(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.write(v) for v in value]
        return value

    def _statements(self, value: object) -> object:
        """Statements; one that is conditional stands last and is cut off when its input is not given."""
        assert isinstance(value, list)
        written = [self.write(s.statement if isinstance(s, When) else s) for s in value]
        conditional = [s for s in value if isinstance(s, When)]
        if not conditional:
            return written
        assert conditional == value[-1:], "only the last statement can be conditional"
        given = f"var.{key_variable(self.items[conditional[0].of])} != null ? {len(written)} : {len(written) - 1}"
        return Raw(f"slice({quoting.hcl_value(written, 4)}, 0, {given})")


_LOCALS = {
    "partition": "local.partition",
    "region": "local.region",
    "account": "local.account",
    "url-suffix": "local.url_suffix",
}
_PEOPLE = {"administrators": "var.administrator_arns", "deployers": "var.deployer_arns", "writers": "var.writer_arns"}


def _concat(singles: Sequence[object], lists: Sequence[str]) -> str:
    own = ", ".join(quoting.hcl_value(v) for v in singles)
    parts = [*([f"[{own}]"] if own else []), *lists]
    return parts[0] if len(parts) == 1 else f"concat({', '.join(parts)})"
