"""The lamps: their columns and queries. Use cases are in `cloud.services`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from peewee import (
    SQL,
    BigIntegerField,
    BooleanField,
    CharField,
    Database,
    Expression,
    ForeignKeyField,
    IntegerField,
    ModelDelete,
    TextField,
)

from cloud.db import bulk
from cloud.db.database import Table, run_sql
from cloud.db.timestamps import NEVER, TimestampField, stored, utc_now
from cloud.errors import UnknownLamp, UnsupportedDeletion
from cloud.store.codes import LiveSince, generate_association_code
from cloud.store.sources import SHELL
from cloud.store.users import User
from shared.protocol.codes import CODE_LENGTH, SHORT_CODE_LENGTH

__all__ = ["DEFAULT_NAME", "Lampi", "User"]

DEFAULT_NAME = "My LAMPI"


_short_code_of_row = SQL("substr(association_code, 1, short_code_length)")
"""Same expression as the unique index over unassociated lamps: no two of them share a short code."""


class LampDeletion(ModelDelete):
    """``Lampi.delete()``: its ``execute`` does for each lamp what `Lampi.delete_instance` does, in one transaction."""

    def execute(self, database: Database | None = None) -> int:
        """Delete the selected lamps and return their number; see `cloud.services.lamps.delete_selected`.

        Raises:
            UnsupportedDeletion: the query has more than conditions (``where``).
        """
        from cloud.services.lamps import delete_selected  # noqa: PLC0415

        extras = (self._returning, self._order_by, self._limit, self._offset, self._cte_list)
        if database not in (None, self._database) or any(extra is not None for extra in extras):
            raise UnsupportedDeletion(
                "Lampi.delete() takes only where(). For anything else, select the lamps and call delete_instance()."
            )
        return delete_selected(self._where, utc_now(), SHELL)


class Lampi(Table):
    """A lamp: its owner, its association code and its presence."""

    device_id = CharField(max_length=12, primary_key=True)
    name = TextField(default=DEFAULT_NAME)
    user = ForeignKeyField(User, null=True, backref="lamps", on_delete="RESTRICT")
    association_code = CharField(max_length=CODE_LENGTH, default=generate_association_code)
    created_at: datetime = TimestampField(default=utc_now)
    associated_at: datetime | None = TimestampField(null=True)
    connected = BooleanField(default=False)
    presence_since: datetime | None = TimestampField(null=True)
    code_issued_at: datetime = TimestampField(default=utc_now)
    message_version = BigIntegerField(default=0, index=True)
    code_issued_offline = BooleanField(default=False)
    """Whether the code was issued while the lamp was offline. It is replaced when the lamp connects."""
    short_code_length = IntegerField(default=SHORT_CODE_LENGTH)
    identify_until: Any = TimestampField(null=True)
    stock_screen = BooleanField(default=False)
    """Whether the lamp gets stock treatment: its code has six characters, never expires, and is not rotated."""
    code_due_at: Any = TimestampField(null=True)
    """When to publish the code of a lamp whose popup reopens: the far future until the broker has closed the popup.
    The code is valid meanwhile."""
    code_opened_at: Any = TimestampField(null=True)
    """When the code was published once the popup was closed, while the screen may have missed that; None once it can't
    have: see `cloud.services.stock_screens`."""
    code_openings = IntegerField(default=0)
    """How often the code was published so."""

    def __repr__(self) -> str:
        return f"<Lampi: {self.device_id}: {self.name}>"

    @classmethod
    def waits_under(cls, code: str, live: LiveSince | None) -> Expression | None:
        """Return a condition that selects the lamp whose code begins with these 6 to 32 characters, or None.

        At least the whole short code must be given. If it is also the beginning of a longer short code that matches,
        the longer one wins. ``live`` is None for codes that never expire; those of stock screens never do.

        The query compares prefixes with the short codes, since only those are indexed.
        """
        shorts = [code[:length] for length in range(SHORT_CODE_LENGTH, len(code) + 1)]
        places = ", ".join("?" * len(shorts))
        found = run_sql(
            f"SELECT device_id, association_code FROM lampi WHERE {_short_code_of_row.sql} IN ({places})"  # noqa: S608
            " AND user_id IS NULL AND association_code BETWEEN ? AND ?"
            " AND (stock_screen OR code_issued_at > ? OR code_issued_offline AND code_issued_at > ?)"
            " ORDER BY short_code_length DESC LIMIT 1",
            *shorts,
            code.ljust(CODE_LENGTH, "0"),
            code.ljust(CODE_LENGTH, "f"),
            stored(live.usual if live else NEVER),
            stored(live.offline if live else NEVER),
        )
        if not found:
            return None
        ((device_id, whole_code),) = found
        return (cls.device_id == device_id) & cls.user.is_null() & (cls.association_code == whole_code)

    @classmethod
    def short_codes_among(cls, shorts: Sequence[str]) -> set[str]:
        """Return which of these are short codes of unassociated lamps."""
        short = _short_code_of_row.sql
        query = f"SELECT {short} FROM lampi WHERE user_id IS NULL AND {short} {{}}"  # noqa: S608 - no value is in it
        return {found for (found,) in bulk.rows_among(query, shorts)}

    def reread(self) -> "Lampi":
        """Return the lamp as it is in the database now.

        Raises:
            UnknownLamp: the lamp is not in the database.
        """
        return self.named(self.device_id)

    @classmethod
    def named(cls, device_id: str) -> "Lampi":
        """Return the lamp with this device id.

        Raises:
            UnknownLamp: no lamp has this device id.
        """
        lampi: Lampi | None = cls.get_or_none(cls.device_id == device_id)
        if lampi is None:
            raise UnknownLamp(f"There is no lamp {device_id}; list the lamps with 'lampi-cloud lamps'.")
        return lampi

    # The next three methods are LAMPI's API; only they and `LampDeletion` call a service from a table.

    def publish_unassociated_msg(self) -> None:
        """Enqueue the lamp's code for publishing; see `cloud.services.lamps.publish_code`."""
        from cloud.services.lamps import publish_code  # noqa: PLC0415

        publish_code(self.device_id)

    def associate_and_publish_associated_msg(
        self, user: User, now: datetime | None = None, source: str = SHELL
    ) -> None:
        """Associate the lamp with a user and enqueue its message; see `cloud.services.lamps.associate`."""
        from cloud.services.lamps import associate  # noqa: PLC0415

        taken = associate(self.device_id, user, now or utc_now(), source)
        self.user, self.associated_at = user, taken.associated_at

    def delete_instance(
        self,
        recursive: bool = False,  # noqa: ARG002 - peewee's signature
        delete_nullable: bool = False,  # noqa: ARG002
        *,
        now: datetime | None = None,
        source: str = SHELL,
    ) -> int:
        """Delete the lamp and withdraw its message; see `cloud.services.lamps.delete`. No row depends on it."""
        from cloud.services.lamps import delete  # noqa: PLC0415

        return delete([self.device_id], now or utc_now(), source)

    @classmethod
    def delete(cls) -> LampDeletion:
        """Return a query that deletes lamps and withdraws their messages."""
        return LampDeletion(cls)
