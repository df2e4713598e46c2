"""Lamps with the touchscreen and the service of the LAMPI course, by themselves and beside this project's."""

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloud.db.database import open_database
from cloud.db.timestamps import utc_now
from cloud.services import claiming
from cloud.store import open_sign_up
from cloud.store.lamps import Lampi
from tests.support.broker import Mosquitto
from tests.support.browsing import Client, cookie_for
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.loop import USER, associated, device_ids, opened_database, presence, retained_state, stock_presence
from tests.support.older_schema import waiting_before
from tests.support.stock_lamp import StockLamp
from tests.support.stock_screen import SHOWN_CHARACTERS, StockTouchscreen
from tests.support.waiting import wait_until
from tests.support.web import WebProcess

LAMP, OURS = "b827ebba0387", "b827ebba0388"
MANY, USERS = 45, 31
SEVEN_CHARACTERS = 33
"""Of the many: as many had got a seventh character where this was first seen."""


@pytest.fixture
def lamp(tmp_path: Path, broker: Mosquitto, daemon: DaemonProcess) -> Iterator[StockLamp]:
    """Give a stock lamp that is switched on, bridged to the cloud with a running daemon."""
    with StockLamp(tmp_path / "lamp", LAMP, broker.port) as running:
        yield running


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def screens_on(broker: Mosquitto, lamps: list[str], closing: ExitStack) -> dict[str, StockTouchscreen]:
    """Return a stock screen of each lamp, as behind a bridge that leaves the topics as they are."""
    return {
        device_id: closing.enter_context(StockTouchscreen(broker.port, f"devices/{device_id}/")) for device_id in lamps
    }


def come_up(broker: Mosquitto, lamps: list[str]) -> None:
    broker.publish_all([(stock_presence(device_id), b"1") for device_id in lamps], retain=True)


def said(broker: Mosquitto, device_id: str) -> dict[str, Any]:
    """Return the members of what the broker retains for a lamp; none where it retains nothing, or has withdrawn it."""
    members: dict[str, Any] = json.loads(retained_state(broker, device_id) or b"{}")
    return {} if members.get("withdrawn") else members


def another_code(screen: StockTouchscreen, than: str) -> str:
    """Return the code that a screen shows once it is another one."""
    wait_until(lambda: screen.popup not in (None, "", than), "the stock screen to show a new code")
    return screen.wait_for_code()


def open_the_sign_up(cloud: Cloud) -> None:
    """Let anyone create an account, and create some: our own lamps then get seven characters or more."""
    with opened_database(cloud):
        open_sign_up.announce(True)
        for number in range(1, USERS):
            claiming.add_user(f"user {number}")


def claim_all(cloud: Cloud, screens: dict[str, StockTouchscreen]) -> None:
    """Have the users enter every code that is shown: each must give its own lamp away, and close its popup."""
    shown = {device_id: screen.wait_for_code() for device_id, screen in screens.items()}
    with opened_database(cloud):
        users = claiming.users()
        for number, (device_id, code) in enumerate(shown.items()):
            found = claiming.associate_by_code(code, users[number % len(users)], utc_now())
            assert found.device_id == device_id
    for screen in screens.values():
        screen.wait_until_closed()
        assert not screen.deaf


def test_a_new_lamp_shows_six_characters_that_associate_it(lamp: StockLamp, cloud: Cloud) -> None:
    code = lamp.screen.wait_for_code()
    assert len(code) == SHOWN_CHARACTERS
    assert lamp.device_id in cloud.command("associate", code, "--user", USER)
    lamp.screen.wait_until_closed()
    assert not lamp.screen.deaf


def test_the_page_takes_its_code_in_upper_case_while_anyone_can_sign_up(
    tmp_path: Path, broker: Mosquitto, cloud: Cloud, daemon: DaemonProcess
) -> None:
    with WebProcess(cloud) as web, StockLamp(tmp_path / "lamp", LAMP, broker.port) as lamp:
        client = Client(web.url, cookie_for(cloud))
        client.get("/associate")
        with opened_database(cloud):
            assert open_sign_up.announced()
        code = lamp.screen.wait_for_code()
        form = client.find(code.upper())
        lamp.screen.wait_for_code(code)  # the page has lit it up, which a stock screen can't do
        assert client.post("/associate/this-lamp", **form) == 302
        lamp.screen.wait_until_closed()
        wait_until(
            lambda: "Your lamp is up to date." in client.get(f"/lamps/{LAMP}/yours")[1], "the page to say that it knows"
        )


