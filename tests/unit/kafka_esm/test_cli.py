"""`kafka-esm check` prints the mappings and what is wrong with them; the exit status says it, too."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kafka_esm.cli import main
from kafka_esm.schemas import config

GOOD: dict[str, Any] = {
    "KafkaBootstrapServers": ["h:1"],
    "Topics": ["t1"],
    "ConsumerGroupId": "g",
    "StartingPosition": "TRIM_HORIZON",
}


GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg"
SAM = (
    "https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/"
    "sam-property-function-selfmanagedkafka.html"
)
SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:kafka-abcdef"
WITH_SCHEMAS = {
    "SchemaRegistryConfig": {
        "SchemaRegistryURI": "http://user:secret@r:8081/v7",
        "EventRecordFormat": "JSON",
        "SchemaValidationConfigs": [{"Attribute": "KEY"}, {"Attribute": "VALUE"}],
    }
}


def template(path: Path, **mappings: dict[str, Any]) -> str:
    resources = {
        name: {
            "Type": "AWS::Serverless::Function",
            "Properties": {"Events": {"E": {"Type": "SelfManagedKafka", "Properties": properties}}},
        }
        for name, properties in mappings.items()
    }
    file = path / "template.json"
    file.write_text(json.dumps({"Resources": resources}))
    return str(file)


def test_given_mappings_when_checked_then_all_are_printed_and_all_that_is_not_supported_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = template(
        tmp_path,
        Good=GOOD | {"Enabled": False, "MaximumRetryAttempts": 2},
        Bad=GOOD | {"SnapshotConfig": {}, "OtherConfig": {}},
        Worse=GOOD | {"BatchSize": 0},
    )
    assert main(["check", "--template", path]) == 2
    assert capsys.readouterr().out.splitlines() == [
        "Good.Events.E: ok, not enabled",
        "  function: Good (timeout 3 s)",
        "  topic: t1 at h:1, group g",
        "  starts: TRIM_HORIZON",
        "  batch: 100 records or 0.5 s",
        "  failures: 2 retries",
        "  note: on AWS, MaximumRetryAttempts needs ProvisionedPollerConfig "
        f"[provisioned-only: {GUIDE}/kafka-retry-configurations.html]",
        f"  note: on AWS, SAM wants SourceAccessConfigurations [source-access: {SAM}]",
        "Bad.Events.E: not supported",
        "  Bad.Events.E: OtherConfig, SnapshotConfig are not supported by kafka_esm; "
        "remove it, or make it depend on a condition that is false here",
        "Worse.Events.E: not supported",
        "  Worse.Events.E: BatchSize is 0, not within 1 to 10000",
    ]


def test_given_two_mappings_of_one_group_when_checked_then_the_second_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = template(
        tmp_path,
        A=GOOD,
        Off=GOOD | {"Enabled": False},
        Elsewhere=GOOD | {"KafkaBootstrapServers": ["other:1"]},
        B=GOOD | {"KafkaBootstrapServers": ["i:1", "h:1"], "Topics": ["u"]},
    )
    assert main(["check", "--template", path]) == 2
    assert [
        line for line in capsys.readouterr().out.splitlines() if "support" in line or "share" in line
    ] == [
        "B.Events.E: not supported",
        "  A.Events.E and B.Events.E share the consumer group g; give each its own ConsumerGroupId",
    ]


def test_given_only_good_mappings_when_checked_then_the_status_is_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = {
        "StartingPosition": "AT_TIMESTAMP",
        "StartingPositionTimestamp": 5,
        "MaximumRecordAgeInSeconds": 60,
        "BisectBatchOnFunctionError": True,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "DestinationConfig": {"OnFailure": {"Destination": "kafka://dlq"}},
        "FilterCriteria": {"Filters": [{"Pattern": '{"value": {"a": [1]}}'}]},
        "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": SECRET}],
        "ProvisionedPollerConfig": {"MaximumPollers": 3},
    }
    assert main(["check", "--template", template(tmp_path, Fn=GOOD | everything)]) == 0
    assert capsys.readouterr().out.splitlines()[3:] == [
        "  starts: AT_TIMESTAMP 5",
        "  batch: 100 records or 0.5 s",
        "  access: BASIC_AUTH",
        '  filters: {"value": {"a": [1]}}',
        "  failures: 10 retries, up to 60 s old, bisected, the function may name records, then to kafka://dlq",
        "  concurrent invocations: 3 at most",
    ]


def test_given_no_endpoint_when_it_is_needed_then_one_line_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "--from-api"]) == 2
    assert capsys.readouterr().err == (
        "kafka_esm: --endpoint-url is missing: it says where the AWS API answers\n"
    )


def test_given_only_mappings_that_are_off_when_checked_then_nothing_would_be_polled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--template", template(tmp_path, Fn=GOOD | {"Enabled": False})]) == 2
    assert capsys.readouterr().out.splitlines()[-1] == (
        "every mapping has Enabled: false; there is nothing to poll"
    )


def test_given_what_aws_would_refuse_when_checked_for_github_then_it_is_annotated_beside_the_template(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = template(tmp_path, Fn=GOOD | {"MaximumRetryAttempts": 2}, Bad=GOOD | {"BatchSize": 0})
    assert main(["check", "--template", path, "--format", "github"]) == 2
    retries, access, bad = capsys.readouterr().out.splitlines()
    where = f"::warning file={path},title=Fn.Events.E%3A "
    source = f"({GUIDE}/kafka-retry-configurations.html)"
    needs = "on AWS, MaximumRetryAttempts needs ProvisionedPollerConfig"
    assert retries == f"{where}provisioned-only::{needs} {source}"
    assert access.startswith(f"{where}source-access::on AWS, SAM wants")
    error = "Bad.Events.E: BatchSize is 0, not within 1 to 10000"
    assert bad == f"::error file={path},title=Bad.Events.E::{error}"


def test_given_mappings_when_checked_for_programs_then_it_is_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = template(tmp_path, Fn=GOOD | {"MaximumRetryAttempts": 2}, Bad=GOOD | {"BatchSize": 0})
    assert main(["check", "--template", path, "--format", "json"]) == 2
    good, bad = json.loads(capsys.readouterr().out)["mappings"]
    assert (good["where"], good["ok"], good["topic"], good["max_retries"]) == ("Fn.Events.E", True, "t1", 2)
    assert [finding["rule"] for finding in good["findings"]] == ["provisioned-only", "source-access"]
    assert all(finding["source"].startswith("https://docs.aws.amazon.com/") for finding in good["findings"])
    assert bad == {
        "where": "Bad.Events.E",
        "ok": False,
        "error": "Bad.Events.E: BatchSize is 0, not within 1 to 10000",
    }


def test_given_a_schema_registry_when_checked_then_it_is_printed_without_its_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--template", template(tmp_path, Fn=GOOD | WITH_SCHEMAS)]) == 0
    printed = capsys.readouterr().out
    assert "  schemas: key and value checked by http://r:8081/v7, delivered as JSON\n" in printed
    assert "SchemaRegistryConfig needs ProvisionedPollerConfig" in printed
    assert "secret" not in printed


def test_given_no_libraries_for_schemas_when_checked_or_run_then_one_line_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "_PACKAGES", ("kafka_esm_not_here.at_all",))
    path = template(tmp_path, Fn=GOOD | WITH_SCHEMAS)
    line = "Fn.Events.E: SchemaRegistryConfig needs more packages: pip install 'kafka-esm[schemas]'"
    assert main(["check", "--template", path]) == 2
    assert f"  {line}\n" in capsys.readouterr().out
    assert main(["run", "--template", path, "--endpoint-url", "http://127.0.0.1:1"]) == 2
    assert capsys.readouterr().err == f"kafka_esm: {line}\n"


def test_given_no_schema_registry_when_a_poller_is_made_then_the_libraries_for_it_are_not_imported() -> None:
    seen = "import sys, kafka_esm.cli, kafka_esm.run; print([n for n in LIBRARIES if n in sys.modules])"
    libraries = "LIBRARIES = ['fastavro', 'jsonschema', 'google.protobuf', 'grpc_tools']"
    done = subprocess.run([sys.executable, "-c", f"{libraries}; {seen}"], capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_given_no_endpoint_when_run_then_one_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert main(["run", "--template", template(tmp_path, Fn=GOOD)]) == 2
    assert capsys.readouterr().err.startswith("kafka_esm: --endpoint-url is missing")
