"""Every client in the table that logs in: the rewritten call is repeated after a refusal, or never takes its credential from a cache, so
that a rotation can't lock it out.

Each call of each row is written with each parameter that takes a secret part, by keyword and by position.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hardcode_hunter import shapes
from hardcode_hunter.languages.python import PYTHON
from hardcode_hunter.languages.python.clients import table
from hardcode_hunter.languages.python.codemod import rewrite
from hardcode_hunter.model import Access, Evaluated, Home, Replacement, Shape, Source
from hardcode_hunter.plugins import Rewriting
from hardcode_hunter.retrievers.helper import HELPER

PASSWORD = "hunter-orders-2019"
VALUES = {
    "password": PASSWORD,
    "token": PASSWORD,
    "secret": PASSWORD,
    "passphrase": PASSWORD,
    "api_key": PASSWORD,
    "access_token": PASSWORD,
    "url": f"redis://shop:{PASSWORD}@server.internal/1",
    "odbc": f"SERVER=server.internal;UID=shop;PWD={PASSWORD};Encrypt=yes",
    "dsn": f"dbname=shop user=shop password={PASSWORD}",
}
PUBLIC = {"username", "host", "port", "dbname", "client_id"}
CALLS = {client.calls: client for client in table().values() if client.opens}


def _calls() -> Iterator[tuple[str, str, str]]:
    """Name, role and program."""
    for client in CALLS.values():
        assert client.parts is not None
        parts = {**client.parts, **({"dsn": (client.dsn, f"#{client.position}")} if client.dsn else {})}
        for call in client.calls:
            for role, parameters in parts.items():
                for parameter in parameters if role not in PUBLIC else ():
                    yield f"{call}({parameter})", role, _program(call, parameter, VALUES[role])


def _program(call: str, parameter: str, value: str) -> str:
    before = ["given"] * int(parameter[1:]) if parameter.startswith("#") else []
    argument = f'"{value}"' if parameter.startswith("#") else f'{parameter}="{value}"'
    module = call.rpartition(".")[0]
    awaits = table()[call].refused_in == "await"
    head, wait = ("async def", "await ") if awaits else ("def", "")
    return f"import {module}\n\n\n{head} connect(given):\n    return {wait}{call}({', '.join([*before, argument])})\n"


PROGRAMS = list(_calls())


def test_every_client_that_logs_in_has_a_program() -> None:
    assert {name.partition("(")[0] for name, _, _ in PROGRAMS} == {call for calls in CALLS for call in calls}
    assert len(PROGRAMS) >= 150


def test_a_client_that_logs_in_says_how_it_is_refused() -> None:
    assert [client.calls[0] for client in CALLS.values() if not client.errors and client.library != "paho-mqtt"] == []


@pytest.mark.parametrize(("name", "role", "program"), PROGRAMS, ids=lambda v: v if "(" in v and "\n" not in v else "")
def test_the_credential_of_a_login_is_not_cached(name: str, role: str, program: str) -> None:
    after = _rewritten(program, by_way_of="")
    assert PASSWORD not in after
    client = table()[name.partition("(")[0]]
    wrapped = f"{'await with_rotation_async' if client.refused_in == 'await' else 'with_rotation'}("
    if client.refused_in:
        assert wrapped in after and "fresh=True" not in after, (
            "a refusal is answered by reading again and calling once more"
        )
    else:
        assert "fresh=True" in after and "with_rotation" not in after


@pytest.mark.parametrize("call", sorted({calls[0] for calls in CALLS}))
def test_nor_is_one_that_gets_there_by_way_of_a_name(call: str) -> None:
    program = f'def connect(login):\n    password = "{PASSWORD}"\n    return login(password)\n'
    assert "fresh=True" in _rewritten(program, by_way_of=call)
    assert "fresh=True" not in _rewritten(program, by_way_of="no.such.call")


def _rewritten(program: str, by_way_of: str) -> str:
    data = program.encode()
    candidates = PYTHON.candidates(Source("a.py", data, "python"), None).candidates
    candidate = next(c for c in candidates if PASSWORD in c.value.reveal())
    assert candidate.evaluated is Evaluated.CALL
    shape = shapes.recognise(candidate.value.reveal())
    row = Replacement(
        "f", "r", "a.py", candidate.line, candidate.symbol, candidate.ordinal, candidate.span, shape, candidate.literal, candidate.position,
        "shop-db", "password", "" if shape is Shape.WHOLE else "password", candidate.evaluated, callee=candidate.callee,
        parameter=candidate.parameter, reaches=(by_way_of,) if by_way_of else (),
    )  # fmt: skip
    access = Access("shop-db", "shop", "shop-db", "p", {"p": "shop-db"}, Home.SECRETS_MANAGER, "json", "password")
    rewriting = Rewriting({("shop-db", "password"): access}, HELPER, {"a.py": "secret_store"})
    result = rewrite(Source("a.py", data, "python"), [row], rewriting)
    assert result.change is not None, [(s.code, s.why) for s in result.skips]
    return result.change.result(data).decode()


def test_every_row_of_the_table_can_be_looked_up() -> None:
    """Each names the library's own page on it, and what the library raises, or that a refusal raises nothing."""
    silent = {"paho-mqtt", "hmac"}
    for client in {client.calls: client for client in table().values()}.values():
        assert client.docs.startswith("https://"), client.library
        assert client.errors or client.library in silent, client.library
        assert all("." in error for error in client.errors), client.library
        assert client.parts and all(client.parts.values()), client.library
    assert len({client.library for client in table().values()}) >= 60
