"""Who gets a label of its own, where anybody may come: the N that come most often."""

from collections import Counter

OTHER = "_other"  # no tenant's name begins so
_REMEMBERED = 50  # for each that has a label


class Heaviest:
    """The N names of the most events; all others are OTHER.

    A name that outgrows the least of them takes its place. It has to come twice as often: two that are about
    even would change places for ever. What was counted stays where it was counted: no counter goes back.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._tally: Counter[str] = Counter()
        self._own: set[str] = set()

    def label(self, name: str, events: float = 1) -> tuple[str, str | None]:
        """Count events of a name; return its label, and the name that has none any more because of it."""
        self._tally[name] += max(1, round(events))
        if len(self._tally) > self._most * _REMEMBERED:
            kept = self._tally.most_common(self._most * _REMEMBERED // 2)
            self._tally = Counter({**dict(kept), **{each: self._tally[each] for each in (*self._own, name)}})
        if name in self._own:
            return name, None
        if len(self._own) < self._most:
            self._own.add(name)
            return name, None
        least = min(self._own, key=self._tally.__getitem__)
        if self._tally[name] < 2 * self._tally[least]:
            return OTHER, None
        self._own.remove(least)
        self._own.add(name)
        return name, least
