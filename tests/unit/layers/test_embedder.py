"""The model is loaded once, on first use, from the layer's own folder."""

from importlib import import_module
from typing import Any

import pytest
from mesh import paths

from tests import sam
from tests.unit.fakes import DIMENSION, FakeModel


@pytest.fixture
def embedder(fresh_layers: None, model: FakeModel, monkeypatch: pytest.MonkeyPatch) -> Any:
    for variable, value in sam.environment("enrich").items():
        monkeypatch.setenv(variable, value)
    return import_module("vectors.embedder")


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
