"""What template.yaml gives to a function, read as a deployment would resolve it."""

from functools import cache
from typing import Any

from kafka_esm.mappings import intrinsics
from mesh import paths

FUNCTION = "AWS::Serverless::Function"
TABLE_NAME = "event-mesh-users"
MOTO_ACCOUNT = "123456789012"  # a role's session sees the tables of the role's account
TABLE_PROPERTIES = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
_DEPLOYMENT = {
    "Environment": "development",
    "AuthMode": "dev",
    "KafkaBootstrapServers": "kafka-0:9092,kafka-1:9092",
    "QdrantUrl": "http://qdrant:6333",
    "UsersTable": TABLE_NAME,  # a resource, whose !Ref is its name
}


@cache
def template() -> dict[str, Any]:
    """Return template.yaml, its intrinsic functions as they are written."""
    return intrinsics.parse(paths.TEMPLATE.read_text(encoding="utf-8"))


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of every resource of a type, by logical id; not those of a change of index."""
    return {
        logical_id: resource["Properties"]
        for logical_id, resource in template()["Resources"].items()
        if resource["Type"] == kind and "Condition" not in resource
    }


def functions() -> dict[str, dict[str, Any]]:
    """Return the properties of every function, by the name of its folder under functions/."""
    return {
        properties["CodeUri"].removeprefix("functions/").rstrip("/"): properties
        for properties in resources(FUNCTION).values()
    }


def environment(function: str) -> dict[str, str]:
    """Return the environment variables that a function is deployed with."""
    shared = template()["Globals"]["Function"]["Environment"]["Variables"]
    own = functions()[function]["Environment"]["Variables"]
    return {name: _text(value) for name, value in resolve({**shared, **own}).items()}


def _text(value: Any) -> str:
    if isinstance(value, intrinsics.Unresolved):  # the ARN of a role
        return f"arn:aws:iam::{MOTO_ACCOUNT}:role/{value.resource}"
    return str(value)


def broken_rules(given: dict[str, str]) -> set[str]:
    """Return the names of the rules that refuse a deployment with these parameters."""
    defaults = {name: rule.get("Default") for name, rule in template()["Parameters"].items()}

    def holds(condition: Any) -> bool:
        return intrinsics.holds("It", intrinsics.Scope({**defaults, **given}, {}, {"It": condition})) is True

    return {
        name
        for name, rule in template()["Rules"].items()
        if holds(rule["RuleCondition"])
        and not all(holds(assertion["Assert"]) for assertion in rule["Assertions"])
    }


def resolve(value: Any, **parameters: str) -> Any:
    """Return a part of the template with its intrinsic functions resolved."""
    defaults = {name: rule.get("Default") for name, rule in template()["Parameters"].items()}
    scope = intrinsics.Scope({**defaults, **_DEPLOYMENT, **parameters}, {}, template()["Conditions"])
    return intrinsics.resolve(value, scope)
