"""The collection: laid out by tenant, and never shared by two models."""

from types import SimpleNamespace

import pytest
from qdrant_client import models
from vectors.collection import ensure_collection
from vectors.errors import LayoutMismatchError, ModelMismatchError, ServerTooOldError
from vectors.settings import Settings

from tests.unit.fakes import DIMENSION, FakeQdrant, http_error


def settings(model: str = "model-a") -> Settings:
    return Settings.model_validate(
        {"QDRANT_URL": "http://qdrant:6333", "EMBEDDING_MODEL": model, "EMBEDDING_DIMENSION": str(DIMENSION)}
    )


@pytest.fixture
def qdrant() -> FakeQdrant:
    return FakeQdrant()


def test_given_no_collection_when_ensured_then_it_is_laid_out_by_tenant(qdrant: FakeQdrant) -> None:
    ensure_collection(qdrant, settings())
    options = {request.operation: request for request in qdrant.requests}
    created = options["create_collection"].options
    assert created["vectors_config"] == models.VectorParams(
        size=DIMENSION,
        distance=models.Distance.COSINE,
        multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
    )
    assert created["metadata"] == {**settings().makes_vectors, "layout": 2}
    assert created["hnsw_config"] == models.HnswConfigDiff(m=0, payload_m=16)
    indexes = [each.arguments for each in qdrant.requests if each.operation == "create_payload_index"]
    assert indexes == [
        ("user_embeddings", "tenantId", keyword(is_tenant=True)),
        ("user_embeddings", "userId", models.IntegerIndexParams(type="integer", lookup=False, range=True)),
        ("user_embeddings", "deletedFrom", keyword()),
        ("user_embeddings", "deletedAt", models.IntegerIndexParams(type="integer", lookup=False, range=True)),
        (
            "user_embeddings",
            "terms",
            models.TextIndexParams(type="text", tokenizer="whitespace", lowercase=False),
        ),
        ("user_embeddings", "topics", keyword()),
    ]


def keyword(is_tenant: bool | None = None) -> models.KeywordIndexParams:
    return models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=is_tenant)


@pytest.mark.parametrize("version", ["1.15.5", "0.9.0", "v1.9.7", "unknown", ""])
def test_given_a_qdrant_that_ignores_conditions_when_ensured_then_the_error_says_which_to_use(
    qdrant: FakeQdrant, version: str
) -> None:
    qdrant.version = version
    with pytest.raises(ServerTooOldError, match=r"Qdrant .* Use Qdrant 1\.16 or later\.$"):
        ensure_collection(qdrant, settings())
    assert qdrant.operations() == ["info"]


@pytest.mark.parametrize("version", ["1.16.0", "1.20.1", "2.0.0", "v1.17.0", "1.16.0-dev"])
def test_given_a_qdrant_with_conditional_updates_when_ensured_then_it_is_used(
    qdrant: FakeQdrant, version: str
) -> None:
    qdrant.version = version
    ensure_collection(qdrant, settings())
    assert qdrant.memory.collection_exists("user_embeddings")


class FromBefore(FakeQdrant):
    """A Qdrant whose collection was made before there were versions: it has the tenants' index only."""

    def get_collection(self, name: str) -> SimpleNamespace:
        stored = self.memory.get_collection(name)
        return SimpleNamespace(config=stored.config, payload_schema={"tenantId": "keyword"})


def test_given_a_collection_from_before_when_ensured_then_it_gets_the_indexes_that_it_lacks() -> None:
    qdrant = FromBefore()
    ensure_collection(qdrant, settings())
    fields = [each.arguments[1] for each in qdrant.requests if each.operation == "create_payload_index"]
    assert fields == ["userId", "deletedFrom", "deletedAt", "terms", "topics"]


def test_given_a_collection_when_ensured_again_then_it_is_not_made_anew(qdrant: FakeQdrant) -> None:
    ensure_collection(qdrant, settings())
    ensure_collection(qdrant, settings())
    assert qdrant.operations().count("create_collection") == 1


def test_given_another_models_collection_when_ensured_then_the_error_says_what_to_do(
    qdrant: FakeQdrant,
) -> None:
    ensure_collection(qdrant, settings("model-a"))
    with pytest.raises(ModelMismatchError) as refused:
        ensure_collection(qdrant, settings("model-b"))
    assert str(refused.value) == (
        "Collection 'user_embeddings' holds embeddings of EMBEDDING_MODEL 'model-a', here it is 'model-b'. "
        "Use that one, or another QDRANT_COLLECTION (`mesh reindex --into`)."
    )


@pytest.mark.parametrize(
    "other",
    [{"embedding_provider": "openai", "embedding_url": "http://x"}, {"embedding_passage_prefix": "passage:"}],
)
def test_given_vectors_of_another_provider_or_prefix_when_ensured_then_they_are_not_mixed(
    qdrant: FakeQdrant, other: dict[str, str]
) -> None:
    ensure_collection(qdrant, settings())
    with pytest.raises(ModelMismatchError, match=next(iter(other)).upper()):
        ensure_collection(qdrant, settings().model_copy(update=other))


def test_given_a_collection_that_does_not_name_its_model_when_ensured_then_it_is_refused(
    qdrant: FakeQdrant,
) -> None:
    vectors = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)
    qdrant.memory.create_collection("user_embeddings", vectors, metadata={"layout": 2})
    with pytest.raises(ModelMismatchError, match="holds embeddings of EMBEDDING_PROVIDER None"):
        ensure_collection(qdrant, settings())


@pytest.mark.parametrize(("layout", "named"), [({}, 1), ({"layout": 1}, 1), ({"layout": 3}, 3)])
def test_given_a_collection_of_another_layout_when_ensured_then_the_error_says_what_to_do(
    qdrant: FakeQdrant, layout: dict[str, int], named: int
) -> None:
    vectors = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)
    qdrant.memory.create_collection("user_embeddings", vectors, metadata=layout)
    with pytest.raises(LayoutMismatchError) as refused:
        ensure_collection(qdrant, settings())
    assert str(refused.value) == (
        f"Collection 'user_embeddings' has layout {named}, and this version reads and writes layout 2. "
        "Use another QDRANT_COLLECTION, and fill it with `mesh reindex`."
    )


class Faster(FakeQdrant):
    """A Qdrant where another environment makes the collection between our question and our request."""

    def collection_exists(self, name: str) -> bool:
        return False

    def create_collection(self, name: str, **options: object) -> None:
        self.memory.create_collection(name, **options)
        raise http_error(self.status)

    status = 409


def test_given_another_environment_was_faster_when_ensured_then_its_collection_is_used() -> None:
    qdrant = Faster()
    ensure_collection(qdrant, settings())
    assert qdrant.operations() == ["info", "get_collection", *["create_payload_index"] * 6]


def test_given_qdrant_refuses_when_ensured_then_it_is_not_hidden() -> None:
    qdrant = Faster()
    qdrant.status = 500
    with pytest.raises(type(http_error(500))):
        ensure_collection(qdrant, settings())
