"""The same collection on two clients, and what an operation on it comes down to, to be compared."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from qdrant_client import QdrantClient
from qdrant_client import models as m

DIMENSIONS = 8

Client = QdrantClient
Operation = Callable[[Client, str], Any]


@dataclass
class Pair:
    """The same collection on two clients."""

    reference: Client
    candidate: Client
    name: str

    def both(self, operation: Operation) -> tuple[Any, Any]:
        return operation(self.reference, self.name), operation(self.candidate, self.name)

    def do(self, operation: Operation) -> None:
        self.both(operation)

    def same(self, operation: Operation) -> Any:
        expected, got = self.both(operation)
        assert got == nearly(expected)
        return got


@dataclass
class NewPair:
    """A pair with collections of its own, deleted at the end."""

    reference: Client
    candidate: Client
    dimensions: int = DIMENSIONS
    multivector: m.MultiVectorConfig | None = None

    def __enter__(self) -> Pair:
        self.pair = Pair(self.reference, self.candidate, f"congruence-{uuid4().hex}")
        vectors = m.VectorParams(
            size=self.dimensions, distance=m.Distance.COSINE, multivector_config=self.multivector
        )
        hnsw = m.HnswConfigDiff(m=0, payload_m=16)
        tenant = m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD, is_tenant=True)
        self.pair.do(lambda c, name: c.create_collection(name, vectors_config=vectors, hnsw_config=hnsw))
        self.pair.do(lambda c, name: c.create_payload_index(name, "tenantId", tenant))
        return self.pair

    def __exit__(self, *_: object) -> None:
        self.pair.do(lambda c, name: c.delete_collection(name))


def vector(seed: int | str, dimensions: int = DIMENSIONS) -> list[float]:
    source = random.Random(seed)
    return [source.gauss(0, 1) for _ in range(dimensions)]


# What an operation's answer comes down to


def nearly(answer: Any) -> Any:
    """Equal to the answer, give or take the last digits of its floats."""
    if isinstance(answer, float):
        return pytest.approx(answer, abs=1e-5)
    if isinstance(answer, (list, tuple)):
        return type(answer)(nearly(item) for item in answer)
    return answer


def scored(points: list[m.ScoredPoint]) -> Any:
    return [(p.id, p.payload, p.score) for p in points]


def stored(records: list[m.Record]) -> Any:
    return [(r.id, r.payload, r.vector) for r in records]


def count(where: m.Filter | None) -> Operation:
    return lambda client, name: client.count(name, count_filter=where, exact=True).count


def retrieve(ids: list[int | str]) -> Operation:
    return lambda client, name: stored(client.retrieve(name, ids, with_vectors=True))


def pages(where: m.Filter | None, limit: int) -> Operation:
    def scroll(client: Client, name: str) -> Any:
        listed, offset = [], None
        while True:
            records, offset = client.scroll(name, scroll_filter=where, limit=limit, offset=offset)
            listed.append(stored(records))
            if offset is None:
                return listed

    return scroll


def query(target: Any, where: m.Filter | None = None, **options: Any) -> Operation:
    return lambda client, name: scored(
        client.query_points(name, query=target, query_filter=where, with_payload=True, **options).points
    )


def field(key: str, **condition: Any) -> m.FieldCondition:
    return m.FieldCondition(key=key, **condition)
