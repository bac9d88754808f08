"""A user: what is accepted, and the id that it gets."""

from collections.abc import Iterator
from random import SystemRandom
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from users.model import NewUser, User, new_users, unique_email
from users.settings import AddressSettings

EPOCH_2024_MS = 1_704_067_200_000
LABEL = r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?"
addresses = st.from_regex(
    rf"[A-Za-z0-9_+'-]{{1,20}}(\.[A-Za-z0-9_+'-]{{1,20}})?@{LABEL}\.dev", fullmatch=True
)


def make(email: str = "alice@tenant-a.dev", name: str = "Alice", **more: Any) -> NewUser:
    return NewUser.model_validate({"email": email, "name": name, **more})


def made_at(milliseconds: int, bits: int) -> User:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("users.model.time", SimpleNamespace(time_ns=lambda: milliseconds * 1_000_000))
        patch.setattr(SystemRandom, "sample", lambda _, population, count: [population[bits]])
        [user] = new_users("tenant-a", [make()])
    return user


@given(address=addresses.filter(lambda address: "xn--" not in address and "--" not in address))
def test_given_an_address_when_a_user_is_made_then_it_is_kept_as_written(address: str) -> None:
    assert make(email=address).email == address


@given(text=st.text(st.characters(exclude_characters="@"), max_size=300))
def test_given_a_text_without_at_when_a_user_is_made_then_it_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        make(email=text)


@pytest.mark.parametrize(
    "address",
    [
        "@tenant-a.dev",
        "alice@",
        "alice@localhost",
        "alice@@tenant-a.dev",
        "Alice <alice@tenant-a.dev>",
        " alice@tenant-a.dev",
        "alice@tenant-a.dev\n",
        "alice@tenant-a..dev",
        "alice@[127.0.0.1]",
    ],
)
def test_given_what_is_no_address_when_a_user_is_made_then_it_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        make(email=address)


def test_given_addresses_around_254_characters_when_a_user_is_made_then_254_is_the_limit() -> None:
    domain = ".".join(["d" * 60] * 3) + ".dev"
    local = "a" * (254 - len(domain) - 1 - 4)
    assert len(make(email=f"{local}@{'d' * 3}.{domain}").email) == 254
    with pytest.raises(ValidationError):
        make(email=f"{local}@{'d' * 4}.{domain}")


@pytest.mark.parametrize(("field", "limit"), [("name", 200), ("profile", 2000)])
def test_given_a_text_at_its_limit_when_a_user_is_made_then_one_more_is_refused(
    field: str, limit: int
) -> None:
    assert make(**{field: "ë" * limit})
    with pytest.raises(ValidationError):
        make(**{field: "ë" * (limit + 1)})


@pytest.mark.parametrize("name", ["", " ", "\t\n"])
def test_given_a_blank_name_when_a_user_is_made_then_it_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        make(name=name)


def test_given_spaces_around_a_name_when_a_user_is_made_then_they_are_gone() -> None:
    assert make(name="  Alice Chen ").name == "Alice Chen"


@pytest.mark.parametrize(
    "name",
    ["\u200b", "\u200b\u200d ", "\ufeff", "\u202e", "\u0301", "\ufe0f", "\u2060\u00ad", "\ue000"],
)
def test_given_a_name_that_cannot_be_seen_when_a_user_is_made_then_it_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="A name needs a character that can be seen"):
        make(name=name)


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x7f", "\x85", "\x9b"])
def test_given_a_control_character_when_a_user_is_made_then_it_is_refused(character: str) -> None:
    with pytest.raises(ValidationError, match="A name cannot have control characters"):
        make(name=f"Al{character}ice")
    with pytest.raises(ValidationError, match="A profile cannot have control characters"):
        make(profile=f"bakes{character}bread")


@pytest.mark.parametrize("name", ["Al\tice", "Al\nice", "Al\rice"])
def test_given_a_name_of_several_lines_when_a_user_is_made_then_it_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="A name cannot have control characters"):
        make(name=name)


