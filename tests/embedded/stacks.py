"""Deploying a template to the embedded AWS as a person does: create or update, then wait. And one template to deploy."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from tests.embedded.aws import EmbeddedAws

SECRET_NAME = "prod/orders/database"
LIVE_VALUE = json.dumps({"username": "orders", "password": "gull-3"})

# A secret in two phases: the parameter Rotation adds the schedule.
TWO_PHASES = """
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Rotation: {Type: String, Default: "off", AllowedValues: ["off", "on"]}
  Description: {Type: String, Default: first}
Conditions:
  RotationOn: !Equals [!Ref Rotation, "on"]
Resources:
  Key:
    Type: AWS::KMS::Key
    Properties:
      EnableKeyRotation: true
      KeyPolicy:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: {AWS: !Sub "arn:aws:iam::${AWS::AccountId}:root"}, Action: "kms:*", Resource: "*"}]
  Database:
    Type: AWS::SecretsManager::Secret
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      Name: prod/orders/database
      Description: !Ref Description
      KmsKeyId: !GetAtt Key.Arn
  DatabasePolicy:
    Type: AWS::SecretsManager::ResourcePolicy
    Properties:
      SecretId: !Ref Database
      BlockPublicPolicy: true
      ResourcePolicy:
        Version: 2012-10-17
        Statement: [{Effect: Deny, Principal: "*", Action: "secretsmanager:DeleteSecret", Resource: "*"}]
  RotationRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]
  RotationFunction:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      Role: !GetAtt RotationRole.Arn
      Code: {ZipFile: "def handler(event, context): pass"}
  RotationPermission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !GetAtt RotationFunction.Arn
      Principal: secretsmanager.amazonaws.com
      SourceAccount: !Ref AWS::AccountId
  Schedule:
    Type: AWS::SecretsManager::RotationSchedule
    Condition: RotationOn
    DependsOn: RotationPermission
    Properties:
      SecretId: !Ref Database
      RotationLambdaARN: !GetAtt RotationFunction.Arn
      RotateImmediatelyOnUpdate: false
      RotationRules: {ScheduleExpression: rate(30 days), Duration: 2h}
Outputs:
  Arn: {Value: !Ref Database}
"""


def deploy(aws: EmbeddedAws, template: str, *, name: str = "orders", **parameters: str) -> dict[str, Any]:
    """Create or update the stack and wait as a person would; WaiterError when it rolled back."""
    client = aws.client("cloudformation")
    request = {
        "StackName": name,
        "TemplateBody": template,
        "Capabilities": ["CAPABILITY_IAM"],
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    }
    exists = any(stack["StackName"] == name for stack in client.describe_stacks()["Stacks"])
    (client.update_stack if exists else client.create_stack)(**request)
    waiter = client.get_waiter("stack_update_complete" if exists else "stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 0, "MaxAttempts": 1})
    stack: dict[str, Any] = client.describe_stacks(StackName=name)["Stacks"][0]
    return stack


def failed_resources(aws: EmbeddedAws, name: str = "orders") -> dict[str, str]:
    """Logical ids of what could not be created or updated, and why."""
    events = aws.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return {
        event["LogicalResourceId"]: event["ResourceStatusReason"]
        for event in events
        if event["ResourceStatus"] in ("CREATE_FAILED", "UPDATE_FAILED")
    }


def error_code(call: Any, **arguments: Any) -> str:
    """The code with which AWS refuses the call; AssertionError when it doesn't."""
    try:
        call(**arguments)
    except ClientError as refused:
        return str(refused.response["Error"]["Code"])
    raise AssertionError("the call was not refused")
