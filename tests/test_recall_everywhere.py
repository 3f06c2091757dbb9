"""Planted credentials in infrastructure code and settings, in real files in which one name and one value are exchanged, and on long lines.

The positions are every pairing of a way to write a value with a name that it can have; half of the pairs with values are tried, in turn.
``HARDCODE_HUNTER_LONG=1`` tries all of them, and lines of 100,000 credentials.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardcode_hunter import ruleset
from hardcode_hunter.ruleset import RuleSet
from tests.test_recall import VALUES, found

ROOT = Path(__file__).parents[1]
LONG = bool(os.environ.get("HARDCODE_HUNTER_LONG"))
MANY = 100_000 if LONG else 5_000

TERRAFORM_ARGUMENTS = [
    ("aws_db_instance", "password"),
    ("aws_rds_cluster", "master_password"),
    ("aws_redshift_cluster", "master_password"),
    ("aws_docdb_cluster", "master_password"),
    ("aws_neptune_cluster", "db_password"),
    ("aws_elasticache_replication_group", "auth_token"),
    ("aws_directory_service_directory", "password"),
    ("aws_iam_user_login_profile", "password"),
]
TERRAFORM = [
    form.replace("TYPE", kind).replace("NAME", name)
    for kind, name in TERRAFORM_ARGUMENTS
    for form in (
        'resource "TYPE" "a" {{\n  NAME = "{v}"\n}}\n',
        'resource "TYPE" "a" {{\n  engine      = "mysql"\n  NAME     = "{v}" # of the shop\n}}\n',
        'variable "x" {{\n  default = "{v}"\n}}\nresource "TYPE" "a" {{\n  NAME = var.x\n}}\n',
        'locals {{\n  x = "{v}"\n}}\nresource "TYPE" "a" {{\n  NAME = local.x\n}}\n',
        'locals {{\n  on       = true\n  password = "{v}"\n}}\nresource "TYPE" "a" {{\n  NAME = local.on ? local.password : null\n}}\n',
    )
]
CLOUDFORMATION_PROPERTIES = [
    ("RDS::DBInstance", "MasterUserPassword"),
    ("RDS::DBCluster", "MasterUserPassword"),
    ("Redshift::Cluster", "MasterUserPassword"),
    ("DocDB::DBCluster", "MasterUserPassword"),
    ("ElastiCache::ReplicationGroup", "AuthToken"),
    ("DirectoryService::MicrosoftAD", "Password"),
    ("DMS::Endpoint", "Password"),
    ("Amplify::App", "OauthToken"),
]
CLOUDFORMATION = [
    form.replace("TYPE", kind).replace("NAME", name)
    for kind, name in CLOUDFORMATION_PROPERTIES
    for form in (
        "Resources:\n  A:\n    Type: AWS::TYPE\n    Properties:\n      NAME: '{v}'\n",
        'Resources:\n  A:\n    Type: "AWS::TYPE"\n    Properties: {{NAME: "{v}"}}\n',
        "Parameters:\n  X:\n    Type: String\n    Default: '{v}'\nResources:\n  A:\n    Type: AWS::TYPE\n    Properties:\n      NAME: !Ref X\n",
        "Parameters:\n  X:\n    Type: String\n    NoEcho: true\n    Default: '{v}'\nResources:\n  A:\n    Type: AWS::TYPE\n    Properties:\n      NAME:\n        Ref: X\n",
        "Resources:\n  A:\n    Type: AWS::TYPE\n    Properties:\n      NAME: !If [Prod, '{v}', !Ref 'AWS::NoValue']\n",
    )
]
SETTINGS = [
    form.replace("NAME", name)
    for name in (
        "PASSWORD", "DB_PASSWORD", "MYSQL_ROOT_PASSWORD", "POSTGRES_PASSWORD", "PGPASSWORD", "REDIS_PASSWORD", "SMTP_PASS",
        "ADMIN_PWD", "db_passwd", "KEYSTORE_PASSPHRASE",
    )
    for form in ("NAME={v}\n", 'NAME="{v}"\n', "export NAME='{v}'\n", "A=1\n  NAME = '{v}'\nB=2\n")
]  # fmt: skip
LANGUAGES = {"main.tf": TERRAFORM, "template.yaml": CLOUDFORMATION, ".env": SETTINGS}


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return ruleset.load()


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_plant_is_found(name: str, rules: RuleSet) -> None:
    forms = LANGUAGES[name]
    assert len(forms) >= 40
    lost = [
        (form, v)
        for number, form in enumerate(forms)
        for v in (VALUES if LONG else VALUES[number % 4 :: 4])
        if not (name == ".env" and re.search(r"[\s#&;$]", v))  # a shell would not take these as they are
        if not any(f.length == len(v) for f in found(name, form.format(v=v).encode(), rules))
    ]
    assert lost == []


# ---------------------------------------------------------------- real files

ROWS = {
    ".py": re.compile(r'^ *(?P<n>[A-Za-z_]\w*)(?:: str)? = "(?P<v>[^"\\{}\n]{3,60})"$', re.M),
    ".tf": re.compile(r'^ *(?P<n>[a-z_]\w*) += "(?P<v>[^"\\$\n]{3,60})"$', re.M),
    ".yaml": re.compile(r"^ *(?P<n>[A-Za-z]\w*): (?P<v>[A-Za-z][\w.-]{2,60})$", re.M),
    ".json": re.compile(r'^ *"(?P<n>[A-Za-z]\w*)": "(?P<v>[^"\\\n]{3,60})",?$', re.M),
}
FILES = 12  # of each kind
SYNTAX = frozenset(["default", "description", "type", "error_message", "ParameterKey", "ParameterValue"])
"""Names that are part of a language: another one in their place means nothing."""
PLANT = "hunter-orders-2019"


def last(row: re.Pattern[str], text: str) -> re.Match[str] | None:
    """The last row that is no label: a tag is seen by whoever sees the resource."""
    rows = [
        m
        for m in row.finditer(text)
        if m["n"] not in SYNTAX and "tags" not in text[max(0, m.start() - 300) : m.start()]
    ]
    return rows[-1] if rows else None


def renamed() -> Iterator[tuple[str, str, int]]:
    """Path, text and line: each a real file of ours in which one name became ``db_password``, and its value a password."""
    for suffix, row in ROWS.items():
        paths = sorted(
            p for folder in ("hardcode_hunter", "fixtures", "rules") for p in (ROOT / folder).rglob(f"*{suffix}")
        )
        texts = [(path, path.read_text("utf-8")) for path in paths if path.stat().st_size < 40_000]
        holding = [(path, text, match) for path, text in texts if (match := last(row, text))]
        for path, text, match in holding[:: max(1, len(holding) // FILES)][:FILES]:
            changed = f"{text[: match.start('n')]}db_password{text[match.end('n') : match.start('v')]}{PLANT}{text[match.end('v') :]}"
            yield path.relative_to(ROOT).as_posix(), changed, text.count("\n", 0, match.start("v")) + 1


def test_a_renamed_key_and_value_are_found_in_real_files(rules: RuleSet) -> None:
    rows = list(renamed())
    assert len(rows) >= 3 * FILES
    lost = [
        (path, line)
        for path, text, line in rows
        if not any(f.line == line and f.length == len(PLANT) for f in found(Path(path).name, text.encode(), rules))
    ]
    assert lost == []


# ---------------------------------------------------------------- long lines


@pytest.mark.parametrize(
    ("name", "row", "before", "after"),
    [
        ("app.py", 'password_{n} = "tide-{n}-x9"; ', "", "\n"),
        ("conf.json", '"password_{n}": "tide-{n}-x9", ', "{", '"last": 1}\n'),
        ("conf.yaml", "password_{n}: tide-{n}-x9, ", "{", "last: 1}\n"),
        ("deploy.sh", "PASSWORD_{n}=tide-{n}-x9 ", "", "run\n"),
        ("main.tf", 'password_{n} = "tide-{n}-x9", ', "locals { x = {", "} }\n"),
    ],
)
def test_none_is_lost_on_a_long_line(name: str, row: str, before: str, after: str, rules: RuleSet) -> None:
    text = before + "".join(row.format(n=n) for n in range(MANY)) + after
    assert len(found(name, text.encode(), rules)) == MANY
