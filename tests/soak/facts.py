"""The actual state, read from the database and the broker by the harness's own code."""

import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import peewee
from playhouse import db_url

from cloud.store.state_requests import KEPT_FOR
from shared.protocol import topics
from shared.protocol.payloads import Associated, Unassociated
from shared.protocol.reset import Reset, ResetStage
from tests.soak.event_log import EventLog
from tests.soak.model import NOBODY
from tests.support.broker import Mosquitto
from tests.support.waiting import DEADLINE_SECONDS

_WATCH = "AFTER UPDATE OF user_id ON lampi FOR EACH ROW WHEN (OLD.user_id IS NOT NULL"
_NOTE = "INSERT INTO soak_owner_change VALUES (NEW.device_id, NEW.user_id);"
_TABLE = "CREATE TABLE soak_owner_change (device_id TEXT, new_owner INTEGER)"
_WATCH_SQLITE = (
    _TABLE,
    f"CREATE TRIGGER soak_owner {_WATCH} AND NEW.user_id IS NOT OLD.user_id) BEGIN {_NOTE} END",
)
_WATCH_POSTGRESQL = (
    _TABLE,
    f"CREATE FUNCTION soak_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {_NOTE} RETURN NULL; END $$",
    f"CREATE TRIGGER soak_owner {_WATCH} AND NEW.user_id IS DISTINCT FROM OLD.user_id) EXECUTE FUNCTION soak_note()",
)

_TIDY_SECONDS = 5
"""How late the daemon may be with what is over: it looks every second."""

EVERY_ASSOCIATED = topics.associated(topics.lamp_prefix("+"))


@dataclass(frozen=True)
class LampFact:
    """One lamp as the database has it."""

    state: str
    """`NOBODY` or "user <name>", as the model says it."""
    payload: bytes
    """What the broker and its screen should have."""
    connected: bool
    code: str
    short_code_length: int
    stock: bool


@dataclass(frozen=True)
class OwnerChanges:
    """How often a lamp's owner was removed, and replaced by another."""

    removed: int = 0
    replaced: int = 0


class Facts:
    """A connection of the harness's own, straight to the database."""

    def __init__(self, database_url: str) -> None:
        options = {"prefer_psycopg3": True} if database_url.startswith("postgresql") else {"timeout": 5}
        self._database: peewee.Database = db_url.connect(database_url, **options)
        self.events = EventLog(self._database)

    def lamps(self) -> dict[str, LampFact]:
        rows = self._database.execute_sql(
            "SELECT l.device_id, u.name, l.association_code, l.short_code_length, l.connected,"
            " l.stock_screen, r.stage, r.ticket, r.wait_seconds, r.due_at"
            " FROM lampi l LEFT JOIN lampi_user u ON u.id = l.user_id"
            " LEFT JOIN reset_request r"
            " ON r.device_id = l.device_id AND r.user_id = l.user_id AND r.associated_at = l.associated_at"
        ).fetchall()
        return {
            device_id: LampFact(*_said(user, code, length, reset), bool(connected), code, length, bool(stock))
            for device_id, user, code, length, connected, stock, *reset in rows
        }

    def watch(self) -> None:
        """Have the database note each change of an owner and what else counts, by triggers of the harness's own."""
        self.events.begin()
        for statement in _WATCH_SQLITE if isinstance(self._database, peewee.SqliteDatabase) else _WATCH_POSTGRESQL:
            self._database.execute_sql(statement)

    def owner_changes(self) -> dict[str, OwnerChanges]:
        """Return what happened to the owner of each lamp so far."""
        rows = self._database.execute_sql(
            "SELECT device_id, SUM(CASE WHEN new_owner IS NULL THEN 1 ELSE 0 END), COUNT(new_owner)"
            " FROM soak_owner_change GROUP BY device_id"
        ).fetchall()
        return {device_id: OwnerChanges(int(removed), int(replaced)) for device_id, removed, replaced in rows}

    def resets(self) -> dict[str, int]:
        """Return how often the audit log says that a lamp was reset."""
        rows = self._database.execute_sql(
            "SELECT device_id, COUNT(*) FROM history WHERE event = 'reset' GROUP BY device_id"
        ).fetchall()
        return {device_id: int(times) for device_id, times in rows}

    def overdue(self) -> list[str]:
        """Return the resets that are due and have not happened, and the requests that nothing removes."""
        now = datetime.now(UTC).replace(tzinfo=None)
        kept = now - KEPT_FOR - timedelta(seconds=_TIDY_SECONDS)
        return [
            f"{device_id}: {what}"
            for what, query, since in (
                ("its reset is due", "SELECT device_id FROM reset_request WHERE due_at <= {}", now),
                ("a state request remains", "SELECT device_id FROM state_request WHERE requested_at < {}", kept),
            )
            for (device_id,) in self._database.execute_sql(query.format(self._database.param), (since,)).fetchall()
        ]

    def pending(self) -> int:
        return int(self._one("SELECT COUNT(*) FROM outbox_message"))

    def last_version(self) -> int:
        return self._one("SELECT last_version FROM outbox_sequence")

    def lease_holder(self) -> str | None:
        rows = self._database.execute_sql("SELECT holder FROM lease").fetchall()
        return str(rows[0][0]) if rows else None

    def close(self) -> None:
        self._database.close()

    def _one(self, query: str) -> int:
        return int(self._database.execute_sql(query).fetchone()[0])


def _said(user: str | None, code: str, length: int, reset: Sequence[Any]) -> tuple[str, bytes]:
    """Return a lamp's state and its payload."""
    if user is not None:
        return f"user {user}", Associated(reset=_answer(*reset)).encode()
    return NOBODY, Unassociated(code, None, length).encode()


def _answer(stage: str | None, ticket: str, wait: int, due_at: object) -> Reset | None:
    """Return what a lamp should hear of its reset."""
    if stage is None:
        return None
    if stage == ResetStage.OFFERED:
        return Reset(ResetStage.OFFERED, ticket, wait)
    return Reset(ResetStage(stage), until=datetime.fromisoformat(str(due_at)).replace(tzinfo=UTC))


def retained(broker: Mosquitto) -> dict[str, bytes]:
    """Return what the broker retains for each lamp, by device id; the distribution's client is far faster than paho.

    Raises:
        EOFError: it did not tell all.
    """
    end = f"lampi/tests/end/{uuid.uuid4().hex}"
    broker.publish(end, b"end", retain=True)
    address = ["-h", "127.0.0.1", "-p", str(broker.port)]
    listening = subprocess.Popen(
        [
            "mosquitto_sub",
            *address,
            "-t",
            EVERY_ASSOCIATED,
            "-t",
            end,
            "-F",
            "%t %r %p",
            "-W",
            str(int(DEADLINE_SECONDS)),
        ],
        stdout=subprocess.PIPE,
    )
    found: dict[str, bytes] = {}
    assert listening.stdout is not None
    try:
        for line in listening.stdout:
            topic, _, payload = line.rstrip(b"\n").split(b" ", 2)
            if topic == end.encode():
                return found
            found[topic[8:20].decode()] = payload
    finally:
        listening.kill()
        listening.wait()
        listening.stdout.close()
        broker.publish(end, None, retain=True)
    raise EOFError("the broker did not tell all that it retains")
