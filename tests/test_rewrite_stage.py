"""The rewrite stage: languages dispatched, modules generated, dependencies added; and the process that shields it from the parser."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Mapping
from dataclasses import replace

import pytest

from hardcode_hunter import rewrite
from hardcode_hunter.languages.python import PYTHON
from hardcode_hunter.languages.python.reasons import Unchanged
from hardcode_hunter.languages.python.rewrite import rewrite as rewrite_python
from hardcode_hunter.languages.python.worker import WORKER, Worker
from hardcode_hunter.model import (
    Access,
    Home,
    LiteralType,
    Plaintext,
    Position,
    Replacement,
    Rewrite,
    Shape,
    Source,
    Span,
)
from hardcode_hunter.plugins import Language, Rewriting
from hardcode_hunter.retrievers.boto3 import BOTO3
from hardcode_hunter.retrievers.helper import HELPER

LITERAL = b'"hunter-orders-2019"'
ACCESS = Access(
    "shop-db",
    "shop",
    "production/shop/shop-db",
    "production",
    {"production": "production/shop/shop-db"},
    Home.SECRETS_MANAGER,
    "json",
    "password",
)


def _row(path: str, data: bytes, finding: str = "f", **changes: object) -> Replacement:
    at = data.index(LITERAL)
    span = Span(at, at + len(LITERAL))
    row = Replacement(
        finding,
        "a-rule",
        path,
        1,
        "PASSWORD",
        0,
        span,
        Shape.WHOLE,
        LiteralType.STR,
        Position.ASSIGNMENT,
        "shop-db",
        "password",
    )
    return row


def _rewriting(modules: Mapping[str, str]) -> Rewriting:
    return Rewriting({("shop-db", "password"): ACCESS}, HELPER, modules)


def _run(files: Mapping[str, bytes]) -> tuple[Mapping[str, bytes], rewrite.Placement, tuple[tuple[object, ...], ...]]:
    sources = {path: Source(path, data, "python" if path.endswith(".py") else "") for path, data in files.items()}
    rows = [_row(path, data, f"finding of {path}") for path, data in files.items() if LITERAL in data]
    placement = rewrite.place(sources, rows)
    changes, skips, unmet = rewrite.rewrite(
        sources, rows, _rewriting(placement.modules), {"python": PYTHON}, placement.files
    )
    after = {c.path: c.result(files.get(c.path, b"")) for c in changes}
    return after, placement, (changes, skips, unmet)


def test_one_helper_for_each_root() -> None:
    files = {
        "shop/__init__.py": b"",
        "shop/db.py": b"PASSWORD = " + LITERAL + b"\n",
        "shop/mail.py": b"from shop import db\nPASSWORD = " + LITERAL + b"\n",
        "jobs/report.py": b"PASSWORD = " + LITERAL + b'\nif __name__ == "__main__":\n    print()\n',
        "requirements.txt": b"flask\n",
    }
    after, _, (changes, skips, unmet) = _run(files)
    assert skips == () and unmet == ()
    assert set(after) == {
        "shop/db.py",
        "shop/mail.py",
        "jobs/report.py",
        "secret_store.py",
        "jobs/secret_store.py",
        "requirements.txt",
    }
    assert after["secret_store.py"] == after["jobs/secret_store.py"]
    assert b'"shop-db"' in after["secret_store.py"]
    assert after["requirements.txt"] == b"flask\nboto3\n"
    assert (
        after["shop/mail.py"]
        == b'from shop import db\nfrom secret_store import get_secret\nPASSWORD = get_secret("shop-db", "password")\n'
    )
    assert len({c.path for c in changes}) == len(changes)  # type: ignore[attr-defined]


def test_a_second_run_does_nothing() -> None:
    files = {"app.py": b"PASSWORD = " + LITERAL + b"\n", "requirements.txt": b"flask\n"}
    after, _, _ = _run(files)
    again, placement, (changes, skips, unmet) = _run({**files, **after})
    assert (again, changes, skips, unmet) == ({}, (), (), ())
    assert placement.modules == {}


def test_a_generated_module_is_brought_up_to_date() -> None:
    assert HELPER.module is not None
    old = HELPER.module([]).encode()
    after, _, _ = _run({"app.py": b"PASSWORD = " + LITERAL + b"\n", "secret_store.py": old})
    assert b'"shop-db"' in after["secret_store.py"]
    new = after["secret_store.py"]
    after, _, _ = _run({"app.py": b"PASSWORD = " + LITERAL + b"\n", "secret_store.py": new})
    assert "secret_store.py" not in after


def test_inline_retriever_generates_nothing() -> None:
    data = b"PASSWORD = " + LITERAL + b"\n"
    rewriting = Rewriting({("shop-db", "password"): ACCESS}, BOTO3, {})
    changes, skips, unmet = rewrite.rewrite(
        {"a.py": Source("a.py", data, "python")}, [_row("a.py", data)], rewriting, {"python": PYTHON}
    )
    assert [c.path for c in changes] == ["a.py"] and skips == () and unmet == ("boto3",)


def test_a_lambda_handler_that_has_powertools_uses_them() -> None:
    handler = b"PASSWORD = " + LITERAL + b"\n\n\ndef handler(event, context):\n    return PASSWORD\n"
    files = {
        "app.py": handler,
        "batch.py": b"PASSWORD = " + LITERAL + b"\n",
        "requirements.txt": b"aws-lambda-powertools\n",
    }
    after, _, (_, skips, _) = _run(files)
    assert skips == ()
    assert b"parameters.get_secret(" in after["app.py"] and b"secret_store" not in after["app.py"]
    assert b"from secret_store import get_secret" in after["batch.py"]
    assert after["requirements.txt"] == b"aws-lambda-powertools\nboto3\n"
    after, _, _ = _run({"app.py": handler, "requirements.txt": b"flask\n"})
    assert b"from secret_store import get_secret" in after["app.py"]


CONSTANT = b"PASSWORD = " + LITERAL + b"\n\n\ndef connect():\n    return driver(PASSWORD)\n"


@pytest.mark.parametrize(
    ("others", "moves"),
    [
        ({}, True),
        ({"other.py": b"import app\nprint(app.connect())\n"}, True),
        ({"other.py": b"from app import PASSWORD\n"}, False),
        ({"other.py": b"import app\nprint(app.PASSWORD)\n"}, False),
        ({"other.py": b"monkeypatch.setattr('app.PASSWORD', 'x')\n"}, False),
        ({"other.py": b"PASSWORDS = 1\n"}, True),
        ({"wsgi.py": b"flask_app.config.from_object('app')\n"}, False),
        ({"wsgi.py": b"flask_app.config.from_object('settings')\n"}, True),
    ],
)
def test_constant_moves_into_functions_where_nothing_else_mentions_it(others: Mapping[str, bytes], moves: bool) -> None:
    after, _, (_, skips, _) = _run({"app.py": CONSTANT, **others})
    assert skips == ()
    assert (b'driver(get_secret("shop-db", "password"))' in after["app.py"]) == moves
    assert (b"PASSWORD = get_secret(" in after["app.py"]) != moves


def test_nothing_is_silent() -> None:
    """A file that is gone and a language without a rewriter are skips."""
    data = b"x: " + LITERAL
    reported = Language("yaml", "YAML", lambda source, hits: pytest.fail("not called"))
    rows = [_row("a.yaml", data, "one"), _row("gone.py", data, "two")]
    _, skips, _ = rewrite.rewrite({"a.yaml": Source("a.yaml", data, "yaml")}, rows, _rewriting({}), {"yaml": reported})
    assert {s.finding: s.code for s in skips} == {"one": "no-rewriter", "two": "no-source"}


def test_a_language_may_be_given_its_whole_tree() -> None:
    seen: list[set[str]] = []

    def whole(sources: Mapping[str, Source], rows: object, rewriting: Rewriting) -> Mapping[str, Rewrite]:
        seen.append(set(sources))
        return {}

    language = Language("x", "X", lambda source, hits: pytest.fail("not called"), rewrite=whole)
    data = b"x = " + LITERAL
    sources = {"a.x": Source("a.x", data, "x"), "b.x": Source("b.x", b"", "x"), "c.py": Source("c.py", b"", "python")}
    rewrite.rewrite(sources, [_row("a.x", data)], _rewriting({}), {"x": language})
    assert seen == [{"a.x", "b.x"}]


# ---------------------------------------------------------------- the shield

HOSTILE = {
    "ten thousand parentheses": b"x = " + b"(" * 10_000 + b"1" + b")" * 10_000 + b"\n",
    "a sum of ten thousand": b"x = " + b"+".join([b"'a'"] * 10_000) + b"\n",
    "ten thousand pieces": b"x = (" + b"\n".join([b"'a'"] * 10_000) + b")\n",
    "a chain of ten thousand attributes": b"x = a" + b".b" * 10_000 + b"\n",
    "Python 2": b'print "x"\n',
    "a NUL byte": b"x = 1\0\n",
    "not UTF-8": b"x = '\xff'\n",
    "an unknown encoding": b"# coding: klingon\n",
    "a leading form feed": b"\x0cx = 1\n",
    "CR only": b"x = 1\ry = 2\r",
    "a stateful encoding": b"# coding: utf-7\nx = '+AGE-'\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_a_skip_and_the_next_one_is_rewritten(name: str) -> None:
    separator = b"\r" if name == "CR only" else b"\n"
    data = HOSTILE[name] + b"PASSWORD = " + LITERAL + separator
    result = rewrite_python(Source("a.py", data, "python"), [_row("a.py", data)], _rewriting({"a.py": "secret_store"}))
    assert result.change is None
    assert {s.code for s in result.skips} <= {
        "no-syntax",
        "undecodable",
        "no-round-trip",
        "too-deep",
        "timed-out",
        "crashed",
    }
    assert all("hunter" not in s.why for s in result.skips)
    good = b"PASSWORD = " + LITERAL + b"\n"
    assert (
        rewrite_python(
            Source("a.py", good, "python"), [_row("a.py", good)], _rewriting({"a.py": "secret_store"})
        ).change
        is not None
    )


def test_worker_that_is_killed_is_replaced() -> None:
    good = b"PASSWORD = " + LITERAL + b"\n"
    source, rows = Source("a.py", good, "python"), [_row("a.py", good)]
    assert rewrite_python(source, rows, _rewriting({"a.py": "secret_store"})).change is not None
    assert WORKER._process is not None
    os.kill(WORKER._process.pid, signal.SIGKILL)
    WORKER._process.wait(30)
    assert rewrite_python(source, rows, _rewriting({"a.py": "secret_store"})).change is not None


def test_worker_that_is_late_is_stopped() -> None:
    data = b"x = 1\n" * 50_000 + b"PASSWORD = " + LITERAL + b"\n"
    worker = Worker()
    with pytest.raises(Unchanged) as caught:
        worker.rewrite(Source("a.py", data, "python"), [_row("a.py", data)], _rewriting({"a.py": "secret_store"}), 0.05)
    assert caught.value.code == "timed-out"
    assert worker._process is None


def test_worker_does_not_load_modules_of_the_scanned_tree(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory may be a hostile repository with a ``libcst.py`` of its own."""
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    (tmp_path / "libcst.py").write_text("raise SystemExit(1)\n")
    (tmp_path / "json.py").write_text("raise SystemExit(1)\n")
    monkeypatch.chdir(tmp_path)
    good = b"PASSWORD = " + LITERAL + b"\n"
    worker = Worker()
    try:
        assert (
            worker.rewrite(
                Source("a.py", good, "python"), [_row("a.py", good)], _rewriting({"a.py": "secret_store"}), 60
            ).change
            is not None
        )
    finally:
        worker._stop()


