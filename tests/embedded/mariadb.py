"""A real MariaDB on loopback, in a data directory of its own, with passwords that are really checked.

The server's program is looked for where a system keeps it, then in the cache that ``python -m tests.downloads`` fills from Debian's
packages (unpacked, not installed).
"""

from __future__ import annotations

import contextlib
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

from tests.downloads import cache
from tests.embedded import Absent, NotReady
from tests.embedded.environment import clean_environment
from tests.embedded.postgres import free_port

SUPERUSER = "admin"
PACKAGES = ("mariadb-server-core", "mariadb-server", "libaio1|libaio1t64", "liburing2", "libnuma1")
_START_SECONDS = 60.0
_POLL_SECONDS = 0.05
_STOP_SECONDS = 30.0
# Stops the server when our end of standard input is closed, however we end; its status is the server's.
_TIED_TO_US = (
    'exec 3<&0; "$@" </dev/null & server=$!; (cat <&3 >/dev/null; kill -TERM $server) & exec 3<&-; wait $server'
)


@dataclass(frozen=True, slots=True)
class EmbeddedMariaDB:
    """A running server. The administrator's password is made at run time and known to nobody else."""

    host: str
    port: int
    password: str
    version: str
    log: Path  # every statement, as the server's general log shows it

    def connect(self, *, user: str = SUPERUSER, password: str | None = None, database: str | None = None) -> Any:
        """A PyMySQL connection in autocommit mode; a wrong password raises ``pymysql.err.OperationalError`` (1045)."""
        import pymysql

        return pymysql.connect(
            user=user,
            host=self.host,
            port=self.port,
            database=database,
            password=(self.password if password is None else password).encode(),
            charset="utf8mb4",
            connect_timeout=10,
            autocommit=True,
            ssl_disabled=True,
        )

    def execute(self, statement: str, *, user: str = SUPERUSER, password: str | None = None) -> list[list[Any]]:
        """Run one statement, as administrator unless told otherwise; its rows, or none."""
        with contextlib.closing(self.connect(user=user, password=password)) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            return [list(row) for row in cursor.fetchall()]

    def accepts(self, user: str, password: str) -> bool:
        """Can this login connect? False for a wrong password and an unknown account alone; other errors are raised."""
        import pymysql

        try:
            self.connect(user=user, password=password).close()
        except pymysql.err.OperationalError as refused:
            if refused.args[0] == 1045:
                return False
            raise
        return True

    def change_password(self, user: str, password: str) -> None:
        """``SET PASSWORD`` of the account at any host."""
        self.execute(f"SET PASSWORD FOR {account(user)} = PASSWORD({literal(password)})")


def account(user: str, host: str = "%") -> str:
    """The account's name, quoted."""
    return f"{identifier(user)}@{identifier(host)}"


def identifier(name: str) -> str:
    """``name`` quoted as an SQL identifier."""
    return "`" + name.replace("`", "``") + "`"


def literal(value: str) -> str:
    """``value`` quoted as an SQL string, in the server's default mode."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def fetch() -> None:
    """Puts the server's packages into the cache, unless a system's own or an earlier one is there."""
    with contextlib.suppress(Absent):
        _program()
        return
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise Absent("there is no MariaDB server here, and no apt-get to fetch Debian's")
    target = cache("mariadb")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="packages-", dir=target.parent) as folder:
        root = Path(folder) / "root"
        for names in PACKAGES:
            _download(names.split("|"), Path(folder))
        for package in sorted(Path(folder).glob("*.deb")):
            subprocess.run(["dpkg", "-x", str(package), str(root)], check=True, capture_output=True)
        if not (root / "usr/sbin/mariadbd").exists():
            raise Absent("apt-get could not download mariadb-server-core; run 'apt-get update' once and try again")
        shutil.rmtree(target, ignore_errors=True)
        root.rename(target)


def _download(alternatives: list[str], folder: Path) -> None:
    """The first of ``alternatives`` that this release has. Without package lists, root brings them up to date once."""
    for update in (False, True):
        if update and (os.geteuid() != 0 or any(folder.iterdir())):
            return
        if update:
            subprocess.run(["apt-get", "update", "-qq"], capture_output=True, timeout=300, check=False)
        for name in alternatives:
            command = ["apt-get", "download", "-qq", name]
            if subprocess.run(command, cwd=folder, capture_output=True, timeout=300, check=False).returncode == 0:
                return


@dataclass(frozen=True, slots=True)
class _Program:
    """The server's program and the folders that it needs."""

    server: Path
    share: Path
    plugins: Path
    libraries: Path | None

    @property
    def environment(self) -> dict[str, str]:
        return clean_environment(
            {"LC_ALL": "C", **({"LD_LIBRARY_PATH": str(self.libraries)} if self.libraries else {})}
        )

    def options(self, data: Path) -> list[str]:
        given = {
            "datadir": data, "lc-messages-dir": self.share, "plugin-dir": self.plugins, "innodb-buffer-pool-size": "16M",
            "innodb-log-file-size": "4M", "innodb-flush-log-at-trx-commit": 0, "innodb-doublewrite": 0,
        }  # fmt: skip
        user = ["--user=root"] if os.geteuid() == 0 else []
        return ["--no-defaults", *user, *(f"--{name}={value}" for name, value in given.items())]


