"""GET /ai/users/search: the nearest of the caller's tenant."""

from typing import Any

import pytest
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse as Limited

from tests.unit.conftest import ColdStart, Function
from tests.unit.fakes import DynamoFaults, FakeModel, FakeQdrant, bag_of_words, http_error


@pytest.fixture
def search(aws: DynamoFaults, qdrant: FakeQdrant, model: FakeModel, cold_start: ColdStart) -> Function:
    return cold_start("search")


def index(*users: tuple[str, int, str]) -> None:
    """Index users, each a tenant, an id and a profile."""
    from vectors.index import Entry, user_index

    user_index().write(
        [
            Entry(tenant, user, f"user{user}@{tenant}.dev", "A", profile, [bag_of_words(profile).tolist()], 1)
            for tenant, user, profile in users
        ]
    )


def find(function: Function, query: str, tenant: str = "tenant-a", **more: str) -> Any:
    return function.http("GET", "/ai/users/search", token=f"{tenant}:user-1", query={"query": query, **more})


def test_given_users_when_searched_then_the_answer_has_the_form_of_the_design(search: Function) -> None:
    index(("tenant-a", 1, "pastry chef"))
    answer = find(search, "pastry chef")
    assert answer.status == 200
    assert answer.json == {
        "tenantId": "tenant-a",
        "query": "pastry chef",
        "results": [
            {
                "userId": 1,
                "email": "user1@tenant-a.dev",
                "name": "A",
                "profile": "pastry chef",
                "score": pytest.approx(1.0, abs=1e-5),
                "matched": ["profile"],
                "topics": [],
            }
        ],
        "nextCursor": None,
    }
    assert not answer.is_base64


def test_given_users_when_searched_then_the_nearest_comes_first(search: Function) -> None:
    index(("tenant-a", 1, "plays chess"), ("tenant-a", 2, "pastry chef"), ("tenant-a", 3, "chef"))
    results = find(search, "pastry chef").json["results"]
    assert [result["userId"] for result in results] == [2, 3, 1]
    assert results[0]["score"] > results[1]["score"] > results[2]["score"]


def test_given_another_tenants_identical_user_when_searched_then_it_is_not_found(search: Function) -> None:
    index(("tenant-a", 1, "pastry chef"), ("tenant-b", 1, "pastry chef"))
    results = find(search, "pastry chef", "tenant-b").json["results"]
    assert [result["email"] for result in results] == ["user1@tenant-b.dev"]


def test_given_a_tenant_without_users_when_searched_then_nothing_is_found(search: Function) -> None:
    index(("tenant-b", 1, "pastry chef"))
    assert find(search, "pastry chef").json["results"] == []


@pytest.mark.parametrize(("limit", "count"), [({}, 5), ({"limit": "1"}, 1), ({"limit": "50"}, 50)])
def test_given_many_users_when_searched_then_the_limit_counts(
    search: Function, limit: dict[str, str], count: int
) -> None:
    index(*(("tenant-a", user, "chef") for user in range(60)))
    assert len(find(search, "chef", **limit).json["results"]) == count


@pytest.mark.parametrize("query", ["x", "x" * 500, "ë" * 500])
def test_given_a_query_at_the_edge_when_searched_then_200(search: Function, query: str) -> None:
    assert find(search, query).json["query"] == query


@pytest.mark.parametrize(
    "query",
    ["7", "#1", "C++", "½", "寿司", "寿司職人", "शेफ", "เชฟ", "طاهٍ", "e\u0301", "👩‍🍳 chef", "...x", "che\0f"],
)
def test_given_a_letter_or_a_digit_of_any_script_when_searched_then_200(search: Function, query: str) -> None:
    assert find(search, query).json["query"] == query


NOTHING = [
    " ",
    " \t\n",
    "\u00a0",
    "\u200b",
    "\ufeff",
    "\0",
    "\x1b",
    "...",
    "?",
    "-",
    "+",
    "👩‍🍳",
    "🇫🇷",
    "\u0301",
    "\u3000。",
    "\ufffd",
]


@pytest.mark.parametrize("query", NOTHING)
def test_given_a_query_without_a_letter_or_a_digit_when_searched_then_422_says_so_and_nobody_is_found(
    search: Function, model: FakeModel, query: str
) -> None:
    index(("tenant-a", 1, "chef"))
    [error] = find(search, query).problem(422)["errors"]
    assert error == {
        "pointer": "query.query",
        "detail": "Search for something with a letter or a digit in it, of any script.",
    }
    assert model.calls == []


