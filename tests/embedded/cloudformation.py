"""moto's CloudFormation, made to fail, to roll back and to update as the service does.

Corrected here (moto 5.2): a resource type that moto doesn't know fails the stack instead of being skipped in silence;
a resource that can't be created rolls the stack back (ROLLBACK_COMPLETE, with an event that names it) instead of
leaving it in progress; an update compares *resolved* properties and conditions, so that a parameter alone can add a
resource; what a type can't update fails; DeletionPolicy is honoured in updates and rollbacks too; ``!Condition`` is
understood and a policy's unquoted date stays text; dynamic references are resolved; a parameter that the template
doesn't have is refused; an output whose condition doesn't hold exports nothing.

Sources: the CloudFormation user guide (stack status codes, DeletionPolicy, update behaviours).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Event, Stack
from moto.cloudformation.parsing import Export, OutputMap, ResourceMap, clean_json
from moto.cloudformation.utils import generate_stack_id

from tests.embedded.dynamic_references import resolve_references

# Kept by a deletion or replacement; Retain holds even in the rollback of the creation, which is a trap worth having.
_RETAINED = {"Retain", "RetainExceptOnCreate"}


class ResourceFailed(Exception):
    """One resource of a stack could not be made: its logical id and why."""

    def __init__(self, logical_id: str, resource_type: str, reason: str) -> None:
        super().__init__(reason)
        self.logical_id, self.resource_type, self.reason = logical_id, resource_type, reason


def correct_cloudformation() -> None:
    """Put the corrections in place, in this process, for good."""
    parsing.parse_and_create_resource = _naming_failures(parsing.parse_and_create_resource)
    parsing.parse_and_update_resource = _naming_failures(parsing.parse_and_update_resource, updating=True)
    parsing.parse_resource = _resolving_references(parsing.parse_resource)
    OutputMap.exports = property(_exports)  # type: ignore[method-assign, assignment]
    ResourceMap.update = _update_resources  # type: ignore[method-assign]
    ResourceMap.delete = _delete_resources  # type: ignore[method-assign]
    Stack.parse_template = staticmethod(parse_template)  # type: ignore[method-assign]
    Stack.update = _update_stack  # type: ignore[method-assign]
    Stack.stack_resources = property(_live_resources)  # type: ignore[method-assign, assignment]
    ChangeSet._parse_template = _parse_change_set  # type: ignore[method-assign]
    CloudFormationBackend.create_stack = _create_stack  # type: ignore[method-assign, assignment]
    CloudFormationBackend.execute_change_set = _execute_change_set  # type: ignore[method-assign]


def _exports(self: OutputMap) -> list[Export]:
    found = []
    for body in (self._output_json_map or {}).values():
        condition = body.get("Condition")
        if body.get("Export") and (condition is None or self._resource_map.lazy_condition_map[condition]):
            name, value = (clean_json(part, self._resource_map) for part in (body["Export"]["Name"], body["Value"]))
            found.append(Export(self._stack_id, name, value))
    return found


def parse_template(template: str) -> dict[str, Any]:
    """A template as plain objects, every short-form intrinsic spelled out. Dates stay the text they were."""
    parsed = yaml.load(template, Loader=_TemplateLoader)
    if not isinstance(parsed, dict):
        raise ValidationError(message="Template format error: the template is not an object.")
    return parsed


class _TemplateLoader(yaml.SafeLoader):
    """YAML as CloudFormation reads it; JSON is YAML too."""


_TemplateLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _intrinsic(loader: _TemplateLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_TemplateLoader.add_multi_constructor("!", _intrinsic)


def _naming_failures(make: Any, *, updating: bool = False) -> Any:
    """``make``, refusing types that can't be made (or updated), its exceptions bearing the resource's name."""

    def named(
        logical_id: str, resource_json: dict[str, Any], resources_map: ResourceMap, account_id: str, region_name: str
    ) -> Any:
        resource_type = resource_json["Type"]
        if not _wanted(resource_json, resources_map):
            return None
        if resource_type not in parsing.get_model_map() and resource_type not in parsing.NULL_MODELS:
            raise ResourceFailed(logical_id, resource_type, f"The embedded CloudFormation has no {resource_type}.")
        if updating and not _updatable(resource_type):
            reason = f"The embedded CloudFormation can't update {resource_type}."
            raise ResourceFailed(logical_id, resource_type, reason)
        try:
            return make(logical_id, resource_json, resources_map, account_id=account_id, region_name=region_name)
        except ResourceFailed:
            raise
        except Exception as failure:
            reason = str(getattr(failure, "message", None) or f"{type(failure).__name__}: {failure}")
            raise ResourceFailed(logical_id, resource_type, reason) from failure

    return named


def _resolving_references(parse: Any) -> Any:
    def resolved(resource_json: dict[str, Any], resources_map: ResourceMap) -> Any:
        parsed = parse(resource_json, resources_map)
        if parsed is None:
            return None
        model, cleaned, resource_type = parsed
        properties = resolve_references(
            resource_type, cleaned["Properties"], resources_map._account_id, resources_map._region_name
        )
        return model, {**cleaned, "Properties": properties}, resource_type

    return resolved


def _updatable(resource_type: str) -> bool:
    model = parsing.get_model_map().get(resource_type)
    return model is not None and not hasattr(model.update_from_cloudformation_json, "__isabstractmethod__")


def _wanted(resource_json: Mapping[str, Any], resources: ResourceMap) -> bool:
    condition = resource_json.get("Condition")
    return condition is None or bool(resources.lazy_condition_map[condition])


def _live(resources: ResourceMap) -> list[str]:
    """Logical ids of what exists, in the order of creation."""
    return [name for name in resources._parsed_resources if name in resources._resource_json_map]


def _in_dependency_order(resources: ResourceMap) -> list[str]:
    order: list[str] = resources._ResourceMap__get_resources_in_dependency_order()  # type: ignore[attr-defined]
    return order


def _resolved(resources: ResourceMap, logical_id: str) -> Any:
    return clean_json(resources._resource_json_map[logical_id].get("Properties", {}), resources)


def _update_resources(self: ResourceMap, template: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
    existing = _live(self)
    before = {name: _resolved(self, name) for name in existing}
    declared = {name: self._resource_json_map[name] for name in existing}
    earlier = self._template, self.input_parameters
    try:
        _load(self, template, parameters or {})
    except Exception:
        _load(self, *earlier)
        raise
    wanted = [name for name in _in_dependency_order(self) if _wanted(self._resource_json_map[name], self)]
    for name in wanted:
        if name not in existing:
            _ = self[name]  # looking a resource up creates it
        elif _resolved(self, name) != before[name]:
            self._parsed_resources[name] = parsing.parse_and_update_resource(
                name, self._resource_json_map[name], self, account_id=self._account_id, region_name=self._region_name
            )
    for name in reversed(existing):
        if name not in wanted:
            _remove(self, name, declared[name], keep=_RETAINED)


def _load(resources: ResourceMap, template: dict[str, Any], parameters: Mapping[str, Any]) -> None:
    _require_known(template, parameters)
    resources._template = template
    resources._resource_json_map = template["Resources"]
    resources.input_parameters = dict(parameters)
    resources.resolved_parameters = {}
    resources.load_mapping()
    resources.load_parameters()
    resources.load_conditions()


def _require_known(template: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    unknown = sorted(set(parameters) - set(template.get("Parameters") or {}))
    if unknown:
        raise ValidationError(message=f"Parameters: [{', '.join(unknown)}] do not exist in the template")


def _delete_resources(self: ResourceMap) -> None:
    _remove_all(self, keep=_RETAINED)


def _remove_all(resources: ResourceMap, *, keep: set[str]) -> None:
    for name in reversed(_live(resources)):
        _remove(resources, name, resources._resource_json_map[name], keep=keep)


def _remove(resources: ResourceMap, logical_id: str, declared: Mapping[str, Any], *, keep: set[str]) -> None:
    resource = resources._parsed_resources.pop(logical_id)
    if resource is not None and declared.get("DeletionPolicy") not in keep:
        resources._delete_resource(resource, dict(declared))


def _live_resources(self: Stack) -> Iterable[Any]:
    """moto's own property creates whatever is missing when it is looked at."""
    found = (self.resource_map._parsed_resources[name] for name in _live(self.resource_map))
    return [resource for resource in found if resource is not None]


