"""The actual state, read from the database and the broker by the harness's own code."""

import subprocess
import uuid
from dataclasses import dataclass

import peewee
from playhouse import db_url

from shared.protocol.payloads import Associated, Unassociated
from tests.soak.lamps import EVERY_ASSOCIATED
from tests.soak.model import NOBODY
from tests.support.broker import Mosquitto
from tests.support.waiting import DEADLINE_SECONDS


@dataclass(frozen=True)
class LampFact:
    """One lamp as the database has it."""

    state: str
    """`NOBODY` or "user <name>", as the model says it."""
    payload: bytes
    """What the broker and its screen should have."""
    connected: bool


class Facts:
    """A connection of the harness's own, straight to the database."""

    def __init__(self, database_url: str) -> None:
        options = {"prefer_psycopg3": True} if database_url.startswith("postgresql") else {"timeout": 5}
        self._database: peewee.Database = db_url.connect(database_url, **options)

    def lamps(self) -> dict[str, LampFact]:
        rows = self._database.execute_sql(
            "SELECT l.device_id, u.name, l.association_code, l.short_code_length, l.connected"
            " FROM lampi l LEFT JOIN lampi_user u ON u.id = l.user_id"
        ).fetchall()
        associated = Associated().encode()
        return {
            device_id: LampFact(f"user {user}", associated, bool(connected))
            if user is not None
            else LampFact(NOBODY, Unassociated(code, None, length).encode(), bool(connected))
            for device_id, user, code, length, connected in rows
        }

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
