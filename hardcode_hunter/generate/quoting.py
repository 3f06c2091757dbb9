"""How text gets into YAML, HCL, shell and Markdown without becoming syntax.

Everything that a template interpolates is a :class:`Quoted`; the Jinja environment refuses anything else, so that a forgotten
filter fails at the first rendering and not at the first hostile name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from hardcode_hunter.errors import UsageError

if TYPE_CHECKING:
    from jinja2 import Environment

WIDTH = 150
"""Columns up to which a list or an intrinsic function is written on one line."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/.-]*(?:::?[A-Za-z*][A-Za-z0-9_*]*)*\Z")
_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"})
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


class Quoted(str):
    """Text that is safe where it is interpolated."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Tag:
    """A CloudFormation intrinsic in its short form: ``Tag("!Ref", "Key")``, ``Tag("!If", [...])``."""

    name: str
    value: object


@dataclass(frozen=True, slots=True)
class Raw:
    """An HCL expression that we wrote ourselves, line breaks and all."""

    text: str


# ---------------------------------------------------------------- YAML


def yaml_string(text: str) -> str:
    """``text`` as a YAML scalar that every YAML 1.1 and 1.2 parser reads back equal; quoted unless it can only be a string."""
    if _PLAIN.match(text) and text.lower() not in _YAML_WORDS:
        return text
    return '"' + "".join(_yaml_escape(c) for c in text) + '"'


def _yaml_escape(char: str) -> str:
    code = ord(char)
    if char in '"\\':
        return "\\" + char
    if 0x20 <= code < 0x7F:
        return char
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def yaml_value(value: object, indent: int = 0) -> str:
    """``value`` in block style, to stand after ``key:`` at column ``indent`` of its parent: begins with a space or a newline."""
    flow = None if _rows(value) else _flow(value)
    if flow is not None and (indent + len(flow) <= WIDTH or isinstance(getattr(value, "value", value), str)):
        return " " + flow
    if isinstance(value, Tag):
        return f" {value.name}" + yaml_value(value.value, indent)
    if not value:
        return " {}" if isinstance(value, Mapping) else " []"
    pad = " " * (indent + 2)
    if isinstance(value, Mapping):
        return "".join(f"\n{pad}{yaml_string(str(k))}:{yaml_value(v, indent + 2)}" for k, v in value.items())
    assert isinstance(value, Sequence)
    return "".join(f"\n{pad}-{_yaml_item(v, indent + 2)}" for v in value)


def _rows(value: object) -> bool:
    """Whether ``value`` is a list that is read better one member a line: a long one, or one of anything but words."""
    return isinstance(value, list | tuple) and (len(value) > 3 or not all(isinstance(v, str) for v in value))


def _yaml_item(value: object, indent: int) -> str:
    """What follows the dash at column ``indent``: a nested block starts on the dash's own line."""
    text = yaml_value(value, indent)
    return " " + text.lstrip("\n ") if text.startswith("\n") else text


def _flow(value: object) -> str | None:
    """``value`` on one line, or ``None`` when it holds a mapping or an intrinsic with one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return yaml_string(value)
    if isinstance(value, Tag):
        inner = _flow(value.value)
        return None if inner is None else f"{value.name} {inner}"
    if isinstance(value, list | tuple):
        items = [_flow(v) for v in value]
        return None if None in items else "[" + ", ".join(str(i) for i in items) + "]"
    return None


# ---------------------------------------------------------------- HCL


def hcl_string(text: str) -> str:
    """``text`` as an HCL quoted template without any interpolation (HCL native syntax, "Template expressions")."""
    return '"' + _hcl_escape(text) + '"'


def _hcl_escape(text: str) -> str:
    out = "".join(_hcl_char(c) for c in text)
    return out.replace("${", "$${").replace("%{", "%%{")


def _hcl_char(char: str) -> str:
    code = ord(char)
    if char in '"\\':
        return "\\" + char
    if 0x20 <= code < 0x7F:
        return char
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def hcl_template(parts: Sequence[str | Raw]) -> str:
    """A quoted template of literal text and ``${…}`` expressions."""
    return '"' + "".join(f"${{{p.text}}}" if isinstance(p, Raw) else _hcl_escape(p) for p in parts) + '"'


def hcl_value(value: object, indent: int = 0) -> str:
    """``value`` as an HCL expression whose further lines are indented below column ``indent``; alignment comes later."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return hcl_string(value)
    pad, end = " " * (indent + 2), " " * indent
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        rows = (f"{pad}{_hcl_key(str(k))} = {hcl_value(v, indent + 2)}\n" for k, v in value.items())
        return "{\n" + "".join(rows) + end + "}"
    assert isinstance(value, Sequence)
    items = [hcl_value(v, indent + 2) for v in value]
    line = "[" + ", ".join(items) + "]"
    if "\n" not in line and indent + len(line) <= WIDTH:
        return line
    return "[\n" + "".join(f"{pad}{item},\n" for item in items) + end + "]"


