"""The functions' code, loaded from source."""

from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

from mesh import paths

HTTP_FUNCTIONS = (
    "create_user",
    "import_users",
    "get_user",
    "update_user",
    "delete_user",
    "list_users",
    "search",
)


def load_function(name: str) -> ModuleType:
    """Return a fresh copy of `functions/<name>/app.py`: every function's module is called `app`."""
    spec = spec_from_file_location(f"functions.{name}.app", paths.ROOT / "functions" / name / "app.py")
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(name)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
