"""Connection strings that a value is put into as it is: a random password can hold what ends it there too early.

Python is read through its syntax tree, so that pieces in f-strings, ``%``, ``+`` and ``format`` look the same; in templates and
configurations the reference stands in the text. A value that is quoted on its way (``quote``, ``urlencode`` …) breaks nothing.
"""

from __future__ import annotations

import ast
import re
import string
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from hardcode_hunter.model import Source
from hardcode_hunter.plugins import Rotation


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of connection string. ``before`` matches the text up to the value, ``breaks`` are the characters it can't take as they are."""

    name: str
    before: re.Pattern[str]
    breaks: frozenset[str]
    remedy: str


HOLE = "\x01"
_URL = "percent-encode it there (urllib.parse.quote(value, safe=''))"
_PARTS = "pass it as a parameter of its own"
FORMS = (
    Form("a URL", re.compile(r"://[^\s/@]*:\Z"), frozenset("/?#@:%[] "), _URL),
    Form("a URL's query", re.compile(r"[?&][\w.-]*(?:pass|pwd|secret|token)[\w.-]*=\Z", re.I), frozenset("&#+% "), _URL),
    Form("an ODBC string", re.compile(r"(?:\A|;)\s*(?:pwd|password)\s*=\s*\Z", re.I), frozenset(";{}[]"), _PARTS),
    Form("a list with commas", re.compile(r",\s*password\s*=\s*\Z", re.I), frozenset(", "), _PARTS),
    Form("a connection string", re.compile(r"(?:\A|\s)password\s*=\s*\Z", re.I), frozenset(" '\\"), _PARTS),
    Form("a quoted connection string", re.compile(r"(?:\A|\s)password\s*=\s*'\Z", re.I), frozenset("'\\"), _PARTS),
    Form("JSON text", re.compile(r"\"[\w.-]*(?:pass|pwd|secret|token)[\w.-]*\"\s*:\s*\"\Z", re.I), frozenset('"\\'), "make it with json.dumps"),
    Form("an SQL text", re.compile(r"\bpassword\s+'\Z", re.I), frozenset("'\\"), "pass it as a parameter of the query"),
    Form("a shell command", re.compile(r"(?:\s--password[= ]|\s-p|\bPGPASSWORD=|\bMYSQL_PWD=)\Z"), frozenset(" \t!\"#$&'()*;<>?[\\]^`{|}~"), "hand it over in the environment"),
)  # fmt: skip
"""The order decides where several fit: what is said of the first that matches."""

_QUOTING = frozenset(["quote", "quote_plus", "urlquote", "url_quote", "urlencode", "percent_encode", "escape", "dumps", "quote_from_bytes"])  # fmt: skip
_NAMED = re.compile(r"pass(?:w(?:or)?d|phrase)?$|pwd$|secret$", re.I)
_REFERENCE = re.compile(r"\$\{([^{}]*)\}|\{\{\s*resolve:([^{}]*)\}\}")


@dataclass(frozen=True, slots=True)
class Interpolation:
    """One value in one string, as written: ``name`` is what stands for the value."""

    path: str
    line: int
    name: str
    form: Form

    def broken_by(self, rotation: Rotation) -> str:
        """The characters that passwords of ``rotation`` can hold and that end the string there; empty when it holds none."""
        # GetRandomPassword: punctuation and no space, unless it is asked for one (Secrets Manager API reference)
        possible = set(string.punctuation) - set(rotation.exclude_characters)
        return "".join(sorted(possible & self.form.breaks))


def interpolations(source: Source, names: Collection[str], *, consumer: bool) -> tuple[Interpolation, ...]:
    """Where ``source`` puts one of ``names`` into a connection string as it is. A file that itself reads the secret (``consumer``) may
    call it anything that sounds like a password. A file that can't be parsed has none."""
    if source.language == "python":
        return tuple(_python(source, frozenset(names), consumer))
    return tuple(_template(source, frozenset(names)))


def _template(source: Source, names: frozenset[str]) -> Iterator[Interpolation]:
    text = source.data.decode("utf-8", "replace")
    for match in _REFERENCE.finditer(text):
        inner = match[1] or match[2]
        if re.search(r"\burlencode\(|\bjsonencode\(", inner) or names.isdisjoint(re.findall(r"[\w-]+", inner)):
            continue
        line_start = text.rfind("\n", 0, match.start()) + 1
        form = _form(_REFERENCE.sub(HOLE, text[line_start : match.start()]))
        if form:
            yield Interpolation(source.path, text.count("\n", 0, match.start()) + 1, inner.strip(), form)


