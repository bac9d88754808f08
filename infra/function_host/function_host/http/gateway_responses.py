"""What API Gateway says by itself, as problem+json or as the template has it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

_DEFAULTS = {
    "MISSING_AUTHENTICATION_TOKEN": (403, "Missing Authentication Token"),  # so it calls an unknown path
    "REQUEST_TOO_LARGE": (413, "Request Too Long"),
    "THROTTLED": (429, "Too Many Requests"),
    "INTEGRATION_TIMEOUT": (504, "Endpoint request timed out"),
    "DEFAULT_5XX": (502, "Internal server error"),  # so it calls an error of the function
}
_HEADERS = "gatewayresponse.header."
_VARIABLE = re.compile(r"\$context\.(error\.messageString|error\.message|requestId)")


def response(
    kind: str, given: Mapping[str, Any], request_id: str
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return status, headers and body of a gateway response.

    `kind` is one of API Gateway's types; `given` is a template's GatewayResponses, as SAM spells them.
    """
    status, message = _DEFAULTS[kind]
    found = given.get(kind) or given.get(f"DEFAULT_{status // 100}XX")
    if found is None:
        problem = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": message,
        }
        headers = [("Content-Type", "application/problem+json"), ("X-Request-Id", request_id)]
        return status, headers, json.dumps(problem).encode()
    variables = {
        "error.messageString": json.dumps(message),
        "error.message": message,
        "requestId": request_id,
    }
    template = (found.get("ResponseTemplates") or {}).get(
        "application/json", '{"message":$context.error.messageString}'
    )
    body = _VARIABLE.sub(lambda variable: variables[variable[1]], template)
    parameters = (found.get("ResponseParameters") or {}).get("Headers") or {}
    values = {name.removeprefix(_HEADERS): _value(text, request_id) for name, text in parameters.items()}
    headers = [(name, value) for name, value in values.items() if value]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return int(found.get("StatusCode") or status), headers, body.encode()


def _value(text: str, request_id: str) -> str:
    """Return what a header's mapping says: 'a literal', or the one variable of the context that we have."""
    if text.startswith("'") and text.endswith("'"):
        return text[1:-1]
    return request_id if text == "context.requestId" else ""
