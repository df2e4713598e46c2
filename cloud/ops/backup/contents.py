"""Preparing a restored database for use."""

from dataclasses import dataclass
from datetime import timedelta

import peewee

from cloud.auth.sessions import BrowserSession
from cloud.db.database import open_database, write_transaction
from cloud.db.schema import upgrade
from cloud.db.timestamps import utc_now
from cloud.services.resets import OWNER_HAS
from cloud.store import outbox
from cloud.store.lamps import Lampi, User
from cloud.store.lease import Lease, Standby
from cloud.store.offers import Offer
from cloud.store.reset_requests import ResetRequest

_BEYOND_BELIEF = timedelta(hours=1)
"""How far beyond the longest time a moment is for the daemon not to believe it, and to begin that time again."""


@dataclass(frozen=True)
class Contents:
    """Number of lamps and users, and the migrations applied by the restore."""

    lamps: int
    users: int
    applied: list[str]


def make_current(database_url: str) -> tuple[Contents, peewee.Database]:
    """Open a restored database, apply migrations, and mark the broker's retained messages as untrusted.

    The lease is deleted. So are web sessions and offers: users may have signed out, changed their passwords or
    withdrawn an offer after the backup. Owners who may have refused a reset since then get the whole time again.

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
        Offer.delete().execute()
        ResetRequest.update(due_at=utc_now() + OWNER_HAS + _BEYOND_BELIEF).execute()
    return Contents(Lampi.select().count(), User.select().count(), applied), database
