"""What the generated policies allow is what the code does: every call of the rewritten code is recorded, and parliament knows each action."""

from __future__ import annotations

import importlib
import json
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.client import BaseClient

from hardcode_hunter.model import Access, Consumer, Home, Plan, RotationChoice, Secret, SecretField
from hardcode_hunter.plugins import Retriever, Rotation, load
from tests import iam
from tests.embedded.aws import EmbeddedAws
from tests.generating import (
    ACCOUNT,
    MASTER,
    ROLE,
    Deployed,
    database,
    fields,
    parameters_for,
    parsed,
    plan,
    texts,
    token,
)
from tests.generating_cells import CELLS

pytest_plugins = ("tests.embedded.fixtures",)

RETRIEVERS = load("retrievers", Retriever)
ROTATIONS = load("rotations", Rotation)
_OWN = ("RotateSecrets", "CallsWithoutResource", "ChangeUsers")


# ---------------------------------------------------------------- the rewritten code


def _secrets() -> tuple[Secret, ...]:
    reader = {"consumers": token().consumers}
    return database(**reader), token(), token("feature-key", home=Home.PARAMETER_STORE)


def _access(secret: Secret, key: str) -> Access:
    name = f"prod/shop/{secret.component}"
    return Access(secret.component, "shop", name, "prod", {"prod": name}, secret.home, secret.form, key)


def _code(retriever: Retriever) -> Callable[..., str]:
    """The function that rewritten code calls, as the retriever emits it."""
    accesses = [_access(s, f.key) for s in _secrets() for f in s.fields]
    script: dict[str, Any] = {"__name__": "secret_store"}
    for item in retriever.definition_imports:
        library, _, name = item.partition(":")
        reason = f"ABSENT: {library} is not installed, so that the retriever '{retriever.name}' is not run"
        found = pytest.importorskip(library, reason=reason)
        script[name or library] = importlib.import_module(f"{library}.{name}") if name else found
    if retriever.module is not None:
        module = types.ModuleType("secret_store")
        exec(compile(retriever.module(accesses), "secret_store.py", "exec"), module.__dict__)
        return getattr(module, retriever.function)  # type: ignore[no-any-return]
    assert retriever.definition is not None
    exec(retriever.definition(accesses, retriever.function), script)
    return script[retriever.function]  # type: ignore[no-any-return]


