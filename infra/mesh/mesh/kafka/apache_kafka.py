"""Apache Kafka: how it is installed, secured and started, one process that is broker and controller."""

import json
import os
import re
import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe

from pydantic import TypeAdapter, ValidationError

from mesh import paths, private_files, process
from mesh.deployment import build
from mesh.errors import MeshError
from mesh.kafka import certificates
from mesh.kafka.certificates import Certificate

MECHANISM = "SCRAM-SHA-512"
PROJECT = paths.ROOT / "infra" / "kafka"

_LOOPBACK = "127.0.0.1"
_OLDEST_JAVA = 17
_MAVEN_VARIABLES = ("JAVA_HOME", "MAVEN_ARGS", "MAVEN_OPTS")
_JVM = (
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # half the processor time to start; faster code would pay off after hours
    "-XX:+ExitOnOutOfMemoryError",
    f"-Dlog4j2.configurationFile={PROJECT / 'log4j2.properties'}",
)
_BROKER = "BROKER"  # the listener that Kafka talks to itself by, where transactions need it
_CONTROLLER = "CONTROLLER"
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": _CONTROLLER,
    "inter.broker.listener.name": _BROKER,
    "auto.create.topics.enable": "false",
    # One node has no replicas. Nor does it wait for the disk (log.flush.… is left as it is: never): what it
    # acknowledged is in the page cache, which outlives the process. Only with the machine could it be lost.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # A broker that was killed is taken for alive this long, and the next one waits until it is not.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",  # tests do not wait 6 s for a consumer that was killed
    # A machine of two cores, shared with all the rest of the mesh.
    "num.network.threads": "2",
    "num.io.threads": "4",
    "group.coordinator.threads": "1",
    "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),  # else 128 MB of the heap, at once
}


@dataclass(frozen=True)
class Access:
    """What a client needs for SCRAM over TLS."""

    username: str
    password: str = field(repr=False)
    root_ca: str = field(repr=False)  # PEM


@dataclass(frozen=True)
class Listener:
    """Where clients connect, and whether by SCRAM over TLS or by nothing."""

    host: str
    port: int
    secure: bool = False

    @property
    def address(self) -> str:
        """Return the address that clients are told."""
        return f"{self.host}:{self.port}"


@build.alone("kafka")
def install() -> None:
    """Fetch Kafka's jars, unless they are here; MeshError if Java or Maven is not."""
    folder = _jars()
    stamp = folder / ".installed"
    wanted = sha256((PROJECT / "pom.xml").read_bytes()).hexdigest()
    fetched = stamp.exists() and stamp.read_text() == wanted
    if missing := [*_missing_java(), *_missing_maven(fetched)]:
        raise MeshError(
            f"Apache Kafka needs Java {_OLDEST_JAVA} or later and Maven: not here: {', '.join(missing)}. "
            f"On Debian and Ubuntu: apt install openjdk-{_OLDEST_JAVA}-jre-headless maven"
        )
    if fetched:
        return
    shutil.rmtree(folder, ignore_errors=True)  # another version, or half of one
    kept = {name: os.environ[name] for name in _MAVEN_VARIABLES if name in os.environ}
    build.run(
        [
            *("mvn", "--batch-mode", "-f", str(PROJECT / "pom.xml")),
            *("dependency:copy-dependencies", f"-DoutputDirectory={folder}"),
        ],
        {**build.base_environment(), **kept},
        "Cannot fetch Apache Kafka. Is Maven Central reachable?",
    )
    stamp.write_text(wanted)


def secure(folder: Path, host: str, certificate: Certificate | None = None) -> Access:
    """Make what secure listeners of the broker in `folder` need, unless it is there; return what clients do.

    The certificate is for the host, 127.0.0.1 and localhost, unless another one is given.
    """
    private_files.make_folder(folder)
    kept = folder / "access.json"
    if kept.exists():
        try:
            return TypeAdapter(Access).validate_json(kept.read_bytes())
        except ValidationError as error:
            raise MeshError(f"{kept} is damaged. To have another one: mesh down, then mesh up.") from error
    certificate = certificate or certificates.issue((host, _LOOPBACK, "localhost"))
    access = Access("mesh", token_urlsafe(24), certificate.root_ca)
    private_files.write(_keystore(folder), certificate.key + certificate.server)
    private_files.write(kept, json.dumps(asdict(access)))
    return access


