"""Where a generated module goes, and that Python finds it there: each tree is written to disk and run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from hardcode_hunter.languages.python.roots import place
from hardcode_hunter.model import Source

MAIN = 'if __name__ == "__main__":\n    print("ran")\n'


@dataclass(frozen=True)
class Layout:
    name: str
    files: Mapping[str, str]  # '@' stands for the import of the helper
    expected: Mapping[str, tuple[str, tuple[str, ...]]]  # path -> dotted name, helper files
    runs: Sequence[tuple[str, ...]]  # arguments of Python, from the root of the tree
    path: str = ""  # PYTHONPATH, relative to the root


LAYOUTS = [
    Layout(
        "script alone",
        {"report.py": "@" + MAIN},
        {"report.py": ("secret_store", ("secret_store.py",))},
        [("report.py",)],
    ),
    Layout(
        "script in a folder",
        {"jobs/report.py": "@import formats\n" + MAIN, "jobs/formats.py": ""},
        {"jobs/report.py": ("secret_store", ("jobs/secret_store.py",))},
        [("jobs/report.py",)],
    ),
    Layout(
        "script in a folder whose parent has modules of the same names",
        {
            "crawl/topic.py": "",
            "crawl/main.py": "import topic\n",
            "crawl/sql/topic.py": "",
            "crawl/sql/report.py": "@import topic\nprint('ran')\n",
        },
        {"crawl/sql/report.py": ("secret_store", ("crawl/sql/secret_store.py",))},
        [("crawl/sql/report.py",)],
    ),
    Layout(
        "script without siblings beside a package",
        {"jobs/report.py": "@" + MAIN, "shop/__init__.py": "", "shop/db.py": "@", "manage.py": "import shop.db\n"},
        {
            "jobs/report.py": ("secret_store", ("jobs/secret_store.py",)),
            "shop/db.py": ("secret_store", ("secret_store.py",)),
        },
        [("jobs/report.py",), ("manage.py",)],
    ),
    Layout(
        "script that edits sys.path",
        {
            "jobs/report.py": "import os, sys\nsys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))\n@import shop.db\n"
            + MAIN,
            "shop/__init__.py": "",
            "shop/db.py": "@",
        },
        {
            "jobs/report.py": ("secret_store", ("secret_store.py",)),
            "shop/db.py": ("secret_store", ("secret_store.py",)),
        },
        [("jobs/report.py",)],
    ),
    Layout(
        "run as a script and imported as a module",
        {"jobs/report.py": "@" + MAIN, "main.py": "import jobs.report\n"},
        {"jobs/report.py": ("secret_store", ("jobs/secret_store.py", "secret_store.py"))},
        [("jobs/report.py",), ("main.py",)],
    ),
    Layout(
        "package with relative imports",
        {
            "shop/__init__.py": "",
            "shop/web/__init__.py": "",
            "shop/web/views.py": "@from . import forms\nfrom ..db import x\n",
            "shop/web/forms.py": "",
            "shop/db.py": "x = 1\n",
        },
        {"shop/web/views.py": ("secret_store", ("secret_store.py",))},
        [("-c", "import shop.web.views")],
    ),
    Layout(
        "src without a build",
        {"src/shop/__init__.py": "", "src/shop/db.py": "@", "src/shop/app.py": "import shop.db\n", "run.sh.py": ""},
        {"src/shop/db.py": ("secret_store", ("src/secret_store.py",))},
        [("-m", "shop.app")],
        path="src",
    ),
    Layout(
        "src that is built",
        {
            "pyproject.toml": '[build-system]\nrequires = ["setuptools"]\n',
            "src/shop/__init__.py": "",
            "src/shop/db.py": "@",
            "src/shop/app.py": "import shop.db\n",
        },
        {"src/shop/db.py": ("shop.secret_store", ("src/shop/secret_store.py",))},
        [("-m", "shop.app")],
        path="src",
    ),
    Layout(
        "flat project with setup.py",
        {"setup.py": "", "shop/__init__.py": "@", "shop/db.py": "@", "tools/run.py": "@import shop.db\n"},
        {
            "shop/__init__.py": ("shop.secret_store", ("shop/secret_store.py",)),
            "shop/db.py": ("shop.secret_store", ("shop/secret_store.py",)),
            "tools/run.py": ("secret_store", ("secret_store.py",)),
        },
        [("-c", "import shop.db"), ("tools/run.py",)],
        path=".",
    ),
    Layout(
        "Django project below the root",
        {
            "site/manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\nimport shop.settings\n",
            "site/shop/__init__.py": "",
            "site/shop/settings.py": "@",
            "site/orders/__init__.py": "",
            "site/orders/views.py": "@from shop import settings\n",
        },
        {
            "site/shop/settings.py": ("secret_store", ("site/secret_store.py",)),
            "site/orders/views.py": ("secret_store", ("site/secret_store.py",)),
        },
        [("site/manage.py",)],
    ),
    Layout(
        "namespace packages",
        {"app/config/base.py": "@", "app/main.py": "from app.config import base\n", "run.py": "import app.main\n"},
        {"app/config/base.py": ("secret_store", ("secret_store.py",))},
        [("run.py",)],
    ),
    Layout(
        "two applications in one repository",
        {"a/app.py": "@import db\n", "a/db.py": "", "b/app.py": "@import db\n", "b/db.py": ""},
        {"a/app.py": ("secret_store", ("a/secret_store.py",)), "b/app.py": ("secret_store", ("b/secret_store.py",))},
        [("a/app.py",), ("b/app.py",)],
    ),
    Layout(
        "name taken",
        {"app.py": "@import secret_store\n", "secret_store.py": "x = 1\n"},
        {"app.py": ("secret_store_2", ("secret_store_2.py",))},
        [("app.py",)],
    ),
    Layout(
        "name of our own",
        {
            "app.py": "@import secret_store\n",
            "secret_store.py": '"""X. Generated by hardcode-hunter; edit SECRETS only."""\n',
        },
        {"app.py": ("secret_store", ("secret_store.py",))},
        [("app.py",)],
    ),
    Layout(
        "name installed",
        {"app.py": "@try:\n    import secret_store\nexcept ImportError:\n    pass\n"},
        {"app.py": ("secret_store_2", ("secret_store_2.py",))},
        [("app.py",)],
    ),
    Layout(
        "not Python 3",
        {"old.py": "print 'x'\nimport lib.x\n", "lib/x.py": ""},
        {"old.py": ("secret_store", ("secret_store.py",))},
        [],
    ),
    Layout(
        "main module of a package",
        {"shop/__init__.py": "", "shop/__main__.py": "@" + MAIN, "shop/db.py": "@"},
        {
            "shop/__main__.py": ("secret_store", ("secret_store.py",)),
            "shop/db.py": ("secret_store", ("secret_store.py",)),
        },
        [("-m", "shop")],
    ),
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_placement(layout: Layout, tmp_path: Path) -> None:
    sources = {path: Source(path, text.replace("@", "").encode(), "python") for path, text in layout.files.items()}
    placement = place(sources, layout.expected)
    assert {path: (placement.modules[path], placement.files[path]) for path in layout.expected} == dict(layout.expected)
    for path, text in layout.files.items():
        dotted = placement.modules.get(path, "")
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text.replace("@", f"from {dotted} import HELPER\n" if dotted else ""))
    for helper in {file for files in placement.files.values() for file in files}:
        (tmp_path / helper).write_text("HELPER = 1\n")
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / layout.path) if layout.path else "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for arguments in layout.runs:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr


def test_what_was_placed_stays_where_it_is() -> None:
    """A second run, with the first one's files in the tree, gives the same answer."""
    for layout in LAYOUTS:
        sources = {path: Source(path, text.replace("@", "").encode(), "python") for path, text in layout.files.items()}
        first = place(sources, layout.expected)
        for path, dotted in first.modules.items():
            sources[path] = Source(path, f"from {dotted} import get_secret\n".encode() + sources[path].data, "python")
        for helper in {file for files in first.files.values() for file in files}:
            sources[helper] = Source(helper, b'"""X. Generated by hardcode-hunter; edit SECRETS only."""\n', "python")
        assert place(sources, layout.expected) == first, layout.name
