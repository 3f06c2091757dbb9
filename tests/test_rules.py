"""The rule files: every example through the whole path, what is refused and how, and the compiled set."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from hardcode_hunter import detect, firstpass, link, pipeline, ruleset
from hardcode_hunter.cli import _rulecheck
from hardcode_hunter.cli.rules import rules as command
from hardcode_hunter.errors import UsageError
from hardcode_hunter.integrations import detect_secrets
from hardcode_hunter.model import Kind, Source
from hardcode_hunter.ruleset import Rule, RuleSet, compiled, linear
from hardcode_hunter.ruleset.rule import from_row, to_row
from hardcode_hunter.ruleset.rules import _stands_alone as stands_alone
from hardcode_hunter.ruleset.samples import expand

ROOT = Path(__file__).resolve().parents[1]
RULES = ruleset.with_samples([ruleset.home()])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache is a fresh folder, and nothing of another test is remembered."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ruleset._load.cache_clear()
    return tmp_path / "cache" / "hardcode-hunter"


@pytest.fixture(scope="module")
def built_in() -> RuleSet:
    return ruleset.compile_rules([ruleset.home()])


# ---------------------------------------------------------------- examples


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_example_is_found_and_no_near_miss(rule: Rule, built_in: RuleSet) -> None:
    outcome = _rulecheck.check([rule], built_in)
    assert not outcome.failures
    assert not outcome.skipped, "a language is missing"
    assert outcome.checked >= 4


def test_rules_cover_every_kind_of_credential_and_many_libraries() -> None:
    kinds = Counter(rule.kind for rule in RULES)
    assert set(kinds) == set(Kind)
    assert len(RULES) >= 60
    assert len({call.callee for rule in RULES for call in rule.calls}) >= 60
    assert {call.documentation.startswith("https://") for rule in RULES for call in rule.calls} == {True}


def test_examples_do_not_change_with_the_hits(built_in: RuleSet) -> None:
    """What a language yields around the first pass's hits leads to the same findings as everything it can yield."""
    languages = pipeline.languages()
    for rule in RULES:
        for sample in rule.examples:
            data = sample.text.encode()
            language = languages[sample.language]
            source = Source(sample.path or _rulecheck.PATHS[sample.language], data, language.name)
            found = []
            for hits in (firstpass.hits(data, built_in), None):
                extraction = language.candidates(source, hits)
                linked = link.link(extraction.candidates, extraction.references)
                found.append({(f.rule, f.span) for f in detect.detect(linked, built_in, b"k")})
            assert found[0] == found[1], rule.id


def token_like(path: Path, rules: RuleSet) -> list[str]:
    """Lines of a text that hold what could be a live token: neither a pattern, nor AWS's documented example, nor a mask."""
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        texts = [line[first:last] for _, _, first, last in rules.values(line)]
        pattern = "regex:" in line or "values like" in line
        if not pattern and any("AKIAIOSFODNN7EXAMPLE" not in text and len(set(text)) > 11 for text in texts):
            found.append(f"{path.name}:{number}")
    return found


def test_nothing_that_looks_like_a_token_stands_in_rules_docs_or_tests(built_in: RuleSet) -> None:
    """Tokens are put together at run time: checked with our own value patterns, over the files as they lie on disk."""
    files = [*ruleset.home().glob("*.yaml"), ROOT / "docs" / "rules.md", *Path(__file__).parent.glob("test_*.py")]
    tokens = RuleSet(built_in.rules, sure=True)  # an identifier is no token
    assert [place for path in files for place in token_like(path, tokens)] == []


# ---------------------------------------------------------------- what is refused


RULE = {
    "id": "harbour-key",
    "title": "harbour key",
    "description": "A key of the harbour office.",
    "severity": "high",
    "kind": "api-key",
    "confidence": "high",
    "role": "api_key",
    "match": {"names": ["harbour_key"]},
    "store": {"home": "secretsmanager", "why": "it can change"},
    "rotation": {"name": "none", "why": "by hand"},
    "references": ["https://harbour.example/keys"],
    "examples": [{"language": "python", "text": 'HARBOUR_KEY = "a1-b2-c3-d4"'}, {"language": "python", "text": 'f(harbour_key="a1-b2-c3-d4")'}],
    "near_misses": [{"language": "python", "text": 'HARBOUR_KEY = ""'}, {"language": "python", "text": 'HARBOUR_KEY = env["X"]'}],
}  # fmt: skip


