"""The forms in which a value can stand in a file: found in one pass, masked in a diff."""

from __future__ import annotations

import base64
import difflib
import json
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape

from hardcode_hunter.model import MASK, Plaintext
from hardcode_hunter.ruleset import PUBLIC_ROLES

SHORT = 4  # characters: shorter values are masked only where they stand alone, or half of a file would be asterisks; nor searched for
STRONG = 8  # characters: a shorter value stands in a file by chance too often
WORD = 20  # letters: no word of a dictionary is longer
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
    before, after = (masked(data, values).decode("utf-8", "replace").splitlines() for data in (old, new))
    lines = difflib.unified_diff(before, after, f"a/{path}", f"b/{path}", lineterm="")
    return "".join(f"{line}\n" for line in lines)


# ---------------------------------------------------------------- searching


@dataclass(frozen=True, slots=True)
class Form:
    """One encoding of one value. ``counts`` when the value is :func:`strong`: a weak one must stand alone."""

    secret: str
    key: str
    encoding: str
    counts: bool


def strong(value: Plaintext) -> bool:
    """Whether the value is too long and too odd to stand in a file by chance: 8 characters or more, and no dictionary word.

    A word is letters of one case (or with a capital first), up to 20 of them.
    """
    text = value.reveal()
    word = text.isalpha() and len(text) <= WORD and text in (text.lower(), text.upper(), text.capitalize())
    return len(text) >= STRONG and not word


class Needle:
    """All encodings of all credentials among ``values`` (secret id, key → value). Public fields are left out.

    Each form is searched for with ``bytes.find``: an alternation of 400 forms in one regular expression took 24 times as long on 19 MB.
    """

    def __init__(self, values: Mapping[tuple[str, str], Plaintext]) -> None:
        self.forms: dict[bytes, list[Form]] = {}  # two secrets may hold one value
        for (secret, key), value in sorted(values.items(), key=lambda row: row[0]):
            if key in PUBLIC_ROLES or len(value) < SHORT:
                continue
            counts = strong(value)
            for form, encoding in forms(value).items():
                if counts or encoding == "raw":
                    self.forms.setdefault(form, []).append(Form(secret, key, encoding, counts))
        self.reach = max((len(form) for form in self.forms), default=0) + 1

    def search(self, read: Callable[[int], bytes], block: int = 8 * 1024 * 1024) -> Iterator[tuple[int, Form]]:
        """Line and form of each occurrence in what ``read(size)`` gives until it gives nothing: what a block's end cuts is found too.

        Of two occurrences of which one holds the other, the longer is told.
        """
        data, line, at, covered = b"", 1, 0, 0  # `line` is the line of data[at]; what starts before `at` was searched
        while True:
            more = read(block)
            data += more
            end = len(data) if not more else max(at, len(data) - self.reach)
            for start, form in self._occurrences(data, at, end):
                if start + len(form) > covered:
                    line += _line_ends(data, at, start)
                    at, covered = start, start + len(form)
                    yield from ((line, meaning) for meaning in self.forms[form])
            if not more:
                return
            line += _line_ends(data, at, end)
            kept = max(end - 1, 0)  # one byte more, for what must not stand before a weak value
            data, at, covered = data[kept:], end - kept, covered - kept

    def _occurrences(self, data: bytes, at: int, end: int) -> list[tuple[int, bytes]]:
        """Where forms start in ``data[at:end]``, in order, the longer one first."""
        found = []
        for form, meanings in self.forms.items():
            counts = any(meaning.counts for meaning in meanings)
            start = data.find(form, at)
            while 0 <= start < end:
                if counts or _alone(data, start, start + len(form)):
                    found.append((start, form))
                start = data.find(form, start + 1)
        return sorted(found, key=lambda hit: (hit[0], -len(hit[1])))


def _line_ends(data: bytes, start: int, end: int) -> int:
    """How many lines end in ``data[start:end]``: at LF, and at CR that no LF follows."""
    return data.count(b"\n", start, end) + data.count(b"\r", start, end) - data.count(b"\r\n", start, end + 1)


def _alone(data: bytes, start: int, end: int) -> bool:
    return not any(byte.isalnum() or byte == b"_" for byte in (data[max(start - 1, 0) : start], data[end : end + 1]))
