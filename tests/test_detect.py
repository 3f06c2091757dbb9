"""Which literals are credentials: filters each by itself, then candidates through the rules: role, fields, confidence, verdict."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable, Sequence

import pytest

from hardcode_hunter import detect, filters, link, pipeline, ruleset
from hardcode_hunter.detect.siblings import prefix, roles
from hardcode_hunter.detect.verdict import is_test
from hardcode_hunter.filters import Strength
from hardcode_hunter.model import (
    Candidate,
    Confidence,
    Evaluated,
    Finding,
    Home,
    Kind,
    LiteralType,
    Plaintext,
    Position,
    Shape,
    Sink,
    Source,
    Span,
    Verdict,
)
from hardcode_hunter.ruleset import RuleSet
from hardcode_hunter.ruleset.samples import expand

KEY = b"a key for one run"


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return ruleset.compile_rules([ruleset.home()])


def scan(files: dict[str, str], rules: RuleSet, key: bytes = KEY) -> tuple[Finding, ...]:
    """What the stages after discovery make of some files."""
    candidates, references = [], []
    for path, text in files.items():
        data = text.encode()
        language = pipeline.language_of(path, data)
        assert language
        extraction = language.candidates(Source(path, data, language.name), None)
        candidates += extraction.candidates
        references += extraction.references
    return detect.detect(link.link(candidates, references), rules, key)


def python(text: str, rules: RuleSet, path: str = "shop/app.py") -> tuple[Finding, ...]:
    return scan({path: text}, rules)


def one(found: Sequence[Finding]) -> Finding:
    assert len(found) == 1, [(f.rule, f.line, f.symbol) for f in found]
    return found[0]


# ---------------------------------------------------------------- filters, each by itself

FILTERS: list[tuple[Callable[[str], bool], list[str], list[str]]] = [
    (filters.empty, ["", " ", "\t\n"], ["x", "0"]),
    (filters.masked, ["****", ":****", "xxxx", "XXXX-XXXX", "...", "_____", "######"], ["xylophone", "x1", "aaaaaaa", "box"]),
    (
        filters.reference,
        ["${PASSWORD}", "$PASSWORD", "pre-${X}", "{{ password }}", "{{resolve:secretsmanager:a:SecretString:b}}", "%(password)s", "%PASSWORD%", "arn:aws:secretsmanager:eu-central-1:1:secret:a", "op://vault/item/field", "<%= password %>", "!Ref Password", "$(cat x)", "ENC[AES256_GCM,data:a]", "var.password", "local.password", "module.db.password", "env:PASSWORD", "#{password}", "projects/1/secrets/a"],
        ["P@$$w0rd", "pa$word9!", "100%sure", "{secret}x", "variable", "localhost", "Refuse!"],
    ),
    (filters.marked, ["<password>", "<your-password>", "[token]", "{password}", "__PASSWORD__", "%PASSWORD%", "(redacted)", "REDACTED"], ["I_<3_you", "a<b>c", "x[1]y", "tide"]),
    (filters.placeholder, ["your-password", "YOUR_API_KEY", "your_session_secret_key", "insert-token-here", "changeme", "change this", "replace_me", "CHANGE THIS TO SOMETHING SECRET", "todo", "my-secret-key", "some_token", "<x>", "xxxxxxxxxx", "put-your-key-here"], ["tide", "youth", "changeling9", "hunter-orders-2019", "ur-t9HHgRCjMqGqIU9v05", "enterprise"]),
    (filters.default_password, ["changeme", "change-me", "changeit", "ChangeMe1", "n8n_change_me"], ["change", "exchange", "changeme please"]),
    (filters.test_value, ["dummy-token", "test", "testac", "my_fake_key", "example", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "0123456789abcdef", "aaaaaaaaaaaaaaaa"], ["123456", "television", "contest-9", "latest", "hunter-orders-2019", "letmein"]),
    (filters.metasyntactic, ["foo", "dummy", "TEST", " bar "], ["foo1", "barrier", "test-9"]),
    (filters.sequential, ["aaaaaa", "123456", "abcdefgh", "9876543210"], ["television", "135792", "abcxyz1"]),
    (filters.nullish, ["None", "null", "true", "HS256", "string", "required", "basic"], ["nonesuch", "truest", "tide"]),
    (filters.said_nothing, ["None", "null", "n/a"], ["tide", "basic"]),
    (filters.identifier, ["settings.PASSWORD", "get_secret()", "user_password", "authToken", "X-Auth-Token", "os.environ", "V1001_TODAY_MUSIC", "app.config['X']"], ["tide9!", "Zx91-kT7q_pLw3sV", "dGbpoJdqNuMlGDECgO", "a1b2c3d4e5f6"]),
    (filters.prose, ["Enter your password", "Password is required", "This is the secret of the sea.", "请输入密码", "Updated.", "Invalid token"], ["open sesame", "correct horse battery staple", "tide", "Password!", "wat? lol no", "Grey Heron 47"]),
    (filters.path, ["/run/secrets/db", "./key.pem", "../a/b", "~/.ssh/id_rsa", "C:\\keys\\a", "Software\\Shop\\Key", "id_rsa.pub", "client_secret.json", "/etc/ssl/private"], ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "a/b9!", "tide", "p@ss/word", "harbour\\light-9", "a\\b"]),
    (filters.plain_url, ["https://x.internal/a", "redis://h:1", "db.harbour.internal", "someone@example.com", "mailto://x", "sub.domain.co.uk:443"], ["tide", "a.b", "p@ssword", "x:y"]),
    (filters.hashed, ["$2b$12$abcdefghijklmnopqrstuv", "pbkdf2:sha256:1$a$b", "pbkdf2_sha256$1$a$b", "{SSHA}abc=", "sha512-" + "a" * 40 + "==", "$argon2id$v=19$x", "ssh-rsa AAAAB3Nza", "-----BEGIN CERTIFICATE-----\nMII", "SCRAM-SHA-256$4096:a"], ["2b12", "sha", "tide", "-----BEGIN RSA PRIVATE KEY-----\nMII", "$ecret9!"]),
    (filters.format_string, ["%s", "{}", "{name}", "{0:>3}", "%(x)s", "a\x00b", "%.2f"], ["100%", "tide", "{", "a{b", "50% off"]),
    (filters.code, ["(?:a|b)", "[a-z0-9]+", "<b>x</b>", "SELECT x FROM y", "a\nb", "^.*$", r"\d+"], ["tide", "a<b", "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----", "p.w?"]),
    (filters.uuid, ["b3d9f0a2-3a61-4d36-9a7b-1f2e3d4c5b6a", "{B3D9F0A2-3A61-4D36-9A7B-1F2E3D4C5B6A}"], ["b3d9f0a2", "tide"]),
    (filters.absent, ["", "****", "${X}", "<password>", "None"], ["root", "changeme", "x1", "password"]),
    (filters.random_letters, ["dGbpoJdqNuMlGDECgO", "jwpplkhxqsmkssku"], ["television", "settings", "authenticationToken"]),
    (filters.public_name, ["stripe_publishable_key", "public_key", "vapid_public_key", "ssh_public_key"], ["private_key", "publisher_secret", "republic_password"]),
    (filters.password_name, ["password", "DB_PASSWORD", "userPassword", "new_password2", "PGPASSWORD", "pwd", "sudo_pass", "passphrase"], ["passenger", "compass", "password_file", "bypass_url", "token"]),
]  # fmt: skip


@pytest.mark.parametrize(("function", "yes", "no"), FILTERS, ids=[f.__name__ for f, _, _ in FILTERS])
def test_each_filter(function: Callable[[str], bool], yes: list[str], no: list[str]) -> None:
    assert [v for v in yes if not function(v)] == []
    assert [v for v in no if function(v)] == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("password", "password", True), ("password", "Password", True), ("PASSWORD_FIELD", "user_password", True), ("token", "auth-token", True), ("key", "apiKey", True), ("SECRET_KEY", "SECRET_KEY", True),
        ("ResetUserPassword", "ds:ResetUserPassword", True), ("password", "admin_pass", False), ("password", "aiohttpdemo_pass", False), ("password", "mypassword", False), ("password", "tide", False), ("password", "password1!", False),
    ],
)  # fmt: skip
def test_a_value_that_only_repeats_its_name(name: str, value: str, expected: bool) -> None:
    assert filters.field_name(name, value) is expected


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("dbPassword1", "db_password"), ("DB-PASSWORD", "db_password"), ("db.password", "db_password"), ("DBPassword", "db_password"), ("APIKey", "api_key"), ("PASSWORD_PROD", "password"), ("apikey", "apikey"),
        ("NEO4J_PASSWORD", "neo4j_password"), ("api_key_v2", "api_key"), ("password_file", "password_file"), ("__pw__", "pw"), ("password_default", "password"), ("new_password2", "new_password"),
    ],
)  # fmt: skip
def test_names_are_read_the_same_in_every_style(name: str, plain: str) -> None:
    assert filters.normalise(name) == plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("root", 1),
        ("television", 1),
        ("123456", 1),
        ("hunter2", 2),
        ("s1thrul3s", 2),
        ("hunter-orders-2019", 3),
        ("Grey-Heron-47-post", 3),
        ("a1b2c3d4e5f6a7b8", 3),
        ("aaaaaaaa", 1),
        ("tide!!", 2),
        ("settings", 1),
    ],
)
def test_strength(value: str, expected: int) -> None:
    assert filters.strength(value) == Strength(expected)


@pytest.mark.parametrize("function", [f for f, _, _ in FILTERS], ids=[f.__name__ for f, _, _ in FILTERS])
def test_filters_answer_long_values(function: Callable[[str], bool]) -> None:
    for text in (
        "a" * 8000,
        "_" * 8000,
        "{{" * 4000,
        "<" * 8000,
        "a." * 4000,
        "${" * 4000,
        "/" * 8000,
        "aB" * 4000,
        "a_" * 4000 + "!",
        "% " * 4000,
        "(" * 8000,
    ):
        assert function(text) in (True, False)


# ---------------------------------------------------------------- how sure


@pytest.mark.parametrize(
    ("text", "rule", "confidence"),
    [
        ('import psycopg2\npsycopg2.connect(password="root")', "postgresql-password", "high"),
        ('import psycopg2\npsycopg2.connect(password="password")', "postgresql-password", "high"),
        ('import psycopg2\npsycopg2.connect(password="your-password")', "postgresql-password", "medium"),
        ('PASSWORD = "hunter-orders-2019"', "generic-password", "high"),
        ('PASSWORD = "television"', "generic-password", "medium"),
        ('API_TOKEN = "Zx91-kT7q_pLw3sV"', "generic-token", "high"),
        ('app.config["SECRET_KEY"] = "aaaaaaa"', "framework-secret-key", "high"),
        ('PASSWORDS = ["television", "radio", "tide"]', "generic-password", "low"),
        ('password = "changeme"', "generic-password", "low"),
        ('MYSQL_PASSWORD = "password"', "mysql-password", "medium"),
    ],
)
def test_confidence(text: str, rule: str, confidence: str, rules: RuleSet) -> None:
    found = python(text + "\n", rules)
    assert {f.rule for f in found} == {rule}
    assert found[0].confidence.label == confidence


@pytest.mark.parametrize(
    "text",
    [
        'password = ""', "password = None", 'password = "password"', 'token = "identifier"', 'PASSWORD_FILE = "/run/secrets/a"', 'SECRET_ARN = "arn:aws:secretsmanager:x"', 'TOKEN_TYPE = "Bearer"', 'token_url = "https://a.internal/token"',
        'KEY_ID = "a1b2c3d4e5f6a7b8"', 'secret_name = "prod/shop/db"', 'PUBLIC_KEY = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"', 'password = f"{a}"', 'password = f"{a}-suffix"', 'password = "%s" % a', 'x = "hunter-orders-2019"',
        'next_token = "a1b2c3d4e5f6a7b8"', 'primary_key = "a1b2c3d4e5f6a7b8"', 'sha = "da39a3ee5e6b4b0d3255bfef95601890afd80709"', 'integrity = "sha512-abcdefghijklmnopqrstuvwxyz=="', 'password = get_password("prod")', 'error = "Invalid password"',
        'form = {"password": "Enter a password"}', 'label = "API key"', 'for token in "a b".split(): pass', 'password = "$2b$12$abcdefghijklmnopqrstuv"', 'token = "test"', 'if key == "ec2_member_clusters": pass',
        'import boto3\nboto3.client("s3", aws_access_key_id="testing", aws_secret_access_key="testing")', 'import psycopg2\npsycopg2.connect(password="")', 'import psycopg2\npsycopg2.connect(password="${PW}")',
        'url = "https://user:password@host/path"', 'url = f"postgresql://{u}:{p}@h/d"', 'url = "postgresql://h/d"', "Authorization = 'Bearer ' + token", 'import jwt\njwt.encode(p, key)',
    ],
)  # fmt: skip
def test_what_is_none(text: str, rules: RuleSet) -> None:
    assert [(f.rule, f.symbol) for f in python(text + "\n", rules)] == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "t.yaml",
            "Resources:\n  A:\n    Type: AWS::SecretsManager::Secret\n    Properties:\n      Tags: [{Key: secret, Value: api-key-2}]",
        ),
        ("main.tf", 'resource "aws_secretsmanager_secret" "a" {\n  tags = {\n    secret = "api-key-2"\n  }\n}'),
    ],
)
def test_a_tag_says_what_a_resource_is(path: str, text: str, rules: RuleSet) -> None:
    for name in ("api-key-2", "sqlalchemy-database-uri-2", "db"):
        assert scan({path: text.replace("api-key-2", name) + "\n"}, rules) == ()
    assert (
        len(scan({path: text.replace("api-key-2", "postgresql://app:Zx91-kT7q@db.internal/shop") + "\n"}, rules)) == 1
    )


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ('file("./dbpassword.txt")', []),
        ('templatefile("harbour-light-9", { user = "shop" })', []),
        ('lookup(local.logins, "harbour-light-9")', []),
        ('lookup(local.logins, "shop", "harbour-light-9")', ["harbour-light-9"]),
        ('replace(var.login, "harbour-light-9", "x")', []),
        ('sensitive("harbour-light-9")', ["harbour-light-9"]),
        ('try(var.login, "harbour-light-9")', ["harbour-light-9"]),
        ("trimspace(file(var.place))", []),
    ],
)
def test_only_what_ends_up_in_an_argument_of_terraform_is_its_value(
    expression: str, found: list[str], rules: RuleSet
) -> None:
    text = f'resource "aws_db_instance" "a" {{\n  username = "shop"\n  password = {expression}\n}}\n'
    assert [
        text.encode()[f.span.start : f.span.end].decode().strip('"') for f in scan({"main.tf": text}, rules)
    ] == found


def test_one_finding_for_each_literal_by_the_most_specific_rule(rules: RuleSet) -> None:
    token = expand("<<crc|ghp_|30>>")
    found = python(f'import github\nGITHUB_TOKEN = "{token}"\ng = github.Github(GITHUB_TOKEN)\n', rules)
    assert one(found).rule == "github-token"


def test_a_token_speaks_before_a_vague_name(rules: RuleSet) -> None:
    assert one(python(f'password = "{expand("<<AKIA|base32|16>>")}"\n', rules)).rule == "aws-access-key"


def test_sinks_in_other_files_name_the_rule(rules: RuleSet) -> None:
    files = {
        "shop/settings.py": 'HOST = "db.internal"\nPHRASE_OF_SHOP = "television"\n',
        "shop/db.py": "import psycopg2\nfrom shop import settings\n\n\ndef f():\n    return psycopg2.connect(host=settings.HOST, user='shop', password=settings.PHRASE_OF_SHOP)\n",
    }
    finding = one(scan(files, rules))
    assert (finding.rule, finding.path, finding.confidence) == (
        "postgresql-password",
        "shop/settings.py",
        Confidence.HIGH,
    )
    assert (
        finding.reason
        == "assigned to PHRASE_OF_SHOP, passed to psycopg2.connect(password=) by way of " + finding.sinks[0].via
    )
    assert {(f.role, f.path) for f in finding.fields} == {
        ("password", "shop/settings.py"),
        ("host", "shop/settings.py"),
        ("username", "shop/db.py"),
    }


# ---------------------------------------------------------------- roles and fields


def field_roles(finding: Finding) -> str:
    return " ".join(sorted(f.role for f in finding.fields))


FIELDS = [
    (
        'import psycopg2\npsycopg2.connect(host="h", port=5432, user="u", dbname="d", password="tide-9")',
        "dbname host password port username",
        "postgres",
    ),
    ('import pymysql\npymysql.connect("h", "u", "tide-9", "d")', "dbname host password username", "mysql"),
    (
        'D = {"host": "h.internal", "user": "u", "password": "tide-9", "port": "3306"}',
        "host password port username",
        "",
    ),
    (
        'DATABASES = {"default": {"ENGINE": "django.db.backends.mysql", "NAME": "d", "USER": "u", "PASSWORD": "tide-9", "HOST": "h"}}',
        "dbname host password username",
        "mysql",
    ),
    (
        'DB_HOST = "h"\nDB_USER = "u"\nDB_PASSWORD = "tide-9"\nDB_NAME = "d"\nMAIL_HOST = "m"',
        "dbname host password username",
        "",
    ),
    (
        'class C:\n    MYSQL_HOST = "h"\n    MYSQL_USER = "u"\n    MYSQL_PASSWORD = "tide-9"\n    MYSQL_DB = "d"',
        "dbname host password username",
        "mysql",
    ),
    ('X = "postgresql://u:tide-9@h:5432/d"', "dbname host password port username", "postgres"),
    ('X = "host=h user=u password=tide-9 dbname=d"', "dbname host password username", ""),
    ('import smtplib\ns = smtplib.SMTP("h")\ns.login("u@x.internal", "tide-9")', "password username", ""),
    ('GITHUB_CLIENT_ID = "abc123"\nGITHUB_CLIENT_SECRET = "a1b2c3d4e5f6a7b8c9d0"', "client_id client_secret", ""),
    ('from twilio.rest import Client\nClient("AC1", "a1b2c3d4e5f6a7b8c9d0a1b2c3d4e5f6")', "account_id token", ""),
    ('HOST = "a"\nSECRET_KEY = "lantern-59"\nUSER = "b"', "secret_key", ""),
    ('AUTHOR_NAME = "Ann"\nPASSWORD = "tide-9"', "password", ""),
    ('users = {"ann": {"name": "Ann", "password": "tide-9"}}', "password", ""),
    ('X = {"host": "${HOST}", "user": "", "password": "tide-9"}', "password", ""),
    (
        'PGHOST = "h"\nPGUSER = "u"\nPGPASSWORD = "tide-9"\nPGDATABASE = "d"',
        "dbname host password username",
        "postgres",
    ),
]


@pytest.mark.parametrize(("text", "expected", "engine"), FIELDS)
def test_fields_that_belong_together(text: str, expected: str, engine: str, rules: RuleSet) -> None:
    finding = one(python(text + "\n", rules))
    assert field_roles(finding) == expected
    assert finding.engine == engine
    own = [f for f in finding.fields if f.role == finding.role and f.span == finding.span]
    assert [f.digest for f in own] == [finding.digest]


def test_the_engine_says_how_a_database_password_rotates(rules: RuleSet) -> None:
    urls = ('"postgresql://u:tide-9@h/d"', '"mysql://u:tide-9@h/d"', '"mongodb://u:tide-9@h/d"')
    expected = ["postgresql-single-user", "mysql-single-user", "none"]
    assert [one(python(f"X = {url}\n", rules)).rotation for url in urls] == expected
    django = 'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "USER": "u", "PASSWORD": "tide-9"}}\n'
    assert one(python(django, rules)).rotation == "postgresql-single-user"


def test_two_connections_keep_their_fields_apart(rules: RuleSet) -> None:
    text = 'DB_HOST = "h1"\nDB_PASSWORD = "tide-1"\nCACHE_HOST = "h2"\nCACHE_PASSWORD = "tide-2"\n'
    first, second = python(text, rules)
    assert [f.line for f in first.fields if f.role == "host"] == [1]
    assert [f.line for f in second.fields if f.role == "host"] == [3]


def test_parts_of_a_literal_are_named(rules: RuleSet) -> None:
    finding = one(python('X = "postgresql://u:tide%2D9@h:5432/d"\n', rules))
    assert finding.shape is Shape.URL
    assert {f.part for f in finding.fields} == {"username", "password", "host", "port", "dbname"}
    assert finding.digest == detect.digest(KEY, "tide-9"), "the digest is of the value that the server gets"
    assert finding.length == len("tide-9")


def test_a_user_name_in_the_text_of_a_secret_is_none(rules: RuleSet) -> None:
    template = """Parameters:
  MasterUsername: {Type: String, Default: harbour}
  Password: {Type: String, Default: tide-light-9, NoEcho: true}
