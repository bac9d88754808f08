"""qdrant-client, whose models Pydantic builds when they are used, and not all when it is imported.

At its import it has each of its several hundred models built: a fifth of search's cold start, for the few
dozen that are used. So nothing else of this layer imports qdrant_client.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel


@contextmanager
def _models_left_unbuilt() -> Iterator[None]:
    """Have `model_rebuild` do nothing: Pydantic calls it again for a model that is used unbuilt."""
    build = BaseModel.__dict__["model_rebuild"]

    def later(cls: type[BaseModel], /, **options: Any) -> None:
        return None

    setattr(BaseModel, "model_rebuild", classmethod(later))  # noqa: B010 - mypy knows it as a method
    try:
        yield
    finally:
        setattr(BaseModel, "model_rebuild", build)  # noqa: B010


with _models_left_unbuilt():
    from qdrant_client import QdrantClient as QdrantClient
    from qdrant_client import models as models
    from qdrant_client.common.client_exceptions import QdrantException as QdrantException
    from qdrant_client.common.client_exceptions import ResourceExhaustedResponse as ResourceExhaustedResponse
    from qdrant_client.http.exceptions import ApiException as ApiException
    from qdrant_client.http.exceptions import ResponseHandlingException as ResponseHandlingException
    from qdrant_client.http.exceptions import UnexpectedResponse as UnexpectedResponse
