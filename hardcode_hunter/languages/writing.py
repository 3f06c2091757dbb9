"""How new keys and values are written: in the file's manner, JSON or YAML, in blocks or in braces."""

from __future__ import annotations

import re
from typing import Any

Plain = Any
"""A value as nested tuples: ``("str", text)``, ``("!Sub", text)``, ``("seq", [value…])``, ``("map", [(key, value)…])``."""


def quoted(text: str, style: str, json: bool) -> bytes:
    """``text``, which holds no control characters, as a scalar in the file's manner."""
    if json or style == '"':
        return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    return b"'" + text.replace("'", "''").encode() + b"'"


def line_end(data: bytes, at: int) -> int:
    found = [i for i in (data.find(b"\n", at), data.find(b"\r", at)) if i >= 0]
    if not found:
        return len(data)
    first = min(found)
    return first + (2 if data[first : first + 2] == b"\r\n" else 1)


def indent(data: bytes, at: int) -> bytes:
    begin = max(data.rfind(b"\n", 0, at), data.rfind(b"\r", 0, at)) + 1
    line = data[begin:at].removeprefix(b"\xef\xbb\xbf")
    return line if not line.strip() else b" " * len(line)


def eol_of(data: bytes) -> bytes:
    return b"\r\n" if b"\r\n" in data else b"\n"


def render(key: str, value: Plain, margin: bytes, json: bool, eol: bytes) -> bytes:
    """``key: value``, its first line without the ``margin`` that the others begin with."""
    tag, content = value
    name = b'"' + key.encode() + b'"' if json else key.encode()
    if isinstance(content, str):
        return name + b": " + written(value, json)
    deeper = margin + b"  "
    if tag == "seq" and (json or all(isinstance(v[1], str) for v in content)):
        return name + b": " + flow(value, json)
    if tag == "seq":
        return name + b":" + eol + eol.join(item(v, deeper, eol) for v in content)
    rows = [render(k[1], v, deeper, json, eol) for k, v in content]
    if json:
        return name + b": {" + eol + deeper + (b"," + eol + deeper).join(rows) + eol + margin + b"}"
    return name + b":" + eol + deeper + (eol + deeper).join(rows)


def item(value: Plain, margin: bytes, eol: bytes) -> bytes:
    """One mapping of a list, in block style."""
    rows = [render(k[1], v, margin + b"  ", False, eol) for k, v in value[1]]
    return margin + b"- " + (eol + margin + b"  ").join(rows)


def flow(value: Plain, json: bool) -> bytes:
    """A value in brackets and braces, on one line."""
    tag, content = value
    if isinstance(content, str):
        return written(value, json)
    if tag == "seq":
        return b"[" + b", ".join(flow(v, json) for v in content) + b"]"
    rows = [written(k, json) + b": " + flow(v, json) for k, v in content]
    return b"{" + b", ".join(rows) + b"}"


def written(value: Plain, json: bool) -> bytes:
    """A text: a word stands as it is; anything that YAML could take for something else is quoted."""
    tag: str = value[0]
    text: str = value[1]
    if tag.startswith("!"):
        return tag.encode() + b" " + quoted(text, "", json)
    word = re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", text) and text.lower() not in _OTHERS
    return text.encode() if word and not json else quoted(text, "", json)


_OTHERS = frozenset(["true", "false", "yes", "no", "on", "off", "null", "y", "n"])
