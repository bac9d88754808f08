"""The rate limit on a table made from template.yaml: never too many, and seldom more than one write."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import combinations, count
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tenant_auth.rate_limit import Quota, RateLimiter, TooManyAtOnceError, left
from tenant_auth.settings import RateLimit, RateLimitSettings

from tests import sam
from tests.unit.fakes import DynamoFaults

SECOND = 1_000_000
START = 1_800_000_000 * SECOND
OVERRIDES = {
    "tenant-slow": {"create_user": {"perSecond": 0.1, "burst": 1}},
    "tenant-free": {"create_user": {"perSecond": 0, "burst": 1}},
}
UNSHRUNK = set(Phase) - {Phase.shrink}  # on moto, that takes minutes
# RFC 9651: a List of one Item, a String with Integer parameters
POLICY = re.compile(r'"[ -!#-\[\]-~]*";q=[0-9]{1,15};w=[1-9][0-9]{0,14}')
SERVICE_LIMIT = re.compile(r'"[ -!#-\[\]-~]*";r=[0-9]{1,15};t=[0-9]{1,15}')


def settings_of(per_second: float = 2, burst: int = 5, overrides: Any = OVERRIDES) -> RateLimitSettings:
    return RateLimitSettings.model_validate(
        {
            "TABLE_NAME": sam.TABLE_NAME,
            "RATE_LIMIT_PER_SECOND": str(per_second),
            "RATE_LIMIT_BURST": str(burst),
            "RATE_LIMIT_OVERRIDES": json.dumps(overrides),
        }
    )


class Environment:
    """A limiter as an execution environment has it: with a memory and a clock of its own."""

    def __init__(self, configured: RateLimitSettings, client: Any = None, now: int = START) -> None:
        self.now = now
        client = client or boto3.client("dynamodb")
        self._limiter = RateLimiter(configured, lambda _: client, lambda: self.now)

    def take(self, tenant: str = "tenant-a", group: str = "create_user", tokens: int = 1) -> Quota | None:
        return self._limiter.take(tenant, group, tokens)

    def admitted(self, requests: int, tenant: str = "tenant-a", group: str = "create_user") -> int:
        """Send requests, and return how many were admitted."""
        return sum(
            quota is None or quota.admitted for quota in (self.take(tenant, group) for _ in range(requests))
        )

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


@pytest.fixture
def environment(aws: DynamoFaults) -> Callable[..., Environment]:
    return lambda **limit: Environment(settings_of(**limit))


def items() -> list[dict[str, Any]]:
    found = boto3.client("dynamodb").scan(TableName=sam.TABLE_NAME)["Items"]
    return [{name: next(iter(value.values())) for name, value in item.items()} for item in found]


def test_given_a_full_bucket_when_emptied_then_it_fills_at_exactly_the_rate(
    environment: Callable[..., Environment],
) -> None:
    one = environment(per_second=2, burst=5)
    assert one.admitted(7) == 5
    one.sleep(0.499_999)
    assert one.admitted(1) == 0
    one.sleep(0.000_001)
    assert one.admitted(2) == 1
    one.sleep(1.75)
    assert one.admitted(9) == 3
    one.sleep(0.25)
    assert one.admitted(2) == 1


def test_given_a_tenant_that_pauses_when_it_comes_back_then_the_bucket_is_full_and_not_more(
    environment: Callable[..., Environment],
) -> None:
    one = environment(per_second=2, burst=5)
    one.admitted(5)
    one.sleep(3_600)
    assert one.admitted(20) == 5


def test_given_requests_when_counted_then_the_answer_tells_what_is_left(
    environment: Callable[..., Environment],
) -> None:
    one = environment(per_second=0.5, burst=2)
    assert one.take() == Quota(True, "create_user", 2, 4, remaining=1, next_token=2)
    one.sleep(0.5)
    assert one.take() == Quota(True, "create_user", 2, 4, remaining=0, next_token=2)
    assert one.take() == Quota(False, "create_user", 2, 4, remaining=0, next_token=2, wait=2)
    one.sleep(1)
    assert one.take() == Quota(False, "create_user", 2, 4, remaining=0, next_token=1, wait=1)
    one.sleep(0.5)
    assert one.take() == Quota(True, "create_user", 2, 4, remaining=0, next_token=2)


def test_given_used_buckets_when_asked_what_is_left_then_each_is_told_and_no_token_is_taken(
    environment: Callable[..., Environment],
) -> None:
    one = environment(per_second=0.5, burst=2)
    one.take("tenant-a", "create_user")
    one.take("tenant-a", "search")
    one.take("tenant-b", "search")
    limit = RateLimit(perSecond=0.5, burst=2)

    def told(tenant: str, *groups: str) -> list[Quota]:
        dynamodb = boto3.client("dynamodb")
        return left(dynamodb, sam.TABLE_NAME, tenant, dict.fromkeys(groups, limit), one.now)

    used = [Quota(True, group, 2, 4, remaining=1, next_token=2) for group in ("create_user", "search")]
    assert told("tenant-a", "create_user", "search", "get_user") == used
    assert told("tenant-a", "create_user", "search") == used  # once more: nothing was taken
    assert told("tenant-a", "search") == used[1:]  # of a group without a limit nothing is known
    assert told("tenant-c", "search") == []
    one.sleep(60)
    assert [quota.remaining for quota in told("tenant-b", "search")] == [2]  # full, and not more


def test_given_a_request_for_many_when_counted_then_all_are_taken_or_none(
    environment: Callable[..., Environment],
) -> None:
    one = environment(per_second=2, burst=10)
    assert one.take(tokens=7) == Quota(True, "create_user", 10, 5, remaining=3, next_token=1)
    assert one.take(tokens=7) == Quota(False, "create_user", 10, 5, remaining=3, next_token=1, wait=2)
    assert one.admitted(9) == 3
    one.sleep(3.5)
    assert one.take(tokens=7) == Quota(True, "create_user", 10, 5, remaining=0, next_token=1)


def test_given_a_request_for_more_than_the_bucket_holds_then_it_is_told_that_no_wait_would_help(
    environment: Callable[..., Environment], aws: DynamoFaults
) -> None:
    with pytest.raises(TooManyAtOnceError, match="counts as 6, and your tenant may send 5 at once"):
        environment(burst=5).take(tokens=6)
    assert aws.requests == []


def test_given_a_count_when_stored_then_it_is_one_item_that_expires_when_the_bucket_is_full_again(
    environment: Callable[..., Environment],
) -> None:
    environment(per_second=2, burst=5).admitted(3)
    (item,) = items()
    assert (item["pk"], item["sk"]) == ("TENANT#tenant-a", "RATE#create_user")
    assert int(item["tat"]) == START + 3 * SECOND // 2
    assert int(item["expiresAt"]) > int(item["tat"]) / SECOND
    assert item.keys() == {"pk", "sk", "tat", "expiresAt"}


def test_given_a_bucket_that_expired_when_used_then_it_is_full(
    environment: Callable[..., Environment],
) -> None:
    one = environment(per_second=2, burst=5)
    one.admitted(5)
    forget("create_user")
    one.sleep(3_600)
    assert one.admitted(9) == 5


def test_given_an_item_deleted_by_hand_when_used_then_the_bucket_is_full(
    environment: Callable[..., Environment], aws: DynamoFaults
) -> None:
    one = environment(per_second=2, burst=5)
    one.admitted(3)
    forget("create_user")
    aws.requests.clear()
    assert one.take() == Quota(True, "create_user", 5, 3, remaining=4, next_token=1)
    assert len(aws.requests) == 2


def forget(group: str) -> None:
    key = {"pk": {"S": "TENANT#tenant-a"}, "sk": {"S": f"RATE#{group}"}}
    boto3.client("dynamodb").delete_item(TableName=sam.TABLE_NAME, Key=key)


def test_given_a_flood_when_refused_then_nothing_is_written(
    environment: Callable[..., Environment], aws: DynamoFaults
) -> None:
    one = environment(per_second=2, burst=5)
    assert one.admitted(1_000) == 5
    assert aws.requests == ["UpdateItem"] * 5


def test_given_a_bucket_in_use_when_an_environment_first_sees_it_then_two_writes_and_then_one_each(
    environment: Callable[..., Environment], aws: DynamoFaults
) -> None:
    environment(burst=5).take()
    other = environment(burst=5)
    for writes in (2, 1, 1, 1, 0, 0):
        aws.requests.clear()
        other.take()
        assert len(aws.requests) == writes


def test_given_an_empty_bucket_when_an_environment_first_sees_it_then_it_is_refused_after_one_write(
    environment: Callable[..., Environment], aws: DynamoFaults
) -> None:
    environment(burst=5).admitted(5)
    other = environment(burst=5)
    for writes in (1, 0):
        aws.requests.clear()
        assert other.admitted(1) == 0
        assert len(aws.requests) == writes


def test_given_a_bucket_of_one_when_used_then_the_second_waits(
    environment: Callable[..., Environment],
) -> None:
    one, other = environment(), environment()
    assert one.admitted(1, "tenant-slow") == 1
    assert other.admitted(1, "tenant-slow") == 0
    other.sleep(10)
    assert other.admitted(2, "tenant-slow") == 1


def test_given_a_flood_of_one_tenant_when_another_calls_then_its_bucket_is_untouched(
    environment: Callable[..., Environment],
) -> None:
    one = environment(burst=5)
    one.admitted(100, "tenant-a")
    assert one.admitted(9, "tenant-b") == 5
    assert one.admitted(9, "tenant-a", "search") == 5


def test_given_more_tenants_than_are_remembered_when_used_then_the_limit_holds_all_the_same(
    environment: Callable[..., Environment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenant_auth.rate_limit._REMEMBERED", 2)
    one = environment(burst=5)
    for _ in range(4):
        for tenant in ("tenant-a", "tenant-b", "tenant-c"):
            assert one.admitted(1, tenant) == 1
    assert len(one._limiter._seen) == 2
    assert [one.admitted(9, tenant) for tenant in ("tenant-a", "tenant-b", "tenant-c")] == [1, 1, 1]


def test_given_no_limit_when_called_then_nothing_is_counted(
    environment: Callable[..., Environment], aws: DynamoFaults
) -> None:
    assert environment(per_second=0).take() is None
    assert environment().take("tenant-free") is None
    assert aws.requests == []


def test_given_a_clock_that_is_ahead_when_it_has_counted_then_a_slower_one_lets_no_more_through(
    environment: Callable[..., Environment],
) -> None:
    ahead, behind = environment(per_second=2, burst=5), environment(per_second=2, burst=5)
    ahead.sleep(10)
    assert ahead.admitted(1) == 1
    quota = behind.take()
    assert quota == Quota(False, "create_user", 5, 3, remaining=0, next_token=9, wait=9)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TABLE_NAME", None),
        ("RATE_LIMIT_PER_SECOND", "-1"),
        ("RATE_LIMIT_PER_SECOND", "inf"),
        ("RATE_LIMIT_PER_SECOND", "many"),
        ("RATE_LIMIT_BURST", "0"),
        ("RATE_LIMIT_BURST", "1.5"),
        ("RATE_LIMIT_OVERRIDES", ""),
        ("RATE_LIMIT_OVERRIDES", "{"),
        ("RATE_LIMIT_OVERRIDES", "[]"),
        ("RATE_LIMIT_OVERRIDES", '{"tenant-a": 5}'),
        ("RATE_LIMIT_OVERRIDES", '{"tenant-a": {"search": {"perSecond": 5}}}'),
        ("RATE_LIMIT_OVERRIDES", '{"tenant-a": {"search": {"perSecond": 5, "burst": 0}}}'),
        ("RATE_LIMIT_OVERRIDES", '{"tenant-a": {"search": {"perSecond": 5, "burst": 1, "brust": 2}}}'),
    ],
)
def test_given_a_wrong_setting_when_read_then_the_error_names_it(variable: str, value: str | None) -> None:
    good = {
        "TABLE_NAME": "t",
        "RATE_LIMIT_PER_SECOND": "1",
        "RATE_LIMIT_BURST": "1",
        "RATE_LIMIT_OVERRIDES": "{}",
    }
    RateLimitSettings.model_validate(good)
    changed = {**good, variable: value}
    with pytest.raises(ValidationError) as refused:
        RateLimitSettings.model_validate(
            {name: given for name, given in changed.items() if given is not None}
        )
    assert {error["loc"][0] for error in refused.value.errors()} == {variable}


def test_given_dynamodb_is_silent_when_used_then_requests_go_through_and_it_is_asked_again_after_a_pause(
    environment: Callable[..., Environment], aws: DynamoFaults
) -> None:
    one = environment(burst=5)
    aws.down = True
    assert [one.take() for _ in range(20)] == [None] * 20
    one.sleep(4.9)
    assert one.take("tenant-b") is None
    assert len(aws.requests) == 1
    one.sleep(0.1)
    assert one.take() is None
    assert len(aws.requests) == 2
    aws.down = False
    one.sleep(5)
    assert one.admitted(9) == 5


def test_given_dynamodb_is_silent_when_a_bucket_is_known_to_be_empty_then_it_is_refused_still(
    environment: Callable[..., Environment], aws: DynamoFaults
) -> None:
    one = environment(per_second=0.01, burst=5)
    one.admitted(5)
    aws.down = True
    assert one.admitted(3) == 0


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError", "AccessDeniedException"])
def test_given_dynamodb_answers_one_tenant_with_an_error_when_others_call_then_they_are_still_counted(
    environment: Callable[..., Environment], aws: DynamoFaults, code: str
) -> None:
    one = environment(burst=5)
    aws.answer(code)
    assert one.take("tenant-a") is None
    assert one.admitted(9, "tenant-b") == 5


@given(
    per_second=st.floats(0.001, 10_000),
    burst=st.integers(1, 1_000_000),
    now=st.integers(START, 2 * START),
    ahead=st.integers(0, 10**13),
    refused=st.integers(0, 1_000_000),
)
def test_given_any_bucket_when_told_then_the_fields_follow_the_draft(
    per_second: float, burst: int, now: int, ahead: int, refused: int
) -> None:
    limit = settings_of(per_second, burst).limit("tenant-a", "search")
    tat = now + 1 + ahead % (burst * limit.increment)
    refused = min(refused, burst) if tat > limit.latest(now, min(refused, burst)) else 0
    quota = Quota.of("search", limit, now, tat, refused)
    assert POLICY.fullmatch(quota.fields["RateLimit-Policy"])
    assert SERVICE_LIMIT.fullmatch(quota.fields["RateLimit"])
    assert 0 <= quota.remaining < burst
    assert 1 <= quota.next_token <= quota.window
    # There is one more token then, and not a microsecond before the exact time.
    exact = tat - limit.burst * limit.increment + (quota.remaining + 1) * limit.increment
    assert 0 <= now + quota.next_token * SECOND - exact < SECOND
    # And as many as were refused, when that was waited for: Retry-After never ends earlier than `t`.
    if refused:
        assert quota.next_token <= quota.wait <= quota.window
        assert tat <= limit.latest(now + quota.wait * SECOND, refused)
        assert tat > limit.latest(now + (quota.wait - 1) * SECOND, refused)


class Rivals:
    """A DynamoDB client that lets other environments in right before each of its writes."""

    def __init__(self) -> None:
        self.writes = 0
        self.before: list[Callable[[], object]] = []
        self._client = boto3.client("dynamodb")
        self.exceptions = self._client.exceptions

    def update_item(self, **request: Any) -> Any:
        if self.before:
            self.before.pop()()
        self.writes += 1
        return self._client.update_item(**request)


tenants: Iterator[int] = count()
steps = st.lists(
    st.tuples(
        st.sampled_from([0, 1, SECOND // 50, SECOND // 2, SECOND]) | st.integers(0, 2 * SECOND),
        st.integers(0, 2),
        st.lists(st.integers(0, 2), max_size=2),
        st.just(1) | st.integers(1, 6),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=40, phases=UNSHRUNK, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    per_second=st.sampled_from([0.7, 2.0, 3.0, 50.0]),
    burst=st.integers(1, 6),
    skews=st.tuples(*[st.integers(-SECOND, SECOND) | st.just(0)] * 3),
    steps=steps,
)
def test_given_any_interleaving_of_environments_and_clocks_when_counted_then_never_too_many_nor_too_few(
    aws: DynamoFaults,
    per_second: float,
    burst: int,
    skews: tuple[int, ...],
    steps: list[tuple[int, int, list[int], int]],
) -> None:
    """The decisions are those of one bucket in one place, and writes are as few as promised."""
    configured = settings_of(per_second, burst)
    limit = configured.limit("tenant-a", "create_user")
    tenant = f"tenant-{next(tenants)}"
    clients = [Rivals() for _ in skews]
    environments = [Environment(configured, client) for client in clients]
    last_change: list[int] = [0 for _ in skews]  # how many were admitted when an environment last looked
    admitted_at: list[int] = []  # once for each token
    tat = 0
    clock = START

    def request(index: int, rivals: list[int], tokens: int) -> None:
        nonlocal tat
        client, environment = clients[index], environments[index]
        environment.now = clock + skews[index]
        client.before = [lambda rival=rival: request(rival, [], 1) for rival in rivals if rival != index]
        writes_before = client.writes
        quota = environment.take(tenant, tokens=tokens)
        client.before = []
        assert quota is not None
        expected = max(tat, environment.now) + tokens * limit.increment
        assert quota.admitted == (expected <= environment.now + burst * limit.increment)
        if quota.admitted:
            tat = expected
        # Of the bucket after it, as it is told: a refusal without a write tells what it saw last.
        left = max((environment.now + burst * limit.increment - tat) // limit.increment, 0)
        assert quota.remaining == left or (client.writes == writes_before and left < quota.remaining < tokens)
        others = len(admitted_at) - last_change[index]
        assert client.writes - writes_before <= (2 if others else 1)
        if quota.admitted:
            admitted_at.extend([clock] * tokens)
            assert client.writes > writes_before
        if client.writes > writes_before:  # a refusal without a write has not looked
            last_change[index] = len(admitted_at)

    for pause, index, rivals, tokens in steps:
        clock += pause
        request(index, rivals, min(tokens, burst))

    apart = max(skews) - min(skews)
    for (first, since), (last, until) in combinations(enumerate(admitted_at), 2):
        assert last - first + 1 <= burst + (until - since + apart) / limit.increment


def test_given_a_client_that_cannot_be_had_when_used_then_the_request_goes_through() -> None:
    def no_client(_: str) -> Any:
        raise EndpointConnectionError(endpoint_url="https://sts.internal")

    assert RateLimiter(settings_of(), no_client).take("tenant-a", "search") is None
