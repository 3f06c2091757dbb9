"""A credential shows nowhere but where it has to be: in the code until it is moved, in the escrow, in the store.

Every format and verbosity, every command, every stage made to fail with the value in its exception; files that are written, the
journal, the plan, the temporary folder, the core limit and the list of processes.
"""

from __future__ import annotations

import base64
import importlib
import json
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hardcode_hunter.plugins import Format, load
from hardcode_hunter.store.connection import Connection
from tests.embedded.environment import clean_environment
from tests.gate import ROOT, Repository, Run
from tests.store_fixtures import ACCOUNT, REGION, aws_in_process

pytest_plugins = ("tests.gate_fixtures",)

VALUE = 'Qm7"vR/4+xK9 tZ&2pL'
FILES = {
    "db.py": f"import psycopg2\n\n\ndef connect():\n    return psycopg2.connect(host='db', dbname='shop', user='shop', password={VALUE!r})\n",
    "settings.py": f"MAIL_PASSWORD = {VALUE!r}\n",
    "stack.yaml": f"Resources:\n  Db:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MasterUsername: shop\n      MasterUserPassword: '{VALUE}'\n",
    "db.tf": f'resource "aws_db_instance" "d" {{\n  username = "shop"\n  password = {json.dumps(VALUE)}\n}}\n',
    "deploy.env": f"DB_PASSWORD='{VALUE}'\n",
    "broken.py": f"x = (\npassword = {VALUE!r}\n",
    "broken.yaml": f"a: [\npassword: '{VALUE}'\n",
}
FORMATS = sorted(load("formats", Format))
PLACE = ("--environment", "production", "--account", ACCOUNT, "--region", REGION, "--order", "adopt")


def forms(value: str) -> set[bytes]:
    data = value.encode()
    return {
        data, data[::-1], data.hex().encode(), data.hex().upper().encode(), json.dumps(value)[1:-1].encode(), repr(value)[1:-1].encode(),
        urllib.parse.quote(value).encode(), urllib.parse.quote_plus(value).encode(), urllib.parse.quote(value, safe="").encode(),
        *(base64.b64encode(bytes(n) + data)[4 if n else 0 : -4] for n in range(3)), *(data[i : i + 8] for i in range(len(data) - 7)),
    }  # fmt: skip


FORMS = forms(VALUE)


def shows(data: str | bytes) -> list[bytes]:
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    return [form for form in FORMS if form in raw]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    repository = Repository(tmp_path / "shop")
    repository.commit(FILES)
    with aws_in_process(monkeypatch, tmp_path / "home"):
        yield repository


def written(place: Path) -> None:
    """Nothing that was written shows it, but for what undo and the store need, which is the owner's alone."""
    for file in (p for p in place.rglob("*") if p.is_file() and ".git" not in p.parts):
        name = file.relative_to(place).as_posix()
        if name.startswith("state/") and file.name.startswith(("kept-", "value-")):
            assert file.stat().st_mode & 0o077 == 0
        elif name.removeprefix("shop/") not in FILES:
            assert not shows(file.read_bytes()), name
    assert not list((place / "tmp").iterdir())


@pytest.mark.parametrize("more", [(), ("-v",), ("-q",), ("--statistics",), ("--color", "always")], ids=" ".join)
def test_no_format_shows_it_however_much_is_said(
    more: tuple[str, ...], run: Run, shop: Repository, tmp_path: Path
) -> None:
    outputs = [f"--output={form}:{tmp_path / form}.out" for form in FORMATS]
    ran = run("scan", *outputs, "--output", "full", "--min-confidence", "low", *more, cwd=shop.root)
    assert ran.status == 1
    assert not shows(ran.out + ran.err)
    written(tmp_path)


def test_no_command_shows_it_and_no_file_keeps_it(run: Run, shop: Repository, tmp_path: Path) -> None:
    commands = (
        ("plan", *PLACE), ("apply", "--dry-run"), ("apply", "--account", ACCOUNT), ("status", "--ask"), ("verify", "--history"),
        ("verify", "--output", "json", "--history"), ("report", "--output", str(tmp_path / "page.html")), ("baseline", "create"),
        ("apply", "--account", ACCOUNT, "--review"), ("undo", "--dry-run"), ("undo",), ("apply", "--offline"), ("store", "--account", ACCOUNT),
        ("undo", "--discard"),
    )  # fmt: skip
    done = {}
    for words in commands:
        ran = run(*words, cwd=shop.root)
        done[words[:2]] = ran.status
        assert not shows(ran.out + ran.err), words
        written(tmp_path)
    assert done["apply", "--account"] in (0, 1)
    secret = (
        next(iter(json.loads(run("verify", "--output", "json", cwd=shop.root).out)["left"]))["secret"] or "postgresql"
    )
    for words in (("rotate", secret), ("rotate", secret, "--force", "--because", "a test")):
        ran = run(*words, cwd=shop.root)
        assert not shows(ran.out + ran.err), words
    written(tmp_path)


def test_an_edited_file_is_shown_without_it(run: Run, shop: Repository) -> None:
    assert run("plan", *PLACE, cwd=shop.root).status == 1
    run("apply", "--offline", cwd=shop.root)
    file = shop.root / "db.py"
    file.write_text(f"{file.read_text()}\nOLD = {VALUE!r}\n")
    ran = run("undo", cwd=shop.root)
    assert ran.status == 1 and "was edited since" in ran.err
    assert not shows(ran.out + ran.err)


