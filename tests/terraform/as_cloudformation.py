"""A plan and a template in the same form, so that they can be compared property by property.

That form is CloudFormation's: resources by logical id, each with what it is (`Type`), its `Properties`, and
what becomes of it when the stack goes. Names and ARNs are those that the module and the provider give.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kafka_esm.mappings import intrinsics
from mesh import paths

from tests.terraform.parameters import variable

MODULE = paths.INFRA / "terraform" / "event_mesh"
NAME = "event-mesh"
ACCOUNT, REGION = "111122223333", "eu-central-1"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": NAME,
    "AWS::URLSuffix": "amazonaws.com",
}
Resource = dict[str, Any]
Resources = dict[str, Resource]

_SCHEMA = json.loads((Path(__file__).parent / "provider" / "schema.json").read_text())["resource_schemas"]


class Difference(NamedTuple):
    """A property that the two descriptions do not share, and why."""

    type: str
    property: str
    reason: str


ON_PURPOSE = (
    Difference(
        "AWS::Lambda::Function", "Code", "SAM uploads what it built; the module takes mesh package's zips"
    ),
    Difference(
        "AWS::Lambda::Function", "FunctionName", "CloudFormation makes names up, Terraform is given them"
    ),
    Difference("AWS::Lambda::Function", "Tags", "SAM says of a function that it made it"),
    Difference("AWS::Lambda::LayerVersion", "Content", "as Code"),
    Difference(
        "AWS::Lambda::LayerVersion", "LayerName", "as FunctionName; SAM's is the same for every stack"
    ),
    Difference("AWS::IAM::Role", "RoleName", "as FunctionName"),
    Difference("AWS::DynamoDB::Table", "TableName", "as FunctionName"),
    Difference("AWS::CloudWatch::Alarm", "AlarmName", "as FunctionName"),
    Difference("AWS::Events::Rule", "Name", "as FunctionName"),
    Difference("AWS::Events::Rule", "TargetId", "as FunctionName"),
    Difference(
        "AWS::ApiGateway::RestApi", "Name", "SAM names the API in its body alone; AWS wants it here, too"
    ),
    Difference("AWS::ApiGateway::RestApi", "Parameters", "SAM gives the kind of endpoint twice"),
    Difference(
        "AWS::ApiGateway::Deployment", "Description", "SAM's hash of the body; the module has it as a trigger"
    ),
    Difference("AWS::ApiGateway::Deployment", "StageName", "SAM's deployment makes a stage that nobody uses"),
    Difference("AWS::ApiGateway::Deployment", "triggers", "as Description"),
    Difference("AWS::Lambda::Permission", "statement_id", "CloudFormation makes it up"),
    Difference("Outputs", "enrich_function_name", "CloudFormation tells a resource's name without"),
)
# The module's way to hand a large zip to Lambda: SAM's CLI does that before the deployment.
_OF_THE_MODULE_ALONE = {"aws_s3_object"}


def differences(template: Resources, plan: Resources) -> list[str]:
    """Return a line for each property that is not the same, of whichever resource."""
    lines = []
    for name in sorted(template.keys() | plan.keys()):
        if name not in plan:
            lines.append(f"{name}: the module has no such resource")
        elif name not in template:
            lines.append(f"{name}: the template has no such resource")
        else:
            lines += _differences(name, _shared(template[name]), _shared(plan[name]))
    return lines


def _shared(resource: Resource) -> Resource:
    kept = dict(resource["Properties"])
    for each in ON_PURPOSE:
        if each.type == resource["Type"]:
            kept.pop(each.property, None)
    return {**resource, "Properties": _plain(kept)}


def _differences(path: str, one: Any, other: Any) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from _differences(f"{path}.{key}", one.get(key), other.get(key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from _differences(f"{path}[{number}]", left, right)
    elif one != other:
        yield f"{path}: the template has {json.dumps(one)}, the module {json.dumps(other)}"


def _plain(value: Any) -> Any:
    """Return a value whose numbers and booleans are texts, as variables and parameters have them."""
    match value:
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
    return value if value is None else str(value)


def _statements(document: Mapping[str, Any]) -> Any:
    """Return a policy's document, each action and resource in a list, as AWS reads one by itself."""
    lists = ("Action", "Resource")
    statements = [
        {key: [value] if key in lists and isinstance(value, str) else value for key, value in each.items()}
        for each in document["Statement"]
    ]
    return {**document, "Statement": statements}


