"""Nothing of a scanned tree is executed, nothing outside of it is read or written, and nothing but the store is spoken to.

Held three ways: in a network name space without any network, under strace, and under an audit hook of the interpreter.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests import hostile
from tests.embedded.environment import clean_environment
from tests.gate import ROOT, Repository

WORDS = (
    ("scan", "--output", "json", "."),
    ("scan", "--staged", "--allow-empty"),
    ("scan", "--since", "HEAD~1", "--allow-empty"),
    ("scan", "--config-from", "HEAD"),
    ("plan", "--environment=production", "."),
    ("apply", "--offline"),
    ("status",),
    ("verify", "--history"),
    ("undo",),
)
SECRET = "harbour-outside-7"
CONFIG = """[core]
\tfsmonitor = touch {0}
\thooksPath = hooks
\tsshCommand = touch {0}
\tpager = touch {0}
\teditor = touch {0}
\tattributesFile = .gitattributes
[filter "evil"]
\tclean = touch {0}
\tsmudge = touch {0}
\tprocess = touch {0}
[diff "evil"]
\ttextconv = touch {0}
\tcommand = touch {0}
[diff]
\texternal = touch {0}
[alias]
\tls-files = !touch {0}
[remote "origin"]
\turl = ext::sh -c touch% {0}
\tpromisor = true
[protocol "ext"]
\tallow = always
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


class Place:
    """A repository that somebody wrote to be executed, with a link to a file outside; and what a run needs."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.root = folder, folder / "tree"
        self.outside = folder / "outside" / "secret.py"
        self.outside.parent.mkdir()
        self.outside.write_text(f'password = "{SECRET}"\n')
        repository = Repository(self.root)
        repository.commit({"a.py": "x = 1\n"})
        hostile.build(self.root, "configuration")
        (self.root / "link.py").symlink_to(self.outside)
        (self.root / "folder").symlink_to(self.outside.parent)
        attributes = self.root / "configuration" / ".gitattributes"  # ours would stop git from adding the files
        said = attributes.read_text()
        attributes.unlink()
        repository.commit({"hardcode-hunter.toml": 'exclude = ["docs"]\n'})
        attributes.write_text(said)
        pwned = folder / hostile.PWNED
        (self.root / "hooks").mkdir()
        for name in ("pre-commit", "post-index-change", "fsmonitor-watchman", "post-checkout", "reference-transaction"):
            hook = self.root / "hooks" / name
            hook.write_text(f"#!/bin/sh\ntouch {pwned}\n")
            hook.chmod(0o755)
        with (self.root / ".git" / "config").open("a") as file:
            file.write(CONFIG.format(pwned))
        for name in ("home", "tmp"):
            (folder / name).mkdir()
        self.environment = clean_environment({
            "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true",
        })  # fmt: skip
        self.cache = cache

    def run(
        self, before: list[str], words: tuple[str, ...], program: tuple[str, ...] = ("-P", "-m", "hardcode_hunter")
    ) -> str:
        command = [*before, sys.executable, *program, *words]
        done = subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1, 2), f"{words}: {done.returncode}: {done.stderr[-500:]}"
        assert "defect" not in done.stderr and "Traceback" not in done.stderr, done.stderr
        assert SECRET not in done.stdout + done.stderr
        assert not list(self.folder.rglob(hostile.PWNED)), f"{words}: something of the tree was executed"
        return done.stdout


@pytest.fixture
def place(tmp_path: Path, cache: Path) -> Place:
    return Place(tmp_path, cache)


def test_without_a_network_all_runs_and_the_system_sees_no_program_but_git_and_python(place: Place) -> None:
    """Where the system has neither name spaces nor strace, the commands run without them, and say so by a skip at the end."""
    alone = ["unshare", "-n", "--"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        alone = []
    trace, started = place.folder / "trace", set()
    watched = ["strace", "-f", "-qq", "-s", "400", "-e", "trace=execve,connect,sendto", "-o", str(trace)]
    strace = watched if shutil.which("strace") else []
    for words in WORDS:
        said = place.run([*alone, *strace], words)
        if words[:2] == ("scan", "--output"):
            found = json.loads(said)
            assert {f["path"] for f in found["findings"]} >= {"configuration/victim.py", "configuration/.env"}
            assert found["skipped"]["symbolic link"] == 2
        if words[0] == "apply":
            assert "wrote configuration/victim.py" in said
        text = trace.read_text("utf-8", "replace") if strace else ""
        assert "AF_INET" not in text, words
        for line in re.findall(r'execve\("[^"]*", \[.*?\]', text):
            program = line.partition('"')[2].partition('"')[0]
            started.add(os.path.basename(program))
            assert os.path.basename(program).startswith(("git", "python")), line
            assert not program.startswith(str(place.root)), line
            if os.path.basename(program) == "git" and "git-core" not in program:
                assert '"core.fsmonitor=false"' in line and '"core.hooksPath=/dev/null"' in line, line
    assert not strace or "git" in started
    if not (alone and strace):
        pytest.skip("unshare -n or strace is not to be had here: it ran without")


def test_the_interpreter_runs_no_code_of_the_tree_and_opens_nothing_outside(place: Place) -> None:
    notes = place.folder / "notes.json"
    ours = tuple(
        os.path.realpath(p)
        for p in (
            place.root,
            place.cache,
            place.folder / "state",
            place.folder / "tmp",
            place.folder / "home",
            ROOT,
            sys.prefix,
            sys.base_prefix,
            sysconfig.get_path("purelib"),
        )
    )
    writable = ours[:4]
    for words in WORDS:
        place.run([], words, ("-P", "-m", "tests.untrusted_child", str(notes)))
        rows = json.loads(notes.read_text("utf-8", "surrogateescape"))
        assert len(rows) > 100
        for event, *what in rows:
            path = os.path.join(place.root, what[0])
            if event in ("exec", "import"):
                assert not os.path.realpath(path).startswith(str(place.root)) or what[0].startswith("<"), (
                    words,
                    event,
                    what,
                )
            elif event in ("open", "write") and os.path.isabs(what[0]):
                known = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib")
                assert os.path.abspath(path).startswith((*ours, *known)), (words, event, what)
                assert event == "open" or os.path.abspath(path).startswith((*writable, "/dev/")), (words, event, what)
                assert not os.path.realpath(path).startswith(str(place.outside.parent)), (words, what)
            elif event == "start":
                assert os.path.basename(what[0]).startswith(("git", "python")), (words, what)
            assert event != "socket.connect", (words, what)
