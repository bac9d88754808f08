"""The server itself: status codes and texts, processes, files, keys."""

import json
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx
import pytest
from qdrant_client import QdrantClient
from qdrant_client import models as m
from qdrant_client.common.version_check import is_compatible
from qdrant_client.http.exceptions import UnexpectedResponse

COLLECTION = "user_embeddings"
DIMENSIONS = 384
TENANTS = UUID("6f2c1f6e-3b1d-5f4a-9a53-0d6c1c8f7e11")


@pytest.fixture
def http(server: Any) -> Iterator[httpx.Client]:
    with server.http() as client:
        yield client


@pytest.fixture
def name(qdrant: QdrantClient) -> Iterator[str]:
    """An empty collection of three dimensions."""
    name = f"c-{uuid4().hex}"
    qdrant.create_collection(name, vectors_config=m.VectorParams(size=3, distance=m.Distance.COSINE))
    yield name
    qdrant.delete_collection(name)


def create_user_embeddings(client: QdrantClient, **options: Any) -> None:
    client.create_collection(
        COLLECTION,
        vectors_config=m.VectorParams(size=DIMENSIONS, distance=m.Distance.COSINE),
        hnsw_config=m.HnswConfigDiff(m=0, payload_m=16),
        **options,
    )
    client.create_payload_index(
        COLLECTION, "tenantId", m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD, is_tenant=True)
    )


def user_point(tenant: str, user: int) -> m.PointStruct:
    key = f"{tenant}:{user}"
    vector = [0.01] * DIMENSIONS
    vector[user % DIMENSIONS] = 1.0
    payload = {"key": key, "tenantId": tenant, "userId": user}
    return m.PointStruct(id=str(uuid5(TENANTS, key)), vector=vector, payload=payload)


def of_tenant(tenant: str) -> m.Filter:
    return m.Filter(must=[m.FieldCondition(key="tenantId", match=m.MatchValue(value=tenant))])


