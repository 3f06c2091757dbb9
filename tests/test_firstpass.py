"""The first pass may mark too much, never too little: plants in every form must be found by the whole path, around its hits alone."""

from __future__ import annotations

import base64
import itertools
import json
import random
from pathlib import Path

import pytest

from hardcode_hunter import detect, firstpass, link, pipeline, ruleset
from hardcode_hunter.integrations import hyperscan_engine
from hardcode_hunter.model import Finding, Source
from hardcode_hunter.ruleset import FirstPass, RuleSet
from hardcode_hunter.ruleset.samples import expand


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return ruleset.compile_rules([ruleset.home()])


def scan(
    data: bytes, language: str, path: str, rules: RuleSet, finder: firstpass.Finder | None = None
) -> tuple[Finding, ...]:
    hits = finder.hits(data) if finder else firstpass.hits(data, rules)
    extraction = pipeline.languages()[language].candidates(Source(path, data, language), hits)
    return detect.detect(link.link(extraction.candidates, extraction.references), rules, b"k")


WEAK = [
    "root",
    "letmein",
    "television",
    "prod-db-pass",
    "123456",
    "Summer",
    "tide!",
    "Ünïcode-1",
    "correct horse battery staple",
]
STRONG = ["q8Lw-tide-41x", "Zx91-kT7q_pLw3sV", "a1b2c3d4e5f6a7b8c9d0", "p@ss/w0rd:1", "x=y&z%41", "#9f!Qa+"]
PYTHON = {
    "assignment": 'PASSWORD = "{v}"\n',
    "annotated": 'password: str = "{v}"\n',
    "prefix": 'ORDERS_DB_PASSWORD = "{v}"\n',
    "camel": 'dbPassword = "{v}"\n',
    "numbered": 'form = {{"password1": "{v}"}}\n',
    "item": 'conf = {{"user": "shop", "passwd": "{v}"}}\n',
    "nested": 'DATABASES = {{"default": {{"NAME": "x", "PASSWORD": "{v}"}}}}\n',
    "subscript": 'app.config["MYSQL_PASSWORD"] = "{v}"\n',
    "attribute": 'class A:\n    def __init__(self):\n        self.password = "{v}"\n',
    "class field": 'class Config:\n    SMTP_PASSWORD = "{v}"\n',
    "keyword": 'connect(user="shop", password="{v}")\n',
    "keyword over lines": 'connect(\n    user="shop",\n    password=(\n        "{v}"\n    ),\n)\n',
    "default": 'def f(user, password="{v}"):\n    pass\n',
    "environment": 'import os\nx = os.environ.get("DB_PASSWORD", "{v}")\n',
    "comparison": 'if password == "{v}":\n    pass\n',
    "bytes": 'password = b"{v}"\n',
    "single quotes": "password = '{v}'\n",
    "positional call": 'import pymysql\npymysql.connect("db", "shop", "{v}", "x")\n',
    "method of a variable": 'import smtplib\ns = smtplib.SMTP("h")\ns.login("u", "{v}")\n',
    "call under another name": 'from psycopg2 import connect as c\nc(host="h", user="u", password="{v}")\n',
    "auth tuple": 'import requests\nrequests.get("https://x.internal", auth=("shop", "{v}"))\n',
    "constant that reaches a call": 'import psycopg2\nPASSPHRASE_OF_SHOP = PW = "{v}"\npsycopg2.connect(host="h", password=PW)\n',
}
CONFIGURATION = {
    ("yaml", "compose.yaml"): "services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: '{v}'\n",
    ("yaml", "deploy.yaml"): "env:\n  - name: DB_PASSWORD\n    value: '{v}'\n",
    ("json", "config.json"): '{{"database": {{"user": "shop", "password": "{v}"}}}}\n',
    ("terraform", "main.tf"): 'resource "aws_db_instance" "a" {{\n  password = "{v}"\n}}\n',
    (
        "terraform",
        "variables.tf",
    ): 'variable "orders" {{\n  default = "{v}"\n}}\nresource "aws_db_instance" "a" {{\n  password = var.orders\n}}\n',
    (
        "cloudformation",
        "t.yaml",
    ): "Resources:\n  A:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MasterUserPassword: '{v}'\n",
    (
        "cloudformation",
        "p.yaml",
    ): "Parameters:\n  Orders:\n    Type: String\n    Default: '{v}'\nResources:\n  A:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MasterUserPassword: !Ref Orders\n",
}


