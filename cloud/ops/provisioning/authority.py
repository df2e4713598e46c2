"""A certificate authority: its private key, its certificate, and what it signs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cloud.ops.provisioning.files import SECRET, Content

LIFE = timedelta(days=20 * 365)

DATED_BACK_FOR_LAMPS = timedelta(days=5 * 365)
"""Backdating of certificates that lamps verify: a Pi has no real-time clock and boots with its image's date until NTP
has synced. A certificate of ours that is not yet valid is never a security problem."""

DATED_BACK = timedelta(days=1)
"""Backdating of certificates that only the cloud verifies; its machines' clocks differ by less."""


@dataclass(frozen=True)
class Credentials:
    """A certificate and its private key, both PEM."""

    certificate: Content
    key: Content
    serial: int
    not_after: datetime


@dataclass(frozen=True)
class Revoked:
    """A revoked certificate."""

    serial: int
    at: datetime


@dataclass(frozen=True)
class Authority:
    """Signs certificates and revocation lists; keys are ECDSA P-256.

    RSA keys of similar strength would make a handshake many times as expensive for a Raspberry Pi, and for a broker
    with many lamps.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def made(cls, name: str, now: datetime) -> "Authority":
        """Return a new, self-signed authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(name)
        builder = _builder(subject, subject, key.public_key(), now - DATED_BACK_FOR_LAMPS, now + LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def loaded(cls, certificate: bytes, key: bytes) -> "Authority":
        """Load an authority from PEM.

        Raises:
            ValueError: not the certificate and key of an authority.
        """
        private = serialization.load_pem_private_key(key, password=None)
        public = x509.load_pem_x509_certificate(certificate)
        if not isinstance(private, ec.EllipticCurvePrivateKey) or public.public_key() != private.public_key():
            raise ValueError("the key does not match the certificate")
        return cls(public, private)

    def certificate_file(self) -> Content:
        return Content(self.certificate.public_bytes(serialization.Encoding.PEM))

    def key_file(self) -> Content:
        return _key_file(self.key)

    def sign(
        self,
        name: str,
        usage: x509.ObjectIdentifier,
        *,
        not_before: datetime,
        not_after: datetime,
        also_named: Sequence[x509.GeneralName] = (),
    ) -> Credentials:
        """Issue a key and certificate for one usage (`ExtendedKeyUsageOID`); it never outlives the authority's own."""
        key = ec.generate_private_key(ec.SECP256R1())
        not_after = min(not_after, self.certificate.not_valid_after_utc)
        builder = _builder(_named(name), self.certificate.subject, key.public_key(), not_before, not_after)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        builder = builder.add_extension(self._identifier(), critical=False)
        if also_named:
            builder = builder.add_extension(x509.SubjectAlternativeName(also_named), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        pem = Content(certificate.public_bytes(serialization.Encoding.PEM))
        return Credentials(pem, _key_file(key), certificate.serial_number, certificate.not_valid_after_utc)

    def revocation_list(self, revoked: Iterable[Revoked], before: bytes | None, now: datetime) -> Content:
        """Return the revocation list that succeeds ``before``, as PEM.

        It is valid as long as the authority. Nothing refreshes it, and OpenSSL rejects every certificate once the list
        has expired, so a shorter validity could only lock out all lamps one day.

        A running Mosquitto keeps lists that it loaded before, and OpenSSL uses the one with the latest timestamp, in
        whole seconds. Each list is therefore dated a second after the previous one, and all are backdated so that none
        is in the future.
        """
        last = None if before is None else x509.load_pem_x509_crl(before)
        issued_at = (now - DATED_BACK).replace(microsecond=0)
        number = 1
        if last is not None:
            issued_at = max(issued_at, last.last_update_utc + timedelta(seconds=1))
            number += last.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(issued_at)
            .next_update(self.certificate.not_valid_after_utc)
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(self._identifier(), critical=False)
        )
        for each in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(each.serial).revocation_date(each.at)
            builder = builder.add_revoked_certificate(entry.build())
        return Content(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, not_before: datetime, not_after: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
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


def _key_file(key: ec.EllipticCurvePrivateKey) -> Content:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Content(pem, SECRET)
