"""One lamp floods the broker with its bridge's state; the others don't wait, and the database is spared."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from cloud.daemon.floods import INTERVAL_SECONDS, MOST_MESSAGES
from tests.benchmarks.wire import Wire, publish_packet
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.loop import ASSOCIATED, USER, Loop, presence, retained_state
from tests.support.waiting import wait_until

LAMP, OTHER, NEW = "b827ebba0387", "b827ebba0388", "b827ebba0389"
MESSAGES = 40_000


@contextmanager
def counted_writes(cloud: Cloud) -> Iterator[sqlite3.Connection]:
    """Count in the database how often a lamp's presence is written; give a connection to it."""
    with closing(sqlite3.connect(cloud.folder / "lampi.db", timeout=10, isolation_level=None)) as database:
        database.execute("CREATE TABLE counted (device_id TEXT)")
        database.execute(
            "CREATE TRIGGER counting AFTER UPDATE OF connected ON lampi "
            "BEGIN INSERT INTO counted VALUES (new.device_id); END"
        )
        yield database
        database.execute("DROP TRIGGER counting")


def flood(loop: Loop, last: bytes) -> None:
    """Publish so many changes of one lamp as fast as the broker takes them, and then its last state."""
    flaps = publish_packet(presence(LAMP), b"1") + publish_packet(presence(LAMP), b"0")
    with Wire(loop.broker.port, "flooding") as wire:
        wire.send(flaps * (MESSAGES // 2) + publish_packet(presence(LAMP), last))
        wire.settle()


def is_connected(database: sqlite3.Connection, device_id: str) -> bool:
    return bool(database.execute("SELECT connected FROM lampi WHERE device_id = ?", [device_id]).fetchone()[0])


def test_a_flooding_lamp_costs_few_writes_and_its_last_state_is_recorded(loop: Loop, daemon: DaemonProcess) -> None:
    code = loop.new_lamp(LAMP)
    with counted_writes(loop.cloud) as database:
        began = time.monotonic()
        flood(loop, last=b"1")
        loop.settled()
        flood(loop, last=b"0")
        wait_until(lambda: "has ended" in daemon.log(), "the flood to end", 4 * INTERVAL_SECONDS)
        wait_until(lambda: not is_connected(database, LAMP), "the last state to be recorded", 4 * INTERVAL_SECONDS)
        ((writes,),) = database.execute("SELECT COUNT(*) FROM counted WHERE device_id = ?", [LAMP])
        intervals = 1 + (time.monotonic() - began) / INTERVAL_SECONDS
    assert writes <= MOST_MESSAGES + intervals
    assert daemon.log().count(f"Lamp {LAMP} floods the broker") == 1
    assert f"lampi-cloud deprovision {LAMP}" in daemon.log()
    assert code.encode() in (retained_state(loop.broker, LAMP) or b"")


def test_other_lamps_are_served_while_one_floods(loop: Loop) -> None:
    loop.new_lamp(LAMP)
    other = loop.new_lamp(OTHER)
    flood(loop, last=b"1")
    loop.new_lamp(NEW)
    loop.cloud.command("associate", other, "--user", USER)
    assert loop.next().payload == ASSOCIATED
