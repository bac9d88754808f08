"""Topics and collection: what the functions expect to be there, as a deployment to AWS expects it too."""

from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from mesh.deployment import template_parameters
from mesh.errors import MeshError
from mesh.kafka import kafka_access
from mesh.state import State

# A record that Lambda delivers (6 MB as base64) fits with a dead letter's headers.
_DEAD_LETTER_BYTES = 8 * 2**20


def provision(state: State) -> None:
    """Create the topics and the collection of a mesh that are not there; MeshError says what failed."""
    values = template_parameters.resolved(template_parameters.given(state))
    # One partition: dead letters are few, and are read in the order in which they came.
    dead_letters = {"max.message.bytes": str(_DEAD_LETTER_BYTES)}
    topics = [
        NewTopic(values["UserEventsTopic"], int(values["UserEventsPartitions"]), 1),
        NewTopic(values["DeadLetterTopic"], 1, 1, topic_configs=dead_letters),
    ]
    _create_topics(state, topics)
    _create_collection(values)


def _create_topics(state: State, topics: list[NewTopic]) -> None:
    options = kafka_access.options(state)
    try:
        admin = KafkaAdminClient(**options)
        try:
            for topic in topics:
                try:
                    admin.create_topics([topic])
                except TopicAlreadyExistsError:
                    continue
        finally:
            admin.close()
    except KafkaError as error:
        servers = ",".join(options["bootstrap_servers"])
        raise MeshError(f"Cannot create the topics at {servers}: {error}") from error


def _create_collection(values: dict[str, str]) -> None:
    from qdrant_client import QdrantClient  # it takes a second
    from vectors.collection import ensure_collection
    from vectors.errors import ModelMismatchError, ServerTooOldError
    from vectors.settings import Settings

    settings = Settings(
        QDRANT_URL=values["QdrantUrl"],
        QDRANT_COLLECTION=values["QdrantCollection"],
        EMBEDDING_MODEL=values["EmbeddingModel"],
        EMBEDDING_DIMENSION=int(values["EmbeddingDimension"]),
    )
    client = QdrantClient(url=settings.qdrant_url, check_compatibility=False)
    try:
        ensure_collection(client, settings)
    except (ModelMismatchError, ServerTooOldError) as error:
        raise MeshError(str(error)) from error
    finally:
        client.close()
