"""What the layer reads from the environment, once per execution environment."""

import os
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

WORDS_WEIGHT = 1.3  # beside the cosines of the layer's model: docs/search.md, How people are ranked
_LAYER_ROOT = Path(__file__).resolve().parents[1]


class Settings(BaseModel):
    """Environment variables, by their upper-case names.

    A relative EMBEDDING_MODEL_PATH starts at the layer's root; without one, fastembed fetches the model. A
    prefix is set off from the text by a space, which a parameter does not keep at its end.
    """

    model_config = ConfigDict(alias_generator=str.upper, frozen=True, hide_input_in_errors=True)

    qdrant_url: str
    qdrant_secret_arn: str | None = None
    qdrant_collection: str = "user_embeddings"
    search_words_weight: float = Field(default=WORDS_WEIGHT, ge=0, allow_inf_nan=False)
    embedding_provider: Literal["local", "openai"] = "local"
    embedding_model: str
    embedding_model_path: str | None = None
    embedding_dimension: int = Field(ge=1)
    embedding_url: str | None = None
    embedding_secret_arn: str | None = None
    embedding_send_dimension: bool = False
    embedding_batch_size: int = Field(default=32, ge=1)
    embedding_query_prefix: str = ""
    embedding_passage_prefix: str = ""
    embedding_query_input_type: str = ""
    embedding_passage_input_type: str = ""

    @model_validator(mode="after")
    def _openai_has_an_address(self) -> Self:
        if self.embedding_provider == "openai" and self.embedding_url is None:
            raise ValueError("EMBEDDING_PROVIDER openai needs EMBEDDING_URL")
        return self

    @property
    def makes_vectors(self) -> dict[str, str]:
        """What a vector depends on beside the text: where one differs, vectors have nothing in common."""
        return {
            "embedding_provider": self.embedding_provider,
            "embedding_model": self.embedding_model,
            "embedding_passage_prefix": self.embedding_passage_prefix,
            "embedding_passage_input_type": self.embedding_passage_input_type,
        }

    @property
    def model_folder(self) -> str | None:
        """The folder that holds the model's files."""
        return str(_LAYER_ROOT / self.embedding_model_path) if self.embedding_model_path else None


@cache
def settings() -> Settings:
    """Return the settings; pydantic's ValidationError names the variable that is missing or wrong."""
    return Settings.model_validate({name: value for name, value in os.environ.items() if value})
