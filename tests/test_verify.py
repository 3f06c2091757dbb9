"""What is left: copies in every encoding and file, code that wasn't rewritten, secrets that aren't as the code needs them."""

from __future__ import annotations

import base64
import io
import json
import os
import urllib.parse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardcode_hunter.encodings import Needle, difference, forms, masked, strong
from hardcode_hunter.model import (
    MASK,
    Confidence,
    Consumer,
    Copy,
    Finding,
    Home,
    Kind,
    LiteralType,
    Observation,
    Origin,
    Plaintext,
    Position,
    Question,
    Reader,
    RotationChoice,
    Secret,
    SecretField,
    Severity,
    Shape,
    Skip,
    Span,
    Verdict,
)
from hardcode_hunter.verify import Search, copies, verify
from tests.store_fixtures import DATABASE, NAME, plan_of

CANARY = 'hunter/"orders" & 2019+ü'
VALUES = {("db", "password"): Plaintext(CANARY), ("db", "host"): Plaintext("db.internal.example")}


def finding(id: str = "1" * 16, path: str = "settings.py", line: int = 4, **more: object) -> Finding:
    whole = Finding(
        id=id, rule="db-password", title="Database password", kind=Kind.DATABASE, severity=Severity.HIGH, confidence=Confidence.HIGH,
        verdict=Verdict.MIGRATE, reason="", path=path, language="python", span=Span(0, 1), line=line, end_line=line, column=1, symbol="PASSWORD",
        ordinal=0, name="PASSWORD", role="password", shape=Shape.WHOLE, literal=LiteralType.STR, position=Position.ASSIGNMENT, digest="d", length=9,
    )  # fmt: skip
    return replace(whole, **more)  # type: ignore[arg-type]


# ---------------------------------------------------------------- encodings

ENCODED: dict[str, Callable[[str], bytes]] = {
    "raw": lambda v: v.encode(),
    "base64": lambda v: base64.b64encode(v.encode()),
    "base64 of user:password": lambda v: base64.b64encode(f"me:{v}@there".encode()),
    "base64 one byte on": lambda v: base64.b64encode(f"x{v}x".encode()),
    "base64 for URLs": lambda v: base64.urlsafe_b64encode(f"\xff\xfe{v}".encode()),
    "hex": lambda v: v.encode().hex().encode(),
    "HEX": lambda v: v.encode().hex().upper().encode(),
    "json": lambda v: json.dumps({"k": v}).encode(),
    "json, UTF-8": lambda v: json.dumps({"k": v}, ensure_ascii=False).encode(),
    "json of PHP": lambda v: json.dumps(v).replace("/", "\\/").encode(),
    "url": lambda v: urllib.parse.quote(v, safe="").encode(),
    "url path": lambda v: urllib.parse.quote(v).encode(),
    "url form": lambda v: urllib.parse.quote_plus(v).encode(),
    "url, lower case": lambda v: urllib.parse.quote(v, safe="").lower().encode() if v == v.lower() else urllib.parse.quote(v, safe="").encode(),
    "xml": lambda v: v.replace("&", "&amp;").replace('"', "&quot;").encode(),
    "utf-16": lambda v: v.encode("utf-16"),
}  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_copy_is_found_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "notes.md").write_bytes(b"first\nsecond " + ENCODED[encoding](CANARY) + b" end\n")
    search = copies(tmp_path, ["notes.md"], VALUES)
    assert [(c.path, c.line, c.secret, c.key, c.counts) for c in search.copies] == [
        ("notes.md", 2, "db", "password", True)
    ]
    assert CANARY not in repr(search)
    assert CANARY not in str(search.copies[0])


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.text(min_size=8, max_size=40).filter(lambda v: strong(Plaintext(v))),
    st.sampled_from(sorted(ENCODED)),
    st.binary(max_size=5),
)
def test_any_strong_value_is_found_and_masked(value: str, encoding: str, before: bytes) -> None:
    if encoding == "xml" and "'" in value:
        return  # two ways to write it
    data = before + b"\n" + ENCODED[encoding](value) + b"\n"
    assert list(Needle({("s", "password"): Plaintext(value)}).search(io.BytesIO(data).read))
    hidden = masked(data, [Plaintext(value)])
    assert value.encode() not in hidden
    assert MASK.encode() in hidden


