"""A long profile is embedded in pieces too, a short one is not; and there are never many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors.text.pieces import pieces


@pytest.mark.parametrize("profile", ["", "Chef.", "Bakes bread. Sings. " * 19, "寿" * 400])
def test_given_a_short_profile_when_cut_then_it_is_the_one_text_that_it_always_was(profile: str) -> None:
    assert pieces("Ana", profile) == [f"Ana. {profile}".strip()]


SENTENCES = {
    "English": 'She said "no!" and left. ',
    "questions": "Who bakes bread at night? ",
    "Japanese": "東京で寿司職人をしています。",
    "Hindi": "वह हर सुबह तबला बजाता है। ",
    "Arabic": "هل يعتني بأشجار النخيل؟ ",
    "lines": "bakes bread for neighbours\n",
    "Armenian": "Նա հաց է թխում։ ",
}


@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=SENTENCES)
def test_given_sentences_of_any_script_when_cut_then_none_is_torn(sentence: str) -> None:
    whole, *cut = pieces("Ana", sentence * (1_500 // len(sentence)))
    assert whole == f"Ana. {sentence * (1_500 // len(sentence))}".strip()
    assert len(cut) > 9
    for piece in cut:
        assert piece.startswith("Ana. ")
        body = piece.removeprefix("Ana. ")
        assert body == (sentence * (len(body) // len(sentence) + 1))[: len(body)].strip()
        assert body.startswith(sentence.strip())
        assert body.endswith(sentence.strip())
        assert len(body) <= 150


def test_given_a_sentence_without_end_when_cut_then_no_word_is_torn() -> None:
    words = [f"word{number}" for number in range(250)]
    _, *cut = pieces("Ana", " ".join(words))
    assert [word for piece in cut for word in piece.removeprefix("Ana. ").split()] == words


def test_given_a_text_without_blanks_when_cut_then_at_any_character_and_nothing_is_lost() -> None:
    text = "".join(chr(0x4E00 + number) for number in range(1_000))
    _, *cut = pieces("花", text)
    assert "".join(piece.removeprefix("花. ") for piece in cut) == text
    assert max(map(len, cut)) <= 150 + len("花. ")


@given(
    st.lists(
        st.sampled_from(["a", " ", ". ", "。", "\n", "word ", "! ", "x" * 310, "é"]), max_size=1_500
    ).map("".join)
)
def test_given_any_profile_when_cut_then_all_of_it_is_there_and_the_pieces_are_few(profile: str) -> None:
    whole, *cut = pieces("Ana", profile)
    assert whole == f"Ana. {profile}".strip()
    assert len(cut) <= 28
    assert sum(map(len, cut)) <= len(profile[:2_000]) + len("Ana. ") * len(cut)
    if cut:
        assert "".join("".join(piece.removeprefix("Ana. ").split()) for piece in cut) == "".join(
            profile[:2_000].split()
        )


def test_given_a_profile_that_the_api_would_not_take_when_cut_then_its_pieces_are_bounded() -> None:
    whole, *cut = pieces("Ana", "Bakes bread. " * 100_000)
    assert len(whole) > 1_000_000  # the embedder cuts it
    assert len(cut) <= 28
    assert sum(map(len, cut)) <= 2_100
