"""Search on Qdrant's own engine: what is found, in which order, whatever other tenants have."""

from collections.abc import Iterator
from random import Random
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vectors.client import connect
from vectors.collection import ensure_collection
from vectors.errors import InvalidCursorError
from vectors.index import Entry, Marker, UserIndex
from vectors.pages import Hit
from vectors.ranking import Mode, Search
from vectors.settings import Settings
from vectors.text.pieces import pieces

from tests.unit.fakes import DIMENSION, bag_of_words

MODES: list[Mode] = ["hybrid", "meaning", "words"]
engine = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def users(qdrant: str) -> Iterator[UserIndex]:
    """An index with a collection of its own."""
    name = f"search-{uuid4().hex[:8]}"
    named = Settings(
        QDRANT_URL=qdrant, QDRANT_COLLECTION=name, EMBEDDING_MODEL="bag", EMBEDDING_DIMENSION=DIMENSION
    )
    client = connect(named)
    ensure_collection(client, named)
    yield UserIndex(client, name)
    client.delete_collection(name)
    client.close()


def entry(tenant: str, user_id: int, name: str, profile: str = "", topics: tuple[str, ...] = ()) -> Entry:
    vectors = [bag_of_words(text).tolist() for text in pieces(name, profile)]
    email = f"{name.split()[0].lower()}@{tenant}.example"
    return Entry(tenant, user_id, email, name, profile, vectors, 1, {"topics": list(topics)})


def search(users: UserIndex, tenant: str, query: str, limit: int = 5, **more: object) -> list[Hit]:
    asked = Search(query, **more)  # type: ignore[arg-type]
    return users.search(tenant, asked, bag_of_words(query).tolist(), limit).hits


def names(hits: list[Hit]) -> list[str]:
    return [hit.name for hit in hits]


@pytest.mark.parametrize(
    ("query", "matched"),
    [
        ("Zielinski", ["name"]),
        ("zielinsky", ["name"]),
        ("magda", ["name", "email"]),
        ("magdalena@a.example", ["name", "email"]),
        ("magdalena@a", ["name", "email"]),
        ("oboe", ["profile"]),
        ("Zieliński plays the oboe", ["name", "profile"]),
    ],
)
def test_somebody_is_found_by_words_and_told_by_which(
    users: UserIndex, query: str, matched: list[str]
) -> None:
    people = [entry("a", number, f"Person{number}", "plays chess") for number in range(2, 40)]
    users.write([*people, entry("a", 1, "Magdalena Zieliński", "oboe"), entry("b", 1, "Magdalena Zieliński")])

    [hit] = search(users, "a", query, 1)
    assert (hit.name, hit.matched) == ("Magdalena Zieliński", matched)


WORDS = [
    *("ana", "anna", "kowalski", "kowalsky", "oboe", "chess", "müller", "mueller", "東京"),
    *("the", "will", "help", "learning", "learnin"),
]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
people = st.lists(st.tuples(texts, texts), min_size=1, max_size=25)


@engine
@given(people=people, query=texts)
def test_the_score_is_the_cosine_whatever_the_words_add(
    users: UserIndex, people: list[tuple[str, str]], query: str
) -> None:
    tenant = uuid4().hex
    users.write([entry(tenant, number, *each) for number, each in enumerate(people, start=1)])

    by_meaning = {hit.user_id: hit.score for hit in search(users, tenant, query, 50, mode="meaning")}
    found = {hit.user_id: hit.score for hit in search(users, tenant, query, 50)}

    assert found == pytest.approx(by_meaning, abs=2e-5)


@engine
@given(people=people, query=texts)
def test_whom_the_meaning_is_too_far_from_has_enough_of_the_words(
    users: UserIndex, people: list[tuple[str, str]], query: str
) -> None:
    tenant = uuid4().hex
    users.write([entry(tenant, number, *each) for number, each in enumerate(people, start=1)])

    far = [hit for hit in search(users, tenant, query, 50, min_score=1) if (hit.score or 0) < 0.9999]

    assert all(hit.matched and "meaning" not in hit.matched for hit in far)


