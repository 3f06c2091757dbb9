"""A rotated password may hold any character: 150 random ones through every form of connection, on a real PostgreSQL.

Clients of other servers are asked what their own parser makes of the rewritten connection string.
"""

from __future__ import annotations

import asyncio
import json
import random
import string
import sys
import types
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg2
import pytest
import redis.connection

from hardcode_hunter import shapes
from hardcode_hunter.languages.python import PYTHON
from hardcode_hunter.languages.python.codemod import rewrite
from hardcode_hunter.model import Access, Home, Replacement, Shape, Source, Span
from hardcode_hunter.plugins import Rewriting
from hardcode_hunter.retrievers.helper import HELPER
from tests.embedded import Absent
from tests.embedded.postgres import EmbeddedPostgres, embedded_postgres, identifier

LEGACY = "hunter-orders-2019"
ROLE = "shop_app"
COUNT = 150

CONNECTIONS = {
    "alias": 'from psycopg2 import connect as dial\n\n\ndef connect():\n    return dial(host=HOST, port=PORT, user="shop_app", password="hunter-orders-2019", dbname="postgres")\n',
    "pg8000": 'import pg8000.dbapi\n\n\ndef connect():\n    return pg8000.dbapi.connect("shop_app", HOST, "postgres", PORT, password="hunter-orders-2019")\n',
    "keyword": 'def connect():\n    return psycopg2.connect(host=HOST, port=PORT, user="shop_app", password="hunter-orders-2019", dbname="postgres")\n',
    "dictionary": 'def connect():\n    return psycopg2.connect(**{"host": HOST, "port": PORT, "user": "shop_app", "password": "hunter-orders-2019", "dbname": "postgres"})\n',
    "DSN argument": 'def connect():\n    return psycopg2.connect("user=shop_app password=hunter-orders-2019 dbname=postgres", host=HOST, port=PORT)\n',
    "DSN text": "def connect():\n    dsn = \"user=shop_app password='hunter-orders-2019' dbname=postgres\"\n    return psycopg2.connect(dsn, host=HOST, port=PORT)\n",
    "DSN f-string": 'def connect():\n    dsn = f"host={HOST} port={PORT} user=shop_app password=hunter-orders-2019 dbname=postgres"\n    return psycopg2.connect(dsn)\n',
    "URL f-string": 'def connect():\n    return psycopg2.connect(f"postgresql://shop_app:hunter-orders-2019@{HOST}:{PORT}/postgres?connect_timeout=10")\n',
    "URL format": 'def connect():\n    return psycopg2.connect("postgresql://shop_app:hunter-orders-2019@{}:{}/postgres".format(HOST, PORT))\n',
    "URL percent": 'def connect():\n    return psycopg2.connect("postgresql://shop_app:hunter-orders-2019@%s:%d/postgres" % (HOST, PORT))\n',
}
ACCESS = Access(
    "shop-db", "shop", "shop-db", "p", {"p": "shop-db"}, Home.SECRETS_MANAGER, "json", "password", rotates=True
)
STRINGS = {
    "redis URL": 'def connect():\n    return "redis://:hunter-orders-2019@cache.internal:6379/0"\n',
    "amqp URL": "def connect():\n    return b'amqp://shop_app:hunter-orders-2019@mq.internal:5672/%2F'\n",
    "ODBC": 'def connect():\n    return "DRIVER={ODBC Driver 18 for SQL Server};SERVER=db;UID=shop_app;PWD=hunter-orders-2019;Encrypt=yes"\n',
    "bearer": 'def connect():\n    return "Bearer hunter-orders-2019"\n',
}


def _passwords() -> list[str]:
    """32 characters each, of letters, digits and all of ASCII's punctuation; always the same ones."""
    generator = random.Random(20190315)
    alphabet = string.ascii_letters + string.digits + string.punctuation
    return ["".join(generator.choices(alphabet, k=32)) for _ in range(COUNT)]


def _rewritten(program: str) -> str:
    data = f"import psycopg2\n\nHOST, PORT = '', 0\n\n\n{program}".encode()
    candidate = next(
        c for c in PYTHON.candidates(Source("a.py", data, "python"), None).candidates if LEGACY in c.value.reveal()
    )
    shape = shapes.recognise(candidate.value.reveal())
    row = Replacement(
        "f", "r", "a.py", candidate.line, candidate.symbol, candidate.ordinal, Span(candidate.span.start, candidate.span.end), shape,
        candidate.literal, candidate.position, "shop-db", "password", "token" if shape is Shape.BEARER else "password",
        candidate.evaluated, callee=candidate.callee, parameter=candidate.parameter,
    )  # fmt: skip
    result = rewrite(
        Source("a.py", data, "python"),
        [row],
        Rewriting({("shop-db", "password"): ACCESS}, HELPER, {"a.py": "secret_store"}),
    )
    assert result.change is not None, result.skips
    after = result.change.result(data)
    assert LEGACY.encode() not in after
    return after.decode()


class Store:
    """The generated module as it is emitted, with its cache; in place of AWS stands ``password``. Counts what is read there."""

    def __init__(self) -> None:
        self.password = LEGACY
        self.reads = 0
        self.module = types.ModuleType("secret_store")
        assert HELPER.module is not None
        exec(HELPER.module([ACCESS]), self.module.__dict__)
        vars(self.module).update(_read=self._read, FORCED=0.0)  # rotations follow each other here

    def _read(self, secret: str) -> tuple[str, str]:
        self.reads += 1
        return json.dumps({"password": self.password}), self.password


