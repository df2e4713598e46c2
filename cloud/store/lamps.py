"""Lamps in the database."""

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from peewee import (
    SQL,
    BigIntegerField,
    BooleanField,
    CharField,
    Expression,
    ForeignKeyField,
    IntegerField,
    TextField,
    chunked,
)

from cloud.db import bulk
from cloud.db.database import Table, run_sql, write_transaction
from cloud.db.timestamps import NEVER, TimestampField, shown_instant, stored, utc_now
from cloud.errors import AlreadyAssociated, UnknownLamp
from cloud.rate_limit.current_budget import length_for_new_codes
from cloud.rate_limit.live_codes import counted_from
from cloud.rate_limit.policy import announced
from cloud.rate_limit.sources import SHELL
from cloud.services.claim_terms import ClaimTerms, announced_terms
from cloud.services.codes import fresh_codes, generate_association_code
from cloud.store import audit_log, outbox
from cloud.store.audit_log import AuditEvent
from cloud.store.outbox import Pending
from cloud.store.tombstones import Tombstone, associated_topic
from cloud.store.users import User
from cloud.webhook import events as webhook_events
from cloud.webhook.events import Kind
from shared.protocol.codes import CODE_LENGTH, SHORT_CODE_LENGTH
from shared.protocol.payloads import LONGEST_LAMP_NAME, Associated, Association, Unassociated

__all__ = ["DEFAULT_NAME", "Lampi", "User"]

DEFAULT_NAME = "My LAMPI"


def own_name(name: str) -> str | None:
    """Return the name that a lamp's screen shows: None for the default or a blank name."""
    return None if name == DEFAULT_NAME or not name.strip() else name.strip()[:LONGEST_LAMP_NAME]


