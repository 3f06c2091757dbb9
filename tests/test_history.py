"""Values in the git history: told with their commits, and nothing of the repository is run."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest

from hardcode_hunter import history
from hardcode_hunter.errors import HardcodeHunterError
from hardcode_hunter.history import exposures
from hardcode_hunter.model import Plaintext

CANARY = "hunter-orders-2019"
VALUES = {
    ("db", "password"): Plaintext(CANARY),
    ("db", "host"): Plaintext("db.internal.example"),
    ("mail", "password"): Plaintext("tiger"),
}


def git(root: Path, *arguments: str) -> str:
    identity = {
        f"GIT_{who}_{what}": "nobody@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    run = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, env=environment
    )
    return run.stdout.strip()


def commit(root: Path, message: str = "change", **files: str | None) -> str:
    for name, text in files.items():
        file = root / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


def told(root: Path) -> list[tuple[str, str, int, str, str, bool]]:
    return [(e.path, e.secret, e.commits, e.first, e.last, e.remote) for e in exposures(root, VALUES)]


def test_first_last_and_number_of_commits(root: Path) -> None:
    commit(root, settings_dot_py="x = 1\n")
    first = commit(root, settings_dot_py=f"P = {CANARY!r}\n")
    commit(root, other="unrelated")
    last = commit(root, settings_dot_py=f"P = {CANARY!r}\nmore = 1\n")
    commit(root, settings_dot_py="P = fetch()\n")
    assert told(root) == [("settings.py", "db", 2, first[:12], last[:12], False)]
    (one,) = exposures(root, VALUES)
    assert (
        str(one)
        == f"settings.py: held 'db.password' in 2 commits, first {first[:12]}, last {last[:12]}, on no known remote"
    )


def test_other_branches_tags_messages_and_encodings(root: Path) -> None:
    start = commit(root, a="1")
    git(root, "switch", "-q", "-c", "side")
    encoded = base64.b64encode(f"user:{CANARY}".encode()).decode()
    side = commit(root, deploy__auth_dot_json=encoded)
    git(root, "tag", "-a", "v1", "-m", "release")
    git(root, "switch", "-q", "main")
    git(root, "branch", "-q", "-D", "side")
    message = commit(root, message=f"set the password to {CANARY}")
    assert told(root) == [
        ("", "db", 1, message[:12], message[:12], False),
        ("deploy/auth.json", "db", 1, side[:12], side[:12], False),
    ]
    assert start


def test_what_a_remote_has_is_told(tmp_path: Path, root: Path) -> None:
    first = commit(root, a=CANARY)
    git(tmp_path, "clone", "-q", str(root), str(tmp_path / "clone"))
    second = commit(tmp_path / "clone", b=CANARY + "2")
    assert told(tmp_path / "clone") == [
        ("a", "db", 1, first[:12], first[:12], True),
        ("b", "db", 1, second[:12], second[:12], False),
    ]


def test_weak_and_public_values_are_not_told(root: Path) -> None:
    commit(root, a="tiger db.internal.example")
    assert told(root) == []


def test_names_that_are_no_utf8_or_look_like_patterns(root: Path) -> None:
    for name in (b"caf\xe9", b"*", b":(top)x", b"-q", b"a b"):
        (root / os.fsdecode(name)).write_bytes(CANARY.encode() + name)
    commit(root)
    assert {e.path for e in exposures(root, VALUES)} == {
        os.fsdecode(n) for n in (b"caf\xe9", b"*", b":(top)x", b"-q", b"a b")
    }


def test_empty_and_absent_repositories(tmp_path: Path, root: Path) -> None:
    assert told(root) == []
    with pytest.raises(HardcodeHunterError, match="the history was not searched"):
        exposures(tmp_path, VALUES)


def test_nothing_that_the_repository_names_is_run(tmp_path: Path, root: Path) -> None:
    commit(root, _dot_gitattributes="* filter=evil diff=evil\n", settings_dot_py=f"P = {CANARY!r}\n")
    proof, script = tmp_path / "ran", tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {proof}\ncat\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv", "diff.external"):  # fmt: skip
        git(root, "config", key, str(script))
    (root / ".git/hooks/post-index-change").write_text(script.read_text())
    assert len(told(root)) == 1
    assert not proof.exists()


def test_an_object_that_a_partial_clone_lacks_is_not_fetched(tmp_path: Path, root: Path) -> None:
    commit(root, settings_dot_py=f"P = {CANARY!r}\n")
    blob = git(root, "rev-parse", "HEAD:settings.py")
    proof = tmp_path / "ran"
    git(root, "config", "extensions.partialClone", "origin")
    git(root, "config", "remote.origin.promisor", "true")
    git(root, "config", "remote.origin.url", f"ext::sh -c touch% {proof}")
    git(root, "config", "protocol.ext.allow", "always")
    (root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    subprocess.run(
        ["git", "-C", str(root), "cat-file", "-p", blob],
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert proof.exists(), "the trap works"
    proof.unlink()
    with pytest.raises(HardcodeHunterError):
        exposures(root, VALUES)
    assert not proof.exists()


def test_only_reading_commands_are_known() -> None:
    source = Path(history.__file__).read_text()
    assert {
        word for word in ("log", "show", "diff", "blame", "checkout", "fetch", "status") if f'"{word}"' in source
    } == set()