@pytest.mark.parametrize("form", PYTHON)
def test_planted_passwords_are_found_in_python(form: str, rules: RuleSet) -> None:
    lost = []
    for value in (*WEAK, *STRONG):
        found = scan(PYTHON[form].format(v=value).encode(), "python", "shop/app.py", rules)
        if form == "bytes" and not value.isascii():
            continue
        if not any(f.length == len(value) for f in found):
            lost.append(value)
    assert not lost


@pytest.mark.parametrize(("language", "path"), CONFIGURATION)
def test_planted_passwords_are_found_in_templates_and_configuration(language: str, path: str, rules: RuleSet) -> None:
    text = CONFIGURATION[language, path]
    lost = [
        v
        for v in (*WEAK, *STRONG)
        if not any(f.length == len(v) for f in scan(text.format(v=v).encode(), language, path, rules))
    ]
    assert not lost


def test_planted_tokens_are_found_under_any_name(rules: RuleSet) -> None:
    """Every value pattern of every rule, by its own samples, bound to names that say nothing."""
    tokens = {
        t
        for rule in ruleset.with_samples([ruleset.home()])
        if rule.values
        for sample in rule.examples
        for t in _strings(sample.text)
        if any(r.id == rule.id for r, _, _, _ in rules.values(t))
    }
    assert len(tokens) > 60
    lost = [
        token
        for token, form in itertools.product(sorted(tokens), ('x = "{}"\n', 'f(1, "{}")\n', 'd = {{"a": ["{}"]}}\n'))
        if not scan(form.format(token).encode(), "python", "shop/app.py", rules)
    ]
    assert not lost


def test_long_tokens_are_found_by_themselves(rules: RuleSet) -> None:
    """Where nothing else in the file is a reason to look at it."""

    def part(**said: str) -> str:
        return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()

    jwt = ".".join((part(alg="RS256", kid="k" * 200), part(scope="orders:read " * 100), "c2lnbmF0dXJl" * 28))
    for text in (jwt, expand("<<pem64|RSA PRIVATE KEY>>"), expand("<<standard_|hex|256>>")):
        assert len(text) > 260
        assert firstpass.hits(f'call("{text}")\n'.encode(), rules)
        assert scan(f'call("{text}")\n'.encode(), "python", "shop/app.py", rules)


def _strings(text: str) -> list[str]:
    return [part for part in text.split('"') if len(part) > 15 and "\n" not in part]


def test_credentials_in_urls_are_found(rules: RuleSet) -> None:
    urls = [
        "postgresql://u:{}@h/d",
        "redis://:{}@h",
        "https://u:{}@h.internal/x",
        "amqp://u:{}@h//",
        "mysql+pymysql://u:{}@h:3306/d?a=b",
    ]
    for url, value in itertools.product(urls, ("tide", "q8Lw-tide-41x", "p%40ss")):
        assert scan(f'X = "{url.format(value)}"\n'.encode(), "python", "shop/app.py", rules), url


def test_a_file_without_credentials_has_few_hits(rules: RuleSet) -> None:
    assert firstpass.hits(b"def area(width, height):\n    return width * height\n", rules) == ()
    assert firstpass.hits(b"", rules) == ()


def test_hits_are_ascending_and_each_once(rules: RuleSet) -> None:
    found = firstpass.hits(b"password = PASSWORD; API_KEY: 'x'; token\n" * 50, rules)
    assert list(found) == sorted(set(found))
    assert len(found) >= 150


