"""Reading a parsed CloudFormation template: resources by type, and the statements of its policies, branches of ``Fn::If`` included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Template = Mapping[str, object]
SECRET = "AWS::SecretsManager::Secret"
SCHEDULE = "AWS::SecretsManager::RotationSchedule"
RESOURCE_POLICY = "AWS::SecretsManager::ResourcePolicy"


def resources(template: Template, *types: str) -> Iterator[tuple[str, Mapping[str, object], Mapping[str, object]]]:
    """Logical id, resource and properties of every resource of one of ``types``."""
    for id, resource in mapping(template.get("Resources")).items():
        if isinstance(resource, Mapping) and resource.get("Type") in types:
            yield id, resource, mapping(resource.get("Properties"))


def mapping(value: object) -> Mapping[str, object]:
    """``value`` when it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def listed(value: object) -> list[object]:
    """``value`` as a list: policies may write a single member without one."""
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def is_true(value: object) -> bool:
    """Whether CloudFormation takes ``value`` for true."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def is_false(value: object) -> bool:
    """Whether CloudFormation takes ``value`` for false."""
    return value is False or (isinstance(value, str) and value.lower() == "false")


def statements(document: object, path: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Every statement of a policy, also those that stand in an ``Fn::If``."""
    for number, entry in enumerate(listed(mapping(document).get("Statement"))):
        yield from _branches(entry, f"{path}/Statement/{number}")


def _branches(entry: object, path: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    chosen = mapping(entry)
    if "Fn::If" not in chosen:
        if "Effect" in chosen:
            yield path, chosen
        return
    for number, branch in enumerate(listed(chosen["Fn::If"])[1:], 1):
        yield from _branches(branch, f"{path}/Fn::If/{number}")


def _identity_policies(template: Template) -> Iterator[tuple[str, object]]:
    for id, _, properties in resources(
        template, "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy"
    ):
        yield f"Resources/{id}/Properties/PolicyDocument", properties.get("PolicyDocument")
    for id, _, properties in resources(template, "AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"):
        for number, policy in enumerate(listed(properties.get("Policies"))):
            for branch in _policies_of(policy):
                yield f"Resources/{id}/Properties/Policies/{number}", branch


def _policies_of(policy: object) -> Iterator[object]:
    chosen = mapping(policy)
    if "Fn::If" in chosen:
        for branch in listed(chosen["Fn::If"])[1:]:
            yield from _policies_of(branch)
    elif "PolicyDocument" in chosen:
        yield chosen["PolicyDocument"]


def identity_statements(template: Template) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Every statement of the policies of roles, users and groups, with its path."""
    for path, document in _identity_policies(template):
        yield from statements(document, path)


def resource_statements(template: Template) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Every statement of the secrets' own policies, with its path."""
    for id, _, properties in resources(template, RESOURCE_POLICY):
        yield from statements(properties.get("ResourcePolicy"), f"Resources/{id}/Properties/ResourcePolicy")


def key_statements(template: Template) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Every statement of the key policies, with its path."""
    for id, _, properties in resources(template, "AWS::KMS::Key"):
        yield from statements(properties.get("KeyPolicy"), f"Resources/{id}/Properties/KeyPolicy")


def actions(statement: Mapping[str, object]) -> list[str]:
    """The actions that a statement names."""
    return [a for a in listed(statement.get("Action")) if isinstance(a, str)]


def condition_keys(statement: Mapping[str, object]) -> set[str]:
    """The condition keys that a statement tests, in lower case."""
    return {key.lower() for operator in mapping(statement.get("Condition")).values() for key in mapping(operator)}


def is_public(principal: object) -> bool:
    """Whether a principal is everybody."""
    return principal == "*" or "*" in listed(mapping(principal).get("AWS"))
