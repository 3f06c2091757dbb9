"""Every format says what was found, where, in the shape its readers demand; and none can say a value."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardcode_hunter import pipeline
from hardcode_hunter.config import Settings
from hardcode_hunter.model import Confidence, Scan
from hardcode_hunter.plugins import Format, load
from tests import official_schemas, report_schemas
from tests.gate import ROOT, Run, write

pytest_plugins = ("tests.gate_fixtures",)

FORMATS = load("formats", Format)
MACHINE = {
    "sarif": report_schemas.SARIF,
    "gitlab-secrets": report_schemas.GITLAB_SECRETS,
    "gitlab": report_schemas.GITLAB,
}
LEAKY = 'import psycopg2\n\n\ndef connect():\n    return psycopg2.connect(host="db", user="app", password="harbour-light-9")\n'
TREE = {
    "shop/db.py": LEAKY,
    "jobs/report one.py": LEAKY,
    "tests/test_db.py": LEAKY,
    "shop/two.py": 'import psycopg2\na, b = psycopg2.connect(password="harbour-light-1"), psycopg2.connect(password="harbour-light-2")\n',
    "shop/hushed.py": 'password = "harbour-light-3"  # hardcode-hunter: ignore[generic-password] a seed\n',
    "shop/known.py": 'password = "harbour-light-4"\n',
    "shop/broken.py": 'print "x"\n\npassword = "harbour-light-5"\n',
    "infra/ümlaut.yaml": "Resources:\n  Db:\n    Type: AWS::RDS::DBInstance\n    Properties: {MasterUserPassword: harbour-light-6}\n",
}


@pytest.fixture(autouse=True)
def private_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(cache))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path / "tree", TREE)
    return tmp_path / "tree"


@pytest.fixture
def baselined(run: Run, tree: Path) -> Path:
    """The tree with one finding in its baseline."""
    assert run("baseline", "create", "shop/known.py", cwd=tree).status == 0
    return tree


def test_the_formats_that_are_promised_are_there() -> None:
    assert {
        "full",
        "concise",
        "grouped",
        "json",
        "jsonl",
        "sarif",
        "github",
        "gitlab-secrets",
        "gitlab",
        "junit",
    } <= set(FORMATS)


def test_the_help_names_them_all(run: Run, tmp_path: Path) -> None:
    said = " ".join(run("scan", "--help", cwd=tmp_path).out.split())
    named = re.search(r"How to print \((.*?)\)", said)
    assert named is not None
    assert set(named.group(1).split(", ")) == set(FORMATS)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_each_is_in_a_module_of_its_own_and_named_by_it(form: str) -> None:
    assert (ROOT / "hardcode_hunter" / "formats" / f"{form.replace('-', '_')}.py").is_file()


@pytest.mark.parametrize("form", MACHINE)
@pytest.mark.parametrize("state", ["findings", "clean"])
def test_machine_formats_have_their_readers_shape(run: Run, baselined: Path, form: str, state: str) -> None:
    words = ["scan", "."] if state == "findings" else ["scan", "infra", "--ignore", "rds-*"]
    document = json.loads(run(*words, "--output", form, cwd=baselined).out)
    jsonschema.Draft202012Validator(MACHINE[form]).validate(document)


@pytest.mark.parametrize("words", [["."], ["infra", "--ignore", "rds-*"]], ids=["findings", "clean"])
def test_sarif_passes_the_official_schema(run: Run, baselined: Path, words: list[str]) -> None:
    document = json.loads(run("scan", *words, "--output", "sarif", cwd=baselined).out)
    official_schemas.check(document, official_schemas.SARIF)
    document["runs"][0]["results"] = [{"ruleId": "x"}]
    with pytest.raises(jsonschema.ValidationError, match="message"):
        official_schemas.check(document, official_schemas.SARIF)


def published() -> dict[str, Any]:
    return json.loads((ROOT / "docs" / "json-v1.schema.json").read_text("utf-8"))  # type: ignore[no-any-return]


def closed(schema: Any) -> Any:
    """The schema with no key beside those that it names: it lets some be added later, and a test wants to hear of them."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    return made | (
        {"unevaluatedProperties": False} if schema.get("type") == "object" and "properties" in schema else {}
    )


