"""LoggingConfig: a mapping's own level."""

import logging
from collections.abc import Iterator

import pytest
from kafka_esm import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    loggers = [logging.getLogger(), logging.getLogger("kafka_esm")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
    for topic in ("quiet", "loud"):
        logs.set_level("f", topic, None)


def test_given_mappings_with_levels_of_their_own_when_logging_then_each_is_heard_from_its_level_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.set_up("INFO")
    logs.set_level("f", "quiet", "WARNING")
    logs.set_level("f", "loud", "DEBUG")
    logger = logging.getLogger("kafka_esm.poller")
    for topic in ("quiet", "loud", "other"):
        for level in (logging.DEBUG, logging.INFO, logging.WARNING):
            logger.log(level, "%s-%d", topic, level, extra={"function": "f", "topic": topic})
    heard = capsys.readouterr().err
    lines = [f"{topic}-{level}" for topic in ("quiet", "loud", "other") for level in (10, 20, 30)]
    assert [line for line in lines if line in heard] == [
        "quiet-30", "loud-10", "loud-20", "loud-30", "other-20", "other-30",
    ]  # fmt: skip
