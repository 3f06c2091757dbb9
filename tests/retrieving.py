"""What the tests of the retrievers have in common: the secrets of a project, and a clock."""

from __future__ import annotations

import json
from typing import Any

from hardcode_hunter.model import Access, Home

REGION = "eu-central-1"
INSIDE = (
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "ECS_CONTAINER_METADATA_URI",
    "ECS_CONTAINER_METADATA_URI_V4",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
OLD, NEW = "hunter-orders-2019", "p%/@:'\"\\{}$ é"


def access(secret: str, key: str, home: Home = Home.SECRETS_MANAGER, form: str = "json", name: str = "") -> Access:
    names = {environment: f"{environment}/shop/{secret}" for environment in ("production", "staging")}
    return Access(secret, "shop", name or names["production"], "production", names, home, form, key)


ACCESSES = [
    access("shop-db", "username"),
    access("shop-db", "password"),
    access("deploy-key", "key", form="text"),
    access("mail", "password", Home.PARAMETER_STORE),
    access("token", "token", Home.PARAMETER_STORE, "text"),
    access("aws", "secret_access_key", Home.ROLE),
]


class Clock:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def rotate(manager: Any, password: str = NEW) -> None:
    manager.put_secret_value(
        SecretId="production/shop/shop-db", SecretString=json.dumps({"username": "shop_app", "password": password})
    )
