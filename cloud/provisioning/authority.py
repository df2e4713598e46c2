"""A certificate authority: one private key, its own certificate, and what it signs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cloud.provisioning.files import SECRET, Content

LIFE = timedelta(days=20 * 365)

DATED_BACK_FOR_LAMPS = timedelta(days=5 * 365)
"""How far what a lamp looks at is dated back: a Pi has no clock of its own, and lives in the year of its SD card's
image until it hears of another. That a certificate of ours is not valid yet never means a danger."""

DATED_BACK = timedelta(days=1)
"""The same for what only the cloud looks at: its machines' clocks differ by less."""


@dataclass(frozen=True)
class Credentials:
    """A certificate with its private key, both in PEM form."""

    certificate: Content
    key: Content
    serial: int
    not_after: datetime


@dataclass(frozen=True)
class Revoked:
    """A certificate that is taken back."""

    serial: int
    at: datetime


@dataclass(frozen=True)
class Authority:
    """Signs certificates and the list of those that it takes back; keys are P-256 of elliptic curves.

    With RSA of like strength a handshake costs a Raspberry Pi, and a broker with many lamps, many times as much.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def made(cls, name: str, now: datetime) -> "Authority":
        """Return a new authority that signs itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(name)
        builder = _builder(subject, subject, key.public_key(), now - DATED_BACK_FOR_LAMPS, now + LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def loaded(cls, certificate: bytes, key: bytes) -> "Authority":
        """Return the authority of two PEM texts.

        Raises:
            ValueError: they are not those of an authority of ours.
        """
        private = serialization.load_pem_private_key(key, password=None)
        public = x509.load_pem_x509_certificate(certificate)
        if not isinstance(private, ec.EllipticCurvePrivateKey) or public.public_key() != private.public_key():
            raise ValueError("the key is not the certificate's")
        return cls(public, private)

    def certificate_file(self) -> Content:
        """Return its certificate in PEM form."""
        return Content(self.certificate.public_bytes(serialization.Encoding.PEM))

    def key_file(self) -> Content:
        """Return its key in PEM form."""
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
        """Return a new key with a certificate for one use (`ExtendedKeyUsageOID`), at longest as long as our own."""
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
        """Return the list of what is taken back, to follow on ``before``, in PEM form.

        It is good for as long as the authority: nobody fetches it anew, and with a list that has lapsed OpenSSL lets
        nobody in, so a shorter life could only lock out every lamp one day.

        A running Mosquitto keeps the lists that it read before, and OpenSSL goes by the one with the latest instant,
        in whole seconds. So each is dated a second after the last, and all so far back that none is of the future.
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
