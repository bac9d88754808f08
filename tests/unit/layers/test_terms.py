"""People are found by their own words, however these are written."""

import unicodedata
from hashlib import blake2b
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import collection
from vectors.ranking import bonus, enough
from vectors.text.folding import fold
from vectors.text.stop_words import EVERYDAY_WORDS, STOP_WORDS
from vectors.text.terms import terms_of, words_of


def terms(name: str = "", email: str = "", profile: str = "") -> frozenset[str]:
    return frozenset(terms_of(name, email, profile).all())


def covers(query: str, has: frozenset[str]) -> float:
    """Return how much of a query somebody has: 1 for every word of it."""
    return round(bonus(words_of(query), has, weight=1), 5)


# What people type for a name; the first is how it is stored.
NAMES = [
    ["Magdalena Zieliński", "zielinski", "MAGDALENA ZIELIŃSKI", "Zielin\u0301ski", "Zieliński, Magdalena"],
    ["Seán O'Connor", "oconnor", "o'connor", "O’Connor", "O´Connor", "o connor", "sean oconnor", "Connor"],
    ["Sean OConnor", "o'connor", "O Connor"],
    ["Anne-Marie Dubois", "anne marie", "annemarie", "Anne–Marie", "anne\u00admarie", "ANNE‐MARIE DUBOIS"],
    ["Annemarie Dubois", "anne-marie", "anne marie dubois"],
    ["Anne Marie Dubois", "annemarie", "anne-marie"],
    ["Jürgen Müller", "muller", "Mueller", "Müller", "mu\u0308ller", "juergen mueller", "JÜRGEN"],
    ["Juergen Mueller", "Jürgen Müller", "mueller"],
    ["María José de la Cruz", "maria jose", "delacruz", "de la cruz", "maría de la cruz"],
    ["Łukasz Wójcik", "lukasz wojcik", "ŁUKASZ"],
    ["Søren Ægidius Jørgensen", "soren jorgensen", "soeren joergensen", "aegidius", "Sören"],
    ["Günther Weiß", "weiss", "WEISS", "Weiẞ", "gunther"],
    ["Þóra Guðmundsdóttir", "thora gudmundsdottir", "Thora"],
    ["Đorđe Đukić", "dorde dukic"],
    ["İpek Işık", "ipek isik", "IPEK IŞIK"],
    ["Tomás Ó Súilleabháin", "suilleabhain", "o suilleabhain", "Tomás O'Suilleabhain"],
    ["Владимир Семёнов", "владимир", "семенов", "ВЛАДИМИР СЕМЁНОВ"],
    ["Γιώργος Παπαδόπουλος", "γιωργος", "ΠΑΠΑΔΟΠΟΥΛΟΣ", "παπαδοπουλος"],
    ["חיים כהן", "חיים", "כהן חיים", "חַיִּים"],
    ["مُحَمَّد العلي", "محمد", "العلي", "محمـد"],
    ["علی کریمی", "علي", "كريمي"],
    ["नरेन्द्र शर्मा", "नरेन्द्र", "शर्मा"],
    ["山田 太郎", "山田", "太郎", "山田太郎", "太郎 山田", "山", "山田 太郎"],
    ["山田太郎", "山田 太郎", "田"],
    ["やまだ さくら", "ヤマダ", "ﾔﾏﾀﾞ", "さくら", "やまださくら"],
    ["김민수", "민수", "김 민수", unicodedata.normalize("NFD", "김민수")],
    ["สมชาย ใจดี", "สมชาย", "ใจดี"],
    ["Will May", "will", "may", "Will May", "may will"],
    ["An Nguyen", "an", "an nguyen", "Nguyễn"],
    ["Xi Li", "xi", "li"],
    ["D’Arcy", "darcy", "d'arcy"],
    ["Jean-Luc van den Berg", "vandenberg", "jean luc", "van den Berg", "berg"],
]


@pytest.mark.parametrize(
    ("name", "query"), [(name, query) for name, *typed in NAMES for query in [name, *typed]]
)
def test_given_a_name_when_written_as_people_write_it_then_every_word_of_it_is_found(
    name: str, query: str
) -> None:
    assert covers(query, terms(name)) >= 1


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("Pavel Kowalski", "kow"),
        ("Pavel Kowalski", "p kowalski"),
        ("Priya Raghunathan", "raghu"),
        ("Seán O'Connor", "oconn"),
        ("Владимир Петров", "влад"),
        ("Pavel Kowalski", "Kowalsky"),
        ("Pavel Kowalski", "Kowlski"),
        ("Pavel Kowalski", "Kowallski"),
        ("Pavel Kowalski", "Kowaslki"),
        ("Shelby Leonard", "chelby"),
        ("Владимир Петров", "Петорв"),
        ("Γιώργος Παπαδόπουλος", "Παπαδοπουλοζ"),
        ("חיים רבינוביץ", "רבינובץ"),
        ("Anna Ray", "Annna"),
        ("Karen O'Sullivan", "osulivan"),
    ],
)
def test_given_a_part_of_a_name_or_a_typo_when_asked_for_then_it_is_near_and_less_than_the_whole(
    name: str, query: str
) -> None:
    assert enough(words_of(query), terms(name))
    assert covers(query, terms(name)) < 1


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("Kate Bly", "Kite"),  # of four letters each is another name
        ("Pavel Kowalski", "Kovalsky"),  # two letters wrong
        ("Pavel Kowalski", "walski"),
        ("Anna Smith", "ann marie smythe lee"),
        ("Room 12345", "12346"),  # a number is that number
        ("山田 太郎", "田山"),
    ],
)
def test_given_something_else_when_asked_for_then_it_is_not_found_by_words(name: str, query: str) -> None:
    assert not enough(words_of(query), terms(name))


