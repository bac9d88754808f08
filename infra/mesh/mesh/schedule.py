"""Invokes the template's scheduled functions, more often than EventBridge, whose shortest period is a minute.

python -m mesh.schedule --endpoint-url URL --every SECONDS FUNCTION…
"""

import json
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import UTC, datetime
from threading import Event
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from mesh.clients.aws import REGION, invoke


def scheduled_functions(template: Mapping[str, Any]) -> list[str]:
    """Return the logical ids of the functions that a schedule invokes."""
    return [
        logical_id
        for logical_id, resource in template["Resources"].items()
        if any(event["Type"] == "Schedule" for event in resource["Properties"].get("Events", {}).values())
    ]


def event() -> dict[str, Any]:
    """Return what EventBridge gives to a scheduled function."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": {},
    }


def run(functions: list[str], endpoint_url: str, seconds: float, stopped: Event) -> None:
    """Invoke the functions, one after the other and again every so many seconds, until `stopped` is set."""
    while not stopped.wait(seconds):
        for name in functions:
            try:
                answer = invoke(endpoint_url, name, json.dumps(event()))
                failure = answer["Payload"].read().decode() if "FunctionError" in answer else None
            except (BotoCoreError, ClientError) as error:
                failure = str(error)
            if failure:
                print(f"{datetime.now(UTC):%H:%M:%S} {name}: {failure}", flush=True)  # noqa: T201


def main() -> None:
    """Run until SIGTERM."""
    parser = ArgumentParser(prog="mesh.schedule")
    parser.add_argument("--endpoint-url", required=True)
    parser.add_argument("--every", type=float, required=True)
    parser.add_argument("functions", nargs="+")
    options = parser.parse_args()
    stopped = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    run(options.functions, options.endpoint_url, options.every, stopped)
    sys.exit(0)


if __name__ == "__main__":
    main()
