"""How a client gets into Kafka, and why it does not: kafka-python's options, with what Secrets Manager holds.

The secrets are those of the event source mapping, in the form that AWS gives them. Its poller, kafka_esm,
reads them by code of its own: it stands alone.
Source: https://docs.aws.amazon.com/lambda/latest/dg/kafka-cluster-auth.html
"""

from __future__ import annotations

import logging
import re
import ssl
import tempfile
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from kafka.errors import KafkaError, KafkaTimeoutError, SaslAuthenticationFailedError
from kafka.net.compat import KafkaNetClient

from users.settings import KafkaSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

# One attempt: who waits for it has an outbox, or is invoked again.
_SECRETS_TIMEOUTS = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
logging.getLogger("botocore.parsers").setLevel(logging.INFO)  # at DEBUG it logs every answer, secrets too
_HANDSHAKE_SECONDS = 1.5
_NOT_VERIFIED = re.compile(r"certificate verify failed: (.+?)(?: \(_ssl|$)")
_NOT_TRUSTED = re.compile(r"alert (bad certificate|certificate \w+|unknown ca)")  # what the broker said


class KafkaAccessError(KafkaError):  # type: ignore[misc]  # kafka-python is not typed
    """The secrets that open Kafka cannot be read or used; the text says which, and never what it holds."""


def access_options(settings: KafkaSettings, secrets: SecretsProvider | None = None) -> dict[str, Any]:
    """Return kafka-python's options for the brokers, with the secrets as they are now.

    A password means SASL/SCRAM-512 over TLS; a client certificate or an authority TLS; none of them neither,
    as in a network that nobody else is in. KafkaAccessError names the secret that cannot be used.
    """
    options: dict[str, Any] = {"bootstrap_servers": settings.kafka_bootstrap_servers.split(",")}
    arns = (
        settings.kafka_secret_arn,
        settings.kafka_client_certificate_secret_arn,
        settings.kafka_root_ca_secret_arn,
    )
    if not any(arns):
        return options
    secrets = secrets or _secrets()
    password, certificate, root_ca = (_Secret(arn, secrets) if arn else None for arn in arns)
    options |= {"security_protocol": "SSL", "ssl_context": _tls(root_ca, certificate)}
    if password:
        options |= {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": password["username"],
            "sasl_plain_password": password["password"],
        }
    return options


@cache
def _secrets() -> SecretsProvider:
    """Return the execution environment's way to its secrets; a function without any need not load it."""
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

    return SecretsProvider(boto_config=_SECRETS_TIMEOUTS)


class _Secret:
    """A secret's fields."""

    def __init__(self, arn: str, secrets: SecretsProvider) -> None:
        from aws_lambda_powertools.utilities.parameters import exceptions

        self.arn = arn
        try:
            # Read with every new client: one that was refused may have had what has been changed since.
            fields = secrets.get(arn, transform="json", force_fetch=True)
        except exceptions.TransformParameterError:
            raise self.unusable("it is not JSON") from None
        except exceptions.GetParameterError as error:
            raise self.unusable(f"it cannot be read: {error}") from None
        if not isinstance(fields, dict):
            raise self.unusable("it is not a JSON object")
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str) or not value:
            raise self.unusable(f"its field {name} is missing or not a string")
        return value

    def get(self, name: str) -> str:
        """Return a field that may be missing, as an empty string."""
        return self[name] if self._fields.get(name) else ""

    def unusable(self, why: str) -> KafkaAccessError:
        """Return the error to raise."""
        return KafkaAccessError(f"the secret {self.arn}: {why}")


