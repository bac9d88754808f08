"""What the mesh gives the template; and what that refuses is refused before anything is deployed."""

import platform

import pytest
from mesh.deployment import build, template_parameters
from mesh.errors import MeshError
from mesh.state import State

from tests import sam

NEEDED = {
    "KafkaBootstrapServers": "kafka:9092",
    "QdrantUrl": "http://qdrant:6333",
    "Environment": "development",
}
GOOD = {
    **{
        name: str(each["Default"]) for name, each in sam.template()["Parameters"].items() if "Default" in each
    },
    **NEEDED,
    "AuthMode": "dev",
}


def test_given_the_defaults_when_checked_then_they_pass() -> None:
    template_parameters.check(GOOD)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("EnrichBatchSize", "101", "EnrichBatchSize cannot be '101': it is a number from 1 to 100."),
        ("EnrichBatchSize", "0", "a number from 1 to 100"),
        ("EnrichBatchSize", "many", "EnrichBatchSize cannot be 'many'"),
        ("EnrichBatchSize", "nan", "EnrichBatchSize cannot be 'nan'"),
        ("CreateBurst", "0", "a number from 1 to inf"),
        ("LogLevel", "LOUD", "LogLevel cannot be 'LOUD'. It is one of: DEBUG, INFO, WARN, ERROR."),
        (
            "CorsAllowedOrigins",
            "https://a.dev/",
            "CorsAllowedOrigins cannot be 'https://a.dev/': it has the form",
        ),
        ("AuthMode", "jwt", "AuthMode jwt needs JwtJwksUrl"),
    ],
)
def test_given_what_is_not_allowed_when_checked_then_it_says_what_is(
    name: str, value: str, said: str
) -> None:
    with pytest.raises(MeshError) as refused:
        template_parameters.check({**GOOD, name: value})
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [("x86_64", "x86_64"), ("AMD64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")],
)
def test_given_a_machine_when_deployed_to_then_functions_have_its_processor(
    monkeypatch: pytest.MonkeyPatch, machine: str, architecture: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert template_parameters.given(State())["Architecture"] == architecture
    assert architecture in build.source_template()["Parameters"]["Architecture"]["AllowedValues"]


def test_given_a_processor_by_name_when_deployed_then_it_is_that_one() -> None:
    assert template_parameters.given(State(parameters={"Architecture": "arm64"}))["Architecture"] == "arm64"
