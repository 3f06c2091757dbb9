"""``plan.yaml`` survives a round trip, and complains about a wrong edit with file, key and the nearest right spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardcode_hunter import planfile
from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import (
    Consumer,
    Environment,
    Evaluated,
    Home,
    Kind,
    Order,
    Origin,
    Plan,
    Question,
    RotationChoice,
    Seal,
    Secret,
    SecretField,
    Shape,
    Skip,
    Tier,
    fingerprint,
)

SYMBOL = "connect.psycopg2.connect(password)"
FINDING, SECOND = (fingerprint("app/db.py", SYMBOL, ordinal) for ordinal in (1, 2))
ORIGIN = Origin("app/db.py", SYMBOL, 1, "", Shape.WHOLE, FINDING, 14)
PLAN = Plan(
    application="orders",
    order=Order.SHELL_FIRST,
    retriever="helper",
    infrastructure="terraform",
    environments=(
        Environment(
            "production", "123456789012", "eu-central-1", "deploy", "{environment}/{secret}", {"team": "orders: a, b"}
        ),
    ),
    secrets=(
        Secret(
            id="db",
            kind=Kind.DATABASE,
            home=Home.SECRETS_MANAGER,
            environment="production",
            fields=(
                SecretField("engine", (), "postgres"),
                SecretField(
                    "port", (Origin("app/db.py", "connect.psycopg2.connect(port)", 0, "", Shape.WHOLE, "", 13),)
                ),
                SecretField("password", (ORIGIN,)),
            ),
            why="because: it's",
            engine="postgres",
            rotation=RotationChoice("postgresql-single-user", "one login", "rate(14 days)"),
            consumers=(
                Consumer("app/db.py", 14, "connect.psycopg2.connect(password)", Evaluated.CALL, "lambda", "OrdersRole"),
            ),
            questions=(Question("q-1", "One or two?", ("one", "separate"), "one"),),
        ),
    ),
    replacements=(),
    skips=(Skip("fedcba9876543210", "tests/test_db.py", 3, "test-value", "stays", "generic-password"),),
    files={"app/db.py": Seal("ab" * 32, (FINDING,))},
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plan_comes_back_as_it_was_written(tmp_path: Path) -> None:
    loaded = planfile.load(written(tmp_path, planfile.dump(PLAN)))
    assert [(r.finding, r.secret, r.key, r.tier) for r in loaded.replacements] == [
        (FINDING, "db", "password", Tier.SAFE)
    ]
    assert planfile.dump(loaded) == planfile.dump(PLAN)
    assert loaded.secrets == PLAN.secrets
    assert loaded.environments == PLAN.environments


def test_moving_one_origin_to_another_secret_regroups(tmp_path: Path) -> None:
    text = planfile.dump(PLAN)
    head, _, tail = text.partition("skips:")
    second = (
        head[head.index("  db:") :]
        .replace("  db:", "  replica:")
        .replace(FINDING, SECOND)
        .replace("ordinal: 1", "ordinal: 2")
    )
    loaded = planfile.load(written(tmp_path, f"{head}{second}skips:{tail}"))
    assert {r.finding: r.secret for r in loaded.replacements} == {FINDING: "db", SECOND: "replica"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("application:", "aplication:", "'aplication'; did you mean 'application'"),
        ("    rotation:", "    rotaton:", "'secrets.db.rotaton'; did you mean 'rotation'"),
        (
            "home: secretsmanager",
            "home: vault",
            "'secrets.db.home' is 'vault'; use one of secretsmanager, parameter-store",
        ),
        ("kind: database-credential", "kind: dunno", "'secrets.db.kind' is 'dunno'"),
        ("environment: production", "environment: prod", "'secrets.db.environment' names 'prod'"),
        ("order: shell-first", "order: sometime", "'order' is 'sometime'; use one of shell-first, adopt"),
        ("infrastructure: terraform", "infrastructure: pulumi", "'infrastructure' is 'pulumi'"),
        ("'{environment}/{secret}'", "'{env}/{secret}'", "'environments.production.name-template'"),
        ("at: app/db.py:14", "at: app/db.py", "must read path:line"),
        ("version: 1", "version: 99", "'version' must be 1"),
        ("constant: postgres", "konstant: postgres", "'secrets.db.fields.engine.konstant'; did you mean 'constant'"),
        ("answer: one", "answer: maybe", "'maybe'; use one of one, separate"),
        ("form: json", "form: xml", "'secrets.db.form' is 'xml'"),
        ("secrets:", "secrets: [", "not valid YAML at line"),
        ("application:", "application: shop\napplication:", "a key stands twice at line"),
        (
            f"finding: {FINDING}",
            "finding: 0123456789abcdef",
            "'secrets.db.fields.password[0].finding' is not that of app/db.py:14",
        ),
    ],
)
def test_a_wrong_edit_is_refused_with_file_and_key(tmp_path: Path, old: str, new: str, expected: str) -> None:
    text = planfile.dump(PLAN)
    assert old in text
    path = written(tmp_path, text.replace(old, new, 1))
    with pytest.raises(UsageError) as caught:
        planfile.load(path)
    assert str(path) in str(caught.value)
    assert expected in str(caught.value)


def test_a_credential_can_not_be_written_into_the_plan_as_a_constant(tmp_path: Path) -> None:
    lines = planfile.dump(PLAN).replace(
        "        engine:\n          constant: postgres", "        password:\n          constant: x"
    )
    with pytest.raises(UsageError, match="never stand in a plan"):
        planfile.load(
            written(
                tmp_path,
                lines.replace("      engine:\n        constant: postgres", "      secret:\n        constant: x"),
            )
        )


def test_no_plan_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="run `hardcode-hunter plan` first"):
        planfile.load(tmp_path / "plan.yaml")
