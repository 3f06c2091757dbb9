"""What stands once beside the secrets: the key for logs and alarms, the topic, the endpoint; copies in other regions; boundaries."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardcode_hunter import planfile
from hardcode_hunter.errors import UsageError
from hardcode_hunter.generate import generate
from tests import iam
from tests.generating import (
    ACCOUNT,
    PEOPLE,
    PROD,
    REGION,
    ROLE,
    Deployed,
    database,
    parameters_for,
    parsed,
    plan,
    texts,
    token,
)
from tests.terraform_provider.runner import Run
from tests.test_generate_terraform import GIVEN

pytest_plugins = ("tests.terraform_provider.running",)

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
ONCE = (
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::EC2::VPCEndpoint",
    "AWS::Events::Rule",
    "AWS::CloudWatch::Alarm",
)
ALL: dict[str, Any] = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
SITUATIONS: list[tuple[dict[str, str], list[int]]] = [
    ({}, [0, 0, 0, 0, 0]),
    ({"CreateAlarmTopic": "true"}, [1, 1, 0, 1, 1]),
    ({"RotationAlarmTopicArn": TOPIC}, [0, 0, 0, 1, 1]),
    ({"RotationAlarmTopicArn": TOPIC, "CreateAlarmTopic": "true"}, [0, 0, 0, 1, 1]),
    ({"EndpointVpcId": "vpc-1", "RotationSubnetIds": "subnet-1", "RotationSecurityGroupIds": "sg-1"}, [0, 0, 1, 0, 0]),
]


def _deployed(**given: str) -> Deployed:
    template = parsed(texts(plan(database()))["migration/prod/secrets.yaml"])
    return Deployed(template, parameters_for(template, **given))


@pytest.mark.parametrize(("given", "counts"), SITUATIONS)
def test_topic_and_endpoint_are_made_when_asked_for_and_adopted_when_given(
    given: dict[str, str], counts: list[int]
) -> None:
    deployed = _deployed(EnableRotation="true", **given)
    assert [len(deployed.of_type(kind)) for kind in ONCE] == counts
    off = _deployed(EnableRotation="false", **given)
    assert [len(off.of_type(kind)) for kind in ONCE] == [0] * 5
    for alarm in deployed.of_type("AWS::CloudWatch::Alarm").values():
        made = "RotationAlarmTopicArn" not in given
        assert alarm["AlarmActions"] == [f"arn:aws:sns:{REGION}:{ACCOUNT}:AlarmTopic" if made else TOPIC]


@pytest.mark.parametrize(("given", "counts"), SITUATIONS)
def test_terraform_makes_the_same(terraform_run: Run, given: dict[str, str], counts: list[int]) -> None:
    words = {"true": True, "subnet-1": ["subnet-1"], "sg-1": ["sg-1"]}
    variables = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", k).lower(): words.get(v, v) for k, v in given.items()}
    state = terraform_run.applied(
        texts(plan(infrastructure="terraform")), {**GIVEN, **variables, "enable_rotation": True}
    )
    kinds = (
        "aws_sns_topic",
        "aws_sns_topic_policy",
        "aws_vpc_endpoint",
        "aws_cloudwatch_event_rule",
        "aws_cloudwatch_metric_alarm",
    )
    assert [sum(address.split(".")[0] == kind for address in state) for kind in kinds] == counts
    for group in (v for a, v in state.items() if a.startswith("aws_cloudwatch_log_group")):
        assert group["kms_key_id"] == state["aws_kms_key.operations[0]"]["arn"]


def test_logs_and_alarms_have_a_key_of_their_own() -> None:
    """It admits AWS's services, which the secrets' key must not; people can decrypt with neither."""
    deployed = _deployed(EnableRotation="true")
    keys = deployed.of_type("AWS::KMS::Key")
    services = {
        id: {s["Sid"] for s in key["KeyPolicy"]["Statement"] if "Service" in s["Principal"]} for id, key in keys.items()
    }
    assert services == {"Key": set(), "OperationsKey": {"EncryptLogs", "EncryptAlarms"}}
    (group,) = deployed.of_type("AWS::Logs::LogGroup").values()
    assert group["KmsKeyId"] == deployed.resolve({"Fn::GetAtt": "OperationsKey.Arn"})
    policy = {
        **keys["OperationsKey"]["KeyPolicy"],
        "Statement": [s for s in keys["OperationsKey"]["KeyPolicy"]["Statement"] if "AWS" in s["Principal"]],
    }
    for who in (*PEOPLE.values(), f"{ROLE}somebody"):
        for action in ("kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"):
            request = iam.Request(who, action, group["KmsKeyId"])
            assert not iam.allowed(request, [ALL], policy, owner=ACCOUNT, key=True)


def test_one_template_of_many_holds_what_stands_once() -> None:
    many = [database(f"db-{chr(97 + n // 26)}{chr(97 + n % 26)}", consumers=()) for n in range(60)]
    bodies = [body for path, body in texts(plan(*many)).items() if path.endswith(".yaml")]
    assert len(bodies) > 1
    for kind in (*ONCE[:4], "OperationsKey:"):
        assert sum(bool(re.search(rf"^    Type: {kind}$|^  {kind}$", body, re.M)) for body in bodies) == 1, kind


def test_the_plans_permissions_boundary_is_on_the_roles(terraform_run: Run) -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/developers"
    of = plan(environments=(replace(PROD, boundary=boundary),))
    template = parsed(texts(of)["migration/prod/secrets.yaml"])
    deployed = Deployed(template, parameters_for(template, EnableRotation="true"))
    (role,) = deployed.of_type("AWS::IAM::Role").values()
    assert role["PermissionsBoundary"] == boundary
    state = terraform_run.applied(texts(replace(of, infrastructure="terraform")), {**GIVEN, "enable_rotation": True})
    assert state["aws_iam_role.rotation_postgresql_single_user[0]"]["permissions_boundary"] == boundary


def test_what_can_have_tags_has_the_environments(terraform_run: Run) -> None:
    """Organisations refuse resources without their tags: everything that takes tags is asked, by the services' own schemas."""
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

    wanted = {"owner": "team orders", "cost-centre": "42"}
    of = plan(database(), token(), environments=(replace(PROD, tags=wanted),))
    given = {
        "EnableRotation": "true",
        "CreateAlarmTopic": "true",
        "EndpointVpcId": "vpc-1",
        "RotationSubnetIds": "subnet-1",
    }
    template = parsed(texts(of)["migration/prod/secrets.yaml"])
    taggable = set()
    for id, resource in Deployed(template, parameters_for(template, **given)).resources().items():
        if "Tags" in PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource["Type"]).schema["properties"]:
            taggable.add(resource["Type"])
            tags = {t["Key"]: t["Value"] for t in resource["Properties"].get("Tags", ())}
            assert wanted.items() <= tags.items(), id
    assert len(taggable) >= 8
    variables = {
        "enable_rotation": True,
        "create_alarm_topic": True,
        "endpoint_vpc_id": "vpc-1",
        "rotation_subnet_ids": ["s"],
        "rotation_security_group_ids": ["g"],
    }
    state = terraform_run.applied(texts(replace(of, infrastructure="terraform")), {**GIVEN, **variables})
    tagged = {address: values["tags"] for address, values in state.items() if "tags" in values}
    assert len({address.split(".")[0] for address in tagged}) >= 8
    assert {a for a, tags in tagged.items() if not wanted.items() <= (tags or {}).items()} == set()


def test_the_plan_file_keeps_both(tmp_path: Path) -> None:
    environment = replace(PROD, boundary=f"arn:aws:iam::{ACCOUNT}:policy/developers", replicas=("eu-west-1",))
    of = plan(token(), environments=(environment,))
    (tmp_path / "plan.yaml").write_text(planfile.dump(of))
    assert planfile.load(tmp_path / "plan.yaml").environments == (environment,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boundary": "developers"}, "'permissions-boundary' is no ARN"),
        ({"replicas": ("mars",)}, "'replica-regions' must be other AWS regions"),
        ({"replicas": (REGION,)}, "'replica-regions' must be other AWS regions"),
        ({"replicas": ("eu-west-1", "eu-west-1")}, "each once"),
    ],
)
def test_what_cannot_be_deployed_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        generate(plan(environments=(replace(PROD, **changes),)))
