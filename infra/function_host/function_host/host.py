"""All functions of a configuration, ready to be invoked; what the HTTP applications share."""

import asyncio
import json
import logging
from collections.abc import Mapping

from function_host.config import Config
from function_host.function_log import FunctionLog
from function_host.metrics import HostMetrics, Workers
from function_host.pool import Pool, Runtime, ThrottledError
from function_host.runtime.runtime_api import Invocation
from function_host.runtime.worker import Result

_LOG = logging.getLogger(__name__)


class Host:
    """Made and used in one event loop."""

    def __init__(self, config: Config, runtime: Runtime, inherited: Mapping[str, str], region: str) -> None:
        self.config = config
        self.region = region
        self.metrics = HostMetrics()
        self.draining = False
        log = FunctionLog(config.metrics)
        self.pools = {
            name: Pool(function, runtime, inherited, log.sink, self.metrics.observe)
            for name, function in config.functions.items()
        }
        self.metrics.registry.register(log)
        self.metrics.registry.register(Workers(lambda: [*self.pools.values()]))

    @property
    def not_ready(self) -> str:
        """Why no more requests should come, in words; nothing if they should."""
        if self.draining:
            return "draining"
        waiting = sorted(name for name, pool in self.pools.items() if not pool.ready)
        return f"starting: {', '.join(waiting)}" if waiting else ""

    def arn(self, function: str) -> str:
        """Return what the function is called as a resource of AWS."""
        return f"arn:aws:lambda:{self.region}:{self.config.gateway.account_id}:function:{function}"

    async def invoke(
        self, function: str, payload: bytes, request_id: str, trace_id: str, client_context: str = ""
    ) -> Result:
        """Invoke a function; whatever became of it is the result.

        Raises:
            ThrottledError: no worker became free in time.

        """
        invocation = Invocation(request_id, self.arn(function), trace_id, payload, client_context)
        try:
            result = await self.pools[function].invoke(invocation)
        except ThrottledError:
            self.metrics.throttles.labels(function).inc()
            _LOG.warning("%s %s: throttled, all workers are busy", function, request_id)
            raise
        except OSError as error:  # there is no such interpreter, no room for its files, no process to be had
            _LOG.error("%s %s: a worker cannot be started: %s", function, request_id, error)
            problem = {"errorType": "Runtime.ExitError", "errorMessage": "A worker cannot be started."}
            return Result(json.dumps(problem).encode(), "crash", "", str(error))
        if result.failure:
            _LOG.error("%s %s: %s", function, request_id, result.failure)
        return result

    def warm(self) -> None:
        """Begin to start the workers that are to be there from the beginning."""
        for pool in self.pools.values():
            pool.warm()

    async def stop(self, grace_seconds: float) -> None:
        """Let invocations end that began, but no longer than that; then end all workers."""
        left = sum(await asyncio.gather(*(pool.drain(grace_seconds) for pool in self.pools.values())))
        if left:
            _LOG.error("%d invocations did not end in time", left)
        await asyncio.gather(*(pool.stop() for pool in self.pools.values()))
