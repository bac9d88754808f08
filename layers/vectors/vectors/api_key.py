"""API keys, each in a secret of Secrets Manager that a parameter names: `{"apiKey": "…"}`."""

import json
from functools import cache

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from vectors.errors import UnavailableError

_TIMEOUTS = Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 2})


def api_key(arn: str, parameter: str, *, anew: bool = False) -> str:
    """Return the key, read once; `anew` reads it again, for one that was changed.

    UnavailableError if it cannot be read, with the secret and the template's parameter that names it: it may
    be there for the next invocation.
    """
    if anew:
        _read.cache_clear()
    return _read(arn, parameter)


@cache
def _read(arn: str, parameter: str) -> str:
    try:
        secret = boto3.client("secretsmanager", config=_TIMEOUTS).get_secret_value(SecretId=arn)
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError(f"The secret {arn} cannot be read. Check {parameter}.") from error
    try:
        return str(json.loads(secret["SecretString"])["apiKey"])
    except (KeyError, TypeError, ValueError):
        raise UnavailableError(f'The secret {arn} is not {{"apiKey": "…"}}.') from None
