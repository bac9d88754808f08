"""Dynamic references: values that CloudFormation reads when it deploys, and we when we start.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

import functools
import json
import re
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kafka_esm.aws import error_code
from kafka_esm.errors import ConfigurationError

# What stands within {{resolve:…}} -> its value.
Read = Callable[[str], str]

_REFERENCE = re.compile(r"\{\{resolve:([^{}]*)\}\}")
_ARN_PARTS = {"ssm": 6, "secretsmanager": 7}


def is_dynamic(value: Any) -> bool:
    """Whether a value is a text that holds a dynamic reference."""
    return isinstance(value, str) and _REFERENCE.search(value) is not None


def with_values(value: Any, read: Read | None) -> Any:
    """Return a value with the dynamic references read, wherever they are; as it is without `read`.

    Raises:
        ConfigurationError: one cannot be read.

    """
    if read is None:
        return value
    if isinstance(value, dict):
        return {name: with_values(item, read) for name, item in value.items()}
    if isinstance(value, list):
        return [with_values(item, read) for item in value]
    if not isinstance(value, str):
        return value
    return _REFERENCE.sub(lambda found: read(found[1]), value)


def reader(client: Callable[[str], Any]) -> Read:
    """Return what reads a reference, each once; `client` makes boto3's client of a service."""

    @functools.cache
    def read(reference: str) -> str:
        service, _, rest = reference.partition(":")
        try:
            if service in ("ssm", "ssm-secure"):
                return _parameter(client("ssm"), rest, secure=service == "ssm-secure")
            if service == "secretsmanager":
                return _secret(client("secretsmanager"), rest)
        except (BotoCoreError, ClientError) as exc:
            raise ConfigurationError(
                f"{{{{resolve:{reference}}}}} cannot be read: {error_code(exc)}"
            ) from None
        except ValueError as exc:
            raise ConfigurationError(f"{{{{resolve:{reference}}}}}: {exc}") from None
        raise ConfigurationError(
            f"{{{{resolve:{reference}}}}}: there are only ssm, ssm-secure and secretsmanager"
        )

    return read


def _parameter(client: Any, reference: str, *, secure: bool) -> str:
    name, (version,) = _split(reference, "ssm", 1)
    found = client.get_parameter(Name=f"{name}:{version}" if version else name, WithDecryption=secure)
    if not secure and found["Parameter"]["Type"] == "SecureString":
        raise ValueError("the parameter is a SecureString; write ssm-secure")
    return str(found["Parameter"]["Value"])


def _secret(client: Any, reference: str) -> str:
    name, (kind, key, stage, version) = _split(reference, "secretsmanager", 4)
    if kind not in ("", "SecretString"):
        raise ValueError(f"only SecretString can be read, not {kind}")
    which = {"VersionStage": stage, "VersionId": version}
    found = client.get_secret_value(SecretId=name, **{name: value for name, value in which.items() if value})
    text = found.get("SecretString")
    if text is None:
        raise ValueError("the secret has no SecretString")
    if not key:
        return str(text)
    # Neither message says what the secret holds.
    try:
        fields = json.loads(text)
    except ValueError:
        raise ValueError("the secret is not JSON") from None
    if not isinstance(fields, dict) or key not in fields:
        raise ValueError(f"the secret has no field {key}")
    return str(fields[key])


def _split(reference: str, service: str, most: int) -> tuple[str, list[str]]:
    """Return a name, which may be an ARN, and so many parts behind it, empty where they are left out."""
    parts = reference.split(":")
    length = _ARN_PARTS[service] if parts[0] == "arn" else 1
    rest = parts[length:]
    if len(rest) > most or not parts[0]:
        raise ValueError("it is not of the documented form")
    return ":".join(parts[:length]), rest + [""] * (most - len(rest))
