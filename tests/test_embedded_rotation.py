"""A rotation on the embedded AWS: the second deployment switches it on, and the state of its versions is the service's."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.embedded.aws import EmbeddedAws, Refused
from tests.embedded.stacks import LIVE_VALUE as LIVE
from tests.embedded.stacks import SECRET_NAME as NAME
from tests.embedded.stacks import TWO_PHASES as TEMPLATE
from tests.embedded.stacks import deploy, error_code, failed_resources

pytest_plugins = ("tests.embedded.fixtures",)


def test_the_second_phase_switches_rotation_on_and_leaves_the_secret_as_it_was(aws: EmbeddedAws) -> None:
    deploy(aws, TEMPLATE)
    secrets = aws.client("secretsmanager")
    secrets.put_secret_value(SecretId=NAME, SecretString=LIVE)
    before = secrets.describe_secret(SecretId=NAME)
    deploy(aws, TEMPLATE, Rotation="on")
    after = secrets.describe_secret(SecretId=NAME)
    assert not before.get("RotationEnabled") and after["RotationEnabled"] is True
    assert ":function:" in after["RotationLambdaARN"]
    assert after["RotationRules"] == {"ScheduleExpression": "rate(30 days)", "Duration": "2h"}
    assert (after["ARN"], after["VersionIdsToStages"]) == (before["ARN"], before["VersionIdsToStages"])
    assert secrets.get_secret_value(SecretId=NAME)["SecretString"] == LIVE
    deploy(aws, TEMPLATE, Rotation="off")
    assert secrets.describe_secret(SecretId=NAME)["RotationEnabled"] is False


def test_rotation_that_may_not_invoke_its_function_is_rolled_back(aws: EmbeddedAws) -> None:
    broken = TEMPLATE.replace("Principal: secretsmanager.amazonaws.com", "Principal: events.amazonaws.com")
    deploy(aws, broken)
    aws.client("secretsmanager").put_secret_value(SecretId=NAME, SecretString=LIVE)
    with pytest.raises(WaiterError):
        deploy(aws, broken, Rotation="on")
    [stack] = aws.client("cloudformation").describe_stacks(StackName="orders")["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "cannot invoke" in failed_resources(aws)["Schedule"]
    assert not aws.client("secretsmanager").describe_secret(SecretId=NAME).get("RotationEnabled")
    assert aws.client("secretsmanager").get_secret_value(SecretId=NAME)["SecretString"] == LIVE


def test_a_schedule_that_does_not_say_otherwise_rotates_at_once(aws: EmbeddedAws) -> None:
    deploy(aws, TEMPLATE)
    aws.client("secretsmanager").put_secret_value(SecretId=NAME, SecretString=LIVE)
    deploy(aws, TEMPLATE.replace("RotateImmediatelyOnUpdate: false", "RotateImmediatelyOnUpdate: true"), Rotation="on")
    stages = aws.client("secretsmanager").describe_secret(SecretId=NAME)["VersionIdsToStages"]
    assert sorted(stages.values()) == [["AWSCURRENT"], ["AWSPENDING"]]


@pytest.fixture
def rotating(aws: EmbeddedAws) -> Any:
    """A client of Secrets Manager, with a secret whose rotation is on."""
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name=NAME, SecretString=LIVE)
    aws.enable_rotation(NAME)
    return secrets


def test_a_rotation_begins_with_an_empty_pending_version(aws: EmbeddedAws, rotating: Any) -> None:
    token = str(uuid.uuid4())
    assert aws.begin_rotation(NAME, token)[token] == ["AWSPENDING"]
    described = rotating.describe_secret(SecretId=NAME)
    assert described["RotationEnabled"] is True and described["VersionIdsToStages"][token] == ["AWSPENDING"]
    pending = {"SecretId": NAME, "VersionId": token, "VersionStage": "AWSPENDING"}
    assert error_code(rotating.get_secret_value, **pending) == "ResourceNotFoundException"
    assert rotating.get_secret_value(SecretId=NAME)["SecretString"] == LIVE


def test_a_finished_rotation_is_what_a_plain_read_returns(aws: EmbeddedAws, rotating: Any) -> None:
    old, token = rotating.get_secret_value(SecretId=NAME)["VersionId"], str(uuid.uuid4())
    aws.begin_rotation(NAME, token)
    put = {"SecretId": NAME, "ClientRequestToken": token, "VersionStages": ["AWSPENDING"]}
    rotating.put_secret_value(**put, SecretString="new")
    assert error_code(rotating.put_secret_value, **put, SecretString="other") == "ResourceExistsException"
    rotating.put_secret_value(**put, SecretString="new")
    assert rotating.get_secret_value(SecretId=NAME)["SecretString"] == LIVE
    rotating.update_secret_version_stage(
        SecretId=NAME, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=old
    )
    assert rotating.get_secret_value(SecretId=NAME)["SecretString"] == "new"
    assert rotating.get_secret_value(SecretId=NAME, VersionStage="AWSPREVIOUS")["SecretString"] == LIVE
    stages = rotating.describe_secret(SecretId=NAME)["VersionIdsToStages"]
    assert (sorted(stages[token]), stages[old]) == (["AWSCURRENT", "AWSPENDING"], ["AWSPREVIOUS"])
    following = aws.begin_rotation(NAME, str(uuid.uuid4()))
    assert following[token] == ["AWSCURRENT"]


def test_rotations_do_not_overlap(aws: EmbeddedAws, rotating: Any) -> None:
    token = str(uuid.uuid4())
    first = aws.begin_rotation(NAME, token)
    assert aws.begin_rotation(NAME, token) == first  # the service retries with the same token
    with pytest.raises(Refused, match="InvalidRequestException"):
        aws.begin_rotation(NAME, str(uuid.uuid4()))


def test_no_rotation_begins_while_rotation_is_off(aws: EmbeddedAws) -> None:
    aws.client("secretsmanager").create_secret(Name=NAME, SecretString=LIVE)
    with pytest.raises(Refused, match="isn't enabled"):
        aws.begin_rotation(NAME, str(uuid.uuid4()))
    with pytest.raises(Refused, match="ResourceNotFoundException"):
        aws.begin_rotation("no/such/secret", str(uuid.uuid4()))


def test_a_name_scheduled_for_deletion_is_taken(aws: EmbeddedAws) -> None:
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name=NAME, SecretString=LIVE)
    secrets.delete_secret(SecretId=NAME)
    assert error_code(secrets.create_secret, Name=NAME) == "InvalidRequestException"
