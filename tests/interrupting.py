"""The real ``apply`` and ``undo``, with values on their way to a store, killed anywhere: ``python -m tests.interrupting calls [STRIDE]``
kills it before each call (or each STRIDEth) that changes a file, connects or sends, ``… random NUMBER`` at moments that nobody chose,
``… writing NUMBER`` the writing of files alone. After each kill every
file is old or new, no value has left the code that the store doesn't have, and another ``apply`` completes the migration, from which ``undo``
leads back byte for byte; neither leaves a temporary file. The test suite runs a sample.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardcode_hunter import cli, execution, planfile
from tests import legacy_tree
from tests.embedded.aws import EmbeddedAws, embedded_aws
from tests.gate import Repository
from tests.killing import CALLS, WRITES, folder_in_memory

VALUES = {"settings.py": "hunter-orders-2019", "app/mail.py": "hunter-mail-2020", "infra/db.tf": "hunter-stock-2021"}
FILES = {
    "settings.py": (
        "import psycopg2\n\n\ndef connect():\n"
        '    return psycopg2.connect(host="db", dbname="shop", user="shop_app", password="hunter-orders-2019")\n'
    ),
    "app/mail.py": "import smtplib\n\n\ndef post():\n    s = smtplib.SMTP('mail')\n    s.login('shop', 'hunter-mail-2020')\n",
    "infra/db.tf": 'resource "aws_db_instance" "stock" {\n  username = "stock"\n  password = "hunter-stock-2021"\n}\n',
    "README.md": "A shop.\n",
}
SENDS = ("connect", "sendall", "send")


def child(
    words: tuple[str, ...], place: Path, environment: Mapping[str, str], before: Callable[[], None] = lambda: None
) -> int:
    """The process id of the command line in a process of its own, begun with ``before``."""
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        os.environ.update(environment)
        os.environ.pop("CI", None)
        os.chdir(place)
        sys.argv = ["hardcode-hunter", *words]
        before()
        try:
            cli.main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 70
    finally:
        os._exit(status)


def ended(pid: int) -> int:
    """The exit status, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Counted:
    """Every call of this process that changes a file, connects or sends is counted; number ``step`` is preceded by SIGKILL, a write or
    sending by half of it. ``told`` gets the count."""

    def __init__(self, step: int, told: int = -1) -> None:
        self.step, self.told, self.count = step, told, 0

    def __call__(self) -> None:
        for name in CALLS:
            setattr(os, name, self._wrap(name, getattr(os, name)))
        for name in SENDS:
            setattr(socket.socket, name, self._wrap(name, getattr(socket.socket, name)))

    def _wrap(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if name != "open" or (len(args) > 1 and args[1] & WRITES):
                self.count += 1
                if self.count == self.step:
                    if name in ("write", "sendall", "send"):
                        original(args[0], bytes(args[1])[: len(args[1]) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
                if self.told >= 0:
                    os.pwrite(self.told, b"%8d" % self.count, 0)
            return original(*args, **kwargs)

        return wrapped


@dataclass
class Shop:
    """A planned tree, of which each trial gets a copy."""

    folder: Path
    aws: EmbeddedAws

    def prepare(self) -> None:
        Repository(self.folder / "planned").commit(FILES)
        words = ("plan", "--no-diff", "--order", "adopt", "--account", self.aws.account, "--region", self.aws.region)
        environment = {**self.aws.environment, "XDG_STATE_HOME": str(self.folder / "none")}
        assert ended(child((*words, "--application", "shop"), self.folder / "planned", environment)) == 1
        plan = planfile.load(self.folder / "planned" / planfile.PLAN_FILE)
        assert len(plan.secrets) == 3 and not any(secret.blocked for secret in plan.secrets)

    @contextmanager
    def trial(self) -> Iterator[Trial]:
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            root = Path(name) / "shop"
            shutil.copytree(self.folder / "planned", root)
            self.aws.reset()
            yield Trial(root, Path(name) / "state", self.aws)


@dataclass
class Trial:
    root: Path
    state: Path
    aws: EmbeddedAws

    def begin(self, verb: str, before: Callable[[], None] = lambda: None) -> int:
        words = (verb, "--account", self.aws.account) if verb == "apply" else (verb,)
        return child(words, self.root, {**self.aws.environment, "XDG_STATE_HOME": str(self.state)}, before)

    def run(self, verb: str) -> None:
        assert ended(self.begin(verb)) == 0, verb

    def old(self, name: str) -> bool:
        return (self.root / name).read_text() == FILES[name]

    def check(self) -> None:
        """Each file old, or new and its value in the store."""
        for name, value in VALUES.items():
            text = (self.root / name).read_text()
            assert self.old(name) or (value not in text and text), f"{name} is neither old nor new"
            assert value in text or value in self.stored(), f"{name}: its value is nowhere"

    def stored(self) -> str:
        client = self.aws.client("secretsmanager")
        names = [row["Name"] for row in client.list_secrets()["SecretList"]]
        return json.dumps([client.get_secret_value(SecretId=name)["SecretString"] for name in names])

    def leftovers(self) -> list[str]:
        return [p.name for p in (*self.root.rglob(".hh-*"), *self.state.rglob(".new-*"))]

    def converge(self) -> None:
        """To the end and back."""
        self.check()
        self.run("apply")
        assert not any(self.old(name) for name in VALUES)
        assert all(value in self.stored() for value in VALUES.values())
        assert self.leftovers() == []
        self.run("undo")
        assert all(self.old(name) for name in VALUES)
        assert self.leftovers() == []
        found = {p.name for p in self.root.rglob("*") if p.is_file() and ".git" not in p.parts}
        assert found == {"settings.py", "mail.py", "db.tf", "README.md", "plan.yaml"}


@contextmanager
def shop(aws: EmbeddedAws, otherwise: Path) -> Iterator[Shop]:
    with folder_in_memory(otherwise) as folder:
        made = Shop(folder, aws)
        made.prepare()
        yield made


def steps_of(made: Shop, verb: str) -> int:
    """How many calls ``verb`` makes that change a file, connect or send."""
    with made.trial() as trial, tempfile.TemporaryFile() as told:
        if verb == "undo":
            trial.run("apply")
        assert ended(trial.begin(verb, Counted(0, told.fileno()))) == 0
        told.seek(0)
        return int(told.read())


def killed_before(made: Shop, verb: str, step: int) -> bool:
    """Whether the call number ``step`` was reached; everything about it is checked."""
    with made.trial() as trial:
        if verb == "undo":
            trial.run("apply")
        status = ended(trial.begin(verb, Counted(step)))
        assert status in (0, -signal.SIGKILL), status
        trial.converge()
    return status != 0


def killed_after(made: Shop, verb: str, seconds: float) -> bool:
    """Whether it was still running."""
    with made.trial() as trial:
        if verb == "undo":
            trial.run("apply")
        pid = trial.begin(verb)
        time.sleep(seconds)  # a moment nobody chose: the point of the exercise
        os.kill(pid, signal.SIGKILL)
        status = ended(pid)
        trial.converge()
    return status != 0


def duration(made: Shop, verb: str) -> float:
    with made.trial() as trial:
        if verb == "undo":
            trial.run("apply")
        started = time.monotonic()
        trial.run(verb)
        return time.monotonic() - started


def load_once() -> None:
    """What each child would load."""
    import boto3
    import jinja2

    from hardcode_hunter import detect, generate, link, rewrite, suppress
    from hardcode_hunter.plugins import Language, Retriever, Rotation, load

    assert all((boto3, jinja2, detect, execution, generate, link, rewrite, suppress))
    for folder, kind in (("languages", Language), ("retrievers", Retriever), ("rotations", Rotation)):
        load(folder, kind)
    boto3.session.Session(region_name="eu-central-1").client("secretsmanager")


def writing(number: int) -> None:
    """The writing of files alone, killed NUMBER times while it runs: without a store in the way most kills hit a file that is being written."""
    chance, hit, count, longest = random.Random(), 0, 0, 1.0
    with tempfile.TemporaryDirectory() as otherwise, folder_in_memory(Path(otherwise)) as folder:
        while hit < number:
            count += 1
            tree = legacy_tree.Tree(folder / str(count))
            started = time.monotonic()
            pid = os.fork()
            if pid == 0:
                try:
                    tree.apply()
                finally:
                    os._exit(0)
            if count > 10:
                time.sleep(chance.uniform(0, longest))
                os.kill(pid, signal.SIGKILL)
            killed = ended(pid) != 0
            longest = min(longest, time.monotonic() - started) if count <= 10 else longest
            hit += killed
            legacy_tree.each_old_or_new(tree)
            if count % 2:
                tree.apply()
                assert tree.files() == legacy_tree.applied()
            tree.undo()
            assert tree.files() == legacy_tree.untouched()
            assert tree.leftovers() == []
            shutil.rmtree(folder / str(count))
    print(f"{hit} random kills of the writing while it ran: all converged", flush=True)


def main(kind: str, number: int) -> None:
    if kind == "writing":
        return writing(number)
    load_once()
    with tempfile.TemporaryDirectory() as otherwise, embedded_aws() as aws, shop(aws, Path(otherwise)) as made:
        if kind == "random":
            chance, hit = random.Random(), 0
            for count in range(1, number + 1):
                verb = "undo" if count % 5 == 0 else "apply"
                hit += killed_after(made, verb, chance.uniform(0, longest(made, verb)))
                if count % 10 == 0:
                    print(f"{count} random kills, {hit} of them while it ran: all converged", flush=True)
            return
        for verb in ("apply", "undo"):
            total, reached = steps_of(made, verb), 0
            for step in range(1, total + 1, number):
                reached += killed_before(made, verb, step)
                if reached % 10 == 0:
                    print(f"{verb}: killed before call {step} of {total}, the {reached}th: all converged", flush=True)
            print(f"{verb}: killed before {reached} calls of {total}: all converged", flush=True)


_KNOWN: dict[str, float] = {}


def longest(made: Shop, verb: str) -> float:
    if verb not in _KNOWN:
        _KNOWN[verb] = duration(made, verb)
    return _KNOWN[verb]


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "calls", int(sys.argv[2]) if len(sys.argv) > 2 else 1)