def test_what_the_cloud_asks_reaches_the_service_and_its_answer_the_cloud(lamp: StockLamp, broker: Mosquitto) -> None:
    lamp.screen.wait_for_code()
    with broker.hear(f"devices/{LAMP}/lamp/changed") as ear:
        assert json.loads(ear.next().payload)["on"] is True
        broker.publish(f"devices/{LAMP}/lamp/set_config", b'{"on": false, "client": "web"}')
        assert json.loads(ear.next().payload) == lamp.service.lamp
    assert lamp.service.lamp["on"] is False


def test_its_message_has_no_member_that_it_ignores(lamp: StockLamp, broker: Mosquitto, cloud: Cloud) -> None:
    open_the_sign_up(cloud)
    lamp.screen.wait_for_code()
    cloud.command("forget", LAMP)
    lamp.screen.wait_until_closed()
    lamp.lose_network()
    lamp.find_network()
    lamp.screen.wait_for_code()
    assert set(said(broker, LAMP)) == {"associated", "code"}


def test_a_release_shows_the_new_code(lamp: StockLamp, cloud: Cloud) -> None:
    first = lamp.screen.wait_for_code()
    cloud.command("associate", first, "--user", USER)
    lamp.screen.wait_until_closed()
    cloud.command("release", LAMP)
    second = another_code(lamp.screen, than=first)
    assert LAMP in cloud.command("associate", second, "--user", USER)
    lamp.screen.wait_until_closed()


@pytest.mark.parametrize("times", [1, 3])
def test_associated_and_released_within_a_tenth_of_a_second_it_shows_the_code_that_works(
    lamp: StockLamp, cloud: Cloud, times: int
) -> None:
    first = lamp.screen.wait_for_code()
    with opened_database(cloud):
        user = claiming.user_named(USER)
        for _ in range(times):
            claiming.associate_by_device_id(LAMP, user, utc_now())
            claiming.release(LAMP, utc_now())
        code = Lampi.named(LAMP).association_code[:SHOWN_CHARACTERS]
    lamp.screen.wait_for_code(code)
    assert first != code
    assert LAMP in cloud.command("associate", code, "--user", USER)
    lamp.screen.wait_until_closed()


def test_released_and_associated_within_a_tenth_of_a_second_it_shows_no_code(lamp: StockLamp, cloud: Cloud) -> None:
    first = lamp.screen.wait_for_code()
    cloud.command("associate", first, "--user", USER)
    lamp.screen.wait_until_closed()
    with opened_database(cloud):
        user = claiming.user_named(USER)
        claiming.release(LAMP, utc_now())
        claiming.associate_by_device_id(LAMP, user, utc_now())
        claiming.release(LAMP, utc_now())
        last = Lampi.named(LAMP).association_code[:SHOWN_CHARACTERS]
    lamp.screen.wait_for_code(last)
    assert lamp.screen.codes == [first, last]  # nothing in between was shown


def test_a_rotated_code_is_shown(lamp: StockLamp, cloud: Cloud) -> None:
    first = lamp.screen.wait_for_code()
    cloud.command("rotate", LAMP)
    second = another_code(lamp.screen, than=first)
    cloud.command("associate", first, "--user", USER, status=1)
    assert LAMP in cloud.command("associate", second, "--user", USER)
    lamp.screen.wait_until_closed()


def test_a_daemon_that_dies_while_it_reopens_a_popup_reopens_it_later(
    lamp: StockLamp, cloud: Cloud, daemon: DaemonProcess
) -> None:
    first = lamp.screen.wait_for_code()
    cloud.command("rotate", LAMP)
    lamp.screen.wait_until_closed()
    daemon.send(signal.SIGKILL)
    daemon.wait_to_end()
    with cloud.daemon("next"):
        code = another_code(lamp.screen, than=first)
        assert LAMP in cloud.command("associate", code, "--user", USER)
        lamp.screen.wait_until_closed()


