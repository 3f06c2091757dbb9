"""Terraform from the first pass to the verdict: what is found, across files and modules, and what is not."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from tests.infrastructure import places, scanned

KEY_ID, KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
MASTER = 'resource "aws_db_instance" "shop" {\n  password = var.neutral\n}\n'

FOUND = {
    "a variable of any name that reaches a secret argument": (
        {"variables.tf": 'variable "neutral" {\n  default = "tide-and-time"\n}\n', "main.tf": MASTER},
        {("variables.tf", 2, "migrate")},
    ),
    "a variable file without one telling word": (
        {
            "variables.tf": 'variable "neutral" {}\n',
            "main.tf": MASTER,
            "prod.auto.tfvars": 'neutral = "tide-and-time"\n',
        },
        {("prod.auto.tfvars", 1, "migrate")},
    ),
    "variable files deep in folders": (
        {
            "variables.tf": 'variable "neutral" {}\n',
            "main.tf": MASTER,
            "environments/dev/terraform.tfvars": 'neutral = "tide-and-time"\n',
        },
        {("environments/dev/terraform.tfvars", 1, "migrate")},
    ),
    "a key of a variable that is an object": (
        {
            "main.tf": 'variable "keys" {}\nresource "aws_db_instance" "shop" {\n  password = var.keys["neutral"]\n}\n',
            "prod.auto.tfvars": 'keys = {\n  neutral = "tide-and-time"\n}\n',
        },
        {("prod.auto.tfvars", 2, "migrate")},
    ),
    "name and value of a build's variable": (
        {
            "main.tf": 'resource "aws_codebuild_project" "b" {\n  environment {\n    environment_variable {\n'
            '      name  = "NPM_TOKEN"\n      value = "tide-and-time-1984"\n    }\n    environment_variable {\n'
            '      name  = "DB_PASSWORD"\n      value = "tide-and-time-1984"\n      type  = "SECRETS_MANAGER"\n    }\n  }\n}\n'
        },
        {("main.tf", 5, "migrate")},
    ),
    "the file of a backend": (
        {
            "prod.s3.tfbackend": 'bucket       = "orders-state"\nuse_lockfile = true\npassword     = "tide-and-time-1984" # ours\n'
        },
        {("prod.s3.tfbackend", 3, "report")},
    ),
    "name and value of a setting, directly below its resource": (
        {
            "main.tf": 'resource "aws_elastic_beanstalk_environment" "e" {\n  setting {\n'
            '    namespace = "aws:elasticbeanstalk:application:environment"\n    name      = "DB_PASSWORD"\n'
            '    value     = "tide-and-time-1984"\n  }\n}\n'
            'resource "aws_db_parameter_group" "p" {\n  parameter {\n    name  = "password_encryption"\n'
            '    value = "scram-sha-256"\n  }\n  parameter {\n    name  = "validate_password.policy"\n    value = "STRONG"\n  }\n}\n'
            'resource "helm_release" "h" {\n  set {\n    name  = "auth.existingSecret"\n    value = "orders-db-credentials"\n  }\n}\n'
        },
        {("main.tf", 5, "migrate")},
    ),
    "a sensitive variable that reaches nothing of note": (
        {"main.tf": 'variable "neutral" {\n  sensitive = true\n  default   = "tide-and-time"\n}\n'},
        {("main.tf", 3, "migrate")},
    ),
    "a variable that is the password of a URL": (
        {
            "main.tf": 'variable "neutral" {\n  default = "tide-and-time-1984"\n}\nresource "aws_ssm_parameter" "u" {\n'
            '  type  = "String"\n  name  = "/shop/store"\n  value = "mysql://shop:${var.neutral}@db/shop"\n}\n'
        },
        {("main.tf", 2, "migrate")},
    ),
    "a local that is a password where it ends up": (
        {
            "main.tf": 'locals {\n  neutral = "tide-and-time-1984"\n}\nresource "aws_lambda_function" "f" {\n'
            "  environment {\n    variables = {\n      DB_PASSWORD = local.neutral\n    }\n  }\n}\n"
        },
        {("main.tf", 2, "migrate")},
    ),
    "a local of another file": (
        {"locals.tf": 'locals {\n  neutral = "tide-and-time"\n}\n', "main.tf": MASTER.replace("var.", "local.")},
        {("locals.tf", 2, "migrate")},
    ),
    "a module's input": (
        {
            "main.tf": 'module "store" {\n  source  = "./store"\n  neutral = "tide-and-time"\n}\n',
            "store/variables.tf": 'variable "neutral" {}\n',
            "store/main.tf": MASTER,
        },
        {("main.tf", 3, "migrate")},
    ),
    "a module's input that is a variable with a value in JSON": (
        {
            "main.tf": 'module "store" {\n  source  = "./store"\n  neutral = var.outer\n}\nvariable "outer" {}\n',
            "terraform.tfvars.json": '{"outer": "tide-and-time"}\n',
            "store/main.tf": MASTER + 'variable "neutral" {}\n',
        },
        {("terraform.tfvars.json", 1, "migrate")},
    ),
    "a module's output": (
        {
            "main.tf": 'module "store" {\n  source = "./store"\n}\nresource "aws_db_instance" "shop" {\n  password = module.store.neutral\n}\n',
            "store/main.tf": 'variable "inner" {\n  default = "tide-and-time"\n}\noutput "neutral" {\n  value = var.inner\n}\n',
        },
        {("store/main.tf", 2, "migrate")},
    ),
    "the output of one of several modules, through another one": (
        {
            "main.tf": 'module "store" {\n  count  = 2\n  source = "./store"\n}\nmodule "db" {\n  source = "./db"\n  phrase = module.store[0].neutral\n}\n',
            "store/main.tf": 'locals {\n  inner = "tide-and-time"\n}\noutput "neutral" {\n  value = local.inner\n}\n',
            "db/main.tf": MASTER.replace("neutral", "phrase") + 'variable "phrase" {}\n',
        },
        {("store/main.tf", 2, "migrate")},
    ),
    "keys of the provider and the backend, AWS's own examples too": (
        {
            "main.tf": f'provider "aws" {{\n  access_key = "{KEY_ID}"\n  secret_key = "{KEY}"\n}}\n'
            f'terraform {{\n  backend "s3" {{\n    access_key = "{KEY_ID}"\n    secret_key = "{KEY}"\n  }}\n}}\n'
        },
        {("main.tf", 2, "migrate"), ("main.tf", 3, "migrate"), ("main.tf", 7, "migrate"), ("main.tf", 8, "migrate")},
    ),
    "static keys in a function's environment": (
        {
            "main.tf": 'resource "aws_lambda_function" "f" {\n  environment {\n    variables = {\n'
            f'      access_key = "{KEY_ID}"\n      secret_key = "{KEY}"\n    }}\n  }}\n}}\n'
        },
        {("main.tf", 4, "migrate"), ("main.tf", 5, "migrate")},
    ),
    "a parameter is judged by its own name": (
        {
            "main.tf": 'resource "aws_ssm_parameter" "p" {\n  name  = "/prod/shop/DB_PASSWORD"\n  type  = "String"\n  value = "tide-and-time-9"\n}\n'
            'resource "aws_ssm_parameter" "q" {\n  name  = "/prod/shop/region"\n  type  = "String"\n  value = "tide-and-time-9"\n}\n'
        },
        {("main.tf", 4, "migrate")},
    ),
    "a secure parameter whatever its name": (
        {
            "main.tf": 'resource "aws_ssm_parameter" "p" {\n  name  = "/prod/shop/x"\n  type  = "SecureString"\n  value = "tide-and-time"\n}\n'
        },
        {("main.tf", 4, "migrate")},
    ),
    "container definitions in both forms": (
        {
            "main.tf": 'resource "aws_ecs_task_definition" "t" {\n  container_definitions = jsonencode([{\n'
            '    environment = [{ name = "DB_PASSWORD", value = "tide-and-time-9" }]\n  }])\n}\n'
            'resource "aws_ecs_task_definition" "u" {\n  container_definitions = <<JSON\n'
            '[{"environment": [{"name": "DB_PASSWORD", "value": "tide-and-time-9"}]}]\nJSON\n}\n'
        },
        {("main.tf", 3, "migrate"), ("main.tf", 8, "migrate")},
    ),
    "user data, provisioners and connections": (
        {
            "main.tf": 'resource "aws_instance" "i" {\n  user_data = <<-EOF\n    export DB_PASSWORD=Grey-Heron-47\n  EOF\n'
            '  connection {\n    password = "Grey-Heron-48"\n  }\n'
            '  provisioner "local-exec" {\n    command = "mysql --password=Grey-Heron-49"\n  }\n}\n'
        },
        {("main.tf", 3, "report"), ("main.tf", 6, "migrate"), ("main.tf", 9, "report")},
    ),
    "what a template is given": (
        {"main.tf": 'locals {\n  script = templatefile("x.tpl", { db_password = "Grey-Heron-47" })\n}\n'},
        {("main.tf", 2, "migrate")},
    ),
    "what is called a test is deployed all the same": (
        {"main.tf": 'resource "aws_db_instance" "test_db" {\n  password = "tide-and-time"\n}\n'},
        {("main.tf", 2, "migrate")},
    ),
    "an output": (
        {"main.tf": 'output "db_password" {\n  value = "Grey-Heron-47"\n}\n'},
        {("main.tf", 2, "migrate")},
    ),
    "other clouds are reported": (
        {"main.tf": 'resource "azurerm_sql_server" "s" {\n  administrator_login_password = "Aa12345678"\n}\n'},
        {("main.tf", 2, "report")},
    ),
    "configuration in JSON": (
        {"main.tf.json": '{"resource": {"aws_db_instance": {"shop": {\n"password": "tide-and-time"}}}}\n'},
        {("main.tf.json", 2, "migrate")},
    ),
}

CLEAN = {
    "the condition of a choice": 'variable "given" {\n  default = ""\n}\nlocals {\n'
    '  db_password = length(var.given) > 0 && var.given != "harbour-office" ? var.given : random_password.x.result\n}\n'
    'resource "aws_db_instance" "a" {\n  password = local.db_password\n}\n',
    "references": 'resource "aws_db_instance" "a" {\n  password = var.db_password\n}\nresource "aws_db_instance" "b" {\n  password = random_password.x.result\n}\n'
    'resource "aws_db_instance" "c" {\n  password = jsondecode(data.aws_secretsmanager_secret_version.x.secret_string)["password"]\n}\n'
    'resource "aws_db_instance" "d" {\n  password_wo = ephemeral.aws_secretsmanager_secret_version.x.secret_string\n}\n'
    'resource "aws_db_instance" "e" {\n  password = local.db_password\n}\nvariable "db_password" {\n  sensitive = true\n}\n',
    "switches and names": 'resource "aws_db_instance" "a" {\n  manage_master_user_password   = true\n  master_user_secret_kms_key_id = "alias/shop"\n}\n'
    'resource "aws_secretsmanager_secret" "s" {\n  name = "prod/shop/db-password"\n}\n',
    "an empty default": 'variable "db_password" {\n  default = ""\n}\nresource "aws_db_instance" "a" {\n  password = var.db_password\n}\n',
}


@pytest.mark.parametrize("case", FOUND)
def test_found(case: str, tmp_path: Path) -> None:
    files, expected = FOUND[case]
    assert places(scanned(tmp_path, files)) == expected


@pytest.mark.parametrize("case", CLEAN)
def test_clean(case: str, tmp_path: Path) -> None:
    assert scanned(tmp_path, {"main.tf": CLEAN[case]}) == ()


def test_the_message_tells_the_way(tmp_path: Path) -> None:
    files, _ = FOUND["a module's input that is a variable with a value in JSON"]
    (finding,) = scanned(tmp_path, files)
    assert "reaches aws_db_instance.password by way of var.outer, module.store, var.neutral" in finding.reason


def test_every_secret_argument_of_the_provider_is_found(tmp_path: Path) -> None:
    """Each argument that the schema calls secret, as a literal that no name or look gives away."""
    text = (resources.files("hardcode_hunter.languages") / "data" / "terraform.json").read_text()
    secret = json.loads(text)["secret"]
    assert sum(map(len, secret.values())) >= 200
    lines, expected = [], set()
    for kind, paths in secret.items():
        for number, path in enumerate(paths):
            *outer, last = path.split(".")
            name = "/x" if kind == "aws_ssm_parameter" else ""
            lines.append(
                f'resource "{kind}" "n{number}" {{' + (f'\n  name = "{name}"\n  type = "SecureString"' if name else "")
            )
            lines += [f"{word} {{" for word in outer]
            lines.append(f'{last} = "tide-and-time"')
            expected.add("\n".join(lines).count("\n") + 1)
            lines += ["}"] * (len(outer) + 1)
    found = {f.line for f in scanned(tmp_path, {"main.tf": "\n".join(lines) + "\n"})}
    assert expected - found == set()
