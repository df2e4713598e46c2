"""What a deleted lamp wrote under its own topics does not stay on the broker."""

from collections.abc import Callable
from contextlib import closing

import pytest

from cloud.reconciliation import leftovers
from shared.protocol.topics import stripped_presence
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.loop import WITHDRAWN, Loop, associated, presence, retained_state, stock_presence, waiting
from tests.support.waiting import wait_until

LAMP, OTHER = "b827ebba0387", "b827ebba0388"


def written_by(device_id: str, count: int) -> list[tuple[str, bytes]]:
    """Return a lamp's messages: its state, and connections of clients with names that it invented."""
    topics = [f"devices/{device_id}/lamp/connection/{number}/state" for number in range(count)]
    return [(f"devices/{device_id}/lamp/changed", b"{}"), *((topic, b"1") for topic in topics)]


def retained_of(broker: Mosquitto, device_id: str) -> set[str]:
    """Return the topics below a lamp's own with messages, but for a withdrawn association, which expires."""
    return {
        topic
        for topic, heard in broker.retained(f"devices/{device_id}/#").items()
        if (topic, heard.payload) != (associated(device_id), WITHDRAWN)
    }


def presence_of(broker: Mosquitto, device_id: str) -> set[str]:
    """Return the presence topics of a lamp's bridge with messages."""
    spelled = (stock_presence(device_id), presence(device_id), stripped_presence(device_id))
    return {topic for topic in spelled if broker.retained(topic)}


def wait_until_cleared(broker: Mosquitto, device_id: str) -> None:
    left = {stripped_presence(device_id)}
    wait_until(lambda: retained_of(broker, device_id) <= left, f"nothing to be retained for {device_id}", 60)


def test_all_that_a_forgotten_lamp_wrote_is_cleared_and_nothing_of_others(loop: Loop, daemon: DaemonProcess) -> None:
    for device_id in (LAMP, OTHER):
        loop.new_lamp(device_id)
        loop.broker.publish_all(written_by(device_id, 500), retain=True)
        loop.up(device_id, b"0", retain=True)
        for topic in (stock_presence(device_id), stripped_presence(device_id)):
            loop.broker.publish(topic, b"0", retain=True)
    before = retained_of(loop.broker, OTHER)
    loop.cloud.command("forget", LAMP)
    wait_until_cleared(loop.broker, LAMP)
    # Presence stays: the lamp may connect in the moment in which that is cleared.
    assert presence_of(loop.broker, LAMP) == {presence(LAMP), stock_presence(LAMP), stripped_presence(LAMP)}
    assert retained_state(loop.broker, LAMP) == WITHDRAWN  # and no empty payload, which deafens a stock screen
    assert retained_of(loop.broker, OTHER) == before
    assert "neither" not in daemon.log()  # the daemon hears what it clears


def test_reconcile_leaves_alone_what_a_connected_stock_lamp_wrote(
    loop: Loop, cloud: Cloud, daemon: DaemonProcess
) -> None:
    loop.new_lamp(OTHER)
    loop.settled()
    daemon.stop()  # it would register the lamp
    loop.broker.publish(f"devices/{LAMP}/lamp/changed", b"{}", retain=True)
    assert f"leftover {LAMP}" in cloud.command("reconcile", "--dry-run", status=1)
    loop.broker.publish(stripped_presence(LAMP), b"1", retain=True)
    assert LAMP not in cloud.command("reconcile", "--dry-run")


def test_a_lamp_that_left_more_than_one_round_clears_is_cleared(broker_of_the_cloud: Mosquitto, cloud: Cloud) -> None:
    """With the configuration that ships: a stock Mosquitto hands fewer messages to the test."""
    broker = broker_of_the_cloud
    cloud.environment["LAMPI_BROKER_URL"] = f"mqtt://127.0.0.1:{broker.port}"
    with closing(Loop(broker, cloud)) as loop, cloud.daemon():
        loop.new_lamp(LAMP)
        broker.publish_all(written_by(LAMP, leftovers.MOST_TOPICS + 500), retain=True)
        cloud.command("forget", LAMP)
        wait_until_cleared(broker, LAMP)


