"""Mappings are read from raw SAM templates; what is not supported is refused by name."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.mapping import Mapping, Target
from kafka_esm.mappings.template import read_mappings

Read = Callable[..., list[Mapping]]
SCHEMAS = "SchemaRegistryConfig: {SchemaRegistryURI: 'http://r:8081'"

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
    """A template with one mapping; resources may be added at its end."""
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
        notes=("VPC_SECURITY_GROUP has no meaning outside AWS",),
    )
    assert mapping.bootstrap == "a:1,b:2"


def test_given_a_secret_by_parameter_when_read_then_it_is_how_to_get_in(read: Read) -> None:
    (mapping,) = read(PROJECT_LIKE, {"KafkaBootstrapServers": "a:1", "KafkaSecretArn": "arn:x"})
    assert mapping.access == (("SASL_SCRAM_512_AUTH", "arn:x"),)


def test_given_an_empty_uri_when_read_then_that_access_is_off(read: Read) -> None:
    without_condition = PROJECT_LIKE.replace("- HasSecret", "- Always").replace(
        "Conditions:\n", 'Conditions:\n      Always: !Equals ["", ""]\n'
    )
    [mapping] = read(without_condition, {"KafkaBootstrapServers": "a:1", "KafkaSecretArn": ""})

    assert mapping.access == ()


def test_given_a_condition_when_it_turns_a_property_on_then_it_counts(read: Read) -> None:
    parameters = {"KafkaBootstrapServers": "a:1", "KafkaSecretArn": "arn:x"}
    assert read(PROJECT_LIKE, parameters)[0].pollers is None
    assert read(PROJECT_LIKE, parameters | {"Stage": "prod"})[0].pollers == 200


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
        ("FilterCriteria: {Filters: [{Pattern: '['}]}", "pattern"),
        ("FilterCriteria: {Filters: [x]}", "no Pattern that is a JSON text"),
        ("FilterCriteria: x", "FilterCriteria must be an object"),
        ("MaximumRetryAttempts: 10001", "MaximumRetryAttempts is 10001"),
        ("MaximumRetryAttempts: -2", "MaximumRetryAttempts is -2"),
        ("MaximumRecordAgeInSeconds: 59", "MaximumRecordAgeInSeconds is 59, neither -1 nor within 60"),
        ("FunctionResponseTypes: [Other]", "'Other' is not ReportBatchItemFailures"),
        ("DestinationConfig: {OnFailure: {Destination: x}}", "x is not the ARN of an SQS queue"),
        ("DestinationConfig: {OnFailure: {Destination: 5}}", "5, neither an ARN nor kafka://topic"),
        ("DestinationConfig: {OnFailure: {Destination: 'kafka://t'}}", "the source topic"),
        ("DestinationConfig: {OnFailure: {Destination: 'kafka://'}}", "kafka:// is not the ARN"),
        ("DestinationConfig: {OnFailure: {Destination: 'arn:aws:sqs:r:1:q'}}", "arn:aws:sqs:r:1:q is not"),
        ("DestinationConfig: {OnFailure: {Destination: 'arn:aws:sqs:r:000000000000:q.fifo'}}", "is FIFO"),
        (
            "DestinationConfig: {OnFailure: {Destination: 'arn:aws:lambda:r:000000000000:function:f'}}",
            "function:f is not the ARN of an SQS queue",
        ),
        ("DestinationConfig: {OnFailure: {}}", "OnFailure has no Destination"),
        ("DestinationConfig: {OnFailure: {Type: SQS}}", "OnFailure has no Destination"),
        (
            "DestinationConfig: {OnFailure: {Destinaton: 'kafka://d'}}",
            "OnFailure.Destinaton is not supported",
        ),
        ("FilterCriteria: {Filter: []}", "FilterCriteria.Filter is not supported"),
        ("FilterCriteria: {Filters: [{Pattern: '{}', Name: x}]}", "FilterCriteria.Filters.Name is not"),
        (
            "SourceAccessConfigurations: [{Type: BASIC_AUTH, URI: a}, {Type: SASL_SCRAM_512_AUTH, URI: b}]",
            "there can be one kind of authentication",
        ),
        (
            "SourceAccessConfigurations: [{Type: BASIC_AUTH, URI: a}, {Type: BASIC_AUTH, URI: b}]",
            "BASIC_AUTH is there twice",
        ),
        ("KafkaBootstrapServers: ['h:65536']", "'h:65536' has no port up to 65535"),
        ("KafkaBootstrapServers: ['h:0']", "'h:0' has no port"),
        ("DestinationConfig: {OnFailure: {Destination: !ImportValue x}}", "Fn::ImportValue cannot be"),
        ("DestinationConfig: {OnSuccess: {Destination: x}}", "OnSuccess is not supported for Kafka"),
        ("ProvisionedPollerConfig: {MinimumPollers: 0}", "MinimumPollers is 0"),
        ("ProvisionedPollerConfig: {MinimumPollers: 3, MaximumPollers: 2}", "more than MaximumPollers 2"),
        ("ProvisionedPollerConfig: {Pollers: 2}", "ProvisionedPollerConfig.Pollers is not supported"),
        ("SnapshotConfig: {}", "SnapshotConfig is not supported"),
        ("SchemaRegistryConfig: {EventRecordFormat: JSON}", "SchemaRegistryURI is missing"),
        ("SchemaRegistryConfig: {SchemaRegistryURI: 'registry:8081'}", "neither an http"),
        (
            "SchemaRegistryConfig: {SchemaRegistryURI: 'arn:aws:glue:us-east-1:0:schema/r/s'}",
            "ARN of a registry",
        ),
        (
            "SchemaRegistryConfig: {SchemaRegistryURI: 'arn:aws:glue:us-east-1:0:registry/r', "
            "AccessConfigs: [{Type: BASIC_AUTH, URI: x}]}",
            "AccessConfigs are not for Glue",
        ),
        (f"{SCHEMAS}, EventRecordFormat: AVRO}}", "EventRecordFormat is 'AVRO', not JSON or SOURCE"),
        (
            f"{SCHEMAS}, SchemaValidationConfigs: [{{Attribute: HEADER}}]}}",
            "neither {Attribute: KEY} nor VALUE",
        ),
        (f"{SCHEMAS}, AccessConfigs: [{{Type: IAM_AUTH, URI: x}}]}}", "'IAM_AUTH' is not one of BASIC_AUTH"),
        (f"{SCHEMAS}, AccessConfigs: [{{Type: BASIC_AUTH}}]}}", "is not of the form {Type, URI}"),
        (f"{SCHEMAS}, Schema: x}}", "SchemaRegistryConfig.Schema is not supported"),
        ("Misspelt: 1", "Misspelt is not supported"),
        ("StartingPosition: AT_TIMESTAMP", "StartingPositionTimestamp is missing"),
        ("StartingPositionTimestamp: 5", "StartingPositionTimestamp needs StartingPosition AT_TIMESTAMP"),
        ("SourceAccessConfigurations: [{Type: VIRTUAL_HOST, URI: x}]", "VIRTUAL_HOST is not supported"),
        ("SourceAccessConfigurations: [{Type: BASIC_AUTH}]", "is not of the form"),
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
        "FilterCriteria: {Filters: []}",
        "DestinationConfig: {}",
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
        ("Resources: {'Fn::ForEach::Fns': [x, [a], {}]}", "Fn::ForEach::Fns can only be expanded"),
        ("Resources: {'Fn::Transform': {Name: AWS::Include}}", "Fn::Transform can only be expanded"),
        (
            "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Events: "
            "{A: {}, 'Fn::Transform': {Name: AWS::Include}}}}}",
            "F.Events: Fn::Transform can only be expanded",
        ),
        ("[" * 100_000, "nested more than 100 levels"),
        ("- " * 100_000, "nested more than 100 levels"),
        ("Resources: 2024-99-99", "not valid YAML: month must be"),
        ("Resources: {F: {Type: AWS::Serverless::Function, Condition: [a]}}", "by its name, not by"),
        (
            "{Conditions: {C: {Condition: [a]}}, "
            "Resources: {F: {Type: AWS::Serverless::Function, Condition: C}}}",
            "by its name, not by",
        ),
        (
            "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Events: !Ref [a]}}}",
            "Ref takes a name",
        ),
        (
            "Resources: {F: {Type: AWS::Serverless::Function, Properties: {Events: !If [[a], {}, {}]}}}",
            "by its name, not by",
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


def test_given_every_error_handling_property_when_read_then_all_are_there(read: Read) -> None:
    (mapping,) = read(
        with_event("""
        MaximumRetryAttempts: "3"
        MaximumRecordAgeInSeconds: 60
        BisectBatchOnFunctionError: "true"
        FunctionResponseTypes: [ReportBatchItemFailures]
        FilterCriteria: {Filters: [{Pattern: '{"value": {"a": [1]}}'}]}
        DestinationConfig: {OnFailure: {Type: SQS, Destination: "arn:aws:sqs:r:000000000000:q"}}
        ProvisionedPollerConfig: {MinimumPollers: 2, MaximumPollers: 4, PollerGroupName: g}
        """)
    )
    assert (mapping.max_retries, mapping.max_age_seconds, mapping.bisect) == (3, 60, True)
    assert (mapping.report_item_failures, mapping.pollers) == (True, 4)
    assert mapping.filters == ('{"value": {"a": [1]}}',)
    assert mapping.destination == "arn:aws:sqs:r:000000000000:q"
    assert mapping.notes == ()


def test_given_no_provisioned_mode_when_read_then_it_is_noted_what_aws_would_refuse(read: Read) -> None:
    (mapping,) = read(with_event("MaximumRetryAttempts: 3"))
    assert "MaximumRetryAttempts needs ProvisionedPollerConfig" in [each.message for each in mapping.findings]


def test_given_a_destination_when_retries_are_endless_then_there_are_ten(read: Read) -> None:
    assert read(with_event())[0].max_retries is None
    config = 'DestinationConfig: {OnFailure: {Destination: "kafka://dlq"}}'
    assert read(with_event(config))[0].max_retries == 10
    assert read(with_event(config + "\nMaximumRetryAttempts: 0"))[0].max_retries == 0


@pytest.mark.parametrize("value", ["1763800000", "1763800000.0", "2025-11-22T08:26:40Z"])
def test_given_a_timestamp_when_read_then_it_is_where_to_start(read: Read, value: str) -> None:
    (mapping,) = read(with_event(f"StartingPosition: AT_TIMESTAMP\nStartingPositionTimestamp: {value}"))
    assert (mapping.starting_position, mapping.starting_timestamp) == ("AT_TIMESTAMP", 1_763_800_000.0)


def test_given_a_published_alias_when_read_then_it_is_what_is_invoked(read: Read) -> None:
    assert read(with_event(function="AutoPublishAlias: live"))[0].target.name == "Fn:live"
    shared = "    Globals: {Function: {AutoPublishAlias: beta}}" + with_event()
    assert read(shared, stack_name="s", physical_name=lambda _: "s-Fn-1")[0].target.name == "s-Fn-1:beta"
    with pytest.raises(ConfigurationError, match="Fn: AutoPublishAlias: Fn::ImportValue"):
        read(with_event(function="AutoPublishAlias: !ImportValue alias"))


RESOURCES = """
      Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: failures}}
      Topic: {Type: AWS::SNS::Topic}
      Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: b}}
      Secret: {Type: AWS::SecretsManager::Secret, Properties: {Name: kafka}}
