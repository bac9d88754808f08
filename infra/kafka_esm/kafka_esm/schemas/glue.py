"""Schemas of AWS Glue: a version of a schema by its UUID, by GetSchemaVersion at the endpoint."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kafka_esm.aws import error_code
from kafka_esm.schemas.records import Schema
from kafka_esm.schemas.registry import Missing, Trouble, readable


def load(schema_id: str, client: Any) -> Schema:
    """Get a schema, and make it readable; `client` is boto3's for glue.

    Raises:
        Trouble: the endpoint cannot be asked, or Glue has not checked the schema yet.
        Missing: Glue does not have it.
        ValueError: the schema cannot be used.

    """
    try:
        answer = client.get_schema_version(SchemaVersionId=schema_id)
    except (BotoCoreError, ClientError) as exc:
        code = error_code(exc)
        if code == "EntityNotFoundException":
            raise Missing(f"AWS Glue does not have the schema version {schema_id}") from None
        raise Trouble(f"AWS Glue cannot be asked for the schema version {schema_id}: {code}") from None
    if answer.get("Status") == "PENDING":
        raise Trouble(f"AWS Glue has not checked the schema version {schema_id} yet")
    return readable(answer["DataFormat"], answer["SchemaDefinition"], {}, glue=True)