def _create_stack(
    self: CloudFormationBackend,
    name: str,
    template: str,
    parameters: dict[str, Any],
    **options: Any,
) -> Stack:
    if any(stack.name == name for stack in self.stacks.values()):
        raise AlreadyExistsException(f"Stack {name} already exists")
    _require_known(parse_template(template), parameters)
    stack = Stack(  # type: ignore[abstract]  # moto says abstract of what it instantiates itself
        stack_id=generate_stack_id(name, self.region_name, self.account_id),
        name=name,
        template=template,
        parameters=parameters,
        account_id=self.account_id,
        region_name=self.region_name,
        cross_stack_resources=self.exports,
        **options,
    )
    self.stacks[stack.stack_id] = stack
    _deploy_first(self, stack)
    return stack


def _deploy_first(backend: CloudFormationBackend, stack: Stack) -> None:
    stack._add_stack_event("CREATE_IN_PROGRESS", resource_status_reason="User Initiated")
    try:
        stack.resource_map.create(stack.template_dict)
        exports = stack.exports
        taken = sorted(export.name for export in exports if export.name in backend.exports)
        if taken:
            raise ResourceFailed(stack.name, "AWS::CloudFormation::Stack", f"Exports exist: {', '.join(taken)}.")
    except ResourceFailed as failure:
        _record(stack, failure, "CREATE_FAILED")
        stack._add_stack_event("ROLLBACK_IN_PROGRESS")
        _remove_all(stack.resource_map, keep={"Retain"})
        # An empty map from here on: moto creates resources again when the outputs or resources are looked at.
        stack.template_dict = {}
        stack.resource_map = stack._create_resource_map()
        stack.output_map = OutputMap(stack.resource_map, {}, stack.stack_id)
        stack.status = "ROLLBACK_COMPLETE"
        stack._add_stack_event("ROLLBACK_COMPLETE")
        return
    backend.exports.update({export.name: export for export in exports})
    stack.mark_creation_complete()


