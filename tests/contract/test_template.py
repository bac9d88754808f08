"""template.yaml and the code agree, and the template grants no more than the code needs."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka_esm.mappings.template import read_mappings
from mesh import paths
from mesh.deployment.function_source import load_function
from pydantic import BaseModel, ValidationError
from tenant_auth.settings import CorsSettings, RateLimitSettings, TenantRoleSettings
from tenant_auth.settings import Settings as AuthSettings
from users.settings import AddressSettings, DeadLetterSettings, StoreSettings, UserEventsSettings
from vectors.settings import Settings as VectorsSettings
from vectors.steps.topics import TopicSettings

from tests import sam

ROLE = "AWS::IAM::Role"
UNSCOPED = ["ec2:DescribeVpcs", "ec2:DescribeSecurityGroups"]  # they know no resource
FUNCTIONS = sorted(path.name for path in (paths.ROOT / "functions").iterdir() if (path / "app.py").exists())
SETTINGS_OF: dict[str, type[BaseModel]] = {
    "tenant_auth.caller": AuthSettings,
    "tenant_auth.http.cors": CorsSettings,
    "tenant_auth.dynamodb": TenantRoleSettings,
    "tenant_auth.rate_limit": RateLimitSettings,
    "users.outbox": StoreSettings,
    "users.consumer.attempts": StoreSettings,
    "users.publisher": UserEventsSettings,
    "users.consumer.order": UserEventsSettings,  # enrich repeats deletions, and imports Kafka only then
    "users.consumer.dead_letters": DeadLetterSettings,
    "users.operator.bounds": DeadLetterSettings,
    "vectors.index": VectorsSettings,
    "vectors.steps.topics": TopicSettings,
}
GIVEN_ADDRESSES = ["create_user", "import_users", "update_user"]  # users.model asks which it may take
REQUIREMENTS = {
    "tenant-auth": "layers/tenant_auth",
    "tracing": "layers/tracing",
    "users": "layers/users",
    "vectors": "layers/vectors",
}
SETTING_OF = {  # of the parameters that say how a caller is known
    parameter["Ref"]: variable
    for variable, parameter in sam.functions()["search"]["Environment"]["Variables"].items()
    if variable.startswith(("AUTH_", "JWT_", "ENVIRONMENT"))
}
PRODUCERS = {  # of events, by their prefix in the template
    "CreateUser": "create_user",
    "ImportUsers": "import_users",
    "UpdateUser": "update_user",
    "DeleteUser": "delete_user",
}
READERS = {"GetUser": "get_user", "ListUsers": "list_users", "Search": "search"}
LAYERS = {
    "TenantAuthLayer": "tenant_auth",
    "TracingLayer": "tracing",
    "UsersLayer": "users",
    "VectorsLayer": "vectors",
}
ImportedBy = Callable[[str], frozenset[str]]


def statements() -> Iterator[dict[str, Any]]:
    for role in sam.resources(ROLE):
        yield from statements_of(role)


def statements_of(role: str) -> list[dict[str, Any]]:
    """Return what a role may, with all that can be switched on."""
    arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:"
    policies = sam.resolve(
        sam.resources(ROLE)[role].get("Policies", []),
        KafkaSecretArn=f"{arn}password",
        KafkaClientCertificateSecretArn=f"{arn}certificate",
        KafkaRootCaSecretArn=f"{arn}authority",
        QdrantSecretArn=f"{arn}qdrant",
        EmbeddingSecretArn=f"{arn}embedding",
        NextEmbeddingSecretArn=f"{arn}next",
        VpcSubnetIds="subnet-1,subnet-2",
    )
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def secrets_of(role: str) -> set[str]:
    """Return the names of the secrets that a role may read, and nothing else."""
    secrets = [each for each in statements_of(role) if "secretsmanager" in str(each["Action"])]
    assert {each["Action"] for each in secrets} <= {"secretsmanager:GetSecretValue"}
    return {arn.rpartition(":")[2] for each in secrets for arn in as_list(each["Resource"])}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_every_function_is_in_the_template_and_has_its_files() -> None:
    assert sorted(sam.functions()) == FUNCTIONS
    assert [
        name for name in FUNCTIONS if not (paths.ROOT / "functions" / name / "requirements.txt").exists()
    ] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_gets_exactly_the_variables_that_its_layers_read(
    function: str, imported_by: ImportedBy
) -> None:
    modules = imported_by(function)
    read = {
        name.upper()
        for module, settings in SETTINGS_OF.items()
        if module in modules
        for name in settings.model_fields
    }
    if function in GIVEN_ADDRESSES:
        read |= {name.upper() for name in AddressSettings.model_fields}
    given = {name for name in sam.environment(function) if not name.startswith(("POWERTOOLS_", "OTEL_"))}
    assert given == read


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_exactly_the_layers_that_it_imports(function: str, imported_by: ImportedBy) -> None:
    packages = {module.partition(".")[0] for module in imported_by(function)} & set(LAYERS.values())
    assert {LAYERS[layer["Ref"]] for layer in sam.functions()[function]["Layers"]} == packages


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_lines_and_metrics_carry_its_name(function: str) -> None:
    environment = sam.environment(function)
    assert environment["POWERTOOLS_SERVICE_NAME"] == function
    assert environment["POWERTOOLS_METRICS_NAMESPACE"] == "EventMesh"


def test_the_mapping_reads_the_producers_topic_from_its_beginning_as_a_group_of_its_own() -> None:
    (mapping,) = sam.resources("AWS::Lambda::EventSourceMapping").values()
    producer = sam.functions()["create_user"]["Environment"]["Variables"]
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["Topics"] == [producer["USER_EVENTS_TOPIC"]] == [{"Ref": "UserEventsTopic"}]
    assert mapping["SelfManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": {"Ref": "ConsumerGroupId"}}
    assert mapping["BatchSize"] == {"Ref": "EnrichBatchSize"}


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"Environment": "development", "AuthMode": "dev"}, set()),
        ({"Environment": "staging", "AuthMode": "dev"}, set()),
        ({"AuthMode": "dev"}, {"ProductionWantsSignedTokens"}),
        ({}, {"SignedTokensHaveAnIssuer"}),
        ({"JwtJwksUrl": "https://i/jwks", "JwtIssuer": "i"}, {"SignedTokensHaveAnIssuer"}),
        ({"JwtIssuer": "i", "JwtAudience": "a"}, {"SignedTokensHaveAnIssuer"}),
        ({"JwtJwksUrl": "https://i/jwks", "JwtAudience": "a"}, {"SignedTokensHaveAnIssuer"}),
        ({"JwtJwksUrl": "https://i/jwks", "JwtIssuer": "i", "JwtAudience": "a"}, set()),
    ],
)
def test_the_rules_refuse_what_the_functions_would(given: dict[str, str], refused: set[str]) -> None:
    assert sam.broken_rules({"KafkaSecretArn": "arn", **given}) == refused
    values = {name: sam.template()["Parameters"][name]["Default"] for name in SETTING_OF} | given
    try:
        AuthSettings.model_validate({SETTING_OF[name]: value for name, value in values.items()})
        accepted = True
    except ValidationError:
        accepted = False
    assert accepted == (not refused)


@pytest.mark.parametrize(
    "name", ["JwtAlgorithms", "JwtAudienceClaim", "JwtTenantClaim", "JwtSubjectClaim", "JwtLeewaySeconds"]
)
def test_the_template_and_the_code_have_the_same_defaults(name: str) -> None:
    default = sam.template()["Parameters"][name]["Default"]
    required = {"AUTH_MODE": "dev", "ENVIRONMENT": "development"}
    assert AuthSettings.model_validate(
        {**required, SETTING_OF[name]: default}
    ) == AuthSettings.model_validate(required)


@pytest.mark.parametrize(
    ("environment", "given", "refused"),
    [
        ("production", {}, {"ProductionWantsKafkaAuthentication"}),
        ("production", {"KafkaRootCaSecretArn": "arn"}, {"ProductionWantsKafkaAuthentication"}),
        ("production", {"KafkaSecretArn": "arn"}, set()),
        ("production", {"KafkaClientCertificateSecretArn": "arn"}, set()),
        ("staging", {}, set()),
        (
            "staging",
            {"KafkaSecretArn": "arn", "KafkaClientCertificateSecretArn": "arn"},
            {"OneKafkaAuthentication"},
        ),
    ],
)
def test_the_rules_want_one_way_into_kafka(
    environment: str, given: dict[str, str], refused: set[str]
) -> None:
    jwt = {"JwtJwksUrl": "https://i/jwks", "JwtIssuer": "i", "JwtAudience": "a"}
    assert sam.broken_rules({"Environment": environment, **jwt, **given}) == refused


def test_producers_and_the_mapping_use_the_same_secrets() -> None:
    (mapping,) = sam.resources("AWS::Lambda::EventSourceMapping").values()
    arns = {
        "SASL_SCRAM_512_AUTH": "KAFKA_SECRET_ARN",
        "CLIENT_CERTIFICATE_TLS_AUTH": "KAFKA_CLIENT_CERTIFICATE_SECRET_ARN",
        "SERVER_ROOT_CA_CERTIFICATE": "KAFKA_ROOT_CA_SECRET_ARN",
    }
    access = [each["Fn::If"][1] for each in mapping["SourceAccessConfigurations"]]
    secrets = {arns[each["Type"]]: each["URI"] for each in access if each["Type"] in arns}
    assert secrets.keys() == set(arns.values())
    for function in (*PRODUCERS.values(), "relay_events", "enrich", "reindex", "delete_tenant"):
        variables = sam.functions()[function]["Environment"]["Variables"]
        assert {name: variables[name] for name in secrets} == secrets


@pytest.mark.parametrize(
    "role", [f"{each}Role" for each in (*PRODUCERS, "RelayEvents", "Enrich", "Reindex", "DeleteTenant")]
)
def test_who_speaks_to_kafka_may_read_its_secrets_and_no_others(role: str) -> None:
    assert secrets_of(role) - {"embedding", "next", "qdrant"} == {"password", "certificate", "authority"}


def test_only_who_embeds_may_read_the_key_of_the_embedding_provider() -> None:
    readers = {role for role in sam.resources(ROLE) if "embedding" in secrets_of(role)}
    assert readers == {"EnrichRole", "SearchRole"}
    assert secrets_of("SearchRole") == {"embedding", "qdrant"}


def test_who_speaks_to_qdrant_may_read_its_key_and_nobody_else() -> None:
    readers = {role for role in sam.resources(ROLE) if "qdrant" in secrets_of(role)}
    speakers = {
        properties["Role"]["Fn::GetAtt"][0]
        for properties in sam.functions().values()
        if "QDRANT_SECRET_ARN" in properties["Environment"]["Variables"]
    }
    assert readers == speakers == {"EnrichRole", "SearchRole", "ReindexRole", "DeleteTenantRole"}


def test_our_poller_reads_the_mapping_as_the_design_says() -> None:
    parameters = {"KafkaBootstrapServers": "a:1,b:2", "QdrantUrl": "http://q:6333"}
    (mapping,) = read_mappings(paths.TEMPLATE, parameters)
    assert mapping.target.name == "EnrichFunction"
    assert mapping.bootstrap_servers == ("a:1", "b:2")
    assert (mapping.topic, mapping.group) == ("user.events", "event-mesh.enrich")
    assert (mapping.batch_size, mapping.window_seconds) == (100, 0.0)
    assert mapping.starting_position == "TRIM_HORIZON"


NEXT = {"NextQdrantCollection": "new", "NextConsumerGroupId": "g"}


def test_without_a_next_collection_there_is_one_enrich(template: dict[str, Any]) -> None:
    conditional = {
        name: each["Condition"] for name, each in template["Resources"].items() if "Condition" in each
    }
    of_next = ("EnrichNextFunction", "NextUserEventsMapping", "EnrichNextLogs")
    assert conditional == dict.fromkeys(of_next, "NextIndex")
    assert sam.resolve({"Fn::If": ["NextIndex", 1, 0]}) == 0
    assert sam.resolve({"Fn::If": ["NextIndex", 1, 0]}, **NEXT) == 1


def test_the_next_enrich_differs_in_what_makes_an_index_alone(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    enrich, following = (resources[name]["Properties"] for name in ("EnrichFunction", "EnrichNextFunction"))
    assert {**following, "Environment": None} == {**enrich, "Environment": None}
    now, then = (each["Environment"]["Variables"] for each in (enrich, following))
    different = {name: (now[name], value) for name, value in then.items() if value != now[name]}
    assert different.pop("POWERTOOLS_SERVICE_NAME") == ("enrich", "enrich_next")  # no alarm is of both
    assert different == {
        name: (now[name], {"Ref": f"Next{now[name]['Ref']}"})
        for name in then
        if name == "QDRANT_COLLECTION" or name.startswith("EMBEDDING_")
    }


def test_every_parameter_of_an_index_is_there_for_the_next_one(template: dict[str, Any]) -> None:
    parameters = template["Parameters"]
    twice = {name.removeprefix("Next") for name in parameters if name.startswith("Next")}
    of_an_index = {"QdrantCollection", "ConsumerGroupId"}
    assert twice == of_an_index | {name for name in parameters if name.startswith("Embedding")}
    for name in twice - of_an_index:
        assert parameters[f"Next{name}"] == parameters[name]


def test_the_next_index_is_read_for_by_a_group_of_its_own() -> None:
    parameters = {"KafkaBootstrapServers": "a:1", "QdrantUrl": "http://q:6333", **NEXT}
    now, then = sorted(read_mappings(paths.TEMPLATE, parameters), key=lambda each: each.target.name)
    assert (now.target.name, now.group) == ("EnrichFunction", "event-mesh.enrich")
    assert (then.target.name, then.group) == ("EnrichNextFunction", "g")
    assert (then.topic, then.starting_position) == (now.topic, "TRIM_HORIZON")


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        (NEXT, set()),
        ({**NEXT, "QdrantCollection": "new"}, {"TheNextIndexIsAnother"}),
        ({**NEXT, "ConsumerGroupId": "g"}, {"TheNextIndexIsAnother"}),
        ({**NEXT, "NextEmbeddingProvider": "openai"}, {"TheNextProviderHasAnAddress"}),
        ({**NEXT, "NextEmbeddingProvider": "openai", "NextEmbeddingUrl": "https://e/v1"}, set()),
        ({"EmbeddingProvider": "openai"}, {"AProviderHasAnAddress"}),
    ],
)
def test_the_rules_keep_two_indexes_apart(given: dict[str, str], refused: set[str]) -> None:
    assert sam.broken_rules({"Environment": "development", "AuthMode": "dev", **given}) == refused


def test_the_key_of_the_next_provider_is_for_enrich_alone() -> None:
    assert {role for role in sam.resources(ROLE) if "next" in secrets_of(role)} == {"EnrichRole"}


def test_the_topic_has_six_partitions(template: dict[str, Any]) -> None:
    assert template["Parameters"]["UserEventsPartitions"]["Default"] == 6


def test_no_policy_has_a_wildcard() -> None:
    found = list(statements())
    assert found
    for statement in found:
        assert statement["Effect"] == "Allow"
        resource = statement["Resource"]
        if as_list(statement["Action"]) == UNSCOPED:
            resource = None
        assert "*" not in json.dumps([statement["Action"], resource], default=str)


def test_no_function_may_scan_the_table() -> None:
    actions = {action for statement in statements() for action in as_list(statement["Action"])}
    wanted = ("PutItem", "GetItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "Query")
    assert {action for action in actions if action.startswith("dynamodb:")} == {
        f"dynamodb:{action}" for action in wanted
    }


def test_search_may_do_nothing_in_the_table_but_count_requests() -> None:
    (statement,) = statements_of("SearchTenantRole")
    assert statement["Action"] == "dynamodb:UpdateItem"


def test_who_does_not_change_users_may_not_write_them() -> None:
    for role, reads in {"GetUser": {"GetItem"}, "ListUsers": {"GetItem", "Query"}}.items():
        (statement,) = statements_of(f"{role}TenantRole")
        assert set(statement["Action"]) == {f"dynamodb:{each}" for each in (*reads, "UpdateItem")}  # its rate


def test_a_whole_import_fits_into_any_burst(template: dict[str, Any]) -> None:
    assert template["Parameters"]["ImportBurst"]["MinValue"] == load_function("import_users").MOST_ENTRIES


def routes() -> list[tuple[str, str, str]]:
    """Return path, method and function of every route, in the order of the template."""
    return [
        (event["Properties"]["Path"], event["Properties"]["Method"], function)
        for function, properties in sam.functions().items()
        for event in properties.get("Events", {}).values()
        if event["Type"] == "Api"
    ]


def test_every_method_of_a_path_goes_to_one_function() -> None:
    """No method is left to the gateway, and none is named beside ANY: see aws-sam-cli#1064."""
    methods: dict[str, list[str]] = {}
    for path, method, _ in routes():
        methods.setdefault(path, []).append(method)
    every = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    assert {path: sorted(each) for path, each in methods.items() if each != ["ANY"]} == {"/users/{id}": every}


