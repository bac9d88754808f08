"""The official client and ours get the same vectors from the same server."""

import math
import random
from importlib import import_module
from typing import Any

import pytest
from openai import OpenAI

TEXTS = [
    "Ada. Bakes sourdough bread every morning",
    "Zoë Müller. Kinderärztin · pediatric nurse",
    "山田 太郎. 大阪で橋の設計をしている技術者",
    "Владимир Орлов. Учит детей играть на скрипке",
    "x",
    "A long profile. " * 120,
]


@pytest.fixture
def embedding(server_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    given = {
        "QDRANT_URL": "http://qdrant:6333",
        "EMBEDDING_PROVIDER": "openai",
        "EMBEDDING_URL": server_url,
        "EMBEDDING_MODEL": "multilingual-e5-small",
        "EMBEDDING_DIMENSION": "384",
        "EMBEDDING_BATCH_SIZE": "4",
        "EMBEDDING_QUERY_INPUT_TYPE": "query",
        "EMBEDDING_PASSAGE_INPUT_TYPE": "passage",
    }
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    import_module("vectors.settings").settings.cache_clear()
    yield import_module("vectors.embedding")
    import_module("vectors.settings").settings.cache_clear()


@pytest.mark.parametrize("options", [{"encoding_format": "float"}, {}], ids=["float", "base64, its default"])
def test_given_texts_when_both_clients_embed_them_then_the_vectors_are_the_same(
    embedding: Any, server_url: str, options: dict[str, Any]
) -> None:
    client = OpenAI(base_url=server_url, api_key="none")
    answer = client.embeddings.create(
        model="multilingual-e5-small",
        input=TEXTS,
        **options,
        extra_body={"input_type": "passage"},
    )
    theirs = [each.embedding for each in answer.data]
    for ours, other in zip(embedding.embed_passages(TEXTS), theirs, strict=True):
        assert ours == pytest.approx(other, abs=1e-6)
        assert math.hypot(*ours) == pytest.approx(1)


def test_given_a_query_when_embedded_then_it_is_not_embedded_as_a_passage(embedding: Any) -> None:
    [passage] = embedding.embed_passages(["someone who bakes"])
    assert embedding.embed_query("someone who bakes") != pytest.approx(passage, abs=1e-3)


def test_given_any_company_when_embedded_then_a_text_has_the_same_vector(embedding: Any) -> None:
    shuffled = random.Random(1).sample(TEXTS, len(TEXTS))
    alone = {text: embedding.embed_passages([text])[0] for text in TEXTS}
    for text, vector in zip(shuffled, embedding.embed_passages(shuffled), strict=True):
        assert vector == pytest.approx(alone[text], abs=1e-4)
