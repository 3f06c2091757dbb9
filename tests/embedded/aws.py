"""An AWS endpoint on loopback: moto's server in a child process, corrected where it is too kind to be a test.

Secrets Manager, Parameter Store, KMS, IAM, STS, Lambda, S3, RDS and CloudFormation with the ``AWS::SecretsManager``
types. Nothing is invoked: a rotation is begun here and its four steps are driven by the caller, against a real
database, which is the part worth testing.
"""

from __future__ import annotations

import contextlib
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.embedded import NotReady
from tests.embedded.child import serving_child
from tests.embedded.environment import clean_environment

ACCOUNT = "123456789012"
REGION = "eu-central-1"
ROTATION_FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotation"
_ROOT = Path(__file__).resolve().parents[2]
_CREDENTIAL = "testing"  # what moto's own documentation uses; no AWS account knows it


class Refused(RuntimeError):
    """The embedded service refused to begin a rotation: the service's error code and message."""


@dataclass(frozen=True, slots=True)
class EmbeddedAws:
    """A running endpoint. ``environment`` is all that a child process needs to reach it, and nothing else."""

    endpoint_url: str
    token: str
    account: str = ACCOUNT
    region: str = REGION

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": _CREDENTIAL,
            "AWS_SECRET_ACCESS_KEY": _CREDENTIAL,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            # No profile of the person who runs the tests: both files are empty.
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "NO_PROXY": "*",
        }

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client of this endpoint, independent of the caller's environment and configuration files."""
        import boto3
        from botocore.config import Config

        return boto3.session.Session(
            aws_access_key_id=_CREDENTIAL, aws_secret_access_key=_CREDENTIAL, region_name=region or self.region
        ).client(
            service,
            endpoint_url=self.endpoint_url,
            config=Config(proxies={}, retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def begin_rotation(self, secret_id: str, token: str) -> dict[str, list[str]]:
        """Put the secret where the service has it before createSecret: ``token`` is AWSPENDING and has no value.

        Rotation has to be on (a RotationSchedule, ``rotate_secret`` or :meth:`enable_rotation`). Answers the secret's
        VersionIdsToStages. Raises :class:`Refused` when another rotation is under way.
        """
        return self._rotation({"secret": secret_id, "token": token})

    def enable_rotation(self, secret_id: str, rules: Mapping[str, Any] | None = None) -> dict[str, list[str]]:
        """Rotation on, for a test of the four steps alone: no function needs to exist, none is invoked."""
        enable = {"function": ROTATION_FUNCTION, "rules": dict(rules or {"AutomaticallyAfterDays": 30})}
        return self._rotation({"secret": secret_id, "enable": enable})

    def reset(self) -> None:
        """Empty every service."""
        self._call("/moto-api/reset", b"")

    def identity(self) -> dict[str, Any]:
        """The process and account of the server; refused unless the server is the one that was started."""
        return self._call("/embedded/identity", None)

    def _rotation(self, wanted: dict[str, Any]) -> dict[str, list[str]]:
        answer = self._call("/embedded/rotation", json.dumps({"region": self.region, **wanted}).encode())
        stages: dict[str, list[str]] = answer["VersionIdsToStages"]
        return stages

    def _call(self, path: str, body: bytes | None) -> dict[str, Any]:
        request = urllib.request.Request(self.endpoint_url + path, data=body, headers={"X-Embedded-Token": self.token})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=30) as response:
                answer: dict[str, Any] = json.load(response)
        except urllib.error.HTTPError as refused:
            with refused:
                said = json.load(refused)
            raise Refused(f"{said.get('error')}: {said.get('message', '')}") from None
        return answer


@contextlib.contextmanager
def embedded_aws() -> Iterator[EmbeddedAws]:
    """An empty AWS account on loopback, gone when the block ends."""
    command = [sys.executable, "-m", "tests.embedded.aws_server"]
    environment = clean_environment({"AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true"})
    with serving_child("the AWS endpoint", command, environment=environment, directory=_ROOT) as (port, token):
        aws = EmbeddedAws(f"http://127.0.0.1:{port}", token)
        identity = aws.identity()
        if identity["account"] != ACCOUNT:
            raise NotReady(f"the AWS endpoint answers for account {identity['account']}, not {ACCOUNT}")
        yield aws
