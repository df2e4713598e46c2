"""The whole product: touchscreen, lamp's broker, bridge, cloud; and a reader of the code on the screen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bridge import Bridged
from tests.support.loop import ASSOCIATED, USER, wait_for_code, wait_for_state
from tests.support.screen import Touchscreen
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"


@pytest.fixture
def screen(tmp_path: Path, bridged: Bridged) -> Iterator[Touchscreen]:
    """Give the running touchscreen of the bridged lamp."""
    with Touchscreen(tmp_path / "touchscreen", bridged.at_lamp, LAMP) as running:
        yield running


def test_out_of_the_box_associated_released_and_forgotten(bridged: Bridged, screen: Touchscreen) -> None:
    cloud = bridged.cloud
    first = wait_for_code(bridged.at_cloud, LAMP)[:6]
    screen.wait_for_code(first)
    cloud.command("associate", first, "--user", USER)
    screen.wait_for_main_screen()
    cloud.command("release", LAMP)
    wait_until(lambda: screen.code() not in ("", first), "another code on the screen")
    second = wait_for_code(bridged.at_cloud, LAMP)[:6]
    screen.wait_for_code(second)
    cloud.command("forget", LAMP)
    screen.wait_for_main_screen()
    assert screen.runs()


def test_a_lamp_that_was_off_while_it_was_associated(bridged: Bridged, screen: Touchscreen) -> None:
    code = wait_for_code(bridged.at_lamp, LAMP)
    screen.wait_for_code(code[:6])
    screen.stop()
    bridged.at_lamp.stop()
    bridged.associate(code)
    wait_for_state(bridged.at_cloud, LAMP, ASSOCIATED)
    bridged.at_lamp.start()
    screen.start()
    screen.wait_for_main_screen()
    assert screen.code() == ""


def test_a_lamp_whose_broker_was_away_while_it_was_associated(bridged: Bridged, screen: Touchscreen) -> None:
    code = wait_for_code(bridged.at_lamp, LAMP)
    screen.wait_for_code(code[:6])
    bridged.at_lamp.kill()
    bridged.associate(code)
    bridged.at_lamp.start()
    screen.wait_for_main_screen()
