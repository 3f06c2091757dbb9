"""The only network: live values go into Secrets Manager or Parameter Store and are read back before any file is touched.

boto3 is imported when :func:`connect` is called. Endpoints, credentials and proxies come from the caller's environment and AWS
configuration, profile and region from the plan's environment too; nothing of the scanned tree is used.
"""

from __future__ import annotations

from hardcode_hunter.store.adopt import Adoption, adopt, adoption
from hardcode_hunter.store.connection import Connection, Identity, StoreError, connect, identify, require_account
from hardcode_hunter.store.content import LIMIT, Content, compose, missing
from hardcode_hunter.store.deliver import Delivery, Outcome, deliver
from hardcode_hunter.store.observe import fetch, observe
from hardcode_hunter.store.readers import readers
from hardcode_hunter.store.removal import schedule_deletion

__all__ = [
    "LIMIT",
    "Adoption",
    "Connection",
    "Content",
    "Delivery",
    "Identity",
    "Outcome",
    "StoreError",
    "adopt",
    "adoption",
    "compose",
    "connect",
    "deliver",
    "fetch",
    "identify",
    "missing",
    "observe",
    "readers",
    "require_account",
    "schedule_deletion",
]
