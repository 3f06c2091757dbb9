"""The right to read one secret, added to a role that the configuration describes itself."""

from __future__ import annotations

import re

from hardcode_hunter.languages.terraform import syntax
from hardcode_hunter.languages.terraform.actions import Append, Planned
from hardcode_hunter.languages.terraform.modules import Modules, identifier
from hardcode_hunter.languages.terraform.uses import Spot
from hardcode_hunter.model import Access

_ROLE = re.compile(r"(aws_iam_role\.([\w-]+)(?:\[[^\]]*\])?)\.(?:arn|id)")


def add(modules: Modules, unit: Planned, path: str, spot: Spot, argument: str, access: Access, arn: str) -> bool:
    """A policy for the role that ``argument`` of the block names, which may read the secret ``arn`` (an expression); ``False`` when another
    configuration has the role."""
    body = syntax.body_of(spot.block) if spot.block is not None else None
    data = modules.data(path)
    rows = {syntax.text(k, data): syntax.text(e, data) for k, e in syntax.attributes(body)}
    role = _ROLE.fullmatch(rows.get(argument, "").strip())
    if role is None or not arn.startswith(("data.", '"')):
        return False
    label = f"{role.group(2)}_reads_{identifier(access.secret)}"
    text = _POLICY.format(label=label, role=role.group(1), secret=access.secret, arn=arn)
    unit.actions.append((path, Append(text)))
    return True


# reading this secret, and decryption through the service for this secret alone (AWS KMS Developer Guide, "kms:ViaService")
_POLICY = """\
resource "aws_iam_role_policy" "{label}" {{
  name = "read-{secret}"
  role = {role}.id
  policy = jsonencode({{
    Version = "2012-10-17"
    Statement = [
      {{
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = {arn}
      }},
      {{
        Effect   = "Allow"
        Action   = "kms:Decrypt"
        Resource = "*"
        Condition = {{
          StringEquals = {{ "kms:EncryptionContext:SecretARN" = {arn} }}
          StringLike   = {{ "kms:ViaService" = "secretsmanager.*.amazonaws.com" }}
        }}
      }}
    ]
  }})
}}
"""
