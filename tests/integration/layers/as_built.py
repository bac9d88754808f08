"""Functions as `sam build` made them, in an interpreter that has only what Lambda's runtime has."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mesh.deployment import built_function

from tests import sam
from tests.unit import gateway

LOGICAL_IDS = {
    name: next(
        key for key, value in sam.resources(sam.FUNCTION).items() if value["CodeUri"] == f"functions/{name}/"
    )
    for name in sam.functions()
}


def answers(
    function: str,
    runtime: Path,
    *events: dict[str, Any],
    limits: Mapping[str, int] | None = None,
    **variables: str,
) -> list[Any]:
    """Return what a function answers; AssertionError if it raises, or loads what Lambda does not have.

    `limits` are those of built_function.invoke.
    """
    environment = {name: variables.get(name, value) for name, value in sam.environment(function).items()}
    if "AWS_ENDPOINT_URL" in variables:
        environment["AWS_ENDPOINT_URL"] = variables["AWS_ENDPOINT_URL"]
    result = built_function.invoke(LOGICAL_IDS[function], runtime, events, environment, limits)
    allowed = (*built_function.search_path(LOGICAL_IDS[function], runtime), sys.base_prefix)
    print(result["log"])  # noqa: T201 - for a failing test's report
    assert [file for file in result["files"] if not file.startswith(allowed)] == []
    assert [each for each in result["answers"] if "error" in each] == []
    return [each["answer"] for each in result["answers"]]


def http(function: str, runtime: Path, *events: dict[str, Any], **variables: str) -> list[gateway.Answer]:
    return [gateway.answer(each) for each in answers(function, runtime, *events, **variables)]
