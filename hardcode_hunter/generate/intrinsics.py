"""CloudFormation's intrinsic functions: how the symbols of a policy are written in a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hardcode_hunter.generate import names
from hardcode_hunter.generate.quoting import Tag
from hardcode_hunter.generate.symbols import Flat, Many, One, Text, When

NO_VALUE = Tag("!Ref", "AWS::NoValue")
HOSTING = "AWS::SecretsManager-2024-09-16"
"""The transform that deploys AWS's own rotation functions (CloudFormation, "AWS::SecretsManager transform")."""
PEOPLE = {"administrators": "AdministratorArns", "deployers": "DeployerArns", "writers": "WriterArns"}


class Intrinsics:
    """What each symbol is in one template. ``one`` and ``many`` know those of this template, ``write`` the rest."""

    def one(self, symbol: One) -> object:
        raise KeyError(symbol.name)

    def many(self, symbol: Many) -> object:
        return Tag("!Ref", PEOPLE[symbol.name])

    def joined(self, symbol: Many) -> list[object]:
        """Strings of members joined by commas, for a list that can't be written as a list."""
        raise KeyError(symbol.name)

    def flat(self, flat: Flat) -> object:
        singles: list[object] = []
        lists: list[object] = []
        joined: list[object] = []
        for part in flat.parts:
            if isinstance(part, Many) and part.name == "roles":
                joined += self.joined(part)
            elif isinstance(part, Many):
                lists.append(self.many(part))
            else:
                singles.append(self.write(part))
        return flat_list(singles, lists, joined)

    def write(self, value: object) -> object:
        """``value`` with every symbol replaced by an intrinsic."""
        if isinstance(value, Text):
            return sub(value)
        if isinstance(value, One):
            return sub(Text((value,))) if value.name in PSEUDO else self.one(value)
        if isinstance(value, Many):
            return self.many(value)
        if isinstance(value, Flat):
            return self.flat(value)
        if isinstance(value, When):
            return Tag("!If", [f"KeyOf{names.logical_id(value.of)}", self.write(value.statement), NO_VALUE])
        if isinstance(value, Mapping):
            return {k: self.write(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.write(v) for v in value]
        return value


PSEUDO = {
    "partition": "AWS::Partition",
    "region": "AWS::Region",
    "account": "AWS::AccountId",
    "url-suffix": "AWS::URLSuffix",
}


def sub(text: Text) -> object:
    """``Fn::Sub`` of text and pseudo parameters; a literal ``${`` is written ``${!`` (CloudFormation, "Fn::Sub")."""
    if len(text.parts) == 1 and isinstance(text.parts[0], One):
        return Tag("!Ref", PSEUDO[text.parts[0].name])
    parts = (p.replace("${", "${!") if isinstance(p, str) else f"${{{PSEUDO[p.name]}}}" for p in text.parts)
    return Tag("!Sub", "".join(parts))


def flat_list(singles: Sequence[object], lists: Sequence[object], joined: Sequence[object] = ()) -> object:
    """One flat list. CloudFormation has no concatenation, so whole lists are joined by commas and split again."""
    if not lists and not joined:
        return list(singles)
    if len(lists) == 1 and not singles and not joined:
        return lists[0]
    parts = [*singles, *(Tag("!Join", [",", entry]) for entry in lists), *joined]
    return Tag("!Split", [",", Tag("!Join", [",", parts])])


def equals(left: object, right: str) -> Tag:
    return Tag("!Equals", [left, right])


def is_given(value: object, unset: str = "") -> Tag:
    return Tag("!Not", [equals(value, unset)])


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def replica(arn: object, region: str) -> Tag:
    """ARN of the copy in ``region`` of the secret ``arn``: the same but for the region (User Guide, "Replicate secrets across Regions")."""
    part = {n: Tag("!Select", [n, Tag("!Split", [":", arn])]) for n in (1, 4, 6)}
    return Tag("!Join", [":", ["arn", part[1], "secretsmanager", region, part[4], "secret", part[6]]])
