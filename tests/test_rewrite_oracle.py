"""The behaviour oracle: each golden pair run before and after, with recording stand-ins. What the program does must be the same.

Secrets are read from an AWS endpoint on loopback, through what the retriever emits.

Compared are the calls of every library but the standard one, their arguments, what is printed, the public values of the module, the
environment, and what each function returns. Left out is what is meant to go: static AWS keys, and constants that only functions used.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hardcode_hunter import shapes
from hardcode_hunter.languages.python import PYTHON
from hardcode_hunter.model import Home, Shape, Source
from tests.embedded.aws import EmbeddedAws
from tests.test_rewrite_python import CASES, PATH, Case, _replacements, _rewriting, _same

pytest_plugins = ("tests.embedded.fixtures",)
PAIRS = [case for case in CASES if case.before != case.after and not case.oracle]
"""Not run are cases that say why not: what takes the value's place there is no value, and is tested where it can be."""


def _secrets(case: Case) -> dict[str, str]:
    """What the plan would have stored: the literals' values, by secret and field."""
    candidates = {c.span: c for c in PYTHON.candidates(Source(PATH, case.before, "python"), None).candidates}
    values = {}
    for row, credential in zip(_replacements(case, _same), case.credentials, strict=True):
        if row.span not in candidates or credential.get("home") == Home.ROLE:
            continue
        text = candidates[row.span].value.reveal()
        if row.shape is not Shape.WHOLE:
            text = shapes.extract(row.shape, text)[row.part]
        values[f"{row.secret}/{'' if credential.get('form') == 'text' else row.key}"] = text
    return values


def _stored(manager: Any, parameters: Any, case: Case) -> dict[str, str]:
    """Puts the case's secrets into the endpoint; the variables that tell a program their names there."""
    homes = {c.get("secret", "shop-db"): Home(c.get("home", "secretsmanager")) for c in case.credentials}
    texts: dict[str, Any] = {}
    for row, value in _secrets(case).items():
        secret, _, key = row.partition("/")
        texts[secret] = {**texts.get(secret, {}), key: value} if key else value
    names = {}
    for secret, content in texts.items():
        name = f"{case.name}/{secret}"
        text = content if isinstance(content, str) else json.dumps(content)
        if homes[secret] is Home.PARAMETER_STORE:
            parameters.put_parameter(Name=f"/{name}", Value=text, Type="SecureString")
        else:
            manager.create_secret(Name=name, SecretString=text)
        names["SECRET_ID_" + secret.replace("-", "_").upper()] = name
    return names


def _emitted(case: Case) -> str:
    module = case.retriever.module
    rewriting = _rewriting(case, _replacements(case, _same))
    return module([a for a in rewriting.access.values() if a.home is not Home.ROLE]) if module else ""


@pytest.fixture(scope="module")
def traces(aws_endpoint: EmbeddedAws) -> Mapping[str, list[dict[str, Any]]]:
    """Case → what its two programs did, with no variable set and with all of them set."""
    asked, names = [], []
    manager, parameters = aws_endpoint.client("secretsmanager"), aws_endpoint.client("ssm")
    for case in PAIRS:
        stored, emitted = _stored(manager, parameters, case), _emitted(case)
        for environment in (
            {},
            dict.fromkeys(
                (
                    "SHOP_PASSWORD",
                    "SHOP_TOKEN",
                    "PIN",
                    "BROKER_URL",
                    "PGPASSWORD",
                    "SECRET_KEY",
                    "AWS_SECRET_ACCESS_KEY",
                ),
                "12",
            ),
        ):
            programs = [case.before.decode(), case.after.decode()]
            asked.append({"programs": programs, "secrets": {}, "environment": environment | stored, "module": emitted})
            names.append(f"{case.name}, {'set' if environment else 'unset'}")
    child = Path(__file__).parent / "recording.py"
    done = subprocess.run(
        [sys.executable, "-m", "tests.recording"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=300,
        cwd=child.parent.parent,
        env={**os.environ, **aws_endpoint.environment},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(names, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("environment", ["unset", "set"])
@pytest.mark.parametrize("case", PAIRS, ids=lambda c: c.name)
def test_behaviour_is_the_same(case: Case, environment: str, traces: Mapping[str, list[dict[str, Any]]]) -> None:
    before, after = traces[f"{case.name}, {environment}"]
    if case.retriever.definition is not None:
        own = {use[0] for use in before["uses"]}  # the look-up stands in the file itself
        after["uses"] = [use for use in after["uses"] if use[0] in own]
    for moved in _moved(case):
        before["values"].pop(moved, None)
        after["values"].pop(moved, None)
    assert after == before


def test_the_oracle_sees_something(traces: Mapping[str, list[dict[str, Any]]]) -> None:
    """Not one program fails to start, and nearly all of them show the credential to the recorder."""
    assert [
        (name, before["outcome"]) for name, (before, _) in traces.items() if before["outcome"] != ["NoneType", "None"]
    ] == []
    seen = [
        case
        for case in PAIRS
        if any(
            v and json.dumps(v)[1:-1] in json.dumps(traces[f"{case.name}, unset"][0]) for v in _secrets(case).values()
        )
    ]
    assert len(seen) > 0.75 * len(PAIRS), sorted({c.name for c in PAIRS} - {c.name for c in seen})


def _moved(case: Case) -> list[str]:
    """Public names that are meant to go: constants that held static keys, and those whose reads moved into functions."""
    rows = zip(_replacements(case, _same), case.credentials, strict=True)
    return [*case.private, *(row.symbol for row, credential in rows if credential.get("home") == Home.ROLE)]
