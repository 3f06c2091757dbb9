"""Files of a tree, each written whole or not at all.

A file is reached through its parent directories, opened one by one without following a symbolic link, so that nothing outside the
tree is read or written. It is written beside itself, brought to the disk, given the original's owner, mode and attributes, and renamed
over it after a last look that nobody touched it meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hardcode_hunter.errors import HardcodeHunterError, Refused, StaleError
from hardcode_hunter.state import write_all

_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
TEMPORARY = ".hh-"


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file as it was read: its bytes, its metadata, and its extended attributes."""

    data: bytes
    status: os.stat_result
    attributes: tuple[tuple[str, bytes], ...] = ()

    @property
    def mode(self) -> int:
        return stat.S_IMODE(self.status.st_mode)


@dataclass(frozen=True, slots=True)
class Place:
    """A name in an opened directory. ``path`` is for messages; what is done goes through the directory."""

    path: str
    folder: int
    name: str


@contextmanager
def place(root: Path, path: str, *, create: bool = False) -> Iterator[Place | None]:
    """Where ``path`` lies; ``None`` when one of its directories doesn't exist. ``create`` makes them.

    Raises ``Refused`` for a path that leaves the tree, enters ``.git`` or leads through a symbolic link.
    """
    *folders, name = _parts(path)
    try:
        handle = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    except OSError as error:
        raise failed(os.fspath(root), error) from None
    try:
        for folder in folders:
            below = _enter(handle, folder, path, create)
            if below is None:
                yield None
                return
            os.close(handle)
            handle = below
        yield Place(path, handle, name)
    finally:
        os.close(handle)


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    if any(part in ("", ".", "..") or "\0" in part or part.lower() == ".git" for part in parts):
        raise Refused(f"{path!r}: is no path inside the tree that may be written; nothing was done")
    return parts


def _enter(handle: int, folder: str, path: str, create: bool) -> int | None:
    if create:
        with suppress(FileExistsError):
            os.mkdir(folder, 0o777, dir_fd=handle)
            os.fsync(handle)
    try:
        return os.open(folder, _FOLDER, dir_fd=handle)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise Refused(
                f"{path}: {folder!r} on the way is a symbolic link or a file; nothing is written through it"
            ) from None
        raise failed(path, error) from None


def missing_folders(root: Path, path: str) -> tuple[str, ...]:
    """The directories of ``path`` that don't exist yet, outermost first."""
    folders = path.split("/")[:-1]
    names = ["/".join(folders[: i + 1]) for i in range(len(folders))]
    return tuple(name for name in names if not os.path.lexists(root / name))


def failed(path: str, error: OSError) -> HardcodeHunterError:
    return HardcodeHunterError(
        f"{path}: {error.strerror or type(error).__name__}; every file is as it was or complete. Remove the cause, then apply again or undo"
    )


# ---------------------------------------------------------------- reading


def read(where: Place) -> Found | None:
    """The file, or ``None`` when there is none. Raises ``Refused`` for links, devices and what can't be read."""
    try:
        handle = os.open(where.name, _READ, dir_fd=where.folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Refused(
                f"{where.path}: is a symbolic link, and those are not written through; change its target instead"
            ) from None
        raise Refused(
            f"{where.path}: can't be read ({error.strerror}); correct its permissions, then apply again"
        ) from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise Refused(f"{where.path}: is not a regular file")
    with open(handle, "rb") as file:
        if status.st_nlink > 1:
            raise Refused(
                f"{where.path}: has {status.st_nlink} hard links; writing it would part it from the others. "
                "Copy it over itself (cp F F.new; mv F.new F), then apply again"
            )
        try:
            return Found(file.read(), status, _attributes(handle))
        except OSError as error:
            raise failed(where.path, error) from None


def _attributes(handle: int) -> tuple[tuple[str, bytes], ...]:
    if not hasattr(os, "listxattr"):
        return ()
    try:
        return tuple((name, os.getxattr(handle, name)) for name in sorted(os.listxattr(handle)))
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENODATA):
            return ()
        raise


def unchanged(where: Place, old: Found) -> None:
    """Raises ``StaleError`` when the file is no longer the one that was read."""
    try:
        now = os.stat(where.name, dir_fd=where.folder, follow_symlinks=False)
    except FileNotFoundError:
        raise StaleError(f"{where.path}: was removed meanwhile; plan again") from None
    same = all(
        getattr(now, key) == getattr(old.status, key)
        for key in ("st_dev", "st_ino", "st_mode", "st_size", "st_mtime_ns")
    )
    again = read(where) if same else None
    if again is None or again.data != old.data:
        raise StaleError(f"{where.path}: was changed by somebody meanwhile, and is left as it is; plan again")


