"""Lines of functions' logs, from CloudWatch Logs or an emulator of it: each once, when it is asked for."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from emf_exporter.documents import MARK

_FULL = 10_000  # the most events of an answer


class LogGroups:
    """The documents in the log groups whose names begin so, from `since` on, in milliseconds.

    It reads up to a time that lies `settle_ms` back: what comes later with a timestamp before that is missed,
    and nothing is read twice.
    """

    def __init__(self, logs: Any, prefix: str, since: int, settle_ms: int) -> None:
        self._logs = logs
        self._prefix = prefix
        self._next = since
        self._settle_ms = settle_ms

    def read(self, now: int) -> Iterator[str]:
        """Yield what has come since the last call. On botocore's errors the next call reads it again."""
        end = now - self._settle_ms
        if end <= self._next:
            return
        lines = [line for group in self._names() for line in self._lines(group, self._next, end)]
        self._next = end
        yield from lines

    def _names(self) -> list[str]:
        pages = self._logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=self._prefix)
        return [group["logGroupName"] for page in pages for group in page["logGroups"]]

    def _lines(self, group: str, start: int, end: int) -> list[str]:
        """Return the group's lines from `start` up to, but without, `end`."""
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=start, endTime=end - 1, filterPattern=MARK
        )
        try:
            lines = [event["message"] for page in pages for event in page["events"]]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":  # it went meanwhile
                return []
            raise
        if len(lines) == _FULL and end - start > 1:  # MiniStack has no next page
            middle = (start + end) // 2
            return self._lines(group, start, middle) + self._lines(group, middle, end)
        return lines