def write(folder: Path, change: dict[str, object], name: str = "harbour.yaml") -> Path:
    folder.mkdir(exist_ok=True)
    row = {key: value for key, value in {**RULE, **change}.items() if value is not None}
    (folder / name).write_text(yaml.safe_dump([row]), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"titel": "x"}, "'titel' is no known key; did you mean 'title'?"),
        ({"severity": "hihg"}, "'severity' is no known value; did you mean 'high'?"),
        ({"kind": "apikey"}, "'kind' is no known value; did you mean 'api-key'?"),
        ({"role": "pasword"}, "'role' is no known value; did you mean 'password'?"),
        ({"role": "host"}, "'role' is no known value"),
        ({"confidence": "sure"}, "'confidence' is no known value; use one of high, low, medium"),
        ({"description": None}, "'description' is missing"),
        ({"match": {}}, "'match' is empty"),
        ({"match": {"name": ["x"]}}, "'match.name' is no known key; did you mean 'names'?"),
        ({"match": {"names": ["[a-z"]}}, "'match.names[0]' is no regular expression"),
        ({"match": {"names": ["[a-z]+"]}}, "'match.names[0]' has no word that every match holds"),
        ({"match": {"values": ["hk_[a-z]+"]}}, "'match.values[0]' has a repeat without an upper bound; write {1,200} for +"),
        ({"match": {"values": ["(hk_a{1,3}){1,9}"]}}, "'match.values[0]' has a repeat of varying length inside a repeat"),
        ({"match": {"values": [r"hk_(a)\1"]}}, "'match.values[0]' has a backreference"),
        ({"match": {"values": ["hk_(?=a)"]}}, "'match.values[0]' has a lookaround"),
        ({"match": {"values": ["hk_[a-z]{1,99}[a-z]{1,99}"]}}, "has a wide repeat followed by what the repeat itself matches"),
        ({"match": {"values": ["[a-z]{4,9}"]}}, "has no word that every match holds"),
        ({"match": {"properties": ["DBInstance.Password"]}}, "'match.properties[0]' must be a resource type and a property"),
        ({"match": {"properties_from": ["cloudfromation"]}}, "'match.properties_from' names no data file"),
        ({"match": {"calls": [{"callee": "x.y", "roles": {"password": ["p"]}}]}}, "'match.calls[0].documentation' is missing"),
        ({"match": {"calls": [{"callee": "x.y", "roles": {"passwort": ["p"]}, "documentation": "https://x.example"}]}}, "'match.calls[0].roles.passwort' is no known value; did you mean 'password'?"),
        ({"match": {"calls": [{"callee": "x y", "roles": {"password": ["p"]}, "documentation": "https://x.example"}]}}, "'match.calls[0].callee' must be a dotted name"),
        ({"references": ["harbour.example"]}, "'references' must be a list of https:// links"),
        ({"store": {"home": "vault", "why": "x"}}, "'store.home' is no known value"),
        ({"examples": [{"language": "python", "text": "x = 1"}]}, "'examples' needs at least 2"),
        ({"id": "Harbour Key"}, "'id' must be lower-case words joined by hyphens"),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_refused_naming_file_rule_and_key(tmp_path: Path, change: dict[str, object], said: str) -> None:
    folder = write(tmp_path / "rules", change)
    with pytest.raises(UsageError) as refusal:
        ruleset.compile_rules([folder])
    message = str(refusal.value)
    assert message.startswith(f"{folder / 'harbour.yaml'}:")
    assert said in message
    assert "\n" not in message


def test_broken_yaml_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("- id: x\n  title: [\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"broken\.yaml:\d+: not valid YAML"):
        ruleset.compile_rules([tmp_path])


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {})
    write(tmp_path, {}, "again.yaml")
    with pytest.raises(UsageError, match=r"rule 'harbour-key' is defined twice, in again\.yaml and harbour\.yaml"):
        ruleset.compile_rules([tmp_path])


def test_a_folder_without_rules_is_refused(tmp_path: Path) -> None:
    ruleset.load()  # compiled rules in a cache are no reason to be content with the folder
    with pytest.raises(UsageError, match=r"holds no rules; give a folder with \*\.yaml rule files"):
        ruleset.load([tmp_path])
    with pytest.raises(UsageError, match="no such folder; correct 'extra-rules'"):
        ruleset.load([tmp_path / "absent"])


