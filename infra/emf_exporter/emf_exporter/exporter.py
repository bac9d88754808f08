"""What `/metrics` answers: read when it is asked, so that nobody's asking costs nothing."""

import sys
import time
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from prometheus_client import Metric
from prometheus_client.registry import Collector

from emf_exporter.converter import Converter, Rules
from emf_exporter.lambda_metrics import LambdaMetrics
from emf_exporter.log_groups import LogGroups


class Exporter(Collector):
    """Everything that functions with names of one beginning tell, from its making on.

    While CloudWatch does not answer, `emf_exporter_up` is 0 and counters stay where they are.
    """

    def __init__(
        self,
        logs: Any,
        cloudwatch: Any,
        functions: str,
        rules: Rules,
        settle_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._converter = Converter(rules, clock)
        self._groups = LogGroups(
            logs, f"/aws/lambda/{functions}", int(clock() * 1000), int(settle_seconds * 1000)
        )
        self._lambda = LambdaMetrics(cloudwatch, functions, clock())
        self._one_at_a_time = Lock()

    def collect(self) -> Iterator[Metric]:
        """Read what is new, and yield all families."""
        with self._one_at_a_time:
            up = Metric("emf_exporter_up", "1 if CloudWatch answered, else 0", "gauge")
            up.add_sample("emf_exporter_up", {}, self._read())
            yield up
            yield from self._converter.collect()
            yield from self._lambda.collect()

    def _read(self) -> bool:
        now = self._clock()
        try:
            for line in self._groups.read(int(now * 1000)):
                self._converter.add(line)
            self._lambda.read(now)
        except (BotoCoreError, ClientError) as error:
            print(f"CloudWatch: {error}", file=sys.stderr, flush=True)  # noqa: T201
            return False
        return True
