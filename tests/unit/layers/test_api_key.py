"""Qdrant's key, of a secret that may be changed at any time."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
import pytest
from moto import mock_aws
from vectors import api_key
from vectors.client import connect
from vectors.errors import UnavailableError
from vectors.index import UserIndex
from vectors.settings import Settings


class LockedQdrant(ThreadingHTTPServer):
    """A Qdrant that counts three points for who has its key; `keys` are those that it was shown."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.key = "first"
        self.keys: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        qdrant = self.server
        assert isinstance(qdrant, LockedQdrant)
        self.rfile.read(int(self.headers["Content-Length"]))
        qdrant.keys.append(self.headers["api-key"])
        admitted = self.headers["api-key"] == qdrant.key
        answer = {"result": {"count": 3}, "status": "ok", "time": 0} if admitted else {"status": "no"}
        body = json.dumps(answer).encode()
        self.send_response(200 if admitted else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def qdrant() -> Iterator[LockedQdrant]:
    with LockedQdrant() as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="us-east-1")
    api_key._read.cache_clear()


def users(qdrant: LockedQdrant, arn: str | None) -> UserIndex:
    settings = Settings.model_validate(
        {"QDRANT_URL": qdrant.url, "EMBEDDING_MODEL": "m", "EMBEDDING_DIMENSION": 2, "QDRANT_SECRET_ARN": arn}
    )
    return UserIndex(connect(settings), "users")


def created(secrets: Any, text: str = '{"apiKey": "first"}') -> str:
    return str(secrets.create_secret(Name="qdrant", SecretString=text)["ARN"])


def test_given_no_secret_when_asked_then_no_key_is_shown(qdrant: LockedQdrant) -> None:
    with pytest.raises(UnavailableError):
        users(qdrant, None).count("tenant-a")
    assert qdrant.keys == [None]


def test_given_a_secret_when_asked_then_its_key_is_read_once(qdrant: LockedQdrant, secrets: Any) -> None:
    index = users(qdrant, created(secrets))
    index.count("tenant-a")
    secrets.put_secret_value(SecretId="qdrant", SecretString='{"apiKey": "second"}')
    assert index.count("tenant-a") == 3
    assert qdrant.keys == ["first", "first"]


def test_given_a_key_that_was_changed_when_it_is_refused_then_the_new_one_is_read(
    qdrant: LockedQdrant, secrets: Any
) -> None:
    index = users(qdrant, created(secrets))
    index.count("tenant-a")
    secrets.put_secret_value(SecretId="qdrant", SecretString='{"apiKey": "second"}')
    qdrant.key = "second"
    assert index.count("tenant-a") == 3
    assert index.count("tenant-a") == 3
    assert qdrant.keys == ["first", "first", "second", "second"]


def test_given_a_key_that_stays_refused_when_asked_then_qdrant_is_asked_once_and_unavailable(
    qdrant: LockedQdrant, secrets: Any
) -> None:
    qdrant.key = "another"
    with pytest.raises(UnavailableError) as refused:
        users(qdrant, created(secrets)).count("tenant-a")
    assert "first" not in str(refused.value)
    assert qdrant.keys == ["first"]


@pytest.mark.parametrize("text", ["first", '{"key": "first"}', "[]"])
def test_given_a_secret_of_another_form_when_asked_then_it_is_named_without_its_content(
    qdrant: LockedQdrant, secrets: Any, text: str
) -> None:
    arn = created(secrets, text)
    with pytest.raises(UnavailableError, match=r'is not {"apiKey"') as refused:
        users(qdrant, arn).count("tenant-a")
    assert arn in str(refused.value)
    assert "first" not in str(refused.value)


def test_given_no_such_secret_when_asked_then_the_parameter_is_named(
    qdrant: LockedQdrant, secrets: Any
) -> None:
    with pytest.raises(UnavailableError, match="Check QdrantSecretArn"):
        users(qdrant, "arn:gone").count("tenant-a")
    assert qdrant.keys == []
