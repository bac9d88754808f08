"""What is to be run: functions, routes, and how the gateway answers by itself."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from lambda_workers import places

from function_host.errors import ConfigurationError

Made = TypeVar("Made")

_LAMBDA_SECONDS = (1, 900)
_LAMBDA_MB = (128, 10_240)
_MOST_WORKERS = 1000


@dataclass(frozen=True, slots=True)
class Function:
    """A function, and how many workers it may have."""

    name: str
    handler: str  # module.function, as Lambda's Handler
    code: Path = Path("/var/task")
    layers: tuple[Path, ...] = (Path("/opt"),)  # of two with the same file the later one wins
    memory_mb: int = 128
    timeout_seconds: float = 3
    environment: Mapping[str, str] = field(default_factory=dict)
    min_workers: int = 0  # started before the host is ready; any others when they are needed
    max_workers: int = 0  # 0: as many as the processors are worth, with this memory
    # How long an invocation waits for a worker before it is throttled. 0 is Lambda's reserved concurrency.
    queue_seconds: float = 5

    @property
    def workers(self) -> int:
        """How many there may be at once."""
        return self.max_workers or max(self.min_workers, places.at_once(self.memory_mb))


@dataclass(frozen=True, slots=True)
class Route:
    """A method (or ANY) of a resource such as /users/{id} or /{proxy+}, and the function that answers."""

    method: str
    path: str
    function: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """The REST API before the functions."""

    routes: tuple[Route, ...] = ()
    stage: str = "v1"
    # What stands before the routes in URLs: "/v1" as in API Gateway's own, or a custom domain's base path.
    base_path: str = ""
    timeout_seconds: float = 29
    api_id: str = "functionhost"
    account_id: str = "000000000000"
    # As SAM spells GatewayResponses: by type, StatusCode, ResponseTemplates, ResponseParameters.
    responses: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metrics:
    """What EMF does not say of the metrics in functions' logs: emf_exporter's --gauge, --label and --most."""

    gauges: Set[str] = frozenset()
    labels: Mapping[str, Set[str]] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Config:
    """All that the host runs."""

    functions: Mapping[str, Function]
    gateway: Gateway = Gateway()
    metrics: Metrics = Metrics()

    def __post_init__(self) -> None:
        """Raise ConfigurationError for what cannot be."""
        if not self.functions:
            raise ConfigurationError("There is no function to run.")
        for function in self.functions.values():
            _check(function)
        if self.gateway.base_path and not self.gateway.base_path.startswith("/"):
            raise ConfigurationError("gateway.base_path begins with /, or is empty.")
        for route in self.gateway.routes:
            where = f"route {route.method} {route.path}"
            if route.function not in self.functions:
                raise ConfigurationError(f"{where}: there is no function {route.function}.")
            if not route.path.startswith("/"):
                raise ConfigurationError(f"{where}: a path begins with /.")

    def only(self, names: Set[str]) -> "Config":
        """Return a configuration with these functions alone, and the routes to them."""
        for name in names - self.functions.keys():
            known = ", ".join(sorted(self.functions))
            raise ConfigurationError(f"There is no function {name}, but {known}.")
        routes = tuple(route for route in self.gateway.routes if route.function in names)
        functions = {name: each for name, each in self.functions.items() if name in names}
        return replace(self, functions=functions, gateway=replace(self.gateway, routes=routes))


def load(path: Path) -> Config:
    """Read a configuration in YAML or JSON; docs/function_host.md says what may be in it.

    Raises:
        ConfigurationError: it cannot be read, or says what cannot be.

    """
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    return from_data(given, path.parent)


def from_data(given: Any, folder: Path = Path()) -> Config:
    """Return the configuration that such data describe; paths in it start from the folder."""
    top = _object("the configuration", given, {"functions", "routes", "gateway", "metrics"})
    functions = _object("functions", top.get("functions", {}))
    routes = _list("routes", top.get("routes", []))
    gateway = _made(Gateway, "gateway", top.get("gateway", {}), leave_out={"routes"})
    metrics = _made(Metrics, "metrics", top.get("metrics", {}))
    return Config(
        {name: _function(name, each, folder) for name, each in functions.items()},
        replace(gateway, routes=tuple(_made(Route, f"routes[{n}]", each) for n, each in enumerate(routes))),
        Metrics(
            frozenset(metrics.gauges),
            {name: frozenset(each) for name, each in metrics.labels.items()},
            metrics.most,
        ),
    )


def _function(name: str, given: Any, folder: Path) -> Function:
    where = f"functions.{name}"
    made = _made(Function, where, {"name": name, **_object(where, given)})
    environment = {
        key: str(value) for key, value in _object(f"{where}.environment", made.environment).items()
    }
    layers = tuple(folder / each for each in _list(f"{where}.layers", given.get("layers", ["/opt"])))
    return replace(made, code=folder / made.code, layers=layers, environment=environment)


def _check(function: Function) -> None:
    where = f"functions.{function.name}"
    limits = {
        "timeout_seconds": _LAMBDA_SECONDS,
        "memory_mb": _LAMBDA_MB,
        "max_workers": (0, _MOST_WORKERS),
        "queue_seconds": (0, _LAMBDA_SECONDS[1]),
    }
    for name, (least, most) in limits.items():
        value = getattr(function, name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigurationError(f"{where}.{name} is not a number.")
        if not least <= value <= most:
            raise ConfigurationError(f"{where}.{name} is not from {least} to {most}.")
    if not 0 <= function.min_workers <= function.workers:
        raise ConfigurationError(f"{where}: min_workers is not from 0 to max_workers.")
    if "." not in function.handler:
        raise ConfigurationError(f"{where}.handler is not module.function.")
    if not function.code.is_dir():
        raise ConfigurationError(f"{where}.code: there is no folder {function.code}.")


def _made(kind: type[Made], where: str, given: Any, leave_out: Set[str] = frozenset()) -> Made:
    known = {each.name for each in fields(kind)} - leave_out  # type: ignore[arg-type]
    try:
        return kind(**_object(where, given, known))
    except TypeError as error:
        raise ConfigurationError(f"{where}: {error}") from None


def _object(where: str, given: Any, known: Set[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{where} is not an object.")
    for name in given:
        if not isinstance(name, str) or (known is not None and name not in known):
            others = f"; there are {', '.join(sorted(known))}" if known else ""
            raise ConfigurationError(f"{where}: {name!r} is not known{others}.")
    return given


def _list(where: str, given: Any) -> list[Any]:
    if not isinstance(given, list):
        raise ConfigurationError(f"{where} is not a list.")
    return given
