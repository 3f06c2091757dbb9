"""A Terraform provider (plug-in protocol 6) that serves a schema from a JSON file and makes up what AWS would compute.

Run as Terraform runs it: it prints one handshake line and serves gRPC on a Unix socket. Sources: Terraform's
``docs/plugin-protocol`` (messages and their field numbers), go-plugin's "internals" (handshake, TLS).
"""

from __future__ import annotations

import base64
import datetime
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import msgpack
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.terraform_provider.wire import decode, encode, field

ACCOUNT, REGION = "123456789012", "eu-central-1"
UNKNOWN = msgpack.ExtType(0, b"\0")
_NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}
_DATA = {
    "aws_caller_identity": {"account_id": ACCOUNT},
    "aws_partition": {"partition": "aws", "dns_suffix": "amazonaws.com"},
    "aws_region": {"region": REGION, "name": REGION},
}

Fill = Callable[[str, dict[str, Any]], Any]


class Provider:
    """The methods of ``tfplugin6.Provider``: each takes and returns the bytes of a message."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema

    def GetProviderSchema(self, request: bytes) -> bytes:
        fields: list[tuple[int, bytes]] = [(1, _schema(self.schema["provider"]))]
        for number, section in ((2, "resource_schemas"), (3, "data_source_schemas"), (8, "ephemeral_resource_schemas")):
            for name, schema in sorted(self.schema[section].items()):
                fields.append((number, encode([(1, name), (2, _schema(schema))])))
        return encode(fields)

    def nothing(self, request: bytes) -> bytes:
        """An answer without diagnostics: the configuration is as the schema says, which Terraform itself has checked."""
        return b""

    def ValidateResourceConfig(self, request: bytes) -> bytes:
        """What a provider says and Terraform does not: an attribute that AWS decides can't be configured."""
        message = decode(request)
        block = self.schema["resource_schemas"][field(message, 1).decode()]["block"]
        config = _value(field(message, 2)) or {}
        decided = [
            n
            for n, a in block["attributes"].items()
            if a.get("computed") and not a.get("optional") and config.get(n) is not None
        ]
        summary = "Can't configure a value for {}: its value will be decided automatically"
        return encode([(1, encode([(1, 1), (2, summary.format(name))])) for name in decided])

    def PlanResourceChange(self, request: bytes) -> bytes:
        message = decode(request)
        proposed = _value(field(message, 3))
        return encode([(1, _dynamic(self._filled(message, proposed, lambda name, attribute: UNKNOWN)))])

    def ApplyResourceChange(self, request: bytes) -> bytes:
        message = decode(request)
        kind, planned = field(message, 1).decode(), _value(field(message, 3))
        return encode(
            [
                (
                    1,
                    _dynamic(
                        self._filled(message, planned, lambda name, attribute: _made_up(kind, planned, name, attribute))
                    ),
                )
            ]
        )

    def ReadResource(self, request: bytes) -> bytes:
        return encode([(1, field(decode(request), 2))])

    def UpgradeResourceState(self, request: bytes) -> bytes:
        stored = json.loads(field(decode(field(decode(request), 3)), 1))
        return encode([(1, _dynamic(stored))])

    def ReadDataSource(self, request: bytes) -> bytes:
        message = decode(request)
        kind, config = field(message, 1).decode(), _value(field(message, 2))
        known = _DATA.get(kind, {})
        block = self.schema["data_source_schemas"][kind]["block"]
        state = _fill(block, config, lambda name, attribute: known.get(name, _made_up(kind, config, name, attribute)))
        return encode([(1, _dynamic(state))])

    def _filled(self, message: dict[int, Any], value: Any, how: Fill) -> Any:
        block = self.schema["resource_schemas"][field(message, 1).decode()]["block"]
        return None if value is None else _fill(block, value, how)


def _schema(schema: dict[str, Any]) -> bytes:
    return encode([(1, schema["version"]), (2, _block(schema["block"]))])


def _block(block: dict[str, Any]) -> bytes:
    numbers = {"required": 4, "optional": 5, "computed": 6, "sensitive": 7, "write_only": 11}
    fields: list[tuple[int, Any]] = []
    for name, attribute in sorted(block["attributes"].items()):
        flags = [(number, True) for flag, number in numbers.items() if attribute.get(flag)]
        fields.append((2, encode([(1, name), (2, json.dumps(attribute["type"])), *flags])))
    for name, nested in sorted(block["block_types"].items()):
        limits = [(number, nested[key]) for key, number in (("min_items", 4), ("max_items", 5)) if nested.get(key)]
        fields.append(
            (3, encode([(1, name), (2, _block(nested["block"])), (3, _NESTING[nested["nesting_mode"]]), *limits]))
        )
    return encode(fields)


