"""The embedded servers are real where a test leans on them: what should be refused is refused."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded import Absent, NotReady
from tests.embedded import postgres as postgres_module
from tests.embedded.aws import EmbeddedAws, embedded_aws
from tests.embedded.child import serving_child
from tests.embedded.environment import clean_environment
from tests.embedded.postgres import EmbeddedPostgres, embedded_postgres

pytest_plugins = ("tests.embedded.fixtures",)

ROOT = Path(__file__).resolve().parents[1]

# --- the endpoint itself


def test_the_server_is_a_child_that_answers_its_owner_alone(aws: EmbeddedAws) -> None:
    assert aws.identity()["process"] != os.getpid()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(aws.endpoint_url + "/embedded/identity")
    assert refused.value.code == 403
    refused.value.close()


def test_the_server_ends_with_its_block() -> None:
    with embedded_aws() as aws:
        process = aws.identity()["process"]
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_the_environment_is_all_that_a_child_needs(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_PROFILE": "someone", "HTTP_PROXY": "http://127.0.0.1:1", "AWS_REGION": "xx-1"}.items():
        monkeypatch.setenv(name, value)
    program = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=clean_environment(aws.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, aws.account), done.stderr


def test_other_services_answer(aws: EmbeddedAws) -> None:
    bucket, parameters, keys, roles = (aws.client(name) for name in ("s3", "ssm", "kms", "iam"))
    bucket.create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": aws.region})
    bucket.put_object(Bucket="code", Key="rotation.zip", Body=b"zip")
    assert bucket.get_object(Bucket="code", Key="rotation.zip")["Body"].read() == b"zip"
    parameters.put_parameter(Name="/prod/token", Value="tern-1", Type="SecureString")
    assert parameters.get_parameter(Name="/prod/token", WithDecryption=True)["Parameter"]["Value"] == "tern-1"
    key = keys.create_key()["KeyMetadata"]["KeyId"]
    sealed = keys.encrypt(KeyId=key, Plaintext=b"tern-2")["CiphertextBlob"]
    assert keys.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"tern-2"
    roles.create_role(RoleName="orders", AssumeRolePolicyDocument="{}")
    assert roles.get_role(RoleName="orders")["Role"]["Arn"].endswith(":role/orders")


def test_reset_empties_the_account(aws: EmbeddedAws) -> None:
    aws.client("secretsmanager").create_secret(Name="tern")
    aws.reset()
    assert aws.client("secretsmanager").list_secrets()["SecretList"] == []


# --- PostgreSQL


def test_wrong_passwords_are_refused(postgres: EmbeddedPostgres) -> None:
    role = f"gull_{uuid.uuid4().hex[:8]}"
    postgres.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'first'")
    assert postgres.accepts(role, "first")
    assert not postgres.accepts(role, "second")
    assert not postgres.accepts(f"{role}_unknown", "first")
    postgres.change_password(role, "it's \\second")
    assert postgres.accepts(role, "it's \\second")
    assert not postgres.accepts(role, "first")
    [[stored]] = postgres.execute(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'")
    assert stored.startswith("SCRAM-SHA-256$")


def test_errors_other_than_a_refusal_are_not_taken_for_one(postgres: EmbeddedPostgres) -> None:
    import pg8000.dbapi

    with pytest.raises(pg8000.dbapi.DatabaseError):
        postgres.accepts("postgres", postgres.password, database="no_such_database")


def test_the_server_listens_on_loopback_alone(postgres: EmbeddedPostgres) -> None:
    settings = dict(
        postgres.execute(
            "SELECT name, setting FROM pg_settings WHERE name LIKE '%listen_addr%' OR name LIKE 'unix_socket_dir%'"
        )
    )
    assert settings == {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
    rules = postgres.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules")
    assert rules == [["scram-sha-256"]]


def each_installed_postgres() -> list[Path]:
    return list(dict.fromkeys(postgres_module._candidates()))


@pytest.mark.parametrize("programs", each_installed_postgres(), ids=lambda path: f"{path.parts[-3]}-{path.parts[-2]}")
def test_every_installed_postgres_serves_and_leaves_nothing(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def only_this() -> Iterator[Path]:
        yield programs

    monkeypatch.setattr(postgres_module, "_candidates", only_this)
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(embedded_postgres())
        except Absent as absent:
            pytest.skip(f"ABSENT: {absent}")
        assert server.version.split(".")[0].isdigit()
        [[data]] = server.execute("SHOW data_directory")
        pid = int((Path(data) / "postmaster.pid").read_text().split()[0])
        assert pid != os.getpid() and not (Path(data).parent / "password").exists()
    assert not Path(data).parent.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_does_not_outlive_a_killed_owner(postgres: EmbeddedPostgres) -> None:
    program = (
        "import sys, tests.embedded.postgres as p\n"
        "with p.embedded_postgres() as server:\n"
        "    print(server.execute('SHOW data_directory')[0][0], flush=True)\n"
        "    sys.stdin.read()\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None and owner.stdin is not None
    data = Path(owner.stdout.readline().strip())
    postmaster = data / "postmaster.pid"
    assert postmaster.exists()
    owner.kill()
    owner.wait()
    owner.stdin.close()
    owner.stdout.close()
    pause = threading.Event()
    for _ in range(600):
        if not postmaster.exists():  # PostgreSQL removes it as the last thing of a clean shutdown
            break
        pause.wait(0.05)
    left = postmaster.exists()
    shutil.rmtree(data.parent, ignore_errors=True)
    assert not left


def test_no_postgres_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres_module, "_candidates", lambda: iter([tmp_path]))
    with pytest.raises(Absent, match="Install the system's postgresql"), embedded_postgres():
        pass


# --- child processes


def test_a_child_that_does_not_start_is_reported_with_its_masked_last_words(tmp_path: Path) -> None:
    program = "import sys; sys.exit('the password is tern-9')"
    with (
        pytest.raises(NotReady) as failed,
        serving_child(
            "the program",
            [sys.executable, "-c", program],
            environment=clean_environment(),
            directory=tmp_path,
            mask=lambda text: text.replace("tern-9", "********"),
        ),
    ):
        pass
    assert "the password is ********" in str(failed.value) and "tern-9" not in str(failed.value)


def test_a_child_that_answers_for_another_is_refused(tmp_path: Path) -> None:
    program = "import json, sys; print(json.dumps({'token': 'another', 'port': 1}), flush=True); sys.stdin.read()"
    with (
        pytest.raises(NotReady),
        serving_child("it", [sys.executable, "-c", program], environment=clean_environment(), directory=tmp_path),
    ):
        pass
