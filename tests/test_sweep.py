"""A swept tree gives what one process that keeps everything finds: whatever the number of processes, their order, and which of them dies."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hardcode_hunter import discover, firstpass, pool, ruleset, screen, sweep
from hardcode_hunter.cli.scan import scan
from hardcode_hunter.integrations import hyperscan_engine
from hardcode_hunter.model import Confidence

FILES = {
    "shop/settings.py": 'ORDERS = "hunter-orders-2019"\nDB_PASSWORD = "hunter-orders-2020"\n',
    "shop/db.py": "import psycopg2\nfrom shop import settings\n\n\ndef connect():\n"
    "    return psycopg2.connect(host='db', user='shop', password=settings.DB_PASSWORD)\n",
    "shop/views.py": "from shop.settings import DB_PASSWORD\n\n\ndef show():\n    return check(password=DB_PASSWORD)\n",
    "infra/main.tf": 'resource "aws_db_instance" "a" {\n  password = var.orders\n}\n',
    "infra/variables.tf": 'variable "orders" {\n  default = "hunter-orders-2021"\n}\n',
    "deploy/compose.yaml": "services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: hunter-orders-2022\n",
    "deploy/hushed.py": 'password = "hunter-orders-2023"  # hardcode-hunter: ignore[generic-password] a sample\n',
    "broken.py": 'password = ("hunter-orders-2026"\n',
    "conf.json": '{"smtp": {"user": "shop", "password": "hunter-orders-2024"}}\n',
    "readme.rst": "password: hunter-orders-2025\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A few files among many that have nothing."""
    root = tmp_path / "tree"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for number in range(sweep.SMALL):
        (root / "clean").mkdir(exist_ok=True)
        (root / "clean" / f"m{number}.py").write_text(f"def f(token):\n    return token + {number}\n")
    return root


def run(root: Path, *options: str) -> dict[str, Any]:
    arguments = [os.fspath(root), "--isolated", "--exit-zero", "--output", "json", *options]
    result = CliRunner().invoke(scan, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.mark.parametrize("confidence", ["low", "medium"])
def test_one_process_several_and_none_find_the_same(
    tree: Path, confidence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--min-confidence", confidence)
    one, two, three = (run(tree, *options, "--jobs", str(n)) for n in (1, 2, 3))
    assert one == two == three
    monkeypatch.setattr(sweep, "SMALL", 1 << 30)
    kept = run(tree, *options, "--jobs", "1")
    assert kept == one
    assert {f["path"] for f in one["findings"]} >= {"shop/settings.py", "infra/variables.tf", "conf.json"}
    assert any(s["callee"] == "psycopg2.connect" for f in one["findings"] for s in f["sinks"]), "linked over files"
    assert [f["path"] for f in one["suppressed"]] == ["deploy/hushed.py"]


def test_without_hyperscan_everything_is_the_same(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hyperscan_engine.available():
        pytest.skip("the hyperscan wheel is not installed: there is one engine to test")
    expected = run(tree, "--min-confidence", "low", "--jobs", "1")
    monkeypatch.setattr(hyperscan_engine, "available", lambda: False)
    for cached in (firstpass.finder, screen.of):
        cached.cache_clear()
    try:
        assert run(tree, "--min-confidence", "low", "--jobs", "1") == expected
    finally:
        for cached in (firstpass.finder, screen.of):
            cached.cache_clear()


def test_both_engines_let_the_same_files_through() -> None:
    words = screen.Screen(ruleset.load()).words
    fast, slow = firstpass.searcher(words), firstpass.Plain(words)
    for text in (*FILES.values(), "Token PASSWORD://u:p@h AKIA connect(" * 9):
        assert fast(text.encode()) == slow(text.encode())


def test_a_process_that_dies_takes_only_its_file_with_it(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes die at one file, without a word."""
    dying = (
        "import json,sys,os; sys.path[:] = json.loads(sys.argv[1]); from hardcode_hunter import parts, pool\n"
        "part = parts.Inspector.part\n"
        "parts.Inspector.part = lambda self, names, **k: os._exit(9) if 'clean/m7.py' in names else part(self, names, **k)\n"
        "pool.serve()"
    )
    expected = run(tree, "--jobs", "1")
    monkeypatch.setattr(pool, "_BOOTSTRAP", dying)
    found = run(tree, "--jobs", "2")
    assert found["findings"] == expected["findings"]
    assert [(p["path"], p["fatal"]) for p in found["problems"] if p["fatal"]] == [("clean/m7.py", True)]
    assert found["files"] == expected["files"]


def test_what_is_sent_and_kept_has_no_value(tree: Path) -> None:
    import pickle

    walk = discover.Walk(tree)
    order = pool.Order(tree, key=b"k", least=Confidence.LOW)
    inspector = order.inspector(discover.OnDisk(walk, ()))
    sent = b"".join(pickle.dumps(inspector.part(unit)) for unit in sweep.units(sorted(FILES)))
    assert b"hunter-orders" not in sent


def test_no_module_of_the_tree_is_imported(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "json.py").write_text("raise SystemExit('the tree was imported')\n")
    monkeypatch.chdir(tree)
    assert run(tree, "--jobs", "2")["findings"]
