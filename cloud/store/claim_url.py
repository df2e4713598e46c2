"""The claim URL: the web address that unassociated lamps show as text and QR code."""

from urllib.parse import urlencode, urlsplit

from peewee import AutoField, BigIntegerField, TextField

from cloud.db.database import Table, run_sql, write_transaction
from cloud.store import outbox
from shared.protocol.errors import quoted

LONGEST_URL = 68
"""Characters. The code adds 38, and the largest QR code that fits the smallest screen holds 106."""


class ClaimUrl(Table):
    """The single row with the daemon's claim URL, read by every process that publishes to lamps.

    Lamps whose ``message_version`` is at most ``since_version`` were sent a different URL or none.
    """

    id = AutoField()
    url = TextField(null=True)
    since_version = BigIntegerField()

    class Meta:
        table_name = "claim_address"


def parse_claim_url(text: str) -> str | None:
    """Parse a claim URL; an empty string means None.

    Raises:
        ValueError: not an http(s) URL, too long, or not printable ASCII.
    """
    url = text.strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        raise ValueError(f"{quoted(text)} is not a web address such as https://lamps.example.com/associate")
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > LONGEST_URL:
        raise ValueError(f"{quoted(text)} is longer than {LONGEST_URL} characters or has characters other than ASCII")
    return url


def announce(url: str | None) -> None:
    """Store the claim URL, or None, for all processes."""
    with write_transaction():
        row: ClaimUrl | None = ClaimUrl.get_or_none()
        if row is None:
            ClaimUrl.create(url=url, since_version=outbox.last_version() if url else 0)
        elif row.url != url:
            ClaimUrl.update(url=url, since_version=outbox.last_version()).execute()


def announced() -> str | None:
    """Return the announced claim URL."""
    rows = run_sql("SELECT url FROM claim_address")
    return rows[0][0] if rows else None


def link_with(code: str) -> str | None:
    """Return the announced claim URL with a code, as in the QR codes of screens; None without a claim URL."""
    url = announced()
    if url is None:
        return None
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode({"code": code})) if part)
    return parts._replace(query=query).geturl()


def changed_after() -> int:
    """Return the highest version published before the claim URL changed; 0 if there is none."""
    rows = run_sql("SELECT since_version FROM claim_address")
    return int(rows[0][0]) if rows else 0
