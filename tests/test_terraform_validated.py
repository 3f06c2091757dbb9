"""``terraform validate`` over the golden rewrites, with the schema of the real provider and no network: nothing that it did not report before.

All cases are modules of one configuration, so that Terraform starts twice and no more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from hardcode_hunter.languages.terraform import syntax
from tests import rewriting_cases
from tests.embedded import Absent
from tests.terraform_provider.runner import REWRITTEN, Terraform, terraform

CASES = rewriting_cases.cases("terraform")
OTHERS = re.compile(rb'"(?:azurerm|datadog|postgresql|null|google|kubernetes)(?:_\w+)?"|\bproviders\s*=')
"""Providers whose schemas are not here, or whose configuration a module must be handed."""
HOLDER = re.compile(r"(module-[\w]+)")


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    try:
        return terraform(tmp_path_factory.mktemp("terraform"), REWRITTEN)
    except Absent as absent:
        pytest.skip(f"ABSENT: {absent}")


def _needed(files: Mapping[str, bytes]) -> set[str]:
    """The variables of a case's own module that have no default."""
    found: set[str] = set()
    for path, data in files.items():
        if "/" in path or not path.endswith((".tf", ".tf.json")):
            continue
        if path.endswith(".json"):
            found |= {n for n, body in json.loads(data).get("variable", {}).items() if "default" not in body}
            continue
        for block in syntax.blocks(syntax.body_of(syntax.parse(data))):
            words, body = syntax.labels(block, data), syntax.body_of(block)
            if words[:1] == ("variable",) and all(
                syntax.text(k, data) != "default" for k, _ in syntax.attributes(body)
            ):
                found.add(words[1])
    return found


def _validated(command: Terraform, root: Path, trees: Mapping[str, Mapping[str, bytes]]) -> set[tuple[str, str, str]]:
    """Case, file and words of each error and warning."""
    calls = []
    for name, files in trees.items():
        for path, data in files.items():
            target = root / f"module-{name}" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        given = "".join(f"  {variable} = 1\n" for variable in sorted(_needed(files)))
        calls.append(f'module "{name}" {{\n  source = "./module-{name}"\n{given}}}\n')
    (root / "main.tf").write_text("".join(calls))
    started = command.init(root)
    assert started.code == 0, started.out
    said = json.loads(command.run(root, "validate", "-json").out)
    rows = set()
    for each in said["diagnostics"]:
        where = HOLDER.search(each.get("range", {}).get("filename", ""))
        rows.add((where[1] if where else "root", each["summary"], re.sub(r'"[^"]*"', '""', each.get("detail", ""))))
    assert all(holder != "root" for holder, _, _ in rows), [row for row in rows if row[0] == "root"]
    return rows


def test_validate_reports_nothing_new(command: Terraform, tmp_path: Path) -> None:
    chosen = [
        case
        for case in CASES
        if case.after != case.before
        and not any(OTHERS.search(data) for data in case.before.values())
        and any(path.endswith((".tf", ".tf.json")) for path in case.before)
    ]
    assert len(chosen) > 35
    before = _validated(command, tmp_path / "before", {c.name: c.before for c in chosen})
    after = _validated(command, tmp_path / "after", {c.name: c.after for c in chosen})
    assert after - before == set()
    broken = {c.name: {p: d.replace(b"secret_id =", b"secret_idd =") for p, d in c.after.items()} for c in chosen}
    assert _validated(command, tmp_path / "broken", broken) - before, "a misspelt argument would not have been seen"
