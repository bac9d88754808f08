"""The template's parameters: which there are, what a mesh gives, and whether the template takes them."""

import math
import re
from collections.abc import Mapping
from typing import Any

from kafka_esm.mappings import intrinsics

from mesh.clients.aws import ENRICH_WORKERS, STACK
from mesh.deployment import build
from mesh.errors import MeshError
from mesh.state import State

JWKS = "event-mesh-issuer/jwks.json"  # bucket and object


def given(state: State) -> dict[str, str]:
    """Return the template's parameters that the mesh gives: its own, but for those that the user gave."""
    return {
        "Runtime": build.RUNTIME,
        "Architecture": build.architecture(),
        "Environment": "development",
        "AuthMode": "dev",
        "JwtJwksUrl": f"{state.aws_endpoint_url}/{JWKS}",
        "JwtIssuer": "https://issuer.event-mesh.invalid",
        "JwtAudience": STACK,
        "KafkaBootstrapServers": state.kafka_bootstrap_servers,
        "QdrantUrl": state.qdrant_url,
        "EnrichConcurrency": ENRICH_WORKERS,
        **state.kafka_secrets,
        **_embeddings(state),
        **_traces(state),
        **state.parameters,
    }


def _traces(state: State) -> dict[str, str]:
    """Return where traces go: to the console, which keeps the last ones."""
    console = state.component("console")
    return {"OtlpEndpoint": console.address} if console else {}


def _embeddings(state: State) -> dict[str, str]:
    """Return how functions embed, if the mesh has a component that does."""
    embeddings = state.component("embeddings")
    if embeddings is None:
        return {}
    return {
        "EmbeddingProvider": "openai",
        "EmbeddingModel": "multilingual-e5-small",
        "EmbeddingUrl": f"{embeddings.address}/v1",
        "EmbeddingBatchSize": "4",  # it takes two seconds for a long text
        "EmbeddingQueryInputType": "query",
        "EmbeddingPassageInputType": "passage",
        "SearchWordsWeight": "0.2",
    }


def declared() -> list[str]:
    """Return the names of the template's parameters."""
    return sorted(build.source_template()["Parameters"])


def of_next_index() -> dict[str, str]:
    """Return the parameters that the template has for the next index, too, with those defaults."""
    parameters = build.source_template()["Parameters"].items()
    return {
        name.removeprefix("Next"): str(each["Default"])
        for name, each in parameters
        if name.startswith("Next")
    }


def resolved(chosen: Mapping[str, str]) -> dict[str, str]:
    """Return every parameter of the built template with the value it gets."""
    declared = build.built_template()["Parameters"]
    defaults = {name: str(each["Default"]) for name, each in declared.items() if "Default" in each}
    return {**defaults, **chosen}


def environment(function: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a function of the template gets: those that are set, and known before."""
    template = build.source_template()
    variables = template["Resources"][function]["Properties"]["Environment"]["Variables"]
    scope = intrinsics.Scope(values, {}, template["Conditions"])
    found = intrinsics.resolve(variables, scope)
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


def check(values: Mapping[str, str]) -> None:
    """MeshError if the template refuses the values: LocalStack deploys without a look at them."""
    template = build.source_template()
    for name, declared in template["Parameters"].items():
        _check_one(name, declared, values.get(name, ""))

    def holds(condition: Any) -> bool:
        return intrinsics.holds("It", intrinsics.Scope(values, {}, {"It": condition})) is True

    for rule in template["Rules"].values():
        for assertion in rule["Assertions"] if holds(rule["RuleCondition"]) else []:
            if not holds(assertion["Assert"]):
                raise MeshError(f"The template refuses these parameters: {assertion['AssertDescription']}")


def _check_one(name: str, declared: Mapping[str, Any], value: str) -> None:
    """MeshError if a value is not what its parameter's declaration allows."""
    allowed = [str(each) for each in declared.get("AllowedValues", [])]
    if allowed and value not in allowed:
        raise MeshError(f"{name} cannot be {value!r}. It is one of: {', '.join(allowed)}.")
    if "AllowedPattern" in declared and not re.fullmatch(declared["AllowedPattern"], value):
        raise MeshError(f"{name} cannot be {value!r}: it has the form {declared['AllowedPattern']}")
    if declared["Type"] == "Number":
        least, most = declared.get("MinValue", -math.inf), declared.get("MaxValue", math.inf)
        try:
            if least <= float(value) <= most:
                return
        except ValueError:
            pass
        raise MeshError(f"{name} cannot be {value!r}: it is a number from {least:g} to {most:g}.")
