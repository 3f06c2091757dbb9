"""Scanning a few files of infrastructure code, as a user would: all stages from the first pass to the verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hardcode_hunter import pipeline
from hardcode_hunter.config import Settings
from hardcode_hunter.model import Confidence, Finding


def scanned(root: Path, files: Mapping[str, str | bytes]) -> tuple[Finding, ...]:
    """The findings in ``files`` (by path), from medium confidence up."""
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)
    scan, _ = pipeline.scan([root], Settings(min_confidence=Confidence.MEDIUM), root)
    return scan.findings


def places(findings: tuple[Finding, ...]) -> set[tuple[str, int, str]]:
    """Path, line and verdict of each."""
    return {(f.path, f.line, f.verdict.value) for f in findings}
