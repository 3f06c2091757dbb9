"""The baseline: one line per decision, nothing made from a value, no churn; and a value that is swapped is caught all the same."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import random
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from hardcode_hunter import baseline, pipeline, records
from hardcode_hunter.config import BASELINE, Settings
from hardcode_hunter.errors import UsageError
from tests import baselined
from tests.gate import Repository, Run, write

pytest_plugins = ("tests.gate_fixtures",)

VALUE = "harbour-light-9"
LEAKY = f'import psycopg2\n\n\ndef connect():\n    return psycopg2.connect(host="db", user="app", password="{VALUE}")\n'
OTHER = 'mail_password = "quay-at-night-7"\n'
KEYS = ["id", "rule", "path", "symbol", "n", "status"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path / "tree", {"shop/db.py": LEAKY, "jobs/mail.py": OTHER})
    return tmp_path / "tree"


def entries(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / BASELINE).read_text().splitlines()]


def rewrite(root: Path, **changes: str) -> None:
    """Edits the entry of shop/db.py as a person does."""
    rows = [row | changes if row["path"] == "shop/db.py" else row for row in entries(root)]
    (root / BASELINE).write_text("".join(json.dumps(row) + "\n" for row in rows))


# ---------------------------------------------------------------- the file


def test_what_is_known_passes_and_what_is_new_does_not(run: Run, tree: Path) -> None:
    assert run("scan", ".", cwd=tree).status == 1
    assert run("baseline", "create", cwd=tree).status == 0
    ran = run("scan", ".", "--verbose", cwd=tree)
    assert ran.status == 0
    assert "2 in the baseline" in ran.err
    write(tree, {"new.py": LEAKY})
    ran = run("scan", ".", "--output", "concise", cwd=tree)
    assert ran.status == 1
    assert "new.py:5:" in ran.out
    assert "shop/db.py" not in ran.out
    assert run("scan", ".", "--no-suppressions", "--output", "concise", cwd=tree).out.count("shop/db.py:") == 1


def test_it_is_one_sorted_line_each_without_line_time_or_version(run: Run, tree: Path) -> None:
    run("baseline", "create", cwd=tree)
    rows = entries(tree)
    assert [list(row) for row in rows] == [KEYS, KEYS]
    assert [row["path"] for row in rows] == ["jobs/mail.py", "shop/db.py"]
    assert (tree / BASELINE).read_text() == "".join(json.dumps(row) + "\n" for row in rows)


def test_nothing_in_it_is_made_from_a_value(run: Run, tree: Path) -> None:
    run("baseline", "create", cwd=tree)
    before = (tree / BASELINE).read_bytes()
    for hashed in ("md5", "sha1", "sha256", "sha512", "blake2b"):
        assert hashlib.new(hashed, VALUE.encode()).hexdigest()[:8].encode() not in before
    write(tree, {"shop/db.py": LEAKY.replace(VALUE, "pilot-boat-11x"), "jobs/mail.py": OTHER.replace("quay", "mole")})
    (tree / BASELINE).unlink()
    run("baseline", "create", cwd=tree)
    assert (tree / BASELINE).read_bytes() == before, "other values, the same file"


def test_creating_again_changes_nothing_and_keeps_decisions(run: Run, tree: Path) -> None:
    run("baseline", "create", cwd=tree)
    rewrite(tree, status="accepted", reason="dies in June", by="ada", expires="2999-01-01")
    before = (tree / BASELINE).read_bytes()
    write(tree, {"shop/db.py": "# moved down\n\n" + LEAKY})
    assert run("baseline", "create", cwd=tree).status == 0
    assert (tree / BASELINE).read_bytes() == before


def test_a_scan_never_writes_it_and_never_scans_it(run: Run, tree: Path) -> None:
    run("baseline", "create", cwd=tree)
    write(tree, {"new.py": LEAKY})
    (tree / "jobs/mail.py").unlink()
    path = tree / BASELINE
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    run("scan", ".", cwd=tree)
    run("scan", "shop/db.py", "new.py", "--force-exclude", cwd=tree)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert BASELINE not in run("scan", "--show-files", cwd=tree).out


def test_a_baseline_of_another_name_is_not_scanned(run: Run, tree: Path) -> None:
    run("baseline", "create", "--baseline", "known.json", cwd=tree)
    assert "known.json" in run("scan", "--show-files", cwd=tree).out
    assert "known.json" not in run("scan", "--show-files", "--baseline", "known.json", cwd=tree).out
    assert run("scan", ".", "--baseline", "known.json", cwd=tree).status == 0


def test_additions_on_two_branches_merge_without_a_conflict(run: Run, repository: Repository) -> None:
    repository.commit({"a.py": LEAKY, ".gitattributes": "*.baseline merge=union\n"})
    run("baseline", "create", cwd=repository.root)
    repository.commit()
    for branch, name in (("left", "l.py"), ("right", "r.py")):
        repository.git("checkout", "-q", "-b", branch, "main")
        repository.write({name: LEAKY})
        run("baseline", "create", cwd=repository.root)
        repository.commit()
    repository.git("merge", "-q", "--no-edit", "left")
    assert run("scan", ".", cwd=repository.root).status == 0
    assert len(entries(repository.root)) == 3


def test_create_says_how_to_make_it_merge(run: Run, tree: Path) -> None:
    assert "*.baseline merge=union" in run("baseline", "create", cwd=tree).err
    write(tree, {".gitattributes": "*.baseline merge=union\n"})
    assert run("baseline", "create", cwd=tree).err == ""


# ---------------------------------------------------------------- decisions


@pytest.mark.parametrize(
    ("decision", "passes", "said"),
    [
        ({"status": "todo"}, True, ""),
        ({"status": "false-positive", "reason": "a label"}, True, ""),
        ({"status": "accepted", "reason": "dies in June"}, True, ""),
        ({"status": "accepted", "reason": "dies in June", "expires": "2999-12-31"}, True, ""),
        ({"status": "todo", "expires": "2020-01-01"}, False, "expired on 2020-01-01"),
        ({"status": "migrated"}, False, "says that it was migrated"),
        ({"status": "rotated"}, False, "says that it was rotated"),
    ],
    ids=lambda x: str(x) if isinstance(x, dict) else "",
)
def test_each_status_does_what_it_says(run: Run, tree: Path, decision: dict[str, str], passes: bool, said: str) -> None:
    run("baseline", "create", cwd=tree)
    rewrite(tree, **decision)
    ran = run("scan", ".", cwd=tree)
    assert ran.status == (0 if passes else 1)
    assert said in ran.out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "acepted"}, "'acepted' is no status"),
        ({"status": "accepted"}, "needs a 'reason'"),
        ({"expires": "tomorrow"}, "'expires' must be a date"),
        ({"expirse": "2030-01-01"}, "did you mean 'expires'?"),
        ({"n": "0"}, "'n' must be a number"),
    ],
)
def test_a_line_that_makes_no_sense_is_2_with_its_number(
    run: Run, tree: Path, changes: dict[str, str], said: str
) -> None:
    run("baseline", "create", cwd=tree)
    rewrite(tree, **changes)
    ran = run("scan", ".", cwd=tree)
    assert ran.status == 2
    assert f"{BASELINE}:2: " in ran.err
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_of_two_lines_for_one_finding_the_decision_is_taken() -> None:
    entry = baseline.Entry("r", "a.py", "x", 0)
    decided = baseline.Entry("r", "a.py", "x", 0, "accepted", "because")
    for order in ((entry, decided), (decided, entry)):
        text = "".join(e.row() + "\n" for e in order)
        assert [e.status for e in baseline.parse(text.encode(), "f").values()] == ["accepted"]


def test_create_takes_a_decision_for_what_is_new(run: Run, tree: Path) -> None:
    assert run("baseline", "create", "--status", "accepted", cwd=tree).status == 2
    assert not (tree / BASELINE).exists()
    ran = run(
        "baseline",
        "create",
        "--status",
        "accepted",
        "--reason",
        "dies in June",
        "--by",
        "ada",
        "--expires",
        "2999-01-01",
        cwd=tree,
    )
    assert ran.status == 0
    assert {(e["status"], e["reason"], e["by"], e["expires"]) for e in entries(tree)} == {
        ("accepted", "dies in June", "ada", "2999-01-01")
    }


def test_a_migration_leaves_what_is_decided_and_moves_what_is_to_do(run: Run, tree: Path) -> None:
    run("baseline", "create", cwd=tree)
    rewrite(tree, status="false-positive", reason="a label")
    found = pipeline.scan([tree], Settings(), tree)[0]
    assert [f.path for f in found.findings] == ["jobs/mail.py"]
    assert [f.path for f in found.suppressed] == ["shop/db.py"]


# ---------------------------------------------------------------- upkeep


def test_stale_entries_are_told_of_and_pruned(run: Run, tree: Path) -> None:
    run("baseline", "create", cwd=tree)
    write(tree, {"shop/db.py": "import os\n"})
    (tree / "jobs/mail.py").unlink()
    ran = run("scan", ".", cwd=tree)
    assert ran.status == 0
    assert ran.err.count("nothing is found at") == 2
    assert run("scan", "shop", "--quiet", cwd=tree).err == ""
    assert "2 removed, 0 moved, 0 left" in run("baseline", "prune", cwd=tree).out
    assert run("scan", ".", cwd=tree).err == ""


def test_what_was_not_scanned_is_neither_stale_nor_pruned(run: Run, tree: Path) -> None:
    run("baseline", "create", cwd=tree)
    assert run("scan", "shop", cwd=tree).err == ""
    write(tree, {"hardcode-hunter.toml": 'ignore = ["*-password"]\n'})
    assert "0 removed" in run("baseline", "prune", cwd=tree).out


@pytest.mark.parametrize("new", ["lib/db.py", "lib/other.py"])
def test_a_renamed_file_stays_known_and_prune_follows_it(run: Run, tree: Path, new: str) -> None:
    run("baseline", "create", cwd=tree)
    (tree / new).parent.mkdir()
    (tree / "shop/db.py").rename(tree / new)
    ran = run("scan", ".", cwd=tree)
    assert ran.status == 0
    assert f"shop/db.py is now {new}" in ran.err
    assert "0 removed, 1 moved, 2 left" in run("baseline", "prune", cwd=tree).out
    assert {e["path"] for e in entries(tree)} == {new, "jobs/mail.py"}
    assert run("scan", ".", cwd=tree) == run("scan", ".", cwd=tree)
    assert run("scan", ".", cwd=tree).err == ""


def test_a_copy_of_a_known_file_is_new(run: Run, tree: Path) -> None:
    run("baseline", "create", cwd=tree)
    write(tree, {"lib/db.py": LEAKY})
    assert run("scan", ".", cwd=tree).status == 1


def test_stats_count_by_status_and_rule(run: Run, tree: Path) -> None:
    run("baseline", "create", cwd=tree)
    rewrite(tree, status="accepted", reason="x", expires="2020-01-01")
    rows = dict(reversed(line.split()) for line in run("baseline", "stats", cwd=tree).out.splitlines())
    assert rows == {
        "all": "2",
        "todo": "1",
        "accepted": "1",
        "expired": "1",
        "postgresql-password": "1",
        "mail-password": "1",
    }


def test_an_entry_lasts_through_its_last_day() -> None:
    entry = baseline.Entry("r", "a.py", "x", expires="2030-05-05")
    assert not entry.expired(datetime.date(2030, 5, 5))
    assert entry.expired(datetime.date(2030, 5, 6))


# ---------------------------------------------------------------- a value that is swapped


@pytest.fixture
def known(run: Run, repository: Repository) -> Repository:
    repository.write({"shop/db.py": LEAKY, "jobs/mail.py": OTHER})
    run("baseline", "create", cwd=repository.root)
    repository.commit()
    return repository


SWAPPED = LEAKY.replace(VALUE, "pilot-boat-11x")


def test_a_swapped_value_is_caught_by_the_old_image(run: Run, known: Repository) -> None:
    known.write({"shop/db.py": SWAPPED})
    known.git("add", "-A")
    ran = run("scan", "--staged", cwd=known.root)
    assert ran.status == 1
    assert "not the one that the baseline was made for" in ran.out
    assert "pilot-boat" not in ran.out + ran.err


def test_a_swapped_value_is_caught_since_the_merge_base(run: Run, known: Repository) -> None:
    known.git("checkout", "-q", "-b", "topic")
    known.commit({"shop/db.py": SWAPPED})
    assert run("scan", "--since", "main", cwd=known.root).status == 1
    known.commit({"shop/db.py": LEAKY})
    assert run("scan", "--since", "main", "--allow-empty", cwd=known.root).status == 0


@pytest.mark.parametrize("pruned", [False, True])
def test_a_swap_is_caught_in_a_file_that_is_renamed_with_it(run: Run, known: Repository, pruned: bool) -> None:
    (known.root / "lib").mkdir()
    known.git("mv", "shop/db.py", "lib/db.py")
    if pruned:
        run("baseline", "prune", cwd=known.root)
    known.git("add", "-A")
    assert run("scan", "--staged", "--allow-empty", cwd=known.root).status == 0
    known.write({"lib/db.py": SWAPPED})
    known.git("add", "-A")
    assert run("scan", "--staged", cwd=known.root).status == 1


def test_a_value_that_comes_back_after_it_was_removed_is_caught(run: Run, known: Repository) -> None:
    known.commit({"shop/db.py": "import os\n"})
    known.write({"shop/db.py": SWAPPED})
    known.git("add", "-A")
    assert run("scan", "--staged", cwd=known.root).status == 1


def test_a_new_entry_is_a_decision_and_so_is_an_edited_one(run: Run, known: Repository) -> None:
    known.write({"new.py": LEAKY.replace(VALUE, "tide-table-3x")})
    run("baseline", "create", cwd=known.root)
    known.git("add", "-A")
    assert run("scan", "--staged", cwd=known.root).status == 0, "the entry is staged with the finding"
    known.commit()
    known.write({"shop/db.py": SWAPPED})
    rewrite(known.root, reason="renewed in May")
    known.git("add", "-A")
    assert run("scan", "--staged", cwd=known.root).status == 0, "a person said so in the baseline"


def test_the_baseline_is_judged_as_it_is_staged(run: Run, known: Repository) -> None:
    known.write({"new.py": LEAKY})
    run("baseline", "create", cwd=known.root)
    known.git("add", "new.py")
    assert run("scan", "--staged", cwd=known.root).status == 1, "what is committed has no entry for it"
    known.git("add", BASELINE)
    assert run("scan", "--staged", cwd=known.root).status == 0


def test_a_swap_is_caught_by_marks_under_a_key_outside_the_repository(
    run: Run, known: Repository, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    before = (known.root / BASELINE).read_bytes()
    assert run("baseline", "create", "--baseline-key", key, cwd=known.root).status == 0
    assert (known.root / BASELINE).read_bytes() == before
    marks = baseline.marks_file(key)
    for path in (key, marks):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert VALUE not in marks.read_text()
    assert run("scan", ".", "--baseline-key", key, cwd=known.root).status == 0
    known.write({"shop/db.py": SWAPPED})
    assert run("scan", ".", cwd=known.root).status == 0, "without the key nobody can tell"
    ran = run("scan", ".", "--baseline-key", key, cwd=known.root)
    assert ran.status == 1
    assert "not the one that the baseline was made for" in ran.out
    run("baseline", "create", "--baseline-key", key, cwd=known.root)
    assert run("scan", ".", "--baseline-key", key, cwd=known.root).status == 0


def test_a_key_in_the_repository_or_a_weak_one_is_refused(run: Run, known: Repository, tmp_path: Path) -> None:
    assert run("baseline", "create", "--baseline-key", "key", cwd=known.root).status == 2
    assert not (known.root / "key").exists()
    (tmp_path / "weak").write_text("hunter2")
    for words in (["scan", "."], ["baseline", "create"]):
        ran = run(*words, "--baseline-key", tmp_path / "weak", cwd=known.root)
        assert (ran.status, ran.err.count("\n")) == (2, 1)
    assert run("scan", ".", "--baseline-key", tmp_path / "absent", cwd=known.root).status == 2


# ---------------------------------------------------------------- at size


ROUNDS = int(os.environ.get("HARDCODE_HUNTER_TEST_ROUNDS", "1"))
"""How many repositories, each with edits and swaps of its own; more than one takes minutes."""


@pytest.mark.parametrize("seed", range(1, ROUNDS + 1))
def test_fifty_random_edits_leave_the_baseline_as_it_is_and_fifty_swaps_are_caught(
    run: Run, repository: Repository, seed: int
) -> None:
    sources = baselined.sources(random.Random(seed))
    repository.write(sources)
    run("baseline", "create", cwd=repository.root)
    repository.commit()
    before = (repository.root / BASELINE).read_bytes()
    assert before.count(b"\n") == baselined.FILES * baselined.PER_FILE == 500
    chance, names = random.Random(-seed), sorted(sources)
    for number in range(50):
        what = baselined.edit(repository.root, names, chance)
        repository.git("add", "-A")
        ran = run("scan", "--staged", "--allow-empty", cwd=repository.root)
        assert ran.status == 0, f"{what}\n{ran.out[:800]}"
        if number % 10 == 9:
            assert run("scan", ".", cwd=repository.root).status == 0, what
        repository.commit()
    for number in range(50):
        path, line = baselined.swap(repository.root, names, chance)
        repository.git("add", "-A")
        words = ("--staged",) if number % 2 else ("--hook", path)
        ran = run("scan", *words, "--output", "concise", cwd=repository.root)
        assert ran.status == 1, path
        assert re.match(rf"{re.escape(path)}:{line}:", ran.out)
        assert len(ran.out.splitlines()) == 2, "that one, and the closing line"
        repository.git("reset", "-q", "--hard")
    assert (repository.root / BASELINE).read_bytes() == before


# ---------------------------------------------------------------- import


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def detect_secrets_baseline() -> str:
    rows = {
        "shop/db.py": [
            {
                "type": "Secret Keyword",
                "filename": "shop/db.py",
                "hashed_secret": sha1(VALUE),
                "is_verified": False,
                "line_number": 999,
                "is_secret": False,
            }
        ],
        "jobs/mail.py": [
            {
                "type": "Secret Keyword",
                "filename": "jobs/mail.py",
                "hashed_secret": sha1("quay-at-night-7"),
                "is_verified": False,
                "line_number": 1,
            }
        ],
        "gone.py": [
            {
                "type": "Secret Keyword",
                "filename": "gone.py",
                "hashed_secret": sha1("x"),
                "is_verified": False,
                "line_number": 3,
            }
        ],
    }
    return json.dumps({"version": "1.5.0", "plugins_used": [], "results": rows, "generated_at": "2026-01-01T00:00:00Z"})


def gitleaks_report() -> str:
    rows = [
        {
            "RuleID": "generic-api-key",
            "File": "shop/db.py",
            "StartLine": 999,
            "EndLine": 999,
            "Secret": VALUE,
            "Match": "x",
            "Commit": "",
            "Fingerprint": "x",
        },
        {
            "RuleID": "generic-api-key",
            "File": "jobs/mail.py",
            "StartLine": 1,
            "EndLine": 1,
            "Secret": "REDACTED",
            "Match": "REDACTED",
            "Commit": "",
            "Fingerprint": "x",
        },
        {
            "RuleID": "generic-api-key",
            "File": "gone.py",
            "StartLine": 3,
            "EndLine": 3,
            "Secret": "x",
            "Match": "x",
            "Commit": "",
            "Fingerprint": "x",
        },
    ]
    return json.dumps(rows)


def trufflehog_lines() -> str:
    def row(file: str, line: int, raw: str) -> str:
        return json.dumps(
            {
                "SourceMetadata": {"Data": {"Filesystem": {"file": file, "line": line}}},
                "SourceID": 1,
                "DetectorName": "Postgres",
                "Verified": False,
                "Raw": raw,
            }
        )

    return "\n".join(
        [row("./shop/db.py", 999, VALUE), row("jobs/mail.py", 999, "quay-at-night-7"), row("gone.py", 3, "x")]
    )


IMPORTS = {
    "detect-secrets": (
        ".secrets.baseline",
        detect_secrets_baseline,
        {"shop/db.py": "false-positive", "jobs/mail.py": "todo"},
    ),
    "gitleaks": ("leaks.json", gitleaks_report, {"shop/db.py": "todo", "jobs/mail.py": "todo"}),
    "gitleaks ignored": (
        ".gitleaksignore",
        lambda: f"# known\nshop/db.py:generic-api-key:5\n{'a' * 40}:jobs/mail.py:generic-api-key:1\ngone.py:x:3\n",
        {"shop/db.py": "accepted", "jobs/mail.py": "accepted"},
    ),
    "trufflehog": ("hog.jsonl", trufflehog_lines, {"shop/db.py": "todo", "jobs/mail.py": "todo"}),
}


@pytest.mark.parametrize("case", IMPORTS)
def test_what_other_scanners_wrote_is_taken_over(run: Run, tree: Path, case: str) -> None:
    name, text, wanted = IMPORTS[case]
    write(tree, {name: text()})
    ran = run("baseline", "import", name, "--baseline", BASELINE, cwd=tree)
    assert ran.status == 0
    assert "2 of 3 records" in ran.out
    assert "not found here: gone.py:3" in ran.err
    assert {e["path"]: e["status"] for e in entries(tree)} == wanted
    assert VALUE not in (tree / BASELINE).read_text() + ran.out + ran.err
    (tree / name).unlink()
    assert run("scan", ".", cwd=tree).status == 0


def test_importing_again_changes_nothing(run: Run, tree: Path) -> None:
    write(tree, {".secrets.baseline": detect_secrets_baseline()})
    run("baseline", "import", ".secrets.baseline", cwd=tree)
    before = (tree / BASELINE).read_bytes()
    assert (
        "2 of 3 records of detect-secrets stand for 2 findings here, 0 of them new"
        in run("baseline", "import", ".secrets.baseline", cwd=tree).out
    )
    assert (tree / BASELINE).read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]x", "{}", '{"results": []}', "[1, 2]", "\x00"])
def test_a_file_of_nobody_is_2(run: Run, tree: Path, text: str) -> None:
    write(tree, {"x.json": text})
    ran = run("baseline", "import", "x.json", cwd=tree)
    assert (ran.status, ran.err.count("\n")) == (2, 1)
    assert not (tree / BASELINE).exists()


def test_an_absent_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing"):
        records.read(tmp_path / "nothing")


def test_the_real_detect_secrets_baseline_is_understood(run: Run, tree: Path) -> None:
    detect_secrets = pytest.importorskip(
        "detect_secrets", reason="detect-secrets is not installed: its own file could not be made"
    )
    import subprocess
    import sys

    assert detect_secrets
    code = "from detect_secrets.main import main; import sys; sys.exit(main(['scan', '--all-files', '.']))"
    made = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tree,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    write(tree, {".secrets.baseline": made.stdout})
    known_there = len(json.loads(made.stdout)["results"])
    assert known_there
    ran = run("baseline", "import", ".secrets.baseline", cwd=tree)
    assert len(entries(tree)) == known_there, ran.err
