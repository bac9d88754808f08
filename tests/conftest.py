from typing import Any

import pytest
from hypothesis import is_hypothesis_test, settings
from mesh import paths

from tests import sam

# How long an example takes says more about the machine than about the code.
settings.register_profile("event-mesh", deadline=None)
settings.load_profile("event-mesh")

MEASURED = [paths.ROOT / "tests" / "unit" / folder for folder in ("functions", "layers")]

# What one worker of pytest-xdist runs, since its tests share what was started for them: the slowest first.
SHARING = ("e2e", "integration/layers", "integration/qdrant", "integration/kafka_esm")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares a mesh or a component, and begin with it."""
    folders = [paths.ROOT / "tests" / folder for folder in SHARING]

    def place(item: pytest.Item) -> int:
        found = (number for number, folder in enumerate(folders) if folder in item.path.parents)
        return next(found, len(folders))

    for item in items:
        # Measuring costs a third of the time: not where nothing measured runs, or random examples repeat it.
        measured = any(folder in item.path.parents for folder in MEASURED)
        if not measured or is_hypothesis_test(getattr(item, "function", None)):
            item.add_marker("no_cover")
        if place(item) < len(folders):
            item.add_marker(pytest.mark.xdist_group(SHARING[place(item)]))
    items.sort(key=place)


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """template.yaml, as written: `!Ref x` is `{"Ref": "x"}`."""
    return sam.template()
