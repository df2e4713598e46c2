"""Preparing a restored database for use."""

from dataclasses import dataclass

import peewee

from cloud import outbox
from cloud.database import open_database, write_transaction
from cloud.identity.sign_ins import SignIn
from cloud.lease import Lease, Standby
from cloud.models import Lampi, User
from cloud.schema import upgrade


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
        SignIn.delete().execute()
    return Contents(Lampi.select().count(), User.select().count(), applied), database
