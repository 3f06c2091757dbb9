"""Names and texts of a repository come out as they went in and never become syntax."""

from __future__ import annotations

import re
import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardcode_hunter.errors import UsageError
from hardcode_hunter.generate import names, quoting
from hardcode_hunter.model import Consumer
from tests.generating import (
    PROD,
    database,
    parsed,
    plan,
    texts,
)
from tests.generating_cells import HOSTILE

TEMPLATE = "migration/prod/secrets.yaml"


# ---------------------------------------------------------------- quoting


anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(HOSTILE)


@given(anything)
def test_yaml_reads_back_equal(text: str) -> None:
    import yaml

    assert yaml.safe_load(f"k: {quoting.yaml_string(text)}\n") == {"k": text}


@given(
    st.recursive(
        anything | st.booleans() | st.integers(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(anything, inner, max_size=4),
    )
)
def test_yaml_structures_read_back_equal(value: Any) -> None:
    import yaml

    assert yaml.safe_load(f"k:{quoting.yaml_value(value)}\n") == {"k": value}


def _hcl_literal(text: str) -> str | None:
    """What the HCL string in ``text`` means, read by an independent parser; ``None`` when it is anything but one plain string."""
    import tree_sitter
    import tree_sitter_hcl

    data = f"k = {text}\n".encode()
    root = tree_sitter.Parser(tree_sitter.Language(tree_sitter_hcl.language())).parse(data).root_node
    if root.has_error:
        return None
    found, todo = [], [root]
    while todo:
        node = todo.pop()
        if node.type in (
            "template_interpolation",
            "template_directive",
            "heredoc_template",
            "function_call",
            "variable_expr",
        ):
            return None
        if node.type in ("string_lit", "quoted_template"):
            found.append(data[node.start_byte : node.end_byte].decode())
            continue
        todo += node.children
    return _unescaped(found[0][1:-1]) if len(found) == 1 else None


def _unescaped(body: str) -> str:
    simple = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
    pattern = r"\$\$\{|%%\{|\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|(.))"

    def one(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return match[0][1:] if match[0][0] in "$%" else chr(int(code, 16)) if code else simple[match[3]]

    return re.sub(pattern, one, body)


@settings(max_examples=200)
@given(anything)
def test_hcl_strings_are_one_literal(text: str) -> None:
    assert _hcl_literal(quoting.hcl_string(text)) == text


@given(anything)
def test_shell_words_are_one_word(text: str) -> None:
    import shlex

    try:
        word = quoting.shell_word(text)
    except UsageError:
        assert any(not c.isprintable() for c in text)
        return
    assert shlex.split(word) == [text]


@given(anything)
def test_markdown_stays_on_its_line(text: str) -> None:
    for written in (quoting.markdown_text(text), quoting.markdown_code(text)):
        assert "\n" not in written and "\r" not in written and "\x1b" not in written
        assert not re.search(r"(?<!\\)\|", written)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_is_read_as_text(text: str) -> None:
    from markdown_it import MarkdownIt

    cell = f"- {quoting.markdown_text('x ' + text)} {quoting.markdown_code(text)}\n"
    kinds = {child.type for token in MarkdownIt("commonmark").parse(cell) for child in token.children or ()}
    assert kinds <= {"text", "code_inline"}, kinds


@pytest.mark.parametrize("infrastructure", ["cloudformation", "terraform"])
@pytest.mark.parametrize("text", [t for t in HOSTILE if "{{resolve:" not in t])
def test_a_hostile_tag_comes_out_as_it_went_in(text: str, infrastructure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the check that refuses most of them, since AWS would."""
    monkeypatch.setattr("hardcode_hunter.generate.limits.check_tag", lambda *_: None)
    environment = replace(PROD, tags={"owner": text, f"k{text}": "v"})
    files = texts(plan(database(), infrastructure=infrastructure, environments=(environment,)))
    if infrastructure == "cloudformation":
        tags = {
            t["Key"]: t["Value"] for t in parsed(files[TEMPLATE])["Resources"]["SecretOrdersDb"]["Properties"]["Tags"]
        }
        assert tags["owner"] == text and tags[f"k{text}"] == "v"
    else:
        line = next(row for row in files["migration/prod/secrets.tf"].split("\n") if re.match(r"\s+owner +=", row))
        assert _hcl_literal(line.partition("=")[2].strip()) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_tag_that_aws_would_refuse_is_refused(text: str) -> None:
    """AWS General Reference, "Tag naming limits and requirements": the characters that all services take."""
    of = plan(environments=(replace(PROD, tags={"owner": text}),))
    if re.fullmatch(r"[\w .:/=+@-]*", text):
        assert texts(of)
        return
    with pytest.raises(UsageError, match=r"a tag (may hold|holds)"):
        texts(of)


@pytest.mark.parametrize("infrastructure", ["cloudformation", "terraform"])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_paths_symbols_and_reasons_change_no_structure(text: str, infrastructure: str) -> None:
    """Everything of a repository that can reach a file: compared with the same plan without hostile texts."""
    role = f"role {text}"
    hostile = database(why=text, consumers=(Consumer(f"x{text}.py", 1, text, runtime=text, role=role, restart=text),))
    harmless = database(why="w", consumers=(Consumer("x.py", 1, "s", runtime="r", role="role x", restart="r"),))
    got, wanted = (texts(plan(s, infrastructure=infrastructure)) for s in (hostile, harmless))
    assert sorted(got) == sorted(wanted)
    if infrastructure == "cloudformation":
        renamed = {f"Role{names.logical_id(role)}": f"Role{names.logical_id('role x')}"}
        assert _shape(parsed(got[TEMPLATE]), renamed) == _shape(parsed(wanted[TEMPLATE]), {})
    page, plain = got["migration/ROLL-OUT.md"], wanted["migration/ROLL-OUT.md"]
    assert [row[:4] for row in page.split("\n") if row.startswith("#") and "Names" not in row] == [
        row[:4] for row in plain.split("\n") if row.startswith("#") and "Names" not in row
    ]
    fences, plain_fences = (re.findall(r"^ *```.*$", text, re.M) for text in (page, plain))
    assert fences == plain_fences and page.count("\n") == plain.count("\n")


def _shape(node: Any, renamed: dict[str, str]) -> Any:
    """Keys and types: what a text can't change unless it became syntax."""
    if isinstance(node, dict):
        return {renamed.get(k, k): _shape(v, renamed) for k, v in node.items()}
    return [_shape(v, renamed) for v in node] if isinstance(node, list) else type(node).__name__


def test_a_template_that_forgets_to_quote_fails() -> None:
    env = quoting.environment()
    with pytest.raises(TypeError, match="without a quoting filter"):
        env.from_string("Name: {{ name }}").render(name="x: y")


# ---------------------------------------------------------------- names


@given(
    st.sets(st.text(string.ascii_letters + string.digits + "-_./@é", min_size=1, max_size=20), min_size=2, max_size=40)
)
def test_different_ids_have_different_names(ids: set[str]) -> None:
    for make in (names.logical_id, names.snake, names.slug):
        made = [make(id) for id in sorted(ids)]
        assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"[A-Za-z0-9]{1,60}", names.logical_id(id)) for id in ids)
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]{0,59}", names.snake(id)) for id in ids)


@pytest.mark.parametrize(
    ("id", "logical", "snake"),
    [("orders-db", "OrdersDb", "orders_db"), ("smtp", "Smtp", "smtp"), ("a1-b", "A1B", "a1_b")],
)
def test_plain_ids_have_plain_names(id: str, logical: str, snake: str) -> None:
    assert (names.logical_id(id), names.snake(id)) == (logical, snake)
