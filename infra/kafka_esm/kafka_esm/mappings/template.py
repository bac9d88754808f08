"""The event source mappings of a SAM template."""

import functools
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.dynamic import Read, is_dynamic, with_values
from kafka_esm.mappings.intrinsics import NO_VALUE, Scope, Unresolved, holds, parse, resolve
from kafka_esm.mappings.mapping import Mapping as EventSourceMapping
from kafka_esm.mappings.mapping import Target, is_cluster
from kafka_esm.mappings.references import SAM_FUNCTION_TYPE, Deployed, PhysicalName
from kafka_esm.mappings.validation import Found, accepted, check_mapping, own_groups

_LOG = logging.getLogger(__name__)

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
    imports: Mapping[str, str] | None = None,
    read: Read | None = None,
) -> list[EventSourceMapping]:
    """Read every Kafka event source mapping of a SAM template.

    Raises:
        ConfigurationError: the template cannot be read, a parameter is missing or unknown, there is
            no mapping, or one has a property that is not supported.

    """
    return accepted(
        find_mappings(
            path,
            parameters,
            region=region,
            stack_name=stack_name,
            physical_name=physical_name,
            imports=imports,
            read=read,
        )
    )


def find_mappings(
    path: Path,
    parameters: Mapping[str, str],
    *,
    region: str = "us-east-1",
    stack_name: str | None = None,
    physical_name: PhysicalName | None = None,
    imports: Mapping[str, str] | None = None,
    read: Read | None = None,
) -> list[Found]:
    """Find every Kafka event source mapping of a SAM template, and what is wrong with it, if anything is.

    `imports` is what other stacks export. `read` reads dynamic references; without it they stay as they are.

    Raises:
        ConfigurationError: the template cannot be read, a parameter is unknown, or there is no mapping.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"the template {path} cannot be read: {reason}") from None
    template = parse(text)
    scope = _scope(template, parameters, region, stack_name, imports or {})
    deployed = Deployed(template, scope, region, physical_name)
    found = [
        check_mapping(
            where,
            functools.partial(_target, function, deployed, read),
            functools.partial(with_values, properties, read),
        )
        for where, function, properties in _found(template, deployed.scope)
    ]
    if not found:
        raise ConfigurationError(
            f"the template {path} has no Kafka event source mapping (an event of Type SelfManagedKafka "
            "or MSK, or an AWS::Lambda::EventSourceMapping with SelfManagedEventSource or a cluster's ARN)"
        )
    return own_groups(found)


def _scope(
    template: Mapping[str, Any],
    given: Mapping[str, str],
    region: str,
    stack_name: str | None,
    imports: Mapping[str, str],
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
        imports=imports,
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
        if kind not in (SAM_FUNCTION_TYPE, _MAPPING_TYPE) or not _exists(logical_id, resource, scope):
            continue
        if kind == SAM_FUNCTION_TYPE:
            yield from _found_in_function(logical_id, _properties(logical_id, resource), scope)
        else:
            properties = _object(logical_id, resolve(_properties(logical_id, resource), scope))
            if _is_kafka(properties):
                function, sam_properties = _as_sam(logical_id, properties)
                yield logical_id, function, sam_properties


def _found_in_function(
    logical_id: str, properties: Mapping[str, Any], scope: Scope
) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    events = _object(f"{logical_id}.Events", resolve(properties.get("Events"), scope))
    for event_id, event in events.items():
        _refuse_macro(f"{logical_id}.Events", event_id)
        where = f"{logical_id}.Events.{event_id}"
        kind = _object(where, event).get("Type")
        if kind in ("SelfManagedKafka", "MSK"):
            event_properties = dict(_object(where, event.get("Properties")))
            if kind == "MSK":
                # Never both, as in a plain mapping: what SAM calls the cluster's ARN.
                event_properties["EventSourceArn"] = event_properties.pop("Stream", None)
            yield where, SamEvent("", resource=logical_id), event_properties


def _is_kafka(properties: Mapping[str, Any]) -> bool:
    arn = properties.get("EventSourceArn")
    return (
        "SelfManagedEventSource" in properties
        or "AmazonManagedKafkaEventSourceConfig" in properties
        # No other source has topics; an ARN that is not known here may be a cluster's.
        or "Topics" in properties
        or (isinstance(arn, str) and is_cluster(arn))
    )


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
    if "SelfManagedEventSource" in rest:
        source = rest.pop("SelfManagedEventSource")
        # LocalStack's users had to give both: the brokers are what can be polled.
        rest.pop("EventSourceArn", None)
        endpoints = source.get("Endpoints") if isinstance(source, dict) else source
        rest["KafkaBootstrapServers"] = (
            endpoints.get("KafkaBootstrapServers") if isinstance(endpoints, dict) else endpoints
        )
    else:
        rest.setdefault("EventSourceArn", None)
    for name in ("SelfManagedKafkaEventSourceConfig", "AmazonManagedKafkaEventSourceConfig"):
        config = rest.pop(name, None) or {}
        # Whatever else is in there is checked by its own name.
        rest |= config if isinstance(config, dict) else {"ConsumerGroupId": config}
    return function, rest


def _target(function: Any, deployed: Deployed, read: Read | None) -> Target:
    if isinstance(function, SamEvent):
        # A plain mapping that names the function itself stays with $LATEST, whatever SAM publishes.
        logical_id = str(function.resource)
        alias = deployed.alias(logical_id)
        name = deployed.function_name(logical_id) + (f":{alias}" if alias else "")
        return Target(with_values(name, read), _timeout(logical_id, deployed))
    if isinstance(function, Unresolved):
        raise ConfigurationError(f"FunctionName of an {_MAPPING_TYPE}: {function.reason}")
    text = with_values(str(function), read)
    if is_dynamic(text):
        return Target(text, _LONGEST_TIMEOUT, timeout_known=False)
    invoked = deployed.invoked(text)
    if invoked is None:
        raise ConfigurationError(f"FunctionName of an {_MAPPING_TYPE}: {text!r} does not name a function")
    # A function that the template does not have: neither does it have its timeout.
    called, known = invoked
    if known is None:
        return Target(called, _LONGEST_TIMEOUT, timeout_known=False)
    return Target(called, _timeout(known, deployed))


def _timeout(logical_id: str, deployed: Deployed) -> int:
    properties = _properties(logical_id, deployed.resource(logical_id))
    shared = _object("Globals.Function", _object("Globals", deployed.template.get("Globals")).get("Function"))
    value = resolve(properties.get("Timeout", shared.get("Timeout", _DEFAULT_TIMEOUT)), deployed.scope)
    try:
        seconds = int(str(value))
    except ValueError:
        # Not known here: waiting longer than needed is safe, giving up early is not.
        return _LONGEST_TIMEOUT
    if seconds < 1:
        raise ConfigurationError(f"{logical_id}: Timeout is {seconds}, not at least 1")
    return min(seconds, _LONGEST_TIMEOUT)
