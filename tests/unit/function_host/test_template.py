"""A SAM template is what the host runs: this project's own, and what may be wrong with one."""

from pathlib import Path
from typing import Any

import pytest
from function_host import template
from function_host.config import Config, Route
from function_host.errors import ConfigurationError
from mesh import paths
from mesh.deployment import build

PARAMETERS = {"KafkaBootstrapServers": "kafka:9092", "QdrantUrl": "http://qdrant:6333"}
FUNCTION = """
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.handler
"""


class AnyEnvironment(dict[str, str]):
    """One that has every variable."""

    def __contains__(self, name: object) -> bool:
        return True


@pytest.fixture(scope="module")
def ours() -> Config:
    return template.load(paths.TEMPLATE, PARAMETERS, {"UsersTable": "users"}, AnyEnvironment())


@pytest.fixture
def load(tmp_path: Path) -> Any:
    def load(text: str, resources: dict[str, str] | None = None, **parameters: str) -> Config:
        path = tmp_path / "template.yaml"
        path.write_text(text)
        return template.load(path, parameters, resources or {}, {})

    return load


def test_every_function_of_ours_is_there_with_its_memory_and_timeout(ours: Config) -> None:
    resources = build.source_template()["Resources"]
    wanted = {
        name: (each["Properties"].get("MemorySize", 512), each["Properties"].get("Timeout", 28))
        for name, each in resources.items()
        if each["Type"] == "AWS::Serverless::Function" and "Condition" not in each
    }

    found = {name: (each.memory_mb, each.timeout_seconds) for name, each in ours.functions.items()}

    assert found == wanted
    assert {each.handler for each in ours.functions.values()} == {"app.lambda_handler"}


def test_variables_are_the_functions_own_and_shared_ones(ours: Config) -> None:
    variables = ours.functions["GetUserFunction"].environment

    assert variables["TABLE_NAME"] == "users"
    assert variables["POWERTOOLS_SERVICE_NAME"] == "get_user"
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "EventMesh"
    assert "AWS_ENDPOINT_URL" not in variables  # AWS::NoValue
    assert "TENANT_ROLE_ARN" not in variables  # known to nobody here: the environment has it


def test_code_and_layers_are_where_the_template_says(ours: Config) -> None:
    function = ours.functions["GetUserFunction"]

    assert function.code == paths.ROOT / "functions" / "get_user"
    assert [each.relative_to(paths.ROOT).as_posix() for each in function.layers] == [
        "layers/tracing",
        "layers/tenant_auth",
        "layers/users",
    ]


def test_routes_and_gateway_responses_are_the_apis(ours: Config) -> None:
    gateway = ours.gateway

    assert Route("PATCH", "/users/{id}", "UpdateUserFunction") in gateway.routes
    assert Route("ANY", "/{proxy+}", "ListUsersFunction") in gateway.routes
    assert gateway.stage == "v1"
    assert gateway.responses["MISSING_AUTHENTICATION_TOKEN"]["StatusCode"] == 404


def test_of_some_functions_only_their_routes_are_there(ours: Config) -> None:
    only = ours.only({"SearchFunction"})

    assert only.functions.keys() == {"SearchFunction"}
    assert [route.path for route in only.gateway.routes] == ["/ai/users/search"]


def test_given_little_then_lambdas_own_defaults_are_there(load: Any, tmp_path: Path) -> None:
    function = load(FUNCTION).functions["Hello"]

    assert (function.memory_mb, function.timeout_seconds) == (128, 3)
    assert (function.code, function.layers) == (tmp_path, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FUNCTION + "      Timeout: !Ref Nobody\n", "Hello.Timeout: Nobody is neither"),
        (FUNCTION + "      Environment: {Variables: {A: !Ref Table}}\n", "--resource NAME=VALUE"),
        (FUNCTION + "      Layers: [!Ref Hello]\n", "is no layer of this template"),
        (FUNCTION + "      Layers: ['arn:aws:lambda:us-east-1:1:layer:x:1']\n", "is no layer"),
        (FUNCTION.replace("app.handler", "handler"), "handler is not module.function"),
        (FUNCTION + "      MemorySize: 64\n", "memory_mb is not from 128 to 10240"),
        (FUNCTION + "      CodeUri: nowhere\n", "there is no folder"),
        ("Resources: {}", "There is no function"),
        ("]", "not valid YAML"),
    ],
)
def test_given_a_template_that_cannot_be_run_then_it_says_why(load: Any, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load(text)


def test_given_a_parameter_that_the_template_lacks_then_it_says_so(load: Any) -> None:
    with pytest.raises(ConfigurationError, match="no parameter Nothing"):
        load(FUNCTION, Nothing="1")
