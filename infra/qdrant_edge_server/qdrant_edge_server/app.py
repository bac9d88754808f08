"""The REST API: routes, bodies, answers, the API key, the periodic flush."""

import asyncio
import contextlib
import hmac
import time
from collections.abc import AsyncIterator, Callable, Mapping
from importlib.metadata import version
from typing import Any

import qdrant_edge as qe
from pydantic import TypeAdapter
from pydantic_core import from_json, to_json
from qdrant_client.http import models as m
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from qdrant_edge_server import reads, updates
from qdrant_edge_server.errors import ApiError, as_api_error
from qdrant_edge_server.schema import FLUSH_SECONDS, collection_info, create_index, updated_config
from qdrant_edge_server.storage import (
    Storage,
    apply,
    create_collection,
    delete_collection,
    flush,
    get_collection,
    update_collection,
)

# The version of the REST API that is served; qdrant-client compares it with its own.
API_VERSION = "1.20.0"
MAX_BODY_BYTES = 32 * 1024 * 1024
HEALTH_CHECKS = {
    "/healthz": "healthz check passed",
    "/livez": "healthz check passed",
    "/readyz": "all shards are ready",
}
OPEN_PATHS = {"/", *HEALTH_CHECKS}

# Answers a request: (path parameters, query parameters, parsed body) -> the JSON answer's result.
Answer = Callable[[Mapping[str, str], Mapping[str, str], Any], Any]

UPDATES: list[tuple[str, str, Any, Callable[[Any], qe.UpdateOperation]]] = [
    ("PUT", "/points", m.PointInsertOperations, updates.upsert),
    ("POST", "/points/delete", m.PointsSelector, updates.delete),
    ("POST", "/points/payload", m.SetPayload, updates.set_payload),
    ("PUT", "/points/payload", m.SetPayload, updates.overwrite_payload),
    ("POST", "/points/payload/delete", m.DeletePayload, updates.delete_payload),
    ("POST", "/points/payload/clear", m.PointsSelector, updates.clear_payload),
    ("PUT", "/index", m.CreateFieldIndex, create_index),
]

READS: list[tuple[str, str, Any, Callable[[qe.EdgeShard, Any], Any]]] = [
    ("POST", "/points/query", m.QueryRequest, reads.query),
    ("POST", "/points/query/batch", m.QueryRequestBatch, reads.query_batch),
    ("POST", "/points/scroll", m.ScrollRequest, reads.scroll),
    ("POST", "/points/count", m.CountRequest, reads.count),
    ("POST", "/points", m.PointRequest, reads.retrieve),
]


