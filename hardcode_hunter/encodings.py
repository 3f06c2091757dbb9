"""The forms in which one value can stand in a file, and files with every form of a value masked."""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from html import escape

from hardcode_hunter.diff import masked_diff
from hardcode_hunter.model import MASK, Change, Edit, Plaintext, Span

SHORT = 4  # characters: shorter values are masked only where they stand alone, or half of a file would be asterisks
LEAST_BASE64 = 6  # bytes of a value that leave at least 6 characters that are the same at every alignment


def forms(value: Plaintext) -> Mapping[bytes, str]:
    """Bytes → the name of the encoding, for every form that differs from the ones before it.

    ``base64`` stands for the value at any of the three alignments inside longer encoded text (``user:password``, a whole file),
    without the characters at either end that depend on its neighbours.
    """
    text = value.reveal()
    data = text.encode("utf-8", "surrogatepass")
    found: dict[bytes, str] = {}
    if not data:
        return found

    def add(form: str | bytes, name: str) -> None:
        raw = form.encode("utf-8", "surrogatepass") if isinstance(form, str) else form
        found.setdefault(raw, name)

    add(data, "raw")
    for ascii_only in (True, False):
        quoted = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        add(quoted, "json")
        add(quoted.replace("/", "\\/"), "json")
    for safe in ("", "/"):
        add(urllib.parse.quote(data, safe=safe), "url")
        add(re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), urllib.parse.quote(data, safe=safe)), "url")
    add(urllib.parse.quote_plus(data), "url")
    add(escape(text), "xml")
    add(escape(text, quote=False), "xml")
    add(text.replace("'", "''"), "quotes doubled")
    for number in range(3):
        form = _aligned(data, number)
        if len(form) >= LEAST_BASE64:
            add(form, "base64")
            add(form.translate(bytes.maketrans(b"+/", b"-_")), "base64")
    if len(data) >= SHORT:
        add(data.hex(), "hex")
        add(data.hex().upper(), "hex")
        add(text.encode("utf-16-le", "surrogatepass"), "utf-16")
        add(text.encode("utf-16-be", "surrogatepass"), "utf-16")
    return found


def _aligned(data: bytes, before: int) -> bytes:
    """The base64 of ``data`` after ``before`` unknown bytes: only the characters that those and what follows can't change."""
    whole = base64.b64encode(bytes(before) + data + bytes(-(before + len(data)) % 3))
    first = (before * 8 + 5) // 6
    last = (before + len(data)) * 8 // 6
    return whole[first:last]


def masked(data: bytes, values: Iterable[Plaintext]) -> bytes:
    """``data`` with every form of ``values`` replaced by the mask."""
    known: dict[bytes, bytes] = {}
    for value in values:
        for form in forms(value):
            text = re.escape(form)
            known[form] = text if len(value) >= SHORT else rb"(?<![A-Za-z0-9_])" + text + rb"(?![A-Za-z0-9_])"
        for line in value.reveal().splitlines():  # a private key, wherever its lines stand
            if len(line) >= SHORT * 2:
                raw = line.encode("utf-8", "surrogatepass")
                known[raw] = re.escape(raw)
    if not known:
        return data
    pattern = b"|".join(known[form] for form in sorted(known, key=lambda f: (-len(f), f)))
    return re.sub(pattern, MASK.encode(), data)


def difference(path: str, old: bytes, new: bytes, hidden: Iterable[Plaintext]) -> str:
    """A unified diff in which no form of ``hidden`` shows."""
    values = tuple(hidden)
    before, after = masked(old, values), masked(new, values)
    return masked_diff(Change(path, "", (Edit(Span(0, len(before)), after),)), before, ())
