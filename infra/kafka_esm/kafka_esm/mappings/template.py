"""The event source mappings of a SAM template."""

import functools
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.intrinsics import NO_VALUE, Scope, Unresolved, holds, parse, resolve
from kafka_esm.mappings.mapping import Mapping as EventSourceMapping
from kafka_esm.mappings.mapping import Target
from kafka_esm.mappings.references import Deployed, PhysicalName, with_references
from kafka_esm.mappings.validation import Found, accepted, check_mapping, own_groups

_LOG = logging.getLogger(__name__)

_SAM_FUNCTION_TYPE = "AWS::Serverless::Function"
_FUNCTION_TYPES = (_SAM_FUNCTION_TYPE, "AWS::Lambda::Function")
_MAPPING_TYPE = "AWS::Lambda::EventSourceMapping"
# SAM and CloudFormation deploy other templates by these.
_NESTED_TYPES = ("AWS::Serverless::Application", "AWS::CloudFormation::Stack")
_DEFAULT_TIMEOUT = 3
_LONGEST_TIMEOUT = 900


class SamEvent(Unresolved):
    """The function that an event of SAM belongs to."""


def read_mappings(
    path: Path,
    parameters: Mapping[str, str],
    *,
    region: str = "us-east-1",
    stack_name: str | None = None,
    physical_name: PhysicalName | None = None,
) -> list[EventSourceMapping]:
    """Read every Kafka event source mapping of a SAM template.

    Raises:
        ConfigurationError: the template cannot be read, a parameter is missing or unknown, there is
            no mapping, or one has a property that is not supported.

    """
    found = find_mappings(path, parameters, region=region, stack_name=stack_name, physical_name=physical_name)
    return accepted(found)


def find_mappings(
    path: Path,
    parameters: Mapping[str, str],
    *,
    region: str = "us-east-1",
    stack_name: str | None = None,
    physical_name: PhysicalName | None = None,
) -> list[Found]:
    """Find every Kafka event source mapping of a SAM template, and what is wrong with it, if anything is.

    Raises:
        ConfigurationError: the template cannot be read, a parameter is unknown, or there is no mapping.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"the template {path} cannot be read: {reason}") from None
    template = parse(text)
    scope = _scope(template, parameters, region, stack_name)
    deployed = Deployed(template, scope, region, physical_name)
    found = [
        check_mapping(
            where,
            functools.partial(_target, function, deployed),
            functools.partial(with_references, properties, deployed),
        )
        for where, function, properties in _found(template, scope)
    ]
    if not found:
        raise ConfigurationError(
            f"the template {path} has no Kafka event source mapping (an event of Type SelfManagedKafka, "
            "or an AWS::Lambda::EventSourceMapping with SelfManagedEventSource)"
        )
    return own_groups(found)


def _scope(
    template: Mapping[str, Any], given: Mapping[str, str], region: str, stack_name: str | None
) -> Scope:
    declared = _object("Parameters", template.get("Parameters"))
    for name in given:
        if name not in declared:
            raise ConfigurationError(f"--parameter {name}: the template has no such parameter")
    pseudo = {
        "AWS::AccountId": "000000000000",
        "AWS::Partition": "aws",
        "AWS::Region": region,
        "AWS::URLSuffix": "amazonaws.com",
    }
    if stack_name:
        pseudo["AWS::StackName"] = stack_name
    return Scope(
        parameters={
            name: _parameter(name, _object(f"Parameters.{name}", rule), given)
            for name, rule in declared.items()
        },
        pseudo=pseudo,
        conditions=_object("Conditions", template.get("Conditions")),
        mappings=_object("Mappings", template.get("Mappings")),
        resources=template["Resources"],
    )


def _parameter(name: str, rule: Mapping[str, Any], given: Mapping[str, str]) -> Any:
    kind = str(rule.get("Type", "String"))
    if name in given:
        value: Any = given[name]
    elif "Default" in rule and not kind.startswith("AWS::SSM::Parameter::Value"):
        value = rule["Default"]
    else:
        # For the SSM types the default is only the name of where the value is kept.
        return Unresolved(f"parameter {name} has no value: pass --parameter {name}=…")
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [part.strip() for part in str(value).split(",")]
    return value


def _found(template: Mapping[str, Any], scope: Scope) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Yield every mapping: how to name it, the function (logical id or name), its properties."""
    for logical_id, resource in template["Resources"].items():
        _refuse_macro("Resources", logical_id)
        kind = resource.get("Type") if isinstance(resource, dict) else None
        if kind in _NESTED_TYPES:
            _LOG.warning("%s is a template of its own: mappings in it are not polled", logical_id)
        if kind not in (_SAM_FUNCTION_TYPE, _MAPPING_TYPE) or not _exists(logical_id, resource, scope):
            continue
        if kind == _SAM_FUNCTION_TYPE:
            yield from _found_in_function(logical_id, _properties(logical_id, resource), scope)
        else:
            properties = _object(logical_id, resolve(_properties(logical_id, resource), scope))
            if "SelfManagedEventSource" in properties:
                function, sam_properties = _as_sam(logical_id, properties)
                yield logical_id, function, sam_properties


