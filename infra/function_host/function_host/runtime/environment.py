"""The variables that Lambda gives a function's process."""

from collections.abc import Sequence
from pathlib import Path


def layout(code: Path, layers: Sequence[Path], runtime: str, own_path: str, scratch: Path) -> dict[str, str]:
    """Return the variables that say where things are: Lambda's, with /var/task, /opt and /tmp moved.

    Of two layers the later one wins, as Lambda unpacks them over each other. `runtime` is such as python3.13,
    `own_path` what the function has itself as PYTHONPATH.
    """
    over = [*reversed(layers)]
    packages = [(each / "python" / "lib" / runtime / "site-packages", each / "python") for each in over]
    python = [code, *(path for pair in packages for path in pair), own_path]
    libraries = [*(each / "lib" for each in over), code, code / "lib"]
    programs = ["/usr/local/bin", "/usr/bin", "/bin", *(each / "bin" for each in over)]
    return {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
        "LAMBDA_TASK_ROOT": str(code),
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        "PATH": ":".join(map(str, programs)),
        "PYTHONPATH": ":".join(str(each) for each in python if str(each)),
        "TMPDIR": str(scratch),
    }


def identity(name: str, handler: str, memory_mb: int, log_stream: str) -> dict[str, str]:
    """Return the variables that say which function it is."""
    return {
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "TZ": ":UTC",
        "_HANDLER": handler,
    }