# ── What SAM made of the template ──────────────────────────────────────────────────────────────────────────


def of_template(translated: Mapping[str, Any], parameters: Mapping[str, str]) -> Resources:
    """Return the resources that a deployment of a translated template with these parameters makes."""
    resources = {_logical_id(name, each): each for name, each in translated["Resources"].items()}
    types = {name: each["Type"] for name, each in translated["Resources"].items()}
    defaults = {name: each.get("Default") for name, each in translated["Parameters"].items()}

    def look_up(logical_id: str, attribute: str) -> Any:
        if logical_id not in types:
            return None
        name = _logical_id(logical_id, translated["Resources"][logical_id])
        return _attribute(types[logical_id], name, attribute)

    scope = intrinsics.Scope(
        {**defaults, **parameters}, PSEUDO, translated["Conditions"], resources={}, look_up=look_up
    )
    made: Resources = {}
    for name, each in resources.items():
        if "Condition" in each and not intrinsics.holds(each["Condition"], scope):
            continue
        properties = intrinsics.resolve(each["Properties"], scope)
        read = _READ.get(each["Type"], dict)(properties)
        deleted = each.get("DeletionPolicy", "Delete")
        # SAM has another layer beside the old one instead of replacing it.
        default = deleted if each["Type"] == "AWS::Lambda::LayerVersion" else "Delete"
        replaced = each.get("UpdateReplacePolicy", default)
        resource = {"Type": each["Type"], "Deleted": deleted, "Replaced": replaced, "Properties": read}
        made[_permission_id(read) if each["Type"] == "AWS::Lambda::Permission" else name] = resource
    outputs = {name: intrinsics.resolve(each["Value"], scope) for name, each in translated["Outputs"].items()}
    return {**made, "Outputs": _outputs({variable(name): value for name, value in outputs.items()})}


def _outputs(values: Mapping[str, Any]) -> Resource:
    return {"Type": "Outputs", "Properties": dict(values)}


def _logical_id(name: str, resource: Mapping[str, Any]) -> str:
    """Return a resource's id without the hash that SAM puts behind it."""
    match resource["Type"]:
        case "AWS::Lambda::LayerVersion":
            return str(resource["Properties"]["LayerName"])
        case "AWS::ApiGateway::Deployment":
            return "ApiDeployment"
    return name


def _attribute(kind: str, name: str, attribute: str) -> str | None:
    """Return what Ref ("") or GetAtt gives for a resource, as the provider for tests makes it up."""
    full = f"{NAME}-{name}"
    return {
        ("AWS::Lambda::Function", ""): full,
        ("AWS::Lambda::Function", "Arn"): f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{full}",
        ("AWS::Lambda::LayerVersion", ""): f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{full}:1",
        ("AWS::IAM::Role", "Arn"): f"arn:aws:iam::{ACCOUNT}:role/{full}",
        ("AWS::DynamoDB::Table", ""): full,
        ("AWS::DynamoDB::Table", "Arn"): f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{full}",
        ("AWS::ApiGateway::RestApi", ""): f"{NAME}-api",
        ("AWS::ApiGateway::Deployment", ""): f"deployment-of-{NAME}-api",
        ("AWS::Events::Rule", "Arn"): f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{NAME}-RelayEventsEveryMinute",
    }.get((kind, attribute))


def _read_role(properties: dict[str, Any]) -> dict[str, Any]:
    policies = {
        each["PolicyName"]: _statements(each["PolicyDocument"]) for each in properties.get("Policies", [])
    }
    return {
        **properties,
        "AssumeRolePolicyDocument": _statements(properties["AssumeRolePolicyDocument"]),
        "Policies": policies,
        "ManagedPolicyArns": sorted(properties.get("ManagedPolicyArns", [])),
    }


def _read_rule(properties: dict[str, Any]) -> dict[str, Any]:
    (target,) = properties["Targets"]
    rest = {name: value for name, value in properties.items() if name != "Targets"}
    return {**rest, **{f"Target{name}": value for name, value in target.items()}}


def _read_mapping(properties: dict[str, Any]) -> dict[str, Any]:
    access = sorted(properties["SourceAccessConfigurations"], key=lambda each: str(each["Type"]))
    return {**properties, "SourceAccessConfigurations": access}


def _read_table(properties: dict[str, Any]) -> dict[str, Any]:
    attributes = {each["AttributeName"]: each["AttributeType"] for each in properties["AttributeDefinitions"]}
    return {**properties, "AttributeDefinitions": attributes}


