"""Reviewers from CODEOWNERS: patterns as GitHub and GitLab document them, and none that takes long."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardcode_hunter.codeowners import matches, owners


@pytest.mark.parametrize(
    ("pattern", "covered", "others"),
    [
        ("*", ["a.py", "x/y/z.tf"], []),
        ("*.js", ["a.js", "x/y.js"], ["a.jsx", "js"]),
        ("/build/logs/", ["build/logs/a", "build/logs/x/b"], ["x/build/logs/a", "build/logs"]),
        ("docs/*", ["docs/a.md"], ["docs/build-app/a.md", "x/docs/a.md"]),
        ("apps/", ["apps/a", "x/apps/b", "x/apps/y/c"], ["apps", "myapps/a"]),
        ("/docs/", ["docs/a", "docs/b/c"], ["x/docs/a"]),
        ("/scripts", ["scripts", "scripts/a"], ["x/scripts"]),
        ("**/logs", ["logs/a", "build/logs/b", "logs"], ["log/a"]),
        ("/apps/github", ["apps/github/a", "apps/github"], ["apps/gitlab/a"]),
        ("src/**/test_?.py", ["src/test_a.py", "src/x/y/test_b.py"], ["src/test_ab.py", "test_a.py"]),
        ("README", ["README", "x/README"], ["README.md"]),
        ("/", ["a", "x/b"], []),
    ],
)
def test_patterns(pattern: str, covered: list[str], others: list[str]) -> None:
    assert [path for path in covered if not matches(pattern, path)] == []
    assert [path for path in others if matches(pattern, path)] == []


def test_no_pattern_takes_long() -> None:
    assert not matches("/" + "a*" * 2_000 + "b", "a" * 4_000)
    assert not matches("/" + "**/a/" * 60 + "b", "/".join(["a"] * 120))


def owned(tmp_path: Path, text: str, *paths: str, place: str = ".github/CODEOWNERS") -> dict[str, tuple[str, ...]]:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text(text)
    return dict(owners(tmp_path, paths))


def test_the_last_match_decides(tmp_path: Path) -> None:
    text = "# owners\n*  @org/all\n/shop/ @shop dev@example.com # theirs\n/shop/generated/\n*.tf @org/infra\n"
    found = owned(tmp_path, text, "a.py", "shop/db.py", "shop/generated/x.py", "shop/main.tf")
    assert found == {
        "@org/all": ("a.py",),
        "@shop": ("shop/db.py",),
        "dev@example.com": ("shop/db.py",),
        "@org/infra": ("shop/main.tf",),
    }


def test_sections_of_gitlab_each_decide(tmp_path: Path) -> None:
    text = "[Code][2] @dev\n*.py\n/shop/ @shop\n^[Security]\n* @security\n"
    found = owned(tmp_path, text, "a.py", "shop/db.py", "x.md", place=".gitlab/CODEOWNERS")
    assert found == {"@dev": ("a.py",), "@shop": ("shop/db.py",), "@security": ("a.py", "shop/db.py", "x.md")}


def test_the_first_place_that_has_one_counts_and_a_link_is_none(tmp_path: Path) -> None:
    owned(tmp_path, "* @docs\n", place="docs/CODEOWNERS")
    assert dict(owners(tmp_path, ["a"])) == {"@docs": ("a",)}
    owned(tmp_path, "* @root\n", place="CODEOWNERS")
    assert dict(owners(tmp_path, ["a"])) == {"@root": ("a",)}
    outside = tmp_path.with_name("outside")
    outside.write_text("* @outside\n")
    (tmp_path / "CODEOWNERS").unlink()
    (tmp_path / "CODEOWNERS").symlink_to(outside)
    assert dict(owners(tmp_path, ["a"])) == {"@docs": ("a",)}


def test_words_that_are_no_owners_are_none(tmp_path: Path) -> None:
    assert owned(tmp_path, "* @ok [x](javascript:alert(1)) <b> @a`b ::error::\n", "a") == {"@ok": ("a",)}
    assert owned(tmp_path, "", "a") == {}
