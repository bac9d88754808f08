"""From sources to what is deployed: tool environments, `sam build`, and one zip per function and layer."""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from stat import S_IXUSR
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from kafka_esm.mappings import intrinsics
from uv import find_uv_bin

from mesh import paths, process
from mesh.errors import MeshError

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
CODE_PROPERTY = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}

_SOURCES = ("template.yaml", "functions/**/*", "layers/**/*")
_NOT_CODE = ("template.yaml", "functions/*/requirements.txt", "layers/**/*")
# Whatever umask the files were made with: Lambda runs as another user, who has to read them.
_UNIX, _FILE, _PROGRAM = 3, 0o100644, 0o100755
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "USER")
_KEPT_PREFIXES = (
    "DOCKER_",
    "SSL_",
    "PIP_",
    "UV_",
    "REQUESTS_CA",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SAM_CLI_",
)


def base_environment() -> dict[str, str]:
    """Return the part of our environment that tools need; nothing of it configures a function."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT_VARIABLES or name.upper().startswith(_KEPT_PREFIXES)
    }


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Wait until no other mesh of this checkout makes the same: they share what is made."""
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    with (paths.CACHE / f"{what}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def ensure_environment(group: str) -> Path:
    """Install a dependency group of the lock file into an environment of its own; return its bin folder."""
    return ensure_project(group, paths.ROOT, sys.executable, "--only-group", group)


def ensure_project(name: str, project: Path, python: str, *options: str) -> Path:
    """Install what a project's lock file says into an environment of its own; return its bin folder."""
    folder = paths.ENVIRONMENTS / name
    stamp = folder / ".installed"
    wanted = _digest([project / "uv.lock", project / "pyproject.toml"], project, python.encode())
    with alone(name):
        if not stamp.exists() or stamp.read_text() != wanted:
            run(
                [find_uv_bin(), "sync", "--frozen", "--project", str(project), "--python", python, *options],
                {**base_environment(), "UV_PROJECT_ENVIRONMENT": str(folder)},
                f"Cannot install the environment '{name}'. Is the package index reachable?",
            )
            stamp.write_text(wanted)
    return folder / "bin"


def architecture() -> str:
    """Return this machine's processor, as Lambda names it."""
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


def fingerprint(patterns: Iterable[str] = _SOURCES) -> str:
    """Return a hash of everything that `sam build` reads, or a part of it, and of the runtime."""
    found = {path for pattern in patterns for path in paths.ROOT.glob(pattern)}
    files = [path for path in found if path.is_file() and "__pycache__" not in path.parts]
    return _digest(files, paths.ROOT, RUNTIME.encode())


@alone("build")
def build(sources: str) -> None:
    """Build functions and layers, unless the build at hand is of these sources."""
    stamp = paths.CACHE / "build"
    built = stamp.read_text().split() if stamp.exists() and (paths.BUILD / "template.yaml").exists() else []
    wanted = [sources, fingerprint(_NOT_CODE)]
    if built == wanted:
        return
    if built[1:] == wanted[1:] and not _functions_have_packages():
        _copy_functions()
    else:
        _sam_build()
    stamp.write_text(" ".join(wanted))


def _functions_have_packages() -> bool:
    lists = (path.read_text().splitlines() for path in paths.ROOT.glob("functions/*/requirements.txt"))
    return any(line and not line.startswith("#") for lines in lists for line in lines)


def _copy_functions() -> None:
    """Do what `sam build` does with functions that have no packages of their own, at once and not in 9 s."""
    for name, resource in source_template()["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            shutil.rmtree(paths.BUILD / name, ignore_errors=True)
            code = paths.ROOT / resource["Properties"]["CodeUri"]
            shutil.copytree(code, paths.BUILD / name, ignore=shutil.ignore_patterns("__pycache__"))


def _sam_build() -> None:
    tools = ensure_environment("sam")
    environment = {
        **base_environment(),
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(paths.CACHE / "sam"),  # or it makes ~/.aws-sam
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    run(
        [
            str(tools / "sam"),
            "build",
            "--cached",
            "--parallel",
            "--parameter-overrides",
            f"Runtime={RUNTIME}",
        ],
        environment,
        "'sam build' failed.",
    )


def source_template() -> dict[str, Any]:
    """Return template.yaml, its intrinsic functions as they are written."""
    return intrinsics.parse(paths.TEMPLATE.read_text(encoding="utf-8"))


def built_template() -> dict[str, Any]:
    """Return the template that `sam build` wrote."""
    return intrinsics.parse((paths.BUILD / "template.yaml").read_text(encoding="utf-8"))


@alone("packages")
def archives(template: Mapping[str, Any]) -> list[tuple[str, str, Path]]:
    """Return each function and layer: its logical id, the property that says where its code is, its zip.

    Same files, same zip, same name: what has not changed is neither packed nor deployed again.
    """
    folder = paths.CACHE / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    packed = []
    outdated = set(folder.iterdir())
    for name, resource in template["Resources"].items():
        if where := CODE_PROPERTY.get(resource["Type"]):
            artifact = paths.BUILD / resource["Properties"][where]
            content = [artifact, *artifact.rglob("*")]
            files = [path for path in content if path.is_file()]
            target = _packed(content, [*folder.glob(f"{name}-*.zip")])
            target = target or folder / f"{name}-{_digest(files, artifact)[:16]}.zip"
            if not target.exists():
                _zip(files, artifact, target)
            target.touch()
            outdated.discard(target)
            packed.append((name, where, target))
    for old in outdated:
        old.unlink()
    return packed


def _packed(content: Iterable[Path], archives: Sequence[Path]) -> Path | None:
    """Return the one archive if it is younger than all that it was made of: 250 MB need not be read again."""
    if len(archives) != 1:
        return None
    made = archives[0].stat().st_mtime_ns
    return archives[0] if all(path.stat().st_ctime_ns < made for path in content) else None


def _zip(files: Iterable[Path], root: Path, target: Path) -> None:
    unfinished = target.with_suffix(".new")
    with ZipFile(unfinished, "w") as zip_file:
        for path in sorted(files):
            member = ZipInfo(path.relative_to(root).as_posix())  # no dates: same files, same zip
            member.create_system = _UNIX
            member.external_attr = (_PROGRAM if path.stat().st_mode & S_IXUSR else _FILE) << 16
            zip_file.writestr(member, path.read_bytes(), ZIP_DEFLATED, compresslevel=1)
    unfinished.replace(target)


def _digest(files: Iterable[Path], root: Path, seed: bytes = b"") -> str:
    digest = sha256(seed)
    for path in sorted(files):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def run(command: list[str], environment: Mapping[str, str], what_failed: str) -> None:
    """Run a step of the build, which writes to the build's log; MeshError with its last lines if it fails."""
    log = paths.LOGS / "build.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        running = subprocess.Popen(
            command, cwd=paths.ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            failed = running.wait() != 0
        except BaseException:
            with suppress(ProcessLookupError):
                running.terminate()
            running.wait()
            raise
    if failed:
        raise MeshError(f"{what_failed}\nThe last lines of {log}:\n{process.tail(log)}")
