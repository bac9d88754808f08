"""OpenTofu and the provider for tests, built from the Go module proxy at the versions of their go.mod.

python -m tests.terraform.tools builds them: some seven minutes of processor the first time, a second after.
Without go it does nothing; the tests then say why they are skipped.
"""

import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from mesh import paths
from mesh.deployment import build

HERE = Path(__file__).parent
PROVIDER_VERSION: str = json.loads((HERE / "provider" / "schema.json").read_text())["version"]
_FOLDER = paths.CACHE / "tools"
_OPENTOFU = "github.com/opentofu/opentofu"
# Both names, so that Terraform can be tried in OpenTofu's place.
_REGISTRIES = ("registry.opentofu.org", "registry.terraform.io")


def go() -> str | None:
    """Return the go command; None if it is not here."""
    return shutil.which("go")


def tofu() -> Path:
    """Build OpenTofu, unless it is there; return the program."""
    (version,) = re.findall(rf"{_OPENTOFU} v(\S+)", (HERE / "opentofu" / "go.mod").read_text())
    program = _FOLDER / f"opentofu-{version}" / "tofu"
    with build.alone("tools"):
        if not program.exists():
            # Or it calls itself a development version.
            _build(HERE / "opentofu", program, f"{_OPENTOFU}/cmd/tofu", f"-X {_OPENTOFU}/version.dev=no")
    return program


def mirror() -> Path:
    """Build the provider, and return the folder from which OpenTofu installs it as hashicorp/aws."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    system = f"{platform.system().lower()}_{machine}"
    name = f"terraform-provider-aws_v{PROVIDER_VERSION}"
    folder = _FOLDER / "providers"
    with build.alone("tools"):
        built = _FOLDER / "provider" / name
        _build(HERE / "provider", built, ".")  # go knows what has changed
        for registry in _REGISTRIES:
            place = folder / registry / "hashicorp" / "aws" / PROVIDER_VERSION / system
            place.mkdir(parents=True, exist_ok=True)
            (place / name).unlink(missing_ok=True)
            os.link(built, place / name)
    return folder


def _build(module: Path, program: Path, package: str, flags: str = "") -> None:
    command = go()
    assert command, "go is not here"
    program.parent.mkdir(parents=True, exist_ok=True)
    unfinished = program.with_suffix(".new")
    subprocess.run(
        [command, "build", f"-ldflags={flags}", "-o", str(unfinished), package],
        cwd=module,
        check=True,
    )
    unfinished.replace(program)


if __name__ == "__main__" and go():
    tofu()
    mirror()
