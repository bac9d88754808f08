"""A cold start pays for every import: no function loads what it does not use."""

from collections.abc import Callable

import pytest

ImportedBy = Callable[[str], frozenset[str]]
VECTOR = {"fastembed", "grpc", "numpy", "onnxruntime", "qdrant_client", "tokenizers", "vectors"}
HTTP = {"fastapi", "mangum", "starlette", "tenant_auth"}
SIGNATURES = {"cryptography", "jwt"}  # in jwt mode the first request loads them
TRACES_SENT = ("opentelemetry.exporter", "opentelemetry.sdk", "tracing.spans")  # if there is an OtlpEndpoint
TOOLS = {"hypothesis", "kafka_esm", "moto", "pytest", "typer", "uvicorn"}


@pytest.mark.parametrize(
    ("function", "needed", "unneeded"),
    [
        ("create_user", {*HTTP, "boto3", "kafka", "users"}, VECTOR),
        ("import_users", {*HTTP, "boto3", "kafka", "users"}, VECTOR),
        ("update_user", {*HTTP, "boto3", "kafka", "users"}, VECTOR),
        ("delete_user", {*HTTP, "boto3", "kafka", "users"}, VECTOR),
        ("get_user", {*HTTP, "boto3", "users"}, {*VECTOR, "kafka"}),
        ("list_users", {*HTTP, "boto3", "users"}, {*VECTOR, "kafka"}),
        ("search", {*HTTP, "boto3", "fastembed", "qdrant_client", "vectors"}, {"kafka", "users"}),
        ("enrich", {"boto3", "fastembed", "qdrant_client", "users", "vectors"}, {*HTTP, "kafka"}),
        ("relay_events", {"boto3", "kafka", "users"}, {*HTTP, *VECTOR}),
    ],
)
def test_given_a_function_when_imported_then_only_what_it_needs_is_loaded(
    imported_by: ImportedBy, function: str, needed: set[str], unneeded: set[str]
) -> None:
    modules = imported_by(function)
    packages = {module.partition(".")[0] for module in modules}
    assert needed - packages == set()
    assert packages & (unneeded | SIGNATURES | TOOLS) == set()
    assert [module for module in modules if module.startswith(TRACES_SENT)] == []