def _found_in_function(
    logical_id: str, properties: Mapping[str, Any], scope: Scope
) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    events = _object(f"{logical_id}.Events", resolve(properties.get("Events"), scope))
    for event_id, event in events.items():
        _refuse_macro(f"{logical_id}.Events", event_id)
        where = f"{logical_id}.Events.{event_id}"
        if _object(where, event).get("Type") == "SelfManagedKafka":
            event_properties = _object(where, event.get("Properties"))
            yield where, SamEvent("", resource=logical_id), event_properties


def _refuse_macro(where: str, name: Any) -> None:
    # It might make a mapping: leaving it out could leave records unprocessed.
    if str(name).startswith(("Fn::ForEach", "Fn::Transform")):
        raise ConfigurationError(f"{where}: {name} can only be expanded by CloudFormation: write it out")


def _properties(where: str, resource: Mapping[str, Any]) -> Mapping[str, Any]:
    return _object(f"{where}.Properties", resource.get("Properties"))


def _object(where: str, value: Any) -> Mapping[str, Any]:
    if value is None or value is NO_VALUE:
        return {}
    if isinstance(value, Unresolved):
        # It might hold a mapping: leaving it out could leave records unprocessed.
        raise ConfigurationError(f"{where}: {value.reason}")
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where} is not an object")
    return value


def _exists(logical_id: str, resource: Mapping[str, Any], scope: Scope) -> bool:
    if "Condition" not in resource:
        return True
    truth = holds(resource["Condition"], scope)
    if isinstance(truth, Unresolved):
        raise ConfigurationError(f"{logical_id}: Condition {resource['Condition']}: {truth.reason}")
    return truth


def _as_sam(where: str, properties: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Rename a plain mapping's properties as SAM names them: returns the function and the rest."""
    rest = dict(properties)
    function = rest.pop("FunctionName", None)
    if function is None:
        raise ConfigurationError(f"{where}: FunctionName is missing")
    source = rest.pop("SelfManagedEventSource")
    endpoints = source.get("Endpoints") if isinstance(source, dict) else source
    rest["KafkaBootstrapServers"] = (
        endpoints.get("KafkaBootstrapServers") if isinstance(endpoints, dict) else endpoints
    )
    config = rest.pop("SelfManagedKafkaEventSourceConfig", None) or {}
    # Whatever else is in there (a schema registry) is refused by its own name.
    rest |= config if isinstance(config, dict) else {"ConsumerGroupId": config}
    return function, rest


def _target(function: Any, deployed: Deployed) -> Target:
    if isinstance(function, str):
        # A name or an ARN: its timeout is not in this template.
        return Target(function, _LONGEST_TIMEOUT)
    logical_id = function.resource if isinstance(function, Unresolved) else None
    resource = deployed.resource(logical_id)
    if logical_id is None or resource.get("Type") not in _FUNCTION_TYPES:
        reason = function.reason if isinstance(function, Unresolved) else "not a function"
        raise ConfigurationError(f"FunctionName of an {_MAPPING_TYPE}: {reason}")
    properties = _properties(logical_id, resource)
    if deployed.physical_name:
        name = deployed.physical_name(logical_id)
    else:
        name = _local_name(logical_id, properties, deployed.scope)
    # A plain mapping that names the function itself stays with $LATEST, whatever SAM publishes.
    alias = _alias(logical_id, properties, deployed) if isinstance(function, SamEvent) else None
    return Target(
        name=f"{name}:{alias}" if alias else name,
        timeout_seconds=_timeout(logical_id, properties, deployed.template, deployed.scope),
    )


def _alias(logical_id: str, properties: Mapping[str, Any], deployed: Deployed) -> str | None:
    """Return the alias that SAM makes the target of a function's events (AutoPublishAlias)."""
    shared = _object("Globals.Function", _object("Globals", deployed.template.get("Globals")).get("Function"))
    value = resolve(properties.get("AutoPublishAlias", shared.get("AutoPublishAlias")), deployed.scope)
    if isinstance(value, Unresolved):
        raise ConfigurationError(f"{logical_id}: AutoPublishAlias: {value.reason}")
    return None if value is None or value is NO_VALUE or value == "" else str(value)


def _local_name(logical_id: str, properties: Mapping[str, Any], scope: Scope) -> str:
    name = resolve(properties.get("FunctionName"), scope)
    if isinstance(name, Unresolved):
        raise ConfigurationError(f"{logical_id}: FunctionName: {name.reason}")
    # `sam local start-lambda` knows an unnamed function by its logical id.
    return logical_id if name is None or name is NO_VALUE else str(name)


def _timeout(
    logical_id: str, properties: Mapping[str, Any], template: Mapping[str, Any], scope: Scope
) -> int:
    shared = _object("Globals.Function", _object("Globals", template.get("Globals")).get("Function"))
    value = resolve(properties.get("Timeout", shared.get("Timeout", _DEFAULT_TIMEOUT)), scope)
    try:
        seconds = int(str(value))
    except ValueError:
        # Not known here: waiting longer than needed is safe, giving up early is not.
        return _LONGEST_TIMEOUT
    if seconds < 1:
        raise ConfigurationError(f"{logical_id}: Timeout is {seconds}, not at least 1")
    return min(seconds, _LONGEST_TIMEOUT)
