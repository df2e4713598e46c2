"""Allowed access works, without exceptions for tests: a real lamp's broker and bridge, the daemon and the commands."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.db.timestamps import utc_now
from cloud.services import claiming, lamp_states
from cloud.store.lamps import Lampi
from shared.protocol.payloads import LampConfig
from tests.support.broker import Mosquitto
from tests.support.cloud import DaemonProcess
from tests.support.lamp_service import LampService
from tests.support.loop import (
    ASSOCIATED,
    USER,
    WITHDRAWN,
    associated,
    code_in,
    opened_database,
    wait_for_code,
    wait_for_state,
)
from tests.support.secure import Installed
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    """Give the cloud's broker and what comes with it."""
    made = Installed(tmp_path)
    with made.broker:
        yield made


@pytest.fixture
def daemon(installed: Installed) -> Iterator[DaemonProcess]:
    """Give the daemon, signed in with its certificate."""
    with installed.cloud.daemon() as process:
        yield process


@pytest.fixture
def at_lamp(installed: Installed, tmp_path: Path) -> Mosquitto:
    """Give the broker of a provisioned lamp, not yet started."""
    return installed.lamp_broker(LAMP, tmp_path / "lamp-broker")


def _connected(installed: Installed) -> bool:
    with opened_database(installed.cloud):
        return _connected_in_database()


def _connected_in_database() -> bool:
    lampi = Lampi.get_or_none(Lampi.device_id == LAMP)
    return lampi is not None and bool(lampi.connected)


def test_an_owner_sees_and_controls_the_lamp(installed: Installed, daemon: DaemonProcess, at_lamp: Mosquitto) -> None:
    with at_lamp, LampService(at_lamp.port, f"devices/{LAMP}/") as service, opened_database(installed.cloud):
        ada = claiming.user_named(USER)
        wait_until(_connected_in_database, "the lamp's bridge to be up in the database")
        claiming.associate_by_device_id(LAMP, ada, utc_now())
        wait_until(lambda: lamp_states.look_at(ada, LAMP, utc_now()).shown, "what the lamp shows")
        lamp_states.request(ada, LAMP, LampConfig(on=False), utc_now())
        confirmed = lamp_states.Outcome.CONFIRMED
        wait_until(lambda: lamp_states.look_at(ada, LAMP, utc_now()).outcome is confirmed, "the lamp's answer")
        assert service.requests == [{"on": False, "client": "cloud"}]


def test_a_new_lamp_is_claimed_and_released(installed: Installed, daemon: DaemonProcess, at_lamp: Mosquitto) -> None:
    with at_lamp, at_lamp.hear(associated(LAMP)) as screen:
        code = code_in(screen.next().payload)
        wait_until(lambda: _connected(installed), "the lamp's bridge to be up in the database")
        installed.cloud.command("associate", code[:6], "--user", USER)
        assert screen.next(seconds=2).payload == ASSOCIATED
        installed.cloud.command("release", LAMP)
        assert code_in(screen.next().payload) != code
        installed.cloud.command("forget", LAMP)
        assert screen.next().payload == WITHDRAWN
    wait_until(lambda: not _connected(installed), "the lamp's bridge to be down in the database")


def test_what_the_lamp_is_asked_and_says_crosses_the_bridge(
    installed: Installed, daemon: DaemonProcess, at_lamp: Mosquitto
) -> None:
    prefix = f"devices/{LAMP}/lamp"
    with at_lamp, installed.observer() as cloud, at_lamp.hear(f"{prefix}/set_config") as lamp:
        wait_for_code(at_lamp, LAMP)
        cloud.subscribe(f"{prefix}/changed")
        cloud.subscribe(f"{prefix}/connection/+/state")
        cloud.publish(f"{prefix}/set_config", b'{"on": true}')
        assert lamp.next().payload == b'{"on": true}'
        at_lamp.publish(f"{prefix}/connection/lamp_ui/state", b"1", qos=2, retain=True)
        assert cloud.heard_until(lambda message: message.payload == b"1") == []
        at_lamp.publish(f"{prefix}/changed", b'{"on": false}', retain=True)
        assert cloud.heard_until(lambda message: message.payload == b'{"on": false}') == []


def test_what_was_retained_outlives_a_restart_of_the_broker(
    installed: Installed, daemon: DaemonProcess, at_lamp: Mosquitto
) -> None:
    with at_lamp:
        code = wait_for_code(at_lamp, LAMP)
    daemon.stop()
    installed.broker.stop()
    installed.broker.start()
    with installed.lamp(installed.lamp_pair(LAMP)) as fresh:
        fresh.subscribe(associated(LAMP))
        fresh.heard_until(lambda message: code_in(message.payload) == code)


def test_reconcile_finds_the_broker_as_it_should_be(
    installed: Installed, daemon: DaemonProcess, at_lamp: Mosquitto
) -> None:
    with at_lamp:
        wait_for_code(at_lamp, LAMP)
        assert json.loads(installed.cloud.command("reconcile", "--dry-run", "--json")) == {
            "missing": [],
            "stale": [],
            "ghost": [],
            "leftover": [],
        }


def test_simulated_lamps_are_the_daemon_s_account(installed: Installed, daemon: DaemonProcess) -> None:
    with installed.observer() as observer:
        observer.subscribe("devices/+/lamp/associated")
        simulated = installed.cloud.start("simulate", "--device-id", "b827ebba0999")
        try:
            observer.heard_until(lambda message: message.topic == associated("b827ebba0999"))
        finally:
            simulated.terminate()
            simulated.wait(10)


def test_a_lamp_says_that_it_is_there_also_to_a_daemon_that_comes_later(
    installed: Installed, at_lamp: Mosquitto
) -> None:
    with at_lamp, installed.observer() as observer:
        observer.subscribe("$SYS/broker/connection/+/state")
        observer.heard_until(lambda message: message.payload == b"1")
        with installed.cloud.daemon():
            wait_for_code(at_lamp, LAMP)
            installed.cloud.command("associate", "--device-id", LAMP, "--user", USER)
            wait_for_state(at_lamp, LAMP, ASSOCIATED)