@pytest.mark.parametrize("owned", [False, True])
def test_a_forgotten_lamp_hears_and_shows_its_new_code_when_it_connects_again(
    lamp: StockLamp, cloud: Cloud, owned: bool
) -> None:
    first = lamp.screen.wait_for_code()
    if owned:
        cloud.command("associate", first, "--user", USER)
        lamp.screen.wait_until_closed()
    cloud.command("forget", LAMP)
    lamp.screen.wait_until_closed()
    assert not lamp.screen.deaf
    lamp.lose_network()
    lamp.find_network()
    second = another_code(lamp.screen, than=first)
    assert LAMP in cloud.command("associate", second, "--user", USER)
    lamp.screen.wait_until_closed()
    assert not lamp.screen.deaf


@pytest.mark.parametrize("owned", [False, True])
def test_forgotten_while_it_is_switched_off_it_shows_its_new_code(lamp: StockLamp, cloud: Cloud, owned: bool) -> None:
    first = lamp.screen.wait_for_code()
    if owned:
        cloud.command("associate", first, "--user", USER)
        lamp.screen.wait_until_closed()
    lamp.switch_off()
    cloud.command("forget", LAMP)
    lamp.switch_on()
    second = another_code(lamp.screen, than=first)
    assert LAMP in cloud.command("associate", second, "--user", USER)
    lamp.screen.wait_until_closed()
    assert not lamp.screen.deaf


def test_forgotten_while_its_network_is_away_it_shows_its_new_code(lamp: StockLamp, cloud: Cloud) -> None:
    first = lamp.screen.wait_for_code()
    lamp.lose_network()
    cloud.command("forget", LAMP)
    assert lamp.screen.popup == first
    lamp.find_network()
    second = another_code(lamp.screen, than=first)
    assert LAMP in cloud.command("associate", second, "--user", USER)
    lamp.screen.wait_until_closed()
    assert not lamp.screen.deaf


def test_released_while_its_network_is_away_it_shows_its_new_code(lamp: StockLamp, cloud: Cloud) -> None:
    first = lamp.screen.wait_for_code()
    lamp.lose_network()
    with opened_database(cloud):
        wait_until(lambda: not Lampi.named(LAMP).connected, "the daemon to learn that the lamp is offline")
    cloud.command("associate", first, "--user", USER)
    cloud.command("release", LAMP)
    cloud.command("rotate", LAMP)
    lamp.find_network()
    second = another_code(lamp.screen, than=first)
    with opened_database(cloud):
        assert Lampi.named(LAMP).association_code.startswith(second)
    assert LAMP in cloud.command("associate", second, "--user", USER)
    lamp.screen.wait_until_closed()


def test_a_code_that_changes_before_the_daemon_learns_that_the_lamp_is_away_is_shown(
    lamp: StockLamp, broker: Mosquitto, cloud: Cloud, daemon: DaemonProcess
) -> None:
    """The lamp's bridge gets the withdrawn message and the code in one go, too fast for its screen."""
    first = lamp.screen.wait_for_code()
    daemon.stop()
    lamp.lose_network()
    cloud.command("rotate", LAMP)
    with cloud.daemon("next"):
        wait_until(
            lambda: said(broker, LAMP).get("code", first)[:SHOWN_CHARACTERS] != first, "the new code on the broker"
        )
        with opened_database(cloud):
            wait_until(lambda: not Lampi.named(LAMP).connected, "the daemon to learn that the lamp is offline")
        lamp.find_network()
        second = another_code(lamp.screen, than=first)
        assert said(broker, LAMP)["code"].startswith(second)


def test_a_bridge_that_comes_back_before_the_broker_missed_it_shows_the_new_code(
    broker: Mosquitto, cloud: Cloud, daemon: DaemonProcess
) -> None:
    """As after a power cut: the broker still waits for the old connection, so it never says that the lamp was away."""
    come_up(broker, [LAMP])
    wait_until(lambda: said(broker, LAMP), "its code")
    cloud.command("rotate", LAMP)
    wait_until(lambda: not said(broker, LAMP), "its message to be withdrawn")
    rotated = wait_until(lambda: said(broker, LAMP), "its new code")
    with broker.hear(associated(LAMP)) as bridge:
        assert json.loads(bridge.next().payload) == rotated  # with what came before it in one go
        come_up(broker, [LAMP])
        assert json.loads(bridge.next().payload) == {"associated": True, "withdrawn": True}
        assert json.loads(bridge.next().payload) == rotated


