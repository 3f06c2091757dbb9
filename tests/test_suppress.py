"""Comments that hush: ours and other scanners', in every language, only where they are comments; unused ones are told of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gate import Repository, Run, write

pytest_plugins = ("tests.gate_fixtures",)

PYTHON = 'password = "harbour-light-9"'
CASES = {
    "ours": ("a.py", f"{PYTHON}  # hardcode-hunter: ignore[generic-password] it opens nothing\n", "ours"),
    "ours, several rules": ("a.py", f"{PYTHON}  # hardcode-hunter: ignore[smtp, generic-password]\n", "ours"),
    "ours, all rules": ("a.py", f"{PYTHON}  # hardcode-hunter: ignore[*] seed\n", "ours"),
    "ours, another rule": ("a.py", f"{PYTHON}  # hardcode-hunter: ignore[stripe-key]\n", ""),
    "ours, another rule of the same role": ("a.py", f"{PYTHON}  # hardcode-hunter: ignore[mail-password]\n", "ours"),
    "ours, no rule": ("a.py", f"{PYTHON}  # hardcode-hunter: ignore\n", ""),
    "ours, next line": ("a.py", f"# hardcode-hunter: ignore-next-line[generic-password] seed\n{PYTHON}\n", "ours"),
    "ours, next line but one": ("a.py", f"# hardcode-hunter: ignore-next-line[generic-password]\n\n{PYTHON}\n", ""),
    "ours, file": ("a.py", f"# hardcode-hunter: ignore-file[generic-password] seeds\n\n\n{PYTHON}\n", "ours"),
    "ours, in a string": ("a.py", f'{PYTHON}; note = "# hardcode-hunter: ignore[generic-password]"\n', ""),
    "ours, in YAML": (
        "a.yaml",
        "house:\n  password: harbour-light-9  # hardcode-hunter: ignore[generic-password] x\n",
        "ours",
    ),
    "ours, in HCL": (
        "a.tf",
        'locals {\n  password = "harbour-light-9" // hardcode-hunter: ignore[generic-password] x\n}\n',
        "ours",
    ),
    "ours, in an HCL block comment": (
        "a.tf",
        'locals {\n  password = "harbour-light-9" /* hardcode-hunter: ignore[generic-password] x */\n}\n',
        "ours",
    ),
    "ours, on the last line of a call": (
        "a.py",
        'import psycopg2\nc = psycopg2.connect(\n    user="app",\n    password="harbour-light-9",\n)  # hardcode-hunter: ignore[postgresql-password] x\n',
        "ours",
    ),
    "pragma": ("a.py", f"{PYTHON}  # pragma: allowlist secret\n", "detect-secrets"),
    "pragma with more": ("a.py", f"{PYTHON}  # pragma: allowlist secret # noqa\n", "detect-secrets"),
    "whitelist": ("a.py", f"{PYTHON}  # pragma: whitelist secret\n", "detect-secrets"),
    "pragma, next line": ("a.py", f"# pragma: allowlist nextline secret\n{PYTHON}\n", "detect-secrets"),
    "pragma, next line, not alone": ("a.py", f"x = 1  # pragma: allowlist nextline secret\n{PYTHON}\n", ""),
    "pragma in YAML": ("a.yaml", "house:\n  password: harbour-light-9  # pragma: allowlist secret\n", "detect-secrets"),
    "gitleaks": ("a.py", f"{PYTHON}  # gitleaks:allow\n", "gitleaks"),
    "gitleaks in a string": ("a.py", f'{PYTHON}; note = "gitleaks:allow"\n', ""),
    "betterleaks": ("a.py", f"{PYTHON}  # betterleaks:allow\n", "betterleaks"),
    "trufflehog": ("a.py", f"{PYTHON}  # trufflehog:ignore\n", "trufflehog"),
    "ggshield": ("a.py", f"{PYTHON}  # ggignore\n", "ggshield"),
    "kingfisher": ("a.py", f"{PYTHON}  # kingfisher:ignore\n", "kingfisher"),
    "bandit, coded": ("a.py", f"{PYTHON}  # nosec B105\n", "bandit"),
    "bandit, another code": ("a.py", f"{PYTHON}  # nosec B603\n", ""),
    "bandit, bare": ("a.py", f"{PYTHON}  # nosec\n", ""),
    "noqa, coded": ("a.py", f"{PYTHON}  # noqa: E501, S105\n", "ruff"),
    "noqa, bare": ("a.py", f"{PYTHON}  # noqa\n", ""),
    "ruff ignore": ("a.py", f"{PYTHON}  # ruff: ignore[S105]\n", "ruff"),
    "ruff file": ("a.py", f"# ruff: noqa: S105\n{PYTHON}\n", "ruff"),
    "semgrep in YAML": (
        "a.yaml",
        "house:\n  password: harbour-light-9  # nosemgrep: generic.secrets.hardcoded-password\n",
        "semgrep",
    ),
    "semgrep, another rule": ("a.yaml", "house:\n  password: harbour-light-9  # nosemgrep: yaml.indentation\n", ""),
    "checkov in HCL": (
        "a.tf",
        'locals {\n  password = "harbour-light-9" # checkov:skip=CKV_SECRET_6:seed\n}\n',
        "checkov",
    ),
    "cfn-lint in a template": (
        "a.yaml",
        "Resources:\n  Db:\n    Type: AWS::RDS::DBInstance\n    Metadata: {cfn-lint: {config: {ignore_checks: [W2501]}}}\n"
        "    Properties:\n      MasterUserPassword: harbour-light-9\n",
        "cfn-lint",
    ),
}


VALUE = "harbour-light-9"
LINES = {  # name of a file: text with the line of a credential in it, and how comments are written there
    "a.py": ('password = "VALUE"', "# {}"),
    "old.py": ('print "x"\npassword = "VALUE"', "# {}"),
    "a.yaml": ("house:\n  password: VALUE", "# {}"),
    "t.yaml": (
        "Resources:\n  Db:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MasterUserPassword: VALUE",
        "# {}",
    ),
    "a.tf": ('variable "x" {}\nlocals {\n  password = "VALUE"', "# {}"),
    "b.tf": ('variable "x" {}\nlocals {\n  password = "VALUE"', "// {}"),
    "c.tf": ('variable "x" {}\nlocals {\n  password = "VALUE"', "/* {} */"),
    "a.tfvars": ('db_password = "VALUE"', "# {}"),
    ".env": ("DB_PASSWORD=VALUE", "# {}"),
    "a.ini": ("[db]\npassword = VALUE", "; {}"),
    "b.ini": ("[db]\npassword = VALUE", "# {}"),
    "a.properties": ("db.password=VALUE", "# {}"),
    "a.toml": ('[db]\npassword = "VALUE"', "# {}"),
    "a.sh": ('export DB_PASSWORD="VALUE"', "# {}"),
    "Makefile": ("DB_PASSWORD = VALUE", "# {}"),
    "a.ps1": ('Connect-Db -Password "VALUE"', "# {}"),
    "b.ps1": ('Connect-Db -Password "VALUE"', "<# {} #>"),
    "c.psm1": ('Connect-Db -Password "VALUE"', "<# {} #>"),
    "a.tfbackend": ('password = "VALUE"', "// {}"),
    "Dockerfile": ('FROM x\nENV DB_PASSWORD="VALUE"', "# {}"),
    "Jenkinsfile": ('def dbPassword = "VALUE"', "// {}"),
    "a.sql": ("CREATE USER app WITH PASSWORD 'VALUE';", "-- {}"),
    "a.jsonc": ('{\n  "password": "VALUE",', "// {}"),
    "a.json5": ('{\n  "password": "VALUE",', "/* {} */"),
    "a.bat": ("set DB_PASSWORD=VALUE", "& rem {}"),
    "a.ipynb": ('import os\npassword = "VALUE"', "# {}"),
}
MARKS = {
    "hardcode-hunter: ignore[*] seed": "ours",
    "pragma: allowlist secret": "detect-secrets",
    "pragma: whitelist secret": "detect-secrets",
    "gitleaks:allow": "gitleaks",
    "betterleaks:allow": "betterleaks",
    "trufflehog:ignore": "trufflehog",
    "ggignore": "ggshield",
    "kingfisher:ignore": "kingfisher",
    "nosec B105": "bandit",
}
BEFORE = {"hardcode-hunter: ignore-next-line[*] seed": "ours", "pragma: allowlist nextline secret": "detect-secrets"}


def written(name: str, text: str) -> str:
    """The text as a file: a notebook holds it in a cell."""
    lines = text.replace("VALUE", VALUE).splitlines(keepends=True)
    if not name.endswith(".ipynb"):
        return "".join(lines)
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": lines}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def commented(name: str) -> dict[str, tuple[str, str]]:
    """Path of a file → its text and who hushes it: a comment of each kind, on the line and before it, in a file of its own."""
    text, comment = LINES[name]
    head, _, line = text.rpartition("\n")
    above = head + "\n" if head else ""
    found = {f"plain/{name}": (f"{text}\n", "")}
    for n, (mark, by) in enumerate(MARKS.items()):
        found[f"{n}/{name}"] = (f"{text}  {comment.format(mark)}\n", by)
    for n, (mark, by) in enumerate(BEFORE.items()):
        found[f"before{n}/{name}"] = (f"{above}{comment.removeprefix('& ').format(mark)}\n{line}\n", by)
    return found


@pytest.mark.parametrize("name", LINES)
def test_comments_of_all_scanners_hush_in_every_language(run: Run, tree: Path, name: str) -> None:
    files = commented(name)
    write(tree, {path: written(name, text) for path, (text, _) in files.items()})
    document = json.loads(run("scan", ".", "--output", "json", cwd=tree).out)
    found = {row["path"]: row["suppressed"] for row in (*document["findings"], *document["suppressed"])}
    assert found == {path: by for path, (_, by) in files.items()}


def test_a_comment_in_a_notebook_hushes_its_own_line_only(run: Run, tree: Path) -> None:
    text = 'password = "VALUE"  # gitleaks:allow\nmail_password = "quay-at-night-7"\n'
    write(tree, {"a.ipynb": written("a.ipynb", text)})
    document = json.loads(run("scan", ".", "--output", "json", cwd=tree).out)
    assert [f["line"] for f in document["suppressed"]] == [document["findings"][0]["line"] - 1]
    joined = json.loads(written("a.ipynb", text))
    joined["cells"][0]["source"] = "".join(joined["cells"][0]["source"])
    write(tree, {"a.ipynb": json.dumps(joined)})
    document = json.loads(run("scan", ".", "--output", "json", cwd=tree).out)
    assert len(document["findings"]) == 2, "all of the cell is one line of the file: nobody can say which is meant"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir()
    return root


@pytest.mark.parametrize("case", CASES)
def test_a_comment_hushes_what_it_speaks_of_and_it_stays_counted(run: Run, tree: Path, case: str) -> None:
    name, text, by = CASES[case]
    write(tree, {name: text})
    ran = run("scan", ".", "--output", "json", cwd=tree)
    document = json.loads(ran.out)
    assert len(document["findings"]) + len(document["suppressed"]) == 1
    assert [f["suppressed"] for f in document["suppressed"]] == ([by] if by else [])
    assert ran.status == (0 if by else 1)
    assert run("scan", ".", "--no-suppressions", cwd=tree).status == 1


def test_a_reason_is_kept(run: Run, tree: Path) -> None:
    write(tree, {"a.py": f"{PYTHON}  # hardcode-hunter: ignore[generic-password] it opens nothing  # noqa: E501\n"})
    document = json.loads(run("scan", ".", "--output", "json", cwd=tree).out)
    assert document["suppressed"][0]["justification"] == "it opens nothing"


def test_a_reason_can_be_required(run: Run, tree: Path) -> None:
    write(
        tree,
        {
            "a.py": f"{PYTHON}  # hardcode-hunter: ignore[generic-password]\n",
            "hardcode-hunter.toml": "require-reason = true\n",
        },
    )
    ran = run("scan", ".", cwd=tree)
    assert ran.status == 1
    assert "a.py:1: gives no reason" in ran.err
    write(tree, {"a.py": f"{PYTHON}  # hardcode-hunter: ignore[generic-password] seed\n"})
    assert run("scan", ".", cwd=tree).status == 0


SETTINGS = 'DB_PASSWORD = "harbour-light-9"'
USED = "import psycopg2\nfrom shop import settings\n\n\ndef connect():\n    return psycopg2.connect(password=settings.DB_PASSWORD)\n"


@pytest.mark.parametrize("rule", ["postgresql-password", "database-password"])
@pytest.mark.parametrize("form", ["  # hardcode-hunter: ignore[{}] seed\n", "above"])
def test_one_comment_serves_the_hook_and_the_scan_of_the_whole_tree(
    run: Run, repository: Repository, rule: str, form: str
) -> None:
    """The hook does not read the file that passes the value on, and takes another rule for it than the scan does."""
    repository.commit({"shop/__init__.py": "", "shop/settings.py": "import os\n", "shop/db.py": USED})
    comment = (
        f"# hardcode-hunter: ignore-next-line[{rule}] seed\n{SETTINGS}\n"
        if form == "above"
        else SETTINGS + form.format(rule)
    )
    repository.write({"shop/settings.py": f"import os\n{comment}"})
    repository.git("add", "-A")
    for words in (["."], ["--hook", "shop/settings.py"], ["--staged"]):
        ran = run("scan", *words, cwd=repository.root)
        assert (ran.status, ran.out, ran.err) == (0, "", ""), words
    bare = {"shop/settings.py": f"import os\n{SETTINGS}\n"}
    repository.write(bare)
    repository.git("add", "-A")
    named = [
        run("scan", *words, "--output", "concise", cwd=repository.root).out.split()[1]
        for words in (["."], ["--staged"])
    ]
    assert named == ["postgresql-password", "database-password"]


def test_a_comment_for_a_whole_file_means_its_rule_alone(run: Run, tree: Path) -> None:
    write(
        tree,
        {
            "a.py": '# hardcode-hunter: ignore-file[generic-password] seeds\nimport psycopg2\nc = psycopg2.connect(password="harbour-light-9")\npassword = "quay-at-night-7"\n'
        },
    )
    document = json.loads(run("scan", ".", "--output", "json", cwd=tree).out)
    assert [f["rule"] for f in document["findings"]] == ["postgresql-password"]


UNUSED = {
    "nothing on its line": (
        "x = 1  # hardcode-hunter: ignore[generic-password] x\n",
        "there is nothing to ignore for generic-password",
    ),
    "one rule too many": (
        f"{PYTHON}  # hardcode-hunter: ignore[generic-password, mail-password] x\n",
        "there is nothing to ignore for mail-password",
    ),
    "for a whole file": ("# hardcode-hunter: ignore-file[*] x\nx = 1\n", "there is nothing to ignore for *"),
    "without a rule": (f"{PYTHON}  # hardcode-hunter: ignore\n", "names no rule"),
}


@pytest.mark.parametrize("case", UNUSED)
def test_a_comment_of_ours_that_hushes_nothing_is_told_of(run: Run, tree: Path, case: str) -> None:
    text, said = UNUSED[case]
    write(tree, {"a.py": text})
    ran = run("scan", ".", "--output", "json", cwd=tree)
    assert f"a.py:1: {said}" in ran.err
    assert [r["code"] for r in json.loads(ran.out)["remarks"]] == ["unused-comment"]
    assert run("scan", ".", "--quiet", "--exit-zero", cwd=tree).err == ""


def test_a_comment_that_is_needed_is_not_told_of(run: Run, tree: Path) -> None:
    write(tree, {"a.py": f"{PYTHON}  # hardcode-hunter: ignore[generic-password] x\n"})
    assert run("scan", ".", cwd=tree).err == ""
    assert run("scan", ".", "--min-confidence", "high", "--ignore", "generic-password", cwd=tree).err == "", (
        "needed, though not asked for today"
    )