def prepare(folder: Path, listeners: Sequence[Listener], access: Access) -> list[str]:
    """Write the settings of the broker that keeps all it has in `folder`; return how it is started.

    It is ready when it listens: Kafka opens its port to clients once it has read its log and its controller
    has admitted it. `access` is what `secure` returned for the folder: the log keeps the password that it was
    made with, so that secure listeners may come later.
    """
    private_files.make_folder(folder)
    settings = folder / "server.properties"
    lines = (f"{name}={value}\n" for name, value in _settings(folder, listeners, access).items())
    private_files.write(settings, "".join(lines))
    if not (_log(folder) / "meta.properties").exists():  # what formatting writes last
        _format(folder, settings, access)
    return _java(*_JVM, "kafka.Kafka", str(settings))


def _settings(folder: Path, listeners: Sequence[Listener], access: Access) -> dict[str, str]:
    """Return server.properties: the clients' listeners, and two on loopback that Kafka has for itself."""
    own = {name: Listener(_LOOPBACK, process.free_port()) for name in (_BROKER, _CONTROLLER)}
    clients = {f"CLIENT{number}": listener for number, listener in enumerate(listeners)}
    every = {**clients, **own}
    protocols = {name: "SASL_SSL" if each.secure else "PLAINTEXT" for name, each in clients.items()}
    protocols |= dict.fromkeys(own, "SASL_PLAINTEXT")  # or they would be a way in without the password
    return {
        **_SETTINGS,
        "log.dirs": str(_log(folder)),
        "listeners": ",".join(f"{name}://{each.host}:{each.port}" for name, each in every.items()),
        "advertised.listeners": ",".join(f"{name}://{each.address}" for name, each in every.items()),
        "listener.security.protocol.map": ",".join(f"{name}:{each}" for name, each in protocols.items()),
        "controller.quorum.bootstrap.servers": own[_CONTROLLER].address,
        **_security(folder, protocols, access),
    }


def _security(folder: Path, protocols: Mapping[str, str], access: Access) -> dict[str, str]:
    """Return the settings of those listeners that want a password.

    Kafka itself logs in by PLAIN, on loopback: SCRAM's passwords are in the log that its controller has yet
    to read then.
    """
    package = "org.apache.kafka.common.security"
    login = f'username="{access.username}" password="{access.password}"'
    plain = f'{package}.plain.PlainLoginModule required {login} user_{access.username}="{access.password}";'
    scram = f"{package}.scram.ScramLoginModule required;"
    found = {
        "sasl.mechanism.controller.protocol": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(_keystore(folder)),
    }
    for name, protocol in protocols.items():
        if protocol != "PLAINTEXT":
            mechanism, module = (MECHANISM, scram) if protocol == "SASL_SSL" else ("PLAIN", plain)
            prefix = f"listener.name.{name.lower()}"
            found[f"{prefix}.sasl.enabled.mechanisms"] = mechanism
            found[f"{prefix}.{mechanism.lower()}.sasl.jaas.config"] = module
    return found


def _format(folder: Path, settings: Path, access: Access) -> None:
    """Make an empty log that knows the password."""
    shutil.rmtree(_log(folder), ignore_errors=True)  # half of one
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    words = [
        *("format", "--standalone", f"--cluster-id={cluster}", f"--config={settings}"),
        f"--add-scram={MECHANISM}=[name={access.username},password={access.password}]",
    ]
    arguments = folder / "format.arguments"  # in a file, for everybody sees a command line
    private_files.write(arguments, "\n".join(words))
    try:
        done = subprocess.run(
            _java(*_JVM, "kafka.tools.StorageTool", f"@{arguments}"),
            env=build.base_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        arguments.unlink()
    if done.returncode:
        why = done.stderr.strip().partition("\n")[0]  # the rest is the stack
        raise MeshError(f"Apache Kafka cannot make its log in {folder}: {why or 'it does not say why'}")


def _java(*words: str) -> list[str]:
    return ["java", "-cp", str(_jars() / "*"), *words]


def _missing_java() -> Iterator[str]:
    """Yield why Java will not do, if it will not."""
    try:
        shown = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    except OSError:
        yield "java"
        return
    found = re.search(r'version "(\d+)[^"]*"', shown)
    if not found:
        yield "a java that tells its version"
    elif int(found[1]) < _OLDEST_JAVA:
        yield f"java (this one has {found[0]})"


def _missing_maven(fetched: bool) -> Iterator[str]:
    if not fetched and not shutil.which("mvn"):
        yield "mvn"


def _jars() -> Path:
    return paths.CACHE / "kafka"


def _log(folder: Path) -> Path:
    return folder / "log"


def _keystore(folder: Path) -> Path:
    return folder / "server.pem"