def test_a_screen_that_starts_on_a_broker_with_an_older_store_shows_the_code_that_works(
    broker: Mosquitto, cloud: Cloud, daemon: DaemonProcess
) -> None:
    """As after a power cut that hits server and lamps: the broker has what it saved some minutes before."""
    come_up(broker, [LAMP])
    with StockTouchscreen(broker.port, f"devices/{LAMP}/") as screen:
        first = screen.wait_for_code()
        broker.save()
        saved = shutil.copy(broker.store, broker.folder / "saved.db")
        cloud.command("rotate", LAMP)
        second = another_code(screen, than=first)
    daemon.stop()
    broker.kill()
    shutil.copy(saved, broker.store)
    broker.start()
    come_up(broker, [LAMP])
    with StockTouchscreen(broker.port, f"devices/{LAMP}/") as screen:
        assert screen.wait_for_code() == first
        with cloud.daemon("next"):
            screen.wait_for_code(second)
            assert LAMP in cloud.command("associate", second, "--user", USER)
            screen.wait_until_closed()


@pytest.mark.parametrize("how", ["delete_instance", "delete"])
def test_a_lamp_deleted_in_the_shell_hears_on(lamp: StockLamp, cloud: Cloud, how: str) -> None:
    lamp.screen.wait_for_code()
    with opened_database(cloud):
        if how == "delete_instance":
            Lampi.named(LAMP).delete_instance()
        else:
            Lampi.delete().where(Lampi.device_id == LAMP).execute()
    lamp.screen.wait_until_closed()
    assert not lamp.screen.deaf


def test_a_ghost_that_is_cleared_hears_on(
    tmp_path: Path, broker: Mosquitto, cloud: Cloud, daemon: DaemonProcess
) -> None:
    """A message from another life, of a lamp that the database doesn't have and that isn't connected."""
    come_up(broker, [OURS])
    wait_until(lambda: said(broker, OURS), "the database to have a lamp")
    broker.publish(associated(LAMP), f'{{"associated": false, "code": "{"0f" * 16}"}}'.encode(), qos=2, retain=True)
    with StockTouchscreen(broker.port, f"devices/{LAMP}/") as screen:
        assert screen.wait_for_code() == "0f0f0f"
        assert f"ghost    {LAMP}" in cloud.command("reconcile")
        screen.wait_until_closed()
        assert not screen.deaf
        assert said(broker, LAMP) == {}


def test_many_waiting_lamps_and_users_with_open_sign_up_every_shown_code_works(
    broker: Mosquitto, cloud: Cloud, daemon: DaemonProcess, closing: ExitStack
) -> None:
    open_the_sign_up(cloud)
    lamps = list(device_ids(MANY))
    screens = screens_on(broker, lamps, closing)
    come_up(broker, lamps)
    claim_all(cloud, screens)


def test_an_upgraded_fleet_with_long_and_expired_codes_shows_codes_that_work(
    tmp_path: Path, broker: Mosquitto, closing: ExitStack
) -> None:
    """Its screens show the beginning of a code of seven characters, or one that has been replaced since."""
    cloud = Cloud(tmp_path / "old", broker.port)
    lamps = list(device_ids(MANY))
    shown = {device_id: f"{number:06x}" + "c4" * 13 for number, device_id in enumerate(lamps)}
    rotated = {device_id: f"f{number:05x}" + "d5" * 13 for number, device_id in enumerate(lamps)}
    database = open_database(cloud.database_url, create=True)
    long_ago = datetime.now(UTC) - timedelta(days=3)
    waiting_before(database, "0019_name_skeletons", [
        (device_id, (shown if number < SEVEN_CHARACTERS else rotated)[device_id], 7 if number < SEVEN_CHARACTERS else 6)
        for number, device_id in enumerate(lamps)
    ], long_ago)  # fmt: skip
    database.close()
    screens = screens_on(broker, lamps, closing)
    for codes in (shown, rotated):
        broker.publish_all(
            [
                (associated(device_id), _said_before(codes[device_id], number < SEVEN_CHARACTERS))
                for number, device_id in enumerate(lamps)
                if codes is shown or number >= SEVEN_CHARACTERS
            ],
            retain=True,
        )
        for device_id, screen in screens.items():
            screen.wait_for_code(shown[device_id][:SHOWN_CHARACTERS])
    come_up(broker, lamps)
    with cloud.daemon():
        cloud.command("user", "add", USER)
        open_the_sign_up(cloud)
        with opened_database(cloud):
            for device_id, screen in screens.items():
                wait_until(
                    lambda screen=screen, device_id=device_id: (  # type: ignore[misc]
                        (lampi := Lampi.named(device_id)).short_code_length == SHOWN_CHARACTERS
                        and screen.popup == lampi.association_code[:SHOWN_CHARACTERS]
                    ),
                    f"the screen of {device_id} to show its code",
                    seconds=30,
                )
        claim_all(cloud, screens)


