"""Plans to generate from, and what a generated CloudFormation template comes to once it is deployed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from hardcode_hunter.generate import generate
from hardcode_hunter.model import (
    Change,
    Consumer,
    Environment,
    Evaluated,
    Home,
    Kind,
    Order,
    Origin,
    Plan,
    RotationChoice,
    Secret,
    SecretField,
)

ACCOUNT, REGION = "123456789012", "eu-central-1"
ROTATION = "postgresql-single-user"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
PROD = Environment("prod", ACCOUNT, REGION, tags={"owner": "team orders"})
MASTER = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds/master-QwErTy"
PEOPLE = {
    "AdministratorArns": f"{ROLE}security/key-administrator",
    "DeployerArns": f"{ROLE}deployer",
    "WriterArns": f"{ROLE}migrator",
}


def fields(*keys: str) -> tuple[SecretField, ...]:
    return tuple(SecretField(key, (Origin("shop/db.py", f"connect.{key}"),)) for key in keys)


def database(id: str = "orders-db", **changes: Any) -> Secret:
    """A database credential that rotates and that code of an unknown role reads."""
    secret = Secret(
        id=id,
        kind=Kind.DATABASE,
        home=Home.SECRETS_MANAGER,
        environment="prod",
        fields=fields("engine", "host", "port", "dbname", "username", "password"),
        why="a credential that can change",
        engine="postgres",
        rotation=RotationChoice(ROTATION, "PostgreSQL", "rate(30 days)"),
        consumers=(Consumer("shop/db.py", 12, "connect"),),
    )
    return replace(secret, **changes)


def token(id: str = "mail-token", **changes: Any) -> Secret:
    """A token that never rotates, read by a role that is known."""
    secret = Secret(
        id=id,
        kind=Kind.API_KEY,
        home=Home.SECRETS_MANAGER,
        environment="prod",
        fields=fields("value"),
        form="text",
        consumers=(Consumer("shop/mail.py", 3, "send", Evaluated.IMPORT, "ecs", f"{ROLE}service/mailer"),),
    )
    return replace(secret, **changes)


def with_master(id: str = "orders-db", arn: str = MASTER) -> Secret:
    """A database credential that another login changes."""
    return database(id, fields=(*database().fields, SecretField("masterarn", constant=arn)))


def everything() -> tuple[Secret, ...]:
    """One secret of every home."""
    managed = database("master", home=Home.MANAGED, rotation=RotationChoice(), managed_resource="Resources/Database")
    flag = token("feature-key", home=Home.PARAMETER_STORE)
    keys = token("uploads", home=Home.ROLE, kind=Kind.AWS_KEY)
    return database(), token(), managed, flag, keys


def plan(
    *secrets: Secret, infrastructure: str = "cloudformation", order: Order = Order.SHELL_FIRST, **changes: Any
) -> Plan:
    base = Plan("shop", order, "helper", infrastructure, (PROD,), secrets or (database(),), (), (), {})
    return replace(base, **changes)


def texts(of: Plan, enable_rotation: frozenset[str] = frozenset()) -> dict[str, str]:
    """Generated files, by path."""
    return {change.path: text(change) for change in generate(of, enable_rotation=enable_rotation)}


def text(change: Change) -> str:
    assert change.before is None, "the generator only creates files"
    return change.result(b"").decode()


@cache
def parsed(template: str) -> dict[str, Any]:
    """A template as plain data, short forms spelled out. Not to be changed: it is remembered."""
    from tests.embedded.cloudformation import parse_template

    return parse_template(template)


def parameters_for(template: Mapping[str, Any], **given: str) -> dict[str, str]:
    """A value for each required parameter: roles are called ``reader-of-<secret>``."""
    found = {}
    for name, body in template.get("Parameters", {}).items():
        if "Default" in body or name in given:
            continue
        if name in PEOPLE:
            found[name] = PEOPLE[name]
        elif name.startswith("Role") or re.match(r"(Consumer|Lambda|Ecs\w+|Eks|Ec2\w*|Ci)Roles", name):
            found[name] = f"reader-{name.lower()}"
        elif name.startswith("ReplicaKeyArn"):
            found[name] = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/22222222-2222-3333-4444-555555555555"
        elif name == "KeyArns":
            found[name] = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
        elif "SecretArn" in name:
            found[name] = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:existing/{name}-AbCdEf"
        else:
            raise AssertionError(f"the test doesn't know what {name} is")
    return {**found, **given}


# ---------------------------------------------------------------- resolving


class _Nothing:
    """AWS::NoValue."""


@dataclass
class Deployed:
    """A template with its parameters: conditions are decided and intrinsics resolved, resources have ARNs as AWS gives them."""

    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    imports: Mapping[str, str] = field(default_factory=dict)

    def resources(self) -> dict[str, dict[str, Any]]:
        """Every resource whose condition holds: type and resolved properties."""
        return {
            id: {"Type": r["Type"], "Properties": self.resolve(r.get("Properties", {}))}
            for id, r in self.template["Resources"].items()
            if "Condition" not in r or self.holds(r["Condition"])
        }

    def of_type(self, type: str) -> dict[str, dict[str, Any]]:
        return {id: r["Properties"] for id, r in self.resources().items() if r["Type"] == type}

    def holds(self, condition: str) -> bool:
        return bool(self.resolve(self.template["Conditions"][condition]))

    def value(self, name: str) -> Any:
        body = self.template["Parameters"][name]
        raw = self.parameters[name] if name in self.parameters else body["Default"]
        return raw.split(",") if body["Type"] == "CommaDelimitedList" else raw

    def resolve(self, node: Any) -> Any:
        if isinstance(node, list):
            return [v for v in map(self.resolve, node) if not isinstance(v, _Nothing)]
        if not isinstance(node, Mapping):
            return node
        if len(node) == 1:
            name, argument = next(iter(node.items()))
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(name, argument)
        resolved = {k: self.resolve(v) for k, v in node.items()}
        return {k: v for k, v in resolved.items() if not isinstance(v, _Nothing)}

    def _intrinsic(self, name: str, argument: Any) -> Any:
        if name == "Ref":
            return self._ref(argument)
        if name == "Fn::GetAtt":
            return self._attribute(*(argument.split(".", 1) if isinstance(argument, str) else argument))
        if name == "Fn::If":
            condition, yes, no = argument
            return self.resolve(yes if self.holds(condition) else no)
        if name == "Fn::ImportValue":
            return self.imports[argument]
        if name == "Fn::Sub":
            return re.sub(r"\$\{([^!}][^}]*)\}", lambda m: str(self._ref(m[1])), argument).replace("${!", "${")
        values = self.resolve(argument)
        if name == "Fn::Equals":
            return values[0] == values[1]
        if name == "Fn::And":
            return all(values)
        if name == "Fn::Or":
            return any(values)
        if name == "Fn::Not":
            return not values[0]
        if name == "Fn::Join":
            return values[0].join(values[1])
        if name == "Fn::Select":
            return values[1][int(values[0])]
        if name == "Fn::Split":
            return values[1].split(values[0])
        raise AssertionError(f"the templates don't use {name}")

    def _ref(self, name: str) -> Any:
        pseudo = {
            "AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com", "AWS::NoValue": _Nothing(),
        }  # fmt: skip
        if name in pseudo:
            return pseudo[name]
        if name in self.template.get("Parameters", {}):
            return self.value(name)
        return self._attribute(name, "Ref")

    def _attribute(self, id: str, attribute: str) -> str:
        resource = self.template["Resources"][id]
        name = resource.get("Properties", {}).get("Name", id)
        found: dict[tuple[str, str], str] = {
            ("AWS::SecretsManager::Secret", "Ref"): f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf",
            ("AWS::KMS::Key", "Arn"): f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555",
            ("AWS::KMS::Key", "Ref"): "11111111-2222-3333-4444-555555555555",
            (
                "AWS::IAM::Role",
                "Arn",
            ): f"arn:aws:iam::{ACCOUNT}:role{resource.get('Properties', {}).get('Path', '/')}{id}",
            ("AWS::IAM::ManagedPolicy", "Ref"): f"arn:aws:iam::{ACCOUNT}:policy/{id}",
            ("AWS::Logs::LogGroup", "Arn"): f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{id}:*",
            ("AWS::Logs::LogGroup", "Ref"): id,
            ("AWS::SNS::Topic", "Ref"): f"arn:aws:sns:{REGION}:{ACCOUNT}:{id}",
            ("AWS::Lambda::Function", "Arn"): f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{id}",
            ("AWS::Lambda::Function", "Ref"): id,
        }
        return found[resource["Type"], attribute]


def main() -> None:
    """Writes the expected output under ``fixtures/generate`` anew."""
    from pathlib import Path

    from hardcode_hunter import planfile

    base = Path(__file__).resolve().parents[1] / "fixtures" / "generate"
    for infrastructure in ("cloudformation", "terraform"):
        of = planfile.load(base / infrastructure / "plan.yaml")
        for phase, enabled in (("shell", frozenset[str]()), ("rotating", frozenset({"orders-db"}))):
            for change in generate(of, enable_rotation=enabled):
                if "/rotation/" not in change.path:
                    target = base / infrastructure / phase / change.path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(change.result(b""))


if __name__ == "__main__":
    main()
