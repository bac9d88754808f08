"""What a function may be invoked with that is to process Kafka records: a batch of them, or a warm-up."""

from typing import Any

from users.consumer.received import Received, received

_SOURCES = ("SelfManagedKafka", "aws:kafka")
_WARMERS = ("aws.events", "serverless-plugin-warmup")  # as in tenant_auth.http.gateway, of another layer


class WrongEventError(Exception):
    """An event that is no batch: it is refused, for nothing of it could be processed."""

    def __init__(self) -> None:
        super().__init__(
            "This function takes a batch of Kafka records, as an event source mapping delivers it. "
            "This event is none."
        )


def is_warm_up(event: object) -> bool:
    """Whether an event only keeps the function warm: a schedule's, or one of the usual plugins'."""
    return isinstance(event, dict) and (event.get("source") in _WARMERS or event.get("warmer") is True)


def batch(event: Any) -> list[Received]:
    """Return the records of an event source mapping's event, partition by partition.

    Raises:
        WrongEventError: it is another kind of event, or its records have not the form of a mapping's.

    """
    try:
        if event["eventSource"] not in _SOURCES:
            raise WrongEventError
        return [received(record) for partition in event["records"].values() for record in partition]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise WrongEventError from None
