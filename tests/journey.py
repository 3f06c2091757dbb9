"""The main job, from end to end, on the bundled legacy application: each step is a method, and a caller runs them all.

The application runs with its hardcoded credentials against a real PostgreSQL; the commands of hardcode-hunter are called as a person
calls them, in processes of their own; AWS is embedded on loopback. ``tests/test_journey.py`` checks every step, ``make demo`` tells them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from hardcode_hunter import generate, planfile
from hardcode_hunter.model import Plaintext
from tests.embedded.aws import EmbeddedAws
from tests.embedded.environment import clean_environment
from tests.embedded.postgres import EmbeddedPostgres
from tests.embedded.shop import Transcript, exercise, prepare_database, running_shop
from tests.embedded.shop_credentials import SHOP, ShopCredentials, shop_credentials
from tests.embedded.stacks import deploy

ROOT = Path(__file__).resolve().parents[1]
ROLE = "shop-application"
STACK = "shop-production-secrets"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


@dataclass(frozen=True, slots=True)
class Ran:
    """One command: exit status and what it printed."""

    words: tuple[str, ...]
    status: int
    out: str
    err: str


@dataclass(slots=True)
class Journey:
    """``folder`` gets the application's copy and the state; ``told`` is called with what each step did."""

    folder: Path
    aws: EmbeddedAws
    postgres: EmbeddedPostgres
    told: Callable[[str], None] = lambda text: None
    credentials: ShopCredentials = field(default_factory=shop_credentials)
    steps: list[str] = field(default_factory=list)
    ran: list[Ran] = field(default_factory=list)
    before: Transcript | None = None

    @property
    def tree(self) -> Path:
        return self.folder / "shop"

    @property
    def environment(self) -> dict[str, str]:
        """What the commands and the migrated application get: where AWS is, and a place for state and caches."""
        places = {name: str(self.folder / name.lower()) for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "HOME")}
        return {**self.aws.environment, **places, "PYTHONDONTWRITEBYTECODE": "1"}

    def hunter(self, *words: str) -> Ran:
        """``hardcode-hunter WORDS`` in the tree."""
        environment = clean_environment(self.environment) | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-P", "-m", "hardcode_hunter", *words],
            cwd=self.tree,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self.told(f"$ hardcode-hunter {' '.join(words)}\n{done.stdout}{done.stderr}")
        self.ran.append(Ran(words, done.returncode, done.stdout, done.stderr))
        return self.ran[-1]

    def _step(self, name: str) -> None:
        self.steps.append(name)

    # ------------------------------------------------------------ the steps, in order

    def check_out(self) -> None:
        """A repository of its own, committed."""
        shutil.copytree(SHOP, self.tree, ignore=shutil.ignore_patterns("__pycache__"))
        for words in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "Legacy"],
        ):
            subprocess.run(
                ["git", "-C", str(self.tree), *words], check=True, env=clean_environment({"HOME": str(self.folder)})
            )
        prepare_database(self.postgres, self.credentials, self.tree)
        self._step("check out")

    def run_legacy(self) -> Transcript:
        """The application as it is, used from end to end."""
        self.before = exercise(self.tree, self.postgres, self.credentials)
        self._step("run legacy")
        return self.before

    def scan(self) -> Ran:
        self._step("scan")
        return self.hunter("scan", ".", "--output", "concise")

    def plan(self, *more: str) -> Ran:
        place = ("--account", self.aws.account, "--region", self.aws.region)
        ran = self.hunter("plan", ".", "--application", "shop", "--environment", "production", *place, *more)
        self._step("plan")
        return ran

    def edit_plan(self) -> None:
        """What only a person knows: where the database is today, which role the code has, and that they accept the reviewed edits."""
        path = self.tree / planfile.PLAN_FILE
        document = yaml.safe_load(path.read_text("utf-8"))
        for secret in document["secrets"].values():
            for consumer in secret["consumers"]:
                if consumer["role"] == "unknown":
                    consumer["role"] = f"arn:aws:iam::{self.aws.account}:role/{ROLE}"
        database = document["secrets"][self.database_secret(document)]
        database["fields"] |= {"host": {"constant": self.postgres.host}, "port": {"constant": self.postgres.port}}
        database["rotation"]["name"] = "postgresql-single-user"
        path.write_text(planfile.HEAD + yaml.safe_dump(document, sort_keys=False), "utf-8")
        self._step("edit plan")

    def database_secret(self, document: Mapping[str, Any] | None = None) -> str:
        """The id of the secret that ``shop/db.py`` reads."""
        document = document or yaml.safe_load((self.tree / planfile.PLAN_FILE).read_text("utf-8"))
        rows = ((name, secret["fields"].get("password")) for name, secret in document["secrets"].items())
        return next(
            name
            for name, origins in rows
            if isinstance(origins, list) and any(o["at"].startswith("shop/db.py:") for o in origins)
        )

    def apply_infrastructure(self) -> Ran:
        """The first call writes the infrastructure and stops for its deployment."""
        self._step("apply: infrastructure")
        return self.hunter("apply", "--account", self.aws.account, "--review")

    def deploy_shell(self, existing: Mapping[str, str] = {}) -> None:
        """The stack of empty secrets, deployed as ``apply`` said; ``existing`` are the ARNs of secrets by id, in order ``adopt``."""
        self._create_role()
        deploy(self.aws, self.template, name=STACK, **self.parameters(existing))
        self._step("deploy shell")

    @property
    def template(self) -> str:
        return (self.tree / "migration/production/secrets.yaml").read_text("utf-8")

    def parameters(self, existing: Mapping[str, str] = {}) -> dict[str, str]:
        """What only the one who deploys knows."""
        plan = planfile.load(self.tree / planfile.PLAN_FILE)
        root = f"arn:aws:iam::{self.aws.account}:root"
        deployment = next(d for d in generate.deployments(plan) if d.environment == "production")
        arns = {
            f"ExistingSecretArn{''.join(word.capitalize() for word in secret.split('-'))}": arn
            for secret, arn in existing.items()
        }
        return {name: arns.get(name) or (root if name.endswith("Arns") else ROLE) for name in deployment.required}

    def _create_role(self) -> None:
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        self.aws.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust))

    def apply_code(self) -> Ran:
        """The second call stores the live values, reads them back, and rewrites the code."""
        self._step("apply: values and code")
        return self.hunter("apply", "--account", self.aws.account, "--review")

    def run_migrated(self) -> Transcript:
        """The rewritten application, used as before; its values come from the store."""
        self._step("run migrated")
        return exercise(self.tree, self.postgres, self.credentials, self.environment)

    def scan_again(self) -> Ran:
        self._step("scan again")
        return self.hunter("scan", ".", "--output", "concise")

    def verify(self) -> Ran:
        self._step("verify")
        return self.hunter("verify")

    def renew(self) -> list[str]:
        """What no rotation can renew: made anew where it was issued, put into the store, and recorded, as its owners would. The ids."""
        exposed: list[str] = json.loads(self.hunter("verify", "--output", "json").out)["exposed"]
        manager, known = self.aws.client("secretsmanager"), self.credentials
        old = {
            getattr(known, f.name).reveal(): f.name
            for f in fields(known)
            if isinstance(getattr(known, f.name), Plaintext)
        }
        for secret in exposed:
            name = f"production/shop/{secret}"
            content = json.loads(manager.get_secret_value(SecretId=name)["SecretString"])
            renewed = {key: secrets.token_hex(16) for key, value in content.items() if value in old}
            manager.put_secret_value(SecretId=name, SecretString=json.dumps(content | renewed))
            self.credentials = replace(
                self.credentials, **{old[content[key]]: Plaintext(value) for key, value in renewed.items()}
            )
            assert self.hunter("status", "--revoked", secret, "--because", "renewed where it was issued").status == 0
        self._step("renew")
        return exposed

    def switch_rotation_on(self) -> Ran:
        """``rotate`` asks the gate and writes the schedule; the stack is updated as it said."""
        ran = self.hunter("rotate", self.database_secret())
        if ran.status == 0:
            enabled = {"EnableRotation": "true", "RotationCodeBucket": "shop-rotation"}
            keys = {
                name: "rotation.zip" for name in yaml_parameters(self.template) if name.startswith("RotationCodeKey")
            }
            self._upload()
            deploy(self.aws, self.template, name=STACK, **self.parameters(), **enabled, **keys)
        self._step("switch rotation on")
        return ran

    def _upload(self) -> None:
        storage = self.aws.client("s3")
        storage.create_bucket(Bucket="shop-rotation", CreateBucketConfiguration={"LocationConstraint": self.aws.region})
        archive = shutil.make_archive(str(self.folder / "rotation"), "zip", self.rotation_directory)
        storage.put_object(Bucket="shop-rotation", Key="rotation.zip", Body=Path(archive).read_bytes())

    @property
    def rotation_directory(self) -> Path:
        return next((self.tree / "migration/production/rotation").iterdir())

    def rotate_while_running(self) -> list[tuple[int, str]]:
        """The emitted Lambda's four steps on the real database while the application runs; its answers before and after, without a restart."""
        secret = f"production/shop/{self.database_secret()}"
        with running_shop(self.tree, self.postgres, self.credentials, self.environment) as shop:
            answers = [shop.get("/products")]
            token = str(uuid.uuid4())
            self.aws.begin_rotation(secret, token)
            arn = self.aws.client("secretsmanager").describe_secret(SecretId=secret)["ARN"]
            function = self._rotation_function()
            for step in STEPS:
                function.handler({"Step": step, "SecretId": arn, "ClientRequestToken": token}, None)
                self.told(f"rotation: {step} done")
            answers += [shop.get("/products"), shop.get("/")]
        self._step("rotate while running")
        return [(answer.status, answer.body) for answer in answers]

    def _rotation_function(self) -> ModuleType:
        """The Lambda as it was emitted into the tree, pointed at the embedded AWS."""
        os.environ.update({k: v for k, v in self.aws.environment.items() if k != "AWS_ENDPOINT_URL"})
        os.environ["SECRETS_MANAGER_ENDPOINT"] = self.aws.endpoint_url
        spec = importlib.util.spec_from_file_location(
            "emitted_rotation", self.rotation_directory / "lambda_function.py"
        )
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their module up
        for part in self.rotation_directory.glob("*.py"):  # another test may have imported parts of its own
            sys.modules.pop(part.stem, None)
        sys.path.insert(0, str(self.rotation_directory))  # as Lambda does with the directory of the package
        try:
            spec.loader.exec_module(module)
        finally:
            sys.path.remove(str(self.rotation_directory))
        return module

    def old_password_accepted(self) -> bool:
        """Whether the hardcoded password still opens the database."""
        self._step("old password")
        c = self.credentials
        return self.postgres.accepts(c.database_user, c.database_password.reveal(), c.database)


def yaml_parameters(template: str) -> list[str]:
    """Names of the template's parameters: two spaces deep under ``Parameters:``."""
    body = template.partition("\nParameters:\n")[2].partition("\nConditions:")[0].partition("\nResources:")[0]
    return [
        line.strip().removesuffix(":")
        for line in body.splitlines()
        if line.startswith("  ") and line[2:3] not in (" ", "")
    ]
