"""Two brokers with the shipped configurations: the cloud's state reaches the lamp's broker, and is retained there."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.bridge import Bridged
from tests.support.broker import Ear, Mosquitto
from tests.support.loop import (
    ASSOCIATED,
    WITHDRAWN,
    Loop,
    associated,
    code_in,
    retained_state,
    wait_for_code,
    wait_for_state,
)
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"


def test_a_new_lamp_comes_up_through_its_bridge_and_is_associated(bridged: Bridged) -> None:
    code = wait_for_code(bridged.at_lamp, LAMP)
    kept = bridged.at_lamp.retained("devices/#")[associated(LAMP)]
    assert (kept.qos, kept.retained) == (2, True)
    assert wait_for_code(bridged.at_cloud, LAMP) == code
    with bridged.at_lamp.hear(associated(LAMP)) as screen:
        screen.next()
        bridged.associate(code)
        assert screen.next(seconds=2).payload == ASSOCIATED
    wait_for_state(bridged.at_lamp, LAMP, ASSOCIATED)
    with bridged.at_lamp.hear(associated(LAMP)) as later:
        assert later.next().payload == ASSOCIATED


def test_the_lamp_s_broker_hears_nothing_of_other_lamps(bridged: Bridged) -> None:
    wait_for_code(bridged.at_lamp, LAMP)
    with closing(Loop(bridged.at_cloud, bridged.cloud)) as loop:
        loop.settled()
    assert set(bridged.at_lamp.retained("devices/#")) == {associated(LAMP)}


def test_release_and_forget_reach_the_lamp(bridged: Bridged) -> None:
    first = wait_for_code(bridged.at_lamp, LAMP)
    bridged.associate(first)
    wait_for_state(bridged.at_lamp, LAMP, ASSOCIATED)
    bridged.cloud.command("release", LAMP)
    wait_until(lambda: retained_state(bridged.at_lamp, LAMP) != ASSOCIATED, "the lamp to be unclaimed again")
    assert wait_for_code(bridged.at_lamp, LAMP)[:6] != first[:6]
    bridged.cloud.command("forget", LAMP)
    wait_for_state(bridged.at_lamp, LAMP, WITHDRAWN)


def test_the_bridge_s_state_is_the_lamp_s_presence(bridged: Bridged) -> None:
    wait_for_code(bridged.at_lamp, LAMP)
    bridged.wait_until_connected(True)
    bridged.at_lamp.kill()
    bridged.wait_until_connected(False)
    bridged.at_lamp.start()
    bridged.wait_until_connected(True)


def test_a_lamp_that_was_off_while_it_was_associated_shows_so_when_it_comes_back(bridged: Bridged) -> None:
    code = wait_for_code(bridged.at_lamp, LAMP)
    bridged.at_lamp.stop()
    bridged.associate(code)
    wait_for_state(bridged.at_cloud, LAMP, ASSOCIATED)
    bridged.at_lamp.start()
    wait_for_state(bridged.at_lamp, LAMP, ASSOCIATED)


def test_a_lamp_whose_power_was_cut_while_it_was_associated_shows_so_when_it_comes_back(bridged: Bridged) -> None:
    code = wait_for_code(bridged.at_lamp, LAMP)
    bridged.at_lamp.kill()
    bridged.associate(code)
    wait_for_state(bridged.at_cloud, LAMP, ASSOCIATED)
    bridged.at_lamp.start()
    wait_for_state(bridged.at_lamp, LAMP, ASSOCIATED)


def test_a_lamp_that_was_off_while_it_was_forgotten_is_a_new_lamp_when_it_comes_back(bridged: Bridged) -> None:
    code = wait_for_code(bridged.at_lamp, LAMP)
    bridged.associate(code)
    wait_for_state(bridged.at_lamp, LAMP, ASSOCIATED)
    bridged.at_lamp.stop()
    bridged.cloud.command("forget", LAMP)
    wait_for_state(bridged.at_cloud, LAMP, WITHDRAWN)
    with bridged.at_cloud.hear(associated(LAMP)) as ear:
        bridged.at_lamp.start()
        assert ear.next().payload == WITHDRAWN
        new_payload = ear.next().payload
    wait_for_state(bridged.at_lamp, LAMP, new_payload)
    assert wait_for_code(bridged.at_lamp, LAMP)[:6] != code[:6]


def test_forgotten_while_away_and_unknown_to_the_daemon_the_lamp_shows_nothing_old(bridged: Bridged) -> None:
    """Without a daemon that would make a new lamp of it, what the lamp's broker kept is withdrawn all the same."""
    wait_for_code(bridged.at_lamp, LAMP)
    bridged.at_lamp.stop()
    bridged.cloud.command("forget", LAMP)
    wait_for_state(bridged.at_cloud, LAMP, WITHDRAWN)
    bridged.daemon.stop()
    bridged.at_lamp.start()
    wait_for_state(bridged.at_lamp, LAMP, WITHDRAWN)
    bridged.at_lamp.stop()
    bridged.at_lamp.start()
    assert retained_state(bridged.at_lamp, LAMP) == WITHDRAWN  # the bridge speaks 3.1.1, which has no expiry


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_cloud_s_broker_restarts_and_all_find_together_again(bridged: Bridged, end: str) -> None:
    code = wait_for_code(bridged.at_lamp, LAMP)
    getattr(bridged.at_cloud, end)()
    bridged.associate(code)  # while the broker is away
    assert wait_for_code(bridged.at_lamp, LAMP) == code
    bridged.at_cloud.start()
    wait_for_state(bridged.at_lamp, LAMP, ASSOCIATED)
    bridged.wait_until_connected(True)


