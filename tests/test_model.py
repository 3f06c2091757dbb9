"""The vocabulary keeps its word: plaintext never shows, hashes say nothing about values, edits are exact."""

from __future__ import annotations

import dataclasses
import json
import logging
import pickle
import secrets

import pytest

from hardcode_hunter.model import MASK, Change, Edit, Plaintext, Source, Span, content_hash, fingerprint


@pytest.fixture
def canary() -> str:
    return secrets.token_hex(12)


@dataclasses.dataclass(frozen=True)
class Holder:
    value: Plaintext


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        lambda p: f"{p}",
        lambda p: f"{p!r:>40}",
        lambda p: f"{p:>40}",
        lambda p: "%s %r" % (p, p),  # noqa: UP031
        lambda p: str([p, {"k": p}, (p,)]),
        lambda p: repr(Holder(p)),
        lambda p: json.dumps({"k": p}, default=repr),
        lambda p: logging.LogRecord("n", 10, "f", 1, "value %s", (p,), None).getMessage(),
    ],
)
def test_no_way_of_printing_a_plaintext_shows_it(show, canary: str) -> None:  # type: ignore[no-untyped-def]
    assert canary not in show(Plaintext(canary))


def test_a_plaintext_can_not_be_pickled(canary: str) -> None:
    with pytest.raises(TypeError) as caught:
        pickle.dumps(Plaintext(canary))
    assert canary not in str(caught.value)


def test_a_plaintext_has_no_dict_to_look_into(canary: str) -> None:
    assert not hasattr(Plaintext(canary), "__dict__")
    assert Plaintext(canary) == Plaintext(canary)
    assert Plaintext(canary) != canary
    assert canary != MASK


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([(0, 1, "X")], "Xbcdef"),
        ([(6, 6, "!")], "abcdef!"),
        ([(2, 4, ""), (0, 0, ">")], ">abef"),
        ([(1, 2, "1"), (2, 3, "2")], "a12def"),
    ],
)
def test_a_change_splices_at_byte_spans(edits: list[tuple[int, int, str]], expected: str) -> None:
    change = Change("f", "h", tuple(Edit(Span(a, b), t.encode()) for a, b, t in edits))
    assert change.result(b"abcdef") == expected.encode()


@pytest.mark.parametrize("spans", [[(0, 3), (2, 4)], [(5, 9)]])
def test_overlapping_or_outlying_edits_are_refused(spans: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="overlap or lie outside"):
        Change("f", "h", tuple(Edit(Span(a, b), b"") for a, b in spans)).result(b"abcdef")


def test_a_content_hash_does_not_depend_on_what_stands_in_a_span() -> None:
    assert content_hash(b'p = "one"', [Span(4, 9)]) == content_hash(b'p = "other value"', [Span(4, 17)])
    assert content_hash(b'p = "one"', [Span(4, 9)]) != content_hash(b'q = "one"', [Span(4, 9)])
    assert content_hash(b"abc") != content_hash(b"abd")


def test_a_fingerprint_is_made_of_the_place_alone() -> None:
    assert fingerprint("a.py", "A.b", 0) == fingerprint("a.py", "A.b", 0)
    assert (
        len(
            {
                fingerprint("a.py", "A.b", 0),
                fingerprint("a.py", "A.b", 1),
                fingerprint("b.py", "A.b", 0),
                fingerprint("a.pyA", ".b", 0),
            }
        )
        == 4
    )


@pytest.mark.parametrize(
    ("data", "offset", "line", "column"),
    [
        (b"a\nb\nc", 4, 3, 1),
        (b"a\r\nb\r\nc", 6, 3, 1),
        (b"a\rb\rc", 4, 3, 1),
        (b"a\r\nbc", 4, 2, 2),
        (b"a\r\nb", 2, 1, 3),
        (b"abc", 2, 1, 3),
    ],
)
def test_lines_end_at_lf_crlf_and_lone_cr(data: bytes, offset: int, line: int, column: int) -> None:
    source = Source("f", data)
    assert source.line_of(offset) == line
    if data[offset : offset + 1] != b"\n":
        assert source.column_of(offset) == column
