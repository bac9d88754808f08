"""What the template refuses is refused before anything is deployed, on an emulator that would take it too."""

import pytest
from mesh.deployment import template_parameters
from mesh.errors import MeshError

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
        ("EnrichBatchSize", "201", "EnrichBatchSize cannot be '201': it is a number from 1 to 200."),
        ("EnrichBatchSize", "0", "a number from 1 to 200"),
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
