"""What a mapping refers to: functions with their versions, what other stacks export, values read at run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.dynamic import reader
from kafka_esm.mappings.mapping import Mapping, Target
from kafka_esm.mappings.template import read_mappings
from moto import mock_aws

Read = Callable[..., Mapping]

TEMPLATE = """
Parameters:
  Stage: {{Type: String, Default: live}}
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties: {{AutoPublishAlias: live, Timeout: 20}}
  Plain:
    Type: AWS::Lambda::Function
    Properties: {{FunctionName: plain, Timeout: 7}}
  Alias:
    Type: AWS::Lambda::Alias
    Properties: {{FunctionName: !Ref Plain, Name: beta}}
  Version:
    Type: AWS::Lambda::Version
    Properties: {{FunctionName: !GetAtt Plain.Arn}}
  Elsewhere:
    Type: AWS::Lambda::Alias
    Properties: {{FunctionName: '{{{{resolve:ssm:name}}}}', Name: beta}}
  Queue: {{Type: AWS::SQS::Queue, Properties: {{QueueName: q}}}}
  Parameter: {{Type: AWS::SSM::Parameter, Properties: {{Name: /kafka/group}}}}
  Map:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: {function}
      SelfManagedEventSource: {{Endpoints: {{KafkaBootstrapServers: {servers}}}}}
      SelfManagedKafkaEventSourceConfig: {{ConsumerGroupId: {group}}}
      Topics: [{topic}]
      StartingPosition: TRIM_HORIZON
      DestinationConfig: {{OnFailure: {{Destination: {destination}}}}}
      SourceAccessConfigurations: [{{Type: BASIC_AUTH, URI: {secret}}}]
