"""The file types that are only reported: names, values and exact bytes in YAML, JSON, TOML, INI, environment files, shell, Dockerfiles, SQL."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from random import Random

import pytest
import yaml

from hardcode_hunter.languages import script
from hardcode_hunter.model import Extraction, LiteralType, Position, Source
from hardcode_hunter.plugins import Language, load

LANGUAGES = load("languages", Language)

YAML = """\
services:
  db:
    image: "postgres:16"
    environment:
      - POSTGRES_PASSWORD=hunter2
      - SAFE=${FROM_OUTSIDE}
    more:
      PW: ${DB_PW:-hunter3}
      TEMPLATE: "{{ from_vault }}"
      PART: "x-{{ from_vault }}"
env:
  - name: DB_PASSWORD
    value: hunter4-é
  - name: SAFE
    valueFrom: {secretKeyRef: {name: a, key: b}}
data:
  app.ini: |
    [db]
    password = hunter5
run: mysql -u root -phunter6
vaulted: !vault |
  $ANSIBLE_VAULT;1.1;AES256
pin: 4711
size: 12
doc: '{"token": "hunter7"}'
# password: hunter8
"""
JSON = '{"é": {"password":\t"p\\u00e9\\"x"}, "env": [{"name": "K", "value": "v1"}], "doc": "{\\"token\\": \\"inner\\\\u00e9\\"}",} // c\n'
TOML = """\
title = "x"
[db] # the database
password = "hunter2" # c
list = ["a", "b",
  "c"]
inline = { user = "u", pw = 'lit\\eral' }
port = 5432
t."dotted.key" = \"\"\"
multi\\n\"\"\"
[[server]]
token = "n-é"
"""
INI = """\
[db]
password = hunter2 ; why
user: "u"
; old = x
requirepass foobared
url=${DB_URL:postgres://u:p@h/d}
some prose that says nothing
"""
SHELL = """\
export A_TOKEN="x y"
B=$C
PGPASSWORD=hunter2 psql -h x
mysql -u root -phunter3 db
curl --token abc123 -Dapi.key=def456
D="${E}"
"""
DOCKER = 'FROM x\nENV DB_PASSWORD hunter2\nENV A=b C="d e"\nARG TOKEN=abc\nRUN x --password hunter3\n'
SQL = "CREATE USER a IDENTIFIED WITH caching_sha2_password BY 'hunter2';\nALTER ROLE x WITH LOGIN PASSWORD 'hunter3';\nALTER LOGIN y WITH PASSWORD = N'hunter4';\n"


def extract(language: str, text: str | bytes, path: str = "f", hits: Sequence[int] | None = None) -> Extraction:
    data = text.encode() if isinstance(text, str) else text
    return LANGUAGES[language].candidates(Source(path, data, language), hits)


@pytest.mark.parametrize(
    ("language", "text", "symbol", "name", "raw", "value"),
    [
        ("yaml", YAML, "services/db/image", "image", '"postgres:16"', "postgres:16"),
        ("yaml", YAML, "services/db/environment/POSTGRES_PASSWORD", "POSTGRES_PASSWORD", "hunter2", "hunter2"),
        ("yaml", YAML, "services/db/more/PW", "DB_PW", "hunter3", "hunter3"),
        ("yaml", YAML, "services/db/more/PART", "PART", '"x-{{ from_vault }}"', "x-\0"),
        ("yaml", YAML, "env/DB_PASSWORD", "DB_PASSWORD", "hunter4-é", "hunter4-é"),
        ("yaml", YAML, "data/app.ini/password", "password", "hunter5", "hunter5"),
        ("yaml", YAML, "run/password", "password", "hunter6", "hunter6"),
        ("yaml", YAML, "pin", "pin", "4711", "4711"),
        ("yaml", YAML, "doc/token", "token", "hunter7", "hunter7"),
        ("yaml", YAML, "comment/password", "password", "hunter8", "hunter8"),
        ("json", JSON, "é/password", "password", '"p\\u00e9\\"x"', 'pé"x'),
        ("json", JSON, "env/K", "K", '"v1"', "v1"),
        ("json", JSON, "doc/token", "token", "inner\\\\u00e9", "inneré"),
        ("toml", TOML, "db.password", "password", '"hunter2"', "hunter2"),
        ("toml", TOML, "db.list", "list", '"a"', "a"),
        ("toml", TOML, "db.inline.pw", "pw", "'lit\\eral'", "lit\\eral"),
        ("toml", TOML, "db.port", "port", "5432", "5432"),
        ("toml", TOML, "db.t.dotted.key", "dotted.key", '"""\nmulti\\n"""', "multi\n"),
        ("toml", TOML, "server.token", "token", '"n-é"', "n-é"),
        ("ini", INI, "db.password", "password", "hunter2", "hunter2"),
        ("ini", INI, "db.user", "user", "u", "u"),
        ("ini", INI, "db.requirepass", "requirepass", "foobared", "foobared"),
        ("ini", INI, "db.DB_URL", "DB_URL", "postgres://u:p@h/d", "postgres://u:p@h/d"),
        ("shell", SHELL, "A_TOKEN", "A_TOKEN", "x y", "x y"),
        ("shell", SHELL, "PGPASSWORD", "PGPASSWORD", "hunter2", "hunter2"),
        ("shell", SHELL, "password", "password", "hunter3", "hunter3"),
        ("shell", SHELL, "token", "token", "abc123", "abc123"),
        ("shell", SHELL, "api.key", "api.key", "def456", "def456"),
        ("dotenv", "export A='b c'\nD=e\n", "A", "A", "b c", "b c"),
        ("dockerfile", DOCKER, "DB_PASSWORD", "DB_PASSWORD", "hunter2", "hunter2"),
        ("dockerfile", DOCKER, "C", "C", "d e", "d e"),
        ("dockerfile", DOCKER, "TOKEN", "TOKEN", "abc", "abc"),
        ("dockerfile", DOCKER, "password", "password", "hunter3", "hunter3"),
        ("sql", SQL, "password", "password", "hunter2", "hunter2"),
    ],
)
@pytest.mark.parametrize("layout", ["lf", "crlf", "bom"])
def test_candidates(language: str, text: str, symbol: str, name: str, raw: str, value: str, layout: str) -> None:
    data = text.encode()
    if layout == "crlf":
        data = data.replace(b"\n", b"\r\n")
    elif layout == "bom":
        data = b"\xef\xbb\xbf" + data
    candidate = next(c for c in extract(language, data).candidates if c.symbol == symbol)
    assert candidate.ordinal == 0
    assert data[candidate.span.start : candidate.span.end].replace(b"\r\n", b"\n").decode() == raw
    assert (candidate.name, candidate.value.reveal().replace("\r\n", "\n")) == (name, value)
    assert candidate.line == data[: candidate.span.start].count(b"\n") + 1
    assert LANGUAGES[language].rewrite is None


@pytest.mark.parametrize(
    ("language", "text", "symbol"),
    [
        ("yaml", YAML, "services/db/environment/SAFE"),
        ("yaml", YAML, "services/db/more/TEMPLATE"),
        ("yaml", YAML, "vaulted"),
        ("yaml", YAML, "size"),
        ("ini", INI, "db.some"),
        ("ini", INI, "db.old"),
        ("shell", SHELL, "B"),
        ("shell", SHELL, "D"),
    ],
)
def test_what_is_filled_in_later_is_no_literal(language: str, text: str, symbol: str) -> None:
    assert symbol not in {c.symbol for c in extract(language, text).candidates}


@pytest.mark.parametrize(
    "text",
    [
        "x postgres://user:password@host/db",
        "curl https://h/a?b",
        "PASSWORD=$OTHER",
        "PASSWORD=${OTHER}",
        "PASSWORD=$(pass show x)",
        "if a == b:",
        "std::string x",
    ],
)
def test_lines_that_assign_nothing(text: str) -> None:
    assert list(script.assignments(text.encode())) == []


def test_an_expression_of_azure_is_no_literal() -> None:
    text = '{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "a": {"adminPassword": "[parameters(\'pw\')]", "pw": "hunter-2019", "x": "[[literal]"}}'
    assert {c.name for c in extract("json", text).candidates} == {"$schema", "pw", "x"}
    assert {c.name for c in extract("json", '{"adminPassword": "[parameters(1)]"}').candidates} == {"adminPassword"}


def test_a_default_in_a_placeholder_is_one() -> None:
    (candidate,) = [c for c in extract("yaml", YAML).candidates if c.name == "DB_PW"]
    assert (candidate.position, candidate.literal) == (Position.ENV_DEFAULT, LiteralType.TEXT)


def test_all_sql_passwords() -> None:
    assert [c.value.reveal() for c in extract("sql", SQL).candidates if c.name == "password"] == [
        "hunter2",
        "hunter3",
        "hunter4",
    ]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("yaml", YAML),
        ("json", JSON),
        ("toml", TOML),
        ("ini", INI),
        ("shell", SHELL),
        ("dockerfile", DOCKER),
        ("sql", SQL),
    ],
)
def test_windows_keep_what_stands_near_a_hit(language: str, text: str) -> None:
    """Near: a hit lies between a candidate's name and its literal's end. Ordinals are those of the whole file."""
    data = text.encode()
    whole = extract(language, text).candidates
    assert extract(language, text, hits=list(range(len(data)))).candidates == whole
    assert extract(language, text, hits=[]).candidates == ()
    for candidate in whole:
        hit = candidate.span.end - 1
        kept = extract(language, text, hits=[hit]).candidates
        assert candidate in kept
        assert set(kept) <= set(whole)


def test_equal_symbols_are_numbered() -> None:
    assert [c.ordinal for c in extract("json", '{"a": "x1", "a": "y1"}').candidates] == [0, 1]
    assert [c.ordinal for c in extract("shell", "A=x1\nA=y1\nB=z1\n").candidates] == [0, 1, 0]


@pytest.mark.parametrize(
    ("language", "text", "line"),
    [
        ("yaml", "a:\n\tpassword: 'hunter-2019'\n", 2),
        ("yaml", "a: " + "[" * 10_000 + "]" * 10_000 + "\npassword: hunter-2019\n", 1),
        ("yaml", "".join(" " * i + "a:\n" for i in range(2_000)), 1000),
        ("yaml", b"a: \xff\xfe\npassword: hunter-2019\n", 1),
        ("yaml", '{{- if .Values.x }}\npassword: {{ .Values.pw | default "hunter-2019" }}\n{{- end }}\n', 1),
        ("yaml", "password: a\npassword: b\n", 2),
        ("json", "[" * 100_000 + "]" * 100_000, 1),
        ("json", '{"a":' * 20_000 + "1" + "}" * 20_000, 1),
        ("json", '{\n"password": "hunter-2019"\n', 2),
        ("json", '{"a" 1}', 1),
        ("toml", 'a = "x"\nb = [1, \n', 2),
        ("toml", "a = " + "[" * 10_000, 1),
        ("toml", 'a = "x\n', 1),
    ],
)
def test_bad_input_is_a_problem_with_its_line(language: str, text: str | bytes, line: int) -> None:
    (problem, *_) = extract(language, text).problems
    assert abs(problem.line - line) <= 1
    assert "hunter" not in problem.message and not problem.fatal


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("yaml", "a:\n\tpassword: 'hunter-2019'\n"),
        ("yaml", '%YAML 3.7\n---\npassword: "hunter-2019"\n'),
        ("json", '{\n"password": "hunter-2019"\n'),
    ],
)
def test_what_does_not_parse_is_read_by_the_text_rules(language: str, text: str) -> None:
    if "text" not in LANGUAGES:
        pytest.skip("there are no text rules: what they make of a broken file was not asked")
    assert any("hunter-2019" in c.value.reveal() for c in extract(language, text).candidates)


def test_a_huge_list_is_cut_and_the_rest_is_read_by_lines() -> None:
    text = '{"x":[' + ",".join(['"a"'] * 120_000) + '],"password":"hunter-2019"}'
    extraction = extract("json", text, hits=[text.index("password")])
    assert [c.value.reveal() for c in extraction.candidates] == ["hunter-2019"]
    assert "more than" in extraction.problems[0].message


def test_a_file_too_dense_for_a_tree_is_read_by_lines() -> None:
    text = '{"x":[' + ",".join(["1"] * 260_000) + '],"password":"hunter-2019"}'
    extraction = extract("json", text, hits=[text.index("password")])
    assert [c.value.reveal() for c in extraction.candidates] == ["hunter-2019"]
    assert "too large for a tree" in extraction.problems[-1].message


def test_rows_of_data_are_read_for_tokens_alone() -> None:
    rows = [f'{{"id":{n},"password":"p{n}x"}}' for n in range(2_500)]
    rows[2_200] = '{"id":2200,"password":"postgres://shop:hunter-2019@db/shop"}'
    text = '{"x":[' + ",".join(rows) + '],"passphrase":"hunter-2020"}'
    extraction = extract("json", text)
    values = [c.value.reveal() for c in extraction.candidates if c.name.startswith("pass")]
    assert len(values) == 2_002
    assert values[-2:] == ["postgres://shop:hunter-2019@db/shop", "hunter-2020"]
    assert ["rows" in p.message or "data" in p.message for p in extraction.problems] == [True]


def test_anchors_are_visited_once() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
    )
    cyclic = "b: &b\n  c: *b\n  password: 'hunter-2019'\n"
    found = extract("yaml", bomb + cyclic)
    assert len(found.candidates) == 10
    merged = extract("yaml", "base: &b\n  password: 'hunter-2019'\nprod:\n  <<: *b\n  host: x\n")
    assert [c.symbol for c in merged.candidates] == ["base/password", "prod/host"]


@pytest.mark.parametrize(
    "text",
    [
        "password" * 7_500,
        "password=" * 6_600,
        "password =" + " " * 60_000 + "x",
        ("password" + " " * 2_000) * 30,
        '"' * 60_001,
        'password = "' + '\\"' * 30_000,
        "mysql " * 10_000,
        "--" * 30_000,
        "a:" * 30_000,
    ],
)
def test_hostile_lines_come_to_an_end(text: str) -> None:
    """Sixty thousand bytes of what makes backtracking patterns explode: a quadratic one would run for minutes."""
    assert len(list(script.assignments(text.encode()))) <= len(text) // 4


ALPHABET = "ab1 /\\\"'`#:,;{}[]()<>|&*!%@=?~^$-_.\t\néß漢\U0001f4a9\u2028\x85"


def _texts(seed: int, count: int) -> list[str]:
    random = Random(seed)
    return ["v" + "".join(random.choice(ALPHABET) for _ in range(random.randint(1, 24))) + "v" for _ in range(count)]


@pytest.mark.parametrize("style", ["", "'", '"', "|", ">"])
def test_every_value_comes_back_from_yaml(style: str) -> None:
    """Whatever the characters: the value is what a loader reads, and the bytes of its span mean the same value again."""
    for number, value in enumerate(_texts(1, 150)):
        text = "é: 1\n" + yaml.dump(
            {"key": value, "after": "x"}, default_style=style or None, allow_unicode=number % 2 == 0, sort_keys=False
        )
        if "{{" in value or "${" in value or "<%" in value or "$(" in value:
            continue
        found = {c.symbol: c for c in extract("yaml", text).candidates}
        candidate = found["key"]
        raw = text.encode()[candidate.span.start : candidate.span.end].decode()
        value = yaml.safe_load(text)["key"]  # a next-line character is a line break to YAML
        assert candidate.value.reveal() == value
        assert found["after"].value.reveal() == "x"
        if style not in ("|", ">"):
            assert yaml.safe_load(f"key: {raw}") == {"key": value}


def test_every_value_comes_back_from_json_and_toml() -> None:
    for number, value in enumerate(_texts(2, 300)):
        if "{{" in value or "${" in value or "<%" in value or "$(" in value:
            continue
        token = json.dumps(value, ensure_ascii=number % 2 == 0)
        text = '{"é": 1, "key": %s, "after": "x"}' % token  # noqa: UP031 (braces)
        (candidate,) = [c for c in extract("json", text).candidates if c.symbol == "key"]
        assert (candidate.value.reveal(), text.encode()[candidate.span.start : candidate.span.end].decode()) == (
            value,
            token,
        )
        token = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        text = f"[é]\nkey = {token} # x\nafter = 'y'\n"
        (candidate,) = [c for c in extract("toml", text).candidates if c.name == "key"]
        assert (candidate.value.reveal(), text.encode()[candidate.span.start : candidate.span.end].decode()) == (
            value,
            token,
        )
        assert tomllib.loads(f"key = {token}")["key"] == value
