"""Kills and stops at the worst instant: nothing that was committed is lost, and another daemon takes over."""

import os
import signal
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud.db.timestamps import utc_now
from cloud.services import claiming
from tests.support.broker import Mosquitto
from tests.support.cloud import RUNNING, Cloud, DaemonProcess
from tests.support.loop import (
    ASSOCIATED,
    USER,
    Loop,
    associated,
    code_in,
    device_ids,
    opened_database,
    presence,
    retained_state,
    wait_for_state,
)
from tests.support.waiting import DEADLINE_SECONDS, wait_until

LAMP = "b827ebba0387"
ROUNDS = 3
LAMPS_A_ROUND = 300


def _associate(cloud: Cloud) -> None:
    with opened_database(cloud):
        claiming.associate_by_device_id(LAMP, claiming.user_named(USER), utc_now())


def _freeze(daemon: DaemonProcess, cloud: Cloud) -> None:
    """Stop a daemon's process at an instant at which it does not hold the database's write lock."""

    def frozen_without_lock() -> bool:
        os.kill(daemon.pid, signal.SIGSTOP)
        with closing(sqlite3.connect(cloud.folder / "lampi.db", timeout=0, isolation_level=None)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
                database.execute("ROLLBACK")
            except sqlite3.OperationalError:
                os.kill(daemon.pid, signal.SIGCONT)
                return False
        return True

    wait_until(frozen_without_lock, "the daemon to be frozen between two transactions")


def test_a_change_right_before_the_stop_is_on_the_wire_or_at_the_next_start(loop: Loop, daemon: DaemonProcess) -> None:
    loop.new_lamp(LAMP)
    _associate(loop.cloud)
    assert daemon.stop() == 0
    daemon.start()
    wait_for_state(loop.broker, LAMP, ASSOCIATED)


def test_a_daemon_killed_between_commit_and_publish_loses_nothing(loop: Loop, daemon: DaemonProcess) -> None:
    loop.new_lamp(LAMP)
    _freeze(daemon, loop.cloud)  # so that the change is committed and surely not yet published
    _associate(loop.cloud)
    daemon.kill()
    assert code_in(loop.broker.retained("devices/#")[f"devices/{LAMP}/lamp/associated"].payload)
    daemon.start()
    assert loop.next().payload == ASSOCIATED
    assert loop.settled() == []


def test_a_daemon_killed_repeatedly_while_lamps_arrive_publishes_to_every_lamp(broker: Mosquitto, cloud: Cloud) -> None:
    ids = list(device_ids(ROUNDS * LAMPS_A_ROUND))
    with closing(sqlite3.connect(cloud.folder / "lampi.db", isolation_level=None)) as database:
        for step in range(ROUNDS):
            known = step * LAMPS_A_ROUND
            arriving = ids[known : known + LAMPS_A_ROUND]
            broker.publish_all([(presence(device_id), b"1") for device_id in arriving], retain=True)
            killed = cloud.daemon(f"killed{step}")
            killed.start(until="Daemon started")
            wait_until(lambda: database.execute("SELECT 1 FROM outbox_message").fetchone(), "something to be pending")
            killed.kill()
        with cloud.daemon():
            wait_until(lambda: len(broker.retained("devices/#")) == len(ids), "every lamp to be published")
            wait_until(
                lambda: not database.execute("SELECT 1 FROM outbox_message").fetchone(), "the outbox to be empty"
            )
        codes = dict(database.execute("SELECT device_id, association_code FROM lampi"))
    kept = broker.retained("devices/#")
    assert {topic: code_in(one.payload) for topic, one in kept.items()} == {
        associated(device_id): codes[device_id] for device_id in ids
    }


def test_of_two_daemons_the_second_stands_by_and_takes_over_from_a_dead_one(
    loop: Loop, daemon: DaemonProcess, cloud: Cloud
) -> None:
    second = cloud.daemon("second").start(until="Standing by")
    loop.new_lamp(LAMP)
    assert loop.settled() == []  # nothing twice
    assert f"process {daemon.pid} on " in second.log()
    assert "Connected" not in second.log()
    daemon.kill()
    died_at = time.monotonic()
    _associate(cloud)
    wait_for_state(loop.broker, LAMP, ASSOCIATED)
    assert time.monotonic() - died_at < 4  # at once: it sees that the process is gone when it next looks
    assert second.stop() == 0
    assert second.log().count("Standing by") == 1


def test_a_daemon_takes_over_from_a_machine_that_fell_silent(cloud: Cloud) -> None:
    def renew() -> None:
        expires_at = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=3)
        with closing(sqlite3.connect(cloud.folder / "lampi.db", timeout=DEADLINE_SECONDS)) as database, database:
            database.execute(
                "INSERT OR REPLACE INTO lease (name, holder, expires_at) "
                "VALUES ('publisher', 'elsewhere:1:another-machine:cafe', ?)",
                (str(expires_at),),
            )

    def stands_by() -> bool:
        renew()
        return "process 1 on elsewhere" in daemon.log()

    renew()
    daemon = cloud.daemon().start(until="Daemon started")
    try:
        wait_until(stands_by, "the daemon to stand by for the other machine's")
        assert RUNNING not in daemon.log()
        daemon.wait_to_say(RUNNING)  # the other machine falls silent
    finally:
        assert daemon.stop() == 0


def test_two_daemons_on_no_database_yet(broker: Mosquitto, tmp_path: Path) -> None:
    cloud = Cloud(tmp_path / "fresh", broker.port)
    with cloud.daemon("first"):
        second = cloud.daemon("second").start(until="Standing by")
        broker.publish(presence(LAMP), b"1")
        wait_until(lambda: retained_state(broker, LAMP), "the lamp to be published its code")
        assert second.stop() == 0


def test_a_frozen_daemon_that_wakes_up_after_another_took_over_stands_by(
    loop: Loop, daemon: DaemonProcess, cloud: Cloud
) -> None:
    loop.new_lamp(LAMP)
    second = cloud.daemon("second").start(until="Standing by")
    _freeze(daemon, cloud)
    try:
        second.wait_to_say(RUNNING)
        _associate(cloud)
        assert loop.next().payload == ASSOCIATED
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    daemon.wait_to_say("Standing by")
    with opened_database(cloud):
        claiming.release(LAMP, utc_now())
    loop.new_code(LAMP)
    assert loop.settled() == []
    assert second.stop() == 0


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(loop: Loop, daemon: DaemonProcess, signal_number: signal.Signals) -> None:
    loop.new_lamp(LAMP)
    _associate(loop.cloud)
    asked_at = time.monotonic()
    daemon.send(signal_number)
    assert daemon.wait_to_end() == 0
    assert time.monotonic() - asked_at < 5
    wait_for_state(loop.broker, LAMP, ASSOCIATED)
    assert daemon.log().splitlines()[-1].endswith("Daemon stopped")


def test_a_signal_is_handled_while_the_machine_is_busy(loop: Loop, daemon: DaemonProcess) -> None:
    """CPython 3.11's SimpleQueue waits for ever when a signal comes as the time runs out."""
    os.kill(daemon.pid, signal.SIGSTOP)
    frozen_at = time.monotonic()
    daemon.send(signal.SIGTERM)
    wait_until(lambda: time.monotonic() - frozen_at > 0.2, "every pause of the daemon's to be over")
    os.kill(daemon.pid, signal.SIGCONT)
    assert daemon.wait_to_end() == 0
    assert time.monotonic() - frozen_at < 5
