"""One pattern for many words: much faster than an alternation, which tries each word at each character."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

END = ""  # in a trie: a word ends here


def any_of(words: Iterable[str]) -> str:
    """A pattern that matches each of the words, with common beginnings written once; it prefers the longest."""
    root: dict[str, Any] = {}
    for word in words:
        node = root
        for character in word:
            node = node.setdefault(character, {})
        node[END] = {}
    return _branch(root)


def _branch(node: dict[str, Any]) -> str:
    ways = [re.escape(character) + _branch(below) for character, below in sorted(node.items()) if character != END]
    if not ways:
        return ""
    body = "(?:" + "|".join(ways) + ")"
    return body + "?" if END in node else body