def test_a_missing_rules_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruleset, "PACKAGE", tmp_path / "nowhere" / "hardcode_hunter")
    with pytest.raises(UsageError, match=r"no rules in .*; install hardcode-hunter again"):
        ruleset.load()


# ---------------------------------------------------------------- linear time


@pytest.mark.parametrize(
    "pattern",
    [
        "ghp_[A-Za-z0-9]{36}",
        "(?:AKIA|ASIA)[A-Z2-7]{16}",
        "eyJ[a-z]{10,2000}\\.eyJ[a-z]{10,2000}",
        "a(?:b{2}){1,9}",
        "ab?c",
        "(?i)key-[a-f0-9]{32}",
    ],
)
def test_linear_patterns_pass(pattern: str) -> None:
    linear.check(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "a+b",
        "a*b",
        "a{3,}b",
        "(a{1,9}){1,9}b",
        "(?:a|ab){1,9}c",
        r"(a)\1",
        "(?=a)b",
        "(?<!a)b",
        "(a)?(?(1)b|c)",
        "a{1,99}a{1,99}b",
        "x[a-z]{0,5000}y",
        "a?",
        "[a-z]{0,9}",
        "(",
        "a{2,1}",
    ],
)
def test_other_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(linear.NotLinear):
        linear.check(pattern)


HOSTILE = {
    r"(a+)+$": "repeat",
    r"(a|aa)*b": "repeat",
    r".*.*=x": "repeat",
    r"(x+x+)+y": "repeat",
    r"(.*a){20}": "repeat",
    r"^(([a-z])+.)+[A-Z]([a-z])+$": "repeat",
    r"key(?:[a-z]+\d+)*z": "repeat",
    r"(?:.*_)?key.*key.*key": "repeat",
    r"key=\S+\s*\S+": "repeat",
    r"key=(\w{1,9})\1": "backreference",
    r"(?P<a>key)(?P=a)": "backreference",
    r"key(?=x)": "lookaround",
    r"(?<!a)key": "lookaround",
    r"(key)?(?(1)a|b)": "conditional",
    r"(?>key[a-z]{1,9})a": "atomic",
    r"key[a-z]{1,9}+a": "possessive",
    "key" + "a?" * 30 + "a" * 30: "ways",
    "key" + "(?:a|aa)" * 30 + "b": "ways",
    "key" + "[a-z]{0,9}" * 12 + "b": "ways",
    "(" * 2000 + "key" + ")" * 2000: "no regular expression",
}
"""What makes Python's ``re`` run for hours, by a word of the reason."""


@pytest.mark.parametrize("kind", ["values", "names"])
@pytest.mark.parametrize("pattern", HOSTILE, ids=lambda p: p[:24])
def test_a_users_hostile_pattern_is_refused_saying_where_why_and_what_to_do(
    pattern: str, kind: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "own", {"match": {kind: [pattern]}})
    with pytest.raises(UsageError) as refusal:
        ruleset.load([folder])
    said = str(refusal.value)
    assert said.startswith(f"{folder / 'harbour.yaml'}: rule 'harbour-key': 'match.{kind}[0]' ")
    assert HOSTILE[pattern] in said
    assert "; " in said or "no regular expression" in said, "it says what to do"
    assert pattern not in said


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("ghp_[a-z]{3}", ["ghp_abc"]),
        ("(?:AKIA|ASIA)[A-Z]{3}", ["AKIAABC", "ASIAABC"]),
        ("(?:password|passwd|pwd|pw)", ["password", "passwd", "pwd", "pw"]),
        ("[a-z]{3}\\.atlasv1\\.[a-z]{3}", ["abc.atlasv1.abc"]),
        ("(?:stripe_)?api_?key", ["stripe_api_key", "apikey", "api_key"]),
        ("x(?:ab|cd){2}(?:ef)?", ["xabab", "xcdcdef"]),
    ],
)
def test_required_words_are_in_every_match(pattern: str, matches: list[str]) -> None:
    found = linear.required(pattern)
    assert found
    for match in matches:
        assert re.fullmatch(pattern, match)
        assert any(word in match.lower() for word in found)