def _update_stack(
    self: Stack,
    template: str,
    role_arn: str | None = None,
    parameters: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
) -> None:
    if self.status == "ROLLBACK_COMPLETE":
        raise ValidationError(self.name, message=f"Stack:{self.stack_id} is in ROLLBACK_COMPLETE state.")
    old_template, old_parsed, old_parameters = self.template, self.template_dict, self.parameters
    new_parsed = parse_template(template)
    self._add_stack_event("UPDATE_IN_PROGRESS", resource_status_reason="User Initiated")
    try:
        self.resource_map.update(new_parsed, parameters)
        self.template, self.template_dict = template, new_parsed
        self.parameters = dict(parameters or {})
        self.output_map = self._create_output_map()
        _ = self.outputs
    except ResourceFailed as failure:
        _record(self, failure, "UPDATE_FAILED")
        self._add_stack_event("UPDATE_ROLLBACK_IN_PROGRESS")
        self.template, self.template_dict, self.parameters = old_template, old_parsed, old_parameters
        self.resource_map.update(old_parsed, old_parameters)
        self.output_map = self._create_output_map()
        self.status = "UPDATE_ROLLBACK_COMPLETE"
        self._add_stack_event("UPDATE_ROLLBACK_COMPLETE")
        return
    self.status = "UPDATE_COMPLETE"
    self.role_arn = role_arn
    if tags is not None:
        self.tags = tags
    self._add_stack_event("UPDATE_COMPLETE")


def _record(stack: Stack, failure: ResourceFailed, status: str) -> None:
    stack.events.append(
        Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=failure.logical_id,
            physical_resource_id="",
            resource_type=failure.resource_type,
            resource_status=status,
            resource_status_reason=failure.reason,
            resource_properties=None,
        )
    )


def _parse_change_set(self: ChangeSet) -> None:
    self.template_dict = parse_template(self.template)


def _execute_change_set(self: CloudFormationBackend, change_set_name: str, stack_name: str | None = None) -> None:
    change_set = self.change_sets.get(change_set_name) or next(
        (
            candidate
            for candidate in self.change_sets.values()
            if candidate.change_set_name == change_set_name and stack_name in (candidate.stack_name, candidate.stack_id)
        ),
        None,
    )
    if change_set is None:
        raise ValidationError(stack_name or change_set_name)
    stack = self.stacks[change_set.stack_id]
    if change_set.change_set_type == "CREATE":
        stack.template, stack.parameters = change_set.template, change_set.parameters
        stack._parse_template()
        stack.cross_stack_resources = self.exports
        stack.resource_map = stack._create_resource_map()
        stack.output_map = stack._create_output_map()
        _deploy_first(self, stack)
    else:
        stack.update(change_set.template, parameters=change_set.parameters)
    change_set.execution_status = "EXECUTE_COMPLETE"


def as_json(value: Any) -> str:
    """A policy document as the text that the services keep."""
    return value if isinstance(value, str) else json.dumps(value)
