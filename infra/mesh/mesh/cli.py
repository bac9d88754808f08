"""The `mesh` command. Imports wait for the command that needs them: `mesh status` shall not load Kafka."""

import json
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal, NoReturn, TypeVar

import typer
from rich.console import Console

from mesh.commands import dlq
from mesh.errors import MeshError, is_users
from mesh.state import State, load, load_running, lock

app = typer.Typer(
    help="Event Mesh on this machine: no Docker, no account.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(dlq.app, name="dlq")
tenant_app = typer.Typer(help="What an operator does to a tenant.", no_args_is_help=True)
app.add_typer(tenant_app, name="tenant")
console = Console(soft_wrap=True, highlight=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)

Result = TypeVar("Result")
Emulator = Literal["ministack", "localstack"]
Embeddings = Literal["local", "multilingual"]
Broker = Literal["tansu", "apache-kafka", "apache-kafka-scram"]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Any free one unless given.")]
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_EXIT_CODES = {"running": 0, "degraded": 1, "stopped": 3}


@app.command("up")
def up_command(
    aws_port: Port = None,
    kafka_port: Port = None,
    qdrant_port: Port = None,
    metrics_port: Port = None,
    attach: Annotated[bool, typer.Option("--attach", help="Stay; Ctrl-C takes the mesh down.")] = False,
    compose: Annotated[
        bool,
        typer.Option("--compose", help="Kafka and Qdrant as containers: infra/compose, by Docker."),
    ] = False,
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A parameter of template.yaml; kept until the mesh is down."),
    ] = None,
    emulator: Annotated[
        Emulator | None,
        typer.Option(envvar="MESH_EMULATOR", help="ministack unless given; kept until the mesh is down."),
    ] = None,
    broker: Annotated[
        Broker | None,
        typer.Option(
            envvar="MESH_BROKER",
            help="tansu unless given; apache-kafka keeps its log on disk and wants Java and Maven, "
            "apache-kafka-scram also wants a password, over TLS. Kept until the mesh is down.",
        ),
    ] = None,
    embeddings: Annotated[
        Embeddings | None,
        typer.Option(
            envvar="MESH_EMBEDDINGS",
            help="local, the layer's model, unless given; multilingual starts a server of OpenAI's "
            "/embeddings with multilingual-e5-small. Kept until the mesh is down.",
        ),
    ] = None,
    observe: Annotated[
        bool,
        typer.Option("--observe", help="Start this machine's Prometheus too, with the mesh's alerts."),
    ] = False,
) -> None:
    """Build, start and deploy what is still to be built, started and deployed.

    AWS_ENDPOINT_URL, KAFKA_BOOTSTRAP_SERVERS and QDRANT_URL name what is there already; KAFKA_USERNAME,
    KAFKA_PASSWORD and KAFKA_ROOT_CA (a file) open such a Kafka.
    """
    from mesh.commands.up import Ports, up
    from mesh.platforms import check

    check()
    ports = Ports(aws_port, kafka_port, qdrant_port, metrics_port)
    parameters = _parameters(parameter or [])
    with lock():
        state = _with_progress(
            lambda progress: up(ports, parameters, progress, compose, emulator, broker, embeddings, observe)
        )
    if attach:
        _watch(state)
    else:
        _show(state)
        console.print("\nStop it with: make down")


@app.command("deploy")
def deploy_command() -> None:
    """Build what has changed and deploy it into the running mesh, which goes on meanwhile."""
    from mesh.commands.up import Ports, up

    with lock():
        if crashed := [component.name for component in load_running().crashed]:
            raise MeshError(f"{', '.join(crashed)} crashed. Start it again with: make up")
        _with_progress(lambda progress: up(Ports(), {}, progress))
    console.print("What was changed is live.")


