"""Stand-ins for what the functions talk to: they keep what they are given, and can fail."""

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from hashlib import blake2b
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple
from unittest.mock import patch

import httpx
import numpy as np
from botocore.exceptions import EndpointConnectionError
from kafka.errors import KafkaConnectionError, KafkaTimeoutError
from qdrant_client import QdrantClient, models
from qdrant_client.fastembed_common import FastEmbedMisc
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from qdrant_client.local import payload_filters

DIMENSION = 384


class Sent(NamedTuple):
    """A record that a producer was given."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    partition: int | None = None  # as the sender wished


class FakeKafka:
    """A broker: `producer` stands for the class KafkaProducer, `records` is what was acknowledged."""

    partitions = 6

    def __init__(self) -> None:
        self.records: list[Sent] = []
        self.producers: list[FakeProducer] = []
        self.connections = 0
        self.fails_to: Literal["connect", "send", "acknowledge"] | None = None
        self.refuses: set[bytes] = set()

    def producer(self, **config: Any) -> "FakeProducer":
        self.connections += 1
        if self.fails_to == "connect":
            raise KafkaConnectionError("kafka-0:9092")
        self.producers.append(FakeProducer(self, config))
        return self.producers[-1]


class FakeProducer:
    """A connection to a FakeKafka."""

    def __init__(self, kafka: FakeKafka, config: dict[str, Any]) -> None:
        self.config = config
        self.closed_with_timeout: float | None = None
        self._kafka = kafka

    def send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        headers: list[tuple[str, bytes]],
        partition: int | None = None,
    ) -> "FakeAcknowledgement":
        if self._kafka.fails_to == "send":
            raise KafkaTimeoutError("no metadata")
        return FakeAcknowledgement(self._kafka, Sent(topic, key, value, headers, partition))

    def partitions_for(self, topic: str) -> set[int]:
        return set(range(self._kafka.partitions))

    def close(self, timeout: float) -> None:
        self.closed_with_timeout = timeout


class FakeAcknowledgement:
    """The future of a record that was sent."""

    def __init__(self, kafka: FakeKafka, record: Sent) -> None:
        self._kafka = kafka
        self._record = record

    def get(self, timeout: float) -> None:
        if self._kafka.fails_to == "acknowledge" or self._record.key in self._kafka.refuses:
            raise KafkaTimeoutError(f"not within {timeout} s")
        self._kafka.records.append(self._record)


FastEmbedMisc.is_installed()  # asked by a first client, and remembered: of a FakeModel it could not be told

split_at_blanks = partial(patch.object, payload_filters, "unindexed_text_tokens", str.split)


class Request(NamedTuple):
    """A call of the Qdrant client."""

    operation: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]


class FakeQdrant:
    """A Qdrant in memory: `client` stands for the class QdrantClient.

    It can be down, lose its data, or refuse a request with a user of these names.
    """

    def __init__(self) -> None:
        self._memory: QdrantClient | None = None
        self.requests: list[Request] = []
        self.down = False
        self.version = "1.20.0"
        self.refuses: dict[str, int] = {}
        self.options: dict[str, Any] = {}

    def client(self, **options: Any) -> "FakeQdrant":
        self.options = options
        return self

    @property
    def memory(self) -> QdrantClient:
        """The client that keeps the points, made when it is asked for: that takes longer than most tests."""
        self._memory = self._memory or QdrantClient(":memory:")
        return self._memory

    def lose_data(self) -> None:
        self._memory = None

    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]

    def payloads(self, collection: str) -> dict[str, dict[str, Any]]:
        """Return every point's payload by the point's id."""
        points, _ = self.memory.scroll(collection, limit=1_000)
        return {str(point.id): point.payload or {} for point in points}

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        method = self._about if operation == "info" else getattr(self.memory, operation)

        def request(*arguments: Any, **options: Any) -> Any:
            self.requests.append(Request(operation, arguments, options))
            if self.down:
                raise ResponseHandlingException(httpx.ConnectError("http://10.0.0.7:6333 refused"))
            for status in (status for name, status in self.refuses.items() if name in str(arguments)):
                raise http_error(status, "refused on request")
            try:
                # The client in memory has no payload index, and says so. Ours splits texts at blanks.
                with warnings.catch_warnings(action="ignore"), split_at_blanks():
                    return method(*arguments, **options)
            except ValueError as error:  # a server would say it by its status
                raise http_error(404, str(error)) from None

        return request

    def _about(self) -> models.VersionInfo:
        return models.VersionInfo(title="qdrant", version=self.version)


def http_error(status: int, text: str = "") -> UnexpectedResponse:
    """Return what the Qdrant client raises when a server answers `status`."""
    return UnexpectedResponse(status, text, text.encode(), httpx.Headers())


class FakeModel:
    """An embedding model: `load` stands for the class TextEmbedding. Texts that share words are near."""

    def __init__(self) -> None:
        self.loaded: list[tuple[str, dict[str, Any]]] = []
        self.calls: list[list[str]] = []

    def load(self, name: str, **options: Any) -> "FakeModel":
        self.loaded.append((name, options))
        return self

    def token_count(self, text: str) -> int:
        return len(text.split())

    def embed(self, texts: Sequence[str], batch_size: int) -> Iterator[np.ndarray[Any, Any]]:
        self.calls.append(list(texts))
        return map(bag_of_words, texts)


def bag_of_words(text: str) -> np.ndarray[Any, Any]:
    """Return the unit vector of a text's words, each hashed to one of the dimensions."""
    vector = np.zeros(DIMENSION)
    for word in re.findall(r"\w+", text.lower()) or [""]:
        vector[int.from_bytes(blake2b(word.encode(), digest_size=4).digest()) % DIMENSION] += 1
    return vector / np.linalg.norm(vector)


class DynamoFaults:
    """Answers DynamoDB requests with the errors it was given, and lets the others through."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.down = False
        self._errors: list[dict[str, Any]] = []

    def answer(self, code: str, reasons: Iterable[str] = (), *, times: int = 1) -> None:
        """Answer the next `times` requests with an error; given `reasons`, cancel as many transactions."""
        cancelled = [{"Code": reason} for reason in reasons]
        error = {"Error": {"Code": code, "Message": "on request"}, "CancellationReasons": cancelled}
        self._errors += [error] * times

    def recover(self) -> None:
        """Answer no more errors."""
        self._errors.clear()

    def before_call(self, model: Any, **_: Any) -> Any:
        """Handle botocore's event of the name: what it returns is the response."""
        self.requests.append(model.name)
        if self.down:
            raise EndpointConnectionError(endpoint_url="https://dynamodb.internal:8000")
        if not self._errors:
            return None
        if self._errors[0]["Error"]["Code"].startswith("Transaction") and "Transact" not in model.name:
            return None
        return SimpleNamespace(status_code=400), self._errors.pop(0)
