"""What a plan says of a finding that no rewriter takes: what to do instead."""

from __future__ import annotations

import re

from hardcode_hunter.model import Finding

_AT_BOOT = re.compile(r"(?i)[/.](?:user_?data(?:_base64)?|startup_script|aws::cloudformation::init)(?:[/.]|$)")


def reason(finding: Finding) -> tuple[str, str]:
    """Code and words of the skip."""
    if finding.language in ("cloudformation", "terraform") and _AT_BOOT.search(finding.symbol):
        why = "it stands in a script that a machine runs at boot: fetch the secret there with the machine's role (aws secretsmanager get-secret-value)"
        return "user-data", why
    return "report-only", finding.reason
