"""``hardcode-hunter scan``: the linter, the hook and the gate."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hardcode_hunter import config, discover, pipeline
from hardcode_hunter.cli import _completing, _feeds, _outputs
from hardcode_hunter.config import Settings
from hardcode_hunter.errors import UsageError
from hardcode_hunter.formats._summary import plural, printable, statistics, summary
from hardcode_hunter.formats._summary import where as place_of
from hardcode_hunter.judge import HUSHING, Gate
from hardcode_hunter.model import Confidence, Verdict

if TYPE_CHECKING:
    from hardcode_hunter.model import Remark, Scan
    from hardcode_hunter.trusted import Trusted

PATH = click.Path(path_type=Path)
PROBLEMS = 10
"""Files that could only be read as text, named unless all are asked for."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says, as it says it."""

    paths: tuple[Path, ...]
    outputs: tuple[str, ...] = ()
    color: str = "auto"
    quiet: bool = False
    verbose: bool = False
    staged: bool = False
    hook: bool = False
    since: str | None = None
    stdin_filename: str | None = None
    baseline: Path | None = None
    baseline_key: Path | None = None
    min_confidence: str | None = None
    fail_on: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    respect_gitignore: bool | None = None
    config: Path | None = None
    config_from: str | None = None
    isolated: bool = False
    no_suppressions: bool = False
    exit_zero: bool = False
    allow_empty: bool = False
    statistics: bool = False
    show_files: bool = False
    show_settings: bool = False
    jobs: int = 0
    history: bool = False


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, type=PATH)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="FORMAT[:FILE]",
    shell_complete=_completing.formats,
    help="How to print (full, concise, grouped, json, jsonl, sarif, github, github-summary, gitlab-secrets, gitlab, junit, html), and "
    "where; repeatable. Default: full.",
)
@click.option(
    "--color",
    type=click.Choice(_outputs.COLORS),
    default="auto",
    help="Colours. Default: on a terminal, or as NO_COLOR and FORCE_COLOR say.",
)
@click.option(
    "-q", "--quiet", is_flag=True, help="Say nothing of remarks, nor of files that could only be read as text."
)
@click.option("-v", "--verbose", is_flag=True, help="Say what was looked at, even when nothing is found.")
@click.option("--staged", is_flag=True, help="Judge what the index adds to HEAD, as it is staged.")
@click.option(
    "--hook",
    is_flag=True,
    help="For hooks: judge what the commit adds to PATHS; all of files that it doesn't touch. Implies --force-exclude and --allow-empty.",
)
@click.option(
    "--since",
    metavar="REF",
    help="Judge what HEAD adds to its merge base with REF. 'auto': what CI or pre-commit compares with.",
)
@click.option("--stdin-filename", metavar="NAME", help="What the text from stdin (PATH -) is called.")
@click.option(
    "--baseline", type=PATH, metavar="FILE", help="Known findings. Default: hardcode-hunter.baseline, if there is one."
)
@click.option(
    "--baseline-key",
    type=PATH,
    metavar="FILE",
    envvar="HARDCODE_HUNTER_BASELINE_KEY",
    help="A key outside the repository, to notice that a known value changed.",
)
@click.option(
    "--min-confidence",
    type=click.Choice(["low", "medium", "high"]),
    help="Leave out less certain findings. Default: medium.",
)
@click.option(
    "--fail-on",
    type=click.Choice(config.FAIL_ON),
    help="The least certain finding that makes the exit status 1. Default: any.",
)
@click.option(
    "--select",
    multiple=True,
    metavar="RULE",
    shell_complete=_completing.rules,
    help="Only these rules (ids or globs, comma-separated); repeatable.",
)
@click.option(
    "--ignore", multiple=True, metavar="RULE", shell_complete=_completing.rules, help="Not these rules; repeatable."
)
@click.option(
    "--per-file-ignores", multiple=True, metavar="GLOB:RULE", help="Not these rules in matching files; repeatable."
)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out matching files and folders; repeatable.")
@click.option("--force-exclude", is_flag=True, help="Leave out excluded files even if they are named.")
@click.option(
    "--respect-gitignore/--no-respect-gitignore",
    default=None,
    help="Leave out what git ignores. Default: yes.",
)
@click.option(
    "--config",
    type=PATH,
    metavar="FILE",
    help="Configuration file. Default: hardcode-hunter.toml, else pyproject.toml.",
)
@click.option(
    "--config-from",
    metavar="REF",
    help="Obey configuration, comments and baseline as REF has them; what the scanned tree adds is counted. 'auto': as for --since.",
)
@click.option("--isolated", is_flag=True, help="Ignore all configuration files.")
@click.option("--no-suppressions", is_flag=True, help="Ignore comments, per-file ignores and the baseline.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 even when there are findings.")
@click.option("--allow-empty", is_flag=True, help="Finding no file, no change or no rule to look for is fine.")
@click.option(
    "--history", is_flag=True, help="Every version of every file that a branch, tag or remote branch reaches."
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(0, 256),
    default=0,
    metavar="N",
    help="Processes for large trees. Default: one for each processor. The result is the same.",
)
@click.option("--statistics", is_flag=True, help="Count findings by rule instead of printing them.")
@click.option("--show-files", is_flag=True, help="Print the files that would be looked at, and stop.")
@click.option("--show-settings", is_flag=True, help="Print the settings that are in force, and stop.")
def scan(**given: object) -> int:
    """Find hardcoded credentials below PATHS (default: the working directory), in stdin (-), or below the paths that a file lists (@FILE).

    Exit status: 0 clean, 1 findings, 2 error or incomplete. A test-value alone doesn't fail.
    """
    options = Options(**given)  # type: ignore[arg-type]
    options = replace(options, paths=_feeds.listed(options.paths))
    paths = options.paths or (Path("."),)
    named = [p for p in paths if p != Path("-")] or [Path(".")]
    root = discover.project_root(named).resolve()
    where = _outputs.targets(options.outputs or ("full",))
    with ExitStack() as stack:
        trust = _trust(options, root, stack)
        settings = _settings(options, root, trust)
        if options.show_settings:
            click.echo("\n".join(config.shown(settings)))
            return 0
        feed = _feeds.feed(options, paths, settings, root, stack)
        if options.show_files:
            return _show_files(feed, options)
        gate, key = _gate(options, root)
        shown = progress()
        result, _ = pipeline.scan(
            named,
            settings,
            root,
            shown,
            feed=feed,
            gate=gate,
            key=key,
            trusted=trust.reference if trust else None,
            sweep=_feeds.sweep(feed, options, settings, shown),
        )
        if trust:
            result = replace(result, remarks=(*trust.remarks, *result.remarks))
        end_progress(shown)
        not_empty(result, feed, allow_empty=options.allow_empty or options.hook)
    _tell(result, options)
    if options.statistics:
        click.echo(statistics(result), nl=False)
    if options.outputs or not options.statistics:
        _outputs.write(result, where, options.color)
    return status(result, exit_zero=options.exit_zero, fail_on=settings.fail_on)


