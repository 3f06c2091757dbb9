"""Filters that need more than a table of values, that none is without a test of its own, and files that hold nothing but digests."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from hardcode_hunter import detect, filters, firstpass, link, pipeline, ruleset
from hardcode_hunter.model import Source
from hardcode_hunter.ruleset import RuleSet
from hardcode_hunter.ruleset.samples import expand

HERE = Path(__file__).parent
SHA256 = "9c2bd4fe0dd1e1a6c4f8f9f4a1f7f2f0d4be64fbcf0e4f0e3f1c87d0d8dd7b2c"
SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
SRI = "oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC"


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return ruleset.compile_rules([ruleset.home()])


def public() -> set[str]:
    """The names of all filters: functions of the module, remembered ones too."""
    return {
        name
        for name, value in vars(filters).items()
        if not name.startswith("_")
        and callable(value)
        and not inspect.isclass(value)
        and getattr(value, "__module__", "") == filters.__name__
    }


def test_every_filter_has_a_test_of_its_own() -> None:
    tests = "".join((HERE / name).read_text("utf-8") for name in ("test_detect.py", "test_filters.py"))
    assert len(public()) > 25
    assert {name for name in public() if f"filters.{name}" not in tests} == set()


@pytest.mark.parametrize(
    ("user", "password", "host", "expected"),
    [
        ("user", "password", "host", True),
        ("username", "secret", "db.example.com", True),
        ("user", "pass", "localhost.test", True),
        ("orders", "password", "host", False),
        ("user", "Grey-Heron-47", "host", False),
        ("user", "password", "db.harbour.internal", False),
    ],
)
def test_an_account_that_stands_for_any(user: str, password: str, host: str, expected: bool) -> None:
    assert filters.any_account(user, password, host) is expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("db_password", "DB_PASSWORD", True),
        ("dbPassword", "db-password", True),
        ("password", "config:password", True),
        ("db_password", "password", False),
        ("password", "tide", False),
    ],
)
def test_a_value_that_is_its_name(name: str, value: str, expected: bool) -> None:
    assert filters.repeats(name, value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("auth.backends.Password", True),
        ("customer_set_password_template", True),
        ("settings.change_security", True),
        ("harbour-light-9", False),
        ("tide", False),
        ("grey_heron_on_the_pier", False),
    ],
)
def test_what_code_calls_something(value: str, expected: bool) -> None:
    assert filters.code_name(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('Digest realm="shop", nonce="1"', True),
        ("Basic realm=shop", True),
        ('Digest realm="shop", response="abc"', False),
        ("Bearer abc", False),
        ("realm=shop", False),
    ],
)
def test_a_challenge_is_no_credential(value: str, expected: bool) -> None:
    assert filters.challenge(value) is expected


def test_a_token_that_something_follows() -> None:
    token = expand("<<alnum|32>>")
    for rest in ("\n", "${x}", " and more"):
        assert filters.leads_with_token(token + rest)
    for value in (token, "tide and more", "a" * 32 + " and more", "authenticationTokenOfTheHarbour x"):
        assert not filters.leads_with_token(value)


def test_entropy_is_shannons() -> None:
    assert filters.entropy("") == 0
    assert filters.entropy("aaaa") == 0
    assert filters.entropy("abab") == pytest.approx(1)
    assert filters.entropy("abcd") == pytest.approx(2)
    assert filters.entropy(bytes(range(256)).decode("latin-1")) == pytest.approx(8)


# ---------------------------------------------------------------- files of digests

LOCKED = {
    "package-lock.json": f'{{"packages": {{"node_modules/token": {{"resolved": "https://registry.npmjs.org/token/-/token-1.0.0.tgz", "integrity": "sha384-{SRI}"}}, "node_modules/password": {{"integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="}}}}, "secret": {{"sha": "{SHA1}"}}}}',
    "poetry.lock": f'[[package]]\nname = "secretstorage"\nfiles = [\n    {{file = "SecretStorage-3.3.3-py3-none-any.whl", hash = "sha256:{SHA256}"}},\n]\n[metadata]\ncontent-hash = "{SHA256}"\n',
    "uv.lock": f'[[package]]\nname = "keyring"\nsdist = {{ url = "https://files.pythonhosted.org/keyring.tar.gz", hash = "sha256:{SHA256}" }}\n',
    "Pipfile.lock": f'{{"_meta": {{"hash": {{"sha256": "{SHA256}"}}}}, "default": {{"keyring": {{"hashes": ["sha256:{SHA256}"]}}}}}}',
    "yarn.lock": f'"@auth/token@^1.0.0":\n  version "1.0.0"\n  resolved "https://registry.yarnpkg.com/@auth/token/-/token-1.0.0.tgz#{SHA1}"\n  integrity sha384-{SRI}\n',
    "pnpm-lock.yaml": f"packages:\n  /token@1.0.0:\n    resolution: {{integrity: sha384-{SRI}}}\n",
    ".terraform.lock.hcl": f'provider "registry.terraform.io/hashicorp/vault" {{\n  hashes = ["zh:{SHA256}", "h1:{SHA256[:43]}="]\n}}\n',
    "go.sum": f"github.com/hashicorp/vault/token v1.0.0 h1:{SRI[:43]}=\n",
    "Cargo.lock": f'[[package]]\nname = "secrecy"\nchecksum = "{SHA256}"\n',
    "requirements.txt": f"keyring==24.0 --hash=sha256:{SHA256}\n",
    "index.html": f'<script src="https://x.example/token.js" integrity="sha384-{SRI}" crossorigin="anonymous"></script>\n',
    "digests.py": f'SECRET_SHA256 = "sha256:{SHA256}"\nTOKEN_DIGEST = "sha384-{SRI}"\nIMAGE = "harbour/auth@sha256:{SHA256}"\n',
}  # fmt: skip


@pytest.mark.parametrize("path", LOCKED)
def test_lock_files_and_integrity_hashes_hold_no_credential(path: str, rules: RuleSet) -> None:
    data = LOCKED[path].encode()
    language = pipeline.language_of(path, data) or pipeline.languages()["text"]
    extraction = pipeline.extract(language, Source(path, data, language.name), firstpass.hits(data, rules))
    found = detect.detect(link.link(extraction.candidates, extraction.references), rules, b"k")
    assert [(f.rule, f.line) for f in found] == []
