"""YAML and JSON documents as trees whose nodes know their exact bytes.

YAML is read by PyYAML's composer (libyaml where it is built in), which gives positions in characters, start marks that include
tag and anchor, and end marks that swallow what follows a block: all three are corrected here. JSON is read by a scanner of our own, because
YAML 1.1 is no superset of it (tabs) and ``json`` gives no positions; it forgives comments and trailing commas.
No node is built twice: an alias is a node of its own that points at its anchor's node, so that no document can grow in memory.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

DENSE = 250_000
"""Lines, commas and opening brackets in one file beyond which no tree is built: it would take gigabytes and many seconds."""
DEPTH = 150
"""Levels of nesting beyond which a document is refused. The deepest real templates have about thirty."""

_PROPERTIES = re.compile(rb"(?:[!&]\S*[ \t\r\n]*)+")
_CORE = "tag:yaml.org,2002:"
# a comma separates and says nothing; a colon belongs to its key
_TOKEN = re.compile(
    rb'[ \t\r\n,]*(?:("[^"\\]*(?:\\.[^"\\]*)*")([ \t\r\n]*:)?|([{}\[\]])|(//[^\r\n]*|/\*.*?\*/)|([^\s{}\[\],:"/]+))',
    re.S,
)
_WORD = re.compile(rb"[-+]?(?:\d[\d.eE+-]*|Infinity|NaN)|true|false|null")


class Unparsable(Exception):
    """The text is not a document. ``offset`` is a byte; ``why`` quotes nothing of the text."""

    def __init__(self, offset: int, why: str) -> None:
        super().__init__(why)
        self.offset = offset
        self.why = why


@dataclass(slots=True, eq=False)
class Scalar:
    """``start`` to ``end`` are the bytes of the value with its quotes; ``outer`` is where its tag or anchor starts."""

    start: int
    end: int
    outer: int
    value: str
    style: str  # "" plain, or one of ' " | >
    tag: str  # "str", "int", "float", "bool", "null", "timestamp" …, or as written: "!Sub"

    @property
    def is_text(self) -> bool:
        return self.tag in ("str", "timestamp", "value", "merge")


@dataclass(slots=True, eq=False)
class Mapping:
    start: int
    end: int
    outer: int
    tag: str
    flow: bool
    pairs: list[tuple[Node, Node]] = field(default_factory=list)

    def get(self, key: str) -> Node | None:
        """The value of the last pair whose key is the scalar ``key``, as loaders do."""
        return next((v for k, v in reversed(self.pairs) if isinstance(k, Scalar) and k.value == key), None)

    def text(self, key: str) -> str:
        """The value of ``key`` when it is a plain text, else an empty one."""
        value = self.get(key)
        return value.value if isinstance(value, Scalar) and not value.tag.startswith("!") else ""


@dataclass(slots=True, eq=False)
class Sequence:
    start: int
    end: int
    outer: int
    tag: str
    flow: bool
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Alias:
    """A use of an anchor. The composer does not say where it stands."""

    target: Scalar | Mapping | Sequence

    @property
    def start(self) -> int:
        return self.target.start

    @property
    def end(self) -> int:
        return self.target.end

    @property
    def outer(self) -> int:
        return self.target.outer


Node = Scalar | Mapping | Sequence | Alias


def dense(data: bytes) -> bool:
    """Whether a file is so full of small parts that no tree is built of it."""
    return len(data) > DENSE and sum(map(data.count, (b"\n", b"\r", b",", b"{", b"[", b"("))) > DENSE


def duplicates(roots: list[Node]) -> list[Scalar]:
    """Keys that stand twice in one mapping: the later of each two."""
    repeated: list[Scalar] = []
    todo = list(roots)
    while todo:
        node = todo.pop()
        if isinstance(node, Sequence):
            todo += node.items
        elif isinstance(node, Mapping):
            seen: set[str] = set()
            for key, value in node.pairs:
                todo.append(value)
                if isinstance(key, Scalar) and key.tag != "merge":
                    if key.value in seen:
                        repeated.append(key)
                    seen.add(key.value)
    return sorted(repeated, key=lambda k: k.start)


def comments(roots: list[Node], data: bytes) -> list[tuple[int, int]]:
    """Lines that are nothing but a comment, as byte ranges; a ``#`` inside a text of several lines is none."""
    texts = sorted(_long_texts(roots, data))
    starts = [start for start, _ in texts]
    found = []
    for match in re.finditer(rb"^[ \t]*\#[^\r\n]*", data, re.M):
        before = bisect_right(starts, match.start())
        if not before or match.start() >= texts[before - 1][1]:
            found.append(match.span())
    return found


