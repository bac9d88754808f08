"""Clusters of MSK: where their brokers are."""

import functools
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Given
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kafka_esm.aws import error_code
from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.mapping import CLUSTER_ARN, Mapping, servers
from kafka_esm.mappings.validation import Found

# A cluster's ARN -> BootstrapBrokerString… of each kind.
Ask = Callable[[str], Given[str, str]]

_KINDS = {
    "SASL_SCRAM_512_AUTH": ("SaslScram",),
    "SASL_SCRAM_256_AUTH": ("SaslScram",),
    "CLIENT_CERTIFICATE_TLS_AUTH": ("Tls",),
    "IAM_AUTH": ("SaslIam",),
}
# A mapping that says nothing: unauthenticated where the cluster allows it, else IAM.
_OPEN = ("", "Tls")
_PLACES = ("", "Public", "VpcConnectivity")


def with_brokers(found: Sequence[Found], given: Given[str, str], ask: Ask | None) -> list[Found]:
    """Return the mappings with their brokers: those that are given, else what GetBootstrapBrokers answers.

    `given` has addresses by a cluster's ARN or name; `ask` gets the answer of
    GetBootstrapBrokers (None: it is not asked).
    """
    return [_located(one, given, ask) for one in found]


def _located(found: Found, given: Given[str, str], ask: Ask | None) -> Found:
    mapping = found.mapping
    if mapping is None or mapping.event_source_arn is None or mapping.bootstrap_servers:
        return found
    arn = mapping.event_source_arn
    name = CLUSTER_ARN.fullmatch(arn)
    addresses = given.get(arn) or (given.get(name["name"]) if name else None)
    try:
        if addresses is not None:
            return replace(
                found, mapping=replace(mapping, bootstrap_servers=servers("--bootstrap", addresses))
            )
        # Nobody needs to know where a mapping is that is not polled.
        if ask is None or not mapping.enabled:
            return found
        return replace(found, mapping=_asked(mapping, mapping.event_source_arn, ask))
    except ConfigurationError as exc:
        return Found(found.where, error=ConfigurationError(f"{found.where}: {exc}"))


def asking(client: Callable[[], Any]) -> Ask:
    """Return what asks for a cluster's brokers, once for each; `client` makes boto3's for kafka."""

    @functools.cache
    def ask(arn: str) -> Given[str, str]:
        try:
            answer: Given[str, str] = client().get_bootstrap_brokers(ClusterArn=arn)
        except (BotoCoreError, ClientError) as exc:
            raise ConfigurationError(_unknown(arn, f"GetBootstrapBrokers: {error_code(exc)}")) from None
        return answer

    return ask


def _asked(mapping: Mapping, arn: str, ask: Ask) -> Mapping:
    answer = ask(arn)
    asked = next((_KINDS[kind] for kind, _ in mapping.access if kind in _KINDS), None)
    for kind in asked or (*_OPEN, "SaslIam"):
        for place in _PLACES:
            if addresses := answer.get(f"BootstrapBrokerString{place}{kind}"):
                access = mapping.access
                if asked is None and kind == "SaslIam":
                    access = (("IAM_AUTH", ""),)
                return replace(
                    mapping,
                    bootstrap_servers=servers("GetBootstrapBrokers", addresses),
                    access=access,
                    tls=bool(kind),
                )
    wanted = " or ".join(asked or ("unauthenticated access",))
    raise ConfigurationError(_unknown(arn, f"the cluster has no brokers for {wanted}"))


def _unknown(arn: str, why: str) -> str:
    return f"the brokers of {arn} are not known ({why}): pass --bootstrap {arn}=host:port,…"
