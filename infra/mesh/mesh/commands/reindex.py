"""Rebuilding the index: every user of the table goes through the topic again, as it is now.

For use after a change of the embedding model (with a new collection) or the loss of the vector store. The
function `reindex` does it, as on AWS; here are its progress, and a look at what has come of it.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from qdrant_client import QdrantClient
from rich.console import Console
from users.errors import UnavailableError as UsersUnavailableError
from users.store import UserStore
from vectors.errors import UnavailableError as VectorsUnavailableError
from vectors.index import UserIndex

from mesh import paths
from mesh.clients import operator, tables
from mesh.commands.up import Ports, up
from mesh.commands.watching import status
from mesh.deployment import template_parameters
from mesh.deployment.provision import provision
from mesh.errors import MeshError
from mesh.process import wait_until
from mesh.progress import progress_bar
from mesh.state import State, load_running

_INDEXED_SECONDS = 600
_FETCHED_SECONDS = 10.0


class _After(BaseModel):
    """A place in a run over all tenants, as the function answers it."""

    model_config = ConfigDict(extra="forbid")

    tenant: str
    cursor: str | None = None


class _Event(BaseModel):
    """The event that goes on with such a run."""

    model_config = ConfigDict(extra="forbid")

    after: _After


def into(collection: str, parameters: Mapping[str, str], console: Console) -> None:
    """Change to another collection, made by these parameters, without a gap; the old one stays, unused.

    A second enrich fills it and keeps it up to date, while the one there is searched. Then it takes the
    other's place, together with its consumer group: nothing between the two is left out. What was
    interrupted goes on. MeshError as of `run`, or if the parameters are not an index's.
    """
    state = load_running()
    values = template_parameters.resolved(template_parameters.given(state))
    defaults = template_parameters.of_next_index()
    if collection == (old := values["QdrantCollection"]):
        raise MeshError(f"{collection} is the collection that is searched: give the name of another one.")
    if others := sorted(parameters.keys() - defaults.keys()):
        raise MeshError(f"{', '.join(others)}: an index has other parameters, {', '.join(defaults)}.")
    chosen = {
        **{name: values[name] for name in defaults},
        **parameters,
        "QdrantCollection": collection,
        "ConsumerGroupId": f"event-mesh.enrich.{collection}",
    }

    def progress(step: str) -> None:
        console.print(f"[dim]·[/] {step}")

    up(Ports(), {f"Next{name}": value for name, value in chosen.items()}, progress)
    run(load_running(), None, console, collection)
    up(Ports(), chosen | {f"Next{name}": value for name, value in defaults.items()}, progress)
    console.print(f"{collection} is searched. {old} gets no more changes and erasures: remove it soon.")


def run(state: State, tenant: str | None, console: Console, collection: str | None = None) -> None:
    """Publish the users of all tenants, or of one, and wait until all of them are indexed.

    In the collection that is searched, or another one that is filled beside it.
    A run over all tenants that was interrupted goes on where it was. MeshError if there is no such tenant,
    if a store does not answer, if the collection is another model's, or if users are missing in the index
    at the end.
    """
    values = template_parameters.resolved(template_parameters.given(state))
    values |= {"QdrantCollection": collection} if collection else {}
    provision(state)
    try:
        _run(state, values, tenant, console)
    except (UsersUnavailableError, VectorsUnavailableError) as error:
        raise MeshError(f"{error} See mesh status; then run it again, it goes on where it was.") from error


def _run(state: State, values: Mapping[str, str], tenant: str | None, console: Console) -> None:
    users = tables.users(state)
    tenants = sorted(users.tenants())
    event: dict[str, Any] = {}
    if tenant is not None:
        tenants, event = [tables.known(tenant, tenants)], {"tenant": tenant}
    elif (saved := _saved()) is not None:
        console.print(f"Going on with {saved.after.tenant}, where the last run ended.")
        tenants = [each for each in tenants if each >= saved.after.tenant]
        event = saved.model_dump()
    published = markers = 0
    with progress_bar(console) as progress:
        task = progress.add_task("tenants", total=len(tenants))
        for answer in operator.answers(state, "reindex", event):
            published += answer["published"]
            markers += answer["markersRemoved"]
            left = answer["next"]
            done = sum(each < left["after"]["tenant"] for each in tenants) if left else len(tenants)
            progress.update(task, completed=done, description=f"{published} users published")
            if left and tenant is None:
                paths.REINDEX.write_text(json.dumps(left))
    console.print(f"{published} users of {len(tenants)} tenants published. Indexing …")
    if markers:
        console.print(
            f"{markers} markers removed: of users erased so long ago that nothing brings them back."
        )
    _check(state, values, users, tenants, console)
    paths.REINDEX.unlink(missing_ok=True)


def _check(
    state: State, values: Mapping[str, str], users: UserStore, tenants: list[str], console: Console
) -> None:
    """Wait until each tenant has as many users in the index as in the table, or no more are to come."""
    stored = {each: tables.count(users, each) for each in tenants}
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


def _saved() -> _Event | None:
    if not paths.REINDEX.exists():
        return None
    try:
        return _Event.model_validate_json(paths.REINDEX.read_bytes())
    except ValidationError as error:
        raise MeshError(f"{paths.REINDEX} is damaged. Remove it; mesh reindex then begins anew.") from error