@engine
@given(people=people, other=people, query=texts, mode=st.sampled_from(MODES), data=st.data())
def test_what_another_tenant_writes_and_deletes_changes_no_answer_in_any_bit(
    users: UserIndex,
    people: list[tuple[str, str]],
    other: list[tuple[str, str]],
    query: str,
    mode: Mode,
    data: st.DataObject,
) -> None:
    own, foreign = uuid4().hex, uuid4().hex
    users.write([entry(own, number, *each) for number, each in enumerate(people, start=1)])
    before = users.search(own, Search(query, mode), bag_of_words(query).tolist(), 5)

    users.write([entry(foreign, number, *each) for number, each in enumerate(other, start=1)])
    gone = data.draw(st.sets(st.integers(1, len(other))))
    if gone:
        users.write([Marker(foreign, number, 2, deleted_at_ms=1) for number in gone])

    assert users.search(own, Search(query, mode), bag_of_words(query).tolist(), 5) == before


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_pages_are_the_order_in_parts_nobody_twice(users: UserIndex, mode: Mode, size: int) -> None:
    random = Random(size)
    ids = random.sample(range(1, 1_000), 60)
    users.write(
        [entry("a", number, "Ana", random.choice(["oboe", "chess oboe", "oboe", ""])) for number in ids]
    )
    users.write([entry("b", number, "Ana", "oboe") for number in range(1, 30)])
    asked, vector = Search("ana oboe", mode), bag_of_words("ana oboe").tolist()

    at_once = users.search("a", asked, vector, 50)
    seen: list[Hit] = []
    cursor = None
    while len(seen) < 60:
        page = users.search("a", asked, vector, size, cursor)
        seen += page.hits
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page.hits) == size

    assert cursor is None
    assert seen[:50] == at_once.hits
    assert len({hit.user_id for hit in seen}) == len(seen) == 60


def test_hundreds_of_equal_people_come_in_the_order_of_their_ids_page_by_page(users: UserIndex) -> None:
    ids = Random(4).sample(range(1, 1_000), 400)
    users.write([entry("a", number, "Ana Silva", "nurse") for number in ids])
    users.write([entry("a", 1_001, "Ana Silva Silva", "")])

    seen: list[int] = []
    cursor = None
    for _ in range(6):
        page = users.search("a", Search("ana silva"), bag_of_words("ana silva").tolist(), 15, cursor)
        seen += [hit.user_id for hit in page.hits]
        cursor = page.next_cursor

    assert seen == [1_001, *sorted(ids)][:90]


def test_a_search_ends_after_a_hundred_people(users: UserIndex) -> None:
    users.write([entry("a", number, "Ana", "nurse") for number in range(1, 200)])
    seen, cursor = 0, None
    while True:
        page = users.search("a", Search("ana"), bag_of_words("ana").tolist(), 40, cursor)
        seen += len(page.hits)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == 100


def test_a_changed_person_between_pages_disturbs_nobody_else(users: UserIndex) -> None:
    users.write([entry("a", number, "Ana", "nurse") for number in range(1, 21)])
    asked, vector = Search("ana nurse"), bag_of_words("ana nurse").tolist()
    first = users.search("a", asked, vector, 5)
    users.write([Marker("a", 2, 2, 1), Marker("a", 8, 2, 1), entry("a", 99, "Ana", "nurse")])

    second = users.search("a", asked, vector, 5, first.next_cursor)

    assert [hit.user_id for hit in second.hits] == [6, 7, 9, 10, 11]


def test_a_cursor_is_of_its_tenant_and_search_only(users: UserIndex) -> None:
    for tenant in ("a", "b"):
        users.write([entry(tenant, number, "Ana", "nurse") for number in range(1, 5)])
    asked, vector = Search("ana", "hybrid", 0.1, None), bag_of_words("ana").tolist()
    cursor = users.search("a", asked, vector, 2).next_cursor
    assert cursor

    others = [
        ("b", asked),
        ("a", asked._replace(query="Ana")),
        ("a", asked._replace(mode="words")),
        ("a", asked._replace(min_score=0.2)),
        ("a", asked._replace(topic="music")),
    ]
    for tenant, other in others:
        with pytest.raises(InvalidCursorError, match="not of this search"):
            users.search(tenant, other, vector, 2, cursor)


def test_whom_only_meaning_found_must_be_as_near_as_wanted_and_whom_words_found_need_not(
    users: UserIndex,
) -> None:
    users.write(
        [
            entry("a", 1, "Nadia", "plays chess in clubs of old towns and likes long walks at sea"),
            entry("a", 2, "Tom", "oboe"),
            entry("a", 3, "Ida", "of old towns at sea"),
        ]
    )
    query = "nadia of of of"  # of Nadia it has the name, of Ida the stop words alone, which is meaning here
    assert {hit.name for hit in search(users, "a", query)} == {"Nadia", "Ida", "Tom"}
    assert names(search(users, "a", query, min_score=0.3)) == ["Nadia", "Ida"]
    assert names(search(users, "a", query, min_score=0.99)) == ["Nadia"]
    assert names(search(users, "a", query, mode="meaning", min_score=0.99)) == []
    assert search(users, "a", "xyzzy plugh", min_score=0.3) == []


