"""Strings that a value is put into as it is: every way to build one in Python, and references in templates."""

from __future__ import annotations

import string
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import pytest

from hardcode_hunter.interpolation import FORMS, interpolations
from hardcode_hunter.model import Source
from hardcode_hunter.plugins import Rotation, load

ANY = replace(next(iter(load("rotations", Rotation).values())), exclude_characters="")
PYTHON = {
    "f-string": 'f"postgresql://shop:{DB_PASSWORD}@db/shop"',
    "f-string with a conversion": 'f"postgresql://{user!s}:{DB_PASSWORD!s}@{host}/shop"',
    "percent": '"postgresql://%s:%s@%s/shop" % (user, DB_PASSWORD, host)',
    "percent by name": '"postgresql://%(user)s:%(password)s@db/shop" % {"user": user, "password": DB_PASSWORD}',
    "format": '"postgresql://{}:{}@db/shop".format(user, DB_PASSWORD)',
    "format by number": '"postgresql://{1}:{0}@db/shop".format(DB_PASSWORD, user)',
    "format by name": '"postgresql://u:{p}@db/shop".format(p=DB_PASSWORD)',
    "sum": '"postgresql://" + user + ":" + DB_PASSWORD + "@db/shop"',
    "sum of pieces": '"postgresql://u:%s" % DB_PASSWORD + "@db/shop"',
    "attribute": 'f"postgresql://u:{settings.DB_PASSWORD}@db"',
    "item": "f\"postgresql://u:{app.config['DB_PASSWORD']}@db\"",
    "call": "f\"postgresql://u:{os.environ.get('DB_PASSWORD')}@db\"",
    "strip": 'f"postgresql://u:{DB_PASSWORD.strip()}@db"',
    "str": 'f"postgresql://u:{str(DB_PASSWORD)}@db"',
    "alias": "f\"postgresql://u:{local}@db\"",
    "the retriever": "f\"postgresql://u:{get_secret('db', 'DB_PASSWORD')}@db\"",
}  # fmt: skip
FORM_OF = {
    'f"host=db password={DB_PASSWORD} dbname=x"': "a connection string",
    "f\"host=db password='{DB_PASSWORD}'\"": "a quoted connection string",
    'f"Driver=x;UID=u;PWD={DB_PASSWORD};"': "an ODBC string",
    'f"cache:6379,password={DB_PASSWORD},ssl=True"': "a list with commas",
    'f"https://api.example.com/?user=u&password={DB_PASSWORD}"': "a URL's query",
    'f\'{{"password": "{DB_PASSWORD}"}}\'': "JSON text",
    "f\"ALTER ROLE u PASSWORD '{DB_PASSWORD}'\"": "an SQL text",
    'f"mysqldump -u root -p{DB_PASSWORD} shop"': "a shell command",
}
HARMLESS = (
    "f\"postgresql://u:{quote(DB_PASSWORD, safe='')}@db\"",
    '"postgresql://u:%s@db" % urllib.parse.quote_plus(DB_PASSWORD)',
    'f"the password is {DB_PASSWORD}"',
    'f"postgresql://{DB_PASSWORD}:x@db"',
    "connect(password=DB_PASSWORD)",
    'f"postgresql://u:{OTHER}@db"',
    'print("postgresql://u:", DB_PASSWORD)',
    '"{} {".format(DB_PASSWORD)',
    '"%" % DB_PASSWORD',
)


def found(expression: str, *, consumer: bool = False, names: tuple[str, ...] = ("DB_PASSWORD",)) -> list[str]:
    code = f"local = DB_PASSWORD\nx = {expression}\n"
    return [
        f"{i.line}:{i.form.name}"
        for i in interpolations(Source("a.py", code.encode(), "python"), names, consumer=consumer)
    ]


@pytest.mark.parametrize("how", PYTHON)
def test_a_url_is_seen_however_it_is_built(how: str) -> None:
    assert found(PYTHON[how]) == ["2:a URL"]


@pytest.mark.parametrize("expression", FORM_OF)
def test_each_form_is_told(expression: str) -> None:
    assert found(expression) == [f"2:{FORM_OF[expression]}"]


@pytest.mark.parametrize("expression", HARMLESS)
def test_what_breaks_nothing_is_not_told(expression: str) -> None:
    assert found(expression) == []


def test_in_a_file_that_reads_the_secret_any_password_counts() -> None:
    assert found('f"postgresql://u:{password}@db"') == []
    assert found('f"postgresql://u:{password}@db"', consumer=True) == ["2:a URL"]
    assert found("f\"postgresql://u:{get_secret('db', 'password')}@db\"", consumer=True) == ["2:a URL"]


@pytest.mark.parametrize("data", [b"x = (", b"\xff", b"a = " + b"(" * 5000, b"x\0", b""])
def test_what_can_not_be_parsed_has_none(data: bytes) -> None:
    assert interpolations(Source("a.py", data, "python"), ["DB_PASSWORD"], consumer=True) == ()


@pytest.mark.parametrize(
    ("language", "text", "lines"),
    [
        ("terraform", 'a = "x"\nurl = "postgres://u:${var.db_password}@h"\n', [2]),
        ("terraform", 'url = "postgres://u:${urlencode(var.db_password)}@h"\n', []),
        ("terraform", 'url = "postgres://u:${var.other}@h"\n', []),
        ("cloudformation", "Url: !Sub 'postgres://u:${DbPassword}@${Host}'\n", [1]),
        ("cloudformation", "Url: !Sub 'postgres://${User}:${DbPassword}@${Host}'\n", [1]),
    ],
)
def test_references_in_templates(language: str, text: str, lines: list[int]) -> None:
    rows = interpolations(Source("x", text.encode(), language), ["db_password", "DbPassword"], consumer=False)
    assert [one.line for one in rows] == lines


def test_what_is_said_to_break_a_url_breaks_one() -> None:
    form = FORMS[0]
    for character in form.breaks - {" ", ":"}:
        url = f"postgresql://shop:a{character}40b@db.internal/shop"
        try:
            parts = urlsplit(url)
            same = (unquote(parts.password or ""), parts.hostname) == (f"a{character}40b", "db.internal")
        except ValueError:
            same = False
        assert not same or character == "@", character
    for character in set(string.punctuation) - form.breaks:
        parts = urlsplit(f"postgresql://shop:a{character}b@db.internal/shop")
        assert (unquote(parts.password or ""), parts.hostname) == (f"a{character}b", "db.internal")


def test_every_form_is_broken_by_a_password_of_any_characters() -> None:
    for expression in (*FORM_OF, PYTHON["f-string"]):
        code = f"x = {expression}\n"
        for one in interpolations(Source("a.py", code.encode(), "python"), ["DB_PASSWORD"], consumer=False):
            assert one.broken_by(ANY)
