"""The mappings of a situation, as a template and as the API have them."""

from typing import Any

from tests.conformance.situation import Situation


def mappings_of(situation: Situation) -> list[dict[str, Any]]:
    """Return the mappings, by CreateEventSourceMapping's names."""
    config = {"ConsumerGroupId": "{group}"}
    source = (
        {"EventSourceArn": "{arn}", "AmazonManagedKafkaEventSourceConfig": config}
        if situation.source == "msk"
        else {
            "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["{bootstrap}"]}},
            "SelfManagedKafkaEventSourceConfig": config,
        }
    )
    mapping = {
        "FunctionName": "{group}",
        "Topics": ["{topic}"],
        "StartingPosition": "TRIM_HORIZON",
        "MaximumBatchingWindowInSeconds": 0,
        # What retry limits and the like need on AWS.
        "ProvisionedPollerConfig": {"MinimumPollers": 1, "MaximumPollers": 1},
        **source,
        **situation.mapping,
    }
    if not situation.beside:
        return [mapping]
    other = {"ConsumerGroupId": "{group}-other"}
    apart = {"FunctionName": "{group}-other", "SelfManagedKafkaEventSourceConfig": other}
    return [mapping, {**mapping, **apart, **situation.beside}]


def row_of(mapping: dict[str, Any]) -> dict[str, Any]:
    """Return a mapping as ListEventSourceMappings has it."""
    function = mapping["FunctionName"]
    own = {name: value for name, value in mapping.items() if name not in ("FunctionName", "Enabled")}
    return {
        "UUID": function,
        "FunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{function}",
        "State": "Enabled" if mapping.get("Enabled", True) else "Disabled",
        **own,
    }


def template_of(mappings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the template that CloudFormation would make the mappings of."""
    code = {"Runtime": "python3.13", "Handler": "app.handler", "Code": {"ZipFile": ""}}
    role = {"Role": "arn:aws:iam::000000000000:role/r"}
    resources = {}
    for number, mapping in enumerate(mappings):
        properties = dict(mapping)
        if "SelfManagedEventSource" in properties:
            servers = properties["SelfManagedEventSource"]["Endpoints"]["KAFKA_BOOTSTRAP_SERVERS"]
            properties["SelfManagedEventSource"] = {"Endpoints": {"KafkaBootstrapServers": servers}}
        resources[f"Function{number}"] = {
            "Type": "AWS::Lambda::Function",
            "Properties": {"FunctionName": mapping["FunctionName"], "Timeout": 60, **code, **role},
        }
        resources[f"Mapping{number}"] = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}
    return {"Resources": resources}
