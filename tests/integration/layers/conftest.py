"""The layers' adapters against the components of the embedded mesh, each started once for all tests here."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from mesh import components, process
from mesh.clients.aws import client
from mesh.deployment import build, built_function
from qdrant_client import QdrantClient
from vectors.collection import ensure_collection
from vectors.settings import Settings as VectorsSettings

from tests import sam
from tests.components import mesh_home, running

__all__ = ["mesh_home"]


@pytest.fixture(scope="session")
def aws(mesh_home: None) -> Iterator[str]:
    """The AWS endpoint."""
    with running(components.start_aws(process.free_port())) as address:
        yield address


@pytest.fixture(scope="session")
def kafka(mesh_home: None) -> Iterator[str]:
    """The bootstrap servers."""
    with running(components.start_kafka(process.free_port())) as address:
        yield address


@pytest.fixture(scope="session")
def qdrant(mesh_home: None) -> Iterator[str]:
    """Qdrant's URL."""
    with running(components.start_qdrant(process.free_port())) as address:
        yield address


@pytest.fixture(scope="session")
def built() -> None:
    """What `sam build` made of the present sources lies in .aws-sam/build."""
    build.build(build.fingerprint())


@pytest.fixture(scope="session")
def runtime(built: None) -> Iterator[Path]:
    with built_function.runtime() as folder:
        yield folder


@pytest.fixture(scope="session")
def services(aws: str, kafka: str, qdrant: str, built: None) -> dict[str, str]:
    """A table, topics and a collection as the template has them; returns what tells functions of them."""
    table = f"users-{uuid4().hex[:8]}"
    properties = build.built_template()["Resources"]["UsersTable"]["Properties"]
    client("dynamodb", aws).create_table(
        TableName=table, **{name: properties[name] for name in sam.TABLE_PROPERTIES}
    )
    variables = {
        "AWS_ENDPOINT_URL": aws,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "QDRANT_URL": qdrant,
        "QDRANT_COLLECTION": table,
        "TABLE_NAME": table,
        "TENANT_ROLE_ARN": "arn:aws:iam::000000000000:role/tenant",  # the account that has the table
        "USER_EVENTS_TOPIC": table,
        "DEAD_LETTER_TOPIC": f"{table}.dlq",
    }
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics(
        [NewTopic(variables[name], 1, 1) for name in ("USER_EVENTS_TOPIC", "DEAD_LETTER_TOPIC")]
    )
    admin.close()
    settings = VectorsSettings.model_validate({**sam.environment("search"), **variables})
    vectors = QdrantClient(url=qdrant, check_compatibility=False)
    ensure_collection(vectors, settings)
    vectors.close()
    return variables
