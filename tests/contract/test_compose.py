"""infra/compose/compose.yaml is a compose file, and agrees with the template, the lock file and the mesh."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from mesh import components, containers, paths

from tests import sam

SERVICES: dict[str, Any] = yaml.safe_load(containers.FILE.read_text(encoding="utf-8"))["services"]
LOADER = Path(__file__).parent / "compose_loader"
RUNNING = sorted(set(SERVICES) - {"topics"})  # that one ends
KEPT = {
    "redpanda": "/var/lib/redpanda/data",
    "qdrant": "/qdrant/storage",
    "localstack": "/var/lib/localstack",
}


def version(service: str) -> tuple[int, ...]:
    """Return the version of a service's image, which must be exact."""
    found = re.fullmatch(r".+:v?(\d+)\.(\d+)\.(\d+)", SERVICES[service]["image"])
    assert found, SERVICES[service]["image"]
    return tuple(map(int, found.groups()))


def locked(package: str) -> tuple[int, ...]:
    lock = tomllib.loads((paths.ROOT / "uv.lock").read_text(encoding="utf-8"))
    (found,) = [each["version"] for each in lock["package"] if each["name"] == package]
    return tuple(map(int, found.split(".")))


def test_it_is_a_compose_file_by_the_specifications_schema() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", containers.FILE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def loader(folder: Path) -> list[str]:
    """Return what loads a compose file: Docker's compose plugin, or that plugin's own loader, built by Go."""
    docker, go = shutil.which("docker"), shutil.which("go")
    if docker and not subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        options = ["--file", str(containers.FILE), "--profile", "localstack", "--profile", "observe"]
        return [docker, "compose", *options, "config", "--quiet"]
    if go is None:
        pytest.skip("neither Docker's compose plugin nor Go is here: the specification's schema has to do")
    program = folder / "compose-loader"
    built = subprocess.run(
        [go, "build", "-o", program, "."], cwd=LOADER, capture_output=True, text=True, check=False
    )
    if built.returncode:
        pytest.skip(f"Go cannot build the loader, the schema has to do: {built.stderr.strip()[-300:]}")
    return [str(program), str(containers.FILE)]


