"""The environment that child processes are given: nothing of the caller's AWS, proxy or database settings."""

from __future__ import annotations

import os
from collections.abc import Mapping

_PREFIXES = ("AWS_", "MOTO_", "PG", "SHOP_", "FLASK_", "PYTHON")
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY"})


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without anything that steers AWS clients, proxies, libpq, Python or the applications.

    ``extra`` is laid over it. Children write no bytecode, so that a source tree they run from stays as it was.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(_PREFIXES) and name.upper() not in _PROXIES
    }
    return kept | {"PYTHONDONTWRITEBYTECODE": "1", "NO_PROXY": "*"} | dict(extra or {})
