"""A small drawing of one secret: where its value stands, and who reads it. SVG with presentation attributes only: the page allows no others."""

from __future__ import annotations

from collections.abc import Sequence

from hardcode_hunter.formats._html import Markup, markup
from hardcode_hunter.model import Secret

ROW, WIDTH, BOX, GAP = 30, 900, 330, 60
MOST, LETTERS = 12, 44


def consumer_map(secret: Secret, sinks: Sequence[str]) -> Markup:
    """Places on the left, the secret in the middle, consumers and resources on the right."""
    holders = _short(dict.fromkeys(f"{o.path}:{o.line}" for f in secret.fields for o in f.origins))
    readers = _short(dict.fromkeys([*(f"{c.path} {c.symbol}".strip() for c in secret.consumers), *sinks]))
    rows = max(len(holders), len(readers), 1)
    height = max(rows * ROW, GAP) + 10
    middle = height / 2
    left, right = BOX, WIDTH - BOX
    centre = (left + right) / 2
    parts = [f'<circle cx="{centre:.0f}" cy="{middle:.0f}" r="{GAP / 2:.0f}" fill="none" stroke="currentColor"/>']
    parts.append(
        f'<text x="{centre:.0f}" y="{middle + 5:.0f}" text-anchor="middle">{markup(_cut(secret.id, 9))}</text>'
    )
    for texts, x, edge, target in ((holders, 0, left, centre - GAP / 2), (readers, right, right, centre + GAP / 2)):
        for n, text in enumerate(texts):
            y = (n + 0.5) * height / len(texts)
            parts.append(f'<path d="M{edge:.0f} {y:.0f} L{target:.0f} {middle:.0f}"/>')
            parts.append(f'<rect x="{x:.0f}" y="{y - 12:.0f}" width="{BOX}" height="24" rx="4"/>')
            parts.append(f'<text x="{x + 8:.0f}" y="{y + 4:.0f}">{markup(_cut(text, LETTERS))}</text>')
    title = (
        f"{secret.id}: held at {', '.join(holders) or 'no known place'}; read by {', '.join(readers) or 'nobody known'}"
    )
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img"><title>{markup(title)}</title>{"".join(parts)}</svg>'
    )


def _short(texts: dict[str, None]) -> list[str]:
    rows = list(texts)
    return rows if len(rows) <= MOST else [*rows[: MOST - 1], f"and {len(rows) - MOST + 1} more"]


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters // 2 - 1]}…{text[-letters // 2 :]}"
