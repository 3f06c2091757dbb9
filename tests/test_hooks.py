"""The hooks as people use them: real pre-commit, real commits; and the scripts of the GitHub Action and the GitLab component, run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from hardcode_hunter import pipeline
from tests import official_schemas, report_schemas
from tests.gate import ROOT, Repository, write

pytest_plugins = ("tests.gate_fixtures",)

MANIFEST = ROOT / ".pre-commit-hooks.yaml"
CLEAN = "def total(rows):\n    return sum(rows)\n"
LEAKY = 'import psycopg2\n\n\ndef connect():\n    return psycopg2.connect(host="db", user="app", password="harbour-light-9")\n'


@pytest.fixture
def environment(tmp_path: Path, cache: Path) -> dict[str, str]:
    """What a shell of a person has who installed hardcode-hunter: the command on the path, and a home of their own."""
    place = tmp_path / "bin"
    place.mkdir()
    command = place / "hardcode-hunter"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -P -m hardcode_hunter "$@"\n')
    command.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "CI", "GITHUB_", "PRE_COMMIT"))}
    own = {
        "PATH": f"{place}:{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
        "XDG_CACHE_HOME": str(cache),
    }
    (tmp_path / "home").mkdir()
    return kept | own


# ---------------------------------------------------------------- the manifest


def hooks() -> dict[str, dict[str, Any]]:
    return {hook["id"]: hook for hook in yaml.safe_load(MANIFEST.read_text("utf-8"))}


def test_pre_commit_accepts_the_manifest() -> None:
    clientlib = pytest.importorskip(
        "pre_commit.clientlib", reason="pre-commit is not installed: the manifest was not validated"
    )
    loaded = clientlib.load_manifest(os.fspath(MANIFEST))
    assert [hook["id"] for hook in loaded] == ["hardcode-hunter", "hardcode-hunter-system", "hardcode-hunter-ci"]
    assert all(hook["require_serial"] for hook in loaded), "one run, one message"


def test_the_hooks_get_every_file_that_a_language_claims() -> None:
    pattern = re.compile(hooks()["hardcode-hunter"]["files"])
    assert hooks()["hardcode-hunter-system"]["files"] == hooks()["hardcode-hunter"]["files"]
    for language in pipeline.languages().values():
        for suffix in language.suffixes:
            for name in (suffix if not suffix.startswith(".") else f"x{suffix}", f"a/b{suffix}"):
                assert pattern.search(name), name
        for name in language.filenames:
            assert pattern.search(f"deep/{name}"), name
    assert not pattern.search("logo.png")
    assert not pattern.search("README.md")


# ---------------------------------------------------------------- pre-commit


@pytest.fixture
def hook_repository(tmp_path: Path) -> Repository:
    """What pre-commit clones: a repository with our manifest. Its ``-system`` hook needs nothing else."""
    made = Repository(tmp_path / "hooks")
    made.commit({".pre-commit-hooks.yaml": MANIFEST.read_text("utf-8")})
    return made


def tool(name: str) -> str:
    """The path of pre-commit or prek: beside this Python, or on the path."""
    beside = Path(sys.executable).with_name(name)
    found = os.fspath(beside) if beside.exists() else shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed: its hooks were not tried")
    return found


class Person:
    """Somebody with the hook installed, at work."""

    def __init__(self, program: str, repository: Repository, hooks: Repository, environment: dict[str, str]) -> None:
        self.program, self.repository, self.hooks, self.environment = program, repository, hooks, environment

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(words), cwd=self.repository.root, env=self.environment, capture_output=True, text=True, check=False
        )

    def install(self, hook: str = "hardcode-hunter-system") -> None:
        config = {
            "repos": [
                {
                    "repo": os.fspath(self.hooks.root),
                    "rev": self.hooks.git("rev-parse", "HEAD").strip(),
                    "hooks": [{"id": hook}],
                }
            ]
        }
        self.repository.commit({".pre-commit-config.yaml": yaml.safe_dump(config)})
        done = self.call(self.program, "install")
        assert done.returncode == 0, done.stdout + done.stderr

    def commit(self, *words: str) -> subprocess.CompletedProcess[str]:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
        return self.call("git", *identity, "commit", "-m", "work", *words)


@pytest.fixture(params=["pre-commit", "prek"])
def person(
    request: pytest.FixtureRequest, repository: Repository, hook_repository: Repository, environment: dict[str, str]
) -> Person:
    made = Person(tool(request.param), repository, hook_repository, environment)
    made.install()
    return made


def test_a_commit_with_a_credential_fails_and_says_where(person: Person) -> None:
    person.repository.write({"shop/db.py": LEAKY})
    person.repository.git("add", "-A")
    done = person.commit()
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "shop/db.py:5:61: postgresql-password" in said
    assert "harbour-light" not in said
    person.repository.write({"shop/db.py": CLEAN})
    person.repository.git("add", "-A")
    assert person.commit().returncode == 0


def test_only_what_is_staged_is_judged(person: Person) -> None:
    person.repository.commit({"a.py": CLEAN})
    person.repository.write({"a.py": CLEAN + "\n\ndef two():\n    return 2\n"})
    person.repository.git("add", "a.py")
    person.repository.write({"a.py": LEAKY, "untracked.py": LEAKY})
    assert person.commit().returncode == 0
    assert (person.repository.root / "a.py").read_text() == LEAKY, "what was not staged is back"
    person.repository.git("add", "a.py")
    person.repository.write({"a.py": CLEAN})
    assert person.commit().returncode == 1


def test_removing_a_credential_and_deleting_its_file_pass(person: Person) -> None:
    person.repository.commit({"a.py": LEAKY, "b.py": LEAKY})
    person.repository.write({"a.py": CLEAN})
    person.repository.git("rm", "-q", "b.py")
    person.repository.git("add", "-A")
    assert person.commit().returncode == 0


OLD = LEAKY + '\n\ndef mail():\n    return {"mail_password": "quay-at-night-7"}\n'


def test_what_stood_there_before_stops_nobody(person: Person) -> None:
    """One of two credentials goes, a line beside the other changes, the file is renamed: the commit passes each time."""
    person.repository.commit({"a.py": OLD})
    person.repository.write({"a.py": OLD.replace('"harbour-light-9"', "secret()")})
    person.repository.git("add", "-A")
    assert person.commit().returncode == 0
    person.repository.write(
        {"a.py": person.repository.git("show", "HEAD:a.py").replace("return {", "return  {  # x\n        ")}
    )
    assert person.commit("-a").returncode == 0
    person.repository.git("mv", "a.py", "b.py")
    assert person.commit().returncode == 0
    person.repository.write({"b.py": person.repository.git("show", "HEAD:b.py") + LEAKY.replace("connect", "again", 1)})
    done = person.commit("b.py")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "Found 1 credential in 1 place" in said, "the old one is not told of with the new one"
    whole = person.call(person.program, "run", "-a")
    assert whole.returncode == 1
    assert "mail-password" in whole.stdout, "who asks for all files is told of all"


def test_a_known_place_with_another_value_is_refused(person: Person) -> None:
    person.repository.write({"a.py": OLD})
    assert person.call("hardcode-hunter", "baseline", "create").returncode == 0
    person.repository.commit()
    person.repository.write({"a.py": OLD.replace("quay-at-night-7", "mole-by-day-8")})
    person.repository.git("add", "-A")
    done = person.commit()
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "not the one that the baseline was made for" in said
    assert "Found 1 credential in 1 place" in said


def test_run_on_all_files_and_between_refs(person: Person) -> None:
    first = person.repository.commit({"a.py": CLEAN})
    second = person.repository.commit({"b.py": LEAKY, "c.png": "x"})
    assert person.call(person.program, "run", "-a").returncode == 1
    between = person.call(person.program, "run", "--from-ref", first, "--to-ref", second)
    assert between.returncode == 1
    assert "b.py:5" in between.stdout
    third = person.repository.commit({"b.py": "# a line above\n" + LEAKY})
    assert person.call(person.program, "run", "--from-ref", second, "--to-ref", third).returncode == 0, "no new one"
    assert person.call(person.program, "run", "--files", "b.py").returncode == 1
    person.repository.commit({"b.py": CLEAN})
    assert person.call(person.program, "run", "-a").returncode == 0


def test_five_hundred_staged_files_are_one_run_with_one_message(person: Person) -> None:
    person.repository.write({f"pkg{n % 20}/module{n}.py": CLEAN.replace("total", f"total_{n}") for n in range(500)})
    person.repository.git("add", "-A")
    assert person.commit().returncode == 0
    person.repository.write(
        {f"pkg{n % 20}/module{n}.py": CLEAN.replace("total", f"sum_{n}") for n in range(500)}
        | {"pkg7/module487.py": LEAKY}
    )
    person.repository.git("add", "-A")
    done = person.commit()
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert said.count("pkg7/module487.py:5") == 1
    assert said.count("Found 1 credential") == 1


def test_a_commit_of_files_that_nobody_claims_passes(person: Person) -> None:
    person.repository.commit({"README.md": "x\n", "vendor/x.lock": "x\n"})
    person.repository.write(
        {"README.md": "y\n", "poetry.lock": "x\n", "hardcode-hunter.toml": 'exclude = ["gen"]\n', "gen/a.py": LEAKY}
    )
    person.repository.git("add", "-A")
    assert person.commit().returncode == 0, "excluded files are left out though the hook names them"


def test_the_baseline_stays_as_it_is(person: Person) -> None:
    person.repository.write({"a.py": LEAKY})
    assert person.call("hardcode-hunter", "baseline", "create").returncode == 0
    person.repository.git("add", "-A")
    before = (person.repository.root / "hardcode-hunter.baseline").read_bytes()
    assert person.commit().returncode == 0
    person.repository.write({"a.py": "# a line above\n\n" + LEAKY})
    person.repository.git("add", "-A")
    assert person.commit().returncode == 0
    assert (person.repository.root / "hardcode-hunter.baseline").read_bytes() == before
    assert person.repository.git("status", "--porcelain") == ""


def test_skip_is_the_way_around(person: Person) -> None:
    person.repository.write({"a.py": LEAKY})
    person.repository.git("add", "-A")
    if person.program.endswith("prek"):
        pytest.skip("prek takes a run of which every hook is skipped for a mistake")
    person.environment["SKIP"] = "hardcode-hunter-system"
    assert person.commit().returncode == 0


def test_try_repo(repository: Repository, hook_repository: Repository, environment: dict[str, str]) -> None:
    repository.commit({"a.py": LEAKY})
    words = [tool("pre-commit"), "try-repo", os.fspath(hook_repository.root), "hardcode-hunter-system", "--all-files"]
    done = subprocess.run(words, cwd=repository.root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "a.py:5:61" in done.stdout


def test_the_ci_hook_judges_what_a_branch_adds(repository: Repository, environment: dict[str, str]) -> None:
    """Its entry, as pre-commit calls it between two refs."""
    hook = hooks()["hardcode-hunter-ci"]
    base = repository.commit({"old.py": LEAKY})
    repository.commit({"new.py": CLEAN})

    def run() -> int:
        words = hook["entry"].split()
        return subprocess.run(
            words,
            cwd=repository.root,
            env=environment | {"PRE_COMMIT_FROM_REF": base},
            capture_output=True,
            check=False,
        ).returncode

    assert hook["pass_filenames"] is False
    assert run() == 0
    repository.commit({"new.py": LEAKY})
    assert run() == 1


@pytest.mark.skipif(
    not os.environ.get("HARDCODE_HUNTER_TEST_INSTALL"),
    reason="HARDCODE_HUNTER_TEST_INSTALL is not set: installing the hook takes an index",
)
@pytest.mark.parametrize("hook", ["hardcode-hunter", "hardcode-hunter-ci"])
def test_the_hook_that_installs_itself(
    hook: str, tmp_path: Path, repository: Repository, environment: dict[str, str]
) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", os.fspath(ROOT), os.fspath(clone)], check=True, env=environment)
    base = repository.commit({"x.py": CLEAN})
    repository.commit({"a.py": LEAKY})
    words = [
        tool("pre-commit"),
        "try-repo",
        os.fspath(clone),
        hook,
        "--hook-stage",
        "manual",
        "--from-ref",
        base,
        "--to-ref",
        "HEAD",
    ]
    done = subprocess.run(words, cwd=repository.root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "a.py:5:61" in done.stdout


# ---------------------------------------------------------------- the GitHub Action


ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS = {step["id"]: step for step in ACTION["runs"]["steps"] if "id" in step}


def defaults() -> dict[str, str]:
    return {name: str(row.get("default", "")) for name, row in ACTION["inputs"].items()}


def expanded(text: str, inputs: dict[str, str], others: dict[str, str]) -> str:
    """What GitHub makes of ``${{ … }}`` in an ``env`` value."""
    known = {f"inputs.{name}": value for name, value in inputs.items()} | others
    return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda m: known[m.group(1)], text)


class Job:
    """One job of a workflow, as far as a composite action sees it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        names = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "RUNNER_TEMP")
        self.files = {name: folder.parent / name.lower() for name in names}
        self.files["RUNNER_TEMP"].mkdir()
        self.environment = environment | {name: str(path) for name, path in self.files.items()}

    def run(self, step: str, inputs: dict[str, str], others: dict[str, str]) -> subprocess.CompletedProcess[str]:
        row = STEPS[step]
        assert row["shell"] == "bash"
        given = {name: expanded(text, inputs, others) for name, text in row["env"].items()}
        script = self.folder.parent / "step.sh"
        script.write_text(row["run"])
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        return subprocess.run(
            words, cwd=self.folder, env=self.environment | given, capture_output=True, text=True, check=False
        )

    def outputs(self) -> dict[str, str]:
        rows = self.files["GITHUB_OUTPUT"].read_text().splitlines()
        return dict(row.split("=", 1) for row in rows)


