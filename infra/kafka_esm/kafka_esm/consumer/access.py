"""SourceAccessConfigurations, and a registry's AccessConfigs: how the poller authenticates, whom it trusts.

Source: https://docs.aws.amazon.com/lambda/latest/dg/kafka-cluster-auth.html (the types and their secrets).
"""

import base64
import contextlib
import json
import ssl
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from kafka_esm.aws import error_code
from kafka_esm.errors import ConfigurationError

_SASL_MECHANISMS = {
    "BASIC_AUTH": "PLAIN",
    "SASL_SCRAM_256_AUTH": "SCRAM-SHA-256",
    "SASL_SCRAM_512_AUTH": "SCRAM-SHA-512",
}
CLIENT_CERTIFICATE = "CLIENT_CERTIFICATE_TLS_AUTH"
_SERVER_ROOT_CA = "SERVER_ROOT_CA_CERTIFICATE"
_BASIC = "BASIC_AUTH"
REGISTRY_ACCESS = (_BASIC, CLIENT_CERTIFICATE, _SERVER_ROOT_CA)
# There is no secret: the AWS credentials of this process sign each connection.
IAM = "IAM_AUTH"
# They say where AWS places its pollers; nothing here depends on them.
_NETWORK = ("VPC_SUBNET", "VPC_SECURITY_GROUP")

_WITHOUT = "for a broker that asks for no authentication: --kafka-no-authentication"


class _Unusable(ConfigurationError):  # noqa: N818 - what it is
    """What is wrong with the secret of a (Type, URI) pair."""


class _Unreadable(_Unusable):
    """The secret cannot be had at all."""


@contextlib.contextmanager
def _named(where: str, remedy: str = "") -> Iterator[None]:
    """Say which property the pairs are of, and what else can be done about a secret that cannot be read."""
    try:
        yield
    except _Unusable as exc:
        end = f"; {remedy}" if remedy and isinstance(exc, _Unreadable) else ""
        raise ConfigurationError(f"{where}: {exc}{end}") from None


class SecretsManagerClient(Protocol):
    """What is needed of boto3's client."""

    def get_secret_value(self, *, SecretId: str) -> Mapping[str, Any]:  # noqa: N803
        """Return a secret, its text under SecretString."""


