"""Builds ``hardcode_hunter/languages/data/terraform.json`` from two packages that are made from the AWS provider's schema.

    python scripts/build_terraform_data.py [--check]

``secret``      arguments that hold a credential, per resource type, as dotted paths below the block (``user.password``)
``write_only``  argument → its write-only counterpart, which never reaches the state (``password`` → ``password_wo``)

An argument is secret when the provider marks it ``sensitive`` or write-only, or when it is a text of a telling name, less the reviewed
exceptions. Both packages are fetched by pip at the versions below; the scanner reads only the file.

``cdktn-provider-aws``  blocks, types and write-only flags (MPL-2.0, as the provider itself)
``pulumi-aws``          ``sensitive`` flags of the arguments at the top of each resource (Apache-2.0)
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "hardcode_hunter" / "languages" / "data" / "terraform.json"
BINDINGS = "cdktn-provider-aws==25.8.1"  # of version 6.69.1 of the provider
SDK = "pulumi-aws==7.51.1"  # of version 6 as well

SECRET = re.compile(
    r"""(?:^|_)(?: password | passphrase | secret | secret_(?:access_)?key | secret_token | raw_secret_access_key
        | (?:auth|access|oauth|refresh|security|bearer|api|bot|session|event_source|hec|registration|personal\w*|secret)_token | token_key
        | (?:api|private|pre_?shared|shared|signing|license|server|auth|service\w*|account|access|storage\w*|consumer)_key
        | connection_string | connection_url | credentials? )(?:_wo)?$ | ^token$""",
    re.X,
)
TEXTS = ("string", ["list", "string"], ["set", "string"], ["map", "string"], "dynamic")
# marked sensitive or named so, and yet an id, an ARN, a path, a certificate, a free map or a text that everybody may see: read one by one
REVIEWED_OUT = re.compile(
    r"""^(?: \S+\.(?:bundle_id | team_id | token_key_id | client_id | client_id_wo | tenant_id_wo | platform_principal | kms_\w+ | notes | schema | content | \w*banner
          | certificate | certificate_chain | certificate_pem | ca_pem | \w*certificate_pem | token_signing_public_keys | admin_username
          | environment_variables | airflow_configuration_options | connection_properties | athena_properties )
        | aws_api_gateway_(?:authorizer|integration)\..* | aws_appmesh_.* | aws_apprunner_.* | aws_kendra_.* | aws_cognito_\w*client\.token_validity\S*
        | aws_bedrockagent_knowledge_base\..* | aws_codebuild_project\..* | aws_workspaces_connection_alias\..* | aws_fsx_\S*_account_secret )$""",
    re.X,
)
REVIEWED_IN = {
    # secret by their documentation, not by a flag or a name
    "aws_cloudwatch_event_connection": ["auth_parameters.api_key.value"],
    "aws_cognito_identity_provider": ["provider_details.client_secret"],
    "aws_glue_connection": ["connection_properties.PASSWORD"],
    "aws_elasticache_user": ["authentication_mode.passwords"],
    "aws_memorydb_user": ["authentication_mode.passwords"],
    "aws_codepipeline": ["stage.action.configuration.OAuthToken"],
    # types that the provider dropped in 6.0 and older modules still have
    "aws_opsworks_application": ["app_source.password", "app_source.ssh_key", "ssl_configuration.private_key"],
    "aws_opsworks_stack": ["custom_cookbooks_source.password", "custom_cookbooks_source.ssh_key"],
    "aws_opsworks_rds_db_instance": ["db_password"],
}


def fetch(package: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), package]
    subprocess.run(command, check=True, timeout=900)
    return next(folder.glob(f"{package.partition('==')[0].replace('-', '_')}-*.whl"))


def arguments(block: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Everything that a configuration can set in a block and the blocks in it."""
    for name, attribute in block["attributes"].items():
        if attribute.get("optional") or attribute.get("required"):
            yield (*path, name), attribute
    for name, nested in block["block_types"].items():
        yield from arguments(nested["block"], (*path, name))


def sensitive(sdk: Path, resources: dict[str, Any]) -> dict[str, set[str]]:
    """Resource type → arguments that the SDK treats as secret. It names resources in its own way: matched by arguments, then by name."""
    known = {
        kind: set(body["block"]["attributes"]) | set(body["block"]["block_types"]) for kind, body in resources.items()
    }
    found: dict[str, set[str]] = {}
    with zipfile.ZipFile(sdk) as archive:
        for member in archive.namelist():
            if not member.endswith(".py"):
                continue
            text = archive.read(member).decode()
            marked = set(
                re.findall(r'__props__\.__dict__\["(\w+)"\] = None if \w+ is None else pulumi\.Output\.secret', text)
            )
            token = re.search(r"'aws:(\w+)/(\w+):\w+'", text)
            if not marked or not token:
                continue
            said = set(re.findall(r'__props__\.__dict__\["(\w+)"\]', text))
            name = "aws_" + "_".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", part).lower() for part in token.groups())
            best = max(
                known,
                key=lambda kind: (round(len(said & known[kind]) / len(said | known[kind]), 1), _alike(name, kind)),
            )
            found.setdefault(best, set()).update(marked)
    return found


def _alike(name: str, kind: str) -> float:
    return difflib.SequenceMatcher(None, name, kind).ratio()


def build() -> dict[str, dict[str, Any]]:
    sys.path.insert(0, str(ROOT))
    from tests.terraform_provider import schema

    with tempfile.TemporaryDirectory() as folder:
        resources = schema.resources(fetch(BINDINGS, Path(folder)))
        flagged = sensitive(fetch(SDK, Path(folder)), resources)
    secret: dict[str, list[str]] = {}
    write_only: dict[str, dict[str, str]] = {}
    for kind, body in sorted(resources.items()):
        rows = dict(arguments(body["block"]))
        hidden = {path for path in rows if path[-1].endswith("_wo")}
        open_ = {(*path[:-1], path[-1].removesuffix("_wo")): path for path in hidden}
        named = {path for path, a in rows.items() if a["type"] in TEXTS and SECRET.search(path[-1])}
        top = {(name,) for name in flagged.get(kind, ()) if (name,) in rows}
        chosen = {".".join(path) for path in (hidden | (set(open_) & set(rows)) | named | top)}
        chosen = {path for path in chosen if not REVIEWED_OUT.match(f"{kind}.{path}")} | set(REVIEWED_IN.get(kind, ()))
        if chosen:
            secret[kind] = sorted(chosen)
        pairs = {".".join(plain): ".".join(hid) for plain, hid in sorted(open_.items()) if ".".join(plain) in chosen}
        if pairs:
            write_only[kind] = pairs
    for kind, paths in REVIEWED_IN.items():
        secret.setdefault(kind, sorted(paths))
    return {"secret": dict(sorted(secret.items())), "write_only": write_only}


def render(data: dict[str, dict[str, Any]]) -> str:
    lines = []
    for section, rows in data.items():
        inner = ",\n".join(
            f"{json.dumps(name)}:{json.dumps(body, separators=(',', ':'))}" for name, body in rows.items()
        )
        lines.append(f"{json.dumps(section)}:{{\n{inner}\n}}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="exit 1 when the file does not say what the packages say")
    text = render(build())
    if parser.parse_args().check:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    print(f"{TARGET}: {len(text)} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