@pytest.fixture
def job(repository: Repository, environment: dict[str, str]) -> Job:
    return Job(repository.root, environment)


def scan_step(job: Job, **inputs: str) -> subprocess.CompletedProcess[str]:
    return job.run("scan", defaults() | inputs, {"steps.install.outputs.command": "hardcode-hunter"})


def test_no_text_of_a_pull_request_is_part_of_a_script() -> None:
    assert ACTION["runs"]["using"] == "composite"
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_the_action_is_one_as_github_describes_them() -> None:
    official_schemas.check(ACTION, official_schemas.GITHUB_ACTION)


def test_every_input_is_used_and_described() -> None:
    text = (ROOT / "action.yml").read_text("utf-8")
    for name, row in ACTION["inputs"].items():
        assert f"inputs.{name}" in text
        assert row["description"]


def test_the_action_annotates_sums_up_and_fails(job: Job) -> None:
    write(job.folder, {"shop/db.py": LEAKY})
    done = scan_step(job)
    assert done.returncode == 1
    assert "::error file=shop/db.py,line=5" in done.stdout
    assert "postgresql-password" in job.files["GITHUB_STEP_SUMMARY"].read_text()
    assert job.outputs() == {"status": "1", "sarif": "hardcode-hunter.sarif"}
    official_schemas.check(json.loads((job.folder / "hardcode-hunter.sarif").read_text()), official_schemas.SARIF)


