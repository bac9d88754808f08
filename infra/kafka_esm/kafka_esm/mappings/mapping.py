"""One event source mapping: what to poll, whom to invoke, and which settings are refused."""

import re
import uuid
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Properties
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from kafka_esm.consumer.access import IAM, REGISTRY_ACCESS, switched_on
from kafka_esm.consumer.filters import compile_patterns
from kafka_esm.delivery.destinations import check_destination
from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.dynamic import is_dynamic
from kafka_esm.mappings.intrinsics import Unresolved
from kafka_esm.mappings.rules import Finding, findings, starts_in_future
from kafka_esm.schemas.config import INSTALL, Attribute, SchemaRegistry, installed

Value = TypeVar("Value")
StartingPosition = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]

DEFAULT_BATCH_SIZE = 100
# Lambda's default for Kafka (and only for Kafka) when no window is given.
DEFAULT_WINDOW_SECONDS = 0.5
# "Infinite" retries are this many as soon as there is a destination.
RETRIES_WITH_DESTINATION = 10
# Lambda's default for MaximumPollers.
DEFAULT_MAXIMUM_POLLERS = 200

# The name of a cluster stands behind its kind; emulators' users have made up other forms.
CLUSTER_ARN = re.compile(r"arn:[a-z-]+:kafka:[^:]*:[^:]*:[a-z-]+[/:](?P<name>[^/:]+).*")
_SERVER = re.compile(r"[^\s:,/]+:\d{1,5}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_GLUE = re.compile(r"arn:[a-z-]+:glue:[^:]*:[^:]*:registry/.+")
_URL = re.compile(r"https?://[^\s/?#,]+(/[^\s?#]*)?")

# They say where AWS places its pollers; nothing here depends on them.
NETWORK_ACCESS = frozenset({"VPC_SUBNET", "VPC_SECURITY_GROUP"})
_ACCESS = frozenset(
    {
        "BASIC_AUTH",
        "CLIENT_CERTIFICATE_TLS_AUTH",
        "SASL_SCRAM_256_AUTH",
        "SASL_SCRAM_512_AUTH",
        "SERVER_ROOT_CA_CERTIFICATE",
        "IAM_AUTH",
    }
)
# AWS takes them; here they are refused with the reason.
_REFUSED_ACCESS = {
    "IAM_OAUTHBEARER_AUTH": "it needs a token of AWS's own web identity",
    "OAUTHBEARER_AUTH": "the form of its secret is not known to kafka_esm",
    "VIRTUAL_HOST": "it is for RabbitMQ",
} | {
    f"OAUTHBEARER_{name}": "it needs OAUTHBEARER_AUTH, which is not supported"
    for name in ("SCOPE", "AUDIENCE", "LOGICAL_CLUSTER", "IDENTITY_POOL")
}
LogLevel = Literal["DEBUG", "INFO", "WARNING"]
_LOG_LEVELS: dict[str, LogLevel] = {"DEBUG": "DEBUG", "INFO": "INFO", "WARN": "WARNING"}
_METRICS = ("EventCount", "ErrorCount", "KafkaMetrics")
_SUPPORTED = frozenset(
    {
        "BatchSize",
        "BisectBatchOnFunctionError",
        "ConsumerGroupId",
        "ConsumptionMode",
        "DestinationConfig",
        "Enabled",
        "EventSourceArn",
        "FilterCriteria",
        "FunctionResponseTypes",
        "KafkaBootstrapServers",
        "KmsKeyArn",
        "LoggingConfig",
        "MaximumBatchingWindowInSeconds",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "MetricsConfig",
        "ProvisionedPollerConfig",
        "Queues",
        "ScalingConfig",
        "SchemaRegistryConfig",
        "SourceAccessConfigurations",
        "StartingPosition",
        "StartingPositionTimestamp",
        "Tags",
        "Topics",
    }
)


@dataclass(frozen=True, slots=True)
class Target:
    """The function of a mapping, as Lambda's Invoke API is to be called for it."""

    name: str
    timeout_seconds: int
    # Whether it is the function's own, not the longest that there is.
    timeout_known: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class Mapping:
    """An event source mapping that has been checked and can be polled."""

    target: Target
    bootstrap_servers: tuple[str, ...]
    topic: str
    group: str
    batch_size: int
    window_seconds: float
    starting_position: StartingPosition
    enabled: bool = True
    # Where AT_TIMESTAMP starts, in seconds since the epoch.
    starting_timestamp: float | None = None
    # None: without end.
    max_retries: int | None = None
    max_age_seconds: int | None = None
    bisect: bool = False
    report_item_failures: bool = False
    # Where records go that are given up: an ARN, or kafka://topic.
    destination: str | None = None
    filters: tuple[str, ...] = ()
    # How to get into the cluster: (Type, URI) of SourceAccessConfigurations.
    access: tuple[tuple[str, str], ...] = ()
    # What checks and converts records before they are filtered and delivered.
    schema_registry: SchemaRegistry | None = None
    # How many invocations the mapping itself allows at a time; None: it does not say.
    pollers: int | None = None
    # The cluster of MSK that is polled. Until its brokers are looked up, bootstrap_servers is empty.
    event_source_arn: str | None = None
    # Whether the brokers want TLS even if `access` says nothing of it.
    tls: bool = False
    # From which level on the mapping's lines are logged; None: as all others.
    log_level: LogLevel | None = None
    # What has no meaning here, for the log and for `check`.
    notes: tuple[str, ...] = ()
    # What AWS would refuse or limit: no part of what is polled.
    findings: tuple[Finding, ...] = field(default=(), compare=False)

    @property
    def bootstrap(self) -> str:
        """The servers as Lambda's event carries them: one comma-joined string."""
        return ",".join(self.bootstrap_servers)


def mapping_from_properties(where: str, target: Target, properties: Properties[str, Any]) -> Mapping:
    """Check the resolved properties of a mapping, named as SAM names them.

    `where` is how error messages name the mapping.

    Raises:
        ConfigurationError: a property is missing, malformed, or not supported.

    """
    unknown = sorted(str(name) for name in properties if name not in _SUPPORTED)
    if unknown:
        raise ConfigurationError(
            f"{where}: {', '.join(unknown)} {'are' if len(unknown) > 1 else 'is'} not supported by "
            "kafka_esm; remove it, or make it depend on a condition that is false here"
        )
    _refuse_other_sources(where, properties)
    topic = _topic(where, properties)
    access, network = _access(where, properties)
    destination = _destination(where, properties, topic)
    max_retries = _limit(where, properties, "MaximumRetryAttempts", 0, 10_000)
    if max_retries is None and destination is not None:
        max_retries = RETRIES_WITH_DESTINATION
    position, timestamp = _starting_position(where, properties)
    group = _group(where, properties, target, topic)
    bootstrap_servers = () if "EventSourceArn" in properties else _bootstrap_servers(where, properties)
    return Mapping(
        target=target,
        bootstrap_servers=bootstrap_servers,
        event_source_arn=_event_source_arn(where, properties),
        log_level=_log_level(where, properties),
        topic=topic,
        group=group,
        batch_size=_integer(where, properties, "BatchSize", 1, 10_000, DEFAULT_BATCH_SIZE),
        window_seconds=_window(where, properties),
        starting_position=position,
        starting_timestamp=timestamp,
        enabled=_boolean(where, properties, "Enabled", default=True),
        max_retries=max_retries,
        max_age_seconds=_limit(where, properties, "MaximumRecordAgeInSeconds", 60, 604_800),
        bisect=_boolean(where, properties, "BisectBatchOnFunctionError", default=False),
        report_item_failures=_report_item_failures(where, properties),
        destination=destination,
        filters=_filters(where, properties),
        access=access,
        schema_registry=_schema_registry(where, properties),
        pollers=_pollers(where, properties),
        notes=_notes(target, properties, network),
        findings=(
            *findings(
                where,
                properties,
                timeout_seconds=target.timeout_seconds if target.timeout_known else None,
                topic=topic,
                group=group,
                servers=bootstrap_servers,
            ),
            *starts_in_future(timestamp or 0),
        ),
    )


def _notes(target: Target, properties: Properties[str, Any], network: tuple[str, ...]) -> tuple[str, ...]:
    notes = [
        f"{name} is a dynamic reference, which run reads at the endpoint: {text}"
        for name, text in (*_dynamic({"FunctionName": target.name}), *_dynamic(properties))
    ]
    notes += [f"{name} has no meaning outside AWS" for name in network]
    if properties.get("KmsKeyArn"):
        notes.append("KmsKeyArn has no meaning outside AWS")
    return tuple(notes)


def _dynamic(properties: Properties[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the dynamic references that stand in properties, each with the property's name."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            value = list(value.values())
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict | list):
                yield from texts(item)
            elif is_dynamic(item):
                yield item

    for name in sorted(properties):
        yield from ((name, text) for text in texts(properties[name]))


def _known(where: str, name: str, value: Any) -> Any:
    if isinstance(value, Unresolved):
        raise ConfigurationError(f"{where}: {name}: {value.reason}")
    if isinstance(value, list):
        return [_known(where, name, item) for item in value]
    return value


def _required(where: str, properties: Properties[str, Any], name: str) -> Any:
    if properties.get(name) is None:
        raise ConfigurationError(f"{where}: {name} is missing")
    return _known(where, name, properties[name])


def _bootstrap_servers(where: str, properties: Properties[str, Any]) -> tuple[str, ...]:
    return servers(f"{where}: KafkaBootstrapServers", _required(where, properties, "KafkaBootstrapServers"))


def servers(where: str, value: Any) -> tuple[str, ...]:
    """Read the addresses of brokers, of which `where` says where they come from.

    Raises:
        ConfigurationError: one is not host:port, or there are none.

    """
    items = value if isinstance(value, list) else [value]
    # A list parameter often ends up as one item that still holds commas.
    texts = [str(item) for item in items]
    found = [
        part.strip()
        for text in texts
        for part in ([text] if is_dynamic(text) else text.split(","))
        if part.strip()
    ]
    if not found:
        raise ConfigurationError(f"{where} is empty; give host:port")
    for server in found:
        if is_dynamic(server):
            continue
        if not _SERVER.fullmatch(server):
            raise ConfigurationError(f"{where}: {server!r} is not host:port")
        if int(server.rpartition(":")[2]) not in range(1, 65_536):
            raise ConfigurationError(f"{where}: {server!r} has no port up to 65535")
    return tuple(found)


def is_cluster(arn: str) -> bool:
    """Whether an ARN is that of a cluster of MSK."""
    return CLUSTER_ARN.fullmatch(arn) is not None


def _event_source_arn(where: str, properties: Properties[str, Any]) -> str | None:
    if "EventSourceArn" not in properties:
        return None
    value = _required(where, properties, "EventSourceArn")
    if not isinstance(value, str) or not (is_cluster(value) or is_dynamic(value)):
        raise ConfigurationError(f"{where}: EventSourceArn is {value!r}, not the ARN of an MSK cluster")
    return value


def _refuse_other_sources(where: str, properties: Properties[str, Any]) -> None:
    """Take what is empty or is the default, as other tools write it, and refuse what is not for polling."""
    if _list(where, properties, "Queues"):
        raise ConfigurationError(f"{where}: Queues is for Amazon MQ; a topic of Kafka goes into Topics")
    if _object(where, properties, "ScalingConfig"):
        raise ConfigurationError(f"{where}: ScalingConfig is for SQS; use ProvisionedPollerConfig")
    mode = _known(where, "ConsumptionMode", properties.get("ConsumptionMode"))
    if mode == "Queue":
        raise ConfigurationError(
            f"{where}: ConsumptionMode Queue needs a share group, which kafka-python has not; use Stream"
        )
    if mode not in (None, "Stream") and not is_dynamic(mode):
        raise ConfigurationError(f"{where}: ConsumptionMode is {mode!r}, not Stream")
    metrics = _object(where, properties, "MetricsConfig")
    _only(f"{where}: MetricsConfig", metrics, "Metrics")
    for metric in _list(f"{where}: MetricsConfig", metrics, "Metrics"):
        if metric not in _METRICS and not is_dynamic(metric):
            raise ConfigurationError(
                f"{where}: MetricsConfig: {metric!r} is not one of {', '.join(_METRICS)}"
            )


def _log_level(where: str, properties: Properties[str, Any]) -> LogLevel | None:
    config = _object(where, properties, "LoggingConfig")
    _only(f"{where}: LoggingConfig", config, "SystemLogLevel")
    level = _known(where, "LoggingConfig.SystemLogLevel", config.get("SystemLogLevel"))
    if level is None or is_dynamic(level):
        return None
    if level not in _LOG_LEVELS:
        raise ConfigurationError(
            f"{where}: LoggingConfig.SystemLogLevel is {level!r}, not one of {', '.join(_LOG_LEVELS)}"
        )
    return _LOG_LEVELS[level]


def _topic(where: str, properties: Properties[str, Any]) -> str:
    value = _required(where, properties, "Topics")
    if not isinstance(value, list) or len(value) != 1:
        raise ConfigurationError(f"{where}: Topics must be a list of exactly one topic")
    if not isinstance(value[0], str) or not (_TOPIC.fullmatch(value[0]) or is_dynamic(value[0])):
        raise ConfigurationError(f"{where}: Topics: {value[0]!r} is not a topic name")
    return value[0]


def _group(where: str, properties: Properties[str, Any], target: Target, topic: str) -> str:
    value = _known(where, "ConsumerGroupId", properties.get("ConsumerGroupId"))
    if value is None:
        # AWS takes the mapping's UUID. Ours has to be the same after a restart, so it is derived.
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{target.name}/{topic}"))
    if not isinstance(value, str) or not 1 <= len(value) <= 200:
        raise ConfigurationError(f"{where}: ConsumerGroupId must be a string of 1 to 200 characters")
    return value


def _starting_position(where: str, properties: Properties[str, Any]) -> tuple[StartingPosition, float | None]:
    value = _required(where, properties, "StartingPosition")
    timestamp = properties.get("StartingPositionTimestamp")
    if value == "AT_TIMESTAMP":
        return "AT_TIMESTAMP", _timestamp(where, _required(where, properties, "StartingPositionTimestamp"))
    if is_dynamic(value):
        return "TRIM_HORIZON", None
    if timestamp is not None:
        raise ConfigurationError(f"{where}: StartingPositionTimestamp needs StartingPosition AT_TIMESTAMP")
    if value == "TRIM_HORIZON":
        return "TRIM_HORIZON", None
    if value == "LATEST":
        return "LATEST", None
    raise ConfigurationError(
        f"{where}: StartingPosition is {value!r}, not TRIM_HORIZON, LATEST or AT_TIMESTAMP"
    )


def _timestamp(where: str, value: Any) -> float:
    """Read seconds since the epoch (CloudFormation) or a time (the API's answer, or YAML's own type)."""
    if is_dynamic(value):
        return 0.0
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e11:
        raise ConfigurationError(
            f"{where}: StartingPositionTimestamp is {value!r}, not a number of seconds since 1970"
        )
    return seconds


def _window(where: str, properties: Properties[str, Any]) -> float:
    name = "MaximumBatchingWindowInSeconds"
    if properties.get(name) is None:
        return DEFAULT_WINDOW_SECONDS
    return float(_integer(where, properties, name, 0, 300, 0))


def _access(
    where: str, properties: Properties[str, Any]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Return how to get into the cluster, and the types that only say where AWS places its pollers."""
    name = "SourceAccessConfigurations"
    access: list[tuple[str, str]] = []
    network: list[str] = []
    for item in _list(where, properties, name):
        # An empty URI switches an item off: SAM's transform takes no condition here that could leave it out.
        if isinstance(item, dict) and item.get("URI") == "" and item.get("Type") != IAM:
            continue
        kind = _known(where, f"{name}: Type", item.get("Type") if isinstance(item, dict) else item)
        if kind in NETWORK_ACCESS:
            # The URI is not looked at: it often names a resource that only exists on AWS.
            network.append(kind)
            continue
        if kind in _REFUSED_ACCESS:
            raise ConfigurationError(f"{where}: {name}: {kind} is not supported: {_REFUSED_ACCESS[kind]}")
        if kind not in _ACCESS and not is_dynamic(kind):
            raise ConfigurationError(f"{where}: {name}: {kind} is not supported by kafka_esm")
        uri = _known(where, f"{name}: {kind}: URI", item.get("URI") if isinstance(item, dict) else None)
        if kind == IAM and uri is None:  # there is no secret
            uri = ""
        if not isinstance(kind, str) or not isinstance(uri, str):
            raise ConfigurationError(f"{where}: {name}: {item!r} is not of the form {{Type, URI}}")
        access.append((kind, uri))
    _checked(where, switched_on, [(kind, uri) for kind, uri in access if not is_dynamic(kind)])
    return tuple(access), tuple(dict.fromkeys(network))


def _destination(where: str, properties: Properties[str, Any], topic: str) -> str | None:
    config = _object(where, properties, "DestinationConfig")
    for name in config:
        if name != "OnFailure":
            raise ConfigurationError(f"{where}: DestinationConfig.{name} is not supported for Kafka")
    if config.get("OnFailure") is None:
        return None
    on_failure = _object(f"{where}: DestinationConfig", config, "OnFailure")
    # SAM's Type only helps SAM to make a policy.
    _only(f"{where}: DestinationConfig.OnFailure", on_failure, "Destination", "Type")
    value = _known(where, "DestinationConfig.OnFailure.Destination", on_failure.get("Destination"))
    if value is None:
        raise ConfigurationError(f"{where}: DestinationConfig.OnFailure has no Destination")
    if not isinstance(value, str):
        raise ConfigurationError(
            f"{where}: DestinationConfig.OnFailure.Destination is {value!r}, neither an ARN nor kafka://topic"
        )
    if not is_dynamic(value):
        _checked(where, check_destination, value)
    if value == f"kafka://{topic}":
        raise ConfigurationError(f"{where}: the failure destination is the source topic: it would never end")
    return value


def _report_item_failures(where: str, properties: Properties[str, Any]) -> bool:
    types = _known(where, "FunctionResponseTypes", _list(where, properties, "FunctionResponseTypes"))
    for kind in types:
        if kind != "ReportBatchItemFailures" and not is_dynamic(kind):
            raise ConfigurationError(
                f"{where}: FunctionResponseTypes: {kind!r} is not ReportBatchItemFailures"
            )
    return bool(types)


def _filters(where: str, properties: Properties[str, Any]) -> tuple[str, ...]:
    criteria = _object(where, properties, "FilterCriteria")
    _only(f"{where}: FilterCriteria", criteria, "Filters")
    patterns = []
    for item in _list(f"{where}: FilterCriteria", criteria, "Filters"):
        pattern = _known(
            where, "FilterCriteria: Pattern", item.get("Pattern") if isinstance(item, dict) else None
        )
        if not isinstance(pattern, str):
            raise ConfigurationError(f"{where}: FilterCriteria: {item!r} has no Pattern that is a JSON text")
        _only(f"{where}: FilterCriteria.Filters", item, "Pattern")
        patterns.append(pattern)
    _checked(where, compile_patterns, [pattern for pattern in patterns if not is_dynamic(pattern)])
    return tuple(patterns)


def _schema_registry(where: str, properties: Properties[str, Any]) -> SchemaRegistry | None:
    config = _object(where, properties, "SchemaRegistryConfig")
    if not config:
        return None
    where = f"{where}: SchemaRegistryConfig"
    _only(where, config, "AccessConfigs", "EventRecordFormat", "SchemaRegistryURI", "SchemaValidationConfigs")
    uri = _required(where, config, "SchemaRegistryURI")
    if not isinstance(uri, str) or not (_URL.fullmatch(uri) or _GLUE.fullmatch(uri) or is_dynamic(uri)):
        raise ConfigurationError(
            f"{where}: SchemaRegistryURI is neither an http(s) address nor the ARN of a registry of Glue"
        )
    access = _registry_access(where, config)
    if _GLUE.fullmatch(uri) and access:
        raise ConfigurationError(f"{where}: AccessConfigs are not for Glue: AWS credentials are; remove them")
    # AWS's text has no default: as the source has it is what loses nothing.
    record_format = _known(where, "EventRecordFormat", config.get("EventRecordFormat")) or "SOURCE"
    if record_format not in ("JSON", "SOURCE") and not is_dynamic(record_format):
        raise ConfigurationError(f"{where}: EventRecordFormat is {record_format!r}, not JSON or SOURCE")
    if not installed():
        raise ConfigurationError(f"{where} needs more packages: {INSTALL}")
    return SchemaRegistry(
        uri,
        "JSON" if record_format == "JSON" else "SOURCE",
        _attributes(where, config),
        access,
    )


def _attributes(where: str, config: Properties[str, Any]) -> tuple[Attribute, ...]:
    found: list[Attribute] = []
    for item in _list(where, config, "SchemaValidationConfigs"):
        attribute = _known(where, "Attribute", item.get("Attribute") if isinstance(item, dict) else item)
        if attribute == "KEY":
            found.append("KEY")
        elif attribute == "VALUE":
            found.append("VALUE")
        elif not is_dynamic(attribute):
            raise ConfigurationError(
                f"{where}: SchemaValidationConfigs: {item!r} is neither {{Attribute: KEY}} nor VALUE"
            )
    return tuple(dict.fromkeys(found))


def _registry_access(where: str, config: Properties[str, Any]) -> tuple[tuple[str, str], ...]:
    access: dict[str, str] = {}
    for item in _list(where, config, "AccessConfigs"):
        kind = _known(where, "AccessConfigs: Type", item.get("Type") if isinstance(item, dict) else item)
        uri = _known(
            where, f"AccessConfigs: {kind}: URI", item.get("URI") if isinstance(item, dict) else None
        )
        if uri == "":  # switched off, as in SourceAccessConfigurations
            continue
        if kind not in REGISTRY_ACCESS and not is_dynamic(kind):
            raise ConfigurationError(
                f"{where}: AccessConfigs: {kind!r} is not one of {', '.join(REGISTRY_ACCESS)}"
            )
        if not isinstance(uri, str):
            raise ConfigurationError(f"{where}: AccessConfigs: {item!r} is not of the form {{Type, URI}}")
        if kind in access:
            raise ConfigurationError(f"{where}: AccessConfigs: {kind} is there twice")
        access[kind] = uri
    return tuple(access.items())


def _pollers(where: str, properties: Properties[str, Any]) -> int | None:
    config = _object(where, properties, "ProvisionedPollerConfig")
    if not config:
        return None
    where = f"{where}: ProvisionedPollerConfig"
    # PollerGroupName only groups what AWS charges for.
    _only(where, config, "MinimumPollers", "MaximumPollers", "PollerGroupName")
    least = _integer(where, config, "MinimumPollers", 1, 200, 1)
    most = _integer(where, config, "MaximumPollers", 1, 2_000, max(DEFAULT_MAXIMUM_POLLERS, least))
    if least > most:
        raise ConfigurationError(f"{where}: MinimumPollers is {least}, more than MaximumPollers {most}")
    return most


def _limit(where: str, properties: Properties[str, Any], name: str, low: int, high: int) -> int | None:
    """Read a number of which -1 means that there is no limit."""
    number = _integer(where, properties, name, -1, high, -1)
    if number == -1:
        return None
    if number < low:
        raise ConfigurationError(f"{where}: {name} is {number}, neither -1 nor within {low} to {high}")
    return number


def _only(where: str, value: Properties[str, Any], *names: str) -> None:
    for name in value:
        if name not in names:
            raise ConfigurationError(f"{where}.{name} is not supported")


def _checked(where: str, check: Callable[[Value], object], value: Value) -> None:
    try:
        check(value)
    except ConfigurationError as exc:
        raise ConfigurationError(f"{where}: {exc}") from None


def _object(where: str, properties: Properties[str, Any], name: str) -> Properties[str, Any]:
    value = _known(where, name, properties.get(name))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where}: {name} must be an object")
    return value


def _list(where: str, properties: Properties[str, Any], name: str) -> list[Any]:
    value = properties.get(name)
    if isinstance(value, Unresolved):
        raise ConfigurationError(f"{where}: {name}: {value.reason}")
    if value is not None and not isinstance(value, list):
        raise ConfigurationError(f"{where}: {name} must be a list")
    return value or []


def _integer(
    where: str, properties: Properties[str, Any], name: str, low: int, high: int, default: int
) -> int:
    value = _known(where, name, properties.get(name))
    if value is None or is_dynamic(value):
        return default
    try:
        # Parameters are strings; a bool is an int to Python, not to CloudFormation.
        number = int(str(value))
    except ValueError:
        raise ConfigurationError(f"{where}: {name} is {value!r}, not a whole number") from None
    if not low <= number <= high:
        raise ConfigurationError(f"{where}: {name} is {number}, not within {low} to {high}")
    return number


def _boolean(where: str, properties: Properties[str, Any], name: str, *, default: bool) -> bool:
    value = _known(where, name, properties.get(name))
    if value is None or is_dynamic(value):
        return default
    text = str(value).lower()
    if text not in ("true", "false"):
        raise ConfigurationError(f"{where}: {name} is {value!r}, not true or false")
    return text == "true"
