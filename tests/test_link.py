"""``link``: which sinks a value reaches, through which names. Python from source; other languages from what they hand over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from hardcode_hunter.languages.python.candidates import candidates
from hardcode_hunter.link import DEPTH, MOST, link
from hardcode_hunter.model import Candidate, Evaluated, LiteralType, Plaintext, Position, Reference, Source, Span


@dataclass(frozen=True)
class Case:
    name: str
    files: Mapping[str, str]
    sinks: Mapping[str, tuple[str, ...]]  # value -> "callee parameter via" of each sink, in any order

    def __str__(self) -> str:
        return self.name


USE = "import psycopg2\n"
CASES = [
    Case("a constant", {"a.py": USE + 'PW = "v"\ndef f():\n    psycopg2.connect(password=PW)\n'}, {"v": ("psycopg2.connect password via PW",)}),
    Case("two uses", {"a.py": USE + 'PW = "v"\npsycopg2.connect(password=PW)\nprint(PW)\n'}, {"v": ("psycopg2.connect password via PW", "print #0 via PW")}),
    Case("rebound", {"a.py": USE + 'A = "v"\nB = A\nC = B\npsycopg2.connect(password=C)\n'}, {"v": ("psycopg2.connect password via A, B, C",)}),
    Case("shadowed", {"a.py": USE + 'PW = "v"\ndef f(PW):\n    psycopg2.connect(password=PW)\n'}, {"v": ()}),
    Case("local", {"a.py": USE + 'def f():\n    pw = "v"\n    psycopg2.connect(password=pw)\ndef g():\n    pw = "w"\n    print(pw)\n'}, {"v": ("psycopg2.connect password via f.pw",), "w": ("print #0 via g.pw",)}),
    Case("default", {"a.py": USE + 'def f(pw="v"):\n    psycopg2.connect(password=pw)\n'}, {"v": ("psycopg2.connect password via f.pw",)}),
    Case("argument of an own function", {"a.py": USE + 'def f(host, pw):\n    psycopg2.connect(password=pw)\nf("h", "v")\n'}, {"v": ("psycopg2.connect password via f.pw",)}),
    Case("a constant through an own function", {"a.py": USE + 'V = "v"\ndef f(pw):\n    psycopg2.connect(password=pw)\nf(V)\n'}, {"v": ("f #0 via V", "psycopg2.connect password via V, f.pw")}),
    Case("own object", {"a.py": USE + 'class C:\n    def __init__(self, pw="v"):\n        self.pw = pw\n    def go(self):\n        psycopg2.connect(password=self.pw)\n'}, {"v": ("psycopg2.connect password via C.__init__.pw, C.pw",)}),
    Case("class attribute", {"a.py": USE + 'class C:\n    PW = "v"\n    def go(self):\n        psycopg2.connect(password=self.PW)\npsycopg2.connect(password=C.PW)\n'}, {"v": ("psycopg2.connect password via C.PW",) * 2}),
    Case("returned", {"a.py": USE + 'def get():\n    return "v"\npsycopg2.connect(password=get())\n'}, {"v": ("psycopg2.connect password via get()",)}),
    Case("property", {"a.py": USE + 'class C:\n    @property\n    def pw(self):\n        return "v"\n    def go(self):\n        psycopg2.connect(password=self.pw)\n'}, {"v": ("psycopg2.connect password via C.pw",)}),
    Case("item", {"a.py": USE + 'D = {"x": {"pw": "v"}, "y": "w"}\npsycopg2.connect(password=D["x"]["pw"])\n'}, {"v": ("psycopg2.connect password via D.x.pw",), "w": ()}),
    Case("unpacked mapping", {"a.py": USE + 'D = {"host": "h", "password": "v"}\npsycopg2.connect(**D)\n'}, {"v": ("psycopg2.connect password via D",), "h": ("psycopg2.connect host via D",)}),
    Case("unpacked tuple", {"a.py": 'D = ("h", "u", "v")\nimport pymysql\npymysql.connect(*D)\n'}, {"v": ("pymysql.connect #2 via D",)}),
    Case("tuple as argument", {"a.py": 'import requests\nA = ("u", "v")\nrequests.get("x", auth=A)\n'}, {"v": ("requests.get auth[1] via A",), "u": ("requests.get auth[0] via A",)}),
    Case("mapping as argument", {"a.py": 'import requests\nH = {"Authorization": "v"}\nrequests.get("x", headers=H)\n'}, {"v": ("requests.get headers.Authorization via H",)}),
    Case("alias of a mapping", {"a.py": USE + 'D = {"password": "v"}\nE = D\npsycopg2.connect(password=E["password"])\n'}, {"v": ("psycopg2.connect password via D, E.password",)}),
    Case("unpacked names", {"a.py": USE + 'D = ("u", "v")\nuser, pw = D\npsycopg2.connect(password=pw)\n'}, {"v": ("psycopg2.connect password via D[1], pw",)}),
    Case("f-string", {"a.py": 'import requests\nT = "v"\nrequests.get("x", headers={"Authorization": f"Bearer {T}"})\n'}, {"v": ("requests.get headers.Authorization via T",)}),
    Case("sum", {"a.py": 'import requests\nT = "v"\nrequests.get("x", headers={"Authorization": "Bearer " + T})\n'}, {"v": ("requests.get headers.Authorization via T",)}),
    Case("env default in a call", {"a.py": USE + 'import os\npsycopg2.connect(password=os.getenv("X", "v"))\n'}, {"v": ("psycopg2.connect password via os.getenv",)}),
    Case("imported", {"shop/conf.py": 'PW = "v"\n', "shop/db.py": USE + "from shop.conf import PW\npsycopg2.connect(password=PW)\n"}, {"v": ("psycopg2.connect password via PW",)}),
    Case("imported under another name", {"src/shop/conf.py": 'PW = "v"\n', "src/shop/db.py": USE + "from shop.conf import PW as p\npsycopg2.connect(password=p)\n"}, {"v": ("psycopg2.connect password via PW",)}),
    Case("module", {"shop/conf.py": 'PW = "v"\n', "db.py": USE + "import shop.conf\npsycopg2.connect(password=shop.conf.PW)\n"}, {"v": ("psycopg2.connect password via PW",)}),
    Case("module from package", {"shop/conf.py": 'PW = "v"\n', "db.py": USE + "from shop import conf\npsycopg2.connect(password=conf.PW)\n"}, {"v": ("psycopg2.connect password via conf.PW",)}),
    Case("package", {"shop/conf/__init__.py": 'PW = "v"\n', "db.py": USE + "from shop.conf import PW\npsycopg2.connect(password=PW)\n"}, {"v": ("psycopg2.connect password via PW",)}),
    Case("relative", {"src/shop/conf.py": 'PW = "v"\n', "src/shop/api/db.py": USE + "from ..conf import PW\npsycopg2.connect(password=PW)\n"}, {"v": ("psycopg2.connect password via PW",)}),
    Case("class from module", {"shop/conf.py": 'class C:\n    PW = "v"\n', "db.py": USE + "from shop.conf import C\npsycopg2.connect(password=C.PW)\n"}, {"v": ("psycopg2.connect password via C.PW",)}),
    Case("function from module", {"shop/conf.py": 'def get():\n    return "v"\n', "db.py": USE + "from shop.conf import get\npsycopg2.connect(password=get())\n"}, {"v": ("psycopg2.connect password via get()",)}),
    Case("star", {"conf.py": 'PW = "v"\n', "db.py": USE + "from conf import *\npsycopg2.connect(password=PW)\n"}, {"v": ("psycopg2.connect password via PW",)}),
    Case("nearest of two", {"a/conf.py": 'PW = "v"\n', "b/conf.py": 'PW = "w"\n', "a/db.py": USE + "from conf import PW\npsycopg2.connect(password=PW)\n"}, {"v": ("psycopg2.connect password via PW",), "w": ()}),
    Case("two that fit", {"a/conf.py": 'PW = "v"\n', "b/conf.py": 'PW = "w"\n', "c/db.py": USE + "from conf import PW\npsycopg2.connect(password=PW)\n"}, {"v": (), "w": ()}),
    Case("another library's module", {"json.py": 'PW = "v"\n', "db.py": USE + "from shop.json2 import PW\npsycopg2.connect(password=PW)\n"}, {"v": ()}),
    Case("rebound across files", {"conf.py": 'PW = "v"\n', "db.py": "from conf import PW\nDB = {'password': PW}\n", "run.py": USE + "from db import DB\npsycopg2.connect(**DB)\n"}, {"v": ("psycopg2.connect password via PW, DB",)}),
    Case("django", {"site/settings.py": 'API = "v"\n', "app/x.py": "from django.conf import settings\nimport stripe\nstripe.Client(settings.API)\n"}, {"v": ("stripe.Client #0 via API",)}),
    Case("django, two settings modules", {"site/settings.py": 'API = "v"\n', "site/settings_prod.py": 'API = "w"\n', "app/x.py": "from django.conf import settings\nprint(settings.API)\n"}, {"v": (), "w": ()}),
    Case("flask class", {"shop/settings.py": 'class Config:\n    API = "v"\n', "shop/x.py": "from flask import current_app\nprint(current_app.config['API'])\n"}, {"v": ("print #0 via API",)}),
    Case("flask item", {"shop/app.py": 'app.config["API"] = "v"\n', "shop/x.py": "from flask import current_app\nprint(current_app.config.get('API'))\n"}, {"v": ("print #0 via API",)}),
    Case("flask, no settings", {"shop/models.py": 'API = "v"\n', "shop/x.py": "from flask import current_app\nprint(current_app.config['API'])\n"}, {"v": ()}),
    Case("django database", {"site/settings.py": 'DATABASES = {"default": {"PASSWORD": "v"}}\n', "x.py": USE + "from django.conf import settings\npsycopg2.connect(password=settings.DATABASES['default']['PASSWORD'])\n"}, {"v": ("psycopg2.connect password via DATABASES.default.PASSWORD",)}),
    Case("cycle", {"a.py": USE + 'A = "v"\nA = B\nB = A\npsycopg2.connect(password=B)\n'}, {"v": ("psycopg2.connect password via A, B",)}),
    Case("a function that is passed on", {"a.py": 'import threading\ndef f():\n    pw = "v"\nthreading.Thread(target=f)\n'}, {"v": ()}),
]  # fmt: skip


def linked(files: Mapping[str, str]) -> tuple[Candidate, ...]:
    found: list[Candidate] = []
    references: list[Reference] = []
    for path, text in files.items():
        extraction = candidates(Source(path, text.encode(), "python"), None)
        assert not extraction.problems
        found += extraction.candidates
        references += extraction.references
    return link(found, references)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_sinks(case: Case) -> None:
    found = linked(case.files)
    for value, expected in case.sinks.items():
        rows = [c for c in found if c.value.reveal() == value]
        assert len(rows) == 1
        assert sorted(f"{s.callee} {s.parameter} via {s.via}" for s in rows[0].sinks) == sorted(expected)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_only_sinks_are_added_and_the_order_of_files_does_not_matter(case: Case) -> None:
    found = linked(case.files)
    backwards = {c.fingerprint: c for c in linked(dict(reversed(list(case.files.items()))))}
    for candidate in found:
        assert set(backwards[candidate.fingerprint].sinks) == set(candidate.sinks)
    bare = [c for path, text in case.files.items() for c in candidates(Source(path, text.encode()), None).candidates]
    assert [replace(c, sinks=(), language="") for c in found] == [replace(c, sinks=(), language="") for c in bare]
    for before, after in zip(bare, found, strict=True):
        assert after.sinks[: len(before.sinks)] == before.sinks
    again = link(found, [])
    assert again == found


def test_a_sink_says_when_it_runs_and_what_its_siblings_share() -> None:
    found = {
        c.value.reveal(): c
        for c in linked({"a.py": USE + 'U = "u"\nPW = "v"\ndef f():\n    psycopg2.connect(user=U, password=PW)\n'})
    }
    user, password = found["u"].sinks[0], found["v"].sinks[0]
    assert (password.path, password.line, password.evaluated) == ("a.py", 5, Evaluated.CALL)
    assert user.scope == password.scope and user.scope.startswith("call@")


# ------------------------------------------------------------ what other languages hand over


def literal(defines: str, value: str = "v", path: str = "t.yaml", name: str = "Default") -> Candidate:
    return Candidate(
        path=path,
        language="any",
        span=Span(0, 1),
        line=1,
        end_line=1,
        column=1,
        value=Plaintext(value),
        literal=LiteralType.STR,
        position=Position.PARAMETER_DEFAULT,
        name=name,
        symbol=defines.partition("#")[2],
        defines=defines,
    )


def use(
    target: str, *, resource: str = "", parameter: str = "", defines: str = "", symbol: str = "", path: str = "t.yaml"
) -> Reference:
    return Reference(
        path=path,
        language="any",
        span=Span(5, 6),
        line=3,
        target=target,
        resource=resource,
        parameter=parameter,
        defines=defines,
        symbol=symbol,
        evaluated=Evaluated.DEPLOY,
    )


def test_cloudformation_parameter() -> None:
    (found,) = link(
        [literal("t.yaml#Parameters/DbPassword")],
        [use("t.yaml#Parameters/DbPassword", resource="AWS::RDS::DBInstance", parameter="MasterUserPassword")],
    )
    assert [(s.resource, s.parameter, s.via, s.evaluated) for s in found.sinks] == [
        ("AWS::RDS::DBInstance", "MasterUserPassword", "Ref DbPassword", Evaluated.DEPLOY)
    ]


def test_parameter_file_reaches_the_property_through_the_template() -> None:
    hops = [
        use("infra#Parameters/DbPassword", defines="infra/t.yaml#Parameters/DbPassword"),
        use("infra/t.yaml#Parameters/DbPassword", resource="AWS::RDS::DBInstance", parameter="MasterUserPassword"),
    ]
    (found,) = link([literal("infra#Parameters/DbPassword", path="infra/params.json")], hops)
    assert [(s.resource, s.via) for s in found.sinks] == [("AWS::RDS::DBInstance", "Ref DbPassword")]


def test_terraform_variable_through_a_module() -> None:
    hops = [
        use("live#var.db_password", defines="modules/db#var.password", symbol="module.db.db_password"),
        use("modules/db#var.password", resource="aws_db_instance", parameter="password"),
    ]
    (found,) = link([literal("live#var.db_password", path="live/x.tf")], hops)
    assert [(s.resource, s.parameter, s.via) for s in found.sinks] == [
        ("aws_db_instance", "password", "var.db_password, module.db, var.password")
    ]


def test_names_with_a_common_start_are_different_names() -> None:
    uses = [use("d#var.db", resource="r", parameter="p"), use("t.yaml#Parameters/Db", resource="r", parameter="p")]
    found = link([literal("d#var.db.x"), literal("t.yaml#Parameters/DbPassword"), literal("d#var.database")], uses)
    assert [c.sinks for c in found] == [(), (), ()]


def test_the_depth_is_bounded() -> None:
    chain = [
        use(f"d#local.x{n}", defines=f"d#local.x{n + 1}", resource=f"r{n}", parameter="p") for n in range(DEPTH + 5)
    ]
    (found,) = link([literal("d#local.x0")], chain)
    assert [s.resource for s in found.sinks] == [f"r{n}" for n in range(DEPTH)]


def test_a_value_used_everywhere_keeps_a_bounded_number_of_sinks() -> None:
    uses = [replace(use("d#var.x", resource="r", parameter="p"), line=n) for n in range(MOST * 3)]
    (found,) = link([literal("d#var.x")], uses)
    assert len(found.sinks) == MOST


def test_nothing_to_link() -> None:
    assert link([], []) == ()
    lone = literal("")
    assert link([lone], [use("x#var.y", resource="r")]) == (lone,)
