"""Where lamps are claimed: the web address that their screens show, and that their QR codes lead to."""

from urllib.parse import urlsplit

from peewee import AutoField, BigIntegerField, TextField

from cloud import outbox
from cloud.database import Table, run_sql, write_transaction
from shared.errors import quoted

LONGEST_URL = 68
"""Characters. With the code it is 38 more, and the smallest screen has room for a QR code of 106."""


class ClaimAddress(Table):
    """The single row with the daemon's setting, for every process that has a lamp told something.

    Lamps whose message is not newer than ``since_version`` were told another address, or none.
    """

    id = AutoField()
    url = TextField(null=True)
    since_version = BigIntegerField()


def parse_claim_url(text: str) -> str | None:
    """Return the address of the page, as a screen can show it; None, no address, from the empty string.

    Raises:
        ValueError: it is not such an address.
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
        raise ValueError(f"{quoted(text)} is not the address of a page, such as https://lamps.example.com/associate")
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > LONGEST_URL:
        raise ValueError(f"{quoted(text)} has more than {LONGEST_URL} characters, or some that are not plain ASCII")
    return url


def announce(url: str | None) -> None:
    """Have every process name this address, or none, to lamps that nobody owns."""
    with write_transaction():
        said: ClaimAddress | None = ClaimAddress.get_or_none()
        if said is None:
            ClaimAddress.create(url=url, since_version=outbox.last_version() if url else 0)
        elif said.url != url:
            ClaimAddress.update(url=url, since_version=outbox.last_version()).execute()


def announced() -> str | None:
    """Return the address that a daemon announced."""
    said = run_sql("SELECT url FROM claim_address")
    return said[0][0] if said else None


def changed_after() -> int:
    """Return the version up to which messages do not name the address yet; 0 where all do."""
    said = run_sql("SELECT since_version FROM claim_address")
    return int(said[0][0]) if said else 0
