"""``scan --history``: each blob once, with its commits; a broken store is no clean one; nothing of the repository is run."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hardcode_hunter.cli.scan import scan
from hardcode_hunter.errors import HardcodeHunterError
from tests.test_history import commit, git

VALUE, NEXT = "hunter-orders-2019", "hunter-orders-2021"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


def run(root: Path, *options: str, **environment: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner(env=environment).invoke(
        scan, [os.fspath(root), "--history", "--isolated", "--output", "json", *options], standalone_mode=False
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert VALUE not in result.output and NEXT not in result.output
    return result.return_value or 0, json.loads(result.stdout)


def rows(document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [(f["path"], f["first_commit"], f["last_commit"]) for f in document["findings"]]


def test_a_value_is_told_with_its_first_and_last_commit_though_it_is_gone(root: Path) -> None:
    commit(root, app="x = 1\n")
    first = commit(root, app_dot_py=f'PASSWORD = "{VALUE}"\n')
    last = commit(root, app_dot_py=f'x = 2\n\nPASSWORD = "{VALUE}"\n')
    commit(root, app_dot_py="x = 2\n")
    status, document = run(root)
    assert status == 1
    assert rows(document) == [("app.py", first, last)]
    assert document["findings"][0]["line"] == 3, "as the last version has it"


def test_two_values_at_one_place_are_two_findings(root: Path) -> None:
    one = commit(root, app_dot_py=f'PASSWORD = "{VALUE}"\n')
    two = commit(root, app_dot_py=f'PASSWORD = "{NEXT}"\n')
    assert sorted(rows(run(root)[1])) == sorted([("app.py", one, one), ("app.py", two, two)])


def test_a_blob_that_many_commits_have_is_read_once(root: Path) -> None:
    for number in range(4):
        commit(root, app_dot_py=f'PASSWORD = "{VALUE}"\n', other_dot_py=f"x = {number}\n")
    assert run(root)[1]["files"] == 5


def test_branches_tags_and_merges_count(root: Path) -> None:
    commit(root, app_dot_py="x = 1\n")
    git(root, "checkout", "-q", "-b", "side")
    side = commit(root, side_dot_py=f'PASSWORD = "{VALUE}"\n')
    git(root, "checkout", "-q", "main")
    git(root, "checkout", "-q", "--detach")
    tagged = commit(root, tagged_dot_py=f'API_PASSWORD = "{NEXT}"\n')
    git(root, "tag", "v1")
    git(root, "checkout", "-q", "main")
    assert sorted(rows(run(root)[1])) == sorted([("side.py", side, side), ("tagged.py", tagged, tagged)])


def test_a_clean_history_is_clean_and_a_comment_hushes(root: Path) -> None:
    commit(root, app_dot_py="x = 1\n")
    assert run(root)[0] == 0
    commit(root, app_dot_py=f'PASSWORD = "{VALUE}"  # hardcode-hunter: ignore[generic-password] rotated in 2020\n')
    status, document = run(root)
    assert (status, document["findings"]) == (0, [])
    assert [f["suppressed"] for f in document["suppressed"]] == ["ours"]


@pytest.mark.parametrize("output", ["full", "concise", "sarif", "jsonl", "junit", "github"])
def test_each_format_names_the_commits_and_no_value(root: Path, output: str) -> None:
    first = commit(root, app_dot_py=f'PASSWORD = "{VALUE}"\n')
    result = CliRunner().invoke(scan, [os.fspath(root), "--history", "--isolated", "--output", output])
    assert first[:12] in result.output
    assert VALUE not in result.output


def test_a_missing_or_damaged_object_is_an_error(root: Path) -> None:
    commit(root, app_dot_py=f'PASSWORD = "{VALUE}"\n')
    commit(root, app_dot_py="x = 1\n", other_dot_py="y = 1\n")
    blob = git(root, "rev-parse", "HEAD:other.py")
    path = root / ".git" / "objects" / blob[:2] / blob[2:]
    whole = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HardcodeHunterError):
        run(root)
    path.unlink()
    with pytest.raises(HardcodeHunterError):
        run(root)


def test_a_shallow_clone_says_so(root: Path, tmp_path: Path) -> None:
    commit(root, app_dot_py=f'PASSWORD = "{VALUE}"\n')
    commit(root, app_dot_py="x = 1\n")
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{root}", str(tmp_path / "clone")], check=True)
    assert [p["message"].split(":")[0] for p in run(tmp_path / "clone")[1]["problems"]] == ["the clone is shallow"]


def test_nothing_that_the_repository_names_is_run(root: Path, tmp_path: Path) -> None:
    commit(root, app_dot_py=f'PASSWORD = "{VALUE}"\n')
    mark = tmp_path / "run"
    for key in (
        "core.fsmonitor",
        "core.pager",
        "diff.external",
        "diff.x.textconv",
        "core.sshCommand",
        "pager.diff-tree",
    ):
        git(root, "config", key, f"touch {mark}")
    (root / ".git" / "info").mkdir(exist_ok=True)
    (root / ".git" / "info" / "attributes").write_text("* diff=x\n")
    assert run(root)[0] == 1
    assert not mark.exists()


def test_it_goes_with_no_other_choice_of_files(root: Path) -> None:
    commit(root, app_dot_py="x = 1\n")
    with pytest.raises(HardcodeHunterError):
        run(root, "--staged")
    with pytest.raises(HardcodeHunterError):
        run(root / "app.py")