def test_who_answers_a_preflight_names_the_methods_that_go_to_other_functions() -> None:
    goes_to = {(path, method): function for path, method, function in routes()}
    for (path, method), function in goes_to.items():
        if method in ("ANY", "OPTIONS"):
            elsewhere = {
                other for same, other in goes_to if same == path and goes_to[same, other] != function
            }
            assert load_function(function).app.state.elsewhere == elsewhere


@pytest.mark.parametrize(
    ("function", "prefix"),
    [(function, prefix) for prefix, function in {**PRODUCERS, **READERS}.items()],
)
def test_a_function_that_acts_for_tenants_reaches_the_table_only_by_its_own_role(
    function: str, prefix: str
) -> None:
    assert sam.functions()[function]["Role"] == {"Fn::GetAtt": [f"{prefix}Role", "Arn"]}
    assert not [each for each in statements_of(f"{prefix}Role") if "dynamodb" in str(each["Action"])]
    assert sam.functions()[function]["Environment"]["Variables"]["TENANT_ROLE_ARN"] == {
        "Fn::GetAtt": [f"{prefix}TenantRole", "Arn"]
    }
    trust = sam.resources(ROLE)[f"{prefix}TenantRole"]["AssumeRolePolicyDocument"]["Statement"]
    assert [statement["Principal"] for statement in trust] == [
        {"AWS": {"Fn::GetAtt": [f"{prefix}Role", "Arn"]}}
    ]


