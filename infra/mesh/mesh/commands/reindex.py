"""Rebuilding the index: every user of the table goes through the topic again, as if it were created now.

For use after a change of the embedding model (with a new collection) or the loss of the vector store.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError
from qdrant_client import QdrantClient
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from users.errors import InvalidCursorError
from users.errors import UnavailableError as UsersUnavailableError
from users.events import user_created
from users.model import User
from users.publisher import Publisher
from users.store import UserStore
from vectors.errors import UnavailableError as VectorsUnavailableError
from vectors.index import UserIndex

from mesh import paths
from mesh.clients import tables
from mesh.commands import status
from mesh.deployment import template_parameters
from mesh.deployment.provision import provision
from mesh.errors import MeshError
from mesh.kafka import kafka_access
from mesh.process import wait_until
from mesh.state import State

_PAGE = 100
_SHOWN = 20
_INDEXED_SECONDS = 600
_FETCHED_SECONDS = 10.0


class Place(NamedTuple):
    """How far a run has come: in which tenant, after which page."""

    tenant: str
    cursor: str | None


def run(state: State, tenant: str | None, console: Console) -> None:
    """Publish the users of all tenants, or of one, and wait until all of them are indexed.

    A run over all tenants that was interrupted goes on where it was. MeshError if there is no such tenant,
    if a store does not answer, if the collection is another model's, or if users are missing in the index
    at the end.
    """
    values = template_parameters.resolved(template_parameters.given(state))
    provision(state)
    try:
        _run(state, values, tenant, console)
    except (UsersUnavailableError, VectorsUnavailableError) as error:
        raise MeshError(f"{error} See mesh status; then run it again, it goes on where it was.") from error


def _run(state: State, values: Mapping[str, str], tenant: str | None, console: Console) -> None:
    users = tables.users(state)
    publisher = Publisher(partial(kafka_access.options, state), values["UserEventsTopic"])
    tenants = sorted(users.tenants())
    if tenant is not None:
        tenants = [_known(tenant, tenants)]
    started = _saved() if tenant is None else None
    if started:
        console.print(f"Going on with {started.tenant}, where the last run ended.")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    published = {}
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("tenants", total=len(tenants))
        for each in tenants:
            progress.update(task, description=each)
            if started is None or each >= started.tenant:
                cursor = started.cursor if started and each == started.tenant else None
                published[each] = _publish(users, publisher, each, cursor, keep=tenant is None)
            progress.advance(task)
        progress.update(task, description="published")
    publisher.close()
    console.print(f"{sum(published.values())} users of {len(published)} tenants published. Indexing …")
    _check(state, values, users, list(published), console)
    paths.REINDEX.unlink(missing_ok=True)


def _known(tenant: str, tenants: list[str]) -> str:
    """Return the tenant; MeshError if it is not in the table."""
    if tenant not in tenants:
        shown = [*tenants[:_SHOWN], *(["…"] if len(tenants) > _SHOWN else [])]
        there = f"There are: {', '.join(shown)}." if tenants else "There is none yet."
        raise MeshError(f"There is no tenant {tenant!r} in the table. {there}")
    return tenant


def _publish(users: UserStore, publisher: Publisher, tenant: str, cursor: str | None, *, keep: bool) -> int:
    """Publish a tenant's users from a page on; return how many there were."""
    published = 0
    for page, after in _pages(users, tenant, cursor):
        errors = publisher.publish_all([user_created(user) for user in page])
        if failed := next(filter(None, errors), None):
            raise MeshError(
                f"Kafka did not take the users of {tenant}: {failed}. Run it again to go on there."
            )
        published += len(page)
        if keep and after:
            _save(Place(tenant, after))
    return published


def _pages(users: UserStore, tenant: str, cursor: str | None) -> Iterator[tuple[list[User], str | None]]:
    while True:
        try:
            page = users.page(tenant, _PAGE, cursor)
        except InvalidCursorError as error:  # only where the last run has saved it can it be wrong
            raise _damaged() from error
        cursor = page.next_cursor
        yield page.users, cursor
        if cursor is None:
            return


def _check(
    state: State, values: Mapping[str, str], users: UserStore, tenants: list[str], console: Console
) -> None:
    """Wait until each tenant has as many users in the index as in the table, or no more are to come."""
    stored = {each: sum(len(page) for page, _ in _pages(users, each, None)) for each in tenants}
    with closing(QdrantClient(url=state.qdrant_url, check_compatibility=False)) as client:
        index = UserIndex(client, values["QdrantCollection"])

        def missing() -> list[str]:
            return [each for each in tenants if index.count(each) < stored[each]]

        _await_indexed(state, lambda: not missing())
        if left := missing():
            raise MeshError(
                f"Users of {', '.join(left)} are not indexed: see mesh dlq list and mesh logs enrich."
            )
    console.print(f"[green]✓[/] {sum(stored.values())} users of {len(tenants)} tenants are in the index.")


def _await_indexed(state: State, complete: Callable[[], bool]) -> None:
    """Wait until the poller has nothing left to do; MeshError if that takes too long.

    Its lag is as of its last fetch: it may be 0 still when events have just been published.
    """
    nothing_left_since = float("inf")

    def done() -> bool:
        nonlocal nothing_left_since
        if status.consumer_lag(state) != 0:
            nothing_left_since = float("inf")
            return False
        nothing_left_since = min(nothing_left_since, time.monotonic())
        return complete() or time.monotonic() - nothing_left_since >= _FETCHED_SECONDS

    if not wait_until(done, _INDEXED_SECONDS, interval=0.5):
        raise MeshError(
            "The events are published, but not all are indexed yet: see mesh status and mesh logs poller."
        )


def _saved() -> Place | None:
    if not paths.REINDEX.exists():
        return None
    try:
        return TypeAdapter(Place).validate_json(paths.REINDEX.read_bytes())
    except ValidationError as error:
        raise _damaged() from error


def _damaged() -> MeshError:
    return MeshError(f"{paths.REINDEX} is damaged. Remove it; mesh reindex then begins anew.")


def _save(place: Place) -> None:
    paths.REINDEX.write_text(json.dumps(place._asdict()))
