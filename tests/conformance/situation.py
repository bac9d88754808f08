"""What a file of `situations/` says; README.md explains it."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, model_validator

FOLDER = Path(__file__).with_name("situations")

Offsets = dict[int, list[int]]  # of each partition
Codec = Literal["gzip", "snappy", "lz4", "zstd"]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Aws(Model):
    """What AWS documents, in our words, and where; None if it says nothing there."""

    says: str | None
    source: HttpUrl


class Record(Model):
    """Records to produce, `times` of them. A value of `size` bytes is random."""

    partition: int = 0
    key: bytes | None = None
    value: bytes | None = b"v"
    size: int | None = None
    headers: list[tuple[bytes, bytes]] = []
    codec: Codec | None = None
    seconds_old: float | None = None
    times: int = 1


class Transaction(Model):
    records: list[Record]
    end: Literal["commit", "abort"]


class Step(Model):
    """What happens to the topic or to the poller; one of these."""

    produce: list[Record] = []
    # Until the function is invoked for the first time: whoever starts at the end has done so then.
    produce_until_invoked: Record | None = None
    transaction: Transaction | None = None
    add_partitions_up_to: int | None = None
    await_committed: dict[int, int] = {}
    await_attempts: dict[int, dict[int, int]] = {}
    # The poller is told to end, which it does, and another one is started.
    restart: bool = False

    @model_validator(mode="after")
    def _one(self) -> "Step":
        assert len(self.model_fields_set) == 1, "a step is one thing"
        return self


class Rule(Model):
    """How the function answers to an event that holds one of these records (or to any)."""

    holds: Offsets | None = None
    answer: Literal["error", "throttle", "report", "body"]
    # The first so many times; without it, always.
    times: int | None = None
    report: Offsets = {}
    body: Any = None


class Given(Model):
    """Records that came to a failure destination, in one document or several."""

    partition: int = 0
    offsets: list[int]
    # What each of the documents has.
    document: dict[str, Any] = {}


class Expect(Model):
    """What any right poller does. What is left out may be anything."""

    # The order in which the records of a partition are offered to the function first.
    offered: Offsets = {}
    # What must not be offered.
    never: Offsets = {}
    # How often a record is offered; a list has every number that is right.
    attempts: dict[int, dict[int, int | list[int]]] = {}
    # Where the group is in the end, in each partition; "end" is after its last record.
    committed: dict[int, int | Literal["end"]] = {}
    # What is committed without ever being processed.
    given_up: Offsets = {}
    filtered: Offsets = {}
    most_records: int | None = None
    most_bytes: int | None = None
    invocations: int | None = None
    # What every event has, and records by partition and offset.
    event: dict[str, Any] = {}
    records: dict[int, dict[int, dict[str, Any]]] = {}
    # Records without these fields.
    without: dict[int, dict[int, list[str]]] = {}
    destination: list[Given] = []


class Situation(Model):
    """One file. Anything in `mapping` and `expect` may name {topic}, {bootstrap}, {group} and {arn}."""

    situation: str
    aws: Aws
    broker: Literal["any", "apache-kafka"] = "any"
    source: Literal["self-managed", "msk"] = "self-managed"
    partitions: int = 1
    topic_config: dict[str, str] = {}
    # As CreateEventSourceMapping names them.
    mapping: dict[str, Any] = {}
    # What differs in a second mapping, of another function, which must not be invoked.
    beside: dict[str, Any] = {}
    # A second topic, for failures.
    failures: bool = False
    function: list[Rule] = []
    before: list[Step] = []
    after: list[Step] = []
    expect: Expect
    name: str = Field(default="", exclude=True)


def read(path: Path) -> Situation:
    """Read one file."""
    return Situation.model_validate({**yaml.safe_load(path.read_text()), "name": path.stem})


def every() -> list[Situation]:
    """Read all files."""
    return [read(path) for path in sorted(FOLDER.glob("*.yaml"))]
