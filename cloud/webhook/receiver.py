"""The webhook's receiver, as the settings name it: its URL and the secret that signs."""

import base64
import binascii
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret of Standard Webhooks begins with
HOW_TO_MAKE_A_SECRET = f"'echo {SECRET_PREFIX}$(openssl rand -base64 32)' makes one"
LEAST_SECRET_BYTES, MOST_SECRET_BYTES = 24, 64


@dataclass(frozen=True)
class Receiver:
    """Where to tell, and the secret (24 to 64 bytes) that signs; both stay out of ``repr``: a URL may hold one, too."""

    url: str = field(repr=False)
    secret: bytes = field(repr=False)

    @property
    def shown(self) -> str:
        """The receiver as a log may name it."""
        return urlsplit(self.url).hostname or ""


def parse_url(text: str) -> str:
    """Return a receiver's URL.

    Raises:
        ValueError: it is not one of HTTP or HTTPS, with a host and without a user; the text quotes nothing of it.
    """
    try:
        parts = urlsplit(text.strip())
        usable = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:
        usable = False
    if not usable or not text.strip().isprintable() or " " in text.strip():
        raise ValueError("not the URL of a receiver, as in https://example.com/lamps")
    return text.strip()


def parse_secret(text: str) -> bytes:
    """Return the secret's bytes, from base64 with or without `whsec_` before it.

    Raises:
        ValueError: it is not one, or not long enough; the text quotes nothing of it.
    """
    try:
        secret = base64.b64decode(text.strip().removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not LEAST_SECRET_BYTES <= len(secret) <= MOST_SECRET_BYTES:
        raise ValueError(f"not 24 to 64 random bytes in base64; {HOW_TO_MAKE_A_SECRET}")
    return secret
