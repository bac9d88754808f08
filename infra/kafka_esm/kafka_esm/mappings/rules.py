"""What AWS would refuse or limit, and the poller does not: each with where AWS says so."""

import base64
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kafka_esm.mappings.dynamic import is_dynamic

_GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg"
_API = "https://docs.aws.amazon.com/lambda/latest/api"
_SAM = "https://docs.aws.amazon.com/serverless-application-model/latest/developerguide"
_CLOUDFORMATION = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide"
_DYNAMIC = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm-secure-strings.html"

_LONGEST_TIMEOUT_SECONDS = 14 * 60
_MOST_SERVERS = 10
_MOST_REGISTRY_ACCESSES = 2
# Property -> what it says if it is not used.
_PROVISIONED_ONLY: Mapping[str, tuple[Any, ...]] = {
    "BisectBatchOnFunctionError": (False, "false"),
    "FunctionResponseTypes": ([],),
    "MaximumRecordAgeInSeconds": (-1, "-1"),
    "MaximumRetryAttempts": (-1, "-1"),
    "LoggingConfig": ({},),
    "SchemaRegistryConfig": ({},),
}
_PROVISIONED_SOURCES = {
    "LoggingConfig": f"{_GUIDE}/esm-logging.html",
    "SchemaRegistryConfig": f"{_GUIDE}/services-consume-kafka-events.html",
}
# Of API_CreateEventSourceMapping and the types that it names.
_TOPIC = re.compile(r"[^.][a-zA-Z0-9_.-]+")
_GROUP = re.compile(r"[ a-zA-Z0-9/*:_+=.@-]*")
_SERVER = re.compile(
    r"(([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])\.)*([a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]):\d{1,5}"
)
_REGISTRY_URI = re.compile(r"[a-zA-Z0-9-/*:_+=.@]{1,10000}")
_POLLER_GROUP = re.compile(r"[a-zA-Z0-9_-]{0,128}")
_SECRET = re.compile(r"arn:aws[a-z-]*:secretsmanager:.+")
_SELF_MANAGED_ACCESS = (
    "BASIC_AUTH",
    "SASL_SCRAM_256_AUTH",
    "SERVER_ROOT_CA_CERTIFICATE",
    "VPC_SUBNET",
    "VPC_SECURITY_GROUP",
)
_ENCRYPTED_KEY = re.compile(r"-----BEGIN ENCRYPTED PRIVATE KEY-----(.*?)-----END", re.DOTALL)
# The object identifier of PBES2, 1.2.840.113549.1.5.13, as DER.
_PBES2 = bytes.fromhex("06092a864886f70d01050d")


class Finding(NamedTuple):
    """What AWS would not do with a mapping: the rule's name, what it is about, and where AWS says so."""

    rule: str
    message: str
    source: str


def findings(
    where: str,
    properties: Mapping[str, Any],
    *,
    timeout_seconds: int | None,
    topic: str,
    group: str,
    servers: Sequence[str],
) -> Iterator[Finding]:
    """Yield what AWS would refuse or limit of a mapping that can be polled.

    `properties` are named as SAM names them; a `timeout_seconds` of None is not known.
    """
    yield from _of_mode(properties)
    if timeout_seconds is not None and timeout_seconds > _LONGEST_TIMEOUT_SECONDS:
        yield Finding(
            "function-timeout",
            f"the function's timeout is {timeout_seconds} s; 840 s is the most",
            f"{_GUIDE}/with-kafka-configure.html",
        )
    if not is_dynamic(topic) and not _TOPIC.fullmatch(topic):
        yield Finding(
            "topic-name",
            f"the topic {topic!r} has less than two characters, or begins with a dot",
            f"{_API}/API_CreateEventSourceMapping.html",
        )
    if not is_dynamic(group) and not _GROUP.fullmatch(group):
        yield Finding(
            "consumer-group-id",
            f"the group {group!r} has other characters than letters, digits, blanks and / * : _ + = . @ -",
            f"{_API}/API_SelfManagedKafkaEventSourceConfig.html",
        )
    for server in servers:
        if not is_dynamic(server) and not _SERVER.fullmatch(server):
            yield Finding(
                "bootstrap-server",
                f"{server!r} is not a host name of letters, digits, hyphens and dots, and a port",
                f"{_API}/API_SelfManagedEventSource.html",
            )
    if len(servers) > _MOST_SERVERS:
        yield Finding(
            "bootstrap-servers",
            f"there are {len(servers)} bootstrap servers; {_MOST_SERVERS} are the most",
            f"{_API}/API_SelfManagedEventSource.html",
        )
    yield from _of_access(where, properties)
    yield from _of_registry(properties.get("SchemaRegistryConfig") or {})
    yield from _of_references(properties)