def test_given_a_profile_of_several_lines_when_a_user_is_made_then_it_is_kept() -> None:
    profile = "Bakes:\r\n\t- bread\n\t- cake\u2028\u200b"
    assert make(profile=profile).profile == profile


@pytest.mark.parametrize(
    "name",
    [
        "O'Brien",
        "D’Arcy",
        "Jean-Luc",
        "Martin Luther King, Jr.",
        "Nguyễn Thị Minh Khai",
        "e\u0301milie",
        "李",
        "しげる",
        "김철수",
        "محمد\u200fعلي",
        "علی\u200cرضا",
        "प्रिया",
        "สมชาย",
        "ᠪᠠᠲᠤ",
        "X Æ A-12",
        "P!nk",
        "2814",
        "¥$",
        "🦊",
        "👩‍🍳",
        "\U00010d4a",  # Garay, younger than the Unicode of Python 3.11
        "Al\u200bice",
    ],
)
def test_given_a_name_that_somebody_has_when_a_user_is_made_then_it_is_kept(name: str) -> None:
    assert make(name=name).name == name


@pytest.fixture
def special_use(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ALLOW_SPECIAL_USE_EMAIL_DOMAINS", "true")
    AddressSettings.read.cache_clear()
    yield
    monkeypatch.undo()
    AddressSettings.read.cache_clear()


SPECIAL = [
    "ada@corp.local",
    "ada@CORP.Local",
    "ada@mail.localhost",
    "ada@x.home.arpa",
    "ada@x.onion",
    "ada@x.invalid",
]


@pytest.mark.parametrize("address", SPECIAL)
def test_given_a_special_use_domain_when_a_user_is_made_then_it_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="special-use domain"):
        make(email=address)


@pytest.mark.parametrize("address", SPECIAL)
def test_given_special_use_domains_are_allowed_when_a_user_is_made_then_the_address_is_kept(
    special_use: None, address: str
) -> None:
    assert make(email=address).email == address


@pytest.mark.parametrize(
    "address", ["ada@localhost", "ada@local", "ada@.local", "ada@corp..local", "@corp.local"]
)
def test_given_special_use_domains_are_allowed_when_the_address_is_none_then_it_is_refused(
    special_use: None, address: str
) -> None:
    with pytest.raises(ValidationError):
        make(email=address)


@pytest.mark.parametrize("address", ["ada@x.test", "ada@example.com", "ada@local.dev", "ada@thelocal.se"])
def test_given_a_domain_that_only_looks_special_when_a_user_is_made_then_it_is_kept(address: str) -> None:
    assert make(email=address).email == address


def test_given_two_spellings_of_a_special_use_address_when_compared_then_no_setting_matters() -> None:
    assert unique_email("Ada@Corp.Local") == unique_email("ada@corp.local") == "ada@corp.local"


def test_given_an_unknown_field_when_a_user_is_made_then_it_is_refused() -> None:
    with pytest.raises(ValidationError, match="tenantId"):
        make(tenantId="tenant-b")


@given(first=st.integers(EPOCH_2024_MS + 1, EPOCH_2024_MS + 2**41 - 2), bits=st.integers(0, 2**12 - 1))
def test_given_a_later_millisecond_when_a_user_is_made_then_its_id_is_greater(first: int, bits: int) -> None:
    earlier, later = made_at(first, bits), made_at(first + 1, 0)
    assert 0 < earlier.id < later.id < 2**53


def test_given_the_same_millisecond_when_users_are_made_then_random_bits_tell_them_apart() -> None:
    assert made_at(EPOCH_2024_MS + 1, 1).id != made_at(EPOCH_2024_MS + 1, 2).id


def test_given_a_time_when_a_user_is_made_then_it_was_created_then() -> None:
    user = made_at(1_763_800_000_015, 0)
    assert user.model_dump(mode="json", by_alias=True)["createdAt"] == "2025-11-22T08:26:40.015000Z"
