"""`sam local invoke` of every function with its file in events/, as docs/sam.md says."""

import json
from pathlib import Path
from typing import Any

import pytest
from mesh import paths

from tests.sam_local.sam_local import SamLocal

pytestmark = pytest.mark.timeout(600)  # the first invocation of each puts an image together

EVENTS = paths.ROOT / "events"


def body(answer: dict[str, Any], status: int) -> Any:
    assert answer["statusCode"] == status, answer
    return json.loads(answer["body"])


def test_a_user_is_created_and_listed(sam: SamLocal) -> None:
    created = body(sam.invoke("CreateUserFunction", EVENTS / "create_user.json"), 201)
    listed = body(sam.invoke("ListUsersFunction", EVENTS / "list_users.json"), 200)

    assert listed["users"] == [created]
    assert (created["tenantId"], created["name"]) == ("tenant-a", "Ada")


def test_users_are_imported(sam: SamLocal) -> None:
    imported = body(sam.invoke("ImportUsersFunction", EVENTS / "import_users.json"), 200)

    assert [outcome["status"] for outcome in imported["outcomes"]] in (["created"] * 2, ["taken", "created"])


@pytest.mark.parametrize("name", ["get_user", "update_user", "delete_user"])
def test_a_user_who_is_nobody_is_404(sam: SamLocal, name: str) -> None:
    function = "".join(part.capitalize() for part in name.split("_")) + "Function"

    assert body(sam.invoke(function, EVENTS / f"{name}.json"), 404)["title"] == "Not Found"


def test_what_enrich_is_given_search_finds(sam: SamLocal) -> None:
    assert sam.invoke("EnrichFunction", EVENTS / "enrich.json") is None

    found = body(sam.invoke("SearchFunction", EVENTS / "search.json"), 200)

    best = found["results"][0]
    assert (found["tenantId"], best["userId"], best["name"]) == ("tenant-a", 123, "Ada")
    assert best["score"] > 0.3


def test_relay_events_answers_a_schedule(sam: SamLocal) -> None:
    assert sam.invoke("RelayEventsFunction", EVENTS / "relay_events.json") is None


def test_an_exception_is_the_answer(sam: SamLocal, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{}")

    assert "errorType" in sam.invoke("SearchFunction", broken)
