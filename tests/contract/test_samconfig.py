"""Every environment of samconfig.toml, as `sam deploy` would send it to CloudFormation."""

import json
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from kafka_esm.mappings import intrinsics
from mesh import paths
from mesh.deployment import build

from tests import sam

ENVIRONMENTS = ["local", "staging", "production"]
REMOTE = ENVIRONMENTS[1:]
EXAMPLE = paths.ROOT / "infra" / "aws" / "parameters.example.yaml"
TRANSFORM = Path(__file__).with_name("transform.py")
PSEUDO = {
    "AWS::AccountId": "111122223333",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "event-mesh",
    "AWS::URLSuffix": "amazonaws.com",
}
FUNCTION = "AWS::Lambda::Function"
ALARM = "AWS::CloudWatch::Alarm"
ROLE = "AWS::IAM::Role"

# AWS's own policies: to write logs and traces, and to join a VPC.
MANAGED = {
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
}
# These EC2 actions know no resource: what polls Kafka in a VPC needs them.
UNSCOPED = {"ec2:DescribeVpcs", "ec2:DescribeSecurityGroups"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout's samconfig.toml and template, with parameter files as the example says."""
    folder = tmp_path_factory.mktemp("deployment")
    (folder / "infra" / "aws").mkdir(parents=True)
    for name in REMOTE:
        (folder / "infra" / "aws" / f"{name}.yaml").write_text(EXAMPLE.read_text())
    return folder


@pytest.fixture(scope="module")
def transformed(folder: Path) -> Any:
    """Return, for an environment, its parameters and what SAM makes of the template."""

    @cache
    def of(environment: str) -> tuple[dict[str, str], dict[str, Any]]:
        result = transform(environment, folder)
        return result["parameters"], result["template"]

    return of


def transform(environment: str, folder: Path) -> dict[str, Any]:
    """Return what transform.py prints, with the parameter files of a folder."""
    done = subprocess.run(
        [
            build.ensure_environment("sam") / "python",
            *(TRANSFORM, paths.TEMPLATE, paths.ROOT / "samconfig.toml", environment),
        ],
        cwd=folder,
        env={**build.base_environment(), "SAM_CLI_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def deployed(transformed: Any) -> Any:
    """Return, for an environment, its resources of a type, their intrinsic functions resolved."""

    def of(environment: str, kind: str) -> dict[str, dict[str, Any]]:
        given, template = transformed(environment)
        defaults = {name: rule.get("Default") for name, rule in template["Parameters"].items()}
        scope = intrinsics.Scope(
            {**defaults, **given}, PSEUDO, template["Conditions"], resources=template["Resources"]
        )
        return {
            name: intrinsics.resolve(resource["Properties"], scope)
            for name, resource in template["Resources"].items()
            if resource["Type"] == kind
            and ("Condition" not in resource or intrinsics.holds(resource["Condition"], scope))
        }

    return of


def statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in role.get("Policies", []):
        yield from policy["PolicyDocument"]["Statement"]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_gives_every_parameter_that_needs_a_value_and_no_other(
    transformed: Any, template: dict[str, Any], environment: str
) -> None:
    given, _ = transformed(environment)
    wanted = {name for name, rule in template["Parameters"].items() if "Default" not in rule}
    assert wanted <= given.keys() <= template["Parameters"].keys()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_rules_of_the_template_accept_an_environment(transformed: Any, environment: str) -> None:
    given, _ = transformed(environment)
    assert sam.broken_rules(given) == set()


@pytest.mark.parametrize("environment", REMOTE)
def test_an_environment_says_only_what_differs(
    transformed: Any, template: dict[str, Any], environment: str
) -> None:
    given, _ = transformed(environment)
    defaults = {name: str(rule.get("Default")) for name, rule in template["Parameters"].items()}
    assert {name for name, value in given.items() if value == defaults[name]} <= {
        "Environment",
        "JwtAudience",
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_cfn_lint_finds_nothing_wrong_in_what_sam_makes_of_it(
    transformed: Any, environment: str, tmp_path: Path
) -> None:
    _, translated = transformed(environment)
    file = tmp_path / "template.json"
    file.write_text(json.dumps(translated))
    done = subprocess.run(
        [build.ensure_environment("sam") / "cfn-lint", "--region", "eu-central-1", "--", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("environment", REMOTE)
@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_what_a_deployer_chose_is_built_and_deployed(
    environment: str, architecture: str, tmp_path: Path
) -> None:
    file = tmp_path / "infra" / "aws" / f"{environment}.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(f"{EXAMPLE.read_text()}\nArchitecture: {architecture}\n")
    result = transform(environment, tmp_path)
    assert result["parameters"]["Architecture"] == architecture
    assert set(result["layers"].values()) == {architecture}
    of_resources = [
        properties[name]
        for resource in result["template"]["Resources"].values()
        for properties in [resource.get("Properties", {})]
        for name in ("Architectures", "CompatibleArchitectures")
        if name in properties
    ]
    layers_and_next_enrich = 5
    assert of_resources == [[{"Ref": "Architecture"}]] * (len(sam.functions()) + layers_and_next_enrich)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_role_may_more_than_it_must(deployed: Any, environment: str) -> None:
    roles = deployed(environment, ROLE)
    assert roles.keys() == sam.resources("AWS::IAM::Role").keys()
    for role in roles.values():
        assert set(role.get("ManagedPolicyArns", [])) <= MANAGED
        for statement in statements(role):
            actions = as_list(statement["Action"])
            resources = as_list(statement["Resource"])
            assert statement["Effect"] == "Allow"
            assert not [action for action in actions if "*" in action]
            assert "*" not in resources or set(actions) <= UNSCOPED


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_function_is_invoked_by_our_api_and_our_schedule_only(deployed: Any, environment: str) -> None:
    for permission in deployed(environment, "AWS::Lambda::Permission").values():
        assert permission["Action"] == "lambda:InvokeFunction"
        assert permission["Principal"] in ("apigateway.amazonaws.com", "events.amazonaws.com")
        assert permission["SourceArn"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_function_has_a_limit_of_time_and_memory_and_is_traced(deployed: Any, environment: str) -> None:
    functions = deployed(environment, FUNCTION)
    assert len(functions) == len(sam.functions())
    for function in functions.values():
        assert 0 < function["Timeout"] <= 240
        assert 0 < function["MemorySize"] <= 1769
        assert function["TracingConfig"] == {"Mode": "Active"}


@pytest.mark.parametrize("environment", REMOTE)
def test_enrich_and_search_cannot_take_all_concurrency(
    deployed: Any, template: dict[str, Any], environment: str
) -> None:
    functions = deployed(environment, FUNCTION)
    partitions = template["Parameters"]["UserEventsPartitions"]["Default"]
    assert 0 < int(functions["EnrichFunction"]["ReservedConcurrentExecutions"]) <= partitions
    assert int(functions["SearchFunction"]["ReservedConcurrentExecutions"]) > 0


@pytest.mark.parametrize("environment", REMOTE)
def test_the_functions_are_in_the_vpc_and_the_mapping_has_its_secret(deployed: Any, environment: str) -> None:
    for function in deployed(environment, FUNCTION).values():
        assert len(function["VpcConfig"]["SubnetIds"]) == 2
    (mapping,) = deployed(environment, "AWS::Lambda::EventSourceMapping").values()
    access = {each["Type"]: each["URI"] for each in mapping["SourceAccessConfigurations"]}
    assert access["SASL_SCRAM_512_AUTH"].startswith("arn:aws:secretsmanager:")
    assert access["VPC_SUBNET"].startswith("subnet:subnet-")
    assert access["VPC_SECURITY_GROUP"].startswith("security_group:sg-")


@pytest.mark.parametrize("environment", REMOTE)
def test_no_secret_passes_through_a_parameter(transformed: Any, deployed: Any, environment: str) -> None:
    given, _ = transformed(environment)
    assert not [name for name in given if name.endswith(("Key", "Password", "Secret", "Token"))]
    assert "{{resolve:" not in str(deployed(environment, FUNCTION))  # a value, once it is deployed
    variables = deployed(environment, FUNCTION)["SearchFunction"]["Environment"]["Variables"]
    assert variables["QDRANT_SECRET_ARN"] == given["QdrantSecretArn"]


@pytest.mark.parametrize("environment", REMOTE)
def test_every_alarm_tells_somebody_when_it_comes_and_when_it_goes(
    transformed: Any, deployed: Any, environment: str
) -> None:
    given, _ = transformed(environment)
    for alarm in deployed(environment, ALARM).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [given["AlarmTopicArn"]]
        assert alarm["AlarmDescription"]


def test_without_a_topic_alarms_tell_nobody(deployed: Any) -> None:
    assert not [alarm for alarm in deployed("local", ALARM).values() if "AlarmActions" in alarm]


def test_every_function_has_alarms_for_errors_and_throttles() -> None:
    functions = sam.resources(sam.FUNCTION)
    watched = {
        (alarm["MetricName"], dimension["Value"]["Ref"])
        for alarm in sam.resources(ALARM).values()
        for dimension in alarm["Dimensions"]
        if alarm["Namespace"] == "AWS/Lambda"
    }
    assert watched == {(metric, name) for metric in ("Errors", "Throttles") for name in functions} | {
        ("OffsetLag", "EnrichFunction")
    }


def test_alarms_watch_metrics_that_the_functions_have() -> None:
    """A metric that nobody sends is never alarming."""
    ours = [alarm for alarm in sam.resources(ALARM).values() if alarm["Namespace"] == "EventMesh"]
    assert {alarm["MetricName"] for alarm in ours} == {"OutboxAge", "DeadLetters"}
    for alarm in ours:
        ((name, function),) = [(each["Name"], each["Value"]) for each in alarm["Dimensions"]]
        source = (paths.ROOT / "functions" / function / "app.py").read_text(encoding="utf-8")
        assert name == "service"  # what Powertools adds, with the function's name
        assert f'add_metric("{alarm["MetricName"]}"' in source
        assert sam.environment(function)["POWERTOOLS_SERVICE_NAME"] == function


def test_every_alarm_is_in_the_guide() -> None:
    guide = (paths.ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    named = [
        word for line in guide.splitlines() if line.startswith("| `") for word in line.split("`")[1:-1:2]
    ]
    for alarm in sam.resources(ALARM):
        assert [pattern for pattern in named if fnmatch(alarm, pattern)], alarm


def test_the_files_that_a_deployer_fills_in_are_never_committed() -> None:
    ignored = (paths.ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {f"infra/aws/{name}.yaml" for name in REMOTE} <= set(ignored)