def _form(before: str) -> Form | None:
    return next((form for form in FORMS if form.before.search(before)), None)


# ---------------------------------------------------------------- Python


def _python(source: Source, names: frozenset[str], consumer: bool) -> Iterator[Interpolation]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source.data)
        known = _aliases(tree, names)
        inner = {id(n.left) for n in ast.walk(tree) if isinstance(n, ast.BinOp)}
        nodes = [
            n for n in ast.walk(tree) if isinstance(n, ast.JoinedStr | ast.BinOp | ast.Call) and id(n) not in inner
        ]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in nodes:
        before = ""
        for piece in _pieces(node):
            if isinstance(piece, str):
                before += piece
                continue
            name = _name(piece, known, consumer)
            form = _form(before) if name else None
            if form:
                yield Interpolation(source.path, piece.lineno, name, form)
            before += HOLE


def _aliases(tree: ast.Module, names: frozenset[str]) -> frozenset[str]:
    """``names`` with the local names that are given one of them."""
    known = set(names)
    for _ in range(3):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and _name(node.value, frozenset(known), False):
                known |= {t.id for t in node.targets if isinstance(t, ast.Name)}
    return frozenset(known)


def _pieces(node: ast.expr) -> list[str | ast.expr]:
    """Text and holes of a string that is put together, in order; nothing for any other expression."""
    if isinstance(node, ast.JoinedStr):
        return [
            str(v.value) if isinstance(v, ast.Constant) else v.value
            for v in node.values
            if isinstance(v, ast.Constant | ast.FormattedValue)
        ]
    if isinstance(node, ast.Call):
        method = node.func
        if isinstance(method, ast.Attribute) and method.attr == "format":
            return _formatted(_text(method.value), node)
        return []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return _percent(_text(node.left), node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        found: list[str | ast.expr] = []
        for part in _summands(node):
            text = _text(part)
            found += [text] if text is not None else (_pieces(part) or [part])
        return found
    return []


def _summands(node: ast.expr) -> list[ast.expr]:
    parts: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts.append(node.right)
        node = node.left
    return [node, *reversed(parts)]


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _formatted(text: str | None, node: ast.Call) -> list[str | ast.expr]:
    if text is None:
        return []
    found: list[str | ast.expr] = []
    keywords = {k.arg: k.value for k in node.keywords if k.arg}
    number = 0
    try:
        for literal, name, _, _ in string.Formatter().parse(text):
            found.append(literal)
            if name is None:
                continue
            first = re.split(r"[.\[]", name, maxsplit=1)[0]
            at = int(first) if first.isdigit() else number
            number += not first
            given = (
                keywords.get(first)
                if first and not first.isdigit()
                else (node.args[at] if at < len(node.args) else None)
            )
            found.append(given if given is not None else HOLE)
    except ValueError:
        return []
    return found


def _percent(text: str | None, right: ast.expr) -> list[str | ast.expr]:
    if text is None:
        return []
    given = list(right.elts) if isinstance(right, ast.Tuple) else [right]
    by_name = (
        {_text(k): v for k, v in zip(right.keys, right.values, strict=True) if k} if isinstance(right, ast.Dict) else {}
    )
    found: list[str | ast.expr] = []
    at, number = 0, 0
    for match in re.finditer(r"%(?:\((\w+)\))?[-#0 +]*\d*(?:\.\d+)?[a-zA-Z%]", text):
        found.append(text[at : match.start()])
        at = match.end()
        if match[0] == "%%":
            found.append("%")
            continue
        value = by_name.get(match[1]) if match[1] else given[number] if number < len(given) else None
        number += not match[1]
        found.append(value if value is not None else HOLE)
    return [*found, text[at:]]


def _name(node: ast.expr, names: frozenset[str], consumer: bool) -> str:
    """By which of ``names`` (or, in a file that reads the secret, by which name that sounds so) ``node`` is the value; empty when it isn't,
    or is quoted."""
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in _QUOTING:
            return ""
        said = [text for a in node.args if (text := _text(a))]
        if any(text in names or (consumer and _NAMED.search(text)) for text in said):
            return f"{called}({', '.join(said)})"
        receiver = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        return next((name for part in (*receiver, *node.args) if (name := _name(part, names, consumer))), "")
    if isinstance(node, ast.Subscript):
        word = _text(node.slice) or ""
    elif isinstance(node, ast.Attribute):
        word = node.attr
    else:
        word = getattr(node, "id", "")
    return word if word in names or (consumer and bool(_NAMED.search(word))) else ""