def _gate(options: Options, root: Path) -> tuple[Gate, bytes | None]:
    """What hushes here, and the key of the digests where the user has one."""
    if options.baseline_key is None:
        return HUSHING, None
    from hardcode_hunter import baseline

    key = baseline.load_key(options.baseline_key, root)
    return Gate(HUSHING.statuses, baseline.load_marks(options.baseline_key)), key


@dataclass(frozen=True, slots=True)
class _Trust:
    """What ``--config-from`` names: its settings, and what the scanned tree's own would have loosened."""

    reference: Trusted
    settings: Settings
    remarks: tuple[Remark, ...]


def _trust(options: Options, root: Path, stack: ExitStack) -> _Trust | None:
    if options.config_from is None:
        return None
    import tempfile

    from hardcode_hunter import trusted

    reference = stack.enter_context(trusted.at(root, _feeds.ref(options.config_from)))
    place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hardcode-hunter-")))
    settings = trusted.settings(reference, root, place, isolated=options.isolated, file=options.config)
    remarks = trusted.loosened(reference, root, settings, isolated=options.isolated, file=options.config)
    return _Trust(reference, settings, remarks)


def _settings(options: Options, root: Path, trust: _Trust | None = None) -> Settings:
    """The command line over the files: what is named replaces, ``ignore``, ``exclude`` and ``per-file-ignores`` are added."""
    settings = trust.settings if trust else config.load(root, isolated=options.isolated, file=options.config)
    per_file = dict(settings.per_file_ignores)
    for spec in options.per_file_ignores:
        glob, colon, rules = spec.rpartition(":")
        if not colon or not glob or not rules:
            raise UsageError(f"--per-file-ignores: '{spec}' is no GLOB:RULE; write it as in 'tests/*:generic-password'")
        per_file[glob] = (*per_file.get(glob, ()), *_split([rules]))
    return replace(
        settings,
        min_confidence=config.confidence(options.min_confidence, "--min-confidence")
        if options.min_confidence
        else settings.min_confidence,
        fail_on=options.fail_on or settings.fail_on,
        select=_split(options.select) or settings.select,
        ignore=(*settings.ignore, *_split(options.ignore)),
        per_file_ignores=per_file,
        exclude=(*settings.exclude, *options.exclude),
        force_exclude=settings.force_exclude or options.force_exclude,
        respect_gitignore=settings.respect_gitignore
        if options.respect_gitignore is None
        else options.respect_gitignore,
        suppressions=settings.suppressions and not options.no_suppressions,
        baseline=_below(root, options.baseline) if options.baseline else settings.baseline,
    )


