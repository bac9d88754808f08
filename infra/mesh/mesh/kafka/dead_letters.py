"""The dead-letter topic of any broker: read to its end, and sent back to where its records came from.

What `mesh dlq replay --all` has sent is remembered as the committed offsets of a consumer group: one for all
letters, and one for each choice of them (a reason, a tenant), as a group has only one offset in a partition.
"""

import itertools
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import NoError
from users.consumer.dead_letters import notes, own_record
from users.events import Reason, Record
from users.publisher import Publisher

from mesh import arguments
from mesh.deployment import template_parameters
from mesh.errors import MeshError
from mesh.kafka import kafka_access
from mesh.state import State

GROUP = "event-mesh.dlq"
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_FETCH_WAIT_MS = 100
_SILENCE_SECONDS = 10
_SENT_AT_ONCE = 500


class Topic(NamedTuple):
    """A topic, and how it is reached."""

    name: str
    access: Mapping[str, Any]  # kafka-python's options for its brokers


class Choice(NamedTuple):
    """Which dead letters are meant: all, or those of a reason, of a tenant, or of both."""

    reason: str | None = None
    tenant: str | None = None

    @property
    def group(self) -> str:
        """The consumer group that remembers how far these were replayed."""
        parts = [f"{name}={value}" for name, value in self._asdict().items() if value is not None]
        return ".".join([GROUP, *parts])


class Letter(NamedTuple):
    """A dead letter: the record as it was, what is said of it, and whether it was replayed."""

    partition: int
    offset: int
    record: Record
    notes: dict[str, str]
    replayed: bool

    @property
    def place(self) -> str:
        """Its place in the dead-letter topic."""
        return f"{self.partition}:{self.offset}"

    @property
    def origin(self) -> str:
        """Where it was before."""
        return "{topic} {partition}:{offset}".format_map(
            {"topic": "?", "partition": "?", "offset": "?"} | self.notes
        )

    @property
    def is_dead(self) -> bool:
        """Whether it says where it came from: a record that somebody else has put here does not."""
        return _TOPIC.fullmatch(self.notes.get("topic", "")) is not None

    def is_of(self, choice: Choice) -> bool:
        """Whether it is meant; a tenant's is what the key or a header says to be."""
        return choice.reason in (None, self.notes.get("reason")) and (
            choice.tenant is None or choice.tenant in _tenants(self.record)
        )


def topic_of(state: State) -> Topic:
    """Return the dead-letter topic of a mesh."""
    values = template_parameters.resolved(template_parameters.given(state))
    return Topic(values["DeadLetterTopic"], kafka_access.options(state))


def choose(reason: str | None, tenant: str | None) -> Choice:
    """Return the choice of dead letters; MeshError if there can be no such reason or tenant."""
    if reason is not None and reason not in set(Reason):
        raise MeshError(f"There is no reason {reason!r}. There are: {', '.join(sorted(Reason))}.")
    return Choice(reason, None if tenant is None else arguments.tenant(tenant))


def read(topic: Topic) -> list[Letter]:
    """Return every dead letter, by partition and offset."""
    records = sorted(_records(topic), key=lambda record: (record.partition, record.offset))
    replayed = _replayed(topic)
    return [_letter(record, replayed) for record in records]


def left(letters: Iterable[Letter], choice: Choice) -> list[Letter]:
    """Return those of a choice that are still to be replayed."""
    return [each for each in letters if each.is_of(choice) and each.is_dead and not each.replayed]


def at(letters: Iterable[Letter], places: Sequence[str]) -> list[Letter]:
    """Return the dead letters at these places, PARTITION:OFFSET each; MeshError if there is none at one."""
    by_place = {letter.place: letter for letter in letters}
    for place in places:
        if not re.fullmatch(r"\d+:\d+", place, re.ASCII):
            raise MeshError(f"{place!r} is no place in the topic. It is PARTITION:OFFSET, such as 0:17.")
        if place not in by_place:
            raise MeshError(f"There is no dead letter at {place}. See: mesh dlq list --all")
    return [by_place[place] for place in places]