def build_app(storage: Storage, api_key: str | None) -> ASGIApp:
    """Make the application that serves an open data folder."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        flushing = asyncio.create_task(_flush_now_and_then(storage))
        yield
        flushing.cancel()

    app = Starlette(
        routes=[*_point_routes(storage), *_collection_routes(storage), *_service_routes()],
        lifespan=lifespan,
        exception_handlers={HTTPException: _no_such_endpoint},
    )
    return _require_api_key(app, api_key) if api_key else app


def _point_routes(storage: Storage) -> list[Route]:
    def reader(read: Callable[[qe.EdgeShard, Any], Any]) -> Answer:
        return lambda path, _, body: read(get_collection(storage, path["name"]).shard, body)

    def updater(translate: Callable[[Any], qe.UpdateOperation]) -> Answer:
        def answer(path: Mapping[str, str], query: Mapping[str, str], body: Any) -> Any:
            apply(get_collection(storage, path["name"]), translate(body))
            return _update_result(query)

        return answer

    def get_point(path: Mapping[str, str], _: Mapping[str, str], __: None) -> Any:
        return reads.get_point(get_collection(storage, path["name"]).shard, path["id"])

    def delete_index(path: Mapping[str, str], query: Mapping[str, str], _: None) -> Any:
        operation = qe.UpdateOperation.delete_field_index(path["field"])
        apply(get_collection(storage, path["name"]), operation)
        return _update_result(query)

    base = "/collections/{name}"
    return [
        *[_route(method, base + path, body, reader(read)) for method, path, body, read in READS],
        *[_route(method, base + path, body, updater(update)) for method, path, body, update in UPDATES],
        _route("GET", base + "/points/{id}", None, get_point),
        _route("DELETE", base + "/index/{field}", None, delete_index),
    ]


def _collection_routes(storage: Storage) -> list[Route]:
    def names(_: Mapping[str, str], __: Mapping[str, str], ___: None) -> Any:
        return {"collections": [{"name": name} for name in storage.collections]}

    def exists(path: Mapping[str, str], _: Mapping[str, str], __: None) -> Any:
        return {"exists": path["name"] in storage.collections}

    def create(path: Mapping[str, str], _: Mapping[str, str], body: m.CreateCollection) -> Any:
        create_collection(storage, path["name"], body)
        return True

    def info(path: Mapping[str, str], _: Mapping[str, str], __: None) -> Any:
        collection = get_collection(storage, path["name"])
        return collection_info(collection.config, collection.shard.info())

    def update(path: Mapping[str, str], _: Mapping[str, str], body: m.UpdateCollection) -> Any:
        collection = get_collection(storage, path["name"])
        update_collection(collection, updated_config(collection.config, body))
        return True

    def delete(path: Mapping[str, str], _: Mapping[str, str], __: None) -> Any:
        return delete_collection(storage, path["name"])

    return [
        _route("GET", "/collections", None, names),
        _route("GET", "/collections/{name}/exists", None, exists),
        _route("PUT", "/collections/{name}", m.CreateCollection, create),
        _route("GET", "/collections/{name}", None, info),
        _route("PATCH", "/collections/{name}", m.UpdateCollection, update),
        _route("DELETE", "/collections/{name}", None, delete),
    ]


def _service_routes() -> list[Route]:
    about = {
        "title": f"qdrant_edge_server: qdrant-edge-py {version('qdrant-edge-py')} behind Qdrant's REST API",
        "version": API_VERSION,
    }

    async def root(_: Request) -> Response:
        return _json_response(200, about)

    async def health(request: Request) -> Response:
        return PlainTextResponse(HEALTH_CHECKS[request.url.path])

    return [Route("/", root), *[Route(path, health) for path in HEALTH_CHECKS]]


def _route(method: str, path: str, body_type: Any, answer: Answer) -> Route:
    """Wrap an answer: parse the body, time it, and turn what it returns or raises into a response."""
    adapter: TypeAdapter[Any] | None = TypeAdapter(body_type) if body_type else None

    async def handle(request: Request) -> Response:
        started = time.perf_counter()
        try:
            # Parsed first, then validated: several times faster than validating the text, when the type is a
            # union whose members must each be tried.
            body = (
                adapter.validate_python(from_json(await _body(request), allow_inf_nan=False))
                if adapter
                else None
            )
            status, json = (
                200,
                {"result": answer(request.path_params, request.query_params, body), "status": "ok"},
            )
        except Exception as error:  # whatever it is, the client gets an answer
            api_error = as_api_error(error)
            status, json = api_error.status, {"status": {"error": api_error.text}}
        return _json_response(status, {**json, "time": time.perf_counter() - started})

    return Route(path, handle, methods=[method])


async def _body(request: Request) -> bytes:
    size = int(request.headers.get("content-length", 0))
    if size > MAX_BODY_BYTES:
        limit = f"is larger than allowed (limit: {MAX_BODY_BYTES} bytes)."
        raise ApiError(400, f"Payload error: JSON payload ({size} bytes) {limit}")
    return await request.body()


def _update_result(query: Mapping[str, str]) -> dict[str, str]:
    return {"status": "completed" if query.get("wait") == "true" else "acknowledged"}


def _json_response(status: int, json: Any) -> Response:
    return Response(to_json(json), status, media_type="application/json")


async def _no_such_endpoint(request: Request, _: Exception) -> Response:
    text = f"{request.method} {request.url.path} is not supported by qdrant_edge_server"
    return _json_response(501, {"status": {"error": text}, "time": 0.0})


def _require_api_key(app: ASGIApp, api_key: str) -> ASGIApp:
    """Let only those in who know the key, except to the health checks."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            return await app(scope, receive, send)
        headers = Request(scope).headers
        bearer = headers.get("authorization", "")
        given = headers.get("api-key")
        if given is None and bearer.startswith("Bearer "):
            given = bearer.removeprefix("Bearer ")
        if given is None:
            text = "Must provide an API key or an Authorization bearer token"
        elif hmac.compare_digest(given.encode(), api_key.encode()):
            return await app(scope, receive, send)
        else:
            text = "Invalid API key or JWT"
        return await PlainTextResponse(text, 401)(scope, receive, send)

    return guarded


async def _flush_now_and_then(storage: Storage) -> None:
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        flush(storage)
