"""Checksums and structures of tokens: against published vectors where there are any, and every one against tokens that are off by a little."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from hardcode_hunter import checksums, pipeline
from hardcode_hunter.checksums import CHECKS
from hardcode_hunter.cli._rulecheck import findings
from hardcode_hunter.detect import tokens
from hardcode_hunter.detect.documented import EXAMPLES, documented
from hardcode_hunter.model import Confidence, Verdict
from hardcode_hunter.ruleset import RuleSet, Sample, Value, compile_rules, home
from hardcode_hunter.ruleset.samples import expand

SAMPLES = {
    "artifactory-reference": ["<<reftkn>>"],
    "aws-key-id": ["<<aws|AKIA|123456789012>>", "<<aws|ASIA|000000000001>>"],
    "azure-annotated-key": ["<<annotated|AAAAAZDO>>", "<<annotated|AAABACOG>>"],
    "azure-key": ["<<azure|+ASt|64>>", "<<azure|ACDb|64>>", "<<azure|AzFu|40>>", "<<azure|AzSe|39>>", "<<azure|+ACR|39>>", "<<azure|+ASb|32>>"],
    "base58check": ["<<xprv>>"],
    "base62-crc32": ["<<crc|ghp_|30>>", "<<crc|npm_|30>>", "<<crc|ghr_|70>>"],
    "bech32": ["<<bech32 of|age-secret-key->>", "<<bech32 of|nsec>>"],
    "entra-secret": ["<<entra>>"],
    "github-fine-grained": ["<<fine-grained>>"],
    "gitlab-routable": ["<<gitlab|glpat->>", "<<gitlab|glrt->>", "<<gitlab|glrt-t1_>>"],
    "grafana": ["<<grafana>>"],
    "json-payload": ["<<json|glc_|o|n|k|m>>", "<<json|ops_|email|secretKey>>"],
    "jwt": ["<<jwt>>"],
    "pypi": ["<<pypi|pypi.org>>", "<<pypi|test.pypi.org>>"],
    "sentry": ["<<sentry>>"],
}  # fmt: skip
STRUCTURES = {"artifactory-reference", "aws-key-id", "json-payload", "jwt", "pypi", "sentry"}
"""What holds as long as it can be decoded: a changed letter of the secret itself is no mistake in them."""


def test_every_check_is_tested() -> None:
    assert set(SAMPLES) == set(CHECKS)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_genuine_token_passes(name: str) -> None:
    for sample in SAMPLES[name]:
        assert CHECKS[name](expand(sample)), sample


@pytest.mark.parametrize("name", sorted(set(SAMPLES) - STRUCTURES))
def test_one_changed_letter_is_noticed_wherever_it_stands(name: str) -> None:
    for sample in SAMPLES[name]:
        token = expand(sample)
        first = len("github_pat_") if name == "github-fine-grained" else 4  # a prefix is the pattern's business
        places = [at for at in range(first, len(token)) if token[at].isalnum()]
        other = ["7" if letter != "7" else "k" for letter in token]
        missed = [at for at in places if CHECKS[name](token[:at] + other[at] + token[at + 1 :])]
        # the last letter of base64 text holds bits that stand for nothing
        assert len(missed) <= (name in ("azure-key", "azure-annotated-key")), (sample, missed)


@pytest.mark.parametrize("name", sorted(CHECKS))
@pytest.mark.parametrize(
    "text", ["", "x", "_", "ghp_", "glpat-a.01.", "sntrys__", "eyJ.eyJ.x", "pypi-AgEI", "é" * 40, "=" * 88, "1" * 120]
)
def test_anything_is_answered(name: str, text: str) -> None:
    assert CHECKS[name](text) in (True, False)


# ---------------------------------------------------------------- published vectors; in parts, so that no token stands here


@pytest.mark.parametrize(
    ("check", "parts"),
    [
        (checksums.grafana, ("glsa_", "yscW25imSKJIuav8zF37RZmnbiDvB05G", "_fcaaf58a")),  # Grafana's own test of its generator
        (checksums.base62_crc32, ("ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "0mLq17")),  # published after it had been revoked
        (checksums.bech32, ("AGE-SECRET-KEY-1", "GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX")),  # age's test suite
        (checksums.base58check, ("xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3", "jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi")),  # BIP 32, test vector 1
    ],
)  # fmt: skip
def test_published_tokens_pass(check: Callable[[str], bool], parts: tuple[str, ...]) -> None:
    assert check("".join(parts))


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", 0x30ED35C1 ^ 0x00CD3C7D), (b"\xaf", 0x48E73FC7 ^ 0x7D75DDC1), (b"\xe7\x0f", 0xB5F6E1FC ^ 0x485DBFF8)],
)
def test_marvin32_is_that_of_symcrypt(data: bytes, expected: int) -> None:
    """Known answers of Microsoft's native implementation under the seed 0x004FB61A001BDBCC."""
    assert checksums.marvin32(data, 0x004FB61A001BDBCC) == expected


