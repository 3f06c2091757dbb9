"""One secret, three that know its keys: the code that reads it, the plan that writes it, the function that rotates it. And no value anywhere."""

from __future__ import annotations

import ast
import base64
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from hardcode_hunter import planfile
from hardcode_hunter.errors import UsageError
from hardcode_hunter.generate import generate
from hardcode_hunter.model import Plaintext, Plan
from hardcode_hunter.plugins import Rotation, load
from hardcode_hunter.rotations import sources
from tests.embedded.shop_credentials import SHOP, ShopCredentials
from tests.test_generate_calls import _rotating

pytest_plugins = ("tests.embedded.fixtures",)

ROTATIONS = load("rotations", Rotation)
OWN = [name for name, rotation in ROTATIONS.items() if not rotation.hosted]


# ---------------------------------------------------------------- keys


def _read(rotation: Rotation, *, without_default: bool) -> set[str]:
    """Keys of the secret's JSON that the function's files ask for: ``x.text("key")``, ``_text(document, "key")``, ``document.get("key")``."""
    found = set()
    for name, content in sources(rotation).items():
        for node in ast.walk(ast.parse(content)) if name.endswith(".py") else ():
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            keys = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            asked = called in ("text", "_text") or (called == "get" and not without_default)
            if asked and keys and not (without_default and called == "text" and len(node.args) > 1):
                found.add(keys[0])
    return found


@pytest.mark.parametrize("name", OWN)
def test_a_function_reads_the_keys_that_its_rotation_requires(name: str) -> None:
    rotation = ROTATIONS[name]
    asked = _read(rotation, without_default=False) | _through_variables(rotation)
    assert set(rotation.required_keys) <= asked, "a plan would be refused for a key that nobody reads"
    optional = {"masterarn", "username", "user_id", "scope", "client_id", "client_secret", "access_token"}
    missing = _read(rotation, without_default=True) - set(rotation.required_keys) - optional
    assert missing == set(), "a rotation would be begun on a secret that the function refuses"


def _through_variables(rotation: Rotation) -> set[str]:
    """Keys that are handed on by name."""
    return {
        node.value
        for name, content in sources(rotation).items()
        if name.endswith(".py")
        for node in ast.walk(ast.parse(content))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[a-z_]+", node.value)
    }


@pytest.mark.parametrize("name", ROTATIONS)
def test_a_plan_without_a_key_that_the_function_needs_is_refused(name: str) -> None:
    of = _rotating(name)
    (secret,) = of.secrets
    assert generate(of)
    for key in ROTATIONS[name].required_keys:
        kept = tuple(field for field in secret.fields if field.key != key)
        with pytest.raises(UsageError, match=f"needs the field {key}"):
            generate(replace(of, secrets=(replace(secret, fields=kept),)))


def test_alternating_users_have_the_master_in_the_secret_and_in_the_policy() -> None:
    """AWS's samples die of a secret whose ``masterarn`` was left to the template's MasterSecretArn, which writes no key."""
    for name in (n for n in OWN if ROTATIONS[n].users == "alternating"):
        of = _rotating(name)
        (field,) = (f for f in of.secrets[0].fields if f.key == "masterarn")
        template = next(c.result(b"").decode() for c in generate(of) if c.path.endswith("secrets.yaml"))
        assert isinstance(field.constant, str) and f'"{field.constant}"' in template


# ---------------------------------------------------------------- a whole run


def _run(tree: Path, home: Path, *words: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
    }
    command = [sys.executable, "-m", "hardcode_hunter", *words]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The bundled application after plan and apply, without AWS; and all that was said."""
    home = tmp_path_factory.mktemp("home")
    tree = home / "shop"
    shutil.copytree(SHOP, tree)
    git = ["git", "-C", str(tree), "-c", "user.email=t@example.com", "-c", "user.name=t"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "legacy"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    said = (
        _run(tree, home, "plan", ".") + _run(tree, home, "apply", "--dry-run") + _run(tree, home, "apply", "--offline")
    )
    return tree, said + _run(tree, home, "report", "--html", "report.html")


def _plan(tree: Path) -> Plan:
    return planfile.load(tree / "migration" / "plan.yaml")


READING = re.compile(r"""get_secret\(\s*["']([\w-]+)["'](?:\s*,\s*["'](\w+)["'])?""")


def test_the_code_reads_keys_that_the_secret_has(migrated: tuple[Path, str]) -> None:
    tree, _ = migrated
    keys = {s.component: {f.key for f in s.fields} for s in _plan(tree).secrets}
    read = [
        (path.name, secret, key)
        for path in tree.rglob("*.py")
        if path.name != "secret_store.py"
        for secret, key in READING.findall(path.read_text())
    ]
    assert len({secret for _, secret, _ in read}) >= 5
    assert [row for row in read if row[2] not in {*keys[row[1]], ""}] == []


def test_the_secrets_that_rotate_have_the_keys_of_their_functions(migrated: tuple[Path, str]) -> None:
    rotating = [s for s in _plan(migrated[0]).secrets if s.rotation.name != "none"]
    assert rotating
    for secret in rotating:
        assert set(ROTATIONS[secret.rotation.name].required_keys) <= {f.key for f in secret.fields}


def _forms(value: str) -> Iterator[bytes]:
    """How a value might hide: as it is, and in the encodings that people and programs put it in."""
    data = value.encode()
    yield data
    yield from (data.hex().encode(), data.hex().upper().encode())
    yield urllib.parse.quote(value, safe="").encode()
    yield urllib.parse.quote_plus(value).encode()
    for shift in range(3):  # base64 of a longer text that holds it, at each of the three positions
        whole = base64.b64encode(b"\0" * shift + data)
        yield whole[-(-shift * 8 // 6) : len(whole) // 4 * 4 - 4]
        yield base64.urlsafe_b64encode(b"\0" * shift + data)[-(-shift * 8 // 6) : len(whole) // 4 * 4 - 4]


def test_no_value_in_any_form_in_what_is_written_and_said(
    migrated: tuple[Path, str], credentials: ShopCredentials
) -> None:
    """What was generated, the plan, the report, what commands print: plain, base64, hexadecimal, and as in a URL."""
    tree, said = migrated
    values = [v.reveal() for f in fields(credentials) if isinstance(v := getattr(credentials, f.name), Plaintext)]
    assert len(values) >= 7
    written = {p.name: p.read_bytes() for p in (*(tree / "migration").rglob("*"), tree / "report.html") if p.is_file()}
    assert {"plan.yaml", "secrets.yaml", "ROLL-OUT.md", "report.html"} <= set(written)
    everything = b"\n".join([*written.values(), said.encode()])
    found = [number for number, value in enumerate(values) if any(form in everything for form in _forms(value))]
    assert found == [], "values by their position"
    for value in values:  # the search itself finds each form
        hidden = base64.b64encode(b"user:" + value.encode() + b"@host")
        assert any(form in hidden for form in _forms(value))