@app.command("status")
def status_command(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what runs. Exit code 0: running, 1: degraded, 3: stopped."""
    from mesh.commands.watching import status

    state = load()
    report = status.report(state)
    if as_json:
        print(json.dumps(report, indent=2))  # noqa: T201
    elif report["state"] == "stopped":
        console.print("stopped. Start it with: make up")
    else:
        console.print(status.table(report["components"]))
        console.print(f"\n{report['state']}   API {report['api_url']}   lag {report['consumer_lag']}")
        if outbox := report["outbox"]:
            console.print(f"outbox {outbox['size']} events, the oldest {outbox['age_seconds']} s old")
        for mapping in report["mappings"]:
            if mapping["last_error"]:
                console.print(f"last error of {mapping['function']}: {mapping['last_error']}", markup=False)
        if state.crashed:
            console.print("To start again what crashed: make up")
        for component in state.crashed:
            console.print(f"\n{component.name} crashed; its log ends:\n{component.log_tail}", markup=False)
    raise typer.Exit(_EXIT_CODES[report["state"]])


@app.command("logs")
def logs_command(
    name: Annotated[
        str | None, typer.Argument(help="A component or a function; all components if left out.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
) -> None:
    """Show the log of a component (aws, kafka, qdrant, poller), of a function (enrich, …) or of the build."""
    from mesh.commands.watching import logs

    state = load()
    for each in [name] if name else [component.name for component in state.components if component.log]:
        if not name:
            console.print(f"── {each}")
        for line in logs.lines(state, each, follow and name is not None):
            console.print(line, markup=False)


@app.command("traces")
def traces_command(
    trace_id: Annotated[
        str | None,
        typer.Argument(help="What an answer's traceresponse has between its first dashes. None: all."),
    ] = None,
) -> None:
    """Show the last traces, or the whole way of a request and its event."""
    from mesh.commands.watching import traces

    state = load_running()
    console.print(traces.way(state, trace_id) if trace_id else traces.last(state))


@app.command("console")
def console_command() -> None:
    """Print the address of the mesh's page, and open it in a browser if there is one."""
    from mesh.commands.watching import page

    page.open_console(load_running(), typer.echo)


@app.command("invoke")
def invoke_command(
    function: Annotated[str, typer.Argument(help="Such as enrich or EnrichFunction.")],
    event: Annotated[Path, typer.Option("--event", "-e", exists=True, dir_okay=False, help="A JSON file.")],
) -> None:
    """Invoke a function with an event and print its answer. Exit code 1: the function failed."""
    from mesh import arguments
    from mesh.clients import aws
    from mesh.deployment import deploy

    state = load_running()
    payload = arguments.event(event)
    name = deploy.function_name(state.aws_endpoint_url, function)
    answer = aws.invoke(state.aws_endpoint_url, name, payload)
    print(answer["Payload"].read().decode())  # noqa: T201
    raise typer.Exit(1 if "FunctionError" in answer else 0)


@app.command("reindex")
def reindex_command(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's users.")] = None,
    into: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Fill another collection, and then search that one."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="With --into: such as EmbeddingModel, for that collection."),
    ] = None,
) -> None:
    """Send every user of the table through the topic again, and wait until all are in the index.

    After the loss of Qdrant; with --into, to change the model while the mesh goes on. What was interrupted
    goes on where it was. Of all tenants, it also removes what keeps erased users from coming back, where
    nothing can bring them any more.
    """
    from mesh import arguments
    from mesh.commands import reindex

    if tenant is not None:
        arguments.tenant(tenant)
    if into is None and parameter:
        raise MeshError("--parameter wants --into: a collection keeps the model that it was made for.")
    if into is not None and tenant is not None:
        raise MeshError("--into fills a collection for all tenants: leave --tenant out.")
    with lock():
        if into is None:
            reindex.run(load_running(), tenant, console)
        else:
            reindex.into(into, _parameters(parameter or []), console)


