"""The template, by the tools that AWS gives for it."""

import os
import subprocess

from mesh import paths
from mesh.deployment import build


def test_sam_and_cfn_lint_find_nothing_wrong() -> None:
    tools = build.ensure_environment("sam")
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}
    environment["__SAM_CLI_APP_DIR"] = str(paths.CACHE / "sam")

    done = subprocess.run(
        [tools / "sam", "validate", "--lint", "--template", paths.TEMPLATE],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "is a valid SAM Template" in done.stdout
