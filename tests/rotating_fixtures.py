"""pytest fixtures over :mod:`tests.rotating_login`: name this module in ``pytest_plugins``."""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.embedded import mariadb as mysql
from tests.embedded.aws import EmbeddedAws
from tests.embedded.mariadb import EmbeddedMariaDB
from tests.embedded.postgres import EmbeddedPostgres, identifier, literal
from tests.embedded.redis import EmbeddedRedis, digest
from tests.rotating_login import Document, Recorder, RotatingLogin

pytest_plugins = ("tests.embedded.fixtures",)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, aws: EmbeddedAws, recorder: Recorder) -> Callable[[ModuleType], None]:
    """Point a function at the embedded AWS, and record each call, login and statement of it."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL")  # the function's own variable is what must count
    monkeypatch.setenv("SECRETS_MANAGER_ENDPOINT", aws.endpoint_url)

    def watch(function: ModuleType) -> None:
        client = sys.modules["rotation_steps"].secrets_manager
        client.cache_clear()
        client().meta.events.register(
            "after-call.secretsmanager", lambda model, **_: recorder.saw(f"secretsmanager:{model.name}")
        )
        if hasattr(function, "log_in"):
            home = sys.modules[function.log_in.__module__]
            if hasattr(home, "Redis"):
                monkeypatch.setattr(home, "Redis", _watching_commands(home.Redis, recorder))
            else:
                monkeypatch.setattr(home, "Connection", _watching(home.Connection, recorder))

    return watch


def _watching(connection: Any, recorder: Recorder) -> Any:
    """The driver's class, telling ``recorder`` of each login and statement."""

    class Watched(connection):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            self.who = ""  # what the driver itself does at a login is no statement of ours
            super().__init__(**options)
            self.who = options["user"]
            recorder.saw("log in")

        def ran(self, sql: str) -> None:
            if self.who:
                recorder.statements.append((self.who, sql))
                recorder.saw(_shape(sql))

        def run(self, sql: str, *args: Any, **options: Any) -> Any:  # pg8000
            rows = super().run(sql, *args, **options)
            self.ran(sql)
            return rows

        def query(self, sql: Any, unbuffered: bool = False) -> Any:  # PyMySQL
            rows = super().query(sql, unbuffered)
            self.ran(sql if isinstance(sql, str) else sql.decode())
            return rows

    return Watched


def _watching_commands(client: Any, recorder: Recorder) -> Any:
    """redis-py's class, telling ``recorder`` of each login (its PING) and command."""

    class Watched(client):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            self.who = options["username"]
            super().__init__(**options)

        def execute_command(self, *args: Any, **options: Any) -> Any:
            answer = super().execute_command(*args, **options)
            if args[0] == "PING":
                recorder.saw("log in")
            else:
                recorder.statements.append((self.who, " ".join(map(str, args))))
                recorder.saw(" ".join(args[:2]))
            return answer

    return Watched


def _shape(sql: str) -> str:
    """The statement without names and passwords."""
    return re.sub("[\"`](?:[^\"`]|\"\"|``)*[\"`]|'(?:[^'\\\\]|''|\\\\.)*'", "…", sql.split(" PASSWORD '")[0])


@pytest.fixture(scope="session")
def secrets(aws_endpoint: EmbeddedAws) -> Any:
    """A client of one's own, beside the function's."""
    return aws_endpoint.client("secretsmanager")


@pytest.fixture
def new_login(
    aws: EmbeddedAws, secrets: Any, postgres: EmbeddedPostgres, recorder: Recorder
) -> Iterator[Callable[..., RotatingLogin]]:
    """``new_login(function, username, password, form)``: the role, its secret in that form, rotation enabled."""
    roles, admin = list[str](), postgres.connect()

    def create(
        function: ModuleType, username: str = "", password: str = "", form: Callable[[Document], Document] = dict
    ) -> RotatingLogin:
        username = username or f"orders_{uuid.uuid4().hex[:8]}"
        password = password or uuid.uuid4().hex
        admin.cursor().execute(f"CREATE ROLE {identifier(username)} LOGIN PASSWORD {literal(password)}")
        roles.append(username)
        document = {
            "engine": "postgres",
            "host": postgres.host,
            "port": postgres.port,
            "dbname": "postgres",
            "username": username,
            "password": password,
        }
        value = json.dumps(form(document))
        arn = secrets.create_secret(Name=uuid.uuid4().hex, SecretString=value)["ARN"]
        aws.enable_rotation(arn)
        return RotatingLogin(function, recorder, aws, postgres, admin, secrets, arn, username)

    yield create
    cursor = admin.cursor()
    for role in (name for created in reversed(roles) for name in (f"{created}_clone", created)):
        cursor.execute(f"SELECT 1 FROM pg_roles WHERE rolname = {literal(role)}")
        if cursor.fetchall():
            cursor.execute(f"DROP OWNED BY {identifier(role)}")
            cursor.execute(f"DROP ROLE {identifier(role)}")
    admin.close()


@pytest.fixture
def new_account(
    aws: EmbeddedAws, mariadb: EmbeddedMariaDB, recorder: Recorder
) -> Iterator[Callable[..., RotatingLogin]]:
    """``new_account(function, username, password, form)``: the account, its secret in that form, rotation enabled."""
    secrets, accounts, admin = aws.client("secretsmanager"), list[str](), mariadb.connect()

    def create(
        function: ModuleType, username: str = "", password: str = "", form: Callable[[Document], Document] = dict
    ) -> RotatingLogin:
        username = username or f"orders_{uuid.uuid4().hex[:8]}"
        password = password or uuid.uuid4().hex
        name = mysql.account(username)
        admin.cursor().execute(f"CREATE USER {name} IDENTIFIED BY {mysql.literal(password)}")
        accounts.append(username)
        document = {
            "engine": "mariadb", "host": mariadb.host, "port": mariadb.port, "username": username, "password": password,
            "ssl": False,
        }  # fmt: skip
        arn = secrets.create_secret(Name=uuid.uuid4().hex, SecretString=json.dumps(form(document)))["ARN"]
        aws.enable_rotation(arn)
        return RotatingLogin(function, recorder, aws, mariadb, admin, secrets, arn, username, mysql.account)

    yield create
    for name in (name for created in reversed(accounts) for name in (f"{created}_clone", created)):
        admin.cursor().execute(f"DROP USER IF EXISTS {mysql.account(name)}")
    admin.close()


@pytest.fixture
def new_user(
    aws: EmbeddedAws, redis_server: EmbeddedRedis, recorder: Recorder
) -> Iterator[Callable[..., RotatingLogin]]:
    """``new_user(function, username, password, form)``: the user, its secret in that form, rotation enabled."""
    secrets, users = aws.client("secretsmanager"), list[str]()

    def create(
        function: ModuleType, username: str = "", password: str = "", form: Callable[[Document], Document] = dict
    ) -> RotatingLogin:
        username = username or f"orders_{uuid.uuid4().hex[:8]}"
        password = password or uuid.uuid4().hex
        redis_server.execute("ACL", "SETUSER", username, "reset", "on", digest(password), "~*", "&*", "+@all")
        users.append(username)
        document = {
            "engine": "redis", "host": redis_server.host, "port": redis_server.port, "username": username,
            "password": password, "ssl": False,
        }  # fmt: skip
        arn = secrets.create_secret(Name=uuid.uuid4().hex, SecretString=json.dumps(form(document)))["ARN"]
        aws.enable_rotation(arn)
        return RotatingLogin(function, recorder, aws, redis_server, None, secrets, arn, username)

    yield create
    redis_server.execute("ACL", "DELUSER", *users, "nobody")
