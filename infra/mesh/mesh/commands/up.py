"""Bringing the mesh up, step by step."""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from mesh import components, containers, process, schedule
from mesh.clients.aws import physical_id
from mesh.commands.down import down
from mesh.deployment import build, deploy, issuer, template_parameters
from mesh.deployment.provision import provision
from mesh.errors import MeshError
from mesh.kafka import kafka_access
from mesh.observing import prometheus
from mesh.state import Component, State, load

Progress = Callable[[str], None]

_RECONNECT_SECONDS = 20  # the group first gives up on the poller's old connection

_INVOKERS = {components.POLLER, components.SCHEDULE}
_FORMER_TRACES = "traces"  # the component that a mesh of an older version kept them in


@dataclass(frozen=True)
class Ports:
    """The ports that were asked for; None is any free one."""

    aws: int | None = None
    kafka: int | None = None
    qdrant: int | None = None
    metrics: int | None = None


def up(
    ports: Ports,
    parameters: Mapping[str, str],
    progress: Progress,
    compose: bool = False,
    emulator: str | None = None,
    broker: str | None = None,
    embeddings: str | None = None,
    observe: bool = False,
) -> State:
    """Return the state of a mesh that runs the present sources, starting and deploying what is needed.

    `parameters` are the template's, beside those that were given before; they are kept until it is down,
    like the emulator, the broker and who embeds. With `compose`, Kafka and Qdrant are the containers of
    infra/compose; with `observe`, a Prometheus of this machine is started beside. Whatever goes wrong while
    it starts, nothing half-started is left. MeshError says what it was.
    """
    if observe:
        prometheus.find()
    state = load()
    for component in state.crashed:
        progress(f"{component.name} has crashed; its log ended:\n{component.log_tail}")
    if {component.name for component in state.crashed} - _restartable(state) or (
        state.components and not state.api_url
    ):
        progress("Starting anew: the users and events that were in memory are lost")
        compose = compose or state.compose
        down(state)
        state = State(
            parameters=state.parameters,
            emulator=state.emulator,
            broker=state.broker,
            embeddings=state.embeddings,
        )
    if broker and (compose or os.environ.get("KAFKA_BOOTSTRAP_SERVERS")):
        raise MeshError(
            "--broker (MESH_BROKER) names a Kafka that the mesh starts; KAFKA_BOOTSTRAP_SERVERS and "
            "--compose name another. Leave one of them out."
        )
    chosen = ((emulator, state.emulator), (broker, state.broker), (embeddings, state.embeddings))
    for asked, there in chosen:
        if state.components and asked not in (None, there):
            raise MeshError(f"The mesh runs on {there}. To change that: mesh down, then mesh up.")
    state.emulator = emulator or state.emulator or components.EMULATORS[0]
    state.broker = broker or state.broker or components.TANSU
    state.embeddings = embeddings or state.embeddings or components.LOCAL
    if not state.components:
        progress("Installing the tools")
        build.ensure_environment("sam")
        components.install_emulator(state.emulator)
        components.install_broker(state.broker)
        components.install_embeddings(state.embeddings)
    progress("Building functions and layers")
    sources = build.fingerprint()
    build.build(sources)
    if state.components:
        _refuse_changes(state, ports)
        if compose and not state.compose:
            raise MeshError("The mesh runs without containers already. To use them: mesh down, then mesh up.")
        if state.components[0].pid is None:  # a Kafka elsewhere may have another password now
            state.kafka_secrets |= kafka_access.publish(state)
        _restart_crashed(state, progress)
        _start_metrics(state, ports.metrics)
        wanted = {**state.parameters, **parameters}
        traced_anew = _start_console(state)
        if state.sources != sources or state.parameters != wanted or traced_anew:
            state.parameters = wanted
            _deploy(state, sources, progress)
        if observe:
            _observe(state, progress)
        return state
    state.parameters |= parameters
    with _cleaned_up(state, progress):
        components.clean()
        if compose:
            progress("Starting the containers of infra/compose/compose.yaml")
            containers.start()
            state.compose = True
        _start_stores(state, ports, progress)
        _start_metrics(state, ports.metrics)
        _start_console(state)
        _deploy(state, sources, progress)
        if observe:
            _observe(state, progress)
    return state


