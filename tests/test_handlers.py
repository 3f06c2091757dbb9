"""Functions that get a credential by their environment: the template passes the secret's ARN, and the code reads the secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hardcode_hunter import migration
from hardcode_hunter.config import Settings
from hardcode_hunter.model import Consumer
from hardcode_hunter.plan import Wish

VALUE = "heron47moor"
HANDLER = """\
import os

import psycopg2


def handler(event, context):
    return psycopg2.connect(host="db", user="keeper", password=os.environ["DB_PASSWORD"])
"""
SAM = f"""\
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: app.handler
      CodeUri: src/
      Environment:
        Variables:
          MODE: fast
          DB_PASSWORD: {VALUE}
"""
TERRAFORM = f"""\
data "archive_file" "code" {{
  type        = "zip"
  source_dir  = "${{path.module}}/src"
  output_path = "code.zip"
}}

resource "aws_lambda_function" "orders" {{
  function_name = "orders"
  filename      = data.archive_file.code.output_path
  handler       = "app.handler"
  runtime       = "python3.12"
  role          = aws_iam_role.orders.arn

  environment {{
    variables = {{
      DB_PASSWORD = "{VALUE}"
      MODE        = "fast"
    }}
  }}
}}

resource "aws_iam_role" "orders" {{
  assume_role_policy = "{{}}"
}}
"""
LAMBDA = """\
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Seed: {Type: String, Default: heron47moor, NoEcho: true}
Resources:
  Orders:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: app.handler
      Role: !GetAtt Role.Arn
      Code: {S3Bucket: b, S3Key: k}
      Environment:
        Variables: {MODE: fast, DB_PASSWORD: !Ref Seed}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {}
"""
GLOBALS = f"""\
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.12
    CodeUri: src
    Environment:
      Variables:
        DB_PASSWORD: {VALUE}
Resources:
  A: {{Type: AWS::Serverless::Function, Properties: {{Handler: app.handler}}}}
  B:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
      Policies:
        - AmazonDynamoDBReadOnlyAccess