def error_of(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert set(body) == {"status", "time"}
    return response.status_code, body["status"]["error"]


# Collections


def test_given_no_collection_when_used_then_404_in_the_real_servers_words(http: httpx.Client) -> None:
    expected = (404, "Not found: Collection `nope` doesn't exist!")
    assert error_of(http.get("/collections/nope")) == expected
    assert error_of(http.post("/collections/nope/points/query", json={"query": [1.0]})) == expected
    assert error_of(http.put("/collections/nope/points", json={"points": []})) == expected
    assert http.get("/collections/nope/exists").json()["result"] == {"exists": False}
    assert http.delete("/collections/nope").json()["result"] is False


def test_given_a_collection_when_created_again_then_409(http: httpx.Client, name: str) -> None:
    answer = http.put(f"/collections/{name}", json={"vectors": {"size": 3, "distance": "Dot"}})
    assert error_of(answer) == (409, f"Wrong input: Collection `{name}` already exists!")


def test_given_metadata_when_updated_then_it_is_merged_and_null_removes_a_key(
    qdrant: QdrantClient, name: str
) -> None:
    name = f"{name}-with-metadata"
    vectors = m.VectorParams(size=3, distance=m.Distance.COSINE)
    metadata = {"model": "all-MiniLM-L6-v2", "old": 1, "nested": {"null": None}}
    qdrant.create_collection(name, vectors_config=vectors, metadata=metadata)
    assert qdrant.get_collection(name).config.metadata == metadata

    qdrant.update_collection(name, metadata={"old": None, "new": [1, 2]})

    kept = {"model": "all-MiniLM-L6-v2", "nested": {"null": None}, "new": [1, 2]}
    assert qdrant.get_collection(name).config.metadata == kept
    assert qdrant.delete_collection(name)


def test_given_a_collection_when_described_then_configuration_and_indexes_are_as_requested(
    qdrant: QdrantClient,
) -> None:
    create_user_embeddings(qdrant)
    try:
        qdrant.upsert(COLLECTION, [user_point("tenant-a", 1)])
        qdrant.update_collection(COLLECTION, hnsw_config=m.HnswConfigDiff(ef_construct=50))
        info = qdrant.get_collection(COLLECTION)
        assert info.status == m.CollectionStatus.GREEN
        assert info.points_count == 1
        hnsw = info.config.hnsw_config
        assert (hnsw.m, hnsw.payload_m, hnsw.ef_construct) == (0, 16, 50)
        assert info.config.params.vectors == m.VectorParams(size=DIMENSIONS, distance=m.Distance.COSINE)
        index = info.payload_schema["tenantId"]
        assert (index.data_type, index.points) == (m.PayloadSchemaType.KEYWORD, 1)
        assert isinstance(index.params, m.KeywordIndexParams)
        assert index.params.is_tenant

        qdrant.delete_payload_index(COLLECTION, "tenantId")
        assert qdrant.get_collection(COLLECTION).payload_schema == {}
        assert [c.name for c in qdrant.get_collections().collections] == [COLLECTION]
    finally:
        qdrant.delete_collection(COLLECTION)


@pytest.mark.parametrize("bad", ["a%3Cb", "a%5Cb", "%2E%2E", "x" * 256])
def test_given_a_name_that_is_none_when_created_then_422(http: httpx.Client, bad: str) -> None:
    answer = http.put(f"/collections/{bad}", json={"vectors": {"size": 3, "distance": "Dot"}})
    status, text = error_of(answer)
    assert status in (422, 501)  # an HTTP client may resolve `..` before it sends
    assert status == 501 or text.startswith("Validation error in path parameters: [name: ")
    assert http.get("/collections").json()["result"] == {"collections": []}


# Bodies

ID_TEXT = "is not a valid point ID, valid values are either an unsigned integer or a UUID"
BAD_BODIES = [
    ("PUT", "/points", "", 400, "Format error in JSON body: EOF while parsing a value at line 1 column 0"),
    ("PUT", "/points", '{"points": [', 400, "Format error in JSON body: EOF while parsing"),
    (
        "PUT",
        "/points",
        '{"points": [{"id": 1, "vector": [NaN]}]}',
        400,
        "Format error in JSON body: expected",
    ),
    ("PUT", "/points", '{"points": [{"id": 1, "vector": [1e999, 0, 0]}]}', 400, "number out of range"),
    ("PUT", "/points", '{"points": []}', 400, "Bad request: Empty update request"),
    ("POST", "/points/delete", '{"points": []}', 400, "Bad request: Empty update request"),
    ("PUT", "/points", "[]", 400, "Format error in JSON body: "),
    (
        "PUT",
        "/points",
        '{"points": [{"id": 1}]}',
        400,
        "Format error in JSON body: PointsList.points.0.vector",
    ),
    ("PUT", "/points", '{"points": [{"id": "a", "vector": [1, 2, 3]}]}', 400, f"value a {ID_TEXT}"),
    ("PUT", "/points", '{"points": [{"id": -1, "vector": [1, 2, 3]}]}', 400, f"value -1 {ID_TEXT}"),
    ("PUT", "/points", '{"points": [{"id": 1.5, "vector": [1, 2, 3]}]}', 400, "points.0.id"),
    ("PUT", "/points", '{"batch": {"ids": [1, 2], "vectors": [[1, 2, 3]]}}', 400, "batch"),
    (
        "PUT",
        "/points",
        '{"points": [{"id": 1, "vector": [1, 2]}]}',
        400,
        "Wrong input: Vector dimension error: expected dim: 3, got 2",
    ),
    (
        "POST",
        "/points/query",
        '{"query": [1, 2]}',
        400,
        "Wrong input: Vector dimension error: expected dim: 3, got 2",
    ),
    (
        "POST",
        "/points/query",
        '{"query": [1, 2, 3], "limit": 0}',
        422,
        "Validation error in JSON body: [internal.limit: value 0 invalid, must be 1 or larger]",
    ),
    (
        "POST",
        "/points/query/batch",
        '{"searches": [{"query": [1, 2, 3]}, {"query": [1, 2, 3], "limit": 0}]}',
        422,
        "Validation error in JSON body: [searches[1].internal.limit: value 0 invalid, must be 1 or larger]",
    ),
    (
        "POST",
        "/points/scroll",
        '{"limit": 0}',
        422,
        "Validation error in JSON body: [scroll_request.limit: value 0 invalid, must be 1 or larger]",
    ),
    ("POST", "/points/query", '{"query": [1, 2, 3], "limit": -1}', 400, "expected usize"),
    ("POST", "/points/query", '{"query": [1, 2, 3], "offset": -1}', 400, "expected usize"),
    ("POST", "/points/query", '{"query": 99}', 404, "Not found: No point with id 99 found"),
    ("POST", "/points/query", '{"query": "a"}', 400, f"value a {ID_TEXT}"),
    ("POST", "/points/query", '{"query": [1, 2, 3], "using": "x"}', 400, "Not existing vector name error: x"),
    ("POST", "/points/count", '{"filter": {"must": [{"key": "a[", "match": {"value": 1}}]}}', 400, "a["),
    (
        "POST",
        "/points/count",
        f'{{"filter": {{"must": [{{"key": "a", "match": {{"value": {2**70}}}}}]}}}}',
        400,
        "Format error",
    ),
    (
        "POST",
        "/points/count",
        '{"filter": {"must": [{"key": "a"}]}}',
        422,
        "At least one field condition must be specified",
    ),
    (
        "POST",
        "/points/query",
        '{"query": {"fusion": "rrf"}}',
        400,
        "Wrong input: Validation failed: cannot apply Fusion without prefetches",
    ),
    (
        "POST",
        "/points/query",
        '{"query": {"formula": "$score"}}',
        400,
        "Wrong input: Validation failed: cannot apply Formula without prefetches",
    ),
    ("POST", "/points/query", '{"prefetch": {}}', 400, "cannot have prefetches without a query"),
    (
        "POST",
        "/points/query",
        '{"query": {"rrf": {"weights": [1]}}, "prefetch": [{}, {}]}',
        400,
        "Wrong input: Validation failed: RRF weights length (1) does not match number of prefetches (2)",
    ),
    (
        "POST",
        "/points/query",
        '{"query": {"rrf": {"k": 0}}, "prefetch": {}}',
        422,
        "[internal.query.rrf.k: value 0 invalid, must be 1 or larger]",
    ),
    (
        "POST",
        "/points/query",
        '{"query": [1, 2, 3], "prefetch": [{}, {"prefetch": {"limit": 0}}]}',
        422,
        "[internal.prefetch[1].prefetch[0].limit: value 0 invalid, must be 1 or larger]",
    ),
    (
        "POST",
        "/points/query",
        '{"query": [1, 2, 3], "prefetch": ' + '{"query": [1, 2, 3], "prefetch": ' * 64 + "{}" + "}" * 65,
        400,
        "Wrong input: Validation failed: prefetches depth 65 exceeds max depth 64",
    ),
    (
        "POST",
        "/points/query",
        '{"query": {"formula": "$other"}, "prefetch": {"query": [1, 2, 3]}}',
        400,
        "Wrong input: Validation failed: failed to parse variable ID $other: Invalid reserved word: $other",
    ),
    (
        "POST",
        "/points/query",
        '{"query": {"formula": {"max": []}}, "prefetch": {"query": [1, 2, 3]}}',
        400,
        "Wrong input: Validation failed: `max` needs at least one operand",
    ),
    (
        "POST",
        "/points/query",
        '{"query": {"formula": {"lin_decay": {"x": 1, "midpoint": 2}}}, "prefetch": {"query": [1, 2, 3]}}',
        400,
        "Wrong input: Validation failed: Linear decay midpoint should be in the range [0.0, 1.0], got 2.",
    ),
    (
        "POST",
        "/points/query",
        '{"query": {"formula": {"power": 1}}, "prefetch": {"query": [1, 2, 3]}}',
        400,
        "Format error in JSON body: ",
    ),
    (
        "POST",
        "/points/query",
        '{"query": [[1, 2, 3], [1, 2]]}',
        422,
        "Validation error in JSON body: [internal.query.data: all vectors must have the same dimension, "
        "found vector with dimension 2]",
    ),
    (
        "POST",
        "/points/query",
        '{"query": [[1, 2, 3]]}',
        400,
        "Wrong input: Conversion between multi and regular vectors failed",
    ),
    (
        "PUT",
        "/points",
        '{"points": [{"id": 1, "vector": [[1, 2, 3]]}]}',
        400,
        "Wrong input: Conversion between multi and regular vectors failed",
    ),
    (
        "PUT",
        "/points",
        '{"points": [{"id": 1, "vector": {}}, {"id": 2, "vector": [[]]}]}',
        422,
        "Validation error in JSON body: [points[1].vector.data: all vectors must be non-empty]",
    ),
    (
        "PUT",
        "/points",
        '{"batch": {"ids": [1, 2], "vectors": [[[1, 2, 3]], [[1, 2, 3], [1]]]}}',
        422,
        "Validation error in JSON body: [batch.data: all vectors must have the same dimension, "
        "found vector with dimension 1]",
    ),
    ("PUT", "/points", '{"points": [{"id": 1, "vector": [[1, 1e999, 3]]}]}', 400, "number out of range"),
    (
        "POST",
        "/points/count",
        '{"filter": {"must": [{"key": "a", "values_count": {"gt": -1}}]}}',
        400,
        "Format error",
    ),
    (
        "POST",
        "/points/count",
        '{"filter": {"must": [{"key": "a", "geo_radius": {"center": {"lon": 0, "lat": 91}, "radius": 1}}]}}',
        400,
        "Format error in JSON body: Wrong format of GeoPoint payload",
    ),
    (
        "PUT",
        "/index",
        '{"field_name": "a", "field_schema": {"type": "text", "tokenizer": "x"}}',
        400,
        "tokenizer",
    ),
    ("POST", "/points/payload", '{"payload": {"a": 1}}', 400, "Bad request: No filter or points provided"),
    (
        "POST",
        "/points/payload",
        '{"payload": {"a": 1}, "points": [7]}',
        404,
        "Not found: No point with id 7 found",
    ),
    ("PUT", "/index", '{"field_name": "a"}', 400, "please specify `field_schema` in the request"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "text"), BAD_BODIES)
def test_given_a_bad_body_when_sent_then_it_is_refused_with_a_reason(
    http: httpx.Client, name: str, method: str, path: str, body: str, status: int, text: str
) -> None:
    got_status, got_text = error_of(http.request(method, f"/collections/{name}{path}", content=body))
    assert got_status == status
    assert text in got_text
    assert http.post(f"/collections/{name}/points/count", json={}).json()["result"] == {"count": 0}


def test_given_no_such_point_when_got_then_404(http: httpx.Client, name: str) -> None:
    assert error_of(http.get(f"/collections/{name}/points/5")) == (
        404,
        "Not found: Point with id 5 does not exists!",
    )
    assert error_of(http.get(f"/collections/{name}/points/x")) == (
        400,
        'Wrong input: Can not recognize "x" as point id',
    )


@pytest.mark.parametrize(
    "formula",
    [
        "rank",
        "color",
        {"ln": 0.0},
        {"div": {"left": 1.0, "right": 0.0}},
        {"geo_distance": {"origin": {"lon": 0, "lat": 0}, "to": "color"}},
    ],
)
def test_given_a_formula_that_fails_on_a_point_when_ranked_by_then_400_says_what_may_be_wrong(
    qdrant: QdrantClient, http: httpx.Client, name: str, formula: Any
) -> None:
    qdrant.upsert(name, [m.PointStruct(id=1, vector=[1, 0, 0], payload={"color": "red"})])
    body = {"query": {"formula": formula}, "prefetch": {"query": [1.0, 0.0, 0.0]}}
    status, text = error_of(http.post(f"/collections/{name}/points/query", json=body))
    assert status == 400
    assert text.startswith("Wrong input: The formula cannot be computed for a point: ")


def test_given_a_multivector_over_the_limit_when_upserted_then_422(http: httpx.Client, name: str) -> None:
    body = {"points": [{"id": 1, "vector": [[1, 2, 3, 4]] * (256 * 1024)}]}
    assert error_of(http.put(f"/collections/{name}/points", json=body)) == (
        422,
        "Validation error in JSON body: [points[0].vector.data: "
        "Total size of all vectors (1048576) must be less than 1048576]",
    )


def test_given_a_point_without_a_vector_when_its_neighbours_are_searched_then_404(
    qdrant: QdrantClient, http: httpx.Client, name: str
) -> None:
    qdrant.upsert(name, [m.PointStruct(id=1, vector={})])
    answer = http.post(f"/collections/{name}/points/query", json={"query": 1})
    assert error_of(answer) == (404, 'Not found: Vector with name "" for point not found')


def test_given_a_body_over_the_limit_when_sent_then_400(http: httpx.Client, name: str) -> None:
    # Only announced, not sent: the server answers before it reads the body.
    head = f"PUT /collections/{name}/points HTTP/1.1\r\nHost: x\r\nContent-Length: 40000000\r\n\r\n"
    with socket.create_connection((http.base_url.host, http.base_url.port), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"JSON payload (40000000 bytes) is larger than allowed (limit: 33554432 bytes)." in answer


UNSUPPORTED = [
    ("PUT", "/collections/new", {"vectors": {"a": {"size": 3, "distance": "Dot"}}}, "named vectors"),
    (
        "PUT",
        "/collections/new",
        {"vectors": {"size": 3, "distance": "Dot"}, "sparse_vectors": {"a": {}}},
        "`sparse_vectors`",
    ),
    (
        "PUT",
        "/collections/new",
        {"vectors": {"size": 3, "distance": "Dot", "datatype": "uint8"}},
        "`datatype`",
    ),
    ("PATCH", "/collections/{name}", {"params": {"replication_factor": 2}}, "`params`"),
    (
        "PUT",
        "/collections/{name}/index",
        {"field_name": "a", "field_schema": {"type": "text", "scoring": True}},
        "`scoring`",
    ),
    ("PUT", "/collections/{name}/points", {"points": [{"id": 1, "vector": {"a": [1]}}]}, "named vector"),
    (
        "PUT",
        "/collections/{name}/points",
        {"points": [{"id": 1, "vector": {"text": "hello", "model": "x"}}]},
        "Document",
    ),
    ("POST", "/collections/{name}/points/query", {"query": {"sample": "random"}}, "SampleQuery"),
    (
        "POST",
        "/collections/{name}/points/query",
        {"query": [1.0, 2.0, 3.0], "prefetch": {"query": 1, "lookup_from": {"collection": "other"}}},
        "`lookup_from`",
    ),
    (
        "POST",
        "/collections/{name}/points/query",
        {"query": [1.0, 2.0, 3.0], "params": {"indexed_only": True}},
        "`indexed_only`",
    ),
    (
        "POST",
        "/collections/{name}/points/count",
        {"filter": {"must": [{"slice": {"index": 0, "total": 2}}]}},
        "SliceCondition",
    ),
    ("POST", "/collections/{name}/points/scroll", {"order_by": "a"}, "`order_by`"),
]


@pytest.mark.parametrize(("method", "path", "body", "named"), UNSUPPORTED)
def test_given_a_feature_that_is_not_served_when_used_then_400_names_it(
    http: httpx.Client, name: str, method: str, path: str, body: dict[str, Any], named: str
) -> None:
    status, text = error_of(http.request(method, path.format(name=name), json=body))
    assert status == 400
    assert named in text
    assert text.endswith("is not supported by qdrant_edge_server")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/collections/x/facet"), ("GET", "/collections/x/snapshots"), ("PATCH", "/collections")],
)
def test_given_an_endpoint_that_is_not_served_when_called_then_501_names_it(
    http: httpx.Client, method: str, path: str
) -> None:
    text = f"{method} {path} is not supported by qdrant_edge_server"
    assert error_of(http.request(method, path)) == (501, text)


# Points


def test_given_points_as_columns_when_upserted_then_they_are_stored_as_rows(
    qdrant: QdrantClient, name: str
) -> None:
    batch = m.Batch(ids=[1, 2], vectors=[[1, 0, 0], [0, 1, 0]], payloads=[{"a": 1}, {"a": 2}])
    qdrant.upsert(name, batch)
    assert [(r.id, r.payload) for r in qdrant.retrieve(name, [2, 1])] == [(2, {"a": 2}), (1, {"a": 1})]


def test_given_an_update_mode_when_upserted_then_it_is_kept_to(qdrant: QdrantClient, name: str) -> None:
    def upsert(ids: list[int], version: int, mode: m.UpdateMode) -> None:
        points = [m.PointStruct(id=i, vector=[1, 0, 0], payload={"version": version}) for i in ids]
        qdrant.upsert(name, points, update_mode=mode)

    upsert([1], 1, m.UpdateMode.INSERT_ONLY)
    upsert([1, 2], 2, m.UpdateMode.INSERT_ONLY)
    upsert([2, 3], 3, m.UpdateMode.UPDATE_ONLY)
    found = {r.id: r.payload for r in qdrant.scroll(name)[0]}
    assert found == {1: {"version": 1}, 2: {"version": 3}}


def test_given_a_point_twice_in_a_conditional_upsert_then_the_last_is_kept_not_the_newer(
    qdrant: QdrantClient, name: str
) -> None:
    # As on the real server, which holds the condition against what was stored before the request;
    # qdrant-client's own in-memory mode holds it against each point in turn.
    twice = [m.PointStruct(id=1, vector=[1, 0, 0], payload={"version": version}) for version in (3, 2)]
    newer = m.FieldCondition(key="version", range=m.Range(gte=3))
    qdrant.upsert(name, twice, update_filter=m.Filter(must_not=[newer]))
    assert [r.payload for r in qdrant.retrieve(name, [1])] == [{"version": 2}]


def test_given_a_condition_of_hundreds_of_points_when_upserted_then_it_is_taken(
    qdrant: QdrantClient, name: str
) -> None:
    def upsert(version: int) -> None:
        points = [m.PointStruct(id=n, vector=[1, 0, 0], payload={"version": version}) for n in range(500)]
        conditions = [
            m.Filter(
                must=[m.HasIdCondition(has_id=[n])],
                must_not=[m.FieldCondition(key="version", range=m.Range(gte=version + n % 2))],
            )
            for n in range(500)
        ]
        qdrant.upsert(name, points, update_filter=m.Filter(should=conditions))

    upsert(2)
    upsert(2)  # the odd ones again
    upsert(1)
    assert {r.payload["version"] for r in qdrant.scroll(name, limit=500)[0] if r.payload} == {2}


def test_given_an_update_when_not_waited_for_then_acknowledged_and_already_visible(
    qdrant: QdrantClient, name: str
) -> None:
    point = m.PointStruct(id=1, vector=[1, 0, 0])
    assert qdrant.upsert(name, [point], wait=False).status == m.UpdateStatus.ACKNOWLEDGED
    assert qdrant.upsert(name, [point], wait=True).status == m.UpdateStatus.COMPLETED
    assert qdrant.count(name).count == 1


def test_given_two_clients_when_they_write_and_read_at_once_then_nothing_is_lost(
    server: Any, qdrant: QdrantClient
) -> None:
    create_user_embeddings(qdrant)
    try:
        tenants = ["tenant-a", "tenant-b"]

        def work(tenant: str) -> list[int]:
            client = server.client()
            counts = []
            for user in range(50):
                client.upsert(COLLECTION, [user_point(tenant, user)])
                counts.append(client.count(COLLECTION, count_filter=of_tenant(tenant)).count)
            client.close()
            return counts

        with ThreadPoolExecutor(2) as pool:
            seen = list(pool.map(work, tenants))
        assert seen == [list(range(1, 51))] * 2
        nearest = qdrant.query_points(
            COLLECTION, query=user_point("", 7).vector, query_filter=of_tenant("tenant-b"), limit=1
        ).points
        assert [p.payload and p.payload["key"] for p in nearest] == ["tenant-b:7"]
    finally:
        qdrant.delete_collection(COLLECTION)


# Process


def test_given_a_running_server_when_asked_about_itself_then_it_answers(http: httpx.Client) -> None:
    about = http.get("/").json()
    assert "qdrant_edge_server" in about["title"]
    assert is_compatible(version("qdrant-client"), about["version"])
    assert [http.get(f"/{check}").status_code for check in ("healthz", "livez", "readyz")] == [200] * 3


def test_given_data_when_stopped_by_sigterm_and_started_again_then_it_is_all_there(
    start_server: Callable[..., Any],
) -> None:
    server = start_server()
    client = server.client()
    create_user_embeddings(client, metadata={"embeddingModel": "x"})
    client.upsert(COLLECTION, [user_point("tenant-a", user) for user in range(20)])
    client.set_payload(COLLECTION, {"name": "Alice"}, points=[user_point("tenant-a", 3).id])
    client.delete(COLLECTION, [user_point("tenant-a", 4).id])
    before = client.get_collection(COLLECTION), client.scroll(COLLECTION, limit=100, with_vectors=True)
    # What a crash in the middle of a create would leave.
    (server.path / "unfinished" / "half" / "shard").mkdir(parents=True)
    assert server.stop(signal.SIGTERM) == 0

    server = start_server()
    client = server.client()
    after = client.get_collection(COLLECTION), client.scroll(COLLECTION, limit=100, with_vectors=True)

    assert after == before
    assert not (server.path / "unfinished").exists()
    assert [c.name for c in client.get_collections().collections] == [COLLECTION]


def test_given_acknowledged_updates_when_killed_then_a_restart_has_them_all(
    start_server: Callable[..., Any],
) -> None:
    server = start_server()
    client = server.client()
    create_user_embeddings(client)
    for user in range(100):
        client.upsert(COLLECTION, [user_point("tenant-a", user)])
    client.delete(COLLECTION, of_tenant("tenant-a"))
    expected = {user_point("tenant-b", user).id for user in range(200)}
    for user in range(200):
        client.upsert(COLLECTION, [user_point("tenant-b", user)], wait=False)
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL

    client = start_server().client()

    assert {r.id for r in client.scroll(COLLECTION, limit=1000)[0]} == expected
    assert client.count(COLLECTION, count_filter=of_tenant("tenant-b")).count == 200


def test_given_a_text_index_and_multivectors_when_killed_then_a_restart_has_them_all(
    start_server: Callable[..., Any],
) -> None:
    server = start_server()
    client = server.client()
    several = m.MultiVectorConfig(comparator=m.MultiVectorComparator.MAX_SIM)
    client.create_collection(
        "x",
        vectors_config=m.VectorParams(size=3, distance=m.Distance.DOT, multivector_config=several),
    )
    words = m.TextIndexParams(type=m.TextIndexType.TEXT, tokenizer=m.TokenizerType.WHITESPACE)
    client.create_payload_index("x", "terms", words)

    def upsert(ids: range, word: str) -> None:
        for n in ids:
            vectors = [[n, 0, 0], [0, n, 0]][: 1 + n % 2]
            point = m.PointStruct(id=n, vector=vectors, payload={"terms": f"every {word}{n}"})
            client.upsert("x", [point], wait=False)

    upsert(range(100), "old")
    with pytest.raises(UnexpectedResponse, match="Vector dimension error"):
        client.upsert("x", [m.PointStruct(id=1, vector=[[1, 2]])])  # in the log, to be refused again
    upsert(range(50), "new")
    client.delete("x", [99])
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL

    client = start_server().client()

    def found(**match: str) -> list[int]:
        condition = m.FieldCondition(key="terms", match=m.MatchTextAny(**match))
        return [int(r.id) for r in client.scroll("x", m.Filter(must=[condition]), limit=200)[0]]

    assert found(text_any="every") == [*range(99)]
    assert found(text_any="new7 old7 old70 new70") == [7, 70]
    best = client.query_points("x", query=[[1, 0, 0], [0, 1, 0]], limit=2).points
    assert [(p.id, p.score) for p in best] == [(97, 194.0), (95, 190.0)]
    info = client.get_collection("x")
    assert info.payload_schema["terms"].params == words
    assert isinstance(info.config.params.vectors, m.VectorParams)
    assert info.config.params.vectors.multivector_config == several


def test_given_an_api_key_when_called_without_it_then_401_except_for_health(
    start_server: Callable[..., Any],
) -> None:
    server = start_server(QDRANT__SERVICE__API_KEY="s3cret")
    with server.http() as http:
        refused = http.get("/collections")
        assert refused.status_code == 401
        assert refused.text == "Must provide an API key or an Authorization bearer token"
        wrong = http.get("/collections", headers={"api-key": "other"})
        assert (wrong.status_code, wrong.text) == (401, "Invalid API key or JWT")
        assert http.get("/collections", headers={"Authorization": "Bearer s3cret"}).status_code == 200
        assert [http.get(path).status_code for path in ("/", "/healthz", "/livez", "/readyz")] == [200] * 4
    with pytest.warns(UserWarning, match="insecure connection"):
        client = server.client(api_key="s3cret")
    assert client.get_collections().collections == []
    assert server.stop(signal.SIGINT) == 0


def test_given_a_data_folder_in_use_when_a_second_server_starts_then_it_refuses(
    server: Any, run_server: Callable[..., Any]
) -> None:
    refused = run_server(path=server.path)
    assert refused.returncode == 1
    assert refused.stderr == f"qdrant_edge_server: {server.path} is in use by another process\n"


def test_given_a_port_in_use_when_a_server_starts_then_it_refuses(
    server: Any, run_server: Callable[..., Any]
) -> None:
    port = httpx.URL(server.url).port
    refused = run_server(port=port)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"qdrant_edge_server: cannot listen on 127.0.0.1:{port}: ")
    assert refused.stderr.count("\n") == 1


def test_given_a_real_servers_data_folder_when_started_on_it_then_it_refuses_and_deletes_nothing(
    tmp_path: Path, run_server: Callable[..., Any]
) -> None:
    foreign = tmp_path / "data" / "collections" / "users" / "config.json"
    foreign.parent.mkdir(parents=True)
    foreign.write_text(json.dumps({"params": {}}))
    refused = run_server()
    assert refused.returncode == 1
    assert "was not made by qdrant_edge_server" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert foreign.exists()
