"""Rotations of credentials that somebody else issues: API keys and tokens."""

from __future__ import annotations

from hardcode_hunter.plugins import Rotation
from hardcode_hunter.rotations.postgresql import IAM_ACTIONS

PARTS = ("rotation_steps.py", "issued_credential.py")
ACTIONS = tuple(action for action in IAM_ACTIONS if not action.endswith("GetRandomPassword"))

API_KEY = Rotation(
    name="api-key",
    title="asks the service for a new key; provider.py, which you write, says how. No client is ever refused",
    engines=(),
    users="issued",
    directory="api_key",
    parts=PARTS,
    supplied=("provider.py",),
    handler="lambda_function.handler",
    required_keys=(),
    iam_actions=ACTIONS,
)

OAUTH_REFRESH_TOKEN = Rotation(
    name="oauth-refresh-token",
    title="renews an OAuth 2.0 access token by its refresh token",
    engines=(),
    users="issued",
    directory="oauth_refresh_token",
    parts=PARTS,
    handler="lambda_function.handler",
    required_keys=("token_url", "refresh_token"),
    iam_actions=ACTIONS,
)
