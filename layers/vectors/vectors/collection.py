"""The Qdrant collection: how it is laid out, and which model's embeddings it holds."""

from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from vectors.errors import ModelMismatchError
from vectors.settings import Settings

TENANT_FIELD = "tenantId"
_MODEL_KEY = "embedding_model"


def ensure_collection(client: QdrantClient, settings: Settings) -> None:
    """Create the collection if it is not there; ModelMismatchError if it holds another model's embeddings.

    One collection serves all tenants: no global graph (m=0), one graph per tenant (payload_m), and points of
    a tenant stored side by side (is_tenant). Source: https://qdrant.tech/documentation/guides/multiple-partitions/
    """
    name = settings.qdrant_collection
    if not client.collection_exists(name):
        try:
            client.create_collection(
                name,
                vectors_config=models.VectorParams(
                    size=settings.embedding_dimension, distance=models.Distance.COSINE
                ),
                hnsw_config=models.HnswConfigDiff(m=0, payload_m=16),
                metadata={_MODEL_KEY: settings.embedding_model},
            )
        except UnexpectedResponse as error:
            if error.status_code != 409:  # another environment was faster
                raise
    stored = client.get_collection(name)
    found = (stored.config.metadata or {}).get(_MODEL_KEY)
    if found != settings.embedding_model:
        raise ModelMismatchError(
            f"Collection {name!r} holds embeddings of {found!r}, and EMBEDDING_MODEL is "
            f"{settings.embedding_model!r}. Use that model, or another QDRANT_COLLECTION."
        )
    if TENANT_FIELD not in stored.payload_schema:
        client.create_payload_index(
            name,
            TENANT_FIELD,
            models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
            wait=True,
        )
