"""What the mesh gives the template."""

import platform

import pytest
from mesh import build, deploy
from mesh.state import State


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [("x86_64", "x86_64"), ("AMD64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")],
)
def test_given_a_machine_when_deployed_to_then_functions_have_its_processor(
    monkeypatch: pytest.MonkeyPatch, machine: str, architecture: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert deploy.parameters(State())["Architecture"] == architecture
    assert architecture in build.source_template()["Parameters"]["Architecture"]["AllowedValues"]


def test_given_a_processor_by_name_when_deployed_then_it_is_that_one() -> None:
    assert deploy.parameters(State(parameters={"Architecture": "arm64"}))["Architecture"] == "arm64"
