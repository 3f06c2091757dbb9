"""Protocol Buffers as far as Terraform's plug-in protocol needs them: varints and length-delimited fields.

Source: Protocol Buffers documentation, "Encoding". A message travels as a list of (field number, value): a bool or int is a
varint, bytes, text and nested messages are length-delimited.
"""

from __future__ import annotations

from collections.abc import Iterable

Value = bool | int | str | bytes


def encode(fields: Iterable[tuple[int, Value]]) -> bytes:
    """The bytes of a message. False, 0 and empty values are left out only by the caller."""
    out = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3) + _varint(int(value))
        else:
            data = value.encode() if isinstance(value, str) else value
            out += _varint(number << 3 | 2) + _varint(len(data)) + data
    return bytes(out)


def decode(data: bytes) -> dict[int, list[int | bytes]]:
    """Every field of a message, by number, in order."""
    found: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(data):
        tag, at = _read(data, at)
        kind = tag & 7
        if kind == 0:
            value: int | bytes
            value, at = _read(data, at)
        elif kind == 2:
            length, at = _read(data, at)
            value, at = data[at : at + length], at + length
        else:
            raise ValueError(f"wire type {kind} is not used by this protocol")
        found.setdefault(tag >> 3, []).append(value)
    return found


def field(message: dict[int, list[int | bytes]], number: int) -> bytes:
    """The last length-delimited value of a field; empty when it is absent."""
    value = message.get(number, [b""])[-1]
    return value if isinstance(value, bytes) else b""


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at
