"""An emulator that enforces IAM, with the table and the tenant roles of template.yaml."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from mesh import paths, process
from tenant_auth import dynamodb

from tests import sam

ACCOUNT = "000000000000"
REGION = "us-east-1"
ROOT = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}  # fakecloud lets `test` do anything
ROLES = {
    "create_user": "CreateUserTenantRole",
    "import_users": "ImportUsersTenantRole",
    "get_user": "GetUserTenantRole",
    "update_user": "UpdateUserTenantRole",
    "delete_user": "DeleteUserTenantRole",
    "list_users": "ListUsersTenantRole",
    "search": "SearchTenantRole",
}

ENRICH_ROLE = "EnrichRole"

_SOURCES = Path(__file__).parent / "emulator"
_TARGET = paths.CACHE / "iam"
_BUILD_SECONDS = 900


@pytest.fixture(scope="session")
def emulator() -> Path:
    """The emulator's program, built from crates.io."""
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("cargo is not here: the emulator that enforces IAM is built from crates.io")
    subprocess.run(
        [cargo, "build", "--locked", "--quiet"],
        cwd=_SOURCES,
        env={**os.environ, "CARGO_TARGET_DIR": str(_TARGET)},
        check=True,
        timeout=_BUILD_SECONDS,
    )
    return _TARGET / "debug" / "iam-dynamodb"


@pytest.fixture(scope="session")
def endpoint(emulator: Path) -> Iterator[str]:
    port = process.free_port()
    running = subprocess.Popen([emulator, f"127.0.0.1:{port}"])
    try:
        assert process.wait_until(lambda: _listens(port), 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()


@pytest.fixture(scope="session")
def root(endpoint: str) -> Any:
    """DynamoDB without limits, with the template's table."""
    client = boto3.client("dynamodb", endpoint_url=endpoint, region_name=REGION, **ROOT)
    (table,) = sam.resources("AWS::DynamoDB::Table").values()
    client.create_table(TableName=sam.TABLE_NAME, **{name: table[name] for name in sam.TABLE_PROPERTIES})
    return client


@pytest.fixture(scope="session")
def function_keys(endpoint: str, root: Any) -> dict[str, str]:
    """The access key that stands for the functions' own roles, which the tenant roles trust."""
    iam = boto3.client("iam", endpoint_url=endpoint, region_name=REGION, **ROOT)
    iam.create_user(UserName="function")
    iam.put_user_policy(UserName="function", PolicyName="assume", PolicyDocument=json.dumps(_assume()))
    for logical_id in (*ROLES.values(), ENRICH_ROLE):
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/function"},
                }
            ],
        }
        iam.create_role(RoleName=logical_id, AssumeRolePolicyDocument=json.dumps(trust))
        policies = sam.resources("AWS::IAM::Role")[logical_id]["Policies"]
        (policy,) = [each for each in policies if "dynamodb:" in str(each)]
        iam.put_role_policy(
            RoleName=logical_id,
            PolicyName="users",
            PolicyDocument=json.dumps(_with_arn(policy["PolicyDocument"])),
        )
    key = iam.create_access_key(UserName="function")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


@pytest.fixture
def enrich(endpoint: str, function_keys: dict[str, str]) -> Any:
    """DynamoDB as enrich reaches it, by its own role."""
    key, secret = function_keys.values()
    reached = {"endpoint_url": endpoint, "region_name": REGION}
    sts = boto3.client("sts", **reached, aws_access_key_id=key, aws_secret_access_key=secret)
    role = f"arn:aws:iam::{ACCOUNT}:role/{ENRICH_ROLE}"
    given = sts.assume_role(RoleArn=role, RoleSessionName="enrich")["Credentials"]
    return boto3.client(
        "dynamodb",
        **reached,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


@pytest.fixture(params=ROLES)
def function(
    request: pytest.FixtureRequest,
    endpoint: str,
    function_keys: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """Each function that acts for tenants: this process has its environment and its credentials."""
    environment = {
        **function_keys,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "TENANT_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/{ROLES[request.param]}",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for cache in (dynamodb._client, dynamodb._credentials, dynamodb._sts):
        cache.cache_clear()
    yield request.param
    for cache in (dynamodb._client, dynamodb._credentials, dynamodb._sts):
        cache.cache_clear()


def _assume() -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::{ACCOUNT}:role/*"}
        ],
    }


def _with_arn(document: Any) -> Any:
    """Put the table's ARN where the template refers to it."""
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{sam.TABLE_NAME}"
    text = json.dumps(document).replace(json.dumps({"Fn::GetAtt": ["UsersTable", "Arn"]}), json.dumps(arn))
    return json.loads(text)


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
