"""The stage itself: plan in, files out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hardcode_hunter import rotations
from hardcode_hunter.errors import UsageError
from hardcode_hunter.generate import cloudformation, elsewhere, rollout, terraform, wanted
from hardcode_hunter.generate.wanted import Stack
from hardcode_hunter.model import Change, Plan
from hardcode_hunter.plugins import Rotation

BACK_ENDS = ("cloudformation", "terraform")


@dataclass(frozen=True, slots=True)
class Deployment:
    """How one environment is deployed by a person. Commands hold ``${NAME:?}`` where only that person knows the value."""

    environment: str
    files: tuple[str, ...]
    required: Mapping[str, str]  # input (template parameter or variable) -> what it means
    shell: str  # the first phase
    rotation: str  # the second phase; empty when nothing rotates


def generate(plan: Plan, *, enable_rotation: frozenset[str] = frozenset()) -> tuple[Change, ...]:
    """The infrastructure of ``plan``, as files under ``migration/``, sorted by path.

    The same plan gives the same bytes. ``enable_rotation`` are the ids of **all** secrets whose rotation is on, not only of those
    that are new: the schedule of any other secret of the same environment is left out. Raises ``UsageError``, which names the plan's key,
    for what can't be deployed. A plan in which no secret is ready needs nothing.
    """
    stacks = _stacks(plan, enable_rotation)
    if all(secret.blocked for secret in plan.secrets):
        return ()
    texts: dict[str, bytes] = {}
    for stack in stacks:
        texts.update(_files(plan, stack))
    texts[rollout.PATH] = rollout.page(plan, stacks, {path: len(text) for path, text in texts.items()}).encode("utf-8")
    return tuple(Change.creation(path, texts[path]) for path in sorted(texts))


def deployments(plan: Plan, *, enable_rotation: frozenset[str] = frozenset()) -> tuple[Deployment, ...]:
    """How each environment that has something to deploy is deployed: the same commands that ``ROLL-OUT.md`` shows."""
    found = []
    for stack in _stacks(plan, enable_rotation):
        files = _files(plan, stack)
        sizes = {path: len(text) for path, text in files.items()}
        if files:
            shell, rotation = (
                rollout.commands_of_shell(plan, stack, sizes),
                rollout.commands_of_rotation(plan, stack, sizes),
            )
            found.append(
                Deployment(stack.environment.name, tuple(sorted(files)), rollout.required(plan, stack), shell, rotation)
            )
    return tuple(found)


def _stacks(plan: Plan, enabled: frozenset[str]) -> tuple[Stack, ...]:
    if plan.infrastructure not in BACK_ENDS:
        raise UsageError(
            f"migration/plan.yaml: 'infrastructure' is '{plan.infrastructure}'; it can be {' or '.join(BACK_ENDS)}"
        )
    return wanted.stacks(plan, enabled)


def _files(plan: Plan, stack: Stack) -> Mapping[str, bytes]:
    """Everything that lies in the environment's folder, by path."""
    found: dict[str, bytes] = {}
    if not stack.items:
        return found
    if plan.infrastructure == "cloudformation":
        found.update({cloudformation.path(stack, s): cloudformation.template(stack, s).encode() for s in stack.shards})
    else:
        found.update({f"{stack.directory}/{name}": text.encode() for name, text in terraform.files(stack).items()})
    found.update({path: text.encode() for path, text in elsewhere.files(stack, plan.infrastructure).items()})
    for rotation in (r for r in stack.rotations if not r.hosted):
        found.update(
            {f"{stack.directory}/rotation/{rotation.name}/{name}": data for name, data in _sources(rotation).items()}
        )
    return found


def _sources(rotation: Rotation) -> Mapping[str, bytes]:
    """The rotation function's own files, as they lie in the package, and the list of what it needs beside them."""
    found = rotations.sources(rotation)
    if f"{rotation.handler.partition('.')[0]}.py" not in found:
        raise UsageError(
            f"the rotation '{rotation.name}' has no {rotation.handler.partition('.')[0]}.py in its folder: install hardcode-hunter again"
        )
    return found
