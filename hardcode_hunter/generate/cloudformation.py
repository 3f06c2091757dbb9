"""The CloudFormation back end: one template per shard of an environment, and the first holds the key."""

from __future__ import annotations

from collections.abc import Mapping

from hardcode_hunter.generate import names, policies, quoting
from hardcode_hunter.generate.intrinsics import (
    HOSTING,
    NO_VALUE,
    PEOPLE,
    Intrinsics,
    equals,
    flat_list,
    is_given,
    replica,
    tag_list,
)
from hardcode_hunter.generate.parameters import (
    UNSET,
    arn_parameter,
    body,
    code_parameter,
    input_name,
    key_parameter,
    master_key_parameter,
    parameters,
    replica_key_parameter,
)
from hardcode_hunter.generate.quoting import Tag
from hardcode_hunter.generate.symbols import Many, One
from hardcode_hunter.generate.wanted import MASTER, RUNTIME, Function, Item, Shard, Stack
from hardcode_hunter.model import Home

INLINE_LIMIT = 51_200
"""Bytes of a template that the API takes without a bucket (CloudFormation quotas)."""


def path(stack: Stack, shard: Shard) -> str:
    """Where the template of ``shard`` lies."""
    return f"{stack.directory}/secrets{shard.suffix}.yaml"


def stack_name(stack: Stack, shard: Shard) -> str:
    """Name of the stack; one must begin with a letter (CloudFormation, CreateStack: StackName)."""
    name = f"{stack.slug}-secrets{shard.suffix}"
    return name if name[0].isalpha() else f"s-{name}"


def template(stack: Stack, shard: Shard) -> str:
    """The template's text."""
    writer = _Writer(stack, shard)
    return quoting.render("cloudformation/secrets.yaml.j2", writer.values())


# ---------------------------------------------------------------- symbols


