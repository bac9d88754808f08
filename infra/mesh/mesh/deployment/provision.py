"""Topics and collection: what the functions expect to be there, as a deployment to AWS expects it too."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError
from kafka_esm.mappings import intrinsics

from mesh.deployment import build, template_parameters
from mesh.errors import MeshError
from mesh.kafka import kafka_access
from mesh.state import State


def provision(state: State) -> None:
    """Create the topics and the collection of a mesh that are not there; MeshError says what failed.

    A topic that is there already, of an older mesh or with other parameters, is configured anew.
    """
    values = template_parameters.resolved(template_parameters.given(state))
    create_topics(kafka_access.options(state), topics(values))
    _create_collection("EnrichFunction", values)
    if values["NextQdrantCollection"]:
        _create_collection("EnrichNextFunction", values)


def topics(values: Mapping[str, str]) -> list[NewTopic]:
    """Return the topics that the template's parameters ask for."""
    events = _configuration("UserEventsTopicConfiguration", values)
    dead_letters = _configuration("DeadLetterTopicConfiguration", values)
    return [
        NewTopic(values["UserEventsTopic"], int(values["UserEventsPartitions"]), 1, topic_configs=events),
        # One partition: dead letters are few, and are read in the order in which they came.
        NewTopic(values["DeadLetterTopic"], 1, 1, topic_configs=dead_letters),
    ]


def _configuration(output: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return what an output of the template says about a topic, as an operator on AWS reads it."""
    said = intrinsics.resolve(
        build.source_template()["Outputs"][output]["Value"], intrinsics.Scope(values, {})
    )
    return dict(each.split("=") for each in str(said).split(","))


def create_topics(options: Mapping[str, Any], topics: Iterable[NewTopic]) -> None:
    """Create or configure topics, at the brokers that kafka-python's options lead to; MeshError if not."""
    try:
        with closing(KafkaAdminClient(**options)) as admin:
            for topic in topics:
                try:
                    admin.create_topics([topic])
                except TopicAlreadyExistsError:
                    _configure(admin, topic)
    except KafkaError as error:
        servers = ",".join(options["bootstrap_servers"])
        raise MeshError(f"Cannot create the topics at {servers}: {error}") from error


def _configure(admin: KafkaAdminClient, topic: NewTopic) -> None:
    """Bring a topic to its configuration; what nobody has asked for stays as it is."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.topic_configs)
    answer = admin.alter_configs([resource], raise_on_unknown=False)
    for topics in answer.values():
        if (said := topics[topic.name]) != "OK":
            raise MeshError(f"Kafka does not configure the topic {topic.name}: {said}")


def _create_collection(function: str, values: dict[str, str]) -> None:
    """Create what a function writes to; MeshError if there is another collection of that name."""
    from qdrant_client import QdrantClient  # it takes a second
    from vectors.collection import ensure_collection
    from vectors.errors import LayoutMismatchError, ModelMismatchError, ServerTooOldError
    from vectors.settings import Settings

    settings = Settings.model_validate(template_parameters.environment(function, values))
    client = QdrantClient(url=settings.qdrant_url, check_compatibility=False)
    try:
        ensure_collection(client, settings)
    except (LayoutMismatchError, ModelMismatchError, ServerTooOldError) as error:
        raise MeshError(str(error)) from error
    finally:
        client.close()
