"""One request, one user: what a client sends again with the same Idempotency-Key is done once.

Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)
from aws_lambda_powertools.utilities.idempotency.serialization.base import BaseIdempotencySerializer

from users import table
from users.errors import ErasedError, InProgressError, KeyReusedError, NotFoundError, UnavailableError
from users.model import NewUser, User

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PREFIX = "IDEMPOTENCY"


class IdempotentRequests:
    """The requests of one tenant that carry a key."""

    def __init__(self, client: DynamoDBClient, table_name: str, tenant_id: str, lambda_context: Any) -> None:
        self._store = DynamoDBPersistenceLayer(
            table_name,
            key_attr="pk",
            sort_key_attr="sk",
            static_pk_value=table.pk(tenant_id),
            expiry_attr=table.EXPIRES_AT,
            boto3_client=client,
        )
        self._config = IdempotencyConfig(
            event_key_jmespath="key",
            payload_validation_jmespath="body",
            raise_on_no_idempotency_key=True,
            expires_after_seconds=table.REMEMBERED_SECONDS,
            hash_function="sha256",
            lambda_context=lambda_context,  # what a killed function left can be tried again after its time
        )

    def create(
        self, key: str, new: NewUser, create: Callable[[str], User], get: Callable[[int], User]
    ) -> User:
        """Return the user whom `create` made for this key and body, now or up to a day ago.

        Only the user's id is kept, so that nobody who is erased stays here: an earlier one is read by `get`,
        and is as it is now. `create` is given a name of the request that is the same each time. Raises
        KeyReusedError if the key came with another body, InProgressError if the first request is still at
        work, ErasedError if its user has been erased since, UnavailableError if DynamoDB does not answer.
        """
        request = {"key": key, "body": new.model_dump_json()}

        def work(request: dict[str, str]) -> User:
            return create(sha256("\0".join(request.values()).encode()).hexdigest())

        once = idempotent_function(
            work,
            data_keyword_argument="request",
            persistence_store=self._store,
            config=self._config,
            output_serializer=_IdOnly(),
            key_prefix=_PREFIX,
        )
        try:
            created: User | int = once(request=request)
        except IdempotencyValidationError:
            raise KeyReusedError from None
        except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError):
            raise InProgressError from None
        except IdempotencyPersistenceLayerError as error:
            raise UnavailableError("DynamoDB did not keep the request.") from error
        try:
            return get(created) if isinstance(created, int) else created
        except NotFoundError:
            raise ErasedError from None


class _IdOnly(BaseIdempotencySerializer):
    """What is kept of a user; earlier deployments have kept all of it."""

    def to_dict(self, data: User) -> dict[str, int]:
        return {"id": data.id}

    def from_dict(self, data: dict[str, Any]) -> int:
        user_id: int = data["id"]
        return user_id