# ---------------------------------------------------------------- writing


def replace(where: Place, temporary: str, data: bytes, old: Found) -> None:
    """``data`` in the place of ``old``, with its owner, its mode and its attributes."""
    try:
        _write(where, temporary, data, old.mode, old)
        unchanged(where, old)
        os.rename(temporary, where.name, src_dir_fd=where.folder, dst_dir_fd=where.folder)
        os.fsync(where.folder)
    except BaseException as error:
        _abandon(where, temporary, error)


def create(where: Place, temporary: str, data: bytes, mode: int) -> None:
    """``data`` under a name that isn't taken. Raises ``StaleError`` when it was taken meanwhile."""
    try:
        _write(where, temporary, data, mode, None)
        try:
            os.link(temporary, where.name, src_dir_fd=where.folder, dst_dir_fd=where.folder)
            os.unlink(temporary, dir_fd=where.folder)
        except FileExistsError:
            raise StaleError(
                f"{where.path}: was made by somebody meanwhile, and is left as it is; apply again"
            ) from None
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                raise
            _rename_new(where, temporary)  # a file system without hard links
        os.fsync(where.folder)
    except BaseException as error:
        _abandon(where, temporary, error)


def _rename_new(where: Place, temporary: str) -> None:
    with suppress(FileNotFoundError):
        os.stat(where.name, dir_fd=where.folder, follow_symlinks=False)
        raise StaleError(f"{where.path}: was made by somebody meanwhile, and is left as it is; apply again")
    os.rename(temporary, where.name, src_dir_fd=where.folder, dst_dir_fd=where.folder)


def _abandon(where: Place, temporary: str, error: BaseException) -> None:
    with suppress(OSError):
        os.unlink(temporary, dir_fd=where.folder)
    if isinstance(error, OSError):
        raise failed(where.path, error) from None
    raise error


def _write(where: Place, temporary: str, data: bytes, mode: int, old: Found | None) -> None:
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=where.folder)
    handle = os.open(temporary, _NEW, 0o600, dir_fd=where.folder)
    try:
        write_all(handle, data)
        if old is not None:
            _keep_owner(handle, where, old)
        os.fchmod(handle, mode)
        os.fsync(handle)
    finally:
        os.close(handle)


def _keep_owner(handle: int, where: Place, old: Found) -> None:
    mine = os.fstat(handle)
    if (mine.st_uid, mine.st_gid) != (old.status.st_uid, old.status.st_gid):
        try:
            os.fchown(handle, old.status.st_uid, old.status.st_gid)
        except PermissionError:
            raise Refused(
                f"{where.path}: belongs to another user or group, which can't be kept; run as its owner"
            ) from None
    have = dict(_attributes(handle)) if old.attributes else {}
    for name, value in old.attributes:
        if have.get(name) == value:
            continue
        try:
            os.setxattr(handle, name, value)
        except OSError:
            if not name.startswith("security."):  # a label is the system's to give
                raise Refused(f"{where.path}: its attribute {name!r} can't be kept; nothing was written") from None


def remove(where: Place, old: Found) -> None:
    """The file gone, when it is still the one that was read."""
    unchanged(where, old)
    try:
        os.unlink(where.name, dir_fd=where.folder)
        os.fsync(where.folder)
    except OSError as error:
        raise failed(where.path, error) from None


def remove_folders(root: Path, folders: Sequence[str]) -> None:
    """Removes those of ``folders`` that are empty, innermost first."""
    for folder in sorted(folders, key=len, reverse=True):
        with place(root, folder) as where:
            if where is None:
                continue
            try:
                os.rmdir(where.name, dir_fd=where.folder)
                os.fsync(where.folder)
            except OSError as error:
                if error.errno in (
                    errno.ENOSPC,
                    errno.EIO,
                ):  # a disk that is full or broken now may not be so the next time
                    raise failed(folder, error) from None


def sweep(root: Path, leftovers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Removes temporary files of runs that were killed: pairs of a file's path and the temporary name beside it."""
    swept = []
    for path, temporary in leftovers:
        with place(root, path) as where:
            if where is None or not temporary.startswith(TEMPORARY):
                continue
            try:
                os.unlink(temporary, dir_fd=where.folder)
                os.fsync(where.folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise failed(path, error) from None
            swept.append(f"{path.rpartition('/')[0]}/{temporary}".lstrip("/"))
    return tuple(swept)


def new_mode() -> int:
    """The mode of a file that the caller creates: 0644 as far as the umask lets it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o644 & ~mask
