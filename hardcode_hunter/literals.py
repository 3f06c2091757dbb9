"""How a text is written as a literal, for those who write Python: retrievers and the rewriter."""

from __future__ import annotations


def quoted(text: str) -> str:
    """``text`` as a Python string in double quotes, in ASCII."""
    return '"' + ascii(text)[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
