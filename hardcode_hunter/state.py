"""What the migration of one tree remembers, outside the tree and for its owner alone.

``$XDG_STATE_HOME`` (absolute, else ``~/.local/state``) ``/hardcode-hunter/<name>-<hash of the real path>/`` is a directory of mode 0700
that holds files of mode 0600. Every access goes through the opened directory and follows no symbolic link, so that
another user can't slip another directory under it once it was checked.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import socket
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from hardcode_hunter.errors import HardcodeHunterError, Refused, UsageError

APPLICATION = "hardcode-hunter"
LOCK = "lock"
SALT = "salt"
_UNFINISHED = ".new-"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def location(root: Path, environ: Mapping[str, str] | None = None) -> Path:
    """Where the state of ``root`` lies, whether or not it exists yet."""
    environ = os.environ if environ is None else environ
    home = environ.get("XDG_STATE_HOME", "")
    # the XDG base directory specification: a relative path is to be ignored
    base = (
        Path(home) if os.path.isabs(home) else Path(environ.get("HOME") or os.path.expanduser("~"), ".local", "state")
    )
    real = os.path.realpath(root)
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", os.path.basename(real)).strip("-.")[:40] or "root"
    return base / APPLICATION / f"{slug}-{hashlib.sha256(os.fsencode(real)).hexdigest()[:16]}"


def open_state(root: Path, environ: Mapping[str, str] | None = None) -> State:
    """The state of ``root``, created when it is absent.

    Raises ``Refused`` when it would lie inside the repository, belongs to another user or is open to others.
    """
    path = location(root, environ)
    _outside(path, root)
    try:
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        handle = -1
        for folder in (path.parent, path):
            handle = _owned_folder(folder, handle)
    except OSError as error:
        raise UsageError(f"{path}: the state directory can't be made ({error.strerror}); set XDG_STATE_HOME") from None
    return State(Path(os.path.realpath(root)), path, handle)


def _outside(path: Path, root: Path) -> None:
    real, place = Path(os.path.realpath(root)), Path(os.path.realpath(path))
    tree = next((p for p in (real, *real.parents) if (p / ".git").exists()), real)
    if place.is_relative_to(tree):
        raise Refused(
            f"{path}: the state directory lies inside the repository {tree}, where its content could be committed; "
            "set XDG_STATE_HOME to a directory outside"
        )


def _owned_folder(folder: Path, parent: int) -> int:
    """``folder`` opened, made when absent, closing ``parent``. Its owner must be the caller, its mode becomes 0700."""
    try:
        name: str | Path = folder.name if parent >= 0 else folder
        where = parent if parent >= 0 else None
        try:
            os.mkdir(name, 0o700, dir_fd=where)
        except FileExistsError:
            pass
        try:
            handle = os.open(name, _FOLDER, dir_fd=where)
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise Refused(f"{folder}: is not a directory of its own; remove it or set XDG_STATE_HOME") from None
            raise
    finally:
        if parent >= 0:
            os.close(parent)
    found = os.fstat(handle)
    if found.st_uid != os.geteuid():
        os.close(handle)
        raise Refused(f"{folder}: belongs to another user; set XDG_STATE_HOME to a directory of your own")
    if stat.S_IMODE(found.st_mode) & 0o022:
        os.close(handle)
        raise Refused(f"{folder}: others may write there; look at what it holds, then `chmod 700` it")
    if stat.S_IMODE(found.st_mode) != 0o700:
        os.fchmod(handle, 0o700)
    return handle


def write_all(handle: int, data: bytes) -> None:
    """All of ``data``, whatever the system takes at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


