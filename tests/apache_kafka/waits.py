"""How long users wait to be found, from their 201 on."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Self

import httpx
from mesh.clients.http_api import TenantClient

from tests.faults.trial import Trial

_ROUND_SECONDS = 0.5


class Waits:
    """Asks for all users of a trial who were created, stay, and were not found yet, over and over.

    `longest` is the longest that one has waited, in seconds: found later than it is by a round at most.
    """

    def __init__(self, api_url: str, trial: Trial) -> None:
        self.longest = 0.0
        self._api_url = api_url
        self._trial = trial
        self._seen = 0
        self._waiting: dict[str, dict[int, float]] = {}  # since when, by tenant and user
        self._over = Event()
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        self._watching = self._pool.submit(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._pool.shutdown()
        self._watching.result()  # raises what the watch has failed by
        left = [since for waiting in self._waiting.values() for since in waiting.values()]
        self.longest = max([self.longest, *(time.monotonic() - since for since in left)])

    def _watch(self) -> None:
        while not self._over.wait(_ROUND_SECONDS):
            self._round()
        self._round()

    def _round(self) -> None:
        self._take_note()
        for tenant in list(self._waiting):
            self._ask(tenant)

    def _take_note(self) -> None:
        staying = self._trial.staying
        for answer in staying[self._seen :]:
            assert answer.user_id is not None
            self._waiting.setdefault(answer.tenant, {})[answer.user_id] = answer.started + answer.seconds
        self._seen = len(staying)

    def _ask(self, tenant: str) -> None:
        waiting = self._waiting[tenant]
        try:
            with TenantClient(self._api_url, tenant, f"Bearer {tenant}:waits") as client:
                found = {hit["userId"] for hit in client.search("a person", 50)}
        except httpx.HTTPError:
            found = set()  # search may be what fails at the moment
        now = time.monotonic()
        for user_id in [each for each in waiting if each in found]:
            self.longest = max(self.longest, now - waiting.pop(user_id))
        if not waiting:
            del self._waiting[tenant]