"""


@pytest.mark.parametrize(
    ("reference", "arn"),
    [
        ("!GetAtt Queue.Arn", "arn:aws:sqs:us-east-1:000000000000:failures"),
        ("!GetAtt Bucket.Arn", "arn:aws:s3:::b"),
        ("!Sub '${Queue.Arn}'", "arn:aws:sqs:us-east-1:000000000000:failures"),
    ],
)
def test_given_a_destination_of_the_template_when_read_then_it_is_its_arn(
    read: Read, reference: str, arn: str
) -> None:
    template = with_event(f"DestinationConfig: {{OnFailure: {{Destination: {reference}}}}}") + RESOURCES
    assert read(template)[0].destination == arn


def test_given_a_destination_of_a_stack_when_read_then_it_is_looked_up(read: Read) -> None:
    deployed = {
        "Fn": "s-Fn",
        "Queue": "http://127.0.0.1:4566/000000000000/s-Queue-1",
        "Topic": "arn:aws:sns:us-east-1:000000000000:s-Topic-1",
    }
    for reference, arn in (
        ("!GetAtt Queue.Arn", "arn:aws:sqs:us-east-1:000000000000:s-Queue-1"),
        ("!Ref Topic", "arn:aws:sns:us-east-1:000000000000:s-Topic-1"),
    ):
        template = with_event(f"DestinationConfig: {{OnFailure: {{Destination: {reference}}}}}") + RESOURCES
        assert read(template, physical_name=deployed.__getitem__)[0].destination == arn


def test_given_a_name_that_only_the_stack_knows_when_there_is_none_then_it_says_so(read: Read) -> None:
    template = with_event("DestinationConfig: {OnFailure: {Destination: !Ref Topic}}") + RESOURCES
    with pytest.raises(ConfigurationError, match=r"Topic has no TopicName .* pass --stack-name"):
        read(template)


def test_given_a_secret_of_the_template_when_read_then_it_is_its_name(read: Read) -> None:
    template = with_event("SourceAccessConfigurations: [{Type: BASIC_AUTH, URI: !Ref Secret}]") + RESOURCES
    assert read(template)[0].access == (("BASIC_AUTH", "kafka"),)


@pytest.mark.parametrize("seconds", ["0", "-5"])
def test_given_a_timeout_below_a_second_when_read_then_it_is_refused(read: Read, seconds: str) -> None:
    with pytest.raises(ConfigurationError, match=f"Fn: Timeout is {seconds}, not at least 1"):
        read(with_event(function=f"Timeout: {seconds}"))


def test_given_a_nested_application_when_read_then_the_log_says_that_it_is_left_out(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    read(with_event() + "      Nested: {Type: AWS::Serverless::Application}\n")
    assert "Nested is a template of its own: mappings in it are not polled" in caplog.text


def test_given_what_other_tools_write_as_defaults_when_read_then_it_is_taken(read: Read) -> None:
    (mapping,) = read(
        with_event("""
        LoggingConfig: {SystemLogLevel: WARN}
        MetricsConfig: {Metrics: [EventCount, ErrorCount, KafkaMetrics]}
        ConsumptionMode: Stream
        Queues: []
        ScalingConfig: {}
        """)
    )
    assert mapping.log_level == "WARNING"


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("ConsumptionMode: Queue", "Queue needs a share group"),
        ("ConsumptionMode: Both", "'Both', not Stream"),
        ("Queues: [q]", "Queues is for Amazon MQ"),
        ("ScalingConfig: {MaximumConcurrency: 2}", "ScalingConfig is for SQS"),
        ("MetricsConfig: {Metrics: [Lag]}", "'Lag' is not one of EventCount"),
        ("LoggingConfig: {SystemLogLevel: LOUD}", "'LOUD', not one of DEBUG"),
        ("LoggingConfig: {Other: x}", "LoggingConfig.Other is not supported"),
    ],
)
def test_given_a_source_of_another_kind_when_read_then_it_is_refused_with_the_reason(
    read: Read, properties: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read(with_event(properties))
