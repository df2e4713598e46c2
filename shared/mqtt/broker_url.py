"""The broker's URL: `mqtt://user:password@host:1883` or `mqtts://...`."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urlsplit

from shared.mqtt.tls import TlsFiles

_DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class BrokerUrl:
    """A broker's address and credentials; ``str`` and ``repr`` never show the password.

    ``tls_files`` are used only with ``tls``.
    """

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls_files: TlsFiles = field(default_factory=TlsFiles)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        password = "" if self.password is None else ":***"
        user = "" if self.username is None else f"{quote(self.username, safe='')}{password}@"
        return f"{'mqtts' if self.tls else 'mqtt'}://{user}{host}:{self.port}"


def parse_broker_url(text: str) -> BrokerUrl:
    """Return the broker that a URL names.

    Reserved characters (`@ : / ? # %`) in the user and password are percent-encoded.

    Raises:
        ValueError: it is not such a URL; the text says why and never quotes a password.
    """
    try:
        parts = urlsplit(text.strip())
    except ValueError:  # its text may quote the user info, which contains the password
        raise ValueError("not a URL; is every special character in the password percent-encoded?") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("must start with mqtt:// or mqtts://")
    port = _port(parts)
    if not parts.hostname:
        raise ValueError("has no host; use a URL such as mqtt://localhost:1883")
    _refuse_impossible_host(parts.hostname)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("has more parts than user, password, host and port")
    username = _decoded(parts.username) or None
    password = _decoded(parts.password)
    if username is None and password:
        raise ValueError("has a password but no user")
    return BrokerUrl(
        host=parts.hostname,
        port=_DEFAULT_PORTS[parts.scheme] if port is None else port,
        tls=parts.scheme == "mqtts",
        username=username,
        password=password if username is not None else None,
    )


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:  # its text quotes the port, which is part of the password if that contains a slash
        port = 0
    if port == 0:
        raise ValueError(
            "its port is not a number from 1 to 65535; is every special character in the password percent-encoded?"
        )
    return port


def _refuse_impossible_host(host: str) -> None:
    """Reject host names for which the resolver raises something other than OSError."""
    try:
        host.encode("idna")
        possible = host.isprintable() and " " not in host
    except UnicodeError:
        possible = False
    if not possible:
        raise ValueError("its host is not a host name; its labels have 1 to 63 characters each")


def _decoded(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        decoded = unquote(text, errors="strict")
        decoded.encode("utf-8")
    except UnicodeError:
        raise ValueError("its user or password is not UTF-8") from None
    return decoded