def _restartable(state: State) -> set[str]:
    """Return what comes back as it was: with its data on disk, or, as the poller, in another component."""
    found = {components.QDRANT, components.EMBEDDINGS, components.POLLER, components.SCHEDULE}
    found |= {components.METRICS, components.CONSOLE, components.PROMETHEUS}
    return found if state.broker == components.TANSU else found | {components.KAFKA}


def _stores(state: State, ports: Ports) -> list[tuple[str, str, Callable[[int], Component], int | None]]:
    """Return the stores with the variable that replaces each by an address, how it starts, and its port.

    What uses another comes after it, and so is stopped before it.
    """
    embedding = [(components.EMBEDDINGS, "EMBEDDINGS_URL", components.start_embeddings, None)]
    return [
        (components.KAFKA, "KAFKA_BOOTSTRAP_SERVERS", _kafka_starter(state), ports.kafka),
        (components.QDRANT, "QDRANT_URL", components.start_qdrant, ports.qdrant),
        *(embedding if state.embeddings != components.LOCAL else []),
        (
            components.AWS,
            "AWS_ENDPOINT_URL",
            partial(components.start_aws, emulator=state.emulator),
            ports.aws,
        ),
    ]


def _kafka_starter(state: State) -> Callable[[int], Component]:
    return partial(components.start_kafka, broker=state.broker)


def _refuse_changes(state: State, ports: Ports) -> None:
    """MeshError if a component of the running mesh is asked to be somewhere else."""
    stores = _stores(state, ports)
    asked = [
        (component, os.environ.get(variable), port)
        for (_, variable, _, port), component in zip(stores, state.components, strict=False)
    ]
    asked += [(each, None, ports.metrics) for each in state.components if each.name == components.METRICS]
    for component, given, port in asked:
        moved = (given or component.address).rstrip("/") != component.address
        if moved or (port and not component.address.endswith(f":{port}")):
            raise MeshError(
                f"{component.name} runs at {component.address} already. To move it: mesh down, then mesh up."
            )


def _restart_crashed(state: State, progress: Progress) -> None:
    """Start again, where it was, what keeps nothing in memory that matters."""
    crashed = {component.name for component in state.crashed}
    for number, component in enumerate(state.components):
        if component.state != "crashed":
            continue
        progress(f"Starting {component.name} again")
        components.stop(component)
        with process.undisturbed():
            again = _start_again(state, component)
            state.components[number] = again
            state.save()
        components.wait_ready(again)
    if components.KAFKA in crashed:
        progress("Waiting for the poller to be connected again")
        poller = next(each for each in state.components if each.name == components.POLLER)
        process.wait_until(
            lambda: poller.state == "crashed" or components.is_ready(poller), _RECONNECT_SECONDS
        )


def _start_again(state: State, component: Component) -> Component:
    if component.name == components.SCHEDULE:
        return _start_schedule(state)
    if component.name == components.POLLER:
        return components.start_poller(
            _port(component), state.aws_endpoint_url, template_parameters.given(state)
        )
    if component.name == components.KAFKA:
        return _kafka_starter(state)(_port(component))
    if component.name == components.EMBEDDINGS:
        return components.start_embeddings(_port(component))
    if component.name == components.METRICS:
        return components.start_metrics(_port(component), state.aws_endpoint_url)
    if component.name == components.CONSOLE:
        return components.start_console(_port(component))
    if component.name == components.PROMETHEUS:
        return components.start_prometheus(_port(component), _metrics_url(state))
    return components.start_qdrant(_port(component))


def _port(component: Component) -> int:
    return int(component.address.rpartition(":")[2])


def _start_metrics(state: State, port: int | None) -> None:
    """Start what counts, before there is anything to be counted; a mesh of an older version has none."""
    if state.component(components.METRICS):
        return
    claimed = process.claim_port(port, "--metrics-port")
    _keep(state, partial(components.start_metrics, claimed, state.aws_endpoint_url))


def _start_console(state: State) -> bool:
    """Start the page, to which functions send their traces; return whether there was none yet."""
    if state.component(components.CONSOLE):
        return False
    for former in [each for each in state.components if each.name == _FORMER_TRACES]:
        components.stop(former)
        state.components.remove(former)
    components.wait_ready(_keep(state, partial(components.start_console, process.free_port())))
    return True