PROFILES = [
    ["Writes C++ and C# for radar", "C++", "c#", "c++ radar"],
    ["Services on .NET and node.js", ".NET", ".net", "dotnet", "node.js", "nodejs", "node js", "Node.JS"],
    ["PostgreSQL 16, tuning", "PostgreSQL 16", "postgresql", "postgresql16", "16"],
    ["Stocks RX-7800 and AB-123/45", "RX-7800", "rx7800", "RX 7800", "AB-123/45", "ab12345", "AB 123 45"],
    ["Stocks the RX 7800", "rx7800", "RX-7800"],
    ["ISO 9001 audits; 4.5% beer", "iso9001", "ISO-9001", "4.5%"],
    ["R&D lead at AT&T", "R&D", "at&t", "r & d"],
    ["snake_case fan", "snake case", "snake_case", "snakecase"],
    ["Kinderärztin in Köln", "kinderarztin", "Koeln", "köln"],
    ["Cœlacanthe, œnologue", "coelacanthe", "oenologue", "Cœlacanthe"],
    ["東京で寿司職人をしています", "寿司", "寿司職人", "東京", "寿"],
    ["Астроном, изучает двойные звёзды", "звезды", "ЗВЁЗДЫ", "астроном"],
    ["תזונאית קלינית", "תזונאית"],
    ["तबला वादक", "तबला"],
    ["개발자입니다", "개발자"],
    ["①②③ and ﬁne ½ print", "123", "fine"],
]


@pytest.mark.parametrize(
    ("profile", "query"), [(profile, query) for profile, *typed in PROFILES for query in typed]
)
def test_given_a_profile_when_a_rare_term_is_typed_then_it_is_found(profile: str, query: str) -> None:
    assert covers(query, terms(profile=profile)) >= 1


@pytest.mark.parametrize(
    ("query", "exact"),
    [
        ("g.moreau@mail.northwind.example", True),
        (" <G.Moreau@Mail.Northwind.Example>,", True),
        ("mailto:g.moreau@mail.northwind.example", True),
        ("g.moreau@mail", True),
        ("g.moreau@mail.northwind", True),
        ("g.moreau@", True),
        ("@mail.northwind.example", True),
        ("g.moreau", True),
        ("moreau", True),
        ("gmoreau", True),
        ("mail.northwind.example", True),
        ("northwind.example", True),
        ("northwind", True),
        ("g.morea@mail.northwind.example", False),
        ("g.moreau@elsewhere.example", False),
        ("g.mor", False),
    ],
)
def test_given_an_address_when_it_or_a_part_is_typed_then_it_is_found(query: str, exact: bool) -> None:
    has = terms(email="G.Moreau@mail.northwind.example")
    assert enough(words_of(query), has)
    assert (covers(query, has) >= 1) is exact


def test_given_a_whole_address_when_typed_then_colleagues_of_its_domain_are_not_found_by_it() -> None:
    assert not enough(words_of("gus@northwind.example"), terms(email="ana@northwind.example"))


def test_given_stop_words_beside_others_when_asked_for_then_only_the_others_count() -> None:
    assert covers("who knows about the tide gauges", terms(profile="Installs tide gauges")) == 1
    assert covers("the nurse called Ana", terms("Ana", profile="nurse")) == 1


def test_given_nothing_but_stop_words_when_asked_for_then_they_count() -> None:
    assert len(words_of("who is it").counted) == 3


def test_given_a_name_that_is_a_stop_word_when_asked_for_with_others_then_its_owner_comes_first() -> None:
    for own, other, query in [
        ("An Nguyen", "Linh Nguyen", "an nguyen"),
        ("Will Smith", "Jo Smith", "will smith"),
        ("May Lee", "Ray Lee", "who is May Lee"),
    ]:
        assert covers(query, terms(own)) > covers(query, terms(other, profile=query))


@pytest.mark.parametrize("word", sorted(STOP_WORDS))
def test_given_any_stop_word_as_a_name_when_asked_for_then_it_is_found(word: str) -> None:
    assert covers(word, terms(f"{word} Baker")) >= 1
    assert covers(f"{word} baker", terms(f"{word} Baker")) > covers(f"{word} baker", terms("Zoe Baker"))