def _read_alarm(properties: dict[str, Any]) -> dict[str, Any]:
    return {**properties, "Dimensions": {each["Name"]: each["Value"] for each in properties["Dimensions"]}}


def _read_dashboard(properties: dict[str, Any]) -> dict[str, Any]:
    try:
        return {**properties, "DashboardBody": json.loads(properties["DashboardBody"])}
    except ValueError:
        return properties  # which nothing is equal to


_READ: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "AWS::IAM::Role": _read_role,
    "AWS::Events::Rule": _read_rule,
    "AWS::Lambda::EventSourceMapping": _read_mapping,
    "AWS::DynamoDB::Table": _read_table,
    "AWS::CloudWatch::Alarm": _read_alarm,
    "AWS::CloudWatch::Dashboard": _read_dashboard,
}


# ── What is planned ────────────────────────────────────────────────────────────────────────────────────────


def of_plan(plan: Mapping[str, Any]) -> Resources:
    """Return the resources of a module's plan in which everything is known: one after an apply."""
    (module,) = plan["planned_values"]["root_module"]["child_modules"]
    found = [_Planned(each) for each in module["resources"] if each["mode"] == "managed"]
    made: Resources = {}
    for each in found:
        if each.type in _MADE:
            kind, name, properties = _MADE[each.type](each, found)
            each.check_that_nothing_is_left()
            kept = "Retain" if each.is_kept() else "Delete"
            made[name] = {"Type": kind, "Deleted": kept, "Replaced": kept, "Properties": properties}
    unused = [each.address for each in found if not each.used and each.type not in _OF_THE_MODULE_ALONE]
    assert not unused, f"nothing compares {unused}"
    return {**made, "Outputs": _outputs(plan["planned_values"]["outputs"]["event_mesh"]["value"])}


class _Planned:
    """A resource of a plan, and what of it has not been compared yet."""

    def __init__(self, planned: Mapping[str, Any]) -> None:
        self.address: str = planned["address"]
        self.type: str = planned["type"]
        self.name: str = planned["name"]
        self.key: str = str(planned.get("index", ""))
        self.used = False
        computed = {name for name, each in _SCHEMA[self.type]["attributes"].items() if each.get("computed")}
        values = planned["values"].items()
        self._left = {name: value for name, value in values if name not in computed and not _unset(value)}

    def take(self, name: str) -> Any:
        self.used = True
        return self._left.pop(name, None)

    def block(self, name: str) -> dict[str, Any]:
        """Return what a block that may be there once says; nothing if it is not there."""
        blocks = self.take(name)
        return {key: value for key, value in blocks[0].items() if not _unset(value)} if blocks else {}

    def is_kept(self) -> bool:
        """Return whether the resource outlives the deployment."""
        text = "\n".join(file.read_text() for file in MODULE.glob("*.tf"))
        own = re.search(
            rf'^resource "{self.type}" "{self.name}" {{\n(.*?)^}}', text, re.MULTILINE | re.DOTALL
        )
        assert own
        return bool(re.search(r"^ +(prevent_destroy|skip_destroy) += true", own[1], re.MULTILINE))

    def check_that_nothing_is_left(self) -> None:
        assert not self._left, f"nothing compares {sorted(self._left)} of {self.address}"


