"""Mappings are read from raw SAM templates; what is not supported is refused by name."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka_esm.errors import ConfigurationError
from kafka_esm.mapping import Mapping, Target
from kafka_esm.template import read_mappings

Read = Callable[..., list[Mapping]]

PROJECT_LIKE = """
    AWSTemplateFormatVersion: "2010-09-09"
    Transform: AWS::Serverless-2016-10-31
    Globals:
      Function:
        Timeout: 20
    Parameters:
      KafkaBootstrapServers: {Type: String}
      KafkaSecretArn: {Type: String, Default: ""}
      KafkaSubnetIds: {Type: CommaDelimitedList, Default: ""}
      KafkaSubnetId: {Type: String, Default: ""}
      BatchSize: {Type: Number, Default: 100}
      Stage: {Type: String, Default: local}
    Conditions:
      HasSecret: !Not [!Equals [!Ref KafkaSecretArn, ""]]
      HasSubnet: !Not [!Equals [!Ref KafkaSubnetId, ""]]
      Provisioned: !And [!Condition HasSecret, !Equals [!Ref Stage, prod]]
    Resources:
      Enrich:
        Type: AWS::Serverless::Function
        Properties:
          CodeUri: functions/enrich/
          Role: !GetAtt Role.Arn
          Events:
            Users:
              Type: SelfManagedKafka
              Properties:
                KafkaBootstrapServers: !Split [",", !Ref KafkaBootstrapServers]
                Topics: [user.events]
                ConsumerGroupId: !Sub "enrich-${Stage}"
                StartingPosition: TRIM_HORIZON
                BatchSize: !Ref BatchSize
                MaximumBatchingWindowInSeconds: 0
                ProvisionedPollerConfig: !If [Provisioned, {MinimumPollers: 1}, !Ref AWS::NoValue]
                SourceAccessConfigurations:
                  - !If
                    - HasSecret
                    - {Type: SASL_SCRAM_512_AUTH, URI: !Ref KafkaSecretArn}
                    - !Ref AWS::NoValue
                  - !If
                    - HasSubnet
                    - {Type: VPC_SUBNET, URI: !Sub "subnet:${KafkaSubnetId}"}
                    - !Ref AWS::NoValue
                  - {Type: VPC_SECURITY_GROUP, URI: !Sub "security_group:${Group.GroupId}"}
            Nightly:
              Type: ScheduleV2
              Properties: {ScheduleExpression: !ImportValue nightly}
      Group: {Type: AWS::EC2::SecurityGroup}
      Role: {Type: AWS::IAM::Role}
"""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def from_text(text: str, parameters: dict[str, str] | None = None, **more: Any) -> list[Mapping]:
        path = tmp_path / "template.yaml"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return read_mappings(path, parameters or {}, **more)

    return from_text


def with_event(properties: str = "", function: str = "") -> str:
    lines = {
        "KafkaBootstrapServers": "[h:9092]",
        "Topics": "[t]",
        "StartingPosition": "TRIM_HORIZON",
    }
    for line in filter(None, textwrap.dedent(properties).strip().splitlines()):
        name, _, value = line.partition(":")
        lines[name] = value.strip()
    event = "".join(
        f"                {name}: {value}\n" for name, value in lines.items() if value != "ABSENT"
    )
    return (
        f"""
    Resources:
      Fn:
        Type: AWS::Serverless::Function
        Properties:
          Handler: app.handler
          {function}
          Events:
            E:
              Type: SelfManagedKafka
              Properties:
