"""What the deployed API answers to any request is what docs/openapi.json says of it."""

import json
from typing import Any

import pytest
import schemathesis
from mesh import paths
from schemathesis.checks import positive_data_acceptance
from schemathesis.config import SchemathesisConfig

from tests.e2e.mesh_command import Mesh

# What a document cannot say: a cursor of the right form may be nobody's (400), an address taken (409), a key
# used with another body (422). A query parameter that is not documented is ignored: none is tried.
KEY_REUSED = "This Idempotency-Key came with another body before."
CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 4,
        "generation": {"max-examples": 50, "deterministic": True, "allow-extra-parameters": False},
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "409", "429"]}},
        "operations": [
            *(
                {
                    "include-name": f"GET {path}",
                    "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "429"]}},
                }
                for path in ("/users", "/ai/users/search")
            ),
            {  # each entry is answered by itself
                "include-name": "POST /users/import",
                "checks": {"negative_data_rejection": {"enabled": False}},
            },
            {  # an id of nobody, an If-Match of another version, or of no form that a pattern could say
                "include-path": "/users/{id}",
                "checks": {
                    "positive_data_acceptance": {
                        "expected-statuses": ["2xx", "304", "400", "404", "409", "412", "429"]
                    }
                },
            },
        ],
    }
)
SCHEMA = schemathesis.openapi.from_path(paths.ROOT / "docs" / "openapi.json", config=CONFIG)


@schemathesis.serializer("application/x-ndjson")
def ndjson(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Return one line."""
    return json.dumps(value).encode()


@pytest.fixture(scope="module")
def token(mesh: Mesh) -> dict[str, str]:
    return {"Authorization": mesh.authorization("tenant-schema", "someone")}


@SCHEMA.parametrize()
@pytest.mark.timeout(300)
def test_with_a_token_every_answer_is_as_documented(
    case: schemathesis.Case[Any], api_url: str, token: dict[str, str]
) -> None:
    answer = case.call(base_url=api_url, headers=token)
    reused = KEY_REUSED in answer.text
    case.validate_response(
        answer, headers=token, excluded_checks=[positive_data_acceptance] if reused else []
    )


@SCHEMA.exclude(path="/health").parametrize()
@pytest.mark.timeout(300)
def test_without_a_token_every_answer_is_401(case: schemathesis.Case[Any], api_url: str) -> None:
    case.headers.pop("Authorization", None)
    answer = case.call(base_url=api_url)
    if case.method == case.operation.method.upper():
        assert answer.status_code == 401
    else:  # the gateway itself does not know of TRACE and its like, where a path has several functions
        assert answer.status_code in ((404, 405) if case.operation.path == "/users/{id}" else (405,))
    case.operation.validate_response(answer)
