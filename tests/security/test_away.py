"""What the broker queues for an offline lamp, across its restarts: all messages for the lamp, and no others."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud.store.lamps import Lampi
from cloud.store.outbox import oldest_pending_at
from tests.support.attempts import Attempts
from tests.support.broker import Mosquitto
from tests.support.cloud import DaemonProcess
from tests.support.loop import ASSOCIATED, USER, WITHDRAWN, opened_database, wait_for_code, wait_for_state
from tests.support.secure import Installed
from tests.support.waiting import wait_until

LAMP, OTHER = "b827ebba0387", "b827ebba0388"
SET_CONFIG = f"devices/{LAMP}/lamp/set_config"
RESTARTS = ["never", "before", "after"]
"""When the cloud's broker restarts while the lamp is away: before or after the message is published, or never."""


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    """Give the cloud's broker as it ships and what comes with it."""
    made = Installed(tmp_path)
    with made.broker:
        yield made


@pytest.fixture
def daemon(installed: Installed) -> Iterator[DaemonProcess]:
    with installed.cloud.daemon() as process:
        yield process


@pytest.fixture
def at_lamp(installed: Installed, tmp_path: Path) -> Mosquitto:
    """Give the broker of a provisioned lamp, not yet started."""
    return installed.lamp_broker(LAMP, tmp_path / "lamp-broker")


def _wait_until_away(installed: Installed) -> None:
    def is_away() -> bool:
        with opened_database(installed.cloud):
            return not Lampi.named(LAMP).connected

    wait_until(is_away, "the lamp's bridge to be down in the database")


def _restart(broker: Mosquitto) -> None:
    broker.stop()
    broker.start()


def _meanwhile(installed: Installed, restarts: str, publish: Callable[[], object]) -> None:
    if restarts == "before":
        _restart(installed.broker)
    publish()
    if restarts == "after":
        _restart(installed.broker)


@pytest.mark.parametrize("restarts", RESTARTS)
def test_what_a_lamp_is_asked_while_it_is_away_waits_for_it(
    installed: Installed, daemon: DaemonProcess, at_lamp: Mosquitto, restarts: str
) -> None:
    def publish() -> None:
        with installed.observer() as cloud:
            cloud.publish(SET_CONFIG, b'{"on": true}')
            cloud.wait_until_all_is_said()

    with at_lamp:
        wait_for_code(at_lamp, LAMP)
    _wait_until_away(installed)
    _meanwhile(installed, restarts, publish)
    with at_lamp, at_lamp.hear(SET_CONFIG) as lamp:
        assert lamp.next().payload == b'{"on": true}'


@pytest.mark.parametrize("restarts", RESTARTS)
def test_a_lamp_that_is_forgotten_while_it_is_away_is_told_when_it_returns(
    installed: Installed, daemon: DaemonProcess, at_lamp: Mosquitto, restarts: str
) -> None:
    """The lamp's own broker retains what it had until the withdrawal replaces it."""

    def is_confirmed() -> bool:
        with opened_database(installed.cloud):
            return oldest_pending_at() is None

    def forget() -> None:
        installed.cloud.command("forget", LAMP)
        wait_until(is_confirmed, "the broker to confirm the withdrawal")

    with at_lamp:
        wait_for_code(at_lamp, LAMP)
        installed.cloud.command("associate", "--device-id", LAMP, "--user", USER)
        wait_for_state(at_lamp, LAMP, ASSOCIATED)
    _wait_until_away(installed)
    _meanwhile(installed, restarts, forget)
    daemon.stop()  # which would make a new lamp of it, with a message of its own
    with at_lamp:
        wait_for_state(at_lamp, LAMP, WITHDRAWN)


@pytest.mark.parametrize("restarts", RESTARTS)
def test_nothing_that_is_not_for_a_lamp_waits_for_it(installed: Installed, attempt: Attempts, restarts: str) -> None:
    """Not even where the broker restarts: a waiting session stays its owner's, and never passes for the daemon's."""
    stolen = [f"devices/{OTHER}/lamp/associated", f"devices/{OTHER}/lamp/set_config", "lampi/cloud/probe"]

    def publish() -> None:
        with installed.observer() as cloud:
            for topic in stolen:
                cloud.publish(topic, b"secret", 2)
            cloud.publish(SET_CONFIG, b"own", 2)
            cloud.wait_until_all_is_said()

    pair = installed.lamp_pair(LAMP)
    with installed.lamp(pair, clean=False) as spy:
        for topic_filter in ("#", "devices/#", "$SYS/#", *stolen, SET_CONFIG):
            spy.subscribe(topic_filter, 2)
    _meanwhile(installed, restarts, publish)
    with installed.lamp(pair, clean=False) as spy:
        assert spy.heard_until(lambda message: message.payload == b"own") == []
        spy.subscribe("$SYS/broker/version")  # the answer comes after whatever else was queued
        assert {message.payload for message in spy.heard_so_far()} <= {b"own"}  # more than once from Mosquitto 2.1
    for topic in stolen:
        attempt.refused(f"a lamp's waiting session, broker restarts {restarts}", topic)
