"""Planted credentials are found by the whole scanner: 40 values in 40 positions of each language, alone in their file.

Each plant is asked twice: whether the screen lets its file through, with nothing else in it that could, and whether the scanner then finds
it at its length. A change to a filter, a word list or the screen that loses one fails here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hardcode_hunter import parts, ruleset, screen
from hardcode_hunter.discover import Walk
from hardcode_hunter.model import Finding
from hardcode_hunter.ruleset import RuleSet

WORDS = [
    "letmein",
    "television",
    "prod-db-pass",
    "Summer2019",
    "hunter2",
    "dragonfly",
    "tide!",
    "correcthorse",
    "monkey42",
    "welcome1",
    "s3cr3t",
    "Pa55word",
    "qwerty12",
    "iloveyou",
    "trustno1",
    "starwars",
    "winter24",
    "baseball",
    "shadow99",
    "superman",
    "root1234",
    "admin123",
    "oracle11",
    "changed-it",
    "tiger!!",
    "abc-789-xyz",
    "mypw2020",
    "zaq12wsx",
    "football",
    "harley01",
]
STRONG = [
    "q8Lw-tide-41x",
    "Zx91-kT7q_pLw3sV",
    "a1b2C3d4e5F6a7b8c9d0",
    "p@ss/w0rd:19",
    "x=y&z%4199",
    "#9f!Qa+7",
    "gT5$kk2mQz9",
    "0Vx-77-aa-Qe1",
    "Mn0!pQ2@rS4",
    "uK83jsQm2Lp0",
]
VALUES = (*WORDS, *STRONG)
PYTHON = [
    'PASSWORD = "{v}"\n',
    "PASSWORD = '{v}'\n",
    'password: str = "{v}"\n',
    'ORDERS_DB_PASSWORD = "{v}"\n',
    'dbPassword = "{v}"\n',
    'passwd = ("{v}")\n',
    'passwd = (\n    "{v}"\n)\n',
    'db_pwd = "{v}" if debug else None\n',
    'form = {{"password1": "{v}"}}\n',
    'conf = {{"user": "shop", "passwd": "{v}"}}\n',
    'conf = {{\n    "user": "shop",\n    "passwd": "{v}",\n}}\n',
    'DATABASES = {{"default": {{"NAME": "x", "PASSWORD": "{v}"}}}}\n',
    'app.config["MYSQL_PASSWORD"] = "{v}"\n',
    'os.environ["DB_PASSWORD"] = "{v}"\n',
    'class A:\n    def __init__(self):\n        self.password = "{v}"\n',
    'class Config:\n    SMTP_PASSWORD = "{v}"\n',
    'connect(user="shop", password="{v}")\n',
    'connect(\n    user="shop",\n    password="{v}",\n)\n',
    'connect(\n    user="shop",\n    password=(\n        "{v}"\n    ),\n)\n',
    'def f(user, password="{v}"):\n    pass\n',
    'def f(user, *, password: str = "{v}"):\n    pass\n',
    'import os\nx = os.environ.get("DB_PASSWORD", "{v}")\n',
    'import os\nx = os.getenv(\n    "DB_PASSWORD",\n    "{v}",\n)\n',
    'import os\nx = os.environ.get("DB_PASSWORD") or "{v}"\n',
    'if password == "{v}":\n    pass\n',
    'if "{v}" == password:\n    pass\n',
    'ok = user == "shop" and passwd == "{v}"\n',
    'conf = dict(password="{v}")\n',
    'conf.setdefault("DB_PASSWORD", "{v}")\n',
    'setattr(conf, "password", "{v}")\n',
    'import pymysql\npymysql.connect("db", "shop", "{v}", "x")\n',
    'import smtplib\ns = smtplib.SMTP("h")\ns.login("u", "{v}")\n',
    'from psycopg2 import connect as c\nc(host="h", user="u", password="{v}")\n',
    'import requests\nrequests.get("https://x.internal", auth=("shop", "{v}"))\n',
    'import paramiko\nc = paramiko.SSHClient()\nc.connect("h", username="u", password="{v}")\n',
    'import psycopg2\nPASSPHRASE_OF_SHOP = PW = "{v}"\npsycopg2.connect(host="h", password=PW)\n',
    'password = first = "{v}"\n',
    'user, password = "shop", "{v}"\n',
    'PASSWORD = r"{v}"\n',
    'settings.db.password = "{v}"\n',
]
YAML = [
    "password: '{v}'\n",
    'password: "{v}"\n',
    "db_password: '{v}'\n",
    "dbPassword: '{v}'\n",
    "DB-PASSWORD: '{v}'\n",
    "database:\n  user: shop\n  password: '{v}'\n",
    "services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: '{v}'\n",
    "env:\n  - name: DB_PASSWORD\n    value: '{v}'\n",
    "env:\n  - value: '{v}'\n    name: DB_PASSWORD\n",
    "spring:\n  datasource:\n    password: '{v}'\n",
    "spring.datasource.password: '{v}'\n",
    "- user: shop\n  passwd: '{v}'\n",
    "{{user: shop, password: '{v}'}}\n",
    "# password: '{v}'\nuser: shop\n",
    "password:   '{v}'   # of the shop\n",
    "password:\n  '{v}'\n",
    "password: !!str '{v}'\n",
    "password: &pw '{v}'\n",
    "'password': '{v}'\n",
    "ansible_become_pass: '{v}'\n",
]
JSON = [
    '{{"password": "{v}"}}\n',
    '{{"database": {{"user": "shop", "password": "{v}"}}}}\n',
    '{{\n  "database": {{\n    "password": "{v}"\n  }}\n}}\n',
    '{{"dbPassword": "{v}", "port": 1}}\n',
    '[{{"name": "DB_PASSWORD", "value": "{v}"}}]\n',
    '[{{"value": "{v}", "name": "DB_PASSWORD"}}]\n',
    '{{"env": [{{"user": "shop"}}, {{"passwd": "{v}"}}]}}\n',
    '{{"smtp_password" : "{v}"}}\n',
    '{{"a":1,"b":2,"password":"{v}","c":3}}\n',
    '{{"config": "{{\\"password\\": \\"{v}\\"}}"}}\n',
]
LANGUAGES = {"app.py": ("python", PYTHON), "conf.yaml": ("yaml", YAML), "conf.json": ("json", JSON)}


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return ruleset.load()


def found(name: str, data: bytes, rules: RuleSet) -> tuple[Finding, ...]:
    inspector = parts.Inspector(rules, b"k", lambda _: data, Walk(Path("/")))
    return inspector.part((name,)).findings


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_screen_turns_away_no_plant(name: str, rules: RuleSet) -> None:
    kind, forms = LANGUAGES[name]
    looks = screen.of(rules)
    lost = [(form, v) for form in forms for v in VALUES if not looks.judge(form.format(v=v).encode(), kind).worth]
    assert not lost


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_plant_is_found_by_the_scanner(name: str, rules: RuleSet) -> None:
    _, forms = LANGUAGES[name]
    lost = [
        (form, v)
        for number, form in enumerate(forms)
        for v in VALUES[number % 2 :: 2]  # each value in every other position: the screen is asked about all
        if not any(f.length == len(v) for f in found(name, form.format(v=v).encode(), rules))
    ]
    assert not lost
