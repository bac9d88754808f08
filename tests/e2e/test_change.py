"""A user's life over HTTP: imported or created, found, changed, erased; and never across tenants."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from mesh.clients.http_api import TenantClient
from mesh.process import wait_until

from tests.e2e.mesh_command import Mesh
from tests.e2e.page import ORIGIN
from tests.e2e.test_journey import SEARCHABLE_SECONDS, becomes_searchable, stopped

NewTenant = Callable[[], TenantClient]
ADA = {"email": "ada@x.dev", "name": "Ada", "profile": "Bakes sourdough bread every morning"}


def created(client: TenantClient, **more: str) -> str:
    """Create Ada, and return her path."""
    user = client.create(**{**ADA, **more})
    return f"/users/{user['id']}"


def disappears(client: TenantClient, profile: str) -> bool:
    return wait_until(lambda: not client.finds(profile), SEARCHABLE_SECONDS)


def test_the_location_of_a_new_user_leads_to_it(tenant: NewTenant) -> None:
    client = tenant()
    answer = client.http.post("/users/create", json=ADA)
    found = client.http.get(answer.url.join(answer.headers["Location"]))

    assert (found.status_code, found.json()) == (200, answer.json())
    assert found.headers["ETag"] == answer.headers["ETag"] == '"1"'
    assert found.headers["Cache-Control"] == "no-store"


def test_a_changed_user_is_got_listed_and_found_as_it_is_now(tenant: NewTenant) -> None:
    client = tenant()
    path = created(client)
    assert becomes_searchable(client, ADA["profile"])

    patch = {"email": "Ada@y.dev", "profile": "Repairs motorcycles in her garage"}
    answer = client.http.patch(path, json=patch, headers={"If-Match": '"1"'})
    user = answer.json()

    assert (answer.status_code, answer.headers["ETag"], user["version"]) == (200, '"2"', 2)
    assert user == {**client.http.get(path).json(), **patch, "name": "Ada"}
    assert list(client.users()) == [user]
    assert becomes_searchable(client, patch["profile"])
    assert disappears(client, ADA["profile"])
    (hit,) = client.search("Ada", 50)
    assert (hit["email"], hit["profile"]) == (patch["email"], patch["profile"])


def test_an_erased_user_is_gone_from_get_list_and_search_and_the_address_is_free(tenant: NewTenant) -> None:
    client = tenant()
    path = created(client)
    assert becomes_searchable(client, ADA["profile"])

    answer = client.http.delete(path)

    assert (answer.status_code, answer.content) == (204, b"")
    assert client.http.get(path).status_code == 404
    assert client.http.patch(path, json={"name": "Eve"}).status_code == 404
    assert client.http.delete(path).status_code == 404
    assert list(client.users()) == []
    assert disappears(client, ADA["profile"])
    assert created(client) != path


def test_what_kafka_did_not_get_is_changed_and_erased_once_it_is_back(mesh: Mesh, tenant: NewTenant) -> None:
    client = tenant()
    kept, erased = created(client), created(client, email="eve@x.dev", profile="Collects stamps")
    assert becomes_searchable(client, ADA["profile"])
    assert becomes_searchable(client, "Collects stamps")

    with stopped(mesh, "kafka"):
        assert client.http.patch(kept, json={"profile": "Plays the cello"}).status_code == 200
        assert client.http.delete(erased).status_code == 204

    assert becomes_searchable(client, "Plays the cello")
    assert disappears(client, "Collects stamps")
    assert [hit["profile"] for hit in client.search("anyone", 50)] == ["Plays the cello"]


def test_of_two_who_change_the_same_version_the_second_is_told(tenant: NewTenant) -> None:
    client = tenant()
    path = created(client)
    tag = {"If-Match": client.http.get(path).headers["ETag"]}

    first = client.http.patch(path, json={"name": "First"}, headers=tag)
    second = client.http.patch(path, json={"name": "Second"}, headers=tag)
    erased = client.http.delete(path, headers=tag)

    assert [answer.status_code for answer in (first, second, erased)] == [200, 412, 412]
    assert second.headers["Content-Type"] == "application/problem+json"
    assert client.http.get(path).json()["name"] == "First"
    assert client.http.delete(path, headers={"If-Match": first.headers["ETag"]}).status_code == 204


def test_a_client_that_has_the_version_is_sent_no_body(tenant: NewTenant) -> None:
    client = tenant()
    path = created(client)

    answer = client.http.get(path, headers={"If-None-Match": '"1"'})

    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", '"1"')


def test_an_address_is_found_exactly_and_taken_once(tenant: NewTenant) -> None:
    client = tenant()
    created(client)
    other = created(client, email="eve@x.dev")

    found = client.http.get("/users", params={"email": "ADA@X.dev"}).json()

    assert ([user["email"] for user in found["users"]], found["nextCursor"]) == (["ada@x.dev"], None)
    assert client.http.get("/users", params={"email": "nobody@x.dev"}).json()["users"] == []
    assert client.http.get("/users", params={"email": "nobody"}).status_code == 422
    assert client.http.patch(other, json={"email": "Ada@x.dev"}).status_code == 409


def test_another_tenants_user_is_as_nobody(tenant: NewTenant) -> None:
    mine, theirs = tenant(), tenant()
    path, nobody = created(theirs), "/users/1"

    for method, body in (("GET", None), ("PATCH", {"name": "Eve"}), ("DELETE", None)):
        answers = [mine.http.request(method, each, json=body) for each in (path, nobody)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].text == answers[1].text
    assert mine.http.get("/users", params={"email": ADA["email"]}).json()["users"] == []
    assert theirs.http.get(path).json()["name"] == "Ada"


@pytest.mark.parametrize("media_type", ["application/json", "application/x-ndjson"])
def test_an_import_says_what_became_of_each_entry(tenant: NewTenant, media_type: str) -> None:
    client = tenant()
    created(client)
    profile = "Löst Rätsel\u2028und Schlösser"
    sent: list[Any] = [{"email": "tim@x.dev", "name": "Tim", "profile": profile}, ADA, {"email": "x"}]
    lines = "\n".join(json.dumps(each, ensure_ascii=False) for each in sent)
    body = lines if media_type.endswith("x-ndjson") else json.dumps(sent)
    headers = {"Content-Type": media_type, "Idempotency-Key": "people"}

    first, again = (client.http.post("/users/import", content=body, headers=headers) for _ in range(2))

    assert [outcome["status"] for outcome in first.json()["outcomes"]] == ["created", "taken", "invalid"]
    assert again.json() == first.json()
    assert first.json()["outcomes"][0]["user"] == list(client.users())[1]
    assert becomes_searchable(client, profile)


def test_a_hundred_are_imported_and_searchable_and_one_more_is_refused(tenant: NewTenant) -> None:
    client = tenant()
    people = [
        {"email": f"u{number}@x.dev", "name": f"U{number}", "profile": f"Has number {number}"}
        for number in range(101)
    ]

    assert client.http.post("/users/import", json=people).status_code == 422
    answer = client.http.post("/users/import", json=people[:100])

    assert {outcome["status"] for outcome in answer.json()["outcomes"]} == {"created"}
    assert answer.headers["RateLimit"].startswith('"import_users";r=900;')
    assert len(list(client.users())) == 100
    assert wait_until(lambda: len(client.search("Has number", 50)) == 50, SEARCHABLE_SECONDS)


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_method_that_no_function_takes_is_405_and_names_them_all(tenant: NewTenant, method: str) -> None:
    answer = tenant().http.request(method, "/users/1")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "DELETE, GET, HEAD, PATCH")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_page_may_call_each_function_of_the_path_and_read_its_etag(tenant: NewTenant, method: str) -> None:
    client = tenant()
    path = created(client)
    wanted = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "if-match"}

    asked = client.http.options(path, headers={"Origin": ORIGIN, **wanted})
    answer = client.http.request(
        method, path, json={} if method == "PATCH" else None, headers={"Origin": ORIGIN, "If-Match": '"1"'}
    )

    assert (asked.status_code, answer.is_success) == (200, True)
    assert asked.headers["Access-Control-Allow-Methods"] == "DELETE, GET, HEAD, PATCH"
    assert asked.headers["Access-Control-Allow-Headers"] == "if-match"
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("user_id", ["undefined", "0", "9007199254740992", "1.0", "%2B1"])
def test_what_cannot_be_an_id_is_422(tenant: NewTenant, user_id: str) -> None:
    client = tenant()
    statuses = {
        client.http.request(method, f"/users/{user_id}", json=body).status_code
        for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None))
    }

    assert statuses == {422}
