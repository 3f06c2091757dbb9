"""Findings become secrets: what is one, what is two, what is asked, and what a person's edits survive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hardcode_hunter import binding, environments, grouping, planfile
from hardcode_hunter import plan as planning
from hardcode_hunter.errors import StaleError, UsageError
from hardcode_hunter.model import (
    Candidate,
    Confidence,
    Evaluated,
    Field,
    Finding,
    Home,
    Kind,
    LiteralType,
    Plaintext,
    Plan,
    Position,
    Severity,
    Shape,
    Sink,
    Source,
    Span,
    Verdict,
    fingerprint,
)
from hardcode_hunter.plugins import Language, Rotation, load

LANGUAGES = load("languages", Language)
ROTATIONS = load("rotations", Rotation)


def finding(
    place: str,
    symbol: str,
    digest: str = "d1",
    *,
    kind: Kind = Kind.APPLICATION,
    name: str | None = None,
    role: str = "password",
    scope: str = "module",
    siblings: Mapping[str, str] | None = None,
    verdict: Verdict = Verdict.MIGRATE,
    engine: str = "",
    language: str = "python",
    length: int = 12,
    **more: object,
) -> Finding:
    path, _, line = place.partition(":")
    at = int(line) * 100
    own = Field(role, path, Span(at, at + 5), int(line), symbol, 0, digest)
    fields = [
        Field(k, path, Span(at + 10 + i, at + 11 + i), int(line), f"{symbol}~{k}", 0, d)
        for i, (k, d) in enumerate((siblings or {}).items())
    ]
    row = Finding(
        id=fingerprint(path, symbol, 0),
        rule="test-rule",
        title="A credential",
        kind=kind,
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        verdict=verdict,
        reason="assigned",
        path=path,
        language=language,
        span=own.span,
        line=int(line),
        end_line=int(line),
        column=1,
        symbol=symbol,
        ordinal=0,
        name=symbol.rpartition(".")[2] if name is None else name,
        role=role,
        shape=Shape.WHOLE,
        literal=LiteralType.STR,
        position=Position.ASSIGNMENT,
        digest=digest,
        length=length,
        evaluated=Evaluated.CALL,
        scope=scope,
        engine=engine,
        fields=(own, *fields),
    )
    return replace(row, **more)


def made(*findings: Finding, previous: Plan | None = None, done: frozenset[str] = frozenset(), **wish: str) -> Plan:
    sources = {f.path: Source(f.path, b"x" * 5000, f.language) for f in findings}
    return planning.make(findings, sources, LANGUAGES, ROTATIONS, planning.Wish(**wish), "shop", previous, done)


def groups(plan: Plan) -> dict[str, set[str]]:
    return {s.id: {f"{o.path}:{o.line}" for f in s.fields for o in f.origins if o.finding} for s in plan.secrets}


CONNECTION = {"username": "u", "host": "h", "port": "p", "dbname": "n"}
DB = {"kind": Kind.DATABASE, "engine": "postgres", "rotation": "postgresql-single-user"}


def test_one_connection_is_one_secret_in_the_rds_schema() -> None:
    plan = made(finding("a/db.py:3", "connect.psycopg2.connect(password)", siblings=CONNECTION, name="password", **DB))
    (secret,) = plan.secrets
    assert [f.key for f in secret.fields] == ["engine", "host", "port", "dbname", "username", "password"]
    assert secret.key("engine").constant == "postgres"  # type: ignore[union-attr]
    assert secret.rotation.name == "postgresql-single-user"
    assert [r.key for r in plan.replacements] == ["password"], "only what must be secret leaves the code"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(
            [
                finding("a.py:1", "DB_PASSWORD", **DB, siblings=CONNECTION),
                finding("b.py:2", "connect(password)", name="password", **DB, siblings=CONNECTION),
            ],
            [{"a.py:1", "b.py:2"}],
            id="one value in two files is one secret",
        ),
        pytest.param(
            [
                finding("a.py:1", "A.connect(password)", name="password", **DB, siblings=CONNECTION),
                finding(
                    "b.py:2", "B.connect(password)", name="password", **DB, siblings={**CONNECTION, "username": "other"}
                ),
            ],
            [{"a.py:1"}, {"b.py:2"}],
            id="two accounts with one password are two secrets",
        ),
        pytest.param(
            [
                finding("a.py:1", "OAUTH_CONSUMER_KEY", "k", kind=Kind.OAUTH, role="client_id"),
                finding("a.py:2", "OAUTH_CONSUMER_SECRET", "s", kind=Kind.OAUTH, role="client_secret"),
            ],
            [{"a.py:1", "a.py:2"}],
            id="a key pair is one secret",
        ),
        pytest.param(
            [
                finding("a.py:1", "MAIL_PASSWORD", "m"),
                finding("a.py:2", "STRIPE_API_KEY", "s", kind=Kind.API_KEY, role="api_key"),
            ],
            [{"a.py:1"}, {"a.py:2"}],
            id="unrelated values are unrelated secrets",
        ),
        pytest.param(
            [
                finding("a.py:1", "DB_PASSWORD", "r", length=4, **DB),
                finding("a.py:2", "SECRET_KEY", "r", length=4, kind=Kind.SIGNING_KEY, role="secret_key"),
            ],
            [{"a.py:1"}, {"a.py:2"}],
            id="a weak value under unrelated names is two secrets without a question",
        ),
    ],
)
def test_grouping(rows: list[Finding], expected: list[set[str]]) -> None:
    plan = made(*rows)
    assert sorted(groups(plan).values(), key=sorted) == sorted(expected, key=sorted)
    assert not [q for s in plan.secrets for q in s.blocked]


def test_one_strong_value_under_unrelated_names_is_a_question_that_blocks_only_its_own() -> None:
    rows = (
        finding("a.py:1", "DB_PASSWORD", "same", **DB),
        finding("a.py:2", "SIGNING_SALT", "same", kind=Kind.SIGNING_KEY, role="secret_key"),
        finding("a.py:3", "MAIL_PASSWORD", "mail"),
    )
    plan = made(*rows)
    blocked = {s.id: bool(s.blocked) for s in plan.secrets}
    assert sorted(blocked.values()) == [False, True, True]

    def answering(word: str) -> Plan:
        secrets = tuple(replace(s, questions=tuple(replace(q, answer=word) for q in s.questions)) for s in plan.secrets)
        return made(*rows, previous=replace(plan, secrets=secrets))

    assert sorted(map(len, groups(answering("one")).values())) == [1, 2]
    assert groups(answering("separate")) == groups(plan)
    for word in ("one", "separate"):
        assert not [q for s in answering(word).secrets for q in s.blocked]


def test_one_account_with_two_passwords_is_a_question() -> None:
    plan = made(
        finding("a.py:1", "A.connect(password)", "one", name="password", siblings=CONNECTION, **DB),
        finding("b.py:2", "B.connect(password)", "two", name="password", siblings=CONNECTION, **DB),
    )
    assert [len(s.blocked) for s in plan.secrets] == [1, 1]


def test_one_constant_with_two_values_in_one_package_is_a_question_but_not_across_environments() -> None:
    asked = made(finding("s/base.py:1", "API_TOKEN", "one"), finding("s/local_settings.py:1", "API_TOKEN", "two"))
    assert {bool(s.blocked) for s in asked.secrets} == {True}
    told = made(finding("s/dev.py:1", "API_TOKEN", "one"), finding("s/prod.py:1", "API_TOKEN", "two"))
    assert {(s.id, s.environment, bool(s.blocked)) for s in told.secrets} == {
        ("api-token", "production", False),
        ("api-token@development", "development", False),
    }


def test_secrets_of_two_environments_are_called_alike_only_when_they_are_one() -> None:
    """Code knows a secret by its component: whoever reads it gets the value of the environment that it runs in."""
    rows = (
        finding("config.py:1", "ProdConfig.SECRET_KEY", "1", name="SECRET_KEY", role="secret_key"),
        finding("config.py:2", "DevConfig.SECRET_KEY", "2", name="SECRET_KEY", role="secret_key"),
        finding("live/mail.py:3", "send.secret_key", "3", name="secret_key", role="secret"),
    )
    ids = {s.fields[0].origins[0].symbol: s.id for s in made(*rows).secrets}
    assert ids == {
        "ProdConfig.SECRET_KEY": "secret-key",
        "DevConfig.SECRET_KEY": "secret-key@development",
        "send.secret_key": "secret-key-2",
    }
    assert {s.id for s in made(*rows[1:]).secrets} == {"secret-key@development", "secret-key-2"}


def test_a_value_of_one_environment_stays_where_the_others_evaluate_it_too() -> None:
    at_import = {"evaluated": Evaluated.IMPORT}
    shared = (
        finding("config.py:1", "ProdConfig.TOKEN", "1", name="TOKEN", **at_import),
        finding("config.py:2", "DevConfig.TOKEN", "2", name="TOKEN", **at_import),
    )
    alone = finding("config.py:3", "DevConfig.MAIL_PASSWORD", "3", name="MAIL_PASSWORD", **at_import)
    own_file = finding("settings/dev.py:4", "STRIPE_KEY", "4", name="STRIPE_KEY", **at_import)
    in_a_call = finding("jobs.py:5", "send_dev.password", "5", name="password", evaluated=Evaluated.CALL)
    skips = environments.unshared(made(*shared, alone, own_file, in_a_call))
    assert [(s.path, s.line, s.code) for s in skips] == [("config.py", 3, "one-environment")]
    assert "production" in skips[0].why
    assert environments.unshared(made(*shared, alone, environment="production")) == ()


def test_a_literal_of_unknown_environment_is_a_question_when_there_are_several() -> None:
    rows = (
        finding("s/dev.py:1", "A_TOKEN", "1"),
        finding("s/prod.py:1", "B_TOKEN", "2"),
        finding("s/base.py:1", "C_TOKEN", "3"),
    )
    assert {s.fields[0].origins[0].path: bool(s.blocked) for s in made(*rows).secrets} == {
        "s/dev.py": False,
        "s/prod.py": False,
        "s/base.py": True,
    }
    assert not [q for s in made(*rows, environment="production").secrets for q in s.blocked]


@pytest.mark.parametrize(
    ("verdict", "language", "code"),
    [
        (Verdict.TEST_VALUE, "python", "test-value"),
        (Verdict.REPORT, "python", "report-only"),
        (Verdict.MIGRATE, "toml", "no-rewriter"),
    ],
)
def test_what_does_not_move_is_a_skip_with_a_reason(verdict: Verdict, language: str, code: str) -> None:
    plan = made(finding("a.x:1", "TOKEN", verdict=verdict, language=language))
    assert [(s.code, bool(s.why)) for s in plan.skips] == [(code, True)]
    assert not plan.secrets


def test_a_password_that_is_moved_by_hand_leaves_its_host_behind(tmp_path: Path) -> None:
    rows = (
        finding("a.py:1", "A.connect(password)", "1", name="a_password", siblings=CONNECTION, **DB),
        finding(
            "b.py:2",
            "B.connect(password)",
            "2",
            name="b_password",
            siblings={**CONNECTION, "host": "h2", "username": "u2"},
            **DB,
        ),
    )
    plan = made(*rows)
    first, second = sorted(plan.secrets, key=lambda s: s.id)
    both = replace(first, fields=(*first.fields, replace(second.key("password"), key="replica_password")))  # type: ignore[arg-type, type-var]
    path = tmp_path / "plan.yaml"
    path.write_text(planfile.dump(replace(plan, secrets=(both,))))
    (again,) = made(*rows, previous=planfile.load(path)).secrets
    assert {f.key: {o.path for o in f.origins} for f in again.fields if f.origins} == {
        **{key: {"a.py"} for key in ("host", "port", "dbname", "username", "password")},
        "replica_password": {"b.py"},
    }


def test_a_persons_edits_survive_planning_again(tmp_path: Path) -> None:
    rows = (
        finding("a.py:1", "MAIL_PASSWORD", "m"),
        finding("b.py:2", "STRIPE_API_KEY", "s", kind=Kind.API_KEY, role="api_key"),
    )
    text = planfile.dump(made(*rows))
    text = (
        text.replace("  mail:", "  smtp-login:")
        .replace("home: secretsmanager", "home: parameter-store")
        .replace("role: unknown", "role: WebRole")
    )
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    again = made(
        finding("a.py:7", "MAIL_PASSWORD", "m"),
        rows[1],
        finding("c.py:1", "NEW_TOKEN", "n"),
        previous=planfile.load(path),
    )
    assert {s.id: s.home for s in again.secrets} == {
        "smtp-login": Home.PARAMETER_STORE,
        "stripe": Home.PARAMETER_STORE,
        "new": Home.SECRETS_MANAGER,
    }
    assert {c.role for s in again.secrets if s.id != "new" for c in s.consumers} == {"WebRole"}
    assert groups(again)["smtp-login"] == {"a.py:7"}, "the line moved, the finding is the same"


def test_secrets_whose_code_was_rewritten_stay_in_the_plan() -> None:
    old = made(finding("a.py:1", "MAIL_PASSWORD", "m"))
    again = made(finding("b.py:2", "NEW_TOKEN", "n"), previous=old, done=frozenset({"a.py"}))
    assert set(groups(again)) == {"mail", "new"}
    assert "a.py" in again.files


def test_names_are_stable_unique_and_no_partial_arn() -> None:
    assert grouping.slug("Stripe secret") == "stripe-secret-1", (
        "a hyphen and six characters look like a suffix to Secrets Manager"
    )
    assert grouping.slug("ü!") == "app"
    long = [grouping.slug(f"{'k' * 3000}{n}") for n in range(2)]
    assert len(set(long)) == 2 and all(len(one) <= 64 for one in long)
    plan = made(*(finding(f"p{i}/a.py:1", "call.login(password)", f"d{i}", name="password") for i in range(3)))
    assert len({s.id for s in plan.secrets}) == 3


def test_a_plan_is_the_same_whatever_order_findings_come_in() -> None:
    rows = [finding(f"m{i}.py:{i + 1}", f"T{i}_TOKEN", f"d{i % 3}") for i in range(6)]
    assert planfile.dump(made(*rows)) == planfile.dump(made(*rows))


def source_and_candidate(data: bytes, span: Span) -> tuple[Source, Candidate]:
    candidate = Candidate(
        "a.py",
        "python",
        span,
        1,
        1,
        1,
        Plaintext("x"),
        LiteralType.STR,
        Position.ASSIGNMENT,
        "MAIL_PASSWORD",
        "MAIL_PASSWORD",
    )
    return Source("a.py", data, "python"), candidate


def test_a_changed_file_makes_the_plan_stale_and_a_changed_value_does_not() -> None:
    source, candidate = source_and_candidate(b'MAIL_PASSWORD = "one"\n', Span(16, 21))
    row = replace(finding("a.py:1", "MAIL_PASSWORD"), span=Span(16, 21), fields=())
    plan = planning.make([row], {"a.py": source}, LANGUAGES, ROTATIONS, planning.Wish(), "shop")
    binding.check(plan, {"a.py": (source, [candidate])}, frozenset())
    longer, moved = source_and_candidate(b'MAIL_PASSWORD = "another"\n', Span(16, 25))
    binding.check(plan, {"a.py": (longer, [moved])}, frozenset())
    other, same = source_and_candidate(b'MAIL_PASSWORD = "one" \n', Span(16, 21))
    with pytest.raises(StaleError, match=r"a\.py"):
        binding.check(plan, {"a.py": (other, [same])}, frozenset())
    with pytest.raises(StaleError, match=r"a\.py"):
        binding.check(plan, {}, frozenset())
    binding.check(plan, {"a.py": (other, [same])}, frozenset({"a.py"}))


@pytest.mark.parametrize(
    ("change", "words"), [({"retriever": "helpr"}, "did you mean 'helper'"), ({"retriever": ""}, "'retriever'")]
)
def test_a_plan_that_names_what_is_not_there_is_refused(change: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        binding.validate(replace(made(finding("a.py:1", "MAIL_PASSWORD")), **change), ["helper", "boto3"], ROTATIONS)  # type: ignore[arg-type, type-var]


@pytest.mark.parametrize(
    ("language", "symbol", "sink", "expected"),
    [
        (
            "cloudformation",
            "Parameters/Pw/Default",
            Sink(
                resource="AWS::RDS::DBInstance",
                parameter="MasterUserPassword",
                path="db.yaml",
                line=27,
                scope="Resources/Db",
                via="Ref Pw",
            ),
            ("db.yaml", 27, "Resources/Db/Properties/MasterUserPassword"),
        ),
        (
            "terraform",
            "variable.pw.default",
            Sink(
                resource="aws_db_instance",
                parameter="password",
                path="main.tf",
                line=9,
                scope="resource.aws_db_instance.main",
                via="var.pw",
            ),
            ("main.tf", 9, "resource.aws_db_instance.main.password"),
        ),
    ],
)
def test_what_a_parameter_feeds_is_the_consumer(
    language: str, symbol: str, sink: Sink, expected: tuple[str, int, str]
) -> None:
    fed = finding("infra/x:3", symbol, language=language, evaluated=Evaluated.DEPLOY, sinks=(sink,))
    unused = replace(fed, sinks=())
    ((consumer,), (alone,)) = (
        [(c.path, c.line, c.symbol) for c in made(f).secrets[0].consumers] for f in (fed, unused)
    )
    assert consumer == expected
    assert alone == ("infra/x", 3, symbol)
