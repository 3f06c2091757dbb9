"""HTML made of elements: what is not an element already is escaped, so nothing out of a tree can become markup."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from hardcode_hunter.formats._summary import printable

PARTS = Path(__file__).parent.parent / "templates" / "report"


class Markup(str):
    """Text that is HTML. Everything else is text that is not."""

    __slots__ = ()


Content = str | Markup | Iterable["Content"]


def markup(content: Content) -> Markup:
    """``content`` as HTML: a plain text escaped, control and direction characters made visible."""
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return Markup(html.escape(_visible(content)))
    return Markup("".join(markup(part) for part in content))


def _visible(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


def element(name: str, *content: Content, **attributes: str) -> Markup:
    """``<name …>content</name>``; an attribute ``class_`` is ``class``, ``data_sort`` is ``data-sort``."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{markup(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{given}>{markup(content)}</{name}>")


def code(text: str) -> Markup:
    return element("code", text)


def prose(text: str) -> Markup:
    """``text`` with what stands between backticks as code."""
    return Markup("".join(code(part) if n % 2 else markup(part) for n, part in enumerate(text.split("`"))))


def listing(rows: Iterable[Content]) -> Markup:
    return element("ul", [element("li", row) for row in rows])


def table(head: Sequence[str], rows: Iterable[Sequence[Content]], label: str) -> Markup:
    """A table that can be filtered, sorted and copied where scripts run."""
    tools = element(
        "div",
        Markup(f'<input type="search" aria-label="{markup(f"Filter {label}")}" placeholder="filter">'),
        element("button", "Copy as CSV", type="button"),
        class_="tools hidden",
    )
    header = element("tr", [element("th", element("button", name, type="button"), scope="col") for name in head])
    body = element("tbody", [element("tr", [element("td", cell) for cell in row]) for row in rows])
    whole = element("table", element("caption", label, class_="spoken"), element("thead", header), body)
    return element("div", tools, element("div", whole, class_="scroll"), data_table=label)


def section(title: str, *content: Content) -> Markup:
    """A part of the page under its heading; nothing when there is nothing in it."""
    inside = markup(content)
    return element("section", element("h2", title), inside) if inside else Markup()


def page(title: str, *content: Content) -> str:
    """One file that needs no other: it may load nothing and send nothing, and only its own style and script count."""
    style, script = (_part(name) for name in ("style.css", "script.js"))
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    head = (
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="referrer" content="no-referrer">'),
        element("title", title),
        Markup(f"<style>{style}</style>"),
    )
    body = element("body", element("main", *content), Markup(f"<script>{script}</script>"))
    return f'<!DOCTYPE html>\n<html lang="en">{element("head", *head)}\n{body}</html>\n'


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