@pytest.mark.parametrize("pattern", ["[a-z]{3}", "(?:abc)?[a-z]", "(?:abc|[x-z])"])
def test_there_need_not_be_a_required_word(pattern: str) -> None:
    assert not linear.required(pattern)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("gh[pousr]_[a-z]{36}", {"gho_", "ghp_", "ghr_", "ghs_", "ghu_"}),
        ("(?:live|test)_[a-z]{30}", {"live_", "test_"}),
        ("fm[12][ar]?_x", {"fm1_x", "fm1a_x", "fm1r_x", "fm2_x", "fm2a_x", "fm2r_x"}),
        ("(?:AB)?CD", {"abcd", "cd"}),
        ("ab{2,3}c", {"ab"}),
        ("a[a-z]b", {"a"}),
        ("[a-z]b", set()),
        ("(?:ab|[a-z])c", set()),
    ],
)
def test_beginnings_of_patterns(pattern: str, expected: set[str]) -> None:
    assert linear.heads(pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "words", "begins"),
    [
        ("gh[pousr]_[a-z]{36}", {"gho_", "ghp_", "ghr_", "ghs_", "ghu_"}, True),
        ("[A-Za-z0-9]{76}AZDO[a-z]{4}", {"azdo"}, False),
        ("https://(?:ptb\\.)?harbour\\.example/[a-z]{9}", {"harbour.example/"}, False),
        ("sk-[a-z]{20}T3BlbkFJ", {"t3blbkfj"}, False),
        ("standard_[a-f0-9]{256}", {"standard_"}, True),
    ],
)
def test_words_by_which_a_pattern_is_found(pattern: str, words: set[str], begins: bool) -> None:
    assert linear.words(pattern) == words
    assert linear.begins(pattern, sorted(words)) is begins


def test_values_are_found_whatever_their_length(built_in: RuleSet) -> None:
    """The shortcuts by length and by triples of letters leave no match out."""
    samples = [expand(s) for rule in RULES for value in rule.values for s in value.samples]
    assert len(samples) > 300
    patterns = [(rule.id, v, re.compile(v.regex)) for rule in built_in.rules for v in rule.values]
    for number, text in enumerate(samples):
        value = (text, f"a {text} b", "x " * 300 + text)[number % 3]
        found = [(rule.id, first, last) for rule, _, first, last in built_in.values(value)]
        plain = [
            (id, *match.span(match.lastindex or 0))
            for id, pattern, compiled in patterns
            for match in compiled.finditer(value)
            if not pattern.edges or stands_alone(value, *match.span(match.lastindex or 0))
        ]
        assert found == plain, text[:12]
        assert found, text[:12]


def test_bounds_are_put_on_foreign_patterns() -> None:
    assert linear.with_bounds(r"[]a+]+\+b*(?:c{2,})d{1,3}") == r"[]a+]{1,512}\+b{0,512}(?:c{2,512})d{1,3}"


def test_every_pattern_of_every_rule_is_linear(built_in: RuleSet) -> None:
    for rule in built_in.rules:
        for value in rule.values:
            linear.check(value.regex)
            assert value.keywords
        for name in (*rule.names, *rule.not_names):
            linear.check(name, bounded=False)


# ---------------------------------------------------------------- samples


def test_samples_are_the_same_every_time_and_of_the_form_that_was_asked() -> None:
    text = expand("<<ghp_|alnum|36>> <<hex|8|-|digits|4>> <<base64 of|user:pass>>")
    assert text == expand("<<ghp_|alnum|36>> <<hex|8|-|digits|4>> <<base64 of|user:pass>>")
    token, mixed, encoded = text.split()
    assert token.startswith("ghp_") and len(token) == 40 and token[4:].isalnum()
    assert len(mixed) == 13 and mixed[8] == "-" and mixed[9:].isdigit()
    assert encoded == "dXNlcjpwYXNz"
    assert expand("a << b") == "a << b"
    assert expand("<<pem|RSA PRIVATE KEY|2>>").splitlines()[1].startswith("  ")


# ---------------------------------------------------------------- the compiled set


def test_a_compiled_set_is_the_same_set(built_in: RuleSet) -> None:
    again = [from_row(json.loads(json.dumps(to_row(rule)))) for rule in built_in.rules]
    for rule, copy in zip(built_in.rules, again, strict=True):
        assert to_row(copy) == to_row(rule)
        assert (copy.calls, copy.values, copy.kind, copy.home) == (rule.calls, rule.values, rule.kind, rule.home)


