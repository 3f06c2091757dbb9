"""Text around a word of the first pass, as it stands in the file: where its statement ends, what is bound to it, and whether that could be
a credential. Nothing is parsed; every look at a place is bounded, whatever the length of its line."""

from __future__ import annotations

import re
from functools import lru_cache

from hardcode_hunter import filters, shapes
from hardcode_hunter.filters import Strength
from hardcode_hunter.vocabulary import CREDENTIAL_WORDS

CACHED = 1 << 13  # values whose look is remembered
LINES = 16  # lines to which a statement is followed while its brackets are open
BEHIND = 400  # bytes before a hit that count as its line
AHEAD = 600  # bytes of one line, or of all lines of a statement
_NAME = re.compile(rb"[\w.$-]{0,64}")
LITERAL = re.compile(
    rb"""[bBrRuUfF]{0,2}(?:\\?"(?P<d>(?:[^"\\\r\n]|\\.){0,400})(?:"|(?<=[^"\r\n]{400}))|\\?'(?P<s>(?:[^'\\\r\n]|\\.){0,400})(?:'|(?<=[^'\r\n]{400})))"""
)
_BARE = re.compile(
    rb"""(?:[\w.$-]{0,40}["'\]]{0,2}[ \t]{0,20}(?:=>|:=|[=:])|[ \t])[ \t]{0,20}(?P<v>[^\s"'`;,|<>()\[\]{}&=:#-][^\s"'`;,|<>()\[\]{}&]{2,400})"""
)
STATEMENT = re.compile(rb"[ \t]*(?:[\r\n#;]|\Z)")
_ARGUMENT_ALONE = re.compile(rb"[\w.$-]{0,64}[\"'],[ \t]*\r?\n")  # of a call that began before it
_TURN = re.compile(rb"[\n()\[\]{}]")
_KEY = re.compile(rb"[ \t]*:(?!\s*(?:$|[\r\n]))")
_PASSED = re.compile(rb"=[ \t]*(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)")
ARGUMENT = re.compile(rb"[(,=\[ \t](?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)(?=[\s,)\]])")
TEXTS = re.compile(rb"[=(,\[{:+][ \t]*[A-Za-z]{0,2}(?:\"\"\"|''')")
_TRIPLE = re.compile(rb"[\w.$-]{0,64}[\"'\]]{0,3}[^=:\n]{0,40}[=:(,][ \t(]*[A-Za-z]{0,2}(?:\"\"\"|''')")


def is_word(byte: int) -> bool:
    return byte == 95 or 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte > 127


def region_end(data: bytes, at: int, code: bool) -> int:
    """Where the statement around ``at`` ends, as far as it is followed."""
    limit, depth, lines, last = at + AHEAD, 0, 0, at
    for match in _TURN.finditer(data, at, limit):
        byte = data[match.start()]
        if byte == 10:
            lines += 1
            before = data[max(last, match.start() - 40) : match.start()].rstrip()
            if lines == 1 and _ARGUMENT_ALONE.match(data, at):
                continue
            if lines >= LINES or (
                depth <= 0 and before[-1:] not in (b"=", b"\\", b":", b"|", b">") and (code or lines > 2)
            ):
                return match.start()
            last = match.end()
        elif byte in b"([{":
            depth += 1
        else:
            depth -= 1
    return limit


def holds(data: bytes, at: int, end: int, name: bytes, least: str, texts: bool, uses: set[str]) -> bool:
    """Python: whether a literal of the statement around ``at`` could be a credential."""
    start = max(data.rfind(b"\n", max(0, at - BEHIND), at) + 1, at - BEHIND, 0)
    if _TRIPLE.match(data, at):
        return True
    for match in LITERAL.finditer(data, start, end):
        text = match.group("d") or match.group("s")
        if not text or (_KEY.match(data, match.end()) and data[match.start() - 1 : match.start()] in b"{, \t\n"):
            continue
        if _plausible(text, name, least):
            return True
    bare = _BARE.match(data, at) if texts else None
    if bare and _plausible(bare.group("v"), name, least):
        return True
    uses.update(m.group(1).decode() for m in _PASSED.finditer(data, at, end))
    return False


