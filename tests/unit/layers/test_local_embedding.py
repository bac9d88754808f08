"""The model is loaded once, on first use, from the layer's own folder."""

import sys
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mesh import paths
from vectors.embedding.local import slices

from tests import sam
from tests.unit.fakes import DIMENSION, FakeModel


@pytest.fixture
def embedder(fresh_layers: None, model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> Any:
    for variable, value in sam.environment("enrich").items():
        monkeypatch.setenv(variable, value)
    return import_module("vectors.embedding.local")


def test_given_no_text_yet_when_imported_then_no_model_is_loaded(embedder: Any, model: FakeModel) -> None:
    assert model.loaded == []


def test_given_texts_when_embedded_then_each_is_a_list_of_floats_in_their_order(embedder: Any) -> None:
    vectors = embedder.embed(["chef", "pilot", "chef"])
    assert [len(vector) for vector in vectors] == [DIMENSION] * 3
    assert vectors[0] == vectors[2] != vectors[1]
    assert {type(number) for vector in vectors for number in vector} == {float}


def test_given_two_calls_when_embedded_then_the_model_of_the_template_is_loaded_once(
    embedder: Any, model: FakeModel
) -> None:
    embedder.embed(["chef"])
    embedder.embed(["pilot"])
    folder = str(paths.ROOT / "layers" / "vectors" / "models" / "all-MiniLM-L6-v2")
    options = {"specific_model_path": folder, "threads": 1}
    assert model.loaded == [("sentence-transformers/all-MiniLM-L6-v2", options)]


def test_given_a_model_of_the_layer_when_embedded_then_no_provider_is_even_imported(embedder: Any) -> None:
    import_module("vectors.embedding").embed_query("chef")
    assert not [name for name in sys.modules if name.startswith("vectors.embedding.openai")]


@pytest.mark.parametrize(
    ("text", "pieces", "known"),
    [
        ("who bakes bread?", 3, True),
        ("seamstress", 3, True),
        ("blorptang vexil", 7, False),
        ("тпрувыф", 7, False),
    ],
)
def test_given_a_text_when_it_is_spelled_then_the_model_does_not_know_its_words(
    embedder: Any, model: FakeModel, monkeypatch: pytest.MonkeyPatch, text: str, pieces: int, known: bool
) -> None:
    monkeypatch.setattr(model, "token_count", lambda _: pieces + 2)  # the beginning and the end
    assert embedder.understands(text) is known


LONGEST = 512  # tokens that the model reads


@given(lengths=st.lists(st.integers(0, LONGEST), max_size=300))
def test_given_texts_of_any_length_when_sliced_then_no_slice_is_more_than_the_longest_text(
    lengths: list[int],
) -> None:
    found = list(slices(lengths))
    assert sorted(place for each in found for place in each) == list(range(len(lengths)))
    assert all(len(each) * max(lengths[place] for place in each) <= LONGEST for each in found)


@given(lengths=st.lists(st.integers(0, LONGEST), max_size=300))
def test_given_texts_of_any_length_when_sliced_then_padding_is_less_than_a_slice_each(
    lengths: list[int],
) -> None:
    """Sorted by length, texts are padded to about their own: a long one costs the short ones nothing."""
    found = list(slices(lengths))
    padded = [max(lengths[place] for place in each) for each in found]
    assert padded == sorted(padded, reverse=True)
    assert all(
        longest >= max(lengths[place] for place in after)
        for longest, after in zip([min(lengths[p] for p in each) for each in found], found[1:], strict=False)
    )


def test_given_a_text_of_megabytes_when_embedded_then_the_tokenizer_reads_its_beginning_alone(
    embedder: Any, model: FakeModel
) -> None:
    embedder.embed(["chef " * 1_000_000])
    ((text,),) = model.calls
    assert len(text) == 8_192


def test_given_the_longest_user_of_the_api_when_embedded_then_nothing_of_it_is_cut(
    embedder: Any, model: FakeModel
) -> None:
    longest = "n" * 200 + ". " + "p" * 2_000
    embedder.embed([longest])
    assert model.calls == [[longest]]
