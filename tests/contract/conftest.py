import subprocess
import sys
from collections.abc import Callable
from functools import cache

import pytest

_IMPORT = (
    "import sys; from mesh.deployment.function_source import load_function; before = set(sys.modules); "
    "load_function(sys.argv[1]); print(*sys.modules.keys() - before)"
)


@cache
def _imported_by(function: str) -> frozenset[str]:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT, function], capture_output=True, text=True, check=True
    )
    return frozenset(done.stdout.split())


@pytest.fixture(scope="session")
def imported_by() -> Callable[[str], frozenset[str]]:
    """Return the modules that importing a function's app.py brings in, in a fresh interpreter."""
    return _imported_by
