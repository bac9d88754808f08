"""Whether a process keeps to its function's MemorySize. Lambda kills the one that does not."""

import re

LOOK_SECONDS = 0.05  # what is taken faster than this is found when the function has answered, at the latest

_PEAK = re.compile(rb"VmHWM:\s+(\d+) kB")


def exceeded(pid: int, memory_mb: int) -> bool:
    """Return whether the process ever had more in memory. Linux alone says; elsewhere it never has."""
    try:
        with open(f"/proc/{pid}/status", "rb") as status:
            peak = _PEAK.search(status.read())
    except OSError:  # it has ended, or this is no Linux
        return False
    return peak is not None and int(peak[1]) > memory_mb * 1024
