"""A batch that ends its worker again and again is taken apart, until the record that does it is alone.

A mapping delivers a batch until the function has processed it. One that takes more memory or time than the
function has would come back for ever, and its partitions stand still for every tenant. Retry limits and
bisecting are for mappings in provisioned mode only, so the function does without them, by a note that
outlives the worker:

pk = BATCHES   sk = <digest of the batch>   begun = deliveries since the batch last got on, this one included
                                            done = records that are done, of a batch that is taken apart

A delivery that ends well removes the note, one that fails because a store is down does not count. After two
that did neither, records are processed one by one, from the first that is not done; one that has ended the
worker twice by itself goes to the dead letters, and the others go on. Each delivery gets on or counts, so
this comes to an end whatever the records are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from users import table
from users.consumer import dead_letters
from users.consumer.dead_letters import Poison
from users.consumer.received import Received
from users.errors import OutOfTimeError, UnavailableError
from users.events import PoisonRecordError, Reason

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TIMEOUTS = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})

_ENDS = 2  # of a worker, after which they are the records' fault
_RECORD_MILLIS = 15_000  # the longest that a record takes by nobody's fault: Qdrant and Kafka are slow
_KEPT_SECONDS = 24 * 60 * 60

_logger = Logger()

Event = TypeVar("Event")
Good = tuple[Received, Event]


class _Note(NamedTuple):
    """What earlier deliveries of a batch left behind."""

    ends: int = 0
    done: int | None = None


class Attempts:
    """The batches of a function. `scope` names what it writes to: done there is not done elsewhere."""

    def __init__(self, client: DynamoDBClient, table_name: str, scope: str) -> None:
        self._client = client
        self._table = table_name
        self._scope = scope

    def process(
        self,
        records: Sequence[Good[Event]],
        work: Callable[[Sequence[Good[Event]]], list[Poison]],
        millis_left: Callable[[], int],
        unavailable: type[Exception],
    ) -> list[Poison]:
        """Let `work` process a batch, at once or in parts; return its poison, once that is sent away.

        `work` returns the records that can never be processed, and raises `unavailable` where that is not
        their fault; it may be given a record again. Raises what `work` raises, UnavailableError if dead
        letters cannot be sent, and OutOfTimeError if the next delivery is to go on with the batch.
        """
        key = table.batch_key(_digest(self._scope, (received for received, _ in records)))
        note = _Note()
        with _not_waited_for():
            note = self._begin(key)
        try:
            if note.done is None and note.ends < _ENDS:
                poison = work(records)
                dead_letters.send(poison)
            else:
                poison = list(self._one_by_one(key, note, records, work, millis_left))
        except (unavailable, UnavailableError, OutOfTimeError):
            with _not_waited_for():
                self._excuse(key)
            raise
        with _not_waited_for():
            self._client.delete_item(TableName=self._table, Key=key)
        return poison

    def _one_by_one(
        self,
        key: Any,
        note: _Note,
        records: Sequence[Good[Event]],
        work: Callable[[Sequence[Good[Event]]], list[Poison]],
        millis_left: Callable[[], int],
    ) -> Iterator[Poison]:
        """Process the records that are not done, noting each; yield the poison among them, once sent."""
        first, ends = (0, 0) if note.done is None else (note.done, note.ends)
        _logger.warning("batch taken apart", records=len(records), done=first)
        for place in range(first, len(records)):
            if place > first or note.done is None:
                self._get_on(key, place)
                ends = 0
            if millis_left() < _RECORD_MILLIS:
                raise OutOfTimeError(
                    f"{place} of {len(records)} records are done; the next delivery goes on."
                )
            poison = [_fatal(records[place][0])] if ends >= _ENDS else work(records[place : place + 1])
            dead_letters.send(poison)
            yield from poison

    def _begin(self, key: Any) -> _Note:
        """Note that a delivery begins; return what those before it left."""
        item = self._update(key, "SET expiresAt = :expires ADD begun :one", one=1)
        return _Note(int(item["begun"]["N"]) - 1, int(item["done"]["N"]) if "done" in item else None)

    def _get_on(self, key: Any, done: int) -> None:
        """Note how many records are done; UnavailableError if that fails, or another would be blamed."""
        try:
            self._update(key, "SET expiresAt = :expires, begun = :one, done = :done", one=1, done=done)
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("DynamoDB did not note how far a batch is.") from error

    def _excuse(self, key: Any) -> None:
        """Note that a delivery ended by nobody's fault."""
        self._update(key, "SET expiresAt = :expires ADD begun :less", less=-1)

    def _update(self, key: Any, change: str, **numbers: int) -> Any:
        """Change a note, which is kept for another day; return what it is then."""
        numbers["expires"] = int(time.time()) + _KEPT_SECONDS
        changed = self._client.update_item(
            TableName=self._table,
            Key=key,
            UpdateExpression=change,
            ExpressionAttributeValues={f":{name}": {"N": str(value)} for name, value in numbers.items()},
            ReturnValues="ALL_NEW",
        )
        return changed["Attributes"]


@contextmanager
def _not_waited_for() -> Iterator[None]:
    """Go on without a note if DynamoDB does not take it: a batch is worth more."""
    try:
        yield
    except (BotoCoreError, ClientError):
        _logger.warning("DynamoDB did not note a batch, it goes on", exc_info=True)


def _digest(scope: str, records: Iterable[Received]) -> str:
    """Return a name that only the very same records have, at the same places."""
    digest = sha256(scope.encode())
    for received in records:
        digest.update(repr(received).encode())
    return digest.hexdigest()


def _fatal(received: Received) -> Poison:
    said = f"processing it alone has ended the function {_ENDS} times"
    return Poison(received, PoisonRecordError(Reason.FATAL, said))
