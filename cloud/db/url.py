"""Database URLs: validating and redacting them."""

from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

SCHEMES = ("sqlite", "postgresql")


def parse_database_url(text: str) -> str:
    """Validate a database URL and return it.

    Raises:
        ValueError: not a supported URL; the text never contains the password.
    """
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in SCHEMES:
        raise ValueError("must start with sqlite:/// or postgresql://")
    if not parts.path.strip("/"):
        raise ValueError("has no database name; use sqlite:///lampi.db or postgresql://user@host/lampi")
    if parts.scheme == "sqlite" and parts.netloc:
        raise ValueError("needs three slashes before a file name (four before an absolute path): sqlite:///lampi.db")
    if "password" in dict(parse_qsl(parts.query)):
        raise ValueError("must have the password before the host: postgresql://user:password@host/lampi")
    if "@" in parts.path or "@" in parts.query or "@" in parts.fragment or not _has_a_port_or_none(parts):
        raise ValueError("must have special password characters written as %XX (%2F for /, %40 for @, %23 for #)")
    return text.strip()


def _has_a_port_or_none(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def shown_url(url: str) -> str:
    """Return a database URL without its password, for display and logs."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:***@{host}"))


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite URL, or None for PostgreSQL."""
    parts = urlsplit(url)
    return Path(parts.path[1:]) if parts.scheme == "sqlite" else None
