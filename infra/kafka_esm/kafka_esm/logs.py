"""One JSON object per line on stderr."""

import json
import logging
import sys
from datetime import UTC, datetime

_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Formats a record and its `extra` as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "message": record.getMessage(),
        }
        line |= {
            key: value for key, value in vars(record).items() if key not in _ORDINARY and value is not None
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _OfMappings(logging.Filter):
    """Lets the lines of a mapping through from its own level on (LoggingConfig)."""

    def __init__(self, common: int) -> None:
        super().__init__()
        self.common = common
        self.levels: dict[tuple[object, object], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it."""
        names = (getattr(record, "function", None), getattr(record, "topic", None))
        return record.levelno >= self.levels.get(names, self.common)


_of_mappings = _OfMappings(logging.INFO)


def set_level(function: str, topic: str, level: str | None) -> None:
    """Log a mapping's lines from this level on; None: as all others."""
    if level is None:
        _of_mappings.levels.pop((function, topic), None)
        return
    number = logging.getLevelNamesMapping()[level]
    _of_mappings.levels[function, topic] = number
    own = logging.getLogger("kafka_esm")
    own.setLevel(min(number, own.getEffectiveLevel()))


def set_up(level: str) -> None:
    """Log to stderr. kafka-python reports every attempt to connect: it is heard at DEBUG only."""
    _of_mappings.common = logging.getLevelNamesMapping()[level]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(_of_mappings)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("kafka", "botocore", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.INFO if level == "DEBUG" else logging.CRITICAL)
