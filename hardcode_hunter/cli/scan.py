"""``hardcode-hunter scan``: the linter, the hook and the gate."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from hardcode_hunter import config, discover, pipeline
from hardcode_hunter.errors import UsageError
from hardcode_hunter.formats._summary import printable
from hardcode_hunter.model import Scan, Verdict
from hardcode_hunter.plugins import Format, load


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--output", "outputs", multiple=True, metavar="FORMAT[:FILE]", help="How to print, and where; repeatable. Default: full.")
@click.option("--min-confidence", type=click.Choice(["low", "medium", "high"]), help="Leave out less certain findings. Default: medium.")
@click.option("--select", multiple=True, metavar="RULE", help="Only these rules; repeatable.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Not these rules; repeatable.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out matching files; repeatable.")
@click.option("--isolated", is_flag=True, help="Ignore all configuration files.")
@click.option("--no-suppressions", is_flag=True, help="Ignore comments that hush findings.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 even when there are findings.")
@click.option("--allow-empty", is_flag=True, help="Finding no file to scan is fine.")
def scan(
    paths: tuple[Path, ...],
    outputs: tuple[str, ...],
    min_confidence: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    exclude: tuple[str, ...],
    isolated: bool,
    no_suppressions: bool,
    exit_zero: bool,
    allow_empty: bool,
) -> int:
    """Find hardcoded credentials below PATHS (default: the working directory).

    Exit status: 0 clean, 1 findings, 2 error or incomplete. A test-value alone doesn't fail.
    """
    paths = paths or (Path("."),)
    root = discover.project_root(paths)
    settings = config.load(root, isolated=isolated)
    settings = replace(
        settings,
        min_confidence=config.confidence(min_confidence, "--min-confidence") if min_confidence else settings.min_confidence,
        select=select or settings.select,
        ignore=(*settings.ignore, *ignore),
        exclude=(*settings.exclude, *exclude),
        suppressions=settings.suppressions and not no_suppressions,
    )
    targets = [_target(spec) for spec in outputs or ("full",)]
    result, _ = pipeline.scan(paths, settings, root, progress())
    for form, file in targets:
        _write(form.render(result), file)
    return status(result, exit_zero=exit_zero, allow_empty=allow_empty)


def status(result: Scan, *, exit_zero: bool = False, allow_empty: bool = False) -> int:
    """The exit status that a scan deserves. Raises ``UsageError`` when nothing was scanned."""
    if not result.files and not allow_empty:
        raise UsageError(f"no file to scan in {result.root}; give a path that has some, or --allow-empty")
    if report_problems(result):
        return 2
    return int(not exit_zero and any(f.verdict is not Verdict.TEST_VALUE for f in result.findings))


def report_problems(result: Scan) -> bool:
    """Names each problem on stderr; true when the scan is incomplete because of one."""
    for problem in result.problems:
        click.echo(f"{printable(problem.path)}:{problem.line}: {printable(problem.message)}", err=True)
    return any(p.fatal for p in result.problems)


def progress() -> pipeline.Progress | None:
    """Counts files on a terminal's stderr; nothing in a pipe."""
    if not sys.stderr.isatty():
        return None

    def show(files: int) -> None:
        if files % 200 == 0:
            click.echo(f"\r{files} files …\r", nl=False, err=True)

    return show


def _target(spec: str) -> tuple[Format, Path | None]:
    name, _, file = spec.partition(":")
    formats = load("formats", Format)
    if name not in formats:
        raise UsageError(f"--output: no format is called '{name}'; use one of {', '.join(formats)}")
    return formats[name], Path(file) if file else None


def _write(text: str, file: Path | None) -> None:
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"--output: {file} cannot be written ({error.strerror}); give another place") from None
