"""What a running mesh consists of: kept in `.mesh/state.json`, so that every command knows it."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mesh import paths, process
from mesh.errors import MeshError


@dataclass
class Component:
    """A part of the mesh: a process of ours, or an address that was given (then it has no pid)."""

    name: str
    address: str
    pid: int | None = None
    log: str | None = None

    @property
    def state(self) -> str:
        """`running`, `crashed`, or `external` for what is not ours."""
        if self.pid is None:
            return "external"
        return "running" if process.find(self.pid) else "crashed"

    @property
    def log_tail(self) -> str:
        """The last lines of its log."""
        return process.tail(Path(self.log)) if self.log else "(not ours)"


@dataclass
class State:
    """Everything that is known of the mesh; empty strings until it is."""

    aws_endpoint_url: str = ""
    kafka_bootstrap_servers: str = ""
    qdrant_url: str = ""
    api_url: str = ""
    poller_url: str = ""
    users_table: str = ""
    sources: str = ""
    compose: bool = False  # Kafka and Qdrant are the containers of infra/compose/compose.yaml
    wiring: str = ""  # what the poller and the schedule were started for
    emulator: str = ""
    broker: str = ""
    embeddings: str = ""  # local, the model of the layer, or multilingual, by a component of its own
    auth_mode: str = ""  # as the functions were deployed, like the next
    otlp_endpoint: str = ""
    kafka_secrets: dict[str, str] = field(default_factory=dict)  # ARNs, by the template's parameters
    parameters: dict[str, str] = field(default_factory=dict)
    components: list[Component] = field(default_factory=list)

    @property
    def state(self) -> str:
        """`running` if every component does and the sources are deployed, `degraded` if not, or `stopped`."""
        if not self.components:
            return "stopped"
        healthy = all(component.state != "crashed" for component in self.components)
        return "running" if healthy and self.sources else "degraded"

    @property
    def crashed(self) -> list[Component]:
        """The components that ended by themselves."""
        return [component for component in self.components if component.state == "crashed"]

    def component(self, name: str) -> Component | None:
        """Return the component of this name, if the mesh has one."""
        return next((component for component in self.components if component.name == name), None)

    def save(self) -> None:
        """Write the state, all or nothing."""
        paths.HOME.mkdir(parents=True, exist_ok=True)
        new = paths.STATE.with_suffix(".new")
        new.write_text(json.dumps(asdict(self), indent=2))
        new.replace(paths.STATE)


def load() -> State:
    """Return the state of the mesh, an empty one if there is no mesh."""
    if not paths.STATE.exists():
        return State()
    from pydantic import TypeAdapter, ValidationError  # no other command than one with a mesh needs it

    try:
        return TypeAdapter(State).validate_json(paths.STATE.read_bytes())
    except ValidationError as error:
        raise MeshError(
            f"{paths.STATE} is damaged. End the mesh's processes yourself and remove it."
        ) from error


def load_unchecked() -> State:
    """Return the state of the mesh, for a process that looks often: to check it takes 10 MB of libraries."""
    if not paths.STATE.exists():
        return State()
    saved = json.loads(paths.STATE.read_bytes())
    return State(**{**saved, "components": [Component(**each) for each in saved["components"]]})


def load_components() -> list[Component]:
    """Return what runs, for a process that looks often."""
    return load_unchecked().components


def load_running() -> State:
    """Return the state of a mesh that is up; MeshError if there is none."""
    state = load()
    if not state.api_url:
        raise MeshError("No mesh is running here. Start one with 'mesh up'.")
    return state


@contextmanager
def lock() -> Iterator[None]:
    """Hold the mesh for one command; MeshError if another one holds it."""
    paths.HOME.mkdir(parents=True, exist_ok=True)
    with paths.LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MeshError("Another mesh command is at work here. Wait for it to end.") from error
        yield
