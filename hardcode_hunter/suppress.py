"""Comments that hush a finding: our own, and those that people have already written for other scanners.

A comment counts only where it is one: the same words in a string hush nothing. Hushed findings stay in the report, marked with whose
comment it was. Bare ``# nosec`` and ``# noqa`` don't count: most of them stand there for another reason.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hardcode_hunter.model import Finding, Source

MARKERS = (
    b"hardcode-hunter:",
    b"pragma:",
    b"gitleaks:allow",
    b"betterleaks:allow",
    b"trufflehog:ignore",
    b"ggignore",
    b"kingfisher:ignore",
    b"nosec",
    b"noqa",
    b"ruff:",
    b"nosemgrep",
    b"checkov:skip",
    b"ignore_checks",
)
"""A file without any of these has nothing that hushes."""
_OURS = re.compile(r"hardcode-hunter:\s*ignore(-next-line|-file)?\s*\[([^\]]{1,500})\]")
_PRAGMA = re.compile(r"pragma: ?(?:allow|white)list[ -]+(nextline[ -]+)?secret")
_PLAIN = {
    "gitleaks:allow": "gitleaks",
    "betterleaks:allow": "betterleaks",
    "trufflehog:ignore": "trufflehog",
    "ggignore": "ggshield",
    "kingfisher:ignore": "kingfisher",
}
_NOSEC = re.compile(r"#?\s*nosec:?\s+((?:[A-Za-z_]\w+[\s,]*)+)")
_NOSEC_CODES = frozenset(
    ["B105", "B106", "B107", "hardcoded_password_string", "hardcoded_password_funcarg", "hardcoded_password_default"]
)
_NOQA = re.compile(r"#\s*(ruff:\s*)?noqa:\s*([A-Z]+[0-9]+(?:[\s,]+[A-Z]+[0-9]+)*)", re.I)
_RUFF = re.compile(r"#\s*ruff:\s*(file-)?ignore\s*\[([^\]]{1,500})\]")
_NOQA_CODES = frozenset(["S105", "S106", "S107"])
_NOSEMGREP = re.compile(r"nosemgrep:\s*([\w./, -]{3,300})")
_CREDENTIAL_RULE = re.compile(
    r"secret|password|passwd|credential|hardcoded|hard-coded|token|private-key|api-?key", re.I
)
_CHECKOV = re.compile(r"checkov:skip=\s*CKV_SECRET_\d+\b")
INFRASTRUCTURE = frozenset(["cloudformation", "terraform", "yaml", "dockerfile"])
_HASH = frozenset(["yaml", "cloudformation", "dotenv", "toml", "ini", "shell", "dockerfile", "properties", "python"])


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment; ``alone`` when nothing but it stands on its line. ``after`` is the line on which what follows it starts."""

    line: int
    end_line: int
    text: str
    alone: bool


@dataclass(slots=True)
class _Hushed:
    """What one file's comments say: by line, and for the whole file. A rule's id or ``*``, and whose comment it is."""

    lines: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    file: list[tuple[str, str]] = field(default_factory=list)
    scopes: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, line: int, rules: Iterable[str], by: str) -> None:
        self.lines.setdefault(line, []).extend((rule, by) for rule in rules)

    def by(self, finding: Finding) -> str:
        """Whose comment hushes ``finding``; empty when none does."""
        said = [
            row
            for line in range(finding.line, max(finding.line, finding.end_line) + 1)
            for row in self.lines.get(line, ())
        ]
        for scope, rows in self.scopes.items():
            if finding.scope == scope or finding.scope.startswith((scope + "/", scope + ".")):
                said += rows
        return next((by for rule, by in (*said, *self.file) if rule in ("*", finding.rule)), "")


