"""The Terraform back end: one root module per environment, for Terraform 1.11 and the AWS provider 6 or newer."""

from __future__ import annotations

from collections.abc import Mapping

from hardcode_hunter.generate import names, policies, quoting
from hardcode_hunter.generate.expressions import PEOPLE, Expressions, concat
from hardcode_hunter.generate.intrinsics import HOSTING
from hardcode_hunter.generate.quoting import Raw
from hardcode_hunter.generate.symbols import Many, One
from hardcode_hunter.generate.variables import (
    Variable,
    arn_variable,
    input_name,
    key_variable,
    master_key_variable,
    package_variable,
    replica_key_variable,
    role_inputs,
    variables,
)
from hardcode_hunter.generate.wanted import MASTER, RUNTIME, Function, Item, Shard, Stack
from hardcode_hunter.model import Home

FILES = ("versions.tf", "variables.tf", "key.tf", "secrets.tf", "consumers.tf", "rotation.tf", "outputs.tf")


def files(stack: Stack) -> Mapping[str, str]:
    """Text of each file of the root module, by its name."""
    values = _Writer(stack).values()
    absent = {*(() if stack.has_key else ("key.tf",)), *(() if stack.functions else ("rotation.tf",))}
    texts = {name: quoting.render(f"terraform/{name}.j2", values) for name in FILES if name not in absent}
    return {name: quoting.aligned(text) for name, text in texts.items()}


# ---------------------------------------------------------------- symbols


class _Writer(Expressions):
    """Turns the description of an environment into what the templates show."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.items = {item.id: item for item in stack.items}
        self.inputs = {i.id: i for i in role_inputs(stack)}

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
            "functions": [self._function(shard, f) for shard in stack.shards for f in shard.own_functions],
            "copies": [self._copies(region) for region in stack.copied_to],
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
            pattern, name = quoting.hcl_string(variable.check), f"var.{variable.name}"
            each = f"alltrue([for member in {name} : can(regex({pattern}, member))])"
            one = f"{name} == null || can(regex({pattern}, {name}))"
            condition = f"length({name}) > 0 && {each}" if variable.type.startswith("list") else one
            check = {"condition": Raw(condition), "error_message": variable.message}
        elif variable.condition:
            check = {"condition": Raw(variable.condition), "error_message": variable.message}
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
        keys = {}
        for region in self.stack.copied_to:
            variable, made = f"var.{replica_key_variable(region)}", f"aws_kms_key.copies_{names.snake(region)}[*].arn"
            keys[names.snake(region)] = Raw(f"{variable} != null ? {variable} : one({made})")
        return {"secret_arn": arns, "role_arns": roles, "copies_key_arn": keys}

    def _copies(self, region: str) -> Mapping[str, object]:
        """The key of the copies in another region."""
        return {
            "id": names.snake(region),
            "region": region,
            "wanted": Raw(f"var.{replica_key_variable(region)} == null ? 1 : 0"),
            "description": f"Copies in {region} of the secrets of {self.stack.slug}",
            "policy": self.write(policies.replica_key_policy(self.stack, region)),
            "tags": dict(sorted(self.stack.common_tags.items())),
        }

    def _hosted(self, item: Item, function: Function) -> Mapping[str, object]:
        """What CloudFormation is given, for only its transform deploys a function of AWS's own. Whatever is absent is null here."""
        master = item.secret.key(MASTER)
        masters: dict[str, object] = {}
        if master is not None and function.masters:
            key = Raw(f"var.{master_key_variable(function)}")
            masters = {"MasterSecretArn": master.constant, "MasterSecretKmsKeyArn": key}
        return {
            "RotationType": function.rotation.hosted,
            "RotationLambdaName": self.stack.hosted_name(item),
            "KmsKeyArn": Raw("aws_kms_key.this.arn"),
            "ExcludeCharacters": function.rotation.exclude_characters,
            **masters,
            "VpcSubnetIds": Raw(_joined("rotation_subnet_ids")),
            "VpcSecurityGroupIds": Raw(_joined("rotation_security_group_ids")),
        }

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
                {"region": r, "key": Raw(f"local.copies_key_arn.{names.snake(r)}")}
                for r in self.stack.environment.replicas
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
            "hosted": self._hosted(item, function) if function and function.rotation.hosted else None,
            "hosted_stack": names.slug(f"{self.stack.slug}-{item.id}-rotation", 100),
            "transform": HOSTING,
            "schedule": item.secret.rotation.schedule,
        }

    def _attached(self, item: Item, kind: str) -> Raw | None:
        """Roles or users that get the consumer policy: those of another account can't."""
        own = [p.name for p in item.principals if p.kind == kind and self.stack.environment.account in ("", p.account)]
        lists = [f"var.{input_name(i)}" for i in item.inputs] if kind == "role" else []
        return Raw(f"toset({concat(own, lists)})") if own or lists else None

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
            "policy": self.write(policies.rotation_policy(self.stack, function)),
            "network": self.write(policies.network_policy()),
            "only": self.write(One("secret", served[0].id)) if len(served) == 1 else None,
            "tags": dict(sorted(self.stack.common_tags.items())),
        }

    def one(self, symbol: One) -> str:
        if symbol.name == "secret":
            return f"local.secret_arn.{names.snake(symbol.of)}"
        if symbol.name == "replica":
            region, _, id = symbol.of.partition(" ")
            return f'replace(local.secret_arn.{names.snake(id)}, ":${{local.region}}:", ":{region}:")'
        if symbol.name == "topic":
            return "aws_sns_topic.alarms[0].arn"
        if symbol.name == "logs":
            return f'"${{aws_cloudwatch_log_group.rotation_{names.snake(symbol.of)}[0].arn}}:*"'
        return super().one(symbol)

    def given(self, secret: str) -> str:
        return f"var.{key_variable(self.items[secret])}"

    def many(self, symbol: Many) -> str:
        if symbol.name in PEOPLE:
            return super().many(symbol)
        if symbol.name == "replica-keys":
            return f"[local.copies_key_arn.{names.snake(symbol.of)}]"
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


def _joined(variable: str) -> str:
    """A list as CloudFormation's transform takes it; nothing outside a network."""
    return f'length(var.rotation_subnet_ids) > 0 ? join(",", var.{variable}) : null'