def test_no_plaintext_value_crosses_over() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Plaintext("hunter-orders-2019"))
    good = b"PASSWORD = " + LITERAL + b"\n"
    result = rewrite_python(Source("a.py", good, "python"), [_row("a.py", good)], _rewriting({"a.py": "secret_store"}))
    assert b"hunter-orders" not in pickle.dumps(result)


def test_each_file_fetches_in_the_way_that_was_chosen_for_it() -> None:
    """The plan's way, another one for one file, and Powertools by itself for a handler: each gets what its own way needs, and no more."""
    program = b"import psycopg2\n\n\ndef %s:\n    return psycopg2.connect(user='u', password=" + LITERAL + b")\n"
    sources = {
        "app.py": Source("app.py", program % b"connect()", "python"),
        "job.py": Source("job.py", program % b"connect()", "python"),
        "functions/lookup.py": Source("functions/lookup.py", program % b"handler(event, context)", "python"),
        "functions/requirements.txt": Source("functions/requirements.txt", b"aws-lambda-powertools\n", "text"),
    }
    rows = [_row(path, source.data) for path, source in sources.items() if source.language == "python"]
    rewriting = replace(_rewriting(dict.fromkeys(sources, "secret_store")), chosen={"job.py": "boto3"})
    files = dict.fromkeys(sources, ("secret_store.py",))
    changes, skips, _ = rewrite.rewrite(sources, rows, rewriting, {"python": PYTHON}, files)
    after = {c.path: c.result(sources[c.path].data if c.path in sources else b"").decode() for c in changes}
    assert skips == ()
    assert "from secret_store import get_secret, with_rotation" in after["app.py"]
    assert "def get_secret" in after["job.py"] and 'boto3.client("secretsmanager")' in after["job.py"]
    assert "parameters.get_secret(name" in after["functions/lookup.py"]
    assert [path for path in after if path.endswith("secret_store.py")] == ["secret_store.py"]
    alone = {path: source for path, source in sources.items() if path.startswith("functions/")}
    made, _, _ = rewrite.rewrite(alone, rows[2:], rewriting, {"python": PYTHON}, files)
    assert [c.path for c in made] == ["functions/lookup.py"], "a handler with Powertools needs no generated module"
