"""docs/openapi.json is what the functions say of themselves, and what the design promises."""

import json
from typing import Any

import pytest
from mesh import paths
from mesh.commands import openapi
from tenant_auth.http.problems import MEDIA_TYPE

PUBLISHED = paths.ROOT / "docs" / "openapi.json"
OPERATIONS = {
    ("get", "/health"): {"200", "500"},
    ("post", "/users/create"): {"201", "400", "401", "409", "410", "413", "415", "422", "429", "500", "503"},
    ("post", "/users/import"): {"200", "400", "401", "413", "415", "422", "429", "500", "503"},
    ("get", "/users"): {"200", "400", "401", "422", "429", "500", "503"},
    ("get", "/users/{id}"): {"200", "304", "401", "404", "422", "429", "500", "503"},
    ("patch", "/users/{id}"): {
        *("200", "400", "401", "404", "409", "412", "413", "415", "422", "429", "500", "503"),
    },
    ("delete", "/users/{id}"): {"204", "400", "401", "404", "412", "422", "429", "500", "503"},
    ("get", "/ai/users/search"): {"200", "400", "401", "422", "429", "500", "503"},
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document()


def operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][path][method]
    return found


def test_the_published_document_is_up_to_date(document: dict[str, Any]) -> None:
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    assert published == document, "run: .venv/bin/mesh openapi > docs/openapi.json"


def test_it_has_the_endpoints_of_the_design_and_no_other(document: dict[str, Any]) -> None:
    found = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_of_an_endpoint_is_named_and_every_error_is_a_problem(
    document: dict[str, Any], method: str, path: str
) -> None:
    answers = operation(document, method, path)["responses"]
    assert set(answers) == OPERATIONS[method, path]
    errors = {status: set(answer["content"]) for status, answer in answers.items() if status >= "400"}
    assert all(content == {MEDIA_TYPE} for content in errors.values())


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_endpoint_but_health_wants_a_token(document: dict[str, Any], method: str, path: str) -> None:
    assert ("security" in operation(document, method, path)) == (path != "/health")


@pytest.mark.parametrize(
    ("path", "name", "limits"),
    [
        ("/users", "limit", {"minimum": 1, "maximum": 100, "default": 50}),
        ("/ai/users/search", "limit", {"minimum": 1, "maximum": 50, "default": 5}),
        ("/ai/users/search", "query", {"minLength": 1, "maxLength": 500}),
    ],
)
def test_a_parameter_has_the_limits_of_the_design(
    document: dict[str, Any], path: str, name: str, limits: dict[str, int]
) -> None:
    (parameter,) = [p for p in operation(document, "get", path)["parameters"] if p["name"] == name]
    assert limits.items() <= parameter["schema"].items()


def test_a_new_user_has_the_forms_that_are_asked_for(document: dict[str, Any]) -> None:
    properties = document["components"]["schemas"]["NewUser"]["properties"]
    assert properties["email"]["format"] == "idn-email"
    assert (
        properties["name"]["pattern"]
        == r"^[^\x00-\x1f\x7f-\x9f]*(\p{L}|\p{N}|\p{P}|\p{S})[^\x00-\x1f\x7f-\x9f]*$"
    )
    assert properties["profile"]["pattern"] == r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"


def test_every_reference_has_its_schema(document: dict[str, Any]) -> None:
    named = set(document["components"]["schemas"])
    text = json.dumps(document)
    referred = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert referred == named
