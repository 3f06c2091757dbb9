"""Token-like text for the examples in rule files, put together at run time, so that no literal in the repository looks like a credential.

``<<ghp_|alnum|36>>`` is ``ghp_`` and 36 letters and digits. A sample is a row of parts between bars: a known alphabet followed by a
number is that many characters of it, anything else is taken as written. The same sample always gives the same text.

``<<base64 of|user:password>>`` is base64 of what follows, ``<<pem|RSA PRIVATE KEY>>`` a key block (``<<pem|EC PRIVATE KEY|4>>`` with its
lines indented by 4), ``<<jwt>>`` a JSON Web Token, ``<<crc|ghp_|30>>`` a token that ends in a base-62 CRC-32, as GitHub's and npm's do.
"""

from __future__ import annotations

import base64
import hashlib
import re
import string
import zlib
from collections.abc import Iterator

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
    if head == "base64 of":
        return base64.b64encode("|".join(rest).encode()).decode()
    if head == "pem":
        return _pem(rest[0], int(rest[1]) if len(rest) > 1 else 0)
    if head == "jwt":
        parts = [
            base64.urlsafe_b64encode(t).rstrip(b"=").decode()
            for t in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"4711","name":"Harbour Office","iat":1516239022}')
        ]
        return ".".join([*parts, characters("base64url", 43, sample)])
    if head == "crc":
        body = characters("alnum", int(rest[1]), sample)
        return rest[0] + body + base62(zlib.crc32(body.encode()), 6)
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


def _pem(label: str, indent: int) -> str:
    body = characters("base64", 64 * 6 + 40, label)
    lines = [f"-----BEGIN {label}-----", *(body[i : i + 64] for i in range(0, len(body), 64)), f"-----END {label}-----"]
    return ("\n" + " " * indent).join(lines)


def base62(number: int, width: int) -> str:
    """``number`` in base 62 (digits, upper case, lower case), as GitHub writes its checksums."""
    letters = string.digits + string.ascii_uppercase + string.ascii_lowercase
    out = ""
    while number:
        number, rest = divmod(number, 62)
        out = letters[rest] + out
    return out.rjust(width, "0")