def _value(dynamic: bytes) -> Any:
    message = decode(dynamic)
    if field(message, 2):
        return json.loads(field(message, 2))
    return msgpack.unpackb(field(message, 1), raw=False, strict_map_key=False) if field(message, 1) else None


def _dynamic(value: Any) -> bytes:
    return encode([(1, msgpack.packb(value, use_bin_type=True))])


def _fill(block: dict[str, Any], value: dict[str, Any], how: Fill) -> dict[str, Any]:
    """``value`` with what the provider computes. A write-only attribute never comes back."""
    for name, attribute in block["attributes"].items():
        current = value.get(name)
        if attribute.get("write_only"):
            value[name] = None
        elif attribute.get("computed") and (current is None or isinstance(current, msgpack.ExtType)):
            value[name] = how(name, attribute)
    for name, nested in block["block_types"].items():
        members = value.get(name)
        for member in members if isinstance(members, list) else [members] if members else []:
            _fill(nested["block"], member, how)
    return value


def _made_up(kind: str, value: dict[str, Any], name: str, attribute: dict[str, Any]) -> Any:
    """A value that looks as AWS's would, where a policy or another resource is going to hold it."""
    if name == "arn" or (name == "id" and kind == "aws_secretsmanager_secret"):
        return _arn(kind, value)
    kinds: dict[str, Any] = {"string": f"made-up-{name}", "number": 0, "bool": False}
    shape = attribute["type"]
    return kinds.get(shape) if isinstance(shape, str) else {} if shape[0] in ("map", "object") else []


def _arn(kind: str, value: dict[str, Any]) -> str:
    name = value.get("name") or (f"{value['name_prefix']}1" if value.get("name_prefix") else "made-up")
    path = value.get("path") if isinstance(value.get("path"), str) else "/"
    return {
        "aws_secretsmanager_secret": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf",
        "aws_kms_key": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555",
        "aws_sns_topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}",
        "aws_iam_role": f"arn:aws:iam::{ACCOUNT}:role{path}{name}",
        "aws_iam_policy": f"arn:aws:iam::{ACCOUNT}:policy/{name}",
        "aws_lambda_function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{value.get('function_name')}",
        "aws_cloudwatch_log_group": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}",
    }.get(kind, f"arn:aws:made-up:{REGION}:{ACCOUNT}:{kind}")


class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Routes Terraform's calls; a method that the provider lacks is answered with UNIMPLEMENTED, which Terraform expects."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def service(self, details: Any) -> Any:
        service, _, method = details.method.lstrip("/").partition("/")
        if service == "tfplugin6.Provider":
            quiet = method.startswith("Validate") or method in ("ConfigureProvider", "StopProvider", "GetFunctions")
            answer = getattr(self.provider, method, self.provider.nothing if quiet else None)
            return answer and grpc.unary_unary_rpc_method_handler(lambda request, context: answer(request))
        if details.method == "/plugin.GRPCController/Shutdown":
            return grpc.unary_unary_rpc_method_handler(lambda request, context: _leave_soon())
        if details.method == "/plugin.GRPCStdio/StreamStdio":
            return grpc.unary_stream_rpc_method_handler(lambda request, context: iter(()))
        return None


def _leave_soon() -> bytes:
    threading.Timer(0.05, _leave).start()
    return b""


def _leave() -> None:
    shutil.rmtree(_SOCKETS, ignore_errors=True)
    os._exit(0)


def _leave_with_parent() -> None:
    """Ends this process when Terraform is gone, however it went."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    _leave()


def _credentials() -> tuple[bytes, Any]:
    """A certificate for this run: go-plugin wants TLS and is told the certificate in the handshake."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding
    private = key.private_bytes(encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    server = grpc.ssl_server_credentials([(private, certificate.public_bytes(encoding.PEM))])
    return certificate.public_bytes(encoding.DER), server


_SOCKETS = ""


def main(schema: str) -> None:
    """Serves the schema in the file ``schema`` until Terraform says goodbye."""
    global _SOCKETS
    _SOCKETS = tempfile.mkdtemp(prefix="tf-provider-")
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(8), options=unlimited)
    server.add_generic_rpc_handlers((Handler(Provider(json.loads(Path(schema).read_text()))),))
    certificate, credentials = _credentials()
    socket = f"{_SOCKETS}/s"
    server.add_secure_port(f"unix://{socket}", credentials)
    server.start()
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    print(f"1|6|unix|{socket}|grpc|{base64.b64encode(certificate).decode().rstrip('=')}", flush=True)
    server.wait_for_termination()
