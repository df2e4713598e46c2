"""TLS to the broker: the trusted authority, the client certificate, and explanations of errors."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SERVER_FAULTS = {
    9: "shows a certificate that is not valid yet: is this machine's clock right?",
    10: "shows a certificate that has expired: renew it on its machine with `lampi-cloud ca server`",
    26: "shows a certificate that is not a server certificate",
    62: "shows a certificate for another host name: connect by the name in it, or issue one for this name",
    64: "shows a certificate without this IP address: connect by the name in it, or issue one for this address",
}
_UNKNOWN_AUTHORITY = (
    "shows a certificate that is not signed by LAMPI_BROKER_CA: check that the broker and the file are the right ones"
)

_NO_TLS = "does not speak TLS on this port: check the port, or use mqtt://"

_REFUSALS = {
    "ALERT_CERTIFICATE_REVOKED": "refuses our certificate, which is revoked: issue a new one",
    "ALERT_CERTIFICATE_EXPIRED": "refuses our certificate, which has expired: issue a new one",
    "ALERT_UNKNOWN_CA": "refuses our certificate, which is from another authority: check LAMPI_BROKER_CERTIFICATE",
    "ALERT_BAD_CERTIFICATE": "refuses our certificate: check LAMPI_BROKER_CERTIFICATE",
    "ALERT_UNSUPPORTED_CERTIFICATE": "refuses our certificate, which is not a client certificate: check "
    "LAMPI_BROKER_CERTIFICATE",
    "ALERT_CERTIFICATE_REQUIRED": "requires a client certificate: set LAMPI_BROKER_CERTIFICATE",
    "ALERT_HANDSHAKE_FAILURE": "refuses the TLS handshake: if it requires a certificate, set LAMPI_BROKER_CERTIFICATE",
    "ALERT_PROTOCOL_VERSION": "does not speak TLS 1.2 or later",
    "UNSUPPORTED_PROTOCOL": "does not speak TLS 1.2 or later",
    "WRONG_VERSION_NUMBER": _NO_TLS,
}

_NO_CERTIFICATE = "has no certificate in PEM form"


@dataclass(frozen=True)
class TlsFiles:
    """PEM files: the trusted authority (None: the system's), and the client certificate with its key, or neither."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return a client context: TLS 1.2 or later, which verifies the server's certificate and name.

        Raises:
            BadTlsFile: a file can't be read, or has the wrong content.
        """
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies the certificate and the host name
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.ca is None:
            made.load_default_certs()
        else:
            _load("ca", _NO_CERTIFICATE, lambda: made.load_verify_locations(self.ca))
        if self.certificate is not None and self.key is not None:
            certificate, key = self.certificate, self.key
            _load(
                "certificate",
                _NO_CERTIFICATE,
                lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(certificate),
            )
            # Without a password function, OpenSSL would prompt for the password of an encrypted key.
            _load(
                "key",
                "is not the certificate's key in PEM form without a password",
                lambda: made.load_cert_chain(certificate, key, password=lambda: b""),
            )
        return made


class BadTlsFile(ValueError):
    """One of the files can't be used; ``which`` is its name in `TlsFiles`."""

    def __init__(self, which: str, reason: str) -> None:
        super().__init__(reason)
        self.which = which


def _load(which: str, otherwise: str, load: Callable[[], None]) -> None:
    try:
        load()
    except ssl.SSLError:
        raise BadTlsFile(which, otherwise) from None
    except OSError as fault:
        raise BadTlsFile(which, f"can't be read ({fault.strerror})") from None
    except ValueError:  # contains NUL or a lone surrogate, which no file name can contain
        raise BadTlsFile(which, "is not the name of a file") from None


def explained(fault: BaseException | None) -> str | None:
    """Return an explanation of a TLS error that completes "The broker at ..."; None for other errors."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return _SERVER_FAULTS.get(fault.verify_code, _UNKNOWN_AUTHORITY)
    if isinstance(fault, ssl.SSLEOFError):  # the server closed the connection at the ClientHello
        return _NO_TLS
    if isinstance(fault, ssl.SSLError):
        reason = fault.reason or ""
        return next((text for name, text in _REFUSALS.items() if name in reason), None)
    return None


def note_faults(context: ssl.SSLContext, note: Callable[[ssl.SSLError], None]) -> None:
    """Call ``note`` with TLS errors that the server sends after the handshake.

    In TLS 1.3 the client completes the handshake before the server checks its certificate, so a rejection arrives with
    the first read, and paho does not pass exceptions of reads to its callbacks.
    """

    class NotingSocket(ssl.SSLSocket):
        def recv(self, *arguments: Any, **named: Any) -> bytes:
            try:
                return super().recv(*arguments, **named)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as fault:
                note(fault)
                raise

    context.sslsocket_class = NotingSocket