def test_json_and_jsonl_have_the_published_shape_and_not_a_key_more(run: Run, baselined: Path) -> None:
    (baselined / "broken.yaml").write_text("password: 'harbour\n\tx: [\n", encoding="utf-8")
    document = json.loads(run("scan", ".", "--output", "json", cwd=baselined).out)
    assert document["findings"] and document["suppressed"] and document["problems"]
    jsonschema.Draft202012Validator(closed(published())).validate(document)
    row = jsonschema.Draft202012Validator({"$defs": published()["$defs"], "$ref": "#/$defs/row"})
    lines = run("scan", ".", "--output", "jsonl", cwd=baselined).out.splitlines()
    assert len(lines) == len(document["findings"]) + len(document["suppressed"])
    for line in lines:
        row.validate(json.loads(line))
    with pytest.raises(jsonschema.ValidationError, match="verdict"):
        row.validate({k: v for k, v in json.loads(lines[0]).items() if k != "verdict"})


# ---------------------------------------------------------------- SARIF, point by point


@pytest.fixture
def sarif(run: Run, baselined: Path) -> dict[str, Any]:
    return json.loads(run("scan", ".", "--output", "sarif", cwd=baselined).out)["runs"][0]  # type: ignore[no-any-return]


def test_sarif_declares_all_rules_the_silent_ones_too(sarif: dict[str, Any], run: Run, baselined: Path) -> None:
    listed = {row.split()[0] for row in run("rules", "list", cwd=baselined).out.splitlines()}
    declared = [rule["id"] for rule in sarif["tool"]["driver"]["rules"]]
    assert set(declared) == listed
    assert all(declared[r["ruleIndex"]] == r["ruleId"] for r in sarif["results"])


def test_sarif_paths_are_relative_and_encoded(sarif: dict[str, Any]) -> None:
    paths = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in sarif["results"]}
    assert {"shop/db.py", "jobs/report%20one.py", "infra/%C3%BCmlaut.yaml"} <= paths
    assert "%SRCROOT%" in sarif["originalUriBaseIds"]


def test_sarif_has_a_fingerprint_per_place_and_no_line_hash(sarif: dict[str, Any]) -> None:
    fingerprints = [tuple(r["partialFingerprints"].items()) for r in sarif["results"]]
    assert len(set(fingerprints)) == len(fingerprints)
    two = [
        r for r in sarif["results"] if r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "shop/two.py"
    ]
    assert len(two) == 2
    assert {r["locations"][0]["physicalLocation"]["region"]["startLine"] for r in two} == {2}
    assert all("primaryLocationLineHash" not in dict(f) for f in fingerprints)


def test_sarif_tells_suppressed_known_and_new_apart(sarif: dict[str, Any]) -> None:
    by_path = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: r for r in sarif["results"]}
    assert by_path["shop/hushed.py"]["suppressions"] == [
        {"kind": "inSource", "status": "accepted", "justification": "ours: a seed"}
    ]
    assert by_path["shop/known.py"]["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": "baseline: todo"}
    ]
    assert by_path["shop/known.py"]["baselineState"] == "unchanged"
    assert by_path["shop/db.py"]["baselineState"] == "new"
    assert "suppressions" not in by_path["shop/db.py"]


def test_sarif_tells_where_the_same_value_stands(sarif: dict[str, Any]) -> None:
    by_path = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: r for r in sarif["results"]}
    related = by_path["shop/db.py"]["relatedLocations"]
    assert {r["physicalLocation"]["artifactLocation"]["uri"] for r in related} == {
        "jobs/report%20one.py",
        "tests/test_db.py",
    }


