"""How fast the running mesh is, each figure beside its floor, measured in the same run.

.venv/bin/python tests/bench/latency.py      (make bench brings the mesh up first)
"""

import os
import secrets
import statistics
import time
from collections.abc import Callable
from functools import partial

import httpx
import psutil
from mesh import paths
from mesh.clients import aws
from mesh.clients.http_api import TenantClient, client_of
from mesh.deployment import template_parameters
from mesh.process import wait_until
from mesh.state import State, load_running
from qdrant_client import QdrantClient, models
from rich.console import Console
from rich.table import Table
from users import table as keys

ROUNDS = 200
CREATES = 30
USERS = 200
IMPORTED = 100
QUERY = "someone who bakes bread"


def milliseconds(work: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Return how long each call of `work` took."""
    samples = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        samples.append((time.perf_counter() - started) * 1000)
    return samples


def local_embedder(values: dict[str, str]) -> Callable[[str], list[float]]:
    """Return the deployed embedder, in this process."""
    os.environ |= template_parameters.environment("SearchFunction", values) | {
        "EMBEDDING_MODEL_PATH": str(paths.BUILD / "VectorsLayer" / "python" / values["EmbeddingModelPath"])
    }
    from vectors.embedding import embed_query

    return embed_query


def create_to_searchable(client: TenantClient) -> list[float]:
    """Return how long each of some new users took to be found, asked for over and over."""
    samples = []
    for number in range(CREATES):
        profile = f"late comer number {secrets.token_hex(4)}"
        started = time.perf_counter()
        client.create(f"late{number}@x.dev", "Late", profile)
        if not wait_until(partial(client.finds, profile), 60, interval=0):
            raise SystemExit("A new user did not become searchable within 60 s.")
        samples.append((time.perf_counter() - started) * 1000)
    return samples


def import_users(client: TenantClient) -> None:
    """Create many users with one request."""
    batch = secrets.token_hex(4)
    body = [{"email": f"{batch}-{number}@x.dev", "name": "I"} for number in range(IMPORTED)]
    outcomes = client.http.post("/users/import", json=body).raise_for_status().json()["outcomes"]
    if any(outcome["status"] != "created" for outcome in outcomes):
        raise SystemExit("Not all users were imported.")


def memory_mb(state: State) -> float:
    """Return the resident memory of all the mesh's processes, in MB."""
    total = 0
    for pid in (component.pid for component in state.components if component.pid):
        process = psutil.Process(pid)
        total += sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])
    return total / 2**20


def main() -> None:
    """Measure and print."""
    state = load_running()
    values = template_parameters.resolved(template_parameters.given(state))
    embed = local_embedder(values)
    qdrant = QdrantClient(url=state.qdrant_url, check_compatibility=False, limits=httpx.Limits())
    with client_of(state, f"bench-{secrets.token_hex(3)}") as client:
        for number in range(USERS):
            client.create(f"u{number}@x.dev", f"User {number}", f"does thing number {number}")
        wait_until(lambda: len(client.search("anyone", 50)) == 50, 60)
        vector = embed(QUERY)
        tenant = models.FieldCondition(key="tenantId", match=models.MatchValue(value=client.tenant))
        only = models.Filter(must=[tenant])
        name = values["QdrantCollection"]
        emails = iter(range(10**6))
        dynamodb = aws.client("dynamodb", state.aws_endpoint_url)
        a_user = client.page(1)["users"][0]["id"]
        an_item = keys.key(client.tenant, keys.user_sk(a_user))

        noop = milliseconds(lambda: client.http.get("/health").raise_for_status())
        bare_embed = milliseconds(lambda: embed(QUERY))
        bare_query = milliseconds(lambda: qdrant.query_points(name, query=vector, query_filter=only, limit=5))
        search = milliseconds(lambda: client.search(QUERY))
        create = milliseconds(lambda: client.create(f"c{next(emails)}@x.dev", "C"))
        bare_get = milliseconds(lambda: dynamodb.get_item(TableName=state.users_table, Key=an_item))
        get = milliseconds(lambda: client.http.get(f"/users/{a_user}").raise_for_status())
        update = milliseconds(lambda: client.update(a_user, profile=f"changed {next(emails)}"))
        doomed = iter(list(client.users(100))[-ROUNDS:])
        erase = milliseconds(lambda: client.erase(next(doomed)["id"]))
        imported = milliseconds(lambda: import_users(client), rounds=3)
        listing = milliseconds(lambda: client.page(50))
        searchable = create_to_searchable(client)
    qdrant.close()

    floor = statistics.median(noop)
    created = statistics.median(create)
    search_floor = floor + statistics.median(bare_embed) + statistics.median(bare_query)
    table = Table("measured", "p50 ms", "p95 ms", "floor ms", "ratio", "target ms")
    for label, samples, least, target in [
        ("no-op through the gateway (GET /health)", noop, None, ""),
        ("bare embedder, one query", bare_embed, None, ""),
        ("bare Qdrant query, one tenant", bare_query, None, ""),
        ("GET /ai/users/search", search, search_floor, "40"),
        ("POST /users/create", create, floor, ""),
        ("GET /users/{id}", get, floor + statistics.median(bare_get), ""),
        ("PATCH /users/{id}", update, created, ""),
        ("DELETE /users/{id}", erase, created, ""),
        (f"POST /users/import, {IMPORTED} of them", imported, created * IMPORTED, ""),
        ("GET /users, 50 of them", listing, floor, ""),
        ("create to searchable", searchable, created + statistics.median(search), "250"),
    ]:
        p50, p95 = statistics.median(samples), statistics.quantiles(samples, n=20)[-1]
        row = ("", "") if least is None else (f"{least:.1f}", f"{p50 / least:.2f}")
        table.add_row(label, f"{p50:.1f}", f"{p95:.1f}", *row, target)
    console = Console()
    console.print(table)
    console.print("Floors: search = no-op + embedder + query; create to searchable = create + one search;")
    console.print(
        "get = no-op + GetItem; update and erase = create; import = as many creates, one after the other."
    )
    traced = values["OtlpEndpoint"]
    console.print(f"With traces, to {traced}." if traced else "Without traces.")
    console.print(f"Memory of the whole mesh: {memory_mb(state):.0f} MB (target 1,536).")


if __name__ == "__main__":
    main()
