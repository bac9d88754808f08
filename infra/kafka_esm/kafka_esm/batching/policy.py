"""What a mapping does with records that do not get through."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from kafka_esm.delivery.destinations import Condition
from kafka_esm.schemas.records import Read

# Why a batch is given up, in the words of Lambda's failure records.
RETRIES_EXHAUSTED: Condition = "RetryAttemptsExhausted"
RECORD_AGE_EXCEEDED: Condition = "RecordAgeExceeded"
RECORD_TOO_LARGE: Condition = "MaximumPayloadSizeExceeded"

# AWS's documentation supports two readings of which records a partial failure sends again.
ItemFailures = Literal["from-first", "only-named"]


def _everything(_: bytes | None) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Policy:
    """How failures are handled, what is filtered, and how much may be in flight."""

    # None: without end.
    max_retries: int | None = None
    max_age_seconds: float | None = None
    bisect: bool = False
    item_failures: ItemFailures = "from-first"
    # Whether there is somewhere to put what is given up.
    has_destination: bool = False
    concurrency: int = 1
    wanted: Callable[[bytes | None], bool] = _everything
    # Checks and converts records of a mapping with a schema registry.
    read: Read | None = None

    @property
    def gives_up(self) -> bool:
        """Whether a record may be left undelivered: it goes somewhere else, or the mapping sets a limit."""
        return self.has_destination or self.max_retries is not None or self.max_age_seconds is not None
