"""A configuration says what is to be run, or what is wrong with it."""

import json
from pathlib import Path
from typing import Any

import pytest
from function_host import config
from function_host.cli import main
from function_host.errors import ConfigurationError
from lambda_workers import places

FUNCTION = {"handler": "app.handler", "code": "."}


def data(functions: Any = None, **more: Any) -> dict[str, Any]:
    return {"functions": {"f": FUNCTION} if functions is None else functions, **more}


def test_paths_start_from_the_file_and_values_become_text(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    path = tmp_path / "host.yaml"
    path.write_text(
        "functions: {f: {handler: app.handler, code: code, layers: [one, /two], environment: {PORT: 80}}}\n"
        "routes: [{method: GET, path: /x, function: f}]\n"
        "gateway: {base_path: /v1}\n"
        "metrics: {labels: {tenant: [Requests]}, most: {tenant: 20}, gauges: [OutboxSize]}\n"
    )

    found = config.load(path)

    function = found.functions["f"]
    assert (function.name, function.code) == ("f", tmp_path / "code")
    assert function.layers == (tmp_path / "one", Path("/two"))
    assert function.environment == {"PORT": "80"}
    assert found.gateway.routes == (config.Route("GET", "/x", "f"),)
    assert found.gateway.base_path == "/v1"
    assert found.metrics.labels == {"tenant": {"Requests"}}


def test_without_a_number_there_are_as_many_workers_as_the_processors_are_worth() -> None:
    several = {"f": FUNCTION, "g": {**FUNCTION, "memory_mb": 10_240}, "h": {**FUNCTION, "max_workers": 3}}

    found = config.from_data(data(several)).functions

    assert [found[name].workers for name in "fgh"] == [places.at_once(128), places.at_once(10_240), 3]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "the configuration is not an object"),
        ({}, "There is no function"),
        (data(other=1), "'other' is not known"),
        (data(functions=[]), "functions is not an object"),
        (data({"f": {}}), "functions.f: .*handler"),
        (data({"f": {**FUNCTION, "memory": 1}}), "functions.f: 'memory' is not known"),
        (data({"f": {**FUNCTION, "layers": "/opt"}}), "functions.f.layers is not a list"),
        (data({"f": {**FUNCTION, "timeout_seconds": 901}}), "timeout_seconds is not from 1 to 900"),
        (data({"f": {**FUNCTION, "timeout_seconds": "x"}}), "timeout_seconds is not a number"),
        (data({"f": {**FUNCTION, "min_workers": 3, "max_workers": 2}}), "min_workers is not from 0 to"),
        (data({"f": {**FUNCTION, "queue_seconds": -1}}), "queue_seconds is not from 0"),
        (data({"f": {**FUNCTION, "code": "nowhere"}}), "there is no folder nowhere"),
        (data(routes=[{"method": "GET", "path": "/x"}]), r"routes\[0\]: .*function"),
        (data(routes=[{"method": "GET", "path": "/x", "function": "g"}]), "there is no function g"),
        (data(routes=[{"method": "GET", "path": "x", "function": "f"}]), "a path begins with /"),
        (data(gateway={"routes": []}), "gateway: 'routes' is not known"),
        (data(gateway={"base_path": "v1"}), "base_path"),
    ],
)
def test_what_cannot_be_is_refused_by_name(given: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        config.from_data(given)


def test_the_command_prints_what_it_would_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--handler", "app.handler", "--code", str(tmp_path), "--route", "get /users/{id}"]

    status = main(["config", *options, "--name", "f", "--memory-mb", "512", "--max-workers", "2"])

    found = json.loads(capsys.readouterr().out)
    assert status == 0
    assert found["functions"]["f"]["memory_mb"] == 512
    assert found["functions"]["f"]["max_workers"] == 2
    assert found["functions"]["f"]["layers"] == ["/opt"]
    assert found["gateway"]["routes"] == [{"method": "GET", "path": "/users/{id}", "function": "f"}]


def test_variables_do_as_options_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "host.json"
    path.write_text(json.dumps(data()))
    monkeypatch.setenv("FUNCTION_HOST_CONFIG", str(path))
    monkeypatch.setenv("FUNCTION_HOST_MIN_WORKERS", "2")

    assert main(["config"]) == 0

    assert json.loads(capsys.readouterr().out)["functions"]["f"]["min_workers"] == 2