@given(st.text(max_size=300))
def test_given_any_text_when_folded_then_it_stays_as_it_is_and_no_form_matters(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert fold(unicodedata.normalize(form, text)) == folded


LETTERS = st.sampled_from(
    "abcdefghijklmnopqrstuvwxyzABZÅÄÖÜåäöüéèñçßøæœłđþğışžčřńŚ'’-‐абвгдйёжюяαβγδςώΊאבגדהابتثجحيىةأ"
    "कखगनरेन्山田太郎花やまだサクラ김민수ไทย\u0301\u00ad"
)
WORD = st.text(LETTERS, min_size=1, max_size=20).filter(lambda word: any(map(str.isalnum, word)))


@given(
    words=st.lists(WORD, min_size=1, max_size=4), form=st.sampled_from(["NFC", "NFD", "NFKC"]), data=st.data()
)
def test_given_anybody_when_asked_for_by_a_word_of_the_name_then_found_in_any_case_order_and_form(
    words: list[str], form: str, data: st.DataObject
) -> None:
    has = terms(" ".join(words))
    order = data.draw(st.sampled_from(list(permutations(words))))
    write = data.draw(st.sampled_from([str.upper, str.lower, str.title, str]))
    for query in [*words, " ".join(words), " ".join(order)]:
        typed = unicodedata.normalize(form, write(query))  # type: ignore[operator]
        asked = words_of(typed)
        assert not asked.counted or enough(asked, has)


@given(st.text(max_size=2_500), st.text(max_size=250), st.text(max_size=300))
def test_given_any_person_when_indexed_then_terms_have_no_blanks_and_are_bounded(
    profile: str, name: str, email: str
) -> None:
    made = terms_of(name, email, profile).all()
    assert len(made) == len(set(made)) <= 4_000
    assert all(term and len(term.split()) == 1 and term == term.strip() for term in made)


ADVERSARIAL = [
    " ".join(chr(97 + n % 26) * (n % 30 + 1) for n in range(2_000)),
    " ".join(f"{n:x}ghijklmnop" for n in range(2_000)),
    "".join(chr(0x4E00 + n % 20_000) for n in range(6_000)),
    "x" * 1_000_000,
    "a-" * 3_000,
    "a'b" * 3_000,
    "ﷺ" * 2_000,
    "a@b." * 1_500,
    "@" * 5_000,
    "\U0001f469\u200d\U0001f373" * 1_000,
    "e\u0301" * 3_000,
    "क्" * 3_000,
    ".net" * 1_000,
    "+#" * 2_000,
]


@pytest.mark.parametrize("text", ADVERSARIAL)
def test_given_the_longest_texts_when_indexed_or_asked_for_then_the_terms_are_bounded(text: str) -> None:
    made = terms_of(text[:200], text[:254], text)
    assert len(made.all()) <= 4_000
    assert sum(map(len, made.all())) <= 100_000
    asked = words_of(text[:500])
    assert len(asked.counted) <= 16
    assert len(asked.names) <= 16
    assert sum(len(term) for word in asked.counted for term in (*word.exact, *word.near)) <= 30_000


def test_given_people_when_indexed_then_their_terms_are_those_of_the_collections_layout() -> None:
    """Other terms than those stored find nobody: with new ones, number the layout anew."""
    made = [
        terms_of(name, f"{query}@{name}.example", query).all() for name, *typed in NAMES for query in typed
    ]
    made += [terms_of("A", "a@x.dev", profile).all() for profile, *_ in PROFILES]
    digest = blake2b("\n".join(" ".join(sorted(each)) for each in made).encode(), digest_size=6).hexdigest()
    assert (collection._LAYOUT, digest) == (2, "9cef27afba44")


def test_an_everyday_word_counts_for_less_than_what_is_asked_for() -> None:
    asked = words_of("who can help with taxes")
    helper, adviser = terms(profile="Drives whoever needs help"), terms(profile="Taxes of small shops")
    assert 0 < bonus(asked, helper, weight=1) < bonus(asked, adviser, weight=1)
    assert not enough(asked, helper)
    assert enough(asked, adviser)


@pytest.mark.parametrize("name", ["Marcus Young", "Mary Price", "Grace Help", "Neu Viktor"])
def test_a_name_that_is_an_everyday_word_is_found_whole_and_before_another(name: str) -> None:
    first, last = name.split()
    assert covers(name, terms(name)) == covers(last, terms(name)) == covers(first, terms(name)) == 1
    assert covers(name, terms(f"{first} Somebody")) < 1 > covers(name, terms(f"Somebody {last}"))


def test_everyday_words_alone_are_words_like_others() -> None:
    assert covers("new hours", terms(profile="New hours since May")) == 1


def test_no_word_is_both_an_everyday_and_a_stop_word() -> None:
    assert not EVERYDAY_WORDS & STOP_WORDS