# module, what is made to fail -> the command during which it is called
FAILING = {
    "hardcode_hunter.firstpass:hits": "scan",
    "hardcode_hunter.pipeline:language_of": "scan",
    "hardcode_hunter.link:link": "scan",
    "hardcode_hunter.detect:detect": "scan",
    "hardcode_hunter.suppress:suppress": "scan",
    "hardcode_hunter.excerpt:with_excerpts": "scan",
    "hardcode_hunter.cli._outputs:write": "scan",
    "hardcode_hunter.plan:make": "plan",
    "hardcode_hunter.binding:validate": "plan",
    "hardcode_hunter.rewrite:rewrite": "plan",
    "hardcode_hunter.cli.plan:generate": "plan",
    "hardcode_hunter.planfile:save": "plan",
    "hardcode_hunter.diff:masked_diff": "plan",
    "hardcode_hunter.planfile:load": "apply",
    "hardcode_hunter.migration:live_values": "apply",
    "hardcode_hunter.execution:generate": "apply",
    "hardcode_hunter.execution:deliver": "apply",
    "hardcode_hunter.execution:identify": "apply",
    "hardcode_hunter.store.deliver:compose": "apply",
    "hardcode_hunter.store.deliver:equal": "apply",
    "hardcode_hunter.wholefile:replace": "apply",
    "hardcode_hunter.escrow:Escrow.keep": "apply",
    "hardcode_hunter.journal:Journal.plan": "apply",
    "hardcode_hunter.state:State.write": "apply",
    "hardcode_hunter.completion:observe": "verify",
    "hardcode_hunter.completion:fetch": "verify",
    "hardcode_hunter.verify:copies": "verify",
    "hardcode_hunter.completion:exposures": "verify",
    "hardcode_hunter.status:rows": "status",
    "hardcode_hunter.undo:recover": "undo",
}
ARGUMENTS = {
    "scan": (),
    "plan": PLACE,
    "apply": ("--account", ACCOUNT),
    "verify": ("--history",),
    "status": (),
    "undo": (),
}
ORDER = ("plan", "apply")


def failing(monkeypatch: pytest.MonkeyPatch, place: str, called: list[str]) -> None:
    module, _, name = place.partition(":")
    holder: Any = importlib.import_module(module)
    *parents, last = name.split(".")
    for parent in parents:
        holder = getattr(holder, parent)

    def fail(*given: object, **more: object) -> object:
        called.append(place)
        raise ValueError(f"can't use {VALUE}", VALUE.encode(), {"password": VALUE})

    assert hasattr(holder, last)
    original = getattr(holder, last)
    monkeypatch.setattr(holder, last, fail)
    for loaded in [m for n, m in sys.modules.items() if n.startswith("hardcode_hunter") and m is not None]:
        for attribute, value in list(vars(loaded).items()):
            if value is original:  # who imported it by name
                monkeypatch.setattr(loaded, attribute, fail)


@pytest.mark.parametrize("place", FAILING)
def test_a_stage_that_fails_with_it_in_its_exception_is_named_without_it(
    place: str, run: Run, shop: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = FAILING[place]
    for before in ORDER[: ORDER.index(command)] if command in ORDER else ORDER if command != "scan" else ():
        run(before, *ARGUMENTS[before], cwd=shop.root)
    called: list[str] = []
    with monkeypatch.context() as patched:
        failing(patched, place, called)
        ran = run(command, *ARGUMENTS[command], cwd=shop.root)
    assert called, "it isn't called there any more"
    assert ran.status in (1, 2)
    assert not shows(ran.out + ran.err)
    written(tmp_path)


@pytest.mark.parametrize("operation", ["describe_secret", "create_secret", "get_secret_value", "get_caller_identity"])
def test_a_call_to_aws_that_fails_with_it_is_named_without_it(
    operation: str, run: Run, shop: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("plan", *PLACE, cwd=shop.root)
    original = Connection.client

    def client(self: Connection, service: str) -> Any:
        made = original(self, service)
        if hasattr(made, operation):

            def fail(**given: object) -> object:
                raise RuntimeError(f"{VALUE} {given}")

            setattr(made, operation, fail)
        return made

    monkeypatch.setattr(Connection, "client", client)
    ran = run("apply", "--account", ACCOUNT, cwd=shop.root)
    assert ran.status in (1, 2) and "RuntimeError" in ran.out + ran.err
    assert not shows(ran.out + ran.err)
    assert {name: (shop.root / name).read_text() for name in FILES} == FILES
    written(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="a system without /proc")
def test_no_process_has_it_in_its_words_or_environment_and_none_may_dump_core(shop: Repository, tmp_path: Path) -> None:
    environment = clean_environment(
        {
            name: str(tmp_path / folder)
            for name, folder in {"HOME": "home", "XDG_STATE_HOME": "state", "TMPDIR": "tmp"}.items()
        }
        | {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "home")}
    )
    limits, seen = set(), 0
    for words in (("plan", *PLACE), ("apply", "--offline")):
        program = [sys.executable, "-P", "-m", "hardcode_hunter", *words]
        with subprocess.Popen(
            program, cwd=shop.root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as run:
            while run.poll() is None:
                for process in _family(run.pid):
                    seen += 1
                    for name in ("cmdline", "environ"):
                        assert not shows(_read(process, name)), name
                    limits |= {
                        line.split()[4]
                        for line in _read(process, "limits").decode().splitlines()
                        if line.startswith("Max core")
                    }
                time.sleep(0.002)
        assert run.returncode in (0, 1)
    assert seen > 10 and "0" in limits
    written(tmp_path)


def _family(parent: int) -> list[int]:
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return [parent]
    return [parent, *(one for child in children for one in _family(int(child)))]


def _read(process: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{process}/{name}").read_bytes()
    except OSError:
        return b""