def test_the_action_passes_when_clean_and_tells_errors_apart(job: Job) -> None:
    write(job.folder, {"shop/db.py": CLEAN})
    assert scan_step(job).returncode == 0
    assert job.outputs()["status"] == "0"
    assert scan_step(job, config="none.toml").returncode == 2
    assert scan_step(job, paths="nowhere").returncode == 2


def test_the_action_judges_a_pull_request(job: Job, repository: Repository) -> None:
    base = repository.commit({"old.py": LEAKY})
    repository.git("update-ref", "refs/remotes/origin/main", base)
    repository.commit({"new.py": CLEAN})
    job.environment["GITHUB_BASE_REF"] = "main"
    assert scan_step(job, since="auto").returncode == 0
    repository.commit({"new.py": LEAKY})
    assert scan_step(job, since="auto").returncode == 1
    assert scan_step(job, since="auto", **{"fail-on": "high", "min-confidence": "high"}).returncode == 1


def test_a_pull_request_can_not_hush_itself(job: Job, repository: Repository, tmp_path: Path) -> None:
    """The Action's default: configuration, comments and baseline are those of the target branch, fetched where the checkout lacks it."""
    origin = Repository(tmp_path / "origin")
    origin.commit({"shop/db.py": CLEAN})
    repository.git("remote", "add", "origin", str(origin.root))
    words = ["git", "-C", str(repository.root), "pull", "-q", "origin", "main"]
    subprocess.run(words, env=job.environment, check=True, capture_output=True)
    repository.commit({"shop/db.py": LEAKY, "hardcode-hunter.toml": 'exclude = ["*"]\n'})
    assert scan_step(job, **{"config-from": "none"}).returncode == 2, "nothing is scanned"
    job.environment["GITHUB_BASE_REF"] = "main"
    repository.git("update-ref", "-d", "refs/remotes/origin/main")
    done = scan_step(job)
    assert done.returncode == 1, done.stderr
    assert "hardcode-hunter.toml: exclude: '*' isn't so in refs/remotes/origin/main, and not obeyed" in done.stderr
    job.environment["GITHUB_BASE_REF"] = "gone"
    assert scan_step(job).returncode != 0