def switched_on(configurations: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the URI of every type that is switched on.

    Raises:
        ConfigurationError: a type is unknown or there twice, or one contradicts another.

    """
    given: dict[str, str] = {}
    for kind, uri in configurations:
        if (not uri and kind != IAM) or kind in _NETWORK:
            continue
        if kind not in (IAM, *_SASL_MECHANISMS, CLIENT_CERTIFICATE, _SERVER_ROOT_CA):
            raise ConfigurationError(f"SourceAccessConfigurations: the type {kind} is not one for Kafka")
        if kind in given:
            raise ConfigurationError(f"SourceAccessConfigurations: {kind} is there twice")
        given[kind] = uri
    ways = [kind for kind in given if kind != _SERVER_ROOT_CA]
    if len(ways) > 1:
        raise ConfigurationError(
            f"SourceAccessConfigurations: {' and '.join(ways)}: there can be one kind of authentication; "
            "give the others an empty URI"
        )
    return given


@_named("SourceAccessConfigurations", _WITHOUT)
def kafka_security(
    configurations: Sequence[tuple[str, str]],
    secrets: SecretsManagerClient,
    *,
    plaintext: bool = False,
    tls: bool = False,
) -> dict[str, Any]:
    """Return kafka-python's keyword arguments for the (Type, URI) pairs of SourceAccessConfigurations.

    A pair with an empty URI is switched off. Anything that is switched on means TLS, as on AWS, and the
    broker's certificate is checked: against SERVER_ROOT_CA_CERTIFICATE alone if it is given, else against the
    authorities that this machine trusts. Nothing switched on means a connection without either, as in a VPC,
    unless the brokers are known to speak TLS alone (`tls`).

    `plaintext` is for local brokers without TLS, and has no counterpart on AWS: the password of BASIC_AUTH
    goes to the broker unprotected, and SERVER_ROOT_CA_CERTIFICATE is not looked at.

    Raises:
        ConfigurationError: a type is unknown or there once too often, or a secret cannot be read or used. The
            message names the type and the secret, never what the secret holds.

    """
    given = switched_on(configurations)
    root_ca = given.pop(_SERVER_ROOT_CA, None)
    if not given and (plaintext or (root_ca is None and not tls)):
        return {}
    for kind in (CLIENT_CERTIFICATE, IAM) if plaintext else ():
        if kind not in given:
            continue
        raise ConfigurationError(f"SourceAccessConfigurations: {kind} needs TLS, which is switched off")
    options: dict[str, Any] = {}
    if not plaintext:
        options["ssl_context"] = _tls(root_ca, secrets)
    for kind, uri in given.items():
        if kind == IAM:
            options["sasl_mechanism"] = "AWS_MSK_IAM"
            continue
        secret = _secret(kind, uri, secrets)
        if kind == CLIENT_CERTIFICATE:
            _identify(options["ssl_context"], kind, uri, secret)
            continue
        options |= {
            "sasl_mechanism": _SASL_MECHANISMS[kind],
            "sasl_plain_username": _field(kind, uri, secret, "username"),
            "sasl_plain_password": _field(kind, uri, secret, "password"),
        }
    sasl = "sasl_mechanism" in options
    options["security_protocol"] = ("SASL_" if sasl else "") + ("PLAINTEXT" if plaintext else "SSL")
    return options


@_named("AccessConfigs")
def registry_access(
    configurations: Iterable[tuple[str, str]], secrets: SecretsManagerClient
) -> tuple[ssl.SSLContext | None, dict[str, str]]:
    """Return TLS settings (None: as usual) and headers for the (Type, URI) pairs of AccessConfigs.

    Raises:
        ConfigurationError: a secret cannot be read or used.

    """
    given = dict(configurations)
    tls = None
    headers = {}
    if CLIENT_CERTIFICATE in given or _SERVER_ROOT_CA in given:
        tls = _tls(given.get(_SERVER_ROOT_CA), secrets)
    if uri := given.get(CLIENT_CERTIFICATE):
        assert tls is not None
        _identify(tls, CLIENT_CERTIFICATE, uri, _secret(CLIENT_CERTIFICATE, uri, secrets))
    if uri := given.get(_BASIC):
        secret = _secret(_BASIC, uri, secrets)
        pair = ":".join(_field(_BASIC, uri, secret, name) for name in ("username", "password"))
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return tls, headers


@_named("SourceAccessConfigurations", _WITHOUT)
def private_key(uri: str, secrets: SecretsManagerClient) -> str:
    """Return the private key of a CLIENT_CERTIFICATE_TLS_AUTH.

    Raises:
        ConfigurationError: the secret cannot be read, or has none.

    """
    return _field(CLIENT_CERTIFICATE, uri, _secret(CLIENT_CERTIFICATE, uri, secrets), "privateKey")


def _tls(root_ca: str | None, secrets: SecretsManagerClient) -> ssl.SSLContext:
    # Not create_default_context: from Python 3.13 it refuses private authorities that AWS's poller accepts.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if root_ca is None:
        context.load_default_certs()
        return context
    pem = _field(_SERVER_ROOT_CA, root_ca, _secret(_SERVER_ROOT_CA, root_ca, secrets), "certificate")
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, TypeError):  # TypeError: not ASCII
        raise _unusable(_SERVER_ROOT_CA, root_ca, "its certificate is not a PEM chain") from None
    return context


def _identify(context: ssl.SSLContext, kind: str, uri: str, secret: Mapping[str, Any]) -> None:
    pem = "\n".join(_field(kind, uri, secret, name) for name in ("privateKey", "certificate"))
    # Never None: OpenSSL would ask at the terminal for the password of an encrypted key.
    password = _field(kind, uri, secret, "privateKeyPassword") if secret.get("privateKeyPassword") else ""
    # OpenSSL takes these from a file only. Its owner alone can read this one, and it is gone after the block.
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".pem") as file:
        try:
            file.write(pem)
            file.flush()
            context.load_cert_chain(file.name, password=password)
        except (ssl.SSLError, ValueError) as exc:
            reason = getattr(exc, "reason", None) or "no reason given"
            why = f"its certificate, privateKey or privateKeyPassword is wrong ({reason})"
            raise _unusable(kind, uri, why) from None


def _secret(kind: str, uri: str, secrets: SecretsManagerClient) -> Mapping[str, Any]:
    try:
        text = secrets.get_secret_value(SecretId=uri).get("SecretString")
    except (BotoCoreError, ClientError) as exc:
        raise _Unreadable(_said(kind, uri, f"it cannot be read ({error_code(exc)})")) from None
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        raise _unusable(kind, uri, "it is not JSON") from None
    if not isinstance(found, dict):
        raise _unusable(kind, uri, "it is not a JSON object")
    return found


def _field(kind: str, uri: str, secret: Mapping[str, Any], name: str) -> str:
    value = secret.get(name)
    if not isinstance(value, str) or not value:
        raise _unusable(kind, uri, f"its field {name} is missing or not a string")
    return value


def _unusable(kind: str, uri: str, why: str) -> _Unusable:
    return _Unusable(_said(kind, uri, why))


def _said(kind: str, uri: str, why: str) -> str:
    return f"{kind}: the secret {uri}: {why}"
