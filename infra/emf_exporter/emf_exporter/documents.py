"""EMF as functions write it: one JSON document in a log line, with what it measured."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MARK = '"CloudWatchMetrics"'  # in every document, and in hardly any other line


class MalformedError(ValueError):
    """A line has the mark of a document, and is none."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The values that one document has of one metric, and what is known of them."""

    namespace: str
    name: str
    unit: str
    values: tuple[float, ...]
    dimensions: Mapping[str, str]
    document: Mapping[str, Any]

    def property(self, name: str) -> str:
        """Return what else the document says, as Powertools' metadata do; nothing if it does not."""
        value = self.document.get(name)
        return "" if value is None else str(value)


def measurements(line: str) -> list[Measurement]:
    """Return what a log line measured: nothing if it is no document. MalformedError for half a one.

    What stands before the document, as a time and a request id do in text logs, is passed over. A metric that
    is in several sets of dimensions was measured once, and has all of them.
    """
    if MARK not in line:
        return []
    try:
        document = json.loads(line[line.index("{") :])
        directives = document["_aws"]["CloudWatchMetrics"]
        return [found for directive in directives for found in _of(directive, document)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedError(f"{type(error).__name__}: {error}") from error


def _of(directive: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Measurement]:
    names = {name for dimensions in directive["Dimensions"] for name in dimensions}
    dimensions = {name: str(document[name]) for name in sorted(names)}
    for metric in directive["Metrics"]:
        given = document[metric["Name"]]
        values = tuple(float(value) for value in (given if isinstance(given, list) else [given]))
        if not all(map(math.isfinite, values)):
            raise MalformedError(f"{metric['Name']} is not a number.")
        yield Measurement(
            directive["Namespace"],
            metric["Name"],
            metric.get("Unit", "None"),
            values,
            dimensions,
            document,
        )
