"""What a person gives to the command: read, and refused with what it must be."""

import json
import re
from pathlib import Path

from mesh.errors import MeshError

_LARGEST_PAYLOAD = 6 * 1024 * 1024  # that Lambda takes


def tenant(name: str) -> str:
    """Return the name of a tenant; MeshError if the API knows no tenant by such a name."""
    from tenant_auth.identity import TENANT

    return _of_form(name, "tenant", TENANT)


def user(name: str) -> str:
    """Return the name of a user; MeshError if the API refuses a token with it."""
    from tenant_auth.identity import SUBJECT

    return _of_form(name, "user", SUBJECT)


def utf8(text: str, option: str) -> str:
    """Return a text; MeshError if the shell gave bytes that are none."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MeshError(f"{option} {text!r} is not UTF-8.") from error
    return text


def event(file: Path) -> str:
    """Return the event in a file as JSON; MeshError if it is none that Lambda takes."""
    with file.open("rb") as source:
        content = source.read(_LARGEST_PAYLOAD + 1)  # whatever it is, a device too
    if len(content) > _LARGEST_PAYLOAD:
        raise MeshError(f"{file} is larger than 6 MB, the largest event that Lambda takes.")
    try:
        return json.dumps(json.loads(content, parse_constant=_refuse))
    except RecursionError as error:
        raise MeshError(f"{file} is nested too deeply.") from error
    except ValueError as error:
        raise MeshError(f"{file} is not JSON: {error}") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _of_form(name: str, what: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(name):
        raise MeshError(f"There can be no {what} {name!r}: its name has the form {form.pattern}")
    return name
