"""The README keeps its word: every command in it is run, every snippet is read by who it is for, every file it names is there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from hardcode_hunter import __version__, config, planfile
from hardcode_hunter.plugins import Format, load
from tests import official_schemas
from tests.embedded.aws import EmbeddedAws
from tests.gate import ROOT, Repository, Run
from tests.journey import Journey

pytest_plugins = ("tests.gate_fixtures", "tests.embedded.fixtures")

SHOP = ROOT / "fixtures" / "projects" / "shop"
PAGES = ("README.md", "docs/configuration.md", "docs/baseline.md", "docs/formats.md")
RUNNERS = ("uvx hardcode-hunter", "pipx run hardcode-hunter", "hardcode-hunter")
MIGRATION = ["scan", "plan", "apply", "verify", "rotate"]


@dataclass(frozen=True, slots=True)
class Command:
    """A line after ``$`` and what is shown below it."""

    page: str
    line: str
    shown: str


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.M | re.S)


def commands(page: str) -> Iterator[Command]:
    for block in blocks(page, "console"):
        for piece in re.split(r"(?m)^\$ ", block)[1:]:
            line, _, shown = piece.partition("\n")
            yield Command(page, line.strip(), shown)


ALL = [command for page in PAGES for command in commands(page)]
FIVE = [
    c
    for c in commands("README.md")
    if c.line.startswith("hardcode-hunter") and c.line in blocks("README.md", "console")[2]
]


def words(line: str) -> list[str]:
    """The arguments of a call of hardcode-hunter, however it is started."""
    runner = next(r for r in RUNNERS if line.startswith(r + " "))
    return shlex.split(line[len(runner) :])


def looks_like(shown: str, out: str) -> bool:
    """Whether ``out`` is what is shown, in which … stands for anything."""
    pattern = "".join(".*" if part == "…" else re.escape(part) for part in re.split("(…)", shown.rstrip("\n")))
    return bool(re.fullmatch(pattern, out.rstrip("\n"), re.S))


@pytest.fixture
def shop(repository: Repository) -> Repository:
    """The bundled legacy application as a repository, with two other branches' worth of what a snippet may name."""
    import shutil

    shutil.copytree(SHOP, repository.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    commit = repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", commit)
    repository.write({".secrets.baseline": '{"version": "1.5.0", "results": {}}'})
    return repository


def test_there_are_commands_to_run() -> None:
    assert len(ALL) >= 12
    assert [words(c.line)[0] for c in FIVE] == MIGRATION


@pytest.mark.parametrize("command", [c for c in ALL if c not in FIVE], ids=lambda c: f"{c.page}: {c.line}")
def test_a_command_does_what_is_shown(run: Run, shop: Repository, command: Command) -> None:
    called = words(command.line)
    if called[:2] in (["baseline", "stats"], ["baseline", "prune"]):
        run("baseline", "create", cwd=shop.root)
    ran = run(*called, cwd=shop.root)
    nothing_new = {"--allow-empty", "--hook"} & set(called)
    assert ran.status == (1 if called[0] in ("scan", "plan") and not nothing_new else 0), ran.err
    if command.shown:
        assert looks_like(command.shown, ran.out), ran.out


def test_the_five_commands_migrate(aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order, on the bundled application, with what a person does between them: editing the plan, and a deployment."""
    journey = Journey(tmp_path, aws, None)  # type: ignore[arg-type]  # no database: nothing here runs the application
    Repository(journey.tree)
    import shutil

    shutil.copytree(SHOP, journey.tree, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    statuses = {"scan": (1,), "plan": (1,), "apply": (1,), "verify": (0, 1), "rotate": (1,)}
    for command in FIVE:
        called = [w.replace("123456789012", aws.account) for w in words(command.line)]
        name = called[0]
        ran = journey.hunter(*called)
        assert ran.status in statuses[name], f"{command.line}\n{ran.out}\n{ran.err}"
        if name == "plan":
            _answer(journey)
        elif name == "apply":
            assert "aws cloudformation deploy" in ran.out
            journey.deploy_shell()
            again = journey.hunter(*called)
            assert again.status == 0, again.out + again.err
    assert "get_secret(" in (journey.tree / "shop" / "db.py").read_text("utf-8")
    assert "nobody said" in ran.out or "postgres" in ran.out, "rotate names what stands in the way"


def _answer(journey: Journey) -> None:
    """Roles, which only a person knows; account and region of the environment."""
    path = journey.tree / planfile.PLAN_FILE
    document = yaml.safe_load(path.read_text("utf-8"))
    for environment in document["environments"].values():
        environment |= {"account": journey.aws.account, "region": journey.aws.region}
    for secret in document["secrets"].values():
        for consumer in secret["consumers"]:
            if consumer["role"] == "unknown":
                consumer["role"] = f"arn:aws:iam::{journey.aws.account}:role/shop-application"
    path.write_text(planfile.HEAD + yaml.safe_dump(document, sort_keys=False), "utf-8")


@pytest.mark.parametrize("target", ["test", "demo"])
def test_make_knows_the_targets_that_are_named(target: str) -> None:
    assert f"`make {target}`" in (ROOT / "README.md").read_text("utf-8")
    done = subprocess.run(
        ["make", "-n", target, f"PYTHON={sys.executable}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "python -m" in done.stdout


def test_the_names_to_install_are_the_projects_own() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    text = (ROOT / "README.md").read_text("utf-8")
    named = set(re.findall(r"(?:uvx|pipx run|pipx install|uv tool install) ([a-z-]+)", text))
    assert named == {project["name"]}
    assert project["scripts"] == {project["name"]: "hardcode_hunter.cli:main"}


def snippets() -> list[dict[str, object]]:
    return [yaml.safe_load(block) for block in blocks("README.md", "yaml")]


def test_the_hook_snippet_names_hooks_that_exist() -> None:
    (snippet,) = [s for s in snippets() if "repos" in s]
    known = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}
    official_schemas.check(snippet, official_schemas.PRE_COMMIT)
    (repo,) = snippet["repos"]  # type: ignore[misc]
    assert repo["rev"] == f"v{__version__}"  # type: ignore[index]
    assert {hook["id"] for hook in repo["hooks"]} <= set(known)  # type: ignore[index]
    home = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]["Source"]
    assert repo["repo"] == home  # type: ignore[index]
    assert f"uses: {home.removeprefix('https://github.com/')}@" in (ROOT / "README.md").read_text("utf-8")
    for name in known:
        assert f"`{name}`" in (ROOT / "README.md").read_text("utf-8") or name == "hardcode-hunter"


def test_the_action_snippet_gives_inputs_that_exist() -> None:
    (snippet,) = [s for s in snippets() if "jobs" in s]
    steps = next(iter(snippet["jobs"].values()))["steps"]  # type: ignore[attr-defined]
    (step,) = [s for s in steps if "hardcode-hunter" in s["uses"]]
    assert step["uses"].endswith(f"@v{__version__}")
    assert set(step["with"]) <= set(yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["inputs"])


def test_the_component_snippet_gives_inputs_that_exist() -> None:
    (snippet,) = [s for s in snippets() if "include" in s]
    (row,) = snippet["include"]  # type: ignore[misc]
    spec = next(yaml.safe_load_all((ROOT / "templates" / "hardcode-hunter.yml").read_text("utf-8")))["spec"]["inputs"]
    assert row["component"].endswith(f"/hardcode-hunter@v{__version__}")  # type: ignore[index]
    for name, value in row["inputs"].items():  # type: ignore[index]
        assert value in spec[name].get("options", [value])


def test_toml_snippets_are_settings(tmp_path: Path) -> None:
    for page in PAGES:
        for block in blocks(page, "toml"):
            (tmp_path / config.FILES[0]).write_text(block)
            assert config.load(tmp_path).origin


def test_all_formats_are_named_and_no_others() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    named = re.search(r"^Formats: (.*?)\. None", text, re.M | re.S)
    assert named is not None
    assert set(re.findall(r"`([a-z-]+)`", named.group(1))) == set(load("formats", Format))


def test_every_file_that_is_linked_is_there() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text("utf-8")
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", text):
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"


def test_the_example_of_a_rule_is_one(run: Run, tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for line in re.findall(r"`hardcode-hunter (rules explain [a-z-]+)`", text):
        ran = run(*line.split(), cwd=tmp_path)
        assert ran.status == 0
        assert "Found:" in ran.out


def test_other_tools_are_compared_with_versions_and_a_date() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    rows = [row for row in text.splitlines() if row.startswith("| [")]
    assert len(rows) >= 8
    assert re.search(r"^\| [A-Z][a-z]+ 20\d\d \| version ", text, re.M)
    assert sum(bool(re.search(r"\| \d+\.\d+", row)) for row in rows) >= len(rows) - 1
