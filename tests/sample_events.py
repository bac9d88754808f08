"""An event for each function, as AWS gives it: `python -m tests.sample_events` writes them to events/."""

import json
from typing import Any

from mesh import paths, schedule
from users.events import Record, user_created
from users.model import User

from tests.kafka import delivered
from tests.people import ALICE
from tests.unit.gateway import request

FOLDER = paths.ROOT / "events"

_ADA = {"email": "ada@tenant-a.dev", "name": "Ada", "profile": "Bakes sourdough bread every morning"}
_TIM = {"email": "tim@tenant-a.dev", "name": "Tim", "profile": "Repairs motorcycles"}
_TOKEN = "tenant-a:me"
_FIXED = {"ce_id": b"5b1c7c1e-7d0e-4a51-8f0a-3f5b0f5f7a11", "ce_time": b"2026-01-01T00:00:00Z"}


def sample_events() -> dict[str, dict[str, Any]]:
    """Return an event for each function, by its folder's name."""
    return {
        "create_user": request("POST", "/users/create", token=_TOKEN, json=_ADA),
        "import_users": request("POST", "/users/import", token=_TOKEN, json=[_ADA, _TIM]),
        "get_user": _of_alice("GET"),
        "update_user": _of_alice("PATCH", json={"profile": "Bakes rye bread"}),
        "delete_user": _of_alice("DELETE"),
        "list_users": request("GET", "/users", token=_TOKEN, query={"limit": "10"}),
        "search": request(
            "GET", "/ai/users/search", token=_TOKEN, query={"query": "someone who makes loaves"}
        ),
        "enrich": delivered(_created(ALICE.model_copy(update=_ADA))),
        "reindex": {"tenant": "tenant-a"},
        "delete_tenant": {"tenant": "tenant-a", "force": False},
        "relay_events": schedule.event() | {"id": _FIXED["ce_id"].decode(), "time": "2026-01-01T00:00:00Z"},
    }


def _of_alice(method: str, **parts: Any) -> dict[str, Any]:
    return request(method, f"/users/{ALICE.id}", route="/users/{id}", token=_TOKEN, **parts)


def as_text(event: dict[str, Any]) -> str:
    return json.dumps(event, indent=2) + "\n"


def _created(user: User) -> Record:
    """Return the record of a created user, the same one every time."""
    record = user_created(user)
    return record._replace(headers=[(name, _FIXED.get(name, value)) for name, value in record.headers])


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for function, event in sample_events().items():
        (FOLDER / f"{function}.json").write_text(as_text(event))
