"""What a poller is doing, for `/healthz` and `/metrics`."""

from dataclasses import dataclass, field
from typing import Literal

State = Literal["connecting", "polling", "standby", "draining"]


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot; `lag` is by topic-partition, and unknown before the first fetch of one."""

    state: State
    lag: dict[str, int | None] = field(default_factory=dict)
    in_flight: int = 0
    retries: int = 0
    last_error: str | None = None
    # Why partitions stand still that cannot go on by themselves, by topic-partition.
    stopped: dict[str, str] = field(default_factory=dict)
