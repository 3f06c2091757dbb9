"""Terraform: what is found, with which bytes, and what a rewrite makes of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from random import Random
from typing import Any

import pytest

from hardcode_hunter.languages.terraform import TERRAFORM
from hardcode_hunter.model import Candidate, Extraction, LiteralType, Position, Source
from tests import rewriting_cases

CASES = rewriting_cases.cases("terraform")

MODULE = """\
provider "aws" {
  alias      = "old"
  access_key = "AKIAIOSFODNN7EXAMPLE"
}

resource "aws_db_instance" "main" {
  password = "hunter-é-2019" # why not
  url      = "postgres://u:pw@${aws_db.x.endpoint}/db"
  port     = 5432
  other    = var.db_password
  plain    = "${var.db_password}"
  escaped  = "a\\"b$${c}\\u00e9"
  choice   = var.old ? "old-password" : "new-password"
  encoded  = base64encode("hunter2")
  looked   = lookup(var.passwords, "key-name")
  is_it    = var.token == "compared-token"
  tags     = { Owner = "x", "Token" : "in-an-object" }
  user_data = <<-EOF
    #!/bin/bash
    export DB_PASSWORD='hunter3'
    mysql -p${var.db_password}
  EOF
  nested {
    password = "in-a-block"
  }
  nested {
    password = "in-another"
  }
  connection {
    password = "by-connection"
  }
}

resource "aws_ecs_task_definition" "t" {
  container_definitions = jsonencode([{
    name        = "web"
    environment = [{ name = "DB_PASSWORD", value = "hunter5" }]
  }])
}

resource "aws_ecs_task_definition" "u" {
  container_definitions = <<JSON
[{"environment": [{"name": "DB_PASSWORD", "value": "hunter6"}], "x": "${var.region}"}]
JSON
}

resource "tls" "k" {
  private_key = <<EOF
-----BEGIN RSA PRIVATE\u0020KEY-----
AAAA
EOF
}

variable "db_password" {
  sensitive = true
  default   = "hunter7"
}

variable "object" {
  default = { password = "hunter8" }
}

locals {
  token  = "local-token"
  passed = var.db_password
}

module "storage" {
  source   = "./modules/storage"
  password = var.db_password
  literal  = "hunter9"
}

terraform {
  backend "s3" {
    secret_key = "backend-key"
  }
}

