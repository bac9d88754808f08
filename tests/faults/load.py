"""A steady load of creates that remembers what it was answered."""

import itertools
import time
from collections import Counter
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Self
from uuid import uuid4

import httpx
from mesh.process import wait_until

PER_SECOND = 12
TENANTS_AT_ONCE = 4
USERS_PER_TENANT = 40  # a single search lists them all
_THREADS = 4  # and so many workers of create_user, each with a start of its own
_TIMEOUT_SECONDS = 40  # longer than the gateway's own
_PROGRESS_SECONDS = 120


@dataclass(frozen=True)
class Answer:
    """What one create came to: `status` is 0 if there was no answer at all."""

    tenant: str
    email: str
    status: int
    started: float
    seconds: float
    user_id: int | None
    problem: bool


class Load:
    """Creates users at a fixed rate, in several tenants side by side, and the same people in each.

    Whoever is late leaves a beat out: there is never a burst to catch up with.
    """

    def __init__(self, api_url: str, per_second: int = PER_SECOND) -> None:
        self.answers: list[Answer] = []
        self._api_url = api_url
        self._per_second = per_second
        self._name = uuid4().hex[:8]
        self._numbers = itertools.count()
        self._lock = Lock()
        self._stopped = Event()
        self._threads = [Thread(target=self._work, args=(turn,), daemon=True) for turn in range(_THREADS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self.go_on()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(_TIMEOUT_SECONDS)

    def go_on(self, users: int = 2 * PER_SECOND) -> None:
        """Wait until so many more users were created."""
        wanted = len(self.created) + users
        assert wait_until(lambda: len(self.created) >= wanted, _PROGRESS_SECONDS), self.statuses

    @property
    def created(self) -> list[Answer]:
        """The creates that were answered by 201."""
        return [answer for answer in list(self.answers) if answer.status == 201]

    @property
    def tenants(self) -> set[str]:
        """Every tenant that was asked to have a user."""
        return {answer.tenant for answer in list(self.answers)}

    @property
    def statuses(self) -> Counter[int]:
        """How often each status was answered."""
        return Counter(answer.status for answer in list(self.answers))

    def _work(self, turn: int) -> None:
        period = _THREADS / self._per_second
        due = time.monotonic() + turn / self._per_second
        with httpx.Client(base_url=self._api_url, timeout=_TIMEOUT_SECONDS) as http:
            while not self._stopped.wait(max(0.0, due - time.monotonic())):
                with self._lock:
                    number = next(self._numbers)
                self.answers.append(self._create(http, number))
                due += period * (1 + max(0.0, time.monotonic() - due) // period)

    def _create(self, http: httpx.Client, number: int) -> Answer:
        rest, lane = divmod(number, TENANTS_AT_ONCE)
        generation, person = divmod(rest, USERS_PER_TENANT)
        tenant, email = f"load-{self._name}-{generation}-{lane}", f"p{person}@x.dev"
        user = {"email": email, "name": f"Person {person}", "profile": f"number {person} of {tenant}"}
        started = time.monotonic()
        try:
            answer = http.post("/users/create", json=user, headers={"Authorization": f"Bearer {tenant}:load"})
        except httpx.HTTPError:
            return Answer(tenant, email, 0, started, time.monotonic() - started, None, problem=False)
        return Answer(
            tenant,
            email,
            answer.status_code,
            started,
            time.monotonic() - started,
            answer.json()["id"] if answer.status_code == 201 else None,
            problem=answer.headers.get("Content-Type") == "application/problem+json",
        )