@tenant_app.command("delete")
def tenant_delete_command(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Which one.")],
    force: Annotated[
        bool, typer.Option("--force", help="Even if it still creates, and without a wait for its events.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a tenant: its users, and all else that table and index hold of it.

    What was interrupted goes on.
    """
    from mesh import arguments
    from mesh.commands import tenant as tenants

    tenant = arguments.tenant(tenant)
    with lock():
        state = load_running()
        users = tenants.size(state, tenant)
        if not yes:
            typer.confirm(f"Erase {tenant} with its {users} users? Nothing brings them back.", abort=True)
        tenants.delete(state, tenant, users, force, console)


@app.command("import")
def import_command(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="CSV with a header, or NDJSON."),
    ],
    tenant: Annotated[str, typer.Option(help="Whose users they become.")],
    url: Annotated[str | None, typer.Option(help="Another API than that of the mesh here.")] = None,
    token: Annotated[
        str | None, typer.Option(envvar="MESH_TOKEN", help="A token of the tenant, which --url wants.")
    ] = None,
) -> None:
    """Create the users of a file, each once. Exit code 1: some were refused, FILE.errors.ndjson says why.

    Columns, or members: email, name, and profile if there is one. What was interrupted goes on where it was.
    """
    from mesh import arguments
    from mesh.commands import import_users
    from mesh.importing.sending import Api

    tenant = arguments.tenant(tenant)
    if url and not token:
        raise MeshError("--url wants a token of the tenant: --token, or MESH_TOKEN.")
    if token:
        authorization = f"Bearer {token}"
        url = url or load_running().api_url
    else:
        from mesh.deployment import issuer

        state = load_running()
        url, authorization = state.api_url, issuer.authorization(state, tenant, "mesh-import")
    with closing(Api(url, authorization)) as api:
        done = import_users.run(file, tenant, url, api, console)
    console.print(f"{done.created} created, {done.refused} refused.")
    if done.refused:
        console.print(f"What was refused, and why: {done.errors}", markup=False)
    raise typer.Exit(1 if done.refused else 0)


@app.command("token")
def token_command(
    tenant: Annotated[str, typer.Option(help="Whose users the caller may see.")],
    user: Annotated[str, typer.Option(help="Who is calling.")],
    expires_in: Annotated[int, typer.Option(min=1, metavar="SECONDS", help="How long it holds.")] = 3600,
) -> None:
    """Print a signed token of the mesh's own issuer, as `mesh up --parameter AuthMode=jwt` accepts it."""
    from mesh import arguments
    from mesh.deployment import issuer

    tenant, user = arguments.tenant(tenant), arguments.user(user)
    print(issuer.accepted(load_running(), tenant, user, expires_in))  # noqa: T201


@app.command("down")
def down_command(
    volumes: Annotated[
        bool, typer.Option("--volumes", help="Also what the containers of --compose keep.")
    ] = False,
) -> None:
    """Stop everything. Users, events and embeddings of this mesh are gone with it.

    What Kafka and Qdrant keep as containers (mesh up --compose) stays in their volumes.
    """
    from mesh.commands.down import down

    with lock():
        console.print("[dim]·[/] Stopping")
        down(load(), volumes)
    console.print("Stopped.")


@app.command("demo")
def demo_command() -> None:
    """Create users in two tenants, find them by meaning, and show that no tenant sees another's."""
    from mesh.commands import demo

    demo.run(load_running(), console)


@app.command("sam")
def sam_command() -> None:
    """Write what `sam local` needs to run the functions in containers beside this mesh, and say where."""
    from mesh.commands import sam

    print(sam.write_config(load_running()))  # noqa: T201


@app.command("package")
def package_command(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the zips and manifest.json go.")
    ] = Path("packages"),
) -> None:
    """Build functions and layers, and write a zip of each for OpenTofu or Terraform: infra/terraform.

    The same sources make the same bytes.
    """
    from mesh.commands import package

    console.print("[dim]·[/] Building")
    manifest = package.package(output)
    size = sum(each["bytes"] for each in manifest["packages"].values())
    console.print(f"{len(manifest['packages'])} packages, {size / 1e6:.0f} MB: {output}", markup=False)


@app.command("openapi")
def openapi_command() -> None:
    """Print the HTTP API as OpenAPI 3.1 (docs/openapi.json is this)."""
    from mesh.commands import openapi

    print(json.dumps(openapi.document(), indent=2))  # noqa: T201


def _with_progress(work: Callable[[Callable[[str], None]], Result]) -> Result:
    """Run `work`, showing each step that it reports: with a spinner on a terminal, as lines elsewhere."""
    with console.status("…") as spinner:

        def progress(step: str) -> None:
            console.print(f"[dim]·[/] {step}")
            spinner.update(step)

        return work(progress)


def _parameters(given: list[str]) -> dict[str, str]:
    """Return Name=Value pairs as a mapping; MeshError if one is no such pair, or no parameter's name."""
    from mesh import arguments
    from mesh.deployment import template_parameters

    pairs = [(name, value) for name, _, value in (each.partition("=") for each in given)]
    for each, (name, _) in zip(given, pairs, strict=True):
        arguments.utf8(each, "--parameter")
        if "=" not in each:
            raise MeshError(f"--parameter {each}: give it as Name=Value.")
        if name not in (known := template_parameters.declared()):
            raise MeshError(f"The template has no parameter {name!r}. It has: {', '.join(known)}.")
    return dict(pairs)


def _examples(state: State) -> list[str]:
    from mesh.deployment.issuer import authorization

    api_url, header = state.api_url, f"-H 'Authorization: {authorization(state, 'tenant-a', 'me')}'"
    user = '{"email":"ada@tenant-a.dev","name":"Ada","profile":"Bakes sourdough bread every morning"}'
    return [
        f"curl -s {header} -H 'Content-Type: application/json' -d '{user}' {api_url}/users/create",
        f"curl -s {header} {api_url}/users",
        f"curl -s {header} '{api_url}/ai/users/search?query=someone+who+bakes'",
    ]


def _show(state: State) -> None:
    """Print the components, the API's URL and how to call it; MeshError if a component does not answer."""
    from mesh.commands.watching import status

    report = status.report(state)
    console.print(status.table(report["components"]))
    if report["state"] != "running":
        raise MeshError("The mesh is up, but not all of it answers: see the table, and mesh logs NAME.")
    console.print(f"\nAPI  {state.api_url}")
    if page := state.component("console"):
        console.print(f"Console  {page.address}")
    console.print("\nTry it:")
    for line in _examples(state):
        console.print(f"  {line}", markup=False)


def _watch(state: State) -> None:
    """Wait for Ctrl-C or a crash, and take the mesh down, whatever happens."""
    from mesh.commands.down import down
    from mesh.process import wait_until

    try:
        _show(state)
        console.print("\nWatching. Ctrl-C takes it down.")
        wait_until(lambda: bool(state.crashed), float("inf"))
    except KeyboardInterrupt:
        console.print("Stopping")
    finally:
        crashed = [(component.name, component.log_tail) for component in state.crashed]
        with lock():
            down(state)
    if crashed:
        raise MeshError("\n".join(f"{name} crashed; its log ended:\n{tail}" for name, tail in crashed))


def _interrupt(number: int, frame: object) -> NoReturn:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # a second one shall not end what cleans up after the first
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line; an error that is the user's to solve is one message and exit code 2."""
    for each in _SIGNALS:
        signal.signal(each, _interrupt)
    try:
        app(standalone_mode=True)
    except Exception as error:
        if not is_users(error):
            raise
        errors.print("[red]error[/]", end=" ")
        said = str(error).encode(errors="backslashreplace").decode()  # it may quote what is no UTF-8
        errors.print(said, markup=False)
        sys.exit(2)