@pytest.mark.parametrize("presence", [presence, stripped_presence])
def test_a_forgotten_lamp_that_is_connected_keeps_its_topics_and_registers_again(
    loop: Loop, daemon: DaemonProcess, presence: Callable[[str], str]
) -> None:
    loop.broker.publish(presence(LAMP), b"1", retain=True)
    loop.new_code(LAMP)
    loop.new_lamp(OTHER)
    for device_id in (LAMP, OTHER):
        loop.broker.publish_all(written_by(device_id, 3), retain=True)
    loop.cloud.command("forget", LAMP)
    loop.cloud.command("forget", OTHER)  # forgotten later, so its round is the same or a later one
    wait_until_cleared(loop.broker, OTHER)
    assert {topic for topic, _ in written_by(LAMP, 3)} <= retained_of(loop.broker, LAMP)
    assert presence(LAMP) in presence_of(loop.broker, LAMP)
    daemon.stop()
    with loop.cloud.daemon("later"):
        wait_until(lambda: LAMP in loop.cloud.lamps(), "the lamp to be registered again")


def test_what_was_left_when_the_daemon_stopped_is_cleared_by_the_next(loop: Loop, daemon: DaemonProcess) -> None:
    loop.new_lamp(LAMP)
    loop.broker.publish_all(written_by(LAMP, 3), retain=True)
    daemon.stop()
    loop.cloud.command("forget", LAMP)
    with loop.cloud.daemon("later"):
        wait_until_cleared(loop.broker, LAMP)


def test_reconcile_finds_what_lamps_left_that_the_database_does_not_have(loop: Loop, cloud: Cloud) -> None:
    loop.new_lamp(OTHER)
    loop.settled()
    loop.broker.publish_all(written_by(LAMP, 3), retain=True)
    for topic in (stock_presence(LAMP), stripped_presence(LAMP)):
        loop.broker.publish(topic, b"0", retain=True)
    said = cloud.command("reconcile", "--dry-run", status=1)
    assert f"leftover {LAMP}" in said
    assert OTHER not in said
    cloud.command("reconcile")
    wait_until_cleared(loop.broker, LAMP)
    assert "No differences" in cloud.command("reconcile", "--dry-run")


def test_reconcile_takes_a_withdrawn_message_for_none(loop: Loop, cloud: Cloud) -> None:
    """As a broker without expiry retains it: right for a lamp that is not in the database, missing for one that is."""
    code = loop.new_lamp(LAMP)
    loop.settled()
    loop.broker.publish_all([(associated(LAMP), WITHDRAWN), (associated(OTHER), WITHDRAWN)], retain=True)
    assert [loop.next().topic for _ in range(2)] == [associated(LAMP), associated(OTHER)]
    said = cloud.command("reconcile", "--dry-run", status=1)
    assert f"missing  {LAMP}" in said
    assert OTHER not in said
    cloud.command("reconcile")
    assert loop.new_code(LAMP) == code
    assert retained_state(loop.broker, LAMP) == waiting(code)
    assert retained_state(loop.broker, OTHER) == WITHDRAWN
    assert "No differences" in cloud.command("reconcile", "--dry-run")


def test_over_3_1_1_a_withdrawn_message_stays_and_all_is_well(broker: Mosquitto, cloud: Cloud) -> None:
    cloud.environment["LAMPI_MQTT_VERSION"] = "3.1.1"
    with cloud.daemon(), closing(Loop(broker, cloud)) as loop:
        loop.new_lamp(LAMP)
        cloud.command("forget", LAMP)
        assert loop.next().payload == WITHDRAWN
        wait_until(lambda: "no messages are pending" in cloud.command("status"), "the message to be verified")
        assert "No differences" in cloud.command("reconcile", "--dry-run")
        assert retained_state(broker, LAMP) == WITHDRAWN