# ---------------------------------------------------------------- engines


def corpus() -> list[bytes]:
    """This project's own files, and noise made of the words themselves, in all cases, cut and run together."""
    root = Path(__file__).parent.parent
    files = [
        path.read_bytes() for path in sorted([*root.glob("rules/*.yaml"), *root.glob("hardcode_hunter/**/*.py")])[:80]
    ]
    rng = random.Random(7)
    words = [
        b"password",
        b"PASS",
        b"Key",
        b"ghp_",
        b"AKIA",
        b"://",
        b"@",
        b"aaaaaaaaaaaaaaaaaaaaaaaa",
        b"token",
        b"\n",
        b" = ",
        b'"',
        b"secre",
        b"t",
        b"\xff\x00",
        "ſecret".encode(),
    ]
    noise = [b"".join(rng.choices(words, k=400)) for _ in range(40)]
    return [*files, *noise, expand("<<pem|RSA PRIVATE KEY>>").encode()]


def test_both_engines_mark_the_same_bytes(rules: RuleSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hyperscan_engine.available():
        pytest.skip("the hyperscan wheel is not installed: only the plain engine was tested")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    plain, fast = firstpass.Finder(rules.first_pass, "plain"), firstpass.Finder(rules.first_pass, "hyperscan")
    again = firstpass.Finder(rules.first_pass, "hyperscan")  # from the cached database
    assert fast._find != fast.plain, "hyperscan did not load"
    (entry,) = (tmp_path / "hardcode-hunter").glob("words-*")
    assert entry.stat().st_mode & 0o077 == 0
    for data in corpus():
        expected = plain.hits(data)
        assert fast.hits(data) == expected
        assert again.hits(data) == expected


def test_one_word_after_the_other_marks_the_same_bytes(rules: RuleSet) -> None:
    plain, words = firstpass.Finder(rules.first_pass, "plain"), firstpass.Finder(rules.first_pass, "words")
    first = firstpass.Finder(rules.first_pass)
    for data in corpus():
        assert words.hits(data) == plain.hits(data) == first.hits(data)


def test_the_engine_changes_after_some_megabytes_and_the_hits_do_not(
    rules: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firstpass, "LARGE", 10)
    finder = firstpass.Finder(rules.first_pass)
    data = b"password = 'tide'\n"
    assert finder.hits(data) == finder.hits(data) == firstpass.Finder(rules.first_pass, "plain").hits(data)


def test_a_damaged_database_is_made_again(rules: RuleSet, tmp_path: Path) -> None:
    if not hyperscan_engine.available():
        pytest.skip("the hyperscan wheel is not installed")
    assert hyperscan_engine.finder((b"key", b"pass"), tmp_path)
    (entry,) = tmp_path.glob("words-*")
    entry.write_bytes(b"damaged")
    find = hyperscan_engine.finder((b"key", b"pass"), tmp_path)
    assert find and find(b"PASS key") == {b"pass": [0], b"key": [5]}


def test_every_occurrence_of_every_word_counts() -> None:
    """Words that overlap and words inside words, against a naive search."""
    first = FirstPass(words=(b"aa", b"aab", b"key", b"keys", b"ey"))
    finder = firstpass.Finder(first, "plain")
    data = b"aaaab KEYS key aab monkeys"
    lower = data.lower()
    for word in finder.words:
        naive = [at for at in range(len(lower)) if lower.startswith(word, at)]
        assert finder.plain(data).get(word, []) == naive


@pytest.mark.parametrize(
    "data",
    [b"://" * 200_000, b"password" * 100_000, b"a" * 1_000_000, b"ghp_" * 200_000, b"sk" * 300_000, b"&key=" * 150_000],
)
def test_long_lines_end(data: bytes, rules: RuleSet) -> None:
    hits = list(firstpass.hits(data, rules))
    assert hits == sorted(hits) and all(0 <= hit < len(data) for hit in hits)
