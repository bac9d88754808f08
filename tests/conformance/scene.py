"""A situation, played with any poller that a command line starts."""

import json
import os
import re
import shlex
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conformance.function import Function
from tests.conformance.mappings import mappings_of, row_of, template_of
from tests.conformance.situation import Given, Situation, Step
from tests.conformance.topic import Topic
from tests.integration.kafka_esm.conftest import Endpoint

# How long what is expected may take. It is a guard: a situation ends as soon as all of it is there.
WAIT_SECONDS = 60
_LOOK_SECONDS = 0.1
_END_SECONDS = 20
_READ_SECONDS = 5
_CLUSTER = "arn:aws:kafka:us-east-1:000000000000:cluster/conformance/5c6f0d7e-1"


class WrongError(AssertionError):
    """What the poller does that is not what any right one would do."""


@dataclass
class Scene:
    """A topic, a function, and a poller between them."""

    situation: Situation
    command: str
    folder: Path
    topic: Topic
    endpoint: Endpoint
    process: subprocess.Popen[bytes] | None = None
    given: defaultdict[int, list[tuple[list[int], dict[str, Any]]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    read: int = 0

    def __post_init__(self) -> None:
        self.function = Function(self.topic.name, self.situation.function)
        self.endpoint.behave = self.function.answer
        self.endpoint.brokers = self.topic.address
        mappings = self._filled(mappings_of(self.situation))
        self.endpoint.mappings = [row_of(mapping) for mapping in mappings]
        (self.folder / "template.json").write_text(json.dumps(template_of(mappings)))

    def play(self) -> None:
        """Play all of it; raises WrongError."""
        for step in self.situation.before:
            self._take(step)
        self._start()
        for step in self.situation.after:
            self._take(step)
        self._await("what is expected", lambda: not self._missing(), self._missing)
        if complaints := [*self._complaints()]:
            raise WrongError("; ".join(complaints))

    def end(self) -> None:
        """End the poller, whatever it does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _start(self) -> None:
        places = {
            "template": str(self.folder / "template.json"),
            "endpoint": self.endpoint.url,
            "bootstrap": self.topic.address,
        }
        words = [word.format_map(places) for word in shlex.split(self.command)]
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        more = {"AWS_ENDPOINT_URL": self.endpoint.url, "AWS_REGION": "us-east-1"}
        with (self.folder / "poller.log").open("ab") as log:
            self.process = subprocess.Popen(
                words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=os.environ | credentials | more
            )

    def _take(self, step: Step) -> None:
        if step.produce:
            self.topic.produce(step.produce)
        elif step.produce_until_invoked is not None:
            probe = step.produce_until_invoked

            def invoked() -> bool:
                self.topic.produce([probe])
                return bool(self.endpoint.invocations)

            self._await("an invocation", invoked)
        elif step.transaction is not None:
            self.topic.transact(step.transaction)
        elif step.add_partitions_up_to is not None:
            self.topic.add_partitions_up_to(step.add_partitions_up_to)
        elif step.restart:
            assert self.process is not None
            self.process.terminate()
            self.process.wait(_END_SECONDS)
            self._start()
        elif step.await_committed:
            wanted = step.await_committed
            self._await(f"{wanted} committed", lambda: wanted.items() <= self.committed().items())
        else:
            wanted_attempts = {
                (partition, offset): count
                for partition, offsets in step.await_attempts.items()
                for offset, count in offsets.items()
            }
            seen = self.function.attempts
            self._await("attempts", lambda: all(seen[at] >= count for at, count in wanted_attempts.items()))

    def _await(
        self, what: str, condition: Callable[[], bool], why: Callable[[], list[str]] | None = None
    ) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert self.process is None or self.process.poll() is None, f"the poller has ended: {self.log()}"
            self.committed()
            if time.monotonic() > deadline:
                raise WrongError(f"{what} never came: {'; '.join(why()) if why else ''}\n{self.log()}")
            time.sleep(_LOOK_SECONDS)

    def log(self) -> str:
        """The end of what the poller says."""
        path = self.folder / "poller.log"
        return path.read_text(errors="replace")[-3_000:] if path.exists() else ""

    def committed(self) -> dict[int, int]:
        """Where the group is; raises WrongError if that is past a record that is not done."""
        committed = self.topic.committed()
        self._read_destination()
        deadline = time.monotonic() + _READ_SECONDS
        while unfinished := self._unfinished(committed):
            # What is in a topic is read a moment after it was written.
            if not self.topic.failures or time.monotonic() > deadline:
                partition, offset = unfinished
                raise WrongError(
                    f"partition {partition}: {committed[partition]} is committed, "
                    f"and {offset} is not processed yet"
                )
            self._read_destination()
        return committed

    def _unfinished(self, committed: dict[int, int]) -> tuple[int, int] | None:
        for partition, offset in committed.items():
            finished = self._finished(partition)
            for earlier in range(self._from(partition), min(offset, self.topic.produced[partition])):
                if earlier not in finished:
                    return partition, earlier
        return None

    def _finished(self, partition: int) -> set[int]:
        expect = self.situation.expect
        none: list[int] = []
        allowed = {*expect.filtered.get(partition, none), *expect.never.get(partition, none)}
        if self.situation.mapping.get("DestinationConfig"):
            # Only what is there has been given up.
            allowed |= {offset for offsets, _ in self.given[partition] for offset in offsets}
        else:
            allowed |= {*expect.given_up.get(partition, none)}
        return allowed | self.function.done[partition]

    def _from(self, partition: int) -> int:
        """Where the group's part begins: whoever starts at the end has nothing to do with what is before."""
        if self.situation.mapping.get("StartingPosition", "TRIM_HORIZON") == "TRIM_HORIZON":
            return 0
        return min(self.function.offered[partition], default=self.topic.produced[partition])

    def _read_destination(self) -> None:
        for value in self.topic.failed():
            document = json.loads(value)
            for partition, offsets in _records_of(document["payload"]).items():
                self.given[partition].append((offsets, document))
        written = self.endpoint.written[self.read :]
        self.read += len(written)
        for one in written:
            info = one.document["KafkaBatchInfo"]["recordsInfo"]
            for label, ends in info.items():
                offsets = [*range(int(ends["firstRecordOffset"]), int(ends["lastRecordOffset"]) + 1)]
                document = one.document | {"service": one.service, "name": one.name, "key": one.key}
                self.given[int(label.rpartition("-")[2])].append((offsets, document))

    def _missing(self) -> list[str]:
        """What is still to come."""
        expect, function = self.situation.expect, self.function
        committed = self.committed()
        found = [
            f"partition {p}: {offset} is to be committed, not {committed.get(p)}"
            for p, offset in self._committed_at_last().items()
            if committed.get(p) != offset
        ]
        found += [
            f"partition {p}: {offsets} are to be offered, not {function.offered[p]}"
            for p, offsets in expect.offered.items()
            if not set(offsets) <= set(function.offered[p])
        ]
        found += [
            f"partition {p}, offset {offset}: {wanted} attempts, not {function.attempts[p, offset]}"
            for p, offsets in expect.attempts.items()
            for offset, wanted in offsets.items()
            if function.attempts[p, offset] < (wanted if isinstance(wanted, int) else min(wanted))
        ]
        return found + [
            f"partition {one.partition}: {one.offsets} are to be given up, "
            f"not {self._offsets_given(one.partition)}"
            for one in expect.destination
            if not set(one.offsets) <= self._offsets_given(one.partition)
        ]

    def _committed_at_last(self) -> dict[int, int]:
        return {
            partition: self.topic.produced[partition] if offset == "end" else offset
            for partition, offset in self.situation.expect.committed.items()
        }

    def _offsets_given(self, partition: int) -> set[int]:
        return {offset for offsets, _ in self.given[partition] for offset in offsets}

    def _complaints(self) -> Iterator[str]:
        """What is there, and is not right."""
        expect, function = self.situation.expect, self.function
        yield from function.complaints
        for p, offsets in function.offered.items():
            if offsets != sorted(offsets):
                yield f"partition {p} was offered as {offsets}: not in order"
            if p in expect.offered and offsets != expect.offered[p]:
                yield f"partition {p} was offered as {offsets}, not {expect.offered[p]}"
            if wrong := set(offsets) & set(expect.never.get(p, ())):
                yield f"partition {p}: {wrong} were offered"
        for p, wanted in expect.attempts.items():
            for offset, right in wanted.items():
                if function.attempts[p, offset] not in ([right] if isinstance(right, int) else right):
                    found = function.attempts[p, offset]
                    yield f"partition {p}, offset {offset}: {found} attempts, not {right}"
        invocations = self.endpoint.invocations
        if expect.invocations is not None and len(invocations) != expect.invocations:
            yield f"{len(invocations)} invocations, not {expect.invocations}"
        for call in invocations:
            if call.function.rpartition(":")[2] != self.topic.group:
                yield f"{call.function} was invoked"
            count = sum(map(len, call.offsets.values()))
            if expect.most_records is not None and count > expect.most_records:
                yield f"an event of {count} records, more than {expect.most_records}"
            if expect.most_bytes is not None and call.size > expect.most_bytes:
                yield f"an event of {call.size} bytes, more than {expect.most_bytes}"
            yield from differences("event", self._filled(expect.event), call.event)
        yield from self._wrong_records()
        for one in expect.destination:
            yield from self._wrong_given(one)

    def _wrong_records(self) -> Iterator[str]:
        found = {
            (row["partition"], row["offset"]): row
            for call in self.endpoint.invocations
            for rows in call.event["records"].values()
            for row in rows
        }
        for p, wanted in self.situation.expect.records.items():
            for offset, row in wanted.items():
                if (p, offset) not in found:
                    yield f"partition {p}, offset {offset} never came"
                else:
                    yield from differences(f"record {p}/{offset}", self._filled(row), found[p, offset])
        for p, absent in self.situation.expect.without.items():
            for offset, names in absent.items():
                if there := set(names) & found.get((p, offset), {}).keys():
                    yield f"record {p}/{offset} has {there}"

    def _wrong_given(self, one: Given) -> Iterator[str]:
        if self._offsets_given(one.partition) != set(one.offsets):
            yield f"{self._offsets_given(one.partition)} were given up, not {one.offsets}"
        for _, document in self.given[one.partition]:
            yield from differences("destination", self._filled(one.document), document)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._filled(name): self._filled(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        if isinstance(value, str):
            names = {
                "topic": self.topic.name,
                "bootstrap": self.topic.address,
                "group": self.topic.group,
                "failures": self.topic.failures or "",
                "arn": _CLUSTER,
            }
            return re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], found[0]), value)
        return value


def play(situation: Situation, command: str, address: str, folder: Path) -> None:
    """Play a situation on the broker at an address; raises WrongError."""
    endpoint = Endpoint()
    endpoint.start()
    try:
        with closing(
            Topic(address, situation.partitions, situation.topic_config, failures=situation.failures)
        ) as topic:
            scene = Scene(situation, command, folder, topic, endpoint)
            try:
                scene.play()
            finally:
                scene.end()
    finally:
        endpoint.stop()


def differences(where: str, expected: Any, found: Any) -> Iterator[str]:
    """Yield where something expected is not there; more may be there."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name, value in expected.items():
            if name not in found:
                yield f"{where} has no {name}"
            else:
                yield from differences(f"{where}.{name}", value, found[name])
    elif expected != found:
        yield f"{where} is {found!r}, not {expected!r}"


def _records_of(event: dict[str, Any]) -> dict[int, list[int]]:
    return {
        int(label.rpartition("-")[2]): [row["offset"] for row in rows]
        for label, rows in event["records"].items()
    }
