"""Offers: an owner's lamp, for the person who enters the offer's code or opens its link.

Codes are stored as they are, like those of unclaimed lamps: the owner's page shows them until the offer ends, and a
short code has so few values that a hash would not hide it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from peewee import CharField, Desc, Expression, ForeignKeyField, IntegerField, fn

from cloud.db import bulk
from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.db.database import Table, run_sql, write_transaction
from cloud.db.timestamps import TimestampField, credible, stored
from cloud.store.lamps import Lampi, User
from shared.protocol.codes import CODE_LENGTH

GOOD_FOR = timedelta(minutes=15)


class Offer(Table):
    """An offer of a lamp by ``user``, its owner; a lamp has at most one. It ends with the lamp, and with the user.

    It is in force only while that user owns the lamp, so that a change of owner by any means ends it.
    """

    lampi = ForeignKeyField(Lampi, column_name="device_id", primary_key=True, on_delete="CASCADE")
    user = ForeignKeyField(User, on_delete="CASCADE")
    code = CharField(max_length=CODE_LENGTH, unique=True)
    short_code_length = IntegerField()
    offered_at: datetime = TimestampField(index=True)

    def __repr__(self) -> str:
        return f"<Offer: {self.device_id}>"

    @property
    def short_code(self) -> str:
        """What a person types."""
        return str(self.code)[: self.short_code_length]

    @property
    def ends_at(self) -> datetime:
        return self.offered_at + GOOD_FOR

    @classmethod
    def stands_under(cls, code: str, now: datetime) -> "Offer | None":
        """Return the offer in force whose code begins with these 6 to 32 characters, at least its whole short code."""
        begins = cls.code.between(code.ljust(CODE_LENGTH, "0"), code.ljust(CODE_LENGTH, "f"))
        found = cls.select().where(begins & (cls.short_code_length <= len(code)) & in_force(now))
        offer: Offer | None = found.order_by(Desc(cls.short_code_length)).first()
        return offer


def in_force(now: datetime) -> Expression:
    """Return the condition that an offer has not ended."""
    own = Lampi.select(Lampi.device_id).where((Lampi.device_id == Offer.lampi) & (Lampi.user == Offer.user))
    return is_timely(now) & fn.EXISTS(own)


def is_timely(now: datetime) -> Expression:
    """Return the condition that an offer's time is not over. One from the future was made under a wrong clock."""
    since, until = now - GOOD_FOR, credible(now)
    return (Offer.offered_at > since) & (Offer.offered_at <= until)


def end(device_id: str) -> None:
    """End a lamp's offer, if there is one. Call it in a write transaction."""
    run_sql("DELETE FROM offer WHERE device_id = ?", device_id)


def end_all(user: User) -> None:
    """End all offers of a user. Call it in a write transaction."""
    run_sql("DELETE FROM offer WHERE user_id = ?", user.id)


def purge(now: datetime) -> None:
    """Delete up to one batch of offers whose time is over, or that a wrong clock wrote."""
    over = "SELECT device_id FROM offer WHERE offered_at <= ? OR offered_at > ? LIMIT ?"
    expired, future = stored(now - GOOD_FOR), stored(credible(now))
    if run_sql(over, expired, future, 1):
        with write_transaction():
            run_sql(f"DELETE FROM offer WHERE device_id IN ({over})", expired, future, ROWS_A_STATEMENT)  # noqa: S608


def live_codes(now: datetime) -> dict[int, int]:
    """Return how many offers may be in force, by the length of their short codes; never too few."""
    return dict(
        run_sql(
            "SELECT short_code_length, COUNT(*) FROM offer WHERE offered_at > ? GROUP BY short_code_length",
            stored(now - GOOD_FOR),
        )
    )


def short_codes_among(shorts: Sequence[str]) -> set[str]:
    """Return which of these are short codes of offers."""
    query = "SELECT substr(code, 1, short_code_length) FROM offer WHERE substr(code, 1, short_code_length) {}"
    return {short for (short,) in bulk.rows_among(query, shorts)}
