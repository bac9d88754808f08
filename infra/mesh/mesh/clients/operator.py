"""The functions that an operator invokes, again and again, until they are done."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mesh.clients import aws
from mesh.deployment import deploy
from mesh.errors import MeshError
from mesh.state import State


def answers(state: State, function: str, event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Invoke a function, then with what it answers as `next`, until that is null; yield each answer.

    MeshError if it fails: what it has answered before is done.
    """
    name = deploy.function_name(state.aws_endpoint_url, function)
    following: Mapping[str, Any] | None = event
    while following is not None:
        answer = aws.invoke(state.aws_endpoint_url, name, json.dumps(following))
        said = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            why = said.get("errorMessage", "it does not say why")
            raise MeshError(f"{function} failed: {why} See mesh logs {function}; run it again to go on.")
        yield said
        following = said["next"]