def replay(topic: Topic, letters: Sequence[Letter], remember_as: Choice | None = None) -> Iterator[Letter]:
    """Send dead letters to the topic they came from, and yield each once Kafka has acknowledged it.

    MeshError as soon as one is not; the next replay goes on there if this one is remembered.
    """
    for letter in letters:
        if not letter.is_dead:
            raise MeshError(
                f"{letter.place} names no topic in a header dlq-topic: nobody knows where it was."
            )
    publishers = {
        name: Publisher(lambda: topic.access, name) for name in {each.notes["topic"] for each in letters}
    }
    try:
        for start in range(0, len(letters), _SENT_AT_ONCE):
            some = letters[start : start + _SENT_AT_ONCE]
            sent = list(_sent(publishers, some))
            if sent and remember_as is not None:
                _remember(topic, sent, remember_as)
            yield from sent
            if len(sent) < len(some):
                letter = some[len(sent)]
                raise MeshError(
                    f"Kafka did not acknowledge {letter.place} in the topic {letter.notes['topic']}."
                )
    finally:
        for publisher in publishers.values():
            publisher.close()


def _sent(publishers: dict[str, Publisher], letters: Sequence[Letter]) -> Iterator[Letter]:
    """Send all, and yield those that are acknowledged, up to the first that is not."""
    errors: dict[str, Any] = {}
    for name, publisher in publishers.items():
        here = [letter for letter in letters if letter.notes["topic"] == name]
        answers = publisher.publish_all([letter.record for letter in here])
        errors |= {letter.place: error for letter, error in zip(here, answers, strict=True)}
    return itertools.takewhile(lambda letter: errors[letter.place] is None, letters)


def _records(topic: Topic) -> Iterator[Any]:
    """Yield the records that are in the topic now."""
    consumer = KafkaConsumer(
        **topic.access,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        metrics_enabled=False,
    )
    with closing(consumer):
        partitions = [TopicPartition(topic.name, n) for n in consumer.partitions_for_topic(topic.name) or ()]
        if not partitions:
            raise MeshError(f"There is no topic {topic.name}. To create it: mesh up")
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        heard = time.monotonic()
        while not all(_at_end(consumer, partition) for partition in partitions):
            for records in consumer.poll(timeout_ms=_FETCH_WAIT_MS).values():
                heard = time.monotonic()
                yield from records
            if time.monotonic() - heard > _SILENCE_SECONDS:
                raise MeshError(f"Kafka at {','.join(topic.access['bootstrap_servers'])} does not answer.")


def _at_end(consumer: Any, partition: TopicPartition) -> bool:
    end = consumer.highwater(partition)  # of the last fetch: Tansu's end_offsets are wrong
    return end is not None and consumer.position(partition) >= end


def _letter(record: Any, replayed: dict[str, dict[int, int]]) -> Letter:
    whole = Record(record.key, record.value, [(name, value or b"") for name, value in record.headers])
    said = notes(whole)
    choices = itertools.product((None, said.get("reason")), (None, *_tenants(whole)))
    groups = {Choice(*choice).group for choice in choices}
    done = any(record.offset < replayed.get(group, {}).get(record.partition, 0) for group in groups)
    return Letter(record.partition, record.offset, own_record(whole), said, done)


def _tenants(record: Record) -> set[str]:
    """Return the tenants that key and headers name; in a dead letter they may disagree."""
    named = [value for name, value in record.headers if name == "ce_tenantid"]
    if record.key is not None and b":" in record.key:
        named.append(record.key.partition(b":")[0])
    return {name.decode(errors="replace") for name in named}


def _replayed(topic: Topic) -> dict[str, dict[int, int]]:
    """Return up to where each choice was replayed, by its group and the partition."""
    with closing(KafkaAdminClient(**topic.access)) as admin:
        groups = [row["group_id"] for row in admin.list_groups() if row["group_id"].startswith(GROUP)]
        offsets = {group: admin.list_group_offsets(group)[group] for group in groups}
    return {
        group: {tp.partition: committed.offset for tp, committed in found.items() if tp.topic == topic.name}
        for group, found in offsets.items()
    }


def _remember(topic: Topic, sent: Sequence[Letter], choice: Choice) -> None:
    ends = {letter.partition: letter.offset + 1 for letter in sent}
    offsets = {TopicPartition(topic.name, n): OffsetAndMetadata(end, "", -1) for n, end in ends.items()}
    with closing(KafkaAdminClient(**topic.access)) as admin:
        for error in admin.alter_group_offsets(choice.group, offsets).values():
            if error is not NoError:
                raise error(f"What was sent could not be remembered in the consumer group {choice.group}.")