def test_what_has_expired_leaves_the_table() -> None:
    (table,) = sam.resources("AWS::DynamoDB::Table").values()
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}


def test_every_function_has_a_log_group_with_retention() -> None:
    groups = sam.resources("AWS::Logs::LogGroup").values()
    names = {f"/aws/lambda/${{{logical_id}}}" for logical_id in sam.resources(sam.FUNCTION)}
    assert {group["LogGroupName"]["Fn::Sub"] for group in groups} == names
    assert all(sam.resolve(group["RetentionInDays"]) > 0 for group in groups)


def test_the_table_is_encrypted_kept_and_can_be_restored(template: dict[str, Any]) -> None:
    (table,) = sam.resources("AWS::DynamoDB::Table").values()
    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert template["Resources"]["UsersTable"]["DeletionPolicy"] == "Retain"


def test_the_gateways_own_errors_are_problems() -> None:
    (api,) = sam.resources("AWS::Serverless::Api").values()
    for kind, response in api["GatewayResponses"].items():
        headers = response["ResponseParameters"]["Headers"]
        text = response["ResponseTemplates"]["application/json"]
        body = json.loads(text.replace("$context.error.messageString", '"why"'))
        status = None if kind.startswith("DEFAULT_") else response["StatusCode"]  # those stand for many
        assert body.keys() == {"type", "title", "detail"} | ({"status"} if status else set())
        assert body.get("status") == status
        assert headers["Content-Type"] == "'application/problem+json'"
        assert headers["X-Request-Id"] == "context.requestId"
        assert ("Retry-After" in headers) == (status in (429, 503))