def starts_in_future(timestamp: float) -> Iterator[Finding]:
    """Yield a finding if a starting position is not in the past yet."""
    if timestamp > time.time():
        yield Finding(
            "starting-timestamp",
            "StartingPositionTimestamp is in the future",
            f"{_API}/API_CreateEventSourceMapping.html",
        )


def _of_mode(properties: Mapping[str, Any]) -> Iterator[Finding]:
    config = properties.get("ProvisionedPollerConfig")
    if config:
        name = config.get("PollerGroupName") if isinstance(config, dict) else None
        if isinstance(name, str) and not is_dynamic(name) and not _POLLER_GROUP.fullmatch(name):
            yield Finding(
                "poller-group-name",
                f"PollerGroupName {name!r} is more than 128 letters, digits, _ and -",
                f"{_API}/API_ProvisionedPollerConfig.html",
            )
        return
    for name, unused in _PROVISIONED_ONLY.items():
        if properties.get(name) is not None and properties[name] not in unused:
            source = _PROVISIONED_SOURCES.get(name, f"{_GUIDE}/kafka-retry-configurations.html")
            yield Finding("provisioned-only", f"{name} needs ProvisionedPollerConfig", source)
    destination = properties.get("DestinationConfig")
    on_failure = destination.get("OnFailure") if isinstance(destination, dict) else None
    target = on_failure.get("Destination") if isinstance(on_failure, dict) else None
    if str(target).startswith("kafka://"):
        yield Finding(
            "provisioned-only",
            "a topic as the failure destination needs ProvisionedPollerConfig",
            f"{_GUIDE}/kafka-on-failure-destination.html",
        )


def _of_access(where: str, properties: Mapping[str, Any]) -> Iterator[Finding]:
    source = f"{_API}/API_SourceAccessConfiguration.html"
    items = [item for item in properties.get("SourceAccessConfigurations") or [] if isinstance(item, dict)]
    managed = "EventSourceArn" in properties
    if not items and not managed and ".Events." in where:
        yield Finding(
            "source-access",
            "SAM wants SourceAccessConfigurations",
            f"{_SAM}/sam-property-function-selfmanagedkafka.html",
        )
    for item in items:
        kind, uri = item.get("Type"), item.get("URI")
        if managed and kind in _SELF_MANAGED_ACCESS:
            yield Finding("source-access", f"{kind} is for self-managed Kafka only, not for MSK", source)
        if str(kind).endswith(("_AUTH", "_CERTIFICATE")) and kind != "IAM_AUTH":
            yield from _of_secret(kind, uri, source)


def _of_secret(kind: Any, uri: Any, source: str) -> Iterator[Finding]:
    if uri and isinstance(uri, str) and not is_dynamic(uri) and not _SECRET.fullmatch(uri):
        yield Finding("secret-arn", f"{kind}: {uri!r} is not the ARN of a secret", source)


def _of_registry(config: Mapping[str, Any]) -> Iterator[Finding]:
    uri = config.get("SchemaRegistryURI")
    if isinstance(uri, str) and not is_dynamic(uri) and not _REGISTRY_URI.fullmatch(uri):
        yield Finding(
            "schema-registry-uri",
            "SchemaRegistryURI has other characters than letters, digits and / * : _ + = . @ -",
            f"{_API}/API_KafkaSchemaRegistryConfig.html",
        )
    access = [
        item for item in config.get("AccessConfigs") or [] if isinstance(item, dict) and item.get("URI")
    ]
    for item in access:
        source = f"{_API}/API_KafkaSchemaRegistryAccessConfig.html"
        yield from _of_secret(item.get("Type"), item["URI"], source)
    if len(access) > _MOST_REGISTRY_ACCESSES:
        yield Finding(
            "schema-registry-access",
            f"AccessConfigs has {len(access)} items; {_MOST_REGISTRY_ACCESSES} are the most",
            f"{_CLOUDFORMATION}/aws-properties-lambda-eventsourcemapping-schemaregistryconfig.html",
        )


def _of_references(properties: Mapping[str, Any]) -> Iterator[Finding]:
    for name in sorted(properties):
        if "{{resolve:ssm-secure:" in str(properties[name]):
            yield Finding(
                "ssm-secure",
                f"{name} holds a reference of ssm-secure, which CloudFormation does not read in it",
                _DYNAMIC,
            )


def of_private_key(pem: str) -> Iterator[Finding]:
    """Yield a finding if a private key is encrypted in a way that AWS's poller cannot read."""
    found = _ENCRYPTED_KEY.search(pem)
    if found and _PBES2 in base64.b64decode("".join(found[1].split())):
        yield Finding(
            "private-key",
            "CLIENT_CERTIFICATE_TLS_AUTH: the private key is encrypted by PBES2; AWS reads PBES1 only",
            f"{_GUIDE}/kafka-cluster-auth.html",
        )
