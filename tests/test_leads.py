"""A value under a neutral name in one file is a credential by its use in another, however large the tree is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from hardcode_hunter.cli.scan import scan

NEUTRAL = {
    "attribute": {
        "settings.py": 'PIER = "hunter-orders-2019"\n',
        "db.py": "import psycopg2\nimport settings\n\ndb = psycopg2.connect(password=settings.PIER)\n",
    },
    "name": {
        "shop/__init__.py": "",
        "shop/conf.py": 'WHARF = "hunter-orders-2019"\n',
        "shop/db.py": "import pymysql\nfrom .conf import WHARF\n\ndb = pymysql.connect(user='a', password=WHARF)\n",
    },
    "class": {
        "conf.py": 'class Harbour:\n    PIER = "hunter-orders-2019"\n',
        "db.py": "import psycopg2\nfrom conf import Harbour\n\ndb = psycopg2.connect(password=Harbour.PIER)\n",
    },
    "through a third": {
        "base.py": 'MOLE = "hunter-orders-2019"\n',
        "conf.py": "import base\n\nPIER = base.MOLE\n",
        "db.py": "import psycopg2\nimport conf\n\ndb = psycopg2.connect(password=conf.PIER)\n",
    },
    "through a variable": {
        "conf.py": 'PIER = "hunter-orders-2019"\n',
        "db.py": "import psycopg2\nimport conf\n\nquay = conf.PIER\ndb = psycopg2.connect(password=quay)\n",
    },
    "beside what is marked": {
        "conf.py": 'TOKEN_TTL = 300\nPIER = "hunter-orders-2019"\n',
        "db.py": "import psycopg2\nimport conf\n\ndb = psycopg2.connect(password=conf.PIER)\n",
    },
}


@pytest.mark.parametrize("many", [False, True], ids=["at once", "swept"])
@pytest.mark.parametrize("case", NEUTRAL)
def test_a_neutral_name_in_another_file_is_found_by_its_use(case: str, many: bool, tmp_path: Path) -> None:
    for name, text in NEUTRAL[case].items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "other.py").write_text('PIER = "somewhere-else-2019"\nMOLE = WHARF = PIER\n')
    arguments = [str(tmp_path), "--isolated", "--exit-zero", "--output", "json"]
    result = CliRunner().invoke(scan, [*arguments, *(("--jobs", "2") if many else ())], standalone_mode=False)
    found = json.loads(result.stdout)["findings"]
    holder = next(name for name, text in NEUTRAL[case].items() if "hunter-orders" in text)
    assert [(row["path"], row["confidence"]) for row in found] == [(holder, "high")]
