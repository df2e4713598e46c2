"""Database URLs: validating, reading and redacting them."""

import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

SCHEMES = ("sqlite", "postgresql")

_BAD_PASSWORD = "must have special password characters written as %XX (%2F for /, %40 for @, %23 for #)"  # noqa: S105
_UNKNOWN_PARAMETER = re.compile(r'invalid URI query parameter: "(\w+)"')


def parse_database_url(text: str) -> str:
    """Validate a database URL and return it.

    Raises:
        ValueError: not a supported URL; the text never contains the password.
    """
    url = text.strip()
    if url.partition(":")[0] not in SCHEMES:
        raise ValueError("must start with sqlite:/// or postgresql://")
    if re.search(r"\s#", url):
        raise ValueError("has a comment after it; put comments on lines of their own")
    try:
        path = urlsplit(url).path
    except ValueError:
        raise ValueError("is not a URL") from None
    if not path.strip("/"):
        raise ValueError("has no database name; use sqlite:///lampi.db or postgresql://user@host/lampi")
    (_check_sqlite if url.startswith("sqlite:") else _check_postgresql)(url)
    return url


def _check_sqlite(url: str) -> None:
    parts = urlsplit(url)
    if parts.netloc or not url.startswith("sqlite:///"):
        raise ValueError("needs three slashes before a file name (four before an absolute path): sqlite:///lampi.db")
    if "?" in url or "#" in url:
        raise ValueError("takes no parameters; in a file name, write ? as %3F and # as %23")
    name = unquote(parts.path[1:])
    if name != name.strip() or not name.isprintable():
        raise ValueError("has a file name with a space at its beginning or end, or a control character")


def _check_postgresql(url: str) -> None:
    parts = urlsplit(url)
    _, at, hosts = parts.netloc.rpartition("@")
    if "@" in f"{parts.path}{parts.query}{parts.fragment}" or not all(map(_has_a_port_or_none, hosts.split(","))):
        raise ValueError(_BAD_PASSWORD)
    if "#" in url:
        raise ValueError(_BAD_PASSWORD if not at else "has a #; write it as %23")
    if re.search(r"\s", url):
        raise ValueError("has a space; write it as %20")
    try:
        parameters = conninfo_to_dict(url)
    except psycopg.ProgrammingError as fault:
        unknown = _UNKNOWN_PARAMETER.search(str(fault))
        raise ValueError(f"has an unknown parameter {unknown[1]}" if unknown else "is malformed") from None
    if "password=" in parts.query:
        raise ValueError("must have the password before the host: postgresql://user:password@host/lampi")
    if not parameters.get("dbname"):
        raise ValueError("has no database name; use postgresql://user@host/lampi")


def _has_a_port_or_none(host: str) -> bool:
    if host.startswith("[") and host.endswith("]"):
        return True
    _, colon, port = host.rpartition(":")
    return not colon or (port.isascii() and port.isdigit() and 0 < int(port) < 65536)


def shown_url(url: str) -> str:
    """Return a database URL without its password, for display and logs."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    return urlunsplit(parts._replace(netloc=f"{name}:***@{host}")) if at and colon else url


def sqlite_url(file: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{quote(str(file))}"


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite URL, or None for PostgreSQL."""
    return Path(unquote(urlsplit(url).path[1:])) if url.startswith("sqlite:") else None
