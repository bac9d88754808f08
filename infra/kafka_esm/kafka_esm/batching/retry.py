"""How long to wait before something that failed is tried again."""

import random

BASE_SECONDS = 0.2
CAP_SECONDS = 10.0


def backoff_seconds(failures: int, rng: random.Random, cap: float = CAP_SECONDS) -> float:
    """Return the wait after so many failures in a row: exponential, with full jitter."""
    # Beyond 2**16 the cap has long been reached; a float would overflow at 2**1024.
    return rng.uniform(0, min(cap, BASE_SECONDS * 2 ** min(failures - 1, 16)))
