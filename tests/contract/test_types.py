"""mypy, as a test among the others: without its cache it keeps one processor busy for half a minute."""

import subprocess

import pytest
from mesh import paths


@pytest.mark.timeout(900)
def test_every_type_holds() -> None:
    done = subprocess.run(["make", "types"], cwd=paths.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
