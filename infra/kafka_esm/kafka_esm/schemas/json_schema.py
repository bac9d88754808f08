"""JSON Schema, by jsonschema: data stays as it is written."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from jsonschema.exceptions import SchemaError, best_match
from jsonschema.validators import Draft7Validator, validator_for
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource, Unresolvable
from referencing.jsonschema import DRAFT7

from kafka_esm.schemas.records import UnusableSchema


def to_json(schema: str, references: Mapping[str, str]) -> Callable[[bytes], bytes]:
    """Return what checks data by a schema; `references` are other schemas, by the names it has for them.

    Raises:
        ValueError: the schema cannot be used.

    """
    try:
        contents = json.loads(schema)
        # Draft 7 is what serializers write that name none.
        made = validator_for(contents, default=Draft7Validator)
        made.check_schema(contents)
        resources = {
            name: Resource.from_contents(json.loads(text), default_specification=DRAFT7)
            for name, text in references.items()
        }
    except SchemaError as exc:
        raise ValueError(f"the JSON schema cannot be used: {exc.message}") from None
    except ValueError as exc:
        raise ValueError(f"the JSON schema cannot be used: {exc}") from None

    def retrieve(uri: str) -> Resource[Any]:
        # Never over the network. A relative reference has the base of the schema that it stands in before it.
        for name, resource in resources.items():
            if uri == name or uri.endswith(f"/{name}"):
                return resource
        raise NoSuchResource(uri)

    validator = made(contents, registry=Registry(retrieve=retrieve))  # type: ignore[call-arg]

    def check(data: bytes) -> bytes:
        try:
            value = json.loads(data.decode(), parse_constant=_not_json)
        except ValueError:
            raise ValueError("it is not JSON") from None
        try:
            error = best_match(validator.iter_errors(value))
        except Unresolvable as exc:
            raise UnusableSchema(
                f"the schema refers to {exc.ref}, which the registry does not name"
            ) from None
        if error is not None:
            # Where in the schema, not where in the data: names there may be anything.
            raise ValueError(f"the rule {'/'.join(map(str, error.absolute_schema_path))} of the schema")
        return data

    return check


def _not_json(name: str) -> None:
    raise ValueError(name)
