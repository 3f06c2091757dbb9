"""Terraform on a folder, with the provider of this package in a file-system mirror and no way to the network."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.downloads import cache
from tests.embedded import Absent
from tests.terraform_provider import schema

PROVIDER = "6.69.1"
BINDINGS = "cdktn-provider-aws==25.8.1"  # generated from version 6.69.1 of the provider
FOLDERS = (
    "cloudformation-stack", "cloudwatch-event-rule", "cloudwatch-event-target", "cloudwatch-log-group", "cloudwatch-metric-alarm", "data-aws-caller-identity", "data-aws-partition", "data-aws-region", "iam-policy", "iam-role",
    "iam-role-policy", "iam-role-policy-attachment", "iam-user-policy-attachment", "kms-alias", "kms-key", "lambda-function",
    "lambda-permission", "secretsmanager-secret", "secretsmanager-secret-policy", "secretsmanager-secret-rotation",
    "secretsmanager-secret-version", "sns-topic", "sns-topic-policy", "vpc-endpoint",
)  # fmt: skip
REWRITTEN = (
    "data-aws-secretsmanager-secret", "data-aws-secretsmanager-secret-version", "data-aws-ssm-parameter", "codebuild-project", "db-instance",
    "ecs-task-definition", "elasticache-replication-group", "elasticache-user", "ephemeral-aws-secretsmanager-secret-version",
    "glue-connection", "iam-role", "iam-role-policy", "instance", "lambda-function", "mq-broker", "rds-cluster", "redshift-cluster",
    "secretsmanager-secret-version", "ssm-parameter",
)  # fmt: skip
"""What the golden rewrites of configurations hold."""
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one command of Terraform said."""

    code: int
    out: str


@dataclass(frozen=True, slots=True)
class Terraform:
    """The terraform command with the provider beside it. ``home`` is a folder of the caller."""

    command: str
    home: Path

    def run(self, folder: Path, *arguments: str) -> Outcome:
        """One command in ``folder``: no network, no input, no colours, nothing of the caller's own configuration."""
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.home),
            "TF_CLI_CONFIG_FILE": str(self.home / "terraform.rc"),
            "CHECKPOINT_DISABLE": "1",
            "TF_INPUT": "0",
            "TF_IN_AUTOMATION": "1",
        }
        done = subprocess.run(
            [self.command, f"-chdir={folder}", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Outcome(done.returncode, done.stdout + done.stderr)

    def init(self, folder: Path) -> Outcome:
        return self.run(folder, "init", "-no-color", "-backend=false")

    def state(self, folder: Path) -> dict[str, dict[str, Any]]:
        """Attributes of every resource instance in the state, by address."""
        shown = json.loads(self.run(folder, "show", "-json").out)
        rows = shown["values"]["root_module"]["resources"]
        return {row["address"]: row["values"] for row in rows}


def terraform(home: Path, folders: tuple[str, ...] = FOLDERS) -> Terraform:
    """Terraform, ready to run, with a provider that knows the types of ``folders``. Raises :class:`Absent` with the reason when a part is not here; nothing is fetched."""
    command = shutil.which("terraform")
    if command is None:
        raise Absent("there is no terraform command on this machine")
    if not _definition(folders).exists():
        raise Absent("the AWS provider's schema is not in the cache; 'python -m tests.downloads' fetches it")
    platform = json.loads(
        subprocess.run([command, "version", "-json"], capture_output=True, text=True, check=True).stdout
    )["platform"]
    _install(home / "mirror" / f"registry.terraform.io/hashicorp/aws/{PROVIDER}/{platform}", _definition(folders))
    mirror = json.dumps(str(home / "mirror"))
    (home / "terraform.rc").write_text(
        f"provider_installation {{\n  filesystem_mirror {{\n    path = {mirror}\n  }}\n}}\n"
    )
    return Terraform(command, home)


def fetch() -> None:
    """Puts the provider's schemas into the cache, unless they are there: 70 MB of bindings become files of 100 kB."""
    wanted = [folders for folders in (FOLDERS, REWRITTEN) if not _definition(folders).exists()]
    if not wanted or shutil.which("terraform") is None:
        return
    home = _definition(FOLDERS).parent
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bindings-", dir=home) as folder:
        _pip("download", "--no-deps", "--dest", folder, BINDINGS)
        wheel = next(Path(folder).glob("cdktn_provider_aws-*.whl"))
        for folders in wanted:
            schema.write(wheel, folders, _definition(folders))


def _definition(folders: tuple[str, ...]) -> Path:
    return cache("terraform") / f"aws-{PROVIDER}-{hashlib.sha256(' '.join(folders).encode()).hexdigest()[:12]}.json"


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise Absent(f"pip {arguments[0]} of {arguments[-1]} failed: {last[0]}")


def _install(folder: Path, definition: Path) -> None:
    """Puts the provider where Terraform looks for one: an executable, here a script."""
    folder.mkdir(parents=True)
    script = folder / f"terraform-provider-aws_v{PROVIDER}"
    script.write_text(
        f"#!{sys.executable} -P\n"
        "import sys\n"
        f"sys.path.insert(0, {str(_ROOT)!r})\n"
        "from tests.terraform_provider.server import main\n"
        f"main({str(definition)!r})\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)


@dataclass
class Run:
    """Terraform with a place for folders: each call works in a new one."""

    terraform: Terraform
    place: Path
    folders: int = 0

    def folder(self, files: Mapping[str, str]) -> Path:
        """A new folder with the root module that ``files`` (by path in the repository) hold, initialised."""
        self.folders += 1
        target = self.place / str(self.folders)
        for path, text in files.items():
            if path.startswith("migration/prod/"):
                to = target / path.removeprefix("migration/prod/")
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_text(text)
        self.initialise(target)
        return target

    def initialise(self, folder: Path) -> None:
        """What ``terraform init`` does. Every folder needs the same provider, so the second is given what the first one got."""
        first = self.place / "initialised"
        if not first.exists():
            done = self.terraform.init(folder)
            assert done.code == 0, done.out
            first.mkdir()
            shutil.copytree(folder / ".terraform", first / ".terraform", symlinks=True)
            shutil.copy(folder / ".terraform.lock.hcl", first)
            return
        shutil.copytree(first / ".terraform", folder / ".terraform", symlinks=True)
        shutil.copy(first / ".terraform.lock.hcl", folder)

    def validated(self, files: Mapping[str, str]) -> Outcome:
        """What ``terraform validate`` says."""
        folder = self.folder(files)
        outcome = self.terraform.run(folder, "validate", "-no-color")
        shutil.rmtree(folder)
        return outcome

    def applied(self, files: Mapping[str, str], variables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The state after ``terraform apply``: attributes by address."""
        folder = self.folder(files)
        outcome = self.apply(folder, variables)
        assert outcome.code == 0, outcome.out
        return self.terraform.state(folder)

    def apply(self, folder: Path, variables: Mapping[str, Any]) -> Outcome:
        self.given(folder, variables)
        return self.terraform.run(folder, "apply", "-auto-approve", "-no-color")

    def given(self, folder: Path, variables: Mapping[str, Any]) -> None:
        """Variables, and the packages that the roll-out page has a person build."""
        (folder / "terraform.tfvars.json").write_text(json.dumps(variables))
        for package in folder.glob("rotation/*/requirements.txt"):
            (folder / "rotation" / f"{package.parent.name}.zip").write_bytes(b"PK\5\6" + bytes(18))
