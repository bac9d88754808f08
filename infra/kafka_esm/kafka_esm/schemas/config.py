"""What a mapping says of its schema registry."""

import importlib.util
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

Attribute = Literal["KEY", "VALUE"]
RecordFormat = Literal["JSON", "SOURCE"]

_PACKAGES = ("fastavro", "grpc_tools", "jsonschema", "referencing", "google.protobuf")
INSTALL = "pip install 'kafka-esm[schemas]'"


@dataclass(frozen=True, slots=True)
class SchemaRegistry:
    """SchemaRegistryConfig, checked."""

    uri: str
    record_format: RecordFormat
    attributes: tuple[Attribute, ...]
    # (Type, URI) of AccessConfigs.
    access: tuple[tuple[str, str], ...] = ()

    @property
    def glue(self) -> bool:
        """Whether it is AWS Glue's."""
        return self.uri.startswith("arn:")

    @property
    def place(self) -> str:
        """Where it is, for people: without a password that the URI may hold."""
        if "://" not in self.uri:  # a dynamic reference
            return self.uri
        parts = urlsplit(self.uri)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def installed() -> bool:
    """Whether the libraries for the formats are here; looking does not import them."""
    try:
        return all(importlib.util.find_spec(name) for name in _PACKAGES)
    except ModuleNotFoundError:  # the parent of google.protobuf
        return False