def _long_texts(roots: list[Node], data: bytes) -> list[tuple[int, int]]:
    spans = []
    todo = list(roots)
    while todo:
        node = todo.pop()
        if isinstance(node, Sequence):
            todo += node.items
        elif isinstance(node, Mapping):
            todo += [n for pair in node.pairs for n in pair]
        elif isinstance(node, Scalar) and data.find(b"\n", node.start, node.end) >= 0:
            spans.append((node.start, node.end))
    return spans


# ---------------------------------------------------------------- YAML


class _Bytes:
    """Character index → byte offset, in a text that followed ``shift`` bytes of byte order mark."""

    def __init__(self, text: str, shift: int) -> None:
        self.shift = shift
        self.at: list[int] = []
        self.extra: list[int] = []
        if not text.isascii():
            more = 0
            for match in re.finditer(r"[^\x00-\x7f]", text):
                more += len(match.group().encode()) - 1
                self.at.append(match.start() + 1)
                self.extra.append(more)

    def __call__(self, index: int) -> int:
        if not self.at:
            return index + self.shift
        before = bisect_right(self.at, index)
        return index + self.shift + (self.extra[before - 1] if before else 0)


def decode(data: bytes) -> tuple[str, int]:
    """The text without its byte order mark, and how many bytes that has."""
    shift = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    try:
        return data[shift:].decode("utf-8"), shift
    except UnicodeDecodeError as error:
        raise Unparsable(error.start + shift, "not UTF-8") from None


def yaml_documents(data: bytes) -> list[Node]:
    """The root of each document. Raises :class:`Unparsable`."""
    import yaml

    text, shift = decode(data)
    if dense(data):
        raise Unparsable(0, "too large for a tree")
    to_byte = _Bytes(text, shift)
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    roots = []
    try:
        for root in yaml.compose_all(text, Loader=loader):
            roots.append(_converted(root, data, to_byte))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unparsable(to_byte(mark.index if mark else 0), f"not YAML ({type(error).__name__})") from None
    except yaml.YAMLError as error:
        where = getattr(error, "position", 0)
        raise Unparsable(
            to_byte(where if isinstance(where, int) else 0), f"not YAML ({type(error).__name__})"
        ) from None
    except RecursionError:
        raise Unparsable(0, "nested too deeply") from None
    return roots


def _converted(root: Any, data: bytes, to_byte: _Bytes) -> Node:
    """Our nodes for PyYAML's, without recursion, in the order of the document: an anchor comes before its aliases. Block collections get
    their end from their last child."""
    done: dict[int, Scalar | Mapping | Sequence] = {}
    open_blocks: list[Mapping | Sequence] = []

    def convert(node: Any, depth: int) -> Node:
        if id(node) in done:
            return Alias(done[id(node)])
        new = _shell(node, data, to_byte)
        done[id(node)] = new
        if not isinstance(new, Scalar):
            if depth > DEPTH:
                raise Unparsable(new.start, f"nested deeper than {DEPTH} levels")
            parts = (part for pair in node.value for part in pair) if isinstance(new, Mapping) else iter(node.value)
            frames.append((new, parts, [], depth))
            open_blocks.append(new)
        return new

    frames: list[tuple[Mapping | Sequence, Iterator[Any], list[Node], int]] = []
    result = convert(root, 0)
    while frames:
        new, rest, children, depth = frames[-1]
        part = next(rest, None)
        if part is not None:
            children.append(convert(part, depth + 1))
            continue
        frames.pop()
        if isinstance(new, Mapping):
            new.pairs = list(zip(children[::2], children[1::2], strict=True))
        else:
            new.items = children
    for block in reversed(open_blocks):  # children come after their parents
        if not block.flow:
            block.end = _last_end(block)
    return result


def _last_end(block: Mapping | Sequence) -> int:
    children = [n for pair in block.pairs for n in pair] if isinstance(block, Mapping) else block.items
    return max((child.end for child in children if not isinstance(child, Alias)), default=block.start)