_AFTER = re.compile(
    rb"""[\w.$-]{0,64}(?P<q>\\?["'])?(?:[ \t]{0,20}(?:=>|:=|=(?!=)|:(?![:=])))[ \t]{0,8}(?:[&!][\w!./-]{0,60}[ \t]{1,8}){0,2}(?P<v>\\"[^"\\\r\n]{0,400}|"(?:[^"\\\r\n]|\\.){0,400}"?|'(?:[^'\r\n]){0,400}'?|[^\s"',;|<>(){}\[\]&][^\s"';|<>(){}&]{0,400})?"""
)
_CHART = re.compile(rb"""[ \t]{0,8}\{\{[^\r\n{}"']{0,160}["'](?P<v>[^"'\r\n]{3,200})["']""")
_OPTION = re.compile(
    rb"""[\w-]{0,40}(?:[ \t]{1,8}|["']?,\s{0,8}|["']?\s{0,8}\n\s{0,40}-[ \t]{1,4})["']?(?P<v>[^\s"'`;|<>(){}&-][^\s"'`;|<>(){}&]{0,200})"""
)
_PAIRED = re.compile(
    rb"""[\w.$ -]{0,64}\\?["']?[ \t]*,?\s{0,80}[^\n]{0,120}?(?:value|default|content)\w{0,10}\\?["']?\s{0,8}[:=]\s{0,8}(?P<v>["'](?:[^"'\r\n]){0,400}|[^\s"']{1,400})""",
    re.I,
)
_WHOLE = re.compile(
    rb"""(?:name|key|variable|optionname|value|default)\w{0,6}\\?["']?[ \t]{0,8}[:=][ \t]{0,8}\\?["']?[\w.$-]{0,64}\Z""",
    re.I,
)
_NEUTRAL = re.compile(
    rb"""(?:value|default|text|string|data|content|plain|literal|\d)\w{0,12}["']?\s{0,8}:\s{0,8}(?:\[\s*)?(?:["'](?P<d>[^"'\r\n]{3,400})["']|(?P<v>[^\s"'`,;|<>(){}\[\]]{3,400}))""",
    re.I,
)
_VALUES = re.compile(
    rb"""["'](?P<d>[^"'\r\n]{3,400})["'](?!\s*:)|(?P<v>[^\s"'`,;|<>(){}\[\]:=][^\s"'`;|<>(){}\[\]]{1,400}[^\s"'`;|<>(){}\[\]:])(?=[\s,])"""
)


_LOGIN = re.compile(
    rb"""[\w.-]{0,40}["'\]]{0,2}\s{0,4}[=:]\s{0,4}[(\[{]{1,3}\s{0,8}[bBuU]?["'][^"'\r\n]{0,64}["'],\s{0,8}[bBuU]?["'](?P<v>[^"'\r\n]{3,200})"""
)
_GETTER = re.compile(
    rb"""[\w.-]{0,64}\([^\n]{0,200}\n(?:[^\n]{0,200}\n){0,8}?[ \t]{1,40}return[ \t]+[bBuU]?["'](?P<v>[^"'\r\n]{3,200})"""
)
_LAST = re.compile(rb"""[\w.-]{0,64}\([^()\n]{0,200}?[bBuU]?["'](?P<v>[^"'\r\n]{3,200})["']\s{0,8},?\s{0,8}\)""")
_GIVEN = re.compile(rb"(?i)(?:\w*_)?(?:passw|hashpw|log_?in|sign_?in|authenticate|set_credentials|basic_auth)")


def given(data: bytes, at: int, name: bytes) -> bool:
    """Python: whether a credential could stand near ``at`` of which only the place says so: the second of a pair, the last argument of a
    login, what a getter returns."""
    looks = [_LOGIN] if b"pass" not in name.lower() else []
    if data[at + len(name) : at + len(name) + 1] == b"(" or b"(" in data[at : at + 64]:
        if data[max(0, at - 80) : at].rpartition(b"\n")[2].lstrip().startswith((b"def ", b"async def ")):
            looks.append(_GETTER)
        elif _GIVEN.search(name):
            looks.append(_LAST)
    return any(
        (match := look.match(data, at)) is not None and _plausible(match.group("v"), b"password", "word")
        for look in looks
    )


def bound(data: bytes, at: int, name: bytes, least: str, kind: str) -> bool:
    """JSON and YAML: whether what is bound to the name at ``at`` could be a credential."""
    match = _AFTER.match(data, at)
    if match:
        raw = match.group("v")
        if raw and raw.strip(b"|>-+*&! \t"):
            if _plausible(raw.strip(b"\\").strip(b"\"'"), name, least):
                return True
        elif (chart := _CHART.match(data, match.end())) and _plausible(chart.group("v"), name, least):
            return True
        else:  # a mapping, a list, a block of text
            stop = _nested(data, match.end(), kind)
            row = data[match.end() : match.end() + 60].lstrip()[:1] in (b"[", b"-", b"'", b'"')
            several = name[-1:] in b"sS" or (raw or b"")[:1] in (b"|", b">") or row
            pattern = _VALUES if several else _NEUTRAL
            if not (row and least == "strong") and any(
                _plausible(m.group("d") or m.group("v"), name, least) for m in pattern.finditer(data, match.end(), stop)
            ):
                return True
    start = max(0, at - 100)
    if _WHOLE.search(data[start:at]):
        pair = _PAIRED.match(data, at)
        if pair and _plausible(pair.group("v").strip(b"\"'"), name, least):
            return True
        if b"alue" in data[start:at]:  # the value may stand before the name
            return True
    if name[:1] == b"-":
        option = _OPTION.match(data, at)
        if option and _plausible(option.group("v"), name, least):
            return True
    return False


def _nested(data: bytes, at: int, kind: str) -> int:
    """The end of a short mapping, list or block that begins at ``at``."""
    if kind == "json":
        return min(at + 300, (data.find(b"}", at) + 1) or at + 300)
    line = data.find(b"\n", at) + 1
    if not line:
        return at
    indent = -1
    end = line
    for _ in range(8):
        stop = (data.find(b"\n", end, end + 500) + 1) or min(len(data), end + 500)
        row = data[end:stop]
        width = len(row) - len(row.lstrip(b" -"))
        if indent < 0:
            indent = width
        if row.strip() and width < indent:
            break
        end = stop
        if end >= len(data):
            break
    return end


def name_at(data: bytes, at: int) -> bytes:
    first = at
    while first > 0 and at - first < 64 and (is_word(data[first - 1]) or data[first - 1] in b".-"):
        first -= 1
    match = _NAME.match(data, at)
    return data[first : match.end() if match else at]


@lru_cache(maxsize=CACHED)
def live(raw: bytes) -> bool:
    return bool(raw) and not filters.absent(raw.decode("utf-8", "replace"))


@lru_cache(maxsize=CACHED)
def strong(raw: bytes) -> bool:
    return filters.strength(raw.decode("utf-8", "replace")) > Strength.WEAK


_LEAST = {"any": Strength.WEAK, "word": Strength.WEAK, "fair": Strength.FAIR, "strong": Strength.STRONG}


@lru_cache(maxsize=CACHED)
def _plausible(raw: bytes, name: bytes, least: str) -> bool:
    """Whether the filters would let a value through under that name; see ``detect.named``, which has the last word."""
    text = raw.decode("utf-8", "replace").strip()
    if least == "any":
        return bool(text) and not filters.absent(text)
    said = name.decode("ascii", "replace")
    if least == "strong" and shapes.decoded_pair(text):
        return True
    if len(text) < 3 or filters.strength(text) < _LEAST[least]:
        return len(text) >= 8 and text.isalnum() and "token" in said.lower() and any(c.isdigit() for c in text)
    if filters.absent(text) or filters.nullish(text) or filters.format_string(text) or filters.metasyntactic(text):
        return False
    if filters.placeholder(text) and not filters.default_password(text):
        return False
    if (
        filters.prose(text)
        or filters.path(text)
        or filters.plain_url(text)
        or filters.hashed(text)
        or filters.code(text)
    ):
        return False
    if text.lower() in CREDENTIAL_WORDS:
        return least == "word" and not filters.repeats(said, text)
    if filters.field_name(said, text) or (least != "word" and filters.identifier(text)):
        return False
    return least != "strong" or (" " not in text and not filters.uuid(text))
