"""What MiniStack's CloudFormation leaves out of our stack, put in from the deployed template.

It imports a REST API's body without `ANY` methods and gateway responses, and functions without their reserved
concurrency. The template stays the only place that says what they are; an emulator (or a later MiniStack)
that has them all is left as it is.
"""

import re
from collections.abc import Mapping
from typing import Any

from kafka_esm.mappings import intrinsics

from mesh.clients.aws import REGION, STACK, client, physical_id

_ANY = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
_RESPONSES = "x-amazon-apigateway-gateway-responses"


def complete(endpoint_url: str, api_id: str, parameters: Mapping[str, str]) -> None:
    """Add what the deployed stack lacks; `parameters` are the template's, with the values they got."""
    cloudformation = client("cloudformation", endpoint_url)
    template = cloudformation.get_template(StackName=STACK, TemplateStage="Processed")["TemplateBody"]
    resources = template["Resources"]
    body = resources["Api"]["Properties"]["Body"]
    scope = intrinsics.Scope(parameters, {}, template["Conditions"])
    responses = intrinsics.resolve(body[_RESPONSES], scope)
    _complete_api(endpoint_url, api_id, parameters["StageName"], body["paths"], responses)
    _complete_concurrency(endpoint_url, parameters, resources)


def _complete_concurrency(
    endpoint_url: str, parameters: Mapping[str, str], resources: Mapping[str, Any]
) -> None:
    """Reserve what the template reserves: by a parameter, unless it is 0."""
    functions = client("lambda", endpoint_url)
    for logical_id, resource in resources.items():
        if (reserved := resource["Properties"].get("ReservedConcurrentExecutions")) is None:
            continue
        if (name := physical_id(endpoint_url, logical_id)) is None:
            continue  # its condition does not hold
        value = int(parameters[reserved["Fn::If"][1]["Ref"]])
        if value:
            functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=value)
        else:
            functions.delete_function_concurrency(FunctionName=name)


def _complete_api(
    endpoint_url: str, api_id: str, stage: str, paths: Mapping[str, Any], responses: Mapping[str, Any]
) -> None:
    api = client("apigateway", endpoint_url)
    found = api.get_resources(restApiId=api_id, embed=["methods"])["items"]
    lacking = {each["path"]: each["id"] for each in found if not each.get("resourceMethods")}
    methods = {path: item[_ANY] for path, item in paths.items() if _ANY in item and path in lacking}
    if not methods:
        return
    for path, method in methods.items():
        target = {"restApiId": api_id, "resourceId": lacking[path], "httpMethod": "ANY"}
        api.put_method(**target, authorizationType="NONE")
        api.put_integration(
            **target,
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            uri=_resolve(endpoint_url, method[_INTEGRATION]["uri"]["Fn::Sub"]),
        )
    for kind, response in responses.items():
        status = {"statusCode": str(response["statusCode"])} if "statusCode" in response else {}
        api.put_gateway_response(restApiId=api_id, responseType=kind, **{**response, **status})
    api.create_deployment(restApiId=api_id, stageName=stage)


def _resolve(endpoint_url: str, uri: str) -> str:
    """Put the region and the function's ARN into an integration's URI."""

    def value(reference: re.Match[str]) -> str:
        if reference[1] == "AWS::Region":
            return REGION
        name = physical_id(endpoint_url, reference[1].removesuffix(".Arn"))
        function = client("lambda", endpoint_url).get_function(FunctionName=name)
        return str(function["Configuration"]["FunctionArn"])

    return re.sub(r"\$\{([^}]+)\}", value, uri)
