"""Lamps whose bridges have a stock LAMPI's name, with the daemon and a real broker."""

import json
from contextlib import closing
from datetime import timedelta

import pytest

from cloud.db.timestamps import utc_now
from cloud.rate_limit.policy import CodePolicy, StockScreens, announce
from cloud.store.lamps import Lampi
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.loop import (
    ASSOCIATED,
    USER,
    Loop,
    associated,
    code_in,
    device_ids,
    opened_database,
    retained_state,
    stock_presence,
    wait_for_state,
)
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"
WITHDRAWN = b'{"associated": true, "withdrawn": true}'


def plain(code: str) -> bytes:
    """Return what is said of a lamp with a stock screen that waits: the course's two members."""
    return json.dumps({"associated": False, "code": code}).encode()


def test_a_stock_lamp_gets_six_characters_that_never_expire(loop: Loop) -> None:
    loop.broker.publish(stock_presence(LAMP), b"1", retain=True)
    code = loop.new_code(LAMP)
    assert retained_state(loop.broker, LAMP) == plain(code)


def test_its_popup_closes_before_it_shows_the_next_code(loop: Loop) -> None:
    loop.broker.publish(stock_presence(LAMP), b"1", retain=True)
    before = loop.new_code(LAMP)
    loop.cloud.command("associate", before[:6], "--user", USER)
    assert loop.next().payload == ASSOCIATED
    loop.cloud.command("release", LAMP)
    assert loop.next().payload == WITHDRAWN
    code = loop.new_code(LAMP)
    assert code != before
    loop.cloud.command("rotate", LAMP)
    assert loop.next().payload == WITHDRAWN
    loop.cloud.command("associate", loop.new_code(LAMP)[:6], "--user", USER)
    assert loop.next().payload == ASSOCIATED


def test_a_daemon_that_dies_in_between_publishes_the_code_later(loop: Loop, daemon: DaemonProcess) -> None:
    loop.broker.publish(stock_presence(LAMP), b"1", retain=True)
    loop.new_code(LAMP)
    loop.cloud.command("rotate", LAMP)
    assert loop.next().payload == WITHDRAWN
    daemon.kill()
    daemon.start()
    while (heard := loop.next()).payload == WITHDRAWN:
        pass
    assert heard.topic == associated(LAMP)
    with opened_database(loop.cloud):
        assert code_in(heard.payload) == Lampi.named(LAMP).association_code


@pytest.mark.parametrize("screens", ["yes", "auto"])
def test_lamps_that_wait_under_longer_codes_are_repaired(broker: Mosquitto, cloud: Cloud, screens: str) -> None:
    ids = list(device_ids(20))
    with opened_database(cloud):
        announce(CodePolicy(ttl=timedelta(minutes=15), shortest=8, stock_screens=StockScreens.AUTO))
        for number, device_id in enumerate(ids):
            code = f"{number:08x}".ljust(32, "0")  # of these, all have the same six characters
            Lampi.create(device_id=device_id, association_code=code, short_code_length=8, code_issued_at=utc_now())
    cloud.environment["LAMPI_STOCK_SCREENS"] = screens
    with closing(Loop(broker, cloud)), cloud.daemon():
        if screens == "auto":
            broker.publish_all([(stock_presence(device_id), b"1") for device_id in ids], retain=True)

        def repaired() -> list[str]:
            kept = broker.retained("devices/+/lamp/associated")
            said = [
                json.loads(kept[associated(device_id)].payload) for device_id in ids if associated(device_id) in kept
            ]
            return [each["code"][:6] for each in said if each.keys() == {"associated", "code"}]

        shorts = wait_until(lambda: found if len(found := repaired()) == len(ids) else [], "all lamps to be repaired")
    assert len(set(shorts)) == len(ids)
    assert "000000" in shorts


def test_a_lamp_that_is_provisioned_afterwards_gets_codes_that_expire(loop: Loop) -> None:
    loop.broker.publish(stock_presence(LAMP), b"1", retain=True)
    before = loop.new_code(LAMP)
    loop.settled()
    loop.broker.publish(stock_presence(LAMP), b"0", retain=True)
    loop.up(LAMP, retain=True)
    heard = loop.next()
    assert code_in(heard.payload) != before
    assert json.loads(heard.payload)["good_for"] == 900
    wait_for_state(loop.broker, LAMP, heard.payload)