def _metrics_url(state: State) -> str:
    return next(each.address for each in state.components if each.name == components.METRICS)


def _observe(state: State, progress: Progress) -> None:
    """Start a Prometheus, if there is none yet."""
    if state.component(components.PROMETHEUS):
        return
    progress("Starting prometheus")
    start = partial(components.start_prometheus, process.free_port(), _metrics_url(state))
    components.wait_ready(_keep(state, start))


def _start_schedule(state: State) -> Component:
    """Start the schedule for the functions as they are deployed now."""
    scheduled = schedule.scheduled_functions(build.built_template())
    names = [deploy.function_name(state.aws_endpoint_url, logical_id) for logical_id in scheduled]
    return components.start_schedule(state.aws_endpoint_url, names)


def _start_stores(state: State, ports: Ports, progress: Progress) -> None:
    """Start the stores side by side, but for those whose address is given."""
    for name, variable, start, port in _stores(state, ports):
        if given := os.environ.get(variable) or (containers.address(name) if state.compose else None):
            progress(f"Using {name} at {given}")
            _keep(state, partial(Component, name, given.rstrip("/")))
        else:
            progress(f"Starting {name}")
            _keep(state, partial(start, process.claim_port(port, f"--{name}-port")))
    for component in state.components:
        progress(f"Waiting for {component.name}")
        components.wait_ready(component)
    addresses = {component.name: component.address for component in state.components}
    state.kafka_bootstrap_servers = addresses[components.KAFKA]
    state.qdrant_url = addresses[components.QDRANT]
    state.aws_endpoint_url = addresses[components.AWS]
    state.kafka_secrets = kafka_access.publish(state)
    state.save()


def _deploy(state: State, sources: str, progress: Progress) -> None:
    """Deploy what was built, and poll for its mapping. An unusable mapping changes nothing."""
    given = template_parameters.given(state)
    wiring = f"{build.fingerprint(['template.yaml'])} {sorted(given.items())}"
    code_only = state.wiring == wiring
    if not code_only:
        components.check_mapping(given)
        template_parameters.check(template_parameters.resolved(given))
    with ThreadPoolExecutor(1) as beside:
        if not code_only:
            progress("Creating topics and collection")
            provisioned = beside.submit(provision, state)
            progress("Publishing the issuer's key")
            issuer.publish(state.aws_endpoint_url)
        progress("Uploading functions and layers")
        template = deploy.upload(state.aws_endpoint_url)
        if not code_only:
            provisioned.result()
    progress("Deploying the template")
    state.api_url = deploy.deploy(state.aws_endpoint_url, template, given)
    state.users_table = physical_id(state.aws_endpoint_url, "UsersTable") or ""
    if not code_only:
        progress("Starting the event source poller and the schedule")
        _start_invokers(state, given)
        state.wiring = wiring
    progress("Asking the API for its health")
    deploy.check_health(state.api_url)
    for component in state.components:
        components.wait_ready(component)  # the poller joined its group meanwhile
    state.sources = sources
    state.auth_mode, state.otlp_endpoint = given["AuthMode"], given.get("OtlpEndpoint", "")
    state.save()


def _start_invokers(state: State, given: dict[str, str]) -> None:
    """Start the poller and the schedule, instead of those that run, and do not wait for them."""
    for component in [each for each in state.components if each.name in _INVOKERS]:
        components.stop(component)  # what it invokes may have changed
        state.components.remove(component)
    poller = _keep(
        state, partial(components.start_poller, process.free_port(), state.aws_endpoint_url, given)
    )
    state.poller_url = poller.address
    _keep(state, partial(_start_schedule, state))


def _keep(state: State, start: Callable[[], Component]) -> Component:
    """Start a component and write it down, whatever comes in between."""
    with process.undisturbed():
        component = start()
        state.components.append(component)
        state.save()
    return component


@contextmanager
def _cleaned_up(state: State, progress: Progress) -> Iterator[None]:
    try:
        yield
    except BaseException:
        progress("Stopping what was started")
        down(state)
        raise
