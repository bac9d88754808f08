"""The main job on real input: create, embed, search, tenant by tenant. Every claim is checked."""

import secrets
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial

import httpx
from kafka import KafkaProducer
from qdrant_client import QdrantClient
from rich.console import Console
from rich.table import Table
from users.events import user_created
from users.model import User
from vectors.index import point_id

from mesh.clients.http_api import TenantClient, client_of
from mesh.commands.demo_people import BAKERY, LABORATORY, MEANINGS, NONSENSE, WORDS, Person
from mesh.components import LOCAL
from mesh.deployment import template_parameters
from mesh.errors import MeshError
from mesh.kafka import kafka_access
from mesh.process import wait_until
from mesh.state import State

_TIMEOUT = 60
_MIN_SCORE = 0.33  # of the layer's model: docs/search.md, Which minScore
_SAMPLES = 5


def run(state: State, console: Console) -> None:
    """Run the demo on a mesh that is up; MeshError names the first thing that is not as it should be."""
    try:
        _run(state, console)
    except httpx.HTTPStatusError as error:
        answer = error.response
        raise MeshError(
            f"The demo failed. {answer.request.method} {answer.url.path} answered {answer.status_code}: "
            f"{answer.text}"
        ) from error
    console.print("\n[green]Everything is as it should be.[/] The mesh stays up.")
    console.print(f"  API      {state.api_url}")
    console.print("  look     .venv/bin/mesh status    .venv/bin/mesh logs enrich")
    console.print("  stop it  make down")


def _run(state: State, console: Console) -> None:
    run_id = secrets.token_hex(2)  # tenants of its own, so that the demo can run again
    with ExitStack() as clients:
        bakery = clients.enter_context(client_of(state, f"bakery-{run_id}"))
        laboratory = clients.enter_context(client_of(state, f"laboratory-{run_id}"))
        _create([(bakery, BAKERY), (laboratory, LABORATORY)], console)
        _ask({"bakery": bakery, "laboratory": laboratory}, console)
        if template_parameters.given(state).get("EmbeddingProvider", LOCAL) == LOCAL:
            _ask_nonsense([bakery, laboratory], console)
        _isolated(bakery, BAKERY, laboratory, LABORATORY, console)
        _isolated(laboratory, LABORATORY, bakery, BAKERY, console)
        _same_id_twice(state, {bakery: "collects old stamps", laboratory: "gathers wild mushrooms"}, console)
        _life(laboratory, console)
        _latency(bakery, console)


def _create(tenants: Sequence[tuple[TenantClient, Sequence[Person]]], console: Console) -> None:
    console.rule("Create")
    started = time.perf_counter()
    for client, people in tenants:
        for person in people:
            client.create(person.email, person.name, person.profile)
    created = time.perf_counter()
    for client, people in tenants:
        _await(
            partial(_finds, client, len(people)), f"the {len(people)} users of {client.tenant} are searchable"
        )
    console.print(
        f"{sum(len(people) for _, people in tenants)} users in {len(tenants)} tenants created in "
        f"{created - started:.1f} s, all searchable {time.perf_counter() - created:.1f} s later "
        "(the first start of each function included)."
    )


def _ask(clients: dict[str, TenantClient], console: Console) -> None:
    console.rule("Search by meaning")
    for tenant, question, expected in MEANINGS:
        results = clients[tenant].search(question, 3)
        table = Table("score", "name", "profile", title=f"{tenant}: “{question}”", title_justify="left")
        for result in results:
            table.add_row(f"{result['score']:.3f}", result["name"], result["profile"])
        console.print(table)
        _check(results[0]["name"] == expected, f"the best answer to “{question}” is {expected}")
    console.rule("Search by name, address and word")
    table = Table("tenant", "query", "best", "found by", "topic")
    for tenant, query, expected in WORDS:
        best = clients[tenant].search(query, 1)[0]
        table.add_row(tenant, query, best["name"], ", ".join(best["matched"]), ", ".join(best["topics"]))
        _check(best["name"] == expected, f"the best answer to “{query}” is {expected}")
    console.print(table)


def _ask_nonsense(clients: Sequence[TenantClient], console: Console) -> None:
    found = [client.search(NONSENSE, minScore=_MIN_SCORE) for client in clients]
    _check(not any(found), f"“{NONSENSE}” finds nobody with a minScore of {_MIN_SCORE}", console)


