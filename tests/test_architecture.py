"""What may be loaded where, and what a wheel carries."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = (
    "cfnlint",
    "sympy",
    "networkx",
    "boto3",
    "botocore",
    "jinja2",
    "detect_secrets",
    "requests",
    "libcst",
    "rich",
    "moto",
    "socket",
    "ssl",
)
RUN = """
import json, runpy, sys
sys.argv = ["hardcode-hunter", *json.loads(sys.argv[1])]
try:
    runpy.run_module("hardcode_hunter", run_name="__main__")
except SystemExit as end:
    status = end.code
print(json.dumps({"status": status, "loaded": sorted({name.partition(".")[0] for name in sys.modules})}), file=sys.stderr)
"""


def loaded(folder: Path, *words: str) -> tuple[int, set[str]]:
    """Exit status of a command, and the top-level modules that it loaded."""
    run = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(words)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(folder.parent / "home")},
    )
    said = json.loads(run.stderr.splitlines()[-1])
    return said["status"], set(said["loaded"])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "clean.py").write_text("print('hello')\n")
    return folder


def test_a_scan_loads_no_heavy_library(project: Path) -> None:
    (project / "db.py").write_text(
        'import psycopg2\n\n\ndef f():\n    return psycopg2.connect(user="a", password="harbour-light-9")\n'
    )
    loaded(project, "scan", ".")  # compiles the rules once, which may load their sources
    status, modules = loaded(project, "scan", ".")
    assert status == 1
    assert not modules.intersection(HEAVY)


def test_a_clean_scan_loads_no_parser_and_no_yaml(project: Path) -> None:
    loaded(project, "scan", ".")
    status, modules = loaded(project, "scan", ".")
    assert status == 0
    assert not modules.intersection((*HEAVY, "yaml", "tree_sitter", "tree_sitter_hcl"))


def test_toml_is_parsed_where_it_is_about_us_alone(project: Path) -> None:
    loaded(project, "scan", ".")
    for text in ("", '[project]\nname = "shop"\n'):
        (project / "pyproject.toml").write_text(text)
        assert "tomllib" not in loaded(project, "scan", ".", "--exclude", "*.toml")[1]
    (project / "pyproject.toml").write_text('[tool.hardcode-hunter]\nexclude = ["*.toml"]\n')
    assert "tomllib" in loaded(project, "scan", ".")[1]


@pytest.mark.parametrize(
    "words", [["--help"], ["scan", "--help"], ["plan", "--help"], ["apply", "--help"], ["rules", "list"]]
)
def test_help_and_listings_are_light(project: Path, words: list[str]) -> None:
    loaded(project, "scan", ".")
    status, modules = loaded(project, *words)
    assert status == 0
    assert not modules.intersection(("boto3", "cfnlint", "libcst", "detect_secrets"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as it is released: built from the source distribution, not from this folder."""
    out = tmp_path_factory.mktemp("dist")
    build = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stdout[-2000:] + build.stderr[-2000:]
    return next(out.glob("*.whl"))


def test_the_wheel_carries_rules_templates_and_rotations_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"hardcode_hunter"}
    for wanted in (
        "_rules/postgresql.yaml",
        "templates/cloudformation/secrets.yaml.j2",
        "rotations/postgresql_single_user/lambda_function.py",
        "py.typed",
        "languages/data/cloudformation.json",
    ):
        assert f"hardcode_hunter/{wanted}" in names
    rules = {Path(name).name for name in names if name.startswith("hardcode_hunter/_rules/")}
    assert rules == {path.name for path in (ROOT / "rules").glob("*.yaml")} | {"compiled.json"}
    assert not [name for name in names if "__pycache__" in name or "_cache" in name]


def test_the_wheel_works_where_no_checkout_is(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    project = tmp_path / "project"
    project.mkdir()
    (project / "db.py").write_text(
        'import psycopg2\n\n\ndef f():\n    return psycopg2.connect(user="a", password="harbour-light-9")\n'
    )
    run = subprocess.run(
        [sys.executable, "-P", "-m", "hardcode_hunter", "scan", ".", "--output", "json"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": "", "HOME": str(tmp_path)},
    )
    assert run.returncode == 1, run.stderr
    assert [f["rule"] for f in json.loads(run.stdout)["findings"]] == ["postgresql-password"]
    assert not list(tmp_path.rglob("rules-*.cache")), "the first scan after an installation compiles no rules"


def test_no_file_is_over_400_lines() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in sorted((ROOT / "hardcode_hunter").rglob("*.py"))
        if (count := len(path.read_text("utf-8").splitlines())) > 400
    }
    assert not long
