"""The table of library calls: complete rows, and enough of them."""

from __future__ import annotations

import re

import pytest

from hardcode_hunter.languages.python.clients import Client, of, table

ROLES = {
    "username", "password", "host", "port", "dbname", "url", "odbc", "token", "api_key", "client_id", "client_secret", "access_token", "token_secret",
    "signing_key", "encryption_key", "private_key", "passphrase", "secret",
}  # fmt: skip
ROWS = sorted({client.calls: client for client in table().values()}.values(), key=lambda client: client.calls)


def test_there_are_sixty_libraries() -> None:
    assert len({client.library for client in ROWS}) >= 60


@pytest.mark.parametrize("client", ROWS, ids=lambda c: c.calls[0])
def test_row_is_complete(client: Client) -> None:
    assert client.docs.startswith("https://") and " " not in client.docs
    assert client.parts and set(client.parts) <= ROLES
    for parameters in client.parts.values():
        assert parameters and all(re.fullmatch(r"#\d|[A-Za-z_]\w*", parameter) for parameter in parameters)
    assert all(re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", name) for name in (*client.calls, *client.errors))
    assert not client.dsn or client.opens


def test_no_call_stands_twice() -> None:
    calls = [call for client in ROWS for call in client.calls]
    assert len(calls) == len(set(calls)) == len(table())
    assert of("psycopg2.connect") is not None and of("no.such.call") is None
