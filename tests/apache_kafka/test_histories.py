"""A few histories as tests/unit/kafka_esm has two hundred of, on a real broker, with real rebalances."""

import random
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

from kafka_esm.batching.lanes import Batch
from kafka_esm.delivery.outcome import SUCCESS, Outcome
from kafka_esm.mappings.mapping import Mapping, Target

from tests.apache_kafka.broker import PLAINTEXT
from tests.apache_kafka.conftest import Start
from tests.apache_kafka.polled import polling
from tests.conformance.situation import Codec, Record
from tests.conformance.topic import Topic
from tests.integration.kafka_esm.conftest import eventually

_CODECS: list[Codec | None] = [None, "gzip", "snappy", "lz4", "zstd"]
_SEEDS = 4
_WRITES = 10


class Function:
    """It fails for some records, for a while or until it is mended, and knows what it has done."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.fails: defaultdict[tuple[int, int], int] = defaultdict(int)
        self.done: set[tuple[int, int]] = set()

    def __call__(self, batch: Batch) -> Outcome:
        held = [(p.partition, entry.offset) for p, chunk in batch.chunks.items() for entry in chunk.entries]
        with self.lock:
            failed = [at for at in held if self.fails[at]]
            for at in failed:
                self.fails[at] -= self.fails[at] > 0
            if failed:
                return Outcome("function_error", "boom")
            self.done.update(held)
            return SUCCESS


def test_given_any_history_when_polled_then_nothing_is_lost_or_committed_early_or_stopped(
    start: Start,
) -> None:
    address = start().listeners[PLAINTEXT].address

    def history(seed: int) -> None:
        with closing(Topic(address, 2, {}, failures=False)) as topic:
            play(topic, random.Random(seed))

    with ThreadPoolExecutor(_SEEDS) as side_by_side:
        list(side_by_side.map(history, range(_SEEDS)))


def play(topic: Topic, rng: random.Random) -> None:
    function = Function()
    mapping = Mapping(
        Target("f", 3), (topic.address,), topic.name, topic.group, rng.randint(1, 6), 0, "TRIM_HORIZON"
    )

    def write(partition: int, **options: object) -> None:
        first = topic.produced[partition]
        if rng.random() < 0.3:
            function.fails[partition, first] = rng.randint(1, 2)
        record = Record.model_validate({"partition": partition, "codec": rng.choice(_CODECS), **options})
        topic.produce([record.model_copy(update={"times": rng.randint(1, 4)})])

    def committed() -> dict[int, int]:
        found = topic.committed()
        with function.lock:
            left = {p: set(range(n)) - {o for q, o in function.done if q == p} for p, n in found.items()}
        assert not any(left.values()), f"{found} are committed, and {left} are not done"
        return found

    def committed_but_for(*bad: int) -> bool:
        found = committed()
        return all(found[p] == topic.produced[p] for p in range(topic.partitions) if p not in bad)

    with ExitStack() as pollers, ExitStack() as second:
        pollers.enter_context(polling(mapping, function=function))
        for partition in (0, 1):
            write(partition)
        function.fails[0, topic.produced[0]] = -1
        write(0)
        second_at, gone_at, added_at = sorted(rng.sample(range(_WRITES), 3))
        for number in range(_WRITES):
            if number == second_at:
                second.enter_context(polling(mapping, function=function))
            if number == gone_at:
                second.close()
            if number == added_at:
                topic.add_partitions_up_to(3)
                write(2)
            write(rng.randrange(topic.partitions), headers=[(b"tr\xff", b"v")] if number % 3 == 0 else [])
            committed()
        eventually("all others are done", lambda: committed_but_for(0))
        assert committed()[0] <= min(at for at, left in function.fails.items() if left < 0)[1]
        with function.lock:
            function.fails.clear()
        eventually("all is done", committed_but_for)
