"""A login whose password is kept in Secrets Manager, and the emitted Lambda that rotates it.

The function runs from the files that ``generate`` emits, in a directory of their own. A crash is an exception that no
``except Exception`` catches, as no handler outlives its process.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from hardcode_hunter.plugins import Rotation, load
from hardcode_hunter.rotations import sources
from tests.embedded.aws import EmbeddedAws
from tests.embedded.postgres import identifier

Document = dict[str, Any]
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


class Crash(BaseException):
    """The process dies here."""


_READING = re.compile(
    r"secretsmanager:(DescribeSecret|GetSecretValue|GetRandomPassword)\Z|elasticache:DescribeUsers\Z|(log in|check|BEGIN)\Z|"
    r"(SELECT|SHOW|SET SESSION|SET ROLE NONE|ACL (LIST|GETUSER|WHOAMI|USERS))\b"
)


def crash_points(events: list[str]) -> list[int]:
    """After which of ``events`` a process that dies leaves something else behind than after the one before: the first, and those that
    change something. With the environment variable ``HARDCODE_HUNTER_EVERY_POINT`` all of them, which takes four times as long."""
    every = os.environ.get("HARDCODE_HUNTER_EVERY_POINT", "") != ""
    points = [point for point, event in enumerate(events) if every or point == 0 or not _READING.match(event)]
    assert len(points) > 3, "a rotation changes more than that"
    return points


@dataclass
class Recorder:
    """What the function did, in order: operations of Secrets Manager, logins and statements with who ran them.

    ``dies_after`` is the number of the event after whose effect the process dies.
    """

    events: list[str] = field(default_factory=list)
    statements: list[tuple[str, str]] = field(default_factory=list)
    dies_after: int | None = None

    def saw(self, event: str) -> None:
        self.events.append(event)
        if self.dies_after is not None and len(self.events) > self.dies_after:
            raise Crash(event)

    def operations(self) -> set[str]:
        return {event for event in self.events if event.startswith("secretsmanager:")}


class Server(Protocol):
    """A real server on loopback."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def password(self) -> str: ...
    def accepts(self, user: str, password: str) -> bool: ...
    def change_password(self, user: str, password: str) -> None: ...
    def connect(self, *, user: str = ..., password: str | None = ...) -> Any: ...
    def execute(self, statement: str) -> list[list[Any]]: ...


@dataclass
class RotatingLogin:
    """A login of the server, its secret, and the function under test."""

    function: ModuleType
    recorder: Recorder
    aws: EmbeddedAws
    server: Server
    admin: Any  # a superuser's session
    secrets: Any  # a client that the recorder doesn't see
    arn: str
    username: str
    quoted: Callable[[str], str] = identifier

    def execute(self, statement: str) -> None:
        """Run ``statement`` as superuser; ``{login}`` in it is the login's name, quoted."""
        self.admin.cursor().execute(statement.replace("{login}", self.quoted(self.username)))

    def begin(self) -> str:
        """The state before createSecret; the token of the new rotation."""
        token = str(uuid.uuid4())
        self.aws.begin_rotation(self.arn, token)
        return token

    def step(self, step: str, token: str) -> None:
        self.function.handler({"Step": step, "SecretId": self.arn, "ClientRequestToken": token}, None)

    def rotate(self, token: str = "") -> str:
        """All four steps, of a new rotation when no token is given."""
        token = token or self.begin()
        for step in STEPS:
            self.step(step, token)
        return token

    def stages(self) -> dict[str, list[str]]:
        stages: dict[str, list[str]] = self.secrets.describe_secret(SecretId=self.arn)["VersionIdsToStages"]
        return stages

    def value(self, stage: str = "AWSCURRENT") -> Document:
        answer = self.secrets.get_secret_value(SecretId=self.arn, VersionStage=stage)
        document: Document = json.loads(answer["SecretString"])
        return document

    def put(self, token: str = "", stage: str = "AWSCURRENT", **keys: Any) -> None:
        """A version that differs from AWSCURRENT in ``keys``."""
        value = json.dumps({**self.value(), **keys})
        version = {"ClientRequestToken": token} if token else {}
        self.secrets.put_secret_value(SecretId=self.arn, SecretString=value, VersionStages=[stage], **version)

    def accepts(self, password: str) -> bool:
        return self.server.accepts(self.username, password)

    def finished(self, token: str, old: str) -> bool:
        """Whether the rotation ended as it must: two labels and no third, the new password in and the old one out."""
        version_ids = {labels[0]: version for version, labels in self.stages().items() if len(labels) == 1}
        return (
            version_ids.get("AWSCURRENT") == token
            and version_ids.keys() == {"AWSCURRENT", "AWSPREVIOUS"} == {s for v in self.stages().values() for s in v}
            and str(self.value("AWSPREVIOUS")["password"]) == old
            and self.accepts(self.value()["password"])
            and not self.accepts(old)
        )


def everything_said(error: BaseException) -> str:
    """All that a log of the exception could hold: its traceback with every chained exception, and their arguments."""
    seen, todo, said = set(), [error], ["".join(traceback.format_exception(error))]
    while todo:
        one = todo.pop()
        if id(one) not in seen:
            seen.add(id(one))
            said += [repr(one), repr(one.args), repr(vars(one)), repr(getattr(one, "doc", ""))]
            todo += [other for other in (one.__cause__, one.__context__) if other is not None]
    return "\n".join(said)


def emitted(name: str, directory: Path) -> ModuleType:
    """The function as a deployment would import it: from the emitted files, under the name its handler has."""
    rotation = load("rotations", Rotation)[name]
    for file, content in sources(rotation).items():
        (directory / file).write_bytes(content)
    spec = importlib.util.spec_from_file_location(
        f"emitted_{rotation.directory}", directory / f"{rotation.handler.partition('.')[0]}.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    sys.path.insert(0, str(directory))  # as Lambda does with the directory of the package
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(directory))
    return module
