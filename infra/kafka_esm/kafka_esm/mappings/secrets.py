"""What the secrets of mappings hold that AWS could not use."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kafka_esm.consumer.access import CLIENT_CERTIFICATE, private_key
from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.rules import of_private_key
from kafka_esm.mappings.validation import Found


def with_key_findings(found: Sequence[Found], secrets: Any) -> list[Found]:
    """Return the mappings with what AWS would refuse of their private keys; `secrets` is boto3's client."""
    return [_with_key_findings(one, secrets) for one in found]


def _with_key_findings(one: Found, secrets: Any) -> Found:
    uri = dict(one.mapping.access).get(CLIENT_CERTIFICATE) if one.mapping else None
    if one.mapping is None or not uri:
        return one
    try:
        more = tuple(of_private_key(private_key(uri, secrets)))
    except ConfigurationError as exc:
        notes = (*one.mapping.notes, f"the private key has not been looked at: {exc}")
        return replace(one, mapping=replace(one.mapping, notes=notes))
    return replace(one, mapping=replace(one.mapping, findings=(*one.mapping.findings, *more)))
