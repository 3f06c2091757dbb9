"""Comments that hush a finding: our own, and those that people have already written for other scanners.

A comment counts only where it is one: the same words in a string hush nothing. Hushed findings stay in the report, marked with whose
comment it was. Bare ``# nosec`` and ``# noqa`` don't count: most of them stand there for another reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hardcode_hunter.languages.comments import Comment, comments
from hardcode_hunter.model import Finding, Remark, Source

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
OURS = b"hardcode-hunter:"
Role = Callable[[str], str]
"""The role that a rule finds: password, token … Empty for what is no rule."""
_OURS = re.compile(r"hardcode-hunter:\s*ignore(-next-line|-file)?\s*(?:\[([^\]]{0,500})\])?([^\n]{0,500})")
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


@dataclass(slots=True)
class _Directive:
    """What one comment says: the rules it names (``*`` for all), whose it is, and whether a finding needed it."""

    rules: tuple[str, ...]
    by: str
    reason: str = ""
    line: int = 0
    used: set[str] = field(default_factory=set)

    def covering(self, finding: Finding) -> str:
        """The rule by which it covers ``finding``, empty when it doesn't."""
        return next((rule for rule in self.rules if rule in ("*", finding.rule)), "")

    def akin(self, finding: Finding, role: Role) -> str:
        """The same for a rule of the same role: which of them finds a value is told by what other files do with it."""
        return next((rule for rule in self.rules if finding.role and role(rule) == finding.role), "")


@dataclass(slots=True)
class _Hushed:
    """What one file's comments say: by line, for the whole file, and by the scope of a resource."""

    lines: dict[int, list[_Directive]] = field(default_factory=dict)
    file: list[_Directive] = field(default_factory=list)
    scopes: dict[str, list[_Directive]] = field(default_factory=dict)
    ours: list[_Directive] = field(default_factory=list)
    statements: Mapping[int, tuple[int, int]] = field(
        default_factory=dict
    )  # of findings that are alone in theirs, by the finding's line
    stood: frozenset[int] | None = None  # lines on which a comment may hush; None for all

    def add(self, line: int, rules: Iterable[str], by: str) -> None:
        self.lines.setdefault(line, []).append(_Directive(tuple(rules), by))

    def directive(self, finding: Finding, role: Role) -> _Directive | None:
        """The comment that hushes ``finding``, which is taken down as needed; ``None`` when none does."""
        own = range(finding.line, max(finding.line, finding.end_line) + 1)
        lines = dict.fromkeys([*own, *self.statements.get(finding.line, ())])
        said = [row for line in lines for row in self.lines.get(line, ())]
        if self.stood is not None and not self.stood.issuperset(own):
            said = []  # written anew under an old comment
        for scope, rows in self.scopes.items():
            if finding.scope == scope or finding.scope.startswith((scope + "/", scope + ".")):
                said += rows
        tried = [(row, row.covering(finding)) for row in (*said, *self.file)]
        if not any(rule for _, rule in tried):
            tried = [(row, row.akin(finding, role)) for row in said]
        for row, rule in tried:
            if rule:
                row.used.add(rule)
                return row
        return None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The findings that stand; those that a comment in their file hushes, with :attr:`Finding.suppressed` saying whose it is; and remarks
    on our own comments that hush nothing or give no reason."""

    kept: tuple[Finding, ...]
    hushed: tuple[Finding, ...]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Stood:
    """What of a file stood in it before: lines (from 1), comments (first and last line), and scopes that cfn-lint's metadata hushes."""

    lines: frozenset[int] = frozenset()
    comments: frozenset[tuple[int, int]] = frozenset()
    metadata: frozenset[str] = frozenset()


def suppress(
    findings: Iterable[Finding],
    sources: Mapping[str, Source],
    *,
    require_reason: bool = False,
    standing: Callable[[Source], Stood | None] = lambda source: None,
    role: Role = lambda rule: "",
    partial: bool = False,
) -> Suppressed:
    """``sources`` are the files that have candidates or one of our comments. With ``require_reason`` a comment of ours without one hushes nothing.

    ``standing`` says for each file what may hush in it, ``None`` for everything. What else would hush is told, and hushes nothing.
    ``partial``: not all files were read, so that a comment which hushes nothing here may be needed.
    """
    rows = tuple(findings)
    by_path: dict[str, list[Finding]] = {path: [] for path, source in sources.items() if OURS in source.data}
    for finding in rows:
        if finding.path in sources:
            by_path.setdefault(finding.path, []).append(finding)
    read = {path: _read(sources[path], found, standing) for path, found in by_path.items()}
    said = {path: file for path, (file, _) in read.items()}
    kept: list[Finding] = []
    hushed: list[Finding] = []
    remarks: list[Remark] = []
    for finding in rows:
        directive = said[finding.path].directive(finding, role) if finding.path in said else None
        if directive is None and finding.path in said and (added := read[finding.path][1].directive(finding, role)):
            what = f"a comment ({added.by}) that would hush this is new here, and not obeyed"
            remarks.append(Remark("not-obeyed", finding.path, finding.line, what))
        if directive is None or (require_reason and directive.by == "ours" and not directive.reason):
            kept.append(finding)
        else:
            hushed.append(replace(finding, suppressed=directive.by, justification=directive.reason))
    for path, file in sorted(said.items()):
        remarks += _remarks(path, file, require_reason, partial)
    return Suppressed(tuple(kept), tuple(hushed), tuple(remarks))


