"""How many workers of a function there are at once. An invocation that finds no place waits for one."""

import os
from functools import cache
from threading import Lock, Semaphore

_ONE_PROCESSOR_MB = 1769  # Lambda gives processor time by memory; this is one whole processor
_MAKING = Lock()


def at_once(memory_mb: int, processors: int = os.cpu_count() or 1) -> int:
    """Return how many workers of a function with this MemorySize the processors are worth, one at least."""
    return max(1, processors * _ONE_PROCESSOR_MB // memory_mb)


def of(function: str, memory_mb: int) -> Semaphore:
    """Return the places of a function, to be taken for the time of an invocation.

    A function that invokes itself, and itself again, may wait for a place that it holds.
    """
    with _MAKING:  # or two threads would make two
        return _places(function, memory_mb)


@cache
def _places(_function: str, memory_mb: int) -> Semaphore:
    return Semaphore(at_once(memory_mb))
