"""What the template allows of its parameters, looked for in variables.tf."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.terraform import parameters
from tests.terraform.as_cloudformation import MODULE

# A list's items are checked one by one: test_variables.py has what is taken and refused.
IN_ANOTHER_FORM = {"CorsAllowedOrigins"}

# What CloudFormation and SAM's CLI do by themselves.
OF_THE_MODULE = {
    "name",
    "users_table_name",
    "packages",
    "packages_bucket",
    "packages_prefix",
    "packages_uploaded",
}


def differences(declared: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each parameter that has no such variable, or one that allows something else."""
    written = _variables()
    wanted = {parameters.variable(name): name for name in declared}
    for name in sorted(written.keys() - OF_THE_MODULE - wanted.keys()):
        yield f"{name}: the template has no such parameter"
    for variable, name in wanted.items():
        if variable not in written:
            yield f"{name}: the module has no variable {variable}"
            continue
        if ("Default" in declared[name]) != ("  default " in written[variable]):
            yield f"{name}: the one has a default, and the other has none"
        ours = set(re.findall(r"condition +=(.*)", written[variable]))
        for condition in _conditions(name, variable, declared[name]):
            if f" {condition}" not in ours:
                yield f"{name}: variables.tf does not say of it: {condition}"
        bounds = sum(each in declared[name] for each in ("MinValue", "MaxValue"))
        if len(re.findall(rf"var\.{variable} [<>]= -?\d", written[variable])) != bounds:
            yield f"{name}: variables.tf has other bounds"
        if "contains([" in written[variable] and "AllowedValues" not in declared[name]:
            yield f"{name}: variables.tf has values that the template does not name"


def _conditions(name: str, variable: str, declared: Mapping[str, Any]) -> Iterator[str]:
    allowed = declared.get("AllowedValues", [])
    if allowed and allowed != ["true", "false"]:
        yield f"contains({json.dumps(allowed)}, var.{variable})"
    least, most = declared.get("MinValue"), declared.get("MaxValue")
    bounds = [(">=", least), ("<=", most)]
    if said := [f"var.{variable} {sign} {bound}" for sign, bound in bounds if bound is not None]:
        yield " && ".join(said)
    if "AllowedPattern" in declared and name not in IN_ANOTHER_FORM:
        yield f"can(regex({json.dumps(declared['AllowedPattern'])}, var.{variable}))"


def _variables() -> dict[str, str]:
    text = (MODULE / "variables.tf").read_text()
    return dict(re.findall(r'^variable "(\w+)" {\n(.*?)^}', text, re.MULTILINE | re.DOTALL))
