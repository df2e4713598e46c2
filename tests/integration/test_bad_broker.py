"""Broker failures: down at the start, refusing connections, temporarily down, silent."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
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
    made_cloud,
    opened_database,
    presence,
    wait_for_code,
    wait_for_state,
)
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"
PASSWORD = "correct horse"


def _associate(cloud: Cloud, device_id: str = LAMP) -> None:
    with opened_database(cloud):
        claiming.associate_by_device_id(device_id, claiming.user_named(USER), utc_now())


def test_a_broker_that_is_down_at_the_start_is_waited_for(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker")
    cloud = made_cloud(tmp_path / "cloud", broker.port)
    daemon = cloud.daemon().start(until="can't be reached")
    with broker:
        daemon.wait_to_say(RUNNING)
        broker.publish(presence(LAMP), b"1")
        wait_for_code(broker, LAMP)
        assert daemon.stop() == 0
    assert daemon.log().count("can't be reached") == 1
    assert "Traceback" not in daemon.log()


@pytest.fixture
def strict_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Give a running Mosquitto that requires a password, and has no user yet."""
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    broker = Mosquitto(tmp_path / "strict")
    listener = broker.config_text().replace("allow_anonymous true", f"password_file {passwords}")
    with Mosquitto(tmp_path / "strict", broker.port, whole_config=listener) as running:
        yield running


def test_a_refused_password_is_logged_once_and_never_shown(strict_broker: Mosquitto, tmp_path: Path) -> None:
    cloud = made_cloud(tmp_path / "cloud", strict_broker.port)
    quoted = PASSWORD.replace(" ", "%20")
    cloud.environment["LAMPI_BROKER_URL"] = f"mqtt://lampi:{quoted}@127.0.0.1:{strict_broker.port}"
    daemon = cloud.daemon().start(until="refuses the connection")

    def refusals() -> int:
        return strict_broker.log.read_text().count("not authorised")

    wait_until(lambda: refusals() >= 3, "the daemon to have tried three times")
    passwords = str(tmp_path / "passwords")
    subprocess.run(["mosquitto_passwd", "-b", passwords, "lampi", PASSWORD], check=True, capture_output=True)
    strict_broker.send(signal.SIGHUP)
    daemon.wait_to_say(RUNNING)
    assert daemon.stop() == 0
    assert daemon.log().count("refuses the connection") == 1
    assert "check the user and password" in daemon.log()
    for secret in (PASSWORD, quoted):
        assert secret not in daemon.log()
    assert f"mqtt://lampi:***@127.0.0.1:{strict_broker.port}" in daemon.log()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_broker_that_goes_away_and_comes_back(loop: Loop, daemon: DaemonProcess, end: str) -> None:
    broker = loop.broker
    loop.new_lamp(LAMP)
    getattr(broker, end)()
    daemon.wait_to_say("became unavailable")
    _associate(loop.cloud)
    broker.start()
    wait_for_state(broker, LAMP, ASSOCIATED)
    with closing(Loop(broker, loop.cloud)) as again:
        again.next()  # what is retained of the first lamp
        again.new_lamp("b827ebba0388")
        assert again.settled() == []
    assert daemon.log().count("became unavailable") == 1
    assert daemon.log().count("can't be reached") == 0  # the same outage is said once


def test_a_frozen_broker_loses_nothing_and_does_not_hold_up_the_stop(loop: Loop, daemon: DaemonProcess) -> None:
    broker = loop.broker
    loop.new_lamp(LAMP)
    broker.send(signal.SIGSTOP)
    try:
        _associate(loop.cloud)
        asked_at = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - asked_at < 5
    finally:
        broker.send(signal.SIGCONT)
    daemon.start()
    wait_for_state(broker, LAMP, ASSOCIATED)


def test_what_a_dying_broker_never_confirmed_is_published_again(loop: Loop, daemon: DaemonProcess) -> None:
    broker = loop.broker
    loop.new_lamp(LAMP)
    broker.send(signal.SIGSTOP)
    _associate(loop.cloud)
    changed_at = time.monotonic()
    wait_until(lambda: time.monotonic() - changed_at > 0.3, "the message to be under way")
    broker.kill()
    broker.start()
    wait_for_state(broker, LAMP, ASSOCIATED)
    assert "Traceback" not in daemon.log()


def test_a_broker_that_accepts_and_never_answers_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cloud = made_cloud(tmp_path / "cloud", silent.getsockname()[1])
        daemon = cloud.daemon().start(until="is the leader")
        connection, _ = silent.accept()
        with connection:
            asked_at = time.monotonic()
            assert daemon.stop() == 0
            assert time.monotonic() - asked_at < 5


def test_a_stop_is_handled_while_the_broker_is_away(loop: Loop, daemon: DaemonProcess) -> None:
    loop.new_lamp(LAMP)
    loop.broker.kill()
    daemon.wait_to_say("became unavailable")
    _associate(loop.cloud)
    asked_at = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - asked_at < 5
    loop.broker.start()
    daemon.start()
    wait_for_state(loop.broker, LAMP, ASSOCIATED)