def test_docker_compose_takes_it(tmp_path: Path) -> None:
    done = subprocess.run(loader(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_services_are_those_of_the_design() -> None:
    kafka, observed = {"redpanda", "topics", "console"}, {"prometheus", "grafana"}
    assert set(SERVICES) == {*kafka, "qdrant", "localstack", *observed}


@pytest.mark.parametrize("service", SERVICES)
def test_a_version_is_exact(service: str) -> None:
    assert version(service)


def test_qdrant_is_the_version_of_its_client() -> None:
    assert version("qdrant")[:2] == locked("qdrant-client")[:2]


def test_topics_are_made_by_the_brokers_own_version() -> None:
    assert SERVICES["topics"]["image"] == SERVICES["redpanda"]["image"]


def test_localstack_wants_no_token() -> None:
    """The first release with a mandatory token is 2026.3.0."""
    assert version("localstack") < (4, 15)


@pytest.mark.parametrize("service", RUNNING)
def test_a_service_has_a_healthcheck_and_listens_on_the_loopback_interface_only(service: str) -> None:
    assert SERVICES[service]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert all(port.startswith("127.0.0.1:") for port in published(service))


def published(service: str) -> list[str]:
    """Return where a service is reached, address first."""
    found = SERVICES[service]
    if found.get("network_mode") != "host":
        ports: list[str] = found["ports"]
        return ports
    return {
        "prometheus": [
            each.removeprefix("--web.listen-address=")
            for each in found.get("command", ())
            if "listen" in each
        ],
        "grafana": [f"{found.get('environment', {}).get('GF_SERVER_HTTP_ADDR')}:3000"],
    }[service]


@pytest.mark.parametrize(("service", "folder"), KEPT.items())
def test_data_is_kept_in_a_named_volume(service: str, folder: str) -> None:
    volumes = yaml.safe_load(containers.FILE.read_text(encoding="utf-8"))["volumes"]
    assert f"{service}:{folder}" in SERVICES[service]["volumes"]
    assert service in volumes


def test_only_who_asks_for_localstack_gives_it_dockers_socket() -> None:
    with_socket = {name for name, each in SERVICES.items() if "docker.sock" in str(each.get("volumes"))}
    assert with_socket == {"localstack"}
    assert {name: each["profiles"] for name, each in SERVICES.items() if "profiles" in each} == {
        "localstack": ["localstack"],
        "prometheus": ["observe"],
        "grafana": ["observe"],
    }


def test_prometheus_and_grafana_find_what_they_are_given() -> None:
    for service in ("prometheus", "grafana"):
        for volume in SERVICES[service]["volumes"]:
            source, target, mode = volume.split(":")
            assert (containers.FILE.parent / source).is_dir()
            assert mode == "ro"
            inside = [each for each in SERVICES[service].get("command", ()) if target in each]
            for name in inside:
                assert (containers.FILE.parent / source / name.rpartition("/")[2]).is_file()
    source = containers.FILE.parent / "../observability/grafana/provisioning"
    (data,) = yaml.safe_load((source / "datasources/prometheus.yaml").read_text())["datasources"]
    assert data["url"] == f"http://{published('prometheus')[0]}"
    (provider,) = yaml.safe_load((source / "dashboards/event-mesh.yaml").read_text())["providers"]
    assert any(
        volume.split(":")[1] == provider["options"]["path"] for volume in SERVICES["grafana"]["volumes"]
    )


def test_the_topics_are_those_of_the_template_and_the_mesh(template: dict[str, Any]) -> None:
    value = {name: rule.get("Default") for name, rule in template["Parameters"].items()}
    (script,) = SERVICES["topics"]["command"]
    assert re.findall(r"^configured (\S+) (\d+) (.+)$", script, re.MULTILINE) == [
        (value[topic], partitions, sam.resolve(template["Outputs"][output]["Value"]).replace(",", " "))
        for topic, partitions, output in (
            ("UserEventsTopic", str(value["UserEventsPartitions"]), "UserEventsTopicConfiguration"),
            ("DeadLetterTopic", "1", "DeadLetterTopicConfiguration"),
        )
    ]


def test_a_topic_that_is_there_already_is_configured_anew(tmp_path: Path) -> None:
    """The script as bash runs it, with an rpk that says how it was called."""
    rpk = tmp_path / "rpk"
    rpk.write_text('#!/bin/sh\necho "$@"\n')
    rpk.chmod(0o755)
    (script,) = SERVICES["topics"]["command"]
    done = subprocess.run(
        [*SERVICES["topics"]["entrypoint"], script.replace("$$", "$")],
        env={"PATH": f"{tmp_path}:/bin:/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    created, altered = done.stdout.splitlines()[:2]
    settings = ["cleanup.policy=compact", "max.compaction.lag.ms=86400000"]
    flags = " ".join(f"--topic-config={each}" for each in settings)
    assert created == f"topic create user.events --if-not-exists --partitions 6 {flags}"
    assert altered == f"topic alter-config user.events {' '.join(f'--set={each}' for each in settings)}"


def test_up_waits_for_the_topics_and_does_not_take_their_end_for_a_failure() -> None:
    assert SERVICES["console"]["depends_on"]["topics"]["condition"] == "service_completed_successfully"
    assert SERVICES["topics"]["depends_on"]["redpanda"]["condition"] == "service_healthy"


def test_kafka_tells_its_clients_the_address_that_the_mesh_uses() -> None:
    (advertised,) = [each for each in SERVICES["redpanda"]["command"] if "advertise-kafka-addr" in each]
    outside = containers.address(components.KAFKA)
    assert advertised.endswith(f",outside://{outside}")
    inside = SERVICES["console"]["environment"]["KAFKA_BROKERS"]
    assert f"inside://{inside}," in advertised
    assert SERVICES["topics"]["environment"]["RPK_BROKERS"] == inside


def test_samconfigs_local_environment_uses_these_services() -> None:
    config = tomllib.loads((paths.ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    given = config["local"]["deploy"]["parameters"]["parameter_overrides"]
    assert f"KafkaBootstrapServers={containers.address(components.KAFKA)}" in given
    assert f"QdrantUrl={containers.address(components.QDRANT)}" in given
