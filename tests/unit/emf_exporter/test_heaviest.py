"""Who comes most often has a label of its own, however many come."""

from collections import Counter

from emf_exporter.heaviest import OTHER, Heaviest
from hypothesis import given
from hypothesis import strategies as st


def test_given_more_names_than_labels_when_counted_then_the_rest_is_other() -> None:
    heaviest = Heaviest(2)
    assert [heaviest.label(name)[0] for name in "abcab"] == ["a", "b", OTHER, "a", "b"]


def test_given_a_name_that_comes_twice_as_often_as_the_least_when_counted_then_it_takes_its_label() -> None:
    heaviest = Heaviest(2)
    heaviest.label("a", 10)
    heaviest.label("b", 5)
    assert heaviest.label("c", 9) == (OTHER, None)
    assert heaviest.label("c") == ("c", "b")
    assert heaviest.label("b") == (OTHER, None)


def test_given_names_without_end_when_counted_then_they_are_not_all_kept() -> None:
    heaviest = Heaviest(2)
    heaviest.label("busy", 1000)
    for number in range(1000):
        heaviest.label(str(number))
    assert len(heaviest._tally) <= 100
    assert heaviest.label("busy") == ("busy", None)


@given(st.lists(st.sampled_from("abcdefgh"), max_size=200))
def test_given_any_order_when_counted_then_labels_are_bounded_and_nobody_is_left_far_behind(
    names: list[str],
) -> None:
    heaviest = Heaviest(3)
    own: set[str] = set()
    for name in names:
        label, dropped = heaviest.label(name)
        if dropped is not None:
            own.remove(dropped)
        if label != OTHER:
            own.add(label)
        assert len(own) <= 3
    counts = Counter(names)
    left_out = [count for name, count in counts.items() if name not in own]
    assert not left_out or max(left_out) < 2 * min(counts[name] for name in own)