def test_what_the_lamp_is_asked_and_says_crosses_the_bridge(bridged: Bridged) -> None:
    wait_for_code(bridged.at_lamp, LAMP)
    asked, said = f"devices/{LAMP}/lamp/set_config", f"devices/{LAMP}/lamp/changed"
    state = f"devices/{LAMP}/lamp/connection/lamp_ui/state"
    with bridged.at_lamp.hear(asked) as lamp, bridged.at_cloud.hear(f"devices/{LAMP}/#") as cloud:
        assert cloud.next().topic == associated(LAMP)
        bridged.at_cloud.publish(asked, b'{"on": true}')
        assert lamp.next().payload == b'{"on": true}'
        assert cloud.next().topic == asked
        bridged.at_lamp.publish(said, b'{"on": false}', retain=True)
        assert cloud.next().topic == said
        bridged.at_lamp.publish(state, b"1", qos=2, retain=True)
        assert cloud.next().topic == state
    assert set(bridged.at_cloud.retained("devices/#")) == {associated(LAMP), said, state}


# A lamp with programs of the LAMPI course: `provision --stock`.

BRIDGE_STATE = f"devices/{LAMP}/lamp/connection/bridge/state"


@pytest.fixture
def stock(tmp_path: Path) -> Iterator[Bridged]:
    """Give the cloud and a stock lamp, all running."""
    with Bridged(tmp_path, LAMP, stock=True).running() as made:
        yield made


def stock_code(broker: Mosquitto) -> str:
    """Wait for the code on the topic without a prefix, and return it."""
    with broker.hear("lamp/associated") as screen:
        return code_in(screen.next().payload)


def test_a_stock_lamp_is_found_and_associated_without_a_prefix(stock: Bridged) -> None:
    with stock.at_lamp.hear("lamp/associated") as screen:
        code = code_in(screen.next().payload)
        stock.associate(code)
        assert screen.next().payload == ASSOCIATED
    kept = stock.at_lamp.retained("#")
    assert kept["lamp/associated"].payload == ASSOCIATED
    assert set(kept) == {"lamp/associated", BRIDGE_STATE}


def test_a_stock_lamp_is_asked_and_says_without_a_prefix(stock: Bridged) -> None:
    stock_code(stock.at_lamp)
    prefix = f"devices/{LAMP}/lamp"
    with stock.at_lamp.hear("lamp/set_config") as lamp, stock.at_cloud.hear(f"{prefix}/changed") as cloud:
        stock.at_cloud.publish(f"{prefix}/set_config", b'{"on": true}')
        assert lamp.next().payload == b'{"on": true}'
        stock.at_lamp.publish("lamp/changed", b'{"on": false}', retain=True)
        assert cloud.next().payload == b'{"on": false}'
    with stock.at_cloud.hear(f"{prefix}/connection/lamp_service/state") as cloud:
        stock.at_lamp.publish("lamp/connection/lamp_service/state", b"1", qos=2, retain=True)
        assert cloud.next().payload == b"1"


def test_a_stock_lamp_s_bridge_reports_on_its_own_topic_on_both_brokers_and_nowhere_else(stock: Bridged) -> None:
    stock_code(stock.at_lamp)
    for broker in (stock.at_lamp, stock.at_cloud):
        wait_until(
            lambda broker=broker: (
                BRIDGE_STATE in (kept := broker.retained(BRIDGE_STATE))  # type: ignore[misc]
                and kept[BRIDGE_STATE].payload == b"1"
            ),
            "the bridge to report that it is up",
        )
        assert broker.retained("$SYS/broker/connection/#") == {}


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_stock_lamp_s_absence_is_seen_in_the_cloud(stock: Bridged, end: str) -> None:
    stock_code(stock.at_lamp)
    stock.wait_until_connected(True)
    getattr(stock.at_lamp, end)()
    stock.wait_until_connected(False)
    stock.at_lamp.start()
    stock.wait_until_connected(True)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_cloud_s_absence_is_seen_on_a_stock_lamp(stock: Bridged, end: str) -> None:
    with stock.at_lamp.hear(BRIDGE_STATE) as screen:
        wait_for_state_of_bridge(screen, b"1")
        getattr(stock.at_cloud, end)()
        wait_for_state_of_bridge(screen, b"0")
        stock.at_cloud.start()
        wait_for_state_of_bridge(screen, b"1")
    stock.wait_until_connected(True)


def wait_for_state_of_bridge(ear: Ear, payload: bytes) -> None:
    while ear.next(20).payload != payload:
        pass