def gateway_headers(**parameters: str) -> list[dict[str, str]]:
    (api,) = sam.resources("AWS::Serverless::Api").values()
    responses = sam.resolve(api["GatewayResponses"], **parameters)
    return [response["ResponseParameters"]["Headers"] for response in responses.values()]


def test_the_pages_of_the_main_origin_alone_can_read_the_gateways_own_errors() -> None:
    for headers in gateway_headers(CorsAllowedOrigins="https://app.example,https://admin.example"):
        assert headers["Access-Control-Allow-Origin"] == "'https://app.example'"
        assert headers["Access-Control-Expose-Headers"] == "'Retry-After, X-Request-Id'"
    assert not any("Access-Control" in name for headers in gateway_headers() for name in headers)


@pytest.mark.parametrize(
    ("origins", "accepted"),
    [
        ("", True),
        ("*", True),
        ("https://app.example", True),
        ("https://app.example,http://localhost:5173, capacitor://localhost", True),
        ("http://[::1]:3000", True),
        ("https://app.example/", False),
        ("https://app.example/x", False),
        ("https://app.example,", False),
        ("https://*.example", False),
        ("https://app.example https://admin.example", False),
        ("https://a'b", False),
        ("app.example", False),
        ("null", False),
    ],
)
def test_the_template_and_the_code_take_the_same_origins(origins: str, accepted: bool) -> None:
    pattern = sam.template()["Parameters"]["CorsAllowedOrigins"]["AllowedPattern"]
    given = {"ENVIRONMENT": "development"} | ({"CORS_ALLOWED_ORIGINS": origins} if origins else {})
    assert bool(re.fullmatch(pattern, origins)) == accepted
    if accepted:
        assert CorsSettings.model_validate(given)
    else:
        with pytest.raises(ValidationError, match="CORS_ALLOWED_ORIGINS"):
            CorsSettings.model_validate(given)