def _shell(node: Any, data: bytes, to_byte: _Bytes) -> Scalar | Mapping | Sequence:
    outer, end = to_byte(node.start_mark.index), to_byte(node.end_mark.index)
    start, tag = outer, str(node.tag)
    if data[outer : outer + 1] in (b"!", b"&"):
        match = _PROPERTIES.match(data, outer, max(end, outer))
        start = match.end() if match else outer
    tag = tag.removeprefix(_CORE)
    if isinstance(node.value, str):
        style = node.style if node.style in ("'", '"', "|", ">") else ""
        if style in ("|", ">"):
            end = outer + len(data[outer:end].rstrip(b" \t\r\n"))
        return Scalar(start, end, outer, node.value, style, tag)
    flow = data[start : start + 1] in (b"{", b"[")
    if node.id == "mapping":
        return Mapping(start, end, outer, tag, flow)
    return Sequence(start, end, outer, tag, flow)


# ---------------------------------------------------------------- JSON


def json_documents(data: bytes, start: int = 0, end: int | None = None) -> list[Node]:
    """The roots of the JSON texts in ``data[start:end]``, with offsets into ``data``. Raises :class:`Unparsable`."""
    stop = len(data) if end is None else end
    if start == 0:
        decode(data)
        if dense(data):
            raise Unparsable(0, "too large for a tree")
        start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    return _JsonReader(data, start, stop).read()


class _JsonReader:
    def __init__(self, data: bytes, at: int, stop: int) -> None:
        self.data, self.at, self.stop = data, at, stop
        self.roots: list[Node] = []
        self.stack: list[Mapping | Sequence] = []
        self.key: list[Scalar | None] = []

    def read(self) -> list[Node]:
        data, stop, match_at = self.data, self.stop, _TOKEN.match
        at = self.at
        while match := match_at(data, at, stop):
            at = match.end()
            text, colon, bracket, _comment, word = match.groups()
            if text is not None:
                start, end = match.span(1)
                node = Scalar(start, end, start, text_of(text), '"', "str")
                if colon is None:
                    self._value(node)
                elif not self.stack or self.key[-1] is not None or not isinstance(self.stack[-1], Mapping):
                    raise Unparsable(start, "not JSON (a colon too many)")
                else:
                    self.key[-1] = node
            elif bracket is not None:
                self._bracket(bracket, at - 1)
            elif word is not None:
                self._word(word, at - len(word))
        rest = data[at:stop].strip(b" \t\r\n,")
        if rest or self.stack or not self.roots:
            raise Unparsable(stop - len(data[at:stop].lstrip()) if rest else max(stop - 1, 0), "not JSON")
        return self.roots

    def _word(self, word: bytes, start: int) -> None:
        if not _WORD.fullmatch(word):
            raise Unparsable(start, "not JSON (a word that means nothing)")
        self._value(Scalar(start, start + len(word), start, word.decode("ascii"), "", _word_tag(word)))

    def _value(self, node: Scalar | Mapping | Sequence) -> None:
        if not self.stack:
            self.roots.append(node)
            return
        parent = self.stack[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        key = self.key[-1]
        if key is None:
            raise Unparsable(node.start, "not JSON (a colon is missing)")
        parent.pairs.append((key, node))
        self.key[-1] = None

    def _bracket(self, mark: bytes, at: int) -> None:
        if mark in b"{[":
            new: Mapping | Sequence = (
                Mapping(at, at, at, "map", True) if mark == b"{" else Sequence(at, at, at, "seq", True)
            )
            self._value(new)
            if len(self.stack) >= DEPTH:
                raise Unparsable(at, f"nested deeper than {DEPTH} levels")
            self.stack.append(new)
            self.key.append(None)
        else:
            if not self.stack or isinstance(self.stack[-1], Mapping) != (mark == b"}") or self.key[-1] is not None:
                raise Unparsable(at, "not JSON (a bracket too many)")
            self.stack.pop().end = at + 1
            self.key.pop()


def text_of(token: bytes) -> str:
    """What a JSON string token says; a lone surrogate stays one."""
    if b"\\" not in token:
        return token[1:-1].decode("utf-8", "replace")
    try:
        return str(json.loads(token.decode("utf-8", "replace"), strict=False))
    except ValueError:
        return token[1:-1].decode("utf-8", "replace")


def _word_tag(word: bytes) -> str:
    if word in (b"true", b"false"):
        return "bool"
    if word == b"null":
        return "null"
    return "int" if re.fullmatch(rb"-?\d+", word) else "float"
