"""What a plan says about infrastructure code: who reads a secret, and which master passwords AWS could keep itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardcode_hunter import migration
from hardcode_hunter.config import Settings
from hardcode_hunter.model import Consumer, Secret
from hardcode_hunter.plan import Wish

DATABASE = (
    'resource "aws_db_instance" "shop" {\n  engine   = "mysql"\n  username = "shop"\n  password = "tide-and-time"\n}\n'
)
TASK = """\
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Execution: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ExecutionRoleArn: !GetAtt Execution.Arn
      ContainerDefinitions:
        - Name: web
          Environment:
            - {Name: DB_PASSWORD, Value: Grey-Heron-47}
"""


def planned(root: Path, files: dict[str, str]) -> tuple[Secret, ...]:
    for path, text in files.items():
        (root / path).write_text(text)
    made = migration.make(root, [root], Settings(), Wish())
    tree = made[0] if isinstance(made, tuple) else made
    return tree.plan.secrets


@pytest.mark.parametrize(
    ("name", "text", "database"),
    [
        ("main.tf", DATABASE, "resource.aws_db_instance.shop in main.tf"),
        (
            "main.tf",
            DATABASE.replace('"tide-and-time"', "var.phrase") + 'variable "phrase" {\n  default = "tide-and-time"\n}\n',
            "resource.aws_db_instance.shop in main.tf",
        ),
        (
            "t.yaml",
            'AWSTemplateFormatVersion: "2010-09-09"\nResources:\n  Dwh:\n    Type: AWS::Redshift::Cluster\n    Properties: {MasterUsername: keeper, MasterUserPassword: tide-and-time}\n',
            "Resources/Dwh in t.yaml",
        ),
        (
            "main.tf",
            'resource "aws_mq_broker" "b" {\n  user {\n    username = "shop"\n    password = "tide-and-time"\n  }\n}\n',
            "",
        ),
    ],
)
def test_a_managed_password_is_offered_for_master_users(name: str, text: str, database: str, tmp_path: Path) -> None:
    (secret,) = planned(tmp_path, {name: text})
    assert secret.managed_resource == database
    assert ("managed-password" in secret.why) is bool(database)
    assert secret.home.value == "secretsmanager"  # offered, not chosen: it sets a new password


def _consumer(secrets: tuple[Secret, ...]) -> Consumer:
    (secret,) = secrets
    (consumer,) = secret.consumers
    return consumer


def test_a_containers_variable_is_read_by_the_execution_role(tmp_path: Path) -> None:
    consumer = _consumer(planned(tmp_path, {"t.yaml": TASK}))
    assert (consumer.runtime, consumer.role) == ("ecs", "Execution")


def test_the_same_in_terraform(tmp_path: Path) -> None:
    text = (
        'resource "aws_ecs_task_definition" "web" {\n  execution_role_arn = aws_iam_role.execution.arn\n'
        '  container_definitions = jsonencode([{\n    environment = [{ name = "DB_PASSWORD", value = "Grey-Heron-47" }]\n  }])\n}\n'
    )
    consumer = _consumer(planned(tmp_path, {"main.tf": text}))
    assert (consumer.runtime, consumer.role) == ("ecs", "aws_iam_role.execution")


def test_a_resources_property_is_read_by_whoever_deploys(tmp_path: Path) -> None:
    consumer = _consumer(planned(tmp_path, {"main.tf": DATABASE}))
    assert consumer.role == "deployer"


HANDLER = 'import pymysql\n\n\ndef handler(event, context):\n    return pymysql.connect(host="db", user="shop", password="tide-and-time")\n'


@pytest.mark.parametrize(
    "files",
    [
        {"rds.tf": DATABASE, "handler.py": HANDLER},
        {
            "variables.tf": 'variable "phrase" {\n  default = "tide-and-time"\n}\n',
            "rds.tf": DATABASE.replace('"tide-and-time"', "var.phrase"),
            "engine.py": 'from sqlalchemy import create_engine\n\nENGINE = create_engine("mysql://shop:tide-and-time@db/shop")\n',
        },
        {
            "t.yaml": 'AWSTemplateFormatVersion: "2010-09-09"\nParameters:\n  Phrase: {Type: String, NoEcho: true, Default: tide-and-time}\n'
            "Resources:\n  Db: {Type: AWS::RDS::DBInstance, Properties: {MasterUsername: shop, MasterUserPassword: !Ref Phrase}}\n",
            "settings.py": 'DB_PASSWORD = "tide-and-time"\n',
        },
        {
            "rds.tf.json": '{"resource": {"aws_db_instance": {"shop": {"password": "tide-and-time"}}}}',
            "handler.py": HANDLER,
        },
    ],
    ids=["rds.tf and handler.py", "a variable and a URL", "a parameter and a setting", "rds.tf.json and handler.py"],
)
def test_a_value_and_its_use_in_python_are_one_secret(files: dict[str, str], tmp_path: Path) -> None:
    (secret,) = planned(tmp_path, files)
    (password,) = [field for field in secret.fields if field.key == "password"]
    origins = {origin.path for origin in password.origins}
    assert len(origins) == 2 and any(path.endswith(".py") for path in origins)