def _remarks(path: str, file: _Hushed, require_reason: bool, partial: bool) -> Iterator[Remark]:
    for directive in file.ours:
        idle = [rule for rule in directive.rules if rule not in directive.used and not (rule == "*" and directive.used)]
        if not directive.rules:
            yield Remark(
                "unused-comment",
                path,
                directive.line,
                "names no rule and hushes nothing; write  hardcode-hunter: ignore[RULE] reason",
            )
        elif idle and not partial:
            yield Remark(
                "unused-comment",
                path,
                directive.line,
                f"there is nothing to ignore for {', '.join(idle)}; remove it from the comment",
            )
        elif require_reason and not directive.reason:
            yield Remark(
                "comment-without-reason",
                path,
                directive.line,
                "gives no reason, so it hushes nothing; add one after the bracket",
            )


def _read(
    source: Source, findings: Sequence[Finding], standing: Callable[[Source], Stood | None]
) -> tuple[_Hushed, _Hushed]:
    """What hushes in a file, and what would if it had stood there before."""
    found, added = _Hushed(), _Hushed()
    lower = source.data.lower()
    if not any(marker in lower for marker in MARKERS):
        return found, added
    stood = standing(source)
    found.stood = stood.lines if stood is not None else None
    for comment in comments(source):
        obeyed = stood is None or (comment.line, comment.end_line) in stood.comments
        _directives(comment, source.language, found if obeyed else added)
    for scope in metadata(source):
        file = found if stood is None or scope in stood.metadata else added
        directive = _Directive(("*",), "cfn-lint")
        if scope:
            file.scopes.setdefault(scope, []).append(directive)
        else:
            file.file.append(directive)
    if source.language == "python" and (found.lines or added.lines):
        found.statements = added.statements = _statements(source, findings)
    added.lines = {
        line: [*found.lines.get(line, ()), *added.lines.get(line, ())] for line in {*found.lines, *added.lines}
    }
    return found, added


def _statements(source: Source, findings: Sequence[Finding]) -> dict[int, tuple[int, int]]:
    """First and last line of the statement that a finding stands in, where it is the only one in it: formatters move a comment there."""
    import ast

    try:
        tree = ast.parse(source.data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    simple = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and not hasattr(n, "body")]
    spans = {(n.lineno, n.end_lineno or n.lineno) for n in simple if n.end_lineno != n.lineno}
    found = {}
    for first, last in spans:
        inside = [f for f in findings if first <= f.line <= last]
        if len(inside) == 1:
            found[inside[0].line] = (first, last)
    return found


# ---------------------------------------------------------------- what comments say


def _directives(comment: Comment, language: str, found: _Hushed) -> None:
    text, last = comment.text, comment.end_line
    for match in _OURS.finditer(text):
        rules = tuple(rule.strip() for rule in (match.group(2) or "").split(",") if rule.strip())
        directive = _Directive(rules, "ours", _reason(match.group(3)), comment.line)
        found.ours.append(directive)
        if match.group(1) == "-file":
            found.file.append(directive)
        else:
            found.lines.setdefault(last + 1 if match.group(1) else comment.line, []).append(directive)
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


def _reason(rest: str) -> str:
    """What follows the bracket, up to another comment or the end of this one."""
    return re.split(r"#|\*/|-->", rest, maxsplit=1)[0].strip(" \t:-–—")


def _python_linters(comment: Comment, found: _Hushed) -> None:
    for match in _NOSEC.finditer(comment.text):
        if _NOSEC_CODES & set(re.split(r"[\s,]+", match.group(1))):
            found.add(comment.line, ["*"], "bandit")
    for match in _NOQA.finditer(comment.text):
        if _NOQA_CODES & set(re.split(r"[\s,]+", match.group(2).upper())):
            if match.group(1):
                found.file.append(_Directive(("*",), "ruff"))
            else:
                found.add(comment.line, ["*"], "ruff")
    for match in _RUFF.finditer(comment.text):
        if _NOQA_CODES & {code.strip().upper() for code in match.group(2).split(",")}:
            if match.group(1):
                found.file.append(_Directive(("*",), "ruff"))
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


def metadata(source: Source) -> tuple[str, ...]:
    """What ``Metadata: cfn-lint: config: ignore_checks: [W2501]`` is said of: resources by scope, the whole template as ``""``. Our own rule for
    cfn-lint is ``E9101``."""
    if source.language != "cloudformation" or b"ignore_checks" not in source.data:
        return ()
    from hardcode_hunter.languages.cloudformation.extract import parse
    from hardcode_hunter.languages.nodes import Mapping as Node
    from hardcode_hunter.languages.nodes import Scalar, Sequence, Unparsable

    def hushes(node: object) -> bool:
        for key in ("Metadata", "cfn-lint", "config", "ignore_checks"):
            node = node.get(key) if isinstance(node, Node) else None
        return isinstance(node, Sequence) and any(
            isinstance(i, Scalar) and i.value in ("W2501", "E9101") for i in node.items
        )

    try:
        roots = parse(source.data, source.path)
    except (Unparsable, ValueError, RecursionError):
        return ()
    found = []
    for root in roots:
        found += [""] if hushes(root) else []
        resources = root.get("Resources") if isinstance(root, Node) else None
        for key, body in resources.pairs if isinstance(resources, Node) else ():
            if isinstance(key, Scalar) and hushes(body):
                found.append(f"Resources/{key.value}")
    return tuple(found)