def _hcl_key(key: str) -> str:
    return key if _IDENTIFIER.match(key) else hcl_string(key)


def aligned(text: str) -> str:
    """``text`` with the equals signs of neighbouring one-line attributes in one column, as ``terraform fmt`` writes them."""
    out: list[str] = []
    chain: list[tuple[str, str]] = []
    for line in [*text.split("\n"), ""]:
        cell = _assignment(line)
        if cell:
            chain.append(cell)
            continue
        width = max((len(left) for left, _ in chain), default=0)
        out += [f"{left:<{width}} = {right}" for left, right in chain]
        chain = []
        out.append(line)
    return "\n".join(out[:-1])


_EQUALS = re.compile(r'(\s*(?:[A-Za-z_][\w-]*|"(?:[^"\\]|\\.)*")) = (.+)\Z')
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')


def _assignment(line: str) -> tuple[str, str] | None:
    """The two sides of a line that is one whole assignment: brackets that stay open make it the start of a block."""
    match = _EQUALS.match(line)
    if not match or line.lstrip().startswith("#"):
        return None
    bare = _STRINGS.sub("", match[2])
    if sum(bare.count(c) for c in "([{") != sum(bare.count(c) for c in ")]}"):
        return None
    return match[1], match[2]


# ---------------------------------------------------------------- shell and Markdown


def shell_word(text: str) -> str:
    """``text`` as one POSIX shell word. Control characters have no place in a command that a person pastes."""
    if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text):
        raise UsageError(
            "migration/plan.yaml: a name that goes into a shell command holds a control character; remove it"
        )
    return shlex.quote(text)


def one_line(text: str) -> str:
    """``text`` on one line: control, format and unpaired surrogate characters are shown as escapes, so that none acts."""
    return "".join(c if c.isprintable() or c == " " else c.encode("unicode_escape").decode("ascii") for c in text)


def comment(text: str) -> str:
    """``text`` as the rest of a comment line in a fenced block of commands."""
    return one_line(text).replace("```", "'''")


def markdown_text(text: str) -> str:
    """``text`` as words in Markdown: nothing in it becomes a link, an image, HTML, a table cell or a heading."""
    flat = re.sub(r"([\\`*_\[\]<>|~&$])", r"\\\1", one_line(text))
    return re.sub(r"\A(\s*)([-+#=!])", r"\1\\\2", flat)


def markdown_code(text: str) -> str:
    """``text`` as inline code that also survives in a table cell."""
    flat = one_line(text).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall(r"`+", flat)), default=0) + 1)
    edge = " " if flat.startswith("`") or flat.endswith("`") or not flat else ""
    return f"{fence}{edge}{flat}{edge}{fence}"


# ---------------------------------------------------------------- templates


def _finalize(value: object) -> object:
    if not isinstance(value, Quoted):
        raise TypeError(f"a template interpolates a {type(value).__name__} without a quoting filter")
    return value


def _identifier(text: str) -> Quoted:
    if not re.fullmatch(r"[A-Za-z0-9_]+", text):
        raise TypeError("a template was given something else than an identifier of ours")
    return Quoted(text)


def _command(text: str) -> Quoted:
    """Commands whose parts were quoted one by one; they must not end the fenced block that they stand in."""
    if "```" in text:
        raise UsageError("migration/plan.yaml: a name that goes into a command holds three backquotes; rename it")
    return Quoted(text)


@cache
def environment() -> Environment:
    """The Jinja environment of all templates."""
    import jinja2

    env = jinja2.Environment(
        loader=jinja2.PackageLoader("hardcode_hunter", "templates"),
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # the output is no HTML; _finalize sees to quoting
    )
    env.filters["id"] = _identifier
    env.filters["yaml"] = lambda value, indent=0: Quoted(yaml_value(value, indent))
    env.filters["hcl"] = lambda value, indent=0: Quoted(hcl_value(value, indent))
    env.filters["command"] = _command
    env.filters["words"] = lambda text: Quoted(markdown_text(text))
    env.filters["code"] = lambda text: Quoted(markdown_code(text))
    return env


def render(template: str, values: Mapping[str, object]) -> str:
    """The text of ``templates/<template>`` with ``values``."""
    return environment().get_template(template).render(**values)
