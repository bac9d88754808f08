"""Resources of the template that a mapping refers to: what they are called at the endpoint."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.dynamic import is_dynamic
from kafka_esm.mappings.intrinsics import NO_VALUE, Scope, Unresolved, resolve

# Logical id of a resource -> the name it was deployed under.
PhysicalName = Callable[[str], str]

SAM_FUNCTION_TYPE = "AWS::Serverless::Function"
FUNCTION_TYPES = (SAM_FUNCTION_TYPE, "AWS::Lambda::Function")
_ALIAS_TYPE = "AWS::Lambda::Alias"
_VERSION_TYPE = "AWS::Lambda::Version"
_FUNCTION_ARN = "arn:aws:lambda:{region}:{account}:function:{name}"
# https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html, FunctionName: a name or an
# ARN, whole or partial, with a qualifier or without.
_FUNCTION = re.compile(
    r"(arn:[a-z-]+:lambda:)?([a-z]{2}[a-z-]*-\d:)?(\d{12}:)?(function:)?"
    r"(?P<name>[A-Za-z0-9_.-]+)(?P<qualifier>:(\$LATEST(\.PUBLISHED)?|[A-Za-z0-9_-]+))?"
)


class _Kind(NamedTuple):
    """Which property of a resource holds its name, and what is made of the name."""

    name: str
    # "" is what Ref gives.
    attributes: Mapping[str, str]


_KINDS = {
    "AWS::SQS::Queue": _Kind(
        "QueueName",
        {
            "": "https://sqs.{region}.amazonaws.com/{account}/{name}",
            "Arn": "arn:aws:sqs:{region}:{account}:{name}",
            "QueueName": "{name}",
        },
    ),
    "AWS::SNS::Topic": _Kind(
        "TopicName",
        {
            "": "arn:aws:sns:{region}:{account}:{name}",
            "TopicArn": "arn:aws:sns:{region}:{account}:{name}",
            "TopicName": "{name}",
        },
    ),
    "AWS::S3::Bucket": _Kind("BucketName", {"": "{name}", "Arn": "arn:aws:s3:::{name}"}),
    # Secrets Manager takes a name where AWS's own Ref gives an ARN.
    "AWS::SecretsManager::Secret": _Kind("Name", {"": "{name}", "Id": "{name}"}),
    "AWS::SSM::Parameter": _Kind("Name", {"": "{name}"}),
}
_CLUSTER_TYPES = ("AWS::MSK::Cluster", "AWS::MSK::ServerlessCluster")


@dataclass(slots=True)
class Deployed:
    """A template, and how to look up what was deployed of it (None: it is not known to be deployed).

    Its `scope` resolves references to resources, too.
    """

    template: Mapping[str, Any]
    scope: Scope
    region: str
    physical_name: PhysicalName | None = None
    # What a function is called -> its logical id, of those that were referred to.
    functions: dict[str, str] = field(default_factory=dict)
    _known: dict[tuple[str, str], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scope = replace(self.scope, look_up=self.look_up)

    def resource(self, logical_id: str | None) -> Mapping[str, Any]:
        """Return a resource of the template; empty if there is none of that name."""
        found = self.template["Resources"].get(logical_id)
        return found if isinstance(found, dict) else {}

    def look_up(self, logical_id: str, attribute: str) -> Any:
        """Return what Ref (attribute "") or GetAtt gives; Unresolved with the reason, or None if unknown."""
        key = (logical_id, attribute)
        if key not in self._known:
            # A resource in terms of itself has no value.
            self._known[key] = Unresolved(f"{logical_id} refers to itself")
            try:
                self._known[key] = self._value(logical_id, attribute)
            except ConfigurationError as exc:
                self._known[key] = Unresolved(str(exc), resource=logical_id)
        return self._known[key]

    def _value(self, logical_id: str, attribute: str) -> Any:
        resource = self.resource(logical_id)
        if not resource:
            return None if attribute else self._alias_that_sam_makes(logical_id)
        kind = str(resource.get("Type"))
        if kind in FUNCTION_TYPES:
            return self._function_value(logical_id, attribute)
        if kind == _ALIAS_TYPE and attribute in ("", "AliasArn"):
            return self._qualified(logical_id, self._property(logical_id, "Name"))
        if kind == _VERSION_TYPE and attribute in ("", "FunctionArn", "Version"):
            number = self._version(logical_id)
            return number if attribute == "Version" else self._qualified(logical_id, number)
        if kind in _CLUSTER_TYPES and attribute in ("", "Arn"):
            return self._cluster_arn(logical_id)
        known = _KINDS.get(kind)
        if known is None or attribute not in known.attributes:
            return None
        return self._format(known.attributes[attribute], self._name(logical_id, known.name))

    def _function_value(self, logical_id: str, attribute: str) -> Any:
        # SAM: !Ref Fn.Alias and !Ref Fn.Version. The alias always points at the version just published.
        if attribute in ("Alias", "Version"):
            alias = self.alias(logical_id)
            if alias is None:
                raise ConfigurationError(f"{logical_id}.{attribute}: {logical_id} has no AutoPublishAlias")
            return self._format(_FUNCTION_ARN, f"{self.function_name(logical_id)}:{alias}")
        if attribute not in ("", "Arn"):
            return None
        name = self.function_name(logical_id)
        return self._format(_FUNCTION_ARN, name) if attribute else name

    def _alias_that_sam_makes(self, name: str) -> Any:
        """Return the ARN of `FnAliaslive`, the alias that SAM makes of a function's AutoPublishAlias."""
        for logical_id in self.template["Resources"]:
            if name.startswith(f"{logical_id}Alias") and (alias := self.alias(logical_id)):
                ending = name.removeprefix(f"{logical_id}Alias")
                if ending in (alias, re.sub("[^A-Za-z0-9]", "", alias)):
                    return self._function_value(logical_id, "Alias")
        return None

    def _qualified(self, logical_id: str, qualifier: str) -> str:
        text = self._property(logical_id, "FunctionName")
        if is_dynamic(text):
            return f"{text}:{qualifier}"
        function = _FUNCTION.fullmatch(text)
        if function is None:
            raise ConfigurationError(f"{logical_id}: FunctionName is not a function")
        return self._format(_FUNCTION_ARN, f"{function['name']}:{qualifier}")

    def _version(self, logical_id: str) -> str:
        if self.physical_name is None:
            raise ConfigurationError(
                f"the number of the version {logical_id} is known only to its stack: pass --stack-name"
            )
        return self.physical_name(logical_id).rsplit(":", 1)[-1]

    def _cluster_arn(self, logical_id: str) -> str:
        if self.physical_name is not None:
            return self.physical_name(logical_id)
        # AWS puts an id of its own behind the name.
        name = self._property(logical_id, "ClusterName")
        return self._format("arn:aws:kafka:{region}:{account}:cluster/{name}/local", name)

    def _name(self, logical_id: str, name_property: str) -> str:
        if self.physical_name is not None:
            name = self.physical_name(logical_id)
            # What CloudFormation calls a queue is its URL, and a topic its ARN. A secret may stay one.
            secret = name.startswith("arn:aws:secretsmanager:") or name_property == "Name"
            return name if secret else name.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
        return self._property(logical_id, name_property)

    def _property(self, logical_id: str, name: str) -> str:
        properties = self.resource(logical_id).get("Properties")
        value = resolve(properties.get(name) if isinstance(properties, dict) else None, self.scope)
        if isinstance(value, Unresolved):
            raise ConfigurationError(f"{logical_id}: {name}: {value.reason}")
        if value is None or value is NO_VALUE:
            raise ConfigurationError(
                f"{logical_id} has no {name} that is known before deployment: pass --stack-name"
            )
        return str(value)

    def function_name(self, logical_id: str) -> str:
        """Return what a function of the template is called, without a qualifier.

        Raises:
            ConfigurationError: its name cannot be known here.

        """
        if self.physical_name is not None:
            name = self.physical_name(logical_id)
        else:
            properties = self.resource(logical_id).get("Properties")
            declared = resolve(
                properties.get("FunctionName") if isinstance(properties, dict) else None, self.scope
            )
            if isinstance(declared, Unresolved):
                raise ConfigurationError(f"{logical_id}: FunctionName: {declared.reason}")
            # `sam local start-lambda` knows an unnamed function by its logical id.
            name = logical_id if declared is None or declared is NO_VALUE else str(declared)
        self.functions[name] = logical_id
        return name

    def alias(self, logical_id: str) -> str | None:
        """Return the alias that SAM makes the target of a function's events (AutoPublishAlias).

        Raises:
            ConfigurationError: it cannot be known here.

        """
        resource = self.resource(logical_id)
        if resource.get("Type") != SAM_FUNCTION_TYPE:
            return None
        shared = (self.template.get("Globals") or {}).get("Function") or {}
        properties = resource.get("Properties") or {}
        value = resolve(properties.get("AutoPublishAlias", shared.get("AutoPublishAlias")), self.scope)
        if isinstance(value, Unresolved):
            raise ConfigurationError(f"{logical_id}: AutoPublishAlias: {value.reason}")
        return None if value is None or value is NO_VALUE or value == "" else str(value)

    def invoked(self, text: str) -> tuple[str, str | None] | None:
        """Return how to invoke what FunctionName names, and its logical id if the template has it.

        Functions of the template go by their names: an emulator's ARNs may hold any account. None: the text
        does not name a function.
        """
        found = _FUNCTION.fullmatch(text)
        if found is None:
            return None
        logical_id = self.functions.get(found["name"])
        return (found["name"] + (found["qualifier"] or "") if logical_id else text), logical_id

    def _format(self, form: str, name: str) -> str:
        return form.format(region=self.region, account=self.scope.pseudo["AWS::AccountId"], name=name)
