"""What the outbox, the rate limit and signed tokens add to a request of the running mesh.

.venv/bin/python tests/bench/costs.py      (make bench brings the mesh up first)

Each is timed by itself, in this process and against the mesh's own DynamoDB, in the same run as the requests
that it is compared to. The ratio is a request's p50 with it to what it would be without it.
"""

import secrets
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mesh.clients.aws import client
from mesh.clients.http_api import client_of
from mesh.deployment import issuer, template_parameters
from mesh.process import wait_until
from mesh.state import State, load_running
from rich.console import Console
from rich.table import Table
from tenant_auth.rate_limit import RateLimiter
from tenant_auth.settings import RateLimitSettings, Settings
from tenant_auth.tokens.signed_token import caller_of
from users.model import NewUser
from users.outbox import Outbox
from users.store import UserStore
from users.store.transaction import Patience, Transactions

ROUNDS = 150


class WithoutOutbox(Transactions):
    """Stores a user and its address only."""

    def commit(self, token: str, writes: Sequence[Mapping[str, Any]], patience: Patience) -> list[str]:
        return super().commit(token, writes[:2], patience)


def p50(work: Callable[[], object]) -> float:
    """Return the median time of a call, in ms."""
    samples = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        samples.append((time.perf_counter() - started) * 1000)
    return statistics.median(samples)


def new_users() -> Iterator[NewUser]:
    """Yield users with addresses of their own."""
    while True:
        yield NewUser(email=f"{secrets.token_hex(6)}@x.dev", name="C", profile="costs something")


def outbox_ms(state: State, tenant: str) -> float:
    """Return what it takes to store an event with its user, and to remove it, beyond storing the user."""
    dynamodb, people = client("dynamodb", state.aws_endpoint_url), new_users()
    users, outbox = UserStore(dynamodb, state.users_table), Outbox(dynamodb, state.users_table)
    bare = UserStore(dynamodb, state.users_table)
    bare._transactions = WithoutOutbox(dynamodb, state.users_table)

    def with_outbox() -> None:
        event = users.create(tenant, next(people)).event
        assert event
        outbox.remove([event])

    return p50(with_outbox) - p50(lambda: bare.create(tenant, next(people)))


def rate_limit_ms(state: State, tenant: str) -> float:
    """Return what counting a request takes."""
    dynamodb = client("dynamodb", state.aws_endpoint_url)
    settings = RateLimitSettings(
        TABLE_NAME=state.users_table,
        RATE_LIMIT_PER_SECOND=100,
        RATE_LIMIT_BURST=1_000_000,
        RATE_LIMIT_OVERRIDES="{}",
    )
    limiter = RateLimiter(settings, lambda _: dynamodb)
    return p50(lambda: limiter.take(tenant, "bench"))


def signed_token_ms(state: State, values: dict[str, str], tenant: str) -> float:
    """Return what verifying a signed token takes beyond reading a development token."""
    names = ("JwtJwksUrl", "JwtIssuer", "JwtAudience")
    jwt = Settings(
        ENVIRONMENT="development",
        AUTH_MODE="jwt",
        **dict(
            zip(("JWT_JWKS_URL", "JWT_ISSUER", "JWT_AUDIENCE"), (values[name] for name in names), strict=True)
        ),
    )
    token = issuer.signed(state, tenant, "bench")
    return p50(lambda: caller_of(token, jwt))


def main() -> None:
    """Measure and print."""
    state = load_running()
    values = template_parameters.resolved(template_parameters.given(state))
    tenant = f"costs-{secrets.token_hex(3)}"
    with client_of(state, tenant) as api:
        people = new_users()
        api.create(next(people).email, "Warm", "is warm")
        wait_until(lambda: api.finds("is warm"), 60)
        create = p50(lambda: api.create(next(people).email, "C", "costs something"))
        search = p50(lambda: api.search("someone"))
    table = Table("adds", "ms", "to a create", "to a search")
    for label, added, to_create, to_search in [
        ("outbox", outbox_ms(state, tenant), True, False),
        ("rate limit", rate_limit_ms(state, tenant), True, True),
        ("signed token", signed_token_ms(state, values, tenant), True, True),
    ]:
        ratios = [
            f"x {whole / (whole - added):.2f}" if applies else "–"
            for whole, applies in ((create, to_create), (search, to_search))
        ]
        table.add_row(label, f"{added:.2f}", *ratios)
    console = Console()
    console.print(table)
    console.print(
        f"p50 of a create {create:.1f} ms, of a search {search:.1f} ms, with the development token and "
        f"{'with' if values['OtlpEndpoint'] else 'without'} traces (their cost: tests/bench/traces.py)."
    )


if __name__ == "__main__":
    main()
