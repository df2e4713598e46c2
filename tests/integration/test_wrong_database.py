"""A daemon with the wrong database: an empty one on a broker with lamps, or one whose file is gone."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud
from tests.support.loop import (
    ASSOCIATED,
    WITHDRAWN,
    associated,
    presence,
    stock_presence,
    wait_for_code,
    wait_for_state,
)
from tests.support.stock_screen import StockTouchscreen
from tests.support.waiting import wait_until

LAMP, NEW = "b827ebba0387", "b827ebba0388"
MARK = "lampi/cloud/high_water_mark"
REFUSED = "The broker has lamps of another database, and this one is empty"


@pytest.fixture
def owned(broker: Mosquitto, cloud: Cloud) -> Cloud:
    """Give a cloud in which ada owns the lamp, and whose daemon has ended."""
    with cloud.daemon():
        broker.publish(presence(LAMP), b"1", retain=True)
        wait_for_code(broker, LAMP)
        cloud.command("associate", "--device-id", LAMP, "--user", "ada")
        wait_until(lambda: retained(broker) == ASSOCIATED, "the lamp to be published")
    return cloud


def retained(broker: Mosquitto) -> bytes | None:
    kept = broker.retained(associated(LAMP)).get(associated(LAMP))
    return None if kept is None else kept.payload


def is_refused(cloud: Cloud) -> bool:
    return "another database, and this one is empty" in json.dumps(json.loads(status(cloud)))


def status(cloud: Cloud) -> str:
    process = cloud.start("status", "--json")
    said, _ = process.communicate(timeout=60)
    return said


def test_an_empty_database_takes_no_lamp_from_its_owner(owned: Cloud, broker: Mosquitto, tmp_path: Path) -> None:
    mark = broker.retained(MARK)
    assert mark
    empty = Cloud(tmp_path / "empty", broker.port)
    empty.command("migrate")
    with empty.daemon() as daemon:
        daemon.wait_to_say(REFUSED)
        broker.publish(presence(NEW), b"1", retain=True)
        wait_until(lambda: is_refused(empty), "status to name it")
        said = empty.command("status", status=2)
        assert "run 'lampi-cloud adopt'" in said
        assert retained(broker) == ASSOCIATED
        assert broker.retained(MARK) == mark
        assert empty.lamps() == {}
        assert "Nothing was changed" in empty.command("reconcile", status=1)
        assert "without owners" in empty.command("adopt")
        wait_for_code(broker, NEW)
        wait_for_code(broker, LAMP)
        wait_until(lambda: not is_refused(empty), "status to be well again")
        assert "nothing to adopt" in empty.command("adopt", status=1)


def test_a_database_that_is_missing_at_the_start_is_waited_for(owned: Cloud, broker: Mosquitto) -> None:
    """As on a disk that was not mounted: a new one in its place would be hidden when it is."""
    file, away = owned.folder / "lampi.db", owned.folder / "away.db"
    file.rename(away)
    daemon = owned.daemon("again").start(until=f"There is no database {file}")
    try:
        assert f"There is no database {file}" in owned.command("status", status=2)
        assert not file.exists()
        away.rename(file)
        daemon.wait_to_say("Connected to the broker")
        broker.publish(presence(NEW), b"1", retain=True)
        wait_for_code(broker, NEW)
        assert retained(broker) == ASSOCIATED
        assert daemon.stop() == 0
    finally:
        daemon.kill()


def test_an_adopted_stock_lamp_shows_its_new_code(broker: Mosquitto, cloud: Cloud) -> None:
    old = b"0123456789abcdef" * 2
    with StockTouchscreen(broker.port, f"devices/{LAMP}/") as screen:
        for lamp in (LAMP, NEW):
            broker.publish(associated(lamp), b'{"associated": false, "code": "%s"}' % old, retain=True)
        broker.publish(stock_presence(LAMP), b"1", retain=True)
        screen.wait_for_code(old[:6].decode())
        with cloud.daemon() as daemon:
            daemon.wait_to_say(REFUSED)
            cloud.command("adopt")
            wait_until(lambda: screen.popup not in (None, old[:6].decode()), "the popup to reopen")
            code = screen.wait_for_code()
            assert LAMP in cloud.command("associate", code, "--user", "ada")
            screen.wait_until_closed()
            wait_for_state(broker, NEW, WITHDRAWN)  # that lamp is off


def test_lamps_of_a_stock_site_count_as_lamps(broker: Mosquitto, cloud: Cloud) -> None:
    broker.publish(associated(LAMP), ASSOCIATED, retain=True)
    broker.publish(presence(LAMP), b"1", retain=True)
    with cloud.daemon() as daemon:
        daemon.wait_to_say(REFUSED)
        assert retained(broker) == ASSOCIATED


def test_a_broker_without_lamps_needs_no_adoption(broker: Mosquitto, cloud: Cloud) -> None:
    broker.publish(presence(LAMP), b"1", retain=True)
    with cloud.daemon() as daemon:
        wait_for_code(broker, LAMP)
        assert REFUSED not in daemon.log()


def test_a_cloud_without_lamps_goes_on_after_a_restart(broker: Mosquitto, cloud: Cloud) -> None:
    """It has published its own mark, and no lamp."""
    with cloud.daemon():
        wait_until(lambda: broker.retained(MARK), "the mark")
    with cloud.daemon() as daemon:
        broker.publish(presence(LAMP), b"1", retain=True)
        wait_for_code(broker, LAMP)
        assert REFUSED not in daemon.log()


def test_the_end_of_the_daemon_takes_no_lamp_either(owned: Cloud, broker: Mosquitto, tmp_path: Path) -> None:
    empty = Cloud(tmp_path / "empty", broker.port)
    empty.command("migrate")
    for _ in range(3):
        with empty.daemon():
            broker.publish(presence(NEW), b"1", retain=True)
    assert retained(broker) == ASSOCIATED
    assert empty.lamps() == {}
    assert associated(NEW) not in broker.retained(associated("+"))


def test_withdrawn_messages_are_no_lamps_of_another_database(broker: Mosquitto, cloud: Cloud) -> None:
    broker.publish(associated(LAMP), WITHDRAWN, retain=True)
    with cloud.daemon() as daemon:
        broker.publish(presence(NEW), b"1", retain=True)
        wait_for_code(broker, NEW)
        assert REFUSED not in daemon.log()


def test_lamps_that_a_restored_broker_has_are_noticed(broker: Mosquitto, cloud: Cloud) -> None:
    with cloud.daemon() as daemon:
        wait_until(lambda: broker.retained(MARK), "the mark")
        broker.publish(MARK, b"", retain=True)
        broker.publish(associated(LAMP), ASSOCIATED, retain=True)
        broker.save()
        broker.kill()
        broker.start()
        daemon.wait_to_say(REFUSED)
        broker.publish(presence(LAMP), b"1", retain=True)
        assert cloud.lamps() == {}
        assert retained(broker) == ASSOCIATED


def test_a_database_that_is_moved_away_under_the_daemon_is_not_made_again(owned: Cloud, broker: Mosquitto) -> None:
    file = owned.folder / "lampi.db"
    with owned.daemon() as daemon:
        away = [shutil.move(each, f"{each}.away") for each in sorted(map(str, owned.folder.glob("lampi.db*")))]
        daemon.wait_to_say(f"The database file {file} was moved or replaced")
        assert "There is no database" in owned.command("release", LAMP, status=1)
        broker.publish(presence(NEW), b"1", retain=True)
        assert not file.exists()
        for each in away:
            shutil.move(each, each.removesuffix(".away"))
        daemon.wait_to_say("Database available again")
        wait_for_code(broker, NEW)
        assert retained(broker) == ASSOCIATED


def test_a_database_that_is_replaced_by_an_empty_one_is_not_published(
    owned: Cloud, broker: Mosquitto, tmp_path: Path
) -> None:
    empty = Cloud(tmp_path / "empty", broker.port)
    empty.command("migrate")
    with owned.daemon() as daemon:
        shutil.move(tmp_path / "empty" / "lampi.db", owned.folder / "lampi.db")
        daemon.wait_to_say("was moved or replaced")
        daemon.wait_to_say(REFUSED)
        assert retained(broker) == ASSOCIATED


def test_a_daemon_whose_database_was_moved_away_ends_in_good_order(owned: Cloud, broker: Mosquitto) -> None:
    with owned.daemon() as daemon:
        for each in map(str, owned.folder.glob("lampi.db*")):
            shutil.move(each, f"{each}.away")
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log()