class _Writer(Intrinsics):
    """Turns the description of one shard into what the template shows."""

    def __init__(self, stack: Stack, shard: Shard) -> None:
        self.stack, self.shard = stack, shard
        self.inputs = {i.id: i for i in shard.role_inputs}
        self.key = Tag("!GetAtt", "Key.Arn") if shard.main else Tag("!ImportValue", f"{stack.slug}-key-arn")

    def values(self) -> Mapping[str, object]:
        stack, shard = self.stack, self.shard
        functions = {f.id: f for f in shard.functions}
        return {
            "description": f"Secrets of {stack.slug}: key, secrets without their values, policies and rotation.",
            "parameters": [(p.name, body(p)) for p in parameters(stack, shard)],
            "conditions": self._conditions(),
            "rules": self._rules(),
            "key": self._key() if stack.has_key and shard.main else None,
            "items": [self._item(item, functions.get(item.function)) for item in shard.items],
            "functions": [self._function(f) for f in shard.own_functions],
            "transform": HOSTING if any(f.rotation.hosted for f in shard.functions) else "",
            "failures": policies.FAILURES if stack.reports_failures(shard) else None,
            "operations": self._operations() if stack.reports_failures(shard) else None,
            "topic": self.topic,
        }

    def _conditions(self) -> list[tuple[str, object]]:
        rows: list[tuple[str, object]] = []
        for item in self.shard.items:
            if item.home is Home.PARAMETER_STORE:
                continue
            id = names.logical_id(item.id)
            if item.declared:
                rows.append((f"Create{id}", equals(Tag("!Ref", arn_parameter(item)), "")))
            rows.append((f"KeyOf{id}", is_given(Tag("!Ref", key_parameter(item)))))
        for function in self.shard.functions:
            if function.masters:
                given = is_given(Tag("!Ref", master_key_parameter(function)))
                rows.append((f"MasterKeyOf{names.logical_id(function.id)}", given))
        if self.shard.functions:
            rows.append(("RotationEnabled", equals(Tag("!Ref", "EnableRotation"), "true")))
            rows.append(("RotationInVpc", is_given(Tag("!Join", ["", Tag("!Ref", "RotationSubnetIds")]))))
            enabled, topic = equals(Tag("!Ref", "EnableRotation"), "true"), Tag("!Ref", "RotationAlarmTopicArn")
            if self.stack.reports_failures(self.shard):
                made = equals(Tag("!Ref", "CreateAlarmTopic"), "true")
                rows.append(("AlarmTopicCreated", Tag("!And", [enabled, made, equals(topic, "")])))
                rows.append(("RotationAlarmed", Tag("!And", [enabled, Tag("!Or", [made, is_given(topic)])])))
                rows.append(("EndpointGuarded", is_given(Tag("!Join", ["", Tag("!Ref", "EndpointSecurityGroupIds")]))))
                rows.append(("EndpointCreated", Tag("!And", [enabled, is_given(Tag("!Ref", "EndpointVpcId"))])))
            else:
                rows.append(("RotationAlarmed", Tag("!And", [enabled, is_given(topic)])))
        if self.shard.own_functions:
            rows.append(("RotationBounded", is_given(Tag("!Ref", "PermissionsBoundaryArn"))))
        return rows

    def _rules(self) -> object:
        if not self.shard.own_functions:
            return None
        needed = ["RotationCodeBucket", *(code_parameter(f) for f in self.shard.own_functions)]
        asserted = [
            {
                "Assert": is_given(Tag("!Ref", n), UNSET),
                "AssertDescription": f"{n} is needed when EnableRotation is true.",
            }
            for n in needed
        ]
        return {
            "RotationNeedsCode": {
                "RuleCondition": equals(Tag("!Ref", "EnableRotation"), "true"),
                "Assertions": asserted,
            }
        }

    @property
    def topic(self) -> Tag:
        """The topic that alarms go to."""
        given = Tag("!Ref", "RotationAlarmTopicArn")
        made = self.stack.reports_failures(self.shard)
        return Tag("!If", ["AlarmTopicCreated", Tag("!Ref", "AlarmTopic"), given]) if made else given

    def _operations(self) -> Mapping[str, object]:
        """What stands once beside the rotation functions: a key for logs and alarms, a topic, an endpoint."""
        return {
            "description": f"Logs and alarms of {self.stack.slug}",
            "policy": self.write(policies.operations_key_policy()),
            "topic_policy": self.write(policies.topic_policy()),
            "endpoint_policy": self.write(policies.endpoint_policy()),
            "service": Tag("!Sub", "com.amazonaws.${AWS::Region}.secretsmanager"),
            "tags": tag_list(self.stack.common_tags),
            "export": f"{self.stack.slug}-operations-key-arn",
        }

    def _key(self) -> Mapping[str, object]:
        return {
            "description": f"Secrets of {self.stack.slug}",
            "alias": self.stack.alias,
            "policy": self.write(policies.key_policy(self.stack)),
            "tags": tag_list(self.stack.common_tags),
            "export": f"{self.stack.slug}-key-arn",
        }

    def _item(self, item: Item, function: Function | None) -> Mapping[str, object]:
        id = names.logical_id(item.id)
        guarded = item.home is Home.SECRETS_MANAGER
        return {
            "id": id,
            "name": item.name,
            "declared": item.declared,
            "guarded": guarded,
            "description": f"{item.secret.kind.value} of {self.stack.slug}",
            "policy_description": f"Reads the secret {item.id} of {self.stack.slug}"[:1000],
            "key": self.key,
            "replicas": [
                {"Region": r, "KmsKeyId": Tag("!Ref", replica_key_parameter(r))}
                for r in self.stack.environment.replicas
            ],
            "tags": tag_list(self.stack.tags(item)),
            "arn": None if item.home is Home.PARAMETER_STORE else self.one(One("secret", item.id)),
            "resource_policy": self.write(policies.resource_policy(self.stack, item)) if guarded else None,
            "consumer_policy": self.write(policies.consumer_policy(self.stack, item)),
            "attachments": self._attachments(item),
            "function": names.logical_id(function.id) if function else "",
            "hosted": self._hosted(item, function) if function and function.rotation.hosted else None,
            "schedule": item.secret.rotation.schedule,
        }

    def _hosted(self, item: Item, function: Function) -> Mapping[str, object]:
        """The function that AWS deploys for ``item``. It needs the key's ARN for its own role's policy."""
        master = item.secret.key(MASTER)
        in_vpc = {"VpcSubnetIds": "RotationSubnetIds", "VpcSecurityGroupIds": "RotationSecurityGroupIds"}
        masters: dict[str, object] = {}
        if master is not None and function.masters:
            key = Tag("!Ref", master_key_parameter(function))
            given = Tag("!If", [f"MasterKeyOf{names.logical_id(function.id)}", key, NO_VALUE])
            masters = {"MasterSecretArn": master.constant, "MasterSecretKmsKeyArn": given}
        return {
            "RotationType": function.rotation.hosted,
            "RotationLambdaName": self.stack.hosted_name(item),
            "KmsKeyArn": self.key,
            "ExcludeCharacters": function.rotation.exclude_characters,
            **masters,
            **{
                name: Tag("!If", ["RotationInVpc", Tag("!Join", [",", Tag("!Ref", parameter)]), NO_VALUE])
                for name, parameter in in_vpc.items()
            },
        }

    def _attachments(self, item: Item) -> dict[str, object]:
        """Roles and users that get the consumer policy: those of another account can't."""
        own = [p for p in item.principals if self.stack.environment.account in ("", p.account)]
        roles: list[object] = [p.name for p in own if p.kind == "role"]
        lists = [Tag("!Ref", input_name(i)) for i in item.inputs]
        found: dict[str, object] = {}
        if roles or lists:
            found["Roles"] = flat_list(roles, lists)
        users = [p.name for p in own if p.kind == "user"]
        return {**found, **({"Users": users} if users else {})}

    def _function(self, function: Function) -> Mapping[str, object]:
        served = [self.shard.item(id) for id in function.secrets]
        variables = (
            {"EXCLUDE_CHARACTERS": function.rotation.exclude_characters} if function.rotation.exclude_characters else {}
        )
        endpoint = Tag("!Sub", "https://secretsmanager.${AWS::Region}.${AWS::URLSuffix}")
        return {
            "id": names.logical_id(function.id),
            "logs_key": Tag("!GetAtt", "OperationsKey.Arn")
            if self.stack.reports_failures(self.shard)
            else Tag("!ImportValue", f"{self.stack.slug}-operations-key-arn"),
            "description": f"{function.rotation.name}: rotates secrets of {self.stack.slug}",
            "alarm": f"{function.rotation.name} failed to rotate a secret of {self.stack.slug}",
            "handler": function.rotation.handler,
            "runtime": RUNTIME,
            "path": self.stack.rotation_path,
            "code": code_parameter(function),
            "variables": {"SECRETS_MANAGER_ENDPOINT": endpoint, **variables},
            "assume": self.write(policies.assume_policy()),
            "policy": self.write(policies.rotation_policy(self.stack, function)),
            "network": self.write(policies.network_policy()),
            "only": self.one(One("secret", served[0].id)) if len(served) == 1 else None,
            "tags": tag_list(self.stack.common_tags),
        }

    def one(self, symbol: One) -> object:
        if symbol.name == "secret":
            item = self.shard.item(symbol.of)
            existing = Tag("!Ref", arn_parameter(item))
            id = names.logical_id(item.id)
            return Tag("!If", [f"Create{id}", Tag("!Ref", f"Secret{id}"), existing]) if item.declared else existing
        if symbol.name == "replica":
            region, _, id = symbol.of.partition(" ")
            return replica(self.one(One("secret", id)), region)
        if symbol.name == "topic":
            return Tag("!Ref", "AlarmTopic")
        if symbol.name == "logs":
            return Tag("!GetAtt", f"RotationLogs{names.logical_id(symbol.of)}.Arn")
        raise KeyError(symbol.name)

    def many(self, symbol: Many) -> object:
        if symbol.name in PEOPLE:
            return super().many(symbol)
        if symbol.name == "replica-keys":
            return [Tag("!Ref", replica_key_parameter(symbol.of))]
        if symbol.name == "master-keys":
            function = next(f for f in self.shard.functions if f.id == symbol.of)
            condition = f"MasterKeyOf{names.logical_id(function.id)}"
            return [self.key, Tag("!If", [condition, Tag("!Ref", master_key_parameter(function)), NO_VALUE])]
        assert symbol.name == "keys", symbol.name
        items = [self.shard.item(id) for id in symbol.of.split(" ")]
        own = [self.key] if any(i.home is not Home.MANAGED for i in items) else []
        held = [i for i in items if i.home is not Home.PARAMETER_STORE]
        if len(items) == 1 and not own:
            return Tag("!Ref", key_parameter(items[0]))
        return [
            *own,
            *(Tag("!If", [f"KeyOf{names.logical_id(i.id)}", Tag("!Ref", key_parameter(i)), NO_VALUE]) for i in held),
        ]

    def joined(self, symbol: Many) -> list[object]:
        """Patterns for the ARNs of roles that an input names: a name is unique in its account whatever its path.

        ``Fn::Join`` takes a literal delimiter only, so partition and (when the plan has none) account are left open: the policies that
        use this exempt from a Deny, and another account's roles have no Allow.
        """
        stem = f"arn:*:iam::{self.stack.environment.account or '*'}:role/"
        listed = Tag("!Ref", input_name(self.inputs[symbol.of]))
        return [Tag("!Join", ["", [head, Tag("!Join", [f",{head}", listed])]]) for head in (stem, f"{stem}*/")]
