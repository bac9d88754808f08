"""How much goes through each station: counted by the second, for a minute."""

from collections import deque
from collections.abc import Iterable
from typing import Any

from mesh.console.stations import Station, Visit

_KEPT_SECONDS = 60
_RATE_SECONDS = 10
_NANOS = 1_000_000_000


class Rates:
    """The last minute of every station; of each second it keeps two numbers."""

    def __init__(self) -> None:
        self._seconds: dict[Station, deque[list[int]]] = {
            station: deque(maxlen=_KEPT_SECONDS) for station in Station
        }

    def add(self, visits: Iterable[Visit], now: int) -> None:
        """Count visits that are told at `now`, nanoseconds since 1970: when they ended is past by then."""
        second = now // _NANOS
        for visit in visits:
            kept = self._seconds[visit.station]
            if not kept or kept[-1][0] != second:
                kept.append([second, 0, 0])
            kept[-1][1] += visit.events
            kept[-1][2] += visit.failed

    def shown(self, now: int) -> dict[str, dict[str, Any]]:
        """Return events a second over ten seconds, and events and failures of the last minute."""
        second = now // _NANOS
        found = {}
        for station, kept in self._seconds.items():
            minute = [each for each in kept if each[0] > second - _KEPT_SECONDS]
            recent = sum(each[1] for each in minute if each[0] > second - _RATE_SECONDS)
            found[station.value] = {
                "perSecond": recent / _RATE_SECONDS,
                "lastMinute": sum(each[1] for each in minute),
                "failed": sum(each[2] for each in minute),
            }
        return found
