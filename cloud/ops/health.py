"""Health checks for monitoring systems: one level per subject and one overall."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from cloud.errors import BrokerAway
from cloud.reconciliation.retained import retained_batches
from cloud.services.statistics import Statistics
from shared.mqtt.broker_url import BrokerUrl
from shared.protocol import topics
from shared.protocol.errors import BadPayload
from shared.protocol.payloads import decode_count, decode_up

CONNECT_SECONDS = 5.0
"""Timeout for the broker, below the 10 s after which monitoring systems usually time out."""

LONGEST_ROUND_SECONDS = 15.0
"""A leader completes a round of its work several times a second; a hanging disk or a long write may delay it."""


class Level(IntEnum):
    """Severity; the number is the exit status of Nagios plugins."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True)
class Check:
    """The severity of one subject, with a one-line message."""

    subject: str
    level: Level
    text: str


@dataclass(frozen=True)
class Limits:
    """Thresholds: seconds that the broker may be behind, and messages that it may have dropped."""

    behind_warning: float
    behind_critical: float
    dropped: int


@dataclass(frozen=True)
class BrokerStatistics:
    """Whether the daemon is connected, and how many messages the broker dropped (None if it does not report that)."""

    daemon_connected: bool
    dropped: int | None


def read_broker(broker: BrokerUrl) -> BrokerStatistics:
    """Read the status topics from the broker.

    Raises:
        BrokerAway: the broker does not respond or refuses the connection.
    """
    messages: dict[str, bytes] = {}
    for batch in retained_batches(broker, "status", [topics.STATE, topics.DROPPED], CONNECT_SECONDS, CONNECT_SECONDS):
        messages.update((message.topic, message.payload) for message in batch)
    try:
        dropped = decode_count(messages[topics.DROPPED]) if topics.DROPPED in messages else None
        return BrokerStatistics(topics.STATE in messages and decode_up(messages[topics.STATE]), dropped)
    except BadPayload as fault:
        raise BrokerAway(f"The broker at {broker} retains an invalid status message: {fault}.") from None


def check_database(statistics: Statistics, limits: Limits) -> list[Check]:
    """Check the statistics of the database."""
    leader = statistics.leader
    if leader is None:
        publisher = Check("publisher", Level.CRITICAL, "no daemon is publishing; start one")
    elif leader.worked_seconds > LONGEST_ROUND_SECONDS:
        stuck = f"{leader.shown} is the publisher, but has not completed its work for {leader.worked_seconds:.0f} s"
        publisher = Check("publisher", Level.CRITICAL, f"{stuck}; see the daemon's log")
    else:
        renewed = f"{leader.shown} is the publisher (lease renewed {leader.renewed_seconds:.1f} s ago)"
        publisher = Check("publisher", Level.OK, f"{renewed}, standbys: {statistics.standbys}")
    behind = Level.OK
    if statistics.oldest_seconds >= limits.behind_warning:
        behind = Level.CRITICAL if statistics.oldest_seconds >= limits.behind_critical else Level.WARNING
    pending = "no messages are pending"
    if statistics.pending:
        pending = f"{statistics.pending} messages are pending, the oldest for {statistics.oldest_seconds:.0f} s"
    made_at = statistics.backed_up_at
    lifetime = "unlimited" if statistics.code_ttl is None else f"{statistics.code_ttl.total_seconds():.0f} s"
    if statistics.code_ttl is not None and statistics.stock:
        lifetime += f", unlimited for {statistics.stock} unassociated lamps that may have a stock screen"
    return [
        publisher,
        Check("outbox", behind, pending),
        *(Check("refused", Level.CRITICAL, fault.text) for fault in statistics.faults),
        Check(
            "lamps", Level.OK, f"{statistics.lamps} lamps, {statistics.waiting} unassociated, {statistics.connected} up"
        ),
        Check("codes", Level.OK, f"code lifetime: {lifetime}"),
        Check("backup", Level.OK, "no backup yet" if made_at is None else f"last backup: {made_at:%Y-%m-%d %H:%M} UTC"),
    ]


def check_broker(statistics: BrokerStatistics, limits: Limits) -> list[Check]:
    """Check what the broker reports."""
    daemon = Check("daemon", Level.OK, "the daemon is connected to the broker")
    if not statistics.daemon_connected:
        daemon = Check("daemon", Level.CRITICAL, "the daemon is not connected to the broker; see the daemon's log")
    if statistics.dropped is None:
        return [daemon, Check("dropped", Level.OK, "this broker does not count dropped messages")]
    if statistics.dropped <= limits.dropped:
        return [
            daemon,
            Check("dropped", Level.OK, f"the broker dropped {statistics.dropped} messages since it started"),
        ]
    advice = "set max_queued_messages to 100000000 in mosquitto.conf, or tolerate them with --dropped"
    text = f"the broker dropped {statistics.dropped} messages since it started; {advice}"
    return [daemon, Check("dropped", Level.WARNING, text)]


def level_of(checks: Iterable[Check]) -> Level:
    """Return the highest severity."""
    return max((check.level for check in checks), default=Level.UNKNOWN)


def summary(checks: Iterable[Check]) -> str:
    """Return one line: the problems, worst first, or else the publisher, the outbox and the lamps."""
    checks = sorted(checks, key=lambda check: -check.level)
    level = level_of(checks)
    problems = [check.text for check in checks if check.level is not Level.OK]
    return (
        f"LAMPI {level.name} - {'; '.join(problems or [check.text for check in checks if check.subject in _ALL_WELL])}"
    )


_ALL_WELL = ("publisher", "outbox", "lamps")


def performance(database: Statistics | None, broker: BrokerStatistics | None, limits: Limits) -> dict[str, str]:
    """Return performance data in the format of Nagios plugins: value, unit, thresholds."""
    statistics: dict[str, str] = {}
    if database is not None:
        for name in ("lamps", "waiting", "connected", "pending", "standbys"):
            statistics[name] = f"{getattr(database, name)};;;0"
        statistics["behind"] = f"{database.oldest_seconds:.1f}s;{limits.behind_warning:g};{limits.behind_critical:g};0"
        if database.leader is not None:
            statistics["lease_age"] = f"{database.leader.renewed_seconds:.1f}s;;;0"
    if broker is not None and broker.dropped is not None:
        statistics["dropped"] = f"{broker.dropped}c;{limits.dropped};;0"
    return statistics