# old_password = "commented-out"
"""


def extract(text: str | bytes, path: str = "infra/main.tf", hits: Any = None) -> Extraction:
    data = text.encode() if isinstance(text, str) else text
    return TERRAFORM.candidates(Source(path, data, "terraform"), hits)


def named(extraction: Extraction) -> dict[tuple[str, int], Candidate]:
    return {(c.symbol, c.ordinal): c for c in extraction.candidates}


R = "resource.aws_db_instance.main"


@pytest.mark.parametrize(
    ("symbol", "ordinal", "name", "raw", "value", "position", "literal"),
    [
        (
            "provider.aws.old.access_key",
            0,
            "access_key",
            '"AKIAIOSFODNN7EXAMPLE"',
            "AKIAIOSFODNN7EXAMPLE",
            "property",
            "str",
        ),
        (f"{R}.password", 0, "password", '"hunter-é-2019"', "hunter-é-2019", "property", "str"),
        (
            f"{R}.url",
            0,
            "url",
            '"postgres://u:pw@${aws_db.x.endpoint}/db"',
            "postgres://u:pw@\0/db",
            "property",
            "template",
        ),
        (f"{R}.port", 0, "port", "5432", "5432", "property", "int"),
        (f"{R}.escaped", 0, "escaped", '"a\\"b$${c}\\u00e9"', 'a"b${c}é', "property", "str"),
        (f"{R}.choice", 0, "choice", '"old-password"', "old-password", "property", "str"),
        (f"{R}.choice", 1, "choice", '"new-password"', "new-password", "property", "str"),
        (f"{R}.encoded", 0, "encoded", '"hunter2"', "hunter2", "property", "str"),
        (f"{R}.looked", 0, "", '"key-name"', "key-name", "argument", "str"),
        (f"{R}.is_it", 0, "token", '"compared-token"', "compared-token", "comparison", "str"),
        (f"{R}.tags.Token", 0, "Token", '"in-an-object"', "in-an-object", "property", "str"),
        (f"{R}.user_data/DB_PASSWORD", 0, "DB_PASSWORD", "hunter3", "hunter3", "text", "text"),
        (f"{R}.nested.password", 0, "password", '"in-a-block"', "in-a-block", "property", "str"),
        (f"{R}.nested[1].password", 0, "password", '"in-another"', "in-another", "property", "str"),
        (f"{R}.connection.password", 0, "password", '"by-connection"', "by-connection", "property", "str"),
        (
            "resource.aws_ecs_task_definition.t.container_definitions.0.environment.DB_PASSWORD",
            0,
            "DB_PASSWORD",
            '"hunter5"',
            "hunter5",
            "property",
            "str",
        ),
        (
            "resource.aws_ecs_task_definition.u.container_definitions/0/environment/DB_PASSWORD",
            0,
            "DB_PASSWORD",
            "hunter6",
            "hunter6",
            "property",
            "str",
        ),
        ("variable.db_password.default", 0, "db_password", '"hunter7"', "hunter7", "parameter-default", "str"),
        ("variable.object.default.password", 0, "password", '"hunter8"', "hunter8", "parameter-default", "str"),
        ("locals.token", 0, "token", '"local-token"', "local-token", "property", "str"),
        ("module.storage.literal", 0, "literal", '"hunter9"', "hunter9", "property", "str"),
        ("terraform.backend.s3.secret_key", 0, "secret_key", '"backend-key"', "backend-key", "property", "str"),
        ("comment/old_password", 0, "old_password", "commented-out", "commented-out", "text", "text"),
    ],
)
def test_candidates(symbol: str, ordinal: int, name: str, raw: str, value: str, position: str, literal: str) -> None:
    candidate = named(extract(MODULE))[symbol, ordinal]
    data = MODULE.encode()
    assert data[candidate.span.start : candidate.span.end].decode() == raw
    assert (candidate.name, candidate.value.reveal()) == (name, value)
    assert (candidate.position, candidate.literal) == (Position(position), LiteralType(literal))
    assert candidate.line == data[: candidate.span.start].count(b"\n") + 1


def test_a_key_in_a_heredoc_is_one_literal() -> None:
    (key,) = [c for c in extract(MODULE).candidates if c.name == "private_key"]
    assert key.value.reveal().startswith("-----BEGIN") and key.value.reveal().endswith("AAAA")


@pytest.mark.parametrize("symbol", [f"{R}.other", f"{R}.plain", "locals.passed", "module.storage.password"])
def test_a_reference_is_no_literal(symbol: str) -> None:
    assert symbol not in {c.symbol for c in extract(MODULE).candidates}


def test_references_lead_to_arguments_and_on() -> None:
    rows = {(r.target, r.resource, r.parameter, r.defines) for r in extract(MODULE).references}
    assert ("infra#var.db_password", "aws_db_instance", "other", "") in rows
    assert ("infra#var.db_password", "aws_db_instance", "plain", "") in rows
    assert ("infra#var.db_password", "aws_db_instance", "user_data", "") in rows
    assert ("infra#var.db_password", "", "passed", "infra#local.passed") in rows
    assert ("infra#var.db_password", "module", "password", "infra/modules/storage#var.password") in rows
    defines = {c.symbol: c.defines for c in extract(MODULE).candidates}
    assert defines["variable.db_password.default"] == "infra#var.db_password"
    assert defines["locals.token"] == "infra#local.token"
    assert defines["module.storage.literal"] == "infra/modules/storage#var.literal"
    assert defines["variable.object.default.password"] == "infra#var.object.password"


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("terraform.tfvars", ""),
        ("infra/prod.auto.tfvars", "infra"),
        ("infra/vars/prod.tfvars", "infra"),
        ("infra/environments/prod.tfvars", "infra"),
        ("infra/environments/prod/terraform.tfvars", "infra/environments/prod"),
        ("live/env/terraform.tfvars", "live/env"),
    ],
)
def test_variable_files_belong_to_a_module(path: str, folder: str) -> None:
    (candidate,) = extract('db_password = "hunter-2019"\n', path).candidates
    assert (candidate.defines, candidate.position, candidate.scope) == (
        f"{folder}#var.db_password",
        Position.PARAMETER_DEFAULT,
        "tfvars",
    )


def test_json_syntax() -> None:
    text = (
        '{"resource": {"aws_db_instance": {"main": {"password": "hunter-2019", "url": "a:${var.pw}", "other": "${var.pw}"}}},\n'
        ' "variable": {"pw": {"default": "hunter-2020"}}, "module": {"m": {"source": "./m", "pw": "${var.pw}"}}}'
    )
    extraction = extract(text, "infra/main.tf.json")
    found = {c.symbol: c for c in extraction.candidates}
    assert found["resource.aws_db_instance.main.password"].resource == "aws_db_instance"
    assert found["resource.aws_db_instance.main.url"].value.reveal() == "a:\0"
    assert found["variable.pw.default"].defines == "infra#var.pw"
    assert "resource.aws_db_instance.main.other" not in found
    assert ("infra#var.pw", "aws_db_instance", "other") in {
        (r.target, r.resource, r.parameter) for r in extraction.references
    }
    assert ("infra#var.pw", "infra/m#var.pw") in {(r.target, r.defines) for r in extraction.references}
    (value,) = extract('{"db_password": "hunter-2019"}', "infra/prod.tfvars.json").candidates
    assert value.defines == "infra#var.db_password"


def _written(value: str, random: Random) -> str:
    """``value`` as a quoted template of HCL, its characters escaped or not as chance has it."""
    plain = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\", "\r": "\\r"}
    words = [plain.get(c) or (f"\\U{ord(c):08x}" if ord(c) > 127 and random.random() < 0.5 else c) for c in value]
    return '"' + "".join(words).replace("${", "$${").replace("%{", "%%{") + '"'


def test_every_value_comes_back() -> None:
    random = Random(3)
    for _ in range(300):
        value = (
            "v"
            + "".join(random.choice("ab1 /\\\"'#:,;{}[]()<>$%&\t\né漢\U0001f4a9") for _ in range(random.randint(1, 20)))
            + "v"
        )
        token = _written(value, random)
        text = f'locals {{\n  é     = 1\n  key   = {token} # {{\n  after = "x"\n}}\n'
        found = {c.name: c for c in extract(text).candidates}
        assert found["key"].value.reveal() == value
        assert text.encode()[found["key"].span.start : found["key"].span.end].decode() == token
        assert found["after"].value.reveal() == "x"


@pytest.mark.parametrize("variant", ["crlf", "bom"])
def test_positions_hold_in_every_layout(variant: str) -> None:
    data = MODULE.encode().replace(b"\n", b"\r\n") if variant == "crlf" else b"\xef\xbb\xbf" + MODULE.encode()
    plain = {(c.symbol, c.ordinal): c for c in extract(MODULE).candidates}
    found = {(c.symbol, c.ordinal): c for c in extract(data).candidates}
    assert found.keys() == plain.keys()
    for key, candidate in found.items():
        assert (candidate.line, candidate.name) == (plain[key].line, plain[key].name)
        raw = data[candidate.span.start : candidate.span.end].replace(b"\r\n", b"\n")
        assert raw == MODULE.encode()[plain[key].span.start : plain[key].span.end]


def test_windows_keep_what_stands_near_a_hit() -> None:
    """Near: a hit lies between a candidate's name and its literal's end. What other code can refer to by name is always kept."""
    data = MODULE.encode()
    whole = extract(MODULE).candidates
    assert extract(MODULE, hits=list(range(len(data)))).candidates == whole
    assert all(c.defines for c in extract(MODULE, hits=[]).candidates)
    for word, symbol in (
        (b"DB_PASSWORD='", "user_data/DB_PASSWORD"),
        (b'password = "in-another', "nested[1].password"),
        (b'"DB_PASSWORD", value', "environment.DB_PASSWORD"),
    ):
        hit = data.index(word)
        kept = extract(MODULE, hits=[hit]).candidates
        assert set(kept) <= set(whole)
        near = [c for c in kept if not c.defines]
        assert near and all(c.span.end >= hit for c in near)
        assert any(c.symbol.endswith(symbol) for c in near)


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ('resource "a" "b" {\n  password = "hunter-2019"\n', 3, True),
        ('resource "a" "b" {\n  password = "hunter-2019"\n  tags = {\n', 4, True),
        ('locals {\n<<<<<<< HEAD\n  password = "hunter-2019"\n=======\n}\n', 2, True),
        ('locals {\n  a = [1, \n}\nlocals {\n  password = "hunter-2019"\n}\n', 3, True),
        ("locals {\n  a = " + "[" * 10_000 + "]" * 10_000 + "\n}\n", 2, False),
        ("b {\n" * 5_000 + "}\n" * 5_000, 152, False),
        ("locals {\n  a = " + '"${' * 500 + "1" + '}"' * 500 + "\n}\n", 2, False),
        ('locals {\n  a = "\0"\n  password = "hunter-2019"\n}\n', 2, True),
    ],
)
def test_bad_input_is_a_problem_and_the_rest_is_read(text: str, line: int, found: bool) -> None:
    extraction = extract(text)
    assert extraction.problems
    assert any(abs(p.line - line) <= 2 for p in extraction.problems)
    assert len(set(extraction.problems)) == len(extraction.problems)  # each is told once
    assert not found or any(c.value.reveal() == "hunter-2019" for c in extraction.candidates)


def test_another_encoding_is_a_problem() -> None:
    extraction = extract('locals {\n  a = "é"\n  password = "hunter-2019"\n}\n'.encode("latin-1"))
    assert [c.value.reveal() for c in extraction.candidates if c.name == "password"] == ["hunter-2019"]
    assert extraction.problems


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rewrite(case: rewriting_cases.Case) -> None:
    rewriting_cases.check(TERRAFORM, case)


def _is_formatted(data: bytes) -> bool:
    binary = shutil.which("terraform")
    if binary is None:
        pytest.skip("terraform is not installed: whether a rewritten file is still formatted was not asked")
    environment = {"PATH": os.environ["PATH"], "CHECKPOINT_DISABLE": "1"}
    return (
        subprocess.run(
            [binary, "fmt", "-check", "-"], input=data, capture_output=True, env=environment, check=False
        ).returncode
        == 0
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_formatted_file_stays_formatted(case: rewriting_cases.Case) -> None:
    for path, data in case.after.items():
        if data != case.before[path] and _is_formatted(case.before[path]):
            assert _is_formatted(data), path


def test_a_proof_that_fails_leaves_all_files_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from hardcode_hunter.languages.terraform import proof

    monkeypatch.setattr(proof, "tree", lambda *_: [object()])
    case = next(c for c in CASES if c.name == "variable_default")
    result, after = rewriting_cases.run(TERRAFORM, case, case.before)
    assert after == case.before
    assert [s.code for r in result.values() for s in r.skips] == ["proof-failed"]
