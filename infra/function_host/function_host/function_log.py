"""What functions write: passed on line by line, and what it measures counted."""

import sys
from collections.abc import Callable, Iterator
from threading import Lock
from typing import BinaryIO

from emf_exporter.converter import Converter, Rules
from prometheus_client import Metric
from prometheus_client.registry import Collector

from function_host.config import Metrics
from function_host.runtime.output import Sink

_LONGEST_LINE = 1 << 20  # bytes; a longer one is passed on in parts


class FunctionLog(Collector):
    """Where the output of all workers goes: whole lines, each as it was written, and EMF into metrics.

    Workers write from threads of their own.
    """

    def __init__(self, metrics: Metrics, stream: BinaryIO | None = None) -> None:
        self._stream = stream or sys.stdout.buffer
        self._lock = Lock()
        self._converter = Converter(Rules(metrics.gauges, metrics.labels, metrics.most))

    def sink(self) -> Sink:
        """Return what takes one worker's output, piece by piece; nothing (b"") is its end."""
        return _by_lines(self._write)

    def collect(self) -> Iterator[Metric]:
        """Yield what was measured."""
        with self._lock:
            families = [*self._converter.collect()]
        yield from families

    def _write(self, lines: bytes) -> None:
        with self._lock:
            self._stream.write(lines)
            self._stream.flush()
            for line in lines.splitlines():
                self._converter.add(line.decode(errors="replace"))


def _by_lines(write: Callable[[bytes], None]) -> Sink:
    unfinished = bytearray()

    def take(piece: bytes) -> None:
        unfinished.extend(piece)
        end = unfinished.rfind(b"\n") + 1
        if unfinished and (not piece or len(unfinished) - end > _LONGEST_LINE):
            unfinished.extend(b"\n")
            end = len(unfinished)
        if end:
            write(bytes(unfinished[:end]))
            del unfinished[:end]

    return take
