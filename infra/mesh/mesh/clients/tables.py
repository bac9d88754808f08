"""The stores of a running mesh, through the same layers that the functions use."""

from users import table
from users.outbox import Outbox
from users.store import UserStore

from mesh.clients.aws import client
from mesh.state import State


def users(state: State) -> UserStore:
    """Return the users of all tenants."""
    return UserStore(client("dynamodb", state.aws_endpoint_url, table.TIMEOUTS), state.users_table)


def outbox(state: State) -> Outbox:
    """Return the outbox of all tenants."""
    return Outbox(client("dynamodb", state.aws_endpoint_url, table.TIMEOUTS), state.users_table)