def suppress(
    findings: Iterable[Finding], sources: Mapping[str, Source]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings that stand, and those that a comment in their file hushes, with :attr:`Finding.suppressed` saying whose it is."""
    kept: list[Finding] = []
    hushed: list[Finding] = []
    said: dict[str, _Hushed] = {}
    for finding in findings:
        source = sources.get(finding.path)
        if source is not None and finding.path not in said:
            said[finding.path] = _read(source)
        by = said[finding.path].by(finding) if source is not None else ""
        if by:
            hushed.append(replace(finding, suppressed=by))
        else:
            kept.append(finding)
    return tuple(kept), tuple(hushed)


def _read(source: Source) -> _Hushed:
    found = _Hushed()
    lower = source.data.lower()
    if not any(marker in lower for marker in MARKERS):
        return found
    for comment in comments(source):
        _directives(comment, source.language, found)
    if source.language == "cloudformation" and b"ignore_checks" in lower:
        _cfn_lint(source, found)
    return found


# ---------------------------------------------------------------- what comments say


def _directives(comment: Comment, language: str, found: _Hushed) -> None:
    text, last = comment.text, comment.end_line
    for match in _OURS.finditer(text):
        rules = [rule.strip() for rule in match.group(2).split(",")]
        if match.group(1) == "-file":
            found.file += [(rule, "ours") for rule in rules]
        else:
            found.add(last + 1 if match.group(1) else comment.line, rules, "ours")
    for match in _PRAGMA.finditer(text):
        if match.group(1):
            if comment.alone:
                found.add(last + 1, ["*"], "detect-secrets")
        else:
            found.add(comment.line, ["*"], "detect-secrets")
    for words, by in _PLAIN.items():
        if words in text:
            found.add(comment.line, ["*"], by)
    _python_linters(comment, found)
    _infrastructure(comment, language, found)


def _python_linters(comment: Comment, found: _Hushed) -> None:
    for match in _NOSEC.finditer(comment.text):
        if _NOSEC_CODES & set(re.split(r"[\s,]+", match.group(1))):
            found.add(comment.line, ["*"], "bandit")
    for match in _NOQA.finditer(comment.text):
        if _NOQA_CODES & set(re.split(r"[\s,]+", match.group(2).upper())):
            if match.group(1):
                found.file.append(("*", "ruff"))
            else:
                found.add(comment.line, ["*"], "ruff")
    for match in _RUFF.finditer(comment.text):
        if _NOQA_CODES & {code.strip().upper() for code in match.group(2).split(",")}:
            if match.group(1):
                found.file.append(("*", "ruff"))
            else:
                found.add(comment.line, ["*"], "ruff")


def _infrastructure(comment: Comment, language: str, found: _Hushed) -> None:
    if language not in INFRASTRUCTURE:
        return
    match = _NOSEMGREP.search(comment.text)
    if match and _CREDENTIAL_RULE.search(match.group(1)):
        found.add(comment.end_line + 1 if comment.alone else comment.line, ["*"], "semgrep")
    if _CHECKOV.search(comment.text):
        found.add(comment.end_line + 1 if comment.alone else comment.line, ["*"], "checkov")


def _cfn_lint(source: Source, found: _Hushed) -> None:
    """``Metadata: cfn-lint: config: ignore_checks: [W2501]`` of the template or of a resource."""
    from hardcode_hunter.languages.cloudformation.extract import parse
    from hardcode_hunter.languages.nodes import Mapping as Node
    from hardcode_hunter.languages.nodes import Scalar, Sequence, Unparsable

    def hushes(node: object) -> bool:
        for key in ("Metadata", "cfn-lint", "config", "ignore_checks"):
            node = node.get(key) if isinstance(node, Node) else None
        return isinstance(node, Sequence) and any(isinstance(i, Scalar) and i.value == "W2501" for i in node.items)

    try:
        roots = parse(source.data, source.path)
    except (Unparsable, ValueError, RecursionError):
        return
    for root in roots:
        if hushes(root):
            found.file.append(("*", "cfn-lint"))
        resources = root.get("Resources") if isinstance(root, Node) else None
        for key, body in resources.pairs if isinstance(resources, Node) else ():
            if isinstance(key, Scalar) and hushes(body):
                found.scopes.setdefault(f"Resources/{key.value}", []).append(("*", "cfn-lint"))


# ---------------------------------------------------------------- where comments are


def comments(source: Source) -> Iterator[Comment]:
    """The comments of a file, by its language; of one that doesn't tokenize, line by line."""
    if source.language == "json" or (source.path.endswith(".json") and source.language == "cloudformation"):
        return
    text = source.data.decode("utf-8", "replace")
    if source.language == "python":
        try:
            yield from _python(text)
            return
        except (tokenize.TokenError, SyntaxError, IndentationError):
            pass
    yield from _scanned(text.replace("\r\n", "\n").replace("\r", "\n"), source.language)


def _python(text: str) -> Sequence[Comment]:
    found = []
    for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline):
        if token.type == tokenize.COMMENT:
            found.append(
                Comment(token.start[0], token.start[0], token.string, not token.line[: token.start[1]].strip())
            )
    return found


_QUOTED = r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'"""
_CLOSERS = {"/*": "*/", "<!--": "-->"}


def _opener(marks: str) -> re.Pattern[str]:
    """Quoted text, which is skipped, or a mark that begins a comment."""
    return re.compile(f"(?:{_QUOTED})|(?P<mark>{marks})")


_OPENERS = {
    "terraform": _opener(r"#|//|/\*"),
    "sql": _opener(r"--|/\*|#"),
    "markdown": _opener(r"<!--"),
    "ini": _opener(r"[#;]"),
    "text": _opener(r"#|//|/\*|--|<!--|;"),
    "#": _opener(r"#"),
}


def _scanned(text: str, language: str) -> Iterator[Comment]:
    """Comments of languages whose strings end on their line; quotes are skipped, so that their content is none."""
    opener = _OPENERS.get(language) or _OPENERS["#" if language in _HASH else "text"]
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        row = lines[number]
        mark = _opening(row, opener)
        if mark is None:
            number += 1
            continue
        at, last = mark.start(), number
        closer = _CLOSERS.get(mark.group("mark"), "")
        while closer and last + 1 < len(lines) and closer not in lines[last][at if last == number else 0 :]:
            last += 1
        yield Comment(number + 1, last + 1, "\n".join([row[at:], *lines[number + 1 : last + 1]]), not row[:at].strip())
        number = last + 1


def _opening(row: str, opener: re.Pattern[str]) -> re.Match[str] | None:
    """Where a comment begins on a line: outside quotes, at its start or after a blank."""
    for mark in opener.finditer(row):
        inside = mark.group("mark") in ("#", ";", "--", "//") and mark.start() and not row[mark.start() - 1].isspace()
        if mark.group("mark") and not inside:
            return mark
    return None
