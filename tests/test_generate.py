"""The generator: one plan, the same bytes; templates that the linter has nothing against; names that can't become syntax."""

from __future__ import annotations

import ast
import json
import re
import string
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardcode_hunter import planfile
from hardcode_hunter.errors import UsageError
from hardcode_hunter.generate import deployments, generate, names, quoting
from hardcode_hunter.generate.wanted import RUNTIME, SHARD
from hardcode_hunter.integrations.template_checks import violations
from hardcode_hunter.model import Consumer, Environment, Home, Kind, Order, Plan, Question, RotationChoice, Secret
from hardcode_hunter.plugins import Rotation, load
from tests.generating import (
    ACCOUNT,
    PROD,
    REGION,
    ROLE,
    ROTATION,
    Deployed,
    database,
    everything,
    fields,
    parameters_for,
    parsed,
    plan,
    texts,
    token,
    with_master,
)

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "generate"
TEMPLATE = "migration/prod/secrets.yaml"


# ---------------------------------------------------------------- the matrix


def _cells() -> Iterator[tuple[str, Plan]]:
    """Counts × orders × rotation × homes × known and unknown roles, as far as the cells differ."""
    for order in Order:
        for count in (1, 2):
            for rotates in (False, True):
                for known in (False, True):
                    rows = [_cell_secret(f"db-{chr(97 + n)}", rotates, known) for n in range(count)]
                    yield (
                        f"{order.value}-{count}-{'rotates' if rotates else 'static'}-{'known' if known else 'unknown'}",
                        plan(*rows, order=order),
                    )
        yield f"{order.value}-every-home", plan(*everything(), order=order)
        yield f"{order.value}-no-account", plan(*everything(), order=order, environments=(Environment("prod"),))
    for home in Home:
        yield f"only-{home.value}", plan(token("one", home=home))
    yield (
        "adopted-by-arn",
        plan(database(existing=f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:old/orders-AbCdEf")),
    )
    yield "adopted-by-name", plan(database(existing="old/orders"))
    yield (
        "shared-logical-role",
        plan(*(database(f"db-{c}", consumers=(Consumer("a.py", 1, "f", role="AppRole"),)) for c in "ab")),
    )
    yield "other-account", plan(token(consumers=(Consumer("a.py", 1, "f", role="arn:aws:iam::999999999999:role/app"),)))
    yield "user", plan(token(consumers=(Consumer("a.py", 1, "f", role=f"arn:aws:iam::{ACCOUNT}:user/ci"),)))


def _cell_secret(id: str, rotates: bool, known: bool) -> Secret:
    role = f"{ROLE}app/{id}" if known else "unknown"
    choice = RotationChoice(ROTATION) if rotates else RotationChoice("none", "it is not wanted")
    return database(id, rotation=choice, consumers=(Consumer("shop/db.py", 12, "connect", role=role),))


CELLS = dict(_cells())


@cache
def _rules() -> Any:
    from cfnlint.core import get_rules

    return get_rules([], [], ["W", "E"])


@cache
def _lint(text: str) -> list[str]:
    """Every error and warning of cfn-lint."""
    from cfnlint.api import lint

    return [f"{m.rule.id} {m.message}" for m in lint(text, rules=_rules(), regions=[REGION])]


def test_the_linter_does_say_something_about_a_bad_template() -> None:
    body = texts(plan())[TEMPLATE]
    assert any(
        m.startswith("E3012") for m in _lint(body.replace("EnableKeyRotation: true", "EnableKeyRotation: often"))
    )
    assert any(
        m.startswith("W2001")
        for m in _lint(body.replace("Parameters:\n", "Parameters:\n  Unused:\n    Type: String\n", 1))
    )


def _templates(of: Plan, enabled: frozenset[str] = frozenset()) -> dict[str, str]:
    return {path: body for path, body in texts(of, enabled).items() if path.endswith(".yaml")}


@pytest.mark.parametrize("cell", CELLS)
def test_the_linter_and_our_checks_have_nothing_to_say(cell: str) -> None:
    rotating = frozenset(s.id for s in CELLS[cell].secrets if s.rotation.name != "none")
    for enabled in {frozenset[str](), rotating}:
        for path, body in _templates(CELLS[cell], enabled).items():
            assert _lint(body) == [], path
            assert violations(parsed(body)) == (), path


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("infrastructure", ["cloudformation", "terraform"])
def test_the_same_plan_gives_the_same_bytes(cell: str, infrastructure: str) -> None:
    of = replace(CELLS[cell], infrastructure=infrastructure)
    assert generate(of) == generate(of)
    assert [c.path for c in generate(of)] == sorted(c.path for c in generate(of))


def _many() -> Plan:
    ids = [f"{word}-{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(100) for word in ("orders", "mail")]
    return plan(*(database(id, consumers=()) for id in ids))


def test_two_hundred_secrets_fit_into_templates_and_policies() -> None:
    """Quotas: 200 parameters, 500 resources and 200 outputs per template, 10,240 characters of inline policies per role."""
    templates = _templates(_many())
    logical: list[str] = []
    for path, body in templates.items():
        template = parsed(body)
        assert (
            len(template["Parameters"]) <= 200 and len(template["Resources"]) <= 500 and len(template["Outputs"]) <= 200
        )
        assert len(body.encode()) <= 1_000_000
        logical += [id for id in template["Resources"] if id.startswith("Secret")]
        deployed = Deployed(
            template,
            parameters_for(template, EnableRotation="true"),
            {"shop-prod-key-arn": "arn:aws:kms:eu-central-1:123456789012:key/1"},
        )
        for role in deployed.of_type("AWS::IAM::Role").values():
            assert sum(len(json.dumps(p, separators=(",", ":"))) for p in role["Policies"]) <= 10_240, path
    assert len(logical) == len(set(logical)) == 200


@pytest.mark.parametrize("number", range(2))
def test_the_linter_accepts_the_large_templates(number: int) -> None:
    path, body = sorted(_templates(_many()).items())[number]
    assert _lint(body) == [], path


def test_one_more_secret_leaves_the_others_where_they_are() -> None:
    """A secret that changed its stack would be created a second time under its name."""

    def places(of: Plan) -> dict[str, str]:
        return {id: path for path, body in _templates(of).items() for id in re.findall(r"^  (Secret\w+):$", body, re.M)}

    base = [database(f"db-{chr(97 + n // 26)}{chr(97 + n % 26)}", consumers=()) for n in range(60)]
    before = places(plan(*base))
    moved = []
    for n in range(12):
        after = places(plan(*base, database(f"new-{chr(97 + n)}", consumers=())))
        moved.append(sum(after[id] != path for id, path in before.items()))
    assert max(moved) <= SHARD and moved.count(0) >= len(moved) - 3


def test_a_rotation_has_one_function_per_environment() -> None:
    body = parsed(_templates(plan(database(), database("stock-db"), token()))[TEMPLATE])
    assert [r["Type"] for r in body["Resources"].values()].count("AWS::Lambda::Function") == 1


def test_the_runtime_is_the_newest_that_is_known() -> None:
    import cfnlint

    data = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "LmbdRuntimeLifecycle.json"
    known = [name for name in json.loads(data.read_text()) if name.startswith("python3.")]
    assert max(known, key=lambda name: int(name.removeprefix("python3."))) == RUNTIME


# ---------------------------------------------------------------- phases


def _create_only() -> dict[str, set[str]]:
    """Properties whose change replaces a resource, by type, from the service's own schemas."""
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

    types = {r["Type"] for r in parsed(texts(plan(*everything()))[TEMPLATE])["Resources"].values()}
    found = {}
    for type in types:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, type).schema
        found[type] = {path.split("/")[2] for path in schema.get("createOnlyProperties", [])}
    return found


@pytest.mark.parametrize("cell", CELLS)
def test_the_second_phase_changes_no_create_only_property(cell: str) -> None:
    only = _create_only()
    assert only["AWS::SecretsManager::Secret"] == {"Name"}  # else the schemas are not what this test takes them for
    enabled = frozenset(s.id for s in CELLS[cell].secrets)
    for path, first in _templates(CELLS[cell]).items():
        template, second = parsed(first), parsed(_templates(CELLS[cell], enabled)[path])
        given = parameters_for(template)
        before = Deployed(template, given).resources()
        after = Deployed(
            second, {**given, **({"EnableRotation": "true"} if "EnableRotation" in second["Parameters"] else {})}
        ).resources()
        assert set(before) <= set(after), "the second phase adds and removes nothing"
        for id, resource in before.items():
            assert after[id]["Type"] == resource["Type"]
            for name in only[resource["Type"]]:
                assert after[id]["Properties"].get(name) == resource["Properties"].get(name), (id, name)


def test_rotation_is_off_until_it_is_enabled() -> None:
    template = parsed(texts(plan(database()))[TEMPLATE])
    assert template["Parameters"]["EnableRotation"]["Default"] == "false"
    first = Deployed(template, parameters_for(template))
    rotating = ("Rotation", "Lambda", "Logs", "IAM::Role")
    assert not [
        r
        for r in first.resources().values()
        if r["Type"].split("::", 1)[1].startswith(rotating) or r["Type"].endswith("Schedule")
    ]
    second = Deployed(template, parameters_for(template, EnableRotation="true"))
    (schedule,) = second.of_type("AWS::SecretsManager::RotationSchedule").values()
    assert schedule["RotateImmediatelyOnUpdate"] is False
    assert schedule["RotationRules"] == {"ScheduleExpression": "rate(30 days)"}


def test_failures_are_reported_where_somebody_listens() -> None:
    template = parsed(texts(plan(database(), database("stock-db")))[TEMPLATE])
    kinds = ("AWS::CloudWatch::Alarm", "AWS::Events::Rule")
    for enabled, topic, expected in (
        ("true", "", 0),
        ("false", "arn:aws:sns:eu-central-1:123456789012:t", 0),
        ("true", "arn:aws:sns:eu-central-1:123456789012:t", 1),
    ):
        deployed = Deployed(template, parameters_for(template, EnableRotation=enabled, RotationAlarmTopicArn=topic))
        assert [len(deployed.of_type(kind)) for kind in kinds] == [expected, expected]
    (alarm,) = deployed.of_type(kinds[0]).values()
    assert alarm["AlarmActions"] == ["arn:aws:sns:eu-central-1:123456789012:t"]
    rules = [body.count("AWS::Events::Rule") for body in _templates(_many()).values()]
    assert sum(rules) == 1, "one rule, however many templates"


def test_importing_the_stage_loads_no_heavy_library() -> None:
    import subprocess
    import sys

    code = "import sys, hardcode_hunter.generate, hardcode_hunter.integrations.template_checks; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {"jinja2", "cfnlint", "boto3", "libcst", "yaml"}


def test_our_own_scan_finds_nothing_in_what_we_generate() -> None:
    """What is generated is scanned with the rest of the repository from then on."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "hardcode_hunter", "scan", "--isolated", "--min-confidence", "low"]
    folders = [str(FIXTURES / infrastructure) for infrastructure in ("cloudformation", "terraform")]
    done = subprocess.run([*command, *folders], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_what_was_let_through_rotates() -> None:
    of = plan(database(), database("stock-db"))
    template = parsed(texts(of, frozenset({"stock-db"}))[TEMPLATE])
    assert template["Parameters"]["EnableRotation"]["Default"] == "true"
    deployed = Deployed(template, parameters_for(template, EnableRotation="true"))
    assert set(deployed.of_type("AWS::SecretsManager::RotationSchedule")) == {"ScheduleStockDb"}
    assert "not switched on yet" in texts(of, frozenset({"stock-db"}))["migration/ROLL-OUT.md"]
    (role,) = deployed.of_type("AWS::IAM::Role").values()
    assert "orders-db" not in json.dumps(role) and "stock-db" in json.dumps(role)


def test_a_rule_refuses_rotation_without_its_code() -> None:
    template = parsed(texts(plan(database()))[TEMPLATE])
    deployed = Deployed(template, parameters_for(template))
    (rule,) = template["Rules"].values()
    assert deployed.resolve(rule["RuleCondition"]) is False
    assert [deployed.resolve(a["Assert"]) for a in rule["Assertions"]] == [False, False]
    ready = Deployed(
        template, parameters_for(template, RotationCodeBucket="b", RotationCodeKeyPostgresqlSingleUser="k")
    )
    assert [ready.resolve(a["Assert"]) for a in rule["Assertions"]] == [True, True]


def test_the_function_is_emitted_verbatim() -> None:
    rotation = load("rotations", Rotation)[ROTATION]
    source = Path(__file__).resolve().parents[1] / "hardcode_hunter" / "rotations" / rotation.directory
    for infrastructure in ("cloudformation", "terraform"):
        files = texts(plan(database(), infrastructure=infrastructure))
        emitted = files[f"migration/prod/rotation/{ROTATION}/lambda_function.py"]
        assert emitted.encode() == (source / "lambda_function.py").read_bytes()
        assert all(
            r.split("==")[0] in files[f"migration/prod/rotation/{ROTATION}/requirements.txt"]
            for r in rotation.requirements
        )


def test_handler_and_variables_are_what_the_function_reads() -> None:
    template = parsed(texts(plan(database()))[TEMPLATE])
    deployed = Deployed(template, parameters_for(template, EnableRotation="true"))
    (function,) = deployed.of_type("AWS::Lambda::Function").values()
    module, _, handler = function["Handler"].rpartition(".")
    tree = ast.parse(texts(plan(database()))[f"migration/prod/rotation/{ROTATION}/{module}.py"])
    assert handler in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
    read = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    assert set(function["Environment"]["Variables"]) <= read
    assert (
        function["Environment"]["Variables"]["SECRETS_MANAGER_ENDPOINT"]
        == f"https://secretsmanager.{REGION}.amazonaws.com"
    )


# ---------------------------------------------------------------- expected output


@pytest.mark.parametrize("infrastructure", ["cloudformation", "terraform"])
@pytest.mark.parametrize("phase", ["shell", "rotating"])
def test_expected_output(infrastructure: str, phase: str) -> None:
    """The whole output for one plan, so that a change of the templates is seen as what it does to a user's files.

    ``python -m tests.generating`` writes it anew.
    """
    folder = FIXTURES / infrastructure / phase
    of = planfile.load(FIXTURES / infrastructure / "plan.yaml")
    enabled = frozenset({"orders-db"}) if phase == "rotating" else frozenset[str]()
    got = {c.path: c.result(b"") for c in generate(of, enable_rotation=enabled) if "/rotation/" not in c.path}
    wanted = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert sorted(got) == sorted(wanted)
    for path, body in got.items():
        assert body.decode() == wanted[path].decode(), path


# ---------------------------------------------------------------- the page


def _page(of: Plan) -> str:
    return texts(of)["migration/ROLL-OUT.md"]


@pytest.mark.parametrize("infrastructure", ["cloudformation", "terraform"])
def test_the_page_has_every_step_consumer_and_question(infrastructure: str) -> None:
    asked = database("stock-db", questions=(Question("q", "which environment is it?", ("prod", "dev")),))
    page = _page(plan(*everything(), asked, infrastructure=infrastructure))
    steps = [
        "Deploy the shell",
        "Store the live values",
        "Deploy the code",
        "Verify",
        "Package the rotation function",
        "Rotate",
        "The way back",
    ]
    positions = [page.index(step) for step in steps]
    assert positions == sorted(positions)
    for piece in (
        "`shop/db.py:12`",
        "`shop/mail.py:3`",
        "once, at start",
        "which environment is it?",
        "cancel-rotate-secret",
        "AWSPREVIOUS",
    ):
        assert piece in page, piece
    assert "stock" not in "".join(
        body for path, body in texts(plan(*everything(), asked)).items() if path.endswith(".yaml")
    )
    for deployment in deployments(plan(*everything(), infrastructure=infrastructure)):
        assert (
            deployment.shell in page
            and deployment.rotation
            and all(name in page or quoting_name(name) in page for name in deployment.required)
        )


def quoting_name(parameter: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", parameter).upper()


def test_commands_are_shell_that_fails_on_what_is_missing(tmp_path: Path) -> None:
    """``bash -n`` reads every block; the deployment stops when an input was not given."""
    import subprocess

    page = _page(plan(*everything()))
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.S | re.M)
    assert len(blocks) >= 10
    for block in blocks:
        done = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, check=False)
        assert done.returncode == 0, block
    (deployment,) = deployments(plan(database()))
    (tmp_path / "aws").write_text('#!/bin/sh\nfor a in "$@"; do echo "$a"; done\n')
    (tmp_path / "aws").chmod(0o755)
    run = {"args": ["bash", "-c", deployment.shell], "text": True, "capture_output": True, "check": False}
    missing = subprocess.run(**run, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert missing.returncode != 0 and "parameter null or not set" in missing.stderr
    known = {quoting_name(name): f"given,for,{name}" for name in deployment.required}
    said = subprocess.run(**run, env={"PATH": f"{tmp_path}:/usr/bin:/bin", **known})
    assert said.returncode == 0
    assert {f"{name}=given,for,{name}" for name in deployment.required} <= set(said.stdout.splitlines())


def test_the_packaging_commands_make_a_package_that_has_the_handler_at_its_top(tmp_path: Path) -> None:
    """As written on the page, with a pip that installs nothing from anywhere."""
    import subprocess
    import sys
    import zipfile

    of = plan(database(), infrastructure="terraform")
    for path, body in texts(of).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(body)
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin" / "python3"
    install = 'while [ "$1" != --target ]; do shift; done; mkdir -p "$2/driver"; touch "$2/driver/__init__.py"; exit 0'
    shim.write_text(f'#!/bin/sh\nif [ "$2" = pip ]; then {install}; fi\nexec "{sys.executable}" "$@"\n')
    shim.chmod(0o755)
    (deployment,) = deployments(of)
    commands = deployment.rotation.partition("terraform -chdir")[0]
    environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    subprocess.run(["bash", "-euc", commands], cwd=tmp_path, env=environment, capture_output=True, check=True)
    with zipfile.ZipFile(tmp_path / f"migration/prod/rotation/{ROTATION}.zip") as package:
        assert {"lambda_function.py", "driver/__init__.py"} <= set(package.namelist())


def test_adopted_secrets_are_stored_before_the_stack_looks_for_them() -> None:
    page = _page(plan(database(), order=Order.ADOPT))
    assert page.index("Store the live values") < page.index("Deploy the shell")
    assert "EXISTING_SECRET_ARN_ORDERS_DB=$(aws secretsmanager describe-secret --secret-id prod/shop/orders-db" in page


def test_keys_that_a_role_replaces_need_no_infrastructure() -> None:
    files = texts(plan(token("uploads", home=Home.ROLE, kind=Kind.AWS_KEY)))
    assert list(files) == ["migration/ROLL-OUT.md"]
    assert "Static AWS keys" in files["migration/ROLL-OUT.md"] and "shop/mail.py:3" in files["migration/ROLL-OUT.md"]


def test_a_parameter_is_read_but_never_made() -> None:
    """CloudFormation can't make a SecureString, and a value in a template would be one."""
    for infrastructure in ("cloudformation", "terraform"):
        files = texts(plan(token("flag", home=Home.PARAMETER_STORE), infrastructure=infrastructure))
        code = "".join(body for path, body in files.items() if not path.endswith(".md"))
        assert "parameter/prod/shop/flag" in code
        assert "AWS::SSM::Parameter" not in code and "aws_ssm_parameter" not in code


# ---------------------------------------------------------------- what is refused


REFUSED = {
    "'../x': the name becomes a folder": plan(database(environment="../x"), environments=(replace(PROD, name="../x"),)),
    "'account' must be 12 digits": plan(environments=(replace(PROD, account="12"),)),
    "'region' is no AWS region": plan(environments=(replace(PROD, region="mars"),)),
    "'name-template' may hold": plan(environments=(replace(PROD, name_template="{stage}/{secret}"),)),
    "a tag holds '{{resolve:'": plan(environments=(replace(PROD, tags={"a": "{{resolve:ssm:/x}}"}),)),
    "does not begin with aws:": plan(environments=(replace(PROD, tags={"aws:x": "y"}),)),
    "its name may hold letters": plan(database("ord${ers}")),
    "have one name": plan(database("a-b"), database("a-c", existing="prod/shop/a-b")),
    "no ARN of a secret": plan(database(existing="arn:aws:s3:::bucket")),
    "no ARN of an IAM role": plan(database(consumers=(Consumer("a.py", 3, "f", role="arn:aws:sts::1:assumed-role/a/b"),))),
    "rotation 'rotate-me' does not exist": plan(database(rotation=RotationChoice("rotate-me"))),
    "needs the field username": plan(database(fields=fields("host", "password"))),
    "the field 'masterarn' must be a constant": plan(with_master(arn="master")),
    "serves postgres": plan(database(engine="oracle")),
    "needs a JSON secret in Secrets Manager": plan(database(home=Home.MANAGED)),
    "schedule must be": plan(database(rotation=RotationChoice(ROTATION, "", "rate(1 hour)"))),
    "'infrastructure' is 'pulumi'": plan(infrastructure="pulumi"),
    "no retriever is called 'telepathy'": plan(retriever="telepathy"),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_deployed_is_refused_by_name(message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        generate(REFUSED[message])


def test_enabling_rotation_of_an_unknown_secret_is_refused() -> None:
    with pytest.raises(UsageError, match="no such secret"):
        generate(plan(), enable_rotation=frozenset({"nothing"}))


# ---------------------------------------------------------------- quoting


HOSTILE = [
    "${aws_secret}", "%{ if true }x%{ endif }", "$${x}", "{{resolve:ssm:/x}}", "!Ref Key", "*anchor", "&anchor", "yes", "null", "0o17", "1e3",
    "2001-01-01", "a: b", "- a", "# no comment", '"', "'", "\\", "\\u0041", "a\nb: c", "a\r\nb", "\t", "\x00", "\x1b[31m", "\x85", "\u2028", "\ufeff",
    "\U0001f600", "</script>", "EOF", "<<EOT", "`id`", "$(id)", "; rm -rf /", "```\n# x", "|", "a|b", "]}", "🔑" * 3, "{{ x }}", "{% x %}", "~", "=", "?",
]  # fmt: skip
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(HOSTILE)


@given(anything)
def test_yaml_reads_back_equal(text: str) -> None:
    import yaml

    assert yaml.safe_load(f"k: {quoting.yaml_string(text)}\n") == {"k": text}


@given(
    st.recursive(
        anything | st.booleans() | st.integers(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(anything, inner, max_size=4),
    )
)
def test_yaml_structures_read_back_equal(value: Any) -> None:
    import yaml

    assert yaml.safe_load(f"k:{quoting.yaml_value(value)}\n") == {"k": value}


def _hcl_literal(text: str) -> str | None:
    """What the HCL string in ``text`` means, read by an independent parser; ``None`` when it is anything but one plain string."""
    import tree_sitter
    import tree_sitter_hcl

    data = f"k = {text}\n".encode()
    root = tree_sitter.Parser(tree_sitter.Language(tree_sitter_hcl.language())).parse(data).root_node
    if root.has_error:
        return None
    found, todo = [], [root]
    while todo:
        node = todo.pop()
        if node.type in (
            "template_interpolation",
            "template_directive",
            "heredoc_template",
            "function_call",
            "variable_expr",
        ):
            return None
        if node.type in ("string_lit", "quoted_template"):
            found.append(data[node.start_byte : node.end_byte].decode())
            continue
        todo += node.children
    return _unescaped(found[0][1:-1]) if len(found) == 1 else None


def _unescaped(body: str) -> str:
    simple = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
    pattern = r"\$\$\{|%%\{|\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|(.))"

    def one(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return match[0][1:] if match[0][0] in "$%" else chr(int(code, 16)) if code else simple[match[3]]

    return re.sub(pattern, one, body)


@settings(max_examples=200)
@given(anything)
def test_hcl_strings_are_one_literal(text: str) -> None:
    assert _hcl_literal(quoting.hcl_string(text)) == text


@given(anything)
def test_shell_words_are_one_word(text: str) -> None:
    import shlex

    try:
        word = quoting.shell_word(text)
    except UsageError:
        assert any(not c.isprintable() for c in text)
        return
    assert shlex.split(word) == [text]


@given(anything)
def test_markdown_stays_on_its_line(text: str) -> None:
    for written in (quoting.markdown_text(text), quoting.markdown_code(text)):
        assert "\n" not in written and "\r" not in written and "\x1b" not in written
        assert not re.search(r"(?<!\\)\|", written)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_is_read_as_text(text: str) -> None:
    from markdown_it import MarkdownIt

    cell = f"- {quoting.markdown_text('x ' + text)} {quoting.markdown_code(text)}\n"
    kinds = {child.type for token in MarkdownIt("commonmark").parse(cell) for child in token.children or ()}
    assert kinds <= {"text", "code_inline"}, kinds


@pytest.mark.parametrize("infrastructure", ["cloudformation", "terraform"])
@pytest.mark.parametrize("text", [t for t in HOSTILE if "{{resolve:" not in t])
def test_a_hostile_tag_comes_out_as_it_went_in(text: str, infrastructure: str) -> None:
    environment = replace(PROD, tags={"owner": text, f"k{text}": "v"})
    files = texts(plan(database(), infrastructure=infrastructure, environments=(environment,)))
    if infrastructure == "cloudformation":
        tags = {
            t["Key"]: t["Value"] for t in parsed(files[TEMPLATE])["Resources"]["SecretOrdersDb"]["Properties"]["Tags"]
        }
        assert tags["owner"] == text and tags[f"k{text}"] == "v"
    else:
        line = next(row for row in files["migration/prod/secrets.tf"].split("\n") if re.match(r"\s+owner +=", row))
        assert _hcl_literal(line.partition("=")[2].strip()) == text


@pytest.mark.parametrize("infrastructure", ["cloudformation", "terraform"])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_paths_symbols_and_reasons_change_no_structure(text: str, infrastructure: str) -> None:
    """Everything of a repository that can reach a file: compared with the same plan without hostile texts."""
    role = f"role {text}"
    hostile = database(why=text, consumers=(Consumer(f"x{text}.py", 1, text, runtime=text, role=role, restart=text),))
    harmless = database(why="w", consumers=(Consumer("x.py", 1, "s", runtime="r", role="role x", restart="r"),))
    got, wanted = (texts(plan(s, infrastructure=infrastructure)) for s in (hostile, harmless))
    assert sorted(got) == sorted(wanted)
    if infrastructure == "cloudformation":
        renamed = {f"Role{names.logical_id(role)}": f"Role{names.logical_id('role x')}"}
        assert _shape(parsed(got[TEMPLATE]), renamed) == _shape(parsed(wanted[TEMPLATE]), {})
    page, plain = got["migration/ROLL-OUT.md"], wanted["migration/ROLL-OUT.md"]
    assert [row[:4] for row in page.split("\n") if row.startswith("#") and "Names" not in row] == [
        row[:4] for row in plain.split("\n") if row.startswith("#") and "Names" not in row
    ]
    fences, plain_fences = (re.findall(r"^ *```.*$", text, re.M) for text in (page, plain))
    assert fences == plain_fences and page.count("\n") == plain.count("\n")


def _shape(node: Any, renamed: dict[str, str]) -> Any:
    """Keys and types: what a text can't change unless it became syntax."""
    if isinstance(node, dict):
        return {renamed.get(k, k): _shape(v, renamed) for k, v in node.items()}
    return [_shape(v, renamed) for v in node] if isinstance(node, list) else type(node).__name__


def test_a_template_that_forgets_to_quote_fails() -> None:
    env = quoting.environment()
    with pytest.raises(TypeError, match="without a quoting filter"):
        env.from_string("Name: {{ name }}").render(name="x: y")


# ---------------------------------------------------------------- names


@given(
    st.sets(st.text(string.ascii_letters + string.digits + "-_./@é", min_size=1, max_size=20), min_size=2, max_size=40)
)
def test_different_ids_have_different_names(ids: set[str]) -> None:
    for make in (names.logical_id, names.snake, names.slug):
        made = [make(id) for id in sorted(ids)]
        assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"[A-Za-z0-9]{1,60}", names.logical_id(id)) for id in ids)
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]{0,59}", names.snake(id)) for id in ids)


@pytest.mark.parametrize(
    ("id", "logical", "snake"),
    [("orders-db", "OrdersDb", "orders_db"), ("smtp", "Smtp", "smtp"), ("a1-b", "A1B", "a1_b")],
)
def test_plain_ids_have_plain_names(id: str, logical: str, snake: str) -> None:
    assert (names.logical_id(id), names.snake(id)) == (logical, snake)
