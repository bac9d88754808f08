"""Resources of the template that a mapping refers to: what they are called at the endpoint."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.intrinsics import NO_VALUE, Scope, Unresolved, resolve

# Logical id of a resource -> the name it was deployed under.
PhysicalName = Callable[[str], str]

# How an ARN is made of a resource's name, and which property holds the name.
_ARNS = {
    "AWS::SQS::Queue": ("arn:aws:sqs:{region}:{account}:{name}", "QueueName"),
    "AWS::SNS::Topic": ("arn:aws:sns:{region}:{account}:{name}", "TopicName"),
    "AWS::S3::Bucket": ("arn:aws:s3:::{name}", "BucketName"),
}
_SECRET_TYPE = "AWS::SecretsManager::Secret"  # noqa: S105 - a type, not a secret


@dataclass(frozen=True, slots=True)
class Deployed:
    """A template, and how to look up what was deployed of it (None: it is not known to be deployed)."""

    template: Mapping[str, Any]
    scope: Scope
    region: str
    physical_name: PhysicalName | None = None

    def resource(self, logical_id: str | None) -> Mapping[str, Any]:
        """Return a resource of the template; empty if there is none of that name."""
        return self.template["Resources"].get(logical_id) or {}


def with_references(properties: Mapping[str, Any], deployed: Deployed) -> dict[str, Any]:
    """Return a mapping's properties with the failure destination and the secrets as ARNs.

    Raises:
        ConfigurationError: a resource's name is known only to its stack, and none was given.

    """
    found = dict(properties)
    destination = found.get("DestinationConfig")
    on_failure = destination.get("OnFailure") if isinstance(destination, dict) else None
    if isinstance(destination, dict) and isinstance(on_failure, dict):
        arn = _reference(on_failure.get("Destination"), deployed)
        found["DestinationConfig"] = destination | {"OnFailure": on_failure | {"Destination": arn}}
    access = found.get("SourceAccessConfigurations")
    if isinstance(access, list):
        found["SourceAccessConfigurations"] = [
            item | {"URI": _reference(item.get("URI"), deployed)} if isinstance(item, dict) else item
            for item in access
        ]
    return found


def _reference(value: Any, deployed: Deployed) -> Any:
    if not isinstance(value, Unresolved) or value.resource is None:
        return value
    resource = deployed.resource(value.resource)
    kind = str(resource.get("Type"))
    if kind == _SECRET_TYPE:
        return _name(value.resource, resource, "Name", deployed)
    if kind not in _ARNS:
        return value
    arn, name_property = _ARNS[kind]
    name = _name(value.resource, resource, name_property, deployed)
    # What CloudFormation calls a queue is its URL, and a topic its ARN.
    name = name.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    return arn.format(region=deployed.region, account=deployed.scope.pseudo["AWS::AccountId"], name=name)


def _name(logical_id: str, resource: Mapping[str, Any], name_property: str, deployed: Deployed) -> str:
    if deployed.physical_name is not None:
        return deployed.physical_name(logical_id)
    properties = resource.get("Properties")
    declared = properties.get(name_property) if isinstance(properties, dict) else None
    value = resolve(declared, deployed.scope)
    if isinstance(value, Unresolved) or value is None or value is NO_VALUE:
        raise ConfigurationError(
            f"{logical_id} has no {name_property} that is known before deployment: pass --stack-name"
        )
    return str(value)
