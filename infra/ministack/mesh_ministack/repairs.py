"""What MiniStack gets wrong, put right. Each can go when a later MiniStack does without."""

import time
from typing import Any

from lambda_workers import endings, places
from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from mesh_ministack import worker


def invocations_wait() -> None:
    """Let an invocation wait for a worker. MiniStack starts one more, however many there are."""
    execute = lambda_svc._execute_function_warm

    def wait(function: dict[str, Any], event: Any, request_id: str) -> Any:
        config = function.get("config") or function
        with places.of(config["FunctionArn"], config["MemorySize"]):
            return execute(function, event, request_id)

    lambda_svc._execute_function_warm = wait


def workers_keep_to_their_memory() -> None:
    """Kill a worker that takes more than its function's MemorySize. MiniStack lets it have what there is."""
    lambda_runtime.Worker = worker.Worker
    worker.watch()


def endings_are_told() -> None:
    """Give the error of a worker that ended Lambda's type. To MiniStack it is one of the handler."""
    execute = lambda_svc._execute_function_warm

    def tell(function: dict[str, Any], event: Any, request_id: str) -> Any:
        result = execute(function, event, request_id)
        if result.get("error") and result["body"]["errorMessage"].startswith(endings.START):
            text = f"RequestId: {request_id} Error: {result['body']['errorMessage']}"
            result["body"] = {"errorType": endings.ERROR_TYPE, "errorMessage": text}
        return result

    lambda_svc._execute_function_warm = tell


def every_invocation_is_counted() -> None:
    """Have CloudWatch count each invocation. MiniStack leaves those of its gateway out."""
    execute, publish = lambda_svc._execute_function_warm, lambda_svc._emit_lambda_metrics

    def count(function: dict[str, Any], event: Any, request_id: str) -> Any:
        started = time.monotonic()
        result = execute(function, event, request_id)
        config = function.get("config") or function
        milliseconds = (time.monotonic() - started) * 1000
        publish(config["FunctionName"], milliseconds, error=bool(result.get("error")), throttle=False)
        return result

    def publish_throttled(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        if throttle and not duration_ms:  # before its Invoke API tells the same again
            publish(name, duration_ms, error, throttle)

    lambda_svc._execute_function_warm = count
    lambda_svc._emit_lambda_metrics = publish_throttled
