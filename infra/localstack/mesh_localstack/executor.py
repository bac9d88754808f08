"""LocalStack's way to run a function's execution environment: here, a process on this machine.

LAMBDA_RUNTIME_EXECUTOR=process chooses it. A function of runtime python3.12 is run by the first `python3.12`
in the folders of LAMBDA_PROCESS_PATH (or else PATH), which must have awslambdaric; and so for any version.
"""

import os
import shutil
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from function_host.runtime.environment import layout
from function_host.runtime.runtime_api import Invocation
from function_host.runtime.worker import Worker
from localstack import config
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

_HOST = "127.0.0.1"
_UNPACKING = ThreadPoolExecutor(2, thread_name_prefix="mesh-unpack")
_unpacked: dict[Path, Future[None]] = {}  # by where a version's layers lie, or will
_NOT_LAMBDAS = ("LOCALSTACK_", "_AWS_XRAY_", "EDGE_PORT")  # what LocalStack adds for its own runtime


class ProcessExecutor(RuntimeExecutor):  # type: ignore[misc]
    """One execution environment. Its process is started again if it timed out or crashed, as Lambda does."""

    _worker: Worker | None = None
    _environment: dict[str, str]

    def start(self, env_vars: dict[str, str]) -> None:
        """Start the function's process; whether that went well, the first invocation will tell."""
        _unpacked[_layers_folder(self.function_version)].result()
        self._scratch = Path(tempfile.mkdtemp(prefix="lambda-"))
        self._environment = {
            **{name: str(value) for name, value in env_vars.items() if not name.startswith(_NOT_LAMBDAS)},
            **layout(
                self.function_version.config.code.get_unzipped_code_location(),
                [_layers_folder(self.function_version)],
                self.function_version.config.runtime,
                env_vars.get("PYTHONPATH", ""),
                self._scratch,
            ),
        }
        self._worker = self._new_worker()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Invoke the function and wait for its answer."""
        if self._worker is None or not self._worker.usable:
            self._worker = self._new_worker()
        request_id = payload["invoke-id"]
        invocation = Invocation(
            request_id, payload["invoked-function-arn"], payload["trace-id"], payload["payload"].encode()
        )
        result = self._worker.invoke(invocation, self.function_version.config.timeout)
        return InvocationResult(request_id, result.payload, result.is_error, result.logs)

    def stop(self) -> None:
        """End the process. What it wrote after its last answer goes to LocalStack's own log."""
        if self._worker is not None:
            print(self._worker.stop(), end="", flush=True)  # noqa: T201
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _new_worker(self) -> Worker:
        settings = self.function_version.config
        command = [_interpreter(settings.runtime), "-m", "awslambdaric", settings.handler]
        folder = settings.code.get_unzipped_code_location()
        return Worker(command, folder, self._environment, settings.memory_size)

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack the code, and begin to unpack the layers: a deployment goes on meanwhile."""
        settings = function_version.config
        _interpreter(settings.runtime)
        settings.code.prepare_for_execution()
        _unpacked[_layers_folder(function_version)] = _UNPACKING.submit(_unpack_layers, function_version)

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Remove what `prepare_version` laid out."""
        folder = _layers_folder(function_version)
        if unpacked := _unpacked.pop(folder, None):
            wait([unpacked])
        shutil.rmtree(folder, ignore_errors=True)

    def get_address(self) -> str:
        """Return where the environment is reached: it is on this machine."""
        return _HOST

    def get_endpoint_from_executor(self) -> str:
        """Return the host that the function finds LocalStack at."""
        return _HOST

    def get_runtime_endpoint(self) -> str:
        """Return where LocalStack's own runtime would report to."""
        return f"http://{_HOST}:{config.GATEWAY_LISTEN[0].port}"

    def get_logs(self) -> str:
        """Return nothing: every line comes with an invocation, or with the end."""
        return ""


def _interpreter(runtime: str) -> str:
    found = shutil.which(runtime, path=os.environ.get("LAMBDA_PROCESS_PATH"))
    if found is None:
        raise FileNotFoundError(f"There is no {runtime} on LAMBDA_PROCESS_PATH to run the function.")
    return found


def _layers_folder(version: FunctionVersion) -> Path:
    name = f"{version.id.function_name}-{version.id.qualifier}-{version.config.internal_revision}"
    return Path(tempfile.gettempdir(), "lambda", "opt", name)


def _unpack_layers(version: FunctionVersion) -> None:
    """Lay the layers over each other in one folder, as under /opt."""
    for layer in version.config.layers:
        layer.code.prepare_for_execution()
        _lay_over(layer.code.get_unzipped_code_location(), _layers_folder(version))


def _lay_over(layer: Path, folder: Path) -> None:
    """Link a layer's files into the folder; a file of an earlier layer gives way."""

    def link(source: str, target: str) -> None:
        Path(target).unlink(missing_ok=True)
        os.link(source, target)

    shutil.copytree(layer, folder, copy_function=link, dirs_exist_ok=True)
