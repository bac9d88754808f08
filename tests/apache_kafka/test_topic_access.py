"""A topic that is there, and that Kafka does not let the poller see: it is not said to be missing."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from tests.apache_kafka.broker import PLAINTEXT, SECURE, Broker, create
from tests.apache_kafka.conftest import Start
from tests.integration.kafka_esm.conftest import mapped

TOPIC = "user.events"


@pytest.fixture
def broker(start: Start) -> Broker:
    return start(
        others={
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:mesh",
            "allow.everyone.if.no.acl.found": "true",
        }
    )


def test_given_a_topic_without_describe_when_polled_then_kafka_refuses_access(
    broker: Broker, tmp_path: Path
) -> None:
    create(TOPIC, broker.client(PLAINTEXT))
    with closing(KafkaAdminClient(**broker.client(SECURE))) as admin:
        # Whoever is not named has no access any more.
        admin.create_acls(
            [
                ACL(
                    principal="User:mesh",
                    host="*",
                    operation=ACLOperation.ALL,
                    permission_type=ACLPermissionType.ALLOW,
                    resource_pattern=ResourcePattern(ResourceType.TOPIC, TOPIC),
                )
            ]
        )
    template = tmp_path / "template.json"
    template.write_text(mapped({"f": TOPIC}))
    command = [sys.executable, "-m", "kafka_esm", "run", "--template", str(template)]
    command += ["--endpoint-url", "http://127.0.0.1:1"]
    command += ["--parameter", f"Servers={broker.client(PLAINTEXT)['bootstrap_servers']}"]
    environment = os.environ | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert ended.returncode == 3
    assert f"Kafka refuses access to the topic {TOPIC}" in ended.stderr.splitlines()[-1]