def test_of_a_query_that_the_model_does_not_know_only_who_has_a_word_of_it_is_found(users: UserIndex) -> None:
    users.write([entry("a", 1, "Ana", "oboe"), entry("a", 2, "Bo", "vexil blorp drung"), entry("b", 3, "Bo")])

    def found(query: str, **more: object) -> list[str]:
        return names(search(users, "a", query, understood=False, **more))

    assert found("zorpt blorptang vexil drungly", min_score=-1) == ["Bo"]
    assert found("zorpt blorptang", min_score=-1) == []
    assert sorted(found("zorpt blorptang")) == ["Ana", "Bo"]


def test_a_word_of_two_that_is_there_nearly_finds_nobody_who_is_far_in_meaning(users: UserIndex) -> None:
    users.write([entry("a", 1, "Ana", "likes to travel")])

    assert search(users, "a", "best price for gravel", min_score=0.9) == []
    assert names(search(users, "a", "gravel", min_score=0.9)) == ["Ana"]


def test_a_topic_leaves_out_everybody_else_in_every_mode(users: UserIndex) -> None:
    users.write(
        [
            entry("a", 1, "Ana", "oboe", topics=("music",)),
            entry("a", 2, "Ana", "oboe", topics=("sports",)),
            entry("a", 3, "Ana", "oboe"),
        ]
    )
    for mode in MODES:
        [hit] = search(users, "a", "ana oboe", mode=mode, topic="music")
        assert (hit.user_id, hit.topics) == (1, ["music"])


def test_a_full_name_is_found_among_thousands_who_share_half_of_it(users: UserIndex) -> None:
    """As large tenants are: whom all share the first name with is nearer in meaning than who is asked for."""
    for start in range(0, 3_000, 500):
        users.write([entry("a", number, "Ana", "") for number in range(start + 10, start + 510)])
    users.write([entry("a", 1, "Ana Quist", " ".join(f"word{n}" for n in range(40)))])
    users.write([entry("a", 2, "An Ana", "sails boats")])

    assert names(search(users, "a", "ana quist", 1)) == ["Ana Quist"]
    assert names(search(users, "a", "anna quist", 1)) == ["Ana Quist"]
    assert names(search(users, "a", "quist", 1)) == ["Ana Quist"]
    assert names(search(users, "a", "an ana", 1)) == ["An Ana"]


def test_a_mistyped_name_is_found_among_hundreds_who_have_the_other_one(users: UserIndex) -> None:
    users.write([entry("a", number, "Ana Silva", "will and may") for number in range(1, 400)])
    users.write([entry("a", 500, "Ana Kowalski", "plays the oboe")])

    assert names(search(users, "a", "ana kowalksi", 1)) == ["Ana Kowalski"]
    assert names(search(users, "a", "ana kowalksi oboe", 1)) == ["Ana Kowalski"]


def test_many_of_another_tenant_change_nothing_where_more_have_the_words_than_are_read(
    users: UserIndex,
) -> None:
    random = Random(7)
    users.write(
        [
            entry("a", number, "Ana", random.choice(["oboe", "oboe chess", "chess"]))
            for number in range(1, 500)
        ]
    )
    queries = [Search(query, mode) for query in ("oboe", "oboe chess", "oboes chess will") for mode in MODES]

    def answers() -> list[object]:
        return [users.search("a", each, bag_of_words(each.query).tolist(), 50) for each in queries]

    before = answers()
    users.write([entry("b", number, "Bo", "oboe chess") for number in range(1, 2_000)])
    assert answers() == before


def test_a_late_fact_is_as_near_as_its_piece(users: UserIndex) -> None:
    filler = "Organises shipments and negotiates with airlines about many things. " * 20
    profile = f"{filler}Breeds poison dart frogs."
    users.write([entry("a", 1, "Ilse", profile)])
    query = "breeds poison dart frogs"
    whole, *parts = (float(bag_of_words(text) @ bag_of_words(query)) for text in pieces("Ilse", profile))

    [hit] = search(users, "a", query, mode="meaning")

    assert hit.score == pytest.approx(max(parts), abs=1e-5)
    assert max(parts) > 1.5 * whole


@pytest.mark.parametrize(
    "query",
    [
        " ".join(f"abcdefghij{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(38)),
        "漢字" * 250,
        "a@b." * 125,
        "C++ " * 125,
        "\u0130" * 500,
    ],
)
def test_the_longest_query_is_answered_in_every_mode(users: UserIndex, query: str) -> None:
    users.write([entry("a", 1, "Ana", "oboe")])
    for mode in MODES:
        assert len(search(users, "a", query, 50, mode=mode)) <= 1
