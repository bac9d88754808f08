"""What the console has done by a process of its own, and only while it is asked for.

Kafka's client, AWS's and what signs tokens take 40 MB: a console that only watches is to be small. One
request a line, in JSON: {"do": NAME, …its arguments}; one answer a line: {"result": …} or {"error": "what to
do"}.
"""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from mesh.errors import is_users
from mesh.kafka.record_text import line, lines, text
from mesh.state import load_running, lock


def authorization(tenant: str, user: str) -> str:
    """Return the Authorization header of a user, as the mesh's AuthMode wants it."""
    from mesh.deployment import issuer

    return issuer.authorization(load_running(), tenant, user)


def letters() -> list[dict[str, Any]]:
    """Return all dead letters, the newest first."""
    from mesh.kafka import dead_letters

    found = dead_letters.read(dead_letters.topic_of(load_running()))
    return sorted(map(_row, found), key=lambda row: row["time"] or "", reverse=True)


def replay(places: list[str] | None = None) -> int:
    """Send the dead letters at these places again, or all that were not; return how many."""
    from mesh.kafka import dead_letters

    with lock():
        topic = dead_letters.topic_of(load_running())
        found = dead_letters.read(topic)
        if places is not None:
            return len(list(dead_letters.replay(topic, dead_letters.at(found, places))))
        everything = dead_letters.Choice()
        return len(list(dead_letters.replay(topic, dead_letters.left(found, everything), everything)))


def tenants(names: list[str]) -> dict[str, dict[str, Any]]:
    """Return of each tenant how many users are searchable, and what is left of its rate limits."""
    from mesh.clients import quotas, searchable

    state = load_running()
    found: dict[str, dict[str, Any]] = {
        name: {"users": users, "left": []} for name, users in searchable.count(state, names).items()
    }
    for quota in quotas.left(state, names):
        found[quota.pop("tenant")]["left"].append(quota)
    return found


ERRANDS: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (authorization, letters, replay, tenants)
}


def answer(line: str) -> str:
    """Run what a line asks for, and return the line that answers it."""
    asked = json.loads(line)
    try:
        return json.dumps({"result": ERRANDS[asked.pop("do")](**asked)})
    except Exception as error:
        if not is_users(error):
            raise
        return json.dumps({"error": str(error)})


def _row(letter: Any) -> dict[str, Any]:
    """Return a dead letter as the page shows it: a record may hold anything, and becomes text."""
    key, value, headers = letter.record
    return {
        "place": letter.place,
        "replayed": letter.replayed,
        "replayable": letter.is_dead,
        "origin": letter.origin,
        **{name: letter.notes.get(name) for name in ("time", "reason", "error", "topic")},
        "key": None if key is None else line(text(key)),
        "headers": [[line(name), line(text(content))] for name, content in headers],
        "value": None if value is None else lines(text(value)),
    }


def main() -> None:
    """Answer line by line, until the console has gone."""
    with suppress(KeyboardInterrupt, BrokenPipeError):
        for line in sys.stdin:
            print(answer(line), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
