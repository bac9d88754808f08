"""Every locked environment can be installed where the README says, by what its lock file says of wheels."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from mesh import paths
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

LOCALSTACK = paths.ROOT / "infra" / "localstack"
PYTHONS = {paths.ROOT: [11, 12, 13, 14], LOCALSTACK: [12, 13]}
GROUPS = ["dev", "ministack", "sam", "embeddings", "plot", "lambda", "tenant-auth", "users", "vectors"]
ENVIRONMENTS = [*((paths.ROOT, group) for group in GROUPS), (LOCALSTACK, "")]


def linux(machine: str) -> list[str]:
    """Return the names of Linux with glibc 2.28, which is of 2018; Lambda has 2.34."""
    names = [*(f"manylinux_2_{minor}" for minor in range(28, 4, -1)), "manylinux2014", "manylinux1", "linux"]
    return [f"{name}_{machine}" for name in names]


# The names that wheels have for it, and what a marker sees.
PLATFORMS = {
    "Linux x86-64": (linux("x86_64"), ("linux", "Linux", "x86_64")),
    "Linux arm64": (linux("aarch64"), ("linux", "Linux", "aarch64")),
    "macOS 14 arm64": ([*mac_platforms((14, 0), "arm64")], ("darwin", "Darwin", "arm64")),
}
# They have no wheels at all, and are pure Python.
FROM_SOURCE = {"airspeed-ext", "aws-sam-cli-local", "crontab", "jsonpath-rw"}
# Compiled there: two are LocalStack's and its functions'; watchdog is SAM CLI's, on Python 3.14.
COMPILED = {"macOS 14 arm64": {"awslambdaric", "jpype1", "watchdog"}}


@cache
def wheels(project: Path) -> dict[tuple[str, str], list[str]]:
    """Return the names of the wheels of each package and version of a lock file."""
    packages = tomllib.loads((project / "uv.lock").read_text(encoding="utf-8"))["package"]
    return {
        (each["name"], each["version"]): [
            unquote(file["url"].rpartition("/")[2]) for file in each.get("wheels", [])
        ]
        for each in packages
        if "version" in each
    }


@cache
def locked(project: Path, group: str) -> list[Requirement]:
    """Return what is installed into an environment, with the markers that say where."""
    uv = Path(sys.executable).with_name("uv")
    options = "--frozen --no-hashes --no-annotate --no-header --no-emit-project --format requirements-txt"
    only = ["--only-group", group] if group else []
    done = subprocess.run(
        [uv, "export", "-q", "--project", project, *options.split(), *only],
        capture_output=True,
        text=True,
        check=True,
    )
    return [Requirement(line) for line in done.stdout.splitlines() if "==" in line]


def supported(minor: int, platforms: list[str]) -> set[Tag]:
    version = (3, minor)
    return {
        *cpython_tags(version, platforms=platforms),
        *compatible_tags(version, f"cp3{minor}", platforms=platforms),
    }


def lacking(project: Path, group: str, minor: int, platform: str) -> Iterator[str]:
    """Yield each package of an environment that has no wheel for a Python on a platform."""
    names, (sys_platform, system, machine) = PLATFORMS[platform]
    tags = supported(minor, names)
    here: dict[str, Any] = {**default_environment()}
    here |= {"sys_platform": sys_platform, "platform_system": system, "platform_machine": machine}
    here |= {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.9", "extra": ""}
    for requirement in locked(project, group):
        if requirement.marker is None or requirement.marker.evaluate(here):
            version = str(requirement.specifier).removeprefix("==")
            files = wheels(project)[requirement.name, version]
            if not any(parse_wheel_filename(file)[3] & tags for file in files):
                yield requirement.name


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(("project", "group"), ENVIRONMENTS)
def test_a_locked_environment_can_be_installed(project: Path, group: str, platform: str) -> None:
    assert len(locked(project, group)) >= 3
    for minor in PYTHONS[project]:
        missing = set(lacking(project, group, minor, platform))
        assert missing <= FROM_SOURCE | COMPILED.get(platform, set()), f"Python 3.{minor}"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_nothing_is_excepted_that_has_wheels_by_now(platform: str) -> None:
    missing = {
        name
        for project, group in ENVIRONMENTS
        for minor in PYTHONS[project]
        for name in lacking(project, group, minor, platform)
    }
    assert missing == FROM_SOURCE | COMPILED.get(platform, set())