@dataclass(slots=True)
class State:
    """An opened state directory. ``locked`` is true while this process is the one run that works on the tree."""

    root: Path
    path: Path
    _folder: int
    locked: bool = field(default=False)

    def __enter__(self) -> State:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def names(self, prefix: str = "") -> list[str]:
        """The files that begin with ``prefix``, sorted."""
        return sorted(name for name in os.listdir(self._folder) if name.startswith(prefix))

    def read(self, name: str) -> bytes | None:
        """The whole file, or ``None`` when there is none. Raises ``Refused`` for what is no file of the caller's own."""
        try:
            handle = os.open(name, _READ, dir_fd=self._folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Refused(f"{self.path / name}: can't be read ({error.strerror}); look at what it is") from None
        with open(handle, "rb") as file:
            self._own(name, os.fstat(handle))
            return file.read()

    def _own(self, name: str, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise Refused(
                f"{self.path / name}: is not a file of yours alone (mode 600); look at what it is, then remove it"
            )

    def write(self, name: str, data: bytes) -> None:
        """The file, whole or not at all, on the disk when this returns."""
        temporary = _UNFINISHED + name
        try:
            self._destroy(temporary)
            handle = os.open(temporary, _NEW, 0o600, dir_fd=self._folder)
            try:
                write_all(handle, data)
                os.fsync(handle)
            finally:
                os.close(handle)
            os.rename(temporary, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)
        except OSError as error:
            with suppress(OSError):
                self._destroy(temporary)
            raise self._failed(name, error) from None

    def append(self, name: str, line: bytes) -> None:
        """``line`` (ending in LF) at the end of the file, on the disk when this returns.

        A line that an earlier run could not finish is cut off first: nobody was told that it was written.
        """
        try:
            handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._folder)
            try:
                self._own(name, os.fstat(handle))
                end = _end_of_last_line(handle)
                os.ftruncate(handle, end)
                os.lseek(handle, end, os.SEEK_SET)
                write_all(handle, line)
                os.fsync(handle)
            finally:
                os.close(handle)
            if not end:
                os.fsync(self._folder)
        except OSError as error:
            raise self._failed(name, error) from None

    def _failed(self, name: str, error: OSError) -> HardcodeHunterError:
        return HardcodeHunterError(
            f"{self.path / name}: can't be written ({error.strerror}); remove the cause, then run again"
        )

    def destroy(self, name: str) -> None:
        """The file overwritten, then removed; absent is fine.

        A journalling or copying file system, or a flash disk, may keep the old blocks: overwriting is the best that a program can do.
        """
        try:
            self._destroy(name)
        except OSError as error:
            raise self._failed(name, error) from None

    def _destroy(self, name: str) -> None:
        try:
            handle = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder)
        except FileNotFoundError:
            return
        try:
            with suppress(OSError):  # on a full disk it can still be removed
                write_all(handle, bytes(os.fstat(handle).st_size))
                os.fsync(handle)
        finally:
            os.close(handle)
        os.unlink(name, dir_fd=self._folder)
        os.fsync(self._folder)

    def salt(self) -> bytes:
        """32 random bytes of this tree's migration, made once: request tokens are derived with them."""
        known = self.read(SALT)
        if known is None or len(known) != 32:
            known = secrets.token_bytes(32)
            self.write(SALT, known)
        return known

    @contextmanager
    def lock(self) -> Iterator[State]:
        """Excludes every other run on the same tree. Raises ``Refused`` naming the process that has it.

        The holder is a process id with its start time, so that the lock of a run that was killed is taken over, even when its id was
        given to another process since. ``flock`` only guards the few instructions in which the record is read and written.
        """
        with self._guard() as handle:
            holder = _record(handle)
            if holder is not None and _alive(holder):
                raise Refused(_held(self.path / LOCK, holder))
            _put(handle, json.dumps(_self()).encode())
        self.locked = True
        try:
            for name in self.names(_UNFINISHED):
                self.destroy(name)
            yield self
        finally:
            self.locked = False
            with self._guard() as handle:
                os.ftruncate(handle, 0)

    @contextmanager
    def _guard(self) -> Iterator[int]:
        try:
            handle = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._folder)
            try:
                self._own(LOCK, os.fstat(handle))
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield handle
            finally:
                os.close(handle)
        except OSError as error:
            raise self._failed(LOCK, error) from None


def _end_of_last_line(handle: int) -> int:
    at = os.fstat(handle).st_size
    while at > 0:
        start = max(0, at - 65536)
        found = os.pread(handle, at - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        at = start
    return 0


# ---------------------------------------------------------------- who holds the lock


def _put(handle: int, data: bytes) -> None:
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    write_all(handle, data)
    os.fsync(handle)


def _record(handle: int) -> dict[str, str] | None:
    """Who holds the lock. What can't be read was written by a run that was killed while writing it."""
    try:
        record = json.loads(os.pread(handle, 4096, 0))
        int(record["process"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return {str(key): str(value) for key, value in record.items()}


def _self() -> dict[str, str]:
    process = os.getpid()
    return {"process": str(process), "started": _started(process) or "", "host": socket.gethostname(), "boot": _boot()}


def _alive(holder: Mapping[str, str]) -> bool:
    if holder.get("host") != socket.gethostname():
        return True  # another machine's process can't be judged from here
    if holder.get("boot", "") != _boot():
        return False
    started = _started(int(holder["process"]))
    return started is not None and (not started or not holder.get("started") or started == holder["started"])


def _held(path: Path, holder: Mapping[str, str]) -> str:
    who = f"process {holder['process']}"
    if holder.get("host") != socket.gethostname():
        return f"{path}: {who} on another machine ({holder.get('host')}) works on this tree; if it has ended, remove that file"
    return f"{path}: another run ({who}) works on this tree; wait until it ends"


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _started(process: int) -> str | None:
    """When a process started, in the system's own words; ``None`` when there is none, empty when that can't be told."""
    try:
        words = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        if os.path.isdir("/proc/self"):
            return None
        return _started_by_ps(process)
    # proc(5): state is field 3, start time field 22; a zombie has ended
    return None if words[0] in (b"Z", b"X") else words[19].decode("ascii")


def _started_by_ps(process: int) -> str | None:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    try:
        run = subprocess.run(
            ["/bin/ps", "-o", "lstart=", "-p", str(process)],
            capture_output=True,
            check=False,
            timeout=10,
            env={"LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.decode("ascii", "replace").strip() or None