def test_sarif_names_files_that_could_not_be_parsed(sarif: dict[str, Any]) -> None:
    (invocation,) = sarif["invocations"]
    assert invocation["executionSuccessful"] is True
    (note,) = invocation["toolExecutionNotifications"]
    assert note["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "shop/broken.py"


def test_sarif_cuts_a_long_list_into_runs_that_are_accepted(
    run: Run, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardcode_hunter.formats.sarif.PER_RUN", 3)
    document = json.loads(run("scan", ".", "--output", "sarif", cwd=tree).out)
    jsonschema.Draft202012Validator(report_schemas.SARIF).validate(document)
    assert sum(len(r["results"]) for r in document["runs"]) == len(TREE) + 1
    assert len({r["automationDetails"]["id"] for r in document["runs"]}) == len(document["runs"]) == 3


# ---------------------------------------------------------------- the others


def test_github_annotations_are_commands_with_everything_escaped(run: Run, tmp_path: Path) -> None:
    write(tmp_path, {"a,b:c%.py": LEAKY, "ok.py": "x = 1\n"})
    (line,) = run("scan", ".", "--output", "github", cwd=tmp_path).out.splitlines()
    command = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
    assert command is not None
    properties = dict(pair.split("=", 1) for pair in command.group(2).split(","))
    assert properties == {
        "file": "a%2Cb%3Ac%25.py",
        "line": "5",
        "endLine": "5",
        "col": "61",
        "title": "hardcode-hunter postgresql-password",
    }


def test_a_job_summary_is_a_table_that_no_name_can_break(run: Run, tmp_path: Path) -> None:
    write(tmp_path, {"a|b<img>`x`.py": LEAKY})
    out = run("scan", ".", "--output", "github-summary", cwd=tmp_path).out
    row = next(line for line in out.splitlines() if "postgresql" in line)
    assert row.startswith("| a\\|b&lt;img&gt;\\`x\\`.py:5 | postgresql-password |")
    assert len(re.findall(r"(?<!\\)\|", row)) == 6


def test_junit_is_xml_with_a_failure_for_each_that_fails(run: Run, tree: Path, tmp_path: Path) -> None:
    root = ElementTree.fromstring(run("scan", ".", "--output", "junit", cwd=tree).out)
    cases = root.findall("testsuite/testcase")
    assert len(cases) == int(root.attrib["tests"]) == len(TREE)
    assert len(root.findall("testsuite/testcase/failure")) == int(root.attrib["failures"]) == len(TREE) - 1
    assert [c.attrib["classname"] for c in cases if c.find("skipped") is not None] == ["tests/test_db.py"]
    write(tmp_path / "clean", {"a.py": "x = 1\n"})
    clean = ElementTree.fromstring(run("scan", ".", "--output", "junit", cwd=tmp_path / "clean").out)
    assert (clean.attrib["tests"], clean.attrib["failures"], len(clean.findall("testsuite/testcase"))) == ("1", "0", 1)


def test_json_counts_what_was_not_looked_at(run: Run, tree: Path) -> None:
    (tree / "b.bin").write_bytes(b"\0\0")
    document = json.loads(run("scan", ".", "--output", "json", cwd=tree).out)
    assert document["version"] == 1
    assert document["files"] == len(TREE) + 1
    assert document["skipped"] == {"binary": 1}
    assert document["rules"] > 30
    rows = [json.loads(line) for line in run("scan", ".", "--output", "jsonl", cwd=tree).out.splitlines()]
    assert [{k: v for k, v in row.items() if k != "version"} for row in rows] == document["findings"] + document[
        "suppressed"
    ]


def test_full_shows_the_line_masked_the_reason_the_twins_and_what_to_do(run: Run, tree: Path) -> None:
    out = run("scan", "shop", "jobs", cwd=tree).out
    block = next(b for b in out.split("\n\n") if b.startswith("shop/db.py"))
    assert block.splitlines() == [
        "shop/db.py:5:61: postgresql-password: PostgreSQL password [migrate, high]",
        "   |",
        ' 5 |     return psycopg2.connect(host="db", user="app", password="********")',
        "   |                                                              ^^^^^^^^",
        "  = passed to psycopg2.connect(password=)",
        "  = same value also at jobs/report one.py:5",
        "  = fix: hardcode-hunter plan",
    ]


NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Orders"]},
        {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": ["import os\n", "\n", 'db_password = "harbour-light-9"; x = "ü"\n'], "outputs": [
            {"output_type": "stream", "name": "stdout", "text": ["settings:\n", "db_password = \"harbour-light-9\"\n"]}]},
        {"cell_type": "code", "metadata": {}, "execution_count": 2, "source": 'a = 1\nmail_password = "quay-at-night-7"\n', "outputs": []},
    ],
    "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
}  # fmt: skip


