"""Rewritten code is judged by when it reads, not by where the literal stood."""

from __future__ import annotations

import pytest

from hardcode_hunter.languages.python.timing import read_at_import


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('KEY = get_secret("db", "password")', True),
        ('class Config:\n    KEY = get_secret("db", "password")', True),
        ('def f(x=get_secret("db", "password")):\n    pass', True),
        ('@auth(get_secret("db", "password"))\ndef f():\n    pass', True),
        ('def f():\n    return get_secret("db", "password")', False),
        ('async def f():\n    return get_secret("db", "password")', False),
        ('f = lambda: get_secret("db", "password")', False),
        ('class C:\n    def m(self):\n        return get_secret("db", "password")', False),
        ('KEY = get_secret("mail", "password")', False),
        ('URL = f"redis://:{quote(get_secret(\'db\', \'password\'), safe=\'\')}@h"', True),
        ("def (", True),
        ("\x00", True),
    ],
)
def test_what_runs_at_import(source: str, expected: bool) -> None:
    assert read_at_import(source.encode(), "db") is expected
