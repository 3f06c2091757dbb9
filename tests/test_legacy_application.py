"""The bundled legacy application runs, and the transcript of its behaviour notices when a credential is wrong."""

from __future__ import annotations

import ast
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from hardcode_hunter.model import Plaintext
from tests.embedded.aws import EmbeddedAws
from tests.embedded.environment import clean_environment
from tests.embedded.postgres import EmbeddedPostgres
from tests.embedded.shop import Transcript, exercise, prepare_database, running_shop
from tests.embedded.shop_credentials import SHOP, ShopCredentials, shop_credentials

pytest_plugins = ("tests.embedded.fixtures",)

FILES = sorted(path for path in SHOP.rglob("*") if path.is_file())
VALUES = [field.name for field in fields(ShopCredentials) if field.type == "Plaintext"]
# Which steps of the transcript a wrong value of each credential must change.
NOTICED_BY = {
    "database_password": {"products", "ordering", "manage.py report"},
    "mail_password": {"ordering", "mail", "mail logins", "manage.py remind"},
    "parcel_token": {"ordering", "bookings", "mail"},
    "webhook_key": {"webhook signed with the right key", "orders after the webhook"},
    "session_key": {"session forged with the right key", "session cookie"},
    "admin_token": {"figures with the right token"},
    "cache_password": {"manage.py fingerprint"},
}


@pytest.fixture
def database(postgres: EmbeddedPostgres, credentials: ShopCredentials) -> EmbeddedPostgres:
    """PostgreSQL with the shop's tables and its role, whose password is the hardcoded one."""
    prepare_database(postgres, credentials, SHOP)
    return postgres


@pytest.fixture(scope="module")
def original(postgres: EmbeddedPostgres, credentials: ShopCredentials) -> Transcript:
    """What the untouched application does."""
    prepare_database(postgres, credentials, SHOP)
    before = contents(SHOP)
    transcript = exercise(SHOP, postgres, credentials)
    assert contents(SHOP) == before, "running the application changed its source tree"
    return transcript


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def copied(directory: Path, edit: Callable[[str], str]) -> Path:
    """A copy of the application with ``edit`` applied to every source file."""
    copy = directory / "shop"
    shutil.copytree(SHOP, copy)
    for path in copy.rglob("*.py"):
        path.write_text(edit(path.read_text()))
    return copy


# --- the tree


def test_it_is_as_large_and_as_mixed_as_a_legacy_application() -> None:
    suffixes = {path.suffix for path in FILES}
    assert len(FILES) >= 18
    assert {".py", ".yaml", ".tf", ".tfvars", ".sql", ".html", ".md", ".txt"} <= suffixes


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.suffix == ".py"], ids=lambda p: str(p.relative_to(SHOP))
)
def test_every_python_file_compiles(path: Path) -> None:
    compile(path.read_bytes(), str(path), "exec")


def test_its_own_tests_pass() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "discover"],
        cwd=SHOP,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and re.search(r"Ran [1-9]\d* tests", done.stderr), done.stderr


def test_terraform_and_cloudformation_parse() -> None:
    import tree_sitter
    import tree_sitter_hcl
    from cfnlint.decode import cfn_yaml

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_hcl.language()))
    hcl = [path for path in FILES if path.suffix in (".tf", ".tfvars")]
    assert [path for path in hcl if parser.parse(path.read_bytes()).root_node.has_error] == []
    templates = [path for path in FILES if path.suffix == ".yaml"]
    assert all("Resources" in cfn_yaml.load(str(path)) for path in templates)
    assert hcl and templates


# --- the credentials


def test_every_credential_is_hardcoded_and_read_from_the_source(credentials: ShopCredentials) -> None:
    values = {name: getattr(credentials, name) for name in VALUES}
    assert set(values) == set(NOTICED_BY)
    assert all(isinstance(value, Plaintext) and len(value) >= 12 for value in values.values())
    assert len(set(values.values())) == len(values)


def test_the_same_login_stands_in_two_files(credentials: ShopCredentials) -> None:
    password = credentials.database_password.reveal()
    holders = [str(path.relative_to(SHOP)) for path in FILES if password in path.read_text()]
    assert holders == ["jobs/report.py", "shop/db.py"]


def test_connections_are_opened_inside_functions() -> None:
    """The promise that rotation needs no restart rests on it."""
    for name in ("shop/db.py", "jobs/report.py"):
        tree = ast.parse((SHOP / name).read_bytes())
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        inside = {id(node) for function in functions for node in ast.walk(function)}
        connects = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "psycopg2.connect"
        ]
        assert connects and all(id(node) in inside for node in connects)