def test_the_action_judges_everything_where_there_is_no_pull_request(job: Job, repository: Repository) -> None:
    repository.commit({"old.py": LEAKY})
    assert scan_step(job, since="auto").returncode == 1, (
        "a push, or a schedule: an upload without it would close its alert"
    )
    assert scan_step(job, since="HEAD").returncode == 0


@pytest.mark.parametrize(
    "hostile",
    [
        "$(touch owned)",
        '"; touch owned; "',
        "`touch owned`",
        "--config=evil.toml",
        "-q",
        "a b\n$(touch owned)\n--exit-zero",
    ],
)
def test_the_action_takes_no_input_for_a_command_or_an_option(job: Job, hostile: str) -> None:
    write(job.folder, {"a.py": CLEAN})
    for name in ("paths", "since", "config", "config-from", "min-confidence", "fail-on"):
        done = scan_step(job, **{name: hostile})
        assert done.returncode == 2, f"{name}: {done.stdout}{done.stderr}"
    assert not (job.folder / "owned").exists()


def test_the_action_takes_several_paths(job: Job) -> None:
    write(job.folder, {"a b/x.py": CLEAN, "c/y.py": LEAKY, "d/z.py": CLEAN})
    assert scan_step(job, paths="a b\nd\n").returncode == 0
    assert scan_step(job, paths="a b\nc").returncode == 1


