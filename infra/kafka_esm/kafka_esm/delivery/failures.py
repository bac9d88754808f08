"""A batch that is given up, as its failure destination is told of it."""

import uuid
from datetime import UTC, datetime

from kafka_esm.batching.lanes import Batch
from kafka_esm.delivery.destinations import Destination, Failure, Response
from kafka_esm.mappings.mapping import Mapping

# What the emulators' functions belong to.
_ACCOUNT = "000000000000"


def give_up(destination: Destination, mapping: Mapping, region: str, batch: Batch) -> None:
    """Write a batch to the failure destination.

    Raises:
        DestinationError: not all of it is known to be written.

    """
    for failure in failures_of(batch, mapping, region):
        destination.send(failure)


def failures_of(batch: Batch, mapping: Mapping, region: str) -> list[Failure]:
    """Return what there is to tell of a batch that is given up, for each of its partitions."""
    function = mapping.target.name
    arn = (
        function if function.startswith("arn:") else f"arn:aws:lambda:{region}:{_ACCOUNT}:function:{function}"
    )
    failures = []
    for partition, chunk in batch.chunks.items():
        assert chunk.condition is not None
        last = chunk.invoked
        failures.append(
            Failure(
                # The mapping's own id is known to no template; the same one after every restart will do.
                mapping_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{arn}/{mapping.topic}")),
                function_arn=arn,
                request_id=(last and last.request_id) or "",
                condition=chunk.condition,
                invoke_count=chunk.attempts,
                response=(
                    Response(last.status, last.function_error, last.executed_version or "$LATEST")
                    if last and last.status is not None
                    else None
                ),
                bootstrap=mapping.bootstrap,
                event_source_arn=mapping.event_source_arn,
                topic=partition.topic,
                partition=partition.partition,
                records=[entry.payload for entry in chunk.entries],
                given_up_at=datetime.now(UTC),
            )
        )
    return failures
