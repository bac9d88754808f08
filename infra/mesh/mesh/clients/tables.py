"""The stores of a running mesh, through the same layers that the functions use."""

from users import table
from users.outbox import Outbox
from users.store import UserStore

from mesh.clients.aws import client
from mesh.errors import MeshError
from mesh.state import State

_PAGE = 100
_SHOWN = 20


def users(state: State) -> UserStore:
    """Return the users of all tenants."""
    return UserStore(client("dynamodb", state.aws_endpoint_url, table.TIMEOUTS), state.users_table)


def outbox(state: State) -> Outbox:
    """Return the outbox of all tenants."""
    return Outbox(client("dynamodb", state.aws_endpoint_url, table.TIMEOUTS), state.users_table)


def count(users: UserStore, tenant: str) -> int:
    """Return how many users a tenant has."""
    page = users.page(tenant, _PAGE)
    found = len(page.users)
    while page.next_cursor is not None:
        page = users.page(tenant, _PAGE, page.next_cursor)
        found += len(page.users)
    return found


def known(tenant: str, tenants: list[str]) -> str:
    """Return the tenant; MeshError if it is none of those in the table."""
    if tenant not in tenants:
        shown = [*tenants[:_SHOWN], *(["…"] if len(tenants) > _SHOWN else [])]
        there = f"There are: {', '.join(shown)}." if tenants else "There is none yet."
        raise MeshError(f"There is no tenant {tenant!r} in the table. {there}")
    return tenant
