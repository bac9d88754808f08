"""Mappings as people have them, polled: changed while it runs, of MSK, with a secret that nobody asks for."""

from collections.abc import Callable
from typing import Any

from tests.integration.kafka_esm.conftest import Broker, Endpoint, StartPoller

ARN = "arn:aws:kafka:us-east-1:000000000000:cluster/demo/5c6f0d7e-1"


def row(broker: Broker, function: str, topic: str, **more: Any) -> dict[str, Any]:
    """A mapping as the endpoint lists it; its UUID is the group."""
    return {
        "UUID": function,
        "FunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{function}",
        "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": [broker.address]}},
        "Topics": [topic],
        "StartingPosition": "TRIM_HORIZON",
        "MaximumBatchingWindowInSeconds": 0,
        "State": "Enabled",
    } | more


def test_given_mappings_that_change_when_polling_then_it_follows_within_seconds(
    broker: Broker,
    endpoint: Endpoint,
    start_poller: StartPoller,
    function: str,
    eventually: Callable[[str, Callable[[], Any]], Any],
) -> None:
    topic, other = broker.create_topic(1), broker.create_topic(1)
    endpoint.mappings = [row(broker, function, topic)]
    poller = start_poller(broker, endpoint, {}, from_api=True)
    poller.wait_until_polling()

    def polled() -> list[str]:
        return sorted(mapping["function"] for mapping in poller.health()[1]["mappings"])

    broker.produce(topic, "one")
    endpoint.wait_for("the first", lambda seen: len(seen) == 1)
    eventually("it is committed", lambda: broker.committed(function, topic) == 1)

    created = f"{function}-created"
    endpoint.mappings = [row(broker, function, topic, State="Disabled"), row(broker, created, other)]
    broker.produce(other, "two")
    endpoint.wait_for("created", lambda seen: seen[-1].function == created)
    eventually("disabled", lambda: polled() == [created])
    broker.produce(topic, "three", "four")

    endpoint.mappings = [
        row(broker, function, topic, BatchSize=1),
        row(broker, created, other, State="Deleting"),
    ]
    seen = endpoint.wait_for("enabled and updated", lambda seen: len(seen) == 4)
    assert [call.offsets for call in seen[-2:]] == [{f"{topic}-0": [1]}, {f"{topic}-0": [2]}]
    eventually("deleted", lambda: polled() == [function])


def test_given_one_bad_mapping_of_the_endpoint_when_started_then_the_others_are_polled(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str
) -> None:
    topic = broker.create_topic(1)
    bad = row(broker, "bad", topic, BatchSize=0)
    endpoint.mappings = [bad, row(broker, function, topic)]
    poller = start_poller(broker, endpoint, {}, from_api=True)
    poller.wait_until_polling()
    broker.produce(topic, "one")
    endpoint.wait_for("the good one", lambda seen: [call.function for call in seen] == [function])
    said = [line["message"] for line in poller.lines() if line["level"] == "ERROR"]
    assert said == ["mapping cannot be polled: mapping bad: BatchSize is 0, not within 1 to 10000"]


def test_given_a_cluster_of_msk_when_polled_then_its_events_say_so(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str
) -> None:
    topic = broker.create_topic(1)
    source = {"EventSourceArn": ARN, "SelfManagedEventSource": None}
    endpoint.mappings = [row(broker, function, topic, **source)]
    arguments = ["--bootstrap", f"{ARN}={broker.address}"]
    start_poller(broker, endpoint, {}, arguments=arguments, from_api=True).wait_until_polling()
    broker.produce(topic, "one")
    (call,) = endpoint.wait_for("the record", lambda seen: len(seen) == 1)
    assert {name: call.event[name] for name in ("eventSource", "eventSourceArn", "bootstrapServers")} == {
        "eventSource": "aws:kafka",
        "eventSourceArn": ARN,
        "bootstrapServers": broker.address,
    }


def test_given_a_dummy_secret_and_a_plain_broker_when_authentication_is_left_out_then_it_polls(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str
) -> None:
    topic = broker.create_topic(1)
    access = {"SourceAccessConfigurations": [{"Type": "SASL_SCRAM_512_AUTH", "URI": "dummy"}]}
    arguments = ["--kafka-no-authentication"]
    poller = start_poller(broker, endpoint, {function: topic}, access, arguments)
    poller.wait_until_polling()
    assert "authentication is left out" in poller.log.read_text()
