"""The embedding provider's key, of the secret that the settings name: `{"apiKey": "…"}`."""

import json
from functools import cache

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from vectors.errors import UnavailableError
from vectors.settings import settings

_TIMEOUTS = Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 2})


def api_key(*, anew: bool = False) -> str | None:
    """Return the key, read once; `anew` reads it again, for one that was changed. None without a secret.

    UnavailableError if it cannot be read: it may be there for the next invocation.
    """
    arn = settings().embedding_secret_arn
    if arn is None:
        return None
    if anew:
        _read.cache_clear()
    return _read(arn)


@cache
def _read(arn: str) -> str:
    try:
        secret = boto3.client("secretsmanager", config=_TIMEOUTS).get_secret_value(SecretId=arn)
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError(f"The secret {arn} cannot be read. Check EmbeddingSecretArn.") from error
    try:
        return str(json.loads(secret["SecretString"])["apiKey"])
    except (KeyError, TypeError, ValueError):
        raise UnavailableError(f'The secret {arn} is not {{"apiKey": "…"}}.') from None
