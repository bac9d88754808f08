"""The verdict sees whatever may go wrong: otherwise the faults would prove nothing."""

import pytest

from tests.faults.load import Answer
from tests.faults.verdict import Tenant, Users, judge

ANN, BOB, EVE = (1, "ann@x.dev"), (2, "bob@x.dev"), (3, "eve@x.dev")


def answer(status: int, user_id: int | None, email: str) -> Answer:
    return Answer("t", email, status, started=0.0, seconds=0.1, user_id=user_id, problem=False)


ANSWERS = [answer(201, *ANN), answer(201, *BOB), answer(502, None, EVE[1])]


@pytest.mark.parametrize("there", [[ANN, BOB], [EVE, ANN, BOB]])
def test_who_got_201_is_there_and_who_got_an_error_may_be(there: Users) -> None:
    verdict = judge(ANSWERS, [Tenant("t", there, there)])

    assert verdict.wrong == {}
    assert (verdict.created, verdict.found) == (2, len(there))
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
        ([ANN, BOB, (9, ANN[1])], [ANN, BOB, (9, ANN[1])], {"twice": 1}),
        ([ANN, BOB, (9, "who@x.dev")], [ANN, BOB, (9, "who@x.dev")], {"strangers": 1}),
    ],
)
def test_everything_else_is_wrong(listed: Users, found: Users, wrong: dict[str, int]) -> None:
    assert judge(ANSWERS, [Tenant("t", listed, found)]).wrong == wrong


def test_a_user_of_one_tenant_in_another_is_a_stranger_there() -> None:
    tenants = [Tenant("t", [ANN, BOB], [ANN, BOB]), Tenant("u", [ANN], [ANN])]

    assert judge(ANSWERS, tenants).wrong == {"strangers": 1}
