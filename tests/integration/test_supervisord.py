"""The daemon under a real supervisord, with the program file that ships."""

import grp
import gzip
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cloud.db.timestamps import utc_now
from cloud.ops.deploy import package_files
from cloud.services import claiming
from cloud.store.lamps import Lampi
from tests.support.accounts import this_user
from tests.support.broker import Mosquitto
from tests.support.cloud import RUNNING, Cloud
from tests.support.loop import (
    ASSOCIATED,
    USER,
    WITHDRAWN,
    Loop,
    device_ids,
    opened_database,
    presence,
    wait_for_code,
    wait_for_state,
    waiting,
)
from tests.support.supervisor import PROGRAM, Supervisor
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"
LAMPS = 50


@pytest.fixture
def supervisor(tmp_path: Path, cloud: Cloud) -> Iterator[Supervisor]:
    """Give a supervisord that has started the daemon."""
    with Supervisor(tmp_path / "supervisor", cloud) as running:
        running.wait_to_say(RUNNING)
        yield running


def test_it_runs_and_logs_to_the_configured_file(supervisor: Supervisor, broker: Mosquitto) -> None:
    broker.publish(presence(LAMP), b"1")
    wait_for_code(broker, LAMP)
    supervisor.wait_to_say(f"New lamp {LAMP}")
    wait_until(lambda: "RUNNING" in supervisor.control("status"), "supervisord to call the daemon running")


def test_a_killed_daemon_is_back(supervisor: Supervisor, broker: Mosquitto, cloud: Cloud) -> None:
    for times in (2, 3):
        killed = supervisor.pid()
        os.kill(killed, signal.SIGKILL)
        supervisor.wait_to_say(RUNNING, times)
        assert supervisor.pid() not in (0, killed)
    with closing(Loop(broker, cloud)) as loop:
        code = loop.new_lamp(LAMP)
        cloud.command("associate", code, "--user", USER)
        assert loop.next().payload == ASSOCIATED


def test_stop_ends_it_soon_and_nothing_pending_is_lost(supervisor: Supervisor, broker: Mosquitto, cloud: Cloud) -> None:
    ids = list(device_ids(LAMPS))
    broker.publish_all([(presence(device_id), b"1") for device_id in ids])
    wait_until(lambda: len(broker.retained("devices/#")) == LAMPS, "all lamps to be published their codes")
    with opened_database(cloud):
        ada = claiming.user_named(USER)
        for device_id in ids[: LAMPS // 2]:  # right before the stop
            claiming.associate_by_device_id(device_id, ada, utc_now())
        asked_at = time.monotonic()
        supervisor.control("stop", PROGRAM)
        assert time.monotonic() - asked_at < 5
        assert "STOPPED" in supervisor.control("status", status=3)
        for device_id in ids[LAMPS // 2 :]:  # while it is stopped
            claiming.associate_by_device_id(device_id, ada, utc_now())
        claiming.forget(ids[0])
        claiming.release(ids[1], utc_now())
        code = Lampi.named(ids[1]).association_code
    supervisor.control("start", PROGRAM)
    wait_for_state(broker, ids[0], WITHDRAWN)
    wait_for_state(broker, ids[1], waiting(code))
    wait_until(
        lambda: [one.payload for one in broker.retained("devices/#").values()].count(ASSOCIATED) == LAMPS - 2,
        "every other lamp to be associated",
    )
    assert "Traceback" not in supervisor.log()


def test_a_daemon_run_by_hand_stands_by_until_supervisord_s_is_stopped(
    supervisor: Supervisor, broker: Mosquitto, cloud: Cloud
) -> None:
    by_hand = cloud.daemon("by-hand").start(until="Standing by")
    assert f"process {supervisor.pid()} on " in by_hand.log()
    with closing(Loop(broker, cloud)) as loop:
        loop.new_lamp(LAMP)
        assert loop.settled() == []
        supervisor.control("stop", PROGRAM)
        by_hand.wait_to_say(RUNNING)
        loop.new_lamp("b827ebba0388")
        assert loop.settled() == []
        supervisor.control("start", PROGRAM)  # and now it is supervisord's that stands by
        supervisor.wait_to_say("Standing by")
        loop.new_lamp("b827ebba0389")
        assert by_hand.stop() == 0
        supervisor.wait_to_say(RUNNING, 2)
        loop.new_lamp("b827ebba038a")
    assert by_hand.log().count("Standing by") == 1


def test_its_log_is_rotated_and_no_line_is_lost(supervisor: Supervisor, broker: Mosquitto, tmp_path: Path) -> None:
    log = supervisor.program_log
    config = tmp_path / "logrotate.conf"
    config.write_text(
        package_files.filled_in(
            package_files.LOG_ROTATION,
            {
                "/var/log/lampi/*.log": str(log),
                "root adm": f"{this_user()} {grp.getgrgid(os.getgid()).gr_name}",
                "/run/supervisord.pid": str(supervisor.pid_file),
            },
        )
    )
    config.chmod(0o644)

    def said() -> str:
        """Return all parts: supervisord may still write to the old one for a moment."""
        packed = "".join(gzip.decompress(part.read_bytes()).decode() for part in log.parent.glob("*.gz"))
        return packed + "".join(part.read_text() for part in log.parent.glob("*.log*") if part.suffix != ".gz")

    lamps = list(device_ids(20))
    for number, device_id in enumerate(lamps):
        if number in (5, 10):
            supervisor.wait_to_say(f"New lamp {lamps[number - 1]}")
            command = ["/usr/sbin/logrotate", "--force", "--state", str(tmp_path / "state"), str(config)]
            rotated = subprocess.run(command, capture_output=True, text=True, check=False)
            assert (rotated.returncode, rotated.stderr) == (0, "")
            wait_until(lambda: supervisor.has_open(log), "supervisord to open the new log")
        broker.publish(presence(device_id), b"1")
    wait_until(lambda: f"New lamp {lamps[-1]}" in said(), "the last lamp to be logged")
    assert sorted(path.name for path in log.parent.iterdir()) == [log.name, f"{log.name}.1", f"{log.name}.2.gz"]
    assert {device_id for device_id in lamps if f"New lamp {device_id}" in said()} == set(lamps)
    assert log.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("program", [package_files.DAEMON_PROGRAM, package_files.WEB_PROGRAM], ids=["daemon", "web"])
def test_a_disk_that_is_mounted_late_is_waited_for(tmp_path: Path, cloud: Cloud, program: Path) -> None:
    unmounted = tmp_path / "unmounted"
    cloud.folder.rename(unmounted)
    with Supervisor(tmp_path / "supervisor", cloud, program) as supervisor:
        # The fourth failure is the one after which supervisord gives up by default.
        wait_until(lambda: supervisor.own_log().count(f"exited: {program.stem} ") >= 4, "four failed starts")
        unmounted.rename(cloud.folder)
        entered = f"{program.stem} entered"
        wait_until(lambda: f"{entered} RUNNING" in supervisor.own_log(), f"{program.stem} to run")
        assert f"{entered} FATAL" not in supervisor.own_log()
