"""Builds ``hardcode_hunter/languages/data/cloudformation.json`` from the resource schemas that cfn-lint carries.

    python scripts/build_property_data.py [--check]

What it holds, per resource type, as dotted paths below ``Properties`` (list indices and pattern keys left out):

``secret``       string properties that hold a credential: by name, less the reviewed exceptions below, plus the reviewed additions
``create_only``  properties whose change replaces the resource (``createOnlyProperties``)
``may_replace``  properties whose change can replace it, depending on others (``conditionalCreateOnlyProperties``)
``identifier``   properties that make up the primary identifier (``primaryIdentifier``)

The scanner reads only the file: cfn-lint is needed to build it, not to scan.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "hardcode_hunter" / "languages" / "data" / "cloudformation.json"
DEPTH = 12

SECRET = re.compile(
    r"""(?: Password | Passphrase | (?<!Uses)(?<!No)Secret(?!s?(?:Arn|Name|Id|sManager|Key\w*(?:Arn|Id)$)) | SecretKey | SecretToken
        | (?:Auth|Access|OAuth|Oauth|Refresh|Security|Bearer|Api|Bot|Session|EventSource|HEC|Hec|Registration|Personal\w*)Token | ^Token$ | TokenKey
        | (?:Api|API|Private|PreShared|Preshared|Shared|Signing|License|Encryption|Server|Auth|Service\w*|Account|Access|Storage\w*|Consumer)Key
        | PreSharedKey | BgpAuthKey | AuthKey | ConnectionString | ConnectionUrl | Credentials? )$""",
    re.X,
)
# properties whose name says secret but which hold an id, a flag, an ARN, a mode or a name: read one by one
NOT_SECRET = re.compile(
    r"""(?: Arn | Id | Name | Type | Enabled | Required | Policy | Mode | Format | Source | Path | Prefix | Version | Length | Count | Expiration ) $
      | ^(?: Manage | Enable | Disable | Require | Reset | Has | Is | Use | Generate | Allow )""",
    re.X,
)
REVIEWED_OUT = re.compile(
    r"""EncryptionKey$                                      # names a KMS key
      | Authorizer\ AuthorizerCredentials | Integration\.Credentials | Kendra.*\.Credentials$ | SqlServerCredentials$ | RegistryCredential\.  # ARNs
      | TokenValidityUnits\. | AppMesh | ConnectionAlias | PineconeConfiguration | CdnIdentifierSecret$ | TargetDomain | RemovePrivateKey$""",
    re.X,
)
REVIEWED_IN = {
    # secret by their documentation, not by their name
    "AWS::Lambda::Permission": ["EventSourceToken"],
    "AWS::KinesisFirehose::DeliveryStream": [
        "SplunkDestinationConfiguration.HECToken",
        "HttpEndpointDestinationConfiguration.EndpointConfiguration.AccessKey",
    ],
    "AWS::SecretsManager::Secret": ["SecretString"],
    "AWS::ApiGateway::ApiKey": ["Value"],
    "AWS::Events::Connection": ["AuthParameters.ApiKeyAuthParameters.ApiKeyValue"],
    # lists and free maps, in which a schema names no string
    "AWS::ElastiCache::User": ["Passwords", "AuthenticationMode.Passwords"],
    "AWS::MemoryDB::User": ["AuthenticationMode.Passwords"],
    "AWS::Cognito::UserPoolIdentityProvider": ["ProviderDetails.client_secret"],
    "AWS::Glue::Connection": ["ConnectionInput.ConnectionProperties.PASSWORD"],
    # types that AWS retired and whose schemas are gone; templates that name them are still around
    "AWS::OpsWorks::App": ["AppSource.Password", "AppSource.SshKey", "SslConfiguration.PrivateKey"],
    "AWS::OpsWorks::Stack": [
        "CustomCookbooksSource.Password",
        "CustomCookbooksSource.SshKey",
        "RdsDbInstances.DbPassword",
    ],
}


def pointer(path: str) -> str:
    """``/properties/A/*/B`` → ``A.B``."""
    return ".".join(p for p in path.split("/") if p not in ("", "properties", "*", "items", "definitions"))


def strings(
    schema: dict[str, Any], node: dict[str, Any], path: tuple[str, ...] = (), seen: frozenset[str] = frozenset()
) -> Iterator[tuple[str, ...]]:
    """Paths of everything below ``node`` that a string can stand at."""
    if len(path) > DEPTH:
        return
    reference = node.get("$ref")
    if reference:
        if reference in seen or not reference.startswith("#/"):
            return
        target: Any = schema
        for part in reference[2:].split("/"):
            target = target.get(part, {})
        yield from strings(schema, target, path, seen | {reference})
        return
    kinds = node.get("type", [])
    if path and ("string" in ([kinds] if isinstance(kinds, str) else kinds)):
        yield path
    for word in ("oneOf", "anyOf", "allOf"):
        for branch in node.get(word, ()):
            if isinstance(branch, dict):
                yield from strings(schema, branch, path, seen)
    if isinstance(node.get("items"), dict):
        yield from strings(schema, node["items"], path, seen)
    for name, child in node.get("properties", {}).items():
        if isinstance(child, dict):
            yield from strings(schema, child, (*path, name), seen)


def is_secret(resource: str, path: tuple[str, ...]) -> bool:
    name = path[-1]
    return (
        bool(SECRET.search(name))
        and not NOT_SECRET.search(name)
        and not REVIEWED_OUT.search(f"{resource} {'.'.join(path)}")
    )


def build() -> dict[str, dict[str, list[str]]]:
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as manager

    result: dict[str, dict[str, list[str]]] = {"secret": {}, "create_only": {}, "may_replace": {}, "identifier": {}}
    for resource in sorted(manager.get_resource_types("us-east-1")):
        if resource.startswith(("AWS::CloudFormation::CustomResource", "Custom::")):
            continue
        schema = manager.get_resource_schema("us-east-1", resource).schema
        read_only = {pointer(p) for p in schema.get("readOnlyProperties", ())}
        secret = {".".join(p) for p in strings(schema, schema) if is_secret(resource, p)} - read_only
        rows = {
            "secret": secret | set(REVIEWED_IN.get(resource, ())),
            "create_only": {pointer(p) for p in schema.get("createOnlyProperties", ())} - read_only,
            "may_replace": {pointer(p) for p in schema.get("conditionalCreateOnlyProperties", ())},
            "identifier": {pointer(p) for p in schema.get("primaryIdentifier", ())} - read_only,
        }
        for section, paths in rows.items():
            if paths:
                result[section][resource] = sorted(paths)
    for resource, paths in REVIEWED_IN.items():
        result["secret"].setdefault(resource, sorted(paths))
    return {section: dict(sorted(rows.items())) for section, rows in result.items()}


def render(data: dict[str, dict[str, list[str]]]) -> str:
    lines = []
    for section, rows in data.items():
        inner = ",\n".join(
            f"{json.dumps(name)}:{json.dumps(paths, separators=(',', ':'))}" for name, paths in rows.items()
        )
        lines.append(f"{json.dumps(section)}:{{\n{inner}\n}}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--check", action="store_true", help="exit 1 when the file does not say what the installed cfn-lint says"
    )
    text = render(build())
    if parser.parse_args().check:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    print(f"{TARGET}: {len(text)} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