Resources:
  A:
    Type: AWS::SecretsManager::Secret
    Properties:
      SecretString: !Sub '{"username": "${MasterUsername}", "password": "${Password}"}'
"""
    found = scan({"t.yaml": template}, rules)
    assert [f.symbol.split("/")[1] for f in found] == ["Password"]


def test_a_part_that_is_filled_in_later_is_no_field(rules: RuleSet) -> None:
    texts = (
        'u = "mongodb://{}:tide-light-9@db.internal/shop".format(user)',
        'u = "amqp://%s:tide-light-9@db.internal/shop" % user',
    )
    assert [field_roles(f) for text in texts for f in python(text + "\n", rules)] == ["dbname host password"] * 2


def test_aws_pairs_are_deleted_not_moved(rules: RuleSet) -> None:
    text = json.dumps({"a": {"access_key": expand("<<AKIA|base32|16>>"), "secret_key": expand("<<base64|40>>")}})
    found = scan(
        {
            "main.tf": 'provider "aws" {\n  access_key = "AKIAIOSFODNN7EXAMPLE"\n  secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"\n}\n',
            "config.json": text,
        },
        rules,
    )
    assert {(f.path, f.role, f.home, f.kind) for f in found} == {
        (path, role, Home.ROLE, Kind.AWS_KEY)
        for path in ("main.tf", "config.json")
        for role in ("access_key_id", "secret_access_key")
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DB_HOST", {("db", "host")}),
        ("db_name", {("db", "dbname"), ("", "dbname")}),
        ("user", {("", "username")}),
        ("mysqlUser", {("mysql", "username")}),
        ("PGPORT", {("pg", "port")}),
        ("hostile", set()),
        ("report", set()),
    ],
)
def test_roles_of_names(name: str, expected: set[tuple[str, str]]) -> None:
    assert set(roles(name)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DB_PASSWORD", "db"),
        ("password", ""),
        ("GITHUB_CLIENT_SECRET", "github"),
        ("mysqlPassword", "mysql"),
        ("PGPASSWORD", "pg"),
        ("ORDERS_DB_PASS", "orders_db"),
    ],
)
def test_prefix_of_credentials(name: str, expected: str) -> None:
    assert prefix(name) == expected


# ---------------------------------------------------------------- verdicts

VERDICTS = [
    ("shop/app.py", 'DB_PASSWORD = "tide-9"', "migrate"),
    ("tests/test_app.py", 'DB_PASSWORD = "tide-9"', "test-value"),
    ("app/config_test.py", 'DB_PASSWORD = "tide-9"', "test-value"),
    ("conftest.py", 'DB_PASSWORD = "tide-9"', "test-value"),
    ("shop/app.py", 'class TestConfig:\n    DB_PASSWORD = "tide-9"', "test-value"),
    ("shop/app.py", 'DB_PASSWORD = "test-password-9"', "test-value"),
    ("shop/app.py", 'import psycopg2\npsycopg2.connect(password="test")', "migrate"),
    ("shop/latest.py", 'DB_PASSWORD = "tide-9"', "migrate"),
    ("shop/app.py", 'if password == "tide-9":\n    pass', "report"),
    ("shop/app.py", 'User(name="ann", password="tide-9")', "report"),
    ("shop/app.py", 'from .models import Login\n\nLogin(name="ann", password="tide-9")', "report"),
    ("shop/app.py", 'users = {"ann": {"password": "tide-9"}}', "report"),
    ("docs/conf.py", 'DB_PASSWORD = "tide-9"', "report"),
    ("examples/run.py", 'DB_PASSWORD = "tide-9"', "report"),
    ("shop/app.py", '# DB_PASSWORD = "tide-9"\nx = 1', "report"),
    (".env", "DB_PASSWORD=tide-9", "report"),
    ("config.toml", 'db_password = "tide-9"', "report"),
    ("main.tf", 'resource "aws_db_instance" "a" {\n  password = "tide-9"\n}', "migrate"),
    ("main.tf", 'resource "azurerm_mssql_server" "a" {\n  administrator_login_password = "tide-9"\n}', "report"),
    ("main.tf", 'variable "db_password" {\n  default = "tide-9"\n}', "migrate"),
    ("main.tf", 'resource "aws_instance" "a" {\n  user_data = <<EOF\nexport DB_PASSWORD=tide-9\nEOF\n}', "report"),
    (
        "t.yaml",
        "Resources:\n  A:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MasterUserPassword: your-password",
        "migrate",
    ),
    (
        ".github/workflows/ci.yml",
        "jobs:\n  a:\n    services:\n      db:\n        env:\n          POSTGRES_PASSWORD: tide-9",
        "test-value",
    ),
]


@pytest.mark.parametrize(("path", "text", "expected"), VERDICTS)
def test_verdicts(path: str, text: str, expected: str, rules: RuleSet) -> None:
    found = scan({path: text + "\n"}, rules)
    assert {f.verdict.value for f in found} == {expected}


@pytest.mark.parametrize(
    "path",
    [
        "tests/a.py",
        "src/test/a.py",
        "a/test_b.py",
        "b_test.py",
        "conftest.py",
        "x/fixtures/a.json",
        "spec/a.rb",
        "mocks/a.py",
        "pkg/testing/a.py",
    ],
)
def test_paths_of_tests(path: str) -> None:
    assert is_test(path)


@pytest.mark.parametrize(
    "path",
    ["app.py", "contest/a.py", "latest.py", "attestation.py", "protest/x.py", "inspect/a.py", "greatest_hits.py"],
)
def test_other_paths(path: str) -> None:
    assert not is_test(path)


def test_the_reason_says_where_it_goes(rules: RuleSet) -> None:
    said = [
        python(text + "\n", rules)[0].reason
        for text in (
            'DB_PASSWORD = "tide-9"',
            'import psycopg2\npsycopg2.connect(password="tide-9")',
            'import pymysql\npymysql.connect("h", "u", "tide-9")',
            'X = "redis://:tide-9@h"',
            'if password == "tide-9":\n    pass',
        )
    ]
    assert said == [
        "assigned to DB_PASSWORD",
        "passed to psycopg2.connect(password=)",
        "passed to pymysql.connect(), third argument",
        "assigned to X, password in a URL",
        "compared with password, a check needs a user store or a constant-time comparison, not a fetch",
    ]


# ---------------------------------------------------------------- invariants


def candidate(value: str, **changes: object) -> Candidate:
    row: dict[str, object] = {
        "path": "a.py", "language": "python", "span": Span(0, 9), "line": 1, "end_line": 1, "column": 1, "value": Plaintext(value), "literal": LiteralType.STR, "position": Position.ASSIGNMENT, "name": "DB_PASSWORD", "symbol": "DB_PASSWORD",
    }  # fmt: skip
    return Candidate(**{**row, **changes})  # type: ignore[arg-type]


def test_no_value_is_in_a_finding(rules: RuleSet) -> None:
    """Not in any field, not in any form that a finding can be printed in."""
    rng = random.Random(3)
    for name in ("DB_PASSWORD", "X", "url", "Authorization", "AWS_SECRET_ACCESS_KEY"):
        secret = "".join(rng.choices("abcdefghkmnpqrstuvwxyzABCDEFGHKMNPQRSTUVWXYZ23456789", k=24))
        for value in (secret, f"postgresql://u:{secret}@h.internal/d", f"Bearer {secret}", f"host=h password={secret}"):
            found = detect.detect(
                [
                    candidate(
                        value, name=name, symbol=name, sinks=(Sink(callee="psycopg2.connect", parameter="password"),)
                    )
                ],
                rules,
                KEY,
            )
            for finding in found:
                printed = repr(finding) + json.dumps(dataclasses.asdict(finding), default=str)
                assert secret not in printed


def test_digests_group_equal_values_for_one_run_only(rules: RuleSet) -> None:
    rows = [
        candidate("hunter-orders-2019"),
        candidate("hunter-orders-2019", path="b.py"),
        candidate("hunter-orders-2020", path="c.py"),
    ]
    first, second, third = detect.detect(rows, rules, KEY)
    assert first.digest == second.digest != third.digest
    assert len(first.digest) == 32
    assert detect.detect(rows[:1], rules, b"another run")[0].digest != first.digest


def test_findings_do_not_depend_on_the_order_of_candidates(rules: RuleSet) -> None:
    text = "\n".join(t for t, _, _ in FIELDS) + "\n"
    extraction = pipeline.languages()["python"].candidates(Source("a.py", text.encode(), "python"), None)
    linked = list(link.link(extraction.candidates, extraction.references))
    expected = detect.detect(linked, rules, KEY)
    assert len(expected) > 12
    random.Random(5).shuffle(linked)
    assert detect.detect(linked, rules, KEY) == expected


def test_findings_are_ordered_and_their_ids_are_the_candidates(rules: RuleSet) -> None:
    text = 'PASSWORD = "tide-9"\nPASSWORD = "tide-8"\n'
    found = python(text, rules)
    assert [f.line for f in found] == [1, 2]
    assert len({f.id for f in found}) == 2


def test_many_findings_in_one_scope_are_found_each(rules: RuleSet) -> None:
    """Siblings are looked up, not searched: a module of 20,000 passwords and hosts ends."""
    rows = []
    for number in range(20_000):
        name = "DB_PASSWORD" if number % 2 else "DB_HOST"
        rows.append(
            candidate(
                f"value-{number}",
                name=name,
                symbol=f"{name}{number}",
                span=Span(number * 20, number * 20 + 9),
                line=number + 1,
                end_line=number + 1,
            )
        )
    found = detect.detect(rows, rules, KEY)
    assert len(found) == 10_000
    assert all(field_roles(f) == "host password" for f in found)
    assert all(next(x.line for x in f.fields if x.role == "host") in (f.line - 1, f.line + 1) for f in found)


def test_a_template_is_what_gets_deployed(rules: RuleSet) -> None:
    """A test word in a template is no test value: it is deployed as it stands."""
    row = candidate(
        "example",
        name="DB_PASSWORD",
        language="terraform",
        path="main.tf",
        evaluated=Evaluated.DEPLOY,
        position=Position.PARAMETER_DEFAULT,
    )
    found = detect.detect([row, candidate("sample-9")], rules, KEY)
    assert [f.verdict for f in found if f.path == "a.py"] == [Verdict.TEST_VALUE]
    assert all(f.verdict is Verdict.MIGRATE for f in found if f.path == "main.tf")
