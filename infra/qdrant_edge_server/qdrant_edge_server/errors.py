"""Errors as the real server words them: status code and text."""

import logging
from collections import Counter
from collections.abc import Collection
from typing import Any

from pydantic import BaseModel, ValidationError

log = logging.getLogger(__name__)

# The engine raises bare exceptions; their texts start so when the request is to blame. The real server puts
# the words around them.
ENGINE_ERRORS = {
    "No point with id": (404, "Not found: {} found"),
    "Vector dimension error": (400, "Wrong input: {}"),
    "Not existing vector name error": (400, "Wrong input: {}"),
    "Validation failed": (400, "Wrong input: {}"),
    "Wrong usage of multi vectors": (400, "Wrong input: Conversion between multi and regular vectors failed"),
    # All that the binding says of a formula that fails on a point; the real server names field and numbers.
    "Operation cancelled": (
        400,
        "Wrong input: The formula cannot be computed for a point: a value is missing or of another type in "
        "the payload and in the formula defaults, or an expression produced a non-finite number",
    ),
}
UNREADABLE_FORMULA = "failed to parse formula: "


class ApiError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class StartupError(Exception):
    """The server cannot start; the text says why in one line."""


def wrong_input(text: str) -> ApiError:
    """Say what does not fit the collection."""
    return ApiError(400, f"Wrong input: {text}")


def bad_request(text: str) -> ApiError:
    """Say what makes no sense in a well-formed request."""
    return ApiError(400, f"Bad request: {text}")


def format_error(text: str) -> ApiError:
    """Say why a body is not JSON, or not of the endpoint's shape."""
    return ApiError(400, f"Format error in JSON body: {text}")


def invalid(field: str, text: str, where: str = "JSON body") -> ApiError:
    """Say which field's value is out of bounds."""
    return ApiError(422, f"Validation error in {where}: [{field}: {text}]")


def not_found(text: str) -> ApiError:
    """Name a collection or point that does not exist."""
    return ApiError(404, f"Not found: {text}")


def unsupported(thing: str) -> ApiError:
    """Name what the real server can do and this one cannot."""
    return bad_request(f"{thing} is not supported by qdrant_edge_server")


def refuse_all_but(supported: Collection[str], model: BaseModel) -> None:
    """Refuse, by name, a field that is set and that this server would otherwise silently ignore."""
    for name in model.model_fields_set:
        # False is what a client that spells out its defaults sends for a feature it does not use.
        if name not in supported and getattr(model, name) not in (None, False):
            raise unsupported(f"`{name}` in {type(model).__name__}")


def at_least(minimum: int, field: str, value: int | None) -> None:
    """Check a count or an offset the way the real server does: negative is malformed, too small invalid."""
    if value is None or value >= minimum:
        return
    if value < 0:
        raise format_error(f"invalid value: integer `{value}`, expected usize")
    raise invalid(field, f"value {value} invalid, must be {minimum} or larger")


def as_api_error(error: Exception) -> ApiError:
    """Choose the answer to a request whose handling raised this."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ValidationError):
        return format_error(_likeliest_problem(error))
    text = str(error).partition("\n")[0]
    if text.startswith(UNREADABLE_FORMULA):
        return wrong_input(text.removeprefix(UNREADABLE_FORMULA))
    # The JSON parser, and the engine's classes when given a value they cannot hold: a bad JSON path, an
    # integer of more than 64 bits, a time that is none.
    if isinstance(error, (ValueError, TypeError, OverflowError)):
        return format_error(text)
    for start, (status, words) in ENGINE_ERRORS.items():
        if text.startswith(start):
            return ApiError(status, words.format(text))
    log.error("request failed", exc_info=error)
    return ApiError(500, f"Service internal error: {text}")


def _likeliest_problem(error: ValidationError) -> str:
    """Choose from the problems of all alternatives of a union the deepest, in the one with the fewest."""
    problems: list[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    beside = Counter(p["loc"][:-1] for p in problems)
    problem = max(problems, key=lambda p: (len(p["loc"]), -beside[p["loc"][:-1]]))
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
