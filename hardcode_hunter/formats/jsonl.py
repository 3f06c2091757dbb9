"""One finding per line for machines, suppressed ones too; the rows are those of ``json``."""

from __future__ import annotations

import json

from hardcode_hunter.formats.json import VERSION, finding_row
from hardcode_hunter.model import Scan
from hardcode_hunter.plugins import Format


def render(scan: Scan) -> str:
    rows = [{"version": VERSION, **finding_row(f)} for f in (*scan.findings, *scan.suppressed)]
    return "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows)


JSONL = Format("jsonl", "one finding per line", render)