@pytest.mark.parametrize(
    ("environment", "origins", "refused"),
    [
        ("production", "*", {"ProductionNamesItsOrigins"}),
        ("production", "https://app.example", set()),
        ("production", "", set()),
        ("staging", "*", set()),
    ],
)
def test_production_lets_in_no_page_that_it_does_not_name(
    environment: str, origins: str, refused: set[str]
) -> None:
    jwt = {"JwtJwksUrl": "https://i/jwks", "JwtIssuer": "i", "JwtAudience": "a", "KafkaSecretArn": "arn"}
    given = {"Environment": environment, "CorsAllowedOrigins": origins}
    assert sam.broken_rules({**jwt, **given}) == refused
    try:
        CorsSettings.model_validate(
            {"ENVIRONMENT": environment, "CORS_ALLOWED_ORIGINS": origins or "http://a"}
        )
        accepted = True
    except ValidationError:
        accepted = False
    assert accepted == (not refused)


@pytest.mark.parametrize(("group", "folder"), REQUIREMENTS.items())
def test_a_layer_ships_what_the_lock_file_says(group: str, folder: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    arguments = "--frozen --no-hashes --no-annotate --no-header --no-emit-package boto3"
    exported = subprocess.run(
        [uv, "export", "-q", "--only-group", group, *arguments.split(), "--format", "requirements-txt"],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    shipped = (paths.ROOT / folder / "requirements.txt").read_text(encoding="utf-8")
    assert shipped == exported.stdout, "run: make lock"


def test_a_function_that_ships_nothing_says_so() -> None:
    for function in FUNCTIONS:
        lines = (paths.ROOT / "functions" / function / "requirements.txt").read_text().splitlines()
        assert all(line.startswith("#") for line in lines)
