"""What other scanners wrote down about a repository: their baselines, ignore files and reports, read into one form.

Formats: detect-secrets' ``.secrets.baseline`` (Yelp, and its forks by IBM and Bridgecrew), gitleaks' JSON report and ``.gitleaksignore``,
trufflehog's JSON lines. None of their hashes and values is kept: they only serve to find the same credential here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardcode_hunter.errors import UsageError
from hardcode_hunter.model import Finding, Plaintext

Values = Callable[[Finding], Iterable[Plaintext]]
"""The texts that another scanner may have taken for a finding's value: the literal, and the credential in it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One finding of another scanner. ``sha1`` is its hash of the value, ``value`` the value, where it has one; else its line tells."""

    path: str
    line: int
    by: str
    status: str = "todo"
    reason: str = ""
    sha1: str = ""
    value: Plaintext | None = None


def read(path: Path) -> tuple[str, tuple[Record, ...]]:
    """Whose file it is, and its records. Raises ``UsageError`` for a file that is none of those."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path}: cannot be read ({type(error).__name__}); give a file of detect-secrets, gitleaks or trufflehog"
        ) from None
    if path.name == ".gitleaksignore":
        return "gitleaks", tuple(_ignored(text))
    document = _json(text)
    if isinstance(document, dict) and isinstance(document.get("results"), dict):
        return "detect-secrets", tuple(_detect_secrets(document["results"]))
    rows = document if isinstance(document, list) else [document] if isinstance(document, dict) else _lines(text)
    if rows and all(isinstance(row, dict) and "SourceMetadata" in row for row in rows):
        return "trufflehog", tuple(record for row in rows for record in _trufflehog(row))
    if isinstance(document, list) and all(isinstance(row, dict) and "File" in row for row in rows):
        return "gitleaks", tuple(_gitleaks(row) for row in rows)
    raise UsageError(
        f"{path}: not a file that is known; give a .secrets.baseline, a .gitleaksignore, or a JSON report of gitleaks or trufflehog"
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _lines(text: str) -> list[Any]:
    return [_json(row) for row in text.splitlines() if row.strip()]


def _detect_secrets(results: Mapping[str, Any]) -> Iterator[Record]:
    for path, rows in results.items():
        for row in rows if isinstance(rows, list) else ():
            if not isinstance(row, dict):
                continue
            audited = row.get("is_secret") is False
            status, reason = ("false-positive", "audited with detect-secrets") if audited else ("todo", "")
            yield Record(
                _plain(path),
                _number(row.get("line_number")),
                "detect-secrets",
                status,
                reason,
                str(row.get("hashed_secret", "")),
            )


def _gitleaks(row: Mapping[str, Any]) -> Record:
    secret = row.get("Secret")
    known = isinstance(secret, str) and secret.strip("*") not in ("", "REDACTED")
    return Record(
        _plain(str(row["File"])),
        _number(row.get("StartLine")),
        "gitleaks",
        value=Plaintext(str(secret)) if known else None,
    )


def _ignored(text: str) -> Iterator[Record]:
    """``commit:file:rule:line`` or ``file:rule:line``; a file's name may hold colons."""
    for row in text.splitlines():
        parts = row.partition("#")[0].strip().split(":")
        if len(parts) < 3 or not parts[-1].isdigit():
            continue
        names = parts[:-2]
        commit = len(names) > 1 and len(names[0]) == 40 and all(c in "0123456789abcdef" for c in names[0])
        yield Record(
            _plain(":".join(names[commit:])), int(parts[-1]), "gitleaks", "accepted", "ignored in .gitleaksignore"
        )


def _trufflehog(row: Mapping[str, Any]) -> Iterator[Record]:
    data = row["SourceMetadata"].get("Data") if isinstance(row["SourceMetadata"], dict) else None
    for place in data.values() if isinstance(data, dict) else ():
        if isinstance(place, dict) and isinstance(place.get("file"), str):
            raw = row.get("Raw")
            yield Record(
                _plain(place["file"]),
                _number(place.get("line")),
                "trufflehog",
                value=Plaintext(raw) if isinstance(raw, str) and raw else None,
            )


def _plain(path: str) -> str:
    return path.replace("\\", "/").removeprefix("./")


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def matched(
    records: Iterable[Record], findings: Iterable[Finding], values: Values, root: Path
) -> tuple[dict[str, Record], tuple[Record, ...]]:
    """Finding's id → the record that means it, and the records that mean none: by value in the same file, else by line."""
    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    found: dict[str, Record] = {}
    lost: list[Record] = []
    for record in records:
        same = [f for f in by_path.get(_below(root, record.path), ()) if _means(record, f, values)]
        for finding in same:
            known = found.get(finding.id)
            if known is None or known.status == "todo":
                found[finding.id] = record
        if not same:
            lost.append(record)
    return found, tuple(lost)


def _below(root: Path, path: str) -> str:
    return path.removeprefix(f"{root.as_posix()}/")


def _means(record: Record, finding: Finding, values: Values) -> bool:
    if record.value is not None:
        return any(record.value == value for value in values(finding))
    if record.sha1:
        return any(
            hashlib.sha1(v.reveal().encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest() == record.sha1
            for v in values(finding)
        )
    return finding.line <= record.line <= max(finding.line, finding.end_line)
