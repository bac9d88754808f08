"""Clusters of MSK: mappings, brokers, and what the event and its failures say."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from kafka_esm.consumer.event import encode_event, envelope_bytes
from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.mapping import Mapping
from kafka_esm.mappings.msk import asking, with_brokers
from kafka_esm.mappings.template import find_mappings, read_mappings
from kafka_esm.mappings.validation import accepted

ARN = "arn:aws:kafka:us-east-1:000000000000:cluster/demo/5c6f0d7e-1"
COMMON = {"Topics": ["t"], "StartingPosition": "TRIM_HORIZON"}


def read(path: Path, resources: dict[str, Any], **more: Any) -> list[Mapping]:
    file = path / "template.json"
    file.write_text(json.dumps({"Resources": resources}))
    return read_mappings(file, {}, **more)


def event(kind: str, **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {"Events": {"E": {"Type": kind, "Properties": COMMON | properties}}},
    }


def plain(**properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {"FunctionName": "f", **COMMON, **properties},
    }


def test_given_an_msk_mapping_beside_another_when_read_then_neither_is_left_out(tmp_path: Path) -> None:
    self_managed = event("SelfManagedKafka", KafkaBootstrapServers=["h:1"], ConsumerGroupId="s")
    config = {"AmazonManagedKafkaEventSourceConfig": {"ConsumerGroupId": "p"}}
    found = read(
        tmp_path,
        {
            "Self": self_managed,
            "Sam": event("MSK", Stream=ARN, ConsumerGroupId="m"),
            "Plain": plain(EventSourceArn=ARN, **config),
        },
    )
    assert [(mapping.event_source_arn, mapping.group) for mapping in found] == [
        (None, "s"),
        (ARN, "m"),
        (ARN, "p"),
    ]


def test_given_a_cluster_of_the_template_when_read_then_it_is_known_by_its_name(tmp_path: Path) -> None:
    cluster = {"Type": "AWS::MSK::Cluster", "Properties": {"ClusterName": "demo"}}
    resources = {"Cluster": cluster, "Sam": event("MSK", Stream={"Ref": "Cluster"})}
    (mapping,) = read(tmp_path, resources)
    found = find_mappings(tmp_path / "template.json", {})
    (located,) = accepted(with_brokers(found, {"demo": "h:1,i:2"}, None))
    assert str(mapping.event_source_arn).startswith("arn:aws:kafka:us-east-1:000000000000:cluster/demo/")
    assert located.bootstrap_servers == ("h:1", "i:2")


def test_given_an_arn_that_is_not_known_when_read_then_the_mapping_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Map: EventSourceArn: .*--import cluster=…"):
        read(tmp_path, {"Map": plain(EventSourceArn={"Fn::ImportValue": "cluster"})})


def test_given_both_sources_when_read_then_the_brokers_are_polled(tmp_path: Path) -> None:
    source = {"Endpoints": {"KafkaBootstrapServers": ["h:1"]}}
    (mapping,) = read(tmp_path, {"Map": plain(EventSourceArn=ARN, SelfManagedEventSource=source)})
    assert (mapping.event_source_arn, mapping.bootstrap) == (None, "h:1")


SCRAM = [{"Type": "SASL_SCRAM_512_AUTH", "URI": "s"}]
IAM = [{"Type": "IAM_AUTH"}]


@pytest.mark.parametrize(
    ("access", "answer", "servers", "tls", "kinds"),
    [
        ([], {"": "p:9092", "Tls": "t:9094"}, ("p:9092",), False, []),
        ([], {"Tls": "t:9094"}, ("t:9094",), True, []),
        ([], {"SaslIam": "i:9098"}, ("i:9098",), True, ["IAM_AUTH"]),
        (SCRAM, {"": "p:9092", "SaslScram": "a:1,b:1"}, ("a:1", "b:1"), True, ["SASL_SCRAM_512_AUTH"]),
        (SCRAM, {"PublicSaslScram": "a:9196"}, ("a:9196",), True, ["SASL_SCRAM_512_AUTH"]),
        (IAM, {"": "p:9092", "SaslIam": "i:9098"}, ("i:9098",), True, ["IAM_AUTH"]),
    ],
)  # fmt: skip
def test_given_ways_into_a_cluster_when_asked_then_it_is_where_the_mapping_gets_in(
    tmp_path: Path,
    access: list[Any],
    answer: dict[str, str],
    servers: tuple[str, ...],
    tls: bool,
    kinds: list[str],
) -> None:
    read(tmp_path, {"Map": plain(EventSourceArn=ARN, SourceAccessConfigurations=access)})
    client = boto3.client("kafka", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stub:
        brokers = {f"BootstrapBrokerString{kind}": value for kind, value in answer.items()}
        stub.add_response("get_bootstrap_brokers", brokers, {"ClusterArn": ARN})
        ask = asking(lambda: client)
        found = find_mappings(tmp_path / "template.json", {})
        (mapping,) = accepted(with_brokers(found, {}, ask))
        assert accepted(with_brokers(found, {}, ask)) == [mapping]  # it is asked once
    assert (mapping.bootstrap_servers, mapping.tls) == (servers, tls)
    assert [kind for kind, _ in mapping.access] == kinds


def test_given_an_endpoint_without_msk_when_asked_then_it_says_what_to_pass(tmp_path: Path) -> None:
    read(tmp_path, {"Map": plain(EventSourceArn=ARN)})
    client = boto3.client("kafka", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stub:
        stub.add_client_error("get_bootstrap_brokers", "NotImplemented")
        (found,) = with_brokers(find_mappings(tmp_path / "template.json", {}), {}, asking(lambda: client))
    assert f"NotImplemented): pass --bootstrap {ARN}=host:port" in str(found.error)


@pytest.mark.parametrize(
    "kind", ["OAUTHBEARER_AUTH", "OAUTHBEARER_SCOPE", "IAM_OAUTHBEARER_AUTH", "VIRTUAL_HOST"]
)
def test_given_a_way_in_that_is_not_supported_when_read_then_it_is_refused_by_name(
    tmp_path: Path, kind: str
) -> None:
    access = [{"Type": kind, "URI": "x"}]
    with pytest.raises(ConfigurationError, match=f"{kind} is not supported: "):
        read(tmp_path, {"Map": plain(EventSourceArn=ARN, SourceAccessConfigurations=access)})


def test_given_a_cluster_of_msk_when_its_event_is_made_then_it_says_so() -> None:
    made = encode_event("h:1", {}, ARN)
    assert json.loads(made) == {
        "eventSource": "aws:kafka",
        "eventSourceArn": ARN,
        "bootstrapServers": "h:1",
        "records": {},
    }
    assert len(made) == envelope_bytes("h:1", ARN)
