"""The module as somebody deploys it: init, validate, plan, apply, plan again, destroy; and its examples."""

import json
from pathlib import Path
from typing import Any

import pytest
from mesh import paths

from tests.terraform import parameters
from tests.terraform.as_cloudformation import MODULE
from tests.terraform.conftest import VECTORS_BYTES, Deploy, Deployment, Tofu, write_packages

TERRAFORM = paths.INFRA / "terraform"
EXAMPLES = sorted(folder.name for folder in (TERRAFORM / "examples").iterdir())
TABLE = "module.event_mesh.aws_dynamodb_table.users"


@pytest.fixture(scope="module")
def applied(deployment: Deploy) -> Deployment:
    made = deployment(parameters.variables(parameters.PRODUCTION))
    made.run("apply", "-input=false", "-auto-approve")
    return made


def of_type(plan: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    (module,) = plan["planned_values"]["root_module"]["child_modules"]
    return {str(each.get("index")): each["values"] for each in module["resources"] if each["type"] == kind}


def test_the_files_are_formatted(tofu: Tofu) -> None:
    assert tofu.run(TERRAFORM, "fmt", "-check", "-recursive", "-diff") == ""


def test_given_what_is_deployed_when_planned_again_then_nothing_changes(applied: Deployment) -> None:
    assert applied.changes() == []


def test_given_what_is_deployed_when_destroyed_then_the_table_is_spared(applied: Deployment) -> None:
    said = applied.run("plan", "-destroy", "-no-color", fails=True)
    assert f"{TABLE} has" in said
    assert "prevent_destroy" in said


def test_given_the_table_is_excluded_when_destroyed_then_the_rest_goes(applied: Deployment) -> None:
    planned = applied.plan("-destroy", f"-exclude={TABLE}")["resource_changes"]
    actions = {each["address"]: each["change"]["actions"] for each in planned if each["mode"] == "managed"}
    assert [address for address, each in actions.items() if each != ["delete"]] in ([], [TABLE])


def test_no_secret_is_in_the_state(applied: Deployment) -> None:
    """Variables take ARNs alone: what the state holds of a secret is where it is."""
    resources = json.loads((applied.folder / "terraform.tfstate").read_text())["resources"]
    functions = [each for each in resources if each["type"] == "aws_lambda_function"]
    for instance in functions[0]["instances"]:
        (environment,) = instance["attributes"]["environment"]
        named = {name: value for name, value in environment["variables"].items() if "SECRET" in name}
        assert all(value == "" or value.startswith(parameters.SECRET) for value in named.values())
        assert not [name for name in environment["variables"] if name.endswith(("_KEY", "PASSWORD", "TOKEN"))]


def test_only_a_changed_package_is_deployed_anew(deployment: Deploy, tmp_path: Path) -> None:
    write_packages(tmp_path, "python3.13", "x86_64")
    made = deployment({**parameters.variables(parameters.DEVELOPMENT), "packages": str(tmp_path)})
    made.run("apply", "-input=false", "-auto-approve")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["packages"]["SearchFunction"]["code_sha256"] = "BBBB"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert made.changes() == ['module.event_mesh.aws_lambda_function.this["Search"]']


def test_a_change_of_a_route_is_deployed_to_the_stage(applied: Deployment) -> None:
    """Of a REST API nothing is served that no deployment holds: terraform-provider-aws#162."""
    main = applied.folder / "main.tf.json"
    before = main.read_text()
    root = json.loads(before)
    root["module"]["event_mesh"]["cors_allowed_origins"] = ["https://app.example"]
    main.write_text(json.dumps(root))
    try:
        assert "module.event_mesh.aws_api_gateway_deployment.this" in applied.changes()
    finally:
        main.write_text(before)


def test_a_table_that_is_imported_keeps_its_name(deployment: Deploy) -> None:
    table = "event-mesh-UsersTable-1ABC"
    plan = deployment({**parameters.variables(parameters.DEVELOPMENT), "users_table_name": table}).plan()
    assert [each["name"] for each in of_type(plan, "aws_dynamodb_table").values()] == [table]


def test_the_vectors_layer_alone_goes_by_s3(applied: Deployment) -> None:
    plan = applied.plan()
    assert of_type(plan, "aws_s3_object").keys() == {"Vectors"}
    layers = of_type(plan, "aws_lambda_layer_version")
    assert {key for key, each in layers.items() if each["s3_key"]} == {"Vectors"}
    assert {key for key, each in layers.items() if each["filename"]} == layers.keys() - {"Vectors"}


def test_given_packages_that_are_uploaded_then_no_zip_is_read(deployment: Deploy, tmp_path: Path) -> None:
    write_packages(tmp_path, "python3.13", "x86_64")
    for zipped in tmp_path.glob("*.zip"):
        zipped.unlink()
    where = {"packages": str(tmp_path), "packages_uploaded": True, "packages_prefix": "releases/7/"}
    plan = deployment({**parameters.variables(parameters.DEVELOPMENT), **where}).plan()
    assert of_type(plan, "aws_s3_object") == {}
    for kind in ("aws_lambda_function", "aws_lambda_layer_version"):
        for each in of_type(plan, kind).values():
            assert (each["filename"], each["s3_bucket"]) == (None, "artifacts")
            assert each["s3_key"].startswith("releases/7/")


def test_given_no_bucket_then_it_says_what_the_layer_needs(deployment: Deploy) -> None:
    assert VECTORS_BYTES > 50 * 1024 * 1024
    made = deployment({**parameters.variables(parameters.DEVELOPMENT), "packages_bucket": ""})
    said = made.run("plan", "-input=false", "-no-color", fails=True)
    assert "Set packages_bucket" in said


def test_given_packages_for_another_python_then_it_says_which(deployment: Deploy) -> None:
    made = deployment({**parameters.variables(parameters.DEVELOPMENT), "runtime": "python3.12"})
    said = made.run("plan", "-input=false", "-no-color", fails=True)
    assert "The packages are for python3.13 on x86_64" in said


def test_the_modules_own_tests_pass(tofu: Tofu, packages: Path) -> None:
    folder = packages.parent / "module"
    folder.mkdir()
    for file in (*MODULE.glob("*.tf*"), *(MODULE / "tests").glob("*.hcl")):
        (folder / file.name).symlink_to(file)
    tofu.run(folder, "init", "-input=false")
    said = tofu.run(folder, "test", "-no-color", f"-var=packages={packages}")
    assert "0 failed" in said


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_valid_and_plans(tofu: Tofu, packages: Path, tmp_path: Path, example: str) -> None:
    folder = tmp_path / "examples" / example
    folder.mkdir(parents=True)
    (tmp_path / "event_mesh").symlink_to(MODULE)
    for file in (TERRAFORM / "examples" / example).glob("*.tf"):
        (folder / file.name).write_text(file.read_text())
    # Where state is: nowhere but here.
    (folder / "override.tf.json").write_text(json.dumps({"terraform": {"backend": {"local": {}}}}))
    tofu.run(folder, "init", "-input=false")
    tofu.run(folder, "validate")
    tofu.run(folder, "plan", "-input=false", f"-var=packages={packages}")