"""


@dataclass(frozen=True)
class Made:
    files: dict[str, str]
    skips: dict[str, str]
    consumers: tuple[Consumer, ...]


@dataclass(frozen=True)
class Case:
    files: dict[str, str]
    tiers: tuple[str, ...] = ("safe",)
    has: dict[str, tuple[str, ...]] = field(default_factory=dict)
    roles: tuple[str, ...] = ()


def made(root: Path, files: dict[str, str], tiers: tuple[str, ...] = ("safe",)) -> Made:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    tree = migration.make(root, [root], Settings(), Wish(environment="prod"))
    migration.preview(tree)
    found = migration.rewrite(tree, tree.plan, frozenset(tiers))
    after = dict(files)
    for change in found.changes:
        data = files[change.path].encode() if change.path in files else b""
        after[change.path] = change.result(data).decode()
    (secret,) = tree.plan.secrets
    return Made(after, {s.code: s.why for s in (*tree.plan.skips, *found.skips)}, secret.consumers)


READ = 'get_secret("db", "password")'
GRANT = "secretsmanager:GetSecretValue"
TOGETHER = {
    "serverless": Case(
        {"template.yaml": SAM, "src/app.py": HANDLER},
        has={"template.yaml": ("SECRET_ID_DB: !Ref 'SecretArnDb'", "MODE: fast", GRANT), "src/app.py": (READ,)},
        roles=("OrdersRole",),
    ),
    "by a parameter": Case(
        {"template.yaml": LAMBDA, "functions/app.py": HANDLER},
        has={"template.yaml": ("SECRET_ID_SEED: !Ref 'SecretArnSeed'", "PolicyName: read-seed", GRANT)},
        roles=("Role",),
    ),
    "shared by all functions": Case(
        {
            "template.yaml": GLOBALS,
            "src/app.py": HANDLER.replace('os.environ["DB_PASSWORD"]', 'os.getenv("DB_PASSWORD")'),
        },
        has={"template.yaml": ("SECRET_ID_DB", "AmazonDynamoDBReadOnlyAccess", GRANT), "src/app.py": (READ,)},
        roles=("ARole", "BRole"),
    ),
    "terraform": Case(
        {"main.tf": TERRAFORM, "src/app.py": HANDLER},
        has={
            "main.tf": ("SECRET_ID_DB = data.aws_secretsmanager_secret.db.arn", 'MODE         = "fast"', GRANT),
            "src/app.py": (READ,),
        },
        roles=("aws_iam_role.orders",),
    ),
    "terraform by a variable": Case(
        {
            "main.tf": TERRAFORM.replace(f'"{VALUE}"', "var.seed"),
            "variables.tf": f'variable "seed" {{\n  default = "{VALUE}"\n}}\n',
            "src/app.py": HANDLER,
        },
        has={"main.tf": ("SECRET_ID_SEED = data.aws_secretsmanager_secret.seed.arn", GRANT)},
        roles=("aws_iam_role.orders",),
    ),
    "two variables of one secret, a role of another stack": Case(
        {
            "template.yaml": SAM.replace("      CodeUri", "      Role: !Ref RoleArn\n      CodeUri")
            + f"          DB_PASSWORD_2: {VALUE}\n",
            "src/app.py": HANDLER + '\nSECOND = os.environ.get("DB_PASSWORD_2", "")\n',
        },
        tiers=("safe", "review"),
        has={"template.yaml": ("SECRET_ID_DB: ",), "src/app.py": (f"SECOND = {READ}",)},
        roles=("unknown",),
    ),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_template_and_code_go_together(name: str, tmp_path: Path) -> None:
    case = TOGETHER[name]
    result = made(tmp_path, case.files, case.tiers)
    for path, texts in case.has.items():
        for text in texts:
            assert text in result.files[path], path
    everything = "".join(result.files.values())
    assert VALUE not in everything and "DB_PASSWORD" not in everything
    assert any(path.endswith("secret_store.py") for path in result.files)
    if "review" not in case.tiers:
        assert not result.skips
        assert tuple(c.role for c in result.consumers) == case.roles
        assert {c.runtime for c in result.consumers} == {"lambda"}


APART = {
    "no python": (
        {"t.yaml": SAM.replace("python3.12", "nodejs20.x"), "src/app.py": HANDLER},
        "needs-code",
        "nodejs20.x",
    ),
    "nothing reads it": (
        {"t.yaml": SAM, "src/app.py": "def handler(event, context): ...\n"},
        "needs-code",
        "no Python file",
    ),
    "set by the code": (
        {"t.yaml": SAM, "src/app.py": HANDLER + 'os.environ["DB_PASSWORD"] = ""\n'},
        "needs-code",
        "src/app.py:8",
    ),
    "a default": (
        {"t.yaml": SAM, "src/app.py": HANDLER.replace('environ["DB_PASSWORD"]', 'environ.get("DB_PASSWORD", X)')},
        "needs-code",
        "src/app.py:7",
    ),
    "no syntax": ({"t.yaml": SAM, "src/app.py": HANDLER + "print 1\n"}, "needs-code", "can't be parsed"),
    "another function with the same code": (
        {
            "t.yaml": SAM,
            "u.yaml": SAM.replace("Orders", "Others").replace(VALUE, "!Ref Given"),
            "src/app.py": HANDLER,
        },
        "needs-code",
        "Resources/Others in u.yaml",
    ),
    "code in the template": (
        {"t.yaml": SAM.replace("CodeUri: src/", "InlineCode: x"), "app.py": HANDLER},
        "needs-code",
        "in the template itself",
    ),
    "a role of another stack": (
        {"t.yaml": SAM.replace("      CodeUri", "      Role: !Ref RoleArn\n      CodeUri"), "src/app.py": HANDLER},
        "no-grant",
        "generated policy",
    ),
    "code that can't be changed": (
        {"t.yaml": SAM, "src/app.py": HANDLER + '\nif os.environ["DB_PASSWORD"] == "x":\n    raise SystemExit\n'},
        "needs-code",
        "src/app.py:9",
    ),
    "terraform, a role by its ARN": (
        {
            "main.tf": TERRAFORM.replace("aws_iam_role.orders.arn", '"arn:aws:iam::123456789012:role/o"'),
            "src/app.py": HANDLER,
        },
        "no-grant",
        "generated policy",
    ),
}


@pytest.mark.parametrize("name", APART)
def test_neither_is_changed_alone(name: str, tmp_path: Path) -> None:
    files, code, words = APART[name]
    result = made(tmp_path, files)
    assert result.files == files
    assert set(result.skips) == {code}
    assert words in result.skips[code]


def test_what_was_changed_has_nothing_left_to_change(tmp_path: Path) -> None:
    first = made(tmp_path / "once", {"template.yaml": SAM, "src/app.py": HANDLER})
    again = tmp_path / "twice"
    for path, text in first.files.items():
        (again / path).parent.mkdir(parents=True, exist_ok=True)
        (again / path).write_text(text)
    tree = migration.make(again, [again], Settings(), Wish(environment="prod"))
    assert not tree.plan.secrets and not tree.scan.problems
