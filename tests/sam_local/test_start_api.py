"""The end-to-end tests, as they are, on `sam local start-api` and `start-lambda`."""

from tests.e2e.test_bad_input import *  # noqa: F403
from tests.e2e.test_change import *  # noqa: F403
from tests.e2e.test_journey import *  # noqa: F403
