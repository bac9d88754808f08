"""tenant_auth.rate_limit against MiniStack's DynamoDB: many execution environments at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from mesh.clients.aws import client
from mesh.deployment import build
from tenant_auth.rate_limit import RateLimiter
from tenant_auth.settings import RateLimitSettings

from tests import sam

ENVIRONMENTS = 64
TABLE = "rate-limits"


@pytest.fixture(scope="module")
def table(aws: str, built: None) -> str:
    described = build.built_template()["Resources"]["UsersTable"]["Properties"]
    wanted = {name: described[name] for name in sam.TABLE_PROPERTIES}
    client("dynamodb", aws).create_table(TableName=TABLE, **wanted)
    return aws


@pytest.fixture
def tenant() -> str:
    return f"tenant-{uuid4().hex[:8]}"


def environments(table: str, count: int, per_second: float, burst: int) -> list[RateLimiter]:
    """Return limiters that share a client and nothing else."""
    settings = RateLimitSettings.model_validate(
        {
            "TABLE_NAME": TABLE,
            "RATE_LIMIT_PER_SECOND": per_second,
            "RATE_LIMIT_BURST": burst,
            "RATE_LIMIT_OVERRIDES": "{}",
        }
    )
    dynamodb = client("dynamodb", table)
    return [RateLimiter(settings, lambda _: dynamodb) for _ in range(count)]


def test_of_many_requests_at_once_exactly_as_many_are_admitted_as_the_bucket_holds(
    table: str, tenant: str
) -> None:
    limiters = environments(table, ENVIRONMENTS, per_second=0.001, burst=20)
    start = Barrier(ENVIRONMENTS)

    def flood(limiter: RateLimiter) -> list[bool]:
        start.wait()
        quotas = [limiter.take(tenant, "search") for _ in range(5)]
        return [quota.admitted for quota in quotas if quota is not None]

    with ThreadPoolExecutor(ENVIRONMENTS) as pool:
        answers = [admitted for answer in pool.map(flood, limiters) for admitted in answer]

    assert len(answers) == 5 * ENVIRONMENTS
    assert sum(answers) == 20


def test_a_refusal_tells_an_environment_what_others_have_used(table: str, tenant: str) -> None:
    first, second = environments(table, 2, per_second=0.001, burst=3)
    for remaining in (2, 1):
        quota = first.take(tenant, "search")
        assert quota is not None
        assert quota.remaining == remaining

    quota = second.take(tenant, "search")
    assert quota is not None
    assert (quota.admitted, quota.remaining) == (True, 0)
    for limiter in (first, second):
        quota = limiter.take(tenant, "search")
        assert quota is not None
        assert (quota.admitted, quota.remaining) == (False, 0)
        assert 999 <= quota.next_token <= 1_000
