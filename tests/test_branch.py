"""``apply --branch``: one commit per secret, each a program that runs; the pull request's text; and nothing of the person's own work touched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.gate import Ran, Repository, Run
from tests.killing import killed_at, steps_of

pytest_plugins = ("tests.gate_fixtures",)

DATABASE, MAIL = "hunter-orders-2019", "hunter-mail-2020"
FILES = {
    "shop/__init__.py": "",
    "shop/db.py": f'import psycopg2\n\n\ndef connect():\n    return psycopg2.connect(host="db", user="shop", password="{DATABASE}", dbname="shop")\n',
    "shop/mail.py": f'import smtplib\n\n\ndef send(text):\n    relay = smtplib.SMTP("relay")\n    relay.login("shop@example.com", "{MAIL}")\n    relay.sendmail("a", "b", text)\n',
    "requirements.txt": "psycopg2-binary\n",
    "notes.txt": "nothing\n",
    ".github/CODEOWNERS": "* @org/all\nshop/mail.py @org/mail\n",
}  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    repository = Repository(tmp_path / "repository")
    repository.git("config", "user.name", "T")
    repository.git("config", "user.email", "t@example.com")
    repository.commit(FILES, "legacy")
    return repository


def applied(run: Run, tree: Repository, *more: str, branch: str = "secrets") -> Ran:
    assert run("plan", "--no-diff", cwd=tree.root).status == 1
    return run("apply", "--offline", "--branch", branch, *more, cwd=tree.root)


def subjects(tree: Repository) -> list[str]:
    return tree.git("log", "--reverse", "--format=%s", "main..HEAD").splitlines()


def test_each_secret_is_a_commit_and_each_commit_runs(run: Run, tree: Repository) -> None:
    ran = applied(run, tree)
    assert ran.status == 0, ran.err
    assert subjects(tree) == [
        "Infrastructure for the secrets of repository",
        "Move mail out of the code",
        "Move postgres out of the code",
    ]
    assert tree.git("symbolic-ref", "HEAD").strip() == "refs/heads/secrets"
    assert tree.git("status", "--porcelain").split() == ["??", "migration/PULL-REQUEST.md"]
    held = []
    for commit in tree.git("rev-list", "--reverse", "main..HEAD").split():
        names = [n for n in tree.git("ls-tree", "-r", "--name-only", commit).splitlines() if n.endswith(".py")]
        texts = [tree.git("show", f"{commit}:{name}") for name in names]
        for name, text in zip(names, texts, strict=True):
            compile(text, name, "exec")
        held.append({value for value in (DATABASE, MAIL) if any(value in text for text in texts)})
    assert [len(values) for values in held] == [2, 1, 0], "each commit takes one secret out"
    messages = tree.git("log", "--format=%B", "main..HEAD")
    assert DATABASE not in messages and MAIL not in messages


def test_the_text_has_all_that_a_reviewer_needs_and_no_value(run: Run, tree: Repository) -> None:
    applied(run, tree)
    text = (tree.root / "migration/PULL-REQUEST.md").read_text()
    for wanted in (
        "## Commits",
        "## Reviewers",
        "@org/mail: `shop/mail.py`",
        "## Order of roll-out",
        "## The way back",
        "```diff",
    ):
        assert wanted in text
    assert 'password="********"' in text
    assert "+++ b/shop/db.py" in text
    assert DATABASE not in text and MAIL not in text
    assert "values are still to be stored" in text


def test_other_work_stays_as_it_is(run: Run, tree: Repository) -> None:
    (tree.root / "notes.txt").write_text("staged\n")
    tree.git("add", "notes.txt")
    (tree.root / "notes.txt").write_text("edited\n")
    assert applied(run, tree).status == 0
    assert tree.git("status", "--porcelain", "notes.txt") == "MM notes.txt\n"
    assert "notes.txt" not in tree.git("diff", "--name-only", "main", "HEAD")


def test_a_file_with_uncommitted_work_is_refused_before_anything_is_written(run: Run, tree: Repository) -> None:
    mine = FILES["shop/db.py"] + "\n# mine\n"
    (tree.root / "shop/db.py").write_text(mine)
    ran = applied(run, tree)
    assert ran.status == 1
    assert "shop/db.py: differs from what is committed" in ran.err
    assert (tree.root / "shop/db.py").read_text() == mine
    assert (tree.root / "shop/mail.py").read_text() == FILES["shop/mail.py"]
    tree.git("commit", "-qam", "mine")
    assert run("apply", "--offline", "--branch", "secrets", cwd=tree.root).status == 0
    assert "# mine" in tree.git("show", "HEAD:shop/db.py")


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (["branch", "secrets"], "'secrets' exists and isn't checked out"),
        (["update-ref", "MERGE_HEAD", "HEAD"], "a merge is under way"),
    ],
)
def test_a_repository_that_is_not_ready_is_refused(run: Run, tree: Repository, prepare: list[str], words: str) -> None:
    tree.git(*prepare)
    ran = applied(run, tree)
    assert ran.status == 1
    assert words in ran.err
    assert (tree.root / "shop/db.py").read_text() == FILES["shop/db.py"]


@pytest.mark.parametrize("name", ["-x", "a..b", "a b", "@{-1}", "refs//x", "x.lock"])
def test_what_is_no_branch_name_is_refused(run: Run, tree: Repository, name: str) -> None:
    run("plan", "--no-diff", cwd=tree.root)
    ran = run("apply", "--offline", f"--branch={name}", cwd=tree.root)
    assert ran.status == 2
    assert "no name that git takes" in ran.err


def test_without_a_repository_or_a_name_for_the_author_it_says_what_to_do(
    run: Run, tree: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "db.py").write_text(FILES["shop/db.py"])
    monkeypatch.chdir(plain)
    run("plan", "--no-diff", cwd=plain)
    assert "is no git repository" in run("apply", "--offline", "--branch", "x", cwd=plain).err
    tree.git("config", "--unset", "user.name")
    tree.git("config", "--unset", "user.email")
    tree.git("config", "user.useConfigOnly", "true")
    ran = applied(run, tree)
    assert ran.status == 2
    assert "set user.name and user.email" in ran.err
    tree.git("config", "user.name", "T")
    tree.git("config", "user.email", "t@example.com")
    assert run("apply", "--offline", "--branch", "secrets", cwd=tree.root).status == 0
    assert len(subjects(tree)) == 3


def test_a_second_call_commits_nothing_new_and_undo_puts_the_work_tree_back(run: Run, tree: Repository) -> None:
    applied(run, tree)
    before = tree.git("rev-parse", "HEAD")
    assert run("apply", "--offline", "--branch", "secrets", cwd=tree.root).status == 0
    assert tree.git("rev-parse", "HEAD") == before
    assert run("undo", cwd=tree.root).status == 0
    assert (tree.root / "shop/db.py").read_text() == FILES["shop/db.py"]
    assert not (tree.root / "migration/PULL-REQUEST.md").exists()


def test_no_hook_filter_or_signature_program_runs(run: Run, tree: Repository, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ncat /proc/$PPID/cmdline >> {marker}; echo >> {marker}\ncat\n")
    program.chmod(0o755)
    (tree.root / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    tree.commit()
    hooks = tree.root / ".git/hooks"
    for name in (
        "pre-commit",
        "commit-msg",
        "post-commit",
        "prepare-commit-msg",
        "reference-transaction",
        "post-index-change",
        "post-checkout",
    ):
        (hooks / name).write_bytes(program.read_bytes())
        (hooks / name).chmod(0o755)
    for key in (
        "filter.evil.clean",
        "filter.evil.smudge",
        "diff.evil.command",
        "diff.evil.textconv",
        "core.fsmonitor",
        "gpg.program",
        "core.editor",
        "diff.external",
    ):
        tree.git("config", key, str(program))
    tree.git("config", "commit.gpgsign", "true")
    marker.unlink(missing_ok=True)
    assert applied(run, tree).status == 0
    assert not marker.exists(), marker.read_text()
    assert len(subjects(tree)) == 3


@pytest.mark.parametrize("step", ["first", "middle", "last"])
def test_a_run_that_was_killed_is_completed(
    run: Run, tree: Repository, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before a call that changes a file; the next run brings all that was written onto the branch."""
    assert run("plan", "--no-diff", cwd=tree.root).status == 1
    monkeypatch.chdir(tree.root)
    copy = tree.root.parent / "counted"
    subprocess.run(["cp", "-a", str(tree.root), str(copy)], check=True)

    def apply(root: Path) -> None:
        from hardcode_hunter import execution, ledger, migration
        from hardcode_hunter.config import Settings

        with ledger.hold(root) as held:
            opened = migration.open_tree(root, Settings(), held)
            order = execution.Order(frozenset({"safe"}), offline=True, branch="secrets")
            execution.apply(opened, held, order, lambda who, named: True)

    total = steps_of(lambda: apply(copy))
    at = {"first": total // 4, "middle": total // 2, "last": total - 3}[step]
    assert killed_at(at, lambda: apply(tree.root))
    assert run("apply", "--offline", "--branch", "secrets", cwd=tree.root).status == 0
    assert tree.git("status", "--porcelain").split() == ["??", "migration/PULL-REQUEST.md"]
    assert not any(
        value in tree.git("show", f"HEAD:{name}")
        for value in (DATABASE, MAIL)
        for name in ("shop/db.py", "shop/mail.py")
    )
    assert not list(tree.root.rglob(".hh-*"))
    assert os.path.exists(tree.root / "migration/PULL-REQUEST.md")
