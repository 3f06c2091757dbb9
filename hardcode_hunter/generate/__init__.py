"""generate: a plan becomes the infrastructure of its secrets, for CloudFormation or Terraform, and the page that says how to roll it out.

``wanted`` describes what is wanted; ``policies`` says who may do what; ``cloudformation`` and ``terraform`` write it down;
``rollout`` holds the commands.
"""

from __future__ import annotations

from hardcode_hunter.generate.names import key_alias
from hardcode_hunter.generate.stage import Deployment, deployments, generate

__all__ = ["Deployment", "deployments", "generate", "key_alias"]
