"""URLs, connection strings and header values: which part is what, and where it is written."""

from __future__ import annotations

import base64

import pytest

from hardcode_hunter import shapes
from hardcode_hunter.model import Shape

CASES = [
    # (value, shape, role -> value)
    (
        "postgresql://shop:tide@db.internal:5432/shop?sslmode=require",
        Shape.URL,
        {"username": "shop", "password": "tide", "host": "db.internal", "port": "5432", "dbname": "shop"},
    ),
    (
        "postgresql://shop:p%40ss%2Fx@db/shop",
        Shape.URL,
        {"username": "shop", "password": "p@ss/x", "host": "db", "dbname": "shop"},
    ),
    (
        "postgresql+psycopg2://shop:a@b@db/shop",
        Shape.URL,
        {"username": "shop", "password": "a@b", "host": "db", "dbname": "shop"},
    ),
    (
        "postgresql://shop:with/slash@db.internal/shop",
        Shape.URL,
        {"username": "shop", "password": "with/slash", "host": "db.internal", "dbname": "shop"},
    ),
    (
        "mysql://root:tide@[::1]:3306/x",
        Shape.URL,
        {"username": "root", "password": "tide", "host": "[::1]", "port": "3306", "dbname": "x"},
    ),
    (
        "redis://:tide@cache.internal:6379/2",
        Shape.URL,
        {"password": "tide", "host": "cache.internal", "port": "6379", "dbname": "2"},
    ),
    (
        "mongodb+srv://shop:tide@h1.internal:27017,h2.internal:27017/shop?w=1",
        Shape.URL,
        {"username": "shop", "password": "tide", "host": "h1.internal:27017,h2.internal:27017", "dbname": "shop"},
    ),
    ("amqp://shop:tide@mq//", Shape.URL, {"username": "shop", "password": "tide", "host": "mq"}),
    (
        "https://orders:tide@git.internal/shop.git",
        Shape.URL,
        {"username": "orders", "password": "tide", "host": "git.internal"},
    ),
    ("https://api.internal/v2?page=1&api_key=a1b2c3&x=y#top", Shape.URL, {"host": "api.internal", "api_key": "a1b2c3"}),
    (
        "jdbc:postgresql://db/shop?user=shop&password=tide",
        Shape.URL,
        {"host": "db", "dbname": "shop", "username": "shop", "password": "tide"},
    ),
    (
        "host=db user=shop password=tide dbname=shop port=5432",
        Shape.DSN,
        {"host": "db", "username": "shop", "password": "tide", "dbname": "shop", "port": "5432"},
    ),
    (
        r"dbname=shop password='it\'s a tide' user=shop",
        Shape.DSN,
        {"dbname": "shop", "password": "it's a tide", "username": "shop"},
    ),
    (
        "DRIVER={ODBC Driver 17};SERVER=db;UID=sa;PWD={a;b}}c};DATABASE=shop",
        Shape.ODBC,
        {"host": "db", "username": "sa", "password": "a;b}c", "dbname": "shop"},
    ),
    ("Server=db;User Id=shop;Password=tide;", Shape.ODBC, {"host": "db", "username": "shop", "password": "tide"}),
    (
        "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=a1B2==;EndpointSuffix=core.windows.net",
        Shape.ODBC,
        {"username": "shop", "account_key": "a1B2=="},
    ),
    ("Server=db;UID=sa;PWD=a{b;", Shape.ODBC, {"host": "db", "username": "sa", "password": "a{b"}),
    ("jdbc:sqlserver://db:1433;user=sa;password=tide", Shape.ODBC, {"username": "sa", "password": "tide"}),
    ("Bearer abc.def-1", Shape.BEARER, {"token": "abc.def-1"}),
    ("token abc", Shape.BEARER, {"token": "abc"}),
    ("Basic " + base64.b64encode(b"shop:ti:de").decode(), Shape.BASIC, {"username": "shop", "password": "ti:de"}),
    (
        "Basic " + base64.b64encode("shop:səcrət".encode()).decode(),
        Shape.BASIC,
        {"username": "shop", "password": "səcrət"},
    ),
]


@pytest.mark.parametrize("opened", ["", "{", "'", '"'])
def test_a_value_that_the_program_adds_is_not_its_opening_quote(opened: str) -> None:
    text = f"DRIVER={{ODBC Driver 18}};SERVER=db;UID=sa;PWD={opened}"
    assert shapes.recognise(text) is Shape.WHOLE
    assert dict(shapes.extract(Shape.ODBC, text)) == {"host": "db", "username": "sa"}


@pytest.mark.parametrize(("value", "shape", "roles"), CASES, ids=[c[0][:40] for c in CASES])
def test_parts_of_each_shape(value: str, shape: Shape, roles: dict[str, str]) -> None:
    assert shapes.recognise(value) is shape
    assert dict(shapes.extract(shape, value)) == roles
    assert dict(shapes.extract(shape.value, value)) == roles, "the shape may be given by its name"


@pytest.mark.parametrize(("value", "shape"), [c[:2] for c in CASES], ids=[c[0][:40] for c in CASES])
def test_a_part_can_be_replaced_where_it_is_written(value: str, shape: Shape) -> None:
    """A splice at a part's span changes that part and no other."""
    if shape is Shape.BASIC:
        return  # both parts share one span
    before = shapes.extract(shape, value)
    for part in shapes.parse(shape, value):
        spliced = value[: part.start] + "X7" + value[part.end :]
        if part.role == "port":
            spliced = value[: part.start] + "17" + value[part.end :]
        after = shapes.extract(shape, spliced)
        assert {r: v for r, v in after.items() if r != part.role} == {r: v for r, v in before.items() if r != part.role}
        assert after[part.role] in ("X7", "17")


@pytest.mark.parametrize(
    "value",
    [
        "", "tide", "https://docs.internal/a?page=2#b", "redis://cache:6379/2", "redis://:@cache/0", "https://deploy@git.internal/x", "http://localhost:80/api@v2", "sqlite:///shop.db",
        "host=db dbname=shop", "a=b;c=d", "SERVER=db;Trusted_Connection=yes", "key=value", "Basic auth", "Basic " + base64.b64encode(b"nocolon").decode(), "bearer", "mailto:someone@example.com", "password = x; y", "://", "@:@",
    ],
)  # fmt: skip
def test_nothing_secret_is_no_shape(value: str) -> None:
    assert shapes.recognise(value) is Shape.WHOLE


def test_the_engine_is_what_the_scheme_says() -> None:
    said = {
        v: shapes.engine_of(v)
        for v in (
            "postgresql+psycopg2://h/d",
            "mysql+pymysql://h/d",
            "mongodb+srv://h",
            "rediss://h",
            "jdbc:sqlserver://h",
            "https://h",
            "django.db.backends.postgresql",
            "sqlite3",
            "aurora-mysql",
        )
    }
    assert list(said.values()) == ["postgres", "mysql", "mongo", "redis", "sqlserver", "", "postgres", "", "mysql"]


@pytest.mark.parametrize(
    "text",
    [
        "://" * 30_000,
        "a=b;" * 30_000,
        "user=x " * 30_000,
        "postgresql://" + "a:" * 30_000 + "@",
        "Bearer " + "a" * 100_000,
        "DRIVER={" * 20_000,
    ],
)
def test_long_values_end(text: str) -> None:
    shapes.recognise(text)
