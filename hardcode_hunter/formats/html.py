"""One page for people, self-contained: what was found, by credential; what was hushed and why; what was not looked at.

``hardcode-hunter report`` makes the same page with the migration's secrets and how far each has come.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence

from hardcode_hunter import __version__
from hardcode_hunter.formats._html import Content, Markup, code, element, listing, page, section, table
from hardcode_hunter.formats._summary import credentials, plural, reason, where
from hardcode_hunter.formats.full import UNREMARKABLE
from hardcode_hunter.model import Finding, Scan, Verdict
from hardcode_hunter.plugins import Format

MOST_PLACES = 50


def render(scan: Scan) -> str:
    return page(f"Hardcoded credentials in {scan.root.name}", *head(scan), numbers(scan), *body(scan))


def head(scan: Scan) -> tuple[Content, ...]:
    """What was scanned, with what, when."""
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(scan.started))
    looked = f"{plural(scan.files, 'file')}, {_size(scan.bytes)}, {plural(scan.rules, 'rule')}"
    return (
        element("h1", f"Hardcoded credentials in {scan.root.name}"),
        element(
            "p",
            f"hardcode-hunter {__version__}, {when}. {looked}. This page holds no value of a credential.",
            class_="dim",
        ),
    )


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def numbers(scan: Scan) -> Markup:
    """The counts that matter, largest question first."""
    real = [f for f in scan.findings if f.verdict is not Verdict.TEST_VALUE]
    count = credentials(scan)
    rows = [
        (count, "credentials in the code" if count != 1 else "credential in the code"),
        (len(real), "places"),
        (sum(f.verdict is Verdict.MIGRATE for f in real), "can be migrated"),
        (len(scan.findings) - len(real), "test values"),
        (len(scan.suppressed), "hushed"),
        (sum(scan.skipped.values()) + len(scan.problems), "files not, or not fully, read"),
    ]
    items = [
        element(
            "li", element("b", str(number)), words, class_=("first done" if not number else "first") if not n else ""
        )
        for n, (number, words) in enumerate(rows)
    ]
    return element("ul", items, class_="numbers")


def body(scan: Scan) -> tuple[Content, ...]:
    """The sections about findings."""
    return (
        section("Credentials", _credentials(scan.findings)),
        section("Hushed and known", _hushed(scan.suppressed)),
        section(
            "To tidy up",
            listing([code(where(r)), " ", r.message] for r in scan.remarks) if scan.remarks else (),
        ),
        section("What was not looked at", _unread(scan)),
    )


def groups(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings by credential: equal values together, unless they are so short that they are equal by chance."""
    found: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        found[finding.digest if finding.length >= UNREMARKABLE else finding.id].append(finding)
    order = {Verdict.MIGRATE: 0, Verdict.REPORT: 1, Verdict.TEST_VALUE: 2}
    return sorted(
        found.values(),
        key=lambda rows: (
            min(order[f.verdict] for f in rows),
            -max(f.confidence for f in rows),
            rows[0].path,
            rows[0].line,
        ),
    )


def _credentials(findings: Sequence[Finding]) -> Content:
    if not findings:
        return element("p", "No credential was found in what was looked at.")
    rows = []
    for group in groups(findings):
        first = max(group, key=lambda f: f.confidence)
        places = [_place(f) for f in group[:MOST_PLACES]]
        more = [f"and {len(group) - MOST_PLACES} more"] if len(group) > MOST_PLACES else []
        rows.append(
            (
                [first.title, element("div", code(first.rule), class_="dim")],
                element("span", first.verdict.value, class_=first.verdict.value),
                element("span", first.confidence.label, class_=first.confidence.label),
                element("span", first.severity.value, class_=first.severity.value),
                listing([*places, *more]),
            )
        )
    return table(("Credential", "Verdict", "Confidence", "Severity", "Places"), rows, "credentials")


def _place(finding: Finding) -> Content:
    """A place that opens to its masked line and the reason."""
    inside: list[Content] = [element("p", reason(finding))]
    if finding.excerpt is not None:
        shown = finding.excerpt
        start, end = shown.column, shown.column + shown.width
        line = [
            f"{shown.line} | ",
            shown.text[:start],
            element("span", shown.text[start:end], class_="mark"),
            shown.text[end:],
        ]
        inside.insert(0, element("pre", line))
    if finding.sinks:
        inside.append(listing(_sink(finding)))
    return element("details", element("summary", code(f"{finding.path}:{finding.line}")), *inside)


def _sink(finding: Finding) -> Iterable[Content]:
    for sink in finding.sinks[:MOST_PLACES]:
        target = f"{sink.resource}.{sink.parameter}" if sink.resource else f"{sink.callee}({sink.parameter})"
        yield [
            "reaches ",
            code(target),
            f" at {sink.path}:{sink.line}" if sink.path else "",
            f" by way of {sink.via}" if sink.via else "",
        ]


def _hushed(findings: Sequence[Finding]) -> Content:
    if not findings:
        return ()
    rows = [(code(f"{f.path}:{f.line}"), code(f.rule), f.suppressed, f.justification) for f in findings]
    return table(("Place", "Rule", "By", "Reason"), rows, "hushed findings")


def _unread(scan: Scan) -> Content:
    rows: list[Content] = [f"{plural(count, 'file')}: {reason}" for reason, count in scan.skipped.items()]
    rows += [[code(where(p)), " ", p.message] for p in scan.problems]
    return listing(rows) if rows else element("p", "Every file that git lists was read.")


HTML = Format("html", "one self-contained page", render)