def _split(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.strip() for row in given for name in row.split(",") if name.strip())


def _below(root: Path, path: Path) -> str:
    whole = path.resolve()
    return whole.relative_to(root).as_posix() if root in whole.parents else os.fspath(whole)


def _show_files(feed: discover.Feed, options: Options) -> int:
    names = [name for name in feed.names() if not name.endswith("/")]  # a repository of its own is listed, and left out
    for name in names:
        click.echo(printable(name))
    if not names and not options.allow_empty:
        raise UsageError(f"no file to scan in {feed.walk.root}; give a path that has some, or --allow-empty")
    return 0


# ---------------------------------------------------------------- what comes of it


def not_empty(result: Scan, feed: discover.Feed, *, allow_empty: bool = False) -> None:
    """Raises ``UsageError`` when no file was looked at, or for no rule: that is never a pass."""
    if allow_empty:
        return
    if not result.rules:
        raise UsageError(
            "no rule to look for is left; correct 'select', 'ignore' and 'default-rules', or --allow-empty"
        )
    if not result.files and not getattr(feed, "touched", 0):
        what = getattr(feed, "without", "no file to scan")
        raise UsageError(f"{what} in {result.root}; give a path that has files to scan, or --allow-empty")


def status(result: Scan, *, exit_zero: bool = False, fail_on: str = "any") -> int:
    """The exit status that a scan deserves."""
    if any(p.fatal for p in result.problems):
        return 2
    least = Confidence.LOW if fail_on == "any" else Confidence[fail_on.upper()]
    failing = any(f.verdict is not Verdict.TEST_VALUE and f.confidence >= least for f in result.findings)
    return int(failing and not exit_zero)


def _tell(result: Scan, options: Options) -> None:
    """What goes to stderr: problems; remarks, unless quiet; and of a clean scan one line, on a terminal or when asked for."""
    report_problems(result, quiet=options.quiet, verbose=options.verbose)
    for remark in () if options.quiet else result.remarks:
        click.echo(f"{place_of(remark)}: {printable(remark.message)}", err=True)
    disobeyed = sum(remark.code == "not-obeyed" for remark in result.remarks)
    if disobeyed:
        click.echo(f"{plural(disobeyed, 'loosening')} of the scanned tree not obeyed (--config-from)", err=True)
    if not options.quiet and (options.verbose or (not result.findings and sys.stderr.isatty())):
        click.echo(summary(result), err=True)


def report_problems(result: Scan, *, quiet: bool = False, verbose: bool = False) -> bool:
    """Names problems on stderr: those that make the scan incomplete, and of the others the first few. True when it is incomplete."""
    fatal = [p for p in result.problems if p.fatal]
    others = [] if quiet else [p for p in result.problems if not p.fatal]
    shown = others if verbose else others[:PROBLEMS]
    for problem in (*fatal, *shown):
        click.echo(f"{place_of(problem)}: {printable(problem.message)}", err=True)
    if len(shown) < len(others):
        click.echo(f"… and {len(others) - len(shown)} more such problems; --verbose names them", err=True)
    return bool(fatal)


def progress() -> pipeline.Progress | None:
    """Counts files on a terminal's stderr; nothing in a pipe, and nothing in CI."""
    if not sys.stderr.isatty() or os.environ.get("CI"):
        return None

    def show(files: int) -> None:
        if files % 200 == 0:
            click.echo(f"\r{files} files …\r", nl=False, err=True)

    return show


def end_progress(shown: pipeline.Progress | None) -> None:
    """Takes the count away again."""
    if shown is not None:
        click.echo("\r\033[K", nl=False, err=True)
