"""Two brokers with the shipped configurations: the cloud's state reaches the lamp's broker, and is retained there."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.support.bridge import Bridged, CloudBroker, lamp_broker
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud
from tests.support.loop import (
    ASSOCIATED,
    Loop,
    associated,
    made_cloud,
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
    wait_for_state(bridged.at_lamp, LAMP, None)


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
    wait_for_state(bridged.at_cloud, LAMP, None)
    with bridged.at_cloud.hear(associated(LAMP)) as ear:
        bridged.at_lamp.start()
        new_payload = ear.next().payload
    wait_for_state(bridged.at_lamp, LAMP, new_payload)
    assert wait_for_code(bridged.at_lamp, LAMP)[:6] != code[:6]


def test_forgotten_while_away_and_unknown_to_the_daemon_the_lamp_shows_nothing_old(bridged: Bridged) -> None:
    """Without a daemon that would make a new lamp of it, what the lamp's broker kept is cleared all the same."""
    wait_for_code(bridged.at_lamp, LAMP)
    bridged.at_lamp.stop()
    bridged.cloud.command("forget", LAMP)
    wait_for_state(bridged.at_cloud, LAMP, None)
    bridged.daemon.stop()
    bridged.at_lamp.start()
    wait_for_state(bridged.at_lamp, LAMP, None)


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
    state = f"devices/{LAMP}/lamp/connection/screen/state"
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


def test_a_bridge_that_strips_the_prefix_serves_a_stock_lamp(tmp_path: Path) -> None:
    """As the configuration's own comment says: the empty string for every local prefix."""
    at_cloud = CloudBroker(tmp_path / "cloud-broker")
    shipped = lamp_broker(tmp_path / "shipped", LAMP, at_cloud)
    prefix = f"devices/{LAMP}/"
    config = shipped.config_text().replace(f" {prefix} {prefix}", f' "" {prefix}')
    cloud: Cloud = made_cloud(tmp_path / "cloud", at_cloud.port)
    at_lamp = Mosquitto(tmp_path / "stock", shipped.port, whole_config=config)
    with at_cloud, cloud.daemon(), at_lamp, at_lamp.hear("lamp/associated") as screen:
        assert b"false" in screen.next().payload
