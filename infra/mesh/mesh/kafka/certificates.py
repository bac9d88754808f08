"""A server's certificate, and the private authority that vouches for it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=3650)  # longer than any mesh: nobody would renew it

_CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A server's key and certificate, and its authority's for clients to check it with, as PEM."""

    key: str = field(repr=False)
    server: str
    root_ca: str


def issue(hosts: Iterable[str], lifetime: timedelta = LIFETIME) -> Certificate:
    """Return a certificate for these names and addresses; with a negative lifetime it has expired already.

    Its authority signs this one alone: the authority's key is kept nowhere.
    """
    now = datetime.now(UTC)
    authority, server = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    issuer = _name("Event Mesh, private authority")
    root = (
        _certificate(issuer, issuer, authority.public_key(), authority.public_key())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority, SHA256())
    )
    names = [_host(each) for each in dict.fromkeys(hosts)]
    signed = (
        _certificate(_name("Event Mesh, Kafka broker"), issuer, server.public_key(), authority.public_key())
        .not_valid_before(min(now, now + lifetime) - _CLOCKS_DIFFER)
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority, SHA256())
    )
    return Certificate(_pem(server), _pem(signed), _pem(root))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePublicKey, signer: EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    """Return what both certificates have in common; Python 3.13 insists on the key identifiers."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(thing: EllipticCurvePrivateKey | x509.Certificate) -> str:
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(Encoding.PEM).decode()
    return thing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
