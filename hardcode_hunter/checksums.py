"""What providers build into their tokens so that scanners can tell a real one: checksums, and structures that must decode.

Pure functions from the text of a token to bool; a rule's value names one of them (``check``) and says what a token that fails
it is worth (``wrong``). Each names the document that it was written from. None of them says that a token is live: only its
provider knows.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import string
import zlib
from collections.abc import Callable
from hashlib import sha256
from typing import Any

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
BASE36 = string.digits + string.ascii_lowercase
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def written(number: int, letters: str, width: int) -> str:
    """``number`` in the base of ``letters``, the most significant digit first, filled up with the zero on the left."""
    out = ""
    while number:
        number, rest = divmod(number, len(letters))
        out = letters[rest] + out
    return out.rjust(width, letters[0])


def decoded(text: str) -> bytes:
    """What base64 text of either alphabet, padded or not, stands for; empty when it is no base64."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _object(text: str) -> dict[str, Any]:
    """The JSON object that base64 text stands for; empty when there is none."""
    try:
        found = json.loads(decoded(text))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


# ---------------------------------------------------------------- CRC-32


def base62_crc32(token: str) -> bool:
    """GitHub and npm: the last 6 characters are the CRC-32 of what stands between the prefix and them, in base 62.

    https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
    """
    body = token.partition("_")[2]
    return written(zlib.crc32(body[:-6].encode()), BASE62, 6) == body[-6:]


def github_fine_grained(token: str) -> bool:
    """GitHub's ``github_pat_`` tokens end like its others; the text before the checksum is counted with or without its parts in front."""
    body = token.removeprefix("github_pat_")
    parts = (body, body.partition("_")[2], token)
    return any(written(zlib.crc32(text[:-6].encode()), BASE62, 6) == token[-6:] for text in parts)


def gitlab_routable(token: str) -> bool:
    """GitLab's routable tokens: payload, its length in base 36 (2 digits), CRC-32 of all that in base 36 (7 digits).

    https://handbook.gitlab.com/handbook/engineering/architecture/design-documents/cells/routable_tokens/
    """
    return written(zlib.crc32(token[:-7].encode()), BASE36, 7) == token[-7:]


def grafana(token: str) -> bool:
    """Grafana's service account tokens: CRC-32 of what stands before the last underscore, its 4 bytes in hexadecimal, the lowest first.

    https://github.com/grafana/grafana/blob/main/pkg/components/satokengen/tokengen.go
    """
    body, _, checksum = token.rpartition("_")
    return zlib.crc32(body.encode()).to_bytes(4, "little").hex() == checksum


# ---------------------------------------------------------------- Microsoft's identifiable keys


def marvin32(data: bytes, seed: int) -> int:
    """Marvin32 over ``data``, its two halves combined, as Microsoft's identifiable secrets use it.

    https://github.com/microsoft/SymCrypt/blob/main/lib/marvin32.c
    """
    low, high = seed & 0xFFFFFFFF, seed >> 32
    padded = data + b"\x80" + b"\0" * (-(len(data) + 1) % 4)
    words = [int.from_bytes(padded[at : at + 4], "little") for at in range(0, len(padded), 4)]
    for word in (*words, 0):
        low = (low + word) & 0xFFFFFFFF
        high ^= low
        low = (_rotated(low, 20) + high) & 0xFFFFFFFF
        high = _rotated(high, 9) ^ low
        low = (_rotated(low, 27) + high) & 0xFFFFFFFF
        high = _rotated(high, 19)
    return low ^ high


def _rotated(word: int, by: int) -> int:
    return (word << by | word >> (32 - by)) & 0xFFFFFFFF


def _seeds(*words: str) -> tuple[int, ...]:
    return tuple(int.from_bytes(word.encode(), "big") for word in words)


AZURE_SEEDS = {
    "+ASt": _seeds("Default0"),
    "ACDb": _seeds("SysAll00", "Resour00", "MastRO00", "SystRO00", "Encryp00", "MastRW00", "SystRW00"),
    "+ABa": _seeds("AbAcct00"),
    "+AMC": _seeds("Classic0"),
    "APIM": _seeds("Tenant00", "IoTHub00", "Gatewy00", "GitKey00"),
    "AzFu": _seeds("Master00", "System00", "Functi00"),
    "AzCa": _seeds("Access00"),
    "AzSe": _seeds("Query000", "PAdmin00"),
    "AIoT": _seeds("IoTHub00", "DpsKey00", "Device00"),
    "+ASb": _seeds("System00", "Unknown0", "Send0000", "Manage00", "Listen00"),
    "+AEh": _seeds("System00", "Unknown0", "Send0000", "Manage00", "Listen00"),
    "+ARm": _seeds("System00", "Unknown0", "Send0000", "Manage00", "Listen00"),
    "+ACR": _seeds("ACRDflt0"),
}
"""Seeds of the checksums by the signature that stands before them.

https://github.com/microsoft/security-utilities/blob/main/src/Microsoft.Security.Utilities.Core/IdentifiableMetadata.cs
"""


def azure_key(token: str) -> bool:
    """Azure's identifiable keys: the last 4 bytes are the Marvin32 of those before them, under a seed of the service."""
    key = token.rstrip("=")
    data = decoded(key)
    seeds = AZURE_SEEDS.get(key[-10:-6], ())
    return any(marvin32(data[:-4], seed).to_bytes(4, "little") == data[-4:] for seed in seeds)


