"""The module makes what the template makes, property by property; what differs on purpose is in ON_PURPOSE.

After an apply everything is known that a plan alone cannot know, such as ARNs: the plan that is compared is
the second one, which changes nothing.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests import sam
from tests.terraform import constraints, mutations, parameters
from tests.terraform.as_cloudformation import Resources, differences, of_plan, of_template
from tests.terraform.conftest import Deploy, translated, write_packages

# MUTATIONS=300 SEED=7 make test-terraform tries more of them, and others.
MUTATIONS, SEED = (int(os.environ.get(name, default)) for name, default in (("MUTATIONS", 40), ("SEED", 18)))
DEPLOYMENTS = {
    "the defaults": parameters.DEVELOPMENT,
    "production, in a VPC, by password": parameters.PRODUCTION,
    "every parameter changed, by certificate": parameters.all_changed(),
    "a change of model": {**parameters.DEVELOPMENT, "NextQdrantCollection": "next"},
    "an authority alone, outside of a VPC": {
        **parameters.DEVELOPMENT,
        "KafkaRootCaSecretArn": f"{parameters.SECRET}ca",
    },
}
Planned = Callable[[str], Resources]


@pytest.fixture(scope="module")
def planned(deployment: Deploy, tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """Returns what the module makes in one of DEPLOYMENTS."""
    made: dict[str, Resources] = {}

    def of(name: str) -> Resources:
        if name not in made:
            given = DEPLOYMENTS[name]
            folder = tmp_path_factory.mktemp("packages")
            declared = sam.template()["Parameters"]
            chosen = [given.get(each, declared[each]["Default"]) for each in ("Runtime", "Architecture")]
            write_packages(folder, *chosen)
            deployed = deployment({**parameters.variables(given), "packages": str(folder)})
            deployed.run("apply", "-input=false", "-auto-approve")
            made[name] = of_plan(deployed.plan())
        return made[name]

    return of


@pytest.fixture(scope="module")
def template() -> Any:
    """What SAM makes of the template."""
    (made,) = translated([sam.template()])
    return made


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_module_makes_what_the_template_makes(name: str, planned: Planned, template: Any) -> None:
    assert differences(of_template(template, DEPLOYMENTS[name]), planned(name)) == []


def test_the_variables_allow_what_the_parameters_allow() -> None:
    assert list(constraints.differences(sam.template()["Parameters"])) == []


def test_given_any_change_of_the_template_then_the_comparison_names_it(planned: Planned) -> None:
    """Without it, a comparison that overlooks something would look as this one does."""
    chosen = mutations.some(MUTATIONS, SEED)
    changed = translated([mutations.applied(each) for each in chosen])
    report = []
    for mutation, template in zip(chosen, changed, strict=True):
        if isinstance(template, str):
            continue  # SAM itself refuses it
        said = list(constraints.differences(template["Parameters"]))
        for name, given in DEPLOYMENTS.items():
            said += differences(of_template(template, given), planned(name))
        assert said, f"nobody notices {mutation}"
        report.append(f"{mutation}\n    {said[0]}")
    sys.stdout.write("\n".join(report))  # pytest -s shows it
    assert len(report) >= 0.75 * MUTATIONS
