"""The template's parameters as the module's variables: the same names in snake_case, with types."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tests import sam

LISTS = {"CorsAllowedOrigins", "JwtAlgorithms", "KafkaBootstrapServers", "TopicLabels", "VpcSubnetIds"}
OBJECTS = {"RateLimitOverrides", "TopicLabelOverrides"}

SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:"
DEVELOPMENT = {
    "Environment": "development",
    "AuthMode": "dev",
    "KafkaBootstrapServers": "kafka:9092",
    "QdrantUrl": "http://qdrant:6333",
}
PRODUCTION = {
    "JwtJwksUrl": "https://issuer.example/jwks",
    "JwtIssuer": "https://issuer.example/",
    "JwtAudience": "event-mesh",
    "KafkaBootstrapServers": "kafka-1:9096,kafka-2:9096",
    "KafkaSecretArn": f"{SECRET}kafka",
    "QdrantUrl": "https://qdrant.example:6333",
    "QdrantSecretArn": f"{SECRET}qdrant",
    "VpcSubnetIds": "subnet-1,subnet-2",
    "VpcSecurityGroupId": "sg-1",
    "SearchConcurrency": "50",
    "EnrichConcurrency": "6",
    "AlarmTopicArn": "arn:aws:sns:eu-central-1:111122223333:alarms",
}


def variable(parameter: str) -> str:
    """Return the name of the variable that stands for a parameter."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", parameter).lower()


def variables(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the variables that say what the parameters say."""
    return {variable(name): value(name, text) for name, text in parameters.items()}


def value(parameter: str, text: str) -> Any:
    """Return what the variable of a parameter is set to, for the parameter to have a value."""
    declared = sam.template()["Parameters"][parameter]
    if parameter in LISTS:
        return [each.strip() for each in text.split(",")] if text else []
    if parameter in OBJECTS:
        return json.loads(text)
    if declared.get("AllowedValues") == ["true", "false"]:
        return text == "true"
    return json.loads(text) if declared["Type"] == "Number" else text


def all_changed() -> dict[str, str]:
    """Return every parameter with a value that is not its default, of a deployment that the rules accept."""
    changed = {name: _another(name, each) for name, each in sam.template()["Parameters"].items()}
    return {**changed, "KafkaSecretArn": ""}  # excluded by the certificate


def _another(name: str, declared: Mapping[str, Any]) -> str:
    texts = {
        "RateLimitOverrides": '{"a":{"create_user":{"burst":10,"perSecond":5}}}',
        "TopicLabelOverrides": '{"a":["sales","support"]}',
        "TopicLabels": "one, two",
        "CorsAllowedOrigins": "https://app.example,https://admin.example",
        "KafkaBootstrapServers": "kafka-1:9096,kafka-2:9096",
        "VpcSubnetIds": "subnet-1,subnet-2",
        "AlarmTopicArn": "arn:aws:sns:eu-central-1:111122223333:alarms",
    }
    if name in texts:
        return texts[name]
    if name.endswith("SecretArn"):
        return f"{SECRET}{name}"
    if name.endswith(("Url", "Endpoint")):
        return f"https://{name.lower()}.example"
    if allowed := declared.get("AllowedValues"):
        return str(next(each for each in reversed(allowed) if each != declared["Default"]))
    if declared["Type"] == "Number":
        least, most = declared.get("MinValue"), declared.get("MaxValue")
        default = declared["Default"]
        return str(
            next(
                each
                for each in (default + 1, most, default - 1)
                if each is not None and _fits(each, least, most)
            )
        )
    return f"{declared.get('Default') or name}-2"


def _fits(number: float, least: float | None, most: float | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)
