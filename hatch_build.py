"""Ships the rules compiled, so that the first scan after an installation compiles nothing.

Runs when a wheel is built: reads ``rules/*.yaml`` as a scan would, and adds ``hardcode_hunter/_rules/compiled.json`` beside them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledRules(BuildHookInterface):  # type: ignore[type-arg]
    """Hatch's custom build hook: https://hatch.pypa.io/latest/plugins/build-hook/custom/"""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return  # a checkout compiles into the user's cache whenever a rule changes
        sys.path.insert(0, self.root)
        try:
            from hardcode_hunter import ruleset

            document = ruleset.compiled_document(Path(self.root) / "rules")
        finally:
            sys.path.remove(self.root)
        self._folder = tempfile.TemporaryDirectory()
        target = Path(self._folder.name) / ruleset.COMPILED
        target.write_bytes(document)
        build_data["force_include"][str(target)] = f"hardcode_hunter/_rules/{ruleset.COMPILED}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            self._folder.cleanup()
