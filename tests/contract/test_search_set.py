"""The labelled sets of the search benchmark are whole, and hold only people whom the API would take."""

import unicodedata
from collections import Counter, defaultdict

import pytest
from users.model import NewUser, unique_email

from tests.bench.search.labelled import NONSENSE, SETS, Which, floors, people, queries

PEOPLE = {person.id: person for person in people()}
QUERIES = queries()
KINDS = {
    "sentence",
    "question",
    "full_name",
    "name_part",
    "address",
    "address_part",
    "rare_term",
    "late_fact",
    "typo",
    "name_and_meaning",
    "same_language",
    "other_language",
    NONSENSE,
}
SCRIPTS = {
    "LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "HANGUL", "CJK", "HIRAGANA", "KATAKANA"
}  # fmt: skip


def test_there_are_enough_people_each_with_an_id_and_an_address_of_its_own() -> None:
    assert len(people()) == len(PEOPLE) >= 300
    assert len({unique_email(person.email) for person in PEOPLE.values()}) == len(PEOPLE)


@pytest.mark.parametrize("which", SETS)
def test_the_api_takes_everybody_as_written(which: Which) -> None:
    for person in people(which):
        new = NewUser(email=person.email, name=person.name, profile=person.profile)
        assert (new.email, new.name, new.profile) == (person.email, person.name, person.profile)
        assert person.email.endswith(".example")


def test_there_are_many_scripts_and_profiles_of_all_lengths() -> None:
    letters = {
        letter for person in PEOPLE.values() for letter in person.name + person.profile if letter.isalpha()
    }
    assert {unicodedata.name(letter).split()[0] for letter in letters} >= SCRIPTS
    assert sum(len(person.profile) > 900 for person in PEOPLE.values()) >= 40
    assert sum(len(person.profile) < 100 for person in PEOPLE.values()) >= 100


def test_each_class_has_enough_queries_in_both_halves() -> None:
    counts = Counter((query.kind, query.half) for query in QUERIES)
    assert {kind for kind, _ in counts} == KINDS
    assert min(counts.values()) >= 10
    assert len(counts) == 2 * len(KINDS)


@pytest.mark.parametrize("which", SETS)
def test_no_query_is_there_twice_and_the_api_takes_its_length(which: Which) -> None:
    asked = queries(which)
    assert len({query.id for query in asked}) == len({query.query for query in asked}) == len(asked)
    assert all(1 <= len(query.query) <= 500 for query in asked)


@pytest.mark.parametrize("which", SETS)
def test_right_answers_are_people_of_the_set_and_nonsense_has_none(which: Which) -> None:
    there = {person.id for person in people(which)}
    for query in queries(which):
        assert query.right <= there
        assert bool(query.right) == (query.kind != NONSENSE), query.id


def test_all_who_have_the_address_or_the_domain_are_right() -> None:
    by_address = defaultdict(set)
    for person in PEOPLE.values():
        local, domain = person.email.split("@")
        for part in (person.email, local, domain, f"@{domain}"):
            by_address[part].add(person.id)
    asked = [query for query in QUERIES if query.kind in ("address", "address_part")]
    known = [query for query in asked if query.query.casefold() in by_address]
    assert len(known) >= 30
    for query in known:
        assert query.right == by_address[query.query.casefold()], query.id


def test_no_value_is_chosen_by_the_unseen_set() -> None:
    assert {query.half for query in queries("unseen")} == {"held_out"}
    assert not {query.query for query in queries("unseen")} & {
        query.query for query in QUERIES if query.half == "tune"
    }


@pytest.mark.parametrize("which", SETS)
def test_there_is_a_floor_for_each_class_in_each_mode(which: Which) -> None:
    kinds = {query.kind for query in queries(which)}
    for model, by_mode in floors(which).items():
        assert by_mode.keys() == {"hybrid", "meaning", "words"}, model
        for by_class in by_mode.values():
            assert by_class.keys() == kinds