def _said_before(code: str, long: bool) -> bytes:
    members = {"associated": False, "code": code, "good_for": 900} | ({"short_code_length": 7} if long else {})
    return json.dumps(members).encode()


def test_beside_a_provisioned_lamp_whose_codes_are_long_and_expire_its_own_stays(
    broker: Mosquitto, cloud: Cloud
) -> None:
    cloud.environment["LAMPI_CODE_TTL"] = "2"
    open_the_sign_up(cloud)
    with cloud.daemon(), StockTouchscreen(broker.port, f"devices/{LAMP}/") as screen:
        broker.publish(stock_presence(LAMP), b"1", retain=True)
        code = screen.wait_for_code()
        with broker.hear(associated(OURS)) as ear:
            broker.publish(presence(OURS), b"1", retain=True)
            heard = [json.loads(ear.next().payload) for _ in range(3)]
        assert len({each["code"] for each in heard}) == 3
        assert {each["good_for"] for each in heard} == {2}
        assert all(each["short_code_length"] > SHOWN_CHARACTERS for each in heard)
        assert screen.codes == [code]
        assert said(broker, LAMP)["code"].startswith(code)
        assert LAMP in cloud.command("associate", code, "--user", USER)
        screen.wait_until_closed()


def test_a_lamp_that_gets_a_stock_screen_while_it_waits_is_repaired_and_back(
    broker: Mosquitto, cloud: Cloud, daemon: DaemonProcess
) -> None:
    open_the_sign_up(cloud)
    broker.publish(presence(LAMP), b"1", retain=True)
    wait_until(lambda: said(broker, LAMP).get("short_code_length", 0) > SHOWN_CHARACTERS, "a long code")
    long_code = said(broker, LAMP)["code"][:SHOWN_CHARACTERS]
    broker.publish(presence(LAMP), b"0", retain=True)
    with StockTouchscreen(broker.port, f"devices/{LAMP}/") as screen:
        screen.wait_for_code(long_code)  # too short to associate the lamp
        broker.publish(stock_presence(LAMP), b"1", retain=True)
        with opened_database(cloud):
            wait_until(
                lambda: (
                    screen.popup == Lampi.named(LAMP).association_code[:SHOWN_CHARACTERS]
                    and Lampi.named(LAMP).short_code_length == SHOWN_CHARACTERS
                    and set(said(broker, LAMP)) == {"associated", "code"}
                ),
                "the screen to show its code",
            )
        broker.publish(stock_presence(LAMP), b"0", retain=True)
    broker.publish(presence(LAMP), b"1", retain=True)
    wait_until(lambda: "good_for" in said(broker, LAMP), "the lamp's codes to expire again")


@pytest.mark.parametrize(("setting", "stock"), [("yes", True), ("no", False)])
def test_one_setting_makes_every_lamp_a_stock_one_or_none(
    broker: Mosquitto, cloud: Cloud, setting: str, stock: bool
) -> None:
    cloud.environment["LAMPI_STOCK_SCREENS"] = setting
    open_the_sign_up(cloud)
    with cloud.daemon():
        for device_id, topic in ((LAMP, stock_presence(LAMP)), (OURS, presence(OURS))):
            broker.publish(topic, b"1", retain=True)
            wait_until(lambda device_id=device_id: said(broker, device_id), "its message")  # type: ignore[misc]
            assert ("short_code_length" not in said(broker, device_id)) is stock
            assert ("good_for" not in said(broker, device_id)) is stock