"""
        + event
    )


def test_given_a_template_like_the_projects_when_read_then_everything_is_resolved(read: Read) -> None:
    (mapping,) = read(PROJECT_LIKE, {"KafkaBootstrapServers": "a:1,b:2", "BatchSize": "7"})
    assert mapping == Mapping(
        target=Target("Enrich", 20),
        bootstrap_servers=("a:1", "b:2"),
        topic="user.events",
        group="enrich-local",
        batch_size=7,
        window_seconds=0.0,
        starting_position="TRIM_HORIZON",
        network_access=("VPC_SECURITY_GROUP",),
    )
    assert mapping.bootstrap == "a:1,b:2"


def test_given_a_secret_by_parameter_when_read_then_its_authentication_is_refused(read: Read) -> None:
    with pytest.raises(ConfigurationError, match=r"Enrich\.Events\.Users.*SASL_SCRAM_512_AUTH"):
        read(PROJECT_LIKE, {"KafkaBootstrapServers": "a:1", "KafkaSecretArn": "arn:x"})


def test_given_an_empty_uri_when_read_then_that_access_is_off(read: Read) -> None:
    without_condition = PROJECT_LIKE.replace("- HasSecret", "- Always").replace(
        "Conditions:\n", 'Conditions:\n      Always: !Equals ["", ""]\n'
    )
    [mapping] = read(without_condition, {"KafkaBootstrapServers": "a:1", "KafkaSecretArn": ""})

    assert mapping.network_access == ("VPC_SECURITY_GROUP",)


def test_given_a_condition_that_turns_a_property_on_when_read_then_it_is_refused(read: Read) -> None:
    parameters = {"KafkaBootstrapServers": "a:1", "KafkaSecretArn": "arn:x", "Stage": "prod"}
    with pytest.raises(ConfigurationError, match="ProvisionedPollerConfig is not supported"):
        read(PROJECT_LIKE, parameters)


def test_given_a_missing_parameter_when_read_then_it_is_named(read: Read) -> None:
    with pytest.raises(ConfigurationError, match="--parameter KafkaBootstrapServers="):
        read(PROJECT_LIKE)


def test_given_an_unknown_parameter_when_read_then_it_is_named(read: Read) -> None:
    with pytest.raises(ConfigurationError, match="Kafka: the template has no such parameter"):
        read(PROJECT_LIKE, {"Kafka": "a:1"})


def test_given_only_what_is_required_when_read_then_the_rest_is_lambdas_default(read: Read) -> None:
    (mapping,) = read(with_event())
    assert (mapping.batch_size, mapping.window_seconds, mapping.enabled) == (100, 0.5, True)
    assert mapping.target == Target("Fn", 3)


def test_given_no_group_when_read_twice_then_it_is_the_same_one(read: Read) -> None:
    assert read(with_event())[0].group == read(with_event())[0].group
    assert read(with_event())[0].group != read(with_event("Topics: [u]"))[0].group


def test_given_a_function_name_when_read_then_it_is_invoked_by_it(read: Read) -> None:
    assert read(with_event(function="FunctionName: enricher"))[0].target.name == "enricher"


def test_given_a_stack_when_read_then_the_name_is_looked_up_there(read: Read) -> None:
    template = with_event(function='FunctionName: !Sub "${AWS::StackName}-x"')
    (mapping,) = read(template, stack_name="s", physical_name=lambda logical_id: f"deployed-{logical_id}")
    assert mapping.target.name == "deployed-Fn"


def test_given_a_name_made_of_the_stacks_when_there_is_no_stack_then_it_says_so(read: Read) -> None:
    with pytest.raises(ConfigurationError, match=r"FunctionName: AWS::StackName.*--stack-name"):
        read(with_event(function='FunctionName: !Sub "${AWS::StackName}-x"'))


def test_given_a_disabled_mapping_when_read_then_it_says_so(read: Read) -> None:
    assert read(with_event("Enabled: false"))[0].enabled is False


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("FilterCriteria: {Filters: []}", "FilterCriteria is not supported"),
        ("MaximumRetryAttempts: 3", "MaximumRetryAttempts is not supported"),
        ("MaximumRecordAgeInSeconds: 60", "MaximumRecordAgeInSeconds is not supported"),
        ("BisectBatchOnFunctionError: true", "BisectBatchOnFunctionError is not supported"),
        ("FunctionResponseTypes: [ReportBatchItemFailures]", "FunctionResponseTypes is not supported"),
        ("DestinationConfig: {OnFailure: {Destination: x}}", "DestinationConfig is not supported"),
        ("SchemaRegistryConfig: {}", "SchemaRegistryConfig is not supported"),
        ("Misspelt: 1", "Misspelt is not supported"),
        ("StartingPosition: AT_TIMESTAMP", "AT_TIMESTAMP is not supported"),
        ("SourceAccessConfigurations: [{Type: BASIC_AUTH, URI: x}]", "BASIC_AUTH is not supported"),
        ("SourceAccessConfigurations: {Type: VPC_SUBNET}", "SourceAccessConfigurations must be a list"),
        ("StartingPosition: ABSENT", "StartingPosition is missing"),
        ("StartingPosition: EARLIEST", "StartingPosition is 'EARLIEST'"),
        ("Topics: ABSENT", "Topics is missing"),
        ("Topics: [a, b]", "exactly one topic"),
        ("Topics: []", "exactly one topic"),
        ("Topics: ['a b']", "'a b' is not a topic name"),
        ("KafkaBootstrapServers: ABSENT", "KafkaBootstrapServers is missing"),
        ("KafkaBootstrapServers: ['']", "KafkaBootstrapServers is empty"),
        ("KafkaBootstrapServers: [localhost]", "'localhost' is not host:port"),
        ("KafkaBootstrapServers: !ImportValue servers", "Fn::ImportValue cannot be resolved"),
        ("KafkaBootstrapServers: [!GetAtt Cluster.Servers]", "Cluster.Servers is known only after"),
        ("BatchSize: 0", "BatchSize is 0, not within 1 to 10000"),
        ("BatchSize: 10001", "BatchSize is 10001"),
        ("BatchSize: many", "BatchSize is 'many', not a whole number"),
        ("BatchSize: !Ref Nothing", "BatchSize: Nothing is neither"),
        ("MaximumBatchingWindowInSeconds: 301", "MaximumBatchingWindowInSeconds is 301"),
        ("MaximumBatchingWindowInSeconds: 0.5", "MaximumBatchingWindowInSeconds is 0.5"),
        ("Enabled: perhaps", "Enabled is 'perhaps'"),
    ],
)
def test_given_a_property_that_cannot_be_used_when_read_then_it_is_refused_by_name(
    read: Read, properties: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        read(with_event(properties))
    assert str(caught.value).startswith("Fn.Events.E: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "properties",
    [
        "MaximumRetryAttempts: -1",
        "MaximumRecordAgeInSeconds: -1",
        "BisectBatchOnFunctionError: false",
        "FunctionResponseTypes: []",
        "MaximumRetryAttempts: !Ref AWS::NoValue",
    ],
)
def test_given_a_property_that_asks_for_nothing_more_when_read_then_it_is_accepted(
    read: Read, properties: str
) -> None:
    assert read(with_event(properties))


def test_given_a_plain_mapping_when_read_then_it_is_found_with_its_functions_timeout(read: Read) -> None:
    (mapping,) = read("""
    Parameters:
      Servers: {Type: CommaDelimitedList, Default: "a:1, b:2"}
    Resources:
      Fn:
        Type: AWS::Lambda::Function
        Properties: {Timeout: 900}
      Map:
        Type: AWS::Lambda::EventSourceMapping
        Properties:
          FunctionName: !GetAtt Fn.Arn
          SelfManagedEventSource: {Endpoints: {KafkaBootstrapServers: !Ref Servers}}
          SelfManagedKafkaEventSourceConfig: {ConsumerGroupId: g}
          Topics: [t]
          StartingPosition: LATEST
          BatchSize: 5
      Stream:
        Type: AWS::Lambda::EventSourceMapping
        Properties: {FunctionName: !Ref Fn, EventSourceArn: !GetAtt Table.StreamArn}
    """)
    assert mapping.target == Target("Fn", 900)
    assert (mapping.bootstrap, mapping.group, mapping.starting_position) == ("a:1,b:2", "g", "LATEST")


def test_given_a_resource_whose_condition_is_false_when_read_then_it_is_left_out(read: Read) -> None:
    template = with_event().replace(
        "Type: AWS::Serverless", "Condition: Never\n        Type: AWS::Serverless"
    )
    template = '    Conditions: {Never: !Equals ["a", "b"]}' + template
    with pytest.raises(ConfigurationError, match="no Kafka event source mapping"):
        read(template)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Resources: {}", "no Kafka event source mapping"),
        ("just text", "no Resources"),
        ("Resources: [", "not valid YAML"),
        ("", "no Resources"),
        ("Resources: {F: {Type: AWS::Serverless::Function, Properties: x}}", "F.Properties is not an object"),
        ("{Parameters: [], Resources: {}}", "Parameters is not an object"),
        (
            "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Events: [x]}}}",
            "F.Events is not an object",
        ),
        (
            "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Events: {E: !ImportValue x}}}}",
            "F.Events.E: Fn::ImportValue cannot be resolved",
        ),
    ],
)
def test_given_something_that_is_no_template_when_read_then_it_says_so_in_one_line(
    read: Read, text: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_given_no_file_when_read_then_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_mappings(tmp_path / "nothing.yaml", {})