"""
DEFAULTS = {
    "function": "plain",
    "servers": "['h:1']",
    "group": "g",
    "topic": "t",
    "destination": "kafka://dlq",
    "secret": "s",
}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def one(parts: dict[str, str], **more: Any) -> Mapping:
        path = tmp_path / "template.yaml"
        path.write_text(TEMPLATE.format(**DEFAULTS | parts))
        (mapping,) = read_mappings(path, {}, **more)
        return mapping

    return one


@pytest.mark.parametrize(
    ("function", "target"),
    [
        ("!Ref Fn", Target("Fn", 20)),
        ("!GetAtt Fn.Arn", Target("Fn", 20)),
        ("!Join [':', [!Ref Fn, live]]", Target("Fn:live", 20)),
        ("!Join [':', [!GetAtt Fn.Arn, !Ref Stage]]", Target("Fn:live", 20)),
        ("!Sub '${Fn}:live'", Target("Fn:live", 20)),
        ("!Sub '${Fn.Arn}:${Stage}'", Target("Fn:live", 20)),
        ("!Sub ['${F}:2', {F: !Ref Fn}]", Target("Fn:2", 20)),
        ("!Sub 'arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:${Fn}:live'", Target("Fn:live", 20)),
        ("!Select [6, !Split [':', !GetAtt Fn.Arn]]", Target("Fn", 20)),
        ("!Ref Fn.Alias", Target("Fn:live", 20)),
        ("!Sub '${Fn.Alias}'", Target("Fn:live", 20)),
        ("!Ref FnAliaslive", Target("Fn:live", 20)),
        ("!Ref Fn.Version", Target("Fn:live", 20)),
        ("!Ref Alias", Target("plain:beta", 7)),
        ("!Sub 'arn:aws:lambda:us-east-1:111111111111:function:other:3'",
         Target("arn:aws:lambda:us-east-1:111111111111:function:other:3", 900)),
        ("'other:$LATEST'", Target("other:$LATEST", 900)),
    ],
)  # fmt: skip
def test_given_a_function_with_a_qualifier_when_read_then_it_is_invoked_with_it(
    read: Read, function: str, target: Target
) -> None:
    assert read({"function": function}).target == target


def test_given_a_version_of_the_template_when_read_then_only_its_stack_knows_the_number(read: Read) -> None:
    with pytest.raises(ConfigurationError, match=r"number of the version Version .* pass --stack-name"):
        read({"function": "!Ref Version"})
    deployed = {"Plain": "s-Plain", "Version": "arn:aws:lambda:us-east-1:000000000000:function:s-Plain:4"}
    for function in ("!Ref Version", "!Sub '${Plain}:${Version.Version}'"):
        mapping = read({"function": function}, physical_name=deployed.__getitem__)
        assert mapping.target == Target("s-Plain:4", 7)


@pytest.mark.parametrize(
    "function", ["!Ref Plain.Alias", "!Ref PlainAliaslive", "!Ref FnAliasother", "!Ref Queue"]
)
def test_given_a_qualifier_that_there_is_not_when_read_then_it_is_refused(read: Read, function: str) -> None:
    with pytest.raises(ConfigurationError, match="FunctionName of an AWS::Lambda::EventSourceMapping"):
        read({"function": function})


def test_given_what_another_stack_exports_when_read_then_it_is_what_was_passed(read: Read) -> None:
    function = "!ImportValue {'Fn::Sub': 'fn-${Stage}'}"
    arn = "arn:aws:lambda:us-east-1:000000000000:function:there:live"
    assert read({"function": function}, imports={"fn-live": arn}).target.name == arn
    with pytest.raises(ConfigurationError, match=r"pass --import fn-live=…"):
        read({"function": function})


@pytest.mark.parametrize(
    ("destination", "arn"),
    [
        ("!Join ['', [!GetAtt Queue.Arn, '-dead']]", "arn:aws:sqs:us-east-1:000000000000:q-dead"),
        ("!Sub '${Queue.Arn}-dead'", "arn:aws:sqs:us-east-1:000000000000:q-dead"),
        ("!Sub 'arn:aws:sqs:us-east-1:000000000000:${Queue.QueueName}-dead'",
         "arn:aws:sqs:us-east-1:000000000000:q-dead"),
    ],
)  # fmt: skip
def test_given_a_text_joined_to_a_resource_when_read_then_it_stays(
    read: Read, destination: str, arn: str
) -> None:
    assert read({"destination": destination}).destination == arn


@pytest.mark.parametrize("destination", ["!Join ['', [!GetAtt Other.Arn, x]]", "!Ref Queue"])
def test_given_a_text_joined_to_what_is_not_known_when_read_then_it_is_refused(
    read: Read, destination: str
) -> None:
    with pytest.raises(ConfigurationError, match="Map: DestinationConfig"):
        read({"destination": destination})


@pytest.fixture
def values(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        ssm = boto3.client("ssm", "us-east-1")
        for name, value in (
            ("/kafka/group", "enrich"),
            ("/kafka/brokers", "a:1,b:2"),
            ("fn", "plain:live"),
            ("name", "there"),
        ):
            ssm.put_parameter(Name=name, Value=value, Type="String")
        ssm.put_parameter(Name="/kafka/group", Value="newer", Type="String", Overwrite=True)
        ssm.put_parameter(Name="/secret", Value="hidden", Type="SecureString")
        secrets = boto3.client("secretsmanager", "us-east-1")
        arn = secrets.create_secret(Name="kafka", SecretString='{"topic": "t.from.secret"}')["ARN"]
        yield arn, reader(lambda service: boto3.client(service, "us-east-1"))


EVERYWHERE = {
    "function": "'{{resolve:ssm:fn}}'",
    "servers": "['{{resolve:ssm:/kafka/brokers}}']",
    "group": "'x-{{resolve:ssm:/kafka/group:1}}-{{resolve:ssm-secure:/secret}}'",
    "topic": "'{{resolve:secretsmanager:kafka:SecretString:topic}}'",
    "secret": "!Sub '{{resolve:ssm:${Parameter}}}'",
}


def test_given_dynamic_references_when_run_then_they_are_read_at_the_endpoint(
    read: Read, values: Any
) -> None:
    arn, read_value = values
    for topic in (EVERYWHERE["topic"], f"'{{{{resolve:secretsmanager:{arn}:SecretString:topic}}}}'"):
        mapping = read(EVERYWHERE | {"topic": topic}, read=read_value)
        assert (mapping.target.name, mapping.bootstrap_servers) == ("plain:live", ("a:1", "b:2"))
        assert (mapping.group, mapping.topic) == ("x-enrich-hidden", "t.from.secret")
        assert mapping.access == (("BASIC_AUTH", "newer"),)
        assert mapping.notes == ()
    assert read({"function": "!Ref Elsewhere"}, read=read_value).target.name == "there:beta"


def test_given_dynamic_references_when_checked_then_it_is_said_that_they_are_ones(read: Read) -> None:
    mapping = read(EVERYWHERE)
    assert mapping.target.name == "{{resolve:ssm:fn}}"
    noted = [note for note in mapping.notes if "is a dynamic reference" in note]
    assert [note.split()[0] for note in noted] == [
        "FunctionName", "ConsumerGroupId", "KafkaBootstrapServers", "SourceAccessConfigurations", "Topics",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("ssm:/nothing", "cannot be read: ParameterNotFound"),
        ("ssm:/secret", "is a SecureString; write ssm-secure"),
        ("ssm:a:1:2", "documented form"),
        ("secretsmanager:kafka:SecretBinary", "only SecretString"),
        ("secretsmanager:kafka:SecretString:other", "no field other"),
        ("secretsmanager:nothing", "cannot be read: ResourceNotFoundException"),
        ("vault:x", "only ssm, ssm-secure and secretsmanager"),
    ],
)
def test_given_a_reference_that_cannot_be_read_when_run_then_it_is_named(
    read: Read, values: Any, reference: str, why: str
) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        read({"group": f"'{{{{resolve:{reference}}}}}'"}, read=values[1])
    assert reference in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert "t.from.secret" not in str(caught.value)
