"""What secrets are called in a plan: code knows a secret by its component, the plan by its id."""

from __future__ import annotations

from collections.abc import Sequence

from hardcode_hunter.environments import neutral, words
from hardcode_hunter.grouping import Group, slug, stem
from hardcode_hunter.model import Environment, Finding, Plan, Secret


class Names:
    """The names that secrets have, by component; how far the numbered ones of a word are taken is remembered."""

    def __init__(self, environments: Sequence[Environment], previous: Plan | None) -> None:
        self._default = environments[0].name
        self._taken: dict[str, dict[str, Secret]] = {}
        self._full: dict[
            tuple[str, str], int
        ] = {}  # word and environment -> the numbers up to this one are taken there
        for secret in previous.secrets if previous else ():
            self.take(secret)

    def take(self, secret: Secret) -> None:
        self._taken.setdefault(secret.component, {})[secret.id] = secret

    def name(self, members: Group) -> str:
        """A free id, or that of the same secret's twin in another environment with its environment behind it."""
        environment = members.environment or self._default
        base = _base(members.findings)
        number = full = self._full.get((base, environment), 0)
        while True:
            number += 1
            component = base if number == 1 else f"{base}-{number}"
            present = self._taken.get(component, {}).values()
            if all(_twin(secret, members.findings, environment) for secret in present):
                break
            if number == full + 1 and any(secret.environment == environment for secret in present):
                full = number
        self._full[base, environment] = full
        return component if environment == self._default else f"{component}@{environment}"


def _base(findings: Sequence[Finding]) -> str:
    names = [stem(f.name) for f in findings if stem(f.name)]
    first = findings[0]
    named = first.name and not first.parameter.startswith(
        "#"
    )  # what an argument is called by its place says nothing of the program
    fallback = (first.engine,) if first.engine else () if named else stem(first.rule)
    return slug("-".join(names[0] if names else fallback or words(first.name) or words(first.rule)))


def _twin(other: Secret, findings: Sequence[Finding], environment: str) -> bool:
    """Whether ``other`` is the same secret in another environment: code knows a secret by its component alone, and would read
    either's value where they only happen to be called alike."""
    if other.environment == environment:
        return False
    theirs = {(f.key, neutral(o.symbol)) for f in other.fields for o in f.origins if o.finding}
    return not theirs.isdisjoint((f.role, neutral(f.symbol)) for f in findings)
