"""The verdict sees whatever may go wrong: otherwise the faults would prove nothing."""

from collections.abc import Sequence

import pytest

from tests.faults.load import Action, Answer
from tests.faults.verdict import Seen, Tenant, judge

Users = Sequence[Seen]

ANN, BOB, EVE = Seen(1, "ann@x.dev", "knits"), Seen(2, "bob@x.dev", "sails"), Seen(3, "eve@x.dev", "paints")
OLD_ANN = ANN._replace(profile="knitted once")
GUS = Seen(4, "gus@x.dev", "is erased")


def answer(action: Action, status: int, user: Seen, *, known: bool = True) -> Answer:
    user_id = user.id if known else None
    return Answer(
        *(action, "t", user.email, user.profile, status),
        started=0.0,
        seconds=0.1,
        user_id=user_id,
        problem=False,
    )


ANSWERS = [
    answer("create", 201, OLD_ANN),
    answer("create", 201, BOB),
    answer("create", 502, EVE, known=False),
    answer("create", 201, GUS),
    answer("update", 200, ANN),
    answer("delete", 204, GUS),
]


@pytest.mark.parametrize("there", [[ANN, BOB], [EVE, ANN, BOB]])
def test_who_got_201_is_there_and_who_got_an_error_may_be(there: Users) -> None:
    verdict = judge(ANSWERS, [Tenant("t", there, there)])

    assert verdict.wrong == {}
    assert (verdict.created, verdict.updated, verdict.erased) == (3, 1, 1)
    assert verdict.found == len(there)
    assert verdict.stored_though_error == len(there) - 2
    assert (verdict.errors, verdict.unproblematic) == ({502: 1}, 1)


@pytest.mark.parametrize(
    ("listed", "found", "wrong"),
    [
        ([ANN], [ANN], {"lost": 1}),
        ([ANN, BOB], [ANN], {"lost": 1, "unsearchable": 1}),
        ([ANN], [ANN, BOB], {"lost": 1, "unlisted": 1}),
        ([ANN, BOB, EVE], [ANN, BOB], {"unsearchable": 1}),
        ([ANN, BOB], [ANN, BOB, BOB], {"twice": 1}),
        ([ANN, BOB, ANN._replace(id=9)], [ANN, BOB, ANN._replace(id=9)], {"twice": 1}),
        ([ANN, BOB, Seen(9, "who@x.dev", "")], [ANN, BOB, Seen(9, "who@x.dev", "")], {"strangers": 1}),
        ([OLD_ANN, BOB], [OLD_ANN, BOB], {"lost": 1}),
        ([ANN, BOB], [OLD_ANN, BOB], {"stale": 1}),
        ([ANN, BOB, GUS], [ANN, BOB], {"returned": 1, "unsearchable": 1}),
        ([ANN, BOB], [ANN, BOB, GUS], {"returned": 1, "unlisted": 1}),
        ([ANN, BOB, GUS], [ANN, BOB, GUS], {"returned": 1}),
    ],
)
def test_everything_else_is_wrong(listed: Users, found: Users, wrong: dict[str, int]) -> None:
    assert judge(ANSWERS, [Tenant("t", listed, found)]).wrong == wrong


def test_who_was_erased_and_can_be_got_has_returned() -> None:
    there = [ANN, BOB]
    assert judge(ANSWERS, [Tenant("t", there, there, got=[GUS.id])]).wrong == {"returned": 1}


@pytest.mark.parametrize("there", [[ANN, BOB], [OLD_ANN, BOB]])
def test_after_an_update_that_failed_either_text_is_right(there: Users) -> None:
    answers = [answer("create", 201, OLD_ANN), answer("create", 201, BOB), answer("update", 503, ANN)]
    assert judge(answers, [Tenant("t", there, there)]).wrong == {}


@pytest.mark.parametrize("there", [[ANN, BOB], [ANN]])
def test_after_a_delete_that_failed_the_user_is_there_or_not(there: Users) -> None:
    answers = [answer("create", 201, ANN), answer("create", 201, BOB), answer("delete", 0, BOB)]
    assert judge(answers, [Tenant("t", there, there)]).wrong == {}


def test_a_user_of_one_tenant_in_another_is_a_stranger_there() -> None:
    tenants = [Tenant("t", [ANN, BOB], [ANN, BOB]), Tenant("u", [ANN], [ANN])]

    assert judge(ANSWERS, tenants).wrong == {"strangers": 1}
