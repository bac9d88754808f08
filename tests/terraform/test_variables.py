"""Each variable refuses what it cannot be, at plan, and says what to do instead."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests import sam
from tests.terraform import parameters
from tests.terraform.as_cloudformation import MODULE
from tests.terraform.conftest import Tofu

PRODUCTION = parameters.variables(parameters.PRODUCTION)
LONG = "x" * 101

# Variable, a value that it refuses, and what is said of it.
REFUSED: list[tuple[str, Any, str]] = [
    ("name", "9lives", "begins with a letter"),
    ("name", "x" * 41, "at most 40"),
    ("users_table_name", "arn:aws:dynamodb:eu-central-1:111122223333:table/users", "not its ARN"),
    ("packages", "/nowhere", "Run `mesh package --output FOLDER`"),
    ("packages_uploaded", True, "wants packages_bucket"),
    ("otlp_endpoint", "collector:4318", "is a URL without /v1/traces"),
    ("embedding_url", "api.openai.com", "is a URL without /embeddings"),
    ("next_embedding_url", "api.openai.com", "is a URL without /embeddings"),
    ("next_qdrant_collection", "a/b", "letters, digits"),
    ("next_qdrant_collection", LONG, "at most 100"),
    ("cors_allowed_origins", ["https://app.example/"], "no / at the end"),
    ("cors_allowed_origins", ["app.example"], "origins such as https://app.example"),
    ("cors_allowed_origins", ["https://*.example"], "origins such as https://app.example"),
    ("kafka_bootstrap_servers", [], "at least one"),
    ("kafka_bootstrap_servers", ["kafka-1.example"], "host:port"),
    ("kafka_secret_arn", "s3cr3t", "not its name or its value"),
    ("kafka_root_ca_secret_arn", "-----BEGIN CERTIFICATE-----", "not its name or its value"),
    ("qdrant_secret_arn", "event-mesh/qdrant", "not its name or its value"),
    ("embedding_secret_arn", "sk-1", "not its name or its value"),
    ("next_embedding_secret_arn", "sk-1", "not its name or its value"),
    ("alarm_topic_arn", "alarms", "ARN of an SNS topic"),
    ("rate_limit_overrides", {"a": {"create_user": 5}}, "object required"),
    *[
        (parameters.variable(name), "nonsense", "one of")
        for name, each in sam.template()["Parameters"].items()
        if "AllowedValues" in each and each["AllowedValues"] != ["true", "false"] and each["Type"] == "String"
    ],
    ("log_retention_days", 31, "one of"),
    *[
        (parameters.variable(name), each[bound] + step, f"{each[bound]}")
        for name, each in sam.template()["Parameters"].items()
        for bound, step in (("MinValue", -1), ("MaxValue", 1))
        if bound in each
    ],
]

# What one says of another: variables beside those of production, and what is said; None where they are taken.
TOGETHER: list[tuple[dict[str, Any], str | None]] = [
    ({}, None),
    ({"auth_mode": "dev"}, "Set auth_mode to jwt"),
    ({"auth_mode": "dev", "environment": "staging"}, None),
    ({"jwt_jwks_url": ""}, "needs jwt_jwks_url"),
    ({"jwt_issuer": ""}, "needs jwt_issuer"),
    ({"jwt_audience": ""}, "needs jwt_audience"),
    ({"cors_allowed_origins": ["*"]}, "Name the origins"),
    ({"cors_allowed_origins": ["*"], "environment": "development"}, None),
    ({"cors_allowed_origins": ["https://app.example", "http://[::1]:3000"]}, None),
    ({"kafka_secret_arn": ""}, "wants a way into Kafka"),
    ({"kafka_secret_arn": "", "environment": "staging"}, None),
    ({"kafka_secret_arn": "", "kafka_client_certificate_secret_arn": f"{parameters.SECRET}c"}, None),
    ({"kafka_client_certificate_secret_arn": f"{parameters.SECRET}c"}, "exclude each other"),
    ({"embedding_provider": "openai"}, "needs embedding_url"),
    ({"embedding_provider": "openai", "embedding_url": "https://e.example/v1"}, None),
    ({"next_qdrant_collection": "next", "next_embedding_provider": "openai"}, "needs next_embedding_url"),
    ({"next_qdrant_collection": "user_embeddings"}, "another one than qdrant_collection"),
    (
        {"next_qdrant_collection": "n", "next_consumer_group_id": "event-mesh.enrich"},
        "another one than consumer_group_id",
    ),
    ({"next_qdrant_collection": "n"}, None),
]


@pytest.fixture(scope="module")
def variables(tofu: Tofu, packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The variables without the resources: they are checked before those, and need no provider."""
    folder = tmp_path_factory.mktemp("variables")
    shutil.copy(MODULE / "variables.tf", folder)
    (folder / "packages.auto.tfvars.json").write_text(json.dumps({"packages": str(packages)}))
    tofu.run(folder, "init", "-input=false")
    return folder


def said(tofu: Tofu, folder: Path, given: dict[str, Any], *, refused: bool) -> str:
    (folder / "given.json").write_text(json.dumps(given))
    options = ("-input=false", "-no-color", "-refresh=false", "-var-file=given.json")
    return tofu.run(folder, "plan", *options, fails=refused)


@pytest.mark.parametrize(("variable", "value", "advice"), REFUSED)
def test_a_variable_refuses_what_it_cannot_be(
    tofu: Tofu, variables: Path, variable: str, value: Any, advice: str
) -> None:
    text = said(tofu, variables, {**PRODUCTION, variable: value}, refused=True)
    assert variable in text
    assert advice in text


def test_every_variable_that_is_bounded_is_tried() -> None:
    tried = {variable for variable, _, _ in REFUSED}
    bounded = {
        parameters.variable(name)
        for name, each in sam.template()["Parameters"].items()
        if each.keys() & {"AllowedPattern", "MinValue", "MaxValue"} or len(each.get("AllowedValues", [])) > 2
    }
    assert bounded <= tried


@pytest.mark.parametrize(("changed", "advice"), TOGETHER)
def test_variables_that_do_not_go_together_are_refused(
    tofu: Tofu, variables: Path, changed: dict[str, Any], advice: str | None
) -> None:
    text = said(tofu, variables, {**PRODUCTION, **changed}, refused=advice is not None)
    assert advice is None or advice in text


@pytest.mark.parametrize("changed", [changed for changed, _ in TOGETHER])
def test_the_template_and_the_module_refuse_the_same(changed: dict[str, Any]) -> None:
    (advice,) = [advice for each, advice in TOGETHER if each == changed]
    names = {parameters.variable(name): name for name in sam.template()["Parameters"]}
    texts = {
        names[each]: ",".join(value) if isinstance(value, list) else value for each, value in changed.items()
    }
    assert bool(sam.broken_rules({**parameters.PRODUCTION, **texts})) == (advice is not None)
