import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from copy import copy
from functools import cache
from types import ModuleType
from typing import Any

import boto3
import pytest
from mesh.deployment.function_source import load_function
from moto import mock_aws
from moto.core.models import MockAWS

from tests import sam
from tests.unit import gateway
from tests.unit.fakes import DynamoFaults, FakeKafka, FakeModel, FakeQdrant

LAYERS = ("tenant_auth", "tracing", "users", "vectors")
_CACHE = type(cache(len))


class Stdout(io.TextIOBase):
    """Whatever stdout is at the moment: pytest gives every phase of a test its own."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)


class Function:
    """A function in an execution environment of its own."""

    def __init__(self, name: str, module: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
        self.name = name
        self.module = module
        self.module.logger.registered_handler.setStream(Stdout())
        self._capsys = capsys
        self._lines: list[str] = []

    def invoke(self, event: dict[str, Any]) -> Any:
        """Call the handler as Lambda does, with its own copy of the event."""
        return self.module.lambda_handler(json.loads(json.dumps(event)), gateway.LambdaContext(self.name))

    def http(self, method: str, path: str, **parts: Any) -> gateway.Answer:
        """Send a request through API Gateway."""
        return gateway.answer(self.invoke(gateway.request(method, path, **parts)))

    def lines(self) -> list[str]:
        """Return every line that went to stdout."""
        self._lines += self._capsys.readouterr().out.splitlines()
        return self._lines

    def logs(self, **fields: Any) -> list[dict[str, Any]]:
        """Return the log lines that have these fields."""
        found = [line for line in map(json.loads, self.lines()) if "_aws" not in line]
        return [line for line in found if fields.items() <= line.items()]

    def metrics(self) -> list[dict[str, Any]]:
        """Return the metrics in CloudWatch's embedded format."""
        return [line for line in map(json.loads, self.lines()) if "_aws" in line]


ColdStart = Callable[[str], Function]


@pytest.fixture
def fresh_layers() -> Iterator[None]:
    """Have the layers imported anew, as a new execution environment does: nothing in them is cached."""
    imported = _take_layers()
    yield
    _take_layers()
    sys.modules.update(imported)


def _take_layers() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] in LAYERS]
    return {name: sys.modules.pop(name) for name in names}


class Loaded:
    """A function and its layers, imported once: what a test leaves in them is undone for the next."""

    def __init__(self, name: str) -> None:
        _take_layers()
        logging.root.manager.loggerDict.pop(name, None)  # it has the level of another environment
        with pytest.MonkeyPatch.context() as patch:
            for path in ("kafka.KafkaProducer", "qdrant_client.QdrantClient", "fastembed.TextEmbedding"):
                patch.setattr(path, _as_patched_when_called(path))
            self.module = load_function(name)
        self._layers = _take_layers()
        self._imported = [(vars(each), dict(vars(each))) for each in (self.module, *self._layers.values())]
        values = [value for _, names in self._imported for value in names.values()]
        methods = [method for value in values if isinstance(value, type) for method in vars(value).values()]
        functions = [getattr(value, "__func__", value) for value in (*values, *methods)]
        self._caches = [each for each in functions if isinstance(each, _CACHE)]

    def anew(self) -> ModuleType:
        """Return the function as if it had been imported now: as it was written, and with empty caches."""
        _take_layers()
        sys.modules.update(self._layers)
        for names, imported in self._imported:
            names.clear()
            names.update(imported)
            names.update({name: copy(value) for name, value in imported.items() if type(value) is dict})
        for each in self._caches:
            each.cache_clear()
        return self.module


def _as_patched_when_called(path: str) -> Callable[..., Any]:
    """Return what calls whatever stands at `path` by then: a test's own fake."""
    module, _, name = path.partition(".")
    return lambda *arguments, **options: getattr(sys.modules[module], name)(*arguments, **options)


@cache
def loaded(name: str, environment: frozenset[tuple[str, str]]) -> Loaded:
    """Return a function as these environment variables have it: to import it takes longer than most tests."""
    return Loaded(name)


@pytest.fixture
def cold_start(
    fresh_layers: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> ColdStart:
    """Start a function with the environment variables that template.yaml gives to it."""
    outside = set(os.environ)

    def start(name: str) -> Function:
        for variable in set(os.environ) - outside:  # of a function that was started before
            monkeypatch.delenv(variable)
        for variable, value in sam.environment(name).items():
            monkeypatch.setenv(variable, value)
        environment = frozenset(
            os.environ.items() - {("PYTEST_CURRENT_TEST", os.environ["PYTEST_CURRENT_TEST"])}
        )
        return Function(name, loaded(name, environment).anew(), capsys)

    return start


@cache
def _session() -> boto3.Session:
    """Return the one session of all tests: they are slow to make."""
    return boto3.Session(region_name="us-east-1")


@cache
def dynamodb() -> Any:
    """Return a client that no fault reaches, for what a test finds there: it, too, is slow to make."""
    return _session().client("dynamodb")


@pytest.fixture(scope="module")
def moto() -> Iterator[MockAWS]:
    """Moto in the place of AWS, for a module: to put it there takes longer than most tests."""
    with mock_aws(config={"core": {"reset_boto3_session": False}}) as mocked:
        yield mocked


@pytest.fixture
def aws(moto: MockAWS, monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoFaults]:
    """The users' table, empty, made as template.yaml says; the value makes DynamoDB fail."""
    faults = DynamoFaults()
    moto.reset()
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", _session())
    (table,) = sam.resources("AWS::DynamoDB::Table").values()
    dynamodb().create_table(
        TableName=sam.TABLE_NAME,
        **{name: table[name] for name in sam.TABLE_PROPERTIES},
    )
    _session().events.register("before-call.dynamodb", faults.before_call)
    yield faults
    _session().events.unregister("before-call.dynamodb", faults.before_call)


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> FakeKafka:
    fake = FakeKafka()
    monkeypatch.setattr("kafka.KafkaProducer", fake.producer)
    return fake


@pytest.fixture
def qdrant(monkeypatch: pytest.MonkeyPatch) -> FakeQdrant:
    fake = FakeQdrant()
    monkeypatch.setattr("qdrant_client.QdrantClient", fake.client)
    return fake


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    fake = FakeModel()
    monkeypatch.setattr("fastembed.TextEmbedding", fake.load)
    return fake
