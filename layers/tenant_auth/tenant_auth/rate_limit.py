"""How much a tenant may ask for: a token bucket per tenant and route group. Only this module knows its item.

pk = TENANT#<tenant>   sk = RATE#<group>   tat = µs since 1970, expiresAt = s since 1970 (the table's TTL)

The bucket is one number (GCRA): `tat`, when it is full again. A token costs `increment`, the time in which
one flows in. A request for n tokens at `now` is admitted if tat <= latest = now + (burst - n) * increment,
and then tat = max(tat, now) + n * increment. DynamoDB's expressions know no max(): the write has two forms:

    in use   SET tat = tat + :cost    if :now < tat <= :latest
    full     SET tat = :now + :cost   if there is no tat, or tat <= :now

Never too many. DynamoDB does the writes to an item one after the other, each on its condition, so requests
that meet never share a token. Of k tokens admitted within a time L, the first has max(tat, now) >= its now,
each adds at least `increment`, and the last leaves tat <= its now + burst * increment; so
k <= burst + L / increment. Where clocks are up to S apart, this holds with L + S: a slow clock lets
through no more than rate * S in addition.

Seldom more than one write. tat only grows (the item expires long after its bucket is full), so what an
execution environment saw last is a lower bound. If that is beyond `latest`, the request is refused without
a write; if it is beyond `now`, the bucket is in use; otherwise it is taken for full, and there is a second
write only if another environment has used it meanwhile. A write whose condition fails tells the tat as well.

If DynamoDB fails, the request goes through: a limiter must not be what takes the API down.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from tenant_auth.dynamodb import BRIEF, TenantAccessError, tenant_dynamodb
from tenant_auth.settings import RateLimit, RateLimitSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KIND = "RATE#"
_SECOND = 1_000_000
_PAUSE = 5 * _SECOND  # after a silence of DynamoDB, so that it costs one wait and not one a request
_SLACK = 3_600  # seconds that clocks may be apart before a bucket expires too early
_REMEMBERED = 1_000
_WRITES = 3  # the third only if somebody deletes the item meanwhile
_FORMS = {  # by whether the bucket is known to be in use
    True: ("tat + :cost", "tat > :now AND tat <= :latest"),
    False: (":now + :cost", "attribute_not_exists(tat) OR tat <= :now"),
}

_logger = Logger()
_metrics = Metrics()


class TooManyAtOnceError(Exception):
    """A request for more tokens than the bucket holds when it is full: no wait would help."""

    def __init__(self, tokens: int, burst: int) -> None:
        super().__init__(
            f"This request counts as {tokens}, and your tenant may send {burst} at once. Send it in parts."
        )


class Quota(NamedTuple):
    """What is left of a bucket after a request; times in seconds, rounded up."""

    admitted: bool
    group: str
    burst: int
    window: int  # in which an empty bucket fills
    remaining: int
    next_token: int  # until there is one more
    wait: int = 0  # until there are as many as were asked for, after a refusal

    @classmethod
    def of(cls, group: str, limit: RateLimit, now: int, tat: int, refused: int = 0) -> Self:
        """Return what is left of a bucket with this `tat`, which has `refused` a request for so many."""
        increment = limit.increment
        free = now + limit.burst * increment - tat  # less than nothing if clocks differ
        remaining = max(free // increment, 0)
        return cls(
            not refused,
            group,
            limit.burst,
            _seconds(limit.burst * increment),
            remaining,
            _seconds((remaining + 1) * increment - free),
            _seconds(refused * increment - free) if refused else 0,
        )

    @property
    def fields(self) -> dict[str, str]:
        """Return the fields of draft-ietf-httpapi-ratelimit-headers-11.

        `t` is the time in which no more than `r` can be used, so it ends with the next token. Retry-After is
        not to end earlier than `t`: after a refusal `wait` is `t`, or longer for who wants more than one.
        """
        return {
            "RateLimit-Policy": f'"{self.group}";q={self.burst};w={self.window}',
            "RateLimit": f'"{self.group}";r={self.remaining};t={self.next_token}',
        }


class RateLimiter:
    """Every tenant's buckets, as one execution environment sees them."""

    def __init__(
        self,
        settings: RateLimitSettings,
        dynamodb: Callable[[str], DynamoDBClient],
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self._settings = settings
        self._dynamodb = dynamodb
        self._clock = clock
        self._seen: OrderedDict[tuple[str, str], int] = OrderedDict()  # tats, the last used at the end
        self._paused_until = 0

    def take(self, tenant_id: str, group: str, tokens: int = 1) -> Quota | None:
        """Take a request's tokens, all or none. None if nothing is counted: no limit, or DynamoDB fails.

        Raises TooManyAtOnceError for more than the bucket holds.
        """
        limit = self._settings.limit(tenant_id, group)
        if not limit.per_second:
            return None
        if tokens > limit.burst:
            raise TooManyAtOnceError(tokens, limit.burst)
        now = self._clock()
        tat = self._seen.get((tenant_id, group), 0)
        for _ in range(_WRITES):
            if tat > limit.latest(now, tokens):
                return Quota.of(group, limit, now, tat, refused=tokens)
            if now < self._paused_until:
                break
            try:
                admitted, tat = self._write(tenant_id, group, limit, now, tokens, in_use=tat > now)
            except (BotoCoreError, ClientError, TenantAccessError) as error:
                _logger.warning("DynamoDB did not count a request, it goes through", exc_info=True)
                # A tenant's own item may be throttled: that answer costs no wait, and is nobody else's.
                if not isinstance(error, ClientError):
                    self._paused_until = now + _PAUSE
                break
            self._remember((tenant_id, group), tat)
            if admitted:
                return Quota.of(group, limit, now, tat)
        _metrics.add_metric("RateLimitUnavailable", MetricUnit.Count, 1)
        return None

    def _write(
        self, tenant_id: str, group: str, limit: RateLimit, now: int, tokens: int, *, in_use: bool
    ) -> tuple[bool, int]:
        """Take tokens if the bucket is as thought; return whether it was, and the tat that it has now."""
        client = self._dynamodb(tenant_id)
        tat, condition = _FORMS[in_use]
        expires_at = _seconds(now + limit.burst * limit.increment) + _SLACK
        values = {":now": now, ":cost": tokens * limit.increment, ":expires_at": expires_at}
        if in_use:
            values[":latest"] = limit.latest(now, tokens)
        try:
            answer = client.update_item(
                TableName=self._settings.table_name,
                Key={"pk": {"S": f"TENANT#{tenant_id}"}, "sk": {"S": f"{_KIND}{group}"}},
                UpdateExpression=f"SET tat = {tat}, expiresAt = :expires_at",
                ConditionExpression=condition,
                ExpressionAttributeValues={name: {"N": str(value)} for name, value in values.items()},
                ReturnValues="UPDATED_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except client.exceptions.ConditionalCheckFailedException as error:
            return False, _tat(error.response.get("Item", {}))
        return True, _tat(answer["Attributes"])

    def _remember(self, bucket: tuple[str, str], tat: int) -> None:
        self._seen[bucket] = tat
        self._seen.move_to_end(bucket)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)


def left(
    dynamodb: DynamoDBClient, table: str, tenant_id: str, limits: Mapping[str, RateLimit], now: int
) -> list[Quota]:
    """Return what a tenant has left at `now` (µs since 1970) of the buckets that it has used, with one query.

    `limits` are the tenant's, by route group. No token is taken.
    """
    found = dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :kind)",
        ExpressionAttributeValues={":pk": {"S": f"TENANT#{tenant_id}"}, ":kind": {"S": _KIND}},
    )
    tats = {item["sk"]["S"].removeprefix(_KIND): max(_tat(item), now) for item in found["Items"]}
    return [Quota.of(group, limits[group], now, tat) for group, tat in tats.items() if group in limits]


@cache
def rate_limiter() -> RateLimiter:
    """Return the execution environment's limiter, made on first use."""
    return RateLimiter(RateLimitSettings.read(), partial(tenant_dynamodb, timeouts=BRIEF))


def _tat(item: Any) -> int:
    return int(item["tat"]["N"]) if "tat" in item else 0


def _seconds(microseconds: int) -> int:
    return -(-microseconds // _SECOND)