_short_code_of_row = SQL("substr(association_code, 1, short_code_length)")
"""Same expression as the unique index over unassociated lamps: no two of them share a short code."""


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
    short_code_length = IntegerField(default=SHORT_CODE_LENGTH)
    identify_until: Any = TimestampField(null=True)

    def __repr__(self) -> str:
        return f"<Lampi: {self.device_id}: {self.name}>"

    @classmethod
    def claim(cls, which: Expression, user: User, now: datetime, source: str) -> "Lampi | None":
        """Associate the unassociated lamp that ``which`` selects, enqueue its message and return it.

        A single conditional UPDATE: of any number of competitors exactly one gets the lamp, the others None.
        """
        with write_transaction():
            taking = cls.update(user=user, associated_at=now, identify_until=None).where(which & cls.user.is_null())
            lamps: list[Lampi] = list(taking.returning(cls).execute())
            cls.tell(lamps)
            for lampi in lamps:
                audit_log.write(AuditEvent.ASSOCIATED, now, source, device_id=lampi.device_id, user_name=user.name)
                webhook_events.write(Kind.ASSOCIATED, lampi.device_id, lampi.name, user.name, now)
        return lamps[0] if lamps else None

    @classmethod
    def waits_under(cls, code: str, issued_after: datetime | None) -> Expression | None:
        """Return a condition that selects the lamp whose code begins with these 6 to 32 characters, or None.

        At least the whole short code must be given. If it is also the beginning of a longer short code that matches,
        the longer one wins. The query compares prefixes with the short codes, since only those are indexed.
        """
        shorts = [code[:length] for length in range(SHORT_CODE_LENGTH, len(code) + 1)]
        places = ", ".join("?" * len(shorts))
        found = run_sql(
            f"SELECT device_id, association_code FROM lampi WHERE {_short_code_of_row.sql} IN ({places})"  # noqa: S608
            " AND user_id IS NULL AND association_code BETWEEN ? AND ? AND code_issued_at > ?"
            " ORDER BY short_code_length DESC LIMIT 1",
            *shorts,
            code.ljust(CODE_LENGTH, "0"),
            code.ljust(CODE_LENGTH, "f"),
            stored(issued_after or NEVER),
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

    def association(self, terms: ClaimTerms) -> Association:
        """Return the association state to publish on these terms."""
        if self.user_id is not None:
            return Associated(own_name(self.name))
        return Unassociated(
            self.association_code,
            terms.url,
            short_code_length=self.short_code_length,
            identify=shown_instant(self.identify_until),
            good_for=terms.good_for,
        )

    def message(self, terms: ClaimTerms) -> Pending:
        """Return the lamp's retained message, with the version that the lamp has."""
        return Pending(self.message_version, associated_topic(self.device_id), self.association(terms).encode())

    @classmethod
    def tell(cls, lamps: "Sequence[Lampi]") -> None:
        """Enqueue the lamps' current state; call it inside the write transaction of the change."""
        if not lamps:
            return
        for version, lampi in enumerate(lamps, outbox.reserve(len(lamps))):
            lampi.message_version = version
        bulk.update(cls, "message_version", [(lampi.device_id, lampi.message_version) for lampi in lamps])
        terms = announced_terms()
        outbox.put([lampi.message(terms) for lampi in lamps])

    def publish_unassociated_msg(self) -> None:
        """Enqueue the lamp's code for publishing.

        The database decides, since this object may be out of date.

        Raises:
            UnknownLamp: the lamp was deleted meanwhile.
            AlreadyAssociated: the lamp has an owner; `cloud.services.claiming.release` removes it.
        """
        with write_transaction():
            current = self.reread()
            if current.user_id is not None:
                raise AlreadyAssociated(f"The lamp {self.device_id} has an owner; release it first.")
            self.tell([current])

    def associate_and_publish_associated_msg(
        self, user: User, now: datetime | None = None, source: str = SHELL
    ) -> None:
        """Associate the lamp with a user and enqueue its message.

        Raises:
            UnknownLamp: the lamp was deleted meanwhile.
            AlreadyAssociated: the lamp has an owner.
        """
        taken = self.claim(Lampi.device_id == self.device_id, user, now or utc_now(), source)
        if taken is None:
            self.reread()
            raise AlreadyAssociated(f"The lamp {self.device_id} already has an owner.")
        self.user, self.associated_at = user, taken.associated_at

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

    def delete_instance(
        self,
        recursive: bool = False,
        delete_nullable: bool = False,
        *,
        now: datetime | None = None,
        source: str = SHELL,
    ) -> int:
        """Delete the lamp, record it in the audit log and clear its retained message."""
        now = now or utc_now()
        with write_transaction():
            current = self.get_or_none(Lampi.device_id == self.device_id)
            if current is not None and current.user_id is not None:
                webhook_events.write(Kind.RELEASED, self.device_id, current.name, current.user.name, now)
            Tombstone.tell([self.device_id], now)
            deleted: int = super().delete_instance(recursive, delete_nullable)
            audit_log.write(AuditEvent.FORGOTTEN, now, source, device_id=self.device_id)
        return deleted

    @classmethod
    def issue_codes(cls, lamps: "Sequence[Lampi]", now: datetime) -> None:
        """Generate and store new codes for lamps; call it inside a write transaction."""
        since = counted_from(announced(), now)
        replaced = sum(lampi.user_id is None and (since is None or lampi.code_issued_at >= since) for lampi in lamps)
        codes = fresh_codes(len(lamps), length_for_new_codes(len(lamps), replaced, now), cls.short_codes_among)
        for lampi, (code, length) in zip(lamps, codes, strict=True):
            lampi.association_code, lampi.short_code_length, lampi.code_issued_at = code, length, now
        for chunk in chunked(lamps, bulk.ROWS_A_STATEMENT):
            cls.bulk_update(chunk, [cls.association_code, cls.short_code_length, cls.code_issued_at])

    @classmethod
    def create_unassociated(cls, device_ids: Sequence[str], now: datetime) -> list[str]:
        """Create unassociated, connected lamps and enqueue their codes; return the device ids that are new."""
        with write_transaction():
            known = set(bulk.rows_among("SELECT device_id FROM lampi WHERE device_id {}", device_ids))
            new = [device_id for device_id in device_ids if (device_id,) not in known]
            codes = fresh_codes(len(new), length_for_new_codes(len(new), 0, now), cls.short_codes_among)
            versions = itertools.count(outbox.reserve(len(new)))
            rows = [
                (device_id, code, code_length, version)
                for device_id, (code, code_length), version in zip(new, codes, versions, strict=False)
            ]
            bulk.insert(
                cls,
                ("device_id", "association_code", "short_code_length", "message_version"),
                rows,
                alike={"connected": True, "created_at": now, "code_issued_at": now, "presence_since": now},
            )
            Tombstone.strike_off(new)
            terms = announced_terms()
            outbox.put(
                [
                    Pending(version, associated_topic(device_id), terms.waiting(code, code_length).encode())
                    for device_id, code, code_length, version in rows
                ]
            )
        return new
