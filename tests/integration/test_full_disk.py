"""A full disk: logged once, nothing lost, and everything is caught up once there is space again."""

import resource
from pathlib import Path

from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.loop import Loop, device_ids, presence, wait_for_code

LAMP = "b827ebba0387"
NO_ROOM = 3 * 4096
"""Bytes of a file; the database, its log of changes and what a transaction writes are all beyond."""


def test_a_full_disk_is_logged_once_and_caught_up_with(loop: Loop, daemon: DaemonProcess) -> None:
    """The kernel refuses the daemon's writes as a full disk does, and no other process's."""
    loop.new_lamp(LAMP)
    ids = list(device_ids(300))
    room = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (NO_ROOM, resource.RLIM_INFINITY))
    for device_id in ids:
        loop.up(device_id)
    daemon.wait_to_say("Database error, retrying: disk I/O error")
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, room)
    published = {loop.next().topic for _ in ids}
    assert published == {f"devices/{device_id}/lamp/associated" for device_id in ids}
    assert loop.settled() == []
    daemon.wait_to_say("Database available again")
    assert daemon.log().count("Database error") == 1
    assert "Traceback" not in daemon.log()
    assert Path(f"/proc/{daemon.pid}").exists()


def test_a_daemon_that_starts_on_a_full_disk_waits(broker: Mosquitto, cloud: Cloud) -> None:
    broker.publish(presence(LAMP), b"1", retain=True)
    ours = resource.getrlimit(resource.RLIMIT_FSIZE)
    daemon = cloud.daemon()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (NO_ROOM, ours[1]))  # inherited by the daemon
        daemon.start(until="Database error")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, ours)
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, ours)
    wait_for_code(broker, LAMP)
    assert daemon.stop() == 0