@pytest.mark.parametrize(
    ("token", "account"),
    [
        ("ASIA" + "QNZGKIQY56JQ7WML", "029608264753"),
        ("AKIAIOSFODNN7EXAMPLE", ""),  # of before 2019
        (expand("<<aws|AKIA|123456789012>>"), "123456789012"),
        ("AKIA", ""),
        ("AKIA" + "Z" * 15 + "1", ""),
        ("AKIA" + "7" * 16, ""),  # more than 12 digits
    ],
)
def test_the_account_of_an_aws_key(token: str, account: str) -> None:
    assert checksums.aws_account(token) == account


def test_a_finding_says_which_account_a_key_is_of(rules: RuleSet) -> None:
    text = expand('KEY = "<<aws|AKIA|123456789012>>"')
    (found,) = findings(Sample("python", text), pipeline.languages()["python"], rules)
    assert "looks like an AWS access key id of account 123456789012" in found.reason
    assert text.split('"')[1] not in found.reason


def test_a_jwt_needs_an_algorithm() -> None:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    head, claims = part('{"alg":"ES256"}'), part('{"sub":"4711"}')
    assert checksums.jwt(f"{head}.{claims}.c2ln")
    for wrong in ('{"typ":"JWT"}', '{"alg":7}', '["alg"]', '"alg"', "{"):
        assert not checksums.jwt(f"{part(wrong)}.{claims}.c2ln"), wrong
    assert not checksums.jwt(f"{head}.{part('[1]')}.c2ln")


def test_numbers_in_other_bases() -> None:
    assert checksums.written(61, checksums.BASE62, 3) == "00z"
    assert checksums.written(0, checksums.BASE36, 2) == "00"
    assert checksums.written(36**2 + 35, checksums.BASE36, 2) == "10z"


# ---------------------------------------------------------------- examples of documentation

DOCUMENTED = [
    ("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVE", "rCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="),
    ("C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqob", "D4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="),
    ("sk_test_", "4eC39HqLyjWDarjtT1zdp7dc"),
    ("ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"),
    ("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.", "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.", "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"),
    ("110201543:", "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"),
]  # fmt: skip


@pytest.mark.parametrize("parts", DOCUMENTED, ids=lambda parts: parts[0][:12])
def test_tokens_of_documentation_are_examples(parts: tuple[str, ...], rules: RuleSet) -> None:
    token = "".join(parts)
    assert documented(token)
    assert not documented(token[:-1]) and not documented(token + "a") and not documented(token.swapcase())
    connection = f"AccountName=harbour;AccountKey={token};EndpointSuffix=core.windows.net"
    for text in (
        f'connect("{token}")',
        f'client = "{token}"',
        f'connect("{connection if token[-2:] == "==" else token}")',
    ):
        for found in findings(Sample("python", text), pipeline.languages()["python"], rules):
            assert (found.confidence, found.verdict) == (Confidence.LOW, Verdict.TEST_VALUE), text


def test_the_list_of_examples_holds_digests() -> None:
    assert len(EXAMPLES) >= 15
    assert all(len(each) == 64 and set(each) <= set("0123456789abcdef") for each in EXAMPLES)


# ---------------------------------------------------------------- what a wrong one is worth


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return compile_rules([home()])


def test_a_wrong_checksum_is_never_sure(rules: RuleSet) -> None:
    """Whatever speaks for it: the token alone, its name, or the parameter that it is passed to."""
    right = expand("<<crc|ghp_|30>>")
    wrong = right[:-1] + ("a" if right[-1] != "a" else "b")
    python = pipeline.languages()["python"]
    for text in ('connect("{}")', 'GITHUB_TOKEN = "{}"', 'import github\ngithub.Github("{}")\n'):
        (sure,) = findings(Sample("python", text.format(right)), python, rules)
        (less,) = findings(Sample("python", text.format(wrong)), python, rules)
        assert (sure.rule, sure.confidence) == ("github-token", Confidence.HIGH), text
        assert (less.rule, less.confidence) == ("github-token", Confidence.MEDIUM), text
        assert "its checksum or structure is wrong" in less.reason
        assert "checksum" not in sure.reason


def test_a_part_of_a_wrong_token_is_no_older_token(rules: RuleSet) -> None:
    token = expand("<<gitlab|glpat->>")
    wrong = token[:-1] + ("a" if token[-1] != "a" else "b")
    python = pipeline.languages()["python"]
    confidences = [
        found.confidence
        for text in (token, wrong, expand("<<glpat-|base64url|20>>"))
        for found in findings(Sample("python", f'connect("{text}")'), python, rules)
    ]
    assert confidences == [Confidence.HIGH, Confidence.MEDIUM, Confidence.HIGH]


@pytest.mark.parametrize(("wrong", "expected"), [("", "medium"), ("medium", "medium"), ("low", "low"), ("drop", "")])
def test_a_rule_says_what_a_wrong_one_is_worth(wrong: str, expected: str, rules: RuleSet) -> None:
    pattern = Value("x", check="base62-crc32", wrong=wrong)
    rule = rules.rule("github-token")
    found = tokens.confidence(rule, pattern, expand("<<ghp_|alnum|36>>"), deployed=False)
    assert (found.label if found else "") == expected
    right = tokens.confidence(rule, pattern, expand("<<crc|ghp_|30>>"), deployed=False)
    assert right is Confidence.HIGH
