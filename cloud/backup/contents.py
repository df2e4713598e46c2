"""What is in a database that was just restored, and how it is made fit to be worked on."""

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
    """How many lamps and users there are, and which migrations brought the database to this release."""

    lamps: int
    users: int
    applied: list[str]


def make_current(database_url: str) -> tuple[Contents, peewee.Database]:
    """Open a restored database, upgrade it, and have its daemon distrust what the broker retains.

    Who led when the backup was made is nobody any more; and who was signed in on the web signs in again, since some of
    them may have signed out, or changed their passwords, after it was made.

    Raises:
        UnusableDatabase: a newer release made it, or it fails.
    """
    database = open_database(database_url)
    applied = upgrade(database)
    with write_transaction():
        outbox.suspect_broker(True)
        Lease.delete().execute()
        Standby.delete().execute()
        SignIn.delete().execute()
    return Contents(Lampi.select().count(), User.select().count(), applied), database