def test_given_half_a_character_when_searched_then_the_rest_counts(search: Function) -> None:
    """As a gateway has it already that decodes the query: U+FFFD, which is no letter."""
    assert find(search, "chef\ud800").json["query"].startswith("chef\N{REPLACEMENT CHARACTER}")
    assert find(search, "\ud800").problem(422)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({}, "query.query"),
        ({"query": ""}, "query.query"),
        ({"query": "x" * 501}, "query.query"),
        ({"query": "x", "limit": "0"}, "query.limit"),
        ({"query": "x", "limit": "51"}, "query.limit"),
        ({"query": "x", "limit": "many"}, "query.limit"),
    ],
)
def test_given_a_bad_query_when_searched_then_422_names_it_and_nothing_is_embedded(
    search: Function, model: FakeModel, query: dict[str, str], pointer: str
) -> None:
    answer = search.http("GET", "/ai/users/search", token="tenant-a:user-1", query=query)
    assert [error["pointer"] for error in answer.problem(422)["errors"]] == [pointer]
    assert model.calls == []


def test_given_qdrant_is_down_when_searched_then_503_until_it_is_back(
    search: Function, qdrant: FakeQdrant
) -> None:
    qdrant.down = True
    detail = "The search cannot be answered now. Please try again."
    assert find(search, "chef").problem(503)["detail"] == detail
    qdrant.down = False
    assert find(search, "chef").status == 200


@pytest.mark.parametrize("error", [Limited("slow down", 7), http_error(429), http_error(503)])
def test_given_qdrant_wants_fewer_requests_when_searched_then_503_says_when_to_come_back(
    search: Function, qdrant: FakeQdrant, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    for operation in ("query_points", "collection_exists"):
        with monkeypatch.context() as patch:
            patch.setattr(qdrant, operation, refuse, raising=False)
            answer = find(search, "chef")
        assert answer.problem(503)
        assert answer.headers["retry-after"] == ("7" if isinstance(error, Limited) else "5")
        search.module.user_index.cache_clear()


def test_given_qdrant_wants_fewer_requests_when_searched_then_the_collection_is_not_opened_anew(
    search: Function, qdrant: FakeQdrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise Limited("slow down", 7)

    find(search, "chef")
    before = len(qdrant.requests)
    with monkeypatch.context() as patch:
        patch.setattr(qdrant, "query_points", refuse, raising=False)
        find(search, "chef")
    find(search, "chef")
    assert qdrant.operations()[before:] == ["query_points"]


def test_given_the_collection_is_lost_when_searched_then_503_once_and_it_is_made_anew(
    search: Function, qdrant: FakeQdrant
) -> None:
    index(("tenant-a", 1, "chef"))
    qdrant.lose_data()
    assert find(search, "chef").problem(503)
    assert find(search, "chef").json["results"] == []


def test_given_another_models_collection_when_searched_then_500_and_the_log_says_why(
    search: Function, qdrant: FakeQdrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    find(search, "chef")
    from vectors.settings import settings

    settings.cache_clear()
    search.module.user_index.cache_clear()
    monkeypatch.setenv("EMBEDDING_MODEL", "another")
    assert "another" not in str(find(search, "chef").problem(500))
    (line,) = search.logs(level="ERROR")
    assert line["exception_name"] == "ModelMismatchError"


def test_given_warm_environment_when_searched_then_the_model_and_the_collection_are_opened_once(
    search: Function, qdrant: FakeQdrant, model: FakeModel
) -> None:
    find(search, "chef")
    before = len(qdrant.requests)
    find(search, "chef")
    assert qdrant.operations()[before:] == ["query_points"]
    assert len(model.loaded) == 1
    assert search.metrics()[-1]["Searches"] == [1]


def test_given_no_least_score_when_searched_then_the_model_is_not_asked_what_it_understands(
    search: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def understands(text: str) -> bool:
        asked.append(text)
        return True

    monkeypatch.setattr(search.module, "understands", understands)

    find(search, "pastry chef")
    assert not asked
    find(search, "pastry chef", minScore="0.2")
    assert asked == ["pastry chef"]
