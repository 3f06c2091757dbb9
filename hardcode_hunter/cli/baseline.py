"""``hardcode-hunter baseline``: the known findings, written by a person's command and never by a scan."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from hardcode_hunter import baseline as known
from hardcode_hunter import config, discover, pipeline, records
from hardcode_hunter.cli.scan import end_progress, progress, report_problems
from hardcode_hunter.config import Settings
from hardcode_hunter.errors import UsageError
from hardcode_hunter.formats._summary import plural, printable
from hardcode_hunter.judge import Gate
from hardcode_hunter.model import Confidence, Finding, Plaintext, Scan, Verdict

PATH = click.Path(path_type=Path)
MERGE = "*.baseline merge=union"
SHOWN = 20


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def baseline() -> None:
    """Keep known findings, so that the gate tells only of new ones.

    One sorted line per finding, which may be edited by hand: `status` (todo, false-positive, accepted, migrated, rotated), `reason`, `by`
    and `expires` (YYYY-MM-DD). Nothing in it is made from a value.
    """


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--isolated", is_flag=True, help="Ignore all configuration files."),
        click.option("--config", "config_file", type=PATH, metavar="FILE", help="Configuration file."),
        click.option(
            "--baseline",
            "file",
            type=PATH,
            metavar="FILE",
            help="Default: hardcode-hunter.baseline in the project's root.",
        ),
    ):
        command = option(command)
    return command


def _decision(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--expires", default="", metavar="DATE", help="Last day of new entries, YYYY-MM-DD."),
        click.option("--by", default="", metavar="NAME", help="Who decided on new entries."),
        click.option("--reason", default="", metavar="TEXT", help="Why; needed for false-positive and accepted."),
        click.option(
            "--status", type=click.Choice(sorted(known.HUSHING)), default="todo", help="Of new entries. Default: todo."
        ),
    ):
        command = option(command)
    return command


@baseline.command("create")
@click.argument("paths", nargs=-1, type=PATH)
@_common
@_decision
@click.option(
    "--baseline-key",
    "key_file",
    type=PATH,
    metavar="FILE",
    envvar="HARDCODE_HUNTER_BASELINE_KEY",
    help="Keep marks of the values beside this key, outside the repository; made if it is absent.",
)
def create(
    paths: tuple[Path, ...],
    file: Path | None,
    config_file: Path | None,
    isolated: bool,
    status: str,
    reason: str,
    by: str,
    expires: str,
    key_file: Path | None,
) -> int:
    """Add what a scan of PATHS finds now. Entries that are there keep their decision."""
    root, settings, place = _project(paths, file, config_file, isolated)
    key = _key(key_file, root) if key_file else None
    result = _scan(paths, root, settings, key)[0]
    entries = known.load(place) if place.exists() else {}
    before = len(entries)
    for finding in _standing(result):
        entry = known.checked(known.of(finding, status, reason, by, expires), "--reason")
        old = entries.get(finding.id)
        entries[finding.id] = replace(old, rule=finding.rule) if old and old.status in known.HUSHING else entry
    _write(place, known.text(entries.values()))
    if key_file:
        marks = known.load_marks(key_file) | {f.id: f.digest for f in result.findings if f.id in entries}
        _write(
            known.marks_file(key_file),
            known.marks_text({id: mark for id, mark in marks.items() if id in entries}),
            private=True,
        )
    click.echo(
        f"Wrote {printable(os.fspath(place))}: {plural(len(entries), 'known finding')}, {len(entries) - before} of them new."
    )
    _advise(root, place)
    return 2 if report_problems(result) else 0


@baseline.command("prune")
@_common
def prune(file: Path | None, config_file: Path | None, isolated: bool) -> int:
    """Remove entries whose finding is gone, and follow renamed files."""
    root, settings, place = _project((), file, config_file, isolated)
    entries = known.load(place)
    everything = replace(settings, min_confidence=Confidence.LOW, select=(), ignore=(), suppressions=False)
    result, reading = _scan((), root, everything)
    if report_problems(result):
        raise UsageError("some files could not be read: nothing was pruned")
    names = set(reading.names)
    tree = known.Tree(names.__contains__, lambda path: os.path.lexists(root / path), {f.id for f in result.findings})
    applied = known.apply(result.findings, entries, tree, place.name, datetime.date.today())
    for entry in applied.unused:
        del entries[entry.id]
        click.echo(f"removed: {printable(entry.path)} {printable(entry.symbol)}")
    for id, finding in applied.moved.items():
        moved = replace(entries.pop(id), path=finding.path)
        entries[moved.id] = moved
        click.echo(f"moved: {printable(finding.path)} {printable(finding.symbol)}")
    _write(place, known.text(entries.values()))
    click.echo(f"{len(applied.unused)} removed, {len(applied.moved)} moved, {len(entries)} left.")
    return 0


@baseline.command("stats")
@_common
def stats(file: Path | None, config_file: Path | None, isolated: bool) -> int:
    """Count entries by status and by rule."""
    _, _, place = _project((), file, config_file, isolated)
    for name, count in known.statistics(known.load(place).values(), datetime.date.today()):
        click.echo(f"{count:6}  {printable(name)}")
    return 0


@baseline.command("import")
@click.argument("source", type=PATH)
@_common
def import_(source: Path, file: Path | None, config_file: Path | None, isolated: bool) -> int:
    """Take over what SOURCE knows: a .secrets.baseline, a .gitleaksignore, or a JSON report of gitleaks or trufflehog.

    A record is joined to a finding of ours by its value in the same file, else by its line. Its decision is kept, its hash is not.
    """
    root, settings, place = _project((), file, config_file, isolated)
    whose, rows = records.read(source)
    result, reading = _scan((), root, replace(settings, min_confidence=Confidence.LOW))
    candidates = {c.fingerprint: c for c in reading.candidates}

    def values(finding: Finding) -> Iterable[Plaintext]:
        for part in ("", *(f.part for f in finding.fields[:1])):
            value = pipeline.value(candidates, finding.id, finding.shape, part)
            if value is not None:
                yield value

    findings = (*result.findings, *result.suppressed)
    found, lost = records.matched(rows, findings, values, root)
    entries = known.load(place) if place.exists() else {}
    new = {
        f.id: known.of(f, found[f.id].status, found[f.id].reason)
        for f in findings
        if f.id in found and f.id not in entries
    }
    _write(place, known.text((entries | new).values()))
    click.echo(
        f"Wrote {printable(os.fspath(place))}: {len(rows) - len(lost)} of {plural(len(rows), 'record')} of {whose} stand for"
        f" {plural(len(found), 'finding')} here, {len(new)} of them new; {len(lost)} mean nothing that is found here."
    )
    for record in lost[:SHOWN]:
        click.echo(f"not found here: {printable(record.path)}:{record.line}", err=True)
    if len(lost) > SHOWN:
        click.echo(f"… and {len(lost) - SHOWN} more", err=True)
    _advise(root, place)
    return 0


# ---------------------------------------------------------------- what they share


def _project(
    paths: Sequence[Path], file: Path | None, config_file: Path | None, isolated: bool
) -> tuple[Path, Settings, Path]:
    """The root, its settings, and where the baseline lies."""
    root = discover.project_root(paths or (Path("."),)).resolve()
    settings = config.load(root, isolated=isolated, file=config_file)
    return root, settings, Path(os.path.abspath(file)) if file else root / settings.baseline


def _scan(
    paths: Sequence[Path], root: Path, settings: Settings, key: bytes | None = None
) -> tuple[Scan, pipeline.Reading]:
    """Everything that the gate would tell of if there were no baseline."""
    shown = progress()
    found = pipeline.scan(
        paths or [root], replace(settings, baseline=config.BASELINE), root, shown, gate=Gate(frozenset()), key=key
    )
    end_progress(shown)
    if not found[0].files:
        raise UsageError(f"no file to scan in {root}; give a path that has some")
    return found


def _standing(result: Scan) -> list[Finding]:
    """A test value fails no gate, so it needs no entry."""
    return [f for f in result.findings if f.verdict is not Verdict.TEST_VALUE]


def _key(path: Path, root: Path) -> bytes:
    known.outside(path, root)
    if not path.exists():
        _write(path, os.urandom(32).hex() + "\n", private=True)
    return known.load_key(path, root)


def _write(path: Path, text: str, *, private: bool = False) -> None:
    """Whole or not at all; ``private`` for its owner only."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(text.encode("utf-8"))
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); give another place") from None


def _advise(root: Path, place: Path) -> None:
    """How to let two people's additions merge, where git doesn't know it yet."""
    attributes = root / ".gitattributes"
    if place.suffix == ".baseline" and MERGE not in (
        attributes.read_text("utf-8", "replace") if attributes.is_file() else ""
    ):
        click.echo(f"So that additions merge without a conflict, add to .gitattributes: {MERGE}", err=True)
