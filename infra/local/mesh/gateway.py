"""What MiniStack leaves out when CloudFormation gives it a REST API: `ANY` methods and gateway responses.

Both stand in the API's OpenAPI body, which the deployed template holds, so they are put in from there: the
template stays the only place that says what the API is. Where nothing is missing nothing is done.
"""

import re

from mesh.aws import REGION, STACK, client, physical_id

_ANY = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
_RESPONSES = "x-amazon-apigateway-gateway-responses"


def complete(endpoint_url: str, api_id: str, stage: str) -> None:
    """Add the methods and gateway responses that the API lacks, and deploy it again."""
    api = client("apigateway", endpoint_url)
    cloudformation = client("cloudformation", endpoint_url)
    resources = api.get_resources(restApiId=api_id, embed=["methods"])["items"]
    lacking = {each["path"]: each["id"] for each in resources if not each.get("resourceMethods")}
    template = cloudformation.get_template(StackName=STACK, TemplateStage="Processed")["TemplateBody"]
    body = template["Resources"]["Api"]["Properties"]["Body"]
    methods = {path: item[_ANY] for path, item in body["paths"].items() if _ANY in item and path in lacking}
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
    for kind, response in body[_RESPONSES].items():
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
