"""`lampi-cloud status` as a monitoring system runs it, and the state that the daemon retains."""

import json
import os
import queue
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cloud.db.timestamps import utc_now
from cloud.mqtt.reasons import NOT_AUTHORIZED
from cloud.store import broker_faults
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.loop import opened_database, presence, wait_for_code
from tests.support.secure import Installed
from tests.support.waiting import wait_until
from tests.test_documents import DOCUMENTS, rows_of

STATE = "lampi/cloud/state"
LAMP = "b827ebba0387"


def state(broker: Mosquitto) -> bytes | None:
    kept = broker.retained(STATE).get(STATE)
    return None if kept is None else kept.payload


@contextmanager
def standby(cloud: Cloud) -> Iterator[DaemonProcess]:
    """Run a second daemon."""
    second = cloud.daemon("second").start(until="Standing by")
    try:
        yield second
    finally:
        second.kill()


def first_line(said: str) -> str:
    return said.partition("\n")[0]


def test_all_well(broker: Mosquitto, cloud: Cloud, daemon: DaemonProcess) -> None:
    broker.publish(presence(LAMP), b"1")
    wait_for_code(broker, LAMP)
    with standby(cloud):
        said = cloud.command("status")
    assert first_line(said).startswith(f"LAMPI OK - process {daemon.pid} on ")
    assert ", standbys: 1; no messages are pending; 1 lamps, 1 unassociated, 1 up | lamps=1;;;0 " in first_line(said)
    report = json.loads(cloud.command("status", "--json"))
    assert (report["status"], report["exit_status"], report["figures"]["lamps"]) == ("OK", 0, 1)


def documented(heading: str) -> set[str]:
    """Return the names in the first column of the README's table with this heading."""
    rows = rows_of(DOCUMENTS["cloud/README.md"], heading)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row[0])}


def members_of(report: dict[str, Any]) -> set[str]:
    """Return the names of an object's members, and of those of the objects in its list."""
    return {*report, *(f"checks.{name}" for check in report["checks"] for name in check)}


def test_the_readme_describes_each_member_of_the_json_and_no_other(tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    with installed.broker:
        with installed.cloud.daemon():
            well = json.loads(installed.cloud.command("status", "--json"))
        with opened_database(installed.cloud):
            broker_faults.record({NOT_AUTHORIZED: 3}, utc_now(), lambda: True)
        bad = json.loads(installed.cloud.command("status", "--json", status=2))
    invalid = json.loads(installed.cloud.command("status", "--json", "--broker-url", "x", status=3))
    reports = [well, bad, invalid]
    assert [(report["status"], report["exit_status"]) for report in reports] == [
        ("OK", 0),
        ("CRITICAL", 2),
        ("UNKNOWN", 3),
    ]
    assert [members_of(report) for report in reports] == [documented("member")] * 3
    subjects = {check["subject"] for report in reports for check in report["checks"]}
    assert subjects == documented("subject")
    assert set(well["figures"]) == documented("figure")
    assert all(isinstance(value, float) for value in well["figures"].values())


def test_no_daemon_is_critical_whether_it_ended_or_died(broker: Mosquitto, cloud: Cloud, daemon: DaemonProcess) -> None:
    assert state(broker) == b"1"
    daemon.stop()
    assert state(broker) == b"0"
    said = cloud.command("status", status=2)
    assert first_line(said).startswith(
        "LAMPI CRITICAL - no daemon is publishing; start one; the daemon is not connected"
    )
    daemon.start()
    wait_until(lambda: state(broker) == b"1", "the daemon's state")
    daemon.kill()
    wait_until(lambda: state(broker) == b"0", "the daemon's will")
    assert "no daemon is publishing" in first_line(cloud.command("status", status=2))


def test_a_standby_publishes_nothing_and_takes_the_state_over(
    broker: Mosquitto, cloud: Cloud, daemon: DaemonProcess
) -> None:
    with broker.hear(STATE) as ear, standby(cloud) as second:
        assert ear.next().payload == b"1"
        daemon.stop()
        second.wait_to_say("Connected")
        assert [ear.next().payload for _ in range(2)] == [b"0", b"1"]
        daemon.start(until="Standing by")
        daemon.stop()
        assert second.stop() == 0
        assert [heard.payload for heard in ear.all_so_far()] == [b"0"]


def test_a_leader_that_was_paused_does_not_overwrite_its_successor_s_state(broker: Mosquitto, cloud: Cloud) -> None:
    with cloud.daemon("paused") as paused:
        os.kill(paused.pid, signal.SIGSTOP)
        try:
            with cloud.daemon("second"):
                wait_until(lambda: state(broker) == b"1", "the successor's state")
                os.kill(paused.pid, signal.SIGCONT)
                paused.wait_to_say("Standing by")
                assert paused.stop() == 0
                assert state(broker) == b"1"
                cloud.command("status")
        finally:
            if paused.log().count("Daemon stopped") == 0:
                os.kill(paused.pid, signal.SIGCONT)


def test_a_broker_that_is_away_is_critical(
    tmp_path: Path, broker: Mosquitto, cloud: Cloud, daemon: DaemonProcess
) -> None:
    broker.stop()
    daemon.wait_to_say("became unavailable")
    said = cloud.command("status", status=2)
    assert "LAMPI CRITICAL - the broker at mqtt://127.0.0.1" in said


def test_a_database_that_is_missing_is_critical(broker: Mosquitto, cloud: Cloud) -> None:
    said = cloud.command("status", "--database-url", "sqlite:///nowhere.db", status=2)
    assert "LAMPI CRITICAL - There is no database nowhere.db" in first_line(said)


def test_what_can_not_be_asked_is_unknown(cloud: Cloud) -> None:
    assert first_line(cloud.command("status", "--broker-url", "x", status=3)).startswith("LAMPI UNKNOWN - LAMPI_BROKER")
    cloud.command("status", "--nonsense", status=3)
    cloud.command("status", "--warning", "soon", status=3)
    cloud.command("--settings", "nowhere.env", "status", status=3)
    cloud.command("--settings", "nowhere.env", "lamps", status=2)


def test_a_broker_that_drops_messages_is_a_warning(tmp_path: Path, cloud: Cloud) -> None:
    listener = "allow_anonymous true\nmax_queued_messages 1\nmax_inflight_messages 1\nsys_interval 1\n"
    broker = Mosquitto(tmp_path / "dropping")
    with Mosquitto(
        tmp_path / "dropping", broker.port, config=f"listener {broker.port} 127.0.0.1\n{listener}"
    ) as broker:
        cloud.environment["LAMPI_BROKER_URL"] = f"mqtt://127.0.0.1:{broker.port}"
        with cloud.daemon():
            cloud.command("status")
            with broker.hear("flood/#"):
                broker.publish_all([(f"flood/{number}", b"x") for number in range(500)], retain=True)
            with broker.hear("flood/#"):
                wait_until(lambda: _dropped(broker) > 0, "Mosquitto to count what it dropped", 90)
            said = cloud.command("status", status=1)
            assert "LAMPI WARNING - the broker dropped" in first_line(said)
            cloud.command("status", "--dropped", "100000")


def _dropped(broker: Mosquitto) -> int:
    topic = "$SYS/broker/publish/messages/dropped"
    try:
        kept = broker.retained(topic).get(topic)
    except queue.Empty:  # it dropped the end marker as well
        return 0
    return 0 if kept is None else int(kept.payload)
