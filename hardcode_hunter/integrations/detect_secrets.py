"""Patterns of values out of detect-secrets' detectors, for the compilation of the rule set. A scan never loads that library.

Its ``RegexBasedDetector`` plug-ins hold value patterns. What can't be taken over is said, not hidden: detectors without a pattern
(entropy, keywords) and patterns that may take more than linear time.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Detector:
    """One detector: ``kind`` is its ``secret_type``, ``patterns`` are its regular expressions as they stand there."""

    kind: str
    patterns: tuple[str, ...]


NOT_VALUES = frozenset({"Public IP (ipv4)"})  # not a credential


def version() -> str:
    """The installed version, read without importing the package; empty when it isn't installed."""
    spec = importlib.util.find_spec("detect_secrets")
    if spec is None or not spec.submodule_search_locations:
        return ""
    path = Path(next(iter(spec.submodule_search_locations))) / "__version__.py"
    try:
        found = re.search(r"""VERSION\s*=\s*['"]([\w.]+)""", path.read_text(encoding="utf-8"))
    except OSError:
        return "unknown"
    return found.group(1) if found else "unknown"


def detectors() -> tuple[Detector, ...]:
    """All detectors of the installed version that hold patterns, by kind, sorted; none when it isn't installed."""
    if not version():
        return ()
    import pkgutil

    from detect_secrets import plugins
    from detect_secrets.plugins.base import RegexBasedDetector

    found: dict[str, Detector] = {}
    for info in pkgutil.iter_modules(plugins.__path__):
        module = importlib.import_module(f"{plugins.__name__}.{info.name}")
        for value in vars(module).values():
            if (
                not (isinstance(value, type) and issubclass(value, RegexBasedDetector))
                or value.__module__ != module.__name__
            ):
                continue
            kind, denylist = value.__dict__.get("secret_type"), value.__dict__.get("denylist")
            if isinstance(kind, str) and isinstance(denylist, list | tuple) and kind not in NOT_VALUES:
                patterns = tuple(p.pattern for p in denylist if not p.flags & re.VERBOSE)
                found[kind] = Detector(kind, patterns)
    return tuple(found[kind] for kind in sorted(found))
