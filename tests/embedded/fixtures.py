"""pytest fixtures over the embedded servers: name this module in ``pytest_plugins``.

One AWS endpoint and one server of each database serve the whole session; ``aws`` is emptied before each test that uses it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.embedded import Absent
from tests.embedded.aws import EmbeddedAws, embedded_aws
from tests.embedded.mariadb import EmbeddedMariaDB, embedded_mariadb
from tests.embedded.postgres import EmbeddedPostgres, embedded_postgres
from tests.embedded.redis import EmbeddedRedis, embedded_redis
from tests.embedded.shop_credentials import ShopCredentials, shop_credentials


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[EmbeddedAws]:
    with embedded_aws() as aws:
        yield aws


@pytest.fixture
def aws(aws_endpoint: EmbeddedAws) -> EmbeddedAws:
    """An empty AWS account."""
    aws_endpoint.reset()
    return aws_endpoint


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL server, shared: a test makes its own roles and databases. Skips, with the reason, without one."""
    try:
        server = embedded_postgres()
        with server as running:
            yield running
    except Absent as absent:
        pytest.skip(f"ABSENT: {absent}")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[EmbeddedMariaDB]:
    """A MariaDB server, shared: a test makes its own accounts and databases. Skips, with the reason, without one."""
    try:
        with embedded_mariadb() as running:
            yield running
    except Absent as absent:
        pytest.skip(f"ABSENT: {absent}")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """A Redis server, shared: a test makes its own users. Skips, with the reason, without one."""
    try:
        with embedded_redis() as running:
            yield running
    except Absent as absent:
        pytest.skip(f"ABSENT: {absent}")


@pytest.fixture(scope="session")
def credentials() -> ShopCredentials:
    """What is hardcoded in the bundled application."""
    return shop_credentials()
