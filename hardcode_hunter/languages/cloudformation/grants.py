"""The right to read one secret, added to a role that the template describes itself."""

from __future__ import annotations

from typing import Any

from hardcode_hunter.languages.cloudformation.intrinsics import call_of
from hardcode_hunter.languages.cloudformation.stacks import resources
from hardcode_hunter.languages.edits import Grow
from hardcode_hunter.languages.nodes import Mapping, Node, Scalar
from hardcode_hunter.languages.nodes import Sequence as Items


def of_role(root: Mapping, role: Node | None, secret: str, arn: Any) -> Grow | None:
    """A policy of the role that ``role`` names (``!GetAtt Role.Arn``, ``!Ref Role``); ``None`` when another stack has it."""
    section = root.get("Resources")
    rows = {key.value: body for key, body in resources(section)} if isinstance(section, Mapping) else {}
    target = rows.get(_named(role))
    own = target.get("Properties") if target is not None and target.text("Type") == "AWS::IAM::Role" else None
    policy = ("map", [(("str", "PolicyName"), ("str", f"read-{secret}")), (("str", "PolicyDocument"), document(arn))])
    return _more(own, policy) if isinstance(own, Mapping) and own.pairs else None


def of_serverless(properties: Mapping, arn: Any) -> Grow | None:
    """A statement among the ``Policies`` of a function whose role AWS SAM makes."""
    return _more(properties, ("map", [(("str", "Statement"), ("seq", _statements(arn)))]))


def _more(properties: Mapping, policy: Any) -> Grow | None:
    present = properties.get("Policies")
    listed = present is None or (isinstance(present, Items) and present.tag == "seq" and present.items)
    return Grow(properties, len(properties.pairs) - 1, "Policies", policy) if listed else None


def _named(role: Node | None) -> str:
    call = call_of(role) if role is not None else None
    if call is None or call.name not in ("GetAtt", "Ref"):
        return ""
    first = call.arguments()[0]
    return first.value.removesuffix(".Arn") if isinstance(first, Scalar) else ""


def document(arn: Any) -> Any:
    return ("map", [(("str", "Version"), ("str", "2012-10-17")), (("str", "Statement"), ("seq", _statements(arn)))])


def _statements(arn: Any) -> list[Any]:
    """Reading this secret, and decryption through the service for this secret alone (AWS KMS Developer Guide, "kms:ViaService";
    Secrets Manager User Guide, "Encryption context")."""

    def texts(**rows: Any) -> Any:
        return (
            "map",
            [(("str", key), value if isinstance(value, tuple) else ("str", value)) for key, value in rows.items()],
        )

    context = ("map", [(("str", "kms:EncryptionContext:SecretARN"), arn)])
    through = ("map", [(("str", "kms:ViaService"), ("str", "secretsmanager.*.amazonaws.com"))])
    return [
        texts(Effect="Allow", Action="secretsmanager:GetSecretValue", Resource=arn),
        texts(
            Effect="Allow",
            Action="kms:Decrypt",
            Resource="*",
            Condition=texts(StringEquals=context, StringLike=through),
        ),
    ]
