"""Log lines of components (files) and functions (CloudWatch Logs), once or as they come."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from botocore.exceptions import ClientError

from mesh import components, paths
from mesh.clients import aws
from mesh.deployment import deploy
from mesh.errors import MeshError
from mesh.state import State

_INTERVAL = 0.3


def lines(state: State, name: str, follow: bool) -> Iterator[str]:
    """Yield the log lines of a component, or else of a function; MeshError if there is neither."""
    files = {file.stem: file for file in paths.LOGS.glob("*.log")}
    if name in files:
        read = _file(files[name])
    elif state.api_url and (function := deploy.find_function(state.aws_endpoint_url, name)):
        read = _log_group(state.aws_endpoint_url, f"/aws/lambda/{function}")
    else:
        raise MeshError(_nothing(state, name))
    yield from read()
    while follow:
        time.sleep(_INTERVAL)
        yield from read()


def _nothing(state: State, name: str) -> str:
    """Say that there is no such log, and which there are."""
    running = "" if state.api_url else " No mesh is running here; start one with 'mesh up'."
    if name in (*components.NAMES, *deploy.function_folders()):
        return f"{name} has no log here yet.{running}"
    return (
        f"There is no log {name!r}.{running} Components: {', '.join(components.NAMES)}; build. "
        f"Functions: {', '.join(deploy.function_folders())}."
    )


def _file(path: Path) -> Callable[[], Iterator[str]]:
    position = 0

    def read() -> Iterator[str]:
        nonlocal position
        if not path.exists():
            return
        with path.open(errors="replace") as log:
            log.seek(position)
            yield from (line.rstrip("\n") for line in iter(log.readline, ""))
            position = log.tell()

    return read


def _log_group(endpoint_url: str, group: str) -> Callable[[], Iterator[str]]:
    client = aws.client("logs", endpoint_url)
    newest, at_newest = 0, 0  # the newest timestamp that was shown, in ms, and how many lines have it

    def read() -> Iterator[str]:
        nonlocal newest, at_newest
        pages = client.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=newest)
        skip = at_newest
        try:
            for event in (event for page in pages for event in page["events"]):
                if event["timestamp"] == newest and skip:
                    skip -= 1
                    continue
                if event["timestamp"] > newest:
                    newest, at_newest = event["timestamp"], 0
                at_newest += 1
                yield event["message"].rstrip("\n")
        except ClientError:  # a function that never ran has no group yet
            return

    return read
