"""A steady load of creates, updates and deletes that remembers what it was answered."""

import itertools
import random
import time
from collections import Counter
from dataclasses import dataclass, replace
from threading import Event, Lock, Thread
from typing import Any, Literal, Self
from uuid import uuid4

import httpx
from mesh.process import wait_until

Action = Literal["create", "update", "delete"]
_DONE: dict[Action, int] = {"create": 201, "update": 200, "delete": 204}

PER_SECOND = 12  # requests
TENANTS_AT_ONCE = 4
USERS_PER_TENANT = 40  # a single search lists them all
_THREADS = 4  # and so many workers of create_user, each with a start of its own
_TIMEOUT_SECONDS = 40  # longer than the gateway's own
_PROGRESS_SECONDS = 120
# What becomes of a person after its create, by its number: half of them stay as they are.
_PLANS: tuple[tuple[Action, ...], ...] = ((), ("update",), (), ("delete",), (), ("update", "delete"))
_CHANGE_SHARE = 0.5  # of the requests, while any change is due: more than they come to be due


@dataclass(frozen=True)
class Answer:
    """What one request came to: `status` is 0 if there was no answer at all.

    `profile` is the one that it asked for, and `user_id` is None for a create that failed.
    """

    action: Action
    tenant: str
    email: str
    profile: str
    status: int
    started: float
    seconds: float
    user_id: int | None
    problem: bool

    @property
    def done(self) -> bool:
        """Whether it was answered that it is done."""
        return self.status == _DONE[self.action]


@dataclass(frozen=True)
class _Due:
    """A change that is to be asked for: whom, and what is left to do to it."""

    user: Answer
    plan: tuple[Action, ...]


class Load:
    """Creates users in several tenants side by side, the same people in each; some are updated, some erased.

    A user's requests come one after the other; after one that failed there is none, for nobody knows yet what
    became of it. Changes that are due come in any order: some at once, some long after.
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
        return [answer for answer in list(self.answers) if answer.action == "create" and answer.done]

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
        chance, changes = random.Random(turn), list[_Due]()
        with httpx.Client(base_url=self._api_url, timeout=_TIMEOUT_SECONDS) as http:
            while not self._stopped.wait(max(0.0, due - time.monotonic())):
                if changes and chance.random() < _CHANGE_SHARE:
                    change = changes.pop(chance.randrange(len(changes)))
                    answer, plan = self._change(http, change.user, change.plan[0]), change.plan[1:]
                else:
                    with self._lock:
                        number = next(self._numbers)
                    answer = self._create(http, number)
                    plan = plan_of(answer.email)
                self.answers.append(answer)
                if plan and answer.done:
                    changes.append(_Due(answer, plan))
                due += period * (1 + max(0.0, time.monotonic() - due) // period)

    def _create(self, http: httpx.Client, number: int) -> Answer:
        rest, lane = divmod(number, TENANTS_AT_ONCE)
        generation, person = divmod(rest, USERS_PER_TENANT)
        tenant, email = f"load-{self._name}-{generation}-{lane}", f"p{person}@x.dev"
        asked = Answer(
            *("create", tenant, email, f"number {person} of {tenant}"), 0, 0.0, 0.0, None, problem=False
        )
        user = {"email": email, "name": f"Person {person}", "profile": asked.profile}
        return _answered(http, asked, "POST", "/users/create", user)

    def _change(self, http: httpx.Client, user: Answer, action: Action) -> Answer:
        asked = replace(user, action=action)
        path = f"/users/{user.user_id}"
        if action == "delete":
            return _answered(http, asked, "DELETE", path)
        asked = replace(asked, profile=f"changed {user.profile}")
        return _answered(http, asked, "PATCH", path, {"profile": asked.profile})


def plan_of(email: str) -> tuple[Action, ...]:
    """Return what becomes of a person of the load after its create."""
    return _PLANS[int(email.removeprefix("p").removesuffix("@x.dev")) % len(_PLANS)]


def _answered(http: httpx.Client, asked: Answer, method: str, path: str, body: Any = None) -> Answer:
    headers = {"Authorization": f"Bearer {asked.tenant}:load"}
    started = time.monotonic()
    try:
        answer = http.request(method, path, json=body, headers=headers)
    except httpx.HTTPError:
        return replace(asked, status=0, started=started, seconds=time.monotonic() - started, problem=False)
    return replace(
        asked,
        status=answer.status_code,
        started=started,
        seconds=time.monotonic() - started,
        user_id=answer.json()["id"] if answer.status_code == 201 else asked.user_id,
        problem=answer.headers.get("Content-Type") == "application/problem+json",
    )
