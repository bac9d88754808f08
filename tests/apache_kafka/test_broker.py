"""Apache Kafka as the mesh starts it: what it keeps, whom it lets in, what is said when it is not here."""

import json
import socket
import ssl
import stat
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaTimeoutError
from mesh import paths, process
from mesh.errors import MeshError
from mesh.kafka import apache_kafka, certificates
from mesh.kafka.apache_kafka import Listener

from tests.apache_kafka.broker import HOST, PLAINTEXT, SECURE, Broker, consume, create, produce
from tests.apache_kafka.conftest import Start


@pytest.fixture(scope="module")
def broker(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    made = Broker(tmp_path_factory.mktemp("broker") / "kafka")
    yield made
    made.stop()


@pytest.mark.parametrize("kind", [PLAINTEXT, SECURE], ids=["plaintext", "scram"])
def test_an_acknowledged_record_outlives_a_broker_that_is_killed(broker: Broker, kind: int) -> None:
    topic = f"kept-{kind}"
    create(topic, broker.client(kind))
    produce(topic, b"before", broker.client(kind))

    broker.process.kill()
    broker.process.wait()
    broker.start()

    produce(topic, b"after", broker.client(kind))
    assert consume(topic, broker.client(kind))[0] == b"before"


def test_a_log_that_began_in_plain_text_knows_the_password(start: Start, tmp_path: Path) -> None:
    folder, plaintext = tmp_path / "kafka", Listener(HOST, process.free_port())
    apache_kafka.prepare(folder, [plaintext], apache_kafka.secure(folder, HOST))
    made = start()
    assert made.folder == folder
    create("later", made.client(SECURE))


def test_a_broker_is_ready_when_it_listens(start: Start) -> None:
    create("at-once", start().client(SECURE))  # else: no broker to put its partitions on


def test_a_wrong_password_is_refused_and_the_log_says_so(broker: Broker) -> None:
    wrong = broker.client(SECURE, sasl_plain_password="not it")
    with pytest.raises(KafkaTimeoutError, match="Unable to bootstrap"):  # kafka-python says no more
        KafkaAdminClient(**wrong, bootstrap_timeout_ms=1000)
    assert "due to invalid credentials with SASL mechanism SCRAM-SHA-512" in broker.log.read_text()


def test_a_topic_that_nobody_created_is_not_made(broker: Broker) -> None:
    consumer = KafkaConsumer(**broker.client(PLAINTEXT))
    assert not consumer.partitions_for_topic("no-such-topic")
    assert "no-such-topic" not in consumer.topics()
    consumer.close()


def test_an_unknown_authority_is_refused_by_the_client(broker: Broker) -> None:
    stranger = certificates.issue([HOST])
    assert "unable to get local issuer certificate" in refused(broker, stranger.root_ca)


def test_an_expired_certificate_is_refused_by_the_client(start: Start) -> None:
    expired = start(certificate=certificates.issue([HOST], timedelta(seconds=-1)))
    assert "certificate has expired" in refused(expired, expired.access.root_ca)


def test_another_hosts_certificate_is_refused_by_the_client(start: Start) -> None:
    other = start(certificate=certificates.issue(["broker.example", "127.0.0.9"]))
    assert "certificate is not valid for '127.0.0.1'" in refused(other, other.access.root_ca)


def refused(broker: Broker, root_ca: str) -> str:
    """Return why TLS comes to nothing, in its own words: kafka-python only logs them."""
    context = ssl.create_default_context(cadata=root_ca)
    with (
        pytest.raises(ssl.SSLCertVerificationError) as error,
        socket.create_connection((HOST, broker.listeners[SECURE].port)) as plain,
    ):
        context.wrap_socket(plain, server_hostname=HOST)
    return str(error.value)


def test_only_the_clients_listeners_are_reached_from_elsewhere(start: Start) -> None:
    host = "127.0.0.2"  # as good as any that is not the loopback's own
    made = start(host)
    listening = {
        (address.ip.removeprefix("::ffff:"), address.port)
        for address in (each.laddr for each in made.process.net_connections() if each.status == "LISTEN")
    }
    wanted = {(host, listener.port) for listener in made.listeners}
    assert {(ip, port) for ip, port in listening if ip != HOST} == wanted
    assert len(listening - wanted) == 2  # its own two


def test_kafkas_own_listeners_want_the_password_too(broker: Broker) -> None:
    own = {each.laddr.port for each in broker.process.net_connections() if each.status == "LISTEN"}
    own -= {listener.port for listener in broker.listeners}
    assert own
    settings = (broker.folder / "server.properties").read_text()
    assert "BROKER:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT" in settings
    for port in own:
        with pytest.raises(KafkaTimeoutError, match="Unable to bootstrap"):
            KafkaAdminClient(bootstrap_servers=f"{HOST}:{port}", bootstrap_timeout_ms=1000)


def test_the_password_is_for_its_owner_alone(broker: Broker) -> None:
    family = [broker.process, *broker.process.children(recursive=True)]
    assert not any(broker.access.password in " ".join(each.cmdline()) for each in family)
    assert broker.access.password not in repr(broker.access)

    assert stat.S_IMODE(broker.folder.stat().st_mode) == 0o700
    for path in broker.folder.iterdir():
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_access_stays_what_it_was(tmp_path: Path) -> None:
    first = apache_kafka.secure(tmp_path, HOST)
    assert apache_kafka.secure(tmp_path, HOST) == first
    assert json.loads((tmp_path / "access.json").read_text())["password"] == first.password


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache and a PATH of the test's own; return the only folder where programs are looked for."""
    monkeypatch.setattr(paths, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(paths, "LOGS", tmp_path / "logs")
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, *lines: str) -> None:
    file = folder / name
    file.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    file.chmod(0o755)


JAVA = "echo 'openjdk version \"{}\" 2025-04-15' >&2"


@pytest.mark.parametrize(
    ("java", "maven", "missing"),
    [
        (None, False, r"not here: java, mvn\."),
        ("17.0.15", False, r"not here: mvn\."),
        ("11.0.2", True, r'not here: java \(this one has version "11\.0\.2"\)\.'),
        ("1.8.0_292", True, r'not here: java \(this one has version "1\.8\.0_292"\)\.'),
    ],
)
def test_what_is_missing_is_named(elsewhere: Path, java: str | None, maven: bool, missing: str) -> None:
    if java:
        program(elsewhere, "java", JAVA.format(java))
    if maven:
        program(elsewhere, "mvn")
    with pytest.raises(MeshError, match=f"needs Java 17 or later and Maven: {missing}"):
        apache_kafka.install()


FETCH = (  # a mvn that notes that it was asked, and fetches one jar
    'for word; do case "$word" in -DoutputDirectory=*) folder="${word#*=}";; esac; done',
    '/bin/mkdir -p "$folder"',
    'echo asked >> "$folder/../asked"',
    'echo jar > "$folder/kafka.jar"',
)


def asked() -> Sequence[str]:
    return (paths.CACHE / "asked").read_text().splitlines()


def test_jars_are_fetched_once(elsewhere: Path) -> None:
    program(elsewhere, "java", JAVA.format("21"))
    program(elsewhere, "mvn", *FETCH)
    apache_kafka.install()
    (elsewhere / "mvn").unlink()  # nobody misses it any more
    apache_kafka.install()
    assert len(asked()) == 1


def test_half_a_fetch_is_none(elsewhere: Path) -> None:
    program(elsewhere, "java", JAVA.format("21"))
    program(elsewhere, "mvn", *FETCH, "echo half > $folder/half.jar", "echo no route to host", "exit 1")
    with pytest.raises(MeshError, match=r"(?s)Is Maven Central reachable\?.*no route to host"):
        apache_kafka.install()

    program(elsewhere, "mvn", *FETCH)
    apache_kafka.install()

    assert len(asked()) == 2
    assert {path.name for path in (paths.CACHE / "kafka").glob("*.jar")} == {"kafka.jar"}


def test_another_version_is_fetched_anew(
    elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(elsewhere, "java", JAVA.format("21"))
    program(elsewhere, "mvn", *FETCH)
    apache_kafka.install()
    monkeypatch.setattr(apache_kafka, "PROJECT", tmp_path)
    (tmp_path / "pom.xml").write_text("<project/>")
    apache_kafka.install()
    assert len(asked()) == 2


@pytest.mark.usefixtures("installed")
def test_a_log_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match=r"cannot make its log in .*Unable to parse.*no sense"):
        apache_kafka.prepare(tmp_path, [Listener("no sense", 1)], apache_kafka.secure(tmp_path, HOST))


@pytest.mark.usefixtures("installed")
def test_a_half_made_log_is_made_again(tmp_path: Path) -> None:
    listeners, access = [Listener(HOST, process.free_port())], apache_kafka.secure(tmp_path, HOST)
    apache_kafka.prepare(tmp_path, listeners, access)
    made = tmp_path / "log" / "meta.properties"
    first = made.read_text()
    made.unlink()
    apache_kafka.prepare(tmp_path, listeners, access)
    assert made.read_text() != first


@pytest.mark.usefixtures("installed")
def test_a_log_that_is_there_is_kept(tmp_path: Path) -> None:
    listeners, access = [Listener(HOST, process.free_port())], apache_kafka.secure(tmp_path, HOST)
    apache_kafka.prepare(tmp_path, listeners, access)
    first = (tmp_path / "log" / "meta.properties").read_text()
    apache_kafka.prepare(tmp_path, listeners, access)
    assert (tmp_path / "log" / "meta.properties").read_text() == first
