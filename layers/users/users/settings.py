"""What the layer reads from the environment: each function needs only what it uses."""

import os
from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict


class _Environment(BaseModel):
    """Environment variables, by their upper-case names."""

    model_config = ConfigDict(alias_generator=str.upper, frozen=True, hide_input_in_errors=True)

    @classmethod
    @cache
    def read(cls) -> Self:
        """Return the settings, read once; pydantic's ValidationError names the variable that is missing."""
        return cls.model_validate(dict(os.environ))


class StoreSettings(_Environment):
    """The users' table."""

    table_name: str


class AddressSettings(_Environment):
    """Which e-mail addresses a new user may have."""

    allow_special_use_email_domains: bool = False


class KafkaSettings(_Environment):
    """How Kafka is reached; an ARN is empty if there is no such secret."""

    kafka_bootstrap_servers: str
    kafka_secret_arn: str = ""
    kafka_client_certificate_secret_arn: str = ""
    kafka_root_ca_secret_arn: str = ""


class UserEventsSettings(KafkaSettings):
    """Where events go."""

    user_events_topic: str


class DeadLetterSettings(KafkaSettings):
    """Where records go that can never be processed."""

    dead_letter_topic: str