def azure_annotated_key(token: str) -> bool:
    """Azure's common annotated keys (``…JQQJ99…``): after 80 characters comes the Marvin32 of what they stand for, in base 62 or base 64.

    https://github.com/microsoft/security-utilities/blob/main/src/Microsoft.Security.Utilities.Core/IdentifiableSecrets.cs
    """
    body, checksum = token[:80], token[80:].rstrip("=")
    found = marvin32(decoded(body), _seeds("Default0")[0]).to_bytes(4, "little")
    base62 = written(int.from_bytes(found, "big"), BASE62, 1).ljust(6, "0")
    return base62.startswith(checksum) or base64.b64encode(found).decode().startswith(checksum)


ENTRA = string.ascii_lowercase + string.ascii_uppercase + "1234567890.-_~"


def entra_secret(token: str) -> bool:
    """Client secrets of Microsoft Entra ID: those with ``8Q~`` end in half of a Marvin32 over the rest; those with ``7Q~`` have none.

    https://github.com/microsoft/security-utilities/blob/main/src/Microsoft.Security.Utilities.Core/IdentifiableMetadata.cs
    """
    if token[3:6] != "8Q~":
        return token[3:6] == "7Q~"
    number = marvin32(token[:-3].encode("latin-1", "replace"), _seeds("AadPwd00")[0])
    return written(number, ENTRA, 6)[:3] == token[-3:]


# ---------------------------------------------------------------- structures


def jwt(token: str) -> bool:
    """JSON Web Token: header and claims are JSON objects in base64url, and the header names an algorithm (RFC 7519, RFC 7515 4.1.1)."""
    head, _, rest = token.partition(".")
    return isinstance(_object(head).get("alg"), str) and bool(_object(rest.partition(".")[0]))


def pypi(token: str) -> bool:
    """PyPI: a macaroon of version 2 whose location is an index, and that ends in a signature of 32 bytes.

    https://docs.pypi.org/api/secrets/ and https://github.com/rescrv/libmacaroons/blob/master/doc/format.txt
    """
    data = decoded(token.partition("-")[2])
    if data[:2] != b"\x02\x01" or len(data) < 40:
        return False
    return data[3 : 3 + data[2]] in (b"pypi.org", b"test.pypi.org") and data[-35:-32] == b"\x00\x06\x20"


def json_payload(token: str) -> bool:
    """What follows the prefix, or all of it, is base64 of a JSON object: Grafana Cloud (``glc_``), 1Password service accounts (``ops_``)."""
    return bool(_object(token.partition("_")[2] or token))


def sentry(token: str) -> bool:
    """Sentry's organization tokens: base64 of a JSON object that names the region and organization, then the secret.

    https://github.com/getsentry/rfcs/blob/main/text/0091-ci-upload-tokens.md
    """
    payload = token.removeprefix("sntrys_").partition("_")[0]
    return {"iat", "url", "org"} <= _object(payload).keys()


def artifactory_reference(token: str) -> bool:
    """Artifactory's reference tokens: base64 of ``reftkn:01:`` expiry ``:`` and the token itself."""
    return bool(re.fullmatch(rb"reftkn:\d\d:\d{10}:[A-Za-z0-9]{20,40}", decoded(token)))


def aws_account(token: str) -> str:
    """The account that an AWS access key id belongs to: 12 digits; empty where the id doesn't tell.

    Ids that were made since 2019 hold the account's number in their first bytes after the prefix, in base 32.
    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html
    """
    if len(token) != 20 or token[4] < "Q" or not re.fullmatch(r"[A-Z2-7]{16}", token[4:]):
        return ""
    number = (int.from_bytes(base64.b32decode(token[4:])[:6], "big") & 0x7FFFFFFFFF80) >> 7
    return f"{number:012}" if number < 10**12 else ""


def aws_key_id(token: str) -> bool:
    """AWS access key ids that hold an account hold one of at most 12 digits."""
    return token[4:5] < "Q" or bool(aws_account(token))


# ---------------------------------------------------------------- checksums of keys


def bech32(token: str) -> bool:
    """Keys in Bech32: age identities, Nostr keys. https://github.com/bitcoin/bips/blob/master/bip-0173.mediawiki"""
    label, _, data = token.lower().rpartition("1")
    if not label or len(data) < 6 or not set(data) <= set(BECH32):
        return False
    digits = [*(ord(c) >> 5 for c in label), 0, *(ord(c) & 31 for c in label), *(BECH32.index(c) for c in data)]
    return bech32_polymod(digits) == 1


def bech32_polymod(digits: list[int]) -> int:
    """The checksum of BIP 173 over 5-bit ``digits``."""
    state = 1
    for digit in digits:
        top, state = state >> 25, (state & 0x1FFFFFF) << 5 ^ digit
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            if top >> bit & 1:
                state ^= generator
    return state


def base58check(token: str) -> bool:
    """Extended private keys of BIP 32: the last 4 bytes are the first of the double SHA-256 of the rest.

    https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki
    """
    if not set(token) <= set(BASE58):
        return False
    number = 0
    for letter in token:
        number = number * 58 + BASE58.index(letter)
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return sha256(sha256(data[:-4]).digest()).digest()[:4] == data[-4:]


CHECKS: dict[str, Callable[[str], bool]] = {
    "artifactory-reference": artifactory_reference,
    "aws-key-id": aws_key_id,
    "azure-annotated-key": azure_annotated_key,
    "azure-key": azure_key,
    "base58check": base58check,
    "base62-crc32": base62_crc32,
    "bech32": bech32,
    "entra-secret": entra_secret,
    "github-fine-grained": github_fine_grained,
    "gitlab-routable": gitlab_routable,
    "grafana": grafana,
    "json-payload": json_payload,
    "jwt": jwt,
    "pypi": pypi,
    "sentry": sentry,
}
"""By the name that rule files use."""


def says(name: str, token: str) -> str:
    """What a token tells about itself that helps its owner, in words; empty when it tells nothing."""
    account = aws_account(token) if name == "aws-key-id" else ""
    return f"of account {account}" if account else ""