def _unset(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _named(**properties: Any) -> dict[str, Any]:
    """Return the properties that have a value: what is left out is not there."""
    return {name: value for name, value in properties.items() if value is not None and value != {}}


Made = tuple[str, str, dict[str, Any]]


def _function(planned: _Planned, _: Iterable[_Planned]) -> Made:
    logging, vpc = planned.block("logging_config"), planned.block("vpc_config")
    code = ("filename", "s3_bucket", "s3_key", "source_code_hash")
    properties = _named(
        FunctionName=planned.take("function_name"),
        Code={name: planned.take(name) for name in code},
        Role=planned.take("role"),
        Runtime=planned.take("runtime"),
        Architectures=planned.take("architectures"),
        Handler=planned.take("handler"),
        MemorySize=planned.take("memory_size"),
        Timeout=planned.take("timeout"),
        Layers=planned.take("layers"),
        ReservedConcurrentExecutions=planned.take("reserved_concurrent_executions"),
        Environment={"Variables": planned.block("environment")["variables"]},
        TracingConfig={"Mode": planned.block("tracing_config").get("mode")},
        LoggingConfig=_named(
            LogFormat=logging.pop("log_format"),
            ApplicationLogLevel=logging.pop("application_log_level"),
            **logging,
        ),
        VpcConfig=_named(
            SubnetIds=vpc.pop("subnet_ids", None), SecurityGroupIds=vpc.pop("security_group_ids", None), **vpc
        ),
    )
    return "AWS::Lambda::Function", f"{planned.key}Function", properties


def _layer(planned: _Planned, _: Iterable[_Planned]) -> Made:
    planned.take("skip_destroy")  # is_kept
    content = ("filename", "s3_bucket", "s3_key", "source_code_hash")
    properties = _named(
        LayerName=planned.take("layer_name"),
        Content={name: planned.take(name) for name in content},
        Description=planned.take("description"),
        CompatibleRuntimes=planned.take("compatible_runtimes"),
        CompatibleArchitectures=planned.take("compatible_architectures"),
    )
    return "AWS::Lambda::LayerVersion", f"{planned.key}Layer", properties


def _role(planned: _Planned, found: Iterable[_Planned]) -> Made:
    name = planned.take("name")
    policies = {}
    attached = []
    for each in found:
        if (
            each.type in ("aws_iam_role_policy", "aws_iam_role_policy_attachment")
            and each._left.get("role") == name
        ):
            each.take("role")
            if each.type == "aws_iam_role_policy":
                policies[each.take("name")] = _statements(json.loads(each.take("policy")))
            else:
                attached.append(each.take("policy_arn"))
            each.check_that_nothing_is_left()
    properties = {
        "RoleName": name,
        "AssumeRolePolicyDocument": _statements(json.loads(planned.take("assume_role_policy"))),
        "Policies": policies,
        "ManagedPolicyArns": sorted(attached),
    }
    suffix = {"function": "Role", "tenant": "TenantRole"}[planned.name]
    return "AWS::IAM::Role", f"{planned.key}{suffix}", properties


def _table(planned: _Planned, _: Iterable[_Planned]) -> Made:
    ttl, recovery = planned.block("ttl"), planned.block("point_in_time_recovery")
    encryption = planned.block("server_side_encryption")
    properties = _named(
        TableName=planned.take("name"),
        BillingMode=planned.take("billing_mode"),
        AttributeDefinitions={each["name"]: each["type"] for each in planned.take("attribute")},
        KeySchema=_keys(planned.take("hash_key"), planned.take("range_key")),
        GlobalSecondaryIndexes=[
            {
                "IndexName": each.pop("name"),
                "KeySchema": _keys(each.pop("hash_key"), each.pop("range_key")),
                "Projection": {"ProjectionType": each.pop("projection_type")},
                **{name: value for name, value in each.items() if not _unset(value)},
            }
            for each in planned.take("global_secondary_index")
        ],
        TimeToLiveSpecification=_named(
            AttributeName=ttl.pop("attribute_name", None), Enabled=ttl.pop("enabled", None), **ttl
        ),
        SSESpecification=_named(SSEEnabled=encryption.pop("enabled", None), **encryption),
        PointInTimeRecoverySpecification=_named(
            PointInTimeRecoveryEnabled=recovery.pop("enabled", None), **recovery
        ),
    )
    return "AWS::DynamoDB::Table", "UsersTable", properties


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def _mapping(planned: _Planned, _: Iterable[_Planned]) -> Made:
    servers = planned.block("self_managed_event_source")["endpoints"]
    group = planned.block("self_managed_kafka_event_source_config")
    access = [
        {"Type": each["type"], "URI": each["uri"]} for each in planned.take("source_access_configuration")
    ]
    properties = _named(
        FunctionName=planned.take("function_name"),
        SelfManagedEventSource={
            "Endpoints": {
                "KafkaBootstrapServers": servers.pop("KAFKA_BOOTSTRAP_SERVERS").split(","),
                **servers,
            }
        },
        SelfManagedKafkaEventSourceConfig=_named(ConsumerGroupId=group.pop("consumer_group_id"), **group),
        Topics=planned.take("topics"),
        StartingPosition=planned.take("starting_position"),
        BatchSize=planned.take("batch_size"),
        MaximumBatchingWindowInSeconds=planned.take("maximum_batching_window_in_seconds"),
        SourceAccessConfigurations=sorted(access, key=lambda each: str(each["Type"])),
    )
    name = {"Enrich": "UserEventsMapping", "EnrichNext": "NextUserEventsMapping"}[planned.key]
    return "AWS::Lambda::EventSourceMapping", name, properties


def _api(planned: _Planned, _: Iterable[_Planned]) -> Made:
    endpoint = planned.block("endpoint_configuration")
    properties = {
        "Name": planned.take("name"),
        "Body": json.loads(planned.take("body")),
        "EndpointConfiguration": _named(Types=endpoint.pop("types"), **endpoint),
    }
    return "AWS::ApiGateway::RestApi", "Api", properties


def _deployment(planned: _Planned, _: Iterable[_Planned]) -> Made:
    properties = {"RestApiId": planned.take("rest_api_id"), "triggers": planned.take("triggers")}
    return "AWS::ApiGateway::Deployment", "ApiDeployment", properties


def _stage(planned: _Planned, _: Iterable[_Planned]) -> Made:
    properties = _named(
        RestApiId=planned.take("rest_api_id"),
        DeploymentId=planned.take("deployment_id"),
        StageName=planned.take("stage_name"),
        TracingEnabled=planned.take("xray_tracing_enabled"),
    )
    return "AWS::ApiGateway::Stage", "ApiStage", properties


def _permission(planned: _Planned, _: Iterable[_Planned]) -> Made:
    properties = {
        "Action": planned.take("action"),
        "FunctionName": planned.take("function_name"),
        "Principal": planned.take("principal"),
        "SourceArn": planned.take("source_arn"),
        "statement_id": planned.take("statement_id") or planned.take("statement_id_prefix"),
    }
    return "AWS::Lambda::Permission", _permission_id(properties), properties


def _permission_id(properties: Mapping[str, Any]) -> str:
    """Return an id for a permission by what it is about: SAM's names its event, the module's its route."""
    return f"Permission of {properties['SourceArn']}"


def _rule(planned: _Planned, found: Iterable[_Planned]) -> Made:
    name = planned.take("name")
    properties = {
        "Name": name,
        "Description": planned.take("description"),
        "ScheduleExpression": planned.take("schedule_expression"),
    }
    for each in found:
        if each.type == "aws_cloudwatch_event_target" and each.take("rule") == name:
            properties |= {"TargetArn": each.take("arn"), "TargetId": each.take("target_id")}
            each.check_that_nothing_is_left()
    return "AWS::Events::Rule", "RelayEventsFunctionEveryMinute", properties


def _logs(planned: _Planned, _: Iterable[_Planned]) -> Made:
    properties = {"LogGroupName": planned.take("name"), "RetentionInDays": planned.take("retention_in_days")}
    return "AWS::Logs::LogGroup", f"{planned.key}Logs", properties


def _alarm(planned: _Planned, _: Iterable[_Planned]) -> Made:
    properties = _named(
        AlarmName=planned.take("alarm_name"),
        AlarmDescription=planned.take("alarm_description"),
        Namespace=planned.take("namespace"),
        MetricName=planned.take("metric_name"),
        Statistic=planned.take("statistic"),
        Period=planned.take("period"),
        EvaluationPeriods=planned.take("evaluation_periods"),
        Threshold=planned.take("threshold"),
        ComparisonOperator=planned.take("comparison_operator"),
        TreatMissingData=planned.take("treat_missing_data"),
        Dimensions=planned.take("dimensions"),
        AlarmActions=planned.take("alarm_actions"),
        OKActions=planned.take("ok_actions"),
    )
    return "AWS::CloudWatch::Alarm", planned.key, properties


def _dashboard(planned: _Planned, _: Iterable[_Planned]) -> Made:
    properties = {
        "DashboardName": planned.take("dashboard_name"),
        "DashboardBody": json.loads(planned.take("dashboard_body")),
    }
    return "AWS::CloudWatch::Dashboard", "Dashboard", properties


_MADE: dict[str, Callable[[_Planned, list[_Planned]], Made]] = {
    "aws_api_gateway_deployment": _deployment,
    "aws_api_gateway_rest_api": _api,
    "aws_api_gateway_stage": _stage,
    "aws_cloudwatch_dashboard": _dashboard,
    "aws_cloudwatch_event_rule": _rule,
    "aws_cloudwatch_log_group": _logs,
    "aws_cloudwatch_metric_alarm": _alarm,
    "aws_dynamodb_table": _table,
    "aws_iam_role": _role,
    "aws_lambda_event_source_mapping": _mapping,
    "aws_lambda_function": _function,
    "aws_lambda_layer_version": _layer,
    "aws_lambda_permission": _permission,
}
