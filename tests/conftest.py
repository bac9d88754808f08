from typing import Any

import pytest
from hypothesis import settings

from tests import sam

# How long an example takes says more about the machine than about the code.
settings.register_profile("event-mesh", deadline=None)
settings.load_profile("event-mesh")


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """template.yaml, as written: `!Ref x` is `{"Ref": "x"}`."""
    return sam.template()