def test_the_cache_is_owner_only_and_used(cache: Path) -> None:
    first = ruleset.load()
    (entry,) = cache.glob("rules-*")
    assert entry.stat().st_mode & 0o077 == 0
    assert cache.stat().st_mode & 0o077 == 0
    ruleset._load.cache_clear()
    again = ruleset.load()
    assert [r.id for r in again.rules] == [r.id for r in first.rules]
    assert again.first_pass == first.first_pass


def test_a_cached_set_loads_neither_yaml_nor_detect_secrets(cache: Path) -> None:
    script = "import sys\nfrom hardcode_hunter import ruleset\nprint(len(ruleset.load().rules))\nprint(sorted({'yaml', 'detect_secrets', 'requests'} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert said[0][0] == said[1][0] == str(len(RULES))
    assert said[1][1] == "[]"


@pytest.mark.parametrize("damage", [b"", b"{", b'{"key": "x", "rules": {}}', b"[]"])
def test_a_damaged_cache_is_made_again(cache: Path, damage: bytes) -> None:
    ruleset.load()
    (entry,) = cache.glob("rules-*")
    entry.write_bytes(damage)
    ruleset._load.cache_clear()
    assert len(ruleset.load().rules) == len(RULES)


def test_a_cache_that_others_can_write_is_not_trusted(cache: Path) -> None:
    ruleset.load()
    (entry,) = cache.glob("rules-*")
    first = json.loads(entry.read_bytes().partition(b"\n")[0])
    rows = json.loads(entry.read_bytes().partition(b"\n")[2])
    rows["rules"] = rows["rules"][:1]
    fewer = compiled.document(first["key"], rows)
    entry.write_bytes(fewer)
    ruleset._load.cache_clear()
    assert len(ruleset.load().rules) == 1, "a cache of the right key and digest is believed"
    entry.write_bytes(fewer)
    entry.chmod(0o666)
    ruleset._load.cache_clear()
    assert len(ruleset.load().rules) == len(RULES)


