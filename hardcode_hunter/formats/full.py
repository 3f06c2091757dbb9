"""For people: the line with its value masked, the reason, the value's other places, and what to do. Test values, which fail nothing, get a
line for each file; where there is nothing else, they are only counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from hardcode_hunter.formats._style import style
from hardcode_hunter.formats._style import tag as tagged
from hardcode_hunter.formats._summary import place, plural, printable, reason, summary
from hardcode_hunter.model import Home, Verdict
from hardcode_hunter.plugins import Format

if TYPE_CHECKING:
    from hardcode_hunter.model import Finding, Scan

FIX = "fix: hardcode-hunter plan"
BY_HAND = {
    Home.SECRETS_MANAGER: "read it from AWS Secrets Manager",
    Home.PARAMETER_STORE: "read it from the Parameter Store",
    Home.MANAGED: "let the service make and keep its own password",
    Home.ROLE: "let the program use the role that it runs with",
}
UNREMARKABLE = 6
"""Characters below which equal values are equal by chance too often to be told of."""
PLACES, LINES, FILES = 4, 8, 10
"""How many other places, lines of test values and files with some are named."""
NO_COMMENTS = (".json", ".tfstate", ".webmanifest")


def render(scan: Scan) -> str:
    if not scan.findings:
        return ""
    twins: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in (*scan.findings, *scan.suppressed):
        twins[finding.digest].append(finding)
    tests = [f for f in scan.findings if f.verdict is Verdict.TEST_VALUE]
    others = [f for f in scan.findings if f.verdict is not Verdict.TEST_VALUE]
    blocks = "".join(f"{_block(f, _elsewhere(f, twins[f.digest]))}\n" for f in others)
    noted = "".join(f"{line}\n" for line in _noted(tests)) + "\n" if tests and others else ""
    return f"{blocks}{noted}{summary(scan)}\n{_hint(others)}"


def _elsewhere(finding: Finding, twins: Sequence[Finding]) -> list[str]:
    """The other lines on which the same value stands."""
    here = (finding.path, finding.line)
    return list(dict.fromkeys(f"{printable(t.path)}:{t.line}" for t in twins if (t.path, t.line) != here))


def _block(finding: Finding, elsewhere: Sequence[str]) -> str:
    lines = [
        f"{style(place(finding), 'bold')}: {style(finding.rule, 'red')}: {printable(finding.title)} {tagged(finding)}",
        *_frame(finding),
        f"  = {reason(finding)}",
    ]
    if elsewhere and finding.length >= UNREMARKABLE:
        more = f" and {len(elsewhere) - PLACES} more" if len(elsewhere) > PLACES else ""
        lines.append(f"  = same value also at {', '.join(elsewhere[:PLACES])}{more}")
    lines.append(f"  = {advice(finding)}")
    return "\n".join(lines) + "\n"


def advice(finding: Finding) -> str:
    """What to do about it, with the command to call."""
    if finding.verdict is Verdict.MIGRATE:
        return FIX
    return (
        f"by hand: take it out, {BY_HAND[finding.home]}, and replace it: hardcode-hunter rules explain {finding.rule}"
    )


def _frame(finding: Finding) -> list[str]:
    """The finding's line with every known credential masked, and a marker below it; nothing where the line is too long."""
    shown = finding.excerpt
    if shown is None:
        return []
    number, gutter = str(shown.line), " " * len(str(shown.line))
    bar = style("|", "blue")
    mark = style("^" * shown.width, "red")
    return [
        f" {gutter} {bar}",
        f" {style(number, 'blue')} {bar} {printable(shown.text)}",
        f" {gutter} {bar} {' ' * len(printable(shown.text[: shown.column]))}{mark}",
    ]


def _noted(tests: Sequence[Finding]) -> Iterator[str]:
    """Test values by file: ``tests/test_db.py: 3 test values, lines 7, 9, 30``."""
    files = [(path, list(rows)) for path, rows in groupby(tests, key=lambda f: f.path)]
    for path, rows in files[:FILES]:
        lines = list(dict.fromkeys(str(f.line) for f in rows))
        more = f" and {len(lines) - LINES} more" if len(lines) > LINES else ""
        words = f"{'line' if len(lines) == 1 else 'lines'} {', '.join(lines[:LINES])}{more}"
        yield f"{style(printable(path), 'bold')}: {style(plural(len(rows), 'test value'), 'cyan')}, {words}"
    if len(files) > FILES:
        left = sum(len(rows) for _, rows in files[FILES:])
        yield f"… and {left} more in {plural(len(files) - FILES, 'file')}; --output concise names each"


def _hint(findings: Sequence[Finding]) -> str:
    """How to hush one, said once: by a comment where there can be one."""
    commented = next((f for f in findings if not f.path.endswith(NO_COMMENTS)), None)
    if commented is not None:
        return f"Not a credential? Say so in a comment on its line: hardcode-hunter: ignore[{commented.rule}] reason\n"
    if findings:
        rule = f'per-file-ignores."{printable(findings[0].path)}" = ["{findings[0].rule}"]'
        return f"Not a credential? JSON takes no comment; say so in hardcode-hunter.toml: {rule}\n"
    return ""


FULL = Format("full", "source frame with the value masked, reason and advice", render, styled=True)
