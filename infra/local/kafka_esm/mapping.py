"""One event source mapping: what to poll, whom to invoke, and which settings are refused."""

import re
import uuid
from collections.abc import Mapping as Properties
from dataclasses import dataclass
from typing import Any, Literal

from kafka_esm.errors import ConfigurationError
from kafka_esm.intrinsics import Unresolved

StartingPosition = Literal["TRIM_HORIZON", "LATEST"]

DEFAULT_BATCH_SIZE = 100
# Lambda's default for Kafka (and only for Kafka) when no window is given.
DEFAULT_WINDOW_SECONDS = 0.5

_SERVER = re.compile(r"[^\s:,/]+:\d{1,5}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")

# They say where AWS places its pollers; nothing here depends on them.
NETWORK_ACCESS = frozenset({"VPC_SUBNET", "VPC_SECURITY_GROUP"})

_SUPPORTED = frozenset(
    {
        "BatchSize",
        "ConsumerGroupId",
        "Enabled",
        "KafkaBootstrapServers",
        "MaximumBatchingWindowInSeconds",
        "SourceAccessConfigurations",
        "StartingPosition",
        "Tags",
        "Topics",
    }
)

# Properties of later versions, with the value that means what this version does anyway.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "BisectBatchOnFunctionError": (False, "false"),
    "FunctionResponseTypes": ([],),
    "MaximumRecordAgeInSeconds": (-1, "-1"),
    "MaximumRetryAttempts": (-1, "-1"),
}


@dataclass(frozen=True, slots=True)
class Target:
    """The function of a mapping, as Lambda's Invoke API is to be called for it."""

    name: str
    timeout_seconds: int


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
    network_access: tuple[str, ...] = ()

    @property
    def bootstrap(self) -> str:
        """The servers as Lambda's event carries them: one comma-joined string."""
        return ",".join(self.bootstrap_servers)


def mapping_from_properties(where: str, target: Target, properties: Properties[str, Any]) -> Mapping:
    """Check the resolved properties of a mapping, named as SAM names them.

    `where` is how error messages name the mapping.

    Raises:
        ConfigurationError: a property is missing, malformed, or not supported by this version.

    """
    for name, value in properties.items():
        if name not in _SUPPORTED and value not in _NEUTRAL.get(name, ()):
            raise ConfigurationError(
                f"{where}: {name} is not supported by this version of kafka_esm; "
                "remove it, or make it depend on a condition that is false here"
            )
    topic = _topic(where, properties)
    return Mapping(
        target=target,
        bootstrap_servers=_bootstrap_servers(where, properties),
        topic=topic,
        group=_group(where, properties, target, topic),
        batch_size=_integer(where, properties, "BatchSize", 1, 10_000, DEFAULT_BATCH_SIZE),
        window_seconds=_window(where, properties),
        starting_position=_starting_position(where, properties),
        enabled=_boolean(where, properties, "Enabled", default=True),
        network_access=_network_access(where, properties),
    )


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
    value = _required(where, properties, "KafkaBootstrapServers")
    items = value if isinstance(value, list) else [value]
    # A list parameter often ends up as one item that still holds commas.
    servers = [part.strip() for item in items for part in str(item).split(",") if part.strip()]
    if not servers:
        raise ConfigurationError(f"{where}: KafkaBootstrapServers is empty; give host:port")
    for server in servers:
        if not _SERVER.fullmatch(server):
            raise ConfigurationError(f"{where}: KafkaBootstrapServers: {server!r} is not host:port")
    return tuple(servers)


def _topic(where: str, properties: Properties[str, Any]) -> str:
    value = _required(where, properties, "Topics")
    if not isinstance(value, list) or len(value) != 1:
        raise ConfigurationError(f"{where}: Topics must be a list of exactly one topic")
    if not isinstance(value[0], str) or not _TOPIC.fullmatch(value[0]):
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


def _starting_position(where: str, properties: Properties[str, Any]) -> StartingPosition:
    value = _required(where, properties, "StartingPosition")
    if value == "TRIM_HORIZON":
        return "TRIM_HORIZON"
    if value == "LATEST":
        return "LATEST"
    if value == "AT_TIMESTAMP":
        raise ConfigurationError(
            f"{where}: StartingPosition AT_TIMESTAMP is not supported by this version of kafka_esm; "
            "use TRIM_HORIZON or LATEST"
        )
    raise ConfigurationError(f"{where}: StartingPosition is {value!r}, not TRIM_HORIZON or LATEST")


def _window(where: str, properties: Properties[str, Any]) -> float:
    name = "MaximumBatchingWindowInSeconds"
    if properties.get(name) is None:
        return DEFAULT_WINDOW_SECONDS
    return float(_integer(where, properties, name, 0, 300, 0))


def _network_access(where: str, properties: Properties[str, Any]) -> tuple[str, ...]:
    name = "SourceAccessConfigurations"
    value = properties.get(name)
    if isinstance(value, Unresolved):
        raise ConfigurationError(f"{where}: {name}: {value.reason}")
    if value is not None and not isinstance(value, list):
        raise ConfigurationError(f"{where}: {name} must be a list")
    types: list[str] = []
    for item in value or []:
        # An empty URI switches an item off: SAM's transform takes no condition here that could leave it out.
        if isinstance(item, dict) and item.get("URI") == "":
            continue
        # Otherwise the URI is not looked at: it often names a resource that only exists on AWS.
        kind = _known(where, f"{name}: Type", item.get("Type") if isinstance(item, dict) else item)
        if kind not in NETWORK_ACCESS:
            raise ConfigurationError(
                f"{where}: {name}: {kind} is not supported by this version of kafka_esm (it connects "
                "without TLS and authentication); give it an empty URI by a parameter here"
            )
        types.append(kind)
    return tuple(types)


def _integer(
    where: str, properties: Properties[str, Any], name: str, low: int, high: int, default: int
) -> int:
    value = _known(where, name, properties.get(name))
    if value is None:
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
    if value is None:
        return default
    text = str(value).lower()
    if text not in ("true", "false"):
        raise ConfigurationError(f"{where}: {name} is {value!r}, not true or false")
    return text == "true"