def test_the_action_installs_what_it_was_checked_out_with(job: Job, tmp_path: Path) -> None:
    """Its first step with a stand-in for Python that writes down how it is called: an index is not asked in a test."""
    log, stand_in = tmp_path / "calls", tmp_path / "python"
    venv = job.files["RUNNER_TEMP"] / "hardcode-hunter"
    stand_in.write_text(
        f'#!/bin/sh\necho "$0 $*" >> "{log}"\nmkdir -p "{venv}/bin"\n[ -e "{venv}/bin/python" ] || cp "$0" "{venv}/bin/python"\n'
    )
    stand_in.chmod(0o755)
    done = job.run("install", defaults() | {"python": str(stand_in)}, {"github.action_path": "/the/action's path"})
    assert done.returncode == 0, done.stderr
    first, second = log.read_text().splitlines()
    assert first.endswith(f"-m venv {venv}")
    assert second.endswith("-m pip install --quiet --disable-pip-version-check /the/action's path")
    assert job.outputs() == {"command": f"{venv}/bin/hardcode-hunter"}


# ---------------------------------------------------------------- the GitLab component


SPEC, COMPONENT = yaml.safe_load_all((ROOT / "templates" / "hardcode-hunter.yml").read_text("utf-8"))
GITLAB = COMPONENT["hardcode-hunter"]


