"""Rotation with another login: the function may read that login's secret, and do no more with it."""

from __future__ import annotations

from typing import Any

import pytest

from hardcode_hunter.model import RotationChoice
from tests import iam
from tests.generating import (
    ACCOUNT,
    REGION,
    Deployed,
    database,
    parameters_for,
    parsed,
    plan,
    texts,
    token,
    with_master,
)

ALL: dict[str, Any] = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def _master_world() -> dict[str, Any]:
    """A stack in which one secret, adopted, is the master of another."""
    master = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:prod/shop/master-QwErTy"
    adopted = database("master", rotation=RotationChoice(), existing=master)
    template = parsed(texts(plan(with_master(arn=master), adopted, token()))["migration/prod/secrets.yaml"])
    deployed = Deployed(template, parameters_for(template, EnableRotation="true"))
    role = deployed.resources()["RotationRolePostgresqlSingleUser"]["Properties"]
    return {
        "arn": master,
        "role": deployed.resolve({"Fn::GetAtt": "RotationRolePostgresqlSingleUser.Arn"}),
        "policies": [p["PolicyDocument"] for p in role["Policies"]],
        "resource": deployed.resources()["ResourcePolicyMaster"]["Properties"]["ResourcePolicy"],
        "other": deployed.resources()["ResourcePolicyMailToken"]["Properties"]["ResourcePolicy"],
    }


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("secretsmanager:GetSecretValue", True),
        ("secretsmanager:PutSecretValue", False),
        ("secretsmanager:DescribeSecret", False),
        ("secretsmanager:UpdateSecretVersionStage", False),
    ],
)
def test_the_rotation_function_reads_its_master_and_no_more(action: str, expected: bool) -> None:
    world = _master_world()
    request = iam.Request(world["role"], action, world["arn"])
    assert iam.allowed(request, world["policies"], world["resource"], owner=ACCOUNT) is expected
    # a secret that is nobody's master keeps the function out by its own policy as well
    assert not iam.allowed(request, [ALL], world["other"], owner=ACCOUNT) or action.endswith("DescribeSecret")