def _isolated(
    client: TenantClient,
    own: Sequence[Person],
    other: TenantClient,
    strangers: Sequence[Person],
    console: Console,
) -> None:
    console.rule(f"{client.tenant} sees only its own")
    profiles = {person.profile for person in own}
    listed = list(client.users(page_size=10))
    _check(
        sorted(user["profile"] for user in listed) == sorted(profiles)
        and {user["tenantId"] for user in listed} == {client.tenant},
        f"GET /users, page by page, has its {len(own)} users and no others",
        console,
    )
    found = [hit["profile"] for person in strangers for hit in client.search(person.profile, 50)]
    _check(
        set(found) == profiles,
        f"{len(strangers)} searches for the people of {other.tenant} find only its own",
        console,
    )
    shared = {person.email for person in own} & {person.email for person in strangers}
    _check(
        len(shared) == 3,
        f"{len(shared)} e-mail addresses, with the same names, exist in both tenants",
        console,
    )
    cursor = other.page(limit=1)["nextCursor"]
    answer = client.http.get("/users", params={"cursor": cursor})
    _check(answer.status_code == 400, f"a page cursor of {other.tenant} is refused (400)", console)


def _same_id_twice(state: State, hobbies: dict[TenantClient, str], console: Console) -> None:
    """Two events straight to the topic, both for id 123: each tenant keeps its own."""
    console.rule("Id 123 in two tenants is two points")
    values = template_parameters.resolved(template_parameters.given(state))
    producer = KafkaProducer(**kafka_access.options(state))
    for client, hobby in hobbies.items():
        user = User(
            id=123,
            tenant_id=client.tenant,
            email="pat@example.dev",
            name="Pat Doe",
            profile=hobby,
            created_at=datetime.now(UTC),
            updated_at=datetime.now(UTC),
            version=1,
        )
        record = user_created(user)
        producer.send(values["UserEventsTopic"], key=record.key, value=record.value, headers=record.headers)
    producer.flush()
    producer.close()
    for client, hobby in hobbies.items():
        _await(partial(client.finds, hobby), f"user 123 of {client.tenant} is searchable")
        found = [hit["profile"] for hit in client.search("Pat Doe", 50) if hit["userId"] == 123]
        _check(found == [hobby], f"user 123 of {client.tenant} {hobby}", console)
    ids = [str(point_id(client.tenant, 123)) for client in hobbies]
    qdrant = QdrantClient(url=state.qdrant_url, check_compatibility=False)
    stored = {str(point.id) for point in qdrant.retrieve(values["QdrantCollection"], ids)}
    qdrant.close()
    _check(len(stored) == 2 and stored == set(ids), f"the points {ids[0]} and {ids[1]}", console)


def _life(client: TenantClient, console: Console) -> None:
    """Show a user who changes jobs and is found by the new one alone, and then is erased."""
    console.rule("People change, and go")
    old, new = "drives the night train to Lisbon", "teaches children to play the cello"
    user_id = client.create("robin@example.dev", "Robin Vale", old)["id"]
    _await(partial(client.finds, old), "a new user is searchable")
    changed = client.update(user_id, profile=new)
    _await(partial(client.finds, new), "the new job is searchable")
    best = client.search(new, 1)[0]
    _check(
        (best["userId"], changed["version"]) == (user_id, 2) and not client.finds(old),
        "Robin changed jobs: found by the new one, and no longer by the old",
        console,
    )
    client.erase(user_id)
    _await(partial(_finds_not, client, new), "an erased user is found no longer")
    _check(
        client.http.get(f"/users/{user_id}").status_code == 404
        and user_id not in {user["id"] for user in client.users()}
        and user_id not in {hit["userId"] for hit in client.search("Robin Vale", 50)},
        "Robin was erased: gone from get, list and search",
        console,
    )


def _latency(client: TenantClient, console: Console) -> None:
    console.rule("From create to searchable")
    samples = []
    for number in range(_SAMPLES):
        profile = f"speaks language number {number} of {_SAMPLES} fluently"
        started = time.perf_counter()
        client.create(f"late{number}@example.dev", f"Late {number}", profile)
        _await(partial(client.finds, profile), "a new user is searchable", interval=0.002)
        samples.append((time.perf_counter() - started) * 1000)
    console.print(
        f"p50 {statistics.median(samples):.0f} ms, slowest {max(samples):.0f} ms, "
        f"of {_SAMPLES} users one by one."
    )


def _finds(client: TenantClient, users: int) -> bool:
    return len(client.search("a person", 50)) == users


def _finds_not(client: TenantClient, profile: str) -> bool:
    return not client.finds(profile)


def _check(holds: bool, claim: str, console: Console | None = None) -> None:
    if not holds:
        raise MeshError(f"The demo failed. This should be true, and is not: {claim}")
    if console is not None:
        console.print(f"[green]✓[/] {claim}")


def _await(condition: partial[bool], claim: str, interval: float = 0.05) -> None:
    _check(wait_until(condition, _TIMEOUT, interval), f"{claim} within {_TIMEOUT} s")