def test_values_shared_with_the_infrastructure_are_the_same(credentials: ShopCredentials) -> None:
    tracker = (SHOP / "infra/cloudformation/tracker.yaml").read_text()
    variables = (SHOP / "infra/terraform/variables.tf").read_text()
    assert f"PARCEL_API_TOKEN: {credentials.parcel_token.reveal()}\n" in tracker
    assert f'"{credentials.cache_password.reveal()}"' in variables


def test_prose_and_schema_hold_no_credential(credentials: ShopCredentials) -> None:
    for path in FILES:
        if path.suffix in (".md", ".sql", ".txt", ".html", ""):
            assert credentials.mask(path.read_text()) == path.read_text(), path.name


# --- the behaviour


def test_the_untouched_application_works(original: Transcript) -> None:
    assert original["front page"][0] == 200 and "Bow shackle" in original["front page"][1]
    assert original["ordering"][0] == 201 and '"confirmation_sent":true' in original["ordering"][1]
    assert original["orders before signing in"][0] == 401
    assert original["session cookie"] == {"staff": "marta"}
    assert original["session cookie under another key"] == "not signed with this key"
    assert [original[f"webhook signed with {key} key"][0] for key in ("the right", "another")] == [200, 403]
    assert [original[f"figures with {token} token"][0] for token in ("the right", "another")] == [200, 403]
    assert original["mail logins"] == [["orders@harbour-supplies.example", True]] * 2
    assert [booking[1] for booking in original["bookings"]] == [True]
    assert original["manage.py report"] == [0, "sku,sold,gross_cents\nPAINT-RED,2,9980\nROPE-10,20,3700\n"]


def test_two_runs_are_the_same(original: Transcript, database: EmbeddedPostgres, credentials: ShopCredentials) -> None:
    again = exercise(SHOP, database, credentials)
    assert original.differences(again) == [] and original == again


def test_a_transcript_holds_no_credential(original: Transcript, credentials: ShopCredentials) -> None:
    assert credentials.mask(repr(original)) == repr(original)


def test_another_password_in_the_database_is_noticed(
    original: Transcript, database: EmbeddedPostgres, credentials: ShopCredentials
) -> None:
    database.change_password(credentials.database_user, secrets.token_urlsafe(16))
    broken = exercise(SHOP, database, credentials)
    assert broken["products"] == [503, '{"error":"the database is unavailable"}\n']
    assert broken["manage.py report"][0] != 0


@pytest.mark.parametrize("name", sorted(NOTICED_BY))
def test_a_wrong_value_in_the_source_is_noticed(
    name: str,
    original: Transcript,
    database: EmbeddedPostgres,
    credentials: ShopCredentials,
    tmp_path: Path,
) -> None:
    value = getattr(credentials, name).reveal()
    wrong = copied(tmp_path, lambda source: source.replace(value, "wrong-" + secrets.token_hex(4)))
    changed = exercise(wrong, database, credentials)
    different = {step for step, _ in original.steps if original[step] != changed[step]}
    assert NOTICED_BY[name] <= different


def test_it_goes_on_without_a_restart_when_the_password_comes_back(
    database: EmbeddedPostgres, credentials: ShopCredentials
) -> None:
    with running_shop(SHOP, database, credentials) as shop:
        assert shop.get("/products").status == 200
        database.change_password(credentials.database_user, secrets.token_urlsafe(16))
        assert shop.get("/products").status == 503
        database.change_password(credentials.database_user, credentials.database_password.reveal())
        assert shop.get("/products").status == 200
        assert shop.sign_in().status == 200 and shop.get("/whoami").json() == {"staff": "marta"}


def test_the_tracker_template_deploys(aws: EmbeddedAws, credentials: ShopCredentials) -> None:
    body = (SHOP / "infra/cloudformation/tracker.yaml").read_text()
    stacks = aws.client("cloudformation")
    stacks.create_stack(StackName="tracker", TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    [stack] = stacks.describe_stacks(StackName="tracker")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    [function] = aws.client("lambda").list_functions()["Functions"]
    variables = function["Environment"]["Variables"]
    assert Plaintext(variables["PARCEL_API_TOKEN"]) == credentials.parcel_token


def test_credentials_of_a_migrated_tree_are_not_guessed(tmp_path: Path) -> None:
    migrated = copied(tmp_path, lambda source: source.replace("password=", "password=lookup() or "))
    with pytest.raises(ValueError, match="No literal database login"):
        shop_credentials(migrated)
