"""One fault: load before, during and after it, and the verdict once everything has settled."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import quantiles
from threading import Event, Thread

import httpx
from mesh.process import wait_until
from users.errors import UnavailableError
from users.outbox import Backlog, Outbox

from tests.faults.load import PER_SECOND, Answer, Load, plan_of
from tests.faults.verdict import Tenant, Verdict, erased, judge

SETTLED_SECONDS = 120
_SAMPLE_SECONDS = 0.5


class Trial:
    """What one fault does to a mesh."""

    verdict: Verdict
    settled_seconds: float  # from the end of the fault until every user was found
    notes = ""

    def __init__(self, name: str, api_url: str, outbox: Outbox, per_second: int = PER_SECOND) -> None:
        self.name = name
        self.backlog = Backlog(0, 0.0)  # the largest size and the greatest age that were seen
        self._api_url = api_url
        self._outbox = outbox
        self._load = Load(api_url, per_second)
        self._began = self._ended = 0.0

    @contextmanager
    def under_load(self) -> Iterator[Load]:
        """Have requests before, during and after what is done inside, which is over at its end."""
        with self._watched_outbox(), self._load as load:
            self._began = time.monotonic()
            yield load
            self._ended = time.monotonic()
            load.go_on()

    def settle(self) -> Verdict:
        """Wait until search agrees with the list, and return the verdict, whatever it is."""
        wait_until(self.all_found, SETTLED_SECONDS, _SAMPLE_SECONDS)
        self.settled_seconds = time.monotonic() - self._ended
        gone = erased(self._load.answers)
        tenants = [
            Tenant.read(self._api_url, name, gone.get(name, ())) for name in sorted(self._load.tenants)
        ]
        self.verdict = judge(self._load.answers, tenants)
        return self.verdict

    @property
    def created(self) -> list[Answer]:
        """The creates that were answered by 201 so far."""
        return self._load.created

    @property
    def done(self) -> int:
        """How many requests were answered that they are done."""
        return sum(each.done for each in list(self._load.answers))

    @property
    def staying(self) -> list[Answer]:
        """Those of them that are not to be erased."""
        return [each for each in self.created if "delete" not in plan_of(each.email)]

    @property
    def durations(self) -> str:
        """How long the requests took during the fault: p50, p99 and the longest, in ms."""
        seconds = [each.seconds for each in self._load.answers if self._began <= each.started < self._ended]
        if len(seconds) < 2:
            return "-"
        cuts = quantiles(seconds, n=100, method="inclusive")
        return " / ".join(f"{1000 * value:.0f}" for value in (cuts[49], cuts[98], max(seconds)))

    def waiting(self) -> int | None:
        """Return how many events the outbox holds; None if DynamoDB does not say."""
        try:
            size, age_seconds = self._outbox.backlog()
        except UnavailableError:
            return None
        self.backlog = Backlog(max(size, self.backlog.size), max(age_seconds, self.backlog.age_seconds))
        return size

    def all_found(self) -> bool:
        """Whether the outbox is empty, and search has who is listed, as listed."""
        try:
            return self.waiting() == 0 and all(
                Tenant.read(self._api_url, name).complete for name in self._load.tenants
            )
        except httpx.HTTPError:
            return False

    @contextmanager
    def _watched_outbox(self) -> Iterator[None]:
        over = Event()

        def watch() -> None:
            while not over.wait(_SAMPLE_SECONDS):
                self.waiting()

        watching = Thread(target=watch, daemon=True)
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join()
