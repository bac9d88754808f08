"""Deploying the template through CloudFormation, to whatever AWS endpoint there is."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
from botocore.exceptions import ClientError

from mesh import paths, process
from mesh.clients.aws import STACK, client, physical_id
from mesh.deployment import build, ministack, template_parameters
from mesh.errors import MeshError

_BUCKET = "event-mesh-artifacts"
_TEMPLATE = "template.json"
_TIMEOUT = 180


def upload(endpoint_url: str) -> dict[str, Any]:
    """Put every artifact into a bucket; return the built template with their addresses."""
    template = build.built_template()
    s3 = client("s3", endpoint_url)
    s3.create_bucket(Bucket=_BUCKET)
    deployed = _deployed(endpoint_url)
    for name, where, archive in build.archives(template):
        # A layer's version that is there is there to stay.
        if where == "CodeUri" or archive.name not in deployed:
            s3.upload_file(str(archive), _BUCKET, archive.name)
        template["Resources"][name]["Properties"][where] = f"s3://{_BUCKET}/{archive.name}"
    return template


def deploy(endpoint_url: str, template: Mapping[str, Any], given: Mapping[str, str]) -> str:
    """Create the stack, or update it; return the API's base URL. MeshError says which resource failed."""
    cloudformation = client("cloudformation", endpoint_url)
    request = {
        "StackName": STACK,
        "TemplateURL": _template_url(endpoint_url, template),
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
    }
    try:
        if _status(cloudformation) is None:
            cloudformation.create_stack(**request)
        else:
            cloudformation.update_stack(**request)
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if "No updates are to be performed" not in message:
            raise MeshError(f"CloudFormation refuses the template: {message}") from error
    process.wait_until(lambda: not (_status(cloudformation) or "").endswith("IN_PROGRESS"), _TIMEOUT, 0.2)
    [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    status, outputs = stack["StackStatus"], stack.get("Outputs")
    # LocalStack calls an update complete that has failed: then there are no outputs.
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE") or not outputs:
        raise MeshError(f"The deployment ended as {status}:\n{_failures(cloudformation)}")
    outputs = {each["OutputKey"]: each["OutputValue"] for each in outputs}
    values = template_parameters.resolved(given)
    _remove_uploads(endpoint_url)
    ministack.complete(endpoint_url, outputs["ApiId"], values)
    return f"{endpoint_url}/restapis/{outputs['ApiId']}/{values['StageName']}/_user_request_"


def check_health(api_url: str) -> None:
    """MeshError unless the deployed API says that it is there."""
    answer = httpx.get(f"{api_url}/health", timeout=60)
    if answer.status_code != 200:
        raise MeshError(f"The API is deployed, but GET /health answers {answer.status_code}: {answer.text}")


def function_name(endpoint_url: str, function: str) -> str:
    """Return the deployed name of a function; MeshError if there is none of this name."""
    name = find_function(endpoint_url, function)
    if name is None:
        raise MeshError(f"There is no function {function!r}. There are: {', '.join(function_folders())}.")
    return name


def find_function(endpoint_url: str, function: str) -> str | None:
    """Return the deployed name of a function, named as in the template or as its folder under functions/."""
    logical_id = "".join(part.capitalize() for part in function.split("_")) + "Function"
    return physical_id(endpoint_url, function) or physical_id(endpoint_url, logical_id)


def function_folders() -> list[str]:
    """Return the names of the folders under functions/."""
    return sorted(path.parent.name for path in paths.ROOT.glob("functions/*/app.py"))


def _template_url(endpoint_url: str, template: Mapping[str, Any]) -> str:
    """Return where CloudFormation reads the template: a request's body may have 51,200 bytes of it only."""
    client("s3", endpoint_url).put_object(Bucket=_BUCKET, Key=_TEMPLATE, Body=json.dumps(template).encode())
    return f"{endpoint_url}/{_BUCKET}/{_TEMPLATE}"


def _deployed(endpoint_url: str) -> str:
    """Return the template that is deployed; nothing if there is none."""
    try:
        answer = client("cloudformation", endpoint_url).get_template(
            StackName=STACK, TemplateStage="Original"
        )
    except ClientError:
        return ""
    return json.dumps(answer["TemplateBody"])


def _remove_uploads(endpoint_url: str) -> None:
    """Empty the bucket: Lambda keeps its own copy, and an emulator keeps both in memory."""
    s3 = client("s3", endpoint_url)
    for uploaded in s3.list_objects_v2(Bucket=_BUCKET).get("Contents", []):
        s3.delete_object(Bucket=_BUCKET, Key=uploaded["Key"])


def _status(cloudformation: Any) -> str | None:
    try:
        [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    except ClientError:
        return None
    return str(stack["StackStatus"])


def _failures(cloudformation: Any) -> str:
    events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    return "\n".join(
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
        for event in events
        if "FAILED" in event["ResourceStatus"]
    )