def test_every_alignment_in_base64_is_told_apart_from_noise() -> None:
    found = [form for form, name in forms(Plaintext("hunter-orders-2019")).items() if name == "base64"]
    assert len(found) == 3
    for before in range(6):
        whole = base64.b64encode(os.urandom(before) + b"hunter-orders-2019" + os.urandom(5))
        assert sum(form in whole for form in found) == 1


# ---------------------------------------------------------------- where it looks


def test_lines_end_as_in_findings_whatever_ends_them(tmp_path: Path) -> None:
    for number, end in enumerate(("\n", "\r", "\r\n")):
        (tmp_path / f"{number}.py").write_bytes(f"x = 1{end}y = 2{end}p = '{CANARY}'{end}".encode())
    found = copies(tmp_path, [f"{n}.py" for n in range(3)], VALUES).copies
    assert [(c.path, c.line) for c in found] == [(f"{n}.py", 3) for n in range(3)]


def test_holes_of_a_file_are_not_read(tmp_path: Path) -> None:
    with (tmp_path / "disk.img").open("wb") as file:
        file.write(f"{CANARY}\n".encode())
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(f"\n{CANARY}".encode())
        file.truncate(1 << 40)
    found = copies(tmp_path, ["disk.img"], VALUES).copies
    assert [c.line for c in found] == [1, 3]


def test_an_occurrence_across_blocks_is_found_once(tmp_path: Path) -> None:
    text = b"x\n" * 50 + CANARY.encode() + b"\n" * 7 + CANARY.encode() + b"y" * 90
    (tmp_path / "dump.sql").write_bytes(text)
    whole = copies(tmp_path, ["dump.sql"], VALUES).copies
    assert [c.line for c in whole] == [51, 58]
    for block in (1, 2, 3, 7, 50, 100, len(text) - 1, len(text)):
        assert [line for line, _ in Needle(VALUES).search(io.BytesIO(text).read, block)] == [51, 58]


def test_the_longer_of_two_values_is_told() -> None:
    both = {
        ("a", "password"): Plaintext("hunter-2019"),
        ("b", "password"): Plaintext("hunter-2019-orders"),
        ("c", "password"): Plaintext("9-orders!"),
    }
    text = b"hunter-2019-orders! hunter-2019\n9-orders!"
    for block in range(1, len(text) + 2):
        found = [(line, form.secret) for line, form in Needle(both).search(io.BytesIO(text).read, block)]
        assert found == [(1, "b"), (1, "c"), (1, "a"), (2, "c")]


def test_a_value_of_two_secrets_is_told_for_both(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("hunter-2019")
    both = {("a", "password"): Plaintext("hunter-2019"), ("b", "token"): Plaintext("hunter-2019")}
    assert [(c.secret, c.key) for c in copies(tmp_path, ["a"], both).copies] == [("a", "password"), ("b", "token")]


def test_a_weak_value_across_blocks_must_stand_alone() -> None:
    weak = {("db", "password"): Plaintext("tiger")}
    for block in (1, 2, 5, 6, 7, 1000):
        found = Needle(weak).search(io.BytesIO(b"scott/tiger tigers xtiger\ntiger").read, block)
        assert [(line, form.counts) for line, form in found] == [(1, False), (2, False)]


def test_links_and_devices_are_left_out_and_unreadable_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(CANARY)
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    search = copies(tmp_path, ["real", "link", "fifo", "folder", "gone"], VALUES)
    assert [c.path for c in search.copies] == ["real"]
    assert search.files == 1
    assert [(p.path, p.fatal) for p in search.problems] == [("gone", True)]
    assert copies(tmp_path, ["real"], VALUES, skip_paths={"real"}) == Search()


def test_public_fields_are_not_searched_for(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("db.internal.example")
    assert copies(tmp_path, ["README"], VALUES).copies == ()


# ---------------------------------------------------------------- what counts


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("hunter-orders-2019", True),
        ("hunter2x", True),
        ("hunter2", False),
        ("elephant", False),
        ("Elephant", False),
        ("ELEPHANTS", False),
        ("elePhant", True),
        ("correcthorsebatterystaple", True),
        ("12345678", True),
    ],
)
def test_a_strong_value_is_long_and_no_word(value: str, expected: bool) -> None:
    assert strong(Plaintext(value)) is expected