def _tls(root_ca: _Secret | None, certificate: _Secret | None) -> ssl.SSLContext:
    # Not create_default_context: from Python 3.13 it refuses private authorities that the mapping accepts.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if root_ca is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(cadata=root_ca["certificate"])
        except (ssl.SSLError, TypeError):  # TypeError: not ASCII
            raise root_ca.unusable("its certificate is not a PEM chain") from None
    if certificate is not None:
        # OpenSSL takes these from a file only. Its owner alone can read this one, and it goes at the end.
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".pem") as file:
            file.write(f"{certificate['privateKey']}\n{certificate['certificate']}\n")
            file.flush()
            try:
                # Never None: OpenSSL would ask at the terminal for the password of an encrypted key.
                context.load_cert_chain(file.name, password=certificate.get("privateKeyPassword"))
            except (ssl.SSLError, ValueError):
                raise certificate.unusable("its certificate, key or privateKeyPassword is wrong") from None
    return context


class Connections:
    """Makes kafka-python's network client (`kafka_client=`), and knows why it does not connect.

    kafka-python tries again and again until it times out, and then only says that it did; what a broker says
    at last, before it hangs up, it may throw away; and for one that never answers to TLS it waits for ever.
    """

    def __init__(self) -> None:
        self._trouble: Exception | None = None

    def __call__(self, **config: Any) -> KafkaNetClient:
        """Return a client whose connections are watched."""
        client = KafkaNetClient(**config)
        manager = client._manager
        get_connection, bootstrap = manager.get_connection, manager.bootstrap

        def watched(node_id: Any, *args: Any, **options: Any) -> Any:
            known = manager._conns.get(node_id)
            connection = get_connection(node_id, *args, **options)
            if connection is not known:
                _hear_out(connection)
                connection.init_future.add_both(self._note)
                client._net.call_later(_HANDSHAKE_SECONDS, lambda: _give_up(connection))
            return connection

        def explaining(*args: Any, **options: Any) -> None:
            try:
                bootstrap(*args, **options)
            except KafkaError as error:
                client.close()  # who asked for it fails to be built, and closes nothing
                better = self.explained(error)
                if better is error:
                    raise
                raise better from error

        manager.get_connection, manager.bootstrap = watched, explaining
        return client

    def explained(self, error: KafkaError) -> KafkaError:
        """Return an error that also says what the last connection broke with, if it did."""
        if self._trouble is None:
            return error
        said, why = " ".join(map(str, error.args)), _refusal(self._trouble) or str(self._trouble)
        return error if why in said else type(error)(f"{said} ({why})")

    def _note(self, outcome: object) -> None:
        """Remember a failure until a connection succeeds: a refusal, before what attempts after it end by."""
        if not isinstance(outcome, Exception):
            self._trouble = None
        elif self._trouble is None or _refusal(outcome) or not _refusal(self._trouble):
            self._trouble = outcome


def _hear_out(connection: Any) -> None:
    """Let data count before the end that came with it: it may be why the broker hangs up.

    kafka-esm has the same lines: it installs without our layers, and they ship without it.
    """
    made = connection.connection_made

    def listening(transport: Any) -> None:
        receive = transport._sock_recv

        def heard() -> tuple[bytes, Exception | None]:
            data, error = receive()
            return data, None if data else error  # who has hung up is found to have done so again

        transport._sock_recv = heard
        made(transport)

    connection.connection_made = listening


def _give_up(connection: Any) -> None:
    """Close a connection that is not made yet."""
    if not connection.init_future.is_done:
        connection.close(KafkaTimeoutError(f"no connection was made within {_HANDSHAKE_SECONDS} s"))


def _refusal(trouble: Exception) -> str:
    """Return which side refused the other, and how; nothing if the connection failed for another reason."""
    if isinstance(trouble, SaslAuthenticationFailedError):
        return "Kafka refuses the username or password of KafkaSecretArn"
    if found := _NOT_VERIFIED.search(str(trouble)):
        unknown = "self-signed" in found[1] or "issuer" in found[1]
        remedy = "; KafkaRootCaSecretArn is to name its authority" if unknown else ""
        return f"the broker's certificate is refused: {found[1]}{remedy}"
    if found := _NOT_TRUSTED.search(str(trouble)):
        return f"Kafka does not accept the certificate of KafkaClientCertificateSecretArn: {found[1]}"
    return ""
