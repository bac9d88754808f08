"""`mesh tenant delete`: a tenant leaves, with all that the mesh holds of it."""

from collections import Counter
from time import sleep

from rich.console import Console

from mesh.clients import operator, tables
from mesh.errors import MeshError
from mesh.kafka import dead_letters
from mesh.progress import progress_bar
from mesh.state import State

_PAUSE_SECONDS = 0.5
_PATIENCE_SECONDS = 120  # without anything that has changed


def size(state: State, tenant: str) -> int:
    """Return how many users a tenant has; MeshError if there is no such tenant."""
    users = tables.users(state)
    tables.known(tenant, sorted(users.tenants()))
    return tables.count(users, tenant)


def delete(state: State, tenant: str, users: int, force: bool, console: Console) -> None:
    """Erase a tenant of so many users, and say what was there.

    MeshError if it does not look as if it had left, or its events do not arrive.
    """
    removed: Counter[str] = Counter()
    waited, seen = 0.0, 0
    with progress_bar(console) as progress:
        task = progress.add_task("users erased", total=users)
        for answer in operator.answers(state, "delete_tenant", {"tenant": tenant, "force": force}):
            if answer["refused"]:
                raise MeshError(f"{tenant} does not look as if it had left. {answer['refused']} Or: --force")
            removed.update({name: answer[name] for name in ("users", "items", "points")})
            progress.update(task, completed=removed["users"])
            if waiting := answer["waiting"]:
                waited = waited + _PAUSE_SECONDS if waiting == seen else 0.0
                seen = waiting
                if waited >= _PATIENCE_SECONDS:
                    raise MeshError(
                        f"{waiting} events of {tenant} are not indexed: see mesh status, mesh dlq list and "
                        "mesh logs enrich. Then run it again; --force does not wait for them."
                    )
                progress.update(task, description=f"waiting for {waiting} events")
                sleep(_PAUSE_SECONDS)
    console.print(
        f"[green]✓[/] {tenant} is gone: {removed['users']} users, {removed['items']} other items "
        f"of the table, {removed['points']} points of the index."
    )
    choice = dead_letters.choose(None, tenant)
    if left := sum(each.is_of(choice) for each in dead_letters.read(dead_letters.topic_of(state))):
        console.print(
            f"{left} dead letters name it. They expire by themselves; one that is replayed brings its user "
            "back into the index."
        )
