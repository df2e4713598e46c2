"""Token buckets of users, each stored as the time at which it is full again (the generic cell rate algorithm).

A bucket is one row, so a decision takes the same time after any number of actions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import ForeignKeyField

from cloud.db.database import Table, run_sql
from cloud.db.timestamps import TimestampField, credible, read_stored, stored
from cloud.errors import UserError
from cloud.store.users import User


class BucketTable(Table):
    """Columns of the users' buckets. A bucket is full from ``full_at`` on."""

    user = ForeignKeyField(User, primary_key=True, on_delete="CASCADE")
    full_at: datetime = TimestampField()


@dataclass(frozen=True)
class TokenBucket:
    """A limit for each user: ``burst`` actions at once, and then one for each ``refill``.

    ``refusal`` makes the error of an empty bucket from the time to wait.
    """

    table: type[BucketTable]
    burst: int
    refill: timedelta
    refusal: Callable[[timedelta], UserError]

    def require_allowed(self, user: User, now: datetime) -> None:
        """Return if the user may act. Call it before the write lock: refused actions must not contend for it.

        Raises:
            UserError: the bucket is empty. Nothing was counted.
        """
        wait = self._full_at(user, now) + self.refill - (now + self.burst * self.refill)
        if wait > timedelta(0):
            raise self.refusal(wait)

    def count(self, user: User, now: datetime) -> None:
        """Count an action. Call it in the write transaction of the action, which is undone if it raises.

        Raises:
            UserError: as in `require_allowed`.
        """
        self.require_allowed(user, now)
        run_sql(
            f"INSERT INTO {self._name} (user_id, full_at) VALUES (?, ?)"  # noqa: S608 - a name of ours
            " ON CONFLICT (user_id) DO UPDATE SET full_at = excluded.full_at",
            user.id,
            stored(self._full_at(user, now) + self.refill),
        )

    @property
    def _name(self) -> str:
        return str(self.table._meta.table_name)

    def _full_at(self, user: User, now: datetime) -> datetime:
        """Return when the bucket is full. A time that no bucket can have was written by a wrong clock."""
        rows = run_sql(f"SELECT full_at FROM {self._name} WHERE user_id = ?", user.id)  # noqa: S608
        full_at = read_stored(rows[0][0]) if rows else now
        return full_at if now < full_at <= credible(now + self.burst * self.refill) else now
