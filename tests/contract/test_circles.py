"""Imports go one way: no module of ours needs, at its top or in a function, one that needs it."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from mesh import paths

LAYERS = frozenset({"tenant_auth", "tracing", "users", "vectors"})


def modules() -> dict[str, Path]:
    """Return the file of every module under layers/ and infra/, by its name, whatever packages there are."""
    found = {}
    for root in ("layers", "infra"):
        for file in sorted((paths.ROOT / root).rglob("*.py")):
            packages = [folder for folder in file.parents if (folder / "__init__.py").exists()]
            above = packages[-1].parent if packages else paths.ROOT
            name = ".".join(file.relative_to(above).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = file
    return found


MODULES = modules()


def imported(name: str, source: str, known: Mapping[str, object]) -> Iterator[str]:
    """Yield each known module that a module's source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports by a relative name"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            candidates = [each if each in known else str(node.module) for each in whole]
        else:
            continue
        yield from (each for each in candidates if each in known and each != name)


def test_no_module_imports_one_that_imports_it() -> None:
    assert len(MODULES) > 50  # they were found
    needs = {name: set(imported(name, file.read_text(), MODULES)) for name, file in MODULES.items()}
    assert_one_way(needs)


def test_no_package_imports_one_that_imports_it() -> None:
    needs: dict[str, set[str]] = {}
    for name, file in MODULES.items():
        package = name.partition(".")[0]
        others = {each.partition(".")[0] for each in imported(name, file.read_text(), MODULES)}
        needs.setdefault(package, set()).update(others - {package})
    assert_one_way(needs)
    assert not any(needs[layer] for layer in LAYERS)  # not even one another


def test_a_circle_is_seen_wherever_the_import_stands() -> None:
    sources = {"a.b": "from a import c", "a.c": "def f():\n    from a.d import x", "a.d": "import a.b"}
    needs = {name: set(imported(name, source, sources)) for name, source in sources.items()}
    with pytest.raises(AssertionError, match=r"a\.[bcd] → a\.[bcd] → a\.[bcd] → a\.[bcd]"):
        assert_one_way(needs)


def assert_one_way(needs: Mapping[str, set[str]]) -> None:
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        # The sorter names each one before the one that needs it.
        raise AssertionError("a circle: " + " → ".join(reversed(error.args[1]))) from error
