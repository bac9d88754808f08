"""What GitHub, pre-commit and make read is well formed, and says what the project says elsewhere."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from mesh import paths

GITHUB = paths.ROOT / ".github"
SCHEMA_OF = {
    "workflows/ci.yml": "vendor.github-workflows",
    "dependabot.yml": "vendor.dependabot",
    "ISSUE_TEMPLATE/config.yml": "vendor.github-issue-config",
    "ISSUE_TEMPLATE/bug.yml": "vendor.github-issue-forms",
    "ISSUE_TEMPLATE/idea.yml": "vendor.github-issue-forms",
}
ECOSYSTEM_OF = {
    "uv.lock": "uv",
    "Cargo.lock": "cargo",
    "go.sum": "gomod",
    "pom.xml": "maven",
    "Dockerfile": "docker",
}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_every_file_for_github_is_known() -> None:
    assert {path.relative_to(GITHUB).as_posix() for path in GITHUB.rglob("*.yml")} == SCHEMA_OF.keys()


@pytest.mark.parametrize(("file", "schema"), SCHEMA_OF.items())
def test_a_file_for_github_is_as_github_reads_it(file: str, schema: str) -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [checker, "--builtin-schema", schema, GITHUB / file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflow_runs_ci_on_every_python_that_the_project_takes() -> None:
    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest, beyond = map(int, re.findall(r"3\.(\d+)", project["requires-python"]))
    (job,) = read(GITHUB / "workflows" / "ci.yml")["jobs"].values()
    assert job["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in range(oldest, beyond)]
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]


def test_dependabot_looks_at_every_lock_file_and_base_image() -> None:
    locked = {
        (ecosystem, f"/{file.parent.relative_to(paths.ROOT).as_posix()}".removesuffix("."))
        for name, ecosystem in ECOSYSTEM_OF.items()
        for file in [*paths.ROOT.glob(name), *paths.ROOT.glob(f"[!.]*/**/{name}")]
    }
    updated = {
        (each["package-ecosystem"], each["directory"]) for each in read(GITHUB / "dependabot.yml")["updates"]
    }
    assert updated == locked | {("github-actions", "/")}


def test_pre_commit_has_the_linters_of_make_lint_in_the_same_environment() -> None:
    (local,) = read(paths.ROOT / ".pre-commit-config.yaml")["repos"]
    hooks = " ".join(hook["entry"] for hook in local["hooks"])
    assert "make --no-print-directory types" in hooks
    assert linters(make("lint")) == linters(hooks + make("types"))


def make(target: str) -> str:
    """Return what a target would run."""
    command = ["make", "--dry-run", "--no-print-directory", "--assume-old=.venv/.installed", target]
    return subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout


def linters(commands: str) -> set[str]:
    found = set(re.findall(r"\.venv/bin/(?:mypy|ruff \w+)", commands))
    assert found
    return found


def test_make_help_has_every_target_that_says_what_it_does_in_a_group() -> None:
    makefile = (paths.ROOT / "Makefile").read_text(encoding="utf-8")
    command = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout
    targets = re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)
    assert re.findall(r"^  make (\S+)", shown, re.MULTILINE) == targets
    assert re.findall(r"^\S.*", shown, re.MULTILINE) == re.findall(r"^##@ (.*)", makefile, re.MULTILINE)


@pytest.mark.parametrize("package", ["tenant_auth", "tracing", "users", "vectors"])
def test_a_layer_says_that_it_is_typed(package: str) -> None:
    assert (paths.ROOT / "layers" / package / package / "py.typed").exists()