def test_a_weak_value_counts_where_a_rule_finds_it(tmp_path: Path) -> None:
    weak = {("db", "password"): Plaintext("tiger")}
    (tmp_path / "a.py").write_text("a tiger\nPASSWORD = 'tiger'\nPASSWORD = 'tiger'  # test\n")
    found = [finding(path="a.py", line=2), finding(path="a.py", line=3, verdict=Verdict.TEST_VALUE)]
    assert [c.counts for c in copies(tmp_path, ["a.py"], weak, findings=found).copies] == [False, True, False]


def test_what_is_too_short_is_not_looked_for(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("abc abc")
    assert copies(tmp_path, ["a"], {("db", "password"): Plaintext("abc")}).copies == ()


# ---------------------------------------------------------------- the whole

ROTATED = replace(DATABASE, rotation=RotationChoice("postgresql-single-user"))
GOOD = {"db": Observation("db", NAME, True, frozenset(["engine", "host", "port", "username", "password", "ssl"]), "1")}


def test_nothing_left_is_complete() -> None:
    result = verify(plan_of(ROTATED), [], GOOD, Search(files=3))
    assert (result.complete, result.left, result.unknown, result.files) == (True, (), (), 3)


def test_values_in_tests_and_weak_copies_are_no_work() -> None:
    weak = Copy("README", 1, "db", "password", "raw", counts=False)
    result = verify(plan_of(ROTATED), [finding(verdict=Verdict.TEST_VALUE)], GOOD, Search((weak,)))
    assert (result.complete, result.listed) == (True, (weak,))


SKIP = Skip("1" * 16, "settings.py", 4, "decorator", "it is read before the module is loaded")


@pytest.mark.parametrize(
    ("skips", "id", "words"),
    [
        ((), "1" * 16, "planned and not rewritten"),
        ((), "2" * 16, "not in the plan"),
        ((SKIP,), "1" * 16, "left alone (decorator): it is read before"),
    ],
)
def test_code_that_was_not_rewritten_is_left_with_its_reason(skips: tuple[Skip, ...], id: str, words: str) -> None:
    result = verify(replace(plan_of(ROTATED), skips=skips), [finding(id)], GOOD, Search())
    assert not result.complete
    (left,) = result.left
    assert (left.code, left.path, left.line) == ("unmigrated", "settings.py", 4)
    assert words in left.what


def test_a_copy_on_the_line_of_a_finding_is_told_once() -> None:
    search = Search((Copy("settings.py", 4, "db", "password", "raw"), Copy("README", 9, "db", "password", "base64")))
    result = verify(plan_of(ROTATED), [finding()], GOOD, search)
    assert [(one.code, one.path, one.line) for one in result.left] == [
        ("copy", "README", 9),
        ("unmigrated", "settings.py", 4),
    ]


@pytest.mark.parametrize(
    ("seen", "code", "words"),
    [
        (Observation("db", NAME), "not-stored", "deploy the stack"),
        (Observation("db", NAME, True), "not-stored", "has no value"),
        (
            Observation("db", NAME, True, frozenset(["engine", "host", "port", "username"]), "1"),
            "lacks-field",
            "lacks password",
        ),
        (Observation("db", NAME, True, frozenset([""]), "1"), "lacks-field", "lacks engine, host"),
    ],
)
def test_the_store_must_have_what_the_code_reads(seen: Observation, code: str, words: str) -> None:
    result = verify(plan_of(ROTATED), [], {"db": seen}, Search())
    assert not result.complete
    assert [one.code for one in result.left] == [code]
    assert words in str(result.left[0])


@pytest.mark.parametrize("seen", [{}, {"db": Observation("db", NAME, error="production/shop/db: denied")}])
def test_what_could_not_be_checked_is_not_complete(seen: dict[str, Observation]) -> None:
    result = verify(plan_of(ROTATED), [], seen, Search())
    assert (result.complete, result.left, len(result.unknown)) == (False, (), 1)


def test_an_open_question_and_an_unreadable_file_are_not_complete(tmp_path: Path) -> None:
    asked = replace(ROTATED, questions=(Question("q", "Is it one?"),))
    result = verify(plan_of(asked), [], {}, copies(tmp_path, ["gone"], {}))
    assert [one.code for one in result.left] == ["question"]
    (unread,) = result.unknown
    assert str(unread) == "gone: cannot be read (No such file or directory); correct its permissions, then verify again"


def test_managed_and_roles_need_nothing_of_the_store() -> None:
    homes = [replace(DATABASE, id=home, home=home) for home in (Home.MANAGED, Home.ROLE)]
    assert verify(plan_of(*homes), [], {}, Search(), revoked={Home.ROLE}).complete


def test_a_secret_that_is_never_rotated_stays_exposed() -> None:
    token = Secret(
        "mail", Kind.API_KEY, Home.SECRETS_MANAGER, "production", (SecretField("token", (Origin("a.py", "T"),)),)
    )
    seen = {"mail": Observation("mail", "m", True, frozenset(["token"]), "1")}
    result = verify(plan_of(token), [], seen, Search())
    assert (result.complete, result.exposed, [one.code for one in result.left]) == (False, ("mail",), ["exposed"])
    assert "`hardcode-hunter status --revoked mail" in result.left[0].what
    recorded = verify(plan_of(token), [], seen, Search(), revoked={"mail"})
    assert (recorded.complete, recorded.exposed) == (True, ())


def test_a_value_that_can_not_be_read_was_not_searched_for() -> None:
    result = verify(plan_of(ROTATED), [], GOOD, Search(), searched=set())
    assert (result.complete, [one.code for one in result.unknown]) == (False, ["unreachable"])
    assert verify(plan_of(ROTATED), [], GOOD, Search(), searched={"db"}).complete


ROLE = "arn:aws:iam::123456789012:role/shop"


@pytest.mark.parametrize(
    ("role", "readers", "left", "unknown"),
    [
        (ROLE, (Reader("db", ROLE, True),), [], []),
        ("deployer", (), [], []),
        (ROLE, (Reader("db", ROLE, False, "no policy allows it"),), [("not-readable", "shop/db.py", 12)], []),
        (ROLE, (Reader("db", ROLE, None, "denied"),), [], [("unreachable", "shop/db.py", 12)]),
        (ROLE, (Reader("other", ROLE, True),), [], [("unreachable", "shop/db.py", 12)]),
        ("unknown", (), [("no-role", "shop/db.py", 12)], []),
        ("WebRole", (), [("no-role", "shop/db.py", 12)], []),
    ],
)
def test_each_role_must_be_able_to_read(
    role: str, readers: tuple[Reader, ...], left: list[object], unknown: list[object]
) -> None:
    secret = replace(ROTATED, consumers=(Consumer("shop/db.py", 12, "connect", role=role),))
    result = verify(plan_of(secret), [], GOOD, Search(), readers=readers)
    assert [(one.code, one.path, one.line) for one in result.left] == left
    assert [(one.code, one.path, one.line) for one in result.unknown] == unknown
    assert result.complete == (not left and not unknown)


# ---------------------------------------------------------------- masks


def test_a_difference_shows_no_value_in_any_encoding() -> None:
    old = "".join(
        f"{name} {ENCODED[name](CANARY).decode('utf-8', 'replace')}\nsame\n" for name in ENCODED if name != "utf-16"
    ).encode()
    shown = difference("a.py", old, old.replace(b"same", b"other"), [Plaintext(CANARY), Plaintext("pw")])
    assert "+other" in shown
    for form in forms(Plaintext(CANARY)):
        assert form.decode("utf-8", "replace") not in shown


def test_a_short_value_is_masked_where_it_stands_alone() -> None:
    assert masked(b"pw = 'pw' # pwd spw", [Plaintext("pw")]) == f"{MASK} = '{MASK}' # pwd spw".encode()
    assert masked(b"anything", []) == b"anything"
    assert masked(b"anything", [Plaintext("")]) == b"anything"


def test_each_line_of_a_key_is_masked() -> None:
    key = "-----BEGIN KEY-----\nMIIBOgIBAAJBAK\nshrt\n-----END KEY-----\n"
    assert b"MIIBOgIBAAJBAK" not in masked(b"  key: |\n    -----BEGIN KEY-----\n    MIIBOgIBAAJBAK\n", [Plaintext(key)])
