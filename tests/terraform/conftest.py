"""OpenTofu with the provider for tests, and deployments of the module in folders of their own."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mesh.deployment import build

from tests import sam
from tests.terraform import tools
from tests.terraform.as_cloudformation import MODULE

VECTORS_BYTES = 91_600_000  # which Lambda takes by S3 alone


@dataclass(frozen=True)
class Tofu:
    """OpenTofu, which finds the provider here and asks no registry."""

    program: Path
    configuration: Path

    def run(self, folder: Path, *arguments: str, fails: bool = False) -> str:
        """Run a command in a folder; return what it says. One that `fails` has to; its lines are joined."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        done = subprocess.run(
            [self.program, *arguments],
            cwd=folder,
            env={
                **kept,
                "TF_CLI_CONFIG_FILE": str(self.configuration),
                "TF_IN_AUTOMATION": "1",
                "CHECKPOINT_DISABLE": "1",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, said
        return " ".join(said.replace("│", " ").split()) if fails else done.stdout


@pytest.fixture(scope="session")
def tofu(tmp_path_factory: pytest.TempPathFactory) -> Tofu:
    """OpenTofu, built from the Go module proxy."""
    if tools.go() is None:
        pytest.skip("go is not here: OpenTofu and the provider for tests are built from the Go module proxy")
    configuration = tmp_path_factory.mktemp("tofu") / "tofurc"
    # On lines of their own: HCL takes no nested blocks on one.
    lines = (
        "provider_installation {",
        "filesystem_mirror {",
        f"path = {json.dumps(str(tools.mirror()))}",
        "}",
        "}",
    )
    configuration.write_text("\n".join(lines))
    return Tofu(tools.tofu(), configuration)


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `mesh package` writes it, with the sizes that packages have and nothing in them."""
    folder = tmp_path_factory.mktemp("packages")
    defaults = {name: each.get("Default") for name, each in sam.template()["Parameters"].items()}
    write_packages(folder, str(defaults["Runtime"]), str(defaults["Architecture"]))
    return folder


def write_packages(folder: Path, runtime: str, architecture: str) -> None:
    """Write a manifest, and the files that it names, for a runtime and an architecture."""
    entries = {}
    for name, resource in sam.template()["Resources"].items():
        if resource["Type"] in build.CODE_PROPERTY:
            size = VECTORS_BYTES if name == "VectorsLayer" else 1_000
            file = folder / f"{name}-0123456789abcdef.zip"
            file.write_bytes(b"")
            entries[name] = {"file": file.name, "bytes": size, "sha256": "0" * 64, "code_sha256": "AAAA"}
    manifest = {"runtime": runtime, "architecture": architecture, "packages": entries}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@dataclass(frozen=True)
class Deployment:
    """The module in a folder of its own, with its state."""

    tofu: Tofu
    folder: Path

    def run(self, *arguments: str, fails: bool = False) -> str:
        return self.tofu.run(self.folder, *arguments, fails=fails)

    def plan(self, *options: str) -> dict[str, Any]:
        """Return what is planned, as `tofu show -json` tells it."""
        self.run("plan", "-input=false", "-out=plan", *options)
        return dict(json.loads(self.run("show", "-json", "plan")))

    def changes(self) -> list[str]:
        """Return the addresses of what a plan would change."""
        planned = self.plan()["resource_changes"]
        return [each["address"] for each in planned if each["change"]["actions"] not in (["no-op"], ["read"])]


Deploy = Callable[[Mapping[str, Any]], Deployment]


@pytest.fixture(scope="session")
def deployment(tofu: Tofu, packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    """Returns the module with variables, initialized and not applied."""

    def make(variables: Mapping[str, Any]) -> Deployment:
        folder = tmp_path_factory.mktemp("deployment")
        given = {"packages": str(packages), "packages_bucket": "artifacts", **variables}
        module = {"source": str(MODULE), **given}
        outputs = {"event_mesh": {"value": "${module.event_mesh}"}}
        root = {"module": {"event_mesh": module}, "output": outputs}
        (folder / "main.tf.json").write_text(json.dumps(root))
        tofu.run(folder, "init", "-input=false")
        return Deployment(tofu, folder)

    return make


def translated(templates: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return what SAM makes of templates; a text of one that it refuses."""
    done = subprocess.run(
        [build.ensure_environment("sam") / "python", Path(__file__).with_name("translate.py")],
        input=json.dumps(templates),
        env={**build.base_environment(), "SAM_CLI_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))
