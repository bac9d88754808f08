"""What `sam local` needs to run the functions beside the mesh: the values that they are deployed with."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mesh import components, paths
from mesh.clients.aws import client, physical_id
from mesh.deployment import build, template_parameters
from mesh.errors import MeshError
from mesh.state import State

FOLDER = paths.HOME / "sam"

_COMMANDS = ("local_invoke", "local_start_api", "local_start_lambda")
_SERVERS = _COMMANDS[1:]
_UNTRACED = {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}


def write_config(state: State) -> Path:
    """Write a configuration file for `sam local`; MeshError if no container could get to the mesh."""
    if not state.aws_endpoint_url or f"//{components.LOOPBACK}:" in state.aws_endpoint_url:
        raise MeshError(
            "The mesh listens on the loopback interface, where no container gets to. Let it listen on "
            "Docker's bridge: mesh down, then MESH_HOST=172.17.0.1 mesh up."
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    variables = FOLDER / "variables.json"
    variables.write_text(json.dumps(_deployed_variables(state.aws_endpoint_url), indent=2))
    shared = {
        "template_file": str(paths.BUILD / "template.yaml"),
        "parameter_overrides": [
            f"{name}={value}" for name, value in template_parameters.given(state).items() if value
        ],
        "env_vars": str(variables),
        "layer_cache_basedir": str(paths.CACHE / "sam" / "layers-pkg"),
        "skip_pull_image": True,  # what is here is used; what is not is pulled all the same
    }
    lines = ["version = 0.1"]
    for command in _COMMANDS:
        settings: dict[str, Any] = {**shared, **({"warm_containers": "LAZY"} if command in _SERVERS else {})}
        lines += ["", f"[default.{command}.parameters]"]
        lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items()]  # as TOML has them
    config = FOLDER / "samconfig.toml"
    config.write_text("\n".join(lines) + "\n")
    return config


def _is_here(configuration: Mapping[str, Any]) -> bool:
    """Whether a function's traces go to the console, which listens where no container gets to."""
    endpoint = configuration["Environment"]["Variables"].get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    return f"//{components.LOOPBACK}:" in endpoint


def _deployed_variables(endpoint_url: str) -> dict[str, dict[str, str]]:
    """Return the environment variables of each function, by logical id, as the mesh has deployed it."""
    functions = client("lambda", endpoint_url)
    found = {}
    for logical_id, resource in build.built_template()["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            if (name := physical_id(endpoint_url, logical_id)) is None:
                continue  # its condition does not hold
            configuration = functions.get_function_configuration(FunctionName=name)
            found[logical_id] = {
                **configuration["Environment"]["Variables"],
                "AWS_ENDPOINT_URL": endpoint_url,
                **(_UNTRACED if _is_here(configuration) else {}),
            }
    return found
