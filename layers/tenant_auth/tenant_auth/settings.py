"""What the layer reads from the environment, once per execution environment."""

import os
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Environment variables, by their upper-case names."""

    model_config = ConfigDict(alias_generator=str.upper, frozen=True, hide_input_in_errors=True)

    auth_mode: Literal["dev"]


@cache
def settings() -> Settings:
    """Return the settings; pydantic's ValidationError names the variable that is missing or wrong."""
    return Settings.model_validate(dict(os.environ))
