"""Planning costs in proportion to what is planned. Calls are counted, Python's and C's, not seconds: twice the secrets, twice the calls."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hardcode_hunter import migration, planfile
from hardcode_hunter.config import Settings
from hardcode_hunter.generate.stage import generate
from hardcode_hunter.languages.python import worker
from hardcode_hunter.languages.python.codemod import rewrite
from hardcode_hunter.plan import Wish

SMALL = 30
MOST = 2.25
"""Times the calls for twice the secrets. The square would be four; sorting adds the little above two."""


def _password(number: int) -> str:
    return f"hunter-Stock-{number:04d}-{(number * 7919) % 9973:04d}"


def _constants(count: int) -> Mapping[str, str]:
    return {"settings.py": "".join(f'DB{n}_PASSWORD = "{_password(n)}"\n' for n in range(count))}


def _one_value(count: int) -> Mapping[str, str]:
    return {"settings.py": "".join(f'db{n}_password = "{_password(0)}"\n' for n in range(count))}


def _used(count: int) -> Mapping[str, str]:
    row = 'db{0}_password = "{1}"\n\n\ndef url{0}():\n    return f"postgresql://app:{{db{0}_password}}@db/shop"\n\n\n'
    return {"settings.py": "".join(row.format(n, _password(n)) for n in range(count))}


def _modules(count: int) -> Mapping[str, str]:
    return {f"shop/part{n}.py": f'db{n}_password = "{_password(n)}"\n' for n in range(count)}


def _template(count: int) -> Mapping[str, str]:
    row = "  Db{0}:\n    Type: AWS::RDS::DBInstance\n    Properties: {{Engine: mysql, MasterUserPassword: {1}}}\n"
    return {"template.yaml": "Resources:\n" + "".join(row.format(n, _password(n)) for n in range(count))}


def _terraform(count: int) -> Mapping[str, str]:
    row = 'resource "aws_db_instance" "db{0}" {{\n  engine   = "mysql"\n  password = "{1}"\n}}\n\n'
    return {"main.tf": "".join(row.format(n, _password(n)) for n in range(count))}


def _calls(root: Path, files: Mapping[str, str]) -> tuple[int, int]:
    """How many calls a plan takes with all that it would change and generate, and how many places it has."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    count = 0

    def one(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(one)
    try:
        tree = migration.make(root, [root], Settings(), Wish())
        migration.preview(tree)
        generate(tree.plan)
        planfile.dump(tree.plan)
    finally:
        sys.setprofile(None)
    return count, len(tree.plan.replacements)


@pytest.mark.parametrize("files", [_constants, _one_value, _used, _modules, _template, _terraform])
def test_twice_the_secrets_take_twice_the_work(
    files: Callable[[int], Mapping[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(self: object, source: object, rows: object, context: object, seconds: object, private: object) -> object:
        return rewrite(source, rows, context, private)  # type: ignore[arg-type]

    monkeypatch.setattr(worker.Worker, "rewrite", here)  # in this process, where it is counted
    _calls(tmp_path / "first", files(2))  # what is loaded once is not counted
    small, planned = _calls(tmp_path / "small", files(SMALL))
    large, twice = _calls(tmp_path / "large", files(2 * SMALL))
    assert (planned, twice) == (SMALL, 2 * SMALL)
    assert large < MOST * small, f"{small} calls for {SMALL}, {large} for {2 * SMALL}"
