"""One OpenAPI document for the API, from the documents of its functions."""

from importlib.metadata import version
from typing import Any

from tenant_auth.http.problems import Problem

from mesh.deployment.function_source import HTTP_FUNCTIONS, load_function

_REFERENCE = "#/components/schemas/{model}"


def document() -> dict[str, Any]:
    """Return the whole API as OpenAPI 3.1; paths and schemas are in alphabetical order."""
    parts = [load_function(name).app.openapi() for name in HTTP_FUNCTIONS]
    problem = Problem.model_json_schema(ref_template=_REFERENCE)
    schemas = {**problem.pop("$defs"), "Problem": problem}
    paths: dict[str, Any] = {}
    security: dict[str, Any] = {}
    for part in parts:
        for path, operations in part["paths"].items():
            paths[path] = paths.get(path, {}) | operations
        schemas |= part["components"].get("schemas", {})
        security |= part["components"].get("securitySchemes", {})
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own; ours are problems
        schemas.pop(unused, None)
    return {
        "openapi": parts[0]["openapi"],
        "info": {
            "title": "Event Mesh",
            "version": version("event-mesh"),
            "description": "Create, change and erase users, find them by meaning: tenant by tenant.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": security},
    }