def _program() -> _Program:
    tried = []
    for root, libraries in ((Path("/"), False), (Path("/usr/local"), False), (cache("mariadb"), True)):
        found = [_Program(server, share, plugins, next((root / "usr/lib").glob("*-linux-gnu"), None) if libraries else None)
                 for server in (root / "usr/sbin/mariadbd", root / "usr/libexec/mariadbd", root / "sbin/mariadbd")
                 for share in (root / "usr/share/mysql", root / "usr/share/mariadb", root / "share/mysql")
                 for plugins in (root / "usr/lib/mysql/plugin", root / "usr/lib64/mariadb/plugin", root / "lib/mysql/plugin")
                 if server.exists() and (share / "mysql_system_tables.sql").exists() and plugins.exists()]  # fmt: skip
        for program in found:
            done = subprocess.run(
                [str(program.server), "--version"], env=program.environment, capture_output=True, check=False
            )
            if done.returncode == 0:
                return program
        tried.append(str(root))
    raise Absent(f"No MariaDB server (looked below {', '.join(tried)}). 'python -m tests.downloads' fetches Debian's.")


@contextlib.contextmanager
def embedded_mariadb() -> Iterator[EmbeddedMariaDB]:
    """A fresh server on a free port of 127.0.0.1, stopped and removed when the block ends.

    One account, the administrator's. Raises :class:`Absent` when there is no MariaDB here.
    """
    program = _program()
    directory = Path(tempfile.mkdtemp(prefix="hardcode-hunter-mariadb-"))
    try:
        password = secrets.token_hex(12)
        _initialise(program, directory, password)
        with _running(program, directory, password) as mariadb:
            yield mariadb
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _initialise(program: _Program, directory: Path, password: str) -> None:
    data = directory / "data"
    data.mkdir()
    scripts = ("mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql")
    statements = [
        "CREATE DATABASE mysql;",
        "USE mysql;",
        *(_without_host_names((program.share / name).read_text(errors="replace")) for name in scripts),
        "DELETE FROM global_priv WHERE User <> 'mariadb.sys';",
        "FLUSH PRIVILEGES;",
        f"GRANT ALL ON *.* TO {SUPERUSER}@'%' IDENTIFIED BY '{password}' WITH GRANT OPTION;",
    ]
    done = subprocess.run(
        [str(program.server), *program.options(data), "--bootstrap", "--log-warnings=0"],
        input="\n".join(statements),
        env=program.environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0 or "ERROR" in done.stderr:
        raise NotReady(f"MariaDB's tables could not be made (status {done.returncode}): {done.stderr.strip()[-500:]}")


def _without_host_names(script: str) -> str:
    """The script without the lines that only an installer's variables complete."""
    return "\n".join(line for line in script.splitlines() if "@current_hostname" not in line)


@contextlib.contextmanager
def _running(program: _Program, directory: Path, password: str) -> Iterator[EmbeddedMariaDB]:
    """Start on a free port; should another process take it first, the start fails and says so."""
    port, general = free_port(), directory / "general.log"
    options = {
        "port": port, "bind-address": "127.0.0.1", "socket": directory / "socket", "pid-file": directory / "pid",
        "skip-name-resolve": "1", "general-log": 1, "general-log-file": general, "plugin-maturity": "unknown",
    }  # fmt: skip
    command = [str(program.server), *program.options(directory / "data"), *(f"--{k}={v}" for k, v in options.items())]
    with open(directory / "log", "w+", errors="replace") as log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _TIED_TO_US, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=program.environment,
            start_new_session=True,
        )
        try:
            mariadb = _ready(process, port, password, general)
            if mariadb is None:
                log.seek(0)
                raise NotReady(f"MariaDB ended before it was ready: {log.read().strip()[-500:]}")
            yield mariadb
        finally:
            _stop(process)


def _ready(process: subprocess.Popen[bytes], port: int, password: str, log: Path) -> EmbeddedMariaDB | None:
    """The server once it answers a login; None when the process ended first. Only ours knows the password."""
    import pymysql

    mariadb, pause = EmbeddedMariaDB("127.0.0.1", port, password, "", log), threading.Event()
    for _ in range(int(_START_SECONDS / _POLL_SECONDS)):
        if process.poll() is not None:
            return None
        try:
            [[version]] = mariadb.execute("SELECT VERSION()")
        except (pymysql.err.Error, OSError):
            pause.wait(_POLL_SECONDS)
            continue
        return EmbeddedMariaDB("127.0.0.1", port, password, version, log)
    raise NotReady(f"MariaDB took more than {_START_SECONDS:.0f} s to answer on 127.0.0.1:{port}.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
