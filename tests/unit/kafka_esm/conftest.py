from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class Record:
    """What encode_record needs of a consumed record."""

    offset: int
    topic: str = "t"
    partition: int = 0
    timestamp: int = 1_763_800_000_000
    timestamp_type: int | None = 0
    key: bytes | None = b"k"
    value: bytes | None = b"v"
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


@pytest.fixture(scope="session")
def record() -> Any:
    return Record
