"""What the broker refuses, for whoever looks at the database: the daemon writes it, `status` reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from peewee import BigIntegerField, IntegerField

from cloud.database import Table, write_transaction
from cloud.instants import InstantField
from cloud.mqtt import reasons


class BrokerFault(Table):
    """A reason for which the broker refuses messages, or, with 0 ``messages``, the daemon's connection."""

    reason = IntegerField(primary_key=True)
    messages = BigIntegerField()
    since: datetime = InstantField()


@dataclass(frozen=True)
class Fault:
    """What the broker refuses for one reason: so many ``messages``, or at 0 the connection itself."""

    reason: int
    messages: int

    @property
    def text(self) -> str:
        """What it is and what would mend it, in a line."""
        name = reasons.name_of(self.reason)
        if not self.messages:
            return f"the broker refuses the daemon ({name}); {reasons.advice_on_connecting(self.reason)}"
        return f"the broker refuses {self.messages} messages ({name}); {reasons.advice_on(self.reason)}"


def current() -> list[Fault]:
    """Return what the broker refuses now, the oldest first."""
    rows = BrokerFault.select(BrokerFault.reason, BrokerFault.messages).order_by(BrokerFault.since).tuples()
    return [Fault(reason, messages) for reason, messages in rows]


def record(faults: Mapping[int, int], now: datetime) -> None:
    """Write what the broker refuses, as counts of messages by reason, in place of what was written before.

    A reason that was there keeps its instant. Nothing is written where nothing changes.
    """
    if {fault.reason: fault.messages for fault in current()} == faults:
        return
    with write_transaction():
        BrokerFault.delete().where(BrokerFault.reason.not_in(list(faults))).execute()
        for reason, messages in faults.items():
            BrokerFault.insert(reason=reason, messages=messages, since=now).on_conflict(
                conflict_target=[BrokerFault.reason], preserve=[BrokerFault.messages]
            ).execute()
