"""What the layer reads from the environment, once per execution environment."""

import os
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

_LAYER_ROOT = Path(__file__).resolve().parents[1]


class Settings(BaseModel):
    """Environment variables, by their upper-case names.

    A relative EMBEDDING_MODEL_PATH starts at the layer's root; without one, fastembed fetches the model.
    """

    model_config = ConfigDict(alias_generator=str.upper, frozen=True, hide_input_in_errors=True)

    qdrant_url: str
    qdrant_api_key: str | None = None
    qdrant_collection: str = "user_embeddings"
    embedding_model: str
    embedding_model_path: str | None = None
    embedding_dimension: int

    @property
    def model_folder(self) -> str | None:
        """The folder that holds the model's files."""
        return str(_LAYER_ROOT / self.embedding_model_path) if self.embedding_model_path else None


@cache
def settings() -> Settings:
    """Return the settings; pydantic's ValidationError names the variable that is missing or wrong."""
    return Settings.model_validate({name: value for name, value in os.environ.items() if value})
