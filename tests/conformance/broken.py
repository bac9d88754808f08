"""kafka-esm with a bug, as somebody's poller may have it: `python -m tests.conformance.broken BUG run …`."""

import sys
from collections.abc import Callable
from typing import Any

from kafka_esm.batching.lanes import Work
from kafka_esm.cli import main
from kafka_esm.mappings.mapping import Mapping


def commit_early() -> None:
    """Commit what was received, as auto-commit does."""
    Work.uncommitted = lambda work: {  # type: ignore[method-assign,assignment]
        partition: lane.received
        for partition, lane in work._lanes.items()
        if lane.received is not None and lane.received != lane.committed
    }


def drop_a_partition() -> None:
    """Read the second partition, and deliver nothing of it."""
    add = Work.add

    def added(work: Work, partition: Any, records: Any, *times: float) -> Any:
        return add(work, partition, [] if partition.partition == 1 else records, *times)

    Work.add = added  # type: ignore[method-assign,assignment]


def retry_once_more() -> None:
    """Count the first attempt as no attempt."""
    made = Mapping.__init__

    def making(mapping: Mapping, *args: Any, **options: Any) -> None:
        made(mapping, *args, **options)
        if mapping.max_retries is not None:
            object.__setattr__(mapping, "max_retries", mapping.max_retries + 1)

    Mapping.__init__ = making  # type: ignore[method-assign,assignment]


BUGS: dict[str, Callable[[], None]] = {
    bug.__name__: bug for bug in (commit_early, drop_a_partition, retry_once_more)
}

if __name__ == "__main__":
    BUGS[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