def _loaded(program: str, store: Store, monkeypatch: pytest.MonkeyPatch, **values: Any) -> Any:
    monkeypatch.setitem(sys.modules, "secret_store", store.module)
    names: dict[str, Any] = {}
    exec(compile(program, "a.py", "exec", dont_inherit=True), names)
    names.update(values)
    return names["connect"]


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    try:
        with embedded_postgres() as running:
            running.execute(f"CREATE ROLE {identifier(ROLE)} LOGIN PASSWORD '{LEGACY}'")
            yield running
    except Absent as absent:
        pytest.skip(str(absent))


def test_every_connection_survives_every_password(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = {name: Store() for name in CONNECTIONS}
    connect = {
        name: _loaded(_rewritten(program), stores[name], monkeypatch, HOST="127.0.0.1", PORT=server.port)
        for name, program in CONNECTIONS.items()
    }
    survived = dict.fromkeys(CONNECTIONS, 0)
    for number, password in enumerate(_passwords()):
        server.change_password(ROLE, password)
        for name in CONNECTIONS:
            stores[name].password = password
            for _ in range(1 if number % 10 else 2):
                connect[name]().close()
            survived[name] += 1
    assert survived == dict.fromkeys(CONNECTIONS, COUNT)
    anew = {name for name, store in stores.items() if store.reads > COUNT + 1}
    assert anew == {"DSN text", "DSN f-string", "URL format"}, "all others are read once, and again after a refusal"


URL = 'create_engine(f"postgresql+psycopg2://shop_app:hunter-orders-2019@{HOST}:{PORT}/postgres")'
ENGINES = {"at import": f"engine = {URL}\n", "in a function": f"def made():\n    return {URL}\nengine = made()\n"}


@pytest.mark.parametrize("place", ENGINES)
def test_an_engine_survives_every_password(
    place: str, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made once, with a pool: each new connection reads the password, and the URL holds none."""
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed, so that its engines are not run")
    program = _rewritten(
        "from sqlalchemy import create_engine, text\n"
        f"{ENGINES[place]}"
        "def connect():\n"
        "    with engine.connect() as connection:\n"
        "        return connection.execute(text('SELECT current_user')).scalar()\n"
    )
    store = Store()
    connect = _loaded(
        program.replace("HOST, PORT = '', 0", f"HOST, PORT = '127.0.0.1', {server.port}"), store, monkeypatch
    )
    for store.password in _passwords()[:50]:
        server.change_password(ROLE, store.password)
        connect.__globals__["engine"].dispose()
        assert connect() == ROLE
    assert store.reads == 50 and connect.__globals__["engine"].url.password is None


AWAITED = {
    "asyncpg": 'import asyncpg\n\n\nasync def connect():\n    return await asyncpg.connect(host=HOST, port=PORT, user="shop_app", password="hunter-orders-2019", database="postgres")\n',
    "asyncpg by URL": 'import asyncpg\n\n\nasync def connect():\n    return await asyncpg.connect(f"postgresql://shop_app:hunter-orders-2019@{HOST}:{PORT}/postgres")\n',
    "psycopg": 'import psycopg\n\n\nasync def connect():\n    return await psycopg.AsyncConnection.connect("user=shop_app password=hunter-orders-2019 dbname=postgres", host=HOST, port=PORT)\n',
}


@pytest.mark.parametrize("name", AWAITED)
def test_what_is_awaited_survives_every_password(
    name: str, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = name.partition(" ")[0]
    pytest.importorskip(library, reason=f"{library} is not installed, so that its connections are not made")
    store = Store()
    connect = _loaded(_rewritten(AWAITED[name]), store, monkeypatch, HOST="127.0.0.1", PORT=server.port)

    async def once() -> None:
        await (await connect()).close()

    passwords = _passwords()[:30]
    for store.password in passwords:
        server.change_password(ROLE, store.password)
        asyncio.run(once())
    assert store.reads <= len(passwords) + 1


def test_the_passwords_would_break_a_careless_rewrite() -> None:
    """The control: pasted into a URL without quoting, most of these passwords don't come out again."""
    whole = [p for p in _passwords() if _parsed(f"redis://:{p}@cache.internal:6379/0") == p]
    assert len(whole) < COUNT / 2


def _parsed(url: str) -> str | None:
    try:
        return redis.connection.parse_url(url).get("password")
    except ValueError:
        return None


@pytest.mark.parametrize("name", STRINGS)
def test_other_parsers_get_the_password_back(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    connect = _loaded(_rewritten(STRINGS[name]), store, monkeypatch)
    for store.password in _passwords():
        made = connect()
        if name == "redis URL":
            assert _parsed(made) == store.password
        elif name == "amqp URL":
            assert unquote(urlsplit(made.decode()).password) == store.password
        elif name == "ODBC":
            assert shapes.extract(Shape.ODBC, made)["password"] == store.password
        else:
            assert made == f"Bearer {store.password}"


def test_libpq_reads_what_shapes_reads() -> None:
    """The proofs rely on :mod:`hardcode_hunter.shapes`; for libpq's own format, libpq is asked."""
    for password in _passwords():
        escaped = password.replace("\\", "\\\\").replace("'", "\\'")
        text = f"user=shop_app password='{escaped}' dbname=shop"
        assert (
            psycopg2.extensions.parse_dsn(text)["password"] == shapes.extract(Shape.DSN, text)["password"] == password
        )
