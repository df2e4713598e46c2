"""The webhook's receiver from the settings: its URL and signing secret."""

import base64
import binascii
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of all Standard Webhooks secrets
HOW_TO_MAKE_A_SECRET = f"'echo {SECRET_PREFIX}$(openssl rand -base64 32)' generates one"
LEAST_SECRET_BYTES, MOST_SECRET_BYTES = 24, 64


@dataclass(frozen=True)
class Receiver:
    """URL and signing secret (24 to 64 bytes). Both stay out of ``repr``: the URL may contain a secret too."""

    url: str = field(repr=False)
    secret: bytes = field(repr=False)

    @property
    def shown(self) -> str:
        """The host name, safe to log."""
        return urlsplit(self.url).hostname or ""


def parse_url(text: str) -> str:
    """Return a receiver's URL.

    Raises:
        ValueError: it is not an HTTP or HTTPS URL with a host and no user. The text does not quote the URL.
    """
    # Imported late: it takes a tenth of a second, and most commands don't need it.
    from urllib3.exceptions import LocationParseError  # noqa: PLC0415
    from urllib3.util import parse_url as parse  # noqa: PLC0415

    try:
        parts = urlsplit(text.strip())
        usable = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
        parse(text.strip())
    except (ValueError, LocationParseError):
        usable = False
    if not usable or not text.strip().isprintable() or " " in text.strip():
        raise ValueError("not a receiver's URL, such as https://example.com/lamps")
    return text.strip()


def parse_secret(text: str) -> bytes:
    """Return the secret's bytes, from base64 with or without the prefix `whsec_`.

    Raises:
        ValueError: it is not base64, or not 24 to 64 bytes. The text does not quote the secret.
    """
    try:
        secret = base64.b64decode(text.strip().removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not LEAST_SECRET_BYTES <= len(secret) <= MOST_SECRET_BYTES:
        raise ValueError(f"not 24 to 64 random bytes in base64; {HOW_TO_MAKE_A_SECRET}")
    return secret
