"""Token-like text for the examples in rule files, put together at run time, so that no literal in the repository looks like a credential.

``<<ghp_|alnum|36>>`` is ``ghp_`` and 36 letters and digits. A sample is a row of parts between bars: a known alphabet followed by a
number is that many characters of it, anything else is taken as written. The same sample always gives the same text.

Whole tokens, with the checksum or structure of their provider, are made by the functions of ``MADE``: ``<<jwt>>``, ``<<crc|ghp_|30>>``,
``<<pem|RSA PRIVATE KEY|4>>`` (lines indented by 4), ``<<base64 of|user:password>>``, ``<<azure|+ASt|64>>``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import string
import zlib
from collections.abc import Callable, Iterable, Iterator

from hardcode_hunter import checksums
from hardcode_hunter.checksums import BASE36, BASE58, BASE62, written
from hardcode_hunter.ruleset.rule import Sample, Value

ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "digits": string.digits,
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "loweralnum": string.ascii_lowercase + string.digits,
    "upperalnum": string.ascii_uppercase + string.digits,
    "base32": string.ascii_uppercase + "234567",
    "base58": BASE58,
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "base64": string.ascii_letters + string.digits + "+/",
    "base64url": string.ascii_letters + string.digits + "-_",
}
_SAMPLE = re.compile(r"<<([^<>\n]{1,200})>>")


def expand(text: str) -> str:
    """``text`` with each sample replaced by what it stands for."""
    return _SAMPLE.sub(lambda match: _one(match.group(1)), text)


def _one(sample: str) -> str:
    head, *rest = sample.split("|")
    if head in MADE:
        return MADE[head](rest, sample)
    return "".join(_parts([head, *rest], sample))


def _parts(parts: list[str], seed: str) -> Iterator[str]:
    at = 0
    while at < len(parts):
        if parts[at] in ALPHABETS and at + 1 < len(parts) and parts[at + 1].isdigit():
            yield characters(parts[at], int(parts[at + 1]), f"{seed} {at}")
            at += 2
        else:
            yield parts[at]
            at += 1


def characters(alphabet: str, count: int, seed: str) -> str:
    """``count`` characters of an alphabet, the same for the same seed; every kind of character of the alphabet is among the first ones."""
    letters = ALPHABETS[alphabet]
    groups = [
        [c for c in letters if c in kind] for kind in (string.ascii_lowercase, string.digits, string.ascii_uppercase)
    ]
    picked: list[str] = []
    block = 0
    stream = b""
    while len(picked) < count:
        if not stream:
            stream = hashlib.sha512(f"{seed}:{block}".encode()).digest()
            block += 1
        number, stream = stream[0], stream[1:]
        present = [g for g in groups if g]
        source = present[len(picked)] if len(picked) < len(present) else list(letters)
        letter = source[number % len(source)]
        if not picked or letter != picked[-1]:
            picked.append(letter)
    return "".join(picked)


# ---------------------------------------------------------------- whole tokens


def _bytes(seed: str, count: int) -> bytes:
    return hashlib.shake_256(seed.encode()).digest(count)


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _pem(rest: list[str], seed: str) -> str:
    label, indent = rest[0], int(rest[1]) if len(rest) > 1 else 0
    body = characters("base64", 64 * 6 + 40, label)
    lines = [f"-----BEGIN {label}-----", *(body[i : i + 64] for i in range(0, len(body), 64)), f"-----END {label}-----"]
    return ("\n" + " " * indent).join(lines)


def _jwt(rest: list[str], seed: str) -> str:
    claims = (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"4711","name":"Harbour Office","iat":1516239022}')
    return ".".join([*map(_url64, claims), characters("base64url", 43, seed)])


def _crc(rest: list[str], seed: str) -> str:
    body = characters("alnum", int(rest[1]), seed)
    return rest[0] + body + written(zlib.crc32(body.encode()), BASE62, 6)


def _fine_grained(rest: list[str], seed: str) -> str:
    body = f"{characters('alnum', 22, seed)}_{characters('alnum', 53, seed + ' secret')}"
    return "github_pat_" + body + written(zlib.crc32(body.encode()), BASE62, 6)


def _gitlab(rest: list[str], seed: str) -> str:
    route = b"o:1\nu:4"
    payload = _url64(_bytes(seed, 16) + route + bytes([len(route)]))
    head = f"{rest[0]}{payload}.01.{written(len(payload), BASE36, 2)}"
    return head + written(zlib.crc32(head.encode()), BASE36, 7)


def _grafana(rest: list[str], seed: str) -> str:
    body = f"glsa_{characters('alnum', 32, seed)}"
    return f"{body}_{zlib.crc32(body.encode()).to_bytes(4, 'little').hex()}"


def _pypi(rest: list[str], seed: str) -> str:
    place, identifier = rest[0].encode(), b'{"version": 1, "permissions": "user"}'
    packets = b"\x02\x01" + bytes([len(place)]) + place + b"\x02" + bytes([len(identifier)]) + identifier + b"\0\0"
    return "pypi-" + _url64(packets + b"\x06\x20" + _bytes(seed, 32))


def _azure(rest: list[str], seed: str) -> str:
    """``<<azure|AzFu|40>>``: a key of that many bytes with that signature."""
    signature, size = rest[0], int(rest[1])
    length = -(-size * 8 // 6)
    url = signature == "AzFu"
    text = characters("alnum", length - 10, seed) + signature + "A" * 6
    head = checksums.decoded(text)[: size - 4]
    data = head + checksums.marvin32(head, checksums.AZURE_SEEDS[signature][0]).to_bytes(4, "little")
    return (base64.urlsafe_b64encode if url else base64.b64encode)(data).decode()


def _annotated(rest: list[str], seed: str) -> str:
    """``<<annotated|AAAAAZDO>>``: a common annotated key of the provider whose reserved letters and signature these are."""
    body = f"{characters('alnum', 52, seed)}JQQJ99BCAC{characters('alnum', 18 - len(rest[0]), seed + ' more')}{rest[0]}"
    number = checksums.marvin32(checksums.decoded(body), int.from_bytes(b"Default0", "big"))
    return body + written(int.from_bytes(number.to_bytes(4, "little"), "big"), BASE62, 1).ljust(6, "0")[:4]


def _entra(rest: list[str], seed: str) -> str:
    body = f"{characters('alnum', 3, seed)}8Q~{characters('alnum', 31, seed + ' secret')}"
    number = checksums.marvin32(body.encode(), int.from_bytes(b"AadPwd00", "big"))
    return body + written(number, checksums.ENTRA, 6)[:3]


def _sentry(rest: list[str], seed: str) -> str:
    said = {"iat": 1684154626.48, "url": "https://sentry.io", "region_url": "https://us.sentry.io", "org": "harbour"}
    return f"sntrys_{base64.b64encode(json.dumps(said).encode()).decode()}_{characters('alnum', 43, seed)}"


def _json(rest: list[str], seed: str) -> str:
    """``<<json|glc_|o|n|k>>``: the prefix and base64 of a JSON object with these keys."""
    said = {key: characters("alnum", 24, seed + key) for key in rest[1:]}
    return rest[0] + _url64(json.dumps(said, separators=(",", ":")).encode())


def _reference(rest: list[str], seed: str) -> str:
    return base64.b64encode(f"reftkn:01:1767225600:{characters('alnum', 28, seed)}".encode()).decode()


def _aws(rest: list[str], seed: str) -> str:
    """``<<aws|AKIA|123456789012>>``: a key id of that account."""
    number = 1 << 47 | int(rest[1]) << 7
    return rest[0] + base64.b32encode(number.to_bytes(6, "big") + _bytes(seed, 4)).decode()


def _bech32(rest: list[str], seed: str) -> str:
    """``<<bech32 of|age-secret-key->>``: 32 bytes under that label; age writes them in upper case."""
    label = rest[0]
    number = int.from_bytes(_bytes(seed, 32), "big") << 4
    data = [number >> 5 * at & 31 for at in range(51, -1, -1)]
    row = [*(ord(c) >> 5 for c in label), 0, *(ord(c) & 31 for c in label), *data]
    check = checksums.bech32_polymod([*row, 0, 0, 0, 0, 0, 0]) ^ 1
    data += [check >> 5 * (5 - at) & 31 for at in range(6)]
    text = f"{label}1{''.join(checksums.BECH32[d] for d in data)}"
    return text.upper() if label.startswith("age") else text


def _xprv(rest: list[str], seed: str) -> str:
    data = bytes.fromhex("0488ade4") + bytes(9) + _bytes(seed, 32) + b"\0" + _bytes(seed + " key", 32)
    check = hashlib.sha256(hashlib.sha256(data).digest()).digest()[:4]
    return written(int.from_bytes(data + check, "big"), BASE58, 1)


MADE: dict[str, Callable[[list[str], str], str]] = {
    "annotated": _annotated,
    "aws": _aws,
    "azure": _azure,
    "base64 of": lambda rest, seed: base64.b64encode("|".join(rest).encode()).decode(),
    "bech32 of": _bech32,
    "crc": _crc,
    "entra": _entra,
    "fine-grained": _fine_grained,
    "gitlab": _gitlab,
    "grafana": _grafana,
    "json": _json,
    "jwt": _jwt,
    "pem": _pem,
    "pem64": lambda rest, seed: base64.b64encode(_pem(rest, seed).encode()).decode(),
    "pypi": _pypi,
    "reftkn": _reference,
    "sentry": _sentry,
    "xprv": _xprv,
}
"""Makers of whole tokens: from what follows the name, and a seed."""


# ---------------------------------------------------------------- examples of patterns

FOUND = (
    ("python", 'client = connect("{}")'),
    ("yaml", 'the_value: "{}"'),
)
"""Where nothing but the value speaks for itself."""


def generated(rule: str, role: str, values: Iterable[Value]) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Examples and near misses of each pattern that has samples: found in three languages; not found by this rule when masked or cut short."""
    examples, near_misses = [], []
    values = tuple(values)
    for value in values:
        for written_so in value.samples:
            text = expand(written_so)
            if "\n" in text:
                continue
            quoted = "'{}'" if re.search(r"[\s&;?|]", text) else "{}"
            for language, line in (*FOUND, ("dotenv", f"THE_VALUE={quoted}")):
                expect: dict[str, str | int] = {"role": role, "line": 1}
                examples.append(Sample(language, line.format(text), line.format(written_so), expect=expect))
            for wrong, words in _spoilt(value, text):
                if any(re.search(other.regex, wrong) for other in values if other is not value):
                    continue  # cut short it is one of another form
                line = f'client = connect("{wrong}")'
                shown = f'client = connect("{written_so}")  # {words}'
                near_misses.append(Sample("python", line, shown, expect={"not": rule}))
    return tuple(examples), tuple(near_misses)


def _spoilt(value: Value, text: str) -> Iterator[tuple[str, str]]:
    prefix = re.match(r"[A-Za-z0-9]{1,11}[-_.$]", text)
    head = prefix.group() if prefix else text[:4]
    yield f"{head}{'x' * (len(text) - len(head))}", "masked"
    yield text[: value.least - 1], f"cut to {value.least - 1} characters"
