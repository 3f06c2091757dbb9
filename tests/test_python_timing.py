"""Rewritten code is judged by when it reads, not by where the literal stood."""

from __future__ import annotations

import pytest

from hardcode_hunter.languages.python.timing import read_at_import
from hardcode_hunter.model import Change, Consumer, Edit, Evaluated, Home, Kind, Secret, SecretField, Source, Span
from hardcode_hunter.rewrite import as_read


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
        ("URL = f\"redis://:{quote(get_secret('db', 'password'), safe='')}@h\"", True),
        ("def (", True),
        ("\x00", True),
    ],
)
def test_what_runs_at_import(source: str, expected: bool) -> None:
    assert ("db" in read_at_import(source.encode())) is expected


def test_a_consumer_reads_when_its_new_code_reads() -> None:
    old = b'KEY = "x"\n\n\ndef f():\n    return KEY\n'
    edits = (Edit(Span(0, 12), b""), Edit(Span(32, 35), b'get_secret("db", "password")'))
    change = Change("a.py", "before", edits)
    early = Consumer("a.py", 1, "KEY", Evaluated.IMPORT)
    secrets = tuple(
        Secret(id, Kind.DATABASE, Home.SECRETS_MANAGER, "production", (SecretField("password"),), consumers=(early,))
        for id in ("db", "db@staging")
    )
    read = as_read(secrets, [change], {"a.py": Source("a.py", old, "python")})
    assert [c.reads for s in read for c in s.consumers] == [Evaluated.CALL, Evaluated.CALL]
    kept = Change("a.py", "before", (Edit(Span(6, 9), b'get_secret("db", "password")'),))
    read = as_read(secrets, [kept], {"a.py": Source("a.py", old, "python")})
    assert [c.reads for s in read for c in s.consumers] == [Evaluated.IMPORT, Evaluated.IMPORT]