def test_a_place_in_a_notebook_is_told_as_a_person_sees_it(run: Run, tmp_path: Path) -> None:
    write(tmp_path, {"report.ipynb": json.dumps(NOTEBOOK, indent=1)})
    out = run("scan", ".", cwd=tmp_path).out
    blocks = [block.splitlines() for block in out.split("\n\n") if block.startswith("report.ipynb:")]
    assert [block[2] for block in blocks] == [
        ' 3 | db_password = "********"; x = "ü"',
        ' 1 | db_password = "********"',
        ' 2 | mail_password = "********"',
    ]
    assert [block[3].index("^") - 5 for block in blocks] == [15, 15, 17]
    assert "(cell 2, line 3)" in blocks[0][4]
    assert "(output of cell 2, line 1)" in blocks[1][4]
    assert "(cell 3, line 2)" in blocks[2][4]
    for form in (
        "concise",
        "grouped",
        "github",
        "github-summary",
        "junit",
        "html",
        "sarif",
        "gitlab",
        "gitlab-secrets",
    ):
        said = run("scan", ".", "--output", form, cwd=tmp_path).out
        assert "cell 3, line 2" in said, form
        assert "harbour-light" not in said
    rows = json.loads(run("scan", ".", "--output", "json", cwd=tmp_path).out)["findings"]
    assert [row["within"] for row in rows] == ["cell 2, line 3", "output of cell 2, line 1", "cell 3, line 2"]


def test_test_values_get_a_line_for_each_file(run: Run, tmp_path: Path) -> None:
    lines = [f'c{n} = psycopg2.connect(password="harbour-light-{n}")' for n in range(12)]
    write(tmp_path, {f"tests/test_{name}.py": "\n".join(["import psycopg2", *lines]) for name in "abcdefghijkl"})
    ran = run("scan", ".", cwd=tmp_path)
    assert ran.status == 0
    assert re.fullmatch(r"No credentials found, 144 test values\. 12 files, .*\n", ran.out), "what is clean is quiet"
    write(tmp_path, {"a.py": LEAKY})
    rows = run("scan", ".", cwd=tmp_path).out.splitlines()
    at = rows.index("") + 1
    assert rows[at : at + 12] == [
        *(f"tests/test_{name}.py: 12 test values, lines 2, 3, 4, 5, 6, 7, 8, 9 and 4 more" for name in "abcdefghij"),
        "… and 24 more in 2 files; --output concise names each",
        "",
    ]


ADVICE = {
    "a.py": (LEAKY, "  = fix: hardcode-hunter plan", "ignore[postgresql-password] reason"),
    "compose.yaml": (
        "services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: harbour-light-9\n",
        "  = by hand: take it out, read it from AWS Secrets Manager, and replace it: hardcode-hunter rules explain postgresql-password",
        "ignore[postgresql-password] reason",
    ),
    "c.json": (
        '{"db": {"mail_password": "harbour-light-9"}}\n',
        "rules explain mail-password",
        'per-file-ignores."c.json" = ["mail-password"]',
    ),
}


@pytest.mark.parametrize("name", ADVICE)
def test_full_says_what_to_do_and_it_can_be_done(run: Run, tmp_path: Path, name: str) -> None:
    text, advice, hint = ADVICE[name]
    write(tmp_path, {name: text})
    out = run("scan", ".", cwd=tmp_path).out
    assert advice in out
    assert out.rstrip().endswith(hint)
    if name == "c.json":
        write(tmp_path, {"hardcode-hunter.toml": out.rstrip().rpartition("toml: ")[2] + "\n"})
        assert run("scan", "c.json", cwd=tmp_path).status == 0
    for command in re.findall(r"hardcode-hunter (rules explain [a-z-]+)", out):
        assert run(*command.split(), cwd=tmp_path).status == 0


