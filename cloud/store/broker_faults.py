"""Refusals by the broker, stored in the database: the daemon records them, `status` reads them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from peewee import BigIntegerField, IntegerField

from cloud.db.database import Table, write_transaction
from cloud.db.timestamps import TimestampField
from cloud.mqtt import reasons
from shared.protocol import topics

OF_SUBSCRIPTIONS = 0x200
"""Added to the reason code of a refused subscription."""

FOREIGN = 0x400
"""Instead of a reason code: the broker has lamps of another database, and this one is empty."""

UNREAD = 0x402
"""Instead of a reason code: this database is empty, and the daemon can't read whether the broker has lamps."""

WEBHOOK_FAILS = 0x401
"""Instead of a reason code: each attempt of the webhook's thread ends in an internal error."""

_READ_ACCESS = "let the daemon's user read its own topics and all lamps' presence in the broker's acl_file"


class BrokerFault(Table):
    """A reason code for which the broker refuses messages; with 0 ``messages``, it refuses the daemon's connection."""

    reason = IntegerField(primary_key=True)
    messages = BigIntegerField()
    since: datetime = TimestampField()


@dataclass(frozen=True)
class Fault:
    """How many messages the broker refuses for one reason; 0 ``messages`` means that it refuses the connection."""

    reason: int
    messages: int

    @property
    def text(self) -> str:
        """The fault and its remedy, in one line."""
        if self.reason == FOREIGN:
            return (
                "the broker has lamps of another database, and this one is empty; restore the right database; or, if "
                "the lamps are those of a LAMPI course site, run 'lampi-cloud import-course'; or run 'lampi-cloud "
                "adopt' to register the lamps as new"
            )
        if self.reason == UNREAD:
            return (
                "this database is empty, and the daemon can't read which lamps the broker has; let its user read "
                f"{topics.HIGH_WATER_MARK} and {topics.ASSOCIATED_FILTER} in the broker's acl_file"
            )
        if self.reason == WEBHOOK_FAILS:
            return "the webhook sends nothing because of an internal error; see the daemon's log"
        if self.reason & OF_SUBSCRIPTIONS:
            code = self.reason & ~OF_SUBSCRIPTIONS
            advice = _READ_ACCESS if code == reasons.NOT_AUTHORIZED else reasons.advice_on(code)
            return f"the broker refuses {self.messages} subscriptions ({reasons.name_of(code)}); {advice}"
        name = reasons.name_of(self.reason)
        if not self.messages:
            return f"the broker refuses the daemon's connection ({name}); {reasons.advice_on_connecting(self.reason)}"
        return f"the broker refuses {self.messages} messages ({name}); {reasons.advice_on(self.reason)}"


def current() -> list[Fault]:
    """Return the current faults, oldest first."""
    rows = BrokerFault.select(BrokerFault.reason, BrokerFault.messages).order_by(BrokerFault.since).tuples()
    return [Fault(reason, messages) for reason, messages in rows]


def record(faults: Mapping[int, int], now: datetime, leads: Callable[[], bool]) -> None:
    """Replace the recorded faults with these counts of messages by reason code.

    A reason that was already recorded keeps its timestamp. Nothing is written if nothing changed, or if ``leads``,
    called under the write lock, says that another daemon leads by now.
    """
    if {fault.reason: fault.messages for fault in current()} == faults:
        return
    with write_transaction():
        if not leads():
            return
        BrokerFault.delete().where(BrokerFault.reason.not_in(list(faults))).execute()
        for reason, messages in faults.items():
            BrokerFault.insert(reason=reason, messages=messages, since=now).on_conflict(
                conflict_target=[BrokerFault.reason], preserve=[BrokerFault.messages]
            ).execute()
