"""The Qdrant collection: how it is laid out, and which model's embeddings it holds."""

import re

from vectors.errors import LayoutMismatchError, ModelMismatchError, ServerTooOldError
from vectors.qdrant import QdrantClient, UnexpectedResponse, models
from vectors.settings import Settings

TENANT_FIELD = "tenantId"
USER_FIELD = "userId"
DELETED_FROM_FIELD = "deletedFrom"
DELETED_AT_FIELD = "deletedAt"
TERMS_FIELD = "terms"
TOPICS_FIELD = "topics"
# Every field that points are chosen by: Qdrant's strict mode refuses others.
_INDEXES: dict[str, models.KeywordIndexParams | models.IntegerIndexParams | models.TextIndexParams] = {
    TENANT_FIELD: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    USER_FIELD: models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=False, range=True),
    DELETED_FROM_FIELD: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD),
    DELETED_AT_FIELD: models.IntegerIndexParams(
        type=models.IntegerIndexType.INTEGER, lookup=False, range=True
    ),
    TERMS_FIELD: models.TextIndexParams(
        type=models.TextIndexType.TEXT, tokenizer=models.TokenizerType.WHITESPACE, lowercase=False
    ),
    TOPICS_FIELD: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD),
}
_LAYOUT_KEY = "layout"
_LAYOUT = 2  # 1, which collections did not name: one vector a user, and no words
# With conditional updates, and with conditions on any of many words (text_any), for search. An older one
# ignores the condition of an update, without a word, and takes old for new:
# https://qdrant.tech/documentation/concepts/points/#conditional-updates
_OLDEST_SERVER = (1, 16)


def ensure_collection(client: QdrantClient, settings: Settings) -> None:
    """Create the collection if it is not there, and the payload indexes that it lacks.

    ModelMismatchError if it holds another model's embeddings, LayoutMismatchError if it is laid out for
    another version of this layer, ServerTooOldError if Qdrant cannot keep order.

    One collection serves all tenants: no global graph (m=0), one graph per tenant (payload_m), and points of
    a tenant stored side by side (is_tenant). Source: https://qdrant.tech/documentation/guides/multiple-partitions/
    """
    _check_version(client.info().version)
    name = settings.qdrant_collection
    if not client.collection_exists(name):
        try:
            client.create_collection(
                name,
                vectors_config=models.VectorParams(
                    size=settings.embedding_dimension,
                    distance=models.Distance.COSINE,
                    multivector_config=models.MultiVectorConfig(
                        comparator=models.MultiVectorComparator.MAX_SIM
                    ),
                ),
                hnsw_config=models.HnswConfigDiff(m=0, payload_m=16),
                metadata={**settings.makes_vectors, _LAYOUT_KEY: _LAYOUT},
            )
        except UnexpectedResponse as error:
            if error.status_code != 409:  # another environment was faster
                raise
    stored = client.get_collection(name)
    metadata = stored.config.metadata or {}
    layout = metadata.get(_LAYOUT_KEY, 1)
    if layout != _LAYOUT:
        raise LayoutMismatchError(
            f"Collection {name!r} has layout {layout}, and this version reads and writes layout {_LAYOUT}. "
            "Use another QDRANT_COLLECTION, and fill it with `mesh reindex`."
        )
    for key, wanted in settings.makes_vectors.items():
        if metadata.get(key) != wanted:
            raise ModelMismatchError(
                f"Collection {name!r} holds embeddings of {key.upper()} {metadata.get(key)!r}, here it is "
                f"{wanted!r}. Use that one, or another QDRANT_COLLECTION (`mesh reindex --into`)."
            )
    for field, schema in _INDEXES.items():
        if field not in stored.payload_schema:
            client.create_payload_index(name, field, schema, wait=True)


def _check_version(version: str) -> None:
    numbers = re.match(r"v?(\d+)\.(\d+)", version, re.ASCII)
    if not numbers or (int(numbers[1]), int(numbers[2])) < _OLDEST_SERVER:
        oldest = ".".join(map(str, _OLDEST_SERVER))
        raise ServerTooOldError(
            f"Qdrant {version} has no conditional updates, and would let an old event overwrite a newer one. "
            f"Use Qdrant {oldest} or later."
        )
