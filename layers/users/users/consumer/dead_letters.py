"""Dead letters: poison records, whole, in a topic of their own, with their reason and the place they were."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from aws_lambda_powertools import Logger
from opentelemetry.trace import get_current_span

from users.consumer.received import Received
from users.errors import UnavailableError
from users.events import PoisonRecordError, Record
from users.settings import DeadLetterSettings

if TYPE_CHECKING:
    from users.publisher import Publisher

_PREFIX = "dlq-"
_SENT_AT_ONCE = 1_000  # a batch may have ten times as many: too many for a publisher's two seconds

_logger = Logger()


class Poison(NamedTuple):
    """A record that can never be processed, and why."""

    received: Received
    error: PoisonRecordError


def send(poison: Sequence[Poison]) -> None:
    """Send poison to the dead-letter topic and wait until it is there; UnavailableError if any is not.

    Every one is named in the log: somebody has to look at it.

    What was there already comes a second time when the batch is delivered again, with the same place.
    """
    if poison:
        get_current_span().set_attribute("event_mesh.dead_letters", sorted({e.reason for _, e in poison}))
    for start in range(0, len(poison), _SENT_AT_ONCE):
        together = poison[start : start + _SENT_AT_ONCE]
        letters = [dead_letter(each) for each in together]
        errors = [error for error in _publisher().publish_all(letters) if error]
        if errors:
            said = f"Kafka did not acknowledge {len(errors)} of {len(letters)} dead letters: {errors[0]}"
            raise UnavailableError(said) from errors[0]
        for (topic, partition, offset, _), error in together:
            _logger.error(
                "dead letter sent",
                topic=topic,
                partition=partition,
                offset=offset,
                reason=error.reason,
                error=str(error),
            )


def dead_letter(poison: Poison) -> Record:
    """Return what goes to the dead-letter topic: key, value and headers as they were, and six headers."""
    received, error = poison
    own = own_record(received.record)
    if own.key is None and own.value is None:
        own = own._replace(key=b"")  # kafka-python sends no record that has neither
    said = {
        "reason": error.reason,
        "error": str(error),
        "topic": received.topic,
        "partition": str(received.partition),
        "offset": str(received.offset),
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    headers = [(f"{_PREFIX}{name}", text.encode()) for name, text in said.items()]
    return own._replace(headers=[*own.headers, *headers])


def own_record(record: Record) -> Record:
    """Return a record as it was before it became a dead letter."""
    headers = [(name, value) for name, value in record.headers if not name.startswith(_PREFIX)]
    return record._replace(headers=headers)


def notes(record: Record) -> dict[str, str]:
    """Return what a dead letter says of itself, by name without `dlq-`: nothing, if the record is none."""
    return {
        name.removeprefix(_PREFIX): value.decode(errors="backslashreplace")
        for name, value in record.headers
        if name.startswith(_PREFIX)
    }


@cache
def _publisher() -> "Publisher":
    from users.kafka_client import access_options  # Kafka's import is for those who have poison
    from users.publisher import Publisher

    settings = DeadLetterSettings.read()
    return Publisher(partial(access_options, settings), settings.dead_letter_topic)
