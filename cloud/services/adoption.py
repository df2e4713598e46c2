"""Adoption: a new, empty database takes over the lamps of a broker that knew another one."""

from cloud.db.database import write_transaction
from cloud.errors import NothingToAdopt
from cloud.store import outbox


def adopt() -> None:
    """Let the daemon publish from this empty database; it registers the lamps as new ones.

    Raises:
        NothingToAdopt: the database is in use.
    """
    with write_transaction():
        if outbox.last_version() > 0:
            raise NothingToAdopt("This database is in use; there is nothing to adopt.")
        outbox.reserve(1)
        outbox.suspect_broker(True)  # stock popups reopen, and codes of lamps that are not connected are withdrawn