def gitlab(folder: Path, environment: dict[str, str], **inputs: str) -> subprocess.CompletedProcess[str]:
    """Runs the component's script as a runner does: one shell, ending with the first command that fails."""
    given = {name: str(row["default"]) for name, row in SPEC["spec"]["inputs"].items()} | inputs
    variables = {
        name: re.sub(r"\$\[\[ *inputs\.(\w+) *\]\]", lambda m: given[m.group(1)], text)
        for name, text in GITLAB["variables"].items()
    }
    script = folder.parent / "job.sh"
    script.write_text("set -eu\n" + "\n".join(GITLAB["script"]) + "\n")
    return subprocess.run(
        ["sh", str(script)], cwd=folder, env=environment | variables, capture_output=True, text=True, check=False
    )


def test_the_component_is_a_pipeline_as_gitlab_describes_them() -> None:
    official_schemas.check(COMPONENT, official_schemas.GITLAB_CI)


def test_the_component_takes_inputs_through_variables_only() -> None:
    for line in (*GITLAB["before_script"], *GITLAB["script"]):
        assert "$[[" not in line
    used = set(re.findall(r"inputs\.(\w+)", (ROOT / "templates" / "hardcode-hunter.yml").read_text("utf-8")))
    assert used == set(SPEC["spec"]["inputs"])


def test_the_component_writes_both_reports_and_fails(repository: Repository, environment: dict[str, str]) -> None:
    repository.commit({"a.py": LEAKY})
    done = gitlab(repository.root, environment)
    assert done.returncode == 1
    assert "a.py:5:61" in done.stdout
    assert GITLAB["artifacts"]["when"] == "always"
    reports = GITLAB["artifacts"]["reports"]
    for kind, schema in (("secret_detection", report_schemas.GITLAB_SECRETS), ("codequality", report_schemas.GITLAB)):
        document = json.loads((repository.root / reports[kind]).read_text())
        jsonschema.Draft202012Validator(schema).validate(document)


def test_the_component_judges_a_merge_request(repository: Repository, environment: dict[str, str]) -> None:
    base = repository.commit({"old.py": LEAKY})
    repository.commit({"new.py": CLEAN})
    request = environment | {"CI_MERGE_REQUEST_DIFF_BASE_SHA": base}
    assert gitlab(repository.root, request, since="auto").returncode == 0
    assert (
        gitlab(repository.root, environment | {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "HEAD"}, since="auto").returncode == 0
    ), "nothing new is fine"
    repository.commit({"new.py": LEAKY})
    assert gitlab(repository.root, request, since="auto").returncode == 1
    assert gitlab(repository.root, request, since="nowhere").returncode == 2
    assert gitlab(repository.root, environment, since="auto").returncode == 1, "no merge request: everything"


@pytest.mark.parametrize("hostile", ["$(touch owned)", "`touch owned`", "'; touch owned; '"])
def test_the_component_takes_no_input_for_a_command(
    repository: Repository, environment: dict[str, str], hostile: str
) -> None:
    repository.commit({"a.py": CLEAN})
    for name in ("path", "since", "fail_on"):
        assert gitlab(repository.root, environment, **{name: hostile}).returncode == 2
    assert not (repository.root / "owned").exists()
