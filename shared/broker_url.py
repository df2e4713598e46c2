"""Where the broker is: `mqtt://user:password@host:1883` or `mqtts://...`."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

_DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class BrokerUrl:
    """A broker's address and how to sign in; ``str`` and ``repr`` never show the password."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = "" if self.username is None else f"{self.username}{'' if self.password is None else ':***'}@"
        return f"{'mqtts' if self.tls else 'mqtt'}://{user}{host}:{self.port}"


def parse_broker_url(text: str) -> BrokerUrl:
    """Return the broker that a URL names.

    Raises:
        ValueError: it is not such a URL; the text says why and never quotes a password.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as fault:
        raise ValueError(f"not a URL: {fault}") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("must start with mqtt:// or mqtts://")
    if not parts.hostname:
        raise ValueError("names no host, as in mqtt://localhost:1883")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("has more in it than a user, a password, a host and a port")
    if port == 0:
        raise ValueError("port 0 is not a broker's")
    return BrokerUrl(
        host=parts.hostname,
        port=port or _DEFAULT_PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )
