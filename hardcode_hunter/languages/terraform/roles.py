"""The roles under which the things of a configuration run, as far as it names them."""

from __future__ import annotations

import re

from hardcode_hunter.languages.terraform import syntax
from hardcode_hunter.model import Source

RUNS = {
    # type → runtime, and the argument with the role that fetches secrets
    "aws_lambda_function": ("lambda", "role"),
    "aws_ecs_task_definition": ("ecs", "execution_role_arn"),
    "aws_codebuild_project": ("ci", "service_role"),
}
_ADDRESS = re.compile(r"aws_iam_role\.[\w-]+")
_ARN = re.compile(r'"(arn:[^"$]+)"')


def runs_as(source: Source) -> dict[str, tuple[str, str]]:
    """``resource.aws_lambda_function.tracker`` → runtime and role: the address of a role, an ARN, or ``unknown``."""
    found: dict[str, tuple[str, str]] = {}
    if not source.path.endswith(".tf"):
        return found
    for block in syntax.blocks(syntax.body_of(syntax.parse(source.data))):
        words = syntax.labels(block, source.data)
        if len(words) == 3 and words[0] == "resource" and words[1] in RUNS:
            runtime, name = RUNS[words[1]]
            rows = {
                syntax.text(k, source.data): syntax.text(e, source.data)
                for k, e in syntax.attributes(syntax.body_of(block))
            }
            match = _ADDRESS.search(rows.get(name, "")) or _ARN.fullmatch(rows.get(name, ""))
            found[".".join(words)] = (runtime, match.group(match.lastindex or 0) if match else "unknown")
    return found
