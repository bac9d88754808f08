"""The function of a situation: it answers by the rules, and remembers what it was offered."""

import json
import threading
from collections import Counter, defaultdict

from tests.conformance.situation import Rule
from tests.integration.kafka_esm.conftest import Answer, Invocation

_ERROR = Answer(
    body=b'{"errorType": "ValueError", "errorMessage": "boom"}', headers={"X-Amz-Function-Error": "Unhandled"}
)
_THROTTLE = Answer(429, b'{"Type": "User"}', {"x-amzn-errortype": "TooManyRequestsException"})


class Function:
    """Whoever reads what it remembers sees it whole, by `seen`."""

    def __init__(self, topic: str, rules: list[Rule]) -> None:
        self._topic, self._rules = topic, rules
        self._used: Counter[int] = Counter()
        self._lock = threading.Lock()
        self.offered: defaultdict[int, list[int]] = defaultdict(list)
        self.attempts: Counter[tuple[int, int]] = Counter()
        self.done: defaultdict[int, set[int]] = defaultdict(set)
        # What is wrong with any event: records of a partition that are not in order.
        self.complaints: list[str] = []

    def answer(self, invocation: Invocation) -> Answer:
        """Answer to one event."""
        held = {int(label.rpartition("-")[2]): rows for label, rows in invocation.offsets.items()}
        with self._lock:
            rule = self._rule(held)
            throttled = rule is not None and rule.answer == "throttle"
            for partition, offsets in held.items():
                if offsets != sorted(set(offsets)):
                    self.complaints.append(f"partition {partition} came as {offsets}: not in order")
                if throttled:
                    continue  # the function has not seen it
                self.attempts.update((partition, offset) for offset in offsets)
                known = self.offered[partition]
                known += [offset for offset in offsets if offset not in known]
            return self._answer(rule, held)

    def _rule(self, held: dict[int, list[int]]) -> Rule | None:
        for number, rule in enumerate(self._rules):
            if rule.times is not None and self._used[number] >= rule.times:
                continue
            if rule.holds is None or any(
                set(held.get(p, ())) & set(those) for p, those in rule.holds.items()
            ):
                self._used[number] += 1
                return rule
        return None

    def _answer(self, rule: Rule | None, held: dict[int, list[int]]) -> Answer:
        if rule is not None and rule.answer in ("error", "throttle"):
            return _ERROR if rule.answer == "error" else _THROTTLE
        named = {
            partition: [offset for offset in offsets if offset in held.get(partition, ())]
            for partition, offsets in (rule.report if rule else {}).items()
        }
        if rule is None or rule.answer == "report":
            for partition, offsets in held.items():
                self.done[partition].update(set(offsets) - set(named.get(partition, ())))
        body = rule.body if rule and rule.answer == "body" else None
        if rule is not None and rule.answer == "report":
            items = [
                {"itemIdentifier": {"partition": f"{self._topic}-{partition}", "offset": offset}}
                for partition, offsets in named.items()
                for offset in offsets
            ]
            body = {"batchItemFailures": items}
        return Answer(body=json.dumps(body).encode())
