"""What AWS's resource schemas say about properties: which are secret, and which replace the resource when they change.

Properties are dotted paths below ``Properties`` without list indices: ``KerberosAttributes.KdcAdminPassword``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources

SSM_SECURE: Mapping[str, frozenset[str]] = {
    # AWS CloudFormation User Guide, "Resources that support dynamic parameter patterns for secure strings"
    "AWS::DirectoryService::MicrosoftAD": frozenset(["Password"]),
    "AWS::DirectoryService::SimpleAD": frozenset(["Password"]),
    "AWS::ElastiCache::ReplicationGroup": frozenset(["AuthToken"]),
    "AWS::IAM::User": frozenset(["LoginProfile.Password"]),
    "AWS::KinesisFirehose::DeliveryStream": frozenset(["RedshiftDestinationConfiguration.Password"]),
    "AWS::OpsWorks::App": frozenset(["AppSource.Password"]),
    "AWS::OpsWorks::Stack": frozenset(["CustomCookbooksSource.Password", "RdsDbInstances.DbPassword"]),
    "AWS::RDS::DBCluster": frozenset(["MasterUserPassword"]),
    "AWS::RDS::DBInstance": frozenset(["MasterUserPassword"]),
    "AWS::Redshift::Cluster": frozenset(["MasterUserPassword"]),
}


@cache
def _data() -> Mapping[str, Mapping[str, list[str]]]:
    file = resources.files("hardcode_hunter.languages") / "data" / "cloudformation.json"
    loaded: Mapping[str, Mapping[str, list[str]]] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def secret_properties() -> Mapping[str, list[str]]:
    """Resource type → its properties that hold a credential."""
    return _data()["secret"]


def is_secret(resource: str, path: str) -> bool:
    return path in _data()["secret"].get(resource, ())


def replaces(resource: str, path: str) -> bool:
    """Whether changing the property (or a mapping it is part of) replaces the resource."""
    return _covers("create_only", resource, path)


def identifies(resource: str, path: str) -> bool:
    """Whether the property is part of the primary identifier, in which CloudFormation resolves no dynamic reference."""
    return _covers("identifier", resource, path)


def _covers(section: str, resource: str, path: str) -> bool:
    return any(path == known or path.startswith(f"{known}.") for known in _data()[section].get(resource, ()))