def test_the_key_follows_every_file_and_version(tmp_path: Path) -> None:
    folder = write(tmp_path / "rules", {})
    keys = {compiled.key(compiled.digest([folder]), "1")}
    keys.add(compiled.key(compiled.digest([folder]), "2"))
    write(folder, {"title": "another"})
    keys.add(compiled.key(compiled.digest([folder]), "1"))
    (folder / "engine.py").write_text("pass\n")
    keys.add(compiled.key(compiled.digest([folder]), "1"))
    (folder / "compiled.json").write_text("{}")
    keys.add(compiled.key(compiled.digest([folder]), "1"))
    assert len(keys) == 4


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the rules in an installed package, with its compiled set; it has one rule of its own."""
    package = tmp_path / "hardcode_hunter"
    package.mkdir()
    folder = write(package / "_rules", {})
    monkeypatch.setattr(ruleset, "PACKAGE", package)
    (folder / "compiled.json").write_bytes(ruleset.compiled_document(folder))
    return folder


def test_the_wheels_set_is_used_when_its_key_matches(
    shipped: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setattr(ruleset, "compile_rules", lambda folders: pytest.fail("compiled again"))
    monkeypatch.setattr(detect_secrets, "version", lambda: "a later one")
    assert [rule.id for rule in ruleset.load().rules if rule.source == "harbour.yaml"] == ["harbour-key"]
    assert not cache.exists()


@pytest.mark.parametrize("what", ["rule", "new rule", "version", "content", "cut", "first line", "empty", "absent"])
def test_the_wheels_set_is_never_used_in_place_of_other_rules(
    what: str, shipped: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    file = shipped / "compiled.json"
    data = file.read_bytes()
    if what == "rule":
        write(shipped, {"title": "another"})
    elif what == "new rule":
        write(shipped, {"id": "anchor-key"}, "anchor.yaml")
    elif what == "version":
        monkeypatch.setattr(ruleset, "__version__", "0.0.0")
    elif what == "absent":
        file.unlink()
    else:
        changed = {"content": data.replace(b"harbour key", b"harbour kez"), "cut": data[:-9], "first line": data[1:]}
        file.write_bytes(changed.get(what, b""))
        assert file.read_bytes() != data
    found = {rule.id: rule.title for rule in ruleset.load().rules}
    assert found["harbour-key"] == ("another" if what == "rule" else "harbour key")
    assert ("anchor-key" in found) == (what == "new rule")
    assert cache.exists(), "the rules were compiled again"


def test_extra_folders_extend(tmp_path: Path) -> None:
    found = ruleset.load([write(tmp_path / "own", {})])
    assert found.rule("harbour-key").title == "harbour key"
    assert len(found.rules) == len(RULES) + 1


# ---------------------------------------------------------------- detect-secrets


def test_patterns_that_ours_cover_are_not_taken_twice(tmp_path: Path, built_in: RuleSet) -> None:
    kinds = {detector.kind for detector in detect_secrets.detectors()}
    assert len(kinds) > 15
    covered = {kind for rule in RULES for kind in rule.covers}
    assert covered <= kinds, "a rule covers a detector that is not there"
    adopted = [rule for rule in ruleset.compile_rules([write(tmp_path, {})]).rules if rule.source == "detect-secrets"]
    assert len(adopted) > 8
    assert {rule.title for rule in adopted} <= kinds
    assert not [rule for rule in built_in.rules if rule.source == "detect-secrets" and rule.title in covered]


def test_the_version_is_read_without_the_library() -> None:
    script = "import sys\nfrom hardcode_hunter.integrations import detect_secrets as d\nprint(d.version(), 'detect_secrets' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ).stdout.split()
    import detect_secrets as library

    assert said == [library.__version__.VERSION if hasattr(library, "__version__") else said[0], "False"]


# ---------------------------------------------------------------- the command


def test_list_shows_every_rule() -> None:
    run = CliRunner().invoke(command, ["list"], standalone_mode=False)
    assert run.exception is None
    rows = [line.split()[0] for line in run.stdout.splitlines() if line]
    assert set(rows) >= {rule.id for rule in RULES}


def test_explain_shows_one_and_knows_its_neighbours() -> None:
    run = CliRunner().invoke(command, ["explain", "postgresql-password"], standalone_mode=False)
    assert run.exception is None
    for wanted in ("psycopg2.connect", "postgresql-single-user", "https://www.postgresql.org"):
        assert wanted in run.stdout
    run = CliRunner().invoke(command, ["explain", "postgres-password"], standalone_mode=False)
    assert isinstance(run.exception, UsageError)
    assert "did you mean 'postgresql-password'?" in str(run.exception)


def test_check_says_what_failed_and_how(tmp_path: Path) -> None:
    good = write(tmp_path / "good", {}) / "harbour.yaml"
    run = CliRunner().invoke(command, ["check", str(good)], standalone_mode=False)
    assert (run.exception, run.return_value) == (None, 0)
    bad = write(
        tmp_path / "bad",
        {
            "examples": [{"language": "python", "text": 'ANCHOR = "a1-b2-c3-d4"'}, RULE["examples"][0]],
            "near_misses": [RULE["examples"][1], RULE["near_misses"][0]],
        },
    )  # type: ignore[index]
    run = CliRunner().invoke(command, ["check", str(bad / "harbour.yaml")], standalone_mode=False)
    assert run.return_value == 1
    assert "harbour-key: examples[1]: not found by this rule; there was no finding at all" in run.stdout
    assert "harbour-key: near_misses[1]: reported; there were harbour-key at line 1 (f.harbour_key)" in run.stdout


def test_check_refuses_a_file_it_cannot_use(tmp_path: Path) -> None:
    bad = write(tmp_path, {"titel": "x"}) / "harbour.yaml"
    run = CliRunner().invoke(command, ["check", str(bad)], standalone_mode=False)
    assert isinstance(run.exception, UsageError)
    assert run.exception.exit_code == 2


def test_check_says_loudly_when_a_language_is_missing(tmp_path: Path) -> None:
    samples = [{"language": "cobol", "text": "X"}, RULE["examples"][0]]  # type: ignore[index]
    file = write(tmp_path, {"examples": samples}) / "harbour.yaml"
    run = CliRunner().invoke(command, ["check", str(file)], standalone_mode=False)
    assert "1 examples not run: there is no language 'cobol'" in run.stderr


# ---------------------------------------------------------------- the page


def test_the_page_says_what_the_rules_say() -> None:
    run = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "rules_doc.py"), "--check"], check=False, capture_output=True
    )
    assert run.returncode == 0, "docs/rules.md is out of date: python scripts/rules_doc.py"
