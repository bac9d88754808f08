from typing import Any

import pytest
from hypothesis import is_hypothesis_test, settings
from mesh import paths
from xdist.scheduler import LoadScopeScheduling

from tests import sam

# How long an example takes says more about the machine than about the code.
settings.register_profile("event-mesh", deadline=None)
settings.load_profile("event-mesh")

_FIRST_ENDPOINT = "create_user"
MEASURED = [paths.ROOT / "tests" / "unit" / folder for folder in ("functions", "layers")]

# What begins, the slowest first, and each of it in one worker of pytest-xdist: tests that share what was
# started for them, and mypy, which without a cache takes half a minute of one processor.
FIRST = (
    "e2e/",
    "contract/test_types.py",
    "integration/layers/",
    "integration/qdrant/",
    "integration/kafka_esm/",
)


def _place(nodeid: str) -> int:
    """Return which of FIRST a test belongs to; the number of them if to none."""
    found = (number for number, path in enumerate(FIRST) if nodeid.startswith(f"tests/{path}"))
    return next(found, len(FIRST))


def _is_measured(item: pytest.Item) -> bool:
    """Return whether what a test covers counts. Measuring costs a third of its time.

    Not where nothing measured runs, nor where it is repeated: by random examples, or for every endpoint.
    """
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    endpoint = parameters.get("endpoint", parameters.get("any_endpoint", _FIRST_ENDPOINT))
    return (
        any(folder in item.path.parents for folder in MEASURED)
        and endpoint == _FIRST_ENDPOINT
        and not is_hypothesis_test(getattr(item, "function", None))
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    for item in items:
        if not _is_measured(item):
            item.add_marker("no_cover")
    items.sort(key=lambda item: _place(item.nodeid))


class _TogetherWhatShares(LoadScopeScheduling):
    """One worker runs all tests of a folder that share something; the others go file by file to who is free.

    By the path, as pytest-xdist 3.8 finds no xdist_group in the node ids of pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        place = _place(nodeid)
        return FIRST[place] if place < len(FIRST) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Give tests to workers in the order in which they were collected."""
    config.option.loadscopereorder = False
    return _TogetherWhatShares(config, log)


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """template.yaml, as written: `!Ref x` is `{"Ref": "x"}`."""
    return sam.template()