@pytest.fixture
def calls(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """An account with the secrets and their values; each call of any client from then on: action and what it names."""
    manager, parameters = aws.client("secretsmanager"), aws.client("ssm")
    value = {f.key: f"{f.key}-2019" for f in database().fields}
    manager.create_secret(Name="prod/shop/orders-db", SecretString=json.dumps(value))
    manager.create_secret(Name="prod/shop/mail-token", SecretString="hunter-mail-2019")
    parameters.put_parameter(Name="/prod/shop/feature-key", Value="hunter-flag-2019", Type="SecureString")
    for name, text in {**aws.environment, "HARDCODE_HUNTER_ENVIRONMENT": "prod"}.items():
        monkeypatch.setenv(name, text)
    recorded: list[tuple[str, str]] = []
    call = BaseClient._make_api_call

    def record(client: Any, operation: str, arguments: Mapping[str, Any]) -> Any:
        named = str(arguments.get("SecretId") or arguments.get("Name"))
        recorded.append((f"{client.meta.service_model.service_name}:{operation}", named.lstrip("/")))
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    return recorded


@pytest.mark.parametrize("name", RETRIEVERS)
def test_a_consumer_may_do_what_the_rewritten_code_does_and_nothing_else(
    calls: list[tuple[str, str]], name: str
) -> None:
    retriever = RETRIEVERS[name]
    read = _code(retriever)
    again = {"fresh": True} if retriever.fresh else {}
    assert [read("orders-db", "password", **more) for more in ({}, again)] == ["password-2019"] * 2
    assert (read("mail-token"), read("feature-key")) == ("hunter-mail-2019", "hunter-flag-2019")

    template = parsed(texts(plan(*_secrets(), retriever=name))["migration/prod/secrets.yaml"])
    deployed = Deployed(template, parameters_for(template))
    resources = deployed.resources()
    for secret, logical in (("orders-db", "OrdersDb"), ("mail-token", "MailToken"), ("feature-key", "FeatureKey")):
        done = {action for action, named in calls if named == f"prod/shop/{secret}"}
        policy = resources[f"ConsumerPolicy{logical}"]["Properties"]["PolicyDocument"]
        allowed = {a for s in policy["Statement"] for a in s["Action"] if not a.startswith("kms:")}
        assert done == allowed, secret
        (statement,) = (s for s in policy["Statement"] if s["Sid"] == "ReadValue")
        for action in done:
            request = iam.Request(f"{ROLE}service/mailer", action, statement["Resource"])
            assert iam.allowed(request, [policy], None, owner=ACCOUNT)


def test_a_file_that_fetches_in_another_way_widens_the_policies_of_its_secrets_alone() -> None:
    other = next(n for n, r in RETRIEVERS.items() if set(r.iam_actions) - set(RETRIEVERS["helper"].iam_actions))
    role = f"{ROLE}app"
    files = {"a": Consumer("a.py", 1, "f", role=role, retriever=other), "b": Consumer("b.py", 2, "g", role=role)}
    same_file = Consumer("a.py", 9, "h", role=role)
    secrets = (
        token("one", consumers=(files["a"],)),
        token("two", consumers=(same_file, files["b"])),
        token("three", consumers=(files["b"],)),
    )
    resources = Deployed(
        template := parsed(texts(plan(*secrets))["migration/prod/secrets.yaml"]), parameters_for(template)
    ).resources()
    allowed = {
        id: set(resources[f"ConsumerPolicy{id}"]["Properties"]["PolicyDocument"]["Statement"][0]["Action"])
        for id in ("One", "Two", "Three")
    }
    helper, another = set(RETRIEVERS["helper"].iam_actions), set(RETRIEVERS[other].iam_actions)
    assert allowed == {"One": another, "Two": helper | another, "Three": helper}


# ---------------------------------------------------------------- parliament


def _rotating(name: str) -> Plan:
    """A plan in which a secret rotates by the rotation ``name``."""
    rotation = ROTATIONS[name]
    keys = {*rotation.required_keys, "password"} - {"masterarn", "user_id"}
    constants = tuple(
        field for field in (_constant("masterarn"), _constant("user_id")) if field.key in rotation.required_keys
    )
    secret = database(
        engine=next(iter(rotation.engines), ""),
        rotation=RotationChoice(name),
        fields=(*fields(*sorted(keys)), *constants),
    )
    return plan(secret)


def _constant(key: str) -> SecretField:
    return SecretField(key, constant={"masterarn": MASTER, "user_id": "orders"}[key])


def _identity_policies(of: Plan) -> Iterator[Mapping[str, Any]]:
    for path, body in texts(of).items():
        if not path.endswith(".yaml"):
            continue
        template = parsed(body)
        inputs = {n: "true" for n in ("EnableRotation",) if n in template["Parameters"]}
        inputs |= {n: "subnet-1" for n in ("RotationSubnetIds",) if n in template["Parameters"]}
        deployed = Deployed(template, parameters_for(template, **inputs))
        for resource in deployed.resources().values():
            properties = resource["Properties"]
            if resource["Type"] == "AWS::IAM::ManagedPolicy":
                yield properties["PolicyDocument"]
            yield from (p["PolicyDocument"] for p in properties.get("Policies", ()))


def _findings(policy: Mapping[str, Any]) -> set[str]:
    """What parliament has against a policy."""
    parliament = pytest.importorskip("parliament", reason="ABSENT: parliament is not installed")
    return {finding.issue for finding in parliament.analyze_policy_string(json.dumps(policy)).findings}


def test_parliament_does_say_something_about_a_bad_policy() -> None:
    bad = {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValu"], "Resource": "*"}
    assert _findings({"Version": "2012-10-17", "Statement": [bad]}) == {"UNKNOWN_ACTION"}
    narrow = {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": "arn:aws:s3:::bucket"}
    assert _findings({"Version": "2012-10-17", "Statement": [narrow]}) == {"RESOURCE_MISMATCH"}


def test_parliament_has_nothing_against_any_policy_of_the_matrix() -> None:
    """But for the actions on network interfaces, whose resource doesn't exist yet when they are checked (Lambda Developer Guide)."""
    unique = {json.dumps(p, sort_keys=True): p for of in CELLS.values() for p in _identity_policies(of)}
    unique |= {json.dumps(p, sort_keys=True): p for n in ROTATIONS for p in _identity_policies(_rotating(n))}
    assert len(unique) > 20
    for policy in unique.values():
        network = all(a.startswith("ec2:") for s in policy["Statement"] for a in s["Action"])
        assert _findings(policy) == ({"RESOURCE_STAR"} if network else set()), policy


@pytest.mark.parametrize("name", ROTATIONS)
def test_a_wildcard_resource_is_left_only_where_an_action_has_none(name: str) -> None:
    for policy in _identity_policies(_rotating(name)):
        for statement in policy["Statement"]:
            resources = statement["Resource"]
            if "*" in (resources if isinstance(resources, list) else [resources]):
                alone = {"secretsmanager:GetRandomPassword"}
                assert set(statement["Action"]) == alone or all(a.startswith("ec2:") for a in statement["Action"])
            assert not [a for a in statement["Action"] if "*" in a]


@pytest.mark.parametrize("name", ROTATIONS)
def test_each_rotations_role_has_exactly_its_calls(name: str) -> None:
    """The other way round stands in the tests of each function, which record what it calls."""
    policies = list(_identity_policies(_rotating(name)))
    allowed = {a for p in policies for s in p["Statement"] for a in s["Action"] if s["Sid"] in _OWN}
    assert allowed == set(ROTATIONS[name].iam_actions)
