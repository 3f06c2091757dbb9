"""The roll-out page, its commands, and the plans that are refused before anything is written."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hardcode_hunter.errors import UsageError
from hardcode_hunter.generate import deployments, generate
from hardcode_hunter.model import Consumer, Home, Kind, Order, Plan, Question, RotationChoice
from tests.generating import (
    PROD,
    ROTATION,
    database,
    everything,
    fields,
    plan,
    texts,
    token,
    with_master,
)

TEMPLATE = "migration/prod/secrets.yaml"


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
        "`hardcode-hunter store` in its place",
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


@pytest.mark.parametrize("count", [10, 11])
def test_one_unknown_role_may_be_given_more_policies_than_it_has_room_for(count: int) -> None:
    """Managed policies attached to a role: 10 by default (IAM and AWS STS quotas)."""
    page = _page(plan(*(database(f"db-{n}", consumers=(Consumer("x.py", n, "c"),)) for n in range(1, count + 1))))
    assert ("more than 10 of them, have its quota raised first" in page) is (count > 10)


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


def test_a_plan_in_which_nothing_is_ready_needs_no_page() -> None:
    asked = database(questions=(Question("q", "which environment is it?", ("prod", "dev")),))
    for infrastructure in ("cloudformation", "terraform"):
        assert generate(replace(plan(), secrets=(), infrastructure=infrastructure)) == ()
        assert generate(plan(asked, infrastructure=infrastructure)) == ()


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
    "'application' must have 1 to 128": plan(application="x" * 129),
    "'application' must have": plan(application=" "),
    "a part that is empty or all dots": plan(database("../x")),
    "its name 'prod//orders-db'": plan(environments=(replace(PROD, name_template="{environment}//{secret}"),)),
    "at most 128 characters": plan(database("x" * 129)),
    "a tag may hold letters": plan(environments=(replace(PROD, tags={"owner": "<team>"}),)),
    "and /_.- only": plan(token("a+b", home=Home.PARAMETER_STORE)),
    "doesn't begin with aws or ssm": plan(token(home=Home.PARAMETER_STORE), environments=(replace(PROD, name_template="aws/{secret}"),)),
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
