"""Preparing a restored database for use."""

from dataclasses import dataclass

import peewee

from cloud.auth.sessions import BrowserSession
from cloud.db.database import open_database, write_transaction
from cloud.db.schema import upgrade
from cloud.store import outbox
from cloud.store.lamps import Lampi, User
from cloud.store.lease import Lease, Standby


@dataclass(frozen=True)
class Contents:
    """Number of lamps and users, and the migrations applied by the restore."""

    lamps: int
    users: int
    applied: list[str]


def make_current(database_url: str) -> tuple[Contents, peewee.Database]:
    """Open a restored database, apply migrations, and mark the broker's retained messages as untrusted.

    The lease is deleted. So are web sessions: users may have signed out or changed their passwords after the backup.

    Raises:
        UnusableDatabase: the database is from a newer release, or fails.
    """
    database = open_database(database_url)
    applied = upgrade(database)
    with write_transaction():
        outbox.suspect_broker(True)
        Lease.delete().execute()
        Standby.delete().execute()
        BrowserSession.delete().execute()
    return Contents(Lampi.select().count(), User.select().count(), applied), database
