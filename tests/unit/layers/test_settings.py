"""What is missing in the environment is named; what is there is never shown."""

import pytest
from pydantic import ValidationError
from users.settings import DeadLetterSettings, StoreSettings, UserEventsSettings
from vectors.settings import Settings

VECTORS = {"QDRANT_URL": "http://qdrant:6333", "EMBEDDING_MODEL": "m", "EMBEDDING_DIMENSION": "384"}


@pytest.mark.parametrize(
    ("model", "variables"),
    [
        (StoreSettings, {"TABLE_NAME"}),
        (UserEventsSettings, {"KAFKA_BOOTSTRAP_SERVERS", "USER_EVENTS_TOPIC"}),
        (DeadLetterSettings, {"KAFKA_BOOTSTRAP_SERVERS", "DEAD_LETTER_TOPIC"}),
        (Settings, set(VECTORS)),
    ],
)
def test_given_an_empty_environment_when_read_then_every_missing_variable_is_named(
    model: type, variables: set[str]
) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate({})
    assert {str(error["loc"][0]) for error in refused.value.errors()} == variables


def test_given_a_wrong_value_when_read_then_it_is_not_shown() -> None:
    with pytest.raises(ValidationError, match="EMBEDDING_DIMENSION") as refused:
        Settings.model_validate({**VECTORS, "EMBEDDING_DIMENSION": "s3cret"})
    assert "s3cret" not in str(refused.value)


def test_given_no_model_path_when_read_then_there_is_no_folder() -> None:
    assert Settings.model_validate(VECTORS).model_folder is None


def test_given_an_absolute_model_path_when_read_then_it_is_the_folder() -> None:
    assert (
        Settings.model_validate({**VECTORS, "EMBEDDING_MODEL_PATH": "/models/m"}).model_folder == "/models/m"
    )