def test_full_masks_every_credential_of_the_line_and_its_copies_beside_it(run: Run, tmp_path: Path) -> None:
    line = 'a, b = psycopg2.connect(password="harbour-light-1"), psycopg2.connect(password="harbour-light-2")  # was harbour-light-1'
    write(tmp_path, {"a.py": f"import psycopg2\n{line}\n"})
    out = run("scan", ".", cwd=tmp_path).out
    assert "harbour-light" not in out
    assert out.count('password="********"), psycopg2.connect(password="********")  # was ********') == 2


# ---------------------------------------------------------------- no value, whatever it is

CHARACTERS = st.characters(codec="ascii", categories=("L", "N", "P", "S"), exclude_characters="\"'\\`<>{}$#|&")
SECRET = st.text(CHARACTERS, min_size=7, max_size=37).map("Qz7{}".format)  # no word of ours begins so
SHAPES = {
    "a.py": 'import psycopg2, smtplib\nDB_PASSWORD = "{v}"\nc = psycopg2.connect("postgresql://app:{v}@db/orders")\nsmtplib.SMTP("h").login("u", "{v}")\nif password == "{v}": pass\nAPI = {{"api_key": "{v}"}}  # {v}\n',
    "broken.py": 'print "x"\npassword = "{v}"\n',
    "a.yaml": 'Resources:\n  Db:\n    Type: AWS::RDS::DBInstance\n    Properties:\n      MasterUserPassword: "{v}"\n',
    "compose.yaml": 'services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: "{v}"\n      URL: "postgres://app:{v}@db/x"\n',
    "main.tf": 'resource "aws_db_instance" "main" {{\n  password = "{v}"\n}}\n',
    "config.json": '{{"password": "{v}", "nested": {{"token": "{v}"}}}}\n',
    "app.ini": "[db]\npassword = {v}\n",
    ".env": "DB_PASSWORD={v}\n",
    "run.sh": "mysql -u root -p'{v}'\nexport API_TOKEN='{v}'\n",
    "nb.ipynb": '{{"cells": [{{"cell_type": "code", "metadata": {{}}, "outputs": [], "execution_count": null, "source": ["password = \\"{v}\\"\\n"]}}], "metadata": {{}}, "nbformat": 4, "nbformat_minor": 5}}\n',
}  # fmt: skip


def scanned(root: Path, confidence: Confidence) -> Scan:
    return pipeline.scan([root], Settings(min_confidence=confidence), root)[0]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=SECRET, confidence=st.sampled_from([Confidence.LOW, Confidence.HIGH]))
def test_no_format_prints_a_value(tmp_path: Path, value: str, confidence: Confidence) -> None:
    write(tmp_path, {name: text.format(v=value) for name, text in SHAPES.items()})
    scan = scanned(tmp_path, confidence)
    for form in FORMATS.values():
        out = form.render(scan)
        assert value not in out, form.name
        assert json.dumps(value)[1:-1] not in out, form.name


def test_the_shapes_are_found(tmp_path: Path) -> None:
    write(tmp_path, {name: text.format(v="Harbour7light+quay") for name, text in SHAPES.items()})
    found = {f.path for f in scanned(tmp_path, Confidence.LOW).findings}
    assert found == set(SHAPES)


# ---------------------------------------------------------------- documentation


def keys_of(heading: str, page: str) -> set[str]:
    """The keys in the first column of the table below a line."""
    rows = page[page.index(heading) :].split("\n\n", 2)[1]
    return {key for row in rows.splitlines()[2:] for key in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_format_and_every_key_is_documented(run: Run, baselined: Path) -> None:
    page = (ROOT / "docs" / "formats.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z-]+)` \|", page[: page.index("## JSON")], re.M)) == set(FORMATS)
    document = json.loads(run("scan", ".", "--output", "json", cwd=baselined).out)
    assert keys_of("`version` is 1", page) == set(document)
    assert keys_of("A finding:", page) == set(document["findings"][0])
    for name in ("problems",):
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert set(re.findall(r"`(\w+)`", row.split("|")[2])) == set(document[name][0])
