"""What ``scan`` reads: files as they lie there, standard input, the index, what a branch adds, or what a hook is called for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from hardcode_hunter import discover
from hardcode_hunter.config import Settings
from hardcode_hunter.errors import UsageError

if TYPE_CHECKING:
    from hardcode_hunter.cli.scan import Options
    from hardcode_hunter.images import Changes
    from hardcode_hunter.pipeline import Found, Progress
    from hardcode_hunter.ruleset import RuleSet


def feed(options: Options, paths: tuple[Path, ...], settings: Settings, root: Path, stack: ExitStack) -> discover.Feed:
    """The feed that the options ask for; ``stack`` closes it. Raises ``UsageError`` for options that don't go together."""
    stdin = Path("-") in paths
    if options.staged + options.hook + (options.since is not None) + options.history + stdin > 1:
        raise UsageError("--staged, --since, --hook, --history and - exclude one another; give one of them")
    if stdin:
        if len(paths) > 1:
            raise UsageError("- stands for stdin alone; give no other path with it")
        return discover.InMemory(discover.Walk(root), _stdin_name(options, root), sys.stdin.buffer.read())
    if options.history:
        if options.paths and any(path.resolve() != root for path in paths):
            raise UsageError(
                f"--history looks at the whole of a repository; name {root}, or call it there without a path"
            )
        from hardcode_hunter import past

        return past.opened(root, settings.left_out)
    if options.hook and (changes := _hooked(options, settings, root)):
        return stack.enter_context(changes)
    if not options.staged and options.since is None:
        forced = settings.force_exclude or options.hook
        if options.hook:
            paths = tuple(path for path in paths if os.path.lexists(path)) or paths  # some were deleted
        return discover.OnDisk(discover.Walk(root), paths, settings.left_out, forced, settings.respect_gitignore)
    from hardcode_hunter import images

    within = [_name(root, path) for path in options.paths]
    if options.since is not None:
        last = os.environ.get("PRE_COMMIT_TO_REF") if options.since == "auto" else None
        changes = images.since(root, ref(options.since), within, settings.left_out, head=last or "HEAD")
        return stack.enter_context(changes)
    return stack.enter_context(images.staged(root, within, settings.left_out))


def sweep(
    feed: discover.Feed, options: Options, settings: Settings, shown: Progress | None
) -> Callable[[RuleSet, bytes], Found] | None:
    """How the history is read, or a large tree on disk, by as many processes as pay; ``None`` for everything else."""
    if options.history:
        from hardcode_hunter import past

        assert isinstance(feed, past.Past)
        return past.sweep(feed, settings.min_confidence, settings.suppressions, shown)
    if not isinstance(feed, discover.OnDisk) or (options.jobs < 2 and not _large(feed)):
        return None
    from hardcode_hunter import pool, sweep

    def order(key: bytes) -> pool.Order:
        extra = tuple(Path(folder) for folder in settings.extra_rules)
        return pool.Order(feed.walk.root, extra, settings.default_rules, key, settings.min_confidence)

    return sweep.over(feed, order, options.jobs, shown)


def _large(feed: discover.OnDisk) -> bool:
    """Whether a folder is among the paths: files that are named, as a hook does, are few."""
    return any(path.is_dir() for path in feed.paths)


def listed(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """``paths``, and in the place of ``@FILE`` the paths that stand in it, one a line. Raises ``UsageError`` when it can't be read."""
    found: list[Path] = []
    for path in paths:
        name = os.fspath(path)
        if not name.startswith("@") or os.path.lexists(path):
            found.append(path)
            continue
        try:
            rows = Path(name[1:]).read_bytes().splitlines()
        except OSError as error:
            raise UsageError(
                f"{name}: cannot be read ({error.strerror}); give a file that lists paths, one a line"
            ) from None
        found += [Path(os.fsdecode(row)) for row in rows if row.strip()]
    return tuple(found)


def _hooked(options: Options, settings: Settings, root: Path) -> Changes | None:
    """The change that the files are named for: what pre-commit compares (``--from-ref``, or before a push), else what is staged."""
    from hardcode_hunter import images

    first, last = os.environ.get("PRE_COMMIT_FROM_REF"), os.environ.get("PRE_COMMIT_TO_REF")
    compared = (first, last) if first and last else None
    names = [_name(root, path) for path in options.paths]
    return images.named(root, names, settings.left_out, compared)


def _name(root: Path, path: Path) -> str:
    """A path as git calls it; the root is empty."""
    name = discover.relative(root, path if path.is_symlink() or not path.is_dir() else path.resolve())
    return "" if name == "." else name


def _stdin_name(options: Options, root: Path) -> str:
    if not options.stdin_filename:
        return "stdin"
    whole = Path(os.path.abspath(options.stdin_filename))
    return whole.relative_to(root).as_posix() if root in whole.parents else Path(options.stdin_filename).name


def ref(name: str) -> str:
    """What ``auto`` stands for: what pre-commit, GitLab or GitHub says that this branch is compared with, else the remote's default branch."""
    if name != "auto":
        return name
    environment = os.environ
    named = environment.get("PRE_COMMIT_FROM_REF") or environment.get("CI_MERGE_REQUEST_DIFF_BASE_SHA")
    branch = environment.get("GITHUB_BASE_REF") or environment.get("CI_DEFAULT_BRANCH") or "HEAD"
    return named or f"origin/{branch}"
